"""Newcomers who know nothing are told the same; each of them is in step afterwards."""

from __future__ import annotations

from tests.support.channel_bench import Bench


def test_two_newcomers_get_the_same_bytes_and_the_whole_notebook() -> None:
    bench = Bench()
    first, second = bench.client(), bench.client()

    assert first.heard[0] is second.heard[0]
    assert first.doc.replica.heads() == second.doc.replica.heads() == bench.channel.durable_heads


def test_a_newcomer_after_a_commit_gets_what_was_stored() -> None:
    bench = Bench()
    author = bench.client()
    author.doc.add_cell("stored meanwhile")
    bench.turn(author.key, author.say())
    bench.commit()

    late = bench.client()

    assert [late.doc.source(cell) for cell in late.doc.cell_ids()][-1] == "stored meanwhile"


def test_a_newcomer_that_got_a_kept_answer_syncs_on() -> None:
    bench = Bench()
    author, other = bench.client(), bench.client()
    author.doc.add_cell("from the author")
    bench.turn(author.key, author.say())
    other.doc.add_cell("from the other")
    bench.turn(other.key, other.say())
    while bench.batches:
        bench.commit()

    assert author.doc.replica.heads() == other.doc.replica.heads() == bench.channel.durable_heads


def test_after_a_reload_newcomers_are_told_what_the_new_replica_has() -> None:
    bench = Bench()
    before = bench.client()
    bench.reload()

    late = bench.client()

    assert late.heard[0] is not before.heard[0]
    assert late.doc.replica.heads() == bench.channel.durable_heads
