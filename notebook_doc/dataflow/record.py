"""The dataflow as the daemon publishes it in RuntimeDoc, so that every client shows the same, also one without Python.

A DataflowRecord is a view on the root `dataflow`, which the daemon makes when it first has something to say: the mode,
what is true of each cell, and the last run of each. Each of them is one string of JSON: one writer writes it whole, all
readers read it whole, and a string costs a tenth of the map it stands for. Only what differs is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_doc.dataflow.notebook_dataflow import Dataflow
from notebook_doc.dataflow.problems import DeleteCell, FixEdit, MergeCells, Problem, ReplaceText
from notebook_doc.dataflow.staleness import Cause, Freshness, Input, Run, Staleness, Status
from notebook_doc.events import DataflowChanged, RuntimeEvent
from notebook_doc.replica import ROOT, ObjectId

if TYPE_CHECKING:
    from notebook_doc.runtime import RuntimeDoc


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDataflow:
    """What is true of a cell. `problems` are as JSON (see docs/dataflow.md); `inputs` is which cell each name is from;
    `ms` how long its last run took."""

    status: Status
    causes: tuple[Cause, ...] = ()
    missing: bool = False
    problems: tuple[Mapping[str, Any], ...] = ()
    defines: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    ms: float | None = None


def describe(flow: Dataflow, staleness: Staleness, cell_id: str) -> CellDataflow:
    """What is to be published of a cell."""
    now: Freshness = staleness.of(cell_id)
    run = staleness.run(cell_id)
    return CellDataflow(
        status=now.status,
        causes=now.causes,
        missing=now.missing,
        problems=tuple(problem_json(problem) for problem in flow.problems(cell_id)),
        defines=tuple(sorted(flow.analysis(cell_id).defs)),
        inputs=flow.graph.inputs(cell_id),
        ms=None if run is None else run.ms,
    )


class DataflowRecord:
    """See the module. `RuntimeDoc.dataflow`."""

    def __init__(self, runtime: RuntimeDoc) -> None:
        self._runtime = runtime
        self._changed: set[str] = set()
        self._mode_changed = False

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def mode(self) -> str:
        """The mode that the daemon follows; "manual" until it has said one."""
        root = self._root()
        return (None if root is None else self._runtime._view.string(root, "mode")) or "manual"

    def cell(self, cell_id: str) -> CellDataflow | None:
        """What is true of a cell; None if nothing was published of it."""
        text = self._text("cells", cell_id)
        return None if text is None else _cell(json.loads(text))

    def cells(self) -> dict[str, CellDataflow]:
        """What is true of each cell, by id."""
        return {cell_id: _cell(json.loads(text)) for cell_id, text in self._texts("cells").items()}

    def runs(self) -> dict[str, Run]:
        """The last run of each cell that has run."""
        return {cell_id: _run(json.loads(text)) for cell_id, text in self._texts("runs").items()}

    # --- writing: the daemon's ----------------------------------------------------------------------------------------

    def write(self, mode: str, cells: Mapping[str, CellDataflow | None], runs: Mapping[str, Run | None]) -> bool:
        """Write what differs of these (None: it is gone); whether anything did."""
        texts = {
            "cells": {key: None if one is None else _cell_text(one) for key, one in cells.items()},
            "runs": {key: None if one is None else _text_of(asdict(one)) for key, one in runs.items()},
        }
        differing = {
            part: {key: text for key, text in of_part.items() if text != self._text(part, key)}
            for part, of_part in texts.items()
        }
        if self.mode == mode and self._root() is not None and not any(differing.values()):
            return False
        with self._runtime.edit():
            tx = self._runtime._tx
            root = tx.child(ROOT, "dataflow") or tx.make_map(ROOT, "dataflow")
            if tx.string(root, "mode") != mode:
                tx.put(root, "mode", mode)
            for part, of_part in differing.items():
                target = tx.child(root, part) or tx.make_map(root, part)
                for key, text in of_part.items():
                    if text is None:
                        tx.delete(target, key)
                    else:
                        tx.put(target, key, text)
        return True

    # --- events -------------------------------------------------------------------------------------------------------

    def note(self, path: tuple[str, ...]) -> None:
        """Something was written below the root of this."""
        match path:
            case ("cells", cell_id, *_):
                self._changed.add(cell_id)
            case ("runs", *_):
                pass  # the daemon's own memory
            case _:
                self._mode_changed = True

    def take_events(self) -> list[RuntimeEvent]:
        """What happened since the last call."""
        if not self._changed and not self._mode_changed:
            return []
        event = DataflowChanged(frozenset(self._changed))
        self._changed, self._mode_changed = set(), False
        return [event]

    def _root(self) -> ObjectId | None:
        return self._runtime._view.child(ROOT, "dataflow")

    def _text(self, part: str, key: str) -> str | None:
        root = self._root()
        target = None if root is None else self._runtime._view.child(root, part)
        return None if target is None else self._runtime._view.string(target, key)

    def _texts(self, part: str) -> dict[str, str]:
        root = self._root()
        target = None if root is None else self._runtime._view.child(root, part)
        if target is None:
            return {}
        found = self._runtime._view.json(target)
        assert isinstance(found, dict), "made as a map"
        return {key: text for key, text in found.items() if isinstance(text, str)}


def problem_json(problem: Problem) -> dict[str, Any]:
    """A problem as JSON: ranges are [start, end] in code points; a fix's edits say what they do under `edit`."""
    place = problem.range
    return {
        "code": problem.code,
        "message": problem.message,
        "range": None if place is None else [place.start, place.end],
        "names": list(problem.names),
        "cells": list(problem.cells),
        "fixes": [{"title": fix.title, "edits": [_edit(edit) for edit in fix.edits]} for fix in problem.fixes],
    }


