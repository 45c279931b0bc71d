"""An acknowledgement never claims that its receiver was sent what has yet to be forwarded."""

from __future__ import annotations

from notebook_doc.sync_message import decode
from tests.support.channel_bench import Bench, changes


def test_a_commit_between_an_edit_and_the_end_of_its_turn_forwards_the_edit_first() -> None:
    bench = Bench()
    author, other = bench.client(), bench.client()
    other.doc.add_cell("first")
    bench.turn(other.key, other.say())  # its batch is on its way to the disk
    author.doc.add_cell("second")
    (second,) = author.doc.replica.heads()
    bench.carry_out(bench.channel.receive(author.key, author.say()))
    heard = len(other.heard)

    bench.commit()

    claims = [(decode(payload).have[0].last_sync, changes(payload)) for payload in other.heard[heard:]]
    assert claims[0] == ((second,), [second])


def test_acknowledging_everybody_in_the_middle_of_a_turn_forwards_first() -> None:
    bench = Bench()
    author, other = bench.client(), bench.client()
    author.doc.add_cell("first")
    bench.turn(author.key, author.say())
    bench.commit()
    author.doc.add_cell("second")
    (second,) = author.doc.replica.heads()
    bench.carry_out(bench.channel.receive(author.key, author.say()))
    heard = len(other.heard)

    bench.carry_out(bench.channel.acknowledge_all())

    assert changes(other.heard[heard]) == [second]
