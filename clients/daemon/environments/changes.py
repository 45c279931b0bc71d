"""What adding and removing packages means for what a notebook declares, and where that is written. Pure.

A notebook's own dependencies, in its metadata or in the header of a cell, are declared by whoever asked, as an edit of
NotebookDoc; a notebook that declares nothing gets some in its metadata. A pixi.toml or environment.yml is written by
the daemon. A pyproject.toml is uv's to change. Each `Change` says what is to be installed first, and how to declare it
then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clients.daemon.environments import edits
from clients.daemon.environments.declared import (
    DEFAULT_CHANNELS,
    Dependencies,
    from_pep723,
    from_pyproject,
    package_name,
    pep723,
    requirement,
)
from clients.daemon.environments.errors import BadDeclaration, EnvironmentFailed
from clients.daemon.environments.resolution import Resolution, Source, read_conda_file
from notebook_doc.script_header import header_of

_HOW: Mapping[str, str] = {
    "deno": "Import it by its address: import x from 'npm:x'.",
    "kernelspec": "Install it where that kernel is, or choose the kernel python3.",
}


@dataclass(frozen=True)
class InMetadata:
    """Of the list `dependencies` at `place` in the notebook's metadata, `remove` goes and `add` comes to its end."""

    place: tuple[str, ...]
    add: tuple[str, ...]
    remove: tuple[str, ...]


@dataclass(frozen=True)
class InCell:
    """In the source of this cell the header `old` becomes `new`."""

    cell_id: str
    old: str
    new: str


@dataclass(frozen=True)
class InFile:
    """This file, which says `old`, says `new`."""

    path: Path
    old: bytes
    new: bytes


@dataclass(frozen=True)
class ByUv:
    """uv adds and removes these in the project of this pyproject.toml."""

    path: Path
    add: tuple[str, ...]
    remove: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """What is to be installed, None if only uv will know, and how it is declared."""

    source: Source
    dependencies: Dependencies | None
    how: InMetadata | InCell | InFile | ByUv

    def declare(self) -> dict[str, Any] | None:
        """What the asking peer is to write, as AddPackages answers it; None if that is not in the notebook."""
        match self.how:
            case InMetadata(place, add, remove):
                return {"place": list(place), "add": list(add), "remove": list(remove)}
            case InCell(cell_id, old, new):
                return {"cell_id": cell_id, "old": old, "new": new}
            case _:
                return None


def adding(
    resolution: Resolution,
    metadata: Mapping[str, Any],
    packages: Sequence[str],
    manager: str = "uv",
    text: str | None = None,
) -> Change:
    """Add these; one that is declared already is replaced. `text` is the cell or the file that declares them, where one
    does. Raises EnvironmentFailed, BadDeclaration."""
    where = "what is to be added"
    of_conda = resolution.source.startswith("conda:") or (resolution.source == "kernelspec" and manager == "conda")
    added = tuple(one.strip() if of_conda else requirement(one, where) for one in packages)
    if not added or not all(map(package_name, added)):
        raise BadDeclaration(where, "a name is missing")
    if resolution.source == "uv:pyproject" and resolution.path is not None:
        return Change(resolution.source, None, ByUv(resolution.path, added, ()))
    if text is not None:
        return _in_text(resolution, text, added, ())
    before, place, source = _changeable(resolution, metadata, manager)
    replaced = names(added)
    kept = (one for one in before.packages if package_name(one) not in replaced)
    after = replace(before, packages=tuple(sorted({*kept, *added})))
    return Change(source, after, InMetadata(place, tuple(packages), _written(metadata, place, replaced)))


def removing(
    resolution: Resolution, metadata: Mapping[str, Any], packages: Sequence[str], text: str | None = None
) -> Change:
    """Do without these. Raises EnvironmentFailed if one of them is not declared."""
    gone = names(packages)
    if resolution.source == "uv:pyproject" and resolution.path is not None:
        return Change(resolution.source, None, ByUv(resolution.path, (), tuple(sorted(gone))))
    if text is not None and resolution.dependencies is not None:
        _must_declare(resolution.dependencies, gone)
        return _in_text(resolution, text, (), tuple(sorted(gone)))
    before, place, source = _changeable(resolution, metadata, "uv")
    _must_declare(before, gone)
    after = replace(before, packages=tuple(one for one in before.packages if package_name(one) not in gone))
    return Change(source, after, InMetadata(place, (), _written(metadata, place, gone)))


