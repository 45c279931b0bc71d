"""The beginning and the end of what an execution put out, at the cost of what is shown and not of what there is.

Reads output manifests, also while they grow: the sizes of large contents stand in them, so of a cell that printed
100 MB two parts of blobs are fetched. Text is cut where characters begin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from clients.peer.at_once import all_of
from notebook_doc.runtime_records import Manifest

FetchPart = Callable[[str, int, int | None], Awaitable[bytes]]  # a blob's name, from, to before
PARTS_AT_ONCE: Final = 4
# Of what is left over by the whole, this much is the beginning; errors and results stand at the end.
HEAD_SHARE: Final = 0.25


@dataclass(frozen=True)
class _Piece:
    size: int  # bytes
    data: bytes  # if it is short
    blob: str = ""  # else its name


async def excerpt(outputs: Sequence[Manifest], limit: int, fetch: FetchPart) -> str:
    """What these outputs show as text, in `limit` bytes of UTF-8 and a line between that says what is left out."""
    pieces = [piece for output in outputs for piece in _pieces(cast(dict[str, Any], output))]
    size = sum(piece.size for piece in pieces)
    if size <= limit:
        return (await _read(pieces, 0, size, fetch)).decode("utf-8", "replace")
    head = int(limit * HEAD_SHARE)
    tail = size - (limit - head)
    first, last = await _read(pieces, 0, head, fetch), await _read(pieces, tail, size, fetch)
    # What a cut has left of a character is dropped.
    begins, ends = first.decode("utf-8", "ignore"), last.decode("utf-8", "ignore")
    return f"{begins}\n… {tail - head:,} of {size:,} bytes are left out here …\n{ends}"


def _pieces(output: dict[str, Any]) -> Iterator[_Piece]:
    match output.get("output_type"):
        case "stream":
            yield from map(_piece, output.get("text") or ())
        case "error":
            yield _inline("\n".join(map(str, output.get("traceback") or ())) + "\n")
        case _:
            shown = (output.get("data") or {}).get("text/plain")
            if shown is not None:
                yield _piece(shown)
                yield _inline("\n")


def _piece(content: dict[str, Any]) -> _Piece:
    if "blob" in content:
        return _Piece(int(content["size"]), b"", str(content["blob"]))
    return _inline(str(content.get("inline", "")))


def _inline(text: str) -> _Piece:
    data = text.encode("utf-8", "replace")
    return _Piece(len(data), data)


async def _read(pieces: Sequence[_Piece], start: int, stop: int, fetch: FetchPart) -> bytes:
    """The bytes from `start` to before `stop` of all pieces one after the other."""

    async def part(piece: _Piece, begin: int, end: int) -> bytes:
        if not piece.blob:
            return piece.data[begin:end]
        return await fetch(piece.blob, begin, None if end == piece.size else end)

    parts = []
    at = 0
    for piece in pieces:
        begin, end = max(start - at, 0), min(stop - at, piece.size)
        if begin < end:
            parts.append(part(piece, begin, end))
        at += piece.size
    return b"".join(await all_of(parts, PARTS_AT_ONCE))
