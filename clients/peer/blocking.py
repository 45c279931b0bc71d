"""The synchronous face of the full peer, for scripts, the REPL and notebooks.

A live notebook behaves as an object: reading an attribute reads the replica, assigning one edits it, and what takes
time (running, saving, waiting) returns when it is done. The objects here hold a core object each (`clients.peer`'s of
the same name) and nothing else; they can be used from any thread, and also where an event loop runs already.
"""

from __future__ import annotations

import asyncio
import builtins
import concurrent.futures
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final

from clients.peer import execution as core_execution
from clients.peer import notebook as core_notebook
from clients.peer.background import background
from clients.peer.blocking_cells import Cell, Cells, Execution, all_ended
from clients.peer.blocking_comments import Comments
from clients.peer.blocking_packages import Packages
from clients.peer.blocking_widgets import Widgets
from clients.peer.errors import PeerError
from clients.peer.face import Face, here, waits
from clients.peer.flow import EditImpact, Profile, RunPlan
from clients.peer.history import Named
from clients.peer.opened import Opened
from clients.peer.own_kernel import refuse_to_wait_for_itself
from clients.peer.watching import EventStream
from notebook_doc.batch import Committed
from notebook_doc.dataflow.notebook_dataflow import Mode
from notebook_doc.dataflow.problems import Fix
from notebook_doc.dataflow.view import GraphView
from notebook_doc.events import Event
from notebook_doc.history.blame import Blamed
from notebook_doc.policy import AgentPolicy
from notebook_doc.runtime_records import KernelState, Namespace
from notebook_doc.taking_back import Undone
from relay.errors import WireError
from relay.messages import PeerKind, PresentPeer, Role
from relay.requests import Bring, Stdin

# Seconds that Ctrl-C during `run` waits for the interrupt to be answered, before it is raised all the same.
INTERRUPT_SECONDS: Final = 10.0
Asked = concurrent.futures.Future[list[core_execution.Execution]]  # what is being asked to be run


