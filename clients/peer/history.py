"""A notebook's past: moments with who and when, what it said then, what differs, who wrote it, and bringing it back.

What happened is in this peer's replica, with all its changes. Who was behind them and when they came the hub has noted,
and tells when it is asked and there is a connection; what it told is kept, so offline the past is as it was last known,
and what it never told of is by "somebody" and has no time. Nothing here changes the past: restoring is a new edit.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from clients.peer.editing import Editing
from clients.peer.errors import RequestFailed
from notebook_doc import comments
from notebook_doc.authors import KINDS, Author
from notebook_doc.batch import Committed, Reading
from notebook_doc.cells import Cell as CellThen
from notebook_doc.errors import UnknownCell
from notebook_doc.history.authors import Authors, Span
from notebook_doc.history.blame import Blamed, blame
from notebook_doc.history.change_log import ChangeLog
from notebook_doc.history.diff import NotebookDiff, diff
from notebook_doc.history.moments import Moment, moments
from notebook_doc.history.naming import find_moment
from notebook_doc.history.past import PastNotebook
from notebook_doc.history.restore import restoring
from notebook_doc.history.versions import Version, forget_version, name_version, versions
from notebook_doc.json_values import Json
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Heads, author_key
from notebook_doc.taking_back import Undone, take_back_latest
from relay.requests import Writers

if TYPE_CHECKING:
    from clients.peer.cell import Cell

# Seconds that the hub may take to say who wrote what.
WRITERS_SECONDS: Final = 10.0
# Seconds by which a question overlaps the one before: a span has the time of its arrival and is on disk a bit later.
OVERLAP_SECONDS: Final = 60.0

Named = Moment | str | int  # a moment, or what names one: see `find_moment`


@dataclass(frozen=True, slots=True)
class Past:
    """A notebook as it was at a moment: its cells in order, and its metadata. To be read: cells are shared with other
    moments at which they were the same."""

    moment: Moment
    cells: tuple[CellThen, ...]
    metadata: dict[str, Json]

    def cell(self, cell_id: str) -> CellThen:
        """A cell as it was. Raises UnknownCell if there was none."""
        for cell in self.cells:
            if cell.id == cell_id:
                return cell
        raise UnknownCell(cell_id, f"there was no cell {cell_id!r} in the notebook at that moment.")


class HistoryReading(Editing):
    """See the module. Moments are named as `notebook_doc.history.naming` says."""

    def __init__(self) -> None:
        self._log: ChangeLog | None = None
        self._last_past: tuple[int, PastNotebook] | None = None  # with the replica's generation at which it was read
        self._spans: dict[tuple[bytes, int], Span] = {}
        self._told_until = 0.0

    @property
    def online(self) -> bool:
        """Whether there is a connection to the hub."""
        raise NotImplementedError

    @property
    def self_author(self) -> Author:
        """Who this peer is, to readers."""
        peer = self._session.peer
        return Author(peer.peer_id, peer.name, peer.kind)

    @property
    def _document(self) -> NotebookDoc:
        return self._session.notebook  # not a draft of it

    # --- moments ------------------------------------------------------------------------------------------------------

    async def history(self) -> list[Moment]:
        """The moments of the notebook's life, oldest first: when, who, which cells. What one author types is one.

        Raises RequestFailed, TimeoutError if the hub does not say who wrote.
        """
        authors = await self._writers()
        return moments(self._changes().entries(), authors, self.versions())

    async def moment(self, name: Named) -> Moment:
        """The moment of this name: its number, counted back (`~1`), its id's beginning, a time, a version's name.

        Raises UnknownMoment.
        """
        if isinstance(name, Moment):
            return name
        return find_moment(await self.history(), name, time.time(), versions=self.versions())

    async def at(self, moment: Named) -> Past:
        """The notebook as it was then. Raises UnknownMoment, UnknownHeads."""
        found = await self.moment(moment)
        past = self._past(found.heads)
        return Past(found, tuple(past.cells()), past.metadata())

    async def diff(self, a: Named, b: Named | None = None) -> NotebookDiff:
        """What differs between two moments, or between one and now, cell by cell. Raises UnknownMoment."""
        one = self._past((await self.moment(a)).heads)
        heads = self._document.replica.heads() if b is None else (await self.moment(b)).heads
        return diff(one, self._past(heads))

    async def blame(self, cell: str | Cell) -> list[Blamed]:
        """A cell's source in pieces, each by one author at one time. Raises UnknownCell."""
        authors = await self._writers()
        text = self._document.source_text(cell if isinstance(cell, str) else cell.id)
        return [] if text is None else blame(self._document.replica, text, self._changes(), authors)

    # --- edits --------------------------------------------------------------------------------------------------------

    async def restore(self, moment: Named, cells: Iterable[str | Cell] | None = None) -> Committed:
        """Make these cells, or the whole notebook with its order and metadata, what they were: a new edit, which `undo`
        takes back. Comments stay. Raises UnknownMoment, UnknownCell, NotAllowed."""
        self._check_may_edit()
        ids = None if cells is None else [cell if isinstance(cell, str) else cell.id for cell in cells]
        heads = (await self.moment(moment)).heads
        reading = Reading.of(self._document)
        return self.commit(reading, restoring(reading.notebook, self._past(heads), ids))

    async def take_back_latest(self, by: str) -> Undone | None:
        """Undo the latest change by somebody of this name of which anything is left, as a new edit; None if there is
        none. Costs the history. Raises NotAllowed."""
        self._check_may_edit()
        authors = await self._writers()
        changes = [
            change
            for change in self._document.replica.recorded_since(())
            if authors.of(change.actor, change.seq).author.name == by
        ]
        undone = take_back_latest(self._document, changes, lambda _: None)
        self.touch()
        return undone

    async def name_version(self, name: str, moment: Named | None = None) -> Version:
        """Give the notebook as it is now, or was at a moment, a name. Raises BadEdit, UnknownMoment, NotAllowed."""
        self._check_may_edit()
        heads = None if moment is None else (await self.moment(moment)).heads
        version = name_version(self._document, name, time.time(), heads)
        self.touch()
        return version

    def versions(self) -> list[Version]:
        """The named versions, in the order in which they were named."""
        return versions(self._document)

    def forget_version(self, version: Version) -> None:
        """Take a name away; what it named stays in the history. Raises NotAllowed."""
        self._check_may_edit()
        forget_version(self._document, version.id)
        self.touch()

    # --- who ----------------------------------------------------------------------------------------------------------

    async def names_of(self, actors: Iterable[bytes]) -> dict[bytes, str]:
        """The names of those who write under these actors; who is not known is left out.

        Who was here since this was opened is known; of others the hub is asked, and what it noted lately may not be on
        its disk yet.
        """
        found = {actor: self.author(actor) for actor in actors}
        unknown = {actor for actor, author in found.items() if author is None}
        names = {actor: author.name for actor, author in found.items() if author is not None}
        if unknown:
            with suppress(RequestFailed, TimeoutError):  # without an answer what was told earlier has to do
                await self._writers()
            spans = sorted(self._spans.values(), key=lambda span: span.from_seq)
            names |= {one.actor: one.author.name for one in spans if one.actor in unknown and one.author.is_known}
        return names

    def taken_part(self) -> list[Author]:
        """People, agents and programs that are here, or that this peer knows of: from comments, and from what the hub
        told of who wrote. Each once."""
        here = [Author(one.peer_id, one.name, one.kind) for one in self._authors.values()]
        said = [message.author for thread in comments.threads(self._document) for message in thread.messages]
        wrote = [span.author for span in self._spans.values()]
        return list(dict.fromkeys(one for one in here + said + wrote if one.kind in ("person", "agent", "program")))

    def _past(self, heads: Heads) -> PastNotebook:
        """The notebook at these heads, read; made of the one that was read last, at the cost of what differs."""
        generation = self._document.replica.generation
        like = self._last_past[1] if self._last_past is not None and self._last_past[0] == generation else None
        touched = None if like is None else self._changes().cells_between(like.heads, heads)
        if like is None or touched is None:
            past = PastNotebook(self._document, heads)
        else:
            past = PastNotebook(self._document, heads, like, touched)
        past.cells()
        self._last_past = generation, past
        return past

    def _changes(self) -> ChangeLog:
        if self._log is None:
            self._log = ChangeLog(self._document.replica)
        return self._log

    async def _writers(self) -> Authors:
        if self.online:
            self._take(await self.request(Writers(since=self._told_until), timeout=WRITERS_SECONDS))
        known = {key: Author(one.peer_id, one.name, one.kind) for key, one in self._authors.items()}
        known[author_key(self._document.replica.actor)] = self.self_author
        return Authors(self._spans.values(), known)

    def _take(self, told: Mapping[str, Any]) -> None:
        authors = [
            Author(one["peer_id"], one["name"], one["kind"] if one["kind"] in KINDS else "unknown")
            for one in told["authors"]
        ]
        for actor, from_seq, author, at, brought in told["spans"]:
            self._spans[actor, from_seq] = Span(actor, from_seq, authors[author], at, brought)
        self._told_until = max(0.0, told["time"] - OVERLAP_SECONDS)
