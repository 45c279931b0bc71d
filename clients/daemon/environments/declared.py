"""What a notebook or a project declares: its dependencies as one frozen value, read from each form people write it in.

Pure: takes text and metadata, returns a `Dependencies` or raises BadDeclaration, which says where and what is wrong.
Two declarations that mean the same (order, spelling of names, comments beside them) are equal and have one `digest`;
anything that changes what would be installed changes the digest. Trust and the cache of environments rest on that.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from platform import machine as machine_name
from typing import Any, Final, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from clients.daemon.environments.errors import BadDeclaration
from notebook_doc.script_header import HEADER

Manager = Literal["uv", "conda"]
DEFAULT_CHANNELS: Final = ("conda-forge",)
# Where inline dependencies stand in a notebook's metadata: ours, then nteract's, new and old.
INLINE_PLACES: Final = (("quire",), ("runt",), ())
# What may steer uv beside the packages, and whether it takes one value, several, or is a switch.
UV_OPTIONS: Final[Mapping[str, str]] = {
    "index-url": "one",
    "extra-index-url": "many",
    "find-links": "many",
    "no-index": "switch",
    "exclude-newer": "one",
    "prerelease": "one",
    "resolution": "one",
    "no-build": "switch",
    "index": "tables",
    "sources": "table",
}
# Those of them that uv takes from a project file only, and those that say where packages come from.
OF_A_FILE: Final = ("index", "sources")
_FROM_ANYWHERE: Final = frozenset(("index-url", "extra-index-url", "find-links", *OF_A_FILE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What is to be installed. `packages` are requirements of `manager`, sorted; `pip` are those conda leaves to uv."""

    manager: Manager
    packages: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    python: str = ""  # a version specifier, ">=3.11"; empty for any
    channels: tuple[str, ...] = ()  # of conda, first wins
    options: tuple[tuple[str, tuple[str, ...]], ...] = ()  # of uv, by name
    files: tuple[tuple[str, str], ...] = field(default=())  # name -> SHA-256 of what else steers a project's install

    def canonical(self) -> bytes:
        """The bytes that stand for it: JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def digest(self) -> str:
        """SHA-256 of `canonical`, in hex."""
        return sha256(self.canonical()).hexdigest()

    @property
    def names(self) -> frozenset[str]:
        """The names of the packages, as registries compare them."""
        return frozenset(name for name in map(package_name, (*self.packages, *self.pip)) if name)

    @property
    def from_anywhere(self) -> bool:
        """Whether packages may come from elsewhere than from where this machine takes its packages anyway."""
        return (
            any(name in _FROM_ANYWHERE for name, _ in self.options)
            or bool(self.files)
            or any("@" in package.partition(";")[0] for package in (*self.packages, *self.pip))
            or not set(self.channels) <= set(DEFAULT_CHANNELS)
        )


def package_name(requirement: str) -> str:
    """The name in a requirement of pip or conda, as registries compare it; empty if there is none."""
    match = re.match(r"\s*(?:[\w.-]+::)?([A-Za-z0-9][\w.-]*)", requirement)
    return "" if match is None else str(canonicalize_name(match[1]))


def requirement(text: str, where: str) -> str:
    """A requirement of pip as it is spelt once and for all. Raises BadDeclaration."""
    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        raise BadDeclaration(where, f"{text!r} is no requirement ({str(error).splitlines()[0]})") from None
    parsed.name = canonicalize_name(parsed.name)
    return str(parsed)


def uv_dependencies(told: Mapping[str, Any], where: str) -> Dependencies:
    """From a table with `dependencies`, `requires-python` and options of uv: inline metadata, or a PEP 723 header."""
    packages = (requirement(text, where) for text in _strings(told.get("dependencies", []), where, "dependencies"))
    python = _python(told.get("requires-python", ""), where)
    beside = {key: value for key, value in told.items() if key not in ("dependencies", "requires-python")}
    return Dependencies(manager="uv", packages=_sorted(packages), python=python, options=_options(beside, where))


def conda_dependencies(told: Mapping[str, Any], where: str) -> Dependencies:
    """From a table with `dependencies`, `channels`, `python`: inline metadata."""
    packages = [_spec(text) for text in _strings(told.get("dependencies", []), where, "dependencies")]
    channels = _strings(told.get("channels", []), where, "channels") or DEFAULT_CHANNELS
    pip = (requirement(text, where) for text in _strings(told.get("pip", []), where, "pip"))
    return Dependencies(
        manager="conda",
        packages=_sorted(packages),
        pip=_sorted(pip),
        python=str(told.get("python", "") or ""),
        channels=tuple(channels),
    )


def inline(metadata: Mapping[str, Any]) -> tuple[Dependencies, tuple[str, ...]] | None:
    """What a notebook's metadata declares, and the keys that lead to it; None if it declares nothing."""
    for place in INLINE_PLACES:
        table: Any = metadata
        for key in place:
            table = table.get(key) if isinstance(table, Mapping) else None
        for manager, read in (("uv", uv_dependencies), ("conda", conda_dependencies)):
            told = table.get(manager) if isinstance(table, Mapping) else None
            if isinstance(told, Mapping) and "dependencies" in told:
                known = {key: value for key, value in told.items() if key in _INLINE_KEYS[manager]}
                return read(known, f"the notebook's metadata ({'.'.join((*place, manager))})"), (*place, manager)
    return None


