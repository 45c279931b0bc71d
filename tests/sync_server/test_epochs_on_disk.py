"""A new epoch on disk is the old one or the new one, whole, whenever the hub dies or the disk is full."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clients.peer.notebook import Notebook
from notebook_doc.rotation import next_epoch
from notebook_doc.runtime_records import Execution
from relay.messages import PeerInfo
from sync_server.sqlite_store import SqliteStore
from sync_server.store import DocKey
from tests.support.aio import aio
from tests.support.hub import hub_here

if TYPE_CHECKING:
    from tests.support.small_disk import SmallDisk

# Begins epoch after epoch, each a snapshot and a few appends, and tells through a pipe how far it was acknowledged.
CHILD = """
import asyncio, os, sys, zlib
from pathlib import Path
from sync_server.sqlite_store import SqliteStore
from sync_server.store import DocKey, NotebookRow

def made(name):
    body = name + bytes(len(name) * 4001 % 20000)
    return body + b":%d" % zlib.crc32(body)

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    row = await store.notebook("n1")
    if row is None:
        await store.put_notebook(NotebookRow("n1", None, 0, None, 1.0, 1.0))
    epoch = 1 if row is None else row.runtime_epoch + 1
    while True:
        key = DocKey("n1", "runtime", epoch)
        await store.begin_epoch(key, made(b"%d" % epoch))
        os.write(1, b"%d 0\\n" % epoch)
        for number in range(1, 4):
            await store.append(key, [made(b"%d.%d" % (epoch, number))])
            os.write(1, b"%d %d\\n" % (epoch, number))
        epoch += 1

asyncio.run(main())
"""


def whole(data: bytes, name: bytes) -> bool:
    body, _, crc = data.rpartition(b":")
    return body.startswith(name + b"\0") and zlib.crc32(body) == int(crc)


async def check(folder: Path, acknowledged: tuple[int, int]) -> None:
    store = await SqliteStore.open(folder)
    row = await store.notebook("n1")
    assert row is not None
    epoch = row.runtime_epoch
    stored = await store.load(DocKey("n1", "runtime", epoch))
    assert stored is not None
    assert stored.snapshot is not None
    assert whole(stored.snapshot, b"%d" % epoch)
    assert all(whole(chunk, b"%d.%d" % (epoch, number)) for number, chunk in enumerate(stored.changes, 1))
    assert (epoch, len(stored.changes)) >= acknowledged
    for other in (epoch - 1, epoch + 1):
        assert await store.load(DocKey("n1", "runtime", other)) is None
    await store.close()


def test_a_kill_at_any_moment_leaves_one_epoch_whole_with_what_was_acknowledged(tmp_path: Path) -> None:
    for seed in range(6):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(random.Random(seed).randrange(3, 60))]
        child.kill()
        told += [line for line in child.stdout.readlines() if line.endswith(b"\n")]
        child.wait()
        child.stdout.close()
        epoch, number = map(int, told[-1].split())
        asyncio.run(check(tmp_path, (epoch, number)))


@aio
async def test_an_epoch_that_finds_the_disk_full_begins_when_there_is_room(small_disk: SmallDisk) -> None:
    if not small_disk.mounted:
        pytest.skip("needs a disk of its own: SQLite's shared memory cannot grow under a limit on file sizes")
    async with hub_here(small_disk.folder / "state") as running:
        notebook_id = await running.open(small_disk.folder / "a.ipynb")
        peer = PeerInfo(peer_id="d", name="daemon", kind="daemon")
        async with (
            Notebook.connect(notebook_id, running.address, peer=peer, role="daemon") as daemon,
            Notebook.connect(notebook_id, running.address) as ann,
        ):
            daemon.runtime.record(Execution(id="e1", cell_id="c", status="done"))
            daemon.touch()
            assert await daemon.until(lambda: daemon.runtime_is_saved, 60)
            with small_disk.full():
                daemon.begin_epoch(next_epoch(daemon.runtime))
                daemon.runtime.put_root("noise", [f"{number:099}" for number in range(3000)])
                daemon.runtime.record(Execution(id="e2", cell_id="c", status="done"))
                daemon.touch()
                assert await ann.until(lambda: bool(ann.warnings), 60), "everyone is told"
                assert not daemon.runtime_is_saved
            assert await daemon.until(lambda: daemon.runtime_is_saved, 60)
            assert await ann.until(lambda: ann.runtime.execution("e2") is not None, 60)
            assert ann.runtime.epoch == 1
