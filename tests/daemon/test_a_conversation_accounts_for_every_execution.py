"""Messages in, events out, without a kernel: above all what happens when one of them is lost."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from clients.daemon.conversation import Conversation
from clients.daemon.events import (
    Busy,
    ClearOutput,
    CommHandled,
    Finished,
    Idle,
    KernelCommClose,
    KernelCommMessage,
    KernelCommOpen,
    KernelFailure,
    Output,
    Started,
)
from clients.daemon.jupyter_wire import JupyterWire, MalformedMessage, Message


def about(msg_type: str, parent: str = "e1", *, parent_type: str = "execute_request", **content: Any) -> Message:
    return Message(msg_type, parent, parent_type, content)


def status(state: str, parent: str = "e1", parent_type: str = "execute_request") -> Message:
    return about("status", parent, parent_type=parent_type, execution_state=state)


def begun(*executions: str) -> Conversation:
    conversation = Conversation()
    for execution in executions:
        conversation.executing(execution)
        conversation.on_iopub(about("execute_input", execution, execution_count=1))
    return conversation


OK = about("execute_reply", status="ok", execution_count=1)
DONE = Finished("e1", "ok", 1, None)


def test_it_finishes_at_idle_if_the_reply_came_first() -> None:
    conversation = begun("e1")
    assert conversation.on_shell(OK) == []
    late = conversation.on_iopub(about("stream", name="stdout", text="late"))
    assert late == [Output("e1", {"output_type": "stream", "name": "stdout", "text": "late"})]
    assert conversation.on_iopub(status("idle")) == [DONE]


def test_it_finishes_at_the_reply_if_idle_came_first() -> None:
    conversation = begun("e1")
    assert conversation.on_iopub(status("idle")) == []
    assert conversation.on_shell(OK) == [DONE]


def test_busy_and_idle_alternate() -> None:
    conversation = begun("e1")
    said = [event for state in ("busy", "busy", "idle", "idle") for event in conversation.on_iopub(status(state))]
    assert said == [Busy(), Idle()]


def test_it_has_started_before_anything_else_even_if_the_kernel_does_not_say_so() -> None:
    conversation = Conversation()
    conversation.executing("e1")
    first = conversation.on_iopub(about("stream", name="stdout", text="x"))
    assert first[0] == Started("e1", None)
    assert not any(isinstance(event, Started) for event in conversation.on_iopub(about("execute_input")))


def test_what_still_runs_or_has_finished_is_not_unsettled() -> None:
    conversation = begun("e1")
    assert conversation.unsettled is None
    conversation.on_shell(OK)
    assert conversation.unsettled == ("e1", False)
    conversation.on_iopub(status("idle"))
    assert conversation.unsettled is None


def lose_the_other_half_and_probe(conversation: Conversation) -> list[object]:
    assert conversation.unsettled
    conversation.probing("p")
    assert conversation.on_shell(about("kernel_info_reply", "p", parent_type="kernel_info_request")) == []
    return list(conversation.on_iopub(status("idle", "p", "kernel_info_request")))


def test_a_lost_idle_is_settled_by_a_probe() -> None:
    conversation = begun("e1")
    conversation.on_shell(OK)
    assert lose_the_other_half_and_probe(conversation) == [DONE]
    assert conversation.unsettled is None


def test_a_lost_reply_is_settled_by_a_probe_as_aborted() -> None:
    conversation = begun("e1")
    conversation.on_iopub(status("idle"))
    assert lose_the_other_half_and_probe(conversation) == [Finished("e1", "aborted", 1, None)]


def test_a_lost_reply_after_a_published_error_is_settled_as_that_error() -> None:
    conversation = begun("e1")
    conversation.on_iopub(about("error", ename="KeyboardInterrupt", evalue="", traceback=[]))
    conversation.on_iopub(status("idle"))
    failure = KernelFailure("KeyboardInterrupt", "")
    assert lose_the_other_half_and_probe(conversation) == [Finished("e1", "error", 1, failure)]


def test_a_kernel_that_publishes_late_has_finished_when_a_probe_says_so() -> None:
    conversation = begun("e1")
    conversation.kernel_info = {"implementation": "Deno kernel"}
    assert conversation.on_shell(OK) == []
    assert Finished not in map(type, conversation.on_iopub(status("idle")))
    assert conversation.unsettled == ("e1", True)
    conversation.probing("p")
    late = conversation.on_iopub(about("execute_result", data={"text/plain": "5"}, metadata={}, execution_count=1))
    assert [type(event) for event in late] == [Output]
    conversation.on_shell(
        about("kernel_info_reply", "p", parent_type="kernel_info_request", implementation="Deno kernel")
    )
    assert conversation.on_iopub(status("idle", "p", "kernel_info_request")) == [DONE]
    assert conversation.unsettled is None


def test_a_probe_settles_only_what_was_half_done_when_it_was_sent() -> None:
    conversation = begun("e1", "e2")
    conversation.on_shell(OK)
    conversation.probing("p")
    conversation.on_iopub(status("idle", "e2"))  # e2's reply is still on its way
    conversation.on_shell(about("kernel_info_reply", "p", parent_type="kernel_info_request"))
    assert conversation.on_iopub(status("idle", "p", "kernel_info_request")) == [DONE]
    assert conversation.on_shell(about("execute_reply", "e2", status="ok", execution_count=2)) == [
        Finished("e2", "ok", 2, None)
    ]


def test_it_is_ready_when_a_probe_came_back_on_both_channels() -> None:
    conversation = Conversation()
    conversation.probing("p")
    conversation.on_shell(about("kernel_info_reply", "p", parent_type="kernel_info_request", banner="hi"))
    assert not conversation.ready
    conversation.on_iopub(status("idle", "p", "kernel_info_request"))
    assert conversation.ready
    assert conversation.kernel_info["banner"] == "hi"


def test_an_aborted_execution_is_reported_as_aborted() -> None:
    conversation = begun("e1")
    conversation.on_iopub(status("idle"))
    assert conversation.on_shell(about("execute_reply", status="aborted")) == [Finished("e1", "aborted", 1, None)]


def test_what_answers_none_of_our_executions_is_ignored() -> None:
    conversation = Conversation()
    assert conversation.on_iopub(about("stream", "", parent_type="", name="stdout", text="x")) == []
    assert conversation.on_shell(about("execute_reply", "unknown", status="ok")) == []


# --- bytes ----------------------------------------------------------------------------------------------------------


def signed(*parts: bytes) -> list[bytes]:
    digest = hmac.new(b"key", digestmod=hashlib.sha256)
    for part in parts:
        digest.update(part)
    return [b"topic", b"<IDS|MSG>", digest.hexdigest().encode(), *parts]


HEADER = json.dumps({"msg_id": "m", "msg_type": "stream", "date": "x"}).encode()
PARENT = json.dumps({"msg_id": "e1", "msg_type": "execute_request"}).encode()


def test_a_message_is_made_with_the_id_that_was_chosen() -> None:
    wire = JupyterWire(b"key", "session")
    delimiter, signature, header, parent, metadata, content = wire.encode("execute_request", "chosen", {"code": "1"})
    assert delimiter == b"<IDS|MSG>"
    assert [delimiter, signature] == signed(header, parent, metadata, content)[1:3]
    assert json.loads(header)["msg_id"] == "chosen"
    assert json.loads(content) == {"code": "1"}


def test_content_beyond_strict_json_is_read() -> None:
    wire = JupyterWire(b"key", "session")
    message = wire.decode(signed(HEADER, PARENT, b"{}", b'{"text": "\\ud800", "n": NaN, "raw": "\xff"}'))
    assert (message.msg_type, message.parent_id, message.content["text"]) == ("stream", "e1", "\ud800")


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"no delimiter"],
        [b"<IDS|MSG>", b"too", b"few"],
        [*signed(HEADER, PARENT, b"{}", b"{}")[:2], b"wrong signature", HEADER, PARENT, b"{}", b"{}"],
        signed(b"not json", PARENT, b"{}", b"{}"),
        signed(HEADER, b"[]", b"{}", b"{}"),
        signed(HEADER, PARENT, b"{}", b"[1]"),
        signed(HEADER, PARENT, b"{}", b"{"),
    ],
)
def test_what_is_no_message_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(MalformedMessage):
        JupyterWire(b"key", "session").decode(parts)


def test_a_comm_of_the_kernel_s_is_reported_with_its_buffers_and_what_it_answers() -> None:
    conversation = Conversation()
    content = {"comm_id": "c", "target_name": "t", "data": {"state": {}}}
    opened = Message("comm_open", "e1", "execute_request", content, (b"x",))
    assert conversation.on_iopub(opened) == [KernelCommOpen("c", "t", {"state": {}}, (b"x",), "e1")]
    said = Message("comm_msg", "m1", "comm_msg", {"comm_id": "c", "data": {"method": "custom"}}, (b"y",))
    assert conversation.on_iopub(said) == [KernelCommMessage("c", {"method": "custom"}, (b"y",), "m1")]
    closed = Message("comm_close", "e1", "execute_request", {"comm_id": "c", "data": {}})
    assert conversation.on_iopub(closed) == [KernelCommClose("c", "e1")]


def test_what_a_callback_puts_out_has_the_message_s_id_and_its_end_is_no_end_of_an_execution() -> None:
    conversation = begun("e1")
    assert conversation.on_iopub(status("busy", "m1", "comm_msg")) == []
    printed = about("stream", "m1", parent_type="comm_msg", name="stdout", text="x")
    assert conversation.on_iopub(printed) == [
        Output("m1", {"output_type": "stream", "name": "stdout", "text": "x"}),
    ]
    cleared = about("clear_output", "m1", parent_type="comm_msg", wait=True)
    assert conversation.on_iopub(cleared) == [ClearOutput("m1", wait=True)]
    assert conversation.on_iopub(status("idle", "m1", "comm_msg")) == [CommHandled("m1")]
    assert conversation.running == "e1"


def test_buffers_travel_behind_the_signed_parts() -> None:
    wire = JupyterWire(b"key", "session")
    parts = wire.encode("comm_msg", "m1", {"comm_id": "c"}, metadata={"version": "2"}, buffers=[b"one", b""])
    assert parts[-2:] == [b"one", b""]
    assert json.loads(parts[4]) == {"version": "2"}
    assert wire.decode(parts).buffers == (b"one", b"")