class Notebook(Face[core_notebook.Notebook]):
    """A live notebook. Made by `open`; close it, or use it in a `with` statement, which closes it."""

    save = waits(core_notebook.Notebook.save)
    saved = waits(core_notebook.Notebook.saved)
    kept = waits(core_notebook.Notebook.kept)
    restart_kernel = waits(core_notebook.Notebook.restart_kernel)
    shutdown_kernel = waits(core_notebook.Notebook.shutdown_kernel)
    complete = waits(core_notebook.Notebook.complete)
    inspect = waits(core_notebook.Notebook.inspect)
    variables = waits(core_notebook.Notebook.variables)
    signature = waits(core_notebook.Notebook.signature)
    kernel_history = waits(core_notebook.Notebook.kernel_history)
    kernels = waits(core_notebook.Notebook.kernels)
    choose_kernel = here(core_notebook.Notebook.choose_kernel)
    blob = waits(core_notebook.Notebook.blob)
    put_blob = waits(core_notebook.Notebook.put_blob)
    proposals = here(core_notebook.Notebook.proposals)
    accept = here(core_notebook.Notebook.accept)
    reject = here(core_notebook.Notebook.reject)
    set_metadata = here(core_notebook.Notebook.set_metadata)
    set_presence = here(core_notebook.Notebook.set_presence)
    history = waits(core_notebook.Notebook.history)
    moment = waits(core_notebook.Notebook.moment)
    at = waits(core_notebook.Notebook.at)
    diff = waits(core_notebook.Notebook.diff)
    name_version = waits(core_notebook.Notebook.name_version)
    versions = here(core_notebook.Notebook.versions)
    forget_version = here(core_notebook.Notebook.forget_version)

    def __init__(self, opened: Opened) -> None:
        super().__init__(self, opened.notebook)
        self._opened = opened
        weakref.finalize(self, opened.let_go).atexit = False  # at exit `_close_all` waits for it

    def __enter__(self) -> Notebook:
        return self

    def __exit__(self, kind: builtins.type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hand over what was edited and leave the notebook. May be called again."""
        self._opened.close()

    @property
    def id(self) -> str:
        """The notebook's UUID."""
        return self._core.id

    @property
    def cells(self) -> Cells:
        """The cells, in order."""
        return Cells(self)

    @property
    def comments(self) -> Comments:
        """What was said about all cells, those that are deleted included."""
        return Comments(self, self._here(lambda notebook: notebook.comments))

    @property
    def widgets(self) -> Widgets:
        """The widgets of the notebook's kernel, by their comm ids."""
        return Widgets(self)

    @property
    def packages(self) -> Packages:
        """What the notebook declares and has installed."""
        return Packages(self, self._core.packages)

    @property
    def metadata(self) -> dict[str, Any]:
        """The notebook's metadata, a copy; assigning writes what differs."""
        return self._here(lambda notebook: notebook.metadata)

    @metadata.setter
    def metadata(self, metadata: dict[str, Any]) -> None:
        self.set_metadata(metadata)

    @property
    def kernel(self) -> KernelState:
        """The kernel as the daemon last saw it."""
        return self._here(lambda notebook: notebook.kernel)

    @property
    def agent_policy(self) -> AgentPolicy:
        """What agents may do in this notebook unasked; people and programs may assign another."""
        return self._here(lambda notebook: notebook.agent_policy)

    @agent_policy.setter
    def agent_policy(self, policy: AgentPolicy) -> None:
        self._here(lambda notebook: setattr(notebook, "agent_policy", policy))

    @property
    def has_ended(self) -> bool:
        """Whether the session is over, refused or closed: what is asked of it raises why."""
        return self._here(lambda notebook: notebook.has_ended)

    @property
    def online(self) -> bool:
        """Whether there is a connection to the hub."""
        return self._here(lambda notebook: notebook.online)

    @property
    def is_saved(self) -> bool:
        """Whether every edit made here is on the hub's disk."""
        return self._here(lambda notebook: notebook.is_saved)

    @property
    def role(self) -> Role:
        """What this peer may do."""
        return self._here(lambda notebook: notebook.role)

    @property
    def peers(self) -> list[PresentPeer]:
        """Everyone who has the notebook open, this peer included."""
        return self._here(lambda notebook: notebook.peers)

    @contextmanager
    def edit(self) -> Iterator[None]:
        """Everything that this thread edits inside becomes one change, applied whole or, if it raises, not at all.

        The edits are made to the notebook as it was on entering; what others do meanwhile is merged on leaving, and is
        not seen before.
        """
        with self._opened.draft():
            yield

    def run(
        self,
        cells: Sequence[str | Cell] | None = None,
        *,
        above: str | Cell | None = None,
        below: str | Cell | None = None,
        bring: Bring | None = None,
        plan: RunPlan | None = None,
        stdin: Stdin | None = None,
        cache: bool | None = None,
        timeout: float | None = None,
    ) -> list[Execution]:
        """Run cells in order and wait until each has ended: these, or the code cells above a cell, or a cell and the
        code cells below it; without any of them, every code cell.

        `bring` says what comes along: "nothing", "stale" for cells upstream that are not ready, "dependents" for those
        and everything downstream; else the notebook's mode says. `plan` runs a plan that was shown, and no other cells.
        In the mode `cascade` a run that would bring others along raises NeedsConfirmation, with the plan.
        `stdin="eof"` has `input()` raise EOFError instead of asking the notebook's peers, as it is for agents anyway.
        `cache` says whether results may be restored, where the notebook keeps them: True, False (run anew), or None,
        which restores what is not fresh. What runs is their source as it is here now. A failing cell ends the run of
        those after it; look at the executions, or call `check()` on them. Ctrl-C interrupts these executions, and no
        others, before it is raised.
        Raises RequestFailed, NotConnected, TimeoutError, and OwnKernel in code that this notebook's kernel runs.
        """
        refuse_to_wait_for_itself(self.id, blocking=True)
        asked = background().start(
            self._core.start(
                _ids(cells),
                above=_cell_id(above),
                below=_cell_id(below),
                bring=bring,
                plan=plan,
                stdin=stdin,
                cache=cache,
            )
        )
        return self._finished(asked, timeout)

    def _finished(self, asked: Asked, timeout: float | None) -> list[Execution]:
        """Wait for what was asked to be run; Ctrl-C interrupts it."""
        try:
            started = asked.result()
            self._wait(lambda _: all_ended(started, timeout))
        except KeyboardInterrupt:
            with suppress(PeerError, WireError, TimeoutError):
                self._wait(lambda notebook: _interrupt(notebook, asked))
            raise
        return [Execution(self, execution) for execution in started]

    def scratch(
        self,
        code: str,
        *,
        namespace: Namespace = "copy",
        timeout: float | None = None,
        stdin: Stdin | None = None,
    ) -> Execution:
        """Run code in the notebook's kernel without a cell, when its turn has come, and wait until it has ended.

        In a "copy" of the notebook's namespace: it sees all names and may change what they stand for, but what it binds
        itself is gone afterwards; in the notebook's "own" it stays. After `timeout` seconds from when it begins it is
        interrupted, and it alone. `input()` raises EOFError unless `stdin="prompt"`. It is an execution on record, with
        outputs and without a cell; look at it, or call `check()` on it. Ctrl-C interrupts it before it is raised.
        Raises RequestFailed, NotConnected, and OwnKernel in code that this notebook's kernel runs.
        """
        refuse_to_wait_for_itself(self.id, blocking=True)

        async def start(notebook: core_notebook.Notebook) -> list[core_execution.Execution]:
            return [await notebook.start_scratch(code, namespace=namespace, timeout=timeout, stdin=stdin)]

        (execution,) = self._finished(background().start(start(self._core)), None)
        return execution

    def start_scratch(
        self,
        code: str,
        *,
        namespace: Namespace = "copy",
        timeout: float | None = None,
        stdin: Stdin | None = None,
    ) -> Execution:
        """Ask for code to be run, as `scratch` does, and return its execution as soon as it is queued."""
        asked = self._wait(
            lambda notebook: notebook.start_scratch(code, namespace=namespace, timeout=timeout, stdin=stdin)
        )
        return Execution(self, asked)

    def run_all(self, *, timeout: float | None = None) -> list[Execution]:
        """Run every code cell in order. See `run`."""
        return self.run(timeout=timeout)

    def start(
        self,
        cells: Sequence[str | Cell] | None = None,
        *,
        above: str | Cell | None = None,
        below: str | Cell | None = None,
        bring: Bring | None = None,
        plan: RunPlan | None = None,
        stdin: Stdin | None = None,
    ) -> list[Execution]:
        """Ask for cells to be run, as `run` does, and return their executions as soon as they are queued."""
        asked = self._wait(
            lambda notebook: notebook.start(
                _ids(cells), above=_cell_id(above), below=_cell_id(below), bring=bring, plan=plan, stdin=stdin
            )
        )
        return [Execution(self, one) for one in asked]

    @property
    def graph(self) -> GraphView:
        """Who depends on whom, as a value: cells, edges, order, cycles, problems."""
        return self._here(lambda notebook: notebook.graph)

    @property
    def mode(self) -> Mode:
        """What a run brings along: "manual", "lazy", "reactive" or "cascade" (see docs/dataflow.md); assignable."""
        return self._here(lambda notebook: notebook.mode)

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._here(lambda notebook: setattr(notebook, "mode", mode))

    @property
    def keeps_results(self) -> bool:
        """Whether cells' results are kept and restored where code, inputs and environment are the same; assignable."""
        return self._here(lambda notebook: notebook.keeps_results)

    @keeps_results.setter
    def keeps_results(self, on: bool) -> None:
        self._here(lambda notebook: setattr(notebook, "keeps_results", on))

    @property
    def profile(self) -> Profile:
        """How long each cell took when it last ran."""
        return self._here(lambda notebook: notebook.profile)

    def apply_fix(self, fix: Fix) -> None:
        """Carry out a problem's fix, as one change. Raises BadEdit if the cell was edited since, NotAllowed."""
        self._here(lambda notebook: notebook.apply_fix(fix))

    def plan(
        self,
        cells: Sequence[str | Cell] | str | Cell | None = None,
        *,
        above: str | Cell | None = None,
        below: str | Cell | None = None,
        bring: Bring | None = None,
    ) -> RunPlan:
        """What `run` with these arguments would run, and why; nothing runs. Raises RequestFailed."""
        named = [cells] if isinstance(cells, str | Cell) else cells
        return self._wait(
            lambda notebook: notebook.plan(_ids(named), above=_cell_id(above), below=_cell_id(below), bring=bring)
        )

    def impact(self, cell: str | Cell) -> EditImpact:
        """What an edit of a cell, or its deletion, would make stale. Raises RequestFailed."""
        return self._wait(lambda notebook: notebook.impact(cell if isinstance(cell, str) else cell.id))

    def clear_outputs(self, cells: Sequence[str | Cell] | None = None) -> list[str]:
        """Have these cells (None: all) show no outputs and no count any more; the ids of those that did."""
        ids = None if cells is None else [cell if isinstance(cell, str) else cell.id for cell in cells]
        return self._wait(lambda notebook: notebook.clear_outputs(ids))

    def stop(
        self,
        executions: Sequence[str | Execution] | None = None,
        *,
        everyone: bool = False,
        running: bool = True,
    ) -> list[Execution]:
        """Cancel what waits and interrupt what runs: these executions, else what this peer asked for (`everyone`: all).

        `running=False` leaves the running one alone. What another peer asked for too is only stopped if it is named or
        `everyone` is set. Returns what was stopped.
        """
        ids = None if executions is None else [one if isinstance(one, str) else one.id for one in executions]
        stopped = self._wait(lambda notebook: notebook.stop(ids, everyone=everyone, running=running))
        return [Execution(self, one) for one in stopped]

    def executions_of(self, cell: str | Cell) -> list[Execution]:
        """The executions of a cell that are on record, newest first; the cell may be deleted."""
        cell_id = cell if isinstance(cell, str) else cell.id
        return [Execution(self, one) for one in self._wait(lambda notebook: notebook.executions_of(cell_id))]

    def blame(self, cell: str | Cell) -> list[Blamed]:
        """A cell's source in pieces, each by one author at one time. Raises UnknownCell."""
        cell_id = cell if isinstance(cell, str) else cell.id
        return self._wait(lambda notebook: notebook.blame(cell_id))

    def restore(self, moment: Named, cells: Iterable[str | Cell] | None = None) -> Committed:
        """Make these cells, or the whole notebook with its order and metadata, what they were: a new edit, which `undo`
        takes back. Comments stay. Raises UnknownMoment, UnknownCell, NotAllowed."""
        ids = None if cells is None else [cell if isinstance(cell, str) else cell.id for cell in cells]
        return self._wait(lambda notebook: notebook.restore(moment, ids))

    def undo(self, batch: Committed) -> Undone:
        """The inverse of a batch (of `restore`, say) as a new edit: what others did since stays."""
        return self._here(lambda notebook: notebook.undo(batch))

    def interrupt(self, execution: str | Execution) -> None:
        """Interrupt this execution, or take it out of the queue; no other is touched."""
        execution_id = execution if isinstance(execution, str) else execution.id
        self._wait(lambda notebook: notebook.interrupt(execution_id))

    def until(self, condition: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until a condition on this notebook holds; False if it took longer than `timeout` seconds.

        The condition is called on the background thread whenever something has changed: read there, do not wait.
        """
        return self._wait(lambda notebook: notebook.until(condition, timeout))

    def events(self, timeout: float | None = None) -> Iterator[Event]:
        """What happens to the notebook from now on; ends after `timeout` seconds in which nothing did.

        Local edits are among it. Who falls behind gets a Reset.
        """
        return self._each(self._here(lambda notebook: notebook.events()), timeout)

    def _each(self, stream: EventStream, timeout: float | None) -> Iterator[Event]:
        try:
            while (event := self._wait(lambda _: _next(stream, timeout))) is not None:
                yield event
        finally:
            background().soon(stream.close)  # the generator may be let go when the interpreter ends


def open(
    target: str | os.PathLike[str],
    *,
    create: bool = False,
    role: Role = "editor",
    name: str | None = None,
    kind: PeerKind = "program",
    keep: str | os.PathLike[str] | None = None,
    via: str | None = None,
    token: str | None = None,
) -> Notebook:
    """A live notebook, by its file, its id or its address; the local service is started if it does not run.

    `target` is the path of an .ipynb file (made if there is none and `create` is set), the id of a notebook that the
    local service knows, or an address as `http://127.0.0.1:8000/v1/notebooks/<id>`. `name` and `kind` are how the
    others see this peer. `keep` names a file in which a copy is kept that survives this process and opens without the
    hub. `via` is the address of a relay to the hub (`unix:/path`, `ws://host:port`). `token` is that of the hub, needed
    for one that runs elsewhere unless QUIRE_TOKEN is set.

    Close it when done, or use it in a `with` statement; what is still open when Python exits is closed then. Raises
    NoService, NotConnected, RequestFailed (the file cannot be opened), Refused (the hub does not let this peer in),
    BadEndpoint (the target or `via` is no address), BadReplicaFile and CopySetAside (about `keep`).
    """
    options = {"create": create, "role": role, "name": name, "kind": kind, "keep": keep, "via": via, "token": token}
    return Notebook(Opened(target, options))


def _ids(cells: Sequence[str | Cell] | None) -> list[str] | None:
    return None if cells is None else [cell if isinstance(cell, str) else cell.id for cell in cells]


def _cell_id(cell: str | Cell | None) -> str | None:
    return cell.id if isinstance(cell, Cell) else cell


async def _interrupt(notebook: core_notebook.Notebook, asked: Asked) -> None:
    """Stop what was asked for."""
    async with asyncio.timeout(INTERRUPT_SECONDS):
        executions: list[core_execution.Execution] = await asyncio.wrap_future(asked)
        await notebook.stop(executions)


async def _next(stream: EventStream, timeout: float | None) -> Event | None:
    try:
        async with asyncio.timeout(timeout):
            return await anext(stream)
    except (TimeoutError, StopAsyncIteration):
        return None
