"""Any change of the history can be taken back, once, long after it was made; what others did since stays."""

from __future__ import annotations

import random
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.batch import Reading, commit
from notebook_doc.edits import Create, Delete, Move, Operation, SetMetadata, SetSource
from notebook_doc.errors import BadEdit, UnknownHeads
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Replica, actor_of
from notebook_doc.taking_back import take_back, take_back_latest
from tests.notebook_doc.taking_back_vectors import FILE, vectors


def no_check(_: NotebookDoc) -> None:
    """Everything is right."""


def notebook(**sources: str) -> NotebookDoc:
    """A notebook with these cells."""
    doc = NotebookDoc.create(str(uuid.uuid4()))
    for cell_id, source in sources.items():
        doc.add_cell(source, cell_id=cell_id)
    return doc


def a_batch() -> tuple[NotebookDoc, bytes]:
    """A notebook that an agent has changed, as another program loads it, and the hash of that change."""
    doc = notebook(a="one", b="two", c="three")
    agent = NotebookDoc(doc.replica.fork(actor_of("agent")))
    batch: list[Operation] = [SetSource("a", "ONE"), Delete("b"), Create("n", "new", after="c")]
    commit(agent, Reading.of(agent), batch, no_check)
    (change,) = agent.replica.recorded_since(doc.replica.heads())
    return NotebookDoc(Replica.load(agent.replica.save())), change.hash


def test_deleted_cells_come_back_and_what_others_did_since_stays() -> None:
    doc, change = a_batch()
    doc.splice_source("a", 3, 0, "!")
    doc.move_cell("c", before="a")
    take_back(doc, change, no_check)
    assert [(cell_id, doc.source(cell_id)) for cell_id in doc.cell_ids()] == [
        ("c", "three"),
        ("a", "one!"),
        ("b", "two"),
    ]


def test_a_cell_that_others_wrote_in_is_kept_and_named() -> None:
    doc, change = a_batch()
    doc.splice_source("n", 0, 0, "mine: ")
    assert take_back(doc, change, no_check).kept == ("n",)
    assert doc.source("n") == "mine: new"


def test_nothing_is_taken_back_twice() -> None:
    doc, change = a_batch()
    take_back(doc, change, no_check)
    with pytest.raises(BadEdit, match="taken back already"):
        take_back(doc, change, no_check)
    assert doc.source("a") == "one"


def test_the_latest_that_is_left_is_taken_back_then_the_one_before() -> None:
    doc, first = a_batch()
    agent = NotebookDoc(doc.replica.fork(actor_of("agent")))
    agent.splice_source("c", 0, 0, "3: ")
    doc.replica.merge(agent.replica)
    changes = [one for one in doc.replica.recorded_since(()) if one.hash == first or one.actor == agent.replica.actor]
    assert len(changes) == 2
    assert take_back_latest(doc, changes, no_check) is not None
    assert (doc.source("c"), doc.source("a")) == ("three", "ONE")
    assert take_back_latest(doc, changes, no_check) is not None
    assert doc.source("a") == "one"
    assert take_back_latest(doc, changes, no_check) is None


def test_a_failed_check_leaves_it_as_it_is() -> None:
    doc, change = a_batch()
    heads = doc.replica.heads()

    def refuse(_: NotebookDoc) -> None:
        raise BadEdit("no")

    with pytest.raises(BadEdit):
        take_back(doc, change, refuse)
    assert doc.replica.heads() == heads
    with pytest.raises(UnknownHeads):
        take_back(doc, bytes(32), no_check)


def test_all_of_a_batch_goes_and_what_others_did_since_stays() -> None:
    doc = notebook(a="one", b="two", c="three")
    doc.set_cell_metadata("c", {"tags": ["kept"]})
    reading = Reading.of(doc)
    batch: list[Operation] = [
        SetSource("a", "ONE"),
        Move("b"),
        Delete("c"),
        Create("n", "new"),
        Create("m", "also new"),
        SetMetadata("b", {"name": "second"}),
    ]
    done = commit(doc, reading, batch, no_check)
    person = NotebookDoc(doc.replica.fork(actor_of("ann")))
    person.splice_source("a", 3, 0, "!")
    person.splice_source("m", 0, 0, "mine: ")
    doc.replica.merge(person.replica)

    undone = take_back(doc, done.change or b"", no_check)

    assert doc.cell_ids() == ["a", "b", "c", "m"]
    assert doc.source("a") == "one!"
    assert (doc.source("c"), doc.cell("c").metadata) == ("three", {"tags": ["kept"]})
    assert doc.cell("b").metadata == {}
    assert doc.source("m") == "mine: also new"
    assert undone.kept == ("m",)


def test_undo_says_what_is_gone_and_does_not_bring_it_back() -> None:
    doc = notebook(a="one", b="two")
    done = commit(doc, Reading.of(doc), [SetSource("a", "ONE"), SetSource("b", "TWO")], no_check)
    doc.delete_cell("a")
    undone = take_back(doc, done.change or b"", no_check)
    assert undone.gone == ("a",)
    assert doc.cell_ids() == ["b"]
    assert doc.source("b") == "two"