def _edit(edit: FixEdit) -> dict[str, Any]:
    match edit:
        case ReplaceText(cell_id, place, old, new):
            where = [place.start, place.end]
            return {"edit": "replace", "cell_id": cell_id, "range": where, "old": old, "new": new}
        case DeleteCell(cell_id):
            return {"edit": "delete", "cell_id": cell_id}
        case MergeCells(cell_ids):
            return {"edit": "merge", "cell_ids": list(cell_ids)}


def _text_of(value: Mapping[str, Any]) -> str:
    told = {key: one for key, one in value.items() if one not in (None, "", [], (), {}, False)}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _cell_text(cell: CellDataflow) -> str:
    causes = [{key: one for key, one in asdict(cause).items() if one is not None} for cause in cell.causes]
    return _text_of(
        {
            "status": cell.status,
            "causes": causes,
            "missing": cell.missing,
            "problems": list(cell.problems),
            "defines": list(cell.defines),
            "inputs": dict(cell.inputs),
            "ms": cell.ms,
        }
    )


def _cell(value: Mapping[str, Any]) -> CellDataflow:
    return CellDataflow(
        status=value["status"],
        causes=tuple(Cause(one["kind"], one["why"], one.get("cell_id")) for one in value.get("causes", ())),
        missing=bool(value.get("missing")),
        problems=tuple(value.get("problems", ())),
        defines=tuple(value.get("defines", ())),
        inputs=dict(value.get("inputs", {})),
        ms=value.get("ms"),
    )


def _run(value: Mapping[str, Any]) -> Run:
    inputs = value.get("inputs", {})
    return Run(
        execution_id=value["execution_id"],
        source_hash=value["source_hash"],
        provenance=value["provenance"],
        inputs={key: Input(provenance=one["provenance"], names=tuple(one["names"])) for key, one in inputs.items()},
        environment=value.get("environment", ""),
        kernel=value.get("kernel", ""),
        ok=bool(value.get("ok")),
        ms=value.get("ms"),
        defines=tuple(value.get("defines", ())),
    )
