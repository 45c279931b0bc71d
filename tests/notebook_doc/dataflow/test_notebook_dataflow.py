"""A notebook's dataflow follows the document, and says the same as one made from scratch, at every peer."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.dataflow.analysis import CellText, analyze
from notebook_doc.dataflow.graph import Edge, Graph
from notebook_doc.dataflow.notebook_dataflow import Dataflow
from notebook_doc.notebook import NotebookDoc
from tests.notebook_doc.dataflow.stories import NOTEBOOK_ID, Story

NAMES = "abcd"


def graph_says(graph: Graph) -> object:
    """What a graph says of its cells."""
    inputs = {one: (graph.inputs(one), graph.readers_of(one), graph.refs(one)) for one in graph.order}
    return inputs, graph.edges(), graph.cycles(), graph.disputed, graph.setup_cells


def said(flow: Dataflow) -> object:
    """Everything that a dataflow says."""
    graph = flow.graph
    return (
        list(graph.order),
        graph.edges(),
        {one: (graph.analysis(one).defs, graph.refs(one), graph.is_setup(one)) for one in graph.order},
        flow.all_problems(),
        graph.cycles(),
        graph.disputed,
        graph.sorted(),
        graph.roots(),
        graph.leaves(),
        {one: flow.provenance(one) for one in graph.order},
        flow.mode,
        flow.environment,
    )


def test_cells_are_read_as_their_language_says() -> None:
    story = Story()
    doc = story.doc
    doc.add_cell("df = 1\nresult = 2\nrows = 3", cell_id="python")
    doc.add_cell("%%sql out <<\nselect * from df", cell_id="magic")
    doc.add_cell("select * from df", cell_id="sql", metadata={"quire": {"language": "sql", "result": "top"}})
    doc.add_cell("There are {{ len(rows) }} rows, not `{{ df }}`.", "markdown", cell_id="text")
    doc.add_cell("df = result", "raw", cell_id="raw")
    story.look()
    assert story.flow.graph.edges() == [
        Edge("python", "magic", "df"),
        Edge("python", "sql", "df"),
        Edge("python", "text", "rows"),
    ]
    assert story.flow.graph.analysis("magic").defs == {"out"}
    assert story.flow.graph.analysis("sql").defs == {"top"}
    assert story.flow.code_cells == ["python", "magic", "sql"]
    assert story.flow.language("text") == "markdown"


def test_cells_of_a_kernel_of_another_language_define_nothing() -> None:
    story = Story(a="let x = 1", b="x")
    story.doc.set_metadata({"language_info": {"name": "typescript"}})
    assert story.look().flow.graph.edges() == []
    story.doc.set_metadata({"kernelspec": {"name": "python3", "language": "python"}})
    story.edit("a", "x = 1")
    assert story.flow.graph.edges() == [Edge("a", "b", "x")]


def test_an_update_names_the_cells_that_say_or_take_something_else() -> None:
    story = Story(a="x = 1", b="x", c="w = 1")
    doc, flow = story.doc, story.flow
    assert flow.update(doc) == frozenset()
    doc.set_source("a", "x = 2")
    assert flow.update(doc) == {"a"}
    doc.set_source("a", "w = 2")
    assert flow.update(doc) == {"a", "b", "c"}
    doc.delete_cell("a")
    assert flow.update(doc) == {"a", "c"}
    doc.set_metadata({"quire": {"execution_mode": "lazy"}})
    assert flow.update(doc) == frozenset()
    assert flow.mode == "lazy"


def test_a_mode_that_nobody_knows_is_manual() -> None:
    story = Story()
    story.doc.set_metadata({"quire": {"execution_mode": "psychic"}})
    assert story.look().flow.mode == "manual"


def test_two_valid_edits_merge_to_an_invalid_notebook_and_every_peer_finds_the_same_problems() -> None:
    mine = Story(a="x = 1", b="y = 2", c="z = 3")
    theirs = Story(mine.doc.fork())
    mine.edit("b", "w = 1")
    theirs.edit("c", "w = 2")
    assert not mine.flow.all_problems()
    assert not theirs.flow.all_problems()
    mine.doc.replica.merge(theirs.doc.replica)
    theirs.doc.replica.merge(mine.doc.replica)
    mine.look(), theirs.look()
    assert mine.flow.all_problems() == theirs.flow.all_problems()
    assert {cell: [one.code for one in found] for cell, found in mine.flow.all_problems().items()} == {
        "b": ["multiply_defined"],
        "c": ["multiply_defined"],
    }
    theirs.edit("c", "v = 2")
    mine.doc.replica.merge(theirs.doc.replica)
    assert not mine.look().flow.all_problems()


def source(rng: random.Random) -> str:
    kind = rng.randrange(12)
    if kind == 0:
        return "from os import *"
    if kind == 1:
        return "x = ("
    name = rng.choice(NAMES)
    reads = " + ".join(rng.choice(NAMES) for _ in range(rng.randrange(3))) or "0"
    if kind == 2:
        return f"def {name}():\n    return {reads}"
    if kind == 3:
        return f"del {name}"
    return f"{name} = {reads}"


def act(rng: random.Random, doc: NotebookDoc) -> None:
    """One edit of any kind."""
    ids = doc.cell_ids()
    cell_id = rng.choice(ids) if ids else None
    what = rng.randrange(9)
    if cell_id is None or (what < 2 and len(ids) < 12):
        kind = rng.choice(("code", "code", "code", "markdown"))
        setup = {"tags": ["setup"]} if rng.randrange(6) == 0 else None
        doc.add_cell(source(rng) if kind == "code" else "{{ a }}", kind, after=cell_id, metadata=setup)
    elif what == 2:
        doc.delete_cell(cell_id)
    elif what == 3:
        doc.move_cell(cell_id, before=rng.choice(ids))
    elif what == 4:
        doc.set_metadata({"quire": {"execution_mode": rng.choice(("lazy", "reactive")), "dependencies": [what]}})
    elif what == 5:
        doc.set_cell_type(cell_id, rng.choice(("code", "markdown")))
    else:
        doc.set_source(cell_id, source(rng))


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_following_edit_by_edit_says_the_same_as_from_scratch(seed: int, edits: int) -> None:
    rng = random.Random(seed)
    doc = NotebookDoc.create(NOTEBOOK_ID)
    flow = Dataflow(doc)
    for _ in range(edits):
        with doc.edit():
            for _ in range(rng.randrange(1, 4)):
                act(rng, doc)
        before = {one: (flow.problems(one), flow.graph.inputs(one), flow.source(one)) for one in flow.graph.order}
        changed = flow.update(doc)
        assert said(flow) == said(Dataflow(doc))
        reached = changed | flow.graph.descendants(*changed)
        for one in flow.graph.order:  # what was not named is as it was
            if one not in reached and one in before:
                problems, inputs, text = before[one]
                assert (flow.graph.inputs(one), flow.source(one)) == (inputs, text)
                assert [each.code for each in flow.problems(one)] == [each.code for each in problems]


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_a_copy_of_a_graph_and_the_graph_do_not_hear_of_each_other(seed: int) -> None:
    rng = random.Random(seed)
    doc = NotebookDoc.create(NOTEBOOK_ID)
    for _ in range(8):
        act(rng, doc)
    flow = Dataflow(doc)
    kept = []
    for _ in range(3):
        copy = flow.graph.copy()
        kept.append((copy, graph_says(copy)))
        act(rng, doc)
        flow.update(doc)
        assert said(flow) == said(Dataflow(doc))
        mine = copy.copy()
        for cell_id in mine.order[:2]:
            mine.put(cell_id, analyze(CellText("python", source(rng))))
            mine.remove(mine.order[-1])
    assert [graph_says(copy) for copy, _ in kept] == [before for _, before in kept]


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_after_a_merge_all_peers_say_the_same(seed: int) -> None:
    rng = random.Random(seed)
    docs = [NotebookDoc.create(NOTEBOOK_ID)]
    for _ in range(4):
        act(rng, docs[0])
    docs += [docs[0].fork(), docs[0].fork()]
    flows = [Dataflow(doc) for doc in docs]
    for _ in range(6):
        for doc, flow in zip(docs, flows, strict=True):
            act(rng, doc)
            flow.update(doc)
        one, other = rng.sample(range(3), 2)
        docs[one].replica.merge(docs[other].replica)
        flows[one].update(docs[one])
    for _ in range(2):
        for one in range(3):
            for other in range(3):
                if one != other:
                    docs[one].replica.merge(docs[other].replica)
    for doc, flow in zip(docs, flows, strict=True):
        flow.update(doc)
    assert said(flows[0]) == said(flows[1]) == said(flows[2])


@pytest.mark.parametrize("names", [2, 40])
def test_a_reader_of_many_owners_takes_the_last_one_above_it(names: int) -> None:
    story = Story(**{f"c{i}": "x = 1" for i in range(names)}, reader="x")
    assert story.flow.graph.inputs("reader") == {"x": f"c{names - 1}"}
    story.doc.move_cell("reader", before="c1")
    assert story.look().flow.graph.inputs("reader") == {"x": "c0"}
    story.doc.move_cell("reader", before="c0")
    assert story.look().flow.graph.inputs("reader") == {"x": "c0"}
