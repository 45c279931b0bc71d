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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, overload

from clients.peer import cell as core_cell
from clients.peer import execution as core_execution
from clients.peer import notebook as core_notebook
from clients.peer.background import background
from clients.peer.errors import PeerError
from clients.peer.face import Face, here, waits
from clients.peer.opened import Opened
from clients.peer.watching import EventStream
from notebook_doc.events import Event
from notebook_doc.notebook import CellType
from notebook_doc.runtime import Execution as Record
from notebook_doc.runtime import KernelState
from relay.errors import WireError
from relay.messages import PeerKind, PresentPeer, Role

# Seconds that Ctrl-C during `run` waits for the interrupt to be answered, before it is raised all the same.
INTERRUPT_SECONDS: Final = 10.0


class Execution(Face[core_execution.Execution]):
    """One run of one cell, live until it has ended."""

    @property
    def id(self) -> str:
        """The execution's id."""
        return self._core.id

    @property
    def record(self) -> Record:
        """Status, source, times, who asked. Raises NotConnected while the daemon's record has not arrived."""
        return self._here(lambda execution: execution.record)

    @property
    def status(self) -> str:
        """ "queued", "running", "done", "error", "cancelled" or "died"."""
        return self._here(lambda execution: execution.status)

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self._here(lambda execution: execution.ok)

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The outputs so far, as nbformat outputs; large contents are fetched from the hub."""
        return self._wait(lambda execution: execution.outputs())

    @property
    def text(self) -> str:
        """What it printed and showed as plain text: streams, text/plain of displays and results, tracebacks."""
        return self._wait(lambda execution: execution.text())

    def wait(self, timeout: float | None = None) -> Execution:
        """Wait until it has ended, however it did. Raises TimeoutError after `timeout` seconds."""
        self._wait(lambda execution: _ended([execution], timeout))
        return self

    def check(self) -> Execution:
        """Return the execution if it ended well. Raises ExecutionFailed, with the exception's name and text."""
        self._here(lambda execution: execution.check())
        return self

    def interrupt(self) -> None:
        """Interrupt it, or take it out of the queue; no other is touched."""
        self._notebook.interrupt(self)


class Cell(Face[core_cell.Cell]):
    """One cell of a live notebook. It can be kept: it follows the cell through moves and the edits of others, and
    raises UnknownCell once the cell is deleted."""

    append = here(core_cell.Cell.append)
    splice = here(core_cell.Cell.splice)
    delete = here(core_cell.Cell.delete)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and other._core == self._core

    def __hash__(self) -> int:
        return hash(self._core)

    @property
    def id(self) -> str:
        """The cell's id; it never changes."""
        return self._core.id

    @property
    def source(self) -> str:
        """The cell's text. Assigning makes a minimal edit, so what others type beside it survives."""
        return self._here(lambda cell: cell.source)

    @source.setter
    def source(self, text: str) -> None:
        self._here(lambda cell: setattr(cell, "source", text))

    @property
    def type(self) -> str:
        """ "code", "markdown" or "raw"; assignable."""
        return self._here(lambda cell: cell.type)

    @type.setter
    def type(self, cell_type: CellType) -> None:
        self._here(lambda cell: setattr(cell, "type", cell_type))

    @property
    def metadata(self) -> dict[str, Any]:
        """The cell's metadata, a copy; assigning writes what differs."""
        return self._here(lambda cell: cell.metadata)

    @metadata.setter
    def metadata(self, metadata: dict[str, Any]) -> None:
        self._here(lambda cell: setattr(cell, "metadata", metadata))

    @property
    def index(self) -> int:
        """Where the cell stands among the others, counted from 0."""
        return self._here(lambda cell: cell.index)

    @property
    def execution(self) -> Execution | None:
        """The execution whose outputs the cell shows; None if it never ran."""
        found = self._here(lambda cell: cell.execution)
        return None if found is None else Execution(self._notebook, found)

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """What the cell shows, as nbformat outputs; large contents are fetched from the hub."""
        return self._wait(lambda cell: cell.outputs())

    def history(self) -> list[Execution]:
        """The cell's executions that are on record, newest first, each with its source, times and outputs."""
        return [Execution(self._notebook, one) for one in self._wait(lambda cell: cell.history())]

    def move(self, *, after: Cell | None = None, before: Cell | None = None) -> None:
        """Put the cell after or before another, at the end if neither is named."""
        self._here(lambda cell: cell.move(after=_core(after), before=_core(before)))

    def split(self, at: int) -> Cell:
        """Cut the source at a character; return the new cell, which has what follows it."""
        return Cell(self._notebook, self._here(lambda cell: cell.split(at)))

    def merge(self, other: Cell) -> None:
        """Append another cell's source to this one's and delete the other."""
        self._here(lambda cell: cell.merge(other._core))

    def run(self, *, timeout: float | None = None) -> Execution:
        """Run the cell with its source as it is here now, and wait until it has ended. See `Notebook.run`."""
        (execution,) = self._notebook.run([self], timeout=timeout)
        return execution

    def run_above(self, *, timeout: float | None = None) -> list[Execution]:
        """Run the code cells above this one, in order. See `Notebook.run`."""
        return self._notebook.run(above=self, timeout=timeout)

    def run_below(self, *, timeout: float | None = None) -> list[Execution]:
        """Run this cell and the code cells below it, in order. See `Notebook.run`."""
        return self._notebook.run(below=self, timeout=timeout)


