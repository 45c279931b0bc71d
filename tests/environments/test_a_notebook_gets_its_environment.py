"""From what a notebook declares to a kernel that has it, with a real hub, daemon, uv and kernels."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from clients.peer.errors import RequestFailed
from clients.peer.notebook import Notebook
from relay.requests import ApproveDependencies
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio

VERSION = "import tiny; print(tiny.version)"


def declaring(
    folder: Path, wheels: Path, packages: Sequence[str], sources: Sequence[str], name: str = "n.ipynb"
) -> Path:
    """A notebook file that declares these packages, to be had from local wheels alone."""
    path = notebook_file(folder, sources, name)
    told = json.loads(path.read_text())
    uv = {"dependencies": list(packages), "find-links": [str(wheels)], "no-index": True}
    told["metadata"] = {"quire": {"uv": uv}}
    path.write_text(json.dumps(told))
    return path


async def asked(notebook: Notebook) -> None:
    assert await notebook.until(lambda: notebook.packages.trust.asks, 60)


async def said(notebook: Notebook, cell: str = "c0") -> str:
    execution = await notebook.cells[cell].run()
    return (await execution.text()).strip()


@aio
async def test_nothing_is_installed_before_somebody_approves_and_then_what_waited_runs(
    tmp_path: Path, wheels: Path
) -> None:
    path = declaring(tmp_path, wheels, ["tiny==1"], [VERSION])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        await asked(ann)
        trust = ann.packages.trust
        assert (trust.packages, trust.source) == (("tiny==1",), "uv:inline")
        assert trust.options == (f"find-links {wheels}", "no-index")
        assert await ann.until(lambda: ann.packages.environment.phase == "waiting", 60)
        assert not await asyncio.to_thread((tmp_path / "state" / "environments").exists)
        await ann.packages.approve()
        await execution.wait()
        assert (await execution.text()).strip() == "1.0"
        environment = ann.packages.environment
        assert (environment.source, environment.installed) == ("uv:inline", {"tiny": "1.0"})
        assert any(line.startswith("Installed") for line in environment.log)
        assert ann.packages.trust.state == "trusted"


@aio
async def test_what_a_program_runs_does_not_wait_for_an_approval_and_says_what_to_approve(
    tmp_path: Path, wheels: Path
) -> None:
    path = declaring(tmp_path, wheels, ["tiny==1"], [VERSION])
    async with running_service(tmp_path) as service, service.peer(path, "script", "program") as script:
        execution = await script.cells["c0"].run()
        assert execution.status == "cancelled"
        assert "would install: tiny==1" in (script.kernel.error or "")
        assert "quire trust" in (script.kernel.error or "")


@aio
async def test_an_approval_of_what_was_shown_is_none_of_what_somebody_made_of_it(tmp_path: Path, wheels: Path) -> None:
    path = declaring(tmp_path, wheels, ["tiny==1"], [VERSION])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "bob") as bob:
        await asked(ann)
        shown = ann.packages.trust
        metadata = bob.metadata
        metadata["quire"]["uv"]["dependencies"] = ["tiny==2"]
        bob.set_metadata(metadata)
        await bob.saved()
        heads = [bytes.fromhex(head) for head in shown.heads]
        with pytest.raises(RequestFailed, match="have changed since they were shown") as raised:
            await ann.request(ApproveDependencies(digest=shown.digest, heads=heads))
        assert raised.value.code == "stale_approval"
        assert await ann.until(lambda: ann.packages.trust.packages == ("tiny==2",), 60)
        assert ann.packages.trust.asks


@aio
async def test_agents_and_runners_may_not_approve(tmp_path: Path, wheels: Path) -> None:
    path = declaring(tmp_path, wheels, ["tiny==1"], [VERSION])
    async with (
        running_service(tmp_path) as service,
        service.peer(path, "agent", "agent") as agent,
        service.peer(path, "ann", role="runner") as runner,
    ):
        await asked(agent)
        with pytest.raises(RequestFailed, match="Agents may not approve"):
            await agent.packages.approve()
        assert (await agent.packages.add("small")).status == "asks"
        await asked(runner)
        with pytest.raises(RequestFailed, match="Only owners and editors"):
            await runner.packages.approve()


@aio
async def test_packages_are_added_to_a_running_kernel_where_that_can_be_and_else_need_a_restart(
    tmp_path: Path, wheels: Path
) -> None:
    path = declaring(tmp_path, wheels, ["tiny==1"], [VERSION, "import small; print(small.version)"])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "bob") as bob:
        await asked(ann)
        await ann.packages.approve()
        assert await said(ann) == "1.0"
        await said(ann, "c1")
        assert [(one.module, one.package) for one in ann.packages.missing] == [("small", "small")]

        change = await bob.packages.add("small")
        assert (change.status, change.installed["small"]) == ("live", "1.0")
        assert await said(ann, "c1") == "1.0"
        assert ann.packages.missing == []
        assert ann.metadata["quire"]["uv"]["dependencies"] == ["tiny==1", "small"]
        assert await ann.until(lambda: ann.packages.list() == {"small": "1.0", "tiny": "1.0"}, 60)
        assert await ann.until(lambda: ann.packages.environment.in_sync, 60)

        change = await ann.packages.add("tiny==2")
        assert change.status == "restart_needed"
        assert "tiny 1.0 would become 2.0" in change.why
        assert ann.packages.environment.restart == change.why
        assert await said(ann) == "1.0"
        assert (await ann.packages.sync(restart=True)).status == "restarted"
        assert await said(ann) == "2.0"
        assert ann.packages.environment.restart is None


@aio
async def test_a_failed_install_leaves_environment_metadata_and_kernel_as_they_were(
    tmp_path: Path, wheels: Path
) -> None:
    path = declaring(tmp_path, wheels, ["tiny==1"], [VERSION])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        await asked(ann)
        await ann.packages.approve()
        assert await said(ann) == "1.0"
        before = ann.metadata
        with pytest.raises(RequestFailed, match="no versions that fit together") as raised:
            await ann.packages.add("tiny==7")
        assert "tiny==7" in str(raised.value)  # the resolver's own words
        assert "run again" in str(raised.value)  # and what to do
        assert ann.metadata == before
        assert await ann.until(lambda: ann.packages.environment.phase == "ready", 60)
        assert "no versions that fit together" in (ann.packages.environment.error or "")
        assert await said(ann) == "1.0"


@aio
async def test_a_broken_declaration_is_told_and_no_kernel_starts(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["1"])
    (tmp_path / "pyproject.toml").write_text("[project\n")
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        execution = await ann.cells["c0"].run()
        assert execution.status == "cancelled"
        assert "pyproject.toml cannot be read" in (ann.kernel.error or "")
        environment: Any = ann.packages.environment
        assert (environment.phase, environment.in_sync) == ("failed", False)


@aio
async def test_a_project_without_environment_gets_one_of_its_own_and_the_project_is_left_alone(
    tmp_path: Path, wheels: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    uv = f'[tool.uv]\nno-index = true\nfind-links = ["{wheels}"]\n'
    (folder / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1"\ndependencies = ["tiny==2"]\n' + uv)
    path = notebook_file(folder, [VERSION])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        await asked(ann)
        assert (ann.packages.trust.project, ann.packages.trust.path) == (True, str(folder / "pyproject.toml"))
        await ann.packages.approve()
        assert await said(ann) == "2.0"
        assert ann.packages.environment.source == "uv:pyproject"
    assert sorted(one.name for one in folder.iterdir()) == ["notebook.ipynb", "pyproject.toml"]
