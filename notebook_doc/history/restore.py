"""Bringing back what was, as a new edit: nothing is undone, something is written.

What is equal already is not touched: sources are spliced where they differ, a cell that stands elsewhere gets its
position, values are diffed into place. A cell that was deleted comes back under its id, and so to its outputs. Each
function is one change, by whoever makes it; comments stay as they are.
"""

from __future__ import annotations

from notebook_doc.history.past import PastNotebook
from notebook_doc.notebook import NotebookDoc


def restore_cell(notebook: NotebookDoc, past: PastNotebook, cell_id: str) -> None:
    """Make one cell what it was: source, type, metadata, attachments. It stays where it stands; if it was deleted, it
    comes back to where it stood. Raises UnknownCell if there was none."""
    cell = past.cell(cell_id)
    with notebook.edit():
        notebook.put_cell(cell, move=cell_id not in notebook)


def restore_notebook(notebook: NotebookDoc, past: PastNotebook) -> None:
    """Make the notebook what it was: its cells, their order, its metadata. Cells that there were not are deleted."""
    with notebook.edit():
        for cell_id in notebook.cell_ids():
            if cell_id not in past:
                notebook.delete_cell(cell_id)
        for cell in past.cells():
            notebook.put_cell(cell, move=True)
        notebook.set_metadata(past.metadata())
