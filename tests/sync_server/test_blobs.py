"""Blobs are kept whole under their hash, and read back as they were put or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sync_server.blobs import PIECE_BYTES, DirectoryBlobStore, PutBlob, Sha256
from sync_server.errors import BadBlobName, BlobDamaged, BlobError, BlobMismatch, BlobNotFound, BlobsFull, BlobTooLarge

if TYPE_CHECKING:
    from tests.support.small_disk import SmallDisk


def sha(data: bytes) -> Sha256:
    return Sha256(hashlib.sha256(data).hexdigest())


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        await asyncio.sleep(0)
        yield piece


def test_a_blob_is_found_under_its_hash_after_reopening(tmp_path: Path) -> None:
    async def story() -> None:
        store = DirectoryBlobStore(tmp_path)
        assert await store.put(b"abc") == PutBlob(sha(b"abc"), 3, created=True)
        assert files(tmp_path) == ["ba/7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]
        store = DirectoryBlobStore(tmp_path)
        assert await store.has(sha(b"abc"))
        assert await store.size(sha(b"abc")) == 3
        assert await store.read(sha(b"abc")) == b"abc"
        assert await store.put(b"abc") == PutBlob(sha(b"abc"), 3, created=False)

    asyncio.run(story())


def test_the_empty_blob_is_a_blob(tmp_path: Path) -> None:
    async def story() -> None:
        store = DirectoryBlobStore(tmp_path)
        assert (await store.put(b"")).created
        assert await store.read(sha(b"")) == b""
        assert [piece async for piece in store.stream(sha(b""))] == []

    asyncio.run(story())


def test_the_same_blob_put_by_many_at_once_is_kept_once(tmp_path: Path) -> None:
    async def story() -> None:
        store = DirectoryBlobStore(tmp_path)
        data = bytes(100_000)
        done = await asyncio.gather(*(store.put(data) for _ in range(10)), store.put_stream(pieces(data)))
        assert {each.sha256 for each in done} == {sha(data)}
        assert await store.read(sha(data)) == data
        assert len(files(tmp_path)) == 1

    asyncio.run(story())


def test_a_part_of_a_blob_can_be_read_and_streamed(tmp_path: Path) -> None:
    async def story() -> None:
        store = DirectoryBlobStore(tmp_path)
        data = random.Random(1).randbytes(2 * PIECE_BYTES + 77)
        await store.put(data)
        for start, end in [(0, None), (5, 9), (PIECE_BYTES - 3, None), (7, 10**9), (len(data), None), (9, 5)]:
            assert await store.read(sha(data), start, end) == data[start:end]
            streamed = [piece async for piece in store.stream(sha(data), start, end)]
            assert b"".join(streamed) == data[start:end]
            assert all(len(piece) <= PIECE_BYTES for piece in streamed)

    asyncio.run(story())


def test_a_stream_is_kept_however_it_is_torn(tmp_path: Path) -> None:
    async def story() -> None:
        store = DirectoryBlobStore(tmp_path)
        data = random.Random(2).randbytes(3 * PIECE_BYTES + 1)
        torn = [data[at : at + 65_537] for at in range(0, len(data), 65_537)]
        done = await store.put_stream(pieces(b"", *torn), limit=len(data), expected=sha(data))
        assert done == PutBlob(sha(data), len(data), created=True)
        assert await store.read(sha(data)) == data

    asyncio.run(story())


def test_a_stream_that_is_too_long_or_of_another_hash_leaves_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        store = DirectoryBlobStore(tmp_path)
        with pytest.raises(BlobTooLarge):
            await store.put_stream(pieces(*[bytes(PIECE_BYTES)] * 4), limit=3 * PIECE_BYTES)
        with pytest.raises(BlobMismatch, match=sha(b"other")):
            await store.put_stream(pieces(bytes(PIECE_BYTES), b"abc"), expected=sha(b"other"))
        assert files(tmp_path) == []

    asyncio.run(story())


def test_a_stream_that_breaks_or_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        store = DirectoryBlobStore(tmp_path)
        arrived = asyncio.Event()

        async def hanging(then: BaseException | None) -> AsyncIterator[bytes]:
            yield bytes(2 * PIECE_BYTES)
            arrived.set()
            if then is not None:
                raise then
            await asyncio.Event().wait()

        with pytest.raises(ConnectionError):
            await store.put_stream(hanging(ConnectionError()))
        arrived.clear()
        put = asyncio.create_task(store.put_stream(hanging(None)))
        await arrived.wait()
        assert [name.startswith("incoming/") for name in files(tmp_path)] == [True]
        put.cancel()
        with pytest.raises(asyncio.CancelledError):
            await put
        assert files(tmp_path) == []

    asyncio.run(story())


def test_what_is_no_name_of_a_blob_never_reaches_the_disk(tmp_path: Path) -> None:
    async def story() -> None:
        store = DirectoryBlobStore(tmp_path / "blobs")
        (tmp_path / "secret").write_bytes(b"secret")
        for name in ["", "../secret", "/etc/passwd", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", "../" + "a" * 61]:
            for asked in (store.has, store.size, store.read):
                with pytest.raises(BadBlobName):
                    await asked(Sha256(name))

    asyncio.run(story())


def test_a_missing_blob_is_reported(tmp_path: Path) -> None:
    async def story() -> None:
        store = DirectoryBlobStore(tmp_path)
        assert not await store.has(sha(b"abc"))
        for asked in (store.size, store.read):
            with pytest.raises(BlobNotFound, match=sha(b"abc")):
                await asked(sha(b"abc"))

    asyncio.run(story())


@pytest.mark.parametrize("damage", [b"", b"ab", b"abd", b"abcd"])
def test_a_damaged_blob_is_reported_and_healed_by_putting_it_again(tmp_path: Path, damage: bytes) -> None:
    async def story() -> None:
        store = DirectoryBlobStore(tmp_path)
        await store.put(b"abc")
        assert await store.read(sha(b"abc")) == b"abc"
        file = tmp_path / files(tmp_path)[0]
        file.write_bytes(damage)
        os.utime(file, (1, 1))  # the clock of file times may not have moved on since the blob was put
        with pytest.raises(BlobDamaged, match=sha(b"abc")):
            await store.read(sha(b"abc"), 0, 1)
        assert not await store.has(sha(b"abc"))
        assert (await store.put(b"abc")).created
        assert await store.read(sha(b"abc")) == b"abc"

    asyncio.run(story())


def test_putting_a_blob_heals_a_file_of_another_size_that_nobody_read_yet(tmp_path: Path) -> None:
    async def story() -> None:
        store = DirectoryBlobStore(tmp_path)
        await store.put(b"abc")
        (tmp_path / files(tmp_path)[0]).write_bytes(b"")
        assert (await store.put(b"abc")).created
        assert await store.read(sha(b"abc")) == b"abc"

    asyncio.run(story())


def test_what_a_crash_left_is_gone_after_reopening(tmp_path: Path) -> None:
    DirectoryBlobStore(tmp_path)
    (tmp_path / "incoming" / "half").write_bytes(b"half a blob")
    DirectoryBlobStore(tmp_path)
    assert files(tmp_path) == []


def test_a_full_disk_is_reported_and_leaves_nothing(small_disk: SmallDisk) -> None:
    async def story() -> None:
        root = small_disk.folder / "blobs"
        store = DirectoryBlobStore(root)
        with small_disk.full():
            with pytest.raises(BlobsFull):
                await store.put(bytes(200_000))
            with pytest.raises(BlobsFull):
                await store.put_stream(pieces(*[bytes(PIECE_BYTES)] * 3))
        assert files(root) == []
        assert (await store.put(b"abc")).created

    asyncio.run(story())


def test_a_folder_that_may_not_be_written_is_reported(ordinary_user: Path) -> None:
    ordinary_user.chmod(0o500)
    with pytest.raises(BlobError, match="cannot be used"):
        DirectoryBlobStore(ordinary_user / "blobs")


CHILD = """
import asyncio, os, sys
from pathlib import Path
from sync_server.blobs import DirectoryBlobStore

async def main():
    store = DirectoryBlobStore(Path(sys.argv[1]))
    number = int(sys.argv[2])
    while True:
        number += 1
        done = await store.put(b"%d " % number * 30_000)
        os.write(1, done.sha256.encode() + b"\\n")

asyncio.run(main())
"""


def test_a_kill_leaves_whole_blobs_and_reopening_clears_the_rest(tmp_path: Path) -> None:
    for seed in range(5):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), str(seed * 1000)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(random.Random(seed).randrange(1, 40))]
        child.kill()
        told += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        DirectoryBlobStore(tmp_path)
        here = {name.replace("/", "") for name in files(tmp_path)}
        assert here >= {line.decode().strip() for line in told}
        for name in here:
            assert sha((tmp_path / name[:2] / name[2:]).read_bytes()) == name
