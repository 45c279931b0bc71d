"""NotebookDoc: each operation, the order of cells, edits whole or not at all, and what it reports."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from notebook_doc import position as positions
from notebook_doc.errors import BadEdit, CorruptDocument, UnknownCell
from notebook_doc.events import CellAdded, CellChanged, CellField, CellRemoved, MetadataChanged, Reset
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import ROOT, Replica
from notebook_doc.touched import touches
from tests.support.crafted_changes import counter_change


def notebook(*sources: str) -> NotebookDoc:
    """A notebook with these cells, named c0, c1, …; nothing of it is still to be reported."""
    doc = NotebookDoc.create("n")
    for number, source in enumerate(sources):
        doc.add_cell(source, cell_id=f"c{number}")
    doc.take_events()
    return doc


def sources(doc: NotebookDoc) -> list[str]:
    return [doc.source(cell_id) for cell_id in doc.cell_ids()]


def put_raw(doc: NotebookDoc, cell_id: str, key: str, value: str | int | None) -> None:
    """What a foreign program may do: write, or with None delete, a key of a cell."""
    cells = doc.replica.child(ROOT, "cells")
    assert cells is not None
    cell = doc.replica.child(cells, cell_id)
    assert cell is not None
    with doc.replica.transaction() as transaction:
        if value is None:
            transaction.delete(cell, key)
        else:
            transaction.put(cell, key, value)


# --- adding, deleting, moving -----------------------------------------------------------------------------------------


def test_a_new_notebook_has_no_cells_and_knows_its_name() -> None:
    doc = NotebookDoc.create("some-id")
    assert doc.cell_ids() == []
    assert len(doc) == 0
    assert doc.notebook_id == "some-id"
    assert doc.metadata() == {}
    assert doc.nbformat_minor == 5


def test_a_blank_notebook_has_no_identity_until_it_is_sent_one() -> None:
    blank, real = NotebookDoc.blank(), notebook("x")
    assert blank.genesis is None
    assert blank.notebook_id is None
    blank.replica.apply(real.replica.changes_since(blank.replica.heads()))
    assert blank.genesis == real.genesis
    assert sources(blank) == ["x"]


def test_cells_are_added_at_the_end_after_and_before() -> None:
    doc = notebook("a", "b")
    doc.add_cell("end")
    doc.add_cell("after a", after="c0")
    doc.add_cell("before a", before="c0")
    assert sources(doc) == ["before a", "a", "after a", "b", "end"]


def test_a_cell_has_what_it_was_made_with() -> None:
    doc = notebook()
    doc.add_cell("# t", "markdown", cell_id="m", metadata={"tags": ["x"]})
    cell = doc.cell("m")
    assert (cell.id, cell.cell_type, cell.source, cell.metadata) == ("m", "markdown", "# t", {"tags": ["x"]})
    assert cell.attachments is None
    assert cell.position == doc.position("m") == positions.FIRST


def test_fresh_cell_ids_differ() -> None:
    doc = notebook()
    assert len({doc.add_cell() for _ in range(50)}) == 50


def test_a_cell_id_that_is_taken_is_refused() -> None:
    doc = notebook("a")
    with pytest.raises(BadEdit):
        doc.add_cell("other", cell_id="c0")
    assert sources(doc) == ["a"]


def test_a_deleted_cell_is_gone() -> None:
    doc = notebook("a", "b", "c")
    doc.delete_cell("c1")
    assert sources(doc) == ["a", "c"]
    assert "c1" not in doc
    with pytest.raises(UnknownCell):
        doc.source("c1")


@pytest.mark.parametrize(
    ("place", "order"),
    [
        ({"after": "c2"}, ["c1", "c2", "c0", "c3"]),
        ({"before": "c3"}, ["c1", "c2", "c0", "c3"]),
        ({}, ["c1", "c2", "c3", "c0"]),
        ({"after": "c0"}, ["c0", "c1", "c2", "c3"]),
        ({"before": "c1"}, ["c0", "c1", "c2", "c3"]),
    ],
)
def test_a_cell_moves_to_where_it_is_told(place: dict[str, str], order: list[str]) -> None:
    doc = notebook("a", "b", "c", "d")
    doc.move_cell("c0", **place)
    assert doc.cell_ids() == order


def test_a_move_writes_one_position_and_nothing_else() -> None:
    doc = notebook("a", "b", "c")
    heads = doc.replica.heads()
    doc.move_cell("c0", after="c2")
    (change,) = doc.replica.changes_since(heads)
    assert [touch.key for touch in touches(change)] == ["position"]


def test_a_concurrent_edit_of_a_moved_cell_survives() -> None:
    one = notebook("a", "b")
    two = one.fork()
    one.move_cell("c0", after="c1")
    two.splice_source("c0", 1, 0, "!")
    one.replica.merge(two.replica)
    assert sources(one) == ["b", "a!"]


def test_two_concurrent_moves_of_one_cell_leave_one_cell() -> None:
    one = notebook("a", "b", "c")
    two = one.fork()
    one.move_cell("c0", after="c1")
    two.move_cell("c0", after="c2")
    one.replica.merge(two.replica)
    two.replica.merge(one.replica)
    assert one.cell_ids() == two.cell_ids()
    assert sorted(one.cell_ids()) == ["c0", "c1", "c2"]


def test_both_neighbours_at_once_are_refused() -> None:
    doc = notebook("a", "b")
    with pytest.raises(BadEdit):
        doc.add_cell("x", after="c0", before="c1")


@pytest.mark.parametrize(
    "act",
    [
        lambda doc: doc.source("gone"),
        lambda doc: doc.cell("gone"),
        lambda doc: doc.cell_type("gone"),
        lambda doc: doc.position("gone"),
        lambda doc: doc.delete_cell("gone"),
        lambda doc: doc.move_cell("gone"),
        lambda doc: doc.move_cell("c0", after="gone"),
        lambda doc: doc.add_cell("x", before="gone"),
        lambda doc: doc.split_cell("gone", 0),
        lambda doc: doc.merge_cells("c0", "gone"),
        lambda doc: doc.splice_source("gone", 0, 0, "x"),
        lambda doc: doc.set_source("gone", "x"),
        lambda doc: doc.set_cell_type("gone", "raw"),
        lambda doc: doc.set_cell_metadata("gone", {}),
        lambda doc: doc.set_attachments("gone", None),
    ],
)
def test_a_cell_that_is_not_there_is_named_and_nothing_happens(act: Callable[[NotebookDoc], object]) -> None:
    doc = notebook("a")
    heads = doc.replica.heads()
    with pytest.raises(UnknownCell) as caught:
        act(doc)
    assert caught.value.cell_id == "gone"
    assert doc.replica.heads() == heads
    assert doc.take_events() == []


# --- sources ----------------------------------------------------------------------------------------------------------


def test_splices_count_code_points() -> None:
    doc = notebook("a😀b")
    doc.splice_source("c0", 2, 1, "c")
    assert doc.source("c0") == "a😀c"


def test_a_splice_outside_the_source_is_refused() -> None:
    doc = notebook("abc")
    with pytest.raises(BadEdit):
        doc.splice_source("c0", 2, 5, "")
    assert doc.source("c0") == "abc"


def test_setting_a_source_keeps_what_another_typed_beside_it() -> None:
    one = notebook("first line\nsecond line\n")
    two = one.fork()
    one.set_source("c0", "first line, changed\nsecond line\n")
    two.splice_source("c0", len(two.source("c0")), 0, "third\n")
    one.replica.merge(two.replica)
    assert one.source("c0") == "first line, changed\nsecond line\nthird\n"


def test_setting_the_same_source_writes_nothing() -> None:
    doc = notebook("same")
    heads = doc.replica.heads()
    doc.set_source("c0", "same")
    assert doc.replica.heads() == heads


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    doc = notebook("")
    doc.set_source("c0", "a\ud83d")
    doc.splice_source("c0", 0, 0, "\udc00")
    assert doc.source("c0") == "\ufffda\ufffd"


@pytest.mark.parametrize("at", [0, 2, 5])
def test_a_split_cell_is_two_whose_sources_make_the_old_one(at: int) -> None:
    doc = notebook("hello", "next")
    doc.set_cell_type("c0", "markdown")
    doc.set_cell_metadata("c0", {"tags": ["t"]})
    new = doc.split_cell("c0", at)
    assert doc.cell_ids() == ["c0", new, "c1"]
    assert [doc.source("c0"), doc.source(new)] == ["hello"[:at], "hello"[at:]]
    assert doc.cell_type(new) == "markdown"
    assert doc.cell(new).metadata == {"tags": ["t"]}


@pytest.mark.parametrize("at", [-1, 6])
def test_a_split_outside_the_source_is_refused(at: int) -> None:
    doc = notebook("hello")
    with pytest.raises(BadEdit):
        doc.split_cell("c0", at)
    assert sources(doc) == ["hello"]


@pytest.mark.parametrize(("one", "two", "together"), [("a", "b", "a\nb"), ("", "b", "b"), ("a", "", "a")])
def test_merged_cells_are_one_with_both_sources(one: str, two: str, together: str) -> None:
    doc = notebook(one, two)
    doc.merge_cells("c0", "c1")
    assert sources(doc) == [together]


def test_a_cell_is_not_merged_with_itself() -> None:
    doc = notebook("a")
    with pytest.raises(BadEdit):
        doc.merge_cells("c0", "c0")
    assert sources(doc) == ["a"]


# --- the other fields -------------------------------------------------------------------------------------------------


def test_a_cell_s_type_changes_and_unknown_ones_are_refused() -> None:
    doc = notebook("a")
    doc.set_cell_type("c0", "raw")
    assert doc.cell_type("c0") == "raw"
    with pytest.raises(BadEdit):
        doc.set_cell_type("c0", "heading")  # type: ignore[arg-type]  # that is what is tried
    with pytest.raises(BadEdit):
        doc.add_cell("x", "heading")  # type: ignore[arg-type]  # the same
    assert len(doc) == 1


def test_concurrent_changes_of_two_keys_of_the_metadata_both_survive() -> None:
    one = notebook("a")
    one.set_metadata({"kernelspec": {"name": "python3"}, "other": 1})
    two = one.fork()
    one.set_metadata({"kernelspec": {"name": "deno"}, "other": 1})
    two.set_metadata({"kernelspec": {"name": "python3", "language": "python"}, "other": 1})
    one.replica.merge(two.replica)
    assert one.metadata() == {"kernelspec": {"name": "deno", "language": "python"}, "other": 1}


def test_attachments_come_and_go() -> None:
    doc = notebook("a")
    doc.set_attachments("c0", {"x.png": {"image/png": {"inline": "AA==", "encoding": "base64"}}})
    assert doc.cell("c0").attachments == {"x.png": {"image/png": {"inline": "AA==", "encoding": "base64"}}}
    doc.set_attachments("c0", {})
    assert doc.cell("c0").attachments == {}
    doc.set_attachments("c0", None)
    assert doc.cell("c0").attachments is None


# --- order ------------------------------------------------------------------------------------------------------------


def test_cells_at_equal_positions_are_ordered_by_id_and_there_is_room_between_them() -> None:
    doc = notebook()
    doc.add_cell("b", cell_id="b")
    others = [doc.fork() for _ in range(2)]
    others[0].add_cell("x", after="b", cell_id="x")
    others[1].add_cell("y", after="b", cell_id="y")
    doc.add_cell("end", after="b", cell_id="z")
    for other in others:
        doc.replica.merge(other.replica)
    assert doc.cell_ids() == ["b", "x", "y", "z"]
    assert len({doc.position(cell_id) for cell_id in "xyz"}) == 1
    doc.add_cell("between", after="x", cell_id="m")
    assert doc.cell_ids() == ["b", "x", "m", "y", "z"]
    doc.move_cell("z", before="x")
    assert doc.cell_ids() == ["b", "z", "x", "m", "y"]


@pytest.mark.parametrize("position", ["", "zz", "81", "8g80", 7, None])
def test_a_cell_whose_position_cannot_be_read_is_shown_last(position: str | int | None) -> None:
    doc = notebook("a", "b", "c")
    put_raw(doc, "c0", "position", position)
    assert doc.cell_ids() == ["c1", "c2", "c0"]
    assert NotebookDoc(doc.replica).cell_ids() == ["c1", "c2", "c0"]


def test_cells_without_a_readable_position_are_settled_where_they_are_shown_when_one_goes_after_them() -> None:
    doc = notebook("a", "b", "c")
    put_raw(doc, "c0", "position", "nonsense")
    put_raw(doc, "c1", "position", "nonsense")
    doc.add_cell("end", cell_id="end")
    assert doc.cell_ids() == ["c2", "c0", "c1", "end"]
    assert all(positions.is_position(doc.position(cell_id)) for cell_id in doc.cell_ids())


def test_a_cell_can_go_before_one_without_a_readable_position() -> None:
    doc = notebook("a", "b")
    put_raw(doc, "c0", "position", "nonsense")
    doc.add_cell("x", before="c0", cell_id="x")
    assert doc.cell_ids() == ["c1", "x", "c0"]


def test_a_cell_of_an_unknown_kind_or_with_missing_keys_is_still_a_cell() -> None:
    doc = notebook("a")
    put_raw(doc, "c0", "cell_type", "from the future")
    put_raw(doc, "c0", "metadata", None)
    put_raw(doc, "c0", "source", None)
    cell = doc.cell("c0")
    assert (cell.cell_type, cell.metadata, cell.source) == ("from the future", {}, "")
    doc.splice_source("c0", 0, 0, "new")
    assert doc.source("c0") == "new"


def test_a_counter_where_the_schema_has_none_takes_one_cell_to_the_end_and_no_more() -> None:
    doc = notebook("a", "b")
    ahead = NotebookDoc(Replica.load(doc.replica.save(), doc.replica.actor))
    heads = ahead.replica.heads()
    put_raw(ahead, "c0", "position", 7)
    doc.replica.apply([counter_change(ahead.replica.changes_since(heads)[0])])
    assert doc.cell_ids() == ["c1", "c0"]
    assert doc.cell("c0").source == "a"


def test_a_document_of_something_else_is_no_notebook() -> None:
    replica = Replica()
    with replica.transaction() as transaction:
        transaction.put_uint(ROOT, "schema_version", 1)
    with pytest.raises(CorruptDocument):
        NotebookDoc(replica)


# --- edit() -----------------------------------------------------------------------------------------------------------


def test_everything_inside_edit_is_one_change() -> None:
    doc = notebook("a")
    heads = doc.replica.heads()
    with doc.edit():
        new = doc.add_cell("b", cell_id="b")
        doc.splice_source(new, 0, 0, "x")
        doc.move_cell("c0", after=new)
        doc.delete_cell("c0")
        assert doc.cell_ids() == ["b"]
    assert len(doc.replica.changes_since(heads)) == 1
    assert sources(doc) == ["xb"]


def test_an_exception_inside_edit_undoes_everything_and_is_passed_on() -> None:
    doc = notebook("a", "b")
    before = doc.cells()

    def fail() -> None:
        with doc.edit():
            doc.add_cell("x")
            doc.set_source("c0", "changed")
            doc.move_cell("c0", after="c1")
            doc.delete_cell("c1")
            doc.source("gone")

    with pytest.raises(UnknownCell):
        fail()
    assert doc.cells() == before
    assert doc.take_events() == []
    doc.add_cell("still usable")
    assert len(doc) == 3


def test_edits_inside_edit_read_what_was_written_inside() -> None:
    doc = notebook("a")
    with doc.edit():
        doc.set_source("c0", "new")
        doc.set_cell_metadata("c0", {"k": 1})
        doc.set_metadata({"m": 1})
        assert doc.source("c0") == "new"
        assert doc.cell("c0").metadata == {"k": 1}
        assert doc.metadata() == {"m": 1}


# --- events -----------------------------------------------------------------------------------------------------------


def test_nothing_is_reported_when_nothing_happened() -> None:
    assert notebook("a").take_events() == []


def test_each_thing_that_happened_is_reported_once() -> None:
    doc = notebook("a", "b", "c")
    doc.add_cell("d", cell_id="d")
    doc.splice_source("c0", 0, 0, "x")
    doc.splice_source("c0", 0, 0, "y")
    doc.move_cell("c1", after="c2")
    doc.delete_cell("c2")
    doc.set_metadata({"k": 1})
    events = doc.take_events()
    assert sorted(map(repr, events)) == sorted(
        map(
            repr,
            [
                CellAdded("d"),
                CellChanged("c0", frozenset({"source"})),
                CellChanged("c1", frozenset({"position"})),
                CellRemoved("c2"),
                MetadataChanged(frozenset({"k"})),
            ],
        )
    )
    assert doc.take_events() == []


def test_a_cell_is_looked_at_once_however_much_of_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    one = notebook("a")
    other = one.fork()
    other.add_cell("b", cell_id="b", metadata={"tags": ["x"], "y": 1})
    looked_at: list[str] = []
    plain = NotebookDoc._look_again

    def look_again(self: NotebookDoc, cell_id: str, fields: set[CellField]) -> None:
        looked_at.append(cell_id)
        plain(self, cell_id, fields)

    monkeypatch.setattr(NotebookDoc, "_look_again", look_again)
    one.replica.merge(other.replica)
    assert one.take_events() == [CellAdded("b")]
    assert looked_at == ["b"]


def test_what_another_replica_did_is_reported_the_same_way() -> None:
    one = notebook("a", "b")
    two = one.fork()
    two.add_cell("c", cell_id="c")
    two.set_cell_type("c0", "raw")
    two.delete_cell("c1")
    one.replica.merge(two.replica)
    assert sorted(map(repr, one.take_events())) == sorted(
        map(repr, [CellAdded("c"), CellChanged("c0", frozenset({"cell_type"})), CellRemoved("c1")])
    )


def test_a_cell_that_came_and_went_between_two_readings_is_not_reported() -> None:
    doc = notebook()
    doc.add_cell("x", cell_id="x")
    doc.delete_cell("x")
    assert doc.take_events() == []


def test_a_cell_that_was_deleted_here_and_kept_alive_there_is_reported_as_what_it_is() -> None:
    doc = notebook("a")
    doc.delete_cell("c0")
    doc.take_events()
    doc.add_cell("again", cell_id="c0")
    assert doc.take_events() == [CellAdded("c0")]


def test_metadata_inside_a_cell_is_reported_as_the_cell_s() -> None:
    doc = notebook("a")
    doc.set_cell_metadata("c0", {"deep": {"er": [1]}})
    doc.take_events()
    doc.set_cell_metadata("c0", {"deep": {"er": [1, 2]}})
    assert doc.take_events() == [CellChanged("c0", frozenset({"metadata"}))]


def test_the_whole_notebook_arriving_at_a_blank_replica_is_reported_as_its_cells() -> None:
    blank, real = NotebookDoc.blank(), notebook("a", "b")
    blank.take_events()
    blank.replica.apply(real.replica.changes_since(()))
    events = blank.take_events()
    assert events == [Reset()] or {CellAdded("c0"), CellAdded("c1")} <= set(events)
