"""Notebooks edited apart and merged in any order: equal, in one order, nothing lost, nothing doubled."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.cells import Cell
from notebook_doc.events import CellAdded, CellChanged, CellRemoved, Reset
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Replica
from tests.simulation.ledger import TOKEN, Ledger, in_order

seeds = st.integers(min_value=0, max_value=2**32)
NAMES = ("Ada", "Bob", "Cyd", "Dot")


class Follower:
    """Knows a notebook only by its events: reads again what they name, and nothing else."""

    def __init__(self, doc: NotebookDoc) -> None:
        self.doc = doc
        doc.take_events()
        self.cells = {cell.id: cell for cell in doc.cells()}

    def follow(self) -> None:
        for event in self.doc.take_events():
            match event:
                case Reset():
                    self.cells = {cell.id: cell for cell in self.doc.cells()}
                case CellAdded(cell_id):
                    assert cell_id not in self.cells, f"{cell_id} was added twice"
                    self.cells[cell_id] = self.doc.cell(cell_id)
                case CellChanged(cell_id):
                    assert cell_id in self.cells, f"{cell_id} changed and nobody had heard of it"
                    self.cells[cell_id] = self.doc.cell(cell_id)
                case CellRemoved(cell_id):
                    del self.cells[cell_id]

    def shown(self) -> list[Cell]:
        return sorted(self.cells.values(), key=lambda cell: (cell.position, cell.id))


def group(random: Random) -> list[NotebookDoc]:
    first = NotebookDoc.create("n")
    first.add_cell("", cell_id="first")
    return [NotebookDoc(first.replica.fork(random.randbytes(16))) for _ in NAMES]


def merge_all(docs: Sequence[NotebookDoc], random: Random) -> None:
    """Everybody gets everything, in an order of their own."""
    for doc in docs:
        others = [other for other in docs if other is not doc]
        random.shuffle(others)
        for other in others:
            doc.replica.merge(other.replica)
    for doc in docs:
        doc.replica.merge(docs[-1].replica)


def assert_equal(docs: Sequence[NotebookDoc]) -> list[Cell]:
    cells = docs[0].cells()
    for doc in docs:
        assert doc.replica.heads() == docs[0].replica.heads()
        assert doc.cells() == cells
        assert NotebookDoc(doc.replica).cells() == cells, "the index and the document differ"
    assert in_order(cells)
    return cells


@settings(max_examples=40, derandomize=True, deadline=None)
@given(seeds)
def test_every_token_is_there_once_in_its_author_s_order(seed: int) -> None:
    random, ledger = Random(seed), Ledger()
    docs = group(random)
    for _ in range(60):
        number = random.randrange(len(docs))
        if random.random() < 0.15:
            docs[number].replica.merge(random.choice(docs).replica)
        else:
            ledger.act(docs[number], NAMES[number], random)
    merge_all(docs, random)
    ledger.check(assert_equal(docs))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(seeds)
def test_splits_and_merges_lose_no_token_that_nobody_deleted(seed: int) -> None:
    """Two who split one cell at once both carry its tail away, so a token that was moved may be there twice, not less
    than once unless its cell was deleted or merged away while it was typed.
    """
    random, ledger = Random(seed), Ledger()
    docs = group(random)
    carried: set[str] = set()  # tokens that a split or merge took from one cell into another
    swallowed: set[str] = set()  # cells that a merge deleted
    for step in range(40):
        number = random.randrange(len(docs))
        doc = docs[number]
        cell_ids = doc.cell_ids()
        dice = random.random()
        if dice < 0.15:
            doc.replica.merge(random.choice(docs).replica)
        elif dice < 0.3 and cell_ids:
            cell_id = random.choice(cell_ids)
            ends = [0, *(found.end() for found in TOKEN.finditer(doc.source(cell_id)))]
            at = random.choice(ends)
            carried.update(found[0] for found in TOKEN.finditer(doc.source(cell_id)[at:]))
            doc.split_cell(cell_id, at)
        elif dice < 0.4 and len(cell_ids) > 1:
            one, other = random.sample(cell_ids, 2)
            carried.update(found[0] for found in TOKEN.finditer(doc.source(other)))
            swallowed.add(other)
            doc.merge_cells(one, other, separator="")
        elif cell_ids:
            ledger.type(doc, f"{NAMES[number]}.{step}", random.choice(cell_ids), random)
    merge_all(docs, random)
    found = "".join(cell.source for cell in assert_equal(docs))
    assert TOKEN.sub("", found) == ""
    for token, typed in ledger.tokens.items():
        if token not in carried and typed.cell_id not in swallowed:
            assert found.count(token) == 1, f"{token} is there {found.count(token)} times"
        elif not swallowed:
            assert token in found, f"{token} is lost"


@settings(max_examples=40, derandomize=True, deadline=None)
@given(seeds)
def test_whoever_follows_the_events_knows_the_notebook(seed: int) -> None:
    random, ledger = Random(seed), Ledger()
    docs = group(random)
    followers = [Follower(doc) for doc in docs]
    for _ in range(50):
        number = random.randrange(len(docs))
        if random.random() < 0.3:
            docs[number].replica.merge(random.choice(docs).replica)
        else:
            ledger.act(docs[number], NAMES[number], random)
        if random.random() < 0.4:
            followers[number].follow()
            assert followers[number].shown() == docs[number].cells()
    for follower in followers:
        follower.follow()
        assert follower.shown() == follower.doc.cells()


@settings(max_examples=30, derandomize=True, deadline=None)
@given(seeds)
def test_edits_made_on_forks_kept_from_earlier_readings_merge_later(seed: int) -> None:
    random, ledger = Random(seed), Ledger()
    docs = group(random)
    kept: list[tuple[str, NotebookDoc, NotebookDoc]] = []  # an agent's name, the fork it read, what it writes back to
    for step in range(50):
        number = random.randrange(len(docs))
        dice = random.random()
        if dice < 0.2:
            kept.append((f"Agent.{step}", docs[number].fork(), docs[number]))
        elif dice < 0.4 and kept:
            name, fork, home = kept.pop(random.randrange(len(kept)))
            with fork.edit():
                if fork.cell_ids():
                    ledger.type(fork, name, random.choice(fork.cell_ids()), random)
            home.replica.merge(fork.replica)
        elif dice < 0.5:
            docs[number].replica.merge(random.choice(docs).replica)
        else:
            ledger.act(docs[number], NAMES[number], random)
    merge_all(docs, random)
    ledger.check(assert_equal(docs))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(seeds)
def test_saved_and_loaded_at_any_time_a_replica_goes_on_as_before(seed: int) -> None:
    random, ledger = Random(seed), Ledger()
    docs = group(random)
    for _ in range(40):
        number = random.randrange(len(docs))
        dice = random.random()
        if dice < 0.15:
            docs[number] = NotebookDoc(Replica.load(docs[number].replica.save(), random.randbytes(16)))
        elif dice < 0.3:
            docs[number].replica.merge(random.choice(docs).replica)
        else:
            ledger.act(docs[number], NAMES[number], random)
    merge_all(docs, random)
    ledger.check(assert_equal(docs))
