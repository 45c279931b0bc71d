"""The replica: transactions whole or not at all, JSON written where it differs, failures that are ours."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.errors import BadEdit, BadSyncMessage, CorruptDocument, ReplicaPanic, UnknownHeads
from notebook_doc.json_values import Json
from notebook_doc.replica import ROOT, Replica, random_actor
from notebook_doc.sync_message import changes_in, decode, encode, read_change
from notebook_doc.text_diff import Splice
from notebook_doc.touched import touches
from tests.notebook_doc.histories import random_edit, random_history
from tests.support.crafted_changes import counter_change, left_out, panicking, repeated


def written(replica: Replica, value: dict[str, Json]) -> list[tuple[str | None, bool]]:
    """Make the map at "m" this value; what was written: (key, whether an object was made), in order."""
    heads = replica.heads()
    with replica.transaction() as transaction:
        transaction.put_json(ROOT, "m", value)
    return [(t.key, t.made is not None) for chunk in replica.changes_since(heads) for t in touches(chunk)]


def replica_with(value: dict[str, Json]) -> Replica:
    replica = Replica()
    written(replica, value)
    return replica


# --- transactions -----------------------------------------------------------------------------------------------------


def test_a_transaction_is_one_change() -> None:
    replica = Replica()
    with replica.transaction() as transaction:
        transaction.put(ROOT, "a", 1)
        transaction.put(ROOT, "b", 2)
    assert len(replica.changes_since(())) == 1


def test_a_transaction_that_fails_leaves_no_trace() -> None:
    replica = replica_with({"a": 1})
    before, heads = replica.json(ROOT), replica.heads()

    def fail() -> None:
        with replica.transaction() as transaction:
            transaction.put(ROOT, "b", 1)
            transaction.delete(ROOT, "m")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert replica.json(ROOT) == before
    assert replica.heads() == heads
    assert replica.changes_since(heads) == []


def test_a_transaction_that_writes_nothing_is_no_change() -> None:
    replica = replica_with({"a": 1})
    heads = replica.heads()
    with replica.transaction() as transaction:
        transaction.put_json(ROOT, "m", {"a": 1})
    assert replica.heads() == heads


def test_inside_a_transaction_its_own_writes_are_read() -> None:
    replica = Replica()
    with replica.transaction() as transaction:
        text = transaction.make_text(ROOT, "t", "abc")
        transaction.splice(text, [Splice(1, 1, "X")])
        assert transaction.text(text) == "aXc"
        assert transaction.length(text) == 3


@pytest.mark.parametrize("splice", [Splice(-1, 0, "x"), Splice(0, -1, "x"), Splice(10, 0, "x"), Splice(8, 2, "")])
def test_a_splice_outside_the_text_is_refused_and_undoes_its_transaction(splice: Splice) -> None:
    replica = Replica()
    with replica.transaction() as transaction:
        text = transaction.make_text(ROOT, "t", "abc")
    with pytest.raises(BadEdit), replica.transaction() as transaction:
        transaction.splice(text, [Splice(0, 0, "first "), splice])
    assert replica.text(text) == "abc"


def test_text_is_counted_in_code_points() -> None:
    replica = Replica()
    with replica.transaction() as transaction:
        text = transaction.make_text(ROOT, "t", "a😀b")
        transaction.splice(text, [Splice(2, 1, "c")])
    assert replica.text(text) == "a😀c"
    assert replica.length(text) == 3


# --- JSON, written where it differs -----------------------------------------------------------------------------------


def test_equal_json_writes_nothing() -> None:
    value: dict[str, Json] = {"a": [1, {"b": None}], "c": "text", "d": 1.5, "e": True}
    assert written(replica_with(value), value) == []


def test_only_the_key_that_differs_is_written() -> None:
    replica = replica_with({"a": {"x": 1, "y": 2}, "b": 3})
    assert written(replica, {"a": {"x": 1, "y": 5}, "b": 3}) == [("y", False)]


def test_a_key_that_is_gone_is_deleted_and_no_other_touched() -> None:
    replica = replica_with({"a": 1, "b": 2})
    assert written(replica, {"a": 1}) == [("b", False)]
    assert replica.json(ROOT) == {"m": {"a": 1}}


def test_an_element_changed_inside_a_list_touches_no_other_element() -> None:
    replica = replica_with({"l": [{"n": 1}, {"n": 2}, {"n": 3}]})
    assert written(replica, {"l": [{"n": 1}, {"n": 9}, {"n": 3}]}) == [("n", False)]


def test_an_element_put_into_the_middle_of_a_list_writes_that_element() -> None:
    replica = replica_with({"l": ["a", "c"]})
    assert written(replica, {"l": ["a", "b", "c"]}) == [(None, False)]
    assert replica.json(ROOT) == {"m": {"l": ["a", "b", "c"]}}


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (1, True), (0, False), ("1", 1), (None, False)])
def test_values_that_python_or_a_reader_confuses_are_told_apart(one: Json, other: Json) -> None:
    replica = replica_with({"a": one})
    assert written(replica, {"a": other}) == [("a", False)]
    assert repr(replica.json(ROOT)) == repr({"m": {"a": other}})


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**40])
def test_integers_of_any_size_come_back(number: int) -> None:
    replica = replica_with({"n": number, "l": [number]})
    assert replica.json(ROOT) == {"m": {"n": number, "l": [number]}}
    assert written(replica, {"n": number, "l": [number]}) == []


def test_concurrent_edits_of_different_keys_of_one_map_both_survive() -> None:
    one = replica_with({"a": 1, "b": 1})
    two = one.fork()
    written(one, {"a": 2, "b": 1})
    written(two, {"a": 1, "b": 2})
    one.merge(two)
    assert one.json(ROOT) == {"m": {"a": 2, "b": 2}}


def test_a_value_that_is_no_json_is_refused() -> None:
    replica = Replica()
    with pytest.raises(BadEdit), replica.transaction() as transaction:
        transaction.put(ROOT, "a", b"bytes")  # type: ignore[arg-type]  # that is what is tried
    assert replica.keys(ROOT) == []


def test_a_lone_surrogate_becomes_a_replacement_character() -> None:
    replica = replica_with({"a": "\ud83d"})
    assert replica.json(ROOT) == {"m": {"a": "\ufffd"}}


# --- history, forks, merges -------------------------------------------------------------------------------------------


def test_changes_since_heads_bring_another_replica_up_to_date() -> None:
    one = replica_with({"a": 1})
    two = Replica.load(one.save())
    heads = one.heads()
    written(one, {"a": 2})
    two.apply(one.changes_since(heads))
    assert two.heads() == one.heads()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, 2**32))
def test_the_changes_since_any_heads_are_those_that_the_core_names(seed: int) -> None:
    random = Random(seed)
    one, other, _ = random_history(random, 6)
    seen = [(), one.heads()]
    for _ in range(40):
        match random.randint(0, 3):
            case 0:
                random_edit(one, random)
            case 1:
                random_edit(other, random)
                one.merge(other)
            case _:
                heads = random.choice(seen[-6:] + seen[:2])
                told = one.hashed_changes_since(heads)
                assert sorted(told) == sorted(Replica.load(one.save()).hashed_changes_since(heads))
                hashes = [change_hash for change_hash, _ in told]
                for number, (_, chunk) in enumerate(told):  # each after those it builds on
                    assert not set(read_change(chunk).deps) & set(hashes[number:])
        seen.append(one.heads())


def test_those_who_follow_a_replica_share_one_reading_of_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    replica = replica_with({"n": 0})
    quick = slow = replica.heads()
    read: list[object] = []
    plain = Replica._changes_since
    monkeypatch.setattr(Replica, "_changes_since", lambda self, heads: read.append(heads) or plain(self, heads))
    for number in range(1, 10):
        written_at = replica.heads()
        with replica.transaction() as transaction:
            transaction.put(ROOT, "n", number)
        assert len(replica.changes_since(quick)) == 1
        assert len(replica.changes_since(written_at)) == 1
        quick = replica.heads()
        if number % 3 == 0:
            assert len(replica.changes_since(slow)) == 3
            slow = replica.heads()
    assert len(read) == 9


def test_a_replica_keeps_few_bytes_of_what_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notebook_doc.replica.document.RECENT_BYTES", 1000)
    replica = Replica()
    for number in range(20):
        heads = replica.heads()
        with replica.transaction() as transaction:
            transaction.put(ROOT, "text", f"{number}" * 300)
        assert len(replica.changes_since(heads)) == 1
        assert sum(step.size for step in replica._steps) <= 1000


def test_changes_in_any_order_and_twice_are_taken_once() -> None:
    one = Replica()
    for number in range(5):
        written(one, {"n": number})
    chunks = one.changes_since(())
    two = Replica()
    two.apply([*reversed(chunks), *chunks])
    assert two.heads() == one.heads()
    assert len(two.changes_since(())) == 5


def test_a_change_without_its_dependency_waits_inside() -> None:
    one = Replica()
    written(one, {"n": 1})
    written(one, {"n": 2})
    first, second = one.changes_since(())
    two = Replica()
    two.apply([second])
    assert two.heads() == ()
    assert not two.contains(one.heads())
    two.apply([first])
    assert two.heads() == one.heads()


def test_present_names_those_that_are_there_though_others_are_not() -> None:
    replica = Replica()
    for number in range(9):
        written(replica, {"n": number})
    here = [change_hash for change_hash, _ in replica.hashed_changes_since(())]
    assert replica.present([]) == set()
    assert replica.present([bytes(32), *here[:3], bytes([1]) * 32, *here[3:]]) == set(here)
    assert replica.present([bytes(32)]) == set()


def test_a_replica_contains_its_ancestors_and_not_what_waits() -> None:
    replica = replica_with({"a": 1})
    old = replica.heads()
    written(replica, {"a": 2})
    assert replica.contains(())
    assert replica.contains(old)
    assert replica.contains([*old, *replica.heads()])
    assert not replica.contains([*old, bytes(32)])


def test_a_fork_writes_under_an_actor_of_its_own() -> None:
    replica = replica_with({"a": 1})
    fork = replica.fork()
    assert fork.actor != replica.actor
    written(fork, {"a": 2})
    assert replica.json(ROOT) == {"m": {"a": 1}}
    replica.merge(fork)
    assert replica.json(ROOT) == {"m": {"a": 2}}


def test_forking_at_old_heads_gives_the_document_of_then() -> None:
    one = replica_with({"a": 1})
    two = one.fork()
    written(one, {"a": 1, "one": 1})
    written(two, {"a": 1, "two": 2})
    then = two.heads()
    one.merge(two)
    written(one, {"a": 5})
    past = one.fork_at(then)
    assert past.json(ROOT) == {"m": {"a": 1, "two": 2}}
    assert past.heads() == then
    written(past, {"a": 1, "two": 3})
    one.merge(past)
    assert one.contains(past.heads())


def test_forking_at_heads_nobody_has_seen_is_refused() -> None:
    with pytest.raises(UnknownHeads):
        replica_with({"a": 1}).fork_at([bytes(32)])


def test_merging_a_replica_with_itself_does_nothing() -> None:
    replica = replica_with({"a": 1})
    heads = replica.heads()
    replica.merge(replica)
    assert replica.heads() == heads


def test_own_changes_are_those_of_this_actor() -> None:
    one = replica_with({"a": 1})
    two = one.fork()
    written(two, {"a": 2})
    assert two.own_changes_since(()) == two.changes_since(one.heads())


def test_a_snapshot_followed_by_changes_loads() -> None:
    replica = replica_with({"a": 1})
    saved, heads = replica.save(), replica.heads()
    written(replica, {"a": 2})
    again = Replica.load(saved + b"".join(replica.changes_since(heads)))
    assert again.heads() == replica.heads()


def test_the_writer_of_a_key_is_the_actor_whose_write_counts() -> None:
    actor = random_actor()
    replica = Replica(actor)
    with replica.transaction() as transaction:
        transaction.put(ROOT, "a", 1)
    assert replica.fork().writer(ROOT, "a") == actor
    assert replica.writer(ROOT, "b") is None


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"garbage", b"\x85oJ\x83garbage"])
def test_bytes_that_are_no_document_cannot_be_loaded(data: bytes) -> None:
    with pytest.raises(CorruptDocument):
        Replica.load(data)


def test_a_truncated_document_cannot_be_loaded() -> None:
    with pytest.raises(CorruptDocument):
        Replica.load(replica_with({"a": 1}).save()[:-3])


def test_a_damaged_change_is_refused_and_nothing_changes() -> None:
    one = replica_with({"a": 1})
    (chunk,) = one.changes_since(())
    two = Replica()
    with pytest.raises(BadSyncMessage):
        two.apply([chunk[:-1] + bytes((chunk[-1] ^ 1,))])
    assert two.heads() == ()


def spoilable() -> tuple[Replica, bytes]:
    """A replica, and a second change of its actor that the replica does not have."""
    replica = replica_with({"a": 1})
    ahead = Replica.load(replica.save(), replica.actor)
    heads = ahead.heads()
    written(ahead, {"a": 2})
    return replica, ahead.changes_since(heads)[0]


def test_a_panic_of_the_core_is_an_error_of_ours_and_so_is_everything_after_it() -> None:
    replica, chunk = spoilable()
    with pytest.raises(ReplicaPanic):
        replica.apply([panicking(chunk)])
    with pytest.raises(ReplicaPanic):
        replica.json(ROOT)
    with pytest.raises(ReplicaPanic), replica.transaction():
        pass
    with pytest.raises(ReplicaPanic):
        replica.fork()


def test_a_sequence_number_used_twice_is_refused() -> None:
    replica, chunk = spoilable()
    with pytest.raises(BadSyncMessage):
        replica.apply([repeated(chunk)])


def test_what_the_core_leaves_out_changes_nothing() -> None:
    replica, chunk = spoilable()
    heads = replica.heads()
    replica.apply([left_out(chunk)])
    assert replica.heads() == heads


def test_a_counter_that_a_foreign_peer_wrote_reads_as_nothing_and_harms_nothing_else() -> None:
    replica, chunk = spoilable()
    replica.apply([counter_change(chunk)])
    child = replica.child(ROOT, "m")
    assert child is not None
    assert replica.json(ROOT) == {"m": {"a": None}}
    assert replica.scalar(child, "a") is None
    assert replica.string(child, "a") is None


def test_a_counter_can_be_overwritten() -> None:
    replica, chunk = spoilable()
    replica.apply([counter_change(chunk)])
    written(replica, {"a": 3})
    assert replica.json(ROOT) == {"m": {"a": 3}}


def test_a_sync_session_refuses_what_is_no_message() -> None:
    with pytest.raises(BadSyncMessage):
        Replica().sync_session().receive(b"no message")


def test_a_peer_that_asks_for_what_nobody_has_is_sent_what_there_is() -> None:
    replica = replica_with({"a": 1})
    (change_hash,) = replica.heads()
    session = replica.sync_session()
    session.receive(encode((), (bytes(32), change_hash), (), ()))
    answer = session.generate()
    assert answer is not None
    assert [change.hash for change in changes_in(decode(answer).chunks) or ()] == [change_hash]
