"""One world from one seed: people type, links break, the hub crashes; then silence, and everything must be right.

The same seed makes the same world (but see `world` on what the binding adds), so a failure names its seed, and
`run(seed, …)` in a debugger shows it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from notebook_doc.notebook import NotebookDoc
from notebook_doc.sync_message import read_change
from relay.frames import FrameType, frame
from relay.messages import Response
from relay.requests import Execute
from tests.simulation.daemon import SimulatedDaemon
from tests.simulation.ledger import Ledger, in_order
from tests.simulation.world import SimulatedPeer, World
from tests.support.crafted_changes import Spoil, spoiled_message

EDITORS: Final = ("Ada", "Bob", "Cyd")
EDITS: Final = 0.3  # of all that happens; the rest is frames on their way, disks, links
DEATHS: Final = 0.005
ROTATIONS: Final = 0.02
Asked = dict[str, tuple[SimulatedPeer, str, str]]  # request id -> who asked, for which cell, after typing which token


@dataclass(frozen=True)
class Outcome:
    """What a finished world was like, for those who want more than that it was right."""

    world: World
    ledger: Ledger
    requests: int
    refused: bool  # whether the spoiler was


def run(seed: int, steps: int = 150, *, spoils: Sequence[Spoil] = (), deaths: bool = True) -> Outcome:
    """Let a world happen and check it. Raises AssertionError, naming the seed."""
    try:
        return _run(seed, steps, spoils, deaths)
    except Exception as error:
        raise AssertionError(f"world {seed} went wrong: {error}") from error


def _run(seed: int, steps: int, spoils: Sequence[Spoil], deaths: bool) -> Outcome:
    world, random, ledger = World(seed), Random(seed * 7 + 1), Ledger()
    editors = [world.add_peer(name) for name in EDITORS]
    viewer = world.add_peer("Vic", "viewer")
    daemon = SimulatedDaemon(world)
    spoiler = world.add_peer("Spoiler") if spoils else None
    world.settle()
    if spoiler is not None:
        ledger.add_cell(spoiler.doc, spoiler.author)
        world.settle()
    asked: Asked = {}
    for _ in range(steps):
        dice = random.random()
        editor = random.choice(editors)
        if dice < EDITS and editor.doc.genesis is not None:
            ledger.act(editor.doc, editor.author, random)
            if spoiler is not None and random.random() < 0.3:
                _spoil(world, spoiler, random.choice(spoils))
        elif dice < EDITS + DEATHS and deaths:
            _die(world, editor, ledger, asked)
        elif dice < EDITS + 0.04 and len(editor.doc) and not editor.refusals:
            cell_id = random.choice(editor.doc.cell_ids())
            token = ledger.type(editor.doc, editor.author, cell_id, random)
            asked[editor.session.request(Execute(cell_ids=[cell_id]))] = (editor, cell_id, token)
        elif random.random() < ROTATIONS:
            daemon.rotate()
        elif deaths and random.random() < DEATHS:
            daemon.die()
        else:
            world.step()
            daemon.work()
    for _ in range(3):  # what the daemon answers at the end has to be delivered, too
        world.settle()
        daemon.work()
    world.settle()
    honest = [*editors, viewer, daemon.peer]
    _check_agreement(world, honest, daemon)
    ledger.check(viewer.doc.cells())
    _check_requests(ledger, asked)
    return Outcome(world, ledger, len(asked), spoiler is not None and bool(spoiler.refusals))


def _spoil(world: World, spoiler: SimulatedPeer, spoil: Spoil) -> None:
    if spoiler.link is not None and spoiler.link.greeted and spoiler.doc.cell_ids():
        world.inject(spoiler, frame(FrameType.NOTEBOOK_SYNC, spoiled_message(spoiler.doc, spoil)))


def _die(world: World, editor: SimulatedPeer, ledger: Ledger, asked: Asked) -> None:
    sync = editor.session.notebook_sync
    unsaved = [] if sync.saved else [read_change(chunk).hash for chunk in sync.unsaved_changes()]
    ledger.author_died(editor.author, unsaved)
    for request_id in [request_id for request_id, (asker, _, _) in asked.items() if asker is editor]:
        del asked[request_id]  # nobody waits for these answers any more
    world.crash_peer(editor)


def _check_agreement(world: World, peers: Sequence[SimulatedPeer], daemon: SimulatedDaemon) -> None:
    stored = NotebookDoc(world.disk.load(FrameType.NOTEBOOK_SYNC))
    stored_runtime = world.disk.runtime
    assert daemon.safe <= set(stored_runtime.execution_ids()), "an execution that was safe is lost"
    assert in_order(stored.cells()), "the order is not total"
    for peer in peers:
        assert not peer.refusals, f"{peer.name} was refused: {peer.refusals}"
        assert peer.doc.replica.heads() == stored.replica.heads(), f"{peer.name} and the disk differ"
        assert peer.doc.cells() == stored.cells(), f"{peer.name} reads something else"
        assert NotebookDoc(peer.doc.replica).cells() == peer.doc.cells(), f"{peer.name}'s index is out of date"
        assert peer.session.runtime.replica.heads() == stored_runtime.replica.heads(), (
            f"{peer.name} and the runtime differ"
        )
        assert peer.session.runtime.epoch == stored_runtime.epoch
        assert peer.session.runtime_joined
        assert peer.session.notebook_sync.saved, f"{peer.name} still believes that something is not saved"


def _check_requests(ledger: Ledger, asked: Asked) -> None:
    for request_id, (asker, cell_id, token) in asked.items():
        answers = [m for m in asker.received if isinstance(m, Response) and m.id == request_id]
        assert len(answers) == 1, f"a request of {asker.name} was answered {len(answers)} times"
        assert answers[0].error is None, f"a request of {asker.name} failed: {answers[0].error}"
        seen = answers[0].result["sources"].get(cell_id, token)  # the cell may be deleted by now
        assert token in seen or ledger.tokens[token].excused, f"{asker.name}'s request ran without {token}"
