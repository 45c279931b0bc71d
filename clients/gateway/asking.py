"""What clients ask for, and what is done about it.

An Asking serves the messages of all clients of one session. It owns the plans that wait to be confirmed. What is asked
is done in the order in which it came; what takes time (asking the daemon, inspecting) goes on beside the client's other
messages. Nothing that a client sends does more than make an `error` frame for it.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from clients.gateway import view
from clients.gateway.client import Client
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
    ProfilingRequest,
    Refusal,
)
from clients.peer.errors import PeerError
from notebook_doc.dataflow.plans import Plan, impact_of, plan_run
from notebook_doc.errors import NotebookDocError, UnknownCell
from relay.errors import WireError

if TYPE_CHECKING:
    from clients.gateway.session import Session

# Plans that can still be confirmed.
MAX_PLANS: Final = 256


class Asking:
    """See the module."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._notebook, self._facts, self._runs = session.notebook, session.facts, session.runs
        self.inspector = Inspector(session.notebook, session.facts)
        self._plans: dict[str, tuple[str, Plan]] = {}  # plan id -> (cell, plan)

    def handle(self, client: Client, message: Incoming) -> None:
        """Do what a client asks; what cannot be done is told to it."""
        try:
            self._handle(client, message)
        except (Refusal, UnknownCell, PeerError, WireError, NotebookDocError) as error:
            client.refuse(refusal_of(error, message))

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
                self._beside(client, message, self._start(client, [cell_id], cache=False))
            case CellExecuteRerun(cell_id=cell_id):
                plan = self._plan(cell_id)
                self._beside(client, message, self._start(client, plan.cell_ids, plan, cache=False))
            case CellCancel(cell_id=cell_id):
                if (waiting := self._runs.unfinished(cell_id)) is not None:
                    self._beside(client, message, self._cancel([waiting]))
            case NotebookRunAll(continue_on_error=goes_on) | NotebookRerunAll(continue_on_error=goes_on):
                cache = isinstance(message, NotebookRunAll)
                self._beside(client, message, self._run_all(client, goes_on=goes_on, cache=cache))
            case ImpactPreviewRequest(cell_id=cell_id):
                self._known(cell_id)
                client.reply("impact_preview", view.impact(self._facts, self._impact(cell_id)))
            case ProfilingRequest():
                self._facts.look(self._notebook.doc, self._notebook.runtime)
                client.reply("profiling_summary", view.profile(self._facts, self._notebook.runtime))
            case InspectOpen() | InspectEval() | InspectClose():
                self._known(message.cell_id)
                self._beside(client, message, self._inspect(client, message))
            case AgentCancel():
                self._beside(client, message, self._cancel_agents(client))
            case DependencyAdd(package=package):
                self._session.begin_job("add", package)
            case DependencyRemove(package=package):
                self._session.begin_job("remove", package)

    def _edit_source(self, client: Client, cell_id: str, source: str) -> None:
        self._known(cell_id)
        own, shared = client.peer, self._notebook
        if own is not shared:  # what it was shown is of the session's replica
            own.doc.replica.merge(shared.doc.replica)
        if client.seen.edit(own.doc, cell_id, source, time.monotonic()):
            if own is not shared:
                own.touch()
                shared.doc.replica.merge(own.doc.replica)
            shared.touch()
        else:
            sources = self._session.sources()
            client.reply("dag_update", view.dag(self._facts, sources.by_cell), sources)

    async def _reply_state(self, client: Client) -> None:
        payload, sources = await self._session.state()
        client.reply("notebook_state", payload, sources)

    def _known(self, cell_id: str) -> None:
        self._facts.look(self._notebook.doc, self._notebook.runtime)
        if cell_id not in self._facts.flow:
            raise Refusal(f"There is no cell {cell_id!r}.", cell_id=cell_id)

    def _code_cell(self, cell_id: str) -> None:
        self._known(cell_id)
        if self._notebook.doc.cell_type(cell_id) != "code":
            raise Refusal(f"Cell {cell_id!r} is no code cell and cannot run.", cell_id=cell_id)

    def _plan(self, cell_id: str) -> Plan:
        self._code_cell(cell_id)
        return plan_run(self._facts.flow, self._facts.staleness, [cell_id], bring="stale", refuse=False)

    def _impact(self, cell_id: str) -> Any:
        return impact_of(self._facts.flow, self._facts.staleness, cell_id)

    def _execute(self, client: Client, message: Incoming, cell_id: str) -> None:
        plan = self._plan(cell_id)
        if plan.brought and not self._comes_anyway(plan):
            self._plans.pop(plan.id, None)
            self._plans[plan.id] = cell_id, plan
            while len(self._plans) > MAX_PLANS:
                del self._plans[next(iter(self._plans))]
            client.reply("cascade_prompt", view.prompt(self._facts, cell_id, plan))
        else:
            self._beside(client, message, self._start(client, [cell_id]))

    def _comes_anyway(self, plan: Plan) -> bool:
        """Whether what the plan brings along runs or waits already: then it will be ready in time."""
        return all(self._runs.unfinished(cell_id) is not None for cell_id in plan.brought)

    def _execute_cascade(self, client: Client, message: Incoming, cell_id: str, plan_id: str) -> None:
        self._code_cell(cell_id)
        target, shown = self._plans.get(plan_id, ("", None))
        if shown is None or target != cell_id:
            raise Refusal("Cascade plan not found or expired", cell_id=cell_id)
        del self._plans[plan_id]
        plan = self._plan(cell_id)
        if not set(plan.cell_ids) <= set(shown.cell_ids):
            raise Refusal("Cascade plan not found or expired", cell_id=cell_id)
        self._beside(client, message, self._start(client, plan.cell_ids, shown))

    async def _start(
        self, client: Client, cell_ids: Sequence[str], plan: Plan | None = None, *, cache: bool = True
    ) -> None:
        """Queue these cells in this order; with `cache` what the notebook keeps may be restored."""
        executions = await client.peer.start(cell_ids, bring="nothing", stdin="eof", cache=cache)
        if plan is not None and len(plan.cell_ids) > 1:
            self._runs.is_plan(plan.id, [execution.id for execution in executions])
        for execution in executions:
            self._session.note_execution(execution.id)

    async def _run_all(self, client: Client, *, goes_on: bool, cache: bool) -> None:
        self._facts.look(self._notebook.doc, self._notebook.runtime)
        cells = self._facts.flow.graph.sorted(self._facts.flow.code_cells)
        for group in [[cell_id] for cell_id in cells] if goes_on else [cells]:
            if group:
                await self._start(client, group, cache=cache)

    async def _cancel(self, execution_ids: Iterable[str]) -> None:
        await self._notebook.stop(list(execution_ids))

    async def _cancel_agents(self, client: Client) -> None:
        runtime = self._notebook.runtime
        waiting = [record for one in runtime.queue() if (record := runtime.execution(one)) is not None]
        theirs = [record.id for record in waiting if record.requested_by.kind == "agent"]
        if not theirs:
            raise Refusal("No agent is running anything here.")
        await self._cancel(theirs)  # `agent_done` follows when it has ended

    async def _inspect(self, client: Client, message: InspectOpen | InspectEval | InspectClose) -> None:
        match message:
            case InspectOpen(cell_id=cell_id):
                client.reply("inspect_result", await self.inspector.open(cell_id))
            case InspectEval(cell_id=cell_id, expr=expr):
                client.reply("inspect_result", await self.inspector.evaluate(cell_id, expr))
            case InspectClose(cell_id=cell_id):
                client.reply("inspect_result", await self.inspector.close(cell_id))

    def _beside(self, client: Client, message: Incoming, work: Coroutine[Any, Any, None]) -> None:
        """Do this without holding up the client's other messages; what goes wrong is told to it."""

        async def do() -> None:
            try:
                await work
            except (Refusal, PeerError, WireError, NotebookDocError, TimeoutError) as error:
                client.refuse(refusal_of(error, message))

        self._session.spawn(do, f"{type(message).__name__} of a JSON client")


def refusal_of(error: Exception, message: Incoming) -> Refusal:
    """What to tell a client of what went wrong."""
    if isinstance(error, Refusal):
        return error
    cell_id = getattr(message, "cell_id", None)
    told = str(getattr(error, "message", None) or error or type(error).__name__)
    hint = getattr(error, "hint", "")
    return Refusal(f"{told} {hint}".strip(), cell_id=cell_id if isinstance(cell_id, str) else None)
