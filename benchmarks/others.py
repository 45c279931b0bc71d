"""Servers of other projects, installed on demand into benchmarks/.cache, and the peers that speak to them.

Both keep a Yjs document. A typed character is an update of one item, pressed here byte by byte (the format of Yjs
updates, version 1), as `change_press` does for Automerge; the servers merge updates, so peers look for items.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import getrandbits
from shutil import which
from typing import Final

from benchmarks.contenders import Contender, join_all
from benchmarks.process import Server, running
from benchmarks.typists import Score, Typist
from notebook_doc.errors import BadSyncMessage
from notebook_doc.sync_message import Reader, uleb

_CACHE: Final = Path(__file__).with_name(".cache")
_PYCRDT: Final = ("pycrdt-websocket==0.16.5", "uvicorn", "uvloop", "websockets")
_HOCUSPOCUS: Final = "@hocuspocus/server@3.4.4"

_SYNC, _AUTH = b"\x00", b"\x02"  # kinds of messages
_STEP_1, _STEP_2, _UPDATE = b"\x00", b"\x01", b"\x02"  # kinds of sync messages
_EMPTY_UPDATE: Final = b"\x00\x00"
_STRING_ITEM: Final = 4
_HAS_LEFT, _HAS_RIGHT, _HAS_KEY = 0x80, 0x40, 0x20


def others() -> list[Contender]:
    """What can be measured beside Quire on this machine; installs it the first time."""
    found: list[Contender] = [Pycrdt(stored=False), Pycrdt(stored=True)]
    if which("node") is not None and which("npm") is not None:
        found.append(Hocuspocus())
    return found


class YTypist(Typist):
    """A Yjs peer that appends to its own text, one item a character. `prefix` precedes every message."""

    path = "/room"
    prefix = b""

    def __init__(self, score: Score) -> None:
        super().__init__(score)
        self._id = getrandbits(31)
        self._clock = 0
        self._joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def join(self, server: Server) -> None:
        await self.client.open("127.0.0.1", server.port, self.path)
        self.greet()
        async with asyncio.timeout(10):
            await self._joined

    def greet(self) -> None:
        """Ask for everything."""
        self._say(_STEP_1, b"\x00")

    def type(self) -> None:
        if self._clock:
            left = uleb(self._id) + uleb(self._clock - 1)
            item = bytes((_STRING_ITEM | _HAS_LEFT,)) + left + b"\x01x"
        else:
            name = f"text {self._id}".encode()
            item = bytes((_STRING_ITEM, 1)) + uleb(len(name)) + name + b"\x01x"
        update = b"\x01\x01" + uleb(self._id) + uleb(self._clock) + item + b"\x00"
        self.score.sent(_name(self._id, self._clock))
        self._clock += 1
        self._say(_UPDATE, update)

    def take(self, payload: bytes) -> None:
        now = time.perf_counter()
        if not payload.startswith(self.prefix):
            return
        reader = Reader(payload, len(self.prefix))
        if reader.take(1) != _SYNC:
            return
        kind, content = reader.take(1), reader.take(reader.uleb())
        if kind == _STEP_1:
            self._say(_STEP_2, _EMPTY_UPDATE)
        elif kind == _STEP_2 and not self._joined.done():
            self._joined.set_result(None)
        elif kind == _UPDATE:
            for edit in _edits(content):
                self.score.received(edit, now)

    def _say(self, kind: bytes, content: bytes) -> None:
        self.client.send(self.prefix + _SYNC + kind + uleb(len(content)) + content)


class HocuspocusTypist(YTypist):
    """Names the document in every message and has to say who it is first."""

    path = "/"
    prefix = b"\x04room"

    def greet(self) -> None:
        self.client.send(self.prefix + _AUTH + b"\x00\x01-")
        super().greet()


def _name(client: int, clock: int) -> bytes:
    return f"{client} {clock}".encode()


def _edits(update: bytes) -> list[bytes]:
    """The characters that an update inserts. Knows only the items that `type` makes, apart or merged."""
    reader, found = Reader(update), []
    with contextlib.suppress(BadSyncMessage):
        for _ in range(reader.uleb()):
            structs, client, clock = reader.uleb(), reader.uleb(), reader.uleb()
            for _ in range(structs):
                info = reader.take(1)[0]
                for side in (_HAS_LEFT, _HAS_RIGHT):
                    if info & side:
                        reader.uleb()
                        reader.uleb()
                if not info & (_HAS_LEFT | _HAS_RIGHT) and reader.uleb():
                    reader.take(reader.uleb())
                length = len(reader.take(reader.uleb()))
                found += [_name(client, clock + i) for i in range(length)]
                clock += length
    return found


class _Yjs(Contender):
    typist: type[YTypist] = YTypist

    async def typists(self, server: Server, score: Score, peers: int) -> list[Typist]:
        typists: list[Typist] = [self.typist(score) for _ in range(peers)]
        await join_all(typists, server)
        return typists

    @contextmanager
    @abstractmethod
    def running(self) -> Iterator[Server]:
        yield  # type: ignore[misc]  # abstract: a generator only for its type


class Pycrdt(_Yjs):
    """pycrdt-websocket on uvicorn, with or without its SQLite store."""

    def __init__(self, *, stored: bool) -> None:
        self.name = "pycrdt-websocket" + (" + SQLite" if stored else "")
        self._stored = stored
        self._home = _CACHE / "pycrdt"

    @contextmanager
    def running(self) -> Iterator[Server]:
        interpreter = self._home / "bin" / "python"
        if not interpreter.exists():
            subprocess.run([sys.executable, "-m", "venv", self._home], check=True)
            subprocess.run([interpreter, "-m", "pip", "install", "--quiet", *_PYCRDT], check=True)
        with tempfile.TemporaryDirectory(prefix="quire-benchmark-", ignore_cleanup_errors=True) as folder:
            command: list[str | Path] = [interpreter, "-m", "benchmarks.servers.pycrdt_server"]
            with running([*command, Path(folder, "y.db")] if self._stored else command) as server:
                yield server


class Hocuspocus(_Yjs):
    """Hocuspocus on Node, without a store."""

    name = "Hocuspocus (no store)"
    typist = HocuspocusTypist

    @contextmanager
    def running(self) -> Iterator[Server]:
        home = _CACHE / "hocuspocus"
        if not (home / "node_modules" / "@hocuspocus").exists():
            home.mkdir(parents=True, exist_ok=True)
            (home / "package.json").write_text("{}")
            subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", _HOCUSPOCUS], cwd=home, check=True)
        with running(["node", Path(__file__).parent / "servers" / "hocuspocus.mjs", home]) as server:
            yield server
