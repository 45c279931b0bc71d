"""Packages added and removed where a header or a project's file declares them, with a real hub, daemon and uv."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from clients.daemon.environments.uv import uv_binary
from clients.peer.errors import HeaderChanged, RequestFailed
from clients.peer.notebook import Notebook
from clients.peer.packages import declare
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio

VERSION = "import tiny; print(tiny.version)"


def project(folder: Path, wheels: Path, packages: Sequence[str], *, locked: bool = False) -> Path:
    """A project of uv's, which takes its packages from local wheels alone."""
    folder.mkdir()
    (folder / ".git").mkdir()
    path = folder / "pyproject.toml"
    listed = "".join(f'    "{one}",  # ours\n' for one in packages)
    path.write_text(
        f'[project]\nname = "study"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = [\n{listed}]\n\n'
        f'[tool.uv]\nno-index = true\nfind-links = ["{wheels}"]\n'
    )
    if locked:
        subprocess.run([uv_binary(), "lock", "-q", "--project", folder], check=True)
    return path


def own_environment(folder: Path, wheels: Path) -> None:
    """The project's `.venv`, in which a kernel can run."""
    venv = folder / ".venv"
    subprocess.run([uv_binary(), "venv", "-q", venv], check=True)
    install = [uv_binary(), "pip", "install", "-q", "--python", venv / "bin" / "python", "--no-index"]
    subprocess.run([*install, "--find-links", wheels, "ipykernel", "tiny==1"], check=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".toml", ".lock")}


async def approved(notebook: Notebook) -> None:
    assert await notebook.until(lambda: notebook.packages.trust.asks, 30)
    await notebook.packages.approve()
    assert await notebook.until(lambda: notebook.packages.trust.state == "trusted", 30)


async def said(notebook: Notebook, cell: str = "c0") -> str:
    return (await (await notebook.cells[cell].run()).text()).strip()


@aio
async def test_a_package_is_added_to_the_header_of_a_cell_and_others_keep_typing_in_it(
    tmp_path: Path, wheels: Path
) -> None:
    header = (
        '# /// script\n# dependencies = [\n#   "tiny==1",  # ours\n# ]\n'
        f'# [tool.uv]\n# no-index = true\n# find-links = ["{wheels}"]\n# ///\n'
    )
    path = notebook_file(tmp_path, [f"{header}{VERSION}", "import small; print(small.version)"])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "bob") as bob:
        await approved(ann)
        assert await said(ann) == "1.0"
        before = ann.cells["c0"].source
        with pytest.raises(RequestFailed, match="no versions that fit together"):
            await ann.packages.add("tiny==7")
        assert ann.cells["c0"].source == before

        bob.cells["c0"].append("  # typed")
        change = await ann.packages.add("small")
        assert (change.status, change.installed["small"]) == ("live", "1.0")
        expected = header.replace("# ]\n", '#   "small",\n# ]\n') + VERSION + "  # typed"
        assert await ann.until(lambda: ann.cells["c0"].source == expected, 10)
        assert await ann.until(lambda: ann.packages.environment.in_sync and ann.packages.trust.state == "trusted", 30)
        assert await said(ann, "c1") == "1.0"
        assert (await ann.packages.remove("small")).status == "restart_needed"
        assert ann.cells["c0"].source == before + "  # typed"

        told = {"cell_id": "c0", "old": header.replace("tiny", "huge"), "new": header}
        with pytest.raises(HeaderChanged, match="was edited meanwhile"):
            declare(ann, told)


@aio
async def test_a_project_is_changed_by_uv_and_a_failed_install_leaves_its_files_alone(
    tmp_path: Path, wheels: Path
) -> None:
    plain = project(tmp_path / "plain", wheels, ["tiny==1"])
    locked = project(tmp_path / "locked", wheels, ["tiny==1"], locked=True)
    async with running_service(tmp_path) as service:
        for pyproject in (plain, locked):
            path = notebook_file(pyproject.parent, [VERSION])
            async with service.peer(path) as ann, service.peer(path, "claude", "agent") as agent:
                await approved(ann)
                before = contents(pyproject.parent)
                asked = await agent.packages.add("small")
                assert (asked.status, contents(pyproject.parent)) == ("asks", before)
                with pytest.raises(RequestFailed, match="no versions that fit together"):
                    await ann.packages.add("tiny==7")
                assert contents(pyproject.parent) == before

                change = await ann.packages.add("small")
                assert (change.status, change.installed["small"]) == ("ready", "1.0")
                added = "small>=1.0" if pyproject is locked else "small"  # uv gives a bound where it has resolved
                expected = before["pyproject.toml"].decode().replace('    "tiny', f'    "{added}",\n    "tiny')
                assert pyproject.read_text() == expected
                assert (before.keys(), ann.metadata.get("quire")) == (contents(pyproject.parent).keys(), None)
                assert await ann.until(lambda: ann.packages.trust.state == "trusted", 30)
                assert (await ann.packages.remove("small")).status == "ready"
                assert contents(pyproject.parent) == before
        assert b'name = "tiny"' in contents(locked.parent)["uv.lock"]


@aio
async def test_a_package_comes_into_a_projects_own_environment_and_what_lies_there_beside_stays(
    tmp_path: Path, wheels: Path
) -> None:
    pyproject = project(tmp_path / "own", wheels, ["tiny==1"])
    folder = pyproject.parent
    own_environment(folder, wheels)
    path = notebook_file(folder, [VERSION, "import small; print(small.version)"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        assert await said(ann) == "1.0"
        assert ann.packages.environment.source == "uv:pyproject"
        change = await ann.packages.add("small")
        assert (change.status, change.installed) == ("live", {"small": "1.0"})
        assert await said(ann, "c1") == "1.0"
        assert ann.packages.list() == {"small": "1.0", "tiny": "1.0"}

        # somebody edits the project beside the running notebook, and nobody asks
        pyproject.write_text(pyproject.read_text().replace("tiny==1", "tiny==2"))
        assert await ann.until(lambda: bool(ann.packages.environment.drift), 30)
        assert dict(ann.packages.environment.drift[0]) == {
            **{"name": "tiny", "declared": "tiny==2", "locked": "", "installed": "1.0"}
        }
        change = await ann.packages.add("tiny==2")
        assert (change.status, "tiny 1.0 would become 2.0" in change.why) == ("restart_needed", True)
        assert await ann.until(lambda: not ann.packages.environment.drift, 30)
