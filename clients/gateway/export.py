"""A notebook as a file to take away: the notebook itself, a script, or Markdown, alone or together in an archive."""

from __future__ import annotations

import io
import zipfile
from urllib.parse import quote

from clients.gateway.protocol import Refusal
from clients.gateway.session import Session
from clients.peer.at_once import all_of
from notebook_doc.interchange import blobs_in, model_of
from notebook_doc.ipynb import write

_TYPES = {
    "ipynb": "application/x-ipynb+json",
    "py": "text/x-python",
    "markdown": "text/markdown",
    "zip": "application/zip",
}
_ENDS = {"ipynb": "ipynb", "py": "py", "markdown": "md", "zip": "zip"}
_BLOBS_AT_ONCE = 4


async def exported(session: Session, form: str) -> tuple[bytes, str, str]:
    """The file's content, type and name (percent-encoded). Raises Refusal for a form that is not known."""
    if form == "html":
        raise Refusal("Export to HTML is not built in; export ipynb and run `jupyter nbconvert --to html` on it.")
    if form not in _TYPES:
        raise Refusal(f"There is no export {form!r}; use ipynb, py, markdown or zip.")
    name = session.name
    content = await _zip(session, name) if form == "zip" else (await _text(session, form)).encode()
    return content, _TYPES[form], quote(f"{name}.{_ENDS[form]}")


async def _text(session: Session, form: str) -> str:
    notebook = session.notebook
    if form == "ipynb":
        model = model_of(notebook.doc, notebook.runtime)
        names = sorted(blobs_in(model))
        blobs = dict(zip(names, await all_of(map(notebook.blob, names), _BLOBS_AT_ONCE), strict=True))
        return write(model, blobs.__getitem__)
    cells = notebook.doc.cells()
    if form == "py":
        parts = []
        for cell in cells:
            head = "# %%" if cell.cell_type == "code" else f"# %% [{cell.cell_type}]"
            lines = cell.source.splitlines()
            body = lines if cell.cell_type == "code" else [f"# {line}".rstrip() for line in lines]
            parts.append("\n".join([head, *body]))
        return "\n\n".join(parts) + "\n"
    language = session.facts.flow.language
    told = [
        cell.source if cell.cell_type != "code" else f"```{language(cell.id)}\n{cell.source}\n```" for cell in cells
    ]
    return "\n\n".join(told) + "\n"


async def _zip(session: Session, name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for form in ("ipynb", "py", "markdown"):
            archive.writestr(f"{name}.{_ENDS[form]}", await _text(session, form))
    return buffer.getvalue()
