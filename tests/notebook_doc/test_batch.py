"""Edits relative to what was read: what others did meanwhile stays, a batch is whole or not."""

from __future__ import annotations

import random
import uuid

import pytest

from notebook_doc.batch import Reading, commit
from notebook_doc.edits import Create, Delete, Move, Operation, SetSource
from notebook_doc.errors import BadEdit, CellDeletedMeanwhile, CellEditedMeanwhile
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Replica, actor_of, author_key, author_key_of


def no_check(_: NotebookDoc) -> None:
    """Everything is right."""


def notebook(*sources: str) -> NotebookDoc:
    """A notebook with these cells, whose ids are a, b, c …"""
    doc = NotebookDoc.create(str(uuid.uuid4()))
    for number, source in enumerate(sources):
        doc.add_cell(source, cell_id="abcdefgh"[number])
    return doc


def someone_else(doc: NotebookDoc) -> NotebookDoc:
    """Another peer's replica of it."""
    return NotebookDoc(doc.replica.fork(actor_of("ann")))


def test_what_a_person_types_while_the_agent_thinks_survives_character_by_character() -> None:
    doc = notebook("total = price * n\nprint(total)")
    reading = Reading.of(doc)
    person = someone_else(doc)
    person.splice_source("a", 0, 0, "# by hand\n")
    person.splice_source("a", len(person.source("a")), 0, "  # checked")
    doc.replica.merge(person.replica)

    done = commit(doc, reading, [SetSource("a", "total = price * count\nprint(total)")], no_check)

    assert doc.source("a") == "# by hand\ntotal = price * count\nprint(total)  # checked"
    (other,) = done.shared
    assert (other.cell_id, other.what, other.fields) == ("a", "changed", {"source"})
    assert {author_key(actor) for actor in other.actors} == {author_key_of("ann")}


def test_cells_that_people_insert_and_move_meanwhile_stay_where_they_put_them() -> None:
    doc = notebook("1", "2", "3")
    reading = Reading.of(doc)
    doc.add_cell("between", after="a", cell_id="p")
    doc.move_cell("c", before="a")

    commit(doc, reading, [Create("n", "new", after="b"), SetSource("b", "two")], no_check)

    assert doc.cell_ids() == ["c", "a", "p", "b", "n"]


def test_a_new_cell_goes_next_to_where_its_neighbour_is_now() -> None:
    doc = notebook("1", "2", "3")
    reading = Reading.of(doc)
    doc.move_cell("a", after="c")

    commit(doc, reading, [Create("n", "", after="a"), Create("m", "", after="n")], no_check)

    assert doc.cell_ids() == ["b", "c", "a", "n", "m"]


def test_a_neighbour_that_was_deleted_leaves_its_place() -> None:
    doc = notebook("1", "2", "3")
    reading = Reading.of(doc)
    doc.delete_cell("b")

    commit(doc, reading, [Create("n", "", after="b")], no_check)

    assert doc.cell_ids() == ["a", "n", "c"]


def test_a_cell_that_somebody_deleted_is_reported_and_never_comes_back() -> None:
    doc = notebook("1", "2")
    reading = Reading.of(doc)
    person = someone_else(doc)
    person.delete_cell("b")
    doc.replica.merge(person.replica)
    heads = doc.replica.heads()

    with pytest.raises(CellDeletedMeanwhile, match="'b' was deleted") as refused:
        commit(doc, reading, [SetSource("a", "one"), SetSource("b", "two")], no_check)

    assert {author_key(actor) for actor in refused.value.actors} == {author_key_of("ann")}
    assert doc.replica.heads() == heads
    assert doc.cell_ids() == ["a"]


def test_deleting_what_is_deleted_already_is_said_and_harms_nothing() -> None:
    doc = notebook("1", "2")
    reading = Reading.of(doc)
    doc.delete_cell("b")
    done = commit(doc, reading, [Delete("b"), SetSource("a", "one")], no_check)
    assert done.already_deleted == ("b",)
    assert done.deleted == ()
    assert doc.source("a") == "one"


def test_a_cell_that_somebody_wrote_in_is_not_deleted() -> None:
    doc = notebook("1", "2")
    reading = Reading.of(doc)
    doc.splice_source("b", 0, 0, "important = ")
    with pytest.raises(CellEditedMeanwhile):
        commit(doc, reading, [SetSource("a", "one"), Delete("b")], no_check)
    assert [doc.source(cell_id) for cell_id in doc.cell_ids()] == ["1", "important = 2"]


