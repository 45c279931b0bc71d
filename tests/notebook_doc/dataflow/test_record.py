"""What the daemon publishes of the dataflow reads the same everywhere, and is written only where it differs."""

from __future__ import annotations

from notebook_doc.dataflow.record import describe
from notebook_doc.events import DataflowChanged
from notebook_doc.rotation import events_between, next_epoch
from notebook_doc.runtime import RuntimeDoc
from tests.notebook_doc.dataflow.stories import NOTEBOOK_ID, Story


def published(story: Story, runtime: RuntimeDoc) -> bool:
    cells = {cell_id: describe(story.flow, story.staleness, cell_id) for cell_id in story.flow.graph.order}
    return runtime.dataflow.write(story.flow.mode, cells, story.staleness.runs())


def test_what_is_written_is_what_is_read() -> None:
    story = Story(a="x = 1", b="y = x; z = 1", c="z = 2")
    story.run("a", "b")
    story.edit("a", "x = 2")
    runtime = RuntimeDoc.create(NOTEBOOK_ID)
    assert (runtime.dataflow.mode, runtime.dataflow.cells(), runtime.dataflow.runs()) == ("manual", {}, {})
    assert published(story, runtime)
    copy = RuntimeDoc(runtime.replica.fork())
    assert copy.dataflow.runs() == story.staleness.runs()
    b = copy.dataflow.cell("b")
    assert b is not None
    assert (b.status, b.inputs, b.defines, b.ms) == ("stale", {"x": "a"}, ("y", "z"), 10.0)
    assert b.causes == story.of("b").causes
    (problem,) = b.problems
    assert (problem["code"], problem["cells"], problem["range"]) == ("multiply_defined", ["b", "c"], [7, 8])
    assert problem["fixes"][0]["edits"] == [
        {"edit": "replace", "cell_id": "b", "range": [7, 8], "old": "z", "new": "_z"}
    ]


def test_only_what_differs_is_written_and_told() -> None:
    story = Story(a="x = 1", b="y = x", c="w = 1")
    story.run_all()
    runtime = RuntimeDoc.create(NOTEBOOK_ID)
    published(story, runtime)
    runtime.take_events()
    assert not published(story, runtime)
    assert runtime.take_events() == []
    story.edit("a", "x = 2")
    assert published(story, runtime)
    assert runtime.take_events() == [DataflowChanged(frozenset({"a", "b"}))]
    story.doc.set_metadata({"quire": {"execution_mode": "lazy"}})
    story.look()
    assert published(story, runtime)
    assert runtime.take_events() == [DataflowChanged(frozenset())]
    assert runtime.dataflow.mode == "lazy"


def test_the_next_epoch_says_the_same() -> None:
    story = Story(a="x = 1", b="y = x")
    story.run_all()
    runtime = RuntimeDoc.create(NOTEBOOK_ID)
    published(story, runtime)
    runtime.take_events()
    fresh = next_epoch(runtime)
    assert fresh.dataflow.cells() == runtime.dataflow.cells()
    assert fresh.dataflow.runs() == runtime.dataflow.runs()
    assert events_between(runtime, fresh) == []
    story.edit("b", "y = x + 1")
    published(story, fresh)
    assert not published(story, fresh)
    assert events_between(runtime, fresh) == [DataflowChanged(frozenset({"b"}))]
