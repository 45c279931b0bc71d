"""The synchronous face: a live notebook as plain objects, from any thread, also where an event loop runs."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import quire
from clients.daemon.main import run_daemon
from clients.peer import notebook as core
from clients.peer.background import background
from clients.peer.notebook import Notebook as AsyncNotebook
from notebook_doc.events import CellAdded, CellChanged, DataflowChanged
from tests.support.hub import REPOSITORY, TOKEN, HubProcess, hub_process, open_notebook
from tests.support.tokens import check_tokens, tokens_of


@dataclass
class Service:
    """A hub and a daemon for the tests of this module."""

    hub: HubProcess
    folder: Path
    number: int = 0

    def address(self, name: str | None = None) -> str:
        """The address of a fresh notebook."""
        self.number += 1
        notebook_id = asyncio.run(open_notebook(self.hub.address, self.folder / f"{name or self.number}.ipynb"))
        return f"{self.hub.address.url}/v1/notebooks/{notebook_id}"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("blocking")
    stop = background().call(asyncio.Event)
    with hub_process(folder / "state") as hub:
        serving = background().start(run_daemon(hub.address, folder / "state", stop=stop))
        try:
            yield Service(hub, folder)
        finally:
            background().call(stop.set)
            serving.result(20)


@pytest.fixture
def nb(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[quire.Notebook]:
    monkeypatch.setenv("QUIRE_TOKEN", TOKEN)
    with quire.open(service.address()) as notebook:
        yield notebook


def beside(nb: quire.Notebook, service: Service) -> quire.Notebook:
    """Another peer in the same notebook."""
    return quire.open(f"{service.hub.address.url}/v1/notebooks/{nb.id}")


def test_reading_is_the_notebook_and_assigning_is_an_edit(nb: quire.Notebook, service: Service) -> None:
    with beside(nb, service) as other:
        cell = nb.cells[0]
        cell.source = "x = 1"
        cell.append("\ny = 2")
        cell.splice(0, 1, "z")
        cell.metadata = {"tags": ["a"]}
        note = nb.cells.add("# title", "markdown", before=cell, metadata={"k": 1})
        nb.metadata = {**nb.metadata, "title": "T"}
        assert other.until(lambda: len(other.cells) == 2 and other.metadata.get("title") == "T", 60)
        seen = other.cells[cell.id]
        assert (seen.source, seen.metadata, seen.index) == ("z = 1\ny = 2", {"tags": ["a"]}, 1)
        assert (other.cells[0].type, other.cells[0].metadata) == ("markdown", {"k": 1})
        note.type = "raw"
        second = cell.split(5)
        assert [c.source for c in nb.cells] == ["# title", "z = 1", "\ny = 2"]
        cell.merge(second)
        note.move(after=cell)
        assert other.until(lambda: [c.id for c in other.cells] == [cell.id, note.id], 60)
        note.delete()
        assert other.until(lambda: list(other.cells) == [other.cells[cell.id]], 60)
        assert nb.cells[-1] == cell
        assert nb.cells[:1] == [cell]
        assert len({cell, nb.cells[0]}) == 1


def test_running_returns_the_execution_with_what_it_showed(nb: quire.Notebook) -> None:
    cell = nb.cells[0]
    cell.source = "print('hello')\n6 * 7"
    execution = cell.run(timeout=60)
    assert execution.ok
    assert execution.status == "done"
    assert execution.check() is execution
    assert execution.text == "hello\n42\n"
    assert [output["output_type"] for output in execution.outputs] == ["stream", "execute_result"]
    assert cell.outputs == execution.outputs
    assert cell.execution is not None
    assert cell.execution.id == execution.id
    assert nb.kernel.lifecycle == "ready"


def test_running_all_stops_at_the_first_failure_and_check_names_it(nb: quire.Notebook) -> None:
    nb.cells[0].source = "1 / 0"
    nb.cells.add("'never'")
    first, second = nb.run_all(timeout=60)
    assert (first.status, second.status) == ("error", "cancelled")
    with pytest.raises(quire.errors.ExecutionFailed, match="ZeroDivisionError: division by zero"):
        first.check()


def test_ctrl_c_interrupts_our_own_execution_and_is_raised(nb: quire.Notebook) -> None:
    cell = nb.cells[0]
    cell.source = "print('begun')\nimport time\nwhile True: time.sleep(0.01)"

    def press_when_it_runs() -> None:
        nb.until(
            lambda: (
                cell.execution is not None and bool(cell.execution._core._notebook.runtime.outputs(cell.execution.id))
            ),
            60,
        )
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press_when_it_runs)
    pressing.start()
    with pytest.raises(KeyboardInterrupt):
        cell.run()
    pressing.join()
    assert cell.execution is not None
    assert cell.execution.wait(30).status == "error"
    cell.source = "'still alive'"
    assert cell.run(timeout=30).ok


def test_ctrl_c_while_waiting_cancels_the_waiting(nb: quire.Notebook) -> None:
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        nb.until(lambda: False)
    nb.cells[0].source = "goes on"
    assert nb.saved(5)


def test_edits_made_together_are_one_change_on_what_was_there(nb: quire.Notebook, service: Service) -> None:
    with beside(nb, service) as other:
        cell = nb.cells[0]
        cell.source = "one two three"
        assert other.until(lambda: other.cells[0].source == "one two three", 60)
        with nb.edit():
            cell.source = "ONE two three"
            other.cells[0].source = "one two 3"
            assert other.saved(5)
            added = nb.cells.add("added")
            with nb.edit():  # joins
                added.append("!")
            assert cell.source == "ONE two three"
            assert len(nb.cells) == 2
            assert len(other.cells) == 1
        assert nb.until(lambda: cell.source == "ONE two 3", 60)
        assert nb.saved(5)
        assert other.until(lambda: [c.source for c in other.cells] == ["ONE two 3", "added!"], 60)


def test_an_edit_that_raises_leaves_nothing(nb: quire.Notebook) -> None:
    with pytest.raises(ZeroDivisionError), nb.edit():  # noqa: PT012  # the failure comes after the edit
        nb.cells.add("never")
        raise ZeroDivisionError
    assert [cell.source for cell in nb.cells] == [""]
    nb.cells[0].source = "goes on"


def test_a_notebook_without_cells_is_edited_like_any_other(nb: quire.Notebook) -> None:
    nb.cells[0].delete()
    with nb.edit():
        first = nb.cells.add("1")
        nb.cells.add("2", after=first)
        assert len(nb.cells) == 2
        assert background().call(lambda: len(nb._core.cells)) == 0
    assert [cell.source for cell in nb.cells] == ["1", "2"]


def test_nothing_can_be_waited_for_inside_an_edit(nb: quire.Notebook) -> None:
    with nb.edit(), pytest.raises(quire.errors.PeerError, match="Leave the `with` block"):
        nb.save()


def test_events_are_iterated_until_nothing_happens(nb: quire.Notebook, service: Service) -> None:
    with beside(nb, service) as other:
        events = (one for one in nb.events(timeout=1.0) if not isinstance(one, DataflowChanged))  # of cells before this
        added = other.cells.add("x")
        assert next(events) == CellAdded(added.id)
        added.append("y")
        assert list(events) == [CellChanged(added.id, frozenset(("source",)))]


def test_a_widget_is_moved_heard_and_watched(nb: quire.Notebook) -> None:
    source = """import ipywidgets as w
