"""Which cell is which, when a file does not say: ids for cells without one, and known cells in a file read again.

Everything here is deterministic: two hubs that import one file under one notebook id give its cells the same ids, and
so make the same document. Nothing is remembered; the caller owns what it knows of the cells.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from notebook_doc.matching import matches
from notebook_doc.model import CellModel
from notebook_doc.plain import JsonValue

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # as nbformat 4.5 has it
_WORD: Final = re.compile(r"\w+|[^\w\s]")
ALIKE: Final = 0.5  # of their words shared, and two sources count as one cell edited
REACH: Final = 24  # cells further apart than this inside a changed stretch are not compared: work stays linear


def is_cell_id(value: JsonValue) -> bool:
    """Whether nbformat 4.5 allows this as a cell's id."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def cell_ids(notebook_id: str, cells: Sequence[tuple[JsonValue, str, str]]) -> list[str]:
    """An id for each cell, given as (the id it came with or None, cell type, source), all different.

    The first cell with a valid id keeps it. The others get one derived from the notebook id, their type and source,
    and how many equal cells came before.
    """
    taken = {given for given, _, _ in cells if is_cell_id(given)}
    kept: set[str] = set()
    seen: Counter[tuple[str, str]] = Counter()
    ids: list[str] = []
    for given, cell_type, source in cells:
        if is_cell_id(given) and given not in kept:
            kept.add(given)
            ids.append(given)
            continue
        while True:
            made = _derived(notebook_id, cell_type, source, seen[cell_type, source])
            seen[cell_type, source] += 1
            if made not in taken:
                break
        taken.add(made)
        ids.append(made)
    return ids


def _derived(notebook_id: str, cell_type: str, source: str, occurrence: int) -> str:
    said = json.dumps([notebook_id, cell_type, source, occurrence])
    return hashlib.sha256(b"quire cell 1\n" + said.encode("ascii")).hexdigest()[:16]


def same_cells(old: Sequence[tuple[str, str]], new: Sequence[CellModel]) -> dict[int, str]:
    """Which known cells, as (id, source) in order, the cells of a re-read file are: index in `new` -> known id.

    Equal sources in the same order come first, then equal sources that moved, then the most similar ones near each
    other, and at last, where as many known cells as new ones are left between two recognised ones, those in order. A
    cell that is none of these is new and has no entry; no id is given twice.
    """
    old_sources, new_sources = [source for _, source in old], [cell.source for cell in new]
    found: dict[int, int] = {}  # index in new -> index in old
    for run in matches(old_sources, new_sources):
        found.update(zip(range(run.new, run.new + run.length), range(run.old, run.old + run.length), strict=True))
    stretches = _stretches(found, len(old), len(new))
    _match_moved(old_sources, new_sources, found)
    used = set(found.values())
    for old_range, new_range in stretches:
        left = [i for i in old_range if i not in used]
        right = [j for j in new_range if j not in found]
        alike = _most_alike([old_sources[i] for i in left], [new_sources[j] for j in right])
        found.update({right[b]: left[a] for a, b in alike.items()})
        left = [i for a, i in enumerate(left) if a not in alike]
        right = [j for j in right if j not in found]
        if len(left) == len(right):
            found.update(zip(right, left, strict=True))
    return {j: old[i][0] for j, i in sorted(found.items())}


def _stretches(found: dict[int, int], old_length: int, new_length: int) -> list[tuple[range, range]]:
    """What lies between the recognised cells, on both sides."""
    stretches = []
    i = j = 0
    for b, a in [*sorted(found.items()), (new_length, old_length)]:
        if a > i and b > j:
            stretches.append((range(i, a), range(j, b)))
        i, j = a + 1, b + 1
    return stretches


def _match_moved(old: list[str], new: list[str], found: dict[int, int]) -> None:
    """Equal sources elsewhere, first come first served; empty cells are too much alike to have moved."""
    used = set(found.values())
    places: dict[str, list[int]] = {}
    for i in reversed(range(len(old))):
        if i not in used and old[i].strip():
            places.setdefault(old[i], []).append(i)
    for j, source in enumerate(new):
        if j not in found and places.get(source):
            found[j] = places[source].pop()


def _most_alike(old: list[str], new: list[str]) -> dict[int, int]:
    """Pairs of similar sources, index in `old` -> index in `new`, the most similar first, the nearest among equals."""
    old_words, new_words = [_words(source) for source in old], [_words(source) for source in new]
    scored = []
    for a, words in enumerate(old_words):
        for b in range(max(0, a - REACH), min(len(new), a + REACH + 1)):
            score = _likeness(words, new_words[b])
            if score >= ALIKE:
                scored.append((-score, abs(a - b), a, b))
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, a, b in sorted(scored):
        if a not in pairs and b not in taken:
            pairs[a] = b
            taken.add(b)
    return pairs


def _words(source: str) -> Counter[str]:
    return Counter(_WORD.findall(source))


def _likeness(a: Counter[str], b: Counter[str]) -> float:
    """The share of words that two sources have in common (Dice's coefficient of their multisets), 0 to 1."""
    total = a.total() + b.total()
    if not total:
        return 0.0
    few, many = (a, b) if len(a) <= len(b) else (b, a)
    return 2 * sum(min(n, many[word]) for word, n in few.items()) / total
