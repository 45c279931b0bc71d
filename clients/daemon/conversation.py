"""From Jupyter messages to events: a pure account of what was asked of one kernel and what it has answered.

Knows the executions that were sent and which halves of their end have come: the reply on the shell channel and `idle`
on iopub, two sockets without a common order. Finished comes when both are there, hence after every output that the
kernel sent while running. A half can be lost: ipykernel sends no reply when an interrupt hits outside user code, and
publishing drops what a slow reader does not take. So the shell sends a *probe* when one half stays out: the kernel
answers it after everything before it on either channel, and what is then still incomplete ends with what is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from clients.daemon.events import (
    Busy,
    Cached,
    ClearOutput,
    CommHandled,
    Finished,
    FinishedStatus,
    Idle,
    InputRequested,
    KernelCommClose,
    KernelCommMessage,
    KernelCommOpen,
    KernelEvent,
    KernelFailure,
    Output,
    Started,
    UpdateDisplay,
)
from clients.daemon.jupyter_wire import Message

EXECUTE: Final = "execute_request"
PROBE: Final = "kernel_info_request"
COMM_MESSAGES: Final = frozenset(("comm_open", "comm_msg", "comm_close"))
# Of each output type the keys that nbformat knows; the rest of a message's content is transport.
_OUTPUT_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "stream": ("name", "text"),
    "display_data": ("data", "metadata"),
    "execute_result": ("data", "metadata", "execution_count"),
    "error": ("ename", "evalue", "traceback"),
}


@dataclass
class _Pending:
    """An execution that was sent and has not finished."""

    started: bool = False
    idle: bool = False
    reply: Mapping[str, Any] | None = None
    execution_count: int | None = None
    error: KernelFailure | None = None

    @property
    def halves(self) -> int:
        return self.idle + (self.reply is not None)


@dataclass
class _Probe:
    """A probe that was sent, and the executions that it will settle: those of which half an end was there already."""

    settles: tuple[str, ...]
    idle: bool = False
    replied: bool = False


@dataclass
class Conversation:
    """What was asked of one kernel. Owns the unfinished executions, the open probes, and whether the kernel is busy."""

    kernel_info: Mapping[str, Any] = field(default_factory=dict)
    ready: bool = False  # a probe came back on both channels, so nothing that the kernel publishes is missed
    _pending: dict[str, _Pending] = field(default_factory=dict)
    _probes: dict[str, _Probe] = field(default_factory=dict)
    _busy: bool = False

    @property
    def unsettled(self) -> tuple[str, bool] | None:
        """The oldest execution that has half of its end, or all of it (True) from a kernel that publishes late: then a
        probe is to be sent at once, else it is worth sending if this remains so."""
        return next(((key, on.halves == 2) for key, on in self._pending.items() if on.halves), None)

    @property
    def _publishes_late(self) -> bool:
        """Whether results may come after the end, as Deno's do now and then. They come before the answer to a probe."""
        return bool(self.kernel_info.get("implementation", "ipython") != "ipython")

    @property
    def running(self) -> str | None:
        """The oldest execution that the kernel has begun with and has neither finished nor failed."""
        return next((key for key, on in self._pending.items() if on.started and not on.halves and not on.error), None)

    def executing(self, execution_id: str) -> None:
        """This execution is being sent, or was by an earlier daemon."""
        self._pending.setdefault(execution_id, _Pending())

    def awaits(self, execution_id: str) -> bool:
        """Whether this execution was sent and has not finished."""
        return execution_id in self._pending

    def probing(self, probe_id: str) -> None:
        """This probe is being sent, as a kernel_info_request on the shell channel."""
        self._probes[probe_id] = _Probe(tuple(key for key, pending in self._pending.items() if pending.halves))

    def on_iopub(self, message: Message) -> list[KernelEvent]:
        """What the kernel published."""
        content, parent = message.content, message.parent_id
        if message.msg_type == "status":
            return self._on_status(content.get("execution_state"), message)
        if message.msg_type == "update_display_data":
            display_id = _display_id(content)
            return [] if display_id is None else [UpdateDisplay(display_id, _map(content, "data"), _meta(content))]
        if message.msg_type in COMM_MESSAGES:
            return _comm(message)
        if message.parent_type != EXECUTE and message.parent_type not in COMM_MESSAGES:
            return []
        if message.msg_type == "execute_input":
            return self._started(parent, content.get("execution_count"))
        if message.msg_type == "clear_output":
            return [*self._started(parent, None), ClearOutput(parent, bool(content.get("wait")))]
        if message.msg_type in _OUTPUT_KEYS:
            return [*self._started(parent, None), self._output(message)]
        return []

    def on_shell(self, message: Message) -> list[KernelEvent]:
        """What the kernel answered."""
        if message.msg_type == "kernel_info_reply":
            self.kernel_info = message.content
            if message.parent_id in self._probes:
                self._probes[message.parent_id].replied = True
                return self._settled(message.parent_id)
        pending = self._pending.get(message.parent_id)
        if message.msg_type != "execute_reply" or pending is None:
            return []
        pending.reply = message.content
        return self._ended(message.parent_id)

    def on_stdin(self, message: Message) -> list[KernelEvent]:
        """What the kernel asks its user."""
        if message.msg_type != "input_request":
            return []
        content = message.content
        return [InputRequested(message.parent_id, str(content.get("prompt", "")), bool(content.get("password")))]

    def _on_status(self, state: object, message: Message) -> list[KernelEvent]:
        parent = message.parent_id
        if parent in self._probes and state == "idle":
            self._probes[parent].idle = True
            return self._settled(parent)
        if message.parent_type in COMM_MESSAGES:
            return [CommHandled(parent)] if state == "idle" else []
        if message.parent_type != EXECUTE or state not in ("busy", "idle"):
            return []
        events: list[KernelEvent] = []
        if parent not in self._pending and not self._busy:
            return []  # nothing that anybody asked it to run
        if self._busy != (state == "busy"):
            self._busy = state == "busy"
            events.append(Busy() if self._busy else Idle())
        pending = self._pending.get(parent)
        if pending is not None and state == "idle":
            pending.idle = True
            events += self._ended(parent)
        return events

    def _started(self, execution_id: str, execution_count: int | None) -> list[KernelEvent]:
        pending = self._pending.get(execution_id)
        if pending is None or pending.started:
            return []
        pending.started = True
        pending.execution_count = execution_count
        return [Started(execution_id, execution_count)]

    def _output(self, message: Message) -> Output:
        content = message.content
        output = {"output_type": message.msg_type}
        output |= {key: content[key] for key in _OUTPUT_KEYS[message.msg_type] if key in content}
        pending = self._pending.get(message.parent_id)
        if message.msg_type == "error" and pending is not None:
            pending.error = _failure(content)
        return Output(message.parent_id, output, _display_id(content))

    def _settled(self, probe_id: str) -> list[KernelEvent]:
        probe = self._probes[probe_id]
        if not (probe.idle and probe.replied):
            return []
        self.ready = True
        del self._probes[probe_id]
        return [event for execution_id in probe.settles for event in self._finished(execution_id)]

    def _ended(self, execution_id: str) -> list[KernelEvent]:
        """Another half of its end is there."""
        is_complete = self._pending[execution_id].halves == 2 and not self._publishes_late
        return self._finished(execution_id) if is_complete else []

    def _finished(self, execution_id: str) -> list[KernelEvent]:
        if execution_id not in self._pending:
            return []
        events = self._started(execution_id, None)
        pending = self._pending.pop(execution_id)
        reply = pending.reply
        if reply is None:  # the kernel lost it; an error that was published says how the execution ended
            status: FinishedStatus = "error" if pending.error else "aborted"
            return [*events, Finished(execution_id, status, pending.execution_count, pending.error)]
        events += [Output(execution_id, page) for page in _pages(reply)]
        count = reply.get("execution_count", pending.execution_count)
        match reply.get("status"):
            case "ok":
                return [*events, Finished(execution_id, "ok", count, None, _cached(reply))]
            case "error":
                failure = pending.error or _failure(reply)
                return [*events, Finished(execution_id, "error", count, failure, _cached(reply))]
            case _:
                return [*events, Finished(execution_id, "aborted", pending.execution_count, None)]