s = w.IntSlider(3)
s.on_msg(lambda widget, content, buffers: widget.send([content, 'got'], [bytes(buffers[0])]))
s"""
    nb.cells.add(source).run().check()
    (slider,) = [widget for widget in nb.widgets.values() if widget.model == "IntSliderModel"]
    assert slider in list(nb.widgets.values())
    assert (slider["value"], slider.state["max"]) == (3, 100)
    changes, messages = slider.changes(timeout=10), slider.messages(timeout=10)
    slider.set(value=41)
    assert slider["value"] == 41
    assert next(changes) == {"value"}
    slider.send("hello", [b"bytes"])
    assert next(messages) == quire.WidgetMessage(["hello", "got"], (b"bytes",))
    with pytest.raises(KeyError):
        slider["nothing"]
    slider.close()
    assert not slider.is_open
    assert slider.id not in nb.widgets
    with pytest.raises(quire.errors.PeerError, match="closed"):
        slider["value"]


def test_events_that_a_program_still_holds_do_not_keep_it_from_ending(service: Service) -> None:
    program = "nb = quire.open(sys.argv[1]); events = nb.events(); nb.cells.add('1'); print(next(events))"
    ran = run_python(f"import quire, sys\n{program}", service.address())
    assert "CellAdded" in ran.stdout
    assert ran.stderr == ""


def test_many_threads_may_use_one_notebook(nb: quire.Notebook) -> None:
    cell = nb.cells[0]

    def type_tokens(author: str) -> None:
        for token in tokens_of(author, 40):
            cell.append(token)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(type_tokens, "abcd"))
    check_tokens(cell.source, dict.fromkeys("abcd", 40))
    assert nb.saved(5)


def test_it_works_where_an_event_loop_runs_already(nb: quire.Notebook) -> None:
    async def in_a_jupyter_cell() -> str:
        nb.cells[0].source = "from a loop"
        assert nb.saved(5)
        return nb.cells[0].source

    assert asyncio.run(in_a_jupyter_cell()) == "from a loop"


def test_an_error_shows_the_line_that_made_it(nb: quire.Notebook) -> None:
    cell = nb.cells[0]
    cell.delete()
    with pytest.raises(quire.errors.UnknownCell) as failure:
        cell.source = "gone"  # this very line
    assert "this very line" in "".join(traceback.format_exception(failure.value))


def test_waiting_on_the_background_thread_itself_is_refused(nb: quire.Notebook) -> None:
    with pytest.raises(quire.errors.PeerError, match=r"quire\.aio"):
        background().call(nb.save)
    assert background().call(lambda: len(nb.cells)) == 1


def test_who_is_here_and_where(nb: quire.Notebook, service: Service) -> None:
    with quire.open(f"{service.hub.address.url}/v1/notebooks/{nb.id}", name="Ada", kind="person") as ada:
        ada.set_presence(cell_id=ada.cells[0].id)
        assert nb.until(lambda: any(p.peer.name == "Ada" and p.state for p in nb.peers), 60)
    assert nb.until(lambda: all(p.peer.name != "Ada" for p in nb.peers), 60)


def test_a_closed_notebook_says_so_and_may_be_closed_again(nb: quire.Notebook) -> None:
    nb.close()
    nb.close()
    with pytest.raises(quire.errors.NotConnected, match="closed"):
        nb.cells[0].source = "lost"
    with pytest.raises(quire.errors.NotConnected, match="closed"):
        nb.save()


def test_a_notebook_that_nobody_holds_any_more_is_left(nb: quire.Notebook, service: Service) -> None:
    other: quire.Notebook | None = beside(nb, service)
    assert nb.until(lambda: sum(p.peer.kind == "program" for p in nb.peers) == 2, 60)
    other = None
    gc.collect()
    assert other is None
    assert nb.until(lambda: sum(p.peer.kind == "program" for p in nb.peers) == 1, 60)


def test_opening_fails_with_the_reason(service: Service) -> None:
    with pytest.raises(quire.errors.Refused, match="token"):
        quire.open(service.address(), token="wrong")
    with pytest.raises(quire.errors.BadEndpoint):
        quire.open("http://127.0.0.1:1/nothing")


def run_python(program: str, address: str) -> subprocess.CompletedProcess[str]:
    """A program of somebody who uses the library."""
    environment = {**os.environ, "QUIRE_TOKEN": TOKEN}
    return subprocess.run(
        [sys.executable, "-c", program, address],
        capture_output=True, text=True, timeout=60, cwd=REPOSITORY, env=environment, check=True,
    )  # fmt: skip


def test_what_is_still_open_at_the_end_of_a_program_is_handed_over(nb: quire.Notebook, service: Service) -> None:
    address = f"{service.hub.address.url}/v1/notebooks/{nb.id}"
    done = run_python("import quire, sys\nquire.open(sys.argv[1]).cells[0].source = 'last words'", address)
    assert done.stderr == ""
    assert nb.until(lambda: nb.cells[0].source == "last words", 60)


def test_a_forked_child_opens_notebooks_of_its_own_and_leaves_the_parents_alone(
    nb: quire.Notebook, service: Service
) -> None:
    program = """
