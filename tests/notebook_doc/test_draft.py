"""A draft says what the notebook would say, refuses what it would refuse, and writes nowhere."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.batch import apply
from notebook_doc.draft import Draft
from notebook_doc.edits import (
    Create,
    Delete,
    Move,
    Operation,
    SetAttachments,
    SetMetadata,
    SetNotebookMetadata,
    SetSource,
    SetType,
)
from notebook_doc.errors import BadEdit, NotebookDocError, UnknownCell
from notebook_doc.notebook import NotebookDoc

IDS = "abcdef"


def notebook(*cell_ids: str) -> NotebookDoc:
    doc = NotebookDoc.create("5e1f7c1a-0000-4000-8000-000000000002")
    for cell_id in cell_ids:
        doc.add_cell(f"cell {cell_id}", cell_id=cell_id)
    return doc


def operation(rng: random.Random) -> Operation:
    """Any operation on any cell; many of them make no sense."""
    one, other = rng.choice(IDS), rng.choice([None, *IDS])
    text = rng.choice(("", "x = 1", "half a \ud83d", "two\nlines"))
    match rng.randrange(9):
        case 0 | 1:
            place = rng.choice(({"after": other}, {"before": other}, {"position": "8180"}, {}))
            return Create(one, text, rng.choice(("code", "markdown", "neither")), metadata={"a": [1]}, **place)
        case 2:
            return SetSource(one, text)
        case 3:
            return SetType(one, rng.choice(("code", "raw", "neither")))
        case 4:
            return SetMetadata(one, {"b": {"c": text}})
        case 5:
            return SetAttachments(one, rng.choice((None, {"a.png": {"image/png": "AAAA"}})))
        case 6:
            return SetNotebookMetadata({"quire": {"k": text}})
        case 7:
            return rng.choice((Move(one, after=other), Move(one, before=other), Move(one, position="8180")))
        case _:
            return Delete(one)


def said(of: NotebookDoc | Draft) -> object:
    ids = of.cell_ids()
    each = [(of.cell(one), of.source(one), of.cell_type(one), of.position(one)) for one in ids]
    return len(of), ids, each, [one in of for one in IDS], of.metadata()


def outcome(do: object) -> str:
    try:
        do()  # type: ignore[operator]
    except NotebookDocError as error:
        return f"{type(error).__name__}: {error}"
    return "done"


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_a_draft_says_what_the_notebook_says_after_the_same_operations(seed: int) -> None:
    rng = random.Random(seed)
    doc = notebook("a", "b", "c")
    heads = doc.replica.heads()
    draft, written = Draft(doc), doc.fork()
    for _ in range(8):
        batch = [operation(rng) for _ in range(rng.randrange(1, 3))]
        on_draft = outcome(lambda: draft.apply(batch))  # noqa: B023 (called here)
        assert on_draft == outcome(lambda: apply(batch, written))  # noqa: B023
        assert said(draft) == said(written)
    assert doc.replica.heads() == heads
    assert said(doc) == said(notebook("a", "b", "c"))


def test_a_batch_that_is_refused_leaves_nothing_in_the_draft() -> None:
    draft = Draft(notebook("a", "b"))
    before = said(draft)
    with pytest.raises(UnknownCell):
        draft.apply([Create("n", "new", after="a"), Delete("b"), SetNotebookMetadata({}), SetSource("x", "")])
    with pytest.raises(BadEdit, match="either after or before"):
        draft.apply([Delete("b"), Move("a", after="a", before="b"), Create("n", "", after="a", before="a")])
    assert said(draft) == before