_INLINE_KEYS: Final = {
    "uv": frozenset(("dependencies", "requires-python", *UV_OPTIONS)),
    "conda": frozenset(("dependencies", "channels", "python", "pip")),
}


def pep723(source: str) -> str | None:
    """The TOML of the `script` header in a cell's source; None if it has none. As the specification reads it."""
    match = HEADER.search(source)
    if match is None:
        return None
    lines = match["content"].splitlines(keepends=True)
    return "".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)


def from_pep723(header: str, where: str) -> Dependencies:
    """What such a header declares, with what `[tool.uv]` adds."""
    told = _toml(header, where)
    tool = _map(_map(told.get("tool"), where, "tool").get("uv"), where, "tool.uv")
    keys = ("dependencies", "requires-python")
    return uv_dependencies({key: told[key] for key in keys if key in told} | dict(tool), where)


def from_pyproject(text: str, where: str, lock: bytes | None = None) -> Dependencies | None:
    """What a project declares; None for a pyproject.toml that only configures tools.

    What its build needs and what `[tool.uv]` says counts, since both decide what is downloaded and run.
    """
    told = _toml(text, where)
    project = told.get("project")
    if not isinstance(project, dict):
        return None
    packages = (requirement(one, where) for one in _strings(project.get("dependencies", []), where, "dependencies"))
    tools = told.get("tool", {})
    beside = {
        "optional": project.get("optional-dependencies"),
        "groups": told.get("dependency-groups"),
        "build": told.get("build-system"),
        "uv": tools.get("uv") if isinstance(tools, dict) else None,
    }
    files = [("pyproject.toml", _hash(json.dumps(beside, sort_keys=True, default=str).encode()))]
    if lock is not None:
        files.append(("uv.lock", _hash(lock)))
    python = _python(project.get("requires-python", ""), where)
    return Dependencies(manager="uv", packages=_sorted(packages), python=python, files=tuple(files))


