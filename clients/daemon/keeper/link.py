"""The daemon's side of a keeper: starts one or finds it again, and carries frames to and from it.

A KeeperLink owns the connection and, if it started the keeper, its process. It knows no Jupyter messages. It promises
that sending never waits, that what is received comes in the keeper's order, and that after `close` of a link that was
told to `end` nothing is left of keeper and kernel, whatever state they were in. A keeper that is gone without a
farewell has died; its kernel is killed then. Raises KeeperLost when a keeper cannot be reached.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clients.daemon.errors import KeeperLost
from clients.daemon.keeper import frames, manifest
from clients.daemon.keeper.manifest import Manifest
from clients.daemon.keeper.spool import CAP
from clients.daemon.launching import Launch
from clients.daemon.process import LOG_BYTES, describe_exit

# Seconds after which a keeper without a daemon ends, if its kernel is idle: a day, so that a machine that is left alone
# over night finds its kernels in the morning.
LONELY_SECONDS: Final = 24 * 3600.0
CONNECT_SECONDS: Final = 10.0  # for a keeper to answer; it does so within a tenth of a second
END_SECONDS: Final = 5.0  # for a keeper to end itself, until it is killed
READ_BYTES: Final = 256 * 1024
LOG_TAIL_LINES: Final = 20  # in an error message


@dataclass(frozen=True)
class FromKernel:
    """A message of the kernel, or its end (`channel` is EXIT)."""

    seq: int
    channel: int
    parts: Sequence[bytes]


@dataclass(frozen=True)
class KeeperState:
    """How the keeper finds its kernel: why it is unresponsive, if so; whether the spool is full."""

    unresponsive: str | None
    stalled: bool


@dataclass(frozen=True)
class Keeping:
    """Where keepers leave their manifests, and for which notebook this one is."""

    folder: Path
    notebook_id: str


class KeeperLink:
    """See the module. Made by `launch` or `attach`."""

    def __init__(self, about: Manifest, folder: Path | None, process: asyncio.subprocess.Process | None) -> None:
        self.manifest = about
        self.sent: frozenset[str] = frozenset()  # keys of what the kernel was sent before we came
        self.ended = False  # it said farewell
        self._folder = folder
        self._process = process
        self._parser = frames.Parser()
        self._log = bytearray()
        self._early: list[FromKernel | KeeperState] = []  # came with the welcome
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    @classmethod
    async def launch(cls, launch: Launch, keeping: Keeping | None) -> KeeperLink:
        """Start a keeper, which launches this kernel. Without `keeping` nobody else can find it, and it ends with us.

        Raises KernelStartError. If it fails or is cancelled, nothing is left.
        """
        keeper, token = secrets.token_hex(8), secrets.token_hex(16)
        about: dict[str, Any] = {
            "notebook_id": keeping.notebook_id if keeping else "",
            "kernel_name": launch.kernel_name,
            "interrupt_by_message": launch.interrupt_by_message,
            "memory": launch.memory,
        }
        order = {
            "keeper": keeper,
            "token": token,
            "argv": launch.argv,
            "cwd": str(launch.cwd),
            "env": dict(launch.env),
            "memory": launch.memory,
            "folder": str(launch.folder),
            "endpoints": dict(launch.endpoints),
            "manifests": str(keeping.folder) if keeping else None,
            "lonely_seconds": LONELY_SECONDS,
            "cap": CAP,
            "about": about,
        }
        process: asyncio.subprocess.Process | None = None
        link: KeeperLink | None = None
        try:
            process = await _spawn(launch.folder)
            assert process.stdin is not None, "asked for"
            assert process.stdout is not None, "asked for"
            process.stdin.write(json.dumps(order).encode() + b"\n")
            answer = json.loads(await process.stdout.readline() or "{}")
            process.stdin.close()
            if "kernel_pid" not in answer:
                raise launch.cannot_run(answer.get("failed") or _last_words(launch.folder))
            found = Manifest(
                keeper=keeper,
                token=token,
                pid=process.pid,
                began=manifest.process_began(process.pid) or "",
                kernel_pid=answer["kernel_pid"],
                kernel_began=manifest.process_began(answer["kernel_pid"]) or "",
                cwd=str(launch.cwd),
                folder=str(launch.folder),
                **about,
            )
            link = cls(found, keeping.folder if keeping else None, process)
            await link._connect()
        except BaseException:
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()
            if link is not None:
                await link.close()
            launch.discard()
            raise
        return link

    @classmethod
    async def attach(cls, found: Manifest, folder: Path) -> KeeperLink:
        """Connect to a keeper that runs already. Raises KeeperLost."""
        link = cls(found, folder, None)
        try:
            await link._connect()
        except BaseException:
            if hasattr(link, "_writer"):
                link._writer.close()
            raise
        return link

    @property
    def is_kept(self) -> bool:
        """Whether others can find the keeper, so that it outlives us."""
        return self._folder is not None

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._reader, self._writer = await asyncio.open_unix_connection(
                    str(self.manifest.socket), limit=READ_BYTES
                )
                self._writer.write(frames.frame(frames.ATTACH, json.dumps({"token": self.manifest.token}).encode()))
                while True:
                    data = await self._reader.read(READ_BYTES)
                    if not data:
                        raise KeeperLost(self.manifest.kernel_name, "it refused the connection")
                    if self._take_welcome(self._parser.feed(data)):
                        return
        except (OSError, TimeoutError) as error:
            raise KeeperLost(self.manifest.kernel_name, str(error) or "it does not answer") from error

    def _take_welcome(self, came: Iterable[tuple[int, bytes]]) -> bool:
        welcomed = False
        for kind, payload in came:
            if kind == frames.WELCOME:
                self.sent = frozenset(json.loads(payload)["sent"])
                welcomed = True
            else:
                self._early += self._understood(kind, payload)
        return welcomed

    # --- what it is told ----------------------------------------------------------------------------------------------

    def send(self, channel: int, parts: Sequence[bytes], key: str = "") -> None:
        """Send a message on a channel. What has a key is sent to the kernel once, also if this is said again."""
        self._write(frames.send_frame(channel, key.encode(), parts))

    def acknowledge(self, seq: int, keep: Collection[int]) -> None:
        """Everything up to `seq` but `keep` need not be kept any longer."""
        self._tell(frames.ACKNOWLEDGE, {"seq": seq, "keep": sorted(keep)})

    def signal(self, number: int) -> None:
        """Send a signal to the kernel's process group."""
        self._write(frames.frame(frames.SIGNAL, bytes((number,))))

    def note(self, **about: Any) -> None:
        """Have the manifest say this too."""
        self._tell(frames.NOTE, about)

    def end(self) -> None:
        """Have the keeper kill its kernel, leave nothing, and end."""
        self._write(frames.frame(frames.END))

    def _tell(self, kind: int, told: Mapping[str, Any]) -> None:
        self._write(frames.frame(kind, json.dumps(told).encode()))

    def _write(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    # --- what it says -------------------------------------------------------------------------------------------------

    async def receive(self) -> list[FromKernel | KeeperState] | None:
        """What has arrived; None when the keeper is gone."""
        if self._early:
            early, self._early = self._early, []
            return early
        try:
            data = await self._reader.read(READ_BYTES)
        except OSError:
            return None
        if not data:
            return None
        return [said for kind, payload in self._parser.feed(data) for said in self._understood(kind, payload)]

    def _understood(self, kind: int, payload: bytes) -> list[FromKernel | KeeperState]:
        if kind == frames.MESSAGE:
            return [FromKernel(*frames.read_message(payload))]
        if kind == frames.STATE:
            return [KeeperState(**json.loads(payload))]
        if kind == frames.LOG:
            self._log += payload
            del self._log[:-LOG_BYTES]
        elif kind == frames.BYE:
            self.ended = True
        return []

    def log_tail(self) -> str:
        """The last lines that the kernel's process wrote."""
        return "\n".join(self._log.decode("utf-8", "replace").splitlines()[-LOG_TAIL_LINES:])

    # --- its end ------------------------------------------------------------------------------------------------------

    async def why_it_died(self) -> str:
        """How a keeper that is gone without a farewell ended, for people."""
        how = ""
        if self._process is not None:
            how = f" ({describe_exit(await self._process.wait())})"
        return f"the process that kept it ended{how}; {_last_words(Path(self.manifest.folder))}".rstrip("; ")

    def kill(self) -> None:
        """End a keeper that does not listen. `close` does the rest."""
        if manifest.process_began(self.manifest.pid) == self.manifest.began:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.manifest.pid, 9)

    async def close(self) -> None:
        """Wait until a keeper that was told to end, or is dying, is gone, and see to it that nothing is left."""
        if hasattr(self, "_writer"):
            self._writer.close()
        if self._process is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), END_SECONDS)
        await asyncio.to_thread(self._clear)

    def _clear(self) -> None:
        about = self.manifest
        if not manifest.wait_until_gone(about.pid, about.began, END_SECONDS):
            self.kill()
            manifest.wait_until_gone(about.pid, about.began, END_SECONDS)
        manifest.clear(self._folder, about, just_now=True)


async def _spawn(folder: Path) -> asyncio.subprocess.Process:
    """Start a keeper; it waits for its order. What it prints, as when it crashes, goes to a file in its folder."""
    descriptor = os.open(folder / "keeper.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "clients.daemon.keeper.main"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def _last_words(folder: Path) -> str:
    with contextlib.suppress(OSError):
        return (folder / "keeper.log").read_text(errors="replace")[-2000:].strip()
    return ""
