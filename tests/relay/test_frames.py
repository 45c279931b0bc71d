"""Frames on a byte stream survive any tearing; what is no frame is refused before it costs anything."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import ErrorCode, FrameTooLarge, MalformedFrame
from relay.frames import (
    LARGEST_FRAME,
    PAYLOAD_CAPS,
    UNKNOWN_PAYLOAD_CAP,
    FrameDecoder,
    FrameType,
    check_frame,
    frame,
    length_prefixed,
)

whole_frames = st.lists(st.binary(min_size=1, max_size=300), max_size=20)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """The stream, cut at these places (modulo its length)."""
    places = sorted({cut % (len(stream) + 1) for cut in cuts})
    return [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]


@given(whole_frames, st.lists(st.integers(min_value=0), max_size=40))
def test_frames_come_out_as_they_went_in_however_the_stream_is_torn_and_merged(
    frames: list[bytes], cuts: list[int]
) -> None:
    decoder = FrameDecoder()
    stream = b"".join(map(length_prefixed, frames))
    out = [whole for piece in pieces(stream, cuts) for whole in decoder.feed(piece)]
    assert out == frames
    decoder.close()


@given(whole_frames.filter(bool), st.data())
def test_a_stream_that_ends_inside_a_frame_is_noticed(frames: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(length_prefixed, frames))
    last = len(length_prefixed(frames[-1]))
    kept = data.draw(st.integers(len(stream) - last + 1, len(stream) - 1))
    decoder = FrameDecoder()
    assert decoder.feed(stream[:kept]) == frames[:-1]
    with pytest.raises(MalformedFrame, match="ended inside a frame"):
        decoder.close()


@given(whole_frames, st.binary(max_size=64))
def test_a_bad_length_never_takes_the_frames_before_it_along(frames: list[bytes], after: bytes) -> None:
    decoder = FrameDecoder()
    stream = b"".join(map(length_prefixed, frames)) + struct.pack(">I", 0) + after
    if frames:
        assert decoder.feed(stream) == frames
    else:
        with pytest.raises(MalformedFrame, match="length 0"):
            decoder.feed(stream)
    assert isinstance(decoder.error, MalformedFrame)
    with pytest.raises(MalformedFrame, match="length 0"):
        decoder.feed(length_prefixed(b"\x00"))
    with pytest.raises(MalformedFrame, match="length 0"):
        decoder.close()


@pytest.mark.parametrize("length", [LARGEST_FRAME + 1, 0xFFFF_FFFF])
def test_a_length_of_four_gibibytes_takes_no_memory(length: int) -> None:
    decoder = FrameDecoder()
    tracemalloc.start()
    try:
        with pytest.raises(FrameTooLarge) as refused:
            decoder.feed(struct.pack(">I", length))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 1024
    assert refused.value.code == ErrorCode.FRAME_TOO_LARGE


@pytest.mark.parametrize(("frame_type", "cap"), [*PAYLOAD_CAPS.items(), (0x2A, UNKNOWN_PAYLOAD_CAP)])
def test_each_type_has_its_cap_on_a_stream_as_soon_as_its_type_is_known(frame_type: int, cap: int) -> None:
    header = struct.pack(">I", 1 + cap)
    assert FrameDecoder().feed(header + bytes([frame_type])) == []
    with pytest.raises(FrameTooLarge):
        FrameDecoder().feed(struct.pack(">I", 1 + cap + 1) + bytes([frame_type]))


@pytest.mark.parametrize("frame_type", [FrameType.SESSION, FrameType.PRESENCE, 0x2A])
def test_a_whole_frame_may_be_as_large_as_its_cap_and_no_larger(frame_type: int) -> None:
    cap = PAYLOAD_CAPS.get(frame_type, UNKNOWN_PAYLOAD_CAP)
    largest = bytes([frame_type]) + bytes(cap)
    assert check_frame(largest) == frame_type
    with pytest.raises(FrameTooLarge):
        check_frame(largest + b"\x00")


def test_a_frame_is_not_built_larger_than_the_other_side_accepts() -> None:
    cap = PAYLOAD_CAPS[FrameType.PRESENCE]
    assert check_frame(frame(FrameType.PRESENCE, bytes(cap))) == FrameType.PRESENCE
    with pytest.raises(FrameTooLarge):
        frame(FrameType.PRESENCE, bytes(cap + 1))


def test_an_empty_frame_is_none() -> None:
    with pytest.raises(MalformedFrame):
        check_frame(b"")


def test_a_frame_on_a_stream_is_its_length_in_big_endian_and_itself() -> None:
    assert length_prefixed(frame(FrameType.SESSION, b"ab")) == b"\x00\x00\x00\x03\x07ab"
