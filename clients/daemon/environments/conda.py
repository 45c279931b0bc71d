"""Builds environments from conda's channels with rattler, as pixi does; what pip is to bring is installed by uv after.

An environment is built where it stays, since conda writes its own path into its files. Link scripts of packages are
not run. Needs the optional package `py-rattler`; without it the error says how to get it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

from clients.daemon.environments import tool, uv
from clients.daemon.environments.declared import Dependencies
from clients.daemon.environments.errors import BuildFailed, EnvironmentFailed
from clients.daemon.environments.store import Build

KERNEL_PACKAGE: Final = "ipykernel >=6.29"


def specs_of(dependencies: Dependencies) -> list[str]:
    """What the solver is asked for."""
    python = dependencies.python.strip()
    return [f"python {python}".strip(), KERNEL_PACKAGE, *dependencies.packages]


def channel_of(channel: str, folder: Path) -> str:
    """A channel as rattler reads it; a path is taken from the notebook's folder."""
    if "://" in channel or not channel.startswith((".", "/", "~")):
        return channel
    return (folder / Path(channel).expanduser()).resolve().as_uri()


def builder(dependencies: Dependencies, folder: Path, on_line: Callable[[str], None]) -> Build:
    """Makes the environment at the path that it is given. Raises EnvironmentFailed."""

    async def build(target: Path) -> None:
        rattler = _rattler()
        channels = [channel_of(one, folder) for one in dependencies.channels]
        on_line(f"Using channels {', '.join(dependencies.channels)}")
        try:
            records = await rattler.solve(
                sources=channels,
                specs=specs_of(dependencies),
                virtual_packages=rattler.VirtualPackage.detect(),
            )
        except Exception as error:
            raise _failed(error) from error
        on_line(f"Resolved {len(records)} packages")
        for record in records:
            on_line(f" + {record.name.normalized}=={record.version}")
        try:
            await rattler.install(records, target_prefix=str(target), show_progress=False, execute_link_scripts=False)
        except Exception as error:
            raise _failed(error) from error
        on_line(f"Installed {len(records)} packages")
        if dependencies.pip:
            await _pip(dependencies, target, on_line)

    return build


async def _pip(dependencies: Dependencies, target: Path, on_line: Callable[[str], None]) -> None:
    command = [uv.uv_binary(), "pip", "install", "--python", str(uv.python_of(target))]
    for one in dependencies.pip:
        folder = Requirement(one).url or ""
        is_project = folder.startswith("file:") and not folder.endswith((".whl", ".gz", ".zip"))
        command += ["--editable", one] if is_project else [one]  # a project's own code is used where it lies
    ended = await tool.run(command, target, uv.uv_environment(os.environ, target), on_line)
    if ended.code != 0:
        why, hint = uv.explain(ended)
        raise BuildFailed(f"The environment could not be built: {why}.", hint, ended.log)


def _rattler() -> Any:
    try:
        import rattler
    except ImportError:
        raise EnvironmentFailed(
            "The notebook takes its packages from conda, and what reads conda's channels is not installed.",
            "Install it: python -m pip install 'quire[conda]'.",
        ) from None
    return rattler


def _failed(error: Exception) -> BuildFailed:
    """What rattler says when it gives up, which has no types of its own for it."""
    said = str(error)
    lowered = said.lower()
    if "no space left" in lowered:
        why, hint = uv.explain(tool.Ended(1, ("No space left on device",)))
    elif any(word in lowered for word in ("error sending request", "fetch", "dns", "connect", "404", "no such file")):
        why = "a channel cannot be reached"
        hint = "Check the connection and the channels' names, and run again."
    else:
        why, hint = uv.explain(tool.Ended(1, ("No solution found",)))
    return BuildFailed(f"The environment could not be built: {why}.", hint, said[:8000])
