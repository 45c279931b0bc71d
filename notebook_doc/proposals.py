"""Changes that somebody suggests and somebody else accepts or rejects.

A proposal holds a real Automerge change, made on a fork of what its author read and kept aside, as text, in the
notebook's own document. Accepting it applies that change, so it merges character by character with everything that was
written since it was made, whoever accepts, on whatever machine, and after its author has gone. The same change applied
twice is there once: two people who accept at the same moment do not double it. So whether a proposal is accepted is no
flag but a fact: the document contains its change.

A proposal changes nothing before it is accepted. What accepting would do is told by `preview`, on a fork.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, cast

from notebook_doc.authors import Author, author_json, author_of_json
from notebook_doc.batch import Check, Meanwhile, Reading, apply, where_they_are
from notebook_doc.cells import new_cell_id
from notebook_doc.edits import Operation, SetNotebookMetadata
from notebook_doc.errors import BadEdit, CellDeletedMeanwhile, CellEditedMeanwhile, NotebookDocError, UnknownProposal
from notebook_doc.events import CellAdded, CellChanged, CellRemoved
from notebook_doc.history.past import PastNotebook
from notebook_doc.json_values import Json
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Heads
from notebook_doc.sync_message import read_change

# Bytes of one proposal's change: it travels with the document for ever.
MAX_CHANGE: Final = 1024 * 1024

Status = Literal["open", "accepted", "rejected", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a proposal, by whom and when (seconds since 1970). `note` is for its author to read."""

    status: Status
    by: Author
    at: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """See the module. `base` are the heads that its author had read, `cells` those it makes, changes or deletes."""

    id: str
    title: str
    author: Author
    at: float
    base: Heads
    change: bytes
    cells: tuple[str, ...]
    decision: Decision | None = None

    @property
    def status(self) -> Status:
        """Open until it is decided."""
        return "open" if self.decision is None else self.decision.status

    @property
    def change_hash(self) -> bytes:
        """The hash of its change, by which a document tells whether it has it."""
        return read_change(self.change).hash


@dataclass(frozen=True, slots=True)
class Accepted:
    """A proposal that was merged. `meanwhile` is what others did to its cells since it was made; `gone` are cells that
    it would have changed and somebody has deleted, which stay deleted."""

    proposal: Proposal
    meanwhile: tuple[Meanwhile, ...]
    gone: tuple[str, ...]
    heads: Heads


def propose(
    notebook: NotebookDoc,
    reading: Reading,
    operations: Sequence[Operation],
    check: Check,
    *,
    title: str,
    author: Author,
    at: float,
) -> Proposal:
    """Put a batch, made to what was read, into the notebook as a proposal: an edit that changes no cell.

    `check` may raise for the notebook as it would be. Raises BadEdit for a batch that does nothing or too much,
    UnknownCell.
    """
    work = reading.notebook.fork()
    apply(where_they_are(operations, notebook), work)
    changes = work.replica.changes_since(reading.heads)
    if not changes:
        raise BadEdit("the proposal changes nothing.", "Queue an edit before proposing it.")
    (change,) = changes
    if len(change) > MAX_CHANGE:
        raise BadEdit(f"a proposal of {len(change)} bytes is too large.", "Propose it in several parts.")
    merged = notebook.fork()
    merged.replica.merge(work.replica)
    check(merged)
    named = [one.cell_id for one in operations if not isinstance(one, SetNotebookMetadata)]
    proposal = Proposal(new_cell_id(), title, author, at, reading.heads, change, tuple(dict.fromkeys(named)))
    notebook.put_proposal(proposal.id, _as_json(proposal))
    return proposal


def proposals(notebook: NotebookDoc) -> list[Proposal]:
    """All proposals of a notebook, oldest first. What is no proposal (of a later version) is left out."""
    found = [_read(notebook, key, value) for key, value in notebook.proposal_values().items()]
    return sorted((one for one in found if one is not None), key=lambda one: (one.at, one.id))


def proposal(notebook: NotebookDoc, proposal_id: str) -> Proposal:
    """One of them. Raises UnknownProposal."""
    value = notebook.proposal_values().get(proposal_id)
    found = None if value is None else _read(notebook, proposal_id, value)
    if found is None:
        message = f"there is no proposal {proposal_id!r} in this notebook."
        raise UnknownProposal(message, "List the proposals again.")
    return found


def preview(notebook: NotebookDoc, wanted: Proposal) -> NotebookDoc:
    """The notebook as it would be if the proposal were accepted now: a fork. Raises BadEdit if it cannot be merged."""
    merged = notebook.fork()
    try:
        merged.replica.apply([wanted.change])
        if merged.replica.contains([wanted.change_hash]):
            return merged
    except NotebookDocError as error:
        raise BadEdit(f"proposal {wanted.id!r} is damaged: {error.message}", "Reject it.") from error
    raise BadEdit(
        f"what proposal {wanted.id!r} builds on is not here.", "Wait until the notebook has synced, or reject."
    )


