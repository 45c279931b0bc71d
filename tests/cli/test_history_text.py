"""How moments and differences look: times as people say them, agents apart, lines that differ with what is around."""

from __future__ import annotations

from datetime import UTC

from clients.cli.history_text import Paint, diff_json, diff_lines, history_lines, when, who
from notebook_doc.authors import Author
from notebook_doc.history.diff import diff
from notebook_doc.history.past import PastNotebook
from notebook_doc.history.versions import name_version
from tests.notebook_doc.lives import ANN, BEN, BOT, NOON, Life

PLAIN = Paint(colour=False)


def test_times_are_said_as_people_say_them() -> None:
    assert when(NOON, NOON + 600, UTC) == "today 22:13"
    assert when(NOON, NOON + 86400, UTC) == "yesterday 22:13"
    assert when(NOON, NOON + 10 * 86400, UTC) == "2023-11-14 22:13"
    assert when(None, NOON, UTC) == "just now"


def test_people_and_agents_are_told_apart() -> None:
    assert who([ANN, BOT, Author("", "the file", "file")]) == "Ann, Bot (agent), the file"


def test_moments_are_listed_newest_first_with_the_cells_that_there_are() -> None:
    life = Life()
    with life.by(ANN, 0) as doc:
        first = doc.add_cell("a")
        gone = doc.add_cell("b")
    with life.by(BOT, 600) as doc:
        doc.delete_cell(gone)
        doc.set_source(first, "c")
        name_version(doc, "tidy", NOON)
    lines = list(history_lines(life.moments()[1:], {first: 1}, NOON + 700, PLAIN, UTC))
    ids = [m.short_id for m in life.moments()[1:]]
    assert [" ".join(line.split()) for line in lines] == [
        f"3 {ids[1]} today 22:23 Bot (agent) cell 1, 1 deleted cell “tidy”",
        f"2 {ids[0]} today 22:13 Ann cell 1, 1 deleted cell",
    ]


def test_a_difference_shows_the_lines_that_differ_and_what_is_around_them() -> None:
    life = Life()
    with life.by(ANN, 0) as doc:
        cell = doc.add_cell("\n".join(f"line {n}" for n in range(20)))
    then = PastNotebook(life.here, life.here.replica.heads())
    with life.by(BEN, 300) as doc:
        doc.set_source(cell, doc.source(cell).replace("line 10", "line ten"))
    found = diff(then, life.here)
    assert list(diff_lines(found, "then", "now", {cell: 1}, PLAIN))[2:] == [
        "",
        f"cell 1 (code, {cell}): source changed",
        "  …",
        *(f"  line {n}" for n in (7, 8, 9)),
        "- line 10",
        "+ line ten",
        *(f"  line {n}" for n in (11, 12, 13)),
        "  …",
    ]
    (told,) = diff_json(found)["cells"]
    assert (told["kind"], told["fields"], told["old"]["cell_type"]) == ("changed", ["source"], "code")


def test_on_a_terminal_the_characters_that_differ_are_marked_and_nothing_steers_it() -> None:
    life = Life()
    with life.by(ANN, 0) as doc:
        cell = doc.add_cell("x = old + 1")
    then = PastNotebook(life.here, life.here.replica.heads())
    with life.by(BEN, 300) as doc:
        doc.set_source(cell, "x = new\x1b]0;title\x07 + 1")
    text = "\n".join(diff_lines(diff(then, life.here), "then", "now", {}, Paint(colour=True)))
    assert "\x1b[31;7mold\x1b[0m" in text
    assert "\x1b]" not in text
