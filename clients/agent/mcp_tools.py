"""What an MCP client can do with notebooks: each tool as a method, without MCP.

Every call names its notebook, and edits name the version that was read, so nothing depends on what was called before.
What a tool answers is text, and pictures where outputs are pictures. Errors are the library's own: each says what
happened and what to do next. `mcp_server` tells MCP of these methods.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from clients.agent.code_mode import CodeMode, code_mode
from clients.agent.desk import Desk
from clients.agent.errors import AgentError, described
from clients.agent.mcp_answers import (
    MAX_ANSWER,
    Answer,
    Room,
    as_diff,
    asking,
    cut,
    decision,
    heading,
    in_a_line,
    in_full,
    in_short,
    matching,
    part,
    shown,
    where,
)
from clients.agent.mcp_arguments import WAIT_SECONDS, Bring
from clients.agent.mcp_running import Progress, reached, results, run_and_tell, scratch_and_tell
from clients.agent.report import actors_of, merged_of
from clients.agent.searching import matching_lines
from clients.agent.views import CellView
from clients.peer.archives import archived
from clients.peer.comments import Comments, Thread
from clients.peer.errors import PeerError
from clients.peer.execution import Execution
from clients.peer.flow import NeedsConfirmation
from clients.peer.notebook import Notebook
from clients.peer.target import FileTarget, parse_target
from notebook_doc import comments
from notebook_doc.authors import Author
from notebook_doc.history.moments import Moment
from relay.errors import WireError

# Cells of an overview in one answer; moments of the history, and runs of a cell.
PAGE: Final = 100
MOMENTS: Final = 20
# Characters of the id of an execution or a change from which it is told from all others.
ENOUGH: Final = 8

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
        overview = await self.read_notebook(caller, notebook_id, 0)
        match parse_target(path):
            case FileTarget(file):  # a relative path is the server's, and not the agent's, to make absolute
                return f"{file}\n{overview}"
            case _:
                return overview

    async def save_notebook(self, caller: Caller, notebook: str) -> str:
        """Write the file now."""
        nb = await self._open(caller, notebook)
        return f"saved to {await nb.save()}"

    async def read_notebook(self, caller: Caller, notebook: str, start: int) -> str:
        """An overview of the cells, a page at a time, and the version."""
        nb = await self._open(caller, notebook)
        async with self._context(nb) as ctx:
            cells = list(ctx.cells)
            if start and start >= len(cells):
                raise AgentError(f"There is no cell {start}: there are {len(cells)}.", "They count from 0.")
            lines = [heading(nb, len(cells), self._desk.keep(nb.id, nb.read()))]
            if rules := asking(nb.agent_policy):
                lines.append(rules)
            if here := ctx.peers:
                lines.append("here: " + ", ".join(where(one, nb.doc) for one in here))
            if waiting := nb.proposals():
                lines.append(f"open proposals: {len(waiting)}; see `proposals`")
            if asked := [thread for thread in nb.comments if not thread.resolved]:
                mine = sum(thread.mentions() for thread in asked)
                lines.append(f"open comments: {len(asked)}{f', {mine} to you' if mine else ''}; see `comments`")
            size, told = 0, start
            for cell in cells[start : start + PAGE]:
                line = in_short(cell, stale=_is_stale(nb, cell))
                if (size := size + len(line)) > MAX_ANSWER:
                    break
                lines.append(line)
                told += 1
            if told < len(cells):
                lines.append(f"… {len(cells) - told} more: start {told}")
        return "\n".join(lines)

    async def read_cells(self, caller: Caller, notebook: str, cells: Sequence[str] | None, outputs: bool) -> Answer:
        """Cells in full (none named: all), with their outputs, and the version."""
        nb = await self._open(caller, notebook)
        answer: Answer = [f"version {self._desk.keep(nb.id, nb.read())}"]
        room = Room()
        async with self._context(nb) as ctx:
            wanted = list(ctx.cells) if not cells else [ctx.cells[one] for one in cells]
            for number, cell in enumerate(wanted):
                if room.is_full:
                    answer.append(f"… not read, for the answer is full: {', '.join(one.id for one in wanted[number:])}")
                    break
                answer.append(room.code(in_full(cell, stale=_is_stale(nb, cell), mode=nb.mode)))
                if outputs and cell.execution_id is not None:
                    answer += shown(await ctx.outputs(cell), room, cell.execution_id)
        return answer

    async def search(self, caller: Caller, notebook: str, pattern: str) -> str:
        """The lines that match a regular expression."""
        nb = await self._open(caller, notebook)
        async with self._context(nb) as ctx:
            lines = [(cell, number, line) for cell in ctx.cells for number, line in _numbered(cell.code)]
            found = await matching_lines(pattern, [line for *_, line in lines])
            return cut(matching(lines[one] for one in found) or f"Nothing matches {pattern!r}.")

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
        before = set(nb.runtime.execution_ids())
        async with context as ctx:
            ctx.start_from(reading)
            apply(ctx)
            if propose:
                ctx.propose(propose)
            await ctx.commit()
            report = ctx.report
        undo = f", undo with change {report.change[:16]}" if report.change else ""
        answer: Answer = [f"{report}\nversion {self._desk.keep(nb.id, nb.read())}{undo}"]
        if run and not propose:
            written = [one for one in (*report.created, *report.edited) if _is_code(nb, one)]
            try:
                answer += await self._run(nb, written, WAIT_SECONDS, progress) if written else []
            except (PeerError, WireError, TimeoutError) as error:  # what was written stays, so it has to be told
                answer.append(f"Written, but not run: {error}")
        if stale := _made_stale(nb, report.edited, before):
            answer.append(f"stale now: {', '.join(stale[:20])}{' …' if len(stale) > 20 else ''}")
        return answer

    async def undo(self, caller: Caller, notebook: str, change: str) -> str:
        """Take one change back."""
        nb = await self._open(caller, notebook)
        changes = nb.doc.replica.recorded_since(()) if len(change) >= ENOUGH else []
        found = [one for one in changes if one.hash.hex().startswith(change.lower())]
        if len(found) != 1:
            raise AgentError(f"There is no change {change!r}.", "Use what an edit returned, or `history`.")
        undone = nb.take_back(found[0].hash)
        done = undone.committed
        parts = [("brought back", done.created), ("deleted", done.deleted), ("restored", (*done.edited, *done.moved))]
        parts += [("kept as others have changed it since", undone.kept), ("gone since", undone.gone)]
        told = "; ".join(f"{what} {', '.join(cells)}" for what, cells in parts if cells)
        return f"{told or 'nothing was left to undo'}\nversion {self._desk.keep(nb.id, nb.read())}"

    # --- running ------------------------------------------------------------------------------------------------------

    async def run_cells(
        self,
        caller: Caller,
        notebook: str,
        cells: Sequence[str],
        seconds: float,
        progress: Progress | None,
        bring: Bring | None = None,
    ) -> Answer:
        """Run cells (none named: all), and wait for them so long; they go on if it takes longer, or nobody waits."""
        nb = await self._open(caller, notebook)
        if not cells:
            return await self._run(nb, None, seconds, progress, bring)
        async with self._context(nb) as ctx:
            ids = [ctx.cells[one].id for one in cells]
        return await self._run(nb, ids, seconds, progress, bring)

    async def _run(
        self,
        nb: Notebook,
        cell_ids: list[str] | None,
        seconds: float,
        progress: Progress | None,
        bring: Bring | None = None,
    ) -> Answer:
        await reached(nb)
        try:
            executions = await nb.start(cell_ids, stdin="eof", bring=bring)
        except NeedsConfirmation as error:
            raise AgentError(
                error.message, 'Call run_cells with bring="stale" to run those as well, or bring="nothing".'
            ) from error
        nb.set_presence(status="running", **({"cell_id": cell_ids[-1]} if cell_ids else {}))
        return await run_and_tell(nb, executions, seconds, progress)

    async def result(
        self, caller: Caller, notebook: str, execution_id: str, output: int | None = None, start: int = 0
    ) -> Answer:
        """What an execution has put out so far, also after its caller went away; or one output from `start` on."""
        nb = await self._open(caller, notebook)
        execution = await _execution(nb, execution_id)
        if output is None:
            return await results([execution])
        outputs = await execution.outputs()
        if output >= len(outputs):
            raise AgentError(f"Execution {execution.id} has {len(outputs)} outputs.", "They count from 0.")
        return part(outputs[output], start)

    async def interrupt(self, caller: Caller, notebook: str, executions: Sequence[str]) -> str:
        """Stop these executions, and no others; none named: those that this agent asked for."""
        nb = await self._open(caller, notebook)
        stopped = await nb.stop([await _execution(nb, one) for one in executions] or None)
        return f"stopped {', '.join(one.id for one in stopped)}" if stopped else "nothing of that was queued or running"

    async def restart_kernel(self, caller: Caller, notebook: str) -> str:
        """A fresh kernel."""
        nb = await self._open(caller, notebook)
        await nb.restart_kernel()
        return "The kernel is fresh: no name is there. Run what is needed; `run_cells` without cells runs all."

    # --- knowing ------------------------------------------------------------------------------------------------------

    async def graph(self, caller: Caller, notebook: str, cell: str) -> str:
        """What a cell defines and reads and what depends on it; without one, all problems and what each cell gives."""
        nb = await self._open(caller, notebook)
        async with self._context(nb) as ctx:
            if not cell:
                seen = [(one.id, one.defs, one.refs) for one in ctx.cells]
                lines = [f"{one}: defines {in_a_line(d)}; reads {in_a_line(r)}" for one, d, r in seen if d or r]
                problems = [described(one) for one in ctx.graph.problems()]
                return cut("\n".join([*problems, *lines]) or "No cell defines or reads a name.")
            one = ctx.cells[cell]
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
                runs = await nb.executions_of(ctx.cells[cell].id)
            lines = [f"execution {run.id}: {run.status}, by {run.record.requested_by.name}" for run in runs]
        else:
            lines = [_moment(one) for one in reversed(await nb.history())]
        more = [f"… {len(lines) - MOMENTS} earlier"] if len(lines) > MOMENTS else []
        return "\n".join([*lines[:MOMENTS], *more]) or "It has never run."

    async def scratch(
        self, caller: Caller, notebook: str, code: str, seconds: float, progress: Progress | None, own: bool = False
    ) -> Answer:
        """Run code without a cell, in a copy of the kernel's names or (`own`) in those, and see what it says."""
        nb = await self._open(caller, notebook)
        return await scratch_and_tell(nb, code, seconds, progress, "own" if own else "copy")

    async def packages(
        self, caller: Caller, notebook: str, add: Sequence[str], remove: Sequence[str], propose: str = ""
    ) -> str:
        """Change what is declared and installed, or propose it, and say what there is."""
        nb = await self._open(caller, notebook)
        if add or remove:
            async with self._context(nb) as ctx:
                ctx.packages.add(*add)
                ctx.packages.remove(*remove)
                if propose:
                    ctx.propose(propose)
            if propose:
                return str(ctx.report)
        found = [f"{name} {version or '(not installed)'}" for name, version in nb.packages.list().items()]
        return "\n".join(found) or "The notebook declares no packages."

    async def variables(self, caller: Caller, notebook: str) -> str:
        """The variables of the kernel."""
        nb = await self._open(caller, notebook)
        return cut("\n".join(map(str, await nb.variables()))) or "The kernel has no variables yet."

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
        done = nb.accept(wanted)
        names = await nb.names_of(actors_of(done.meanwhile))
        told = [f"merged with {one}" for one in merged_of(done.meanwhile, done.proposal.cells, names)]
        told += [f"{cell_id} was deleted since and stays so" for cell_id in done.gone]
        return "\n".join(["accepted", *told])

    # --- comments ---------------------------------------------------------------------------------------------------

    async def comments(self, caller: Caller, notebook: str, cell: str, thread: str, text: str, resolve: bool) -> str:
        """Say something, or close a thread, if that is asked for; then the open threads, or those of the cell."""
        nb = await self._open(caller, notebook)
        cell_id = None
        if cell:
            async with self._context(nb) as ctx:
                cell_id = ctx.cells[cell].id
        if thread:
            wanted = Thread(nb, thread)
            wanted.read()
            if text:
                wanted.reply(text)
            if resolve:
                wanted.resolve()
        elif text and cell_id is not None:
            nb.comments.add(text, cell=cell_id)
        elif text or resolve:
            raise AgentError("That names neither a thread nor a cell.", "Name the thread, or a cell to begin one.")
        found = [one.read() for one in Comments(nb, cell_id) if not one.resolved]
        return cut("\n".join(_thread(one, nb.self_author) for one in found) or "No thread is open.")

    # --- helpers ------------------------------------------------------------------------------------------------------

    async def _open(self, caller: Caller, notebook: str) -> Notebook:
        return await self._desk.notebook(notebook, caller.name, caller.key)

    def _context(self, nb: Notebook) -> CodeMode:
        return code_mode(nb)


