"""What a path on the command line says, before anybody is asked to open it.

Answers with an absolute path to a notebook file, or with a refusal that says what is there instead. Whether the content
is a notebook is for the hub to say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from clients.cli.errors import NotebookUnusable

_MOST_NAMED: Final = 5  # notebooks of a folder that a hint lists


def notebook_path(path: Path, *, may_be_missing: bool = False) -> Path:
    """The absolute path. Raises NotebookUnusable."""
    path = path.expanduser().absolute()
    try:
        if path.is_dir():
            raise NotebookUnusable(f"{path} is a folder.", _what_is_in(path))
        if path.suffix != ".ipynb":
            raise NotebookUnusable(f"{path} is no notebook: its name does not end in .ipynb.", "Name a notebook file.")
        if path.exists():
            if not path.is_file():
                raise NotebookUnusable(f"{path} is no regular file.", "Name a notebook file.")
            return path
        if not path.parent.is_dir():
            raise NotebookUnusable(f"There is no folder {path.parent}.", "Check the path.")
    except OSError as error:
        raise NotebookUnusable(f"{path} cannot be looked at: {error.strerror}.", "Check its permissions.") from error
    if not may_be_missing:
        raise NotebookUnusable(f"There is no file {path}.", "Check the path, or make a new notebook with --create.")
    return path


def _what_is_in(folder: Path) -> str:
    names = sorted(entry.name for entry in folder.glob("*.ipynb"))
    if not names:
        return "Name a notebook file; there is none in it."
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"Name a notebook in it: {', '.join(names[:_MOST_NAMED])}{more}."
