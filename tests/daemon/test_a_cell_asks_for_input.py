"""`input()` and `getpass()`: who is asked, whose answer counts, what is shown of it, and how waiting for it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.peer.errors import RequestFailed
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook
from notebook_doc.events import PromptChanged
from notebook_doc.runtime_records import Prompt
from relay.requests import AnswerInput
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio

ASK = "print('before')\nname = input('name? ')\nprint('hello', name)"


async def asked(notebook: Notebook, execution: Execution, *, after: Prompt | None = None) -> Prompt:
    """Wait until an execution asks for something else than `after`, as this peer sees it."""
    seen = Execution(notebook, execution.id)
    assert await notebook.until(lambda: seen.prompt not in (None, after), 60)
    assert seen.prompt is not None
    return seen.prompt


@aio
async def test_any_peer_answers_and_the_text_reads_as_in_a_terminal(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [ASK])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "ben") as ben:
        (execution,) = await ann.start(["c0"])
        prompt = await asked(ben, execution)
        assert (prompt.text, prompt.password) == ("name? ", False)
        await Execution(ben, execution.id).answer("Ben")
        assert (await execution.wait()).ok
        assert await execution.text() == "before\nname? Ben\nhello Ben\n"
        assert execution.prompt is None


@aio
async def test_a_peer_that_comes_later_sees_the_prompt_and_is_told_when_it_is_gone(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [ASK])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        await asked(ann, execution)
        async with service.peer(path, "late") as late:
            await asked(late, execution)
            events = late.events()
            await execution.answer("Ann")
            async for event in events:
                if isinstance(event, PromptChanged):
                    break
            assert event == PromptChanged(execution.id)
            assert Execution(late, execution.id).prompt is None


@aio
async def test_the_first_answer_counts_and_later_ones_are_told_whose_it_was(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [ASK])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "ben") as ben:
        (execution,) = await ann.start(["c0"])
        prompt = await asked(ben, execution)
        late = AnswerInput(execution_id=execution.id, prompt_id=prompt.id, value="Ben")
        await execution.answer("Ann")
        with pytest.raises(RequestFailed, match="ann has answered this prompt") as refused:
            await ben.request(late)
        assert refused.value.code == "prompt_gone"
        assert (await execution.wait()).ok
        assert "hello Ann" in await execution.text()


@aio
async def test_an_answer_to_an_earlier_prompt_does_not_reach_the_next(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["print([input('a '), input('b ')])"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        first = await asked(ann, execution)
        await execution.answer("one")
        await asked(ann, execution, after=first)
        with pytest.raises(RequestFailed, match="has answered"):
            await ann.request(AnswerInput(execution_id=execution.id, prompt_id=first.id, value="again"))
        await execution.answer("two")
        assert (await (await execution.wait()).text()).endswith("['one', 'two']\n")


@aio
async def test_a_password_is_written_nowhere(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["from getpass import getpass\nprint(len(getpass('secret: ')))"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        assert (await asked(ann, execution)).password
        await execution.answer("correct horse")
        assert await (await execution.wait()).text() == "secret: \n13\n"
        assert b"correct horse" not in ann.runtime.replica.save()
        await ann.save()
        assert "correct horse" not in path.read_text()


@aio
async def test_the_end_of_input_can_be_an_answer(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [ASK])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        await asked(ann, execution)
        await execution.answer(None)
        record = (await execution.wait()).record
        assert record.error is not None
        assert record.error.ename == "EOFError"


@aio
async def test_agents_are_not_asked_unless_they_want_to_be(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [ASK])
    async with (
        running_service(tmp_path) as service,
        service.peer(path) as ann,
        service.peer(path, "robot", "agent") as robot,
    ):
        refused = await robot.cells["c0"].run()
        assert refused.record.error is not None
        assert refused.record.error.ename == "EOFError"
        (execution,) = await robot.start(["c0"], stdin="prompt")
        await asked(ann, execution)
        await Execution(ann, execution.id).answer("Ann")
        assert (await execution.wait()).ok
        refused = await ann.cells["c0"].run(stdin="eof")
        assert refused.record.error is not None
        assert refused.record.error.ename == "EOFError"


@aio
async def test_whether_an_execution_may_ask_stands_on_its_record(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["1", "2"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        headless, more = await ann.run(stdin="eof")
        asking = await ann.cells["c0"].run()
        assert [one.record.input_ended for one in (headless, more, asking)] == [True, True, False]


@aio
async def test_a_person_who_asks_for_an_agents_queued_cell_is_prompted(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["import time; time.sleep(0.5)", ASK])
    async with (
        running_service(tmp_path) as service,
        service.peer(path) as ann,
        service.peer(path, "robot", "agent") as robot,
    ):
        _, queued = await robot.start(["c0", "c1"])
        (same,) = await ann.start(["c1"])
        assert same.id == queued.id
        await asked(ann, same)
        await same.answer("Ann")
        assert (await same.wait()).ok


@aio
async def test_waiting_for_input_is_interrupted_and_a_late_answer_goes_nowhere(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["try:\n    input('one? ')\nexcept KeyboardInterrupt:\n    print(input('two? '))"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        first = await asked(ann, execution)
        await ann.interrupt(execution)
        await asked(ann, execution, after=first)
        with pytest.raises(RequestFailed, match="is gone"):
            await ann.request(AnswerInput(execution_id=execution.id, prompt_id=first.id, value="late"))
        await execution.answer("yes")
        assert (await (await execution.wait()).text()) == "two? yes\nyes\n"


@aio
async def test_a_prompt_goes_with_its_execution(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [ASK, "1"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        for restart in (False, True):
            (execution,) = await ann.start(["c0"])
            await asked(ann, execution)
            await (ann.restart_kernel() if restart else ann.interrupt(execution))
            assert (await execution.wait()).prompt is None
            with pytest.raises(RequestFailed, match="is gone"):
                await execution.answer("late")
        assert (await ann.cells["c1"].run()).ok