def _numbered(code: str) -> Iterator[tuple[int, str]]:
    return enumerate(code.splitlines(), 1)


def _is_code(nb: Notebook, cell_id: str) -> bool:
    return cell_id in nb.doc and nb.doc.cell_type(cell_id) == "code"


def _made_stale(nb: Notebook, edited: Sequence[str], before: set[str]) -> list[str]:
    """Of the cells that depend on these, those that show what is not so any more and have not been run since."""
    graph = nb.dataflow.graph
    needing = {other for one in edited if one in graph for other in graph.descendants(one)} - set(edited)
    waiting = (one for one in needing if (run := nb.runtime.latest(one)) is None or run in before)
    return sorted((one for one in waiting if nb.freshness(one).status == "stale"), key=graph.place)


def _is_stale(nb: Notebook, cell: CellView) -> bool:
    return cell.type == "code" and cell.id in nb.doc and nb.freshness(cell.id).status == "stale"


async def _execution(nb: Notebook, wanted: str) -> Execution:
    """An execution by its id, or what that begins with; also one that only archives still have. Raises AgentError."""
    known = [one for one in nb.runtime.execution_ids() if one.startswith(wanted)] if len(wanted) >= ENOUGH else []
    if len(known) == 1:
        return Execution(nb, known[0])
    async for found in archived(nb):
        if found.execution.id == wanted:
            return Execution(nb, wanted, found)
    raise AgentError(f"There is no execution {wanted!r}.", "`history` with a cell names all of the cell's.")


def _moment(one: Moment) -> str:
    when = "" if one.ended is None else time.strftime("%Y-%m-%d %H:%M ", time.localtime(one.ended))
    who = ", ".join(author.name for author in one.authors)
    return f"{one.id[:16]} {when}by {who}: {', '.join(sorted(one.cells | one.roots))[:200]}"


def _thread(one: comments.Thread, reader: Author) -> str:
    quote = f" on {one.anchor.quote!r}" if one.anchor is not None else ""
    said = "".join(
        f"\n  {message.author.name}{' (to you)' if message.mentioned(reader) else ''}: {message.text}"
        for message in one.messages
    )
    return f"thread {one.id}, cell {one.cell_id}{quote}{said}"
