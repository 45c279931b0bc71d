"""A Bloom filter may make the hub leave out what a fresh peer lacks: its heads are then unknown, not lost."""

from __future__ import annotations

import pytest

from clients.peer.doc_sync import DocSync
from clients.peer.errors import StartAgain
from notebook_doc.notebook import NotebookDoc
from notebook_doc.sync_message import Have, encode


def test_a_fresh_copy_waits_for_heads_that_did_not_come_with_the_first_message() -> None:
    hub, reader = NotebookDoc.create("a notebook").replica, NotebookDoc.blank().replica
    sync = DocSync(reader, may_write=False)
    sync.connected()
    sync.receive(encode(hub.heads(), (), (Have((), b""),), ()), now=0.0)
    assert not sync.joined
    assert sync.pump(0.0) is not None  # it asks for them


def test_a_copy_that_has_all_of_the_hubs_and_more_starts_again() -> None:
    hub, reader = NotebookDoc.create("a notebook"), NotebookDoc.create("a notebook")
    reader.add_cell("forwarded by a hub that crashed before it was stored")
    sync = DocSync(reader.replica, may_write=False)
    sync.connected()
    heads = hub.replica.heads()
    with pytest.raises(StartAgain):
        sync.receive(encode(heads, (), (Have(heads, b""),), ()), now=0.0)
