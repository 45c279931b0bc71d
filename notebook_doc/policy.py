"""What agents may do in a notebook without being asked, as its people have set it. Pure.

The policy is a few words in the notebook's metadata (`quire.agents`), so it travels with the notebook and every peer
sees the same. A cell is an agent's own if an agent made it and marked it so when it did (`quire.made_by` in its
metadata); every other cell is a person's. `broken_rule` compares a notebook before and after an edit and says which
rule, if any, the edit breaks: whoever takes in edits of agents asks it, and the agents' own tools ask it first. What is
refused can be proposed instead. Only people change the policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from notebook_doc.draft import CellsOfNotebook
from notebook_doc.errors import NotebookDocError
from notebook_doc.events import CellAdded, CellChanged, CellRemoved, MetadataChanged, NotebookEvent, Reset
from notebook_doc.json_values import Json
from notebook_doc.notebook import NotebookDoc
from notebook_doc.script_header import header_of

QUIRE: Final = "quire"  # our key in the metadata of notebooks and cells
AGENTS: Final = "agents"
MADE_BY: Final = "made_by"
# Keys of `quire` in a notebook's metadata that say what is installed for it.
DEPENDENCY_KEYS: Final = ("dependencies", "requires_python", "requires-python", "environment", "uv", "conda", "pixi")

# Keys of the metadata itself that other programs say it in.
FOREIGN_DECLARATIONS: Final = ("runt", "uv", "conda", "dependencies")

Rule = Literal["cells_of_people", "delete", "packages", "policy"]


class AgentsMayNot(NotebookDocError):
    """An edit of an agent that the notebook's policy does not allow; nothing of it was taken. `rule` is which."""

    code = "agents_may_not"

    def __init__(self, rule: Rule, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class AgentPolicy:
    """What agents may do unasked. "propose" and "confirm" mean: suggest it, and a person decides."""

    cells_of_people: Literal["edit", "propose"] = "edit"
    delete: Literal["allow", "confirm"] = "allow"
    packages: Literal["allow", "confirm"] = "allow"

    @property
    def restricts_cells(self) -> bool:
        """Whether an edit of a cell may break it."""
        return self.cells_of_people != "edit" or self.delete != "allow"


def policy_of(metadata: Mapping[str, Json]) -> AgentPolicy:
    """The policy in a notebook's metadata. A word that is not known here is taken for the careful one."""
    said = _map(_map(metadata.get(QUIRE)).get(AGENTS))
    return AgentPolicy(
        cells_of_people="edit" if said.get("cells_of_people", "edit") == "edit" else "propose",
        delete="allow" if said.get("delete", "allow") == "allow" else "confirm",
        packages="allow" if said.get("packages", "allow") == "allow" else "confirm",
    )


def with_policy(metadata: Mapping[str, Json], policy: AgentPolicy) -> dict[str, Json]:
    """The metadata with this policy in it."""
    words: dict[str, Json] = {
        "cells_of_people": policy.cells_of_people,
        "delete": policy.delete,
        "packages": policy.packages,
    }
    return {**metadata, QUIRE: {**_map(metadata.get(QUIRE)), AGENTS: words}}


def marked_as_made_by(name: str, metadata: Mapping[str, Json] | None = None) -> dict[str, Json]:
    """A cell's metadata, with the mark that an agent of this name made it."""
    metadata = metadata or {}
    mark: Json = {"kind": "agent", "name": name}
    return {**metadata, QUIRE: {**_map(metadata.get(QUIRE)), MADE_BY: mark}}


def is_agents_own(metadata: Mapping[str, Json]) -> bool:
    """Whether a cell with this metadata was made by an agent."""
    return _map(_map(metadata.get(QUIRE)).get(MADE_BY)).get("kind") == "agent"


def broken_rule(before: NotebookDoc, after: CellsOfNotebook, events: Iterable[NotebookEvent]) -> AgentsMayNot | None:
    """The rule that an agent breaks whose edit makes `after` of `before` by these events; None if it breaks none."""
    policy = policy_of(before.metadata())
    for event in events:
        broken = _broken_by(event, policy, before, after)
        if broken is not None:
            return broken
    return None


def _broken_by(
    event: NotebookEvent, policy: AgentPolicy, before: NotebookDoc, after: CellsOfNotebook
) -> AgentsMayNot | None:
    match event:
        case CellChanged(cell_id) if policy.cells_of_people == "propose" and _is_peoples(before, cell_id):
            return AgentsMayNot(
                "cells_of_people",
                f"cell {cell_id!r} is a person's, and in this notebook agents may not change those unasked.",
                "Propose the change instead: somebody accepts or rejects it.",
            )
        case CellChanged(cell_id) if (
            policy.restricts_cells and _is_peoples(before, cell_id) and not _is_peoples(after, cell_id)
        ):
            return AgentsMayNot(
                "policy",
                f"cell {cell_id!r} is a person's, and no edit of its metadata makes it an agent's.",
                "Leave its metadata as they are.",
            )
        case CellRemoved(cell_id) if policy.restricts_cells and _is_peoples(before, cell_id):
            return AgentsMayNot(
                "delete" if policy.delete == "confirm" else "cells_of_people",
                f"cell {cell_id!r} is a person's, and in this notebook agents may not delete those unasked.",
                "Propose to delete it: somebody accepts or rejects that.",
            )
        case CellAdded(cell_id) | CellRemoved(cell_id) | CellChanged(cell_id) if policy.packages == "confirm" and (
            _header(before, cell_id) != _header(after, cell_id)
        ):
            return _packages_changed()
        case MetadataChanged():
            return _broken_by_metadata(policy, before.metadata(), after.metadata())
        case Reset():
            return AgentsMayNot(
                "policy", "what your edit does cannot be told apart.", "Open the notebook again and make it once more."
            )
        case _:
            return None


def _broken_by_metadata(
    policy: AgentPolicy, before: Mapping[str, Json], after: Mapping[str, Json]
) -> AgentsMayNot | None:
    old, new = _map(before.get(QUIRE)), _map(after.get(QUIRE))
    if old.get(AGENTS) != new.get(AGENTS):
        return AgentsMayNot(
            "policy", "what agents may do in this notebook is for people to say.", "Ask somebody to change it."
        )
    declares = any(old.get(key) != new.get(key) for key in DEPENDENCY_KEYS) or any(
        before.get(key) != after.get(key) for key in FOREIGN_DECLARATIONS
    )
    if policy.packages == "confirm" and declares:
        return _packages_changed()
    return None


def _packages_changed() -> AgentsMayNot:
    return AgentsMayNot(
        "packages",
        "in this notebook agents may not change what is installed unasked.",
        "Propose the packages instead: somebody accepts or rejects them.",
    )


def _header(notebook: CellsOfNotebook, cell_id: str) -> str | None:
    """What a cell declares to be installed; None if it is not there, runs no code or declares nothing."""
    is_code = cell_id in notebook and notebook.cell_type(cell_id) == "code"
    return header_of(notebook.source(cell_id)) if is_code else None


def _is_peoples(notebook: CellsOfNotebook, cell_id: str) -> bool:
    return cell_id in notebook and not is_agents_own(notebook.cell(cell_id).metadata)


def _map(value: object) -> dict[str, Json]:
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}
