"""Proposals of a notebook: changes that somebody suggests and somebody else accepts or rejects.

Proposing is the part of a Notebook that knows them; what they are is in `notebook_doc.proposals`. Nothing here waits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from clients.peer.editing import Editing
from notebook_doc import proposals as kept
from notebook_doc.authors import Author
from notebook_doc.batch import Check, Reading
from notebook_doc.edits import Operation
from notebook_doc.notebook import NotebookDoc
from notebook_doc.policy import AgentPolicy, policy_of, with_policy
from notebook_doc.proposals import Accepted, Proposal


def _nothing(_: NotebookDoc) -> None:
    """No check."""


class Proposing(Editing):
    """See the module."""

    def proposals(self, *, all: bool = False) -> list[Proposal]:
        """The proposals that are open, oldest first; `all`: also those that are decided."""
        found = kept.proposals(self._session.notebook)
        return [one for one in found if all or one.status == "open"]

    def propose(
        self, reading: Reading, operations: Sequence[Operation], title: str, check: Check = _nothing
    ) -> Proposal:
        """Suggest a batch that was made to what was read, instead of committing it. `title` says why, in a line.

        `check` may raise for the notebook as it would be. Raises BadEdit, UnknownCell, NotAllowed.
        """
        self._check_may_edit()
        made = kept.propose(
            self._session.notebook, reading, operations, check, title=title, author=self._me, at=time.time()
        )
        self.touch()
        return made

    def preview(self, proposal: str | Proposal) -> NotebookDoc:
        """The notebook as it would be if this were accepted now: a copy. Raises UnknownProposal, BadEdit."""
        notebook = self._session.notebook
        return kept.preview(notebook, kept.proposal(notebook, _id(proposal)))

    def accept(self, proposal: str | Proposal, check: Check = _nothing) -> Accepted:
        """Merge a proposal into the notebook as it is now; whole or not at all.

        Raises UnknownProposal, BadEdit if it is decided, CellDeletedMeanwhile, CellEditedMeanwhile, what `check`
        raises for the merged notebook, NotAllowed, and AgentsMayNot if this is an agent's peer and people want to be
        asked for what it would do.
        """
        self._check_may_edit()
        if self._session.peer.kind == "agent":
            self._refuse_agents(self.preview(proposal), "Somebody else accepts or rejects it; leave it to them.")
        done = kept.accept(self._session.notebook, _id(proposal), check, by=self._me, at=time.time())
        self.touch()
        return done

    def reject(self, proposal: str | Proposal, note: str = "") -> Proposal:
        """Say no, with a note for its author; or take one's own back. Raises UnknownProposal, BadEdit, NotAllowed."""
        self._check_may_edit()
        notebook = self._session.notebook
        own = kept.proposal(notebook, _id(proposal)).author.peer_id == self._session.peer.peer_id
        status: Literal["rejected", "withdrawn"] = "withdrawn" if own else "rejected"
        decided = kept.decide(notebook, _id(proposal), status, by=self._me, at=time.time(), note=note)
        self.touch()
        return decided

    @property
    def agent_policy(self) -> AgentPolicy:
        """What agents may do in this notebook unasked; people and programs may assign another."""
        return policy_of(self.doc.metadata())

    @agent_policy.setter
    def agent_policy(self, policy: AgentPolicy) -> None:
        with self.edit():
            self.doc.set_metadata(with_policy(self.doc.metadata(), policy))

    @property
    def _me(self) -> Author:
        peer = self.peer
        return Author(peer.peer_id, peer.name, peer.kind)


def _id(proposal: str | Proposal) -> str:
    return proposal if isinstance(proposal, str) else proposal.id
