"""Limits on memory and time, and what is known of a kernel that was killed for want of memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from clients.daemon.errors import BadLimit
from clients.daemon.limits import Limits, limits_of
from clients.daemon.out_of_memory import OutOfMemoryKills
from clients.daemon.process import describe_exit
from clients.peer.errors import RequestFailed
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems enforce no such limit, and count no kills")


def told(**limits: Any) -> dict[str, Any]:
    return {"quire": {"limits": limits}}


def test_nothing_is_limited_unless_somebody_says_so() -> None:
    assert limits_of({}, {}) == Limits(None, None)
    assert limits_of({"quire": {}}, {"QUIRE_KERNEL_MEMORY": ""}) == Limits(None, None)


@pytest.mark.parametrize(
    ("written", "size"),
    [("512M", 2**29), ("1.5 GiB", 3 * 2**29), ("2gb", 2**31), (2**30, 2**30), ("536870912", 2**29)],
)
def test_memory_is_written_as_people_write_it(written: object, size: int) -> None:
    assert limits_of(told(memory=written), {}).memory == size


def test_the_stricter_of_notebook_and_daemon_counts() -> None:
    environ = {"QUIRE_KERNEL_MEMORY": "1G", "QUIRE_EXECUTION_SECONDS": "60"}
    assert limits_of(told(memory="2G", execution_seconds=600), environ) == Limits(2**30, 60.0)
    assert limits_of(told(memory="512M", execution_seconds=6), environ) == Limits(2**29, 6.0)


@pytest.mark.parametrize(
    ("limits", "place"),
    [
        ({"memory": "much"}, "quire.limits.memory"),
        ({"memory": "12"}, "quire.limits.memory"),
        ({"memory": ["1G"]}, "quire.limits.memory"),
        ({"execution_seconds": "soon"}, "quire.limits.execution_seconds"),
        ({"execution_seconds": -1}, "quire.limits.execution_seconds"),
        ({"execution_seconds": float("nan")}, "quire.limits.execution_seconds"),
    ],
)
def test_a_limit_that_cannot_be_read_is_refused_with_its_place(limits: dict[str, Any], place: str) -> None:
    with pytest.raises(BadLimit, match=place):
        limits_of(told(**limits), {})


@linux
@aio
async def test_what_exceeds_a_limit_ends_with_the_reason_and_the_kernel_lives_on(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["x = bytearray(2_000_000_000)", "while True: pass", "1 + 1"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        ann.set_metadata(told(memory="1G", execution_seconds=1))
        greedy = await ann.cells["c0"].run()
        assert greedy.record.error is not None
        assert greedy.record.error.ename == "MemoryError"
        assert "1.0 GiB" in greedy.record.error.evalue
        endless = await ann.cells["c1"].run()
        assert endless.record.error is not None
        assert (endless.record.error.ename, endless.record.timeout) == ("ExecutionTimeout", 1.0)
        assert (await ann.cells["c2"].run()).ok
        ann.set_metadata(told(execution_seconds="soon"))
        with pytest.raises(RequestFailed, match="'soon'"):
            await ann.cells["c2"].run()


# --- what the system counts -----------------------------------------------------------------------------------------


def system(root: Path, cgroup: str, files: dict[str, str]) -> OutOfMemoryKills:
    for name, text in {"proc/7/cgroup": cgroup, "proc/vmstat": "oom_kill 5\n", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return OutOfMemoryKills(7, root)


@linux
@pytest.mark.parametrize(
    ("cgroup", "file"),
    [
        ("0::/user.slice/quire\n", "sys/fs/cgroup/user.slice/quire/memory.events"),
        ("4:memory:/box\n0::/\n", "sys/fs/cgroup/memory/box/memory.oom_control"),
        ("0::/\n", "proc/vmstat"),
    ],
)
def test_a_kill_is_counted_for_the_group_or_else_for_the_machine(tmp_path: Path, cgroup: str, file: str) -> None:
    kills = system(tmp_path, cgroup, {file: "under_oom 0\noom_kill 3\noom_group_kill 0\n"})
    assert not kills.since
    (tmp_path / file).write_text("under_oom 0\noom_kill 4\noom_group_kill 9\n")
    assert kills.since
    kills.look()
    assert not kills.since


@linux
def test_where_nothing_is_counted_nothing_is_known(tmp_path: Path) -> None:
    assert not OutOfMemoryKills(7, tmp_path).since


def test_an_end_for_want_of_memory_says_how_much_there_was() -> None:
    assert describe_exit(-9, True, 3 * 2**30, 4 * 2**30) == (
        "killed by signal 9 (SIGKILL); the system had run out of memory"
        " (it had 3.0 GiB at most of 4.0 GiB that it may have)"
    )
    assert describe_exit(-9, False, 300 * 2**20) == (
        "killed by signal 9 (SIGKILL); somebody killed it, or the system was out of memory (it had 300 MiB at most)"
    )
