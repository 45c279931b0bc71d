"""Blobs over HTTP: `GET`, `HEAD` and `PUT /v1/blobs/{sha256}`, and `POST /v1/blobs` for many small ones at once.

A blob never changes, so its hash is its entity tag and a copy may be kept for ever. Contents come from notebooks, and
so from strangers: whatever a blob holds, a browser that opens its address must not run it with the hub's origin. Hence
a type is served only if it can do nothing (`INERT_TYPES`, chosen by `?type=`), everything else is a download of plain
bytes, nothing is sniffed, and a sandboxing policy comes with each answer, the refusals included.

Ranges: one, also a suffix; a request for several gets the whole, as RFC 9110 section 14.2 allows. (Starlette's
FileResponse needs a path, which an object store has not.) These routes do not ask who calls: `sync_server.guard` has
done so before.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sync_server.blobs import LARGEST_BLOB, BlobStore, blob_name
from sync_server.errors import (
    BadBlobBatch,
    BadBlobName,
    BlobError,
    BlobMismatch,
    BlobNotFound,
    BlobsFull,
    BlobTooLarge,
    error_body,
)

# MIME type -> extension for the suggested file name. No HTML, XML, SVG or PDF: those can carry scripts.
INERT_TYPES: Final = {
    "application/json": "json",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "audio/webm": "weba",
    "image/avif": "avif",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "text/csv": "csv",
    "text/plain": "txt",
    "video/mp4": "mp4",
    "video/ogg": "ogv",
    "video/webm": "webm",
}
SAFETY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
LARGEST_BATCH: Final = 16 * 1024 * 1024  # bytes of a body that is held in memory
_batch = msgspec.msgpack.Decoder(list[bytes])
_FOR_EVER: Final = "private, max-age=31536000, immutable"  # a year, the longest that caches honour
_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*\Z", re.ASCII)
_STATUS: Final[dict[type[BlobError], int]] = {
    BadBlobName: 400,
    BadBlobBatch: 400,
    BlobNotFound: 404,
    BlobTooLarge: 413,
    BlobMismatch: 422,
    BlobsFull: 507,
}


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` to before `end`."""

    start: int
    end: int


class Unsatisfiable(ValueError):
    """A range that begins beyond the end."""


def requested_span(header: str | None, size: int) -> Span | None:
    """The one range that a `Range` header asks for, within a blob of `size` bytes.

    None if the whole is to be sent: no header, several ranges, or nonsense, which RFC 9110 tells to ignore. Raises
    Unsatisfiable.
    """
    found = _RANGE.match(header) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size or start >= end:
        raise Unsatisfiable(header)
    return Span(start, end)


def served_type(asked: str | None) -> tuple[str, str]:
    """Content-Type and the extension of the suggested file name, for what `?type=` asked for."""
    plain = (asked or "").partition(";")[0].strip().lower()
    if plain not in INERT_TYPES:
        return "application/octet-stream", "bin"
    return (f"{plain}; charset=utf-8" if plain.startswith("text/") else plain), INERT_TYPES[plain]


def blob_router(store: BlobStore, *, limit: int = LARGEST_BLOB) -> APIRouter:
    """The routes. `limit` is the largest blob taken, in bytes."""
    router = APIRouter()

    @router.head("/v1/blobs/{name}", response_class=Response, include_in_schema=False)
    @router.get("/v1/blobs/{name}", response_class=Response)
    async def get_blob(name: str, request: Request) -> Response:
        """A blob's bytes."""
        return await _answering_errors(lambda: _get(store, name, request))

    @router.put("/v1/blobs/{name}", response_class=JSONResponse)
    async def put_blob(name: str, request: Request) -> Response:
        """Keep the body under its hash. 201: it is new; 200: it was there. Both mean that it is on disk."""
        return await _answering_errors(lambda: _put(store, name, request, limit))

    @router.post("/v1/blobs", response_class=JSONResponse)
    async def put_blobs(request: Request) -> Response:
        """Keep each of the binaries in the body, a MessagePack array, under its hash; the hashes, in that order."""
        return await _answering_errors(lambda: _put_all(store, request, limit))

    return router


async def _get(store: BlobStore, name: str, request: Request) -> Response:
    sha256 = blob_name(name)
    size = await store.size(sha256)
    etag = f'"{sha256}"'
    content_type, extension = served_type(request.query_params.get("type"))
    disposition = "attachment" if extension == "bin" else "inline"
    headers = SAFETY_HEADERS | {
        "ETag": etag,
        "Cache-Control": _FOR_EVER,
        "Accept-Ranges": "bytes",
        "Content-Type": content_type,
        "Content-Disposition": f'{disposition}; filename="{sha256[:16]}.{extension}"',
    }
    if _matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    try:
        asked = request.headers.get("range") if request.headers.get("if-range", etag) == etag else None
        span = requested_span(asked, size)
    except Unsatisfiable:
        return Response(status_code=416, headers=SAFETY_HEADERS | {"Content-Range": f"bytes */{size}"})
    status = 200
    if span is not None:
        status = 206
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
    sent = span or Span(0, size)
    headers["Content-Length"] = str(sent.end - sent.start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(store.stream(sha256, sent.start, sent.end), status_code=status, headers=headers)


async def _put(store: BlobStore, name: str, request: Request, limit: int) -> Response:
    sha256 = blob_name(name)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise BlobTooLarge(
            f"a blob of {announced} bytes was announced; the cap is {limit}.", "Keep it as a file instead."
        )
    pieces: AsyncIterator[bytes] = request.stream()
    done = await store.put_stream(pieces, limit=limit, expected=sha256)
    return JSONResponse(
        {"sha256": done.sha256, "size": done.size}, status_code=201 if done.created else 200, headers=SAFETY_HEADERS
    )


async def _put_all(store: BlobStore, request: Request, limit: int) -> Response:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > min(limit, LARGEST_BATCH):
            raise BlobTooLarge(f"blobs of more than {LARGEST_BATCH} bytes were sent at once.", "Send them one by one.")
    try:
        blobs = _batch.decode(body)
    except msgspec.DecodeError as error:
        raise BadBlobBatch(f"the blobs could not be read: {error}.", "Send a MessagePack array of binaries.") from error
    done = await store.put_all(blobs)
    return JSONResponse({"sha256": [one.sha256 for one in done]}, headers=SAFETY_HEADERS)


async def _answering_errors(handle: Callable[[], Awaitable[Response]]) -> Response:
    try:
        return await handle()
    except BlobError as error:
        headers = SAFETY_HEADERS | {"Cache-Control": "no-store"}
        return JSONResponse(error_body(error), status_code=_STATUS.get(type(error), 500), headers=headers)
    except ClientDisconnect:  # nobody is there to read this; nothing was kept
        return Response(status_code=400)


def _matches(header: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names this entity tag; the comparison is the weak one."""
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags
