"""A proposal changes nothing until somebody accepts it, and then merges with everything that was written since."""

from __future__ import annotations

import uuid

import pytest

from notebook_doc.authors import Author
from notebook_doc.batch import Reading
from notebook_doc.edits import Create, Delete, Move, Operation, SetSource
from notebook_doc.errors import BadEdit, CellDeletedMeanwhile, CellEditedMeanwhile, UnknownProposal
from notebook_doc.events import ProposalChanged
from notebook_doc.notebook import NotebookDoc
from notebook_doc.proposals import Proposal, accept, decide, preview, proposal, proposals, propose
from notebook_doc.replica import Replica, actor_of

AGENT = Author("a1", "claude", "agent")
ANN = Author("p1", "ann", "person")
BEN = Author("p2", "ben", "person")


def no_check(_: NotebookDoc) -> None:
    """Everything is right."""


def notebook(*sources: str) -> NotebookDoc:
    doc = NotebookDoc.create(str(uuid.uuid4()))
    for number, source in enumerate(sources):
        doc.add_cell(source, cell_id="abcdefgh"[number])
    return doc


def elsewhere(doc: NotebookDoc) -> NotebookDoc:
    """Another peer's replica, as loaded from what was saved."""
    return NotebookDoc(Replica.load(doc.replica.save(), actor_of("somebody")))


def suggest(doc: NotebookDoc, *operations: Operation) -> Proposal:
    return propose(doc, Reading.of(doc), operations, no_check, title="tidy up", author=AGENT, at=1.0)


def test_a_proposal_is_seen_everywhere_and_changes_no_cell() -> None:
    doc = notebook("total = price * n")
    made = suggest(doc, SetSource("a", "total = price * count"))
    other = elsewhere(doc)
    (seen,) = proposals(other)
    assert seen == made
    assert (seen.status, seen.author, seen.title, seen.cells) == ("open", AGENT, "tidy up", ("a",))
    assert other.source("a") == "total = price * n"
    assert preview(other, seen).source("a") == "total = price * count"
    assert other.source("a") == "total = price * n"


def test_accepting_after_its_author_has_gone_merges_with_what_was_typed_since_character_by_character() -> None:
    doc = notebook("total = price * n", "print(total)")
    made = suggest(doc, SetSource("a", "total = price * count"), Create("n", "# new", after="a"))
    person = elsewhere(doc)
    person.splice_source("a", 0, 0, "# by hand\n")
    person.splice_source("a", len(person.source("a")), 0, "  # checked")

    done = accept(person, made.id, no_check, by=ANN, at=2.0)

    assert person.source("a") == "# by hand\ntotal = price * count  # checked"
    assert person.cell_ids() == ["a", "n", "b"]
    assert [(one.cell_id, one.what, one.fields) for one in done.meanwhile] == [("a", "changed", {"source"})]
    decided = proposal(person, made.id)
    assert decided.decision is not None
    assert (decided.status, decided.decision.by, decided.decision.at) == ("accepted", ANN, 2.0)


def test_two_people_who_accept_at_once_do_not_double_it() -> None:
    doc = notebook("x = 1")
    made = suggest(doc, SetSource("a", "x = 1\ny = 2"), Create("n", "new"))
    one, other = elsewhere(doc), elsewhere(doc)
    accept(one, made.id, no_check, by=ANN, at=2.0)
    accept(other, made.id, no_check, by=BEN, at=2.0)
    one.replica.merge(other.replica)
    assert one.source("a") == "x = 1\ny = 2"
    assert one.cell_ids() == ["a", "n"]
    assert proposal(one, made.id).status == "accepted"


def test_where_one_rejects_and_another_accepts_at_once_it_is_accepted_for_everybody() -> None:
    doc = notebook("x = 1")
    made = suggest(doc, SetSource("a", "x = 2"))
    one, other = elsewhere(doc), elsewhere(doc)
    accept(one, made.id, no_check, by=ANN, at=2.0)
    decide(other, made.id, "rejected", by=BEN, at=2.0)
    one.replica.merge(other.replica)
    other.replica.merge(one.replica)
    for doc in (one, other):
        assert (proposal(doc, made.id).status, doc.source("a")) == ("accepted", "x = 2")


