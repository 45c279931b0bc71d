"""How documents begin, frozen: whoever changes one of these bytes makes every document in the world another one."""

from __future__ import annotations

from hashlib import sha256

import pytest

from notebook_doc.errors import SchemaTooNew, WrongGenesis
from notebook_doc.interchange import notebook_from_model, runtime_from_model
from notebook_doc.model import CellModel, NotebookModel
from notebook_doc.notebook import NotebookDoc, notebook_seed
from notebook_doc.replica import ROOT, Replica
from notebook_doc.runtime import RuntimeDoc, runtime_seed
from notebook_doc.sync_message import read_change

NOTEBOOK_ID = "6f1c2a4e-0000-4000-8000-000000000003"
MODEL = NotebookModel(
    nbformat_minor=5,
    metadata={"kernelspec": {"name": "python3"}, "big": 2**70},
    cells=(
        CellModel(id="a", cell_type="code", source="x = 1", execution_count=3),
        CellModel(id="b", cell_type="markdown", source="# naïve 😀", metadata={"tags": ["t"]}),
    ),
)
SEED_ACTOR = bytes(16)

NOTEBOOK_SEED = "5bb449c9dddf5e874dab60b523c3788f0315c0d1e42121b5fa9c47960eca30f6"
RUNTIME_SEED = "f3897552c82419cb0d33c9688ec6dc8fcb4df731bd99d221aecd7993e4051c91"
NOTEBOOK_BIRTH = "3abbf31cfe19522ec62d5148d250aa785efbc9433d8f2a6306caad74ef8751de"
RUNTIME_BIRTH = "047e06a2c2e81a4f6484a2f4330e93f18a288d6b3e698477f5623b97ebadf8cd"


def first_changes(replica: Replica) -> list[str]:
    return [read_change(chunk).hash.hex() for chunk in replica.changes_since(())]


def test_the_seed_changes_are_these() -> None:
    assert first_changes(Replica.load(notebook_seed())) == [NOTEBOOK_SEED]
    assert first_changes(Replica.load(runtime_seed())) == [RUNTIME_SEED]


def test_the_seed_is_written_by_the_actor_of_zeros() -> None:
    for seed in (notebook_seed(), runtime_seed()):
        (chunk,) = Replica.load(seed).changes_since(())
        assert read_change(chunk).actor == SEED_ACTOR


def test_the_seed_makes_the_roots_that_the_schema_names() -> None:
    assert Replica.load(notebook_seed()).json(ROOT) == {
        "schema_version": 1,
        "cells": {},
        "metadata": {},
        "proposals": {},
        "comments": {},
        "versions": {},
    }
    assert Replica.load(runtime_seed()).keys(ROOT) == sorted(
        ("schema_version", "epoch", "kernel", "queue", "executions", "latest", "display_index", "comms", "archive")
    )


def test_the_import_of_this_file_is_this_change() -> None:
    assert first_changes(notebook_from_model(NOTEBOOK_ID, MODEL).replica) == [NOTEBOOK_SEED, NOTEBOOK_BIRTH]
    assert first_changes(runtime_from_model(NOTEBOOK_ID, MODEL).replica) == [RUNTIME_SEED, RUNTIME_BIRTH]


def test_the_identity_is_the_actor_of_the_birth() -> None:
    doc = notebook_from_model(NOTEBOOK_ID, MODEL)
    _, birth = doc.replica.changes_since(())
    assert doc.genesis == read_change(birth).actor
    assert len(doc.genesis) == 16


def test_importing_twice_and_merging_is_importing_once() -> None:
    one, two = notebook_from_model(NOTEBOOK_ID, MODEL), notebook_from_model(NOTEBOOK_ID, MODEL)
    assert one.replica.save() == two.replica.save()
    one.add_cell("edited meanwhile", cell_id="c")
    one.replica.merge(two.replica)
    assert one.cell_ids() == ["a", "b", "c"]


def test_another_id_or_another_content_is_another_identity() -> None:
    doc = notebook_from_model(NOTEBOOK_ID, MODEL)
    assert notebook_from_model("other", MODEL).genesis != doc.genesis
    assert notebook_from_model(NOTEBOOK_ID, NotebookModel(nbformat_minor=5)).genesis != doc.genesis


def test_two_new_notebooks_of_one_id_are_one() -> None:
    assert NotebookDoc.create(NOTEBOOK_ID).replica.save() == NotebookDoc.create(NOTEBOOK_ID).replica.save()
    assert NotebookDoc.create(NOTEBOOK_ID).genesis != NotebookDoc.create("other").genesis


def test_what_is_written_after_the_birth_is_written_by_another_actor() -> None:
    doc = NotebookDoc.create(NOTEBOOK_ID)
    assert doc.replica.actor != doc.genesis
    runtime = RuntimeDoc.create(NOTEBOOK_ID)
    assert runtime.replica.actor != runtime.genesis


def test_there_is_schema_version_1_and_nothing_migrates_to_it() -> None:
    for replica in (NotebookDoc.create("n").replica, RuntimeDoc.create("n").replica):
        assert replica.scalar(ROOT, "schema_version") == 1


@pytest.mark.parametrize("kind", [NotebookDoc, RuntimeDoc])
def test_a_document_of_a_later_schema_is_refused_with_what_to_do(kind: type[NotebookDoc] | type[RuntimeDoc]) -> None:
    replica = kind.create("n").replica
    with replica.transaction() as transaction:
        transaction.put_uint(ROOT, "schema_version", 2)
    with pytest.raises(SchemaTooNew) as caught:
        kind(replica)
    assert "Upgrade" in caught.value.hint


@pytest.mark.parametrize("kind", [NotebookDoc, RuntimeDoc])
def test_an_automerge_document_of_something_else_is_refused(kind: type[NotebookDoc] | type[RuntimeDoc]) -> None:
    with pytest.raises(WrongGenesis):
        kind(Replica())


def test_the_digest_that_imports_depend_on_is_sha256() -> None:
    actor = sha256(b"quire birth\0" + NOTEBOOK_ID.encode() + b"\0").digest()[:16]
    assert NotebookDoc.create(NOTEBOOK_ID).genesis == actor
