"""Comments on cells as live objects: threads that are read from the replica when asked, and edited where they are.

A Thread holds a notebook and a thread id and nothing else, so it can be kept; it raises UnknownThread once somebody has
deleted it. What is said is signed with this peer's name and kind, and with the time here. A name after an @ in it means
whoever of that name is here or has taken part, as far as this peer knows, and else whoever will be called that.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from clients.peer.handle import Handle
from notebook_doc import comments
from notebook_doc.authors import Author
from notebook_doc.comments import Anchor, Message, Resolved
from notebook_doc.errors import BadEdit, UnknownCell
from notebook_doc.mentions import meant_in

if TYPE_CHECKING:
    from clients.peer.cell import Cell
    from clients.peer.notebook import Notebook


class Thread(Handle):
    """What was said about one cell. Raises UnknownThread when it is gone."""

    def __repr__(self) -> str:
        read = self.read()
        state = "resolved, " if read.resolved else ""
        first = read.messages[0]
        return f"<thread {self.id}, {state}{len(read.messages)} messages, {first.author.name}: {first.text[:60]!r}>"

    def read(self) -> comments.Thread:
        """All of it, as it is now."""
        return comments.thread(self._notebook.doc, self.id)

    @property
    def messages(self) -> list[Message]:
        """What was said, oldest first."""
        return list(self.read().messages)

    @property
    def text(self) -> str:
        """Its first message."""
        return self.read().messages[0].text

    @property
    def resolved(self) -> Resolved | None:
        """Who resolved it, and when; None while it is open."""
        return self.read().resolved

    @property
    def cell_id(self) -> str:
        """The cell that it is about, which may be deleted."""
        return self.read().cell_id

    @property
    def cell(self) -> Cell | None:
        """The cell that it is about; None if that is deleted, and the thread orphaned."""
        cell_id = self.cell_id
        return self._notebook.cells[cell_id] if cell_id in self._notebook.doc else None

    @property
    def quote(self) -> str | None:
        """The passage that it is about, as it was; None if it is about the cell as a whole."""
        anchor = self.read().anchor
        return None if anchor is None else anchor.quote

    @property
    def span(self) -> tuple[int, int] | None:
        """Where that passage stands in the cell's source now; None if it is about the cell, or the passage is gone."""
        read = self.read()
        if read.anchor is None or read.cell_id not in self._notebook.doc:
            return None
        return comments.find(self._notebook.doc.source(read.cell_id), read.anchor)

    def mentions(self, who: Author | None = None) -> bool:
        """Whether a message in it mentions somebody: this peer, if nobody is named."""
        wanted = who or self._notebook.self_author
        return any(message.mentioned(wanted) for message in self.messages)

    def reply(self, text: str) -> None:
        """Add a message. `@name` in it mentions somebody."""
        with self._notebook.edit():
            meant = meant_in(text, self._notebook.taken_part())
            comments.reply(self._notebook.doc, self.id, text, self._notebook.self_author, time.time(), meant)

    def resolve(self) -> None:
        """Close it: it stays, and can be opened again."""
        with self._notebook.edit():
            comments.resolve(self._notebook.doc, self.id, self._notebook.self_author, time.time())

    def reopen(self) -> None:
        """Open it again."""
        with self._notebook.edit():
            comments.reopen(self._notebook.doc, self.id)

    def delete(self) -> None:
        """Remove it with all its messages."""
        with self._notebook.edit():
            comments.delete(self._notebook.doc, self.id)


class Comments(Sequence[Thread]):
    """The threads of a cell, or of the whole notebook, oldest first; looked up anew at every use."""

    def __init__(self, notebook: Notebook, cell_id: str | None = None) -> None:
        self._notebook = notebook
        self._cell_id = cell_id

    def __repr__(self) -> str:
        return repr(list(self))

    def _threads(self) -> list[Thread]:
        found = comments.threads(self._notebook.doc, self._cell_id)
        return [Thread(self._notebook, thread.id) for thread in found]

    def __len__(self) -> int:
        return len(self._threads())

    @overload
    def __getitem__(self, key: int) -> Thread: ...

    @overload
    def __getitem__(self, key: slice) -> list[Thread]: ...

    def __getitem__(self, key: int | slice) -> Thread | list[Thread]:
        return self._threads()[key]

    def mentioning(self, who: Author | None = None) -> list[Thread]:
        """The threads in which somebody is mentioned: this peer, if nobody is named."""
        return [thread for thread in self._threads() if thread.mentions(who)]

    def add(self, text: str, *, quote: str | None = None, cell: str | Cell | None = None) -> Thread:
        """Begin a thread about the cell, or about a passage of its source (`quote`, its first occurrence).

        `@name` in the text mentions somebody. `cell` names the cell where these are the comments of a whole notebook.
        Raises BadEdit, UnknownCell.
        """
        cell_id = self._cell_id if cell is None else cell if isinstance(cell, str) else cell.id
        if cell_id is None:
            raise BadEdit("a comment is about a cell.", "Call cell.comments.add(…), or name the cell.")
        doc = self._notebook.doc
        with self._notebook.edit():
            if cell_id not in doc:
                raise UnknownCell(cell_id)
            anchor = None if quote is None else _anchor(doc.source(cell_id), quote, cell_id)
            author: Author = self._notebook.self_author
            meant = meant_in(text, self._notebook.taken_part())
            thread_id = comments.start(doc, cell_id, text, author, time.time(), anchor, meant)
        return Thread(self._notebook, thread_id)


def _anchor(source: str, quote: str, cell_id: str) -> Anchor:
    start = source.find(quote)
    if start < 0 or not quote:
        raise BadEdit(f"cell {cell_id!r} does not contain {quote!r}.", "Quote a passage as it stands there.")
    return Anchor(quote, start)
