"""How much a flush writes at most, and that the steps lose nothing."""

from __future__ import annotations

from typing import Any

from clients.daemon.events import ClearOutput, Output, UpdateDisplay
from clients.daemon.outputs import OTHER_VALUE, OutputBuffer


def shown(text: str, display_id: str | None = None, **more: Any) -> Output:
    output = {"output_type": "display_data", "data": {"text/plain": text, **more}, "metadata": {}}
    return Output("e", output, display_id)


def printed(text: str, name: str = "stdout") -> Output:
    return Output("e", {"output_type": "stream", "name": name, "text": text})


def test_what_waits_counts_streams_and_displays_alike() -> None:
    buffer = OutputBuffer()
    for event in (printed("12345\n"), shown("123"), printed("1", "stderr"), printed("23", "stderr"), shown("4", x={})):
        buffer.feed(event)
    assert buffer.waiting == 6 + 3 + 3 + 1 + OTHER_VALUE


def test_nothing_waits_after_it_was_taken_or_cleared() -> None:
    buffer = OutputBuffer()
    buffer.feed(printed("unfinished"))
    buffer.take()
    assert buffer.waiting == 0
    buffer.feed(printed(" line"))
    assert buffer.waiting == len("unfinished line")  # the open line is written again
    buffer.feed(ClearOutput("e", wait=False))
    assert buffer.waiting == 0


def test_updates_count_too() -> None:
    buffer = OutputBuffer()
    buffer.feed(UpdateDisplay("d", {"text/html": "x" * 10}, {}))
    assert buffer.waiting == 10
