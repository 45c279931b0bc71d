"""Automerge sync messages and change chunks as bytes, read without the binding.

The hub decides what to forward from a message's own bytes (which changes, on what they build) without applying them,
and builds the message that carries them on. This module knows the two formats and verifies every chunk's checksum, so
that a change whose bytes were damaged is refused before anybody else sees it; it keeps no state and judges no
operation.

Formats: the sync protocol of https://automerge.org/automerge-binary-format-spec/ and of arXiv:2012.00472, version 1
(first byte 0x42: each entry of `changes` is one chunk) and version 2 (0x43: an entry is a run of chunks).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from notebook_doc.errors import BadSyncMessage

HASH_SIZE: Final = 32
CHUNK_MAGIC: Final = b"\x85\x6f\x4a\x83"
LARGEST_INFLATED_CHANGE: Final = 64 * 1024 * 1024  # bytes; a compressed change may not grow past what a frame may carry

_SMALL: Final = tuple(bytes((number,)) for number in range(0x80))
_V1: Final = 0x42
_V2: Final = 0x43
_CHUNK_KIND: Final = 8  # where a chunk's kind stands: after the magic bytes and the checksum
_DOCUMENT_CHUNK: Final = 0
_CHANGE_CHUNK: Final = 1
_COMPRESSED_CHANGE_CHUNK: Final = 2
_PLAIN_CHUNKS: Final = (bytes((_CHANGE_CHUNK,)), bytes((_COMPRESSED_CHANGE_CHUNK,)))


class Have(NamedTuple):
    """What a peer says it has: everything up to `last_sync`, and since then what the Bloom filter contains."""

    last_sync: tuple[bytes, ...]
    bloom: bytes


@dataclass(frozen=True, slots=True)
class SyncMessage:
    """A sync message; `chunks` are the entries of its `changes`, `tail` what follows them (capabilities)."""

    heads: tuple[bytes, ...]
    need: tuple[bytes, ...]
    have: tuple[Have, ...]
    chunks: tuple[bytes, ...]
    tail: bytes = b""

    def without_changes(self) -> bytes:
        """The same message with no changes: what a sync state has to learn from it once they were applied elsewhere."""
        return encode(self.heads, self.need, self.have, (), self.tail)

    @property
    def has_plain_changes(self) -> bool:
        """Whether its entries are single changes, which can be applied together with those of other messages."""
        return all(chunk[_CHUNK_KIND : _CHUNK_KIND + 1] in _PLAIN_CHUNKS for chunk in self.chunks)

    @property
    def whole_document(self) -> bytes | None:
        """The snapshot that is all this message brings; None if it brings changes, or nothing."""
        if len(self.chunks) != 1 or self.chunks[0][_CHUNK_KIND : _CHUNK_KIND + 1] != bytes((_DOCUMENT_CHUNK,)):
            return None
        return self.chunks[0]


@dataclass(frozen=True, slots=True)
class ChangeChunk:
    """One change as it lies in a message: its bytes, its hash, and the changes it builds on."""

    hash: bytes
    deps: tuple[bytes, ...]
    actor: bytes
    seq: int
    data: bytes


class Reader:
    """Reads numbers and byte strings off a buffer; every step is bounds-checked and raises BadSyncMessage."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position
        self.end = len(data)

    def uleb(self) -> int:
        """An unsigned LEB128 number of at most 64 bits."""
        data, position, result, shift = self.data, self.position, 0, 0
        while True:
            if position >= self.end or shift > 63:
                raise BadSyncMessage("a number in it is cut off or too long")
            byte = data[position]
            position += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                self.position = position
                return result
            shift += 7

    def sleb(self) -> int:
        """A signed LEB128 number of at most 64 bits."""
        start = self.position
        result = self.uleb()
        bits = 7 * (self.position - start)
        return result - (1 << bits) if result >> (bits - 1) else result

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self.position + size
        if end > self.end:
            raise BadSyncMessage(f"it ends {end - self.end} bytes too early")
        piece = self.data[self.position : end]
        self.position = end
        return piece

    def hashes(self) -> tuple[bytes, ...]:
        """A counted list of change hashes."""
        count = self.uleb()
        block = self.take(count * HASH_SIZE)
        return tuple(block[i : i + HASH_SIZE] for i in range(0, len(block), HASH_SIZE))


def uleb(number: int) -> bytes:
    """A number >= 0 as unsigned LEB128."""
    if number < 0x80:
        return _SMALL[number]
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def decode(payload: bytes) -> SyncMessage:
    """Read a sync message of either version. Raises BadSyncMessage."""
    if not payload or payload[0] not in (_V1, _V2):
        raise BadSyncMessage("its first byte is not that of an Automerge sync message (0x42 or 0x43)")
    reader = Reader(payload, 1)
    heads = reader.hashes()
    need = reader.hashes()
    have = tuple(Have(reader.hashes(), reader.take(reader.uleb())) for _ in range(_count(reader)))
    chunks = tuple(reader.take(reader.uleb()) for _ in range(_count(reader)))
    return SyncMessage(heads, need, have, chunks, payload[reader.position :])


