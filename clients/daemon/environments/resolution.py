"""Where a notebook runs: from what it says, what lies around it and what is installed, to one answer with its reason.

Pure over a small view of the file system. The rules, in order; the first that applies decides:

1. A notebook that says so (`metadata.quire.environment` = "installed") runs on the installed kernelspec it names.
2. Another language than Python runs on its kernelspec, whatever lies around it; Deno also without one.
3. A kernelspec that was chosen (any name but `python3`) and is installed.
4. Dependencies inline in the notebook's metadata, of uv or conda.
5. A PEP 723 header in a code cell, the first one.
6. The closest project file upwards: of one folder pyproject.toml, then pixi.toml, then environment.yml. A folder with
   `.git` is the last one looked at; the home folder is not looked at. A project's own `.venv` that can run a kernel is
   used as it is; nothing is installed into it.
7. Else nothing was asked for: a prewarmed environment where there is a pool of them, or the installed `python3`.

Only 4 to 7 build something; 6 does not where there is a usable `.venv`, 7 not without a pool. So a notebook that
declares nothing needs no network. Raises BadDeclaration for a declaration that cannot be read: it is not skipped, since
the next rule would run the notebook with other packages than it asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from clients.daemon.environments import declared
from clients.daemon.environments.declared import Dependencies, Manager
from clients.daemon.environments.errors import BadDeclaration

Source = Literal[
    "uv:inline",
    "uv:pep723",
    "uv:pyproject",
    "uv:prewarmed",
    "conda:inline",
    "conda:env_yml",
    "conda:pixi",
    "conda:prewarmed",
    "deno",
    "kernelspec",
]
DEFAULT_KERNEL: Final = "python3"
PROJECT_FILES: Final = ("pyproject.toml", "pixi.toml", "environment.yml", "environment.yaml")
LOCK_FILES: Final = ("uv.lock",)  # beside these; they decide what is installed
_DENO_LANGUAGES: Final = frozenset(("typescript", "javascript", "deno"))


class Files(Protocol):
    """The part of a file system that is looked at."""

    def read(self, path: Path) -> bytes | None:
        """The content of a file; None if there is none that can be read."""

    def exists(self, path: Path) -> bool:
        """Whether there is something under this name."""

    def kernel_python(self, environment: Path) -> Path | None:
        """The interpreter of this virtual environment if it is one and has ipykernel; else None."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a notebook says of where it wants to run. `kernelspecs` are the installed ones, name -> language."""

    metadata: Mapping[str, Any]
    sources: Mapping[str, str] = field(default_factory=dict)  # of its code cells, by id, in order
    folder: Path | None = None
    kernelspecs: Mapping[str, str] = field(default_factory=dict)
    home: Path | None = None
    pool: Manager | None = None  # who prewarms environments; None if nobody does
    default_kernel: str = DEFAULT_KERNEL  # of notebooks that name none


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """The answer. Exactly one of `kernelspec`, `python` and `dependencies` says what a kernel is made of; for Deno
    without a kernelspec and for prewarmed environments none does."""

    source: Source
    reason: str
    path: Path | None = None
    kernelspec: str | None = None
    python: Path | None = None  # of the project's own environment
    dependencies: Dependencies | None = None
    declared_at: tuple[str, ...] = ()  # the keys in the notebook's metadata, where dependencies are inline
    cell_id: str | None = None  # the cell whose header declares them


def resolve(asked: Asked, files: Files) -> Resolution:
    """See the module. Raises BadDeclaration."""
    name = _named(asked.metadata) or asked.default_kernel
    installed = name in asked.kernelspecs
    if _quire(asked.metadata).get("environment") == "installed":
        return Resolution(source="kernelspec", reason="The notebook asks for an installed kernel.", kernelspec=name)
    if (language := _language(asked, name)) not in ("", "python"):
        return _other_language(asked, name, language)
    if name != DEFAULT_KERNEL and installed:
        return Resolution(source="kernelspec", reason=f"The notebook names the kernel '{name}'.", kernelspec=name)
    found = _inline(asked) or _pep723(asked) or _project(asked, files)
    if found is not None:
        return found
    if asked.pool is not None and name == DEFAULT_KERNEL:
        source: Source = "uv:prewarmed" if asked.pool == "uv" else "conda:prewarmed"
        return Resolution(source=source, reason="The notebook declares nothing; an environment was ready.")
    reason = "The notebook declares nothing and there is no project around it."
    return Resolution(source="kernelspec", reason=reason, kernelspec=name)


