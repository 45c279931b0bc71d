"""Random histories of a small document, for properties: maps, lists, texts; forks that merge; long and short edits."""

from __future__ import annotations

from random import Random

from notebook_doc.json_values import Json
from notebook_doc.replica import ROOT, ObjectId, Replica, Transaction
from notebook_doc.text_diff import Splice


def random_json(random: Random, depth: int = 2) -> Json:
    """A value with containers inside one another, now and then a long one."""
    kinds = ("int", "str", "null", "float", "bool", "long") + (("map", "list") if depth else ())
    match random.choice(kinds):
        case "int":
            return random.randint(-10, 10)
        case "str":
            return random.choice(("", "a", "é", "日本語", "😀"))
        case "float":
            return random.random()
        case "bool":
            return random.random() < 0.5
        case "long":
            return "".join(random.choices("abcdefghij \n", k=random.choice((200, 900))))
        case "map":
            return {random.choice("klmno"): random_json(random, depth - 1) for _ in range(random.randint(0, 3))}
        case "list":
            return [random_json(random, depth - 1) for _ in range(random.randint(0, 3))]
    return None


def seed_document() -> Replica:
    """A map "m", a list "l" and a text "t", as one change."""
    replica = Replica(bytes(16))
    with replica.transaction() as transaction:
        transaction.make_map(ROOT, "m")
        transaction.make_list(ROOT, "l")
        transaction.make_text(ROOT, "t", "begin")
    return Replica.load(replica.save(), b"first author    ")


def random_edit(replica: Replica, random: Random) -> None:
    """One change of a few operations."""
    with replica.transaction() as transaction:
        for _ in range(random.randint(1, 4)):
            _operation(transaction, random)


def _operation(transaction: Transaction, random: Random) -> None:
    parts = {name: transaction.child(ROOT, name) for name in "mlt"}
    assert all(parts.values())
    m, listing, text = (ObjectId(parts[name] or b"") for name in "mlt")
    match random.randint(0, 5):
        case 0 | 1:
            transaction.put_json(m, random.choice("abcd"), random_json(random))
        case 2:
            if keys := transaction.keys(m):
                transaction.delete(m, random.choice(keys))
        case 3:
            transaction.append_json(listing, random_json(random))
        case 4:
            if length := transaction.length(listing):
                transaction.put_json(listing, random.randrange(length), random_json(random))
        case 5:
            length = transaction.length(text)
            at = random.randint(0, length)
            insert = random.choice(("x", "日本", "a long run of words " * 20))
            transaction.splice(text, [Splice(at, random.randint(0, min(3, length - at)), insert)])


def random_history(random: Random, changes: int, replicas: int = 3) -> list[Replica]:
    """Replicas that edited and merged in random order; they need not be equal."""
    first = seed_document()
    group = [first, *(first.fork(random.randbytes(16)) for _ in range(replicas - 1))]
    for _ in range(changes):
        replica = random.choice(group)
        if random.random() < 0.25:
            replica.merge(random.choice(group))
        else:
            random_edit(replica, random)
    return group
