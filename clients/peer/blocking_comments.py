"""Comments in the synchronous face: see `clients.peer.comments`, whose objects these hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

from clients.peer import comments as core_comments
from clients.peer.face import HandleFace, here
from notebook_doc.authors import Author
from notebook_doc.comments import Message, Resolved

if TYPE_CHECKING:
    from clients.peer.blocking import Notebook
    from clients.peer.blocking_cells import Cell


class Thread(HandleFace[core_comments.Thread]):
    """What was said about one cell. It can be kept; it raises UnknownThread once somebody has deleted it."""

    read = here(core_comments.Thread.read)
    mentions = here(core_comments.Thread.mentions)
    reply = here(core_comments.Thread.reply)
    resolve = here(core_comments.Thread.resolve)
    reopen = here(core_comments.Thread.reopen)
    delete = here(core_comments.Thread.delete)

    @property
    def messages(self) -> list[Message]:
        """What was said, oldest first: each with `author`, `text`, `time`."""
        return self._here(lambda thread: thread.messages)

    @property
    def text(self) -> str:
        """Its first message."""
        return self._here(lambda thread: thread.text)

    @property
    def resolved(self) -> Resolved | None:
        """Who resolved it, and when; None while it is open."""
        return self._here(lambda thread: thread.resolved)

    @property
    def cell_id(self) -> str:
        """The cell that it is about, which may be deleted."""
        return self._here(lambda thread: thread.cell_id)

    @property
    def cell(self) -> Cell | None:
        """The cell that it is about; None if that is deleted, and the thread orphaned."""
        cell = self._here(lambda thread: thread.cell)
        return None if cell is None else self._notebook.cells[cell.id]

    @property
    def quote(self) -> str | None:
        """The passage that it is about, as it was; None if it is about the cell as a whole."""
        return self._here(lambda thread: thread.quote)

    @property
    def span(self) -> tuple[int, int] | None:
        """Where that passage stands in the cell's source now; None if it is about the cell, or the passage is gone."""
        return self._here(lambda thread: thread.span)


class Comments(Sequence[Thread]):
    """The threads of a cell, or of the whole notebook, oldest first; looked up anew at every use."""

    def __init__(self, notebook: Notebook, core: core_comments.Comments) -> None:
        self._notebook = notebook
        self._core = core

    def __repr__(self) -> str:
        return repr(list(self))

    def __len__(self) -> int:
        return self._notebook._here(lambda _: len(self._core))

    def __iter__(self) -> Iterator[Thread]:
        return iter(self[:])

    @overload
    def __getitem__(self, key: int) -> Thread: ...

    @overload
    def __getitem__(self, key: slice) -> list[Thread]: ...

    def __getitem__(self, key: int | slice) -> Thread | list[Thread]:
        if isinstance(key, slice):
            return [Thread(self._notebook, one) for one in self._notebook._here(lambda _: self._core[key])]
        return Thread(self._notebook, self._notebook._here(lambda _: self._core[key]))

    def mentioning(self, who: Author | None = None) -> list[Thread]:
        """The threads in which somebody is mentioned: this peer, if nobody is named."""
        return [Thread(self._notebook, one) for one in self._notebook._here(lambda _: self._core.mentioning(who))]

    def add(self, text: str, *, quote: str | None = None, cell: str | Cell | None = None) -> Thread:
        """Begin a thread about the cell, or about a passage of its source (`quote`, its first occurrence).

        `@name` in the text mentions somebody. `cell` names the cell where these are the comments of a whole notebook.
        Raises BadEdit, UnknownCell.
        """
        cell_id = cell if cell is None or isinstance(cell, str) else cell.id
        added = self._notebook._here(lambda _: self._core.add(text, quote=quote, cell=cell_id))
        return Thread(self._notebook, added)
