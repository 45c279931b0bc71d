"""What one live kernel reports about the code it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from clients.daemon import nudges
from clients.daemon.events import (
    Busy,
    ClearOutput,
    Finished,
    Idle,
    InputRequested,
    KernelEvent,
    Output,
    Started,
    UpdateDisplay,
)
from clients.daemon.outputs import AppendStream, OutputBuffer

Printed = Callable[..., str]


def outputs(events: list[KernelEvent]) -> list[Output]:
    return [event for event in events if isinstance(event, Output)]


def finished(events: list[KernelEvent]) -> Finished:
    (end,) = (event for event in events if isinstance(event, Finished))
    return end


def test_the_events_of_an_execution_come_in_order(driver: Any) -> None:
    events = driver.run("1 + 1")
    assert [type(event) for event in events] == [Busy, Started, Output, Idle, Finished]
    started, result, end = events[1], events[2], events[4]
    assert result.output["output_type"] == "execute_result"
    assert result.output["data"]["text/plain"] == "2"
    assert started.execution_count == end.execution_count == result.output["execution_count"]
    assert end == Finished(started.execution_id, "ok", started.execution_count, None)


def test_the_execution_count_goes_up(driver: Any) -> None:
    first, second = finished(driver.run("pass")), finished(driver.run("pass"))
    assert first.execution_count is not None
    assert second.execution_count == first.execution_count + 1


def test_interleaved_streams_arrive_in_order(driver: Any) -> None:
    events = driver.run(
        "import sys\nfor n in range(3):\n print('o', n, flush=True); print('e', n, file=sys.stderr, flush=True)"
    )
    buffer = OutputBuffer()
    for event in outputs(events):
        buffer.feed(event)
    streams = [(op.name, op.tail) for op in buffer.take() if isinstance(op, AppendStream)]
    assert streams == [(name, f"{name[3]} {n}\n") for n in range(3) for name in ("stdout", "stderr")]


def test_an_exception_is_an_output_and_a_failure(driver: Any) -> None:
    events = driver.run("def f():\n    raise ValueError('no')\nf()")
    (error,) = outputs(events)
    assert error.output["output_type"] == "error"
    assert (error.output["ename"], error.output["evalue"]) == ("ValueError", "no")
    assert any("in f" in line or "f()" in line for line in error.output["traceback"])
    end = finished(events)
    assert (end.status, end.error.ename, end.error.evalue) == ("error", "ValueError", "no")


def test_a_syntax_error_is_a_failure(driver: Any) -> None:
    end = finished(driver.run("def ("))
    assert (end.status, end.error.ename) == ("error", "SyntaxError")


def test_displays_carry_their_id_and_are_updated(driver: Any) -> None:
    events = driver.run("h = display('one', display_id='d1')\nh.update('two')")
    (shown,) = outputs(events)
    assert (shown.display_id, shown.output["data"]["text/plain"]) == ("d1", "'one'")
    assert "transient" not in shown.output
    (update,) = (event for event in events if isinstance(event, UpdateDisplay))
    assert (update.display_id, update.data["text/plain"]) == ("d1", "'two'")


def test_clear_output_is_reported_in_its_place(driver: Any) -> None:
    events = driver.run(
        "from IPython.display import clear_output\nprint('a'); clear_output(wait=True); print('b'); clear_output()"
    )
    kinds = [event for event in events if isinstance(event, Output | ClearOutput)]
    assert [getattr(event, "wait", None) for event in kinds] == [None, True, None, False]


def test_help_is_shown_as_an_output(driver: Any) -> None:
    (page,) = outputs(driver.run("len?"))
    assert "number of items" in page.output["data"]["text/plain"]


def test_input_without_a_person_is_an_error_at_once(driver: Any) -> None:
    end = finished(driver.run("input('name? ')"))
    assert (end.status, end.error.ename) == ("error", "StdinNotImplementedError")


def test_input_is_asked_for_and_answered(driver: Any, printed: Printed) -> None:
    async def asked() -> None:
        said = await driver._until(lambda event: isinstance(event, InputRequested))
        assert (said[-1].prompt, said[-1].password) == ("name? ", False)
        driver.kernel.answer_input("Ada")

    assert printed(driver.run("print('hello', input('name? '))", during=asked, allow_stdin=True)) == "hello Ada\n"


def test_a_sleeping_cell_is_interrupted_and_the_kernel_lives_on(driver: Any, printed: Printed) -> None:
    async def once_it_runs() -> None:
        await driver._until(lambda event: isinstance(event, Output))
        await driver.kernel.interrupt()

    end = finished(driver.run("import time\nprint('asleep', flush=True)\ntime.sleep(50)", during=once_it_runs))
    assert (end.status, end.error.ename) == ("error", "KeyboardInterrupt")
    assert printed(driver.run("print('alive')")) == "alive\n"


def test_a_cell_that_awaits_is_interrupted_at_once(driver: Any, printed: Printed) -> None:
    async def once_it_runs() -> None:
        await driver._until(lambda event: isinstance(event, Output))
        await driver.kernel.interrupt()

    code = "import asyncio, time\nbegan = time.monotonic()\nprint('asleep', flush=True)\nawait asyncio.sleep(50)"
    assert finished(driver.run(code, during=once_it_runs)).status == "error"
    assert float(printed(driver.run("print(time.monotonic() - began)"))) < 40  # nothing but the interrupt ended it


COUNT_INTERRUPTS = """
import signal, time
def count(*_): global interrupts; interrupts += 1
interrupts = 0
signal.signal(signal.SIGINT, count)
print('ready', flush=True)
end = time.monotonic() + 1
while time.monotonic() < end: time.sleep(0.05)
"""


@pytest.mark.parametrize(("early", "sent"), [(60.0, 2), (0.0, 1)])
def test_only_an_early_interrupt_is_sent_again_in_case_python_slept_through_it(
    driver: Any, printed: Printed, monkeypatch: pytest.MonkeyPatch, early: float, sent: int
) -> None:
    monkeypatch.setattr(nudges, "EARLY_SECONDS", early)

    async def once_it_counts() -> None:
        await driver._until(lambda event: isinstance(event, Output))
        await driver.kernel.interrupt()

    driver.run(COUNT_INTERRUPTS, during=once_it_counts)
    assert printed(driver.run("print(interrupts)")) == f"{sent}\n"


def test_executions_whose_replies_are_lost_end_one_after_the_other_without_ever_longer_waits(driver: Any) -> None:
    driver.run(
        "session = get_ipython().kernel.session; send = session.send\n"
        "def losing(stream, what, *args, **kwargs):\n"
        "    return {'content': args[0]} if what == 'execute_reply' else send(stream, what, *args, **kwargs)\n"
        "session.send = losing"
    )

    ends: list[KernelEvent] = []
    waits: list[float] = []
    for _ in range(6):
        began = time.monotonic()
        ends += [event for event in driver.run("1") if isinstance(event, Finished)]
        waits.append(time.monotonic() - began)
    driver.run("session.send = send")
    assert [end.status for end in ends] == ["aborted"] * 6
    assert max(waits) < 10 * min(waits), "waits that double come to 32 times the first"


def test_an_interrupt_at_any_moment_ends_the_execution_and_hits_nothing_else(driver: Any, printed: Printed) -> None:
    async def after(seconds: float) -> None:
        await asyncio.sleep(seconds)  # not to wait for something, but to hit another moment each time
        await driver.kernel.interrupt()

    for attempt in range(12):
        end = finished(driver.run("for _ in range(10**9): pass", during=lambda at=attempt: after(at / 2000)))
        assert end.status in ("error", "aborted")
        assert printed(driver.run(f"print({attempt})")) == f"{attempt}\n"


def test_interrupting_an_idle_kernel_does_nothing(driver: Any, printed: Printed) -> None:
    driver.do(driver.kernel.interrupt())
    assert printed(driver.run("print('fine')")) == "fine\n"


def test_fifty_thousand_lines_all_arrive_in_order(driver: Any, printed: Printed) -> None:
    events = driver.run("for n in range(50_000): print('line', n)")
    assert printed(events) == "".join(f"line {n}\n" for n in range(50_000))


def test_five_thousand_messages_all_arrive_though_the_consumer_comes_late(driver: Any, printed: Printed) -> None:
    events = driver.run("for n in range(5_000): print(n, flush=True)", during=lambda: asyncio.sleep(1))
    assert printed(events) == "".join(f"{n}\n" for n in range(5_000))


def test_what_a_thread_prints_after_the_cell_has_finished_belongs_to_the_cell(driver: Any, printed: Printed) -> None:
    code = "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.3), print('late'))).start()"
    events = driver.run(code)
    late = driver.until(lambda event: isinstance(event, Output))
    assert late[-1].execution_id == finished(events).execution_id
    assert printed(late) == "late\n"


def test_the_language_is_known(driver: Any) -> None:
    assert driver.kernel.language == "python"


@pytest.mark.parametrize("code", ["", "# nothing"])
def test_code_that_does_nothing_finishes(driver: Any, code: str) -> None:
    assert finished(driver.run(code)).status == "ok"
