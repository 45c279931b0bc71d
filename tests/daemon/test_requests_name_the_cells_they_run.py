"""What a request to run means: which cells, in which order, under which ids; and stopping what was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.daemon.queue_effects import Manner
from clients.daemon.requests import cells_to_run, execution_ids, runs
from clients.peer.errors import RequestFailed
from notebook_doc.errors import UnknownCell
from notebook_doc.notebook import NotebookDoc
from relay.errors import WireError
from relay.requests import Execute
from tests.daemon.service import notebook_file, running_service
from tests.daemon.test_cells_run_for_every_peer import SLEEP, until_begun
from tests.support.aio import aio


@pytest.fixture
def doc() -> NotebookDoc:
    """Code cells a, c, e in that order, with a markdown cell b and an empty cell d between them."""
    doc = NotebookDoc.create("n")
    for cell_id, source in (("a", "1"), ("b", "# title"), ("c", "2"), ("d", " \n"), ("e", "3")):
        doc.add_cell(source, "markdown" if cell_id == "b" else "code", cell_id=cell_id)
    return doc


def test_all_are_the_code_cells_with_text_in_notebook_order(doc: NotebookDoc) -> None:
    assert cells_to_run(doc, Execute()) == ["a", "c", "e"]
    doc.move_cell("e", before="a")
    assert cells_to_run(doc, Execute()) == ["e", "a", "c"]


def test_above_ends_before_the_cell_and_below_begins_with_it(doc: NotebookDoc) -> None:
    assert cells_to_run(doc, Execute(above="c")) == ["a"]
    assert cells_to_run(doc, Execute(below="c")) == ["c", "e"]
    assert cells_to_run(doc, Execute(above="a")) == []
    assert cells_to_run(doc, Execute(below="b")) == ["c", "e"]  # any cell says where, also one that does not run


def test_named_cells_run_as_named(doc: NotebookDoc) -> None:
    assert cells_to_run(doc, Execute(cell_ids=["e", "a", "e"])) == ["e", "a", "e"]


def test_a_request_names_one_place_only(doc: NotebookDoc) -> None:
    with pytest.raises(WireError, match="one of the three"):
        cells_to_run(doc, Execute(above="c", below="a"))
    with pytest.raises(UnknownCell):
        cells_to_run(doc, Execute(above="gone"))


def test_what_is_no_code_cell_does_not_run(doc: NotebookDoc) -> None:
    with pytest.raises(WireError, match="markdown"):
        runs(doc, ["a", "b"], ["1", "2"], Manner())


def test_the_ids_depend_on_the_request_and_the_cell_not_on_what_stands_before_it() -> None:
    first, again = execution_ids("r", ["a", "b", "a"]), execution_ids("r", ["x", "a", "b", "a"])
    assert first == again[1:]
    assert len(set(again)) == 4
    assert set(first).isdisjoint(execution_ids("other", ["a", "b", "a"]))


@aio
async def test_what_is_above_or_below_a_cell_runs_in_one_request(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["print('a')", "print('b')", "", "print('c')"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        above = await ann.cells["c1"].run_above()
        assert [execution.record.cell_id for execution in above] == ["c0"]
        below = await ann.cells["c1"].run_below()
        assert [execution.record.cell_id for execution in below] == ["c1", "c3"]
        assert [await execution.text() for execution in await ann.run_all()] == ["a\n", "b\n", "c\n"]
        with pytest.raises(RequestFailed, match="nowhere"):
            await ann.start(above="nowhere")


@aio
async def test_stopping_ends_ones_own_and_nobody_elses(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [SLEEP, "'b'", "'c'", "'d'"])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "ben") as ben:
        sleeping, b = await ann.start(["c0", "c1"])
        (c,) = await ben.start(["c2"])
        (d,) = await ann.start(["c3"])
        await until_begun(ann, sleeping)
        assert [execution.id for execution in await ben.stop(running=False)] == [c.id]
        (c,) = await ben.start(["c2"])
        stopped = await ann.stop()
        assert [execution.id for execution in stopped] == [sleeping.id, b.id, d.id]
        for execution in (sleeping, b, c, d):
            await execution.wait()
        assert [sleeping.status, b.status, c.status, d.status] == ["error", "cancelled", "done", "cancelled"]


@aio
async def test_everything_that_waits_can_be_cancelled_while_the_running_cell_goes_on(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["print('begun', flush=True); import time; time.sleep(0.5); print('end')", "'b'"])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "ben") as ben:
        first, second = await ann.start(["c0", "c1"])
        await until_begun(ann, first)
        assert [execution.id for execution in await ben.stop(everyone=True, running=False)] == [second.id]
        assert (await first.wait()).ok
        assert (await second.wait()).status == "cancelled"


@aio
async def test_an_execution_says_who_asked_when_and_at_which_heads(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["'a'"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        ann.cells["c0"].append(" * 2")
        record = (await ann.cells["c0"].run()).record
        assert (record.requested_by.peer_id, record.requested_by.kind) == ("ann", "person")
        assert ann.doc.replica.contains(record.notebook_heads)
        assert record.source == "'a' * 2"
        assert record.started is not None
        assert record.ended is not None
        assert 0 < record.submitted <= record.started <= record.ended


@aio
async def test_what_a_cell_ran_before_is_on_record_with_its_outputs(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["print('one')", "1"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        first = await ann.cells["c0"].run()
        await ann.cells["c1"].run()
        ann.cells["c0"].source = "print('two'); 1 / 0"
        second = await ann.cells["c0"].run()
        history = await ann.cells["c0"].history()
        assert [execution.id for execution in history] == [second.id, first.id]
        assert [execution.status for execution in history] == ["error", "done"]
        assert [execution.record.source for execution in history] == ["print('two'); 1 / 0", "print('one')"]
        assert (await history[0].text()).startswith("two\n")
        assert await history[1].text() == "one\n"
        ann.cells["c0"].delete()
        assert len(await ann.executions_of("c0")) == 2