def test_two_who_undo_the_same_at_once_write_the_same_changes() -> None:
    doc, change = a_batch()
    ann, ben = (NotebookDoc(doc.replica.fork(actor_of(name))) for name in ("ann", "ben"))
    ann.splice_source("a", 0, 0, "ann: ")  # of which Ben knows nothing
    ann.splice_source("n", 0, 0, "hers: ")
    for person in (ann, ben):
        take_back(person, change, no_check)
    ann.replica.merge(ben.replica)
    assert {cell_id: ann.source(cell_id) for cell_id in "abc"} == {"a": "ann: one", "b": "two", "c": "three"}
    with pytest.raises(BadEdit, match="taken back already"):
        take_back(ann, change, no_check)


def test_a_batch_of_many_new_cells_is_undone_by_one_change_of_one_actor() -> None:
    doc = notebook(a="one")
    agent = NotebookDoc(doc.replica.fork(actor_of("agent")))
    done = commit(agent, Reading.of(agent), [Create(f"n{number}", "new") for number in range(50)], no_check)
    assert done.change is not None
    before = agent.replica.heads()
    assert len(take_back(agent, done.change, no_check).committed.deleted) == 50
    assert agent.cell_ids() == ["a"]
    assert len(agent.replica.recorded_since(before)) == 1


def test_of_two_who_undo_new_cells_at_once_each_deletes_what_it_has_seen_no_reason_to_keep() -> None:
    doc = notebook(a="one")
    agent = NotebookDoc(doc.replica.fork(actor_of("agent")))
    done = commit(agent, Reading.of(agent), [Create(name, "new") for name in ("k", "l", "m")], no_check)
    assert done.change is not None
    one, other = agent.fork(), agent.fork()
    one.splice_source("l", 0, 0, "mine: ")
    assert take_back(one, done.change, no_check).kept == ("l",)
    take_back(other, done.change, no_check)
    for here, there in ((one, other), (other, one)):
        here.replica.merge(there.replica.fork())
    assert one.cell_ids() == other.cell_ids() == ["a"]
    with pytest.raises(BadEdit, match="taken back already"):
        take_back(one, done.change, no_check)


def test_an_undo_is_undone_as_one_and_again() -> None:
    doc, change = a_batch()
    done, before = doc.cells(), {cell_id: doc.source(cell_id) for cell_id in doc.cell_ids()}
    for turn in range(4):
        undone = take_back(doc, change, no_check)
        assert undone.committed.change is not None
        change = undone.committed.change
        now = {cell_id: doc.source(cell_id) for cell_id in doc.cell_ids()}
        assert (now == before) == bool(turn % 2)
    assert doc.cells() == done


def test_of_two_batches_on_one_text_both_undone_nothing_is_left() -> None:
    doc = notebook(a="def f(x): return x")
    first = commit(doc, Reading.of(doc), [SetSource("a", "def f(x): return wrong(x) + 1")], no_check)
    second = commit(doc, Reading.of(doc), [SetSource("a", "def f(x): return right(x)")], no_check)
    doc.splice_source("a", 0, 0, "# mine\n")
    for change in (second.change, first.change):
        take_back(doc, change or b"", no_check)
    assert doc.source("a") == "# mine\ndef f(x): return x"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_whoever_undoes_what_in_whatever_order_no_text_is_doubled_or_lost(seed: int) -> None:
    rng = random.Random(seed)
    doc = notebook(**{name: f"[{name}0] [{name}1] [{name}2]" for name in "abc"})
    original = {f"[{name}{number}]" for name in "abc" for number in range(3)}
    batches: list[bytes] = []
    written: set[str] = set()
    theirs: set[str] = set()
    for number in range(rng.randrange(1, 5)):
        reading = Reading.of(doc)
        for name in rng.sample(doc.cell_ids(), rng.randrange(2)):
            if name in "abc":  # the person's own; in one that the agent makes and undoes, theirs would be kept
                theirs.add(token := f"<{number}{name}>")
                doc.splice_source(name, rng.choice((0, len(doc.source(name)))), 0, token)
        written.add(token := f"{{{number}}}")
        name = rng.choice(reading.notebook.cell_ids())
        words = reading.notebook.source(name).split(" ")
        words[rng.randrange(len(words))] = token
        operations: list[Operation] = [SetSource(name, " ".join(words))]
        operations += [Create(f"new{number}", token, after=name)] * rng.randrange(2)
        done = commit(doc, reading, operations, no_check)
        assert done.change is not None
        batches.append(done.change)
    people = [NotebookDoc(doc.replica.fork(actor_of(name))) for name in ("ann", "ben", "cy")]
    for step in range(12):
        person = rng.choice(people)
        if rng.random() < 0.3:
            person.replica.merge(rng.choice(people).replica)
        elif rng.random() < 0.3:
            theirs.add(token := f"<{step}!>")
            person.splice_source("a", rng.choice((0, len(person.source("a")))), 0, token)
    for person in people:  # all of them undo all, latest first, each knowing what they know
        for change in reversed(batches):
            if rng.random() < 0.3:
                person.replica.merge(rng.choice(people).replica)
            try:
                take_back(person, change, no_check)
            except BadEdit:
                continue
    for person in people + people:
        people[0].replica.merge(person.replica)
        person.replica.merge(people[0].replica)
    assert people[0].cells() == people[1].cells() == people[2].cells()
    text = "\n".join(cell.source for cell in people[0].cells())
    assert {token: text.count(token) for token in original | theirs} == dict.fromkeys(original | theirs, 1)
    assert [token for token in written if token in text] == []


def test_the_page_writes_the_same_changes() -> None:
    """`clients/web/test/taking_back.test.ts` reads this file; `python -m tests.notebook_doc.taking_back_vectors` writes
    it."""
    assert FILE.read_text("utf-8") == vectors()
