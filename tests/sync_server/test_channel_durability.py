"""Stored first, then acknowledged; told to everybody in the end; silent when all is said."""

from __future__ import annotations

from notebook_doc.replica import Replica
from sync_server.channel import MAX_BATCH
from tests.support.channel_bench import Bench, changes


def test_a_change_is_in_the_heads_of_what_the_hub_sends_only_after_it_is_on_disk() -> None:
    bench = Bench()
    author, reader = bench.client(), bench.client()
    before = bench.channel.durable_heads
    author.doc.add_cell("x")
    bench.turn(author.key, author.say())
    assert reader.last.heads == before
    bench.commit()
    assert author.last.heads == author.doc.replica.heads()


def test_what_is_stored_is_exactly_what_the_replica_took() -> None:
    bench = Bench()
    author = bench.client()
    for number in range(5):
        author.doc.add_cell(f"{number}")
        bench.turn(author.key, author.say())
    while bench.batches:
        bench.commit()
    stored = Replica.load(b"".join(bench.stored))
    assert stored.heads() == bench.channel.durable_heads == author.doc.replica.heads()


def test_one_batch_at_a_time_is_on_its_way_to_the_disk() -> None:
    bench = Bench()
    author = bench.client()
    for number in range(3):
        author.doc.add_cell(f"{number}")
        bench.turn(author.key, author.say())
    assert len(bench.batches) == 1
    bench.commit()
    assert len(bench.batches) == 1
    bench.commit()
    assert bench.channel.idle
    assert bench.channel.durable_heads == author.doc.replica.heads()


def test_a_flood_is_stored_in_batches_of_bounded_length() -> None:
    bench = Bench()
    author = bench.client()
    cell = author.doc.add_cell("")
    for _ in range(MAX_BATCH + 50):
        author.doc.splice_source(cell, 0, 0, "x")
    bench.turn(author.key, author.say())
    lengths = []
    while bench.batches:
        lengths.append(len(bench.batches[0]))
        bench.commit()
    assert max(lengths) <= MAX_BATCH
    assert sum(lengths) == MAX_BATCH + 51


def test_nothing_is_acknowledged_and_no_second_batch_begun_while_one_is_being_stored() -> None:
    bench = Bench()
    author = bench.client()
    author.doc.add_cell("x")
    bench.turn(author.key, author.say())
    author.doc.add_cell("y")
    bench.turn(author.key, author.say())
    assert len(bench.batches) == 1
    assert not set(author.doc.replica.heads()) & set(author.last.heads)
    bench.commit()
    bench.commit()
    assert author.last.heads == author.doc.replica.heads()


def test_readers_are_told_in_the_end_what_is_on_disk() -> None:
    bench = Bench()
    author, reader = bench.client(), bench.client()
    author.doc.add_cell("x")
    bench.turn(author.key, author.say())
    bench.commit()
    assert reader.last.heads != author.doc.replica.heads()
    bench.carry_out(bench.channel.acknowledge_all())
    assert reader.last.heads == author.doc.replica.heads()


def test_an_author_whose_queue_was_busy_when_its_change_was_stored_is_told_when_it_is_drained() -> None:
    bench = Bench()
    author = bench.client()
    author.doc.add_cell("x")
    bench.turn(author.key, author.say())
    bench.channel.busy(author.key)
    bench.commit()
    bench.carry_out(bench.channel.acknowledge_all())
    assert author.last.heads != author.doc.replica.heads()
    bench.carry_out(bench.channel.drained(author.key))
    assert author.last.heads == author.doc.replica.heads()


def test_acknowledging_what_everybody_knows_sends_nothing() -> None:
    bench = Bench()
    author, _ = bench.client(), bench.client()
    author.doc.add_cell("x")
    bench.turn(author.key, author.say())
    bench.commit()
    bench.carry_out(bench.channel.acknowledge_all())
    assert bench.carry_out(bench.channel.acknowledge_all()) == []
    assert bench.turn() == []


def test_two_peers_that_agree_exchange_nothing() -> None:
    bench = Bench()
    one, two = bench.client(), bench.client()
    one.doc.add_cell("x")
    bench.turn(one.key, one.say())
    bench.commit()
    bench.carry_out(bench.channel.acknowledge_all())
    for _ in range(3):
        for client in (one, two):
            if (payload := client.session.generate()) is not None:
                bench.turn(client.key, payload)
    assert one.session.generate() is None
    assert two.session.generate() is None
    assert bench.turn() == []


def test_a_peer_with_an_empty_document_is_sent_a_snapshot_in_one_message() -> None:
    bench = Bench()
    author = bench.client()
    cell = author.doc.add_cell("")
    for _ in range(40):
        author.doc.splice_source(cell, 0, 0, "x")
        bench.turn(author.key, author.say())
        bench.commit()
    newcomer = bench.client()
    assert newcomer.doc.source(cell) == "x" * 40
    assert len([payload for payload in newcomer.heard if len(payload) > 1000]) == 1


def test_a_hub_that_starts_again_from_its_disk_has_what_it_acknowledged() -> None:
    bench = Bench()
    author = bench.client()
    kept = author.doc.add_cell("kept")
    bench.turn(author.key, author.say())
    bench.commit()
    promised = author.last.heads
    author.doc.add_cell("not yet")
    bench.turn(author.key, author.say())
    after = Replica.load(b"".join(bench.stored))
    assert after.heads() == promised
    assert kept in type(author.doc)(after)
    assert len(type(author.doc)(after)) == 1


def test_nothing_arrives_from_a_peer_that_has_left() -> None:
    bench = Bench()
    author, reader = bench.client(), bench.client()
    author.doc.add_cell("x")
    said = author.say()
    bench.channel.leave(author.key)
    assert bench.turn(author.key, said) == []
    assert not any(changes(payload) for payload in reader.heard[1:])
