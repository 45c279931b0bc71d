"""A flush in the kernel waits for what was printed and is not sent yet, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clients.daemon.events import KernelEvent, Output

Printed = Callable[..., str]

# The thread that publishes is held up until somebody gives way, or a timer does. Results are displayed, not printed.
HELD_UP = """
import sys, threading
way = threading.Event()
publisher = get_ipython().kernel.iopub_thread
sys.stdout.flush()
sys.stdout.flush_timeout = None
"""


def shown(events: list[KernelEvent]) -> list[Any]:
    return [
        event.output["data"]["text/plain"] for event in events if isinstance(event, Output) and "data" in event.output
    ]


def test_a_flush_of_nothing_does_not_wait_for_the_thread_that_publishes(driver: Any) -> None:
    code = """
publisher.schedule(way.wait)
gives_way = threading.Timer(20, way.set)
gives_way.start()
sys.stdout.flush()
waited = way.is_set()
way.set()
gives_way.cancel()
waited"""
    assert shown(driver.run(HELD_UP + code)) == ["False"]


def test_a_flush_waits_for_what_was_printed(driver: Any, printed: Printed) -> None:
    code = """
publisher.schedule(way.wait)
threading.Timer(0.2, way.set).start()
sys.stdout.write("printed")
sys.stdout.flush()
way.is_set()"""
    events = driver.run(HELD_UP + code)
    assert printed(events) == "printed"
    assert "True" in shown(events)


def test_a_flush_waits_for_what_is_being_sent(driver: Any, printed: Printed) -> None:
    code = """
sending = threading.Event()
def slowly(message):
    sending.set()
    way.wait()
    return message
publisher.schedule(lambda: sys.stdout.register_hook(slowly))
sys.stdout.write("printed")
publisher.schedule(sys.stdout._flush)
sending.wait()
threading.Timer(0.2, way.set).start()
sys.stdout.flush()
publisher.schedule(lambda: sys.stdout.unregister_hook(slowly))
way.is_set()"""
    events = driver.run(HELD_UP + code)
    assert printed(events) == "printed"
    assert "True" in shown(events)


def test_what_is_printed_last_comes_before_the_end(driver: Any, printed: Printed) -> None:
    for number in range(50):
        assert printed(driver.run(f"print({number})")) == f"{number}\n"


def test_a_run_does_not_sleep_before_its_reply(driver: Any) -> None:
    asleep = "get_ipython().kernel._execute_sleep"
    assert shown(driver.run(asleep)) == ["0.0"]
