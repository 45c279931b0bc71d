"""What an agent sees of a notebook: its cells, its dataflow, who is where. Nothing here writes.

Code is what the agent's draft says: what was read, with what it has queued since. Status, outputs and people are as
they are now. Cells are found by id, by name, by index, or by what they say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, overload

from clients.agent.errors import AgentError, NoSuchCell
from notebook_doc.cells import Cell
from notebook_doc.dataflow.fixes import problems_of
from notebook_doc.dataflow.graph import Graph
from notebook_doc.dataflow.problems import Problem
from notebook_doc.draft import CellsOfNotebook
from notebook_doc.policy import QUIRE
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Manifest
from relay.messages import PresentPeer

# Characters of a cell's text that a line about it shows.
PREVIEW: Final = 72

R = TypeVar("R")


class Seen(Protocol):
    """What the views read."""

    @property
    def draft(self) -> CellsOfNotebook:
        """The notebook as the agent has it."""

    @property
    def graph_now(self) -> Graph:
        """Its dataflow."""

    def live(self, read: Callable[[RuntimeDoc], R]) -> R:
        """Read RuntimeDoc, where that may be read."""

    def watchers(self) -> Sequence[PresentPeer]:
        """Everyone who is here."""


class CellView:
    """One cell."""

    def __init__(self, seen: Seen, cell_id: str) -> None:
        self._seen = seen
        self.id = cell_id

    def __repr__(self) -> str:
        first = self.code.strip().partition("\n")[0][:PREVIEW]
        name = f" {self.name!r}" if self.name else ""
        return f"<{self.index}: {self.id}{name} {self.type}, {self.status}: {first}>"

    @property
    def _cell(self) -> Cell:
        return self._seen.draft.cell(self.id)

    @property
    def code(self) -> str:
        """Its source."""
        return self._seen.draft.source(self.id)

    @property
    def index(self) -> int:
        """Where it stands, from 0."""
        return self._seen.draft.cell_ids().index(self.id)

    @property
    def name(self) -> str:
        """What it is called; empty if it has no name."""
        name = self._cell.metadata.get("name")
        return name if isinstance(name, str) else ""

    @property
    def type(self) -> str:
        """ "code", "markdown" or "raw"."""
        return self._seen.draft.cell_type(self.id)

    @property
    def made_by(self) -> str:
        """The agent that made it; empty for a cell of a person's."""
        ours = self._cell.metadata.get(QUIRE)
        mark = ours.get("made_by") if isinstance(ours, dict) else None
        name = mark.get("name") if isinstance(mark, dict) else None
        return name if isinstance(name, str) else ""

    @property
    def status(self) -> str:
        """How its latest run ended or stands: "done", "error", "running", "queued" …; "draft" if it has not run since
        it was last edited."""
        return self._seen.live(self._status)

    def _status(self, runtime: RuntimeDoc) -> str:
        if self.type != "code":
            return "text"
        latest = runtime.latest(self.id)
        record = None if latest is None else runtime.execution(latest)
        if record is None:
            return "draft"
        if record.is_terminal and record.status != "imported" and record.source != self.code:
            return "draft"
        return record.status

    @property
    def execution_id(self) -> str | None:
        """The execution whose outputs it shows."""
        return self._seen.live(lambda runtime: runtime.latest(self.id))

    @property
    def errors(self) -> list[str]:
        """What is wrong with it: the error that its latest run ended with, and the problems of its code."""
        found = [one.message for one in self.problems]
        ran = self._seen.live(self._error)
        return [*([ran] if ran else []), *found]

    def _error(self, runtime: RuntimeDoc) -> str:
        latest = runtime.latest(self.id)
        record = None if latest is None else runtime.execution(latest)
        return "" if record is None or record.error is None else f"{record.error.ename}: {record.error.evalue}"

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Problems of its code, by itself and together with other cells."""
        return problems_of(self._seen.graph_now, self.id, self._seen.draft.source)

    @property
    def outputs(self) -> list[str]:
        """What it shows, each output in a line or a few; whole ones: `await ctx.outputs(cell)`."""
        return self._seen.live(lambda runtime: [preview(one) for one in runtime.shown(self.id)[1]])

    @property
    def defs(self) -> frozenset[str]:
        """The names that it defines for others."""
        return self._seen.graph_now.analysis(self.id).defs

    @property
    def refs(self) -> frozenset[str]:
        """The names that it takes from other cells."""
        return self._seen.graph_now.refs(self.id)

    @property
    def people(self) -> list[str]:
        """Who is in it at the moment."""
        return [one.peer.name for one in self._seen.watchers() if one.state.get("cell_id") == self.id]


CellRef = str | int | CellView


class CellsView(Sequence[CellView]):
    """The cells in order: `cells["id or name"]`, `cells[0]`, iterate, `find`, `grep`."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def __repr__(self) -> str:
        return "\n".join(map(repr, self))

    def __len__(self) -> int:
        return len(self._seen.draft)

    def __iter__(self) -> Iterator[CellView]:
        return (CellView(self._seen, cell_id) for cell_id in self._seen.draft.cell_ids())

    @overload
    def __getitem__(self, key: int | str) -> CellView: ...

    @overload
    def __getitem__(self, key: slice) -> list[CellView]: ...

    def __getitem__(self, key: int | str | slice) -> CellView | list[CellView]:
        if isinstance(key, slice):
            return [CellView(self._seen, one) for one in self._seen.draft.cell_ids()[key]]
        return CellView(self._seen, resolve(self._seen.draft, key))

    def has(self, cell: str | int) -> bool:
        """Whether a cell has this id, name or index."""
        try:
            return bool(resolve(self._seen.draft, cell))
        except NoSuchCell:
            return False

    def find(self, text: str) -> list[CellView]:
        """The cells whose source has this text."""
        return [cell for cell in self if text in cell.code]

    def grep(self, pattern: str) -> list[tuple[CellView, int, str]]:
        """The lines that match a regular expression: cell, line number from 1, line."""
        try:
            wanted = re.compile(pattern)
        except re.error as error:
            told = f"{pattern!r} is no regular expression: {error}."
            raise AgentError(told, "Put a backslash before what is meant literally, as in \\(.") from error
        return [
            (cell, number, line)
            for cell in self
            for number, line in enumerate(cell.code.splitlines(), 1)
            if wanted.search(line)
        ]


