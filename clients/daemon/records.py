"""The daemon's executions on record: what the queue decides about them, written into RuntimeDoc.

An ExecutionRecords owns the records of the executions that have not ended, so that they can be written again into a
document that lost them. It writes records and RuntimeDoc's queue; it decides nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from clients.daemon.queue import TERMINAL, Effect, ExecutionId, RecordQueued, RecordSource, RecordStatus
from clients.peer.notebook import Notebook
from notebook_doc.runtime import Execution, ExecutionError, Prompt, Requester

logger = logging.getLogger("quire.daemon")


class ExecutionRecords:
    """See the module. One per notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._open: dict[str, Execution] = {}  # of the executions that have not ended

    @property
    def next_seq(self) -> int:
        """The number of the next execution: it continues what is on record."""
        return len(self._notebook.runtime.execution_ids())

    def unfinished(self) -> dict[ExecutionId, str]:
        """The statuses of the executions in RuntimeDoc's queue, in its order."""
        runtime = self._notebook.runtime
        found = [(execution_id, runtime.execution(execution_id)) for execution_id in runtime.queue()]
        return {ExecutionId(execution_id): record.status for execution_id, record in found if record is not None}

    def write(self, effects: Iterable[Effect], queue: Sequence[str]) -> None:
        """Record what these effects say, and the queue as it is after them, in one change."""
        with self._notebook.runtime.edit():
            for effect in effects:
                self._write(effect)
            self._notebook.runtime.set_queue(queue)
        self._notebook.touch()

    def is_open(self, execution_id: str) -> bool:
        """Whether this execution is on record and has not ended."""
        return execution_id in self._open

    def prompt(self, execution_id: str) -> Prompt | None:
        """What an execution asks at the moment; None if it asks nothing or has ended."""
        known = self._open.get(execution_id)
        return None if known is None else known.prompt

    def set_prompt(self, execution_id: str, prompt: Prompt | None) -> None:
        """Record what an execution that runs asks, or that it asks nothing any more."""
        with self._notebook.runtime.edit():
            self._update(execution_id, prompt=prompt)
        self._notebook.touch()

    def _write(self, effect: Effect) -> None:
        match effect:
            case RecordQueued():
                execution = Execution(
                    id=effect.execution_id,
                    cell_id=effect.cell_id,
                    status="queued",
                    source=effect.source,
                    notebook_heads=tuple(map(bytes.fromhex, effect.heads)),
                    requested_by=_requester(effect.requested_by),
                    seq=effect.seq,
                    submitted=effect.submitted,
                )
                self._open[execution.id] = execution
                self._notebook.runtime.record(execution)
            case RecordSource(execution_id, source, heads):
                self._update(execution_id, source=source, notebook_heads=tuple(map(bytes.fromhex, heads)))
            case RecordStatus():
                times = {"started": effect.at} if effect.status == "running" else {"ended": effect.at}
                error = ExecutionError(ename=effect.error.ename, evalue=effect.error.evalue) if effect.error else None
                count = {} if effect.execution_count is None else {"execution_count": effect.execution_count}
                asks = {"prompt": None} if effect.status in TERMINAL else {}
                self._update(effect.execution_id, status=effect.status.value, error=error, **asks, **times, **count)
            case _:
                pass  # for the shell to carry out

    def _update(self, execution_id: str, **changes: Any) -> None:
        runtime = self._notebook.runtime
        known = self._open.get(execution_id) or runtime.execution(execution_id)
        if known is None:
            logger.error("execution %s is on no record; its %s is lost", execution_id, changes)
            return
        execution = replace(known, **changes)
        if runtime.execution(execution_id) is None:  # the hub lost the document and this is a fresh one
            runtime.record(execution)
        runtime.update(execution)
        if execution.is_terminal:
            self._open.pop(execution_id, None)
        else:
            self._open[execution_id] = execution


def _requester(who: Mapping[str, Any]) -> Requester:
    return Requester(peer_id=str(who["peer_id"]), name=str(who["name"]), kind=str(who["kind"]))