@pytest.mark.parametrize("somebody_wrote", [False, True])
def test_a_failed_check_leaves_nothing_behind(somebody_wrote: bool) -> None:
    doc = notebook("x = 1", "2")
    reading = Reading.of(doc)
    if somebody_wrote:
        doc.set_source("b", "x = 2")
    heads, saved = doc.replica.heads(), doc.replica.save()
    seen: list[str] = []

    def refuse(merged: NotebookDoc) -> None:
        seen.extend(merged.source(cell_id) for cell_id in merged.cell_ids())
        raise BadEdit("x has two owners")

    with pytest.raises(BadEdit):
        commit(doc, reading, [SetSource("a", "x = 10"), Create("n", "new")], refuse)

    assert seen == ["x = 10", "x = 2" if somebody_wrote else "2", "new"]  # it saw the merged notebook
    assert doc.replica.heads() == heads
    assert doc.replica.save() == saved
    assert doc.cell_ids() == ["a", "b"]


@pytest.mark.parametrize("somebody_wrote", [False, True])
def test_a_batch_is_one_change(somebody_wrote: bool) -> None:
    doc = notebook("1", "2", "3")
    reading = Reading.of(doc)
    if somebody_wrote:
        doc.set_source("c", "three")
    heads = doc.replica.heads()
    commit(doc, reading, [SetSource("a", "one"), Create("n", "new"), Move("b"), Delete("a")], no_check)
    assert len(doc.replica.changes_since(heads)) == 1


def test_a_merged_batch_brings_no_writer_of_its_own_unless_this_peer_has_written_since() -> None:
    """A new writer costs every replica as much as the document is long."""
    doc = notebook("1", "2")
    reading = Reading.of(doc)
    person = someone_else(doc)
    person.set_source("a", "one")
    doc.replica.merge(person.replica)
    commit(doc, reading, [SetSource("b", "two")], no_check)
    commit(doc, reading, [SetSource("b", "2 again")], no_check)  # this peer has written since that was read
    writers = {change.actor for change in doc.replica.recorded_since(reading.heads)}
    assert len(writers - {person.replica.actor, doc.replica.actor}) == 1
    assert doc.source("a") == "one"
    again = NotebookDoc(Replica.load(doc.replica.save()))
    assert [cell.source for cell in again.cells()] == [cell.source for cell in doc.cells()]


def test_a_fork_is_the_notebook_and_neither_hears_of_the_other() -> None:
    doc = notebook("1", "2")
    fork = doc.fork()
    fork.splice_source("a", 0, 0, "9")
    fork.add_cell("3", cell_id="z")
    doc.move_cell("a")
    assert (doc.cell_ids(), doc.source("a")) == (["b", "a"], "1")
    assert (fork.cell_ids(), fork.source("a")) == (["a", "b", "z"], "91")
    fork.replica.merge(doc.replica)
    assert fork.cell_ids() == ["b", "z", "a"] or fork.cell_ids() == ["b", "a", "z"]


def _rounds(rounds: int, seed: int) -> None:
    """Two agents that read, think and write, and two people who type, at random; no token is lost or doubled."""
    chance = random.Random(seed)
    doc = notebook("start\n", "start\n", "start\n")
    people = [NotebookDoc(doc.replica.fork(actor_of(name))) for name in ("ann", "ben")]
    readings: list[Reading | None] = [None, None]
    tokens: set[str] = set()
    for number in range(rounds):
        who = chance.randrange(4)
        token = f"<{number}>"
        if who < 2:
            person = people[who]
            cell_id = chance.choice(person.cell_ids())
            person.splice_source(cell_id, 0, 0, token)
            tokens.add(token)
            if chance.random() < 0.2:
                person.move_cell(cell_id, before=chance.choice(person.cell_ids()))
            if chance.random() < 0.5:
                doc.replica.merge(person.replica)
                person.replica.merge(doc.replica)
        elif readings[who - 2] is None:
            readings[who - 2] = Reading.of(doc)
        else:
            reading = readings[who - 2]
            assert reading is not None
            cell_id = chance.choice(reading.notebook.cell_ids())
            source = reading.notebook.source(cell_id)
            batch: list[Operation] = [SetSource(cell_id, f"{source}{token}\n")]
            if chance.random() < 0.1:
                batch.append(Create(f"cell{number}", f"made{number}\n", after=cell_id))
            commit(doc, reading, batch, no_check)
            tokens.add(token)
            readings[who - 2] = None
    for person in people:
        doc.replica.merge(person.replica)
    text = "".join(doc.source(cell_id) for cell_id in doc.cell_ids())
    assert {token: text.count(token) for token in tokens} == dict.fromkeys(tokens, 1)


@pytest.mark.parametrize("seed", range(5))
def test_two_agents_and_two_people_at_random_lose_no_edit(seed: int) -> None:
    _rounds(200, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_two_agents_and_two_people_for_long_lose_no_edit(seed: int) -> None:
    _rounds(1500, seed)
