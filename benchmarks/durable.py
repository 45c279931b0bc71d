"""How soon an edit is known to be on disk, and how many a second are.

Writers speak the protocol over WebSockets and look at the heads the hub acknowledges. *Alone*: one writer, the next
edit after the last was acknowledged. *Ten*: ten such writers at once. *Flat out*: ten writers, each with a window of
edits under way. Beside them the floor of this disk in the same run: one small transaction after another in SQLite with
the hub's settings (WAL, synchronous FULL).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Final

from benchmarks.contenders import Hub, join_all, open_at
from benchmarks.process import Server
from benchmarks.report import milliseconds, print_table, quantile
from benchmarks.typists import QuireTypist, Score, Shared
from notebook_doc.sync_message import Have, decode, encode
from relay.frames import FrameType, frame

SECONDS: Final = 3.0
WRITERS: Final = 10
# Edits each writer of the last row keeps under way: enough that the hub never waits for writers.
WINDOW: Final = 200
# Seconds for the edits under way to be acknowledged at the end.
DRAIN_SECONDS: Final = 10.0
# What a typed character takes in the store.
CHUNK_BYTES: Final = 130


class Writer(QuireTypist):
    """Types without looking at what others do, so that its own latest change stays among the hub's heads."""

    def __init__(self, shared: Shared, cell: int, window: int) -> None:
        super().__init__(Score(receivers=1), shared, cell)
        self._window = window
        self._under_way: deque[tuple[bytes, float]] = deque()
        self._own: bytes | None = None
        self._writing = False
        self.took: list[float] = []
        self.done = asyncio.Event()

    def start(self) -> None:
        """Begin to write."""
        self._writing = True
        while len(self._under_way) < self._window:
            self._write()

    def stop(self) -> None:
        """Write nothing more; `done` is set when everything is acknowledged."""
        self._writing = False
        if not self._under_way:
            self.done.set()

    def _write(self) -> None:
        shared = self._shared
        assert shared.press is not None, "the notebook is here"
        self._seq += 1
        deps = tuple(self._heads) if self._own is None else (self._own,)
        self._own, chunk = shared.press.change(self._actor, self._seq, deps, self._cell)
        self._under_way.append((self._own, time.perf_counter()))
        payload = encode((self._own,), (), (Have(self._hub_heads, b""),), (chunk,))
        self.client.send(frame(FrameType.NOTEBOOK_SYNC, payload))

    def _synced(self, payload: bytes) -> None:
        heads = decode(payload[1:]).heads
        acknowledged = next((i for i, (own, _) in enumerate(self._under_way) if own in heads), None)
        if acknowledged is None:
            return
        now = time.perf_counter()
        self._hub_heads = heads
        for _ in range(acknowledged + 1):
            self.took.append(now - self._under_way.popleft()[1])
        while self._writing and len(self._under_way) < self._window:
            self._write()
        if not self._under_way:
            self.done.set()


async def durable() -> None:
    """Measure, and print the table."""
    rows = [_floor()]
    with Hub().running() as server:
        rows.append(await _row("quire hub, 1 writer", server, 1, 1))
        rows.append(await _row(f"quire hub, {WRITERS} writers", server, WRITERS, 1))
        rows.append(await _row(f"quire hub, {WRITERS} writers, flat out", server, WRITERS, WINDOW))
    rows.append(_floor())
    print_table("Edit to acknowledgement from disk", ("what", "p50 ms", "p95 ms", "edits/s", "server us/edit"), rows)


async def _row(name: str, server: Server, writers: int, window: int) -> tuple[str, ...]:
    shared = await open_at(server)
    team = [Writer(shared, 7 * i, window) for i in range(writers)]
    await join_all(team, server)
    await asyncio.sleep(0.3)
    cpu, began = server.cpu_seconds(), time.perf_counter()
    for writer in team:
        writer.start()
    await asyncio.sleep(SECONDS)
    for writer in team:
        writer.stop()
    async with asyncio.timeout(DRAIN_SECONDS):
        for writer in team:
            await writer.done.wait()
    elapsed, cpu = time.perf_counter() - began, server.cpu_seconds() - cpu
    took = [seconds for writer in team for seconds in writer.took]
    for writer in team:
        writer.leave()
    return _figures(name, took, elapsed, f"{cpu / len(took) * 1e6:.0f}")


def _floor() -> tuple[str, ...]:
    with (
        tempfile.TemporaryDirectory(prefix="quire-benchmark-") as folder,
        contextlib.closing(sqlite3.connect(Path(folder, "floor.db"), isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE chunks (id INTEGER PRIMARY KEY, data BLOB)")
        took, data, began = [], bytes(CHUNK_BYTES), time.perf_counter()
        while time.perf_counter() - began < SECONDS / 3:
            before = time.perf_counter()
            connection.execute("INSERT INTO chunks (data) VALUES (?)", (data,))
            took.append(time.perf_counter() - before)
        return _figures("SQLite alone, a commit each", took, time.perf_counter() - began, "-")


def _figures(name: str, took: list[float], elapsed: float, cpu: str) -> tuple[str, ...]:
    rate = f"{len(took) / elapsed:,.0f}"
    return name, milliseconds(quantile(took, 0.5)), milliseconds(quantile(took, 0.95)), rate, cpu
