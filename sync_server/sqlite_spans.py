"""Who wrote what when, in SQLite: the two tables behind `DocumentStore.note_spans` and `spans`.

Both functions are called inside a transaction of the store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, cast

from notebook_doc.authors import Author, AuthorKind
from notebook_doc.plain import well_formed
from notebook_doc.replica import AUTHOR_KEY_SIZE, author_key_of
from sync_server.attribution import StoredSpan

_READ: Final = f"""
    SELECT actor, from_seq, time, brought, sent.peer_id, sent.name, sent.kind, own.peer_id, own.name, own.kind
    FROM spans
    LEFT JOIN authors AS sent ON sent.author = spans.sender
    LEFT JOIN authors AS own ON own.author = (
        SELECT max(author) FROM authors WHERE authors.key = substr(spans.actor, 1, {AUTHOR_KEY_SIZE})
    )
    WHERE notebook_id = ? AND time >= ? ORDER BY time, actor, from_seq
"""


def note_spans(connection: sqlite3.Connection, notebook_id: str, spans: Sequence[StoredSpan]) -> None:
    """Keep these spans, and whoever sent them."""
    for span in spans:
        sender = None if span.sender is None else _author_number(connection, span.sender)
        connection.execute(
            "INSERT OR REPLACE INTO spans (notebook_id, actor, from_seq, sender, time, brought) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (notebook_id, span.actor, span.from_seq, sender, span.time, span.brought),
        )


def read_spans(connection: sqlite3.Connection, notebook_id: str, since: float) -> list[StoredSpan]:
    """The spans of a notebook, each with its sender and its owner."""
    rows = connection.execute(_READ, (notebook_id, since))
    return [
        StoredSpan(actor, from_seq, _author(row[:3]), _author(row[3:]), time, bool(brought))
        for actor, from_seq, time, brought, *row in rows
    ]


def _author_number(connection: sqlite3.Connection, author: Author) -> int:
    values = (well_formed(author.peer_id), well_formed(author.name), author.kind)
    found = connection.execute(
        "SELECT author FROM authors WHERE peer_id = ? AND name = ? AND kind = ?", values
    ).fetchone()
    if found is None:
        key = author_key_of(values[0])
        made = connection.execute("INSERT INTO authors (key, peer_id, name, kind) VALUES (?, ?, ?, ?)", (key, *values))
        assert made.lastrowid is not None  # it was an INSERT
        return made.lastrowid
    return int(found[0])


def _author(values: Sequence[str | None]) -> Author | None:
    peer_id, name, kind = values
    if peer_id is None or name is None:
        return None
    return Author(peer_id, name, cast(AuthorKind, kind))
