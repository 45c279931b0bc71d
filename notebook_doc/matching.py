"""What two sequences have in common, in order: the core of the text diff and of recognising the cells of a file.

Between a common beginning and a common end it first anchors on items that occur once on each side (patience diff, Bram
Cohen), because those are the ones a reader would call "the same line"; what has no such anchor goes to the greedy
algorithm of E. W. Myers, "An O(ND) Difference Algorithm" (1986). The work is bounded by a budget of steps and not by
the clock, so the same input always gives the same answer; what the budget does not reach counts as different, which is
always correct and only less fine.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

STEPS: Final = 8_000  # of the greedy search, per comparison; about 3 ms where a step costs 0.4 us
COUNTED_PER_STEP: Final = 8  # items counted while looking for anchors, in the time of one step


@dataclass(frozen=True, slots=True)
class Match:
    """`length` equal items, beginning at `old` in the one sequence and at `new` in the other."""

    old: int
    new: int
    length: int


@dataclass(slots=True)
class Budget:
    """The steps that are left; owned by the one comparison it was made for."""

    steps: int = STEPS


def matches(old: Sequence[Hashable], new: Sequence[Hashable], budget: Budget | None = None) -> list[Match]:
    """The runs of equal items kept when `old` becomes `new`: ascending on both sides, none overlapping or adjacent."""
    pairs: list[tuple[int, int]] = []
    _collect(old, new, (0, len(old), 0, len(new)), budget or Budget(), pairs)
    runs: list[Match] = []
    for i, j in pairs:
        if runs and i == runs[-1].old + runs[-1].length and j == runs[-1].new + runs[-1].length:
            runs[-1] = Match(runs[-1].old, runs[-1].new, runs[-1].length + 1)
        else:
            runs.append(Match(i, j, 1))
    return runs


Window = tuple[int, int, int, int]  # old from, old to, new from, new to


def _collect(
    old: Sequence[Hashable], new: Sequence[Hashable], window: Window, budget: Budget, pairs: list[tuple[int, int]]
) -> None:
    """Append the index pairs of equal items inside the window, in order. A stack, for anchors nest without bound."""
    todo: list[tuple[Window, bool]] = [(window, False)]
    while todo:
        (i, i_end, j, j_end), settled = todo.pop()
        if settled:
            pairs.extend(zip(range(i, i_end), range(j, j_end), strict=True))
            continue
        while i < i_end and j < j_end and old[i] == new[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        tail = 0
        while i < i_end - tail and j < j_end - tail and old[i_end - tail - 1] == new[j_end - tail - 1]:
            tail += 1
        if tail:
            todo.append(((i_end - tail, i_end, j_end - tail, j_end), True))
            i_end, j_end = i_end - tail, j_end - tail
        if i == i_end or j == j_end:
            continue
        budget.steps -= (i_end - i + j_end - j) // COUNTED_PER_STEP
        if budget.steps <= 0:
            continue
        anchors = _unique_anchors(old, new, (i, i_end, j, j_end))
        if not anchors:
            pairs.extend(greedy(old, new, (i, i_end, j, j_end), budget))
            continue
        edges = [*anchors, (i_end, j_end)]
        for (a, b), (a_next, b_next) in reversed(list(pairwise(edges))):
            todo.append(((a, a_next, b, b_next), False))  # begins with the anchor, which the next turn takes up
        todo.append(((i, anchors[0][0], j, anchors[0][1]), False))


def _unique_anchors(old: Sequence[Hashable], new: Sequence[Hashable], window: Window) -> list[tuple[int, int]]:
    """Items that occur exactly once on each side, thinned out to the longest series that ascends on both."""
    i, i_end, j, j_end = window
    old_count, new_count = Counter(old[i:i_end]), Counter(new[j:j_end])
    where = {new[k]: k for k in range(j, j_end) if new_count[new[k]] == 1}
    candidates = [(k, where[old[k]]) for k in range(i, i_end) if old_count[old[k]] == 1 and old[k] in where]
    tails: list[int] = []  # tails[n]: the smallest new index that ends an ascending series of n + 1
    ends: list[int] = []  # which candidate that is
    previous: list[int] = []
    for number, (_, b) in enumerate(candidates):
        n = bisect_left(tails, b)
        if n == len(tails):
            tails.append(b)
            ends.append(number)
        else:
            tails[n] = b
            ends[n] = number
        previous.append(ends[n - 1] if n else -1)
    series: list[tuple[int, int]] = []
    at = ends[-1] if ends else -1
    while at >= 0:
        series.append(candidates[at])
        at = previous[at]
    return series[::-1]


def greedy(old: Sequence[Hashable], new: Sequence[Hashable], window: Window, budget: Budget) -> list[tuple[int, int]]:
    """Myers' forward search for the shortest edit script; nothing in common if the budget runs out on the way."""
    i, i_end, j, j_end = window
    n, m = i_end - i, j_end - j
    reach: dict[int, int] = {1: 0}  # diagonal (old minus new) -> furthest old index reached on it
    history: list[dict[int, int]] = []
    for d in range(n + m + 1):
        if budget.steps < d + 1:
            budget.steps = 0
            return []
        budget.steps -= d + 1
        history.append(reach.copy())
        for k in range(-d, d + 1, 2):
            down = k == -d or (k != d and reach[k - 1] < reach[k + 1])
            x = reach[k + 1] if down else reach[k - 1] + 1
            y = x - k
            while x < n and y < m and old[i + x] == new[j + y]:
                x, y = x + 1, y + 1
            reach[k] = x
            if x >= n and y >= m:
                return _walk_back(history, i, j, n, m)
    raise AssertionError("n + m edits turn any sequence into any other")


def _walk_back(history: list[dict[int, int]], i: int, j: int, n: int, m: int) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    x, y = n, m
    for d in range(len(history) - 1, -1, -1):
        reach, k = history[d], x - y
        down = k == -d or (k != d and reach[k - 1] < reach[k + 1])
        before_x = reach[k + 1] if down else reach[k - 1]
        before_y = before_x - (k + 1 if down else k - 1)
        start_x = before_x if down else before_x + 1  # where this turn's run of equal items began
        while x > start_x:
            x, y = x - 1, y - 1
            pairs.append((i + x, j + y))
        x, y = before_x, before_y
    return pairs[::-1]
