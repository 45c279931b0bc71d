"""What a kernel says, typed: a closed union.

For one execution the order is: Started, then its outputs, then Finished; Started and Finished come exactly once unless
the kernel dies, and then Died is the last event of all. An output may still follow Finished when a thread of that cell
goes on printing. Busy and Idle alternate, and so do Unresponsive and Responsive. What the callback of a widget puts out
has the id of the comm message that it answers in place of an execution's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

FinishedStatus = Literal["ok", "error", "aborted"]


@dataclass(frozen=True)
class KernelFailure:
    """The error that ended an execution, as the kernel named it."""

    ename: str
    evalue: str


@dataclass(frozen=True)
class Started:
    """The kernel has begun with this execution; from here on an interrupt hits it."""

    execution_id: str
    execution_count: int | None


@dataclass(frozen=True)
class Output:
    """One output in the shape of nbformat: stream, display_data, execute_result or error, its values as the kernel sent
    them (a stream's `text` is one string). `display_id` names it for later updates."""

    execution_id: str
    output: Mapping[str, Any]
    display_id: str | None = None


@dataclass(frozen=True)
class ClearOutput:
    """Remove the execution's outputs: now, or (`wait`) when its next output comes."""

    execution_id: str
    wait: bool


@dataclass(frozen=True)
class UpdateDisplay:
    """Every output of the notebook that carries this display id now shows this."""

    display_id: str
    data: Mapping[str, Any]
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class KernelCommOpen:
    """The kernel opened a comm. `parent_id` is the message that it was handling, as in all of these."""

    comm_id: str
    target_name: str
    data: Mapping[str, Any]
    buffers: tuple[bytes, ...] = ()
    parent_id: str = ""


@dataclass(frozen=True)
class KernelCommMessage:
    """The kernel said something on a comm."""

    comm_id: str
    data: Mapping[str, Any]
    buffers: tuple[bytes, ...] = ()
    parent_id: str = ""


@dataclass(frozen=True)
class KernelCommClose:
    """The kernel closed a comm."""

    comm_id: str
    parent_id: str = ""


@dataclass(frozen=True)
class CommHandled:
    """The kernel is done with a comm message of ours, and with all that were sent before it."""

    msg_id: str


@dataclass(frozen=True)
class InputRequested:
    """The running code asks for a line of input; answer with `Kernel.answer_input`."""

    execution_id: str
    prompt: str
    password: bool


@dataclass(frozen=True)
class Cached:
    """What became of an execution in the result cache: "hit", "kept", or why it was not; of a hit, how many
    milliseconds it took when it ran."""

    what: str
    saved_ms: float | None = None


@dataclass(frozen=True)
class Finished:
    """The kernel is done with this execution, and every output that it sent while running has been reported."""

    execution_id: str
    status: FinishedStatus
    execution_count: int | None
    error: KernelFailure | None
    cache: Cached | None = None


@dataclass(frozen=True)
class Busy:
    """The kernel works on something."""


@dataclass(frozen=True)
class Idle:
    """The kernel waits for something to do."""


@dataclass(frozen=True)
class Unresponsive:
    """The kernel's heart has stopped beating though its process is there. `reason` is for people."""

    reason: str


@dataclass(frozen=True)
class Responsive:
    """It beats again."""


@dataclass(frozen=True)
class Died:
    """The kernel's process ended though nobody asked it to. `reason` is for people."""

    reason: str
    exit_code: int | None
    signal: int | None


OutputEvent = Output | ClearOutput | UpdateDisplay
CommEvent = KernelCommOpen | KernelCommMessage | KernelCommClose | CommHandled
KernelEvent = (
    Started | OutputEvent | CommEvent | InputRequested | Finished | Busy | Idle | Unresponsive | Responsive | Died
)
