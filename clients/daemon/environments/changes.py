"""What adding and removing packages means for what a notebook declares. Pure.

A notebook's own, inline dependencies can be changed, and a notebook that declares nothing gets some. What a project
file or a header in a cell declares is changed there, by whoever edits that; the error says how.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clients.daemon.environments.declared import (
    DEFAULT_CHANNELS,
    Dependencies,
    from_pyproject,
    package_name,
    requirement,
)
from clients.daemon.environments.errors import BadDeclaration, EnvironmentFailed
from clients.daemon.environments.resolution import Resolution, Source

_HOW: Mapping[str, str] = {
    "uv:pep723": "Edit the list in the header of that cell, then sync the environment.",
    "uv:pyproject": "Run `uv add` in the project's folder, then sync the environment.",
    "conda:pixi": "Run `pixi add` in the project's folder, then sync the environment.",
    "conda:env_yml": "Edit that file, then sync the environment.",
    "deno": "Import it by its address: import x from 'npm:x'.",
    "kernelspec": "Install it where that kernel is, or choose the kernel python3.",
}


@dataclass(frozen=True)
class Change:
    """What is to be declared, and how the list in the metadata changes."""

    source: Source
    dependencies: Dependencies
    place: tuple[str, ...]
    add: tuple[str, ...]
    remove: tuple[str, ...]

    def declare(self) -> dict[str, list[str]]:
        """As AddPackages answers it."""
        return {"place": list(self.place), "add": list(self.add), "remove": list(self.remove)}


def adding(resolution: Resolution, metadata: Mapping[str, Any], packages: Sequence[str], manager: str = "uv") -> Change:
    """Add these; one that is declared already is replaced. Raises EnvironmentFailed, BadDeclaration."""
    before, place, source = _changeable(resolution, metadata, manager)
    where = "what is to be added"
    added = tuple(one.strip() if before.manager == "conda" else requirement(one, where) for one in packages)
    if not added or not all(map(package_name, added)):
        raise BadDeclaration(where, "a name is missing")
    replaced = names(added)
    kept = (one for one in before.packages if package_name(one) not in replaced)
    after = replace(before, packages=tuple(sorted({*kept, *added})))
    return Change(source, after, place, tuple(packages), _written(metadata, place, replaced))


def removing(resolution: Resolution, metadata: Mapping[str, Any], packages: Sequence[str]) -> Change:
    """Do without these. Raises EnvironmentFailed if one of them is not declared."""
    before, place, source = _changeable(resolution, metadata, "uv")
    gone = names(packages)
    if missing := sorted(gone - before.names):
        raise EnvironmentFailed(f"The notebook does not declare {', '.join(missing)}.", "See what it does declare.")
    after = replace(before, packages=tuple(one for one in before.packages if package_name(one) not in gone))
    return Change(source, after, place, (), _written(metadata, place, gone))


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
    where = f" ({resolution.path})" if resolution.path else ""
    raise EnvironmentFailed(
        f"The notebook's packages are not declared in the notebook itself but by {resolution.source}{where}.",
        _HOW.get(resolution.source, "Change them there."),
    )


def _written(metadata: Mapping[str, Any], place: Sequence[str], gone: frozenset[str]) -> tuple[str, ...]:
    """The entries of the list at this place that name one of these, as they are written."""
    table: Any = metadata
    for key in place:
        table = table.get(key) if isinstance(table, Mapping) else None
    told = table.get("dependencies") if isinstance(table, Mapping) else None
    return tuple(one for one in told or () if isinstance(one, str) and package_name(one) in gone)
