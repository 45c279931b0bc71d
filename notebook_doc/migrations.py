"""Which schema version a document has, and how an older one is brought to the present one.

A migration is a function that writes, in one transaction, what turns version n into n + 1. Whoever loads a stored
document (the hub) runs them. A migration is deterministic: it is made under an actor derived from the version and the
heads it was made at, so two who migrate the same document make the same change, and it only adds or rewrites keys,
because peers of the older version may still be editing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

from notebook_doc.errors import SchemaTooNew, WrongGenesis
from notebook_doc.replica import ACTOR_SIZE, ROOT, Replica, Transaction

SCHEMA_VERSION: Final = 1

Migration = Callable[[Transaction], None]
Migrations = Mapping[int, Migration]  # version n -> what turns it into n + 1

NOTEBOOK_MIGRATIONS: Final[Migrations] = {}
RUNTIME_MIGRATIONS: Final[Migrations] = {}


def schema_version(replica: Replica) -> int:
    """The document's schema version. Raises WrongGenesis for an Automerge document that is not one of Quire's."""
    version = replica.scalar(ROOT, "schema_version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise WrongGenesis("this Automerge document has no schema_version, so it is not one of Quire's.")
    return version


def check_schema(replica: Replica) -> None:
    """Raises SchemaTooNew for a document of a later version, WrongGenesis for one that is not Quire's."""
    version = schema_version(replica)
    if version > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"this document has schema version {version}; this Quire knows versions up to {SCHEMA_VERSION}.",
            "Upgrade Quire to open it.",
        )


def migrate(replica: Replica, migrations: Migrations, target: int = SCHEMA_VERSION) -> bool:
    """Bring a document to version `target`; return whether there was anything to do. One change for each step.

    Raises SchemaTooNew, WrongGenesis, and KeyError if a step is missing, which is a defect.
    """
    migrated = False
    while (version := schema_version(replica)) < target:
        step = migrations[version]
        heads = b"".join(replica.heads())
        actor = sha256(b"quire migration\0" + bytes((version,)) + heads).digest()[:ACTOR_SIZE]
        fork = replica.fork(actor)
        with fork.transaction() as transaction:
            step(transaction)
            transaction.put_uint(ROOT, "schema_version", version + 1)
        replica.merge(fork)
        migrated = True
    check_schema(replica)
    return migrated