def _pages(reply: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What `name?` shows: not published, but in the reply; every notebook shows it as an output."""
    return [
        {"output_type": "display_data", "data": page["data"], "metadata": {}}
        for page in reply.get("payload") or ()
        if isinstance(page, dict) and page.get("source") == "page" and isinstance(page.get("data"), dict)
    ]


def _cached(reply: Mapping[str, Any]) -> Cached | None:
    """What the kernel's part of the result cache says."""
    for one in reply.get("payload") or ():
        if isinstance(one, dict) and one.get("source") == "quire_cache":
            saved = one.get("saved_ms")
            return Cached(str(one.get("cache", "")), float(saved) if isinstance(saved, int | float) else None)
    return None


def _comm(message: Message) -> list[KernelEvent]:
    content, buffers, parent = message.content, message.buffers, message.parent_id
    comm_id, data = str(content.get("comm_id", "")), _map(content, "data")
    match message.msg_type:
        case "comm_open":
            return [KernelCommOpen(comm_id, str(content.get("target_name", "")), data, buffers, parent)]
        case "comm_msg":
            return [KernelCommMessage(comm_id, data, buffers, parent)]
        case _:
            return [KernelCommClose(comm_id, parent)]


def _failure(content: Mapping[str, Any]) -> KernelFailure:
    return KernelFailure(str(content.get("ename", "Error")), str(content.get("evalue", "")))


def _display_id(content: Mapping[str, Any]) -> str | None:
    display_id = _map(content, "transient").get("display_id")
    return display_id if isinstance(display_id, str) else None


def _meta(content: Mapping[str, Any]) -> Mapping[str, Any]:
    return _map(content, "metadata")


def _map(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}
