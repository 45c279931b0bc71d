"""Blobs over HTTP: ranges, caching, and nothing that a browser would run."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from sync_server.blob_routes import INERT_TYPES, Span, Unsatisfiable, blob_router, requested_span, served_type
from sync_server.blobs import DirectoryBlobStore, blob_name
from tests.sync_server.servers import serving

if TYPE_CHECKING:
    from tests.support.small_disk import SmallDisk

DATA = bytes(range(256)) * 5
NAME = hashlib.sha256(DATA).hexdigest()
PATH = f"/v1/blobs/{NAME}"


def run(
    root: Path, story: Callable[[httpx.AsyncClient, DirectoryBlobStore], Awaitable[None]], limit: int = 10_000
) -> None:
    async def main() -> None:
        store = DirectoryBlobStore(root)
        await store.put(DATA)
        app = FastAPI()
        app.include_router(blob_router(store, limit=limit))
        async with serving(lambda _: app) as server:
            await story(server.http, store)

    asyncio.run(main())


def assert_safe(answer: httpx.Response) -> None:
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_blob_is_served_whole_for_ever_and_by_its_hash(tmp_path: Path) -> None:
    async def story(http: httpx.AsyncClient, _: DirectoryBlobStore) -> None:
        whole = await http.get(PATH)
        assert (whole.status_code, whole.content) == (200, DATA)
        assert whole.headers["etag"] == f'"{NAME}"'
        assert whole.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert whole.headers["content-type"] == "application/octet-stream"
        assert whole.headers["content-disposition"].startswith("attachment;")
        assert_safe(whole)
        head = await http.head(PATH)
        assert (head.status_code, head.content) == (200, b"")
        same = {key: value for key, value in head.headers.items() if key != "date"}
        assert same == {key: value for key, value in whole.headers.items() if key != "date"}

    run(tmp_path, story)


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=1000-", (1000, 1280)),
        ("bytes=-5", (1275, 1280)),
        ("bytes=1279-99999", (1279, 1280)),
        ("bytes=-99999", (0, 1280)),
    ],
)
def test_one_range_is_served_as_a_part(tmp_path: Path, asked: str, span: tuple[int, int]) -> None:
    async def story(http: httpx.AsyncClient, _: DirectoryBlobStore) -> None:
        start, end = span
        part = await http.get(PATH, headers={"Range": asked})
        assert (part.status_code, part.content) == (206, DATA[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{len(DATA)}"
        assert_safe(part)
        head = await http.head(PATH, headers={"Range": asked})
        assert (head.status_code, head.headers["content-length"]) == (206, str(end - start))

    run(tmp_path, story)


def test_a_range_beyond_the_end_is_refused_and_nonsense_or_several_get_the_whole(tmp_path: Path) -> None:
    async def story(http: httpx.AsyncClient, _: DirectoryBlobStore) -> None:
        for asked in ("bytes=1280-", "bytes=5000-6000", "bytes=-0"):
            refused = await http.get(PATH, headers={"Range": asked})
            assert (refused.status_code, refused.headers["content-range"]) == (416, "bytes */1280")
            assert_safe(refused)
        for asked in ("bytes=0-1,5-6", "bytes=9-2", "bytes=-", "bytes=x-y", "lines=0-1", "bytes=" + "9" * 40 + "-"):
            whole = await http.get(PATH, headers={"Range": asked})
            assert (whole.status_code, whole.content) == (200, DATA)

    run(tmp_path, story)


@given(st.integers(0, 50), st.integers(0, 60), st.one_of(st.none(), st.integers(0, 60)))
def test_a_requested_span_is_what_slicing_says(size: int, first: int, last: int | None) -> None:
    data = bytes(range(size))
    header = f"bytes={first}-{'' if last is None else last}"
    if last is not None and last < first:
        assert requested_span(header, size) is None
    elif first >= size:
        with pytest.raises(Unsatisfiable):
            requested_span(header, size)
    else:
        span = requested_span(header, size)
        assert span is not None
        assert data[span.start : span.end] == data[first : None if last is None else last + 1]
    if first and size:
        assert requested_span(f"bytes=-{first}", size) == Span(len(data) - len(data[-first:]), size)


def test_a_copy_that_is_still_good_is_not_sent_again(tmp_path: Path) -> None:
    async def story(http: httpx.AsyncClient, _: DirectoryBlobStore) -> None:
        for tag in (f'"{NAME}"', f'W/"{NAME}"', f'"other", "{NAME}"', "*"):
            answer = await http.get(PATH, headers={"If-None-Match": tag})
            assert (answer.status_code, answer.content) == (304, b"")
        assert (await http.get(PATH, headers={"If-None-Match": '"other"'})).status_code == 200

    run(tmp_path, story)


def test_a_range_of_another_version_gets_the_whole(tmp_path: Path) -> None:
    async def story(http: httpx.AsyncClient, _: DirectoryBlobStore) -> None:
        for tag, status in ((f'"{NAME}"', 206), ('"other"', 200), (f'W/"{NAME}"', 200)):
            answer = await http.get(PATH, headers={"Range": "bytes=0-4", "If-Range": tag})
            assert answer.status_code == status

    run(tmp_path, story)


def test_only_types_that_can_do_nothing_are_served_as_themselves(tmp_path: Path) -> None:
    async def story(http: httpx.AsyncClient, _: DirectoryBlobStore) -> None:
        image = await http.get(PATH, params={"type": "image/png"})
        assert image.headers["content-type"] == "image/png"
        assert image.headers["content-disposition"] == f'inline; filename="{NAME[:16]}.png"'
        assert_safe(image)
        text = await http.get(PATH, params={"type": "Text/Plain; charset=utf-7"})
        assert text.headers["content-type"] == "text/plain; charset=utf-8"
        for harmful in ("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/pdf"):
            answer = await http.get(PATH, params={"type": harmful})
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["content-disposition"].startswith("attachment;")
            assert_safe(answer)

    run(tmp_path, story)


@given(st.text())
def test_whatever_type_is_asked_for_the_one_served_is_inert(asked: str) -> None:
    content_type, _ = served_type(asked)
    assert content_type.partition(";")[0] in {*INERT_TYPES, "application/octet-stream"}


def test_names_that_are_none_and_blobs_that_are_not_there(tmp_path: Path) -> None:
    async def story(http: httpx.AsyncClient, _: DirectoryBlobStore) -> None:
        for path, status, code in (
            ("/v1/blobs/" + "0" * 64, 404, "storage"),
            ("/v1/blobs/" + "A" * 64, 400, "bad_request"),
            ("/v1/blobs/..%5c..%5cetc", 400, "bad_request"),
        ):
            answer = await http.get(path)
            assert answer.status_code == status
            assert answer.json()["error"]["code"] == code
            assert_safe(answer)
        for path in ("/v1/blobs/../../etc/passwd", "/v1/blobs/..%2f..%2fetc%2fpasswd"):
            assert (await http.get(path)).status_code == 404

    run(tmp_path, story)


def test_a_blob_is_put_under_its_hash(tmp_path: Path) -> None:
    async def story(http: httpx.AsyncClient, store: DirectoryBlobStore) -> None:
        new = b"a new blob"
        name = hashlib.sha256(new).hexdigest()
        for status in (201, 200):
            answer = await http.put(f"/v1/blobs/{name}", content=new)
            assert (answer.status_code, answer.json()) == (status, {"sha256": name, "size": len(new)})
        assert (await http.get(f"/v1/blobs/{name}")).content == new
        mismatch = await http.put("/v1/blobs/" + "0" * 64, content=new)
        assert (mismatch.status_code, mismatch.json()["error"]["code"]) == (422, "bad_request")
        assert (await http.get("/v1/blobs/" + "0" * 64)).status_code == 404

    run(tmp_path, story)


def test_a_blob_that_is_too_large_is_refused_announced_or_not(tmp_path: Path) -> None:
    async def story(http: httpx.AsyncClient, _: DirectoryBlobStore) -> None:
        async def unannounced() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield bytes(1000)

        for content in (bytes(10_001), unannounced()):
            answer = await http.put("/v1/blobs/" + "0" * 64, content=content)
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "bad_request")

    run(tmp_path, story)


def test_a_client_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    incoming = tmp_path / "incoming"

    async def story(http: httpx.AsyncClient, _: DirectoryBlobStore) -> None:
        _, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
        head = f"PUT /v1/blobs/{'0' * 64} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
        writer.write(head.encode() + bytes(3_000_000))
        await writer.drain()
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(lambda: list(incoming.iterdir())):
                await asyncio.sleep(0.01)
        writer.close()
        await writer.wait_closed()
        assert (await http.get(PATH)).status_code == 200

    run(tmp_path, story, limit=10_000_000)
    assert list(incoming.iterdir()) == []


def test_a_damaged_blob_is_an_error_and_not_wrong_bytes(tmp_path: Path) -> None:
    async def story(http: httpx.AsyncClient, _: DirectoryBlobStore) -> None:
        await asyncio.to_thread((tmp_path / NAME[:2] / NAME[2:]).write_bytes, b"rotten")
        answer = await http.get(PATH, headers={"Range": "bytes=0-3"})
        assert answer.status_code == 500
        assert "damaged" in answer.json()["error"]["message"]

    run(tmp_path, story)


def test_a_full_disk_is_told(small_disk: SmallDisk) -> None:
    async def story(http: httpx.AsyncClient, _: DirectoryBlobStore) -> None:
        with small_disk.full():
            data = bytes(1_500_000)
            answer = await http.put(f"/v1/blobs/{hashlib.sha256(data).hexdigest()}", content=data)
        assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage")
        assert "space" in answer.json()["error"]["message"]

    run(small_disk.folder / "blobs", story, limit=2_000_000)


def test_many_small_blobs_are_kept_by_one_request(tmp_path: Path) -> None:
    async def story(http: httpx.AsyncClient, store: DirectoryBlobStore) -> None:
        blobs = [b"one", b"two", b"one", DATA]
        answer = await http.post("/v1/blobs", content=msgspec.msgpack.encode(blobs))
        names = [hashlib.sha256(data).hexdigest() for data in blobs]
        assert (answer.status_code, answer.json()) == (200, {"sha256": names})
        assert_safe(answer)
        assert [await store.read(blob_name(name)) for name in names] == blobs

    run(tmp_path, story)


def test_what_is_no_batch_of_blobs_or_too_large_a_one_is_refused(tmp_path: Path) -> None:
    async def story(http: httpx.AsyncClient, _: DirectoryBlobStore) -> None:
        for body in (b"", b"\xc1", msgspec.msgpack.encode(["text"]), msgspec.msgpack.encode([b"x"])[:-1]):
            assert (await http.post("/v1/blobs", content=body)).status_code == 400
        too_large = await http.post("/v1/blobs", content=msgspec.msgpack.encode([b"x" * 6_000, b"y" * 6_000]))
        assert too_large.status_code == 413

    run(tmp_path, story)