def _other_language(asked: Asked, name: str, language: str) -> Resolution:
    deno = "deno" in name.lower() or language in _DENO_LANGUAGES
    reason = f"The notebook is in {'TypeScript' if deno else language}."
    if deno and name not in asked.kernelspecs:
        return Resolution(source="deno", reason=reason)
    return Resolution(source="deno" if deno else "kernelspec", reason=reason, kernelspec=name)


def _inline(asked: Asked) -> Resolution | None:
    found = declared.inline(asked.metadata)
    if found is None:
        return None
    dependencies, place = found
    source: Source = "uv:inline" if dependencies.manager == "uv" else "conda:inline"
    reason = f"The notebook's metadata declares them under {'.'.join(place)}."
    return Resolution(source=source, reason=reason, dependencies=dependencies, declared_at=place)


def _pep723(asked: Asked) -> Resolution | None:
    for number, (cell_id, source) in enumerate(asked.sources.items(), 1):
        if "# ///" in source and (header := declared.pep723(source)) is not None:
            where = f"the PEP 723 header of code cell {number}"
            dependencies = declared.from_pep723(header, where)
            reason = f"Declared in {where}."
            return Resolution(source="uv:pep723", reason=reason, dependencies=dependencies, cell_id=cell_id)
    return None


def _project(asked: Asked, files: Files) -> Resolution | None:
    for folder in upwards(asked.folder, asked.home, files):
        for name in PROJECT_FILES:
            content = files.read(folder / name)
            found = None if content is None else _project_in(folder / name, content, files)
            if found is not None:
                return found
    return None


def upwards(folder: Path | None, home: Path | None, files: Files) -> Iterator[Path]:
    """The folders in which a project file is looked for, the closest first."""
    if folder is None:
        return
    for each in (folder, *folder.parents):
        if each == home:
            return
        yield each
        if files.exists(each / ".git"):
            return


def _project_in(path: Path, content: bytes, files: Files) -> Resolution | None:
    where = str(path)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise BadDeclaration(where, "it is not UTF-8") from None
    reason = f"{path.name} is the closest project file."
    if path.name != "pyproject.toml" or declared.is_pixi(text, where):
        source: Source = "conda:pixi" if path.suffix == ".toml" else "conda:env_yml"
        return Resolution(source=source, reason=reason, path=path, dependencies=read_conda_file(path, text))
    project = declared.from_pyproject(text, where, files.read(path.with_name("uv.lock")))
    if project is None:
        return None
    own = files.kernel_python(path.parent / ".venv")
    if own is not None:
        reason = f"{path.name} is the closest project file, and its .venv can run a kernel."
        return Resolution(source="uv:pyproject", reason=reason, path=path, python=own)
    return Resolution(source="uv:pyproject", reason=reason, path=path, dependencies=project)


def read_conda_file(path: Path, text: str) -> Dependencies:
    """What this pixi.toml, pyproject.toml of pixi's, or environment.yml declares. Raises BadDeclaration."""
    if path.suffix == ".toml":
        return declared.from_pixi(text, str(path), path.parent)
    return declared.from_environment_yml(_yaml(text, str(path)), str(path))


def _yaml(text: str, where: str) -> Any:
    import yaml  # type: ignore[import-untyped]  # it ships no types; here, for few notebooks need it

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadDeclaration(where, f"it is no YAML ({' '.join(str(error).split())})") from None


def _named(metadata: Mapping[str, Any]) -> str:
    spec = metadata.get("kernelspec")
    name = spec.get("name") if isinstance(spec, Mapping) else None
    return name if isinstance(name, str) else ""


def _language(asked: Asked, name: str) -> str:
    """The language of the kernel that the notebook names, as far as anything says so; lower case, else empty."""
    if name in asked.kernelspecs:
        return asked.kernelspecs[name].lower()
    if "deno" in name.lower():
        return "typescript"
    for key, said in (("kernelspec", "language"), ("language_info", "name")):
        table = asked.metadata.get(key)
        language = table.get(said) if isinstance(table, Mapping) else None
        if isinstance(language, str) and language:
            return "python" if language.lower().startswith(("python", "ipython")) else language.lower()
    return ""


def _quire(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    table = metadata.get("quire")
    return table if isinstance(table, Mapping) else {}
