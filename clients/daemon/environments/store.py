"""The environments that were built, in the state folder: found by what they are made of, and never changed afterwards.

An environment is a folder `<manager>-<key>` with a note in it, `quire.json`, that is written last; without the note it
is not there. One builder at a time works on a key, also of several processes, and whoever waited for it finds the
result. It is built in a folder of its own and renamed, or, where that cannot be (conda writes its own path into its
files), built in place; what a killed builder left is cleared by the next.

Nothing is installed into an environment that exists: another set of packages is another environment, which shares its
files with the first. So a failed install has nothing to take back, and notebooks may share what is equal. Prewarmed
environments belong to nobody until one notebook takes one, by making a file in it, which only one can.

Who uses an environment is noted beside it, by the process's id and when that began; it is removed when nobody does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from clients.daemon.environments.errors import EnvironmentFailed
from clients.daemon.environments.uv import python_of
from clients.daemon.keeper.manifest import process_began
from relay.private import private_folder

FOLDER: Final = "environments"
NOTE: Final = "quire.json"
POOL: Final = "pool"
_CLAIM: Final = "quire.taken"
_BUILDING: Final = ".building-"
LOCK_POLL: Final = 0.05  # seconds between looks whether another process has finished building


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A finished environment. `installed` is what is in it: name -> version, all of it."""

    folder: Path
    manager: str
    source: str
    declared: tuple[str, ...]
    installed: Mapping[str, str] = field(default_factory=dict, repr=False)
    created: float = 0.0

    @property
    def name(self) -> str:
        """What it is called in the store."""
        return self.folder.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return python_of(self.folder)

    @property
    def site_packages(self) -> Path | None:
        """Where its packages are."""
        return site_packages(self.folder)


Build = Callable[[Path], Awaitable[None]]


