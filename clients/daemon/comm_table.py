"""The comms of one kernel: a pure state machine that decides what is written, what the kernel is sent and who is told.

Knows Jupyter's comm messages and the widget protocol in them (update, echo_update, custom). The order in which it is
called is the order for everybody: a peer's update is written at once and sent to the kernel under a number, and what
the kernel then says of the same trait while it has not got to that number yet is older, and ignored: the kernel will
overwrite it when it gets there. So nothing jumps back, and in the end the document has what the kernel has. It also
routes outputs: those of a callback go to the Output widget that captures them, or to the execution that showed the
widget. It owns no values, only what has not been taken to be written; it knows no document, clock or socket.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from clients.daemon.errors import BadCommMessage, UnknownComm
from clients.daemon.events import (
    ClearOutput,
    CommEvent,
    CommHandled,
    KernelCommClose,
    KernelCommMessage,
    KernelCommOpen,
    Output,
    OutputEvent,
)
from clients.daemon.held_updates import HeldUpdates
from clients.daemon.widget_protocol import OUTPUT_MODEL, references, size_of, state_of, view_of
from notebook_doc.comm_state import sendable, separated
from notebook_doc.comms import WIDGET_TARGET

# Messages of ours whose late outputs (a thread that a callback started) still find their place.
REMEMBERED_MESSAGES: Final = 10_000
MOST_VERIFIED: Final = 256 * 1024  # bytes of state; a widget of more is not asked what it has after each update
NOT_SENT_YET: Final = sys.maxsize  # the number of an update that waits


@dataclass(frozen=True)
class CommRequest:
    """A message to send to the kernel."""

    msg_type: str
    msg_id: str
    content: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    buffers: Sequence[bytes] = ()


@dataclass(frozen=True)
class Told:
    """To tell every peer: the kernel said this on a comm."""

    comm_id: str
    data: Mapping[str, Any]
    buffers: tuple[bytes, ...]


@dataclass
class CommWrite:
    """What to write of one comm, in this order: open it, set these traits, let its outputs go there; or remove it."""

    comm_id: str
    opened: str | None = None  # the target's name
    closed: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    execution_id: str | None = None


Effect = CommRequest | OutputEvent | Told  # an OutputEvent's execution_id is the place where it is to be shown


@dataclass
class _Comm:
    target_name: str
    execution_id: str
    known: set[str] | None  # its traits; None if a peer opened it, so that only the kernel knows them
    is_output: bool = False
    captures: str = ""  # of an Output widget: the message whose outputs it takes
    refers_to: dict[str, frozenset[str]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)  # of its traits, roughly, in bytes
    unverified: bool = False  # a peer set something, and the kernel may have made something else of it, or nothing
    version: int = 0  # of an Output widget's outputs
    behind: bool = False  # the kernel does not know its outputs
    telling: int = 0  # the number of the message that tells it, while that is not handled


@dataclass
class _Sent:
    number: int
    comm_id: str
    execution_id: str


class CommTable:
    """See the module. `prefix` makes the ids of its messages unique among all that the kernel is sent."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._count = 0
        self._comms: dict[str, _Comm] = {}
        self._writes: dict[str, CommWrite] = {}
        self._told: list[Told] = []
        self._writing: frozenset[str] = frozenset()  # comms of which something was taken and is not written yet
        self._sent: OrderedDict[str, _Sent] = OrderedDict()
        self._expected: dict[tuple[str, str], int] = {}  # a trait -> our latest message that sets it
        self._held = HeldUpdates()
        self._captures: dict[str, list[str]] = {}  # a message's id -> Output widgets, the latest last

    def __contains__(self, comm_id: object) -> bool:
        return comm_id in self._comms

    def restore(self, comm_id: str, target_name: str, execution_id: str, state: Mapping[str, Any]) -> None:
        """This comm is open already, in the document and in the kernel."""
        comm = self._comms[comm_id] = _Comm(target_name, execution_id, set(state))
        self._learn(comm_id, comm, state)

    # --- from the kernel ----------------------------------------------------------------------------------------------

    def feed(self, event: CommEvent) -> list[Effect]:
        """The kernel did something. Raises BadCommMessage for what does not follow the protocol; it has no effect."""
        match event:
            case KernelCommOpen():
                return self._opened(event, self._home(event.parent_id), known=set())
            case KernelCommMessage():
                return self._said(event)
            case KernelCommClose(comm_id):
                self._closed(comm_id)
            case CommHandled(msg_id):
                return self._handled(msg_id)
        return []

    def route(self, event: Output | ClearOutput) -> Output | ClearOutput:
        """Where an output belongs: the same event with the id of its place for that of an execution."""
        parent = event.execution_id
        sent = self._sent.get(parent)
        capturing = self._captures.get(parent)
        place = capturing[-1] if capturing else parent if sent is None else sent.execution_id
        if capturing:
            comm = self._comms[place]
            comm.version, comm.behind = comm.version + 1, True
        if isinstance(event, Output):
            self._displayed(event.output, self._home(place))
        return replace(event, execution_id=place)

    def _opened(self, event: KernelCommOpen, execution_id: str, known: set[str] | None) -> list[Effect]:
        is_widget = event.target_name == WIDGET_TARGET
        state = state_of(event.data, event.buffers) if is_widget else dict(event.data)
        comm = self._comms[event.comm_id] = _Comm(event.target_name, execution_id, known)
        write = CommWrite(event.comm_id, opened=event.target_name, execution_id=execution_id)
        self._writes[event.comm_id] = write
        comm.is_output = state.get("_model_name") == OUTPUT_MODEL
        return self._set(event.comm_id, comm, state)

    def _said(self, event: KernelCommMessage) -> list[Effect]:
        comm = self._comms.get(event.comm_id)
        if comm is None:
            return []  # it was closed here, and the kernel does not know yet
        method = event.data.get("method")
        if comm.target_name != WIDGET_TARGET or method not in ("update", "echo_update"):
            return self._tell(Told(event.comm_id, event.data, event.buffers))
        state = state_of(event.data, event.buffers)
        if method == "echo_update":
            state = {key: value for key, value in state.items() if self._echo_counts(event, comm, key)}
        else:
            state = {key: value for key, value in state.items() if self._counts(event, comm, key)}
        return self._set(event.comm_id, comm, state)

    def _counts(self, event: KernelCommMessage, comm: _Comm, key: str) -> bool:
        """Whether this is the kernel's last word on a trait, as far as was said by now."""
        expected = self._expected.get((event.comm_id, key))
        if expected is None or (comm.is_output and key == "outputs"):
            return True
        sent = self._sent.get(event.parent_id)
        if sent is None or sent.number < expected:
            return False
        del self._expected[event.comm_id, key]
        return True

    def _echo_counts(self, event: KernelCommMessage, comm: _Comm, key: str) -> bool:
        """Whether an echo says something new: not if it is of a message of ours, which was written when it was sent."""
        sent = self._sent.get(event.parent_id)
        if sent is None:
            return self._counts(event, comm, key)
        if self._expected.get((event.comm_id, key)) == sent.number:
            del self._expected[event.comm_id, key]
        return False

    def _handled(self, msg_id: str) -> list[Effect]:
        sent = self._sent.get(msg_id)
        if sent is None:
            return []
        for trait in [trait for trait, number in self._expected.items() if number <= sent.number]:
            del self._expected[trait]
        for comm in self._comms.values():
            if comm.telling <= sent.number:
                comm.telling = 0
        return self._update_all(self._held.handled(sent.number))

    # --- from a peer --------------------------------------------------------------------------------------------------

    def open(
        self,
        comm_id: str,
        target_name: str,
        data: Mapping[str, Any],
        metadata: Mapping[str, Any] | None = None,
        buffers: tuple[bytes, ...] = (),
    ) -> list[Effect]:
        """A peer opens a comm. Raises BadCommMessage."""
        if comm_id in self._comms:
            raise BadCommMessage(comm_id, "it is open already")
        effects = self.release()
        effects += self._opened(KernelCommOpen(comm_id, target_name, data, buffers), "", known=None)
        content = {"comm_id": comm_id, "target_name": target_name, "data": data}
        effects.append(self._send("comm_open", comm_id, content, buffers, metadata))
        if target_name == WIDGET_TARGET:  # the kernel has a value for every other trait of it
            effects.append(self._request(comm_id, {"method": "request_state"}))
        return effects

    def send(self, comm_id: str, data: Mapping[str, Any], buffers: tuple[bytes, ...] = ()) -> list[Effect]:
        """A peer says something on a comm. Raises UnknownComm, BadCommMessage, and BadEdit for what is no JSON."""
        comm = self._comm(comm_id)
        if comm.target_name != WIDGET_TARGET or data.get("method") != "update":
            return [*self.release(), self._request(comm_id, data, buffers)]
        state = state_of(data, buffers)
        if comm.known is not None and (unknown := state.keys() - comm.known):
            raise BadCommMessage(comm_id, f"the widget has no trait {', '.join(map(repr, sorted(unknown)))}")
        separated(state)  # raises if it could not be sent on or written
        effects = self._set(comm_id, comm, state)
        if self._held.hold(comm_id, state):
            self._expected |= dict.fromkeys(((comm_id, key) for key in state), NOT_SENT_YET)
            return effects
        return [*effects, *self.release(), self._update(comm_id, state.keys(), data, buffers)]

    def release(self) -> list[Effect]:
        """Send every update that waits for the kernel to handle the one before."""
        return self._update_all(self._held.take())

    def verify(self) -> list[Effect]:
        """Ask the kernel what it has of the widgets that peers have set, once it has handled all of that.

        A kernel that corrects a value to what it was before says nothing, nor does one that refuses it.
        """
        quiet = [comm_id for comm_id, comm in self._comms.items() if self._is_to_verify(comm_id, comm)]
        for comm_id in quiet:
            self._comms[comm_id].unverified = False
        return [self._request(comm_id, {"method": "request_state"}) for comm_id in quiet]

    def _is_to_verify(self, comm_id: str, comm: _Comm) -> bool:
        settled = comm.unverified and not comm.is_output and not self._held.busy(comm_id)
        return settled and sum(comm.sizes.values()) <= MOST_VERIFIED

    def _update_all(self, updates: Iterable[tuple[str, dict[str, Any]]]) -> list[Effect]:
        effects: list[Effect] = []
        for comm_id, state in updates:
            rest, paths, buffers = sendable(state)
            data = {"method": "update", "state": rest, "buffer_paths": paths}
            effects.append(self._update(comm_id, state.keys(), data, buffers))
        return effects

    def _update(
        self, comm_id: str, keys: Iterable[str], data: Mapping[str, Any], buffers: Sequence[bytes]
    ) -> CommRequest:
        request = self._request(comm_id, data, buffers)
        self._comms[comm_id].unverified = True
        self._held.sent(comm_id, self._count)
        self._expected |= dict.fromkeys(((comm_id, key) for key in keys), self._count)
        return request

    def close(self, comm_id: str, data: Mapping[str, Any]) -> list[Effect]:
        """A peer closes a comm. Raises UnknownComm."""
        self._comm(comm_id)
        effects = self.release()
        effects.append(self._send("comm_close", comm_id, {"comm_id": comm_id, "data": data}))
        self._closed(comm_id)
        return effects

    def _comm(self, comm_id: str) -> _Comm:
        if comm_id not in self._comms:
            raise UnknownComm(comm_id)
        return self._comms[comm_id]

    # --- the kernel's own copy of what an Output widget captured ------------------------------------------------------

    def untold(self, *, at_once: bool = False) -> list[tuple[str, int]]:
        """The Output widgets whose outputs the kernel does not know, and their versions.

        One message at a time is on its way for each, unless it is wanted `at_once`: a cell has ended, and the next one
        may look.
        """
        return [
            (comm_id, comm.version)
            for comm_id, comm in self._comms.items()
            if comm.behind and (at_once or not comm.telling)
        ]

    def tell_outputs(self, comm_id: str, version: int, outputs: Sequence[Any]) -> list[Effect]:
        """The kernel is to know these outputs, provided that they are still those of this version."""
        comm = self._comms.get(comm_id)
        if comm is None or comm.version != version:
            return []
        data = {"method": "update", "state": {"outputs": outputs}, "buffer_paths": []}
        request = self._request(comm_id, data)
        comm.behind, comm.telling = False, self._count
        return [request]

    # --- what is to be written ----------------------------------------------------------------------------------------

    def take(self) -> tuple[list[CommWrite], list[Told]]:
        """What to write, and what to tell everybody once it is written."""
        writes, told = self._writes, self._told
        self._writes, self._told = {}, []
        self._writing = frozenset(writes)
        return list(writes.values()), told

    def written(self) -> None:
        """What was taken is written."""
        self._writing = frozenset()

    def open_comms(self) -> list[tuple[str, str, str]]:
        """What is open: each comm's id, target, and the execution where its outputs go."""
        return [(comm_id, comm.target_name, comm.execution_id) for comm_id, comm in self._comms.items()]

    def ask_again(self) -> list[Effect]:
        """The document has lost what the comms are like: ask the kernel."""
        widgets = [comm_id for comm_id, target, _ in self.open_comms() if target == WIDGET_TARGET]
        return [self._request(comm_id, {"method": "request_state"}) for comm_id in widgets]

    @property
    def waiting(self) -> bool:
        """Whether there is something to take, to verify, or to tell the kernel about an Output widget."""
        to_verify = any(self._is_to_verify(comm_id, comm) for comm_id, comm in self._comms.items())
        return bool(self._writes or self._told or to_verify or self.untold())

    def close_all(self) -> None:
        """The kernel has ended, and all its comms with it. What it said before is still to be taken."""
        for comm_id in list(self._comms):
            self._closed(comm_id)
        self._expected.clear()
        self._sent.clear()

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _set(self, comm_id: str, comm: _Comm, state: Mapping[str, Any]) -> list[Effect]:
        if comm.known is not None:
            comm.known |= state.keys()
        effects: list[Effect] = []
        self._learn(comm_id, comm, state)
        values = dict(state)
        if comm.is_output and isinstance(outputs := values.pop("outputs", None), list):
            comm.version += 1
            comm.behind = comm.telling > 0  # what is on its way to the kernel is older
            effects.append(ClearOutput(comm_id, wait=False))
            effects += [Output(comm_id, output) for output in outputs if isinstance(output, dict)]
        if values:
            self._write(comm_id).values |= values
        return effects

    def _learn(self, comm_id: str, comm: _Comm, state: Mapping[str, Any]) -> None:
        """Note what the state says that concerns others: which outputs are captured, which widgets are inside."""
        comm.is_output = comm.is_output or state.get("_model_name") == OUTPUT_MODEL
        for key, value in state.items():
            if names := frozenset(references(value)):
                comm.refers_to[key] = names
            else:
                comm.refers_to.pop(key, None)
            comm.sizes[key] = size_of(value)
        if comm.is_output and "msg_id" in state:
            self._capture(comm_id, comm, str(state["msg_id"] or ""))

    def _capture(self, comm_id: str, comm: _Comm, msg_id: str) -> None:
        if comm.captures:
            rest = [other for other in self._captures[comm.captures] if other != comm_id]
            if rest:
                self._captures[comm.captures] = rest
            else:
                del self._captures[comm.captures]
        comm.captures = msg_id
        if msg_id:
            self._captures.setdefault(msg_id, []).append(comm_id)

    def _displayed(self, output: Mapping[str, Any], execution_id: str) -> None:
        """A widget is shown among the outputs of this execution; its callbacks and those inside it print there now."""
        shown = view_of(output)
        seen: set[str] = set()
        inside = [] if shown is None else [shown]
        while inside:
            comm_id = inside.pop()
            comm = self._comms.get(comm_id)
            if comm is None or comm_id in seen:
                continue
            seen.add(comm_id)
            inside += [name for names in comm.refers_to.values() for name in names]
            if comm.execution_id != execution_id:
                comm.execution_id = execution_id
                self._write(comm_id).execution_id = execution_id

    def _home(self, place: str) -> str:
        """The execution among whose outputs this is: a message of ours, an Output widget, or an execution."""
        if place in self._comms:
            return self._comms[place].execution_id
        sent = self._sent.get(place)
        return place if sent is None else sent.execution_id

    def _closed(self, comm_id: str) -> None:
        comm = self._comms.pop(comm_id, None)
        if comm is None:
            return
        self._capture(comm_id, comm, "")
        self._held.forget(comm_id)
        self._write(comm_id).closed = True
        for trait in [trait for trait in self._expected if trait[0] == comm_id]:
            del self._expected[trait]

    def _tell(self, told: Told) -> list[Effect]:
        late = self._writes.keys() | self._writing
        if told.comm_id in late or any(before.comm_id == told.comm_id for before in self._told):
            self._told.append(told)  # after the state that came before it
            return []
        return [told]

    def _write(self, comm_id: str) -> CommWrite:
        return self._writes.setdefault(comm_id, CommWrite(comm_id))

    def _request(
        self,
        comm_id: str,
        data: Mapping[str, Any],
        buffers: Sequence[bytes] = (),
    ) -> CommRequest:
        return self._send("comm_msg", comm_id, {"comm_id": comm_id, "data": data}, buffers)

    def _send(
        self,
        msg_type: str,
        comm_id: str,
        content: Mapping[str, Any],
        buffers: Sequence[bytes] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> CommRequest:
        self._count += 1
        msg_id = f"{self._prefix}-{self._count}"
        self._sent[msg_id] = _Sent(self._count, comm_id, self._comms[comm_id].execution_id)
        if len(self._sent) > REMEMBERED_MESSAGES:
            self._sent.popitem(last=False)
        return CommRequest(msg_type, msg_id, content, metadata or {}, buffers)