def test_a_proposal_that_is_only_said_to_be_accepted_is_open() -> None:
    doc = notebook("x = 1")
    made = suggest(doc, SetSource("a", "x = 2"))
    value = doc.proposal_values()[made.id]
    assert isinstance(value, dict)
    doc.put_proposal(made.id, {**value, "decision": {"status": "accepted", "by": {"name": "claude"}, "at": 2.0}})
    assert proposal(doc, made.id).status == "open"


def test_a_rejected_proposal_says_by_whom_and_why_and_cannot_be_decided_again() -> None:
    doc = notebook("x = 1")
    made = suggest(doc, SetSource("a", "x = 2"))
    decide(doc, made.id, "rejected", by=ANN, at=2.0, note="keep 1")
    decision = proposal(doc, made.id).decision
    assert decision is not None
    assert (decision.status, decision.by.name, decision.note) == ("rejected", "ann", "keep 1")
    with pytest.raises(BadEdit, match="rejected already, by ann"):
        accept(doc, made.id, no_check, by=BEN, at=3.0)
    assert doc.source("a") == "x = 1"


def test_a_cell_that_was_deleted_since_stays_deleted() -> None:
    doc = notebook("x = 1", "y = 2")
    made = suggest(doc, SetSource("a", "x = 10"), SetSource("b", "y = 20"))
    doc.delete_cell("a")
    done = accept(doc, made.id, no_check, by=ANN, at=2.0)
    assert (done.gone, doc.cell_ids(), doc.source("b")) == (("a",), ["b"], "y = 20")
    lost = suggest(doc, SetSource("b", "y = 30"))
    doc.delete_cell("b")
    with pytest.raises(CellDeletedMeanwhile):
        accept(doc, lost.id, no_check, by=ANN, at=3.0)
    assert proposal(doc, lost.id).status == "open"


def test_it_does_not_delete_a_cell_that_somebody_wrote_in_since() -> None:
    doc = notebook("x = 1")
    made = suggest(doc, Delete("a"))
    doc.splice_source("a", 0, 0, "important = ")
    with pytest.raises(CellEditedMeanwhile):
        accept(doc, made.id, no_check, by=ANN, at=2.0)
    assert doc.source("a") == "important = x = 1"


def test_a_failed_check_leaves_it_open_and_the_notebook_as_it_is() -> None:
    doc = notebook("x = 1")
    made = suggest(doc, SetSource("a", "x = 2"))
    heads = doc.replica.heads()

    def refuse(merged: NotebookDoc) -> None:
        raise BadEdit(merged.source("a"))

    with pytest.raises(BadEdit, match="x = 2"):
        accept(doc, made.id, refuse, by=ANN, at=2.0)
    assert (doc.replica.heads(), proposal(doc, made.id).status) == (heads, "open")


def test_making_and_deciding_are_told_as_events() -> None:
    doc = notebook("x = 1")
    doc.take_events()
    made = suggest(doc, Move("a"), SetSource("a", "x = 2"))
    assert doc.take_events() == [ProposalChanged(made.id)]
    decide(doc, made.id, "withdrawn", by=AGENT, at=2.0)
    assert doc.take_events() == [ProposalChanged(made.id)]


def test_what_is_no_proposal_is_left_out_and_an_unknown_one_is_an_error() -> None:
    doc = notebook("x = 1")
    doc.put_proposal("odd", {"change": "not base64!", "base": ["zz"]})
    doc.put_proposal("text", "hello")
    assert proposals(doc) == []
    with pytest.raises(UnknownProposal):
        proposal(doc, "odd")
    with pytest.raises(BadEdit, match="changes nothing"):
        suggest(doc, SetSource("a", "x = 1"))
