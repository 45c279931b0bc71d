"""The registry of running servers: one small private file for each, so that commands find them without asking around.

A server writes `<state>/servers/<kind>-<pid>.json` when it can be reached, rewrites it when its notebooks change, and
removes it in the end; nobody else writes it. Files are replaced atomically, so a reader sees an old or a new one, never
a half. An entry counts as running only if its process lives and began when the entry says, because process ids are
used again; whoever meets an entry of a dead process removes it. An entry holds the server's token: a file that others
may read, or that somebody else made, is refused loudly instead of trusted or skipped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from relay.errors import UnsafeState
from relay.private import check_private, private_folder

ServerKind = Literal["hub", "daemon", "supervisor"]

# Seconds by which a process's start time may differ between two readings: it is reckoned from the boot time in clock
# ticks of ten milliseconds. No process id comes around again in a second.
START_TOLERANCE: Final = 1.0


class OpenNotebook(msgspec.Struct, frozen=True):
    """A notebook that a server has open; `path` is None where it has no file."""

    id: str
    path: str | None = None


class ServerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A running server, as its registry file says. `repr` leaves the token out; times are seconds since the epoch."""

    kind: ServerKind
    pid: int
    process_started: float  # as the system reckons it: with the pid, this names the process
    endpoint: str | None  # "http://127.0.0.1:8000"; None for a server that nobody connects to
    version: str
    token: str
    started: float
    notebooks: tuple[OpenNotebook, ...] = ()
    log_path: str | None = None

    @classmethod
    def of_this_process(
        cls, kind: ServerKind, *, endpoint: str | None, version: str, token: str, log_path: str | None = None
    ) -> ServerEntry:
        """An entry for the calling process, with no notebook open yet."""
        import psutil  # type: ignore[import-untyped]  # it ships no types; here, so that a command that finds nothing is quick

        process = psutil.Process()
        return cls(
            kind=kind,
            pid=process.pid,
            process_started=process.create_time(),
            endpoint=endpoint,
            version=version,
            token=token,
            started=time.time(),
            log_path=log_path,
        )

    def __repr__(self) -> str:
        where = f" at {self.endpoint}" if self.endpoint else ""
        return f"<{self.kind}{where}, process {self.pid}, version {self.version}, {len(self.notebooks)} notebooks>"


class StaleEntry(msgspec.Struct, frozen=True):
    """A registry file that stands for no running server, and why. `removed` unless it might yet be somebody's."""

    path: Path
    why: str
    removed: bool


class Survey(msgspec.Struct, frozen=True):
    """What a look at the registry found: the servers that run, oldest first, and the files that are stale."""

    running: tuple[ServerEntry, ...]
    stale: tuple[StaleEntry, ...]


class Registration:
    """A server's own registry file. Owned by that server: nobody else writes or, while it runs, removes it."""

    def __init__(self, entry: ServerEntry, path: Path) -> None:
        self.entry = entry
        self.path = path

    def update(self, *, notebooks: Sequence[OpenNotebook] | None = None, endpoint: str | None = None) -> None:
        """Rewrite the file with these notebooks or this endpoint; what is None stays. Blocks for one small fsync."""
        self.entry = msgspec.structs.replace(
            self.entry,
            notebooks=self.entry.notebooks if notebooks is None else tuple(notebooks),
            endpoint=self.entry.endpoint if endpoint is None else endpoint,
        )
        _write(self.path, encode_entry(self.entry))

    def remove(self) -> None:
        """The server is ending. May be called again."""
        self.path.unlink(missing_ok=True)


def state_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where all of Quire's state lives: `$QUIRE_HOME`, or the user's state folder. Made 0700 if it is not there.

    Raises UnsafeState when the folder is somebody else's or open to others.
    """
    if home := environ.get("QUIRE_HOME"):
        return private_folder(Path(home).expanduser())
    import platformdirs

    return private_folder(platformdirs.user_state_path("quire", appauthor=False))


def register(entry: ServerEntry, state: Path | None = None) -> Registration:
    """Write the registry file of a server, durably, and hand it over. `state` is `state_dir()` unless given."""
    registration = Registration(entry, _folder(state) / f"{entry.kind}-{entry.pid}.json")
    registration.update()
    return registration


def running(kind: ServerKind | None = None, state: Path | None = None) -> list[ServerEntry]:
    """The servers that run, of this kind or of any, oldest first. Removes stale files as `survey` does."""
    return [entry for entry in survey(state).running if kind is None or entry.kind == kind]


def survey(state: Path | None = None) -> Survey:
    """Look at every registry file, remove those of dead processes, and say what was found.

    A file that cannot be read as an entry is stale; it is removed only if the process in its name is gone, since a
    newer version may have written it. Raises UnsafeState for a file that others may read or that is not ours.
    """
    running: list[ServerEntry] = []
    stale: list[StaleEntry] = []
    for path in sorted(_folder(state).glob("*.json")):
        content = _read(path)
        if content is None:  # removed by its server since we listed the folder
            continue
        entry = decode_entry(content)
        if isinstance(entry, str):
            stale.append(StaleEntry(path, entry, not _lives(_pid_in_name(path))))
        elif (why := _why_dead(entry)) is not None:
            stale.append(StaleEntry(path, why, True))
        else:
            running.append(entry)
    for found in stale:
        if found.removed:
            found.path.unlink(missing_ok=True)
    return Survey(tuple(sorted(running, key=lambda entry: entry.started)), tuple(stale))


def encode_entry(entry: ServerEntry) -> bytes:
    """The content of a registry file: JSON, indented, for people may look at it."""
    return msgspec.json.format(msgspec.json.encode(entry), indent=2)


def decode_entry(content: bytes) -> ServerEntry | str:
    """The entry in a registry file, or why there is none. Unknown keys are ignored."""
    try:
        return msgspec.json.decode(content, type=ServerEntry)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"cannot be read: {error}"


def _why_dead(entry: ServerEntry) -> str | None:
    """None if the process of this entry runs; else what has become of it."""
    import psutil

    try:
        process = psutil.Process(entry.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return f"process {entry.pid} has ended"
        if abs(process.create_time() - entry.process_started) > START_TOLERANCE:
            return f"process {entry.pid} is another one by now"
    except (psutil.NoSuchProcess, OverflowError, ValueError):
        return f"process {entry.pid} is gone"
    return None


def _lives(pid: int | None) -> bool:
    import psutil

    return pid is not None and psutil.pid_exists(pid)


def _folder(state: Path | None) -> Path:
    return private_folder((state_dir() if state is None else private_folder(state)) / "servers")


def _pid_in_name(path: Path) -> int | None:
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None


def _read(path: Path) -> bytes | None:
    """The content of a private file, or None if it is not there. Checks the file that was opened, not just its name."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnsafeState(f"{path} cannot be opened: {error.strerror}.", "Remove it.") from error
    with open(descriptor, "rb") as file:
        check_private(os.fstat(file.fileno()), path)
        return file.read()


def _write(path: Path, content: bytes) -> None:
    """Replace a file by a new one, private from its first byte, so that a crash leaves the old or the new one."""
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)  # of a process with our id that crashed here
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    if os.name == "posix":  # the rename itself is durable once the folder is; Windows cannot open folders
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
