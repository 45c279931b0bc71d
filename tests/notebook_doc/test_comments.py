"""Comments on cells: what becomes of a thread when its cell is edited, moved, merged, split, deleted, brought back."""

from __future__ import annotations

import random

import pytest

from notebook_doc import comments
from notebook_doc.authors import Author
from notebook_doc.comments import Anchor, find
from notebook_doc.errors import BadEdit, UnknownCell, UnknownThread
from notebook_doc.events import CellChanged, CommentsChanged
from notebook_doc.history.past import PastNotebook
from notebook_doc.history.restore import restore_cell, restore_notebook
from notebook_doc.interchange import model_of
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import ROOT
from notebook_doc.runtime import RuntimeDoc

ADA = Author("ada-1", "Ada", "person")
BOT = Author("bot-1", "Bot", "agent")


def notebook(*sources: str) -> tuple[NotebookDoc, list[str]]:
    doc = NotebookDoc.create("0" * 32)
    return doc, [doc.add_cell(source) for source in sources]


def test_a_thread_is_begun_answered_resolved_and_opened_again() -> None:
    doc, (cell,) = notebook("x = 1")
    thread = comments.start(doc, cell, "why 1?", ADA, 10.0)
    comments.reply(doc, thread, "it was the default", BOT, 20.0)
    comments.resolve(doc, thread, ADA, 30.0)
    (read,) = comments.threads(doc, cell)
    assert [(m.author, m.text, m.time) for m in read.messages] == [
        (ADA, "why 1?", 10.0),
        (BOT, "it was the default", 20.0),
    ]
    assert read.resolved is not None
    assert (read.resolved.author, read.resolved.time) == (ADA, 30.0)
    comments.reopen(doc, thread)
    assert comments.thread(doc, thread).resolved is None


def test_replies_made_at_the_same_time_are_both_there() -> None:
    doc, (cell,) = notebook("x")
    thread = comments.start(doc, cell, "?", ADA, 1.0)
    other = doc.fork()
    comments.reply(doc, thread, "mine", ADA, 2.0)
    comments.reply(other, thread, "yours", BOT, 2.5)
    comments.resolve(other, thread, BOT, 3.0)
    doc.replica.merge(other.replica)
    read = comments.thread(doc, thread)
    assert [m.text for m in read.messages] == ["?", "mine", "yours"]
    assert read.resolved is not None


def test_a_thread_of_a_deleted_cell_is_kept_and_there_again_when_the_cell_is_brought_back() -> None:
    doc, (cell,) = notebook("x")
    then = PastNotebook(doc, doc.replica.heads())
    comments.start(doc, cell, "keep this", ADA, 1.0)
    doc.delete_cell(cell)
    (orphan,) = comments.threads(doc)
    assert orphan.cell_id == cell
    assert cell not in doc
    restore_cell(doc, then, cell)
    assert comments.threads(doc, cell) == [orphan]


def test_restoring_the_notebook_leaves_the_comments() -> None:
    doc, (cell,) = notebook("x")
    then = PastNotebook(doc, doc.replica.heads())
    comments.start(doc, cell, "since", ADA, 1.0)
    doc.set_source(cell, "y")
    restore_notebook(doc, then)
    assert (doc.source(cell), len(comments.threads(doc))) == ("x", 1)


def test_merging_cells_takes_their_threads_along() -> None:
    doc, (a, b) = notebook("a = 1", "b = 2")
    comments.start(doc, b, "about b", ADA, 1.0, Anchor("b = 2", 0))
    doc.merge_cells(a, b)
    (thread,) = comments.threads(doc, a)
    assert thread.anchor is not None
    assert find(doc.source(a), thread.anchor) == (6, 11)


