"""A TCP proxy that treats its connections badly, on purpose and from a seed: it cuts, resets and stalls them.

Bytes that it passes on are passed on in order and unchanged, in pieces of any size; a connection that it ends may end
in the middle of anything. As a reverse proxy does, it puts the server's own address into the Host header. With `rough`
False it behaves, so that a test can let things come to rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from random import Random


class RoughProxy:
    """Listens on a port of its own. `rough` may be changed at any time; `connections` counts those it accepted."""

    def __init__(self, port: int, seed: int) -> None:
        self.rough = True
        self.may_pass = asyncio.Event()  # cleared: pass on nothing, end nothing
        self.may_pass.set()
        self.connections = 0
        self.port = 0
        self._to = port
        self._random = Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways."""
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers |= {writer, back}
            back.write(head.replace(b":%d\r\n" % self.port, b":%d\r\n" % self._to))
            ways = [asyncio.create_task(self._pass(reader, back)), asyncio.create_task(self._pass(there, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writers -= {writer, back}
            back.close()
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(self._random.choice((1, 7, 100, 65536)) if self.rough else 65536):
            await self.may_pass.wait()
            if self.rough:
                chance = self._random.random()
                if chance < 0.01:
                    return  # cut: what was read is lost
                if chance < 0.02:
                    self._reset(writer)
                    return
                if chance < 0.06:
                    await asyncio.sleep(self._random.uniform(0, 0.02))
            writer.write(data)
            await writer.drain()

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        """End it with a TCP reset instead of a FIN."""
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    def cut_all(self) -> None:
        """End every connection now."""
        for writer in self._writers:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def rough_proxy(port: int, seed: int = 0, *, rough: bool = True) -> AsyncIterator[RoughProxy]:
    """A proxy in front of a port."""
    proxy = RoughProxy(port, seed)
    proxy.rough = rough
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(proxy.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut_all()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
