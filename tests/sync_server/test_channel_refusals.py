"""What a channel does not take: nothing of it is stored, its author is told, the others go on."""

from __future__ import annotations

import pytest

from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Replica
from notebook_doc.sync_message import encode
from tests.support.channel_bench import Bench, Client
from tests.support.crafted_changes import Spoil, left_out, panicking, repeated, spoiled_message


def bench_with_a_cell() -> tuple[Bench, Client, Client]:
    bench = Bench()
    author, other = bench.client(), bench.client()
    author.doc.add_cell("some text")
    bench.turn(author.key, author.say())
    bench.commit()
    bench.carry_out(bench.channel.acknowledge_all())
    return bench, author, other


def test_bytes_that_are_no_sync_message_are_refused() -> None:
    bench = Bench()
    client = bench.client()
    bench.turn(client.key, b"hello")
    assert [(refusal.peer, refusal.code) for refusal in bench.refusals] == [(client.key, "bad_sync")]


def test_a_change_with_a_flipped_bit_is_refused_before_anybody_else_sees_it() -> None:
    bench, author, other = bench_with_a_cell()
    author.doc.splice_source(author.doc.cell_ids()[0], 0, 0, "x")
    said = bytearray(author.say())
    said[-20] ^= 1
    heard = len(other.heard)
    bench.turn(author.key, bytes(said))
    assert [refusal.peer for refusal in bench.refusals] == [author.key]
    assert len(other.heard) == heard


def test_a_reader_that_sends_changes_is_refused_and_none_is_taken() -> None:
    bench = Bench()
    reader = bench.client(may_write=False)
    other = bench.client()
    reader.doc.add_cell("mine")
    bench.turn(reader.key, reader.say())
    assert [(refusal.peer, refusal.code) for refusal in bench.refusals] == [(reader.key, "read_only")]
    assert bench.batches == []
    assert len(other.doc) == 0


def test_a_reader_that_sends_back_what_it_was_sent_is_not_refused() -> None:
    bench, author, _ = bench_with_a_cell()
    reader = bench.client(may_write=False)
    bench.turn(reader.key, encode(reader.doc.replica.heads(), (), (), author.doc.replica.changes_since(())))
    assert bench.refusals == []


@pytest.mark.parametrize("spoil", [panicking, repeated, left_out])
def test_a_change_the_core_cannot_take_is_refused_and_nothing_of_it_is_stored(spoil: Spoil) -> None:
    bench, author, _ = bench_with_a_cell()
    stored = list(bench.stored)
    bench.clients.clear()  # the others would choke on what is forwarded, which is the peer's affair
    bench.turn(author.key, spoiled_message(author.doc, spoil))
    if bench.reloads:
        bench.reload()
    assert [(refusal.peer, refusal.code) for refusal in bench.refusals] == [(author.key, "bad_sync")]
    assert bench.batches == []
    assert bench.stored == stored


@pytest.mark.parametrize("spoil", [panicking, repeated, left_out])
def test_what_an_honest_peer_sent_in_the_same_turn_is_stored(spoil: Spoil) -> None:
    bench, author, _ = bench_with_a_cell()
    honest = bench.client()
    cell = honest.doc.add_cell("honest")
    said = honest.say()
    bench.clients.clear()
    bench.turn(author.key, spoiled_message(author.doc, spoil), honest.key, said)
    while bench.reloads:
        bench.reloads -= 1
        bench.reload()
    while bench.batches:
        bench.commit()
    assert {refusal.peer for refusal in bench.refusals} == {author.key}
    stored = NotebookDoc(Replica.load(b"".join(bench.stored)))
    assert stored.source(cell) == "honest"


@pytest.mark.parametrize("spoil", [panicking, repeated])
def test_what_the_author_sent_before_the_bad_change_stays(spoil: Spoil) -> None:
    bench, author, _ = bench_with_a_cell()
    bench.clients.clear()
    bad = spoiled_message(author.doc, spoil)
    cell = author.doc.add_cell("before")
    bench.turn(author.key, author.say(), author.key, bad)
    while bench.reloads:
        bench.reloads -= 1
        bench.reload()
    while bench.batches:
        bench.commit()
    assert cell in NotebookDoc(Replica.load(b"".join(bench.stored)))


def test_while_the_replica_loads_again_changes_are_taken_and_forwarded() -> None:
    bench, author, other = bench_with_a_cell()
    bench.clients.pop(other.key)
    bench.turn(author.key, spoiled_message(author.doc, panicking))
    assert bench.reloads == 1
    cell = other.doc.cell_ids()[0]
    other.doc.splice_source(cell, 0, 0, "meanwhile ")
    bench.turn(other.key, other.say())
    assert bench.batches == []
    bench.reload()
    bench.commit()
    assert NotebookDoc(Replica.load(b"".join(bench.stored))).source(cell) == "meanwhile some text"
