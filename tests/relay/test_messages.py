"""The wire is plain MessagePack: an independent library writes what we read and reads what we write."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import FrameTooLarge, MalformedFrame
from relay.frames import PAYLOAD_CAPS, FrameType
from relay.messages import (
    CommMessage,
    ErrorInfo,
    Hello,
    Message,
    NewRuntimeEpoch,
    NotebookClosed,
    NotebookOpened,
    NotebookSaved,
    PeerInfo,
    PresenceLeft,
    PresencePeers,
    PresenceState,
    PresentPeer,
    Request,
    Response,
    RuntimeEpoch,
    RuntimeEpochTaken,
    SessionError,
    Welcome,
    decode,
    encode,
)
from relay.requests import (
    AnswerInput,
    ClearOutputs,
    CommClose,
    CommOpen,
    CommSend,
    Complete,
    Execute,
    Format,
    ImpactOf,
    Inspect,
    Interrupt,
    KernelHistory,
    ListKernels,
    ListVariables,
    PlanRun,
    RequestBody,
    RestartKernel,
    Save,
    ShutdownKernel,
    SignatureHelp,
    Stop,
    WidgetCode,
)

HEAD = bytes(range(32))
ADA = PeerInfo(peer_id="p-1", name="Ada", kind="person")
ADA_MAP = {"peer_id": "p-1", "name": "Ada", "kind": "person"}

AS_IT_IS: dict[str, Any] = {"bring": None, "plan_id": None, "cache": None}  # of a run
BARE: dict[str, Any] = {"required_heads": [], "requester": None}
BODIES: list[tuple[RequestBody, dict[str, Any]]] = [
    (Execute(), {"method": "execute", "cell_ids": None, "above": None, "below": None, "stdin": None, **AS_IT_IS}),
    (
        Execute(above="c", stdin="eof"),
        {"method": "execute", "cell_ids": None, "above": "c", "below": None, "stdin": "eof", **AS_IT_IS},
    ),
    (
        Execute(bring="stale", plan_id="p", cache=False),
        {
            **{"method": "execute", "cell_ids": None, "above": None, "below": None, "stdin": None},
            **{"bring": "stale", "plan_id": "p", "cache": False},
        },
    ),
    (
        PlanRun(cell_ids=["a"], bring="dependents"),
        {"method": "plan_run", "cell_ids": ["a"], "above": None, "below": None, "bring": "dependents"},
    ),
    (ImpactOf(cell_id="a"), {"method": "impact_of", "cell_id": "a"}),
    (
        AnswerInput(execution_id="e", prompt_id="p", value="Ada"),
        {"method": "answer_input", "execution_id": "e", "prompt_id": "p", "value": "Ada"},
    ),
    (Stop(), {"method": "stop", "execution_ids": None, "whose": "mine", "running": True}),
    (ClearOutputs(cell_ids=["a"]), {"method": "clear_outputs", "cell_ids": ["a"]}),
    (Interrupt(execution_id="e"), {"method": "interrupt", "execution_id": "e"}),
    (Complete(code="a.", cursor=2), {"method": "complete", "code": "a.", "cursor": 2}),
    (Inspect(code="a", cursor=1, detail=1), {"method": "inspect", "code": "a", "cursor": 1, "detail": 1}),
    (SignatureHelp(code="a(", cursor=2), {"method": "signature_help", "code": "a(", "cursor": 2}),
    (ListVariables(), {"method": "list_variables"}),
    (KernelHistory(), {"method": "kernel_history", "n": 100, "pattern": None, "unique": False}),
    (Format(code="a=1"), {"method": "format", "code": "a=1", "language": "python", "cell_id": None}),
    (ListKernels(), {"method": "list_kernels"}),
    (RestartKernel(), {"method": "restart_kernel", "folder": None}),
    (RestartKernel(folder="/data"), {"method": "restart_kernel", "folder": "/data"}),
    (ShutdownKernel(), {"method": "shutdown_kernel"}),
    (WidgetCode(module="bqplot/index"), {"method": "widget_code", "module": "bqplot/index"}),
    (Save(), {"method": "save"}),
    (
        CommOpen(target_name="t", data={"state": {"v": 1}}, metadata={"version": "2.1.0"}, buffers=[b"x"]),
        {
            "method": "comm_open",
            "target_name": "t",
            "comm_id": "",
            "data": {"state": {"v": 1}},
            "metadata": {"version": "2.1.0"},
            "buffers": [b"x"],
        },
    ),
    (
        CommSend(comm_id="c", data={"method": "custom", "content": None}, buffers=[b"x"]),
        {"method": "comm_send", "comm_id": "c", "data": {"method": "custom", "content": None}, "buffers": [b"x"]},
    ),
    (CommClose(comm_id="c"), {"method": "comm_close", "comm_id": "c", "data": {}}),
]

# Each message, its frame type, and the map that any MessagePack library would write for it.
EXAMPLES: list[tuple[Message, int, dict[str, Any]]] = [
    (
        Hello(protocol=1, schema=2, notebook_id="n", peer=ADA, token="t", role="viewer", genesis=HEAD),
        7,
        {
            "type": "hello",
            "protocol": 1,
            "schema": 2,
            "notebook_id": "n",
            "peer": ADA_MAP,
            "token": "t",
            "role": "viewer",
            "genesis": HEAD,
        },
    ),
    (
        Welcome(
            protocol=1,
            schema=2,
            server_id="s",
            notebook_id="n",
            role="editor",
            genesis=HEAD,
            runtime_genesis=bytes(16),
            runtime_epoch=3,
        ),
        7,
        {
            "type": "welcome",
            "protocol": 1,
            "schema": 2,
            "server_id": "s",
            "notebook_id": "n",
            "role": "editor",
            "genesis": HEAD,
            "runtime_genesis": bytes(16),
            "runtime_epoch": 3,
        },
    ),
    (
        RuntimeEpoch(epoch=3, genesis=bytes(16)),
        7,
        {"type": "runtime_epoch", "epoch": 3, "genesis": bytes(16)},
    ),
    (RuntimeEpochTaken(epoch=3), 7, {"type": "runtime_epoch_taken", "epoch": 3}),
    (
        NewRuntimeEpoch(epoch=3, genesis=bytes(16), document=b"saved"),
        8,
        {"epoch": 3, "genesis": bytes(16), "document": b"saved"},
    ),
    (
        SessionError(code="unauthorized", message="m", hint="h", fatal=False),
        7,
        {"type": "error", "code": "unauthorized", "message": "m", "hint": "h", "fatal": False},
    ),
    (
        Request(id="r", body=Execute(cell_ids=["a", "b"]), required_heads=[HEAD], requester=ADA),
        1,
        {
            "id": "r",
            "body": {
                **{"method": "execute", "cell_ids": ["a", "b"], "above": None, "below": None, "stdin": None},
                **AS_IT_IS,
            },
            "required_heads": [HEAD],
            "requester": ADA_MAP,
        },
    ),
    *((Request(id="r", body=body), 1, {"id": "r", "body": written, **BARE}) for body, written in BODIES),
    (
        Response(id="r", result={"heads": [HEAD], "path": "a.ipynb"}),
        2,
        {"id": "r", "result": {"heads": [HEAD], "path": "a.ipynb"}, "error": None},
    ),
    (
        Response(id="r", error=ErrorInfo(code="no_daemon", message="m")),
        2,
        {"id": "r", "result": {}, "error": {"code": "no_daemon", "message": "m", "hint": ""}},
    ),
    (NotebookOpened(notebook_id="n", path=None), 3, {"type": "notebook_opened", "notebook_id": "n", "path": None}),
    (NotebookClosed(notebook_id="n"), 3, {"type": "notebook_closed", "notebook_id": "n"}),
    (
        NotebookSaved(path="a.ipynb", heads=[HEAD]),
        3,
        {"type": "notebook_saved", "path": "a.ipynb", "heads": [HEAD], "error": None},
    ),
    (
        CommMessage(comm_id="c", data={"content": 1}, buffers=[b"x"]),
        3,
        {"type": "comm_message", "comm_id": "c", "data": {"content": 1}, "buffers": [b"x"]},
    ),
    (PresenceState(state={"cell": "a", "at": 4}), 4, {"type": "state", "state": {"cell": "a", "at": 4}}),
    (
        PresencePeers(peers=[PresentPeer(peer=ADA, role="editor", state={})]),
        4,
        {"type": "peers", "peers": [{"peer": ADA_MAP, "role": "editor", "state": {}}]},
    ),
    (PresenceLeft(peer_id="p-1"), 4, {"type": "left", "peer_id": "p-1"}),
]
names = [f"{type(message).__name__}-{number}" for number, (message, _, _) in enumerate(EXAMPLES)]
examples = pytest.mark.parametrize(("message", "frame_type", "written"), EXAMPLES, ids=names)


@examples
def test_what_we_write_reads_as_plain_messagepack(message: Message, frame_type: int, written: dict[str, Any]) -> None:
    whole = encode(message)
    assert whole[0] == frame_type
    assert msgpack.unpackb(whole[1:], strict_map_key=True) == written


@examples
def test_what_another_library_writes_we_read(message: Message, frame_type: int, written: dict[str, Any]) -> None:
    assert decode(bytes([frame_type]) + msgpack.packb(written)) == message


@examples
def test_keys_of_a_later_version_are_ignored(message: Message, frame_type: int, written: dict[str, Any]) -> None:
    later = {"shiny": {"new": [1, 2]}, **written}
    if "body" in later:
        later["body"] = {**written["body"], "priority": 5}
    assert decode(bytes([frame_type]) + msgpack.packb(later)) == message


@examples
def test_a_message_cut_short_or_with_something_after_it_is_refused(
    message: Message, frame_type: int, written: dict[str, Any]
) -> None:
    whole = encode(message)
    for wrong in (whole[:-1], whole[:1], whole + b"\x00"):
        with pytest.raises(MalformedFrame):
            decode(wrong)


@pytest.mark.parametrize("frame_type", [0x00, 0x05, 0x06, 0x09, 0x2A, 0xFF])
def test_frames_that_carry_no_message_are_skipped(frame_type: int) -> None:
    assert decode(bytes([frame_type]) + b"\xc1 whatever") is None


@pytest.mark.parametrize(
    ("frame_type", "written", "named"),
    [
        (1, {"id": 5, "body": {"method": "save"}}, "id"),
        (1, {"id": "r", "body": {"method": "format_disk"}}, "body"),
        (7, {"type": "goodbye"}, "goodbye"),
        (7, {"type": "hello", "protocol": 1}, "missing"),
        (4, {"type": "state", "state": 5}, "state"),
        (2, ["r", {}, None], "array"),
    ],
)
def test_a_wrong_message_is_refused_with_the_name_of_what_is_wrong(frame_type: int, written: Any, named: str) -> None:
    with pytest.raises(MalformedFrame, match=named):
        decode(bytes([frame_type]) + msgpack.packb(written))


def test_nesting_without_end_is_refused() -> None:
    deep = b"\x02\x82\xa2id\xa1r\xa6result\x81\xa1x" + b"\x91" * 100_000 + b"\xc0"
    with pytest.raises(MalformedFrame):
        decode(deep)


# What MessagePack can say beyond JSON: keys of any kind, extension types, bytes.
anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(),
        st.text(max_size=9),
        st.binary(max_size=9),
        st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=9)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=5) | st.integers(0, 9), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(st.integers(1, 7), anything)
def test_no_messagepack_does_anything_else_than_be_read_or_refused(frame_type: int, written: Any) -> None:
    with suppress(MalformedFrame):
        decode(bytes([frame_type]) + msgpack.packb(written))


@given(st.integers(0, 255), st.binary(max_size=80))
def test_no_bytes_do_anything_else_than_be_read_or_refused(frame_type: int, payload: bytes) -> None:
    with suppress(MalformedFrame):
        decode(bytes([frame_type]) + payload)


@given(st.binary(max_size=40))
def test_no_content_of_a_free_map_does_anything_else_than_be_read_or_refused(content: bytes) -> None:
    for start in (b"\x04\x82\xa4type\xa5state\xa5state\x81\xa1k", b"\x02\x82\xa2id\xa1r\xa6result\x81\xa1k"):
        with suppress(MalformedFrame):
            decode(start + content)


@pytest.mark.parametrize("key", [b"\x90", b"\x80", b"\x91\x90", b"\x81\x01\x02"])
def test_maps_with_keys_that_python_cannot_hash_are_refused_or_read(key: bytes) -> None:
    inner = b"\x81" + key + b"\xc0"
    with suppress(MalformedFrame):
        decode(b"\x04\x82\xa4type\xa5state\xa5state\x81\xa1k" + inner)


def test_a_message_above_the_cap_of_its_frame_is_not_built() -> None:
    with pytest.raises(FrameTooLarge):
        encode(PresenceState(state={"selection": "x" * PAYLOAD_CAPS[FrameType.PRESENCE]}))
