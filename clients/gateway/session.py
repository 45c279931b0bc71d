"""One open notebook and the clients of the JSON protocol that are in it.

A Session is one peer of the notebook for all its clients: it has the one replica, follows what happens in it, and tells
every client in the protocol's words: the graph, then runs as they went (`runs`), then what is true of cells. What they
ask is in `asking`. It owns the clients, what they were told, the environment's job, and the tasks of all that takes
time. It promises the protocol's order of frames, and that what a client does not read waits for that client alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from clients.gateway import view
from clients.gateway.agents import Agents
from clients.gateway.asking import Asking, refusal_of
from clients.gateway.client import Client
from clients.gateway.environment import Action, Environment
from clients.gateway.facts import CellFacts, Facts
from clients.gateway.protocol import Incoming, NotebookSync, Payload, Refusal, encoded
from clients.gateway.queue import Outgoing, Sources
from clients.gateway.runs import Runs
from clients.peer.errors import PeerError
from clients.peer.notebook import Notebook
from notebook_doc.errors import NotebookDocError
from notebook_doc.events import CellAdded, CellChanged, CellRemoved, Event, ExecutionChanged, LatestChanged, Reset
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Heads
from relay.errors import WireError

logger = logging.getLogger("quire.gateway")

# Seconds in which what happens is gathered before clients are told: a burst of keystrokes is one frame.
GATHER: Final = 0.02
# The share of the hub's time that telling clients may take, and the seconds that a rest for its sake takes at most.
WORK_SHARE: Final = 0.25
MAX_REST: Final = 0.5


class Session:
    """See the module. `run` it as long as the notebook is open here."""

    def __init__(self, notebook: Notebook, path: Path | None = None) -> None:
        self.notebook = notebook
        self.path = path
        self.ended = asyncio.Event()  # every client is to go
        self.clients: set[Client] = set()
        self.facts = Facts(notebook.doc)
        self.facts.remember(notebook.runtime)
        self.environment = Environment(notebook)
        self._order = notebook.doc.cell_ids()
        self._told: dict[str, CellFacts] = self.facts.all(self._order)
        self._structural = False
        self._edits = self.facts.edits  # up to here clients were told
        self._texts: dict[str, str] = {}
        self._texts_at: tuple[NotebookDoc, int, Heads] | None = None  # which document, and when, they are from
        self._moved: dict[str, None] = {}  # executions of which something is new
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.runs = Runs(notebook, self.facts, self.broadcast, self._tell_status)
        self._asking = Asking(self)
        self.agents = Agents()
        for cell_id in self._order:
            if (waiting := self.runs.unfinished(cell_id)) is not None:
                self.note_execution(waiting)
            elif (latest := notebook.runtime.latest(cell_id)) is not None:
                self.agents.past([latest])

    # --- what happens in the notebook ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the notebook until cancelled, or until its session ends."""
        events = self.notebook.events()
        rest = 0.0
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch(events), name="watch the notebook for JSON clients")
                tasks.create_task(self._watch_agents(), name="watch what agents say")
                while True:
                    await self._wake.wait()
                    await asyncio.sleep(GATHER + rest)
                    self._wake.clear()
                    began = time.thread_time()
                    await self._publish()
                    rest = min((time.thread_time() - began) * (1 / WORK_SHARE - 1), MAX_REST)
        finally:
            events.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, events: Any) -> None:
        async for event in events:
            self._note(event)
            self._wake.set()

    async def _watch_agents(self) -> None:
        while True:
            lines = self._lines_of_agents()
            for peer_id, name, state in lines:
                for kind, payload in self.agents.said(peer_id, name, state):
                    self.broadcast(kind, payload)
            await self.notebook.until(lambda: self._lines_of_agents() != lines)  # noqa: B023 (it is awaited here)

    def _lines_of_agents(self) -> list[tuple[str, str, dict[str, Any]]]:
        """What each agent that is here says: peer id, name, state."""
        here = [one for one in self.notebook.peers if one.peer.kind == "agent"]
        return [(one.peer.peer_id, one.peer.name, one.state) for one in here]

    def _note(self, event: Event) -> None:
        match event:
            case ExecutionChanged(execution_id=execution_id):
                self.note_execution(execution_id)
            case LatestChanged(cell_id=cell_id):
                if (latest := self.notebook.runtime.latest(cell_id)) is not None:
                    self.note_execution(latest)
            case CellAdded() | CellRemoved():
                self._structural = True
            case CellChanged(fields=fields) if fields & {"position", "cell_type"}:
                self._structural = True
            case Reset():
                self._structural = True
                for cell_id in self.notebook.doc.cell_ids():
                    if (latest := self.notebook.runtime.latest(cell_id)) is not None:
                        self.note_execution(latest)
            case _:
                pass

    def note_execution(self, execution_id: str) -> None:
        """Something is new of this execution."""
        self._moved[execution_id] = None
        self._wake.set()

    async def _publish(self) -> None:
        """Tell everybody what is new: the graph, then runs as they went, then what is true of cells now."""
        self.facts.look(self.notebook.doc, self.notebook.runtime)
        edited, self._edits = self.facts.edits != self._edits, self.facts.edits
        order = self.notebook.doc.cell_ids()
        structural, self._structural = self._structural or order != self._order, False
        if edited or structural:
            sources = self.sources()
            self.broadcast("dag_update", view.dag(self.facts, sources.by_cell), sources)
        if structural:
            for cell_id in set(self._order) - set(order):
                self._cell_is_gone(cell_id)
            self._order = order
            payload, sources = await self.state()
            self.broadcast("notebook_state", payload, sources)
        moved, self._moved = self._moved, {}
        records = [record for one in moved if (record := self.notebook.runtime.execution(one)) is not None]
        for record in sorted(records, key=lambda record: record.seq):
            name = self.facts.name(record.cell_id) if record.cell_id in self.facts.flow else ""
            for kind, payload in self.agents.moved(record, name):
                self.broadcast(kind, payload)
            if record.cell_id in self.facts.flow and record.status != "queued":
                await self.runs.follow(record)
        self._tell_job()
        self._tell_statuses()

    def _cell_is_gone(self, cell_id: str) -> None:
        self._told.pop(cell_id, None)
        self.runs.forget(cell_id)
        self._asking.inspector.forget(cell_id)
        for client in self.clients:
            client.seen.forget(cell_id)

    def sources(self) -> Sources:
        """What every cell says now; reads again those that were written to."""
        doc = self.notebook.doc
        heads = doc.replica.heads()
        known, before = self._texts, self._texts_at
        if before is None or before[0] is not doc or before[1] != doc.replica.generation:
            touched = {*known, *doc.cell_ids()}
        else:
            touched = set(doc.writers_since(before[2]))
        for cell_id in touched:
            known.pop(cell_id, None)
            if cell_id in doc:
                known[cell_id] = doc.source(cell_id)
        self._texts_at = doc, doc.replica.generation, heads
        return Sources(heads, dict(known))

    def _tell_statuses(self) -> None:
        now = self.facts.all(self.facts.flow.graph.order)
        for cell_id, facts in now.items():
            if self._told.get(cell_id, CellFacts("idle")) != facts:
                self.broadcast("cell_status", facts.payload(cell_id))
        self._told = now

    def _tell_status(self, cell_id: str, facts: CellFacts) -> None:
        self._told[cell_id] = facts
        self.broadcast("cell_status", facts.payload(cell_id))

    # --- what everybody is told ---------------------------------------------------------------------------------------

    def broadcast(self, kind: str, payload: Payload, sources: Sources | None = None) -> None:
        """Tell every client."""
        if self.clients:
            text = encoded(payload)
            for client in self.clients:
                client.tell(Outgoing(kind, text, sources))

    async def state(self) -> tuple[Payload, Sources]:
        """The whole notebook, and what its cells say in it."""
        shown = {cell_id: await self.runs.shown(cell_id) for cell_id in self.notebook.doc.cell_ids()}
        self.facts.look(self.notebook.doc, self.notebook.runtime)
        order = self.notebook.doc.cell_ids()
        sources = self.sources()
        said = sources.by_cell
        for cell_id in order:  # in this turn: what is told after it goes on where this ends
            if under_way := self.runs.under_way(cell_id):
                shown[cell_id] = under_way
        cells = [
            view.cell(self.facts, said, cell_id, number, shown.get(cell_id, {})) for number, cell_id in enumerate(order)
        ]
        payload: Payload = {
            "id": self.notebook.id,
            "name": self.name,
            "path": None if self.path is None else str(self.path),
            "mode": self.facts.flow.mode,
            "cells": cells,
            "dag": view.dag(self.facts, said),
            "environment": self.environment.payload(),
            **self.environment.jobs(),
        }
        return payload, sources

    def dag(self) -> Payload:
        """The graph as it is now."""
        self.facts.look(self.notebook.doc, self.notebook.runtime)
        return view.dag(self.facts, self.sources().by_cell)

    def handle(self, client: Client, message: Incoming) -> None:
        """Do what a client asks; what cannot be done is told to it."""
        self._asking.handle(client, message)

    # --- the environment ----------------------------------------------------------------------------------------------

    def begin_job(self, action: Action, package: str) -> Payload:
        """Begin a job of the environment; everybody is told how it goes. Raises Refusal while another runs."""
        if action != "sync" and not package.strip():
            raise Refusal("Name a package.")
        job = self.environment.begin(action, package)
        self.broadcast("environment_job_started", {"environment_job": job})
        self.spawn(lambda: self._do_job(action, package), f"{action} {package}")
        return job

    def _tell_job(self) -> None:
        if self.environment.look():
            self.broadcast("environment_job_progress", {"environment_job": self.environment.job})

    async def _do_job(self, action: Action, package: str) -> None:
        error: str | None = None
        try:
            await self.environment.work(action, package)
        except (Refusal, PeerError, WireError, NotebookDocError, TimeoutError) as failure:
            error = refusal_of(failure, NotebookSync()).error
        self._tell_job()
        self.facts.look(self.notebook.doc, self.notebook.runtime)
        stale = [one for one, facts in self.facts.all(self.facts.flow.code_cells).items() if facts.status == "stale"]
        job = self.environment.finish(stale, error)
        state, _ = await self.state()
        told: Payload = {"environment_job": job, "cells": state["cells"]}
        if error is None:
            told |= {"environment": state["environment"], **self.environment.dependencies()}
        self.broadcast("environment_job_finished", told)
        if action != "sync":
            changed: Payload = {"package": package, "action": action, "success": error is None}
            self.broadcast("dependency_changed", changed if error is None else {**changed, "error": error})

    # --- tasks --------------------------------------------------------------------------------------------------------

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """A task of this session's."""
        task = asyncio.create_task(work(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("notebook %s: %s failed", self.notebook.id, task.get_name(), exc_info=error)

    @property
    def name(self) -> str:
        """What the notebook is called: its title, or else its file's name."""
        title = self.notebook.metadata.get("title")
        if isinstance(title, str) and title:
            return title
        return self.notebook.id if self.path is None else self.path.stem

    def end(self) -> None:
        """The notebook is closed here: every client is to go."""
        self.ended.set()
