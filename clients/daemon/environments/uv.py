"""Builds virtual environments with uv: what it is told, how what it says is understood, and the run itself.

Commands, phases and explanations are pure functions; `build` is the thin shell that runs them. It builds into an empty
folder that its caller owns and touches nothing else: neither a project's own environment nor its lock file. Except for
a project, whose settings are approved with it, uv runs in that folder: settings that lie beside a notebook, which
nobody has approved, do not reach it; those of the user do.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from packaging.specifiers import SpecifierSet

from clients.daemon.environments import tool
from clients.daemon.environments.declared import OF_A_FILE, Dependencies
from clients.daemon.environments.errors import BuildFailed
from clients.daemon.process import describe_exit

KERNEL_PACKAGE: Final = "ipykernel>=6.29"
_TOO_LARGE: Final = 25  # SIGXFSZ: a file would have been larger than the system allows this user
Phase = Literal["resolving", "downloading", "building", "installing", "starting", "ready", "failed", "waiting"]
# What uv says at the beginning of a line, and what it does then.
_PHASES: Final[Sequence[tuple[str, Phase]]] = (
    ("Using ", "resolving"),
    ("Creating ", "resolving"),
    ("Resolved ", "downloading"),
    ("Downloading ", "downloading"),
    ("Downloaded ", "downloading"),
    ("Building ", "building"),
    ("Built ", "building"),
    ("Prepared ", "installing"),
    ("Installed ", "installing"),
    ("Uninstalled ", "installing"),
)
# What an installer says when it gives up, what that means, and what to do about it. The first that is found counts.
_EXPLANATIONS: Final[Sequence[tuple[tuple[str, ...], str, str]]] = (
    (
        ("No space left on device", "os error 28", "File too large", "os error 27", "Disk quota"),
        "there is no room on the disk",
        "Free some space; `quire env clean` removes environments that nothing uses. Then run again.",
    ),
    (
        ("No interpreter found", "No download found for request"),
        "there is no such Python on this machine",
        "Install that version of Python, or change requires-python.",
    ),
    (
        ("does not appear to be a Python project", "Failed to parse", "TOML parse error"),
        "its project file cannot be read",
        "Mend the project file and run again.",
    ),
    (
        (
            "dns error",
            "error sending request",
            "Failed to fetch",
            "Connection refused",
            "tcp connect error",
            "Could not connect",
            "operation timed out",
            "Network connectivity is disabled",
        ),
        "the package index cannot be reached",
        "Check the connection and run again. Environments that were built before start without it.",
    ),
    (
        ("No solution found", "was not found in", "there are no versions of", "were not found", "is unsatisfiable"),
        "there are no versions that fit together",
        "Change the packages or their versions, as it says above, and run again.",
    ),
    (
        ("Failed to read `--find-links`",),
        "a folder or page of packages that is named cannot be read",
        "See whether it is there; a relative path begins at the notebook's folder.",
    ),
    (
        ("Failed to build", "build backend"),
        "a package cannot be built",
        "Ask for a version that has a wheel for this Python, or install what its build needs.",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to build. `folder` is the notebook's, against which relative paths are read; `pins` are versions to keep to
    where that is possible; `compile` saves the first start its compiling, unless UV_COMPILE_BYTECODE says otherwise."""

    dependencies: Dependencies
    folder: Path
    project: Path | None = None
    pins: tuple[str, ...] = ()
    compile: bool = False


@cache
def uv_binary() -> str:
    """Where uv is; it comes with Quire."""
    import uv

    return uv.find_uv_bin()


def interpreter(dependencies: Dependencies) -> str:
    """The Python to build with: this one if it may be, else whichever uv finds for the specifier."""
    ours = ".".join(map(str, sys.version_info[:3]))
    return sys.executable if SpecifierSet(dependencies.python).contains(ours, prereleases=True) else dependencies.python


