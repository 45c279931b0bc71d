"""What came of a batch: what was written, with whose work it was merged, what ran, and how to take it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from clients.agent.errors import described
from notebook_doc.batch import Committed, Meanwhile
from notebook_doc.dataflow.problems import Problem

# Names that a line of a report lists.
MAX_LISTED: Final = 30


@dataclass(frozen=True, slots=True)
class Merged:
    """What others did to one cell between the reading and the commit. `shared`: the batch edited it too, and its text
    holds both."""

    cell_id: str
    what: str
    fields: tuple[str, ...]
    by: tuple[str, ...]
    shared: bool

    def __str__(self) -> str:
        who = " and ".join(self.by) or "somebody"
        what = f"{self.what} ({', '.join(self.fields)})" if self.fields else self.what
        return f"{self.cell_id}: {what} by {who}" + ("; both edits are in it" if self.shared else "")


@dataclass(frozen=True, slots=True)
class Run:
    """How the run of one cell ended: its status, and what it put out as plain text, cut at `MAX_TEXT`."""

    cell_id: str
    execution_id: str
    status: str
    text: str
    outputs: tuple[dict[str, Any], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.status == "done"

    def __str__(self) -> str:
        text = self.text.rstrip("\n")
        return f"{self.cell_id}: {self.status}" + (f"\n{text}" if text else "")


@dataclass(frozen=True, slots=True)
class Report:
    """See the module. `change` is the hash of the one change that was written, by which it can be taken back; empty if
    nothing was. `proposal` is the id of the proposal that was made in its place."""

    created: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    already_deleted: tuple[str, ...] = ()
    merged: tuple[Merged, ...] = ()
    warnings: tuple[Problem, ...] = ()
    settings: tuple[str, ...] = ()  # of the notebook, that were changed
    installed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()  # packages
    runs: tuple[Run, ...] = ()
    change: str = ""
    proposal: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything that was run ended well."""
        return all(run.ok for run in self.runs)

    def __add__(self, later: Report) -> Report:
        """What came of both."""
        return Report(
            created=(*self.created, *later.created),
            edited=tuple(dict.fromkeys((*self.edited, *later.edited))),
            moved=tuple(dict.fromkeys((*self.moved, *later.moved))),
            deleted=(*self.deleted, *later.deleted),
            already_deleted=(*self.already_deleted, *later.already_deleted),
            merged=(*self.merged, *later.merged),
            warnings=(*self.warnings, *later.warnings),
            settings=(*self.settings, *later.settings),
            installed=(*self.installed, *later.installed),
            removed=(*self.removed, *later.removed),
            runs=(*self.runs, *later.runs),
            change=later.change or self.change,
            proposal=later.proposal or self.proposal,
        )

    def with_runs(self, runs: Iterable[Run]) -> Report:
        """The same with what ran."""
        return replace(self, runs=(*self.runs, *runs))

    def __str__(self) -> str:
        lines = [f"{what} {_listed(cells)}" for what, cells in self._did() if cells]
        if self.proposal:
            lines.append(f"proposed {self.proposal}: somebody accepts or rejects it")
        lines += [f"merged with {one}" for one in self.merged]
        lines += [f"warning: {described(one)}" for one in self.warnings]
        lines += [f"ran {run}" for run in self.runs]
        return "\n".join(lines) or "nothing was changed"

    def _did(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return (
            ("created", self.created),
            ("edited", self.edited),
            ("moved", self.moved),
            ("deleted", self.deleted),
            ("was deleted already:", self.already_deleted),
            ("set", self.settings),
            ("installed", self.installed),
            ("removed", self.removed),
        )


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more


def report_of(done: Committed, warnings: Iterable[Problem], names: Mapping[bytes, str]) -> Report:
    """The report of a committed batch; `names` are those of the actors that wrote meanwhile, as far as known."""
    return Report(
        created=done.created,
        edited=done.edited,
        moved=done.moved,
        deleted=done.deleted,
        already_deleted=done.already_deleted,
        merged=merged_of(done.meanwhile, done.edited, names),
        warnings=tuple(warnings),
        change="" if done.change is None else done.change.hex(),
    )


def merged_of(meanwhile: Iterable[Meanwhile], edited: Iterable[str], names: Mapping[bytes, str]) -> tuple[Merged, ...]:
    """What others did, with their names."""
    own = set(edited)
    return tuple(
        Merged(
            one.cell_id,
            one.what,
            tuple(sorted(one.fields)),
            tuple(sorted({names[actor] for actor in one.actors if actor in names})),
            shared=one.cell_id in own,
        )
        for one in meanwhile
    )


def actors_of(meanwhile: Iterable[Meanwhile]) -> set[bytes]:
    """Everyone who wrote meanwhile."""
    return {actor for one in meanwhile for actor in one.actors}
