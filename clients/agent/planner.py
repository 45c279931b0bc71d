"""From what an agent wants to one batch for the document. Pure.

A Planner owns a draft of what the agent read. Each operation is carried out on the draft at once, so a
mistake is told where it is made and what is read afterwards is what was written; the notebook itself is not touched.
`plan` is what came of it: the batch, and what is to be done beside it (packages, runs, widgets, words).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, assert_never

from clients.agent.errors import AgentError, NoSuchText
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
from notebook_doc import edits
from notebook_doc.batch import Reading
from notebook_doc.dataflow.notebook_dataflow import MODES
from notebook_doc.draft import Draft
from notebook_doc.edits import Operation
from notebook_doc.json_values import Json
from notebook_doc.policy import AGENTS, QUIRE, marked_as_made_by

NO_PACKAGES: Final = ChangePackages()
# Characters that a batch may write into cells, and those of a line that people read. Every peer keeps each character of
# a notebook for ever, and an insertion of a million holds all of them up for seconds.
MAX_WRITTEN: Final = 300_000
MAX_WORDS: Final = 2_000
_JUPYTER: Final = "jupyter"  # where JupyterLab keeps how a cell is shown


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: packages first, then the batch, then the runs, the widgets, and the words."""

    batch: tuple[Operation, ...] = ()
    packages: ChangePackages = NO_PACKAGES
    settings: tuple[str, ...] = ()  # of the notebook, that the batch changes
    runs: tuple[str, ...] = ()
    widgets: tuple[SetWidget, ...] = ()
    words: tuple[Say, ...] = ()

    @property
    def touched(self) -> tuple[str, ...]:
        """The cells that the batch names, each once."""
        named = (one.cell_id for one in self.batch if not isinstance(one, edits.SetNotebookMetadata))
        return tuple(dict.fromkeys(named))

    @property
    def created(self) -> tuple[str, ...]:
        """The cells that it makes, in the order in which they were asked for."""
        return tuple(one.cell_id for one in self.batch if isinstance(one, edits.Create))

    @property
    def edited(self) -> tuple[str, ...]:
        """Those of them whose source it makes or changes."""
        named = (one.cell_id for one in self.batch if isinstance(one, edits.Create | edits.SetSource))
        return tuple(dict.fromkeys(named))


class Planner:
    """See the module. `agent` is the name by which the cells that it makes are marked."""

    def __init__(self, reading: Reading, agent: str) -> None:
        self.reading = reading
        self.draft = Draft(reading.notebook)
        self._agent = agent
        self.plan = Plan()
        self._written = 0

    def add(self, operation: AgentOperation) -> None:
        """Carry it out on the draft and plan it. Raises AgentError, BadEdit, UnknownCell, and nothing has changed."""
        match operation:
            case CreateCell():
                _refuse_unless_text(operation.code)
                _refuse_unless_name(operation.name)
                self._count(operation.code, "")
                metadata = marked_as_made_by(self._agent, _shown({}, operation.name, operation.hide_code, None, None))
                self._write(
                    edits.Create(
                        operation.cell_id,
                        operation.code,
                        operation.cell_type,
                        after=operation.after,
                        before=operation.before,
                        metadata=metadata,
                    )
                )
            case EditCell(cell_id, code):
                _refuse_unless_text(code)
                self._set_source(cell_id, _in_its_line_ends(code, self.draft.source(cell_id)))
            case ReplaceText():
                self._set_source(operation.cell_id, _replaced(self.draft, operation))
            case DeleteCell(cell_id):
                self._write(edits.Delete(cell_id))
                self.plan = replace(self.plan, runs=tuple(one for one in self.plan.runs if one != cell_id))
            case MoveCell(cell_id, after, before):
                self._write(edits.Move(cell_id, after=after, before=before))
            case ConfigureCell():
                self._configure(operation)
            case ConfigureNotebook(settings):
                metadata = self.draft.metadata()
                ours = metadata.get(QUIRE)
                quire: dict[str, Json] = {**(ours if isinstance(ours, dict) else {}), **settings}
                if AGENTS in settings:
                    raise AgentError("What agents may do is for people to say.", "Ask somebody to change it.")
                if (mode := settings.get("execution_mode")) is not None and mode not in MODES:
                    raise AgentError(f"{mode!r} is no execution mode.", f"Use one of {', '.join(MODES)}.")
                quire = {key: value for key, value in quire.items() if value is not None}
                self._write(edits.SetNotebookMetadata({**metadata, QUIRE: quire}))
                self.plan = replace(self.plan, settings=(*self.plan.settings, *settings))
            case RunCell(cell_id):
                if (kind := self.draft.cell_type(cell_id)) != "code":
                    raise AgentError(f"Cell {cell_id!r} is a {kind} cell, which does not run.", "Run a code cell.")
                self.plan = replace(self.plan, runs=(*self.plan.runs, cell_id))
            case SetWidget():
                self.plan = replace(self.plan, widgets=(*self.plan.widgets, operation))
            case ChangePackages(add, remove):
                known = self.plan.packages
                self.plan = replace(self.plan, packages=ChangePackages((*known.add, *add), (*known.remove, *remove)))
            case Say(text):
                if not isinstance(text, str) or len(text) > MAX_WORDS:
                    told = f"What people are told is a line of text, of {MAX_WORDS} characters at most."
                    raise AgentError(told, "Say it in fewer words; a markdown cell has room for more.")
                self.plan = replace(self.plan, words=(*self.plan.words, operation))
            case unknown:
                assert_never(unknown)

    def declare(self, metadata: dict[str, Json]) -> None:
        """Make the notebook's metadata this: for a proposal, which declares packages and installs none."""
        self._write(edits.SetNotebookMetadata(metadata))

    def _configure(self, wanted: ConfigureCell) -> None:
        cell = self.draft.cell(wanted.cell_id)
        _refuse_unless_name(wanted.name)
        if not all(isinstance(tag, str) for tag in wanted.tags or ()):
            raise AgentError(f"Tags are texts, and not {wanted.tags!r:.80}.", 'Pass a list, as tags=["draft"].')
        if wanted.cell_type is not None:
            self._write(edits.SetType(cell.id, wanted.cell_type))
        metadata = _shown(cell.metadata, wanted.name, wanted.hide_code, wanted.hide_output, wanted.tags)
        if metadata != cell.metadata:
            self._write(edits.SetMetadata(cell.id, metadata))

    def _set_source(self, cell_id: str, source: str) -> None:
        self._count(source, self.draft.source(cell_id))
        self._write(edits.SetSource(cell_id, source))

    def _count(self, source: str, before: str) -> None:
        """Count what is written where `source` takes the place of `before`. Raises AgentError if it is too much."""
        same = _alike(source, before)
        ends = _alike(source[same:][::-1], before[same:][::-1])
        written = self._written + len(source) - same - ends
        if written > MAX_WRITTEN:
            raise AgentError(
                f"That writes {written} characters into cells, and a batch writes {MAX_WRITTEN} at most: everybody who "
                "has the notebook open would wait for it.",
                "Put data into a file, and have a cell read it.",
            )
        self._written = written

    def _write(self, operation: Operation) -> None:
        self.draft.apply([operation])
        self.plan = replace(self.plan, batch=(*self.plan.batch, operation))


