"""How documents begin: the seed change, the same at every peer, and the birth change that makes it one notebook's.

If two peers each created a document's root maps, one side's cells would vanish behind the other's. So every replica
starts from a seed whose bytes are a function of nothing but the schema, and the change that follows it is a function of
the notebook id and of what a file brought. The actor of that second change is the document's genesis (its identity).
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from notebook_doc.errors import SchemaTooNew, WrongGenesis
from notebook_doc.replica import ACTOR_SIZE, ROOT, Replica, Transaction

SCHEMA_VERSION: Final = 1
_SEED_ACTOR: Final = bytes(ACTOR_SIZE)


def seed(write_roots: Callable[[Transaction], None]) -> bytes:
    """The saved bytes of a document that holds only its schema version and what `write_roots` creates."""
    replica = Replica(_SEED_ACTOR)
    with replica.transaction() as transaction:
        transaction.put_uint(ROOT, "schema_version", SCHEMA_VERSION)
        write_roots(transaction)
    return replica.save()


def give_birth(seed_bytes: bytes, notebook_id: str, digest: bytes, fill: Callable[[Transaction], None]) -> Replica:
    """A new document: the seed, and one change by an actor derived from `notebook_id` and `digest` of the content.

    The same arguments make byte-identical documents. The replica returned has a fresh actor.
    """
    actor = sha256(b"quire birth\0" + notebook_id.encode() + b"\0" + digest).digest()[:ACTOR_SIZE]
    replica = Replica.load(seed_bytes, actor)
    with replica.transaction() as transaction:
        transaction.put(ROOT, "notebook_id", notebook_id)
        fill(transaction)
    return replica.fork()


def genesis(replica: Replica) -> bytes | None:
    """The document's identity (16 bytes); None while it holds only the seed."""
    return replica.writer(ROOT, "notebook_id")


def check_schema(replica: Replica) -> None:
    """Raises SchemaTooNew, or WrongGenesis if the bytes are an Automerge document of something else."""
    version = replica.scalar(ROOT, "schema_version")
    if not isinstance(version, int):
        raise WrongGenesis("this Automerge document has no schema_version, so it is not one of Quire's.")
    if version > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"this document has schema version {version}; this Quire knows versions up to {SCHEMA_VERSION}.",
            "Upgrade Quire to open it.",
        )
