"""The settings document and its file, kept equal in both directions by the daemon.

A SettingsMirror is a peer of the settings document. What changes there is written to `settings.toml` in the state
folder; what somebody writes into that file goes to the document, setting by setting, so that other changes survive.
Neither side echoes: a write of ours is known by its content, and a side is written only where it says something else
than the other. When it begins, the document wins for what both say, unless the file was edited since it was last
written (its content is not what `.settings.mirrored` remembers) or the document says nothing yet. A file that cannot be
read is left alone and logged.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from clients.peer.errors import PeerError
from clients.peer.hub_address import HubAddress
from clients.peer.notebook import Notebook, this_program
from notebook_doc.json_values import Json
from notebook_doc.settings import KEY, SETTINGS_ID, BadSetting, Settings, from_toml, problems, settings_of, to_toml
from relay.errors import WireError

logger = logging.getLogger("quire.daemon")

FILE: Final = "settings.toml"
_REMEMBERED: Final = ".settings.mirrored"
# Seconds between looks at the file, one `stat` each; and until it is tried again to reach the hub.
LOOK_EVERY: Final = 0.5
AGAIN: Final = 1.0


class SettingsMirror:
    """See the module. Owns the file. `current` is what is set now."""

    def __init__(self, address: HubAddress, state: Path, on_change: Callable[[], None]) -> None:
        self._address = address
        self._path = state / FILE
        self._remembered = state / _REMEMBERED
        self._on_change = on_change
        self._seen: bytes | None = None  # the file's content as it was last read or written
        self._stamp: tuple[int, int] | None = None
        self._mirrored: Any = None  # what the document said when the file was last made to say it
        self.current = settings_of(_values(self._path))
        self._changed = asyncio.Event()  # of the next change; each has one of its own

    async def run(self) -> None:
        """Mirror until cancelled; the hub may come and go."""
        while True:
            try:
                peer = this_program("settings")
                async with Notebook.connect(SETTINGS_ID, self._address, peer=peer) as document:
                    await self._mirror(document)
            except (PeerError, WireError) as error:
                logger.info("settings are not mirrored at the moment: %s", error)
            await asyncio.sleep(AGAIN)

    async def changed(self) -> None:
        """Return when `current` is another than at the call."""
        await self._changed.wait()

    async def _mirror(self, document: Notebook) -> None:
        edited = KEY not in document.metadata or await asyncio.to_thread(self._edited_meanwhile)
        await self._from_file(document) if edited else await self._to_file(document)
        while True:
            if await document.until(lambda: bool(document.metadata.get(KEY) != self._mirrored), LOOK_EVERY):
                await self._to_file(document)
            elif await asyncio.to_thread(self._file_moved):
                await self._from_file(document)

    def _edited_meanwhile(self) -> bool:
        content = _read(self._path)
        if content is None:
            return False
        return not self._remembered.exists() or self._remembered.read_text() != _digest(content)

    def _file_moved(self) -> bool:
        """Whether the file has another content than when it was last looked at. Blocks for a stat."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        content = _read(self._path)
        return content is not None and content != self._seen

    async def _from_file(self, document: Notebook) -> None:
        content = await asyncio.to_thread(_read, self._path)
        if content is None:
            return
        self._seen = content
        try:
            values = from_toml(content.decode())
        except (BadSetting, UnicodeDecodeError) as error:
            logger.error("%s is not taken in: %s", self._path, error)
            return
        for problem in problems(values):
            logger.warning("%s: %s", self._path, problem)
        self._now(values)
        if document.metadata.get(KEY) != values:
            document.set_metadata({**document.metadata, KEY: values})
        self._mirrored = document.metadata.get(KEY)
        await asyncio.to_thread(self._remembered.write_text, _digest(content))

    async def _to_file(self, document: Notebook) -> None:
        told = self._mirrored = document.metadata.get(KEY)
        values: dict[str, Json] = told if isinstance(told, dict) else {}
        self._now(values)
        if not values and not await asyncio.to_thread(self._path.exists):
            return  # nothing was ever set
        content = to_toml(values).encode()
        if await asyncio.to_thread(_values, self._path) != values:
            await asyncio.to_thread(_write, self._path, content)
            self._seen, self._stamp = content, await asyncio.to_thread(_stamp, self._path)
            await asyncio.to_thread(self._remembered.write_text, _digest(content))

    def _now(self, values: dict[str, Any]) -> None:
        current = settings_of(values)
        if current != self.current:
            self.current = current
            self._on_change()
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()


def read_settings(state: Path) -> Settings:
    """What the file says. Blocks."""
    return settings_of(_values(state / FILE))


def _values(path: Path) -> dict[str, Json]:
    content = _read(path)
    try:
        return {} if content is None else from_toml(content.decode())
    except (BadSetting, UnicodeDecodeError):
        return {}


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
