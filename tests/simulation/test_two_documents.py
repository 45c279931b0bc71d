"""A hub that lost its document and peers that kept theirs: one notebook again, or two kept apart, never a mixture."""

from __future__ import annotations

from notebook_doc.interchange import notebook_from_model
from notebook_doc.model import CellModel, NotebookModel
from notebook_doc.notebook import NotebookDoc
from relay.errors import ErrorCode
from tests.simulation.world import NOTEBOOK_ID, World


def imported(*sources: str) -> NotebookDoc:
    cells = tuple(CellModel(id=f"c{n}", cell_type="code", source=source) for n, source in enumerate(sources))
    return notebook_from_model(NOTEBOOK_ID, NotebookModel(nbformat_minor=5, cells=cells))


def sources(doc: NotebookDoc) -> list[str]:
    return [cell.source for cell in doc.cells()]


def test_a_hub_that_imports_the_same_file_again_and_a_peer_that_kept_it_are_one_notebook() -> None:
    world = World(1, imported("a", "b"))
    ada = world.add_peer("Ada")
    world.settle()
    world.lose_disk(imported("a", "b"))
    world.settle()
    assert not ada.refusals
    assert sources(ada.doc) == ["a", "b"]


def test_edits_that_only_a_peer_still_has_come_back_to_the_hub_and_nothing_is_doubled() -> None:
    world = World(1, imported("a", "b"))
    ada, bob = world.add_peer("Ada"), world.add_peer("Bob")
    world.settle()
    ada.doc.splice_source("c0", 1, 0, "!")
    ada.doc.add_cell("third", cell_id="c2")
    world.settle()
    world.crash_peer(bob)
    world.lose_disk(imported("a", "b"))
    world.settle()
    assert sources(ada.doc) == sources(bob.doc) == ["a!", "b", "third"]


def test_a_hub_that_imported_something_else_refuses_the_peer_that_kept_its_document() -> None:
    world = World(1, imported("a", "b"))
    ada = world.add_peer("Ada")
    world.settle()
    world.lose_disk(imported("a", "changed meanwhile"))
    bob = world.add_peer("Bob")
    world.settle()
    assert [refusal.code for refusal in ada.refusals] == [ErrorCode.WRONG_GENESIS]
    assert sources(ada.doc) == ["a", "b"]
    assert sources(bob.doc) == ["a", "changed meanwhile"]


def test_a_peer_without_a_document_takes_whatever_the_hub_has() -> None:
    world = World(1, imported("a"))
    ada = world.add_peer("Ada")
    assert ada.doc.genesis is None
    world.settle()
    assert sources(ada.doc) == ["a"]


def test_a_runtime_of_another_life_is_dropped_and_fetched_anew() -> None:
    world = World(1, imported("a"))
    ada = world.add_peer("Ada")
    world.settle()
    old = ada.session.runtime.genesis
    world.lose_disk(imported("a"))
    assert world.room is not None
    world.settle()
    assert ada.session.runtime.genesis == old  # made the same way again: nothing to drop
    assert not ada.refusals
