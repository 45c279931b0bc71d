"""Formatting of cells, for peers that ask, and the setting that says when the page does it by itself.

A Formatting is a service of a notebook. It answers with the formatted text and edits nothing: the asking peer writes
the difference, so that what is typed meanwhile is merged. It asks no kernel, so it answers while one is busy. It
promises one process at a time for each notebook, and an answer in bounded time. What the setting `formatting` says
stands at the root of RuntimeDoc, where every peer sees it change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from clients.daemon.services import Asked, Served, Service, ServiceHost
from clients.peer.errors import CannotFormat
from clients.peer.formatting import formatted
from notebook_doc.replica import ROOT
from notebook_doc.settings import FORMATTING, Settings
from relay.errors import ErrorCode, WireError
from relay.requests import Format

# Seconds until a request is answered with that it takes too long, the wait for others' included.
PATIENCE: Final = 15.0


class Formatting(Service):
    """See the module. `changed` returns when the settings are others than they were."""

    def __init__(
        self, host: ServiceHost, settings: Callable[[], Settings], changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._notebook = host.notebook
        self._settings = settings
        self._changed = changed
        self._turn = asyncio.Lock()

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
            return {"code": body.code, "why": f"Only Python is formatted, not {body.language or 'raw text'}."}
        try:
            async with asyncio.timeout(PATIENCE), self._turn:
                done = await formatted(body.code)
        except CannotFormat as error:
            raise WireError(ErrorCode.CANNOT_FORMAT, error.message, error.hint) from error
        except TimeoutError:
            message = f"Others format cells of this notebook; its turn did not come within {PATIENCE:g} s."
            raise WireError(ErrorCode.CANNOT_FORMAT, message, "Try again.") from None
        return {"code": done.code, "why": done.why}
