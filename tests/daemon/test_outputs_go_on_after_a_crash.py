"""A kernel's messages, a daemon that crashes anywhere, and what is in the document in the end: the same as without.

The document is a list here, and writing a change is atomic: outputs, statuses and the position they go up to. After a
crash the next daemon has the document and the keeper's spool; what the daemon before had acknowledged is gone from it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from clients.daemon.conversation import Conversation
from clients.daemon.events import ClearOutput, Finished, KernelEvent, Output
from clients.daemon.jupyter_wire import Message
from clients.daemon.keeper.frames import IOPUB, SHELL, numbered, read_message
from clients.daemon.keeper.spool import Spool
from clients.daemon.outputs import (
    AppendOutput,
    AppendStream,
    ClearOutputs,
    ExtendStream,
    Operation,
    OutputBuffer,
    WrittenStream,
)
from clients.daemon.queue import (
    TERMINAL,
    ExecutionQueue,
)
from clients.daemon.queue_effects import (
    CellId,
    Effect,
    ExecutionId,
    Found,
    RecordQueued,
    RecordSource,
    RecordStatus,
    RecordUnwanted,
    RecordWanted,
    RequestId,
    Run,
    StartExecution,
    Status,
)
from clients.daemon.recollection import Recollection


@dataclass
class Document:
    """What is durable: outputs of each execution, how each ended, and the position all that goes up to."""

    outputs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    ended: dict[str, Any] = field(default_factory=dict)
    position: int = 0
    open: dict[str, str] = field(default_factory=dict)


def write(operation: Operation, outputs: list[dict[str, Any]]) -> None:
    match operation:
        case AppendOutput(index, output):
            assert index == len(outputs)
            outputs.append(dict(output))
        case AppendStream(index, name, sealed, tail):
            assert index == len(outputs)
            outputs.append({"name": name, "text": [*sealed, *([tail] if tail else [])]})
        case ExtendStream(index, keep, sealed, tail):
            assert index == len(outputs) - 1
            assert keep <= len(outputs[index]["text"])
            outputs[index]["text"][keep:] = [*sealed, *([tail] if tail else [])]
        case ClearOutputs():
            outputs.clear()


def restored(document: Document, execution_id: str) -> OutputBuffer:
    outputs = document.outputs.get(execution_id, [])
    last = outputs[-1] if outputs else {}
    stream = None
    if "name" in last:
        stream = WrittenStream(last["name"], len(last["text"]), last["text"][-1] if last["text"] else "")
    return OutputBuffer.restored(len(outputs), stream, document.open.get(execution_id))


class Daemon:
    """Takes messages in and writes a document, as runner, kernel and output writer do it together."""

    def __init__(self, document: Document, executions: list[str]) -> None:
        self.document = document
        self._from = document.position
        self._position = document.position
        self._conversation = Conversation()
        self._recollection = Recollection()
        self._buffers = {execution_id: restored(document, execution_id) for execution_id in executions}
        for execution_id in executions:
            if execution_id not in document.ended:
                self._conversation.executing(execution_id)

    def take(self, seq: int, channel: int, message: Message) -> None:
        pending = self._conversation.awaits(message.parent_id)
        handle = self._conversation.on_iopub if channel == IOPUB else self._conversation.on_shell
        events: list[KernelEvent] = handle(message)
        if pending:
            self._recollection.note(seq, message)
        for event in events:
            if isinstance(event, Finished):
                self._recollection.finished(event.execution_id, seq)
        if seq <= self._from:
            assert not any(isinstance(event, Finished) for event in events), "its end was on record already"
            return
        for event in events:
            if isinstance(event, Output | ClearOutput):
                self._buffers[event.execution_id].feed(event)
            elif isinstance(event, Finished):
                self.flush(seq, event)
        self._position = seq

    def flush(self, position: int | None = None, finished: Finished | None = None) -> None:
        for execution_id, buffer in self._buffers.items():
            for operation in buffer.take():
                write(operation, self.document.outputs.setdefault(execution_id, []))
        states = {execution_id: buffer.state() for execution_id, buffer in self._buffers.items()}
        self.document.open = {execution_id: state for execution_id, state in states.items() if state is not None}
        self.document.position = self._position if position is None else position
        if finished is not None:
            assert finished.execution_id not in self.document.ended, "it ended twice"
            self.document.ended[finished.execution_id] = (finished.status, finished.error)

    def wanted(self, position: int) -> list[int]:
        return self._recollection.wanted(position)


def said(kind: str, execution_id: str, **content: Any) -> Message:
    return Message(kind, execution_id, "execute_request", content)


outputs_of_one = st.lists(
    st.one_of(
        st.tuples(
            st.just("stream"),
            st.sampled_from(["stdout", "stdout", "stdout", "stderr"]),
            st.text("ab\n\r", min_size=1, max_size=5),
        ),
        st.tuples(st.just("display_data"), st.just(""), st.text("xyz", max_size=2)),
        st.tuples(st.just("clear_output"), st.just(""), st.sampled_from(["", "wait"])),
    ),
    max_size=8,
)
endings = st.tuples(st.sampled_from(["ok", "error"]), st.booleans())


def account(
    execution_id: str, outputs: list[tuple[str, str, str]], ending: tuple[str, bool]
) -> list[tuple[int, Message]]:
    """Everything that a kernel says of one execution; its reply comes before or after `idle`."""
    messages = [
        (IOPUB, said("status", execution_id, execution_state="busy")),
        (IOPUB, said("execute_input", execution_id, execution_count=1)),
    ]
    for kind, name, text in outputs:
        if kind == "stream":
            messages.append((IOPUB, said("stream", execution_id, name=name, text=text)))
        elif kind == "display_data":
            messages.append((IOPUB, said("display_data", execution_id, data={"t": text}, metadata={})))
        else:
            messages.append((IOPUB, said("clear_output", execution_id, wait=bool(text))))
    status, reply_first = ending
    if status == "error":
        messages.append((IOPUB, said("error", execution_id, ename="Published", evalue="e", traceback=[])))
    page = [{"source": "page", "data": {"t": "help"}}] if status == "ok" else []
    ends = [
        (SHELL, said("execute_reply", execution_id, status=status, payload=page, ename="E", evalue="e")),
        (IOPUB, said("status", execution_id, execution_state="idle")),
    ]
    return messages + (ends if reply_first else ends[::-1])


def joined(document: Document) -> dict[str, Any]:
    return {
        execution_id: [{**one, "text": "".join(one["text"])} if "name" in one else one for one in outputs]
        for execution_id, outputs in document.outputs.items()
        if outputs
    }


@settings(deadline=None, max_examples=400)
@given(
    st.lists(st.tuples(outputs_of_one, endings), min_size=1, max_size=3),
    st.lists(st.sampled_from(["", "flush", "save", "crash", "flush and crash"]), min_size=20, max_size=40),
)
def test_what_is_in_the_document_does_not_depend_on_when_daemons_crashed(
    runs: list[tuple[list[tuple[str, str, str]], tuple[str, bool]]], steps: list[str]
) -> None:
    executions = [f"e{number}" for number in range(len(runs))]
    messages = [one for execution_id, run in zip(executions, runs, strict=True) for one in account(execution_id, *run)]

    undisturbed = Daemon(Document(), executions)
    for seq, (channel, message) in enumerate(messages, 1):
        undisturbed.take(seq, channel, message)
    undisturbed.flush()

    spool = Spool(Path("/nonexistent/never-written"), segment=20)  # so that single messages are kept from old segments
    by_seq: dict[int, tuple[int, Message]] = {}
    durable = Document()  # what the hub has on disk
    daemon = Daemon(copy.deepcopy(durable), executions)
    for (channel, message), step in zip(messages, [*steps, *[""] * len(messages)], strict=False):
        by_seq[spool.append(channel, [b""])] = (channel, message)
        spool.read()
        daemon.take(spool.seq, channel, message)
        if step in ("flush", "save", "flush and crash"):
            daemon.flush()
        if step in ("save", "flush and crash"):  # the change reached the hub's disk
            durable = copy.deepcopy(daemon.document)
        if step == "save":
            spool.acknowledge(durable.position, daemon.wanted(durable.position))
        if "crash" in step:
            daemon = Daemon(copy.deepcopy(durable), executions)
            spool.rewind()
            while data := spool.read():
                for seq, frame in numbered(data):
                    assert read_message(frame[5:])[0] == seq
                    daemon.take(seq, *by_seq[seq])
    daemon.flush()
    assert joined(daemon.document) == joined(undisturbed.document)
    assert daemon.document.ended == undisturbed.document.ended


@dataclass
class Record:
    cell_id: CellId
    source: str
    status: Status
    wanted_by: dict[RequestId, int]


def record(effects: tuple[Effect, ...], records: dict[ExecutionId, Record]) -> None:
    for effect in effects:
        match effect:
            case RecordQueued():
                wanted = {effect.request_id: effect.place}
                records[effect.execution_id] = Record(effect.cell_id, effect.source, Status.QUEUED, wanted)
            case RecordWanted(execution_id, request_id, place):
                records[execution_id].wanted_by[request_id] = place
            case RecordUnwanted(execution_id, request_id):
                del records[execution_id].wanted_by[request_id]
            case RecordSource(execution_id, source):
                records[execution_id].source = source
            case RecordStatus(execution_id, status):
                records[execution_id].status = status


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4), min_size=1, max_size=5),
    st.lists(st.tuples(st.booleans(), st.sampled_from(["ok", "error"])), min_size=20, max_size=20),
)
def test_a_queue_restored_from_the_records_decides_as_the_one_that_made_them(
    requests: list[list[str]], steps: list[tuple[bool, Any]]
) -> None:
    records: list[dict[ExecutionId, Record]] = [{}, {}]
    queues = [ExecutionQueue(), ExecutionQueue()]
    number = 0
    for at, cells in enumerate(requests):
        runs = []
        for cell in cells:
            number += 1
            runs.append(Run(CellId(cell), f"{cell}{at}", ExecutionId(str(number))))
        for queue, on_record in zip(queues, records, strict=True):
            record(queue.submit(RequestId(f"r{at}"), runs, {}, 1.0)[1], on_record)
    for queue, on_record in zip(queues, records, strict=True):
        record(queue.kernel_ready(2.0), on_record)
    for crash, ending in steps:
        if crash:
            found = [
                Found(
                    one,
                    records[1][one].cell_id,
                    records[1][one].source,
                    (),
                    records[1][one].status,
                    {request_id: (place, "") for request_id, place in records[1][one].wanted_by.items()},
                )
                for one in queues[1].order
            ]
            queues[1] = ExecutionQueue.restored(number, found)
            assert queues[1].go_on(3.0) == ()
        running = queues[0].running
        assert queues[1].running == running
        assert queues[1].order == queues[0].order
        if running is None:
            break
        for queue, on_record in zip(queues, records, strict=True):
            record(queue.finished(running, ending, 4.0), on_record)
        assert records[0] == records[1]
    started = [effect for effect in queues[1].go_on(5.0) if isinstance(effect, StartExecution)]
    assert started == []
    assert queues[0].running is not None or all(one.status in TERMINAL for one in records[0].values())
