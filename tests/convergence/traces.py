"""Editing traces: what real people typed, character by character, with the text that came of it; or made-up ones.

The format is that of https://github.com/josephg/editing-traces: transactions of patches `[position, deleted, inserted]`
in code points; in a concurrent trace each transaction names the transactions it was made on top of. A trace here is a
list of runs: edits of one author that nobody else saw the inside of, so that they may become one change.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from notebook_doc.text_diff import Splice, apply

ROOT: Final = Path(__file__).parents[2]
NAMES: Final = ("automerge-paper", "friendsforever.concurrent", "clownschool.concurrent")


@dataclass(frozen=True, slots=True)
class Run:
    """Edits of one author in a row, made on top of the runs numbered in `parents`."""

    author: int
    parents: tuple[int, ...]
    edits: tuple[Splice, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """Runs in an order in which none comes before its parents, and the text at the end."""

    name: str
    runs: tuple[Run, ...]
    end: str

    @property
    def authors(self) -> int:
        return 1 + max(run.author for run in self.runs)


def present_traces() -> list[Path]:
    """The trace files that lie where traces may lie: $QUIRE_TRACES, or beside the repository."""
    told = os.environ.get("QUIRE_TRACES")
    folders = [*([Path(told)] if told else []), ROOT / "traces", ROOT / "../traces", ROOT / "../shared/traces"]
    places = {name: [folder / f"{name}.json.gz" for folder in folders] for name in NAMES}
    return [
        next(path for path in paths if path.is_file()) for paths in places.values() if any(map(Path.is_file, paths))
    ]


def load_trace(path: Path, longest_run: int) -> Trace:
    """Read a trace file; runs have at most `longest_run` transactions."""
    data = json.loads(gzip.decompress(path.read_bytes()))
    transactions = data["txns"]
    runs: list[Run] = []
    run_of: list[int] = []  # transaction -> run
    edits: list[Splice] = []
    length = 0
    for number, transaction in enumerate(transactions):
        author = transaction.get("agent", 0)
        parents = transaction.get("parents", [number - 1] if number else [])
        patches = [Splice(*patch) for patch in transaction["patches"]]
        follows = parents == [number - 1] and number > 0 and transactions[number - 1].get("numChildren", 1) == 1
        if follows and runs and runs[-1].author == author and length < longest_run:
            edits.extend(patches)
            length += 1
        else:
            if runs:
                runs[-1] = Run(runs[-1].author, runs[-1].parents, tuple(edits))
            runs.append(Run(author, tuple(sorted({run_of[parent] for parent in parents})), ()))
            edits, length = patches, 1
        run_of.append(len(runs) - 1)
    runs[-1] = Run(runs[-1].author, runs[-1].parents, tuple(edits))
    return Trace(path.name.removesuffix(".json.gz"), tuple(runs), data["endContent"])


WORDS: Final = ("import ", "def ", "x", " = ", "1\n", "# naïve ", "𝛼𝛽", "(", ")", "\n\n", "\t", "return ", "日本語 ")


def typing_session(seed: int, keystrokes: int, longest_run: int) -> Trace:
    """One author at a keyboard: bursts of typing, jumps of the cursor, deletions; the oracle is a plain string."""
    random = Random(seed)
    text, cursor = "", 0
    edits: list[Splice] = []
    while len(edits) < keystrokes:
        if random.random() < 0.1:
            cursor = random.randint(0, len(text))
        if random.random() < 0.2 and cursor:
            back = min(cursor, random.choice((1, 1, 1, 2, 5, 40)))
            edits.append(Splice(cursor - back, back, ""))
        else:
            edits.append(Splice(cursor, 0, random.choice(WORDS)))
        text = apply(text, edits[-1:])
        cursor = edits[-1].index + len(edits[-1].insert)
    return Trace(f"typing session {seed}", tuple(_in_a_row(edits, longest_run)), text)


def _in_a_row(edits: Sequence[Splice], longest_run: int) -> list[Run]:
    pieces = [tuple(edits[start : start + longest_run]) for start in range(0, len(edits), longest_run)]
    return [Run(0, (number - 1,) if number else (), piece) for number, piece in enumerate(pieces)]
