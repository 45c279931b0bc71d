"""Notebooks with a past: several peers' replicas of one notebook, and who wrote when, as a hub would have noted it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from notebook_doc.authors import Author
from notebook_doc.history.authors import Authors, Span
from notebook_doc.history.change_log import ChangeLog
from notebook_doc.history.moments import Moment, moments
from notebook_doc.history.past import PastNotebook
from notebook_doc.history.versions import versions
from notebook_doc.notebook import NotebookDoc

ANN = Author("ann-1", "Ann", "person")
BEN = Author("ben-1", "Ben", "person")
BOT = Author("bot-1", "Bot", "agent")
NOON = 1_700_000_000.0


class Life:
    """One notebook; `by(author, at)` edits it as this author, at so many seconds after noon."""

    def __init__(self) -> None:
        self.here = NotebookDoc.create("0" * 32)
        self.log = ChangeLog(self.here.replica)
        self.replicas: dict[Author, NotebookDoc] = {}
        self.spans: list[Span] = []

    @contextmanager
    def by(self, author: Author, at: float, *, offline: bool = False) -> Iterator[NotebookDoc]:
        """Inside, this author edits its own replica; `offline`: without having what the others wrote lately."""
        theirs = self.replicas.get(author)
        if theirs is None:
            theirs = self.replicas[author] = self.here.fork()
        if not offline:
            theirs.replica.merge(self.here.replica)
        before = self.here.replica.heads()
        yield theirs
        self.here.replica.merge(theirs.replica)
        for change in self.here.replica.recorded_since(before):
            self.spans.append(Span(change.actor, change.seq, author, NOON + at, offline))

    def authors(self) -> Authors:
        return Authors(self.spans)

    def moments(self) -> list[Moment]:
        return moments(self.log.entries(), self.authors(), versions(self.here))

    def at(self, moment: Moment) -> PastNotebook:
        return PastNotebook(self.here, moment.heads)
