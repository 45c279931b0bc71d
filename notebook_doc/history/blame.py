"""Who wrote each part of a cell's source, at a cost bounded by the cell.

Every character of a Text is named by the operation that put it there, so no history is replayed: the characters are
read, and each operation's change is looked up. What was restored belongs to whoever restored it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from notebook_doc.history.authors import Authors, Writing
from notebook_doc.history.change_log import ChangeLog
from notebook_doc.replica import ObjectId, ReadView


@dataclass(frozen=True, slots=True)
class Blamed:
    """`text`, which stands at `start` (in code points), and who wrote it when."""

    start: int
    text: str
    by: Writing

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


def blame(view: ReadView, source: ObjectId, log: ChangeLog, authors: Authors) -> list[Blamed]:
    """The source's text in pieces, each by one author at one time, in order."""
    text = view.text(source)
    log.entries()  # up to now
    writings: list[Writing] = []
    known: dict[tuple[bytes, int], Writing] = {}
    for element in view.elements(source):
        change = log.change_of(element)
        seq = 1 if change is None else change.seq
        by = known.get((element.actor, seq))
        if by is None:
            by = known[element.actor, seq] = authors.of(element.actor, seq)
        writings.append(by)
    pieces: list[Blamed] = []
    start = 0
    for by, run in groupby(writings):
        length = sum(1 for _ in run)
        pieces.append(Blamed(start, text[start : start + length], by))
        start += length
    return pieces
