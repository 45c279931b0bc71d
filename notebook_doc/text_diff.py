"""From "make the text this" to the few splices that do it, so that what others type meanwhile survives.

Whole lines are compared first, then, inside a group of changed lines, words, then the characters at both ends of a
changed word: a line that did not change is never touched, and a changed word is one splice. The comparison is bounded
(see `matching`), so a text with nothing in common with the old one costs milliseconds and is simply replaced.

Convention: indexes count Unicode code points, as `str` and the Automerge binding do, and splices apply one after the
other, from left to right, to the text as the splices before have left it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from notebook_doc.errors import BadEdit
from notebook_doc.matching import Budget, Match, matches

# A word of an alphabet, a run of blanks, or one character: punctuation, and scripts that do not space their words.
_TOKEN: Final = re.compile("[0-9A-Za-z_\u00aa-\u1fff]+|[ \\t]+|.", re.DOTALL)
WORDS_UP_TO: Final = 20_000  # characters, old and new together: larger groups of changed lines are replaced whole


@dataclass(frozen=True, slots=True)
class Splice:
    """At `index` of the running text, remove `delete` code points, then put `insert` there."""

    index: int
    delete: int
    insert: str


def splices(old: str, new: str) -> list[Splice]:
    """The splices that turn `old` into `new`; none if they are equal. `apply(old, splices(old, new)) == new`."""
    if old == new:
        return []
    return list(_running(_line_changes(old, new)))


def apply(text: str, changes: Iterable[Splice]) -> str:
    """`text` after these splices. Raises BadEdit if one of them reaches past the end of the running text."""
    for change in changes:
        if change.index < 0 or change.delete < 0 or change.index + change.delete > len(text):
            raise BadEdit(
                f"a splice of {change.delete} characters at {change.index} in a text of {len(text)}.",
                "Splices apply in order, each to the text that the ones before it left.",
            )
        text = text[: change.index] + change.insert + text[change.index + change.delete :]
    return text


@dataclass(frozen=True, slots=True)
class _Change:
    """old[start:end] becomes `insert`; indexes into the old text."""

    start: int
    end: int
    insert: str


def _running(changes: Iterable[_Change]) -> Iterator[Splice]:
    shift = 0
    for change in changes:
        yield Splice(change.start + shift, change.end - change.start, change.insert)
        shift += len(change.insert) - (change.end - change.start)


def _line_changes(old: str, new: str) -> Iterator[_Change]:
    old_lines, new_lines = old.splitlines(keepends=True), new.splitlines(keepends=True)
    budget = Budget()
    start = 0
    line = 0
    for gap in _gaps(matches(old_lines, new_lines, budget), len(old_lines), len(new_lines)):
        start += sum(map(len, old_lines[line : gap.old]))
        line = gap.old_end
        group = "".join(old_lines[gap.old : gap.old_end])
        yield from _word_changes(start, group, "".join(new_lines[gap.new : gap.new_end]), budget)
        start += len(group)


def _word_changes(start: int, old: str, new: str, budget: Budget) -> Iterator[_Change]:
    if not old or not new or len(old) + len(new) > WORDS_UP_TO:
        yield from _character_change(start, old, new)
        return
    old_words, new_words = _TOKEN.findall(old), _TOKEN.findall(new)
    kept = _worth_keeping(matches(old_words, new_words, budget), old_words, new_words)
    word = 0
    for gap in _gaps(kept, len(old_words), len(new_words)):
        start += sum(map(len, old_words[word : gap.old]))
        word = gap.old_end
        piece = "".join(old_words[gap.old : gap.old_end])
        yield from _character_change(start, piece, "".join(new_words[gap.new : gap.new_end]))
        start += len(piece)


def _character_change(start: int, old: str, new: str) -> Iterator[_Change]:
    """One change, without what both sides begin and end with."""
    head = _common_head(old, new)
    tail = _common_tail(old[head:], new[head:])
    if len(old) - tail > head or len(new) - tail > head:
        yield _Change(start + head, start + len(old) - tail, new[head : len(new) - tail])


@dataclass(frozen=True, slots=True)
class _Gap:
    """What lies between two matches: items [old, old_end) become [new, new_end). Not both are empty."""

    old: int
    old_end: int
    new: int
    new_end: int


def _gaps(runs: list[Match], old_length: int, new_length: int) -> Iterator[_Gap]:
    i = j = 0
    for run in [*runs, Match(old_length, new_length, 0)]:
        if run.old > i or run.new > j:
            yield _Gap(i, run.old, j, run.new)
        i, j = run.old + run.length, run.new + run.length


def _worth_keeping(runs: list[Match], old: list[str], new: list[str]) -> list[Match]:
    """Drop what matches by chance: a run with no more characters than the change on either side of it.

    Two different lines always share some spaces and brackets. Keeping those would shred a rewritten line into splices
    between which a concurrent edit could fall.
    """
    kept: list[Match] = []
    at_i = at_j = 0
    for number, run in enumerate(runs):
        length = _size(old, run.old, run.old + run.length)
        before = max(_size(old, at_i, run.old), _size(new, at_j, run.new))
        following = runs[number + 1] if number + 1 < len(runs) else Match(len(old), len(new), 0)
        after = max(
            _size(old, run.old + run.length, following.old),
            _size(new, run.new + run.length, following.new),
        )
        if length > before or length > after:
            kept.append(run)
            at_i, at_j = run.old + run.length, run.new + run.length
    return kept


def _size(words: list[str], start: int, end: int) -> int:
    return sum(map(len, words[start:end]))


def _common_head(a: str, b: str) -> int:
    """How many characters both begin with: by halving, because comparing slices is far faster than a loop."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_tail(a: str, b: str) -> int:
    """How many characters both end with."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[len(a) - middle : len(a) - low] == b[len(b) - middle : len(b) - low]:
            low = middle
        else:
            high = middle - 1
    return low