class GraphView:
    """What depends on what. Cells may be named by id, name, index or view."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def __repr__(self) -> str:
        graph = self._seen.graph_now
        return "\n".join(
            f"<{number}: {one} defines {_listed(graph.analysis(one).defs)}; reads {_listed(graph.refs(one))}>"
            for number, one in enumerate(graph.order)
        )

    def ancestors(self, cell: CellRef) -> list[CellView]:
        """The cells that this one depends on, over any number of steps, in notebook order."""
        return self._views(self._seen.graph_now.ancestors(resolve(self._seen.draft, cell)))

    def descendants(self, cell: CellRef) -> list[CellView]:
        """The cells that depend on this one, over any number of steps, in notebook order."""
        return self._views(self._seen.graph_now.descendants(resolve(self._seen.draft, cell)))

    def definers(self, name: str) -> list[CellView]:
        """The cells that define a name."""
        return self._views(self._seen.graph_now.owners(name))

    def readers(self, name: str) -> list[CellView]:
        """The cells that read a name."""
        return self._views(self._seen.graph_now.readers(name))

    def cycles(self) -> list[list[CellView]]:
        """Circles of cells that depend on each other."""
        return [self._views(cells) for cells in self._seen.graph_now.cycles()]

    def problems(self) -> list[Problem]:
        """All that is wrong with the code, each once."""
        graph, draft = self._seen.graph_now, self._seen.draft
        found = {
            (one.code, one.names, one.cells): one
            for cell_id in graph.order
            for one in problems_of(graph, cell_id, draft.source)
        }
        return list(found.values())

    def _views(self, cell_ids: Any) -> list[CellView]:
        return [CellView(self._seen, one) for one in sorted(cell_ids, key=self._seen.graph_now.place)]


@dataclass(frozen=True, slots=True)
class PeerView:
    """Somebody who has the notebook open, and where: a cell, and from where to where in its source is selected."""

    name: str
    kind: str
    cell_id: str | None
    status: str
    selection: tuple[int, int] | None = None


def peer_view(present: PresentPeer) -> PeerView:
    """What an agent sees of a peer."""
    cell_id, status = present.state.get("cell_id"), present.state.get("status")
    selection: tuple[int, int] | None = None
    match present.state.get("anchor"), present.state.get("head"):
        case int(anchor), int(head) if anchor != head:
            selection = min(anchor, head), max(anchor, head)
    return PeerView(
        present.peer.name,
        present.peer.kind,
        cell_id if isinstance(cell_id, str) else None,
        status if isinstance(status, str) else "",
        selection,
    )


def resolve(notebook: CellsOfNotebook, cell: CellRef) -> str:
    """The id of the cell that is meant: by id, name, index (from 0, negative from the end) or view.

    An index may be text, for those who have nothing else; ids and names come first.
    """
    if isinstance(cell, CellView):
        cell = cell.id
    if isinstance(cell, str) and cell not in notebook and _INDEX.fullmatch(cell) and not _named(notebook, cell):
        cell = int(cell)
    if isinstance(cell, int):
        ids = notebook.cell_ids()
        if -len(ids) <= cell < len(ids):
            return ids[cell]
        raise NoSuchCell(f"There is no cell {cell}: there are {len(ids)}.", "Indices count from 0.")
    if cell in notebook:
        return cell
    named = _named(notebook, cell)
    if len(named) == 1:
        return named[0]
    if named:
        raise NoSuchCell(f"{len(named)} cells have the name {cell!r}: {', '.join(named)}.", "Use an id.")
    ids = notebook.cell_ids()
    listed = ", ".join(ids[:20]) + (f" and {len(ids) - 20} more" if len(ids) > 20 else "")
    raise NoSuchCell(f"No cell has the id or name {cell!r}.", f"It may have been deleted. There are: {listed}.")


_INDEX: Final = re.compile(r"-?[0-9]{1,9}")


def _named(notebook: CellsOfNotebook, name: str) -> list[str]:
    return [one for one in notebook.cell_ids() if notebook.cell(one).metadata.get("name") == name]


def preview(manifest: Manifest) -> str:
    """An output in short, from what is in the document itself."""
    match manifest:
        case {"output_type": "stream", "text": list(parts)}:
            sizes = [part.get("size") for part in parts if isinstance(part, dict)]
            stored = sum(size for size in sizes if isinstance(size, int))
            return "".join(_inline(part, "") for part in parts) + (f"[{stored} bytes]" if stored else "")
        case {"output_type": "error", "ename": ename, "evalue": evalue}:
            return f"{ename}: {evalue}"
        case {"data": dict(data)}:
            for mime in ("text/plain", "text/markdown", "text/html"):
                if mime in data:
                    others = ", ".join(one for one in sorted(data) if one != mime)
                    return _inline(data[mime]) + (f" (also {others})" if others else "")
            return f"({', '.join(sorted(data))})"
        case _:
            return ""


def _inline(content: Any, other: str | None = None) -> str:
    """What is in the document itself; `other`, or how much it is, where it is a blob."""
    if not isinstance(content, dict):
        return ""
    if isinstance(inline := content.get("inline"), str):
        return inline
    return f"[{content.get('size')} bytes]" if other is None else other


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
