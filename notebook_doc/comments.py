"""What people and agents say about cells: threads of messages in a NotebookDoc, beside the cells they are about.

A thread names its cell and is kept when that is deleted: then it is *orphaned*, and there again if the cell is brought
back. It may be about a passage: the passage's text and where it stood are kept, and it is looked for where it stands
now (`find`); so it survives edits around it, restoring, merging and splitting, which a cursor into one Text would not.
Merging cells takes their threads along, splitting divides them. Messages are keyed by random ids, so replies made at
the same time are both kept; of two edits of one message one wins. Comments are never written to the notebook's file.

Pure: ids are drawn here, times (seconds since 1970) and authors are handed in. What cannot be read is passed over.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from notebook_doc.authors import Author, author_json, author_of_json
from notebook_doc.errors import BadEdit, UnknownThread
from notebook_doc.json_values import Json
from notebook_doc.mentions import is_mentioned
from notebook_doc.plain import well_formed
from notebook_doc.replica import ROOT, ObjectId

if TYPE_CHECKING:
    from notebook_doc.notebook import NotebookDoc

LONGEST_MESSAGE: Final = 20_000  # characters; what is longer belongs into a cell
LONGEST_QUOTE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Anchor:
    """The passage that a thread is about: its text, and where it began (in code points) when that was written."""

    quote: str
    start: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `edited` is when its text was last changed, None if never; `mentions` is who was meant by the names
    after an @ in it."""

    id: str
    author: Author
    text: str
    time: float
    edited: float | None = None
    mentions: tuple[Author, ...] = ()

    def mentioned(self, who: Author) -> bool:
        """Whether it mentions somebody."""
        return is_mentioned(self.text, self.mentions, who)


