"""Columns of Automerge's binary format, written and read a run at a time.

Knows how numbers, strings and booleans stand in a column, not what a column is about. Writing is canonical: the bytes
are those the binding itself makes. Reading is bounds-checked and raises BadSyncMessage.

Format: "Columnar Storage" in https://automerge.org/automerge-binary-format-spec/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from math import inf
from typing import Final, Generic, TypeVar

from notebook_doc.errors import BadSyncMessage
from notebook_doc.sync_message import Reader, uleb

_COMPRESSED_COLUMN: Final = 0x08  # this bit of a specification marks a column as compressed
T = TypeVar("T")


# --- writing ----------------------------------------------------------------------------------------------------------


class RunColumn(Generic[T]):
    """A run-length encoded column: equal values in a row are a run, single ones stand together as literals."""

    def __init__(self, encode: Callable[[T], bytes]) -> None:
        self._encode = encode
        self._runs: list[tuple[T | None, int]] = []
        self._any = False

    def add(self, value: T | None, count: int) -> None:
        if count <= 0:
            return
        self._any = self._any or value is not None
        if self._runs and self._runs[-1][0] == value:
            self._runs[-1] = value, self._runs[-1][1] + count
        else:
            self._runs.append((value, count))

    def extend(self, runs: Iterable[tuple[T | None, int]]) -> None:
        """The same for many of them: (value, count)."""
        latest, total = self._runs.pop() if self._runs else (None, 0)
        for value, count in runs:
            if value == latest:
                total += count
            else:
                if total:
                    self._runs.append((latest, total))
                latest, total = value, count
        if total:
            self._runs.append((latest, total))
        self._any = any(value is not None for value, _ in self._runs)

    def bytes(self) -> bytes:
        """The column; empty if it holds nothing but nulls."""
        if not self._any:
            return b""
        out: list[bytes] = []
        literals: list[bytes] = []
        for value, count in self._runs:
            if value is not None and count == 1:
                literals.append(self._encode(value))
                continue
            if literals:
                out += (sleb(-len(literals)), *literals)
                literals = []
            out += (b"\0", uleb(count)) if value is None else (sleb(count), self._encode(value))
        if literals:
            out += (sleb(-len(literals)), *literals)
        return b"".join(out)


class DeltaColumn:
    """A column of counters, each written as its difference from the one before."""

    def __init__(self) -> None:
        self._runs: RunColumn[int] = RunColumn(sleb)
        self._last = 0

    def add(self, value: int | None) -> None:
        if value is None:
            self._runs.add(None, 1)
        else:
            self._runs.add(value - self._last, 1)
            self._last = value

    def add_steps(self, count: int) -> None:
        """`count` further values, each one more than the one before."""
        self._runs.add(1, count)
        self._last += count

    def bytes(self) -> bytes:
        return self._runs.bytes()


class BooleanColumn:
    """A column of booleans: the lengths of alternating runs, beginning with false."""

    def __init__(self) -> None:
        self._lengths: list[int] = [0]
        self._last = False

    def add(self, value: bool, count: int) -> None:
        if value == self._last:
            self._lengths[-1] += count
        else:
            self._lengths.append(count)
            self._last = value

    def bytes(self) -> bytes:
        return b"".join(map(uleb, self._lengths))


@lru_cache(4096)
def sleb(number: int) -> bytes:
    """A number as signed LEB128."""
    out = bytearray()
    while True:
        byte = number & 0x7F
        number >>= 7
        if (number == 0 and not byte & 0x40) or (number == -1 and byte & 0x40):
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)


def prefixed(data: bytes) -> bytes:
    """Bytes after their length."""
    return uleb(len(data)) + data


# --- reading ----------------------------------------------------------------------------------------------------------


def column_data(reader: Reader) -> dict[int, bytes]:
    """The columns that stand here, by specification; none may be compressed."""
    layout = [(reader.uleb(), reader.uleb()) for _ in range(reader.uleb())]
    columns: dict[int, bytes] = {}
    for specification, size in layout:
        if specification & _COMPRESSED_COLUMN:
            raise BadSyncMessage("a change in it has a compressed column, which only documents may have")
        columns[specification] = reader.take(size)
    return columns


class Runs(Generic[T]):
    """A run-length encoded column, read a run at a time: `value` stands for the next `left` operations.

    A number n > 0 repeats a value, n < 0 announces -n literal values, 0 a counted run of nulls. What stands after the
    end is `rest` operations with null: endless for a column that has nothing to tell about them, none for the one that
    tells how many operations there are.
    """

    def __init__(self, column: bytes, read: Callable[[Reader], T], rest: float = inf) -> None:
        self._reader = Reader(column)
        self._read = read
        self._rest = rest
        self._literals = 0
        self.value: T | None = None
        self.left: float = 0
        self.skip(0)

    def skip(self, count: float) -> None:
        """Go on by `count` operations, at most `left`."""
        self.left -= count
        while not self.left:
            if self._literals:
                self._literals -= 1
                self.value, self.left = self._read(self._reader), 1
            elif self._reader.position < self._reader.end:
                self._begin_run(self._reader.sleb())
            else:
                self.value, self.left = None, self._rest
                return

    def _begin_run(self, length: int) -> None:
        if length > 0:
            self.value, self.left = self._read(self._reader), length
        elif length < 0:
            self._literals = -length
        else:
            self.value, self.left = None, self._reader.uleb()


class BooleanRuns:
    """A column of booleans, read a run at a time as `Runs` is; after its end everything is false."""

    def __init__(self, column: bytes) -> None:
        self._reader = Reader(column)
        self.value = True
        self.left: float = 0
        self.skip(0)

    def skip(self, count: float) -> None:
        """Go on by `count` operations, at most `left`."""
        self.left -= count
        while not self.left:
            if self._reader.position < self._reader.end:
                self.value, self.left = not self.value, self._reader.uleb()
            else:
                self.value, self.left = False, inf
