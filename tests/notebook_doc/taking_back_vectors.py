"""Changes and what takes them back, for other languages.

`python -m tests.notebook_doc.taking_back_vectors` writes them to the page's tests.

Each is a notebook, a change of it, and the hashes of the changes that undo it, which everybody makes alike.
"""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from notebook_doc.batch import Reading, commit
from notebook_doc.edits import Create, Delete, Move, Operation, SetMetadata, SetSource, SetType
from notebook_doc.notebook import NotebookDoc
from notebook_doc.taking_back import take_back

FILE: Final = Path(__file__).parents[2] / "clients" / "web" / "test" / "taking_back.json"
_BATCHES: Final[dict[str, list[Operation]]] = {
    "text": [SetSource("a", "import 🐍, math\nprint(1)"), SetSource("b", "")],
    "cells": [Delete("b"), Create("n", "new", after="a"), Create("e", "")],
    "new": [Create("z", "last", after="a"), Create("n", "new", after="c"), Create("B", "", before="a")],
    "values": [SetType("a", "markdown"), Move("c", before="a"), SetMetadata("b", {"name": "x", "n": 3, "yes": True})],
    "deep": [SetMetadata("a", {"name": "a", "tags": [{"t": [1.5, None]}, 1, "u"], "more": {"b": 1, "a": {"x": []}}})],
    "all": [SetSource("a", "x = 1"), Delete("c"), SetMetadata("b", {}), Create("n", "é", before="a")],
}


def vector(name: str) -> dict[str, Any]:
    """One notebook."""
    born = NotebookDoc.create("00000000-0000-4000-8000-000000000000")
    doc = born.fork(_actor(f"{name} first"))
    with doc.edit():
        for cell_id, source in (("a", "import 🐍\nprint(0)"), ("b", "two ✓ 😀"), ("c", "three")):
            doc.add_cell(source, cell_id=cell_id, metadata={"name": cell_id, "tags": ["t", 1]})
    agent = doc.fork(_actor(f"{name} agent"))
    done = commit(agent, Reading.of(agent), _BATCHES[name], lambda _: None)
    person = agent.fork(_actor(f"{name} person"))
    person.splice_source("a", 0, 0, "# mine\n")
    before = person.replica.heads()
    saved = person.replica.save()
    assert done.change is not None
    take_back(person, done.change, lambda _: None)
    return {
        "notebook": base64.b64encode(saved).decode(),
        "change": done.change.hex(),
        "undo": sorted(digest.hex() for digest, _ in person.replica.hashed_changes_since(before)),
        "sources": {cell_id: person.source(cell_id) for cell_id in person.cell_ids()},
    }


def _actor(name: str) -> bytes:
    return sha256(name.encode()).digest()[:16]


def vectors() -> str:
    """All of them, as the file has them."""
    return json.dumps({name: vector(name) for name in _BATCHES}, separators=(",", ":"), ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(vectors(), "utf-8")
