"""Splices from one text to another: correct for any two texts, fine where it matters, bounded where it does not."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notebook_doc.errors import BadEdit
from notebook_doc.matching import Budget, Match, greedy, matches
from notebook_doc.text_diff import Splice, apply, splices

texts = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="ab \n", max_size=60),
    st.lists(st.sampled_from(["x = 1\n", "y = 2\n", "\n", "    return x\n", "z", "é😀\r\n"]), max_size=12).map("".join),
)


@given(texts, texts)
@example("", "a")
@example("a", "")
@example("ab", "aab")
@example("😀", "😀😀")
def test_the_splices_make_the_new_text(old: str, new: str) -> None:
    assert apply(old, splices(old, new)) == new


@given(texts)
def test_equal_texts_need_no_splice(text: str) -> None:
    assert splices(text, text) == []


@given(texts, texts)
def test_no_splice_is_empty_and_none_touches_another(old: str, new: str) -> None:
    end = -1
    for change in splices(old, new):
        assert change.delete or change.insert
        assert change.index > end
        end = change.index + len(change.insert)


def touched(old: str, changes: list[Splice]) -> set[int]:
    """The code points of `old` that are deleted."""
    gone: set[int] = set()
    shift = 0
    for change in changes:
        gone.update(range(change.index - shift, change.index - shift + change.delete))
        shift += len(change.insert) - change.delete
    return gone


@given(st.data())
def test_lines_that_stay_are_not_touched(data: st.DataObject) -> None:
    lines = [f"line {n} is here\n" for n in range(data.draw(st.integers(1, 15)))]
    fates = data.draw(st.lists(st.sampled_from(["keep", "keep", "drop", "edit", "add"]), min_size=15, max_size=15))
    fates = fates[: len(lines)]
    new = ""
    for line, fate in zip(lines, fates, strict=True):
        new += {
            "keep": line,
            "drop": "",
            "edit": line.replace("here", "there"),
            "add": line + "# " + line,
        }[fate]
    old = "".join(lines)
    gone = touched(old, splices(old, new))
    start = 0
    for line, fate in zip(lines, fates, strict=True):
        if fate in ("keep", "add"):
            assert gone.isdisjoint(range(start, start + len(line)))
        start += len(line)


CASES = {
    "a word in one line, and a new line elsewhere": (
        "import os\n\ndef f(path):\n    return os.stat(path)\n\nprint(f('a'))\n",
        "import os\n\ndef f(path):\n    return os.lstat(path)\n\n# show it\nprint(f('a'))\n",
        [Splice(38, 0, "l"), Splice(51, 0, "# show it\n")],
    ),
    "a renamed function": ("f(1)\nf(2)\n", "g(1)\ng(2)\n", [Splice(0, 1, "g"), Splice(5, 1, "g")]),
    "two words of one line": (
        "alpha + beta + gamma",
        "alpha - beta + delta",
        [Splice(6, 1, "-"), Splice(15, 4, "delt")],
    ),
    "a line put between equal lines": ("a\na\n", "a\nb\na\n", [Splice(2, 0, "b\n")]),
    "an inserted line begins where the line begins": (
        "    x()\n    z()\n",
        "    x()\n    y()\n    z()\n",
        [Splice(8, 0, "    y()\n")],
    ),
    "a rewritten line is one splice": ("x = foo(1)", "print(y)", [Splice(0, 9, "print(y")]),
    "one more character in a long word": ("q" * 500, "q" * 200 + "z" + "q" * 300, [Splice(200, 0, "z")]),
    "an ideograph in a sentence without spaces": (
        "你好世界再见",
        "你好地界再会",
        [Splice(2, 1, "地"), Splice(5, 1, "会")],
    ),
    "line ends alone": ("a\r\nb\r\n", "a\nb\n", [Splice(1, 1, ""), Splice(3, 1, "")]),
}


@pytest.mark.parametrize(("old", "new", "expected"), CASES.values(), ids=CASES)
def test_a_small_change_is_a_small_splice(old: str, new: str, expected: list[Splice]) -> None:
    assert splices(old, new) == expected
    assert apply(old, expected) == new


def test_a_change_in_the_middle_of_thousands_of_equal_lines_is_found() -> None:
    old = "a\n" * 3000 + "b\n" + "\n" * 3000
    new = "a\n" * 2999 + "b\nb\n" + "\n" * 3001
    assert len(touched(old, splices(old, new))) <= 4


@pytest.mark.parametrize("alphabet", ["ab \n", "abcdefgh ,.\n", "a\n"])
def test_texts_with_nothing_in_common_stay_within_the_budget(alphabet: str) -> None:
    source = random.Random(7)
    old, new = ("".join(source.choices(alphabet, k=20_000)) for _ in range(2))
    assert apply(old, splices(old, new)) == new
    budget = Budget()
    matches(old[:4000], new[:4000], budget)
    assert budget.steps <= 0  # it gave up where it was told to


@given(st.lists(st.integers(0, 6), max_size=40), st.lists(st.integers(0, 6), max_size=40))
def test_matches_are_equal_items_in_ascending_runs(old: list[int], new: list[int]) -> None:
    i = j = 0
    for number, run in enumerate(matches(old, new)):
        assert run.length > 0
        assert run.old >= i
        assert run.new >= j
        assert number == 0 or (run.old, run.new) != (i, j)
        i, j = run.old + run.length, run.new + run.length
        assert old[run.old : i] == new[run.new : j]
    assert i <= len(old)
    assert j <= len(new)


def test_an_item_that_occurs_once_is_matched_before_many_that_repeat() -> None:
    assert matches(["}", "}", "}", "f"], ["f", "}", "}", "}"]) == [Match(3, 0, 1)]


@given(st.lists(st.integers(0, 2), max_size=15), st.lists(st.integers(0, 2), max_size=15))
def test_the_greedy_search_matches_as_much_as_possible(old: list[int], new: list[int]) -> None:
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, a in enumerate(old):
        for j, b in enumerate(new):
            best[i + 1][j + 1] = best[i][j] + 1 if a == b else max(best[i][j + 1], best[i + 1][j])
    pairs = greedy(old, new, (0, len(old), 0, len(new)), Budget())
    assert len(pairs) == best[-1][-1]
    assert all(old[i] == new[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))


@pytest.mark.parametrize("bad", [Splice(-1, 0, "x"), Splice(0, -1, "x"), Splice(2, 2, ""), Splice(4, 0, "x")])
def test_a_splice_past_the_end_is_refused(bad: Splice) -> None:
    with pytest.raises(BadEdit, match="in a text of 3"):
        apply("abc", [bad])
