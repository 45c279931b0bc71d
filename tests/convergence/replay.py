"""Replaying a trace through the whole simulated stack: its authors, a hub that is restarted half-way, and a reader."""

from __future__ import annotations

from typing import Final

from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Replica
from notebook_doc.sync_message import read_change
from relay.frames import FrameType
from tests.convergence.traces import Run, Trace
from tests.simulation.world import NOTEBOOK_ID, SimulatedPeer, World

CELL: Final = "cell"
TURN: Final = 8  # runs that reach the hub in one turn of its loop, and readers in one reading


class Author:
    """Makes its runs on exactly what the trace says it had seen, however much more its replica already holds."""

    def __init__(self, peer: SimulatedPeer | None, start: bytes, actor: bytes) -> None:
        self.peer = peer
        self.desk = NotebookDoc(Replica.load(start, actor))  # the notebook as this author sees it
        self._seen: set[int] = set()

    def make(self, trace: Trace, number: int, changes: list[bytes]) -> bytes:
        """Make run `number`; `changes` are those of the runs before it."""
        run = trace.runs[number]
        unseen: set[int] = set()
        ask = list(run.parents)
        while ask:
            parent = ask.pop()
            if parent not in self._seen and parent not in unseen:
                unseen.add(parent)
                ask.extend(trace.runs[parent].parents)
        self.desk.replica.apply([changes[parent] for parent in sorted(unseen)])
        before = self.desk.replica.heads()
        with self.desk.edit():
            for edit in run.edits:
                self.desk.splice_source(CELL, edit.index, edit.delete, edit.insert)
        self._seen |= unseen | {number}
        (change,) = self.desk.replica.changes_since(before)
        return change


def first_notebook() -> NotebookDoc:
    doc = NotebookDoc.create(NOTEBOOK_ID)
    doc.add_cell("", cell_id=CELL)
    return doc


def merged_directly(trace: Trace) -> str:
    """What the document core alone makes of a trace, without hub, links and sync."""
    start = first_notebook().replica.save()
    authors = [Author(None, start, bytes((number + 1,)) * 16) for number in range(trace.authors)]
    changes: list[bytes] = []
    for number, run in enumerate(trace.runs):
        changes.append(authors[run.author].make(trace, number, changes))
    result = NotebookDoc(Replica.load(start))
    result.replica.apply(changes)
    return result.source(CELL)


def replay(trace: Trace, seed: int = 1) -> list[str]:
    """The end content as the authors, a reader, and the hub's disk have it."""
    first = first_notebook()
    world = World(seed, first)
    peers = [world.add_peer(f"author{number}") for number in range(trace.authors)]
    reader = world.add_peer("reader", "viewer")
    world.settle()
    start = first.replica.save()
    authors = [Author(peer, start, bytes((number + 1,)) * 16) for number, peer in enumerate(peers)]
    changes: list[bytes] = []
    for number, run in enumerate(trace.runs):
        author = authors[run.author]
        _await_parents(world, author, run, changes)
        changes.append(author.make(trace, number, changes))
        assert author.peer is not None
        author.peer.doc.replica.apply(changes[-1:])
        world.pump(author.peer)
        if number % TURN == 0:
            _circulate(world)
        if number == len(trace.runs) // 2:
            world.crash_hub()
            world.settle()
    world.settle()
    on_disk = NotebookDoc(world.disk.load(FrameType.NOTEBOOK_SYNC))
    return [doc.source(CELL) for doc in (*(peer.doc for peer in peers), reader.doc, on_disk)]


def _await_parents(world: World, author: Author, run: Run, changes: list[bytes]) -> None:
    """What the trace says this author had seen must have come to it through the hub."""
    assert author.peer is not None
    wanted = [read_change(changes[parent]).hash for parent in run.parents]
    for _ in range(50):
        if author.peer.doc.replica.contains(wanted):
            return
        _circulate(world)
    raise AssertionError("what another author wrote did not arrive")


def _circulate(world: World) -> None:
    for peer in world.peers:
        world.pump(peer)
        world.deliver_up(peer, 100)
    while world.committing:
        world.commit_one()
    for peer in world.peers:
        world.deliver_down(peer, 100)
    world.pass_time(0.01)
