"""Sync messages and change chunks read without the binding: as it reads them, and nothing damaged gets through."""

from __future__ import annotations

from random import Random

import pytest
from automerge.core import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.errors import BadSyncMessage
from notebook_doc.replica import Heads, Replica
from notebook_doc.sync_message import (
    HASH_SIZE,
    Have,
    Reader,
    SyncMessage,
    change_body,
    changes_in,
    decode,
    encode,
    need_of,
    read_change,
    uleb,
    with_need,
)
from tests.notebook_doc.histories import random_history

seeds = st.integers(min_value=0, max_value=2**32)


def real_messages(seed: int) -> list[tuple[bytes, Heads]]:
    """What two replicas with a common past say to each other until they agree, and to a third that has nothing; each
    with the heads of who said it.
    """
    random = Random(seed)
    one, two, _ = random_history(random, random.randint(3, 25))
    messages: list[tuple[bytes, Heads]] = []
    for pair in ((one, two), (two, Replica())):
        sessions = tuple(replica.sync_session() for replica in pair)
        for _ in range(20):
            said = [(session.generate(), replica.heads()) for session, replica in zip(sessions, pair, strict=True)]
            for (payload, heads), hearer in zip(said, reversed(sessions), strict=True):
                if payload is not None:
                    messages.append((payload, heads))
                    hearer.receive(payload)
    return messages


def forwarded_message(seed: int) -> bytes:
    """Changes as a hub passes them on: as they are stored, long ones compressed."""
    replica = random_history(Random(seed), 12)[0]
    return encode((), (), (Have(replica.heads(), b""),), replica.changes_since(()))


SAMPLE = [payload for seed in range(6) for payload, _ in real_messages(seed)] + [forwarded_message(n) for n in range(3)]


def test_the_sample_has_both_versions_snapshots_and_compressed_changes() -> None:
    assert {payload[0] for payload in SAMPLE} == {0x42, 0x43}
    found = [changes_in(decode(payload).chunks) for payload in SAMPLE]
    assert None in found  # a snapshot
    assert {change.data[8] for changes in found for change in changes or ()} == {1, 2}  # 2: compressed


@settings(max_examples=30, derandomize=True, deadline=None)
@given(seeds)
def test_what_is_decoded_is_what_was_said(seed: int) -> None:
    for payload, heads in real_messages(seed):
        message = decode(payload)
        assert tuple(sorted(message.heads)) == heads
        assert Message.decode(payload).encode() == payload


@settings(max_examples=30, derandomize=True, deadline=None)
@given(seeds)
def test_the_binding_reads_what_is_encoded(seed: int) -> None:
    for payload, _ in real_messages(seed):
        message = decode(payload)
        changes = changes_in(message.chunks)
        if changes is not None:
            ours = encode(message.heads, message.need, message.have, [change.data for change in changes], message.tail)
            assert decode(Message.decode(ours).encode()) == decode(ours)


@settings(max_examples=30, derandomize=True, deadline=None)
@given(seeds)
def test_the_changes_found_are_those_that_a_receiver_gets(seed: int) -> None:
    random = Random(seed)
    one, two, _ = random_history(random, 20)
    heads = two.heads()
    missing = one.hashed_changes_since(heads)
    message = encode(one.heads(), (), (Have(heads, b""),), [chunk for _, chunk in missing])
    found = changes_in(decode(message).chunks)
    assert found is not None
    assert [(change.hash, change.data) for change in found] == missing
    by_hash = {change.hash: change for change in found}
    for change in found:
        assert read_change(change.data) == change
        assert all(dep in by_hash or two.contains([dep]) for dep in change.deps)


@pytest.mark.parametrize("payload", [p for p in SAMPLE if p[0] == 0x42][:20])
def test_a_version_1_message_is_encoded_as_the_binding_does(payload: bytes) -> None:
    message = decode(payload)
    assert encode(message.heads, message.need, message.have, message.chunks, message.tail) == payload


@pytest.mark.parametrize("payload", SAMPLE[:20])
def test_a_message_without_its_changes_is_otherwise_the_same(payload: bytes) -> None:
    message, bare = decode(payload), decode(decode(payload).without_changes())
    assert (bare.heads, bare.need, bare.have, bare.chunks) == (message.heads, message.need, message.have, ())


@pytest.mark.parametrize("payload", SAMPLE[:20])
def test_need_is_read_and_replaced_and_nothing_else_is_touched(payload: bytes) -> None:
    message = decode(payload)
    assert need_of(payload) == message.need
    asking = with_need(payload, [bytes(HASH_SIZE)])
    changed = decode(asking)
    assert changed.need == (bytes(HASH_SIZE),)
    assert (changed.heads, changed.have, changed.chunks, changed.tail) == (
        message.heads,
        message.have,
        message.chunks,
        message.tail,
    )
    assert with_need(asking, message.need) == payload


def test_a_snapshot_is_told_from_changes() -> None:
    replica = random_history(Random(1), 10)[0]
    assert changes_in([replica.save()]) is None
    with pytest.raises(BadSyncMessage):
        read_change(replica.save())
    with pytest.raises(BadSyncMessage):
        change_body(replica.save())


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.sampled_from([p for p in SAMPLE if decode(p).chunks]), st.integers(0, 2**32))
def test_a_flipped_bit_never_yields_another_change(payload: bytes, anywhere: int) -> None:
    at = anywhere % (8 * len(payload))
    damaged = bytearray(payload)
    damaged[at // 8] ^= 1 << at % 8
    genuine = {change.data for change in changes_in(decode(payload).chunks) or ()}
    try:
        found = changes_in(decode(bytes(damaged)).chunks)
    except BadSyncMessage:
        return
    assert found is None or {change.data for change in found} <= genuine


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.sampled_from(SAMPLE), st.integers(0, 2**32))
def test_a_message_cut_short_is_refused_and_nothing_else_happens(payload: bytes, anywhere: int) -> None:
    message = decode(payload)
    cut = anywhere % (len(payload) - len(message.tail))
    with pytest.raises(BadSyncMessage):
        decode(payload[:cut])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.sampled_from([c for p in SAMPLE for c in decode(p).chunks]), st.integers(0, 2**32))
def test_a_chunk_cut_short_is_refused(chunk: bytes, anywhere: int) -> None:
    cut = 1 + anywhere % (len(chunk) - 1)
    with pytest.raises(BadSyncMessage):
        changes_in([chunk[:-cut]])


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.binary(max_size=200).map(lambda tail: b"\x42" + tail))
def test_arbitrary_bytes_are_read_or_refused_and_nothing_else_happens(payload: bytes) -> None:
    try:
        message = decode(payload)
        changes_in(message.chunks)
    except BadSyncMessage:
        return
    assert isinstance(message, SyncMessage)


def test_a_count_larger_than_the_message_is_refused_before_anything_is_made() -> None:
    with pytest.raises(BadSyncMessage):
        decode(b"\x42\x00\x00" + uleb(2**60))
    with pytest.raises(BadSyncMessage):
        decode(b"\x42" + uleb(2**60))


@settings(max_examples=100, derandomize=True)
@given(st.integers(0, 2**63))
def test_numbers_come_back(number: int) -> None:
    assert Reader(uleb(number)).uleb() == number


def test_a_number_of_more_than_64_bits_is_refused() -> None:
    with pytest.raises(BadSyncMessage):
        Reader(b"\xff" * 10 + b"\x01").uleb()