@dataclass(frozen=True, slots=True)
class Resolved:
    """Who closed a thread, and when."""

    author: Author
    time: float


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread as it was when it was read; `messages` in the order in which they were written."""

    id: str
    cell_id: str
    anchor: Anchor | None
    messages: tuple[Message, ...]
    resolved: Resolved | None

    @property
    def time(self) -> float:
        """When it began."""
        return self.messages[0].time


def find(source: str, anchor: Anchor) -> tuple[int, int] | None:
    """Where a passage stands in this source (in code points): the place nearest to where it stood; None if nowhere."""
    best: int | None = None
    at = source.find(anchor.quote)
    while at >= 0:
        if best is None or abs(at - anchor.start) < abs(best - anchor.start):
            best = at
        at = source.find(anchor.quote, at + 1)
    return None if best is None else (best, best + len(anchor.quote))


# --- reading ----------------------------------------------------------------------------------------------------------


def threads(notebook: NotebookDoc, cell_id: str | None = None) -> list[Thread]:
    """All threads, or those of a cell (that may be deleted), oldest first."""
    obj = notebook.view.child(ROOT, "comments")
    stored = {} if obj is None else cast(dict[str, Json], notebook.view.json(obj))
    found = [thread for name, value in stored.items() if (thread := _thread(name, value)) is not None]
    wanted = [thread for thread in found if cell_id is None or thread.cell_id == cell_id]
    return sorted(wanted, key=lambda thread: (thread.time, thread.id))


def thread(notebook: NotebookDoc, thread_id: str) -> Thread:
    """One thread. Raises UnknownThread."""
    obj = _thread_object(notebook, thread_id)
    found = _thread(thread_id, notebook.view.json(obj))
    if found is None:
        raise UnknownThread(thread_id)
    return found


def _thread(thread_id: str, value: Json) -> Thread | None:
    if not isinstance(value, dict) or not isinstance(cell_id := value.get("cell_id"), str):
        return None
    stored = value.get("messages")
    messages = sorted(_messages(stored if isinstance(stored, dict) else {}), key=lambda one: (one.time, one.id))
    if not messages:
        return None
    anchor, resolved = value.get("anchor"), value.get("resolved")
    return Thread(
        thread_id,
        cell_id,
        _anchor(anchor) if isinstance(anchor, dict) else None,
        tuple(messages),
        _resolved(resolved) if isinstance(resolved, dict) else None,
    )


def _messages(stored: Mapping[str, Json]) -> Iterator[Message]:
    for name, value in stored.items():
        if isinstance(value, dict) and isinstance(text := value.get("text"), str):
            edited, mentions = value.get("edited"), value.get("mentions")
            yield Message(
                name,
                author_of_json(value.get("author")),
                text,
                _time(value.get("time")),
                None if edited is None else _time(edited),
                tuple(author_of_json(one) for one in mentions) if isinstance(mentions, list) else (),
            )


def _anchor(value: Mapping[str, Json]) -> Anchor | None:
    quote, start = value.get("quote"), value.get("start")
    return Anchor(quote, start) if isinstance(quote, str) and quote and isinstance(start, int) else None


def _resolved(value: Mapping[str, Json]) -> Resolved:
    return Resolved(author_of_json(value.get("author")), _time(value.get("time")))


def _time(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


# --- writing ----------------------------------------------------------------------------------------------------------


def start(
    notebook: NotebookDoc,
    cell_id: str,
    text: str,
    author: Author,
    time: float,
    anchor: Anchor | None = None,
    mentions: Iterable[Author] = (),
) -> str:
    """Begin a thread about a cell, or about a passage of it; return its id. `mentions` is who is meant by the names
    after an @ in the text. Raises UnknownCell, BadEdit."""
    text = _checked(text)
    if anchor is not None and not 0 < len(anchor.quote) <= LONGEST_QUOTE:
        raise BadEdit(f"a comment is about a passage of 1 to {LONGEST_QUOTE} characters.", "Leave the passage out.")
    thread_id = secrets.token_hex(8)
    with notebook.edit():
        if cell_id not in notebook:
            notebook.cell(cell_id)  # which says that there is none
        obj = notebook.transaction.make_map(_root(notebook), thread_id)
        value: dict[str, Json] = {"cell_id": cell_id, "messages": {}}
        if anchor is not None:
            value["anchor"] = {"quote": well_formed(anchor.quote), "start": anchor.start}
        notebook.transaction.fill(obj, value)
        _say(notebook, obj, text, author, time, mentions)
    return thread_id


def reply(
    notebook: NotebookDoc, thread_id: str, text: str, author: Author, time: float, mentions: Iterable[Author] = ()
) -> str:
    """Add a message to a thread; return its id. Raises UnknownThread, BadEdit."""
    text = _checked(text)
    with notebook.edit():
        return _say(notebook, _thread_object(notebook, thread_id), text, author, time, mentions)


def edit(
    notebook: NotebookDoc,
    thread_id: str,
    message_id: str,
    text: str,
    time: float,
    mentions: Iterable[Author] = (),
) -> None:
    """Change the text of a message, and who is meant in it. Raises UnknownThread, BadEdit."""
    text = _checked(text)
    with notebook.edit():
        obj = _thread_object(notebook, thread_id)
        messages = notebook.view.child(obj, "messages")
        message = None if messages is None else notebook.view.child(messages, message_id)
        if message is None:
            raise BadEdit(f"there is no message {message_id!r} in the thread.", "Read the thread again.")
        notebook.transaction.put(message, "text", text)
        notebook.transaction.put(message, "edited", time)
        meant = [cast(Json, author_json(who)) for who in mentions]
        if meant or notebook.view.child(message, "mentions") is not None:
            notebook.transaction.put_json(message, "mentions", meant)


def resolve(notebook: NotebookDoc, thread_id: str, author: Author, time: float) -> None:
    """Close a thread: it stays, and can be opened again. Raises UnknownThread."""
    with notebook.edit():
        obj = _thread_object(notebook, thread_id)
        notebook.transaction.put_json(obj, "resolved", {"author": author_json(author), "time": time})


def reopen(notebook: NotebookDoc, thread_id: str) -> None:
    """Open a closed thread again. Raises UnknownThread."""
    with notebook.edit():
        obj = _thread_object(notebook, thread_id)
        if notebook.view.child(obj, "resolved") is not None:
            notebook.transaction.delete(obj, "resolved")


def delete(notebook: NotebookDoc, thread_id: str) -> None:
    """Remove a thread with all its messages. Raises UnknownThread."""
    with notebook.edit():
        _thread_object(notebook, thread_id)
        notebook.transaction.delete(_root(notebook), thread_id)


def merged(notebook: NotebookDoc, into: str, other: str) -> None:
    """Inside an edit that appends cell `other` to cell `into`: its threads go along."""
    for one in threads(notebook, other):
        notebook.transaction.put(_thread_object(notebook, one.id), "cell_id", into)


def split(notebook: NotebookDoc, cell_id: str, source: str, at: int, new_id: str) -> None:
    """Inside an edit that moves what follows `at` of a cell's source into a new cell: threads about that go along."""
    for one in threads(notebook, cell_id):
        found = None if one.anchor is None else find(source, one.anchor)
        if one.anchor is not None and found is not None and found[0] >= at:
            obj = _thread_object(notebook, one.id)
            notebook.transaction.put(obj, "cell_id", new_id)
            notebook.transaction.put_json(obj, "anchor", {"quote": one.anchor.quote, "start": found[0] - at})


def _say(
    notebook: NotebookDoc, obj: ObjectId, text: str, author: Author, time: float, mentions: Iterable[Author]
) -> str:
    message_id = secrets.token_hex(8)
    messages = notebook.view.child(obj, "messages")
    if messages is None:
        messages = notebook.transaction.make_map(obj, "messages")
    message = notebook.transaction.make_map(messages, message_id)
    value: dict[str, Json] = {"author": author_json(author), "text": text, "time": time}
    if meant := [cast(Json, author_json(who)) for who in mentions]:
        value["mentions"] = meant
    notebook.transaction.fill(message, value)
    return message_id


def _root(notebook: NotebookDoc) -> ObjectId:
    obj = notebook.view.child(ROOT, "comments")
    assert obj is not None, "a root since the seed"
    return obj


def _thread_object(notebook: NotebookDoc, thread_id: str) -> ObjectId:
    root = notebook.view.child(ROOT, "comments")
    obj = None if root is None else notebook.view.child(root, thread_id)
    if obj is None:
        raise UnknownThread(thread_id)
    return obj


def _checked(text: str) -> str:
    if not text.strip() or len(text) > LONGEST_MESSAGE:
        raise BadEdit(f"a comment has 1 to {LONGEST_MESSAGE} characters; this one has {len(text.strip())}.")
    return well_formed(text)
