"""A notebook as plain values: what a file is read into, what a document is written from.

A model says everything that a file says, and holds no bytes: large or binary contents are named by their SHA-256 and
lie elsewhere. The shapes of outputs and contents are those of the document schema, so a model goes into the documents
and comes out of them without being translated. A model is not changed once made; whoever wants another makes another.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypedDict

from notebook_doc.plain import JsonMap

CellType = Literal["code", "markdown", "raw"]
Encoding = Literal["text", "json", "base64", "base64\n", "base64/76"]


class InlineContent(TypedDict):
    """A content under 1 KiB. `inline` is the value itself, except for "json", where it is the value's JSON text."""

    inline: str
    encoding: Encoding


class BlobContent(TypedDict):
    """A content whose bytes are elsewhere, named by their SHA-256 in lower-case hex; `size` is in bytes."""

    blob: str
    size: int
    encoding: Encoding


Content = InlineContent | BlobContent
MimeBundle = dict[str, Content]  # MIME type -> content
Attachments = dict[str, MimeBundle]  # file name -> bundle


class StreamOutput(TypedDict):
    """What a cell printed: the concatenation of the contents in `text`."""

    output_type: Literal["stream"]
    name: str
    text: list[Content]


class RichOutput(TypedDict):
    """What a cell displayed or returned, in every representation it has."""

    output_type: Literal["display_data", "execute_result"]
    data: MimeBundle
    metadata: JsonMap
    display_id: NotRequired[str]
    execution_count: NotRequired[int | None]


class ErrorOutput(TypedDict):
    """The exception that ended a cell."""

    output_type: Literal["error"]
    ename: str
    evalue: str
    traceback: list[str]


OutputManifest = JsonMap  # one of the three above, with whatever unknown keys the output had


@dataclass(frozen=True, slots=True, kw_only=True)
class CellModel:
    """One cell. `attachments` is None where the file has no such key; outputs and count are of code cells only."""

    id: str
    cell_type: CellType
    source: str
    metadata: JsonMap = field(default_factory=dict)
    attachments: Attachments | None = None
    outputs: tuple[OutputManifest, ...] = ()
    execution_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookModel:
    """A notebook: its minor version of nbformat 4 (0 to 5), its metadata, its cells in order."""

    nbformat_minor: int
    metadata: JsonMap = field(default_factory=dict)
    cells: tuple[CellModel, ...] = ()


def content_digest(model: NotebookModel) -> bytes:
    """SHA-256 over everything the model says: 32 bytes, equal exactly when the models say the same in the same order.

    1, 1.0 and true are told apart; the order of keys is not, except inside the JSON text of a content. It must never
    change: imports derive their actor from it.
    """
    cells = [
        [c.id, c.cell_type, c.source, c.metadata, c.attachments, list(c.outputs), c.execution_count]
        for c in model.cells
    ]
    said = json.dumps([model.nbformat_minor, model.metadata, cells], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(b"quire notebook 1\n" + said.encode("ascii")).digest()
