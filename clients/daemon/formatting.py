"""Formatting of cells, for peers that ask, and the setting that says when the page does it by itself.

A Formatting is a service of a notebook. It answers with the formatted text and edits nothing: the asking peer writes
the difference, so that what is typed meanwhile is merged. Two peers that write the same difference would write it
twice, so of those who ask for one code of one cell at once the first one writes. It asks no kernel, so it answers while
one is busy. It promises one process at a time for each notebook, and an answer in bounded time. What the setting
`formatting` says stands at the root of RuntimeDoc, where every peer sees it change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from clients.daemon.services import Asked, Served, Service, ServiceHost
from clients.peer.errors import CannotFormat
from clients.peer.formatting import formatted
from notebook_doc.replica import ROOT
from notebook_doc.settings import FORMATTING, Settings
from relay.errors import ErrorCode, WireError
from relay.requests import Format

# Seconds until a request is answered with that it takes too long, the wait for others' included.
PATIENCE: Final = 15.0
# Seconds in which who was told how a cell would be formatted writes it, and others have what was written.
WRITES_WITHIN: Final = 5.0


class _Turn(NamedTuple):
    """Somebody may write a cell, until a time of the loop."""

    peer_id: str
    until: float


class Formatting(Service):
    """See the module. `changed` returns when the settings are others than they were."""

    def __init__(
        self, host: ServiceHost, settings: Callable[[], Settings], changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._notebook = host.notebook
        self._settings = settings
        self._changed = changed
        self._turn = asyncio.Lock()
        self._writing: dict[tuple[str, str], _Turn] = {}  # by cell and the code that it had

    def serves(self) -> Served:
        """See Service."""
        return {Format: self._format}

    async def run(self) -> None:
        """See Service."""
        while True:
            self._say(self._settings().formatting)
            await self._changed()

    def _say(self, when: str) -> None:
        runtime = self._notebook.runtime
        if (runtime.replica.string(ROOT, FORMATTING) or Settings.formatting) != when:
            with runtime.edit():
                runtime.put_root(FORMATTING, when)
            self._notebook.touch()

    async def _format(self, body: Format, asked: Asked) -> dict[str, Any]:
        if body.language != "python":
            return _as_it_is(body, f"Only Python is formatted, not {body.language or 'raw text'}.")
        try:
            async with asyncio.timeout(PATIENCE), self._turn:
                done = await formatted(body.code)
        except CannotFormat as error:
            raise WireError(ErrorCode.CANNOT_FORMAT, error.message, error.hint) from error
        except TimeoutError:
            message = f"Others format cells of this notebook; its turn did not come within {PATIENCE:g} s."
            raise WireError(ErrorCode.CANNOT_FORMAT, message, "Try again.") from None
        if done.code != body.code and not self._takes_turn(body, asked.by.peer_id):
            return _as_it_is(body, "Somebody else formats it at this moment.", taken=True)
        return {"code": done.code, "why": done.why, "taken": False}

    def _takes_turn(self, body: Format, peer_id: str) -> bool:
        now = asyncio.get_running_loop().time()
        self._writing = {which: turn for which, turn in self._writing.items() if turn.until > now}
        if body.cell_id is None:
            return True
        turn = self._writing.setdefault((body.cell_id, body.code), _Turn(peer_id, now + WRITES_WITHIN))
        return turn.peer_id == peer_id


def _as_it_is(body: Format, why: str, *, taken: bool = False) -> dict[str, Any]:
    return {"code": body.code, "why": why, "taken": taken}
