"""Lives told as moments, for other languages.

`python -m tests.notebook_doc.moment_vectors` writes them to the page's tests.

Each is a list of changes (in an order that can be applied), who wrote them and when, the names that were given, and the
moments that this makes. The changes are made up: of a change, moments look at who made it, and what it builds on.
"""

from __future__ import annotations

import json
import random
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from notebook_doc.authors import Author
from notebook_doc.history.authors import Authors, Span
from notebook_doc.history.change_log import Entry
from notebook_doc.history.moments import moments
from notebook_doc.history.versions import Version

FILE: Final = Path(__file__).parents[2] / "clients" / "web" / "test" / "moments.json"
_AUTHORS: Final = (
    Author("1", "Ann", "person"),
    Author("2", "Ben", "person"),
    Author("3", "Bot", "agent"),
    Author("4", "Ann", "person"),  # Ann's other tab
)


def vector(seed: int) -> dict[str, Any]:
    """One life."""
    rng = random.Random(seed)
    actors = [sha256(f"{seed} {number}".encode()).digest()[:16] for number in range(5)]
    entries = [Entry(_hash(seed, 0), bytes(16), 1, 1, (), frozenset(), frozenset())]
    spans: list[Span] = []
    versions: list[Version] = []
    heads = [entries[0].hash]
    seqs = dict.fromkeys(actors, 0)
    time = 1000.0
    turn = 0
    for number in range(1, 90):
        time += rng.choice((0.5, 1.0, 1.0, 20.0, 80.0, 100.0, 400.0))
        turn = rng.choice((turn, turn, turn, rng.randrange(5)))
        actor = actors[turn]
        seqs[actor] += 1
        names = rng.random() < 0.05
        aside = not names and len(heads) < 3 and rng.random() < 0.1
        deps = (heads[0],) if aside else tuple(sorted(heads))
        roots = frozenset(("versions",)) if names else frozenset()
        cells = frozenset[str]() if names else frozenset("c")
        entry = Entry(_hash(seed, number), actor, seqs[actor], 10 * number, deps, cells, roots)
        if names:
            versions.append(Version(f"v{number}", f"version {number}", tuple(sorted(heads)), time))
        heads = [*heads, entry.hash] if aside else [entry.hash]
        entries.append(entry)
        if turn < len(_AUTHORS):  # nobody tells of the fifth
            spans.append(Span(actor, entry.seq, _AUTHORS[turn], time, rng.random() < 0.1))
    made = {f"v{number}": f"{10 * number}@{entry.actor.hex()}" for number, entry in enumerate(entries)}
    return {
        "changes": [
            {
                "hash": e.hash.hex(),
                "actor": e.actor.hex(),
                "seq": e.seq,
                "startOp": e.start_op,
                "maxOp": e.start_op + 3,
                "deps": [dep.hex() for dep in e.deps],
            }
            for e in entries
        ],
        "spans": [
            {
                "actor": s.actor.hex(),
                "from": s.from_seq,
                "author": {"peer_id": s.author.peer_id, "name": s.author.name, "kind": s.author.kind},
                "time": s.time,
                "brought": s.brought,
            }
            for s in spans
        ],
        "versions": [
            {"id": v.id, "name": v.name, "heads": [head.hex() for head in v.heads], "time": v.time, "made": made[v.id]}
            for v in versions
        ],
        "moments": [
            {
                "number": m.number,
                "id": m.id,
                "heads": [head.hex() for head in m.heads],
                "authors": [f"{a.kind} {a.name}" for a in m.authors],
                "began": m.began,
                "ended": m.ended,
                "brought": m.brought,
                "changes": m.changes,
                "names": list(m.names),
            }
            for m in moments(entries, Authors(spans), versions)
        ],
    }


def _hash(seed: int, number: int) -> bytes:
    return sha256(f"{seed}/{number}".encode()).digest()[:4]


def vectors() -> str:
    """All of them, as the file has them."""
    return json.dumps([vector(seed) for seed in range(4)], separators=(",", ":")) + "\n"


if __name__ == "__main__":
    FILE.write_text(vectors())
