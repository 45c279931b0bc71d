"""What one peer sends reaches the others in the same turn, in one message, whole and once."""

from __future__ import annotations

from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import ROOT
from notebook_doc.sync_message import Have, encode
from sync_server.channel import MAX_ORPHANS
from sync_server.effects import Persist, Send
from tests.support.channel_bench import Bench, changes


def test_a_change_reaches_the_others_in_the_turn_in_which_it_arrived_before_it_is_stored() -> None:
    bench = Bench()
    author, reader = bench.client(), bench.client(may_write=False)
    cell = author.doc.add_cell("x = 1")
    effects = bench.turn(author.key, author.say())
    assert reader.doc.source(cell) == "x = 1"
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Send) < kinds.index(Persist)


def test_what_several_peers_send_in_one_turn_is_one_message_to_everybody_else() -> None:
    bench = Bench()
    one, two, reader = bench.client(), bench.client(), bench.client()
    one.doc.add_cell("one")
    two.doc.add_cell("two")
    heard = len(reader.heard)
    bench.turn(one.key, one.say(), two.key, two.say())
    assert len(reader.heard) == heard + 1
    assert sorted(reader.doc.source(cell) for cell in reader.doc.cell_ids()) == ["one", "two"]


def test_an_author_is_not_sent_its_own_changes() -> None:
    bench = Bench()
    one, two = bench.client(), bench.client()
    one.doc.add_cell("one")
    two.doc.add_cell("two")
    mine = set(one.doc.replica.heads())
    bench.turn(one.key, one.say(), two.key, two.say())
    assert not any(mine & set(changes(payload)) for payload in one.heard)
    assert len(one.doc) == 2


def test_everybody_without_changes_of_their_own_is_sent_the_same_encoded_message() -> None:
    bench = Bench()
    author, *readers = [bench.client() for _ in range(4)]
    author.doc.add_cell("x")
    effects = bench.turn(author.key, author.say())
    payloads = [effect.payload for effect in effects if isinstance(effect, Send)]
    assert len(payloads) == len(readers)
    assert all(payload is payloads[0] for payload in payloads)


def test_a_change_that_arrives_twice_is_forwarded_once() -> None:
    bench = Bench()
    author, other, reader = bench.client(), bench.client(), bench.client()
    author.doc.add_cell("x")
    said = author.say()
    bench.turn(author.key, said)
    heard = len(reader.heard)
    bench.turn(other.key, said)
    assert [changes(payload) for payload in reader.heard[heard:]] == []


def test_a_change_whose_dependency_is_missing_is_forwarded_when_the_dependency_has_come() -> None:
    bench = Bench()
    author, reader = bench.client(), bench.client()
    heads = author.doc.replica.heads()
    cell = author.doc.add_cell("a")
    author.doc.splice_source(cell, 1, 0, "b")
    first, second = author.doc.replica.changes_since(heads)
    bench.turn(author.key, encode(author.doc.replica.heads(), (), (), [second]))
    assert cell not in reader.doc
    bench.turn(author.key, encode(author.doc.replica.heads(), (), (), [first]))
    assert reader.doc.source(cell) == "ab"


def test_a_peer_that_sends_changes_nobody_can_place_without_end_is_refused() -> None:
    bench = Bench()
    author = bench.client()
    lonely = author.doc.fork()
    lonely.add_cell("never sent")
    heads = lonely.replica.heads()
    for number in range(MAX_ORPHANS + 1):
        with lonely.replica.transaction() as transaction:
            transaction.put(ROOT, "n", number)
    bench.turn(author.key, encode((), (), (), lonely.replica.changes_since(heads)))
    assert [refusal.code for refusal in bench.refusals] == ["bad_sync"]


def test_a_peer_that_joins_while_changes_are_on_their_way_to_disk_gets_them_too() -> None:
    bench = Bench()
    author = bench.client()
    cell = author.doc.add_cell("x")
    bench.turn(author.key, author.say())
    author.doc.splice_source(cell, 1, 0, "y")
    bench.turn(author.key, author.say())
    newcomer = bench.client(joined=False)
    bench.turn(newcomer.key, newcomer.say())
    bench.commit()
    assert newcomer.doc.source(cell) == "xy"


def test_the_hub_offers_its_own_changes_to_everybody_and_stores_them() -> None:
    bench = Bench()
    reader = bench.client()
    fork = bench.first.fork()
    cell = fork.add_cell("from outside")
    bench.channel.offer(fork.replica.changes_since(bench.channel.durable_heads))
    bench.turn()
    assert reader.doc.source(cell) == "from outside"
    bench.commit()
    assert bench.channel.durable_heads == fork.replica.heads()


def test_a_busy_peer_is_skipped_and_catches_up_with_one_merged_message() -> None:
    bench = Bench()
    author, slow = bench.client(), bench.client()
    cell = author.doc.add_cell("")
    bench.turn(author.key, author.say())
    bench.commit()
    bench.channel.busy(slow.key)
    heard = len(slow.heard)
    for letter in "abcdef":
        author.doc.splice_source(cell, len(author.doc.source(cell)), 0, letter)
        bench.turn(author.key, author.say())
        bench.commit()
    assert len(slow.heard) == heard
    bench.carry_out(bench.channel.drained(slow.key))
    assert len(slow.heard) == heard + 1
    assert slow.doc.source(cell) == "abcdef"


def test_a_peer_that_starts_over_is_sent_everything_although_its_heads_are_known() -> None:
    bench = Bench()
    author, stale = bench.client(), bench.client()
    cell = author.doc.add_cell("x")
    bench.turn(author.key, author.say())
    bench.commit()
    stale.doc = NotebookDoc.blank()  # not what the hub believes they share: the core answers with an empty `have`
    stale.session = stale.doc.replica.sync_session()
    bench.turn(stale.key, encode(stale.doc.replica.heads(), (), (Have((), b""),), ()))
    for _ in range(3):
        if (payload := stale.session.generate()) is not None:
            bench.turn(stale.key, payload)
    assert stale.doc.source(cell) == "x"


def test_a_whole_document_from_a_peer_that_had_told_all_it_has_holds_what_it_wrote_just_now() -> None:
    """Automerge sends a young document whole where an edit would do; what is new in it was written here and now."""
    bench = Bench()
    author = bench.client()
    author.doc.add_cell("x = 1")
    whole = encode(author.doc.replica.heads(), (), (), [author.doc.replica.save()], b"")
    (batch,) = [effect for effect in bench.turn(author.key, whole) if isinstance(effect, Persist)]
    ((_, _, sender, brought),) = batch.brought
    assert (sender, brought) == (author.key, False)