def python_of(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def commands(order: Order, environment: Path, *, pinned: bool = True) -> list[list[str]]:
    """What uv is told, one after the other, to make this environment."""
    uv, python = uv_binary(), str(python_of(environment))
    venv = [uv, "venv", "--relocatable", "--no-project", "--python", interpreter(order.dependencies), str(environment)]
    beside = _flags(order.dependencies, order.folder)
    if pinned and order.pins:
        beside += ["--constraints", str(environment.parent / PINS)]
    install = [uv, "pip", "install", "--python", python, *beside]
    if order.project is None:
        return [venv, [*install, "--requirements", str(environment.parent / _requirements(order.dependencies))]]
    if order.project.with_name("uv.lock").exists():
        sync = [uv, "sync", "--frozen", "--inexact", "--project", str(order.project.parent)]
        return [venv, sync, [*install, KERNEL_PACKAGE]]
    return [venv, [*install, KERNEL_PACKAGE, "--requirements", str(order.project)]]


REQUIREMENTS: Final = "requirements.txt"
PINS: Final = "pins.txt"
PROJECT: Final = "pyproject.toml"


def _flags(dependencies: Dependencies, folder: Path) -> list[str]:
    flags: list[str] = []
    for name, values in dependencies.options:
        if name in OF_A_FILE:
            continue
        flags += [f"--{name}"] if not values else []
        for value in values:
            here = name == "find-links" and "://" not in value
            flags.append(f"--{name}={folder / value if here else value}")
    return flags


def _requirements(dependencies: Dependencies) -> str:
    return PROJECT if any(name in OF_A_FILE for name, _ in dependencies.options) else REQUIREMENTS


def project_file(dependencies: Dependencies, folder: Path) -> str:
    """A pyproject.toml that has uv install these from where they say: uv takes sources and indexes from one only. It
    lies elsewhere than the notebook, whose folder is what paths are relative to."""
    packages = ", ".join(json.dumps(one) for one in (KERNEL_PACKAGE, *dependencies.packages))
    lines = ["[project]", 'name = "notebook"', 'version = "0"', f"dependencies = [{packages}]"]
    options = dict(dependencies.options)
    if options.get("sources"):
        lines += ["[tool.uv.sources]", *options["sources"]]
    if options.get("index"):
        lines += ["[tool.uv]", f"index = [{', '.join(options['index'])}]"]
    import tomlkit

    told = tomlkit.parse("\n".join(lines))
    uv: Any = told["tool"]["uv"]
    for one in [*uv.get("sources", {}).values(), *uv.get("index", [])]:
        for source in one if isinstance(one, list) else [one]:
            for key in ("path", "url"):
                if key in source and "://" not in source[key]:
                    source[key] = str((folder / source[key]).resolve())
    return tomlkit.dumps(told)


def phase_of(line: str) -> Phase | None:
    """What uv does when it has said this; None if that says nothing of it."""
    return next((phase for start, phase in _PHASES if line.lstrip().startswith(start)), None)


def explain(ended: tool.Ended) -> tuple[str, str]:
    """Why an installer gave up, for people, and what to do next."""
    if ended.code == -_TOO_LARGE:
        return _EXPLANATIONS[0][1:]
    if ended.code < 0:
        return f"the installer was {describe_exit(ended.code)}", "Run again; nothing of it was kept."
    for words, why, hint in _EXPLANATIONS:
        if any(word in ended.log for word in words):
            return why, hint
    return f"the installer {describe_exit(ended.code)}", "Read what it says above, change the packages, and run again."


async def build(order: Order, environment: Path, on_line: Callable[[str], None]) -> None:
    """Make the environment at this path, which is not there yet, in a folder for this alone. Raises BuildFailed.

    Where versions to keep to were given and nothing fits them, it is built without them.
    """
    scratch = environment.parent
    requirements = [KERNEL_PACKAGE, *order.dependencies.packages]
    (scratch / REQUIREMENTS).write_text("\n".join(requirements) + "\n")
    if _requirements(order.dependencies) == PROJECT:
        (scratch / PROJECT).write_text(project_file(order.dependencies, order.folder))
    (scratch / PINS).write_text("\n".join(order.pins) + "\n")
    env = ({"UV_COMPILE_BYTECODE": "1"} if order.compile else {}) | uv_environment(os.environ, environment)
    cwd = scratch if order.project is None else order.project.parent  # where its settings are, which were approved too
    for command in commands(order, environment):
        ended = await _tell(command, cwd, env, on_line)
        if ended.code != 0 and order.pins and "--constraints" in command:
            on_line("Resolving without keeping the versions that are installed")
            plain = commands(order, environment, pinned=False)[commands(order, environment).index(command)]
            ended = await _tell(plain, cwd, env, on_line)
        if ended.code != 0:
            why, hint = explain(ended)
            raise BuildFailed(f"The environment could not be built: {why}.", hint, ended.log)


async def _tell(command: list[str], cwd: Path, env: Mapping[str, str], on_line: Callable[[str], None]) -> tool.Ended:
    try:
        return await tool.run(command, cwd, env, on_line)
    except OSError as error:
        raise BuildFailed(f"uv cannot be run: {error}.", "Install it again: python -m pip install uv.") from error


def uv_environment(env: Mapping[str, str], environment: Path) -> dict[str, str]:
    """The environment variables uv runs with: ours, and that it is this environment it works on."""
    told = {name: value for name, value in env.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")}
    return told | {"UV_PROJECT_ENVIRONMENT": str(environment), "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
