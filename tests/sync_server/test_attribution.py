"""Who brought which changes, and when: what is worth a row, whose a change is, and what the store gives back."""

from __future__ import annotations

from pathlib import Path

from notebook_doc.authors import Author
from notebook_doc.replica import actor_of
from sync_server.attribution import SPAN_SECONDS, THE_FILE, Arrived, Attribution, StoredSpan, author_of
from sync_server.sqlite_store import SqliteStore
from tests.support.aio import aio

ADA = Author("ada-1", "Ada", "person")
BOT = Author("bot-1", "Bot", "agent")
OF_ADA = actor_of("ada-1")
FOREIGN = b"an actor of its "


def test_a_minute_of_writing_is_one_row_however_many_changes_it_is() -> None:
    attribution = Attribution()
    found = [
        span
        for second in range(180)
        for span in attribution.spans([Arrived(OF_ADA, second + 1, ADA, False)], 1000.0 + second)
    ]
    assert [(span.from_seq, span.time) for span in found] == [(1, 1000.0), (61, 1060.0), (121, 1120.0)]
    assert SPAN_SECONDS == 60.0


def test_another_sender_of_the_same_actor_begins_a_row() -> None:
    attribution = Attribution()
    attribution.spans([Arrived(OF_ADA, 1, ADA, False)], 1000.0)
    (span,) = attribution.spans([Arrived(OF_ADA, 2, BOT, True)], 1001.0)
    assert (span.from_seq, span.sender, span.brought) == (2, BOT, True)


def test_a_clock_that_was_set_back_begins_a_row() -> None:
    attribution = Attribution()
    attribution.spans([Arrived(OF_ADA, 1, ADA, False)], 1000.0)
    assert [span.time for span in attribution.spans([Arrived(OF_ADA, 2, ADA, False)], 500.0)] == [500.0]


def test_a_change_is_its_owners_else_its_senders_if_it_was_written_here_else_nobodys() -> None:
    def whose(actor: bytes, sender: Author | None, owner: Author | None, *, brought: bool) -> Author:
        return author_of(StoredSpan(actor, 1, sender, owner, 0.0, brought)).author

    assert whose(OF_ADA, BOT, ADA, brought=True) == ADA
    assert whose(OF_ADA, ADA, None, brought=True) == ADA
    assert whose(FOREIGN, BOT, None, brought=False) == BOT  # a program with actors of its own that writes here
    assert whose(FOREIGN, BOT, None, brought=True).kind == "unknown"
    assert whose(FOREIGN, None, None, brought=False).kind == "unknown"


@aio
async def test_the_store_keeps_rows_and_finds_owners_that_were_noted_later(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "state")
    await store.note_spans("n", [StoredSpan(OF_ADA, 1, BOT, None, 10.0, True)])
    await store.note_spans("n", [StoredSpan(FOREIGN, 1, THE_FILE, None, 20.0, False)])
    await store.note_spans("other", [StoredSpan(OF_ADA, 5, ADA, None, 30.0, False)])
    await store.note_spans("n", [StoredSpan(OF_ADA, 1, BOT, None, 11.0, True)])  # again: it was not acknowledged
    await store.close()
    again = await SqliteStore.open(tmp_path / "state")
    assert [(s.actor, s.sender, s.owner, s.time, s.brought) for s in await again.spans("n", 0.0)] == [
        (OF_ADA, BOT, ADA, 11.0, True),
        (FOREIGN, THE_FILE, None, 20.0, False),
    ]
    assert [s.actor for s in await again.spans("n", 15.0)] == [FOREIGN]
    await again.close()