def plan(operations: Iterable[AgentOperation], reading: Reading, agent: str) -> Plan:
    """What these operations mean for a notebook as it was read."""
    planner = Planner(reading, agent)
    for operation in operations:
        planner.add(operation)
    return planner.plan


def _refuse_unless_text(*texts: object) -> None:
    for text in texts:
        if not isinstance(text, str):
            raise AgentError(f"A source is text, and not {text!r:.80}.", "Pass a string.")


def _refuse_unless_name(name: object) -> None:
    if name is not None and not isinstance(name, str):
        raise AgentError(f"A name is text, and not {name!r:.80}.", "Pass a string.")


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _in_its_line_ends(text: str, source: str) -> str:
    """Text with the line ends that a source has: agents write \\n, and what they read does not show which it was."""
    return text.replace("\n", "\r\n") if "\r\n" in source and "\r" not in text else text


def _replaced(draft: Draft, wanted: ReplaceText) -> str:
    _refuse_unless_text(wanted.old, wanted.new)
    source = draft.source(wanted.cell_id)
    if wanted.old not in source:
        old, new = (_in_its_line_ends(text, source) for text in (wanted.old, wanted.new))
        wanted = replace(wanted, old=old, new=new)
    if not wanted.old:
        raise NoSuchText("There is no text to replace.", "Say which, or edit the cell as a whole.")
    count = source.count(wanted.old)
    if count == 0:
        raise NoSuchText(f"{wanted.old[:80]!r} is not in cell {wanted.cell_id!r}.", f"The cell says:\n{source[:2000]}")
    if count > 1 and not wanted.every:
        lines = ", ".join(str(one) for one in _lines_of(source, wanted.old)[:10])
        raise NoSuchText(
            f"{wanted.old[:80]!r} is {count} times in cell {wanted.cell_id!r}, in lines {lines}.",
            "Name more of what stands around it (in Python, every=True replaces each).",
        )
    return source.replace(wanted.old, wanted.new)


def _lines_of(source: str, text: str) -> list[int]:
    """The lines, from 1, in which a text begins."""
    found, at = [], source.find(text)
    while at >= 0:
        found.append(source.count("\n", 0, at) + 1)
        at = source.find(text, at + len(text))
    return found


def _shown(
    metadata: dict[str, Json],
    name: str | None,
    hide_code: bool | None,
    hide_output: bool | None,
    tags: tuple[str, ...] | None,
) -> dict[str, Json]:
    """A cell's metadata with these in it, where nbformat and JupyterLab have them."""
    found = dict(metadata)
    if name is not None:
        found["name"] = name
    if tags is not None:
        found["tags"] = list(tags)
    jupyter = found.get(_JUPYTER)
    shown: dict[str, Json] = dict(jupyter) if isinstance(jupyter, dict) else {}
    for key, hidden in (("source_hidden", hide_code), ("outputs_hidden", hide_output)):
        if hidden:
            shown[key] = True
        elif hidden is False:
            shown.pop(key, None)
    if shown:
        found[_JUPYTER] = shown
    else:
        found.pop(_JUPYTER, None)
    return found
