"""The daemon's executions on record: what the queue decides about them, written into RuntimeDoc.

An ExecutionRecords owns the records of the executions that have not ended, so that they can be written again into a
document that lost them. It writes records and RuntimeDoc's queue; it decides nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from clients.daemon.events import Cached
from clients.daemon.queue import (
    TERMINAL,
)
from clients.daemon.queue_effects import (
    CellId,
    Effect,
    ExecutionId,
    Found,
    Manner,
    RecordQueued,
    RecordSource,
    RecordStatus,
    RecordUnwanted,
    RecordWanted,
    RequestId,
    Status,
)
from clients.peer.notebook import Notebook
from notebook_doc.runtime_records import Execution, ExecutionError, Prompt, Requester, Wanted

logger = logging.getLogger("quire.daemon")


class ExecutionRecords:
    """See the module. One per notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._open: dict[str, Execution] = {}  # of the executions that have not ended
        self._new: dict[str, Execution] = {}  # while effects are written: what is on no record yet, as it is by now
        self._cached: dict[str, Cached] = {}  # what became of them in the result cache, until their end is written

    @property
    def next_seq(self) -> int:
        """The number of the next execution: it continues what is on record."""
        return self._notebook.runtime.next_seq()

    def unfinished(self) -> dict[ExecutionId, str]:
        """The statuses of the executions in RuntimeDoc's queue, in its order."""
        runtime = self._notebook.runtime
        found = [(execution_id, runtime.execution(execution_id)) for execution_id in runtime.queue()]
        return {ExecutionId(execution_id): record.status for execution_id, record in found if record is not None}

    def take_over(self) -> list[Found]:
        """The executions that have not ended, in the queue's order; from here on they are ours."""
        runtime = self._notebook.runtime
        records = [record for execution_id in runtime.queue() if (record := runtime.execution(execution_id))]
        unfinished = [record for record in records if not record.is_terminal]
        self._open = {record.id: record for record in unfinished}
        return [
            Found(
                ExecutionId(record.id),
                CellId(record.cell_id) if record.cell_id else None,
                record.source,
                tuple(head.hex() for head in record.notebook_heads),
                Status(record.status),
                {RequestId(key): (wish.place, wish.peer_id) for key, wish in record.wanted_by.items()},
                Manner(record.namespace, record.timeout, record.input_ended),
            )
            for record in unfinished
        ]

    def write(self, effects: Iterable[Effect], queue: Sequence[str]) -> list[Execution]:
        """Record what these effects say, and the queue as it is after them, in one change. The caller calls `touch`.

        Returns the executions that are new or have another status now.
        """
        moved: list[Execution] = []
        self._new = {}
        with self._notebook.runtime.edit():
            for effect in effects:
                written = self._write(effect)
                if written is not None and isinstance(effect, RecordQueued | RecordStatus):
                    moved.append(written)
            for execution in self._new.values():  # what starts at once is written once, running
                self._notebook.runtime.record(execution)
            self._notebook.runtime.set_queue(queue)
        self._new = {}
        return moved

    def note_cache(self, execution_id: str, cached: Cached) -> None:
        """What became of an execution in the result cache; it is written with its end."""
        self._cached[execution_id] = cached

    def may_ask(self, execution_id: str) -> bool:
        """Whether this execution is on record, has not ended, and may ask the notebook's peers for input."""
        known = self._open.get(execution_id)
        return known is not None and not known.input_ended

    def set_input_ended(self, execution_id: str, ended: bool) -> None:
        """Record whether an execution gets the end of input instead of asking."""
        with self._notebook.runtime.edit():
            self._update(execution_id, input_ended=ended)
        self._notebook.touch()

    def prompt(self, execution_id: str) -> Prompt | None:
        """What an execution asks at the moment; None if it asks nothing or has ended."""
        known = self._open.get(execution_id)
        return None if known is None else known.prompt

    def set_prompt(self, execution_id: str, prompt: Prompt | None) -> None:
        """Record what an execution that runs asks, or that it asks nothing any more."""
        with self._notebook.runtime.edit():
            self._update(execution_id, prompt=prompt)
        self._notebook.touch()

    def _write(self, effect: Effect) -> Execution | None:
        match effect:
            case RecordQueued():
                requester = _requester(effect.requested_by)
                execution = Execution(
                    id=effect.execution_id,
                    cell_id=effect.cell_id or "",
                    status="queued",
                    source=effect.source,
                    notebook_heads=tuple(map(bytes.fromhex, effect.heads)),
                    requested_by=requester,
                    seq=effect.seq,
                    submitted=effect.submitted,
                    wanted_by={effect.request_id: Wanted(place=effect.place, peer_id=requester.peer_id)},
                    namespace=effect.manner.namespace,
                    timeout=effect.manner.timeout,
                    input_ended=effect.manner.input_ended,
                )
                self._open[execution.id] = self._new[execution.id] = execution
                return execution
            case RecordWanted(execution_id, request_id, place, peer_id):
                known = self._open[execution_id]
                wishes = {**known.wanted_by, request_id: Wanted(place=place, peer_id=peer_id)}
                return self._update(execution_id, wanted_by=wishes)
            case RecordUnwanted(execution_id, request_id):
                known = self._open[execution_id]
                return self._update(
                    execution_id, wanted_by={k: v for k, v in known.wanted_by.items() if k != request_id}
                )
            case RecordSource(execution_id, source, heads):
                return self._update(execution_id, source=source, notebook_heads=tuple(map(bytes.fromhex, heads)))
            case RecordStatus():
                times = {"started": effect.at} if effect.status == "running" else {"ended": effect.at}
                error = ExecutionError(ename=effect.error.ename, evalue=effect.error.evalue) if effect.error else None
                count = {} if effect.execution_count is None else {"execution_count": effect.execution_count}
                asks: dict[str, Any] = {}
                if effect.status in TERMINAL:
                    asks = {"prompt": None}
                    if (cached := self._cached.pop(effect.execution_id, None)) is not None:
                        asks |= {"cache": cached.what, "saved_ms": cached.saved_ms}
                return self._update(
                    effect.execution_id, status=effect.status.value, error=error, **asks, **times, **count
                )
            case _:
                return None  # for the shell to carry out

    def _update(self, execution_id: str, **changes: Any) -> Execution | None:
        runtime = self._notebook.runtime
        known = self._open.get(execution_id) or runtime.execution(execution_id)
        if known is None:
            logger.error("execution %s is on no record; its %s is lost", execution_id, changes)
            return None
        execution = replace(known, **changes)
        if execution_id in self._new:
            self._new[execution_id] = execution
        elif runtime.has_execution(execution_id):
            runtime.update(execution, known)
        else:  # the hub lost the document and this is a fresh one
            runtime.record(execution)
        if execution.is_terminal:
            self._open.pop(execution_id, None)
        else:
            self._open[execution_id] = execution
        return execution


def _requester(who: Mapping[str, Any]) -> Requester:
    return Requester(peer_id=str(who["peer_id"]), name=str(who["name"]), kind=str(who["kind"]))
