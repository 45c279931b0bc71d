"""Fractional index: a place for a cell between any two others, so that a move writes one string and nothing else.

A position is a string of upper-case hexadecimal bytes ending in the terminator `80`, and positions are compared as
strings. Between two different positions there is always another; the price is length: one byte for each 127 cells put
at the same end or side, at worst one for each cell put into an ever smaller gap. The algorithm of `between` is that of
the Rust crate `fractional_index` (drifting-in-space), so positions agree with other programs that use it. This module
knows nothing of cells: that two of them may hold equal positions, and are then ordered by id, is the document's affair.
"""

from __future__ import annotations

import re
from typing import Final

from notebook_doc.errors import BadEdit

_TERMINATOR: Final = 0x80
_LARGEST: Final = 0xFF
_POSITION: Final = re.compile(r"(?:[0-9A-F]{2})*80")
FIRST: Final = "80"
ROOM: Final = 4  # `evenly` leaves at least this many places of the same length per position, for what is inserted later


def is_position(value: object) -> bool:
    """Whether `value` is a position as the document schema defines it."""
    return isinstance(value, str) and _POSITION.fullmatch(value) is not None


def between(before: str | None, after: str | None) -> str:
    """A position after `before` and before `after`; None is the open end on that side.

    Raises BadEdit if one of them is no position, or if `before` is not smaller than `after` (two cells at an equal
    position must be spaced anew before something can go between them).
    """
    left, right = _checked(before, after)
    if left is None and right is None:
        return FIRST
    if left is None:
        assert right is not None
        return _closed(_digits_before(right))
    if right is None:
        return _closed(_digits_after(left))
    return _closed(_digits_between(left, right))


def evenly(n: int, before: str | None = None, after: str | None = None) -> list[str]:
    """`n` ascending positions between `before` and `after`, evenly spaced and as short as leaves ROOM between them.

    1,000 positions in an empty notebook are six characters each. Deterministic, so that two who import one file agree.
    Raises BadEdit as `between` does.
    """
    left, right = _checked(before, after)
    if n <= 0:
        return []
    if n == 1:
        return [between(before, after)]
    digits, low, high = 1, 0, 0
    while True:
        low = _as_number(left, digits) if left is not None else 0
        high = _as_number(right, digits) if right is not None else 1 << (8 * digits)
        if high - low >= ROOM * (n + 1):
            break
        digits += 1
    numbers = (low + (high - low) * (k + 1) // (n + 1) for k in range(n))
    return [_closed(number.to_bytes(digits, "big")) for number in numbers]


def _checked(before: str | None, after: str | None) -> tuple[bytes | None, bytes | None]:
    for position in (before, after):
        if position is not None and not is_position(position):
            raise BadEdit(
                f"{position!r} is no position.",
                "A position is upper-case hexadecimal bytes ending in 80; give the cell a new one.",
            )
    if before is not None and after is not None and before >= after:
        raise BadEdit(
            f"there is no place between {before!r} and {after!r}.",
            "The first must be smaller than the second; cells at equal positions must be spaced anew first.",
        )
    return (
        None if before is None else bytes.fromhex(before),
        None if after is None else bytes.fromhex(after),
    )


def _closed(digits: bytes) -> str:
    return (digits + bytes((_TERMINATOR,))).hex().upper()


def _as_number(position: bytes, digits: int) -> int:
    """The first `digits` bytes as a number. A position of that many digits is larger iff its number is larger."""
    return int.from_bytes(position[:digits].ljust(digits, b"\x00"), "big")


# The three below return digits without the terminator. The terminator stands in the middle of what a byte can be, so
# it can itself be counted down or up; and where a digit is beyond it, cutting there and closing is already enough.


def _digits_before(right: bytes) -> bytes:
    for i, digit in enumerate(right):
        if digit > _TERMINATOR:
            return right[:i]
        if digit > 0:
            return right[:i] + bytes((digit - 1,))
    raise AssertionError("a position ends in its terminator")


def _digits_after(left: bytes) -> bytes:
    for i, digit in enumerate(left):
        if digit < _TERMINATOR:
            return left[:i]
        if digit < _LARGEST:
            return left[:i] + bytes((digit + 1,))
    raise AssertionError("a position ends in its terminator")


def _digits_between(left: bytes, right: bytes) -> bytes:
    last = min(len(left), len(right)) - 1  # where the shorter one has its terminator
    for i in range(last):
        gap = right[i] - left[i]
        if gap > 1:
            return left[:i] + bytes((left[i] + gap // 2,))
        if gap == 1:
            return left[: i + 1] + _digits_after(left[i + 1 :])
    if len(left) < len(right):
        return right[: last + 1] + _digits_before(right[last + 1 :])
    return left[: last + 1] + _digits_after(left[last + 1 :])