def test_splitting_a_cell_divides_its_threads() -> None:
    doc, (cell,) = notebook("first\nsecond\n")
    comments.start(doc, cell, "1", ADA, 1.0, Anchor("first", 0))
    comments.start(doc, cell, "2", ADA, 2.0, Anchor("second", 6))
    comments.start(doc, cell, "both", ADA, 3.0)
    new = doc.split_cell(cell, 6)
    assert [t.messages[0].text for t in comments.threads(doc, cell)] == ["1", "both"]
    (moved,) = comments.threads(doc, new)
    assert moved.anchor == Anchor("second", 0)


def test_a_passage_is_found_where_it_stands_after_edits_around_it() -> None:
    rng = random.Random(5)
    for _ in range(100):
        before = "".join(rng.choices("ab \n", k=rng.randrange(20)))
        doc, (cell,) = notebook(before + "THE PASSAGE" + "tail")
        anchor = Anchor("THE PASSAGE", len(before))
        for _ in range(5):
            start = doc.source(cell).index("THE PASSAGE")
            at = rng.choice([rng.randrange(start + 1), rng.randrange(start + 11, len(doc.source(cell)) + 1)])
            doc.splice_source(cell, at, 0, rng.choice("xy\n"))
        found = find(doc.source(cell), anchor)
        assert found is not None
        assert doc.source(cell)[slice(*found)] == "THE PASSAGE"


def test_of_several_such_passages_the_nearest_to_where_it_stood_is_meant() -> None:
    assert find("x = 1\nx = 1\nx = 1\n", Anchor("x = 1", 7)) == (6, 11)


def test_a_passage_that_is_gone_is_found_nowhere() -> None:
    assert find("y = 1", Anchor("x = 1", 0)) is None


def test_a_comment_is_heard_of_and_is_no_change_of_its_cell() -> None:
    doc, (cell,) = notebook("x")
    doc.take_events()
    thread = comments.start(doc, cell, "?", ADA, 1.0)
    assert doc.take_events() == [CommentsChanged(frozenset((thread,)))]
    comments.reply(doc, thread, "!", BOT, 2.0)
    doc.set_source(cell, "y")
    assert set(doc.take_events()) == {CommentsChanged(frozenset((thread,))), CellChanged(cell, frozenset(("source",)))}


def test_comments_are_not_in_the_file() -> None:
    doc, (cell,) = notebook("x")
    before = model_of(doc, RuntimeDoc.create("0" * 32))
    comments.start(doc, cell, "between us", ADA, 1.0)
    assert model_of(doc, RuntimeDoc.create("0" * 32)) == before


def test_what_cannot_be_read_of_comments_is_passed_over() -> None:
    doc, (cell,) = notebook("x")
    thread = comments.start(doc, cell, "fine", ADA, 1.0)
    root = doc.replica.child(ROOT, "comments")
    assert root is not None
    with doc.replica.transaction() as transaction:
        transaction.put(root, "a", 7)
        transaction.put_json(root, "b", {"cell_id": 3, "messages": {}})
        transaction.put_json(root, "c", {"cell_id": cell, "messages": {"m": {"text": 5}}})
        transaction.put_json(root, "d", {"cell_id": cell, "messages": {"m": {"text": "x", "author": 5}}, "anchor": []})
    assert [t.messages[0].author.name for t in comments.threads(doc)] == ["somebody", "Ada"]
    assert comments.thread(doc, thread).messages[0].text == "fine"


def test_comments_that_make_no_sense_are_refused() -> None:
    doc, (cell,) = notebook("x")
    with pytest.raises(UnknownCell):
        comments.start(doc, "nowhere", "?", ADA, 1.0)
    with pytest.raises(BadEdit, match="1 to 20000 characters"):
        comments.start(doc, cell, "  ", ADA, 1.0)
    with pytest.raises(BadEdit, match="passage"):
        comments.start(doc, cell, "?", ADA, 1.0, Anchor("", 0))
    with pytest.raises(UnknownThread):
        comments.reply(doc, "nowhere", "?", ADA, 1.0)
    thread = comments.start(doc, cell, "?", ADA, 1.0)
    comments.delete(doc, thread)
    with pytest.raises(UnknownThread):
        comments.resolve(doc, thread, ADA, 2.0)
