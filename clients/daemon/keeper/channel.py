"""One zmq socket on the event loop, for one reading task.

Knows multipart messages as bytes. `zmq.asyncio` does the same with several futures and two loop turns a message; here a
wake-up takes all that has arrived, which is what a kernel that prints line by line needs. Taking and sending never
wait, so a cancelled reader has never lost a message. Owns its socket. Needs a loop that watches file descriptors.

A zmq socket's descriptor says only that *something* happened since the socket was last looked at. So whoever looks at
it (every send and receive does) must go on until nothing is left, or leave a note to come back: `_arrived` is that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import zmq


class Channel:
    """A connected socket. Close it before its context."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._descriptor = int(socket.getsockopt(zmq.FD))
        self._arrived = asyncio.Event()
        self._arrived.set()  # what came before we watched
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._look)

    async def wait(self) -> None:
        """Wait until there may be something to take. Other tasks have a turn even if that is now."""
        if self._arrived.is_set():
            await asyncio.sleep(0)
        else:
            await self._arrived.wait()

    def take(self, most: int) -> Iterator[list[bytes]]:
        """What has arrived, this many messages at most. If there is more, the next `wait` returns at once."""
        self._arrived.clear()
        for _ in range(most):
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            yield parts
        self._arrived.set()

    def send(self, parts: Sequence[bytes]) -> None:
        """Send a message; it must fit into the socket's queue."""
        self._socket.send_multipart(parts, zmq.NOBLOCK)
        self._arrived.set()

    def close(self) -> None:
        """Stop watching and close the socket; what was not sent yet is dropped."""
        self._loop.remove_reader(self._descriptor)
        self._socket.close(linger=0)

    def _look(self) -> None:
        self._socket.getsockopt(zmq.EVENTS)  # takes the descriptor's signal back; otherwise the loop would spin on it
        self._arrived.set()
