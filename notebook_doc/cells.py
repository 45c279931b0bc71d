"""What a cell is: its parts and their types, how its map in the document holds them, and how they are read from there.

What a foreign program wrote reads as something a cell can be: a type that is no string as raw, a source that is no text
as empty.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from notebook_doc.cell_order import readable
from notebook_doc.errors import BadEdit
from notebook_doc.json_values import Json
from notebook_doc.replica import ObjectId, ReadView

CellType = Literal["code", "markdown", "raw"]
CELL_TYPES: Final = ("code", "markdown", "raw")
UNKNOWN_TYPE: Final = "raw"  # what a cell without a readable type is shown as


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it was when it was read."""

    id: str
    cell_type: str
    position: str
    source: str
    metadata: dict[str, Json]
    attachments: dict[str, Json] | None  # None: the cell has none, and its file no such key


def new_cell_id() -> str:
    """A fresh cell id, valid in nbformat 4.5."""
    return secrets.token_hex(8)


def check_cell_type(cell_type: str) -> None:
    """Raises BadEdit for a type that nbformat does not have."""
    if cell_type not in CELL_TYPES:
        raise BadEdit(f"{cell_type!r} is no cell type.", "Use code, markdown or raw.")


def read_cell(view: ReadView, cell_id: str, obj: ObjectId) -> Cell:
    """A cell as a view has it."""
    value = cast(dict[str, Json], view.json(obj))
    cell_type, source = value.get("cell_type"), value.get("source")
    position = value.get("position")
    metadata, attachments = value.get("metadata"), value.get("attachments")
    return Cell(
        cell_id,
        cell_type if isinstance(cell_type, str) else UNKNOWN_TYPE,
        readable(position if isinstance(position, str) else None),
        source if isinstance(source, str) else "",
        metadata if isinstance(metadata, dict) else {},
        attachments if isinstance(attachments, dict) else None,
    )


def cell_values(
    cell_id: str,
    cell_type: str,
    position: str,
    metadata: Mapping[str, Json],
    attachments: Mapping[str, Json] | None,
) -> dict[str, Json]:
    """What a cell's map holds besides its source."""
    values: dict[str, Json] = {
        "id": cell_id,
        "cell_type": cell_type,
        "position": position,
        "metadata": dict(metadata),
    }
    if attachments is not None:
        values["attachments"] = dict(attachments)
    return values
