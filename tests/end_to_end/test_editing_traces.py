"""Real editing traces, typed through real processes, end with the text that the trace says.

The traces are those of josephg/editing-traces; they are found in $QUIRE_TRACES or in `shared/traces` beside the
repository, and each that is there is a test.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clients.peer.notebook import Notebook
from tests.support.hub import REPOSITORY, HubProcess, open_notebook

FOLDER = Path(os.environ.get("QUIRE_TRACES", REPOSITORY.parent / "shared" / "traces"))
SEQUENTIAL = sorted(FOLDER.glob("automerge-paper*.json.gz"))
CONCURRENT = sorted(FOLDER.glob("*.concurrent.json.gz"))

# Transactions of a sequential trace in one change: each alone is an hour's work for a slow machine.
GROUP = 50
# Transactions of a concurrent trace between two moments at which an author's peer sends what it has.
HAND_OVER = 100


def load(path: Path) -> dict[str, Any]:
    with gzip.open(path) as file:
        trace: dict[str, Any] = json.load(file)
    return trace


async def seen_after_a_restart(hub: HubProcess, notebook_id: str, cell: str) -> str:
    hub.kill()
    hub.start()
    async with Notebook.connect(notebook_id, hub.address) as notebook:
        return notebook.cells[cell].source


@pytest.mark.slow
@pytest.mark.parametrize("path", SEQUENTIAL, ids=lambda path: path.name)
def test_one_author(path: Path, hub: HubProcess, tmp_path: Path) -> None:
    trace = load(path)

    async def replay() -> None:
        notebook_id = await open_notebook(hub.address, tmp_path / "a.ipynb")
        async with (
            Notebook.connect(notebook_id, hub.address) as author,
            Notebook.connect(notebook_id, hub.address) as reader,
        ):
            cell = author.cells[0]
            cell.source = trace["startContent"]
            transactions = trace["txns"]
            for start in range(0, len(transactions), GROUP):
                with author.edit():
                    for transaction in transactions[start : start + GROUP]:
                        for at, deleted, inserted in transaction["patches"]:
                            cell.splice(at, deleted, inserted)
                await asyncio.sleep(0)
                if start == len(transactions) // (2 * GROUP) * GROUP:
                    hub.kill()
                    hub.start()
            assert await author.saved(60)
            assert cell.source == trace["endContent"]
            assert await reader.until(lambda: reader.cells[cell.id].source == trace["endContent"], 60)
        assert await seen_after_a_restart(hub, notebook_id, cell.id) == trace["endContent"]

    asyncio.run(replay())


@dataclass
class Run:
    """Transactions that one author made one after the other and of which nobody saw a part only."""

    agent: int
    parents: list[int]  # numbers of runs
    patches: list[tuple[int, int, str]]


def in_runs(transactions: list[dict[str, Any]]) -> list[Run]:
    """A trace's transactions as runs, in order."""
    runs: list[Run] = []
    run_of: list[int] = []
    for number, transaction in enumerate(transactions):
        parents: list[int] = transaction["parents"]
        goes_on = (
            parents == [number - 1]
            and transactions[number - 1]["numChildren"] == 1
            and transactions[number - 1]["agent"] == transaction["agent"]
        )
        if goes_on:
            runs[-1].patches += transaction["patches"]
        else:
            seen = [run_of[parent] for parent in parents]
            runs.append(Run(transaction["agent"], seen, list(transaction["patches"])))
        run_of.append(len(runs) - 1)
    return runs


class Author:
    """An author's view of a trace: a fork that has what the author had seen, and nothing else."""

    def __init__(self, peer: Notebook) -> None:
        self.peer = peer
        self.view = peer.fork()
        self.seen: set[int] = set()

    def see(self, numbers: list[int], parents: list[list[int]], chunks: list[bytes]) -> None:
        """Take in these transactions and all that they build on."""
        unseen: list[int] = []
        look = [number for number in numbers if number not in self.seen]
        while look:
            number = look.pop()
            if number not in self.seen:
                self.seen.add(number)
                unseen.append(number)
                look += parents[number]
        self.view.replica.apply([chunks[number] for number in sorted(unseen)])

    def write(self, number: int, cell: str, patches: list[tuple[int, int, str]]) -> bytes:
        """Make a transaction; return the change."""
        before = self.view.replica.heads()
        with self.view.edit():
            for at, deleted, inserted in patches:
                self.view.splice_source(cell, at, deleted, inserted)
        self.seen.add(number)
        (chunk,) = self.view.replica.changes_since(before)
        return chunk


@pytest.mark.slow
@pytest.mark.parametrize("path", CONCURRENT, ids=lambda path: path.name)
def test_authors_at_once(path: Path, hub: HubProcess, tmp_path: Path) -> None:
    """Each author writes on a fork of what the trace says it had seen, and hands it to its own peer now and then.

    Which of two insertions at one place comes first differs between CRDTs, so what is compared is what all peers, the
    authors' own views merged, and a restarted hub say, and that the characters are the trace's.
    """
    trace = load(path)

    async def replay() -> None:
        notebook_id = await open_notebook(hub.address, tmp_path / "a.ipynb")
        async with AsyncExitStack() as stack:
            peers = [
                await stack.enter_async_context(Notebook.connect(notebook_id, hub.address))
                for _ in range(trace["numAgents"])
            ]
            cell = peers[0].cells[0].id
            authors = [Author(peer) for peer in peers]
            chunks: list[bytes] = []
            runs = in_runs(trace["txns"])
            parents = [run.parents for run in runs]
            for number, run in enumerate(runs):
                author = authors[run.agent]
                author.see(run.parents, parents, chunks)
                chunks.append(author.write(number, cell, run.patches))
                if number % HAND_OVER == 0:
                    author.peer.merge(author.view)
                    await asyncio.sleep(0)
            for author in authors:
                author.peer.merge(author.view)
            for peer in peers:
                assert await peer.saved(120)
            expected = peers[0].fork()
            for author in authors:
                expected.replica.merge(author.view.replica)
            text = expected.source(cell)
            assert sorted(text) == sorted(trace["endContent"])
            for peer in peers:
                await peer.until(lambda peer=peer: peer.cells[cell].source == text, 60)
                assert peer.cells[cell].source == text
        assert await seen_after_a_restart(hub, notebook_id, cell) == text

    asyncio.run(replay())