def need_of(payload: bytes) -> tuple[bytes, ...]:
    """The hashes a message asks for; cheaper than reading it all. Raises BadSyncMessage."""
    return _need(payload)[0]


def with_need(payload: bytes, need: Sequence[bytes]) -> bytes:
    """The same message, of either version, asking for these hashes instead."""
    _, start, end = _need(payload)
    return b"".join((payload[:start], uleb(len(need)), *need, payload[end:]))


def _need(payload: bytes) -> tuple[tuple[bytes, ...], int, int]:
    reader = Reader(payload, 1)
    reader.take(reader.uleb() * HASH_SIZE)
    start = reader.position
    return reader.hashes(), start, reader.position


def _count(reader: Reader) -> int:
    count = reader.uleb()
    if count > reader.end - reader.position:  # every entry takes at least a byte, so more cannot be there
        raise BadSyncMessage(f"it announces {count} entries and has {reader.end - reader.position} bytes left")
    return count


def encode(
    heads: Sequence[bytes],
    need: Sequence[bytes],
    have: Iterable[Have],
    changes: Sequence[bytes],
    tail: bytes = b"",
) -> bytes:
    """A version 1 message, which every implementation reads; `changes` are change chunks, one each."""
    out = [bytes((_V1,)), uleb(len(heads)), *sorted(heads), uleb(len(need)), *need]
    haves = list(have)
    out.append(uleb(len(haves)))
    for entry in haves:
        out += (uleb(len(entry.last_sync)), *sorted(entry.last_sync), uleb(len(entry.bloom)), entry.bloom)
    out.append(uleb(len(changes)))
    for change in changes:
        out += (uleb(len(change)), change)
    out.append(tail)
    return b"".join(out)


def changes_in(chunks: Iterable[bytes]) -> list[ChangeChunk] | None:
    """The changes in a message's chunks, checksums verified; None if one of them is a whole document (a snapshot).

    Raises BadSyncMessage for anything damaged.
    """
    found: list[ChangeChunk] = []
    for run in chunks:
        reader = Reader(run)
        while reader.position < reader.end:
            change = _read_chunk(reader)
            if change is None:
                return None
            found.append(change)
    return found


def read_change(chunk: bytes) -> ChangeChunk:
    """The one change in `chunk`. Raises BadSyncMessage if it is damaged or not a change."""
    change = _read_chunk(Reader(chunk))
    if change is None:
        raise BadSyncMessage("it holds a document where a change was expected")
    return change


def change_body(chunk: bytes) -> bytes:
    """The uncompressed body of a change chunk, from its dependencies on."""
    kind, body, _ = _unwrap(Reader(chunk))
    if kind == _DOCUMENT_CHUNK:
        raise BadSyncMessage("it holds a document where a change was expected")
    return body


def _unwrap(reader: Reader) -> tuple[int, bytes, bytes]:
    """Cut one chunk off: its kind, its uncompressed body, its hash (of the uncompressed form)."""
    if reader.take(4) != CHUNK_MAGIC:
        raise BadSyncMessage("a chunk in it does not begin with Automerge's magic bytes")
    checksum = reader.take(4)
    start = reader.position
    kind = reader.take(1)[0]
    body = reader.take(reader.uleb())
    if kind == _COMPRESSED_CHANGE_CHUNK:
        body = _inflate(body)
        digest = sha256(bytes((_CHANGE_CHUNK,)) + uleb(len(body)) + body).digest()
    else:
        digest = sha256(reader.data[start : reader.position]).digest()
    if digest[:4] != checksum:
        raise BadSyncMessage("a change in it does not match its checksum")
    return kind, body, digest


def _read_chunk(reader: Reader) -> ChangeChunk | None:
    start = reader.position
    kind, body, digest = _unwrap(reader)
    if kind == _DOCUMENT_CHUNK:
        return None
    if kind not in (_CHANGE_CHUNK, _COMPRESSED_CHANGE_CHUNK):
        raise BadSyncMessage(f"it holds a chunk of the unknown kind {kind}")
    inner = Reader(body)
    deps = inner.hashes()
    actor = inner.take(inner.uleb())
    return ChangeChunk(digest, deps, actor, inner.uleb(), reader.data[start : reader.position])


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        body = inflater.decompress(data, LARGEST_INFLATED_CHANGE)
    except zlib.error as error:
        raise BadSyncMessage(f"a compressed change in it cannot be inflated ({error})") from error
    if inflater.unconsumed_tail:
        raise BadSyncMessage(f"a compressed change in it inflates to more than {LARGEST_INFLATED_CHANGE} bytes")
    if not inflater.eof or inflater.unused_data:
        raise BadSyncMessage("a compressed change in it does not end where it says")
    return body
