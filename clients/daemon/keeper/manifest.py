"""The files by which keepers are found again: one for each, private, in the folder `kernels` of the state folder.

A keeper writes its own manifest and removes it in the end. Whoever looks (`find`) removes those whose keeper is gone,
with what it left: its folder, its spool, and its kernel, should that still run. A process is named by its id together
with the moment it began, since ids are used again; nothing is ever found or ended by a process's name. Kept to the
standard library, for the keeper imports it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from relay.private import check_private, private_folder

FOLDER: Final = "kernels"
# Seconds that a keeper has, once it was told, to end its kernel and itself, and between two looks whether it has.
END_SECONDS: Final = 5.0
LOOK_EVERY: Final = 0.01

_log = logging.getLogger("quire.daemon")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A keeper, its kernel, and how to reach it. `repr` leaves the token out."""

    keeper: str  # its id
    notebook_id: str
    pid: int
    began: str  # with the pid, this names the process
    kernel_pid: int
    kernel_began: str
    kernel_name: str
    cwd: str
    folder: str  # the keeper's own, with its socket, the kernel's sockets and connection file
    token: str = field(repr=False)
    interrupt_by_message: bool = False
    memory: int | None = None  # bytes that the kernel may have, if that is limited
    language: str = ""
    info: dict[str, Any] = field(default_factory=dict, repr=False)  # the kernel's kernel_info_reply, once it answered

    @property
    def socket(self) -> Path:
        """Where the keeper listens."""
        return Path(self.folder, "keeper")


def folder_of(state: Path) -> Path:
    """The folder of manifests under this state folder, made if need be."""
    return private_folder(state / FOLDER)


def path_of(folder: Path, keeper: str) -> Path:
    """The manifest of this keeper."""
    return folder / f"{keeper}.json"


def spool_of(folder: Path, keeper: str) -> Path:
    """Where this keeper's spool has its files; their names begin so."""
    return folder / f"{keeper}.spool"


def write(folder: Path, manifest: Manifest) -> None:
    """Write a manifest: a reader sees the old one or this one."""
    path = path_of(folder, manifest.keeper)
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file)
    temporary.replace(path)


def find(folder: Path) -> list[Manifest]:
    """The keepers that run. What a keeper that is gone has left is cleared away. Blocks for some small files."""
    found = []
    for path in sorted(folder.glob("*.json")):
        manifest = _read(path)
        if manifest is None:
            continue
        if process_began(manifest.pid) == manifest.began:
            found.append(manifest)
        else:
            _log.warning("notebook %s: the keeper of its kernel is gone; clearing up", manifest.notebook_id)
            clear(folder, manifest)
    return found


def reap(folder: Path, manifest: Manifest) -> None:
    """End a keeper and its kernel, and leave nothing of them. Blocks until they are gone, some seconds at most."""
    _signal(manifest.pid, manifest.began, signal.SIGTERM)
    if not wait_until_gone(manifest.pid, manifest.began, END_SECONDS):
        _signal(manifest.pid, manifest.began, signal.SIGKILL)
        wait_until_gone(manifest.pid, manifest.began, END_SECONDS)
    clear(folder, manifest)


def reap_all(state: Path) -> int:
    """End every keeper under this state folder; how many there were."""
    if not (state / FOLDER).is_dir():
        return 0
    folder = folder_of(state)
    manifests = find(folder)
    for manifest in manifests:  # all at once, for each may take a while
        _signal(manifest.pid, manifest.began, signal.SIGTERM)
    for manifest in manifests:
        reap(folder, manifest)
    return len(manifests)


def clear(folder: Path | None, manifest: Manifest, *, just_now: bool = False) -> None:
    """Remove what a keeper that is gone has left: its kernel with that one's process group, folder, spool, manifest.

    If it went `just_now`, the group's number cannot stand for another one yet, though its kernel died with it.
    """
    _end_kernel(manifest.kernel_pid, manifest.kernel_began, just_now)
    shutil.rmtree(manifest.folder, ignore_errors=True)
    if folder is not None:
        for file in folder.glob(f"{manifest.keeper}.*"):
            file.unlink(missing_ok=True)


def process_began(pid: int) -> str | None:
    """When this process began, as a word that no other process of its id has; None if it has ended."""
    if sys.platform == "linux":
        try:
            about = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        state, *rest = about[about.rindex(")") + 2 :].split()  # the name before it may hold anything
        return None if state in "ZX" else f"{_boot()}/{rest[18]}"
    import psutil  # type: ignore[import-untyped]  # it ships no types

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def process_is_stopped(pid: int) -> bool:
    """Whether this process was stopped by a signal."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            about = Path(f"/proc/{pid}/stat").read_text()
            return about[about.rindex(")") + 2] in "Tt"
        return False
    import psutil

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(pid: int, began: str, seconds: float) -> bool:
    """Wait until this process has ended; False if it has not. Blocks."""
    deadline = time.monotonic() + seconds
    while process_began(pid) == began:
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY)
    return True


def _end_kernel(pid: int, began: str, just_now: bool) -> None:
    runs = process_began(pid)
    if runs == began or (runs is None and just_now):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        wait_until_gone(pid, began, END_SECONDS)


def _signal(pid: int, began: str, number: signal.Signals) -> None:
    if process_began(pid) == began:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _boot() -> str:
    """Which start of the system this is: times of processes are counted from it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _read(path: Path) -> Manifest | None:
    """A manifest; None if it has just been removed, or cannot be read, which is logged and left alone."""
    try:
        with path.open(encoding="utf-8") as file:
            check_private(os.fstat(file.fileno()), path)
            told = json.load(file)
        known = {one.name for one in fields(Manifest)}
        return Manifest(**{key: value for key, value in told.items() if key in known})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError) as error:
        _log.warning("%s is no manifest of a kernel's keeper: %s", path, error)
        return None
