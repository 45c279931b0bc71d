"""Completion, inspection, signatures and history, asked by peers of a real kernel; and what a busy kernel means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from clients.daemon import editor_services
from clients.daemon.editor_services import EditorServices, signature_in
from clients.daemon.kernel import Kernel
from clients.daemon.launch_plan import LaunchPlan
from clients.peer.editor import Match
from clients.peer.errors import RequestFailed
from clients.peer.formatting import MAX_CODE
from clients.peer.notebook import Notebook
from notebook_doc.replica import ROOT
from notebook_doc.settings import FORMATTING
from relay.errors import WireError
from relay.requests import Complete, Format
from tests.daemon.service import notebook_file, running_service
from tests.daemon.test_cells_run_for_every_peer import SLEEP, until_begun
from tests.support.aio import aio

DEFINE = '''
def fähig(first: int, second: str = "x", *, third=None) -> str:
    """What it does.

    In two parts.
    """
'''


VARIABLES = """
import math, collections, types
_private, ages, pair = 1, {"ada": 36, "bo": [1, 2]}, (1.5, "x" * 500)
class Table:
    shape = (2, 3)
    def __repr__(self): raise AssertionError("tables are not printed")
class Odd:
    def __repr__(self): raise ValueError("no")
table, odd = Table(), Odd()
elsewhere = types.new_class("Query", exec_body=lambda names: names.update(
    __module__="database", __len__=lambda self: 1 / 0, __repr__=lambda self: 1 / 0))()
