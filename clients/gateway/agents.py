"""What agents do in a notebook, as the JSON protocol tells it: jobs that begin, go on and end.

Agents are peers of their own, so a job is what can be seen of one: it begins when an agent has asked for a run and
nothing of that agent's ran or waited before, and ends when nothing of it runs or waits any more. Its id is that of its
first execution. What the agent says of itself meanwhile, in its presence, is progress of the job; what it says without
one is progress of a job named by the agent's peer id, which never ends. Pure: an Agents is told what happened and
returns frames; it owns the jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from clients.gateway.facts import was_cancelled
from clients.gateway.protocol import Payload
from notebook_doc.runtime_records import Execution

# Executions, and lines of agents, that are remembered as told.
MAX_TOLD: Final = 4096

Frame = tuple[str, Payload]  # a type and its payload


@dataclass(slots=True)
class _Job:
    """What one agent has running or waiting."""

    id: str
    agent: str
    open: dict[str, str] = field(default_factory=dict)  # execution id -> its status
    done: int = 0
    total: int = 0
    cancelled: bool = False
    error: str | None = None


class Agents:
    """See the module. One for each session."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}  # by the agent's peer id
        self._told: dict[str, None] = {}  # executions that have ended, and lines, that were told

    def past(self, executions: Iterable[str]) -> None:
        """These ended before anybody looked."""
        for execution_id in executions:
            self._is_told(execution_id)

    def moved(self, record: Execution, name: str) -> Iterator[Frame]:
        """An execution was asked for, begins or ended; `name` is what its cell is called."""
        who = record.requested_by
        if who.kind != "agent" or record.status == "imported" or record.id in self._told:
            return
        job = self._jobs.setdefault(who.peer_id, _Job(record.id, who.name))
        before = job.open.get(record.id)
        if before == record.status:
            return
        job.open[record.id] = record.status
        if record.is_terminal and before in (None, "queued") and record.started is not None:
            yield self._ran(job, record, name, "running")  # its beginning was over before anybody looked
        yield self._ran(job, record, name, record.status)
        if record.is_terminal:
            yield from self._ended(job, record)

    def _ran(self, job: _Job, record: Execution, name: str, status: str) -> Frame:
        where = {"agent": job.agent, "cell_id": record.cell_id or None, "execution_id": record.id}
        return "agent_progress", {
            "message": f"{job.agent}: {name or 'code'} is {status}",
            "event": f"execution_{status}",
            "detail": name,
            "data": where,
            "job_id": job.id,
        }

    def _ended(self, job: _Job, record: Execution) -> Iterator[Frame]:
        del job.open[record.id]
        self._is_told(record.id)
        job.total += 1
        job.done += record.status == "done"
        job.cancelled |= was_cancelled(record) and job.error is None
        if record.status in ("error", "died") and not was_cancelled(record):
            what = record.error
            job.error = job.error or (record.status if what is None else f"{what.ename}: {what.evalue}")
        if job.open:
            return
        del self._jobs[record.requested_by.peer_id]
        yield (
            "agent_done",
            {
                "ok": job.error is None and not job.cancelled,
                "job_id": job.id,
                "content": f"{job.done} of {job.total} runs ended well.",
                "cancelled": job.cancelled,
                "error": job.error,
            },
        )

    def said(self, peer_id: str, agent: str, state: Mapping[str, Any]) -> Iterator[Frame]:
        """An agent is present with this state: the lines in it that were not told yet."""
        for event in ("toast", "report"):
            line = state.get(event)
            if not isinstance(line, Mapping) or not isinstance(line.get("text"), str):
                continue
            if self._is_told(f"{peer_id} {line.get('id')}"):
                continue
            job = self._jobs.get(peer_id)
            yield (
                "agent_progress",
                {
                    "message": line["text"],
                    "event": event,
                    "detail": "",
                    "data": {"agent": agent, "cell_id": line.get("cell_id")},
                    "job_id": peer_id if job is None else job.id,
                },
            )

    def _is_told(self, what: str) -> bool:
        """Whether this was told before; it is from now on."""
        known = what in self._told
        self._told[what] = None
        while len(self._told) > MAX_TOLD:
            del self._told[next(iter(self._told))]
        return known