def accept(notebook: NotebookDoc, proposal_id: str, check: Check, *, by: Author, at: float) -> Accepted:
    """Merge a proposal into the notebook as it is now, or raise and leave everything as it is.

    Raises UnknownProposal, BadEdit if it is decided already, CellDeletedMeanwhile if every cell that it changes is
    gone, CellEditedMeanwhile if it deletes a cell that somebody wrote in since, and what `check` raises for the merged
    notebook.
    """
    wanted = _open(notebook, proposal_id)
    merged = preview(notebook, wanted)
    base = PastNotebook(notebook, wanted.base)
    own = {one.cell_id for one in merged.take_events() if isinstance(one, CellAdded | CellChanged | CellRemoved)}
    meanwhile = _meanwhile(notebook, wanted, base)
    gone = tuple(one.cell_id for one in meanwhile if one.what == "deleted" and one.cell_id not in own)
    for other in meanwhile:
        if other.what == "changed" and "source" in other.fields and other.cell_id not in merged:
            raise CellEditedMeanwhile(other.cell_id, other.actors)
    if gone and len(gone) == len(wanted.cells):
        raise CellDeletedMeanwhile(gone[0], frozenset().union(*(one.actors for one in meanwhile)))
    check(merged)
    notebook.replica.apply([wanted.change])
    notebook.put_proposal(wanted.id, _as_json(decided := _decided(wanted, Decision("accepted", by, at))))
    return Accepted(decided, meanwhile, gone, notebook.replica.heads())


def decide(
    notebook: NotebookDoc,
    proposal_id: str,
    status: Literal["rejected", "withdrawn"],
    *,
    by: Author,
    at: float,
    note: str = "",
) -> Proposal:
    """Reject a proposal, or take one's own back. Raises UnknownProposal, BadEdit if it is decided already."""
    wanted = _decided(_open(notebook, proposal_id), Decision(status, by, at, note))
    notebook.put_proposal(wanted.id, _as_json(wanted))
    return wanted


def _open(notebook: NotebookDoc, proposal_id: str) -> Proposal:
    found = proposal(notebook, proposal_id)
    if found.decision is not None:
        by = found.decision.by.name
        raise BadEdit(f"proposal {proposal_id!r} is {found.status} already, by {by}.", "There is nothing left to do.")
    return found


def _meanwhile(notebook: NotebookDoc, wanted: Proposal, base: PastNotebook) -> tuple[Meanwhile, ...]:
    """What others did to the proposal's cells since it was made."""
    writers = notebook.writers_since(wanted.base)
    found: list[Meanwhile] = []
    for cell_id in wanted.cells:
        if cell_id not in base:
            continue
        actors = frozenset(writers.get(cell_id, ()))
        if cell_id not in notebook:
            found.append(Meanwhile(cell_id, "deleted", actors=actors))
        elif actors:
            old, now = base.cell(cell_id), notebook.cell(cell_id)
            named: tuple[Literal["source", "position", "metadata", "cell_type"], ...]
            named = ("source", "position", "metadata", "cell_type")
            fields = frozenset(field for field in named if getattr(old, field) != getattr(now, field))
            if fields:
                found.append(Meanwhile(cell_id, "changed", frozenset(fields), actors))
    return tuple(found)


def _decided(wanted: Proposal, decision: Decision) -> Proposal:
    return replace(wanted, decision=decision)


# --- as data ----------------------------------------------------------------------------------------------------------


def _as_json(wanted: Proposal) -> dict[str, Json]:
    value: dict[str, Json] = {
        "title": wanted.title,
        "author": author_json(wanted.author),
        "at": wanted.at,
        "base": [head.hex() for head in wanted.base],
        "change": base64.b64encode(wanted.change).decode(),
        "cells": list(wanted.cells),
    }
    if (decision := wanted.decision) is not None:
        value["decision"] = {
            "status": decision.status,
            "by": author_json(decision.by),
            "at": decision.at,
            "note": decision.note,
        }
    return value


def _read(notebook: NotebookDoc, proposal_id: str, value: Json) -> Proposal | None:
    if not isinstance(value, dict):
        return None
    try:
        change = base64.b64decode(_text(value, "change"), validate=True)
        change_hash = read_change(change).hash
        base = tuple(bytes.fromhex(head) for head in _texts(value, "base"))
    except (NotebookDocError, binascii.Error, ValueError):
        return None
    found = Proposal(
        proposal_id,
        _text(value, "title"),
        author_of_json(value.get("author")),
        _number(value, "at"),
        base,
        change,
        tuple(_texts(value, "cells")),
        _read_decision(value.get("decision")),
    )
    if notebook.replica.contains([change_hash]):
        if found.status == "accepted":
            return found
        # Somebody rejected it while somebody else accepted it, or its decision is still under way.
        by = found.author if found.decision is None else found.decision.by
        return replace(found, decision=Decision("accepted", by, found.at))
    return replace(found, decision=None) if found.status == "accepted" else found  # said, and not so


def _read_decision(value: Json) -> Decision | None:
    if not isinstance(value, dict) or value.get("status") not in ("accepted", "rejected", "withdrawn"):
        return None
    status = cast(Status, value["status"])
    return Decision(status, author_of_json(value.get("by")), _number(value, "at"), _text(value, "note"))


def _text(value: dict[str, Json], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _texts(value: dict[str, Json], key: str) -> list[str]:
    found = value.get(key)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _number(value: dict[str, Json], key: str) -> float:
    found = value.get(key)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else 0.0
