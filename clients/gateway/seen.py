"""What one client has before its eyes, so that a whole text it sends becomes the edit that its user made.

A client of the JSON protocol has no replica: it is shown texts and sends texts. A SeenTexts remembers which texts the
client may have seen last of each cell, and at which heads the document said so. `edit` finds the one that the sent text
was made from, and brings what differs to the text as it is now, character by character, by the identity that each has
in the document. So what others typed meanwhile stays, and what the client deleted goes even if others moved it.

Which text a client had is not said in the protocol: what was sent to it may still be on its way when it sends. So of
the texts since its own last one, that one counts from which the fewest characters are missing, then the one to which
the fewest were added: a wrong guess must not delete what somebody else typed. What was sent so long ago that it has
been seen (SURELY_SEEN) counts before what is older, unless the client's text lacks what came with it and is whole
without: then its editor went on without looking. Pure; times are handed in, in seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from notebook_doc.errors import UnknownHeads
from notebook_doc.notebook import NotebookDoc
from notebook_doc.plain import well_formed
from notebook_doc.replica import Heads
from notebook_doc.text_diff import Splice, splices
from notebook_doc.touched import ObjectKey

# Frames with all sources that may be on their way to a client at the same time.
MAX_UNDER_WAY: Final = 32
# Seconds after which what was sent to a client has been seen by whoever sits before it.
SURELY_SEEN: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Shown:
    """A frame with every cell's source, as the document had them at these heads."""

    number: int
    at: float
    heads: Heads
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Text:
    """One text of one cell that the client may have: its characters' identities, or heads at which they can be read."""

    text: str
    heads: Heads
    elements: tuple[ObjectKey, ...] | None = None  # None: they are those of the document at `heads`


@dataclass(frozen=True, slots=True)
class _Change:
    """old[start:end] becomes `insert`."""

    start: int
    end: int
    insert: str


class SeenTexts:
    """See the module. One for each client."""

    def __init__(self) -> None:
        self._shown: deque[_Shown] = deque()
        self._number = 0
        self._sent: dict[str, tuple[int, _Text]] = {}  # by cell, its own last text, and the frames sent before it

    def shown(self, heads: Heads, sources: Mapping[str, str], at: float) -> None:
        """A frame with the sources of all cells has been sent to the client."""
        self._number += 1
        self._shown.append(_Shown(self._number, at, heads, sources))
        if len(self._shown) > MAX_UNDER_WAY:
            del self._shown[1]  # not the first: a client that reads nothing still has that one

    def edit(self, doc: NotebookDoc, cell_id: str, text: str, at: float) -> bool:
        """Make the edit, as one change, that the client means by sending this text. Raises UnknownCell.

        False if nothing was changed although the cell says something else: the client is to be shown that again.
        """
        text = well_formed(text)
        now = doc.source(cell_id)
        base, heads = self._base(doc, cell_id, text, now, at), doc.replica.heads()
        changes = _changes(base.text, text)
        if base.text == now or not changes:
            with doc.edit():
                for splice in splices(base.text, text):
                    doc.splice_source(cell_id, splice.index, splice.delete, splice.insert)
            after = _Text(text, doc.replica.heads()) if base.text == now else base
        else:
            old = _elements(doc, cell_id, base)
            moved, places = _rebased(changes, old, _elements(doc, cell_id, _Text(now, heads)))
            with doc.edit():
                for splice in moved:
                    doc.splice_source(cell_id, splice.index, splice.delete, splice.insert)
            after = _Text(text, doc.replica.heads())
            if doc.source(cell_id) != text:
                made = _elements(doc, cell_id, after)
                after = _Text(text, after.heads, tuple(_followed(changes, old, places, made)))
        if base.text != now and not changes:
            return False
        self._sent[cell_id] = self._number, after
        return True

    def forget(self, cell_id: str) -> None:
        """A cell is gone."""
        self._sent.pop(cell_id, None)

    def _base(self, doc: NotebookDoc, cell_id: str, text: str, now: str, at: float) -> _Text:
        """What the client's text was made from; of equally likely ones the last."""
        sent_at, sent = self._sent.get(cell_id, (0, None))
        older: list[_Text] = []
        recent = [] if sent is None else [sent]
        for shown in self._shown:
            seen = shown.sources.get(cell_id)
            if shown.number > sent_at and seen is not None:
                if at - shown.at >= SURELY_SEEN:
                    older, recent = older + recent, []
                recent.append(_Text(seen, shown.heads))
        best = _nearest(doc, recent, text)
        if best is None:
            return _Text(now, doc.replica.heads())
        before = _nearest(doc, [one for one in older if one.text != text], text)
        if before is not None:
            (gone, new), (gone_before, new_before) = _distance(best.text, text), _distance(before.text, text)
            if gone and not gone_before and new_before < gone + new:
                return before
        return best