def from_pixi(text: str, where: str, folder: Path, platform: str | None = None) -> Dependencies:
    """What a pixi.toml in this folder, or the table `tool.pixi` of a pyproject.toml there, declares for its default
    environment on a platform ("linux-64"; None: this machine's). A project that names itself by its folder is a
    requirement with the folder's address."""
    told = _toml(text, where)
    project: Any = {}
    if (inner := pixi_table(told)) is not None:
        project, told = _map(told.get("project"), where, "project"), inner
    workspace = _map(told.get("workspace") or told.get("project"), where, "workspace")
    packages: dict[str, str] = {}
    pip: dict[str, str] = {}
    for one in _strings(project.get("dependencies", []), where, "dependencies"):
        pip[package_name(one)] = requirement(one, where)
    for table in (told, *_targets(told, platform or this_platform(), where)):
        packages |= _of_conda(_map(table.get("dependencies"), where, "dependencies"), where)
        pip |= _of_pip(_map(table.get("pypi-dependencies"), where, "pypi-dependencies"), where, folder)
    python = packages.pop("python", "").removeprefix("python").strip()
    return Dependencies(
        manager="conda",
        packages=_sorted(packages.values()),
        pip=_sorted(pip.values()),
        python=python,
        channels=tuple(_strings(workspace.get("channels", []), where, "channels") or DEFAULT_CHANNELS),
    )


def pixi_table(told: Mapping[str, Any]) -> dict[str, Any] | None:
    """The table `tool.pixi` of what a pyproject.toml says, if that makes it a workspace of pixi's."""
    tools = told.get("tool")
    table = tools.get("pixi") if isinstance(tools, dict) else None
    return table if isinstance(table, dict) and ("workspace" in table or "project" in table) else None


def is_pixi(text: str, where: str) -> bool:
    """Whether this pyproject.toml is a workspace of pixi's. Raises BadDeclaration."""
    return pixi_table(_toml(text, where)) is not None


def this_platform() -> str:
    """This machine as conda calls it: "linux-64", "osx-arm64"."""
    system = {"darwin": "osx", "win32": "win"}.get(sys.platform, "linux")
    machine = machine_name().lower()
    arm = {"linux": "aarch64"}.get(system, "arm64")
    return f"{system}-{arm if machine in ('arm64', 'aarch64') else '64' if machine in ('x86_64', 'amd64') else machine}"


def _targets(told: Mapping[str, Any], platform: str, where: str) -> Iterator[dict[str, Any]]:
    """The tables under `target` that are for this platform, from the most general on."""
    tables = _map(told.get("target"), where, "target")
    system = platform.partition("-")[0]
    for name in ([] if system == "win" else ["unix"]) + [system, platform]:
        if isinstance(table := tables.get(name), dict):
            yield table


def _of_conda(told: Mapping[str, Any], where: str) -> dict[str, str]:
    """Name -> what conda's solver is asked for."""
    found = {}
    for name, value in told.items():
        about = {"version": value} if isinstance(value, str) else value
        if not isinstance(about, dict) or not set(about) <= {"version", "build", "channel"}:
            raise BadDeclaration(where, f"{name} is neither a version nor a table of version, build and channel")
        channel = f"{about['channel']}::" if "channel" in about else ""
        version = str(about.get("version", "*"))
        build = str(about.get("build", ""))
        parts = ("" if version == "*" and not build else version, build)
        found[package_name(name)] = " ".join(one for one in (f"{channel}{name}", *parts) if one)
    return found


def _of_pip(told: Mapping[str, Any], where: str, folder: Path) -> dict[str, str]:
    """Name -> requirement of pip."""
    found = {}
    for name, value in told.items():
        about = {"version": value} if isinstance(value, str) else value
        if (
            isinstance(about, dict)
            and isinstance(about.get("path"), str)
            and set(about) <= {"path", "editable", "extras"}
        ):
            version = f" @ {(folder / about['path']).resolve().as_uri()}"
        elif isinstance(about, dict) and set(about) <= {"version", "extras"}:
            version = "" if (told_ := str(about.get("version", "*"))) == "*" else told_
        else:
            raise BadDeclaration(where, f"{name} is neither a version, nor a table of version and extras, nor a path")
        extras = ",".join(_strings(about.get("extras", []), where, f"extras of {name}"))
        found[package_name(name)] = requirement(f"{name}[{extras}]{version}" if extras else f"{name}{version}", where)
    return found


