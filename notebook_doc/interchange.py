"""Between models and documents: a file's model becomes two documents, two documents become a model again.

Import is deterministic: the same model under the same notebook id makes byte-identical documents anywhere. Reconciling
makes a document say what a model says by the smallest edits, so that applied to a fork of what the file was written
from, an edit made outside merges with what others did meanwhile. Pure; blobs are somebody else's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from notebook_doc import position as positions
from notebook_doc.cells import CellType, cell_values
from notebook_doc.change_writer import ChangeWriter
from notebook_doc.ipynb import content_digest, same_cells
from notebook_doc.json_values import Json
from notebook_doc.model import Attachments, CellModel, NotebookModel
from notebook_doc.notebook import NotebookDoc, notebook_seed
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Execution, Manifest
from notebook_doc.seed import give_birth
from notebook_doc.touched import ROOT_KEY, ObjectKey

FIRST_MINOR_WITH_IDS = 5


def notebook_from_model(notebook_id: str, model: NotebookModel) -> NotebookDoc:
    """The NotebookDoc of a model: its cells and metadata, without what they put out."""
    written = replace(model, cells=tuple(replace(cell, outputs=(), execution_count=None) for cell in model.cells))

    def fill(writer: ChangeWriter, roots: Mapping[str, ObjectKey]) -> None:
        writer.put_uint(ROOT_KEY, "nbformat_minor", model.nbformat_minor)
        writer.fill(roots["metadata"], model.metadata)
        for cell, position in zip(model.cells, positions.evenly(len(model.cells)), strict=True):
            obj = writer.make_map(roots["cells"], cell.id)
            writer.make_text(obj, "source", cell.source)
            values = cell_values(cell.id, cell.cell_type, position, cell.metadata, _attachments(cell))
            writer.fill(obj, values)

    return NotebookDoc(give_birth(notebook_seed(), notebook_id, content_digest(written), fill))


def runtime_from_model(notebook_id: str, model: NotebookModel) -> RuntimeDoc:
    """The RuntimeDoc of a model: for each cell that came with outputs or a count, an execution of status `imported`."""
    digest = content_digest(model)
    imported: list[tuple[Execution, list[Manifest]]] = []
    for number, cell in enumerate(model.cells):
        if cell.outputs or cell.execution_count is not None:
            execution = Execution(
                id="imported-" + hashlib.sha256(digest + number.to_bytes(4, "big")).hexdigest()[:24],
                cell_id=cell.id,
                status="imported",
                execution_count=cell.execution_count,
            )
            imported.append((execution, list(cell.outputs)))
    return RuntimeDoc.create(notebook_id, imported, digest)


def model_of(notebook: NotebookDoc, runtime: RuntimeDoc) -> NotebookModel:
    """What a file of this notebook would say now: each code cell with the outputs of its latest execution."""
    return NotebookModel(
        nbformat_minor=notebook.nbformat_minor,
        metadata=notebook.metadata(),
        cells=tuple(_cell_model(notebook, runtime, cell_id) for cell_id in notebook.cell_ids()),
    )


def blobs_in(model: NotebookModel) -> set[str]:
    """The names (SHA-256, hex) of all blobs that a model refers to."""
    return blob_names([[list(cell.outputs), cell.attachments] for cell in model.cells])


def blob_names(value: object) -> set[str]:
    """The names of all blobs in a value made of manifests and contents."""
    names: set[str] = set()
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("blob"), str) and "encoding" in value:
                names.add(value["blob"])
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return names


def reconcile(notebook: NotebookDoc, model: NotebookModel) -> None:
    """Make a NotebookDoc say what a model says, as one change of the smallest edits. Outputs are not touched. The same
    document and model make the same operations.

    Cells are the same when their ids are; where the file carries no ids (before nbformat 4.5), when their sources are
    alike and in order.
    """
    cells = _with_known_ids(notebook, model)
    wanted = [cell.id for cell in cells]
    wanted_ids = set(wanted)
    with notebook.edit():
        notebook.set_metadata(model.metadata)
        for cell_id in notebook.cell_ids():
            if cell_id not in wanted_ids:
                notebook.delete_cell(cell_id)
        previous: str | None = None
        stay = longest_in_order(notebook.cell_ids(), wanted)
        for cell in cells:
            _reconcile_cell(notebook, cell, previous, moves=cell.id not in stay)
            previous = cell.id


def _reconcile_cell(notebook: NotebookDoc, cell: CellModel, previous: str | None, *, moves: bool) -> None:
    kind = cell.cell_type
    first = next(iter(notebook.cell_ids()), None)
    if cell.id not in notebook:
        place = {"after": previous} if previous is not None else {"before": first}
        notebook.add_cell(cell.source, kind, cell_id=cell.id, metadata=cell.metadata, **place)
    else:
        if moves:
            notebook.move_cell(cell.id, **({"after": previous} if previous is not None else {"before": first}))
        if notebook.cell_type(cell.id) != kind:
            notebook.set_cell_type(cell.id, kind)
        notebook.set_source(cell.id, cell.source)
        notebook.set_cell_metadata(cell.id, cell.metadata)
    notebook.set_attachments(cell.id, _attachments(cell))


def _with_known_ids(notebook: NotebookDoc, model: NotebookModel) -> list[CellModel]:
    if model.nbformat_minor >= FIRST_MINOR_WITH_IDS:
        return list(model.cells)
    known = [(cell_id, notebook.source(cell_id)) for cell_id in notebook.cell_ids()]
    matched = same_cells(known, list(model.cells))
    return [replace(cell, id=matched.get(number, cell.id)) for number, cell in enumerate(model.cells)]


def longest_in_order(present: list[str], wanted: list[str]) -> set[str]:
    """A longest set of present cells that already stand in the wanted order (patience sorting); the rest must move."""
    rank = {cell_id: number for number, cell_id in enumerate(wanted)}
    tails: list[str] = []
    before: dict[str, str | None] = {}
    for cell_id in present:
        low, high = 0, len(tails)
        while low < high:
            middle = (low + high) // 2
            if rank[tails[middle]] < rank[cell_id]:
                low = middle + 1
            else:
                high = middle
        before[cell_id] = tails[low - 1] if low else None
        tails[low : low + 1] = [cell_id]
    chain: set[str] = set()
    at = tails[-1] if tails else None
    while at is not None:
        chain.add(at)
        at = before[at]
    return chain


def _cell_model(notebook: NotebookDoc, runtime: RuntimeDoc, cell_id: str) -> CellModel:
    cell = notebook.cell(cell_id)
    count, outputs = runtime.shown(cell_id) if cell.cell_type == "code" else (None, [])
    return CellModel(
        id=cell_id,
        cell_type=cast(CellType, cell.cell_type),
        source=cell.source,
        metadata=cell.metadata,
        attachments=cast(Attachments | None, cell.attachments),
        outputs=tuple(outputs),
        execution_count=count,
    )


def _attachments(cell: CellModel) -> dict[str, Json] | None:
    return cast("dict[str, Json] | None", cell.attachments)
