"""The output buffer as stories: given these outputs, then these operations."""

from __future__ import annotations

from typing import Any

import pytest

from clients.daemon.events import ClearOutput, Output, UpdateDisplay
from clients.daemon.outputs import (
    SEGMENT,
    TAIL_REWRITES,
    AppendOutput,
    AppendStream,
    ClearOutputs,
    ExtendStream,
    OutputBuffer,
)


def stream(text: str, name: str = "stdout") -> Output:
    return Output("e", {"output_type": "stream", "name": name, "text": text})


def display(text: str, display_id: str | None = None) -> Output:
    return Output("e", {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}, display_id)


def fed(*events: Any, written: int = 0) -> OutputBuffer:
    buffer = OutputBuffer(written)
    for event in events:
        buffer.feed(event)
    return buffer


def test_consecutive_chunks_of_one_stream_are_one_output() -> None:
    assert fed(stream("a"), stream("b\n"), stream("c")).take() == [AppendStream(0, "stdout", (), "ab\nc")]


def test_interleaved_streams_keep_their_order_as_separate_outputs() -> None:
    buffer = fed(stream("1\n"), stream("2\n", "stderr"), stream("3\n"))
    assert buffer.take() == [
        AppendStream(0, "stdout", (), "1\n"),
        AppendStream(1, "stderr", (), "2\n"),
        AppendStream(2, "stdout", (), "3\n"),
    ]


def test_a_growing_stream_rewrites_only_its_tail() -> None:
    buffer = fed(stream("a\n"))
    buffer.take()
    buffer.feed(stream("b\n"))
    assert buffer.take() == [ExtendStream(0, 0, (), "a\nb\n")]


def test_nothing_new_is_nothing_to_do() -> None:
    buffer = fed(stream("50%"))
    buffer.take()
    assert buffer.take() == []
    buffer.feed(stream("\r50%"))
    assert buffer.take() == []


def test_a_stream_of_nothing_visible_is_no_output() -> None:
    assert fed(stream("\r\b"), stream("")).take() == []


def test_rich_outputs_come_as_the_kernel_sent_them() -> None:
    result = Output("e", {"output_type": "execute_result", "data": {"a/b": {"k": [1]}}, "execution_count": 3})
    assert fed(stream("x"), result).take() == [AppendStream(0, "stdout", (), "x"), AppendOutput(1, result.output)]


def test_a_full_segment_is_sealed_once_and_forgotten() -> None:
    line = "x" * 99 + "\n"
    buffer = fed(stream(line * 1000))
    (first,) = buffer.take()
    assert isinstance(first, AppendStream)
    assert [len(text) for text in first.sealed] == [SEGMENT // 100 * 100]
    assert first.sealed[0] + first.tail == line * 1000
    assert buffer.waiting < SEGMENT
    buffer.feed(stream("more"))
    assert buffer.take() == [ExtendStream(0, 1, (), first.tail + "more")]


def test_a_line_longer_than_a_segment_is_sealed_all_the_same() -> None:
    buffer = fed(stream("x" * (2 * SEGMENT + 5)))
    assert buffer.take() == [AppendStream(0, "stdout", ("x" * 2 * SEGMENT,), "xxxxx")]


def test_a_carriage_return_does_not_reach_what_is_sealed() -> None:
    buffer = fed(stream("x" * SEGMENT + "abc"), stream("\rZ"))
    assert buffer.take() == [AppendStream(0, "stdout", ("x" * SEGMENT,), "Zbc")]


def test_a_tail_that_is_rewritten_often_is_sealed_early() -> None:
    buffer = OutputBuffer()
    taken = []
    for number in range(3 * TAIL_REWRITES):
        buffer.feed(stream("y" * 99 + f"{number}\n"))
        taken += buffer.take()
    sealed = [text for operation in taken for text in getattr(operation, "sealed", ())]
    assert len(sealed) == 2
    assert max(len(text) for text in sealed) < SEGMENT
    assert all(text.endswith("\n") for text in sealed)


def test_a_short_status_line_is_never_sealed_however_often_it_is_rewritten() -> None:
    buffer = OutputBuffer()
    taken = []
    for number in range(10 * TAIL_REWRITES):
        buffer.feed(stream(f"\r{number:5d}" + "#" * 60))
        taken += buffer.take()
    assert all(operation.sealed == () for operation in taken if isinstance(operation, ExtendStream))
    assert taken[-1] == ExtendStream(0, 0, (), f"{10 * TAIL_REWRITES - 1:5d}" + "#" * 60)


def test_clearing_removes_what_the_list_holds() -> None:
    buffer = fed(stream("a"))
    buffer.take()
    buffer.feed(ClearOutput("e", wait=False))
    buffer.feed(stream("b"))
    assert buffer.take() == [ClearOutputs(), AppendStream(0, "stdout", (), "b")]


def test_what_was_cleared_before_it_was_taken_is_never_written() -> None:
    assert fed(stream("a"), display("x"), ClearOutput("e", wait=False)).take() == []


def test_outputs_that_were_there_before_are_cleared_too() -> None:
    assert fed(ClearOutput("e", wait=False), written=2).take() == [ClearOutputs()]


def test_clearing_twice_between_takes_clears_once() -> None:
    buffer = fed(stream("a"))
    buffer.take()
    for event in (ClearOutput("e", wait=False), display("x"), ClearOutput("e", wait=False), display("y")):
        buffer.feed(event)
    assert buffer.take() == [ClearOutputs(), AppendOutput(0, display("y").output)]


def test_clear_output_with_wait_clears_at_the_next_output() -> None:
    buffer = fed(stream("a"))
    buffer.take()
    buffer.feed(ClearOutput("e", wait=True))
    assert buffer.take() == []
    buffer.feed(stream("b"))
    assert buffer.take() == [ClearOutputs(), AppendStream(0, "stdout", (), "b")]


def test_a_stream_after_a_waiting_clear_begins_anew() -> None:
    assert fed(stream("a"), ClearOutput("e", wait=True), stream("b")).take() == [AppendStream(0, "stdout", (), "b")]


def test_an_output_with_a_display_id_also_updates_the_older_ones() -> None:
    assert fed(display("new", "d")).take() == [
        UpdateDisplay("d", {"text/plain": "new"}, {}),
        AppendOutput(0, display("new").output, "d"),
    ]


def test_only_the_latest_update_of_a_display_is_carried_out_after_what_was_appended_meanwhile() -> None:
    updates = [UpdateDisplay("d", {"text/plain": str(number)}, {}) for number in range(3)]
    assert fed(updates[0], display("x", "d"), updates[1], updates[2]).take() == [
        AppendOutput(0, display("x").output, "d"),
        updates[2],
    ]


def test_an_update_survives_a_clear_since_it_addresses_other_executions_too() -> None:
    update = UpdateDisplay("d", {"text/plain": "v"}, {})
    assert fed(stream("a"), update, ClearOutput("e", wait=False)).take() == [update]


@pytest.mark.parametrize(
    ("text", "clean"), [("a\ud800b", "a\ufffdb"), ("\ud83d\ude00", "\U0001f600"), ("plain é", "plain é")]
)
def test_lone_surrogates_are_replaced_because_no_document_can_hold_them(text: str, clean: str) -> None:
    assert fed(stream(text)).take() == [AppendStream(0, "stdout", (), clean)]
