"""Who writes: an actor id for each replica, and in it, recognisably, its author. Automerge never reuses an actor."""

from __future__ import annotations

import hashlib
import os
from typing import Final

ACTOR_SIZE: Final = 16  # bytes
AUTHOR_KEY_SIZE: Final = 8  # of them; the rest is random, since every replica that writes needs its own


def random_actor() -> bytes:
    """A fresh actor id. Every replica that writes needs its own, forks included."""
    return os.urandom(ACTOR_SIZE)


def actor_of(author_id: str) -> bytes:
    """A fresh actor id by which others can tell whose changes these are: see `author_key`."""
    return author_key_of(author_id) + os.urandom(ACTOR_SIZE - AUTHOR_KEY_SIZE)


def author_key_of(author_id: str) -> bytes:
    """What all actors of this author begin with."""
    return hashlib.sha256(b"quire author\0" + author_id.encode()).digest()[:AUTHOR_KEY_SIZE]


def author_key(actor: bytes) -> bytes:
    """Whose actor it is, to compare with `author_key_of`; an actor that nobody named is an author of its own."""
    return actor[:AUTHOR_KEY_SIZE]


def sibling_of(actor: bytes) -> bytes:
    """A fresh actor id of the same author."""
    return author_key(actor) + os.urandom(ACTOR_SIZE - AUTHOR_KEY_SIZE)