def _nearest(doc: NotebookDoc, candidates: Sequence[_Text], text: str) -> _Text | None:
    known = [one for one in candidates if one.elements is not None or _contains(doc, one.heads)]
    return min(reversed(known), key=lambda one: _distance(one.text, text), default=None)


def _contains(doc: NotebookDoc, heads: Heads) -> bool:
    try:
        doc.replica.at(heads)
    except UnknownHeads:  # the replica was fetched anew, and what the client saw is lost
        return False
    return True


def _distance(old: str, new: str) -> tuple[int, int]:
    """How many characters go, and how many come."""
    edits = splices(old, new)
    return sum(edit.delete for edit in edits), sum(len(edit.insert) for edit in edits)


def _changes(old: str, new: str) -> list[_Change]:
    """What differs, by places in the old text."""
    found: list[_Change] = []
    shift = 0
    for splice in splices(old, new):
        start = splice.index - shift
        found.append(_Change(start, start + splice.delete, splice.insert))
        shift += len(splice.insert) - splice.delete
    return found


def _elements(doc: NotebookDoc, cell_id: str, text: _Text) -> Sequence[ObjectKey]:
    if text.elements is not None:
        return text.elements
    obj = doc.source_text(cell_id)
    return () if obj is None else doc.replica.at(text.heads).elements(obj)


def _rebased(
    changes: Iterable[_Change], old: Sequence[ObjectKey], now: Sequence[ObjectKey]
) -> tuple[list[Splice], list[int]]:
    """The changes as splices of the text as it is now, and where in the text after them each insertion begins."""
    place = {element: index for index, element in enumerate(now)}
    gone: set[int] = set()
    inserted: list[tuple[int, str]] = []  # (before which character of now, what)
    for change in changes:
        gone.update(place[element] for element in old[change.start : change.end] if element in place)
        before = next((place[old[at]] + 1 for at in range(change.start - 1, -1, -1) if old[at] in place), 0)
        inserted.append((before, change.insert))
    moves: list[Splice] = []
    places: list[int] = [0] * len(inserted)
    steps = [(index, 1, -1) for index in gone]
    steps += [(index, 0, number) for number, (index, _) in enumerate(inserted)]
    shift = 0
    for index, _, number in sorted(steps):
        if number < 0:
            moves.append(Splice(index + shift, 1, ""))
            shift -= 1
        else:
            places[number] = index + shift
            what = inserted[number][1]
            if what:
                moves.append(Splice(index + shift, 0, what))
                shift += len(what)
    return moves, places


def _followed(
    changes: Iterable[_Change], old: Sequence[ObjectKey], places: Iterable[int], made: Sequence[ObjectKey]
) -> Iterable[ObjectKey]:
    """The identities of the characters that the client has now, given those of the document after its edit."""
    at = 0
    for change, place in zip(changes, places, strict=True):
        yield from old[at : change.start]
        yield from made[place : place + len(change.insert)]
        at = change.end
    yield from old[at:]