both = [elsewhere, 7]
"""


@aio
async def test_the_variables_are_told_while_a_cell_runs_and_nothing_slow_is_asked_of_them(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [VARIABLES, SLEEP])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        (await ann.cells["c0"].run()).check()
        (running,) = await ann.start(["c1"])
        await until_begun(ann, running)
        found = {one.name: one for one in await ann.variables()}
        assert ann.runtime.status(running.id) == "running"
        assert {"_private", "math", "In", "Out"}.isdisjoint(found)
        assert (found["ages"].type, found["ages"].length) == ("dict", 2)
        assert found["ages"].text == "{'ada': 36, 'bo': [1, 2]}"
        assert len(found["pair"].text) <= 200
        assert (found["table"].shape, found["table"].text) == ((2, 3), "")
        assert found["odd"].text.startswith("<Odd instance at")
        assert (found["elsewhere"].length, found["elsewhere"].text) == (None, "")
        assert found["both"].text == "[<Query>, 7]"
        assert str(found["both"]) == "both: list of 2 = [<Query>, 7]"


@aio
async def test_a_peer_asks_what_the_running_kernel_knows(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [DEFINE, "'😀'; fäh"])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "ben") as ben:
        (await ann.cells["c0"].run()).check()
        # On a slow machine IPython gives up on its first completions, for which it has to import what makes them.
        while not (found := await ben.cells["c1"].complete()).matches:
            pass
        assert (found.start, found.end) == (5, 8)  # code points: the emoji is one
        assert Match("fähig", "function", "(first: int, second: str='x', *, third=None)") in found.matches
        told = await ben.inspect("fähig", 3)
        assert told is not None
        assert "What it does." in told.text
        assert "\x1b" not in told.text
        assert await ben.inspect("unknown_name", 3) is None
        source = await ben.inspect("fähig", 3, detail=True)
        assert source is not None
        assert "In two parts." in source.text
        assert [entry.source for entry in await ben.kernel_history(5)][-1].strip() == DEFINE.strip()
        assert await ben.kernel_history(5, pattern="*nothing like that*") == []


@aio
async def test_the_signature_of_the_call_at_the_cursor(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [DEFINE])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        (await ann.cells["c0"].run()).check()
        help_ = await ann.signature("x = fähig(1, [2, 3], third=")
        assert help_ is not None
        assert help_.signature == "fähig(first: int, second: str = 'x', *, third=None) -> str"
        assert (help_.argument, help_.keyword) == (2, "third")
        assert help_.documentation == "What it does.\n\nIn two parts."
        assert await ann.signature("(1, 2") is None
        assert await ann.signature("nowhere(1, ") is None
        builtin = await ann.signature("print(")
        assert builtin is not None
        assert builtin.signature.startswith("print(")


@aio
async def test_a_kernel_with_subshells_answers_while_a_cell_runs(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["value_of_mine = 1\n" + SLEEP, "value_of_mine"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        await until_begun(ann, execution)
        began = time.monotonic()
        assert [match.text for match in (await ann.complete("value_of_m")).matches] == ["value_of_mine"]
        assert time.monotonic() - began < 15
        assert execution.status == "running"
        await ann.interrupt(execution)
        await execution.wait()
        assert (await ann.cells["c1"].run()).ok


@aio
async def test_a_busy_kernel_without_subshells_is_said_to_be_busy_and_gets_one_question_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editor_services, "PATIENCE", 0.5)
    monkeypatch.setattr("clients.daemon.questions.SUBSHELLS", "no such feature")
    path = notebook_file(tmp_path, [SLEEP])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        await until_begun(ann, execution)
        for _ in range(3):
            with pytest.raises(RequestFailed, match="busy") as refused:
                await ann.complete("pri")
            assert refused.value.code == "kernel_busy"
        monkeypatch.setattr(editor_services, "PATIENCE", 15)  # the first completion imports what it needs
        await ann.interrupt(execution)
        await execution.wait()
        assert Match("print", "function", "") in [
            Match(match.text, match.type) for match in (await ann.complete("pri")).matches
        ]


@aio
async def test_without_a_kernel_nobody_is_asked_and_none_is_started(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["1"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        with pytest.raises(RequestFailed, match="no running kernel") as refused:
            await ann.complete("pri")
        assert refused.value.code == "no_kernel"
        await formats_for_people_who_go_on_typing(ann)
        async with service.peer(path, "bo") as bo:
            await formats_a_cell_for_one_of_two_who_ask_at_once(ann, bo)
        await tells_everybody_that_cells_are_formatted_when_they_run(ann, service.folder / "state" / "settings.toml")
        assert ann.kernel.lifecycle == "none"


async def formats_for_people_who_go_on_typing(ann: Notebook) -> None:
    """Formatting asks no kernel, so it shares a service with what is asked of none."""
    cell = ann.cells.add("values=[1,2]\nname='Ada'\n# the end")
    formatting = asyncio.create_task(cell.format())
    await asyncio.sleep(0)  # it has asked
    cell.append(" is near")
    assert await formatting
    assert cell.source == 'values = [1, 2]\nname = "Ada"\n# the end is near'
    assert not await cell.format()
    for source, type, metadata in [("x=(", "code", {}), ("a=1", "markdown", {}), ("a=1", "code", {"language": "r"})]:
        other = ann.cells.add(source, type, metadata=metadata)
        assert not await other.format()
        assert other.source == source
    with pytest.raises(RequestFailed, match="are formatted") as refused:
        await ann.request(Format(code="#" * (MAX_CODE + 1)))
    assert refused.value.code == "cannot_format"


async def formats_a_cell_for_one_of_two_who_ask_at_once(ann: Notebook, bo: Notebook) -> None:
    """Both have the same text, and would write the same quotes twice."""
    cell = ann.cells.add("name='Ada'")
    await bo.until(lambda: cell.id in {one.id for one in bo.cells} and bo.cells[cell.id].source == cell.source)
    assert sorted(await asyncio.gather(cell.format(), bo.cells[cell.id].format())) == [False, True]
    await bo.until(lambda: bo.cells[cell.id].source == 'name = "Ada"')
    await ann.until(lambda: cell.source == 'name = "Ada"')
    asked = Format(code="a=1", cell_id=cell.id)
    assert (await ann.request(asked))["code"] == (await ann.request(asked))["code"] == "a = 1"
    assert await bo.request(asked) == {"code": "a=1", "why": "Somebody else formats it at this moment.", "taken": True}
    assert (await bo.request(Format(code="a=2", cell_id=cell.id)))["code"] == "a = 2"


async def tells_everybody_that_cells_are_formatted_when_they_run(ann: Notebook, settings: Path) -> None:
    """The setting stands in RuntimeDoc, within the second in which the file is looked at, and from there on."""
    for when in ("on_run", "never"):
        await asyncio.to_thread(settings.write_text, f'formatting = "{when}"\n')
        assert await ann.until(lambda when=when: ann.runtime.replica.string(ROOT, FORMATTING) == when, 60)


@aio
async def test_viewers_may_not_ask(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["1"])
    async with running_service(tmp_path) as service, service.peer(path, role="viewer") as ann:
        with pytest.raises(RequestFailed, match="only read"):
            await ann.complete("pri")


@aio
async def test_a_cursor_outside_of_the_code_is_refused(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["1"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        with pytest.raises(RequestFailed, match="outside of the code"):
            await ann.complete("pri", 4)


@aio
async def test_a_question_ends_with_its_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.daemon.questions.SUBSHELLS", "no such feature")
    kernel = await Kernel.start(LaunchPlan(name="python3", cwd=tmp_path))
    await kernel.execute("import time; time.sleep(60)", "e")
    asking = asyncio.create_task(kernel.ask("complete_request", {"code": "pri", "cursor_pos": 3}))
    await asyncio.sleep(0)
    await kernel.shutdown()
    with pytest.raises(WireError, match="has ended"):
        await asking


class SlowKernel:
    """Answers when told to; counts what it was asked."""

    name, language, ended = "slow", "python", False

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: asyncio.Queue[None] = asyncio.Queue()

    async def ask(self, msg_type: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(content["code"])
        await self.answers.get()
        return {"status": "ok", "matches": [content["code"]]}


@aio
async def test_of_a_peers_questions_that_wait_the_newest_counts() -> None:
    kernel = SlowKernel()
    services = EditorServices("n", lambda: kernel)  # type: ignore[arg-type,return-value]

    def ask(code: str, peer: str = "ann") -> asyncio.Task[dict[str, Any]]:
        return asyncio.create_task(services.serve(Complete(code=code, cursor=0), peer))

    first = ask("a")
    await asyncio.sleep(0)
    typed = [ask("ab"), ask("abc"), ask("abcd")]
    other = ask("x", "ben")
    for _ in range(3):
        kernel.answers.put_nowait(None)
    assert (await first)["matches"][0]["text"] == "a"
    assert (await typed[-1])["matches"][0]["text"] == "abcd"
    assert (await other)["matches"][0]["text"] == "x"
    for superseded in typed[:-1]:
        with pytest.raises(WireError, match="newer"):
            await superseded
    assert kernel.asked == ["a", "abcd", "x"]


def test_a_signature_is_read_from_what_ipython_says() -> None:
    told = "Init signature:\nA(\n    first,\n    second=2,\n)\nDocstring:     An A.\n\nMore.\nFile: x.py\nType: type\n"
    assert signature_in(told) == ("A(\n    first,\n    second=2,\n)", "An A.\n\nMore.")
    assert signature_in("Signature: f(a)\nDocstring: <no docstring>\n") == ("f(a)", "<no docstring>")
    assert signature_in("Docstring:\nmax(a, b) -> value\n\nThe larger.\nType: builtin") == (
        "",
        "max(a, b) -> value\n\nThe larger.",
    )
    assert signature_in("function f(a: number): void") == ("", "function f(a: number): void")


@aio
async def test_a_kernel_that_has_just_started_knows_the_question_for_its_variables(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["x = 1"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        (await ann.cells["c0"].run()).check()
        for _ in range(3):
            await ann.restart_kernel()
            assert await ann.until(lambda: ann.kernel.lifecycle == "ready", 60)
            assert await ann.variables() == []
