"""One peer's copy of one Automerge document: the only package that knows the `automerge` binding.

A Replica owns the binding's document. It offers what the rest of Quire needs of it (reading, transactions, text
splices, JSON diffed into place, changes since heads, forks, sync sessions) in plain Python values, and turns the
binding's failures into errors of our own. It promises that a failed transaction leaves no trace, and that a replica
whose core has panicked says so (ReplicaPanic) instead of answering from a state nobody can vouch for: drop it and load
another. It does no I/O, is not thread-safe, and never writes counters, which crash the binding.

Objects are named by `ObjectId`, valid in the replica they came from and its forks. Text is indexed in Unicode code
points.
"""

from __future__ import annotations

from notebook_doc.replica.actors import ACTOR_SIZE, AUTHOR_KEY_SIZE, actor_of, author_key, author_key_of, random_actor
from notebook_doc.replica.document import RECENT_CHANGES, RecordedChange, Replica
from notebook_doc.replica.reading import ROOT, Heads, ObjectId, Past, ReadView, object_key
from notebook_doc.replica.sync import SyncSession
from notebook_doc.replica.transaction import Transaction

__all__ = [
    "ACTOR_SIZE",
    "AUTHOR_KEY_SIZE",
    "RECENT_CHANGES",
    "ROOT",
    "Heads",
    "ObjectId",
    "Past",
    "ReadView",
    "RecordedChange",
    "Replica",
    "SyncSession",
    "Transaction",
    "actor_of",
    "author_key",
    "author_key_of",
    "object_key",
    "random_actor",
]
