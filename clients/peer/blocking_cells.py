"""Executions and cells in the synchronous face; see `clients.peer.blocking`.

Each object holds the core's object of the same name and the notebook, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from clients.peer import cell as core_cell
from clients.peer import execution as core_execution
from clients.peer.blocking_comments import Comments
from clients.peer.face import Face, HandleFace, here, waits
from clients.peer.waiting import Waiting
from notebook_doc.cells import CellType
from notebook_doc.dataflow.problems import Problem
from notebook_doc.dataflow.staleness import Freshness
from notebook_doc.runtime_records import Execution as Record
from notebook_doc.runtime_records import Prompt
from relay.requests import Bring, Stdin

if TYPE_CHECKING:
    from clients.peer.blocking import Notebook


class Execution(Face[core_execution.Execution]):
    """One run of one cell, or of code without one; live until it has ended."""

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

    @property
    def result(self) -> dict[str, Any] | None:
        """The value of its last expression, as MIME types and contents; None if it had none."""
        return self._wait(lambda execution: execution.result())

    @property
    def waits_for(self) -> Waiting | None:
        """What it waits for while it is queued, which reads as a line; None once it runs or has ended."""
        return self._here(lambda execution: execution.waits_for)

    def wait(self, timeout: float | None = None) -> Execution:
        """Wait until it has ended, however it did. Raises TimeoutError after `timeout` seconds."""
        self._wait(lambda execution: all_ended([execution], timeout))
        return self

    @property
    def prompt(self) -> Prompt | None:
        """What the running code asks for with `input()` or `getpass()`; None if it asks for nothing."""
        return self._here(lambda execution: execution.prompt)

    answer = waits(core_execution.Execution.answer)
    excerpt = waits(core_execution.Execution.excerpt)

    def check(self) -> Execution:
        """Return the execution if it ended well. Raises ExecutionFailed, with the exception's name and text."""
        self._here(lambda execution: execution.check())
        return self

    def interrupt(self) -> None:
        """Interrupt it, or take it out of the queue; no other is touched."""
        self._notebook.interrupt(self)


class Cell(HandleFace[core_cell.Cell]):
    """One cell of a live notebook. It can be kept: it follows the cell through moves and the edits of others, and
    raises UnknownCell once the cell is deleted."""

    append = here(core_cell.Cell.append)
    splice = here(core_cell.Cell.splice)
    delete = here(core_cell.Cell.delete)
    complete = waits(core_cell.Cell.complete)
    inspect = waits(core_cell.Cell.inspect)
    signature = waits(core_cell.Cell.signature)
    blame = waits(core_cell.Cell.blame)
    format = waits(core_cell.Cell.format)

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

    @property
    def defines(self) -> tuple[str, ...]:
        """The names that may be there after it ran, sorted."""
        return self._here(lambda cell: cell.defines)

    @property
    def reads(self) -> tuple[str, ...]:
        """The names that it takes from other cells, sorted."""
        return self._here(lambda cell: cell.reads)

    @property
    def upstream(self) -> list[Cell]:
        """The cells that it takes names from, in notebook order."""
        return [Cell(self._notebook, cell) for cell in self._here(lambda cell: cell.upstream)]

    @property
    def downstream(self) -> list[Cell]:
        """The cells that take names from it, in notebook order."""
        return [Cell(self._notebook, cell) for cell in self._here(lambda cell: cell.downstream)]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with it, by itself and together with others; `Notebook.apply_fix` takes their fixes."""
        return self._here(lambda cell: cell.problems)

    @property
    def freshness(self) -> Freshness:
        """Whether what it shows is what its code gives now, and if not, why."""
        return self._here(lambda cell: cell.freshness)

    @property
    def stale(self) -> bool:
        """Whether it ran, and its code, what it takes from others or the environment are no longer what they were."""
        return self._here(lambda cell: cell.stale)

    plan = waits(core_cell.Cell.plan)
    impact = waits(core_cell.Cell.impact)

    @property
    def comments(self) -> Comments:
        """What was said about the cell: threads, oldest first; `cell.comments.add("…")` begins one."""
        return Comments(self._notebook, self._here(lambda cell: cell.comments))

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

    def run(self, *, bring: Bring | None = None, stdin: Stdin | None = None, timeout: float | None = None) -> Execution:
        """Run the cell with its source as it is here now, and what comes along, and wait until all of it has ended.

        Returns the cell's own execution. See `Notebook.run`.
        """
        executions = self._notebook.run([self], bring=bring, stdin=stdin, timeout=timeout)
        return next((one for one in executions if one.record.cell_id == self.id), executions[-1])

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


def _core(cell: Cell | None) -> core_cell.Cell | None:
    return None if cell is None else cell._core


async def all_ended(executions: Sequence[core_execution.Execution], timeout: float | None) -> None:
    """Wait until each of them has ended. Raises TimeoutError."""
    async with asyncio.timeout(timeout):
        for execution in executions:
            await execution.wait()
