"""Which analyzer a cell of a notebook goes to: its language, by its type, its metadata and the notebook's.

Pure functions of what NotebookDoc says. A code cell is of the notebook's language (`metadata.language_info`, else that
of its kernel, else Python) unless its own metadata says another; a cell magic such as `%%sql` is the Python analyzer's.
A cell that runs before all others, reading nothing of theirs, says so in its metadata or by the tag `setup`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from notebook_doc.dataflow.analysis import CellText

DEFAULT_LANGUAGE: Final = "python"
# What kernels and editors call one and the same language.
_SAME: Final[Mapping[str, str]] = {"ipython": "python", "python3": "python", "py": "python", "md": "markdown"}


def language_of_notebook(metadata: Mapping[str, Any]) -> str:
    """The language of code cells that do not say their own."""
    for key, field in (("language_info", "name"), ("kernelspec", "language")):
        found = _map(metadata.get(key)).get(field)
        if isinstance(found, str) and found:
            return _known(found)
    return DEFAULT_LANGUAGE


def text_of_cell(cell_type: str, source: str, metadata: Mapping[str, Any], language: str) -> CellText:
    """What the analyzer of a cell is given. `language` is that of the notebook."""
    if cell_type != "code":
        return CellText("markdown" if cell_type == "markdown" else "", source)
    if not metadata:
        return CellText(language, source)
    own, editor = _map(metadata.get("quire")), _map(metadata.get("vscode"))
    named = own.get("language") or metadata.get("language") or editor.get("languageId")
    result = own.get("result")
    return CellText(
        _known(named) if isinstance(named, str) else language, source, result if isinstance(result, str) else ""
    )


def is_setup_cell(cell_type: str, metadata: Mapping[str, Any]) -> bool:
    """Whether this is a setup cell: `metadata.quire.setup`, or the tag `setup`."""
    if cell_type != "code" or not metadata:
        return False
    tags = metadata.get("tags")
    return _map(metadata.get("quire")).get("setup") is True or (isinstance(tags, list) and "setup" in tags)


def _known(language: str) -> str:
    lower = language.lower()
    return _SAME.get(lower, lower)


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
