"""What a kernel has said and no daemon has made durable yet, in order.

Knows frames and files, no sockets. Each message gets the next sequence number; the spool holds it until it is
acknowledged, in memory up to `MEMORY` and beyond that in files of the keeper's own, up to `CAP`. A reader goes through
it from any daemon's beginning to the end and then waits for more. An acknowledgement frees what it covers, except
single messages that the daemon still wants: those are read first after a `rewind`. Owns its files; `close` removes
them. Where the disk fails, what is in memory stays and the spool is full.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from clients.daemon.keeper.frames import message_frame, numbered

SEGMENT: Final = 1 << 20  # bytes that are freed, written and read back together
MEMORY: Final = 8 << 20  # bytes in memory; more than a kernel says while a change becomes durable
CAP: Final = 1 << 30  # bytes in all; beyond it the keeper stops reading, and the kernel drops what nobody reads


class _Segment:
    """Consecutive messages: their frames, one after the other, in memory or in a file."""

    def __init__(self) -> None:
        self.first = self.last = 0
        self.size = 0
        self.data: bytearray | bytes | None = bytearray()
        self.path: Path | None = None

    def load(self) -> bytes | bytearray:
        if self.data is not None:
            return self.data
        assert self.path is not None, "what is not in memory is in a file"
        return self.path.read_bytes()

    def discard(self) -> None:
        if self.path is not None:
            self.path.unlink(missing_ok=True)


class Spool:
    """See the module. Files are `<path>.<first sequence number>`, made with mode 0600."""

    def __init__(self, path: Path, *, segment: int = SEGMENT, memory: int = MEMORY, cap: int = CAP) -> None:
        self._path = path
        self._segment, self._memory, self._cap = segment, memory, cap
        self._segments: deque[_Segment] = deque([_Segment()])
        self._in_memory = 0  # bytes of closed segments that are not in files
        self._kept: dict[int, bytes] = {}  # single messages that outlived their segments
        self._kept_due = b""  # of them, what the reader gets first
        self._at: tuple[_Segment, int] = (self._segments[0], 0)  # where the reader is
        self._broken = False
        self.seq = 0  # of the last message
        self.acknowledged = 0
        self.size = 0

    @property
    def full(self) -> bool:
        """Whether no more should be put in."""
        return self.size >= self._cap or (self._broken and self._in_memory >= self._memory)

    def append(self, channel: int, parts: Sequence[bytes]) -> int:
        """Put a message at the end; its sequence number."""
        self.seq += 1
        frame = message_frame(self.seq, channel, parts)
        last = self._segments[-1]
        if last.size >= self._segment:
            self._close(last)
            last = _Segment()
            self._segments.append(last)
        if not last.size:
            last.first = self.seq
        last.last = self.seq
        assert isinstance(last.data, bytearray), "the last segment is open"
        last.data += frame
        last.size += len(frame)
        self.size += len(frame)
        return self.seq

    def read(self) -> bytes:
        """What comes next for the reader, some whole frames; empty if it has everything."""
        if self._kept_due:
            due, self._kept_due = self._kept_due, b""
            return due
        segment, offset = self._at
        if offset == segment.size and segment is not self._segments[-1]:
            segment, offset = self._segments[self._segments.index(segment) + 1], 0
        if offset == segment.size:
            return b""
        self._at = (segment, segment.size)
        return bytes(memoryview(segment.load())[offset:])

    def rewind(self) -> None:
        """A new reader: it gets what was kept, then everything that is not acknowledged."""
        self._kept_due = b"".join(frame for _, frame in sorted(self._kept.items()))
        self._at = (self._segments[0], 0)

    def acknowledge(self, seq: int, keep: Collection[int] = ()) -> None:
        """Everything up to `seq` may go, except `keep`."""
        self.acknowledged = max(self.acknowledged, seq)
        self._kept = {number: frame for number, frame in self._kept.items() if number in keep}
        while (first := self._segments[0]).size and first.last <= seq:
            wanted = {number for number in keep if first.first <= number <= first.last}
            if wanted:
                self._kept |= {n: frame for n, frame in numbered(bytes(first.load())) if n in wanted}
            self._segments.popleft()
            if not self._segments:
                self._segments.append(_Segment())
            elif first.path is None:
                self._in_memory -= first.size
            if self._at[0] is first:
                self._at = (self._segments[0], 0)
            self.size -= first.size
            first.discard()

    def close(self) -> None:
        """Remove every file."""
        for segment in self._segments:
            segment.discard()

    def _close(self, segment: _Segment) -> None:
        """No more comes into this segment; it goes to a file if memory holds enough."""
        assert segment.data is not None, "it was open until now"
        segment.data = bytes(segment.data)
        if self._in_memory + segment.size > self._memory:
            with contextlib.suppress(OSError):
                path = self._path.with_name(f"{self._path.name}.{segment.first}")
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                segment.path = path
                with open(descriptor, "wb") as file:
                    file.write(segment.data)
                segment.data = None
                return
            self._broken = True
            segment.discard()
            segment.path = None
        self._in_memory += segment.size
