"""The dataflow of a notebook as one replica has it: its graph and problems, current at every question.

A Dataflow follows a NotebookDoc by its changes: `update` costs what was written since the last time, not the notebook,
and answers which cells say or take something else now. What it says follows from the document alone, so peers with the
same heads say the same, whatever they merged in which order. It reads the document and writes nothing; inside an open
`edit()` it says what was true before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from notebook_doc.dataflow.analysis import Analysis, analyze
from notebook_doc.dataflow.cell_texts import is_setup_cell, language_of_notebook, text_of_cell
from notebook_doc.dataflow.fixes import problems_of
from notebook_doc.dataflow.graph import Graph
from notebook_doc.dataflow.problems import Problem
from notebook_doc.dataflow.provenance import environment_of, hash_of, hash_of_source
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Heads

Mode = Literal["manual", "lazy", "reactive", "cascade"]
MODES: Final[tuple[Mode, ...]] = ("manual", "lazy", "reactive", "cascade")
# From so many cells on that changed at once, looking for cycles everywhere once costs less than after each of them.
MANY: Final = 16


@dataclass(frozen=True, slots=True)
class _Seen:
    """A cell when it was last looked at."""

    language: str
    source: str
    cell_type: str
    setup: bool
    position: str


class Dataflow:
    """See the module. `graph` is read-only for everyone else."""

    def __init__(self, doc: NotebookDoc) -> None:
        self.graph = Graph()
        self.mode: Mode = "manual"
        self.environment = ""
        self._seen: dict[str, _Seen] = {}
        self._provenance: dict[str, str] = {}
        self._hashes: dict[str, str] = {}  # of sources
        self._language = ""
        self._order_is_old = True
        self._doc: NotebookDoc | None = None
        self._generation = 0
        self._heads: Heads = ()
        self.update(doc)

    # --- following the document ---------------------------------------------------------------------------------------

    def update(self, doc: NotebookDoc) -> frozenset[str]:
        """Take in what was written since the last time; the cells that say, or take from others, something else than
        before, those that are gone included. Cells further downstream are not among them: see `Graph.descendants`."""
        heads = doc.replica.heads()
        if doc is self._doc and doc.replica.generation == self._generation:
            if heads == self._heads:
                return frozenset()
            touched = set(doc.writers_since(self._heads))
        else:
            touched = {*doc.cell_ids(), *self._seen}
        self._doc, self._generation, self._heads = doc, doc.replica.generation, heads
        metadata = doc.metadata()
        self.mode = mode_of(metadata)
        everywhere = self._look_at_environment(metadata)
        language = language_of_notebook(metadata)
        if language != self._language:
            self._language, touched = language, {*doc.cell_ids(), *self._seen}
        return self._take_in(doc, set(touched), everywhere)

    def _look_at_environment(self, metadata: Mapping[str, object]) -> bool:
        environment = environment_of(metadata)
        changed, self.environment = environment != self.environment, environment
        return changed

    def _take_in(self, doc: NotebookDoc, touched: set[str], everywhere: bool) -> frozenset[str]:
        changed: set[str] = set()
        names: set[str] = set()
        if len(touched) > MANY:
            self.graph.forget_cycles()
        for cell_id in touched:
            if cell_id in doc:
                names |= self._look_at(doc, cell_id, changed)
            elif self._seen.pop(cell_id, None) is not None:
                self._hashes.pop(cell_id, None)
                self._order_is_old = True
                changed.add(cell_id)
                changed |= self.graph.readers_of(cell_id)
                names |= self.graph.remove(cell_id)
        if self._order_is_old:
            self._order_is_old = False
            if self.graph.set_order(doc.cell_ids()):
                names |= self.graph.disputed
        for name in names:
            changed.update(self.graph.readers(name))
            changed.update(self.graph.owners(name))
        if everywhere:
            changed.update(self.graph.order)
        self._forget_provenance(changed)
        return frozenset(changed)

    def _look_at(self, doc: NotebookDoc, cell_id: str, changed: set[str]) -> set[str]:
        cell_type = doc.cell_type(cell_id)
        metadata = doc.cell_metadata(cell_id)
        text = text_of_cell(cell_type, doc.source(cell_id), metadata, self._language)
        seen = _Seen(text.language, text.source, cell_type, is_setup_cell(cell_type, metadata), doc.position(cell_id))
        before = self._seen.get(cell_id)
        if seen != before or text.result:
            self._seen[cell_id] = seen
            self._order_is_old |= before is None or before.position != seen.position
            self._hashes.pop(cell_id, None)
            changed.add(cell_id)
            return self.graph.put(cell_id, analyze(text), setup=seen.setup)
        return set()

    def _forget_provenance(self, changed: set[str]) -> None:
        if self._provenance and changed:
            for cell_id in changed | self.graph.descendants(*changed):
                self._provenance.pop(cell_id, None)

    # --- what it says -------------------------------------------------------------------------------------------------

    def __contains__(self, cell_id: object) -> bool:
        return cell_id in self._seen

    @property
    def code_cells(self) -> list[str]:
        """The code cells with something in them, in notebook order."""
        return [one for one in self.graph.order if self.runs(one)]

    def runs(self, cell_id: str) -> bool:
        """Whether this is a code cell with something in it."""
        seen = self._seen.get(cell_id)
        return seen is not None and seen.cell_type == "code" and bool(seen.source.strip())

    def source(self, cell_id: str) -> str:
        """A cell's source; empty if it is gone."""
        seen = self._seen.get(cell_id)
        return "" if seen is None else seen.source

    def cell_type(self, cell_id: str) -> str:
        """A cell's type; empty if it is gone."""
        seen = self._seen.get(cell_id)
        return "" if seen is None else seen.cell_type

    def language(self, cell_id: str) -> str:
        """The language that a cell is analyzed as: "python", "sql", "markdown" … ; empty if it has none or is gone."""
        seen = self._seen.get(cell_id)
        return "" if seen is None else seen.language

    def analysis(self, cell_id: str) -> Analysis:
        """What a cell says about names."""
        return self.graph.analysis(cell_id)

    def problems(self, cell_id: str) -> tuple[Problem, ...]:
        """What is wrong with a cell, by itself and together with others; ranges in code points, fixes to apply."""
        return problems_of(self.graph, cell_id, self.source)

    def all_problems(self) -> dict[str, tuple[Problem, ...]]:
        """The cells with problems, in notebook order, and their problems."""
        return {one: found for one in self.graph.order if (found := self.problems(one))}

    # --- provenance ---------------------------------------------------------------------------------------------------

    def source_hash(self, cell_id: str) -> str:
        """The hash of the normal form of a cell's source as it is now."""
        known = self._hashes.get(cell_id)
        if known is None:
            known = self._hashes[cell_id] = hash_of_source(self.language(cell_id), self.source(cell_id))
        return known

    def provenance(self, cell_id: str) -> str:
        """The hash of everything that a run of this cell would follow from now: its source, the environment, and the
        provenance of every cell that it takes names from. Cells in a circle count each other by their sources."""
        known = self._provenance
        if cell_id in known:
            return known[cell_id]
        path = [cell_id]
        while path:  # depth first without recursion: chains are as long as notebooks
            one = path[-1]
            cycle = self.graph.cycle_of(one)
            missing = [owner for owner in self.graph.sources_of(one) if owner not in known and owner not in cycle]
            if missing:
                path += missing
                continue
            path.pop()
            if one not in known:
                known[one] = hash_of(self.source_hash(one), self._inputs(one, cycle), self.environment)
        return known[cell_id]

    def _inputs(self, cell_id: str, cycle: frozenset[str]) -> dict[str, str]:
        found = self.graph.inputs(cell_id)
        return {
            name: self.source_hash(owner) if owner in cycle else self._provenance[owner]
            for name, owner in found.items()
        }


def mode_of(metadata: Mapping[str, object]) -> Mode:
    """The execution mode that a notebook has chosen: `metadata.quire.execution_mode`; manual if it names none."""
    own = metadata.get("quire")
    mode = own.get("execution_mode") if isinstance(own, dict) else None
    return cast(Mode, mode) if mode in MODES else "manual"