class Cells(Sequence[Cell]):
    """The cells of a notebook in order, looked up anew at every use: by index, by slice, or by id."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def __repr__(self) -> str:
        return repr(list(self))

    def __len__(self) -> int:
        return self._notebook._here(lambda notebook: len(notebook.cells))

    def __iter__(self) -> Iterator[Cell]:
        return iter(self[:])

    @overload
    def __getitem__(self, key: int | str) -> Cell: ...

    @overload
    def __getitem__(self, key: slice) -> list[Cell]: ...

    def __getitem__(self, key: int | str | slice) -> Cell | list[Cell]:
        if isinstance(key, slice):
            found = self._notebook._here(lambda notebook: notebook.cells[key])
            return [Cell(self._notebook, cell) for cell in found]
        return Cell(self._notebook, self._notebook._here(lambda notebook: notebook.cells[key]))

    def add(
        self,
        source: str = "",
        type: CellType = "code",
        *,
        after: Cell | None = None,
        before: Cell | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Cell:
        """Insert a cell after or before another, at the end if neither is named."""
        added = self._notebook._here(
            lambda notebook: notebook.cells.add(
                source, type, after=_core(after), before=_core(before), metadata=metadata
            )
        )
        return Cell(self._notebook, added)


class Notebook(Face[core_notebook.Notebook]):
    """A live notebook. Made by `open`; close it, or use it in a `with` statement, which closes it."""

    save = waits(core_notebook.Notebook.save)
    saved = waits(core_notebook.Notebook.saved)
    kept = waits(core_notebook.Notebook.kept)
    restart_kernel = waits(core_notebook.Notebook.restart_kernel)
    shutdown_kernel = waits(core_notebook.Notebook.shutdown_kernel)
    blob = waits(core_notebook.Notebook.blob)
    put_blob = waits(core_notebook.Notebook.put_blob)
    set_metadata = here(core_notebook.Notebook.set_metadata)
    set_presence = here(core_notebook.Notebook.set_presence)

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
        timeout: float | None = None,
    ) -> list[Execution]:
        """Run cells in order and wait until each has ended: these, or the code cells above a cell, or a cell and the
        code cells below it; without any of them, every code cell.

        What runs is their source as it is here now. A failing cell ends the run of those after it; look at the
        executions, or call `check()` on them. Ctrl-C interrupts these executions, and no others, before it is raised.
        Raises RequestFailed, NotConnected, TimeoutError.
        """
        asked = background().start(self._core.start(_ids(cells), above=_cell_id(above), below=_cell_id(below)))
        try:
            started = asked.result()
            self._wait(lambda _: _ended(started, timeout))
        except KeyboardInterrupt:
            with suppress(PeerError, WireError, TimeoutError):
                self._wait(lambda notebook: _interrupt(notebook, asked))
            raise
        return [Execution(self, execution) for execution in started]

    def run_all(self, *, timeout: float | None = None) -> list[Execution]:
        """Run every code cell in order. See `run`."""
        return self.run(timeout=timeout)

    def start(
        self,
        cells: Sequence[str | Cell] | None = None,
        *,
        above: str | Cell | None = None,
        below: str | Cell | None = None,
    ) -> list[Execution]:
        """Ask for cells to be run, as `run` does, and return their executions as soon as they are queued."""
        asked = self._wait(lambda notebook: notebook.start(_ids(cells), above=_cell_id(above), below=_cell_id(below)))
        return [Execution(self, one) for one in asked]

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
            background().call(stream.close)


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


def _core(cell: Cell | None) -> core_cell.Cell | None:
    return None if cell is None else cell._core


def _ids(cells: Sequence[str | Cell] | None) -> list[str] | None:
    return None if cells is None else [cell if isinstance(cell, str) else cell.id for cell in cells]


def _cell_id(cell: str | Cell | None) -> str | None:
    return cell.id if isinstance(cell, Cell) else cell


async def _ended(executions: Sequence[core_execution.Execution], timeout: float | None) -> None:
    async with asyncio.timeout(timeout):
        for execution in executions:
            await execution.wait()


async def _interrupt(
    notebook: core_notebook.Notebook, asked: concurrent.futures.Future[list[core_execution.Execution]]
) -> None:
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
