"""What the hub lets agents write: the notebook's policy (`notebook_doc.policy`), asked before a change is taken. Pure.

An AgentGuard looks at what an agent's connection sends before it is forwarded or stored, on a copy of the notebook that
has everything that has arrived. It promises that a change which breaks the policy reaches nobody and no disk. It costs
little while the policy forbids nothing but changing itself, and otherwise the agent's own changes once more: people's
edits never wait for it. It goes by the kind that a peer says it is in its greeting: a rule against haste and mistakes,
not against somebody who has the token and lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from notebook_doc.errors import NotebookDocError
from notebook_doc.notebook import NotebookDoc
from notebook_doc.policy import AGENTS, QUIRE, AgentPolicy, AgentsMayNot, broken_rule, policy_of
from notebook_doc.replica import ROOT, Replica, object_key
from notebook_doc.sync_message import ChangeChunk
from notebook_doc.touched import ObjectKey, touches

# Keys without which no operation can change the policy: that of the metadata itself, ours in it, the policy's in that,
# and its words.
_KEYS_OF_POLICY: Final = frozenset(("metadata", QUIRE, AGENTS, "cells_of_people", "delete", "packages"))


class AgentGuard:
    """See the module. One for each notebook; it keeps its copy from one question to the next."""

    def __init__(self) -> None:
        self._copy: NotebookDoc | None = None
        self._of: Replica | None = None

    def refusal(
        self, replica: Replica, under_way: Iterable[bytes], changes: Sequence[ChangeChunk] | None
    ) -> NotebookDocError | None:
        """Why these changes of an agent are not taken; None if they may be.

        `replica` and then `under_way` are what has arrived before them; None for `changes` means a whole document.
        """
        if changes is not None and not changes:
            return None
        try:
            under_way = list(under_way)
            cells = cells_of(replica)
            restricts = _policy(replica) != AgentPolicy() or may_touch_policy(under_way, cells)
            if changes is None:
                return _indistinct() if restricts else None
            if not restricts and not may_touch_policy([change.data for change in changes], cells):
                return None
            before = self._now(replica, under_way)
            after = before.fork()
            after.replica.apply([change.data for change in changes])
            if not after.replica.contains([change.hash for change in changes]):
                return _indistinct()  # what it builds on is not here, so nobody can tell what it will do
            return broken_rule(before, after, after.take_events())
        except NotebookDocError as error:
            self._copy = None
            return error

    def keeps_packages(self, replica: Replica) -> bool:
        """Whether agents may not have packages installed."""
        return _policy(replica).packages == "confirm"

    def _now(self, replica: Replica, under_way: Sequence[bytes]) -> NotebookDoc:
        if self._copy is None or self._of is not replica:
            self._copy, self._of = NotebookDoc(replica.fork()), replica
        self._copy.replica.apply(replica.changes_since(self._copy.replica.heads()))
        self._copy.replica.apply(under_way)
        self._copy.take_events()
        return self._copy


def may_touch_policy(chunks: Iterable[bytes], cells: ObjectKey | None) -> bool:
    """Whether any of these changes writes where the policy may be: not inside of a cell that it makes, which has
    metadata too, with a mark of ours in them."""
    for chunk in chunks:
        inside = {cells}
        for touch in touches(chunk):
            if touch.target in inside:
                inside.add(touch.made)
            elif touch.key in _KEYS_OF_POLICY:
                return True
    return False


def cells_of(replica: Replica) -> ObjectKey | None:
    """The map of all cells, as changes name it."""
    found = replica.child(ROOT, "cells")
    return None if found is None else object_key(found)


def _policy(replica: Replica) -> AgentPolicy:
    """The policy, read without an index of the notebook."""
    metadata = replica.child(ROOT, "metadata")
    quire = None if metadata is None else replica.child(metadata, QUIRE)
    agents = None if quire is None else replica.child(quire, AGENTS)
    return AgentPolicy() if agents is None else policy_of({QUIRE: {AGENTS: replica.json(agents)}})


def _indistinct() -> AgentsMayNot:
    return AgentsMayNot(
        "policy",
        "what your edit does cannot be told before it is taken, and in this notebook agents may not do everything.",
        "Open the notebook again and make the edit once more.",
    )
