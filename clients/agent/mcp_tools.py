"""What an MCP client can do with notebooks: each tool as a method, without MCP.

Every call names its notebook, and edits name the version that was read, so nothing depends on what was called before.
What a tool answers is text, and pictures where outputs are pictures. Errors are the library's own: each says what
happened and what to do next. `mcp_server` tells MCP of these methods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from clients.agent.code_mode import CodeMode, code_mode
from clients.agent.desk import Desk
from clients.agent.errors import AgentError, described
from clients.agent.mcp_answers import Answer, as_diff, cut, decision, heading, in_a_line, in_full, in_short, shown
from clients.agent.mcp_running import Progress, results, run_and_tell, scratch_and_tell
from clients.agent.report import actors_of, merged_of
from clients.agent.variables import variables_of
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook
from notebook_doc.policy import broken_rule
from notebook_doc.proposals import Proposal, proposal

# Cells of an overview in one answer.
PAGE: Final = 100

Action = Literal["accept", "reject", "withdraw"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the name that others see, and what tells this agent from another of the same name."""

    name: str
    key: str


class Tools:
    """See the module."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # --- notebooks ----------------------------------------------------------------------------------------------------

    async def list_notebooks(self) -> str:
        """The notebooks that are open, with who is in them and their kernels; then the others that are known."""
        client = self._desk.client()
        try:
            listed = await client.notebooks()
        finally:
            await client.close()
        lines = []
        for one in listed["open"]:
            who = ", ".join(f"{peer['name']} ({peer['kind']})" for peer in one["peers"] if peer["kind"] != "daemon")
            lines.append(f"{one['notebook_id']} {one['path']}: open, kernel {one['kernel']}, with {who or 'nobody'}")
        open_ids = {one["notebook_id"] for one in listed["open"]}
        lines += [
            f"{one['notebook_id']} {one['path']}" for one in listed["notebooks"] if one["notebook_id"] not in open_ids
        ]
        return "\n".join(lines) or "No notebook is known here. Open one by its path."

    async def open_notebook(self, caller: Caller, path: str, create: bool) -> str:
        """Open a notebook by path, id or address, or make one; then its overview."""
        notebook_id = await self._desk.open_path(path, create=create)
        return await self.read_notebook(caller, notebook_id, 0)

    async def save_notebook(self, caller: Caller, notebook: str) -> str:
        """Write the file now."""
        nb = await self._open(caller, notebook)
        return f"saved to {await nb.save()}"

    async def read_notebook(self, caller: Caller, notebook: str, start: int) -> str:
        """An overview of the cells, a page at a time, and the version."""
        nb = await self._open(caller, notebook)
        async with self._context(nb) as ctx:
            cells = ctx.cells[start : start + PAGE]
            lines = [heading(nb, len(ctx.cells), self._desk.keep(nb.id, nb.read()))]
            lines += [in_short(cell) for cell in cells]
            if start + PAGE < len(ctx.cells):
                lines.append(f"… {len(ctx.cells) - start - PAGE} more: start={start + PAGE}")
            if here := ctx.peers:
                lines.append("here: " + ", ".join(f"{one.name} ({one.kind})" for one in here))
        if waiting := nb.proposals():
            lines.append(f"{len(waiting)} proposals are open: call proposals")
        return cut("\n".join(lines))

    async def read_cells(self, caller: Caller, notebook: str, cells: Sequence[str], outputs: bool) -> Answer:
        """Cells in full, with their outputs, and the version."""
        nb = await self._open(caller, notebook)
        answer: Answer = [f"version {self._desk.keep(nb.id, nb.read())}"]
        async with self._context(nb) as ctx:
            for wanted in cells:
                cell = ctx.cells[_ref(wanted)]
                answer.append(in_full(cell))
                if outputs:
                    answer += shown(await ctx.outputs(cell))
        return answer

    async def search(self, caller: Caller, notebook: str, pattern: str) -> str:
        """The lines that match a regular expression."""
        nb = await self._open(caller, notebook)
        async with self._context(nb) as ctx:
            found = [f"{cell.index} {cell.id}:{number}: {line}" for cell, number, line in ctx.cells.grep(pattern)]
        return cut("\n".join(found) or f"Nothing matches {pattern!r}.")

    # --- editing ------------------------------------------------------------------------------------------------------

    async def edit(
        self,
        caller: Caller,
        notebook: str,
        version: str,
        apply: Callable[[CodeMode], None],
        *,
        propose: str = "",
        run: bool = False,
        progress: Progress | None = None,
    ) -> Answer:
        """One batch, made to the version that was read: committed, or proposed; the cells that it wrote may be run."""
        nb = await self._open(caller, notebook)
        context = self._context(nb)
        reading = self._desk.reading(nb.id, version) if version else nb.read()
        async with context as ctx:
            ctx.start_from(reading)
            apply(ctx)
            if propose:
                ctx.propose(propose)
            await ctx.commit()
            report = ctx.report
        answer: Answer = [f"{report}\nversion {self._desk.keep(nb.id, nb.read())}"]
        if report.change:
            answer.append(f"undo with change {report.change[:16]}")
        if run and not propose:
            written = [cell_id for cell_id in (*report.created, *report.edited) if nb.doc.cell_type(cell_id) == "code"]
            answer += await self._run(nb, written, None, progress) if written else []
        return answer

    async def undo(self, caller: Caller, notebook: str, change: str) -> str:
        """Take one change back."""
        nb = await self._open(caller, notebook)
        found = [one for one in nb.doc.replica.recorded_since(()) if one.hash.hex().startswith(change.lower())]
        if len(found) != 1 or not change:
            raise AgentError(f"{len(found)} changes begin with {change!r}.", "Use what an edit returned, or `history`.")
        undone = nb.take_back(found[0].hash)
        done = undone.committed
        parts = [("brought back", done.created), ("deleted", done.deleted), ("restored", (*done.edited, *done.moved))]
        parts += [("kept as others have changed it since", undone.kept), ("gone since", undone.gone)]
        told = "; ".join(f"{what} {', '.join(cells)}" for what, cells in parts if cells)
        return f"{told or 'nothing was left to undo'}\nversion {self._desk.keep(nb.id, nb.read())}"

    # --- running ------------------------------------------------------------------------------------------------------

    async def run_cells(
        self, caller: Caller, notebook: str, cells: Sequence[str], seconds: float | None, progress: Progress | None
    ) -> Answer:
        """Run cells (none named: all), and wait for them so long; they go on if it takes longer, or nobody waits."""
        nb = await self._open(caller, notebook)
        if not cells:
            return await self._run(nb, None, seconds, progress)
        async with self._context(nb) as ctx:
            ids = [ctx.cells[_ref(one)].id for one in cells]
        return await self._run(nb, ids, seconds, progress)

    async def _run(
        self, nb: Notebook, cell_ids: list[str] | None, seconds: float | None, progress: Progress | None
    ) -> Answer:
        executions = await nb.start(cell_ids, stdin="eof")
        nb.set_presence(status="running", **({"cell_id": cell_ids[-1]} if cell_ids else {}))
        return await run_and_tell(nb, executions, seconds, progress)

    async def result(self, caller: Caller, notebook: str, execution_id: str) -> Answer:
        """What an execution has put out so far, also after its caller went away."""
        nb = await self._open(caller, notebook)
        execution = Execution(nb, execution_id)
        if nb.runtime.execution(execution_id) is None:
            raise AgentError(f"There is no execution {execution_id!r}.", "read_cells names the latest of each cell.")
        return await results([execution])

    async def interrupt(self, caller: Caller, notebook: str, executions: Sequence[str]) -> str:
        """Stop these executions, and no others; none named: those that this agent asked for."""
        nb = await self._open(caller, notebook)
        stopped = await nb.stop(list(executions) or None)
        return f"stopped {', '.join(one.id for one in stopped)}" if stopped else "nothing of that was queued or running"

    # --- knowing ------------------------------------------------------------------------------------------------------

    async def graph(self, caller: Caller, notebook: str, cell: str) -> str:
        """What a cell defines and reads and what depends on it; without one, all problems and what each cell gives."""
        nb = await self._open(caller, notebook)
        async with self._context(nb) as ctx:
            if not cell:
                lines = [f"{one.id}: defines {in_a_line(one.defs)}; reads {in_a_line(one.refs)}" for one in ctx.cells]
                return cut("\n".join([*(described(one) for one in ctx.graph.problems()), *lines]))
            one = ctx.cells[_ref(cell)]
            ancestors = [other.id for other in ctx.graph.ancestors(one)]
            descendants = [other.id for other in ctx.graph.descendants(one)]
            return "\n".join(
                (
                    f"defines {in_a_line(one.defs)}; reads {in_a_line(one.refs)}",
                    f"depends on {in_a_line(ancestors)}",
                    f"is needed by {in_a_line(descendants)}",
                    *(described(problem) for problem in one.problems),
                )
            )

    async def history(self, caller: Caller, notebook: str, cell: str) -> str:
        """The runs of a cell; without one, the latest changes of the notebook, which `undo` takes."""
        nb = await self._open(caller, notebook)
        if cell:
            async with self._context(nb) as ctx:
                runs = await nb.executions_of(ctx.cells[_ref(cell)].id)
            return "\n".join(f"{run.id}: {run.status}, by {run.record.requested_by.name}" for run in runs[:50]) or (
                "It has never run."
            )
        lines = []
        for moment in reversed((await nb.history())[-50:]):
            who = ", ".join(author.name for author in moment.authors)
            lines.append(f"{moment.id[:16]} by {who}: {', '.join(sorted(moment.cells | moment.roots))[:200]}")
        return "\n".join(lines)

    async def scratch(
        self, caller: Caller, notebook: str, code: str, seconds: float, progress: Progress | None
    ) -> Answer:
        """Run code without a cell, and see what it says."""
        return await scratch_and_tell(await self._open(caller, notebook), code, seconds, progress)

    async def packages(self, caller: Caller, notebook: str, add: Sequence[str], remove: Sequence[str]) -> str:
        """Change what is declared and installed, and say what there is."""
        nb = await self._open(caller, notebook)
        if add or remove:
            async with self._context(nb) as ctx:
                ctx.packages.add(*add)
                ctx.packages.remove(*remove)
        found = [f"{name} {version or '(not installed)'}" for name, version in nb.packages.list().items()]
        return "\n".join(found) or "The notebook declares no packages."

    async def variables(self, caller: Caller, notebook: str) -> str:
        """The variables of the kernel."""
        nb = await self._open(caller, notebook)
        return cut("\n".join(map(str, await variables_of(nb)))) or "The kernel has no variables yet."

    # --- proposals ----------------------------------------------------------------------------------------------------

    async def proposals(self, caller: Caller, notebook: str, decided: bool) -> str:
        """What is proposed and not decided, each as a diff; or what became of the others."""
        nb = await self._open(caller, notebook)
        if decided:
            lines = [decision(one) for one in nb.proposals(all=True) if one.decision is not None]
            return "\n".join(lines[-50:]) or "None was decided yet."
        return cut("\n\n".join(as_diff(nb, one) for one in nb.proposals())) or "No proposal is open."

    async def decide_proposal(self, caller: Caller, notebook: str, wanted: str, action: Action, note: str) -> str:
        """Accept, reject or withdraw a proposal."""
        nb = await self._open(caller, notebook)
        if action != "accept":
            return f"{nb.reject(wanted, note).status}"
        _refuse_what_it_may_not_accept(nb, proposal(nb.doc, wanted))
        done = nb.accept(wanted)
        names = await nb.names_of(actors_of(done.meanwhile))
        told = [f"merged with {one}" for one in merged_of(done.meanwhile, done.proposal.cells, names)]
        told += [f"{cell_id} was deleted since and stays so" for cell_id in done.gone]
        return "\n".join(["accepted", *told])

    # --- helpers ------------------------------------------------------------------------------------------------------

    async def _open(self, caller: Caller, notebook: str) -> Notebook:
        return await self._desk.notebook(notebook, caller.name, caller.key)

    def _context(self, nb: Notebook) -> CodeMode:
        return code_mode(nb)


def _refuse_what_it_may_not_accept(nb: Notebook, wanted: Proposal) -> None:
    """Raises AgentsMayNot if the policy keeps an agent from merging this itself."""
    merged = nb.preview(wanted)
    if (broken := broken_rule(nb.doc, merged, merged.take_events())) is not None:
        raise broken


def _ref(cell: str) -> str | int:
    """An index where it reads as one: ids have sixteen digits or letters."""
    return int(cell) if cell.lstrip("-").isdigit() and len(cell) < 8 else cell
