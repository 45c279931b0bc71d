"""How documents begin: the seed change, the same at every peer, and the birth change that makes it one notebook's.

If two peers each created a document's root maps, one side's cells would vanish behind the other's. So every replica
starts from a seed whose bytes are a function of nothing but the schema, and the change that follows it is a function of
the notebook id and of what a file brought. The actor of that second change is the document's genesis (its identity).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

from notebook_doc.change_writer import ChangeWriter
from notebook_doc.migrations import SCHEMA_VERSION
from notebook_doc.replica import ACTOR_SIZE, ROOT, Replica, Transaction, object_key
from notebook_doc.snapshot import snapshot_of
from notebook_doc.touched import ROOT_KEY, ObjectKey, touches

_SEED_ACTOR: Final = bytes(ACTOR_SIZE)


def seed(write_roots: Callable[[Transaction], None]) -> bytes:
    """The saved bytes of a document that holds only its schema version and what `write_roots` creates."""
    replica = Replica(_SEED_ACTOR)
    with replica.transaction() as transaction:
        transaction.put_uint(ROOT, "schema_version", SCHEMA_VERSION)
        write_roots(transaction)
    return replica.save()


def give_birth(
    seed_bytes: bytes, notebook_id: str, digest: bytes, fill: Callable[[ChangeWriter, Mapping[str, ObjectKey]], None]
) -> Replica:
    """A new document: the seed, and one change by an actor derived from `notebook_id` and `digest` of the content.

    `fill` writes the content; it is given the seed's root objects by name. The same arguments make byte-identical
    documents. The replica returned has a fresh actor.
    """
    actor = sha256(b"quire birth\0" + notebook_id.encode() + b"\0" + digest).digest()[:ACTOR_SIZE]
    born = Replica.load(seed_bytes)
    (seed_change,) = born.changes_since(())
    operations = sum(touch.operations for touch in touches(seed_change))
    writer = ChangeWriter(actor, start_op=operations + 1, deps=born.heads())
    writer.put(ROOT_KEY, "notebook_id", notebook_id)
    fill(writer, {name: object_key(obj) for name, obj in born.objects_in(ROOT) if name is not None})
    if writer.is_mostly_text:
        return Replica.load(snapshot_of([seed_change, writer.chunk()], writer))
    born.apply([writer.chunk()])
    return born


def genesis(replica: Replica) -> bytes | None:
    """The document's identity (16 bytes); None while it holds only the seed."""
    return replica.writer(ROOT, "notebook_id")


def holds_only_seed(replica: Replica) -> bool:
    """Whether nothing has been received or written here yet."""
    return genesis(replica) is None and len(replica.changes_since(())) == 1
