"""A change of a project's files that can be taken back: packages added and removed by uv, or a file written anew.

A ProjectChange remembers what the files say before. `take_back` makes them say that again, those that nobody else has
edited since. Nothing is installed here but into a project's own `.venv`, by `install`, and only what was asked for:
what lies there beside is left alone. Blocks for small files; the runs of uv are asynchronous.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from clients.daemon.environments import tool, uv
from clients.daemon.environments.changes import InFile
from clients.daemon.environments.errors import BuildFailed, EnvironmentFailed

Say = Callable[[str], None]


class ProjectChange:
    """See the module; of the project of this pyproject.toml."""

    def __init__(self, pyproject: Path) -> None:
        self._folder = pyproject.parent
        self._before = {path: _read(path) for path in (pyproject, pyproject.with_name("uv.lock"))}
        self._after = dict(self._before)
        self._locked = self._before[pyproject.with_name("uv.lock")] is not None

    async def declare(self, add: Sequence[str], remove: Sequence[str], say: Say) -> None:
        """Have uv change pyproject.toml, and uv.lock where there is one. Raises BuildFailed: then nothing changed."""
        without = "--no-sync" if self._locked else "--frozen"
        try:
            for verb, packages in (("add", add), ("remove", remove)):
                if packages:
                    await self._uv([verb, without, "--project", str(self._folder), *packages], say)
        finally:
            self._after = {path: _read(path) for path in self._before}

    async def install(self, python: Path, add: Sequence[str], say: Say) -> None:
        """Bring what was added into the project's own environment. Raises BuildFailed."""
        if self._locked:
            await self._uv(["sync", "--frozen", "--inexact", "--project", str(self._folder)], say)
        elif add:
            await self._uv(["pip", "install", "--python", str(python), *add], say)

    async def _uv(self, arguments: list[str], say: Say) -> None:
        env = uv.uv_environment(os.environ, self._folder / ".venv")
        try:
            ended = await tool.run([uv.uv_binary(), *arguments], self._folder, env, say)
        except OSError as error:
            raise BuildFailed(f"uv cannot be run: {error}.", "Install it again: python -m pip install uv.") from error
        if ended.code != 0:
            why, hint = uv.explain(ended)
            raise BuildFailed(f"The project could not be changed: {why}.", hint, ended.log)

    def take_back(self) -> None:
        """Make the files say what they said. What somebody edited meanwhile stays as it is. Blocks."""
        for path, before in self._before.items():
            if _read(path) != self._after[path] or before == self._after[path]:
                continue
            if before is None:
                path.unlink(missing_ok=True)
            else:
                _write(path, before)


async def write(change: InFile) -> None:
    """Write the file that was read. Raises EnvironmentFailed if it says something else by now or cannot be written."""

    def replaced() -> bool:
        if _read(change.path) != change.old:
            return False
        _write(change.path, change.new)
        return True

    try:
        done = await asyncio.to_thread(replaced)
    except OSError as error:
        said = error.strerror or error
        raise EnvironmentFailed(f"{change.path} cannot be written: {said}.", "See who may write there.") from error
    if not done:
        raise EnvironmentFailed(f"{change.path} was edited meanwhile; it was left as it is.", "Try again.")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes) -> None:
    """Replace the whole file at once, through a link to it, with its permissions."""
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.quire")
    temporary.write_bytes(content)
    if path.exists():
        temporary.chmod(path.stat().st_mode)
    temporary.replace(path)
