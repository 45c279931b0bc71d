"""Blobs on their way to the hub, put before a document names them, and back.

A BlobKeeper remembers which blobs it put lately, so that what comes again and again (the source of a widget's view, the
end of an animation) is put once, and puts many small ones in one request. While the hub is away, or its disk is full,
it waits, so a long output survives the hub's restart and the cleaning of its disk. What the hub will never take (too
large) is told, not raised: one such output must not end the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, TypeVar

from clients.peer.at_once import all_of
from clients.peer.errors import NotConnected, RequestFailed
from clients.peer.notebook import Notebook
from relay.errors import ErrorCode

REMEMBERED: Final = 4096  # names, 100 bytes each
RETRY_SECONDS: Final = 0.2
FULL_DISK_SECONDS: Final = 2.0  # until a hub without space is asked again
# Of a request that holds several blobs: a request costs the hub and us about 3 ms, whatever is in it, a blob 0.3 ms.
BATCH_BYTES: Final = 1024 * 1024
BATCH_BLOBS: Final = 64
# Requests at the same time: enough to overlap the hub's work with ours; more gains nothing.
AT_ONCE: Final = 4
R = TypeVar("R")

logger = logging.getLogger("quire.daemon")


class BlobKeeper:
    """See the module. One per notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._put: OrderedDict[str, None] = OrderedDict()
        self._refused: dict[str, str] = {}

    async def keep(self, blobs: Mapping[str, bytes]) -> dict[str, str]:
        """Return when these are on the hub's disk; of those that it refuses, why."""
        await all_of(map(self._keep, _batches({n: d for n, d in blobs.items() if n not in self._put})), AT_ONCE)
        refused = {name: self._refused.pop(name) for name in blobs if name in self._refused}
        for name in blobs:
            if name not in refused:
                self._put[name] = None
                self._put.move_to_end(name)
        while len(self._put) > REMEMBERED:
            self._put.popitem(last=False)
        return refused

    async def fetch(self, name: str) -> bytes:
        """The bytes of a blob. Raises RequestFailed if there is no such blob."""
        return await self._insist(lambda: self._notebook.blob(name))

    async def _keep(self, batch: Mapping[str, bytes]) -> None:
        if len(batch) > 1:
            await self._insist(lambda: self._notebook.put_blobs(list(batch.values())))
            return
        ((name, data),) = batch.items()
        try:
            await self._insist(lambda: self._notebook.put_blob(data))
        except RequestFailed as error:
            self._refused[name] = error.message

    async def _insist(self, ask: Callable[[], Awaitable[R]]) -> R:
        complained = False
        while True:
            try:
                return await ask()
            except NotConnected:
                await self._notebook.until(lambda: self._notebook.online)  # raises what ends the session
                await asyncio.sleep(RETRY_SECONDS)
            except RequestFailed as error:
                if error.code != ErrorCode.STORAGE:
                    raise
                if not complained:
                    logger.error("notebook %s: outputs wait: %s", self._notebook.id, error)
                complained = True
                await asyncio.sleep(FULL_DISK_SECONDS)


def _batches(blobs: Mapping[str, bytes]) -> Iterator[dict[str, bytes]]:
    """These in groups of a bounded size; what is large is a group by itself."""
    batch: dict[str, bytes] = {}
    size = 0
    for name, data in blobs.items():
        if batch and (size + len(data) > BATCH_BYTES or len(batch) == BATCH_BLOBS):
            yield batch
            batch, size = {}, 0
        batch[name] = data
        size += len(data)
    if batch:
        yield batch
