"""What counts as an approval, and what does not."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from clients.daemon.environments.declared import Dependencies
from clients.daemon.environments.trust import TrustStore
from relay.errors import UnsafeState

PANDAS = Dependencies(manager="uv", packages=("numpy>=2", "pandas"))


def test_what_nobody_approved_is_asked_about(tmp_path: Path) -> None:
    assert TrustStore(tmp_path).verdict(PANDAS) == "asks"


def test_what_was_approved_stays_so_and_anything_else_is_asked_about(tmp_path: Path) -> None:
    TrustStore(tmp_path).approve(PANDAS, "ada")
    again = TrustStore(tmp_path)
    assert again.verdict(PANDAS) == "trusted"
    assert again.verdict(replace(PANDAS, packages=("pandas",))) == "asks"
    assert again.verdict(replace(PANDAS, python=">=3.12")) == "asks"
    assert again.verdict(replace(PANDAS, options=(("index-url", ("https://elsewhere",)),))) == "asks"
    (approval,) = again.approvals()
    assert (approval.by, approval.valid, approval.dependencies["packages"]) == ("ada", True, ["numpy>=2", "pandas"])
    again.forget(PANDAS)
    assert again.verdict(PANDAS) == "asks"


def test_nothing_declared_asks_nothing(tmp_path: Path) -> None:
    assert TrustStore(tmp_path).verdict(Dependencies(manager="uv")) == "trusted"
    assert TrustStore(tmp_path).verdict(Dependencies(manager="conda", channels=("elsewhere",))) == "asks"


def test_a_tampered_approval_does_not_count_and_is_told_apart(tmp_path: Path) -> None:
    store = TrustStore(tmp_path)
    store.approve(PANDAS, "ada")
    (path,) = (tmp_path / "trust").glob("*.json")
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "signature": "0" * 64}))
    assert store.verdict(PANDAS) == "tampered"
    assert [one.valid for one in store.approvals()] == [False]
    path.write_text("{")
    assert store.verdict(PANDAS) == "tampered"


def test_an_approval_of_one_thing_does_not_pass_for_another(tmp_path: Path) -> None:
    store = TrustStore(tmp_path)
    store.approve(PANDAS, "ada")
    other = replace(PANDAS, packages=("evil",))
    (path,) = (tmp_path / "trust").glob("*.json")
    path.rename(store._path(other.canonical()))
    assert store.verdict(other) == "tampered"


def test_a_signature_from_another_machine_does_not_count(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    TrustStore(there).approve(PANDAS, "ada")
    store = TrustStore(here)
    store.approve(Dependencies(manager="uv", packages=("own",)), "ada")
    for path in (there / "trust").glob("*.json"):
        (here / "trust" / path.name).write_bytes(path.read_bytes())
    assert store.verdict(PANDAS) == "tampered"


def test_the_key_is_the_owners_alone(tmp_path: Path) -> None:
    store = TrustStore(tmp_path)
    store.approve(PANDAS, "ada")
    key = tmp_path / "trust" / "key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o644)
    with pytest.raises(UnsafeState):
        store.verdict(PANDAS)


def test_remembered_packages_need_no_further_approval_unless_they_come_from_elsewhere(tmp_path: Path) -> None:
    store = TrustStore(tmp_path)
    store.approve(PANDAS, "ada", remember=True)
    assert store.verdict(Dependencies(manager="uv", packages=("Pandas==2.2",))) == "trusted"
    assert store.verdict(Dependencies(manager="uv", packages=("pandas", "requests"))) == "asks"
    for options in ((("index-url", ("https://elsewhere",)),), (("find-links", ("wheels",)),)):
        assert store.verdict(Dependencies(manager="uv", packages=("pandas",), options=options)) == "asks"
    assert store.verdict(Dependencies(manager="uv", packages=("pandas @ https://elsewhere/p.whl",))) == "asks"
    store.forget_packages(["pandas"])
    assert store.verdict(Dependencies(manager="uv", packages=("Pandas==2.2",))) == "asks"