def _must_declare(dependencies: Dependencies, gone: frozenset[str]) -> None:
    if missing := sorted(gone - dependencies.names):
        raise EnvironmentFailed(f"The notebook does not declare {', '.join(missing)}.", "See what it does declare.")


def names(requirements: Iterable[str]) -> frozenset[str]:
    """The names of the packages in these requirements."""
    return frozenset(map(package_name, requirements)) - {""}


def of_project(path: Path) -> tuple[str, ...]:
    """What a pyproject.toml declares; nothing if it cannot be read. Blocks for one small file."""
    try:
        found = from_pyproject(path.read_text(), str(path))
    except (OSError, ValueError, BadDeclaration):
        return ()
    return () if found is None else found.packages


def _in_text(resolution: Resolution, text: str, add: tuple[str, ...], remove: tuple[str, ...]) -> Change:
    """The change of a header or a file, read again as it would be then: it must say what was asked for."""
    if resolution.cell_id is not None:
        old = header_of(text)
        if old is None:
            raise EnvironmentFailed("The header was taken out of its cell meanwhile.", "Try again.")
        new = edits.in_header(old, add, remove)
        after = from_pep723(pep723(new) or "", "the header with this change")
        return _checked(Change(resolution.source, after, InCell(resolution.cell_id, old, new)), add, remove)
    path = resolution.path
    assert path is not None, "what is declared in a text is so in a cell or in a file"
    if resolution.source == "conda:pixi":
        new = edits.in_pixi(text, add, remove, ("tool", "pixi") if path.name == "pyproject.toml" else ())
    else:
        new = edits.in_environment_yml(text, add, remove)
    how = InFile(path, text.encode(), new.encode())
    return _checked(Change(resolution.source, read_conda_file(path, new), how), add, remove)


def _checked(change: Change, add: Sequence[str], remove: Sequence[str]) -> Change:
    found = frozenset() if change.dependencies is None else change.dependencies.names
    if not names(add) - {"python"} <= found or names(remove) & found:
        raise EnvironmentFailed(
            "What declares the packages cannot be changed without changing how it is written.", "Edit it by hand."
        )
    return change


def _changeable(
    resolution: Resolution, metadata: Mapping[str, Any], manager: str
) -> tuple[Dependencies, tuple[str, ...], Source]:
    if resolution.declared_at and resolution.dependencies is not None:
        return resolution.dependencies, resolution.declared_at, resolution.source
    spec = metadata.get("kernelspec")
    chosen = spec.get("name") if isinstance(spec, Mapping) else None
    nothing = resolution.source == "kernelspec" and chosen in (None, "", "python3")
    if resolution.source == "conda:prewarmed" or (nothing and manager == "conda"):
        return Dependencies(manager="conda", channels=DEFAULT_CHANNELS), ("quire", "conda"), "conda:inline"
    if nothing or resolution.source == "uv:prewarmed":
        return Dependencies(manager="uv"), ("quire", "uv"), "uv:inline"
    raise EnvironmentFailed(
        f"Packages of this notebook's kernel ({resolution.source}) are not installed for a notebook.",
        _HOW.get(resolution.source, "Change them there."),
    )


def _written(metadata: Mapping[str, Any], place: Sequence[str], gone: frozenset[str]) -> tuple[str, ...]:
    """The entries of the list at this place that name one of these, as they are written."""
    table: Any = metadata
    for key in place:
        table = table.get(key) if isinstance(table, Mapping) else None
    told = table.get("dependencies") if isinstance(table, Mapping) else None
    return tuple(one for one in told or () if isinstance(one, str) and package_name(one) in gone)
