"""From a model to the text of an .ipynb file, as the `nbformat` library lays it out.

Indented by one, keys sorted, texts as lists of lines, not escaped to ASCII, a newline at the end: a file that nbformat
wrote comes back byte for byte. It is written at the minor version it was read at; before 4.5 cells have no ids.
"""

from __future__ import annotations

from collections.abc import Callable

import nbformat
import nbformat.v4

from notebook_doc.contents import FetchBlob, attachments_from_manifest, output_from_manifest
from notebook_doc.ipynb_read import CELL_KEYS, CODE_CELL_KEYS, NOTEBOOK_KEYS, UNKNOWN_KEYS
from notebook_doc.model import CellModel, NotebookModel
from notebook_doc.plain import JsonMap

# The library is not annotated; its functions are, here.
_node: Callable[[JsonMap], JsonMap] = nbformat.from_dict
_laid_out: Callable[[JsonMap], str] = nbformat.v4.writes_json


def write(model: NotebookModel, blob: FetchBlob) -> str:
    """The file's text. `blob` returns the bytes of a SHA-256; what it raises passes through.

    Raises CorruptDocument if a content of an output or attachment is not what it says it is.
    """
    metadata, unknown = _parted(model.metadata, NOTEBOOK_KEYS)
    notebook = {
        **unknown,
        "nbformat": 4,
        "nbformat_minor": model.nbformat_minor,
        "metadata": metadata,
        "cells": [_cell(cell, blob, with_id=model.nbformat_minor >= 5) for cell in model.cells],
    }
    return _laid_out(_node(notebook)) + "\n"


def _cell(cell: CellModel, blob: FetchBlob, *, with_id: bool) -> JsonMap:
    code = cell.cell_type == "code"
    metadata, unknown = _parted(cell.metadata, CODE_CELL_KEYS if code else CELL_KEYS)
    written: JsonMap = {**unknown, "cell_type": cell.cell_type, "source": cell.source, "metadata": metadata}
    if with_id:
        written["id"] = cell.id
    if cell.attachments or (cell.attachments is not None and not code):  # nbformat has none on code cells
        written["attachments"] = attachments_from_manifest(cell.attachments, blob)
    if code:
        written["outputs"] = [output_from_manifest(output, blob) for output in cell.outputs]
        written["execution_count"] = cell.execution_count
    return written


def _parted(metadata: JsonMap, known: frozenset[str]) -> tuple[JsonMap, JsonMap]:
    """Metadata, and the unknown keys that reading put into it."""
    unknown = metadata.get(UNKNOWN_KEYS)
    if not isinstance(unknown, dict):
        return metadata, {}
    rest = {key: value for key, value in metadata.items() if key != UNKNOWN_KEYS}
    return rest, {key: value for key, value in unknown.items() if key not in known}
