"""What goes over a keeper's socket: frames of a length, a kind and a payload. Pure, and imports next to nothing.

A message of the kernel is a frame as it lies in the spool, so it is encoded once, when it arrives, and sent as often as
it takes. A parser takes any cut of the stream; it refuses a frame longer than `limit`, which is small until a stranger
has shown that it is none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final

# From the daemon.
ATTACH: Final = 1  # JSON: {token}
SEND: Final = 2  # to a channel, parts; under a key, which is sent once however often it comes
ACKNOWLEDGE: Final = 3  # JSON: {seq, keep}
SIGNAL: Final = 4  # one byte: its number
NOTE: Final = 5  # JSON: what the manifest says from now on
END: Final = 6  # kill what is left of the kernel, leave nothing, end
# From the keeper.
WELCOME: Final = 16  # JSON, see `link.Welcome`
MESSAGE: Final = 17  # sequence number, channel, parts
LOG: Final = 18  # what the kernel's process wrote
STATE: Final = 19  # JSON: {unresponsive, stalled}
BYE: Final = 20  # nothing is left

SHELL: Final = 0
CONTROL: Final = 1
STDIN: Final = 2
IOPUB: Final = 3
EXIT: Final = 4  # no socket: the one part is JSON, {code, out_of_memory, most_memory}

STRANGERS_LIMIT: Final = 1024
LIMIT: Final = 0xFFFFFFFF

_HEAD: Final = struct.Struct("!IB")
_MESSAGE_HEAD: Final = struct.Struct("!IBQB")
_NUMBERED: Final = struct.Struct("!QB")
_SEND: Final = struct.Struct("!BB")
_LENGTH: Final = struct.Struct("!I")


class BadFrame(Exception):
    """Bytes that are no frame, or one that is longer than it may be."""


def frame(kind: int, payload: bytes = b"") -> bytes:
    """A frame of this kind."""
    return _HEAD.pack(len(payload) + 1, kind) + payload


def send_frame(channel: int, key: bytes, parts: Iterable[bytes]) -> bytes:
    """A SEND frame. The key is 255 bytes at most."""
    return frame(SEND, _SEND.pack(channel, len(key)) + key + _packed(parts))


def read_send(payload: bytes) -> tuple[int, bytes, list[bytes]]:
    """Channel, key and parts of a SEND frame."""
    channel, length = _SEND.unpack_from(payload)
    at = _SEND.size + length
    return channel, payload[_SEND.size : at], _unpacked(payload, at)


def message_frame(seq: int, channel: int, parts: Sequence[bytes]) -> bytes:
    """A MESSAGE frame."""
    packed = _packed(parts)
    return _MESSAGE_HEAD.pack(len(packed) + _NUMBERED.size + 1, MESSAGE, seq, channel) + packed


def read_message(payload: bytes) -> tuple[int, int, list[bytes]]:
    """Sequence number, channel and parts of a MESSAGE frame."""
    seq, channel = _NUMBERED.unpack_from(payload)
    return seq, channel, _unpacked(payload, _NUMBERED.size)


def numbered(data: bytes) -> Iterable[tuple[int, bytes]]:
    """The MESSAGE frames in these bytes, whole ones, each with its sequence number."""
    at = 0
    while at < len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        end = at + _LENGTH.size + length
        yield _NUMBERED.unpack_from(data, at + _HEAD.size)[0], data[at:end]
        at = end


class Parser:
    """Cuts a stream into frames. Owns what has come of the next one."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames that are complete now: kind and payload. Raises BadFrame."""
        self._buffer += data
        frames: list[tuple[int, bytes]] = []
        at, available = 0, len(self._buffer)
        while available - at >= _HEAD.size:
            length, kind = _HEAD.unpack_from(self._buffer, at)
            if not 1 <= length <= self.limit:
                raise BadFrame(f"a frame of {length} bytes came, where at most {self.limit} may")
            end = at + _LENGTH.size + length
            if end > available:
                break
            frames.append((kind, bytes(memoryview(self._buffer)[at + _HEAD.size : end])))
            at = end
        del self._buffer[:at]
        return frames


def _packed(parts: Iterable[bytes]) -> bytes:
    return b"".join(piece for part in parts for piece in (_LENGTH.pack(len(part)), part))


def _unpacked(payload: bytes, at: int) -> list[bytes]:
    parts = []
    while at < len(payload):
        (length,) = _LENGTH.unpack_from(payload, at)
        at += _LENGTH.size
        parts.append(payload[at : at + length])
        at += length
    return parts
