"""A file edited outside becomes the smallest edits, and merges with what others did meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.interchange import model_of, notebook_from_model, reconcile, runtime_from_model
from notebook_doc.model import CellModel, NotebookModel
from notebook_doc.notebook import NotebookDoc
from notebook_doc.touched import touches


def model(*cells: tuple[str, str], minor: int = 5) -> NotebookModel:
    made = tuple(CellModel(id=cell_id, cell_type="code", source=source) for cell_id, source in cells)
    return NotebookModel(nbformat_minor=minor, cells=made)


def contents(doc: NotebookDoc) -> list[tuple[str, str]]:
    return [(cell.id, cell.source) for cell in doc.cells()]


A, B, C, D = ("a", "first\n"), ("b", "second\n"), ("c", "third\n"), ("d", "fourth\n")


def test_a_model_becomes_documents_and_a_model_again() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": [{"inline": "hi", "encoding": "text"}]}
    first = NotebookModel(
        nbformat_minor=4,
        metadata={"language_info": {"name": "python"}, "big": 2**80},
        cells=(
            CellModel(id="a", cell_type="code", source="x", outputs=(output,), execution_count=2),
            CellModel(id="b", cell_type="markdown", source="y", metadata={"tags": []}, attachments={}),
            CellModel(id="c", cell_type="raw", source=""),
        ),
    )
    assert model_of(notebook_from_model("n", first), runtime_from_model("n", first)) == first


def test_reconciling_with_what_is_there_writes_nothing() -> None:
    doc = notebook_from_model("n", model(A, B, C))
    heads = doc.replica.heads()
    reconcile(doc, model(A, B, C))
    assert doc.replica.heads() == heads


def test_a_moved_cell_is_moved_and_no_other_is_written() -> None:
    doc = notebook_from_model("n", model(A, B, C, D))
    heads = doc.replica.heads()
    reconcile(doc, model(B, C, D, A))
    (change,) = doc.replica.changes_since(heads)
    assert [touch.key for touch in touches(change)] == ["position"]
    assert doc.cell_ids() == ["b", "c", "d", "a"]


def test_an_outside_edit_merges_with_what_was_typed_meanwhile() -> None:
    doc = notebook_from_model("n", model(A, B))
    saved = doc.fork()
    doc.splice_source("a", 0, 0, "typed meanwhile, ")
    reconcile(saved, model(("a", "first, edited outside\n"), C))
    doc.replica.merge(saved.replica)
    assert contents(doc) == [("a", "typed meanwhile, first, edited outside\n"), C]


def test_the_whole_of_a_reconciliation_is_one_change() -> None:
    doc = notebook_from_model("n", model(A, B, C))
    heads = doc.replica.heads()
    reconcile(doc, replace(model(C, D, A), metadata={"k": 1}))
    assert len(doc.replica.changes_since(heads)) == 1


def test_cells_of_a_file_without_ids_are_recognised_by_their_sources() -> None:
    doc = notebook_from_model("n", model(A, B, C))
    reconcile(doc, model(("x0", "first\n"), ("x1", "new\n"), ("x2", "third\n"), minor=4))
    assert doc.cell_ids()[0] == "a"
    assert doc.cell_ids()[-1] == "c"
    assert [source for _, source in contents(doc)] == ["first\n", "new\n", "third\n"]


def test_a_new_first_cell_goes_first() -> None:
    doc = notebook_from_model("n", model(A, B))
    reconcile(doc, model(D, A, B))
    assert contents(doc) == [D, A, B]


def test_everything_can_be_replaced() -> None:
    doc = notebook_from_model("n", model(A, B))
    reconcile(doc, model(C, D))
    assert contents(doc) == [C, D]
    reconcile(doc, model())
    assert contents(doc) == []


@pytest.mark.parametrize("attachments", [None, {}, {"f": {"text/plain": {"inline": "x", "encoding": "text"}}}])
def test_attachments_become_those_of_the_file(attachments: object) -> None:
    doc = notebook_from_model("n", model(A))
    cell = CellModel(id="a", cell_type="markdown", source="t", attachments=attachments)  # type: ignore[arg-type]  # one of the three
    reconcile(doc, NotebookModel(nbformat_minor=5, cells=(cell,)))
    assert doc.cell("a").attachments == attachments
    assert doc.cell_type("a") == "markdown"


cell_lists = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.text("xy\n ", max_size=8)), max_size=8, unique_by=lambda cell: cell[0]
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(cell_lists, cell_lists)
def test_reconciled_with_any_model_a_notebook_says_what_the_model_says(
    before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    doc = notebook_from_model("n", model(*before))
    reconcile(doc, model(*after))
    assert contents(doc) == after
