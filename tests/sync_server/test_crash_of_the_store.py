"""kill -9 at any moment: every acknowledged chunk is there, whole and in order."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from sync_server.sqlite_store import SqliteStore
from sync_server.store import DocKey

KEYS = [DocKey("n1", "notebook"), DocKey("n1", "runtime", 1)]

# Appends to two documents as fast as it can, eight chunks in flight, compacting now and then, and tells through a pipe
# which numbers were acknowledged. A snapshot is the number of chunks it stands for.
CHILD = """
import asyncio, os, sys, zlib
from pathlib import Path
from sync_server.sqlite_store import SqliteStore
from sync_server.store import DocKey

async def writer(store, key, name):
    stored = await store.load(key)
    compacted = int(stored.snapshot or b"0") if stored else 0
    number = compacted + (len(stored.changes) if stored else 0)
    while True:
        batch = range(number, number + 4)
        body = [b"%d:" % n + bytes([n % 251]) * (n * 37 % 900) for n in batch]
        await asyncio.gather(*(store.append(key, [chunk + b":%d" % zlib.crc32(chunk)]) for chunk in body))
        number += 4
        os.write(1, b"%d %d\\n" % (name, number))
        if number % 100 == 0:
            await store.replace_with_snapshot(key, b"%d" % (number - 10), covers=number - 10 - compacted)
            compacted = number - 10

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    async with asyncio.TaskGroup() as group:
        group.create_task(writer(store, DocKey("n1", "notebook"), 0))
        group.create_task(writer(store, DocKey("n1", "runtime", 1), 1))

asyncio.run(main())
"""


def crash_once(folder: Path, lines: int, acknowledged: list[int]) -> None:
    """Run the child until it has acknowledged so many batches, then kill it; note the last numbers it told."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    child.kill()
    told += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    for line in told:
        name, _, number = line.decode().partition(" ")
        if line.endswith(b"\n"):
            acknowledged[int(name)] = int(number)
    assert child.returncode == -9


async def check(folder: Path, acknowledged: list[int]) -> None:
    store = await SqliteStore.open(folder)
    for key, least in zip(KEYS, acknowledged, strict=True):
        stored = await store.load(key)
        assert stored is not None
        first = int(stored.snapshot or b"0")
        for number, chunk in enumerate(stored.changes, start=first):
            content, _, crc = chunk.rpartition(b":")
            assert content.startswith(b"%d:" % number)
            assert zlib.crc32(content) == int(crc)
        assert first + len(stored.changes) >= least
    await store.close()


def crash_rounds(folder: Path, rounds: int) -> None:
    acknowledged = [0, 0]
    for seed in range(rounds):
        crash_once(folder, random.Random(seed).randrange(5, 120), acknowledged)
        asyncio.run(check(folder, acknowledged))
    assert min(acknowledged) > 0


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    crash_rounds(tmp_path, rounds=5)


@pytest.mark.slow
def test_what_was_acknowledged_survives_fifty_kills(tmp_path: Path) -> None:
    crash_rounds(tmp_path, rounds=50)