class EnvironmentStore:
    """Owns the folder of environments. Any number of processes may have one over the same folder."""

    def __init__(self, state: Path) -> None:
        self.folder = state / FOLDER  # made when something is put into it

    def find(self, name: str) -> Environment | None:
        """The finished environment of this name. Blocks for one small file."""
        return _read(self.folder / name)

    def all(self) -> list[Environment]:
        """Every finished environment, by name. Blocks."""
        if not self.folder.is_dir():
            return []
        found = (_read(path) for path in sorted(self.folder.iterdir()) if path.is_dir())
        return [one for one in found if one is not None]

    async def get(
        self, name: str, source: str, declared: tuple[str, ...], build: Build, *, in_place: bool = False
    ) -> Environment:
        """The environment of this name, built if it is not there yet. Raises what `build` raises, EnvironmentFailed.

        `build` makes it at the path it is given. If it fails or is cancelled, nothing is left.
        """
        path = self.folder / name
        if (found := await asyncio.to_thread(_read, path)) is not None:
            return found
        await asyncio.to_thread(private_folder, self.folder)
        async with self._lock(name):
            if (found := await asyncio.to_thread(_read, path)) is not None:
                return found
            await asyncio.to_thread(_remove, path)
            return await self._build(path, source, declared, build, in_place)

    async def _build(
        self, path: Path, source: str, declared: tuple[str, ...], build: Build, in_place: bool
    ) -> Environment:
        scratch = self.folder / f"{_BUILDING}{os.getpid()}-{secrets.token_hex(4)}"
        target = path if in_place else scratch / "environment"
        done = False
        try:
            await asyncio.to_thread(scratch.mkdir)
            await build(target)
            about = {
                "manager": path.name.partition("-")[0],
                "source": source,
                "declared": declared,
                "installed": await asyncio.to_thread(installed_in, target),
                "created": time.time(),
            }
            await asyncio.to_thread((target / NOTE).write_text, json.dumps(about, indent=1))
            if not in_place:
                await asyncio.to_thread(target.rename, path)
            done = True
        except OSError as error:
            raise EnvironmentFailed(
                f"The environment could not be written to {self.folder}: {error.strerror or error}.",
                "Free some space; `quire env clean` removes environments that nothing uses. Then run again.",
            ) from error
        finally:
            await asyncio.shield(asyncio.to_thread(_remove, scratch))
            if in_place and not done:
                await asyncio.shield(asyncio.to_thread(_remove, path))
        found = await asyncio.to_thread(_read, path)
        assert found is not None, "it was just written"
        return found

    @asynccontextmanager
    async def _lock(self, name: str) -> AsyncIterator[None]:
        """Held by one builder of all processes. The system lets go of it when its process ends."""
        try:
            import fcntl
        except ImportError:  # Windows
            raise EnvironmentFailed(
                "Environments cannot be built on this system, which has no locks that all processes respect.",
                "Choose an installed kernel, or run Quire on Linux, macOS or WSL.",
            ) from None

        descriptor = os.open(self.folder / f".{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(LOCK_POLL)
            yield
        finally:
            os.close(descriptor)

    # --- the pool -----------------------------------------------------------------------------------------------------

    def pooled(self, key: str) -> list[Environment]:
        """The prewarmed environments of this key that nobody has taken."""
        return [one for one in self.all() if one.name.startswith(f"{POOL}-{key}-") and not _taken(one)]

    async def prewarm(
        self, key: str, source: str, declared: tuple[str, ...], build: Build, *, in_place: bool = False
    ) -> Environment:
        """Put one more into the pool."""
        return await self.get(f"{POOL}-{key}-{secrets.token_hex(4)}", source, declared, build, in_place=in_place)

    def take(self, key: str) -> Environment | None:
        """A prewarmed environment for one notebook alone; None if there is none. Blocks for a small file."""
        for one in self.pooled(key):
            with contextlib.suppress(FileExistsError):  # somebody else has it
                descriptor = os.open(one.folder / _CLAIM, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with open(descriptor, "w") as file:
                    file.write(f"{os.getpid()} {process_began(os.getpid())}")  # until its kernel runs
                return one
        return None

    # --- who uses what ------------------------------------------------------------------------------------------------

    def lease(self, environment: Environment, pid: int, began: str) -> None:
        """Note that this process runs in it. A note is of no account once the process has ended."""
        (self.folder / f".{environment.name}.lease-{pid}").write_text(began)
        if _taken(environment):
            (environment.folder / _CLAIM).write_text("")  # from here on it is the kernel that has it

    def in_use(self, name: str) -> bool:
        """Whether a process that runs now was noted to use it."""
        claim = _claim(self.folder / name)
        leases = [(pid, began) for _, pid, began in self._leases(name)]
        return any(process_began(pid) == began for pid, began in [*leases, *claim])

    def unused(self, older_than: float = 0.0) -> list[Environment]:
        """What nobody uses and was last used so many seconds ago; prewarmed ones that wait are not listed."""
        before = time.time() - older_than
        return [
            one
            for one in self.all()
            if (_taken(one) or not one.name.startswith(f"{POOL}-"))
            and not self.in_use(one.name)
            and _used(one.folder) <= before
        ]

    async def remove(self, environment: Environment) -> bool:
        """Remove it unless it is used by now; whether it was removed."""
        async with self._lock(environment.name):
            if await asyncio.to_thread(self.in_use, environment.name):
                return False
            await asyncio.to_thread(_remove, environment.folder)
            for path, _, _ in self._leases(environment.name):
                path.unlink(missing_ok=True)
            return True

    async def tidy(self) -> None:
        """Remove what killed builders have left, and taken ones whose notebook is done with them."""
        for path in self.folder.glob(f"{_BUILDING}*"):
            pid = path.name.removeprefix(_BUILDING).partition("-")[0]
            if not pid.isdigit() or process_began(int(pid)) is None:
                await asyncio.to_thread(_remove, path)
        for one in await asyncio.to_thread(self.unused):
            if _taken(one):
                await self.remove(one)

    def _leases(self, name: str) -> Iterator[tuple[Path, int, str]]:
        for path in self.folder.glob(f".{name}.lease-*"):
            with contextlib.suppress(OSError, ValueError):
                yield path, int(path.name.rpartition("-")[2]), path.read_text()


def used(environment: Environment) -> None:
    """It is used now."""
    with contextlib.suppress(OSError):
        os.utime(environment.folder / NOTE)


def size_of(folder: Path) -> int:
    """Bytes on disk that go with it: files that others share are counted for the share that is its own. Blocks."""
    total = 0.0
    for root, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(root, name))
                total += status.st_blocks * 512 / max(1, status.st_nlink)
    return int(total)


def site_packages(environment: Path) -> Path | None:
    """Where the packages of an environment are; None if it has no such place."""
    if os.name == "nt":
        return environment / "Lib" / "site-packages"
    return next(iter(sorted(environment.glob("lib/python3*/site-packages"))), None)


def installed_in(environment: Path) -> dict[str, str]:
    """What is installed in it, name -> version, by the names of the folders that say so. Blocks for one listing."""
    from packaging.utils import canonicalize_name

    where = site_packages(environment)
    found: dict[str, str] = {}
    for path in sorted(where.glob("*.dist-info")) if where is not None else ():
        name, _, version = path.name.removesuffix(".dist-info").rpartition("-")
        found[canonicalize_name(name)] = version
    for path in sorted(environment.glob("conda-meta/*.json")):
        name, version, *_ = [*path.stem.rsplit("-", 2), "", ""]
        found.setdefault(name, version)
    return found


def _read(path: Path) -> Environment | None:
    try:
        told: dict[str, Any] = json.loads((path / NOTE).read_text())
        return Environment(
            folder=path,
            manager=str(told["manager"]),
            source=str(told["source"]),
            declared=tuple(map(str, told["declared"])),
            installed=dict(told["installed"]),
            created=float(told["created"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _taken(environment: Environment) -> bool:
    return (environment.folder / _CLAIM).exists()


def _claim(folder: Path) -> list[tuple[int, str]]:
    """Who has taken a prewarmed environment and has no kernel in it yet."""
    try:
        pid, _, began = (folder / _CLAIM).read_text().partition(" ")
        return [(int(pid), began)]
    except (OSError, ValueError):
        return []


def _used(folder: Path) -> float:
    try:
        return (folder / NOTE).stat().st_mtime
    except OSError:
        return 0.0


def _remove(path: Path) -> None:
    """Remove a folder. Its note goes first, so that half of it is never taken for all of it."""
    (path / NOTE).unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)


def as_json(environment: Environment) -> dict[str, Any]:
    """An environment for programs."""
    return {**asdict(environment), "name": environment.name, "folder": str(environment.folder)}
