"""Any change of the history can be taken back, once, long after it was made; what others did since stays."""

from __future__ import annotations

import uuid

import pytest

from notebook_doc.batch import Reading, commit
from notebook_doc.edits import Create, Delete, SetSource
from notebook_doc.errors import BadEdit, UnknownHeads
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Replica, actor_of
from notebook_doc.taking_back import take_back, take_back_latest


def no_check(_: NotebookDoc) -> None:
    """Everything is right."""


def a_batch() -> tuple[NotebookDoc, bytes]:
    """A notebook that an agent has changed, as another program loads it, and the hash of that change."""
    doc = NotebookDoc.create(str(uuid.uuid4()))
    for cell_id, source in (("a", "one"), ("b", "two"), ("c", "three")):
        doc.add_cell(source, cell_id=cell_id)
    agent = NotebookDoc(doc.replica.fork(actor_of("agent")))
    batch = [SetSource("a", "ONE"), Delete("b"), Create("n", "new", after="c")]
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
