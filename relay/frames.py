"""Frames: one type byte and a payload, and how they are told apart on a byte stream.

On a WebSocket one binary message is one frame. On a byte stream (Unix socket, stdio) a frame is preceded by its length
as an unsigned 32-bit big-endian number, which counts the type byte and the payload. This module knows neither sockets
nor what payloads mean; it promises that no length is believed before it is checked against the cap of the frame's type.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

from relay.errors import FrameTooLarge, MalformedFrame

KIB: Final = 1024
MIB: Final = 1024 * KIB


class FrameType(IntEnum):
    """The first byte of every frame."""

    NOTEBOOK_SYNC = 0x00
    REQUEST = 0x01
    RESPONSE = 0x02
    BROADCAST = 0x03
    PRESENCE = 0x04
    RUNTIME_SYNC = 0x05
    SERVER_SYNC = 0x06
    SESSION = 0x07


# Bytes of payload. Sync frames carry whole snapshots; a response may carry a listing, a broadcast the picture that a
# widget draws, a request the file that somebody gives to one; the rest is small talk.
PAYLOAD_CAPS: Final[dict[int, int]] = {
    FrameType.NOTEBOOK_SYNC: 64 * MIB,
    FrameType.REQUEST: 8 * MIB,
    FrameType.RESPONSE: 16 * MIB,
    FrameType.BROADCAST: 8 * MIB,
    FrameType.PRESENCE: 64 * KIB,
    FrameType.RUNTIME_SYNC: 64 * MIB,
    FrameType.SERVER_SYNC: 16 * MIB,
    FrameType.SESSION: 64 * KIB,
}
UNKNOWN_PAYLOAD_CAP: Final = 1 * MIB  # types of a later protocol: skipped, but not without bound
LARGEST_FRAME: Final = 1 + max(PAYLOAD_CAPS.values())

_LENGTH = struct.Struct(">I")


def payload_cap(frame_type: int) -> int:
    """The largest payload, in bytes, that a frame of this type may carry."""
    return PAYLOAD_CAPS.get(frame_type, UNKNOWN_PAYLOAD_CAP)


def check_frame(frame: bytes) -> int:
    """Return the type byte of a whole frame, or raise MalformedFrame (empty) or FrameTooLarge."""
    if not frame:
        raise MalformedFrame("an empty frame arrived; every frame begins with its type byte")
    if len(frame) - 1 > payload_cap(frame[0]):
        raise FrameTooLarge(frame[0], len(frame) - 1, payload_cap(frame[0]))
    return frame[0]


def frame(frame_type: FrameType, payload: bytes) -> bytes:
    """One frame, ready for a WebSocket message. Raises FrameTooLarge for what the other side would have to refuse."""
    if len(payload) > PAYLOAD_CAPS[frame_type]:
        raise FrameTooLarge(frame_type, len(payload), PAYLOAD_CAPS[frame_type])
    return bytes((frame_type,)) + payload


def length_prefixed(whole_frame: bytes) -> bytes:
    """A frame as it goes onto a byte stream."""
    return _LENGTH.pack(len(whole_frame)) + whole_frame


class FrameDecoder:
    """Cuts a byte stream into frames, however the bytes are torn.

    Owns the bytes that do not yet make a frame: never more than one frame's worth plus the piece just fed. The length
    and type of a frame are checked as soon as the first five bytes are there, before anything is set aside for it.
    The frames before a bad one are delivered like any others: the error is raised by the call after theirs.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.error: MalformedFrame | FrameTooLarge | None = None  # what is wrong with the stream, once something is

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream; return the frames that are now whole, in order.

        Raises FrameTooLarge or MalformedFrame; the stream has lost its footing then and must be closed. When there
        are frames to return first, `error` is set at once and raised by the next call.
        """
        if self.error is not None:
            raise self.error
        self._buffer += data
        frames: list[bytes] = []
        try:
            consumed = self._cut(frames)
        except (MalformedFrame, FrameTooLarge) as error:
            self.error = error
            self._buffer.clear()
            if not frames:
                raise
        else:
            del self._buffer[:consumed]
        return frames

    def close(self) -> None:
        """The stream ended. Raises MalformedFrame if it ended inside a frame, or what was wrong with it before."""
        if self.error is not None:
            raise self.error
        if self._buffer:
            raise MalformedFrame(f"the stream ended inside a frame, {len(self._buffer)} bytes into it")

    def _cut(self, frames: list[bytes]) -> int:
        """Append the whole frames at the front of the buffer to `frames`; return how many bytes they took."""
        buffer = self._buffer
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length == 0:
                raise MalformedFrame("a frame of length 0 arrived; every frame begins with its type byte")
            if length > LARGEST_FRAME:
                raise FrameTooLarge(None, length - 1, LARGEST_FRAME - 1)
            body = start + _LENGTH.size
            if len(buffer) > body and length - 1 > payload_cap(buffer[body]):
                raise FrameTooLarge(buffer[body], length - 1, payload_cap(buffer[body]))
            if len(buffer) - body < length:
                break
            frames.append(bytes(buffer[body : body + length]))
            start = body + length
        return start
