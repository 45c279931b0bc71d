"""What agents may do unasked is what the notebook's people have said."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from notebook_doc.notebook import NotebookDoc
from notebook_doc.policy import (
    AgentPolicy,
    AgentsMayNot,
    broken_rule,
    is_agents_own,
    marked_as_made_by,
    policy_of,
    with_policy,
)

CAREFUL = AgentPolicy("propose", "confirm", "confirm")


def notebook(policy: AgentPolicy) -> NotebookDoc:
    """One cell of a person's (p), and one that an agent made (a)."""
    doc = NotebookDoc.create(str(uuid.uuid4()))
    doc.add_cell("by hand", cell_id="p")
    doc.add_cell("by claude", cell_id="a", metadata=marked_as_made_by("claude"))
    doc.set_metadata(with_policy({"kernelspec": {"name": "python3"}, "quire": {"other": 1}}, policy))
    return doc


def rule(policy: AgentPolicy, edit: Callable[[NotebookDoc], object]) -> str | None:
    before = notebook(policy)
    after = before.fork()
    edit(after)
    broken = broken_rule(before, after, after.take_events())
    return None if broken is None else broken.rule


def install(doc: NotebookDoc) -> None:
    quire = doc.metadata()["quire"]
    assert isinstance(quire, dict)
    doc.set_metadata({**doc.metadata(), "quire": {**quire, "dependencies": ["evil"]}})


EDITS: dict[str, Callable[[NotebookDoc], object]] = {
    "edit of a person's cell": lambda doc: doc.set_source("p", "mine now"),
    "move of a person's cell": lambda doc: doc.move_cell("p"),
    "mark on a person's cell": lambda doc: doc.set_cell_metadata("p", marked_as_made_by("claude")),
    "deletion of a person's cell": lambda doc: doc.delete_cell("p"),
    "edit of its own cell": lambda doc: doc.set_source("a", "better"),
    "deletion of its own cell": lambda doc: doc.delete_cell("a"),
    "a new cell": lambda doc: doc.add_cell("new"),
    "packages": install,
    "packages in a header": lambda doc: doc.add_cell('# /// script\n# dependencies = ["evil"]\n# ///\n1'),
    "packages in a header of its own cell": lambda doc: doc.set_source("a", "# /// script\n# dependencies = []\n# ///"),
    "the policy": lambda doc: doc.set_metadata(with_policy(doc.metadata(), AgentPolicy("edit", "allow", "confirm"))),
}


@pytest.mark.parametrize(
    ("policy", "forbidden"),
    [
        (AgentPolicy(), {"the policy": "policy"}),
        (
            AgentPolicy(delete="confirm"),
            {
                "the policy": "policy",
                "mark on a person's cell": "policy",  # which it could delete then
                "deletion of a person's cell": "delete",
            },
        ),
        (
            AgentPolicy(packages="confirm"),
            {
                "packages": "packages",
                "packages in a header": "packages",
                "packages in a header of its own cell": "packages",
            },
        ),
        (
            CAREFUL,
            {
                "edit of a person's cell": "cells_of_people",
                "move of a person's cell": "cells_of_people",
                "mark on a person's cell": "cells_of_people",
                "deletion of a person's cell": "delete",
                "packages": "packages",
                "packages in a header": "packages",
                "packages in a header of its own cell": "packages",
                "the policy": "policy",
            },
        ),
    ],
    ids=["nothing said", "no deletions", "no packages", "careful"],
)
def test_what_is_forbidden_follows_from_the_policy(policy: AgentPolicy, forbidden: dict[str, str]) -> None:
    assert {name: found for name, edit in EDITS.items() if (found := rule(policy, edit)) is not None} == forbidden


def test_a_policy_is_read_as_it_was_written_and_unknown_words_are_taken_for_the_careful_one() -> None:
    assert policy_of({}) == AgentPolicy()
    assert policy_of(with_policy({"a": 1}, CAREFUL)) == CAREFUL
    assert policy_of({"quire": {"agents": {"delete": "ask twice", "packages": None}}}) == AgentPolicy(
        "edit", "confirm", "confirm"
    )
    assert with_policy({"quire": {"kept": 1}}, CAREFUL)["quire"]["kept"] == 1  # type: ignore[index, call-overload]
    assert is_agents_own(marked_as_made_by("claude", {"tags": []}))


def test_a_refusal_says_what_to_do_instead() -> None:
    before = notebook(CAREFUL)
    after = before.fork()
    after.set_source("p", "mine")
    broken = broken_rule(before, after, after.take_events())
    assert isinstance(broken, AgentsMayNot)
    assert "Propose the change instead" in str(broken)
