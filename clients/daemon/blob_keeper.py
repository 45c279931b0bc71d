"""Blobs on their way to the hub, put before a document names them.

A BlobKeeper remembers which blobs it put lately, so that what comes again and again (the source of a widget's view, the
end of an animation) is put once. While the hub is away it waits for it, so a long output survives the hub's restart.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from clients.peer.errors import NotConnected
from clients.peer.notebook import Notebook

REMEMBERED: Final = 4096  # names, 100 bytes each
RETRY_SECONDS: Final = 0.2


class BlobKeeper:
    """See the module. One per notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._put: OrderedDict[str, None] = OrderedDict()

    async def keep(self, blobs: Mapping[str, bytes]) -> None:
        """Return when all of these are on the hub's disk. Raises RequestFailed if it does not take one."""
        for name, data in blobs.items():
            if name not in self._put:
                await self._keep(data)
            self._put[name] = None
            self._put.move_to_end(name)
        while len(self._put) > REMEMBERED:
            self._put.popitem(last=False)

    async def _keep(self, data: bytes) -> None:
        while True:
            try:
                await self._notebook.put_blob(data)
                return
            except NotConnected:
                await self._notebook.until(lambda: self._notebook.online)  # raises what ends the session
                await asyncio.sleep(RETRY_SECONDS)