def from_environment_yml(told: Any, where: str) -> Dependencies:
    """What an environment.yml declares; `told` is what it says as plain values."""
    if not isinstance(told, Mapping):
        raise BadDeclaration(where, "it is no mapping")
    packages, pip, python = [], [], ""
    dependencies = told.get("dependencies") or []
    if not isinstance(dependencies, list):
        raise BadDeclaration(where, "dependencies is no list")
    for one in dependencies:
        if isinstance(one, Mapping):
            pip += [requirement(text, where) for text in _strings(one.get("pip") or [], where, "pip")]
        elif isinstance(one, str) and package_name(one) == "python":
            python = _spec(one).removeprefix("python").strip()
        elif isinstance(one, str) and package_name(one) != "pip":
            packages.append(_spec(one))
        elif not isinstance(one, str):
            raise BadDeclaration(where, f"{one!r} is no dependency")
    channels = [one for one in _strings(told.get("channels") or [], where, "channels") if one != "nodefaults"]
    return Dependencies(
        manager="conda",
        packages=_sorted(packages),
        pip=_sorted(pip),
        python=python,
        channels=tuple(channels or DEFAULT_CHANNELS),
    )


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadDeclaration(where, f"it is no TOML ({error})") from None


def _options(told: Mapping[str, Any], where: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    options: list[tuple[str, tuple[str, ...]]] = []
    for name, value in told.items():
        kind = UV_OPTIONS.get(name)
        if kind is None:
            known = ", ".join(UV_OPTIONS)
            raise BadDeclaration(where, f"the option {name!r} of uv is not known here; known are {known}")
        if kind == "switch":
            if not isinstance(value, bool):
                raise BadDeclaration(where, f"{name} is true or false, not {value!r}")
            options += [(name, ())] if value else []
        elif kind in ("table", "tables"):
            options.append((name, _as_toml(value, kind, where, name)))
        else:
            options.append((name, tuple(_strings([value] if kind == "one" else value, where, name))))
    return tuple(sorted(options))


def _as_toml(value: Any, kind: str, where: str, name: str) -> tuple[str, ...]:
    """A table, an item each, or a list of tables, as TOML that stands in one line."""
    if kind == "table" and isinstance(value, dict):
        return tuple(f"{json.dumps(key)} = {_inline(one, where)}" for key, one in sorted(value.items()))
    if kind == "tables" and isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return tuple(_inline(one, where) for one in value)
    raise BadDeclaration(where, f"{name} is no {'table' if kind == 'table' else 'list of tables'}")


def _inline(value: Any, where: str) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_inline(one, where)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(one, where) for one in value) + "]"
    if not isinstance(value, str | bool | int):
        raise BadDeclaration(where, f"{value!r} is not understood here")
    return json.dumps(value, ensure_ascii=False)  # TOML writes these as JSON does


def _python(told: Any, where: str) -> str:
    if not isinstance(told, str):
        raise BadDeclaration(where, f"requires-python is a version specifier, not {told!r}")
    try:
        return str(SpecifierSet(told))
    except InvalidSpecifier:
        raise BadDeclaration(where, f"requires-python {told!r} is no version specifier, such as '>=3.11'") from None


def _strings(told: Any, where: str, what: str) -> Sequence[str]:
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise BadDeclaration(where, f"{what} is not a list of strings")
    return told


def _map(told: Any, where: str, what: str) -> Mapping[str, Any]:
    """A table, an empty one if there is none."""
    if told is not None and not isinstance(told, Mapping):
        raise BadDeclaration(where, f"{what} is no table")
    return told or {}


def _spec(text: str) -> str:
    """A dependency of conda's with one space between name and version, as its solver reads it."""
    match = re.match(r"\s*((?:[\w.-]+::)?[A-Za-z0-9_][\w.-]*)\s*(.*)", text)
    return text.strip() if match is None else f"{match[1]} {match[2].strip()}".strip()


def _sorted(packages: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(packages)))


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()