import os, sys, quire
nb = quire.open(sys.argv[1])
child = os.fork()
if child == 0:
    try:
        nb.cells
        len(nb.cells)
    except quire.errors.PeerError as error:
        with quire.open(sys.argv[1]) as own:
            own.cells.add(f"child: {error.hint}")
    sys.exit(0)
os.waitpid(child, 0)
assert nb.until(lambda: len(nb.cells) == 2, 60)
nb.cells.add("parent")
"""
    run_python(program, f"{service.hub.address.url}/v1/notebooks/{nb.id}")
    assert nb.until(lambda: len(nb.cells) == 3, 60)
    assert [cell.source for cell in nb.cells][1:] == ["child: Open it again in the child.", "parent"]


def test_what_the_faces_share_is_documented_and_typed_once() -> None:
    for name, member in vars(quire.Notebook).items():
        if not name.startswith("_"):
            assert inspect.getdoc(member), f"Notebook.{name} has no documentation"
    assert quire.Notebook.save.__doc__ == AsyncNotebook.save.__doc__
    assert list(inspect.signature(quire.Notebook.saved).parameters) == ["self", "seconds"]


def test_the_asynchronous_face_has_nothing_that_the_synchronous_lacks_without_a_reason() -> None:
    for_the_daemon = {
        "serve_requests",
        "respond",
        "tell",
        "touch",
        "stir",
        "request",
        "begin_epoch",
        "runtime_is_saved",
        "runtime_saved",
        "put_blobs",
    }
    for_the_synchronous_face = {
        "fork",
        "merge",
        "on",
        "doc",
        "runtime",
        "outputs_of",
        "read_outputs",
        "hub_heads",
        "is_joined",
    }
    opened_otherwise = {"connect", "joined"}
    public = {name for name in vars(core.Notebook) if not name.startswith("_")}
    missing = public - set(vars(quire.Notebook)) - for_the_daemon - for_the_synchronous_face - opened_otherwise
    assert missing == set()
