"""The moments of a notebook's life: where they begin and end, who is in them, how they are named."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from notebook_doc.authors import Author
from notebook_doc.errors import UnknownHeads, UnknownMoment
from notebook_doc.history.authors import Authors
from notebook_doc.history.change_log import ChangeLog
from notebook_doc.history.moments import LONGEST, moments
from notebook_doc.history.naming import find_moment
from notebook_doc.history.past import PastNotebook
from notebook_doc.history.versions import forget_version, name_version, versions
from notebook_doc.replica import Replica
from tests.notebook_doc.lives import ANN, BEN, BOT, NOON, Life
from tests.notebook_doc.moment_vectors import FILE, vectors


def type_into(life: Life, author: Author, cell: str, text: str, start: float, every: float = 1.0) -> None:
    for number, letter in enumerate(text):
        with life.by(author, start + number * every) as doc:
            doc.splice_source(cell, len(doc.source(cell)), 0, letter)


def with_cell(source: str = "") -> tuple[Life, str]:
    life = Life()
    with life.by(ANN, 0) as doc:
        cell = doc.add_cell(source)
    return life, cell


def test_what_one_author_types_without_a_pause_is_one_moment() -> None:
    life, cell = with_cell()
    type_into(life, ANN, cell, "hello world", 1)
    began, typed = life.moments()
    assert began.authors[0].kind == "unknown"  # nobody told who made the notebook
    assert (typed.authors, typed.changes, typed.cells) == ((ANN,), 12, {cell})
    assert (typed.began, typed.ended) == (NOON, NOON + 11)


def test_a_pause_begins_a_new_moment() -> None:
    life, cell = with_cell()
    type_into(life, ANN, cell, "before", 1)
    type_into(life, ANN, cell, "after", 600)
    assert [life.at(m).cell(cell).source for m in life.moments()[1:]] == ["before", "beforeafter"]


def test_who_never_pauses_has_a_moment_every_few_minutes() -> None:
    life, cell = with_cell()
    type_into(life, ANN, cell, "x" * 60, 0, every=LONGEST / 20)
    assert len(life.moments()) - 1 == 3


def test_another_author_begins_a_new_moment() -> None:
    life, cell = with_cell()
    type_into(life, ANN, cell, "ann", 1)
    type_into(life, BEN, cell, "ben", 10)
    assert [m.authors for m in life.moments()[1:]] == [(ANN,), (BEN,)]


def test_an_agents_one_change_while_a_person_types_is_a_moment_of_its_own() -> None:
    life, cell = with_cell()
    type_into(life, ANN, cell, "import numpy", 1)
    type_into(life, BOT, cell, "!", 15)
    type_into(life, ANN, cell, "as np", 16)
    assert [m.authors for m in life.moments()[1:]] == [(ANN,), (BOT,), (ANN,)]


def test_people_who_type_at_the_same_time_share_a_moment() -> None:
    life, cell = with_cell()
    for number in range(20):
        type_into(life, (ANN, BEN)[number % 2], cell, "xy", number * 2)
    assert [set(m.authors) for m in life.moments()[1:]] == [{ANN, BEN}]


def test_when_one_of_two_stops_the_other_goes_on_in_a_moment_of_its_own() -> None:
    life, cell = with_cell()
    for number in range(20):
        type_into(life, (ANN, BEN)[number % 2], cell, "xy", number * 2)
    type_into(life, BEN, cell, "z" * 15, 40, every=10)
    assert [set(m.authors) for m in life.moments()[1:]] == [{ANN, BEN}, {BEN}]


def test_offline_work_stands_where_it_arrived_and_says_that_it_was_brought() -> None:
    life, cell = with_cell("here")
    with life.by(BEN, 1):
        pass  # he has the notebook now
    with life.by(ANN, 1000) as doc:
        doc.splice_source(cell, 4, 0, " and now")
    with life.by(BEN, 2000, offline=True) as doc:
        doc.splice_source(cell, 0, 0, "far ")
    last = life.moments()[-1]
    assert (last.authors, last.brought, last.began) == ((BEN,), True, NOON + 2000)
    assert [life.at(m).cell(cell).source for m in life.moments()[1:]] == [
        "here",
        "here and now",
        "far here and now",
    ]


def test_every_peer_tells_the_same_moments() -> None:
    life, cell = with_cell()
    for number in range(12):
        with life.by((ANN, BEN, BOT)[number % 3], number * 40, offline=number % 4 == 3) as doc:
            doc.splice_source(cell, 0, 0, "abc")
    other = Replica.load(b"".join(reversed(life.here.replica.changes_since(()))))
    assert other.heads() == life.here.replica.heads()
    assert moments(ChangeLog(other).entries(), life.authors()) == life.moments()


def test_the_last_moment_is_the_notebook_as_it_is_and_each_contains_the_one_before() -> None:
    life, cell = with_cell()
    for number in range(9):
        with life.by((ANN, BEN)[number % 2], number * 200, offline=number % 3 == 2) as doc:
            doc.splice_source(cell, 0, 0, str(number))
    told = life.moments()
    assert told[-1].heads == life.here.replica.heads()
    for earlier, later in pairwise(told):
        inside = {e.hash for e in ChangeLog(life.here.replica.fork_at(later.heads)).entries()}
        assert inside.issuperset(earlier.heads)


def test_without_being_told_who_wrote_there_are_still_moments() -> None:
    life, cell = with_cell("a")
    with life.by(BEN, 5) as doc:
        doc.set_source(cell, "b")
    told = moments(life.log.entries(), Authors())
    assert {author.kind for m in told for author in m.authors} == {"unknown"}
    assert told[-1].began is None


def test_a_moment_says_what_was_touched_besides_cells() -> None:
    life, _ = with_cell()
    with life.by(BEN, 300) as doc:
        doc.set_metadata({"title": {"deep": [1, 2]}})
    with life.by(ANN, 600) as doc:
        doc.set_metadata({"title": {"deep": [1, 2, 3]}})
    assert [(m.cells, m.roots) for m in life.moments()[2:]] == [(frozenset(), {"metadata"})] * 2


def test_a_version_ends_the_moment_that_it_names() -> None:
    life, cell = with_cell()
    type_into(life, ANN, cell, "one", 1)
    with life.by(ANN, 5) as doc:
        name_version(doc, "before lunch", NOON + 5)
    type_into(life, ANN, cell, "two", 6)
    told = life.moments()
    assert [m.names for m in told[1:]] == [("before lunch",), ()]
    assert [life.at(m).cell(cell).source for m in told[1:]] == ["one", "onetwo"]


def test_a_version_is_the_notebook_exactly_as_it_was_named() -> None:
    life, cell = with_cell("named")
    heads = life.here.replica.heads()
    type_into(life, ANN, cell, "XX", 1)
    with life.by(BEN, 300) as doc:
        name_version(doc, "Before Lunch", NOON + 300, heads)
    known = versions(life.here)
    found = find_moment(life.moments(), "before lunch", NOON + 400, UTC, known)
    assert life.at(found).cell(cell).source == "named"
    with life.by(BEN, 500) as doc:
        forget_version(doc, known[0].id)
    assert versions(life.here) == []


def test_the_newest_version_of_a_name_counts() -> None:
    life, cell = with_cell("one")
    for number, text in enumerate(("one", "two")):
        with life.by(ANN, 300 * number) as doc:
            doc.set_source(cell, text)
            name_version(doc, "v", NOON + 300 * number)
    found = find_moment(life.moments(), "v", NOON + 900, UTC, versions(life.here))
    assert life.at(found).cell(cell).source == "two"


def test_a_log_that_is_asked_again_reads_only_what_is_new() -> None:
    life, cell = with_cell()
    first = life.log.entries()
    type_into(life, ANN, cell, "abc", 1)
    assert life.log.entries()[: len(first)] == first
    assert life.log.entries() == ChangeLog(life.here.replica).entries()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (1, 1),
        (-1, 4),
        ("3", 3),
        ("#3", 3),
        ("-2", 3),
        ("20m", 3),
        ("1h", 2),
        ("22:40", 3),
        ("2023-11-14 22:14", 2),
        ("2023-11-14", 4),
        ("2023-11-14T22:14:00+00:00", 2),
        ("2023-11-14 22:13", 2),
        ("today 22:40", 3),
        ("today", 4),
        ("now", 4),
        ("~0", 4),
        ("~1", 3),
        ("~", 3),
        ("~2", 2),
    ],
)
def test_a_moment_is_named_by_number_or_time(name: str | int, number: int) -> None:
    life, cell = with_cell()  # at 22:13:20 UTC
    type_into(life, BEN, cell, "b", 1200)
    type_into(life, ANN, cell, "c", 3000)
    told = life.moments()
    assert datetime.fromtimestamp(NOON, UTC).strftime("%H:%M") == "22:13"
    assert find_moment(told, name, now=NOON + 3610, zone=UTC).number == number


def test_a_moment_is_named_by_the_beginning_of_its_id() -> None:
    life, _ = with_cell()
    last = life.moments()[-1]
    assert find_moment(life.moments(), last.id[:10], now=NOON).number == last.number


@pytest.mark.parametrize(
    "name", ["99", "0", "-7", "yesterday", "", "25:00", "today 25:00", "~9", "2023-02-31", "deadbeef", "100d", "#"]
)
def test_a_name_that_fits_nothing_says_how_moments_are_named(name: str) -> None:
    life, _ = with_cell()
    with pytest.raises(UnknownMoment, match=r"Name it by its number"):
        find_moment(life.moments(), name, now=NOON + 10, zone=UTC)


def test_heads_that_are_not_here_cannot_be_read_at() -> None:
    life, _ = with_cell()
    with pytest.raises(UnknownHeads):
        PastNotebook(life.here, [bytes(32)])


def test_the_page_tells_the_same_moments() -> None:
    """`clients/web/test/history.test.ts` reads this file; `python -m tests.notebook_doc.moment_vectors` writes it."""
    assert FILE.read_text() == vectors()
