"""A block of code mode: what an agent wants of a notebook, queued and done as one change.

A context reads the notebook when it is entered and keeps what it read. Operations are carried out on a draft at once,
so what is read back is what was written, and a mistake is told where it is made; nobody else sees anything yet. On
leaving, or at `commit`, in this order: the merged document is checked, packages are changed, the document gets one
change merged with what others did meanwhile, and cells run. An exception inside, or a failed check, leaves nothing
behind. The hub passes the change to everybody before the daemon may run it, so code is on every screen before it
executes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from clients.agent.checking import Checker, against_policy
from clients.agent.errors import AgentError
from clients.agent.operations import (
    AgentOperation,
    ChangePackages,
    ConfigureCell,
    ConfigureNotebook,
    CreateCell,
    DeleteCell,
    EditCell,
    MoveCell,
    ReplaceText,
    RunCell,
    Say,
    SetWidget,
)
from clients.agent.packages import changed, declaring
from clients.agent.planner import NO_PACKAGES, Plan, Planner
from clients.agent.presence import presence_of
from clients.agent.report import Report, Run, actors_of, report_of
from clients.agent.running import run_cells
from clients.agent.sight import Sight
from clients.agent.views import CellRef, CellsView, CellView, GraphView, PeerView, peer_view, resolve
from clients.agent.widgets import widget_of
from clients.peer.editor import Variable
from clients.peer.errors import PeerError
from clients.peer.formatting import formatted
from clients.peer.notebook import Notebook
from notebook_doc.batch import Committed, Reading
from notebook_doc.cells import CellType, new_cell_id
from notebook_doc.dataflow.notebook_dataflow import Dataflow
from notebook_doc.dataflow.problems import Problem
from notebook_doc.errors import CellDeletedMeanwhile, CellEditedMeanwhile
from notebook_doc.notebook import NotebookDoc
from relay.errors import WireError
from relay.requests import Bring

R = TypeVar("R")

API_VERSION: Final = 1
# The dataflow of each open notebook, which goes on from one block to the next.
_dataflows: WeakKeyDictionary[Notebook, Dataflow] = WeakKeyDictionary()


def _dataflow_of(notebook: Notebook) -> Dataflow:
    found = _dataflows.get(notebook)
    if found is None:
        found = _dataflows[notebook] = Dataflow(NotebookDoc.blank())
    return found


class Context:
    """Operations are queued, and done as one change on leaving the block or at `commit()`.

    Cells are named by id, name, index or view. Read: `ctx.cells` (`["id or name"]`, `[0]`, `find`, `grep`; each with
    `.code .status .errors .outputs .defs .refs .made_by .people`), `ctx.graph` (`ancestors descendants definers readers
    cycles problems`), `ctx.peers`. Write: `create_cell edit_cell replace delete_cell move_cell rename configure
    configure_notebook`, `packages`, `run_cell`, `set_ui_value set_widget`, `toast focus`. Now: `commit() run(cells)
    outputs(cell) globals() undo()`. Instead of committing: `propose(why)`. Afterwards `ctx.report` says what was done,
    with whose work it was merged, and what ran.
    """

    api_version = API_VERSION

    def __init__(self, notebook: Notebook, *, strict: bool, format: bool) -> None:
        self._nb = notebook
        self._format = format
        dataflow = _dataflow_of(notebook)
        self._checker = Checker(dataflow, strict=strict)
        self._planner: Planner | None = None
        self._ended = False  # what was read and written last can still be looked at
        self._sight = Sight(notebook, lambda: self._plan, dataflow, self._call)
        self._title: str | None = None
        self.report = Report()

    def _call(self, function: Callable[[], R]) -> R:
        """Call a function where the notebook lives."""
        return function()

    @property
    def _plan(self) -> Planner:
        if self._planner is None and self._ended:
            raise AgentError("This block of code mode has failed, and left nothing.", "Begin another: `with …`.")
        if self._planner is None:
            raise AgentError("Code mode is not open.", "Use it in a `with` block: `async with code_mode(nb) as ctx:`.")
        return self._planner

    @property
    def _queue(self) -> Planner:
        if self._ended:
            raise AgentError("This block of code mode has ended.", "Begin another with `code_mode(nb)` to do more.")
        return self._plan

    def _begin(self) -> None:
        self._ended = False
        self._read()

    def _end(self, *, failed: bool) -> None:
        self._ended = True
        if failed:  # what it had queued is nowhere
            self._planner = None

    def _read(self) -> None:
        self._continue_from(self._nb.read())

    def _continue_from(self, reading: Reading) -> None:
        self._planner = Planner(reading, self._nb.peer.name)

    def start_from(self, reading: Reading) -> None:
        """Edit what was read earlier instead of what the notebook says now. Before anything is queued."""
        self._continue_from(reading)

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def cells(self) -> CellsView:
        """The cells in order, by id, name or index; `find(text)`, `grep(pattern)`."""
        return CellsView(self._sight)

    @property
    def graph(self) -> GraphView:
        """What depends on what."""
        return GraphView(self._sight)

    @property
    def peers(self) -> list[PeerView]:
        """Who else is here, and in which cell."""
        me = self._nb.peer.peer_id
        return [peer_view(one) for one in self._sight.watchers() if one.peer.peer_id != me and one.role != "daemon"]

    def _id(self, cell: CellRef) -> str:
        return resolve(self._plan.draft, cell)

    # --- writing ------------------------------------------------------------------------------------------------------

    def queue(self, operation: AgentOperation) -> None:
        """Queue an operation as data (`clients.agent.operations`)."""
        self._queue.add(operation)

    def create_cell(
        self,
        code: str = "",
        *,
        type: CellType = "code",
        before: CellRef | None = None,
        after: CellRef | None = None,
        name: str | None = None,
        hide_code: bool = False,
    ) -> CellView:
        """A new cell before or after another, else at the end."""
        cell_id = new_cell_id()
        places = (None if after is None else self._id(after)), (None if before is None else self._id(before))
        self.queue(CreateCell(cell_id, code, type, *places, name, hide_code))
        return CellView(self._sight, cell_id)

    def edit_cell(self, cell: CellRef, code: str) -> CellView:
        """Make a cell's code this; what differs from what was read is what is written."""
        return self._queued(EditCell(cell_id := self._id(cell), code), cell_id)

    def replace(self, cell: CellRef, old: str, new: str, *, every: bool = False) -> CellView:
        """Replace a text that is in the cell exactly once (`every`: each time it is there)."""
        return self._queued(ReplaceText(cell_id := self._id(cell), old, new, every), cell_id)

    def delete_cell(self, cell: CellRef) -> None:
        """Delete a cell. Refused if somebody writes in it meanwhile."""
        self.queue(DeleteCell(self._id(cell)))

    def move_cell(self, cell: CellRef, *, before: CellRef | None = None, after: CellRef | None = None) -> CellView:
        """Put a cell before or after another, else at the end."""
        cell_id = self._id(cell)
        places = (None if after is None else self._id(after)), (None if before is None else self._id(before))
        return self._queued(MoveCell(cell_id, *places), cell_id)

    def rename(self, cell: CellRef, name: str) -> CellView:
        """Give a cell a name."""
        return self.configure(cell, name=name)

    def configure(
        self,
        cell: CellRef,
        *,
        name: str | None = None,
        hide_code: bool | None = None,
        hide_output: bool | None = None,
        type: CellType | None = None,
        tags: Sequence[str] | None = None,
    ) -> CellView:
        """How a cell is called and shown, and of which type it is."""
        cell_id = self._id(cell)
        if isinstance(tags, str):
            raise AgentError(f"Tags are a list, and not {tags!r:.80}.", f"Write tags=[{tags!r:.80}].")
        kept = None if tags is None else tuple(tags)
        return self._queued(ConfigureCell(cell_id, name, hide_code, hide_output, type, kept), cell_id)

    def configure_notebook(self, **settings: Any) -> None:
        """Settings of the notebook, as `execution_mode="reactive"`; None takes one away."""
        self.queue(ConfigureNotebook(settings))

    @property
    def packages(self) -> Packages:
        """What the notebook declares: `add(*names)`, `remove(*names)`, `list()`. Changed before anything else."""
        return Packages(self, lambda: self._call(lambda: self._nb.packages.list()))

    def run_cell(self, cell: CellRef) -> CellView:
        """Run a cell after the commit. To see what it does inside the block, use `run`."""
        return self._queued(RunCell(cell_id := self._id(cell)), cell_id)

    def set_ui_value(self, widget: str | CellView, value: Any) -> None:
        """Set the value of a widget: by its comm id, or the one that a cell shows."""
        self.set_widget(widget, value=value)

    def set_widget(self, widget: str | CellView, /, **traits: Any) -> None:
        """Set traits of a widget, for everybody, after the runs."""
        if isinstance(widget, CellView) or self.cells.has(widget):
            cell_id = self._id(widget)
            comm_id = self._sight.live(lambda runtime: widget_of(runtime, cell_id))
        else:
            comm_id = widget
        if comm_id not in (known := self._call(lambda: list(self._nb.widgets))):
            told = ", ".join(known) or "none"
            raise AgentError(f"There is no widget {comm_id!r}; there are {told}.", "Name a cell that shows one.")
        self.queue(SetWidget(comm_id, traits))

    def toast(self, text: str) -> None:
        """Show everybody a line of text."""
        self.queue(Say(text))

    def focus(self, cell: CellRef, text: str = "") -> None:
        """Show where to look."""
        self.queue(Say(text, self._id(cell)))

    def propose(self, why: str) -> None:
        """Do not commit what is queued, but suggest it: somebody accepts or rejects it. Nothing is run or installed."""
        self._title = why

    def _queued(self, operation: AgentOperation, cell_id: str) -> CellView:
        self.queue(operation)
        return CellView(self._sight, cell_id)

    # --- doing --------------------------------------------------------------------------------------------------------

    async def _commit(self, bring: Bring | None = None) -> Report:
        """Check, change packages, commit, run, in this order; what was queued is done then."""
        if self._format:
            await self._format_cells()
        planner, title = self._queue, self._title
        plan = planner.plan
        if title is not None:
            self.report += self._propose(planner, title)
            self._title = None
            self._read()
            return self.report
        try:
            written = await self._packages_and_write(planner)
        except (CellDeletedMeanwhile, CellEditedMeanwhile) as error:
            names = await self._nb.names_of(error.actors)
            by = " and ".join(sorted(set(names.values()))) or "somebody"
            raise type(error)(error.cell_id, error.actors, by) from error
        report = Report() if written is None else await self._told(*written)
        report += Report(settings=plan.settings, installed=plan.packages.add, removed=plan.packages.remove)
        self.report += report
        self._say(plan, report)
        if plan.runs:
            try:
                ran = Report(runs=await run_cells(self._nb, plan.runs, bring=bring))
            except (PeerError, WireError, TimeoutError) as error:
                if report.change:
                    error.add_note("What was written is committed; the runs are not done. ctx.undo() takes it back.")
                raise
            self.report += ran
            report += ran
        for wanted in plan.widgets:
            await self._nb.widgets[wanted.comm_id].set(**wanted.traits)
        return report

    async def _packages_and_write(self, planner: Planner) -> tuple[Committed, tuple[Problem, ...]] | None:
        wanted = planner.plan.packages
        if wanted == NO_PACKAGES:
            return self._write(planner)
        self._commit_to_a_copy(planner)
        async with changed(self._nb, wanted):
            return self._write(planner)

    def _write(self, planner: Planner) -> tuple[Committed, tuple[Problem, ...]] | None:
        """What was committed, and what is to be warned of; None if nothing was queued."""
        nb = self._nb
        self._refuse_what_is_not_allowed(planner)
        if not planner.plan.batch:
            self._read()
            return None
        check = self._checker.checks(nb.doc, planner)
        done = nb.commit(planner.reading, planner.plan.batch, check)
        self._continue_from(done.after)
        return done, check.warnings

    async def _told(self, done: Committed, warnings: tuple[Problem, ...]) -> Report:
        return report_of(done, warnings, await self._nb.names_of(actors_of(done.meanwhile)))

    def _propose(self, planner: Planner, title: str) -> Report:
        if planner.plan.packages != NO_PACKAGES:
            planner.declare(declaring(planner.draft.metadata(), planner.plan.packages))
        check = self._checker.checks(self._nb.doc, planner)
        made = self._nb.propose(planner.reading, planner.plan.batch, title, check)
        return Report(proposal=made.id, warnings=check.warnings)

    def _refuse_what_is_not_allowed(self, planner: Planner) -> None:
        if self._nb.peer.kind == "agent" and (broken := against_policy(self._nb.doc, planner)) is not None:
            raise broken

    def _commit_to_a_copy(self, planner: Planner) -> None:
        """See whether a plan can be committed, before anything is done that cannot be taken back."""
        from notebook_doc.batch import commit

        self._refuse_what_is_not_allowed(planner)
        check = self._checker.checks(self._nb.doc, planner)
        commit(self._nb.doc.fork(), planner.reading, planner.plan.batch, check)

    def _say(self, plan: Plan, report: Report) -> None:
        state = presence_of(plan, report, self._nb.doc)
        if state:
            self._nb.set_presence(**state)

    async def _run(self, cells: Sequence[CellRef], bring: Bring | None) -> list[Run]:
        for cell in cells:
            self.queue(RunCell(self._id(cell)))
        return list((await self._commit(bring)).runs)

    async def _outputs(self, cell: CellRef) -> list[dict[str, Any]]:
        cell_id = self._id(cell)
        execution_id = self._nb.runtime.latest(cell_id)
        return [] if execution_id is None else await self._nb.outputs_of(execution_id)

    async def _globals(self) -> dict[str, Variable]:
        return {one.name: one for one in await self._nb.variables()}

    async def _format_cells(self) -> None:
        planner = self._queue
        read = planner.reading.notebook
        for cell_id in planner.plan.edited:
            if cell_id not in planner.draft or planner.draft.cell_type(cell_id) != "code":
                continue
            if cell_id in read and (await formatted(read.source(cell_id))).code != read.source(cell_id):
                continue  # it is not written in ruff's style: its people's own stays
            code = planner.draft.source(cell_id)
            if (wanted := (await formatted(code)).code) != code:
                planner.add(EditCell(cell_id, wanted))

    def undo(self) -> Report:
        """Take back what this block has committed last: deleted cells come back, what others did since stays."""
        change = self.report.change
        if not change:
            raise AgentError("This block has committed nothing yet.", "There is nothing to undo.")
        return self._call(lambda: self._undo(bytes.fromhex(change)))

    def _undo(self, change: bytes) -> Report:
        undone = self._nb.take_back(change)
        self._read()
        return report_of(undone.committed, (), {})


class Packages:
    """What the notebook declares to be installed."""

    def __init__(self, context: Context, declared: Callable[[], dict[str, str]]) -> None:
        self._context, self._declared = context, declared

    def list(self) -> dict[str, str]:
        """Declared package -> installed version; empty where it is not installed."""
        return self._declared()

    def add(self, *names: str) -> None:
        """Declare and install packages, before anything else of this block."""
        self._context.queue(ChangePackages(add=names))

    def remove(self, *names: str) -> None:
        """Take packages away."""
        self._context.queue(ChangePackages(remove=names))
