"""Adding and reordering cells as the REST companions ask for it, by the fewest edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from clients.gateway.protocol import Refusal
from clients.peer.notebook import Notebook
from notebook_doc.cells import CellType
from notebook_doc.errors import UnknownCell
from notebook_doc.interchange import longest_in_order
from notebook_doc.json_values import Json

_TYPES: Final[dict[str, CellType]] = {"python": "code", "sql": "code", "markdown": "markdown", "raw": "raw"}


def add_cell(notebook: Notebook, language: str, source: str, after: str | None) -> str:
    """A new cell after another, at the end if none is named; its id. Raises UnknownCell."""
    if after is not None and after not in notebook.doc:
        raise UnknownCell(after)
    metadata: dict[str, Json] = {"quire": {"language": "sql"}} if language == "sql" else {}
    with notebook.edit():
        return notebook.doc.add_cell(source, _TYPES[language], after=after, metadata=metadata)


def reorder(notebook: Notebook, cell_ids: Sequence[str]) -> None:
    """Bring these cells into this order, in the places that they have together; others keep theirs.

    Cells that stand right already are not moved, so what others move meanwhile stays. Raises UnknownCell, Refusal.
    """
    if len(set(cell_ids)) != len(cell_ids):
        raise Refusal("A cell is named twice.")
    for cell_id in cell_ids:
        if cell_id not in notebook.doc:
            raise UnknownCell(cell_id)
    named, order = iter(cell_ids), notebook.doc.cell_ids()
    chosen = set(cell_ids)
    wanted = [next(named) if cell_id in chosen else cell_id for cell_id in order]
    stay = longest_in_order(order, wanted)
    with notebook.edit():
        previous: str | None = None
        for cell_id in wanted:
            if cell_id not in stay:
                first = notebook.doc.cell_ids()[0]
                notebook.doc.move_cell(cell_id, **({"after": previous} if previous is not None else {"before": first}))
            previous = cell_id
