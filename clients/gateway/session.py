"""One open notebook and the clients of the JSON protocol that are in it.

A Session is one peer of the notebook for all its clients: it has the one replica, follows what happens in it, and tells
every client in the protocol's words. It owns the clients' queues and the plans that wait to be confirmed. It promises
the protocol's order of frames, that what a client does not read waits for that client alone, and that nothing a client
sends does more than make an `error` frame for it. What takes time (asking the daemon, inspecting) runs beside the
client's other messages, in tasks that the session owns.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from clients.gateway import outputs as shapes
from clients.gateway import view
from clients.gateway.environment import Action, Environment
from clients.gateway.facts import CellFacts, Facts, was_cancelled
from clients.gateway.following import FollowedRun, outputs_of
from clients.gateway.inspecting import Inspector
from clients.gateway.protocol import (
    READING,
    AgentCancel,
    CellCancel,
    CellExecute,
    CellExecuteCascade,
    CellExecuteForce,
    CellExecuteRerun,
    CellSourceUpdate,
    DependencyAdd,
    DependencyRemove,
    ImpactPreviewRequest,
    Incoming,
    InspectClose,
    InspectEval,
    InspectOpen,
    NotebookRerunAll,
    NotebookRunAll,
    NotebookSync,
    Payload,
    ProfilingRequest,
    Refusal,
    encoded,
)
from clients.gateway.queue import ClientQueue, Outgoing, Sources
from clients.gateway.seen import SeenTexts
from clients.peer.errors import PeerError
from clients.peer.notebook import Notebook
from notebook_doc.dataflow.plans import Plan, impact_of, plan_run
from notebook_doc.errors import NotebookDocError, UnknownCell
from notebook_doc.events import CellAdded, CellChanged, CellRemoved, Event, ExecutionChanged, LatestChanged, Reset
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Heads
from notebook_doc.runtime import Execution
from relay.errors import WireError

logger = logging.getLogger("quire.gateway")

# Seconds in which what happens is gathered before clients are told: a burst of keystrokes is one frame.
GATHER: Final = 0.02
# The share of the hub's time that telling clients may take, and the seconds that a rest for its sake takes at most.
WORK_SHARE: Final = 0.25
MAX_REST: Final = 0.5
# Variables that a run shows, and the seconds that the kernel has to say what they are.
MAX_VARIABLES: Final = 20
VARIABLES_SECONDS: Final = 2.0
# Plans that can still be confirmed.
MAX_PLANS: Final = 256


class Client:
    """One connection: what it may do, what it has seen, what waits for it."""

    def __init__(self, *, may_edit: bool) -> None:
        self.may_edit = may_edit
        self.seen = SeenTexts()
        self.queue = ClientQueue()
        self.ready = asyncio.Event()  # something waits in the queue

    def tell(self, frame: Outgoing) -> None:
        """Queue a frame for this client."""
        self.queue.put(frame)
        self.ready.set()

    def reply(self, kind: str, payload: Payload, sources: Sources | None = None) -> None:
        """Answer this client alone."""
        self.tell(Outgoing(kind, encoded(payload), sources))

    def refuse(self, refusal: Refusal) -> None:
        """Tell it what was wrong."""
        self.reply("error", refusal.payload)


@dataclass(slots=True)
class _Cascade:
    """A plan under way: which of its cells come when."""

    plan_id: str
    executions: dict[str, int] = field(default_factory=dict)  # execution id -> its place
    total: int = 0


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
        self._inspector = Inspector(notebook, self.facts)
        self._plans: dict[str, tuple[str, Plan]] = {}  # plan id -> (cell, plan)
        self._cascades: dict[str, _Cascade] = {}  # by execution
        self._runs: dict[str, FollowedRun] = {}
        self._shown: dict[str, tuple[str, Payload]] = {}  # cell -> (execution, what it put out)
        self._order = notebook.doc.cell_ids()
        self._told: dict[str, CellFacts] = self.facts.all(self._order)
        self._structural = False
        self._edits = self.facts.edits  # up to here clients were told
        self._texts: dict[str, str] = {}
        self._texts_at: tuple[NotebookDoc, int, Heads] | None = None  # which document, and when, they are from
        self._moved: dict[str, None] = {}  # executions of which something is new
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._old: set[str] = set()  # executions that had ended before this looked: there is nothing to tell of them
        for cell_id in self._order:
            if (latest := notebook.runtime.latest(cell_id)) is not None:
                if self._unfinished(cell_id) is None:
                    self._old.add(latest)
                else:
                    self._note_execution(latest)

    # --- what happens in the notebook ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the notebook until cancelled, or until its session ends."""
        events = self.notebook.events()
        rest = 0.0
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch(events), name="watch the notebook for JSON clients")
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

    def _note(self, event: Event) -> None:
        match event:
            case ExecutionChanged(execution_id=execution_id):
                self._note_execution(execution_id)
            case LatestChanged(cell_id=cell_id):
                if (latest := self.notebook.runtime.latest(cell_id)) is not None:
                    self._note_execution(latest)
            case CellAdded() | CellRemoved():
                self._structural = True
            case CellChanged(fields=fields) if fields & {"position", "cell_type"}:
                self._structural = True
            case Reset():
                self._structural = True
                for cell_id in self.notebook.doc.cell_ids():
                    if (latest := self.notebook.runtime.latest(cell_id)) is not None:
                        self._note_execution(latest)
            case _:
                pass

    def _note_execution(self, execution_id: str) -> None:
        self._moved[execution_id] = None
        self._wake.set()

    async def _publish(self) -> None:
        """Tell everybody what is new: the graph, then runs as they went, then what is true of cells now."""
        self.facts.look(self.notebook.doc, self.notebook.runtime)
        edited, self._edits = self.facts.edits != self._edits, self.facts.edits
        order = self.notebook.doc.cell_ids()
        structural, self._structural = self._structural or order != self._order, False
        if edited or structural:
            sources = self._sources()
            self._broadcast("dag_update", view.dag(self.facts, sources.by_cell), sources)
        if structural:
            for cell_id in set(self._order) - set(order):
                self._cell_is_gone(cell_id)
            self._order = order
            payload, sources = await self.state()
            self._broadcast("notebook_state", payload, sources)
        moved, self._moved = self._moved, {}
        records = [record for one in moved if (record := self.notebook.runtime.execution(one)) is not None]
        for record in sorted(records, key=lambda record: record.seq):
            if record.cell_id in self.facts.flow and record.status != "queued":
                await self._follow(record)
        if self.environment.look():
            self._broadcast("environment_job_progress", {"environment_job": self.environment.job})
        self._tell_statuses()

    def _cell_is_gone(self, cell_id: str) -> None:
        self._told.pop(cell_id, None)
        self._shown.pop(cell_id, None)
        self._inspector.forget(cell_id)
        for client in self.clients:
            client.seen.forget(cell_id)

    def _sources(self) -> Sources:
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
                self._broadcast("cell_status", facts.payload(cell_id))
        self._told = now

    # --- runs ---------------------------------------------------------------------------------------------------------

    async def _follow(self, record: Execution) -> None:
        """Tell what an execution has done since the last time."""
        if record.status == "imported" or record.id in self._old:
            return
        run = self._runs.get(record.id)
        run = run or self._runs.setdefault(record.id, FollowedRun(self.notebook, record.id))
        cell_id = record.cell_id
        if not run.began and record.started is not None:
            run.began = True
            self._tell_progress(record)
            self.facts.look(self.notebook.doc, self.notebook.runtime)
            self.facts.moved(replace(record, status="running"))  # it may have ended since
            self._tell_status(cell_id, CellFacts("running"))
        async for stream, text in run.increments():
            self._broadcast("cell_console", {"cell_id": cell_id, "stream": stream, "text": text})
        if record.is_terminal:
            await self._ended(record, run)

    def _tell_progress(self, record: Execution) -> None:
        cascade = self._cascades.get(record.id)
        if cascade is not None:
            told = {"plan_id": cascade.plan_id, "current_cell_id": record.cell_id, "total": cascade.total}
            self._broadcast("cascade_progress", {**told, "completed": cascade.executions[record.id]})

    async def _ended(self, record: Execution, run: FollowedRun) -> None:
        del self._runs[record.id]
        self._old.add(record.id)
        self._cascades.pop(record.id, None)
        cell_id = record.cell_id
        outputs = await run.outputs()
        self.facts.look(self.notebook.doc, self.notebook.runtime)
        self.facts.moved(record)
        self._shown[cell_id] = record.id, shapes.shown(outputs)
        if was_cancelled(record):
            self._tell_status(cell_id, CellFacts("idle"))
        elif record.status == "done":
            variables = await self._variables(cell_id)
            self._broadcast("cell_output", self._output(record, outputs, variables))
            self._tell_status(cell_id, self.facts.of(cell_id))
        else:
            fallback = self.notebook.kernel.error or f"The execution ended as {record.status}."
            told: Payload = {"cell_id": cell_id, "error": shapes.error(outputs, fallback)}
            if (package := shapes.missing_package(outputs)) is not None:
                told["suggest_install"] = package
            self._broadcast("cell_error", told)
            self._tell_status(cell_id, CellFacts("error"))

    async def _variables(self, cell_id: str) -> Payload:
        """The variables of a cell that others read, as the kernel shows them beside whatever it runs."""
        graph = self.facts.flow.graph
        read = [name for name in sorted(graph.analysis(cell_id).defs) if set(graph.readers(name)) - {cell_id}]
        found: Payload = {name: shapes.of_repr("") for name in read}
        with suppress(TimeoutError, PeerError, WireError):  # what the kernel does not say in time is named, not shown
            async with asyncio.timeout(VARIABLES_SECONDS):
                for name in read[:MAX_VARIABLES]:
                    inspected = await self.notebook.inspect(name)
                    if inspected is not None:
                        found[name] = shapes.of_inspection(inspected.text)
        return found

    def _output(self, record: Execution, outputs: Sequence[dict[str, Any]], variables: Payload) -> Payload:
        displays = shapes.displays(outputs)
        result = shapes.result(outputs)
        took = 0.0 if record.ended is None or record.started is None else record.ended - record.started
        told: Payload = {
            "cell_id": record.cell_id,
            "outputs": variables if result is None else {**variables, "_": result},
            "cache_hit": False,
            "duration_ms": round(took * 1000, 1),
            "stdout": shapes.console(outputs, "stdout"),
            "stderr": shapes.console(outputs, "stderr"),
            "execution_method": "kernel",
            "artifact_uri": None,
            "mutation_warnings": [],
        }
        if displays:
            told |= {"display": displays[-1], "displays": displays}
        return told

    def _tell_status(self, cell_id: str, facts: CellFacts) -> None:
        self._told[cell_id] = facts
        self._broadcast("cell_status", facts.payload(cell_id))

    # --- what everybody is told ---------------------------------------------------------------------------------------

    def _broadcast(self, kind: str, payload: Payload, sources: Sources | None = None) -> None:
        if self.clients:
            text = encoded(payload)
            for client in self.clients:
                client.tell(Outgoing(kind, text, sources))

    async def state(self) -> tuple[Payload, Sources]:
        """The whole notebook, and what its cells say in it."""
        for cell_id in self.notebook.doc.cell_ids():
            latest = self.notebook.runtime.latest(cell_id)
            if latest is not None and latest not in self._runs and self._shown.get(cell_id, ("",))[0] != latest:
                self._shown[cell_id] = latest, shapes.shown(await outputs_of(self.notebook, latest))
        self.facts.look(self.notebook.doc, self.notebook.runtime)
        order = self.notebook.doc.cell_ids()
        sources = self._sources()
        said = sources.by_cell
        cells = [
            view.cell(self.facts, said, cell_id, number, self._shown.get(cell_id, ("", {}))[1])
            for number, cell_id in enumerate(order)
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
        return view.dag(self.facts, self._sources().by_cell)

    # --- what clients ask ---------------------------------------------------------------------------------------------

    def handle(self, client: Client, message: Incoming) -> None:
        """Do what a client asks; what cannot be done is told to it."""
        try:
            self._handle(client, message)
        except (Refusal, UnknownCell, PeerError, WireError, NotebookDocError) as error:
            client.refuse(_refusal(error, message))

    def _handle(self, client: Client, message: Incoming) -> None:
        if not client.may_edit and not isinstance(message, READING):
            raise Refusal("This client may only read.", "read_only", getattr(message, "cell_id", None))
        match message:
            case CellSourceUpdate(cell_id=cell_id, source=source):
                self._edit_source(client, cell_id, source)
            case NotebookSync():
                self._beside(client, message, self._reply_state(client))
            case CellExecute(cell_id=cell_id):
                self._execute(client, message, cell_id)
            case CellExecuteCascade(cell_id=cell_id, plan_id=plan_id):
                self._execute_cascade(client, message, cell_id, plan_id)
            case CellExecuteForce(cell_id=cell_id):
                self._code_cell(cell_id)
                self._beside(client, message, self._start([cell_id]))
            case CellExecuteRerun(cell_id=cell_id):
                plan = self._plan(cell_id)
                self._beside(client, message, self._start(plan.cell_ids, plan))
            case CellCancel(cell_id=cell_id):
                if (waiting := self._unfinished(cell_id)) is not None:
                    self._beside(client, message, self._cancel([waiting]))
            case NotebookRunAll(continue_on_error=goes_on) | NotebookRerunAll(continue_on_error=goes_on):
                self._beside(client, message, self._run_all(goes_on=goes_on))
            case ImpactPreviewRequest(cell_id=cell_id):
                self._known(cell_id)
                client.reply("impact_preview", view.impact(self.facts, self._impact(cell_id)))
            case ProfilingRequest():
                self.facts.look(self.notebook.doc, self.notebook.runtime)
                client.reply("profiling_summary", view.profile(self.facts, self.notebook.runtime))
            case InspectOpen() | InspectEval() | InspectClose():
                self._known(message.cell_id)
                self._beside(client, message, self._inspect(client, message))
            case AgentCancel():
                self._beside(client, message, self._cancel_agents(client))
            case DependencyAdd(package=package):
                self.begin_job("add", package)
            case DependencyRemove(package=package):
                self.begin_job("remove", package)

    def _edit_source(self, client: Client, cell_id: str, source: str) -> None:
        self._known(cell_id)
        if client.seen.edit(self.notebook.doc, cell_id, source, time.monotonic()):
            self.notebook.touch()
        else:
            sources = self._sources()
            client.reply("dag_update", view.dag(self.facts, sources.by_cell), sources)

    async def _reply_state(self, client: Client) -> None:
        payload, sources = await self.state()
        client.reply("notebook_state", payload, sources)

    def _known(self, cell_id: str) -> None:
        self.facts.look(self.notebook.doc, self.notebook.runtime)
        if cell_id not in self.facts.flow:
            raise Refusal(f"There is no cell {cell_id!r}.", cell_id=cell_id)

    def _code_cell(self, cell_id: str) -> None:
        self._known(cell_id)
        if self.notebook.doc.cell_type(cell_id) != "code":
            raise Refusal(f"Cell {cell_id!r} is no code cell and cannot run.", cell_id=cell_id)

    def _plan(self, cell_id: str) -> Plan:
        self._code_cell(cell_id)
        return plan_run(self.facts.flow, self.facts.staleness, [cell_id], bring="stale", refuse=False)

    def _impact(self, cell_id: str) -> Any:
        return impact_of(self.facts.flow, self.facts.staleness, cell_id)

    def _execute(self, client: Client, message: Incoming, cell_id: str) -> None:
        plan = self._plan(cell_id)
        if plan.brought and not self._comes_anyway(plan):
            self._plans.pop(plan.id, None)
            self._plans[plan.id] = cell_id, plan
            while len(self._plans) > MAX_PLANS:
                del self._plans[next(iter(self._plans))]
            client.reply("cascade_prompt", view.prompt(self.facts, cell_id, plan))
        else:
            self._beside(client, message, self._start([cell_id]))

    def _comes_anyway(self, plan: Plan) -> bool:
        """Whether what the plan brings along runs or waits already: then it will be ready in time."""
        return all(self._unfinished(cell_id) is not None for cell_id in plan.brought)

    def _execute_cascade(self, client: Client, message: Incoming, cell_id: str, plan_id: str) -> None:
        self._code_cell(cell_id)
        target, shown = self._plans.get(plan_id, ("", None))
        if shown is None or target != cell_id:
            raise Refusal("Cascade plan not found or expired", cell_id=cell_id)
        del self._plans[plan_id]
        plan = self._plan(cell_id)
        if not set(plan.cell_ids) <= set(shown.cell_ids):
            raise Refusal("Cascade plan not found or expired", cell_id=cell_id)
        self._beside(client, message, self._start(plan.cell_ids, shown))

    async def _start(self, cell_ids: Sequence[str], plan: Plan | None = None) -> None:
        """Queue these cells in this order."""
        executions = await self.notebook.start(cell_ids, bring="nothing", stdin="eof")
        if plan is not None and len(plan.cell_ids) > 1:
            cascade = _Cascade(plan.id, {one.id: number for number, one in enumerate(executions)}, len(executions))
            self._cascades.update(dict.fromkeys(cascade.executions, cascade))
        for execution in executions:
            self._note_execution(execution.id)

    async def _run_all(self, *, goes_on: bool) -> None:
        self.facts.look(self.notebook.doc, self.notebook.runtime)
        cells = self.facts.flow.graph.sorted(self.facts.flow.code_cells)
        for group in [[cell_id] for cell_id in cells] if goes_on else [cells]:
            if group:
                await self._start(group)

    def _unfinished(self, cell_id: str) -> str | None:
        """The execution of a cell that runs or waits."""
        latest = self.notebook.runtime.latest(cell_id) if cell_id in self.notebook.doc else None
        return latest if latest is not None and self.notebook.runtime.status(latest) in ("queued", "running") else None

    async def _cancel(self, execution_ids: Iterable[str]) -> None:
        await self.notebook.stop(list(execution_ids))

    async def _cancel_agents(self, client: Client) -> None:
        runtime = self.notebook.runtime
        waiting = [record for one in runtime.queue() if (record := runtime.execution(one)) is not None]
        theirs = [record.id for record in waiting if record.requested_by.kind == "agent"]
        if not theirs:
            raise Refusal("No agent is running anything here.")
        await self._cancel(theirs)
        told = {"ok": False, "job_id": theirs[0], "content": None, "cancelled": True, "error": None}
        self._broadcast("agent_done", told)

    async def _inspect(self, client: Client, message: InspectOpen | InspectEval | InspectClose) -> None:
        match message:
            case InspectOpen(cell_id=cell_id):
                client.reply("inspect_result", await self._inspector.open(cell_id))
            case InspectEval(cell_id=cell_id, expr=expr):
                client.reply("inspect_result", await self._inspector.evaluate(cell_id, expr))
            case InspectClose(cell_id=cell_id):
                client.reply("inspect_result", await self._inspector.close(cell_id))

    # --- the environment ----------------------------------------------------------------------------------------------

    def begin_job(self, action: Action, package: str) -> Payload:
        """Begin a job of the environment; everybody is told how it goes. Raises Refusal while another runs."""
        if action != "sync" and not package.strip():
            raise Refusal("Name a package.")
        job = self.environment.begin(action, package)
        self._broadcast("environment_job_started", {"environment_job": job})
        self.spawn(lambda: self._do_job(action, package), f"{action} {package}")
        return job

    async def _do_job(self, action: Action, package: str) -> None:
        error: str | None = None
        try:
            await self.environment.work(action, package)
        except (Refusal, PeerError, WireError, NotebookDocError, TimeoutError) as failure:
            error = _refusal(failure, NotebookSync()).error
        self.facts.look(self.notebook.doc, self.notebook.runtime)
        stale = [one for one, facts in self.facts.all(self.facts.flow.code_cells).items() if facts.status == "stale"]
        job = self.environment.finish(stale, error)
        state, _ = await self.state()
        told: Payload = {"environment_job": job, "cells": state["cells"]}
        if error is None:
            told |= {"environment": state["environment"], **self.environment.dependencies()}
        self._broadcast("environment_job_finished", told)
        if action != "sync":
            changed: Payload = {"package": package, "action": action, "success": error is None}
            self._broadcast("dependency_changed", changed if error is None else {**changed, "error": error})

    # --- tasks --------------------------------------------------------------------------------------------------------

    def _beside(self, client: Client, message: Incoming, work: Coroutine[Any, Any, None]) -> None:
        """Do this without holding up the client's other messages; what goes wrong is told to it."""

        async def do() -> None:
            try:
                await work
            except (Refusal, PeerError, WireError, NotebookDocError, TimeoutError) as error:
                client.refuse(_refusal(error, message))

        self.spawn(do, f"{type(message).__name__} of a JSON client")

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


def _refusal(error: Exception, message: Incoming) -> Refusal:
    if isinstance(error, Refusal):
        return error
    cell_id = getattr(message, "cell_id", None)
    told = str(getattr(error, "message", None) or error or type(error).__name__)
    hint = getattr(error, "hint", "")
    return Refusal(f"{told} {hint}".strip(), cell_id=cell_id if isinstance(cell_id, str) else None)
