"""Notebook files: reading, writing, and telling which cell is which. Pure: the caller reads and writes the bytes.

read(text, notebook_id=…) -> Imported        a file's content as a model and blobs; raises NotANotebook
write(model, blob) -> str                    a model as the text of a file
content_digest(model) -> bytes               what the actor of an import is derived from
same_cells(old, new) -> {index: cell id}     the known cells in a file that carries no ids
"""

from __future__ import annotations

from notebook_doc.cell_identity import same_cells
from notebook_doc.ipynb_read import Imported, read
from notebook_doc.ipynb_write import write
from notebook_doc.model import content_digest

__all__ = ["Imported", "content_digest", "read", "same_cells", "write"]
