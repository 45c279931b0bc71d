"""Cells as live objects: what they say is read from the replica when it is asked for, what is assigned is an edit.

A Cell holds a notebook and a cell id and nothing else, so it can be kept: it follows the cell through moves and edits
of others, and raises UnknownCell once the cell is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from clients.peer.comments import Comments
from clients.peer.editor import Completions, Inspection, Signature
from clients.peer.execution import Execution
from clients.peer.flow import EditImpact, RunPlan
from clients.peer.handle import Handle
from notebook_doc.cells import CellType
from notebook_doc.dataflow.cell_texts import language_of_notebook, text_of_cell
from notebook_doc.dataflow.problems import Problem
from notebook_doc.dataflow.staleness import Freshness
from notebook_doc.edits import SetSource
from notebook_doc.errors import UnknownCell
from notebook_doc.history.blame import Blamed
from relay.requests import Bring, Format, Stdin

if TYPE_CHECKING:
    from clients.peer.notebook import Notebook


class Cell(Handle):
    """One cell of a live notebook. Raises UnknownCell when it is gone."""

    def __repr__(self) -> str:
        if self.id not in self._notebook.doc:
            return f"<cell {self.id}, deleted>"
        first_line = self.source.partition("\n")[0]
        return f"<{self.type} cell {self.id}: {first_line[:60]!r}>"

    @property
    def source(self) -> str:
        """The cell's text. Assigning makes a minimal edit, so what others type beside it survives."""
        return self._notebook.doc.source(self.id)

    @source.setter
    def source(self, text: str) -> None:
        with self._notebook.edit():
            self._notebook.doc.set_source(self.id, text)

    @property
    def type(self) -> str:
        """ "code", "markdown" or "raw"; assignable."""
        return self._notebook.doc.cell_type(self.id)

    @type.setter
    def type(self, cell_type: CellType) -> None:
        with self._notebook.edit():
            self._notebook.doc.set_cell_type(self.id, cell_type)

    @property
    def metadata(self) -> dict[str, Any]:
        """The cell's metadata, a copy; assigning writes what differs."""
        return dict(self._notebook.doc.cell(self.id).metadata)

    @metadata.setter
    def metadata(self, metadata: dict[str, Any]) -> None:
        with self._notebook.edit():
            self._notebook.doc.set_cell_metadata(self.id, metadata)

    @property
    def index(self) -> int:
        """Where the cell stands among the others, counted from 0."""
        if self.id not in self._notebook.doc:
            raise UnknownCell(self.id)
        return self._notebook.doc.cell_ids().index(self.id)

    def splice(self, index: int, delete: int, insert: str) -> None:
        """Replace `delete` characters at `index` by `insert`: what an editor does at each keystroke."""
        with self._notebook.edit():
            self._notebook.doc.splice_source(self.id, index, delete, insert)

    def append(self, text: str) -> None:
        """Add text at the end of the source."""
        self.splice(len(self.source), 0, text)

    def move(self, *, after: Cell | None = None, before: Cell | None = None) -> None:
        """Put the cell after or before another, at the end if neither is named."""
        with self._notebook.edit():
            self._notebook.doc.move_cell(self.id, after=_id(after), before=_id(before))

    def split(self, at: int) -> Cell:
        """Cut the source at a character; return the new cell, which has what follows it."""
        with self._notebook.edit():
            new_id = self._notebook.doc.split_cell(self.id, at)
        return Cell(self._notebook, new_id)

    def merge(self, other: Cell) -> None:
        """Append another cell's source to this one's and delete the other."""
        with self._notebook.edit():
            self._notebook.doc.merge_cells(self.id, other.id)

    def delete(self) -> None:
        """Remove the cell."""
        with self._notebook.edit():
            self._notebook.doc.delete_cell(self.id)

    @property
    def execution(self) -> Execution | None:
        """The execution whose outputs the cell shows; None if it never ran."""
        execution_id = self._notebook.runtime.latest(self.id)
        return None if execution_id is None else Execution(self._notebook, execution_id)

    @property
    def defines(self) -> tuple[str, ...]:
        """The names that may be there after it ran, sorted."""
        return self._notebook.cell_view(self.id).defines

    @property
    def reads(self) -> tuple[str, ...]:
        """The names that it takes from other cells, sorted."""
        return self._notebook.cell_view(self.id).reads

    @property
    def upstream(self) -> list[Cell]:
        """The cells that it takes names from, in notebook order."""
        return [Cell(self._notebook, cell_id) for cell_id in self._notebook.cell_view(self.id).upstream]

    @property
    def downstream(self) -> list[Cell]:
        """The cells that take names from it, in notebook order."""
        return [Cell(self._notebook, cell_id) for cell_id in self._notebook.cell_view(self.id).downstream]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with it, by itself and together with others; `Notebook.apply_fix` takes their fixes."""
        return self._notebook.cell_view(self.id).problems

    @property
    def freshness(self) -> Freshness:
        """Whether what it shows is what its code gives now, and if not, why."""
        return self._notebook.freshness(self.id)

    @property
    def stale(self) -> bool:
        """Whether it ran, and its code, what it takes from others or the environment are no longer what they were."""
        return self.freshness.status == "stale"

    async def plan(self, *, bring: Bring | None = None) -> RunPlan:
        """What running it would run, and why. See `Notebook.plan`."""
        return await self._notebook.plan([self.id], bring=bring)

    async def impact(self) -> EditImpact:
        """What an edit of it, or its deletion, would make stale."""
        return await self._notebook.impact(self.id)

    async def outputs(self) -> list[dict[str, Any]]:
        """What the cell shows, as nbformat outputs; large contents are fetched from the hub."""
        execution = self.execution
        return [] if execution is None else await execution.outputs()

    async def history(self) -> list[Execution]:
        """The cell's executions that are on record, newest first, each with its source, times and outputs."""
        return await self._notebook.executions_of(self)

    @property
    def comments(self) -> Comments:
        """What was said about the cell: threads, oldest first; `cell.comments.add("…")` begins one."""
        return Comments(self._notebook, self.id)

    async def blame(self) -> list[Blamed]:
        """The source in pieces, each by one author at one time. See `Notebook.blame`."""
        return await self._notebook.blame(self)

    async def run(
        self, *, bring: Bring | None = None, stdin: Stdin | None = None, timeout: float | None = None
    ) -> Execution:
        """Run the cell with its source as it is here now, and what comes along, and wait until all of it has ended.

        Returns the cell's own execution. See `Notebook.run`.
        """
        executions = await self._notebook.run([self.id], bring=bring, stdin=stdin, timeout=timeout)
        return next((one for one in executions if one.record.cell_id == self.id), executions[-1])

    async def run_above(self, *, timeout: float | None = None) -> list[Execution]:
        """Run the code cells above this one, in order. See `Notebook.run`."""
        return await self._notebook.run(above=self, timeout=timeout)

    async def run_below(self, *, timeout: float | None = None) -> list[Execution]:
        """Run this cell and the code cells below it, in order. See `Notebook.run`."""
        return await self._notebook.run(below=self, timeout=timeout)

    async def complete(self, cursor: int | None = None) -> Completions:
        """What can stand at the cursor (None: at the end) of this cell. See `Notebook.complete`."""
        return await self._notebook.complete(self.source, cursor)

    async def inspect(self, cursor: int | None = None, *, detail: bool = False) -> Inspection | None:
        """What the kernel says about the name at the cursor of this cell. See `Notebook.inspect`."""
        return await self._notebook.inspect(self.source, cursor, detail=detail)

    async def signature(self, cursor: int | None = None) -> Signature | None:
        """How the call that the cursor of this cell is in is called. See `Notebook.signature`."""
        return await self._notebook.signature(self.source, cursor)

    async def format(self) -> bool:
        """Write the source as ruff would; returns whether that changed it. Code that does not parse, and what is not
        Python, stays as it is; so does what somebody else formats at this moment.

        The edit is the difference to what the cell said at the call, so what others type meanwhile stays. Raises
        UnknownCell, CellDeletedMeanwhile, and RequestFailed (`cannot_format`) where the daemon has no ruff.
        """
        reading = self._notebook.read()
        cell = reading.notebook.cell(self.id)
        language = language_of_notebook(reading.notebook.metadata())
        text = text_of_cell(cell.cell_type, cell.source, cell.metadata, language)
        answer = await self._notebook.request(Format(code=text.source, language=text.language, cell_id=self.id))
        if answer["code"] == text.source:
            return False
        self._notebook.commit(reading, [SetSource(self.id, answer["code"])])
        return True


def _id(cell: Cell | None) -> str | None:
    return None if cell is None else cell.id


class Cells(Sequence[Cell]):
    """The cells of a notebook in order, looked up anew at every use: by index, by slice, or by id."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def __len__(self) -> int:
        return len(self._notebook.doc)

    def __iter__(self) -> Iterator[Cell]:
        return (Cell(self._notebook, cell_id) for cell_id in self._notebook.doc.cell_ids())

    @overload
    def __getitem__(self, key: int | str) -> Cell: ...

    @overload
    def __getitem__(self, key: slice) -> list[Cell]: ...

    def __getitem__(self, key: int | str | slice) -> Cell | list[Cell]:
        if isinstance(key, str):
            if key not in self._notebook.doc:
                raise UnknownCell(key)
            return Cell(self._notebook, key)
        ids = self._notebook.doc.cell_ids()
        if isinstance(key, slice):
            return [Cell(self._notebook, cell_id) for cell_id in ids[key]]
        return Cell(self._notebook, ids[key])

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
        with self._notebook.edit():
            cell_id = self._notebook.doc.add_cell(source, type, after=_id(after), before=_id(before), metadata=metadata)
        return Cell(self._notebook, cell_id)
