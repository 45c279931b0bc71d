"""The keeper's process and its spool: who may talk to it, what it holds, when it goes."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest

from clients.daemon.errors import KeeperLost
from clients.daemon.events import Died, Finished, KernelEvent
from clients.daemon.keeper import frames, link
from clients.daemon.keeper.link import KeeperLink, Keeping
from clients.daemon.keeper.manifest import Manifest, find, folder_of, path_of, process_began, reap_all, write
from clients.daemon.keeper.spool import Spool
from clients.daemon.kernel import Kernel
from clients.daemon.launch_plan import LaunchPlan
from tests.daemon.conftest import texts
from tests.daemon.processes import runs, until_gone
from tests.support.aio import aio


async def kept(state: Path) -> Kernel:
    os.mkdir(state, 0o700)
    return await Kernel.start(LaunchPlan(name="python3", cwd=state), Keeping(folder_of(state), "a notebook"))


async def told(state: Path) -> Manifest:
    """The manifest, once it says what kernel it is."""
    while not (found := find(folder_of(state))) or not found[0].info:
        await asyncio.sleep(0.01)
    return found[0]


async def until_finished(kernel: Kernel, execution_id: str) -> list[KernelEvent]:
    said = []
    async for event in kernel.events():
        said.append(event)
        if isinstance(event, Died) or (isinstance(event, Finished) and event.execution_id == execution_id):
            break
    return said


async def until_begun(kernel: Kernel, execution_id: str) -> None:
    async for event in kernel.events():
        if getattr(event, "execution_id", "") == execution_id:
            break


async def crash(kernel: Kernel) -> None:
    """What a killed daemon leaves: nothing was said to the keeper, the connection is just gone."""
    kernel._life.cancel()
    kernel._link._writer.transport.abort()
    kernel._link._process = None  # not ours to wait for any more
    kernel._link._clear = lambda: None  # type: ignore[method-assign]
    await asyncio.gather(kernel._life, return_exceptions=True)


@aio
async def test_manifest_and_sockets_are_for_this_user_alone(tmp_path: Path) -> None:
    kernel = await kept(tmp_path / "state")
    try:
        manifest = await told(tmp_path / "state")
        assert stat.S_IMODE(os.stat(path_of(tmp_path / "state" / "kernels", manifest.keeper)).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(manifest.folder).st_mode) & 0o777 == 0o700
        assert stat.S_IMODE(os.stat(manifest.socket).st_mode) & 0o077 == 0
        assert (manifest.notebook_id, manifest.kernel_name, manifest.language) == ("a notebook", "python3", "python")
        assert manifest.token not in repr(manifest)
    finally:
        await kernel.shutdown()
    assert list((tmp_path / "state" / "kernels").iterdir()) == []


async def nothing_but_the_end(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


@aio
async def test_strangers_and_a_second_daemon_are_refused_and_change_nothing(tmp_path: Path) -> None:
    kernel = await kept(tmp_path / "state")
    try:
        manifest = await told(tmp_path / "state")
        bad_token = frames.frame(frames.ATTACH, json.dumps({"token": "0" * 32}).encode())
        for said in (
            bad_token,
            frames.frame(frames.END),
            frames.frame(frames.ATTACH, b"x" * 5000),
            b"GET / HTTP/1.1\r\n\r\n",
        ):
            reader, writer = await asyncio.open_unix_connection(str(manifest.socket))
            writer.write(said)
            assert await asyncio.wait_for(nothing_but_the_end(reader), 8)
            writer.close()
        with pytest.raises(KeeperLost):
            await KeeperLink.attach(manifest, tmp_path / "state" / "kernels")
        await kernel.execute("print(6 * 7)", "e")
        assert texts(await until_finished(kernel, "e")) == "42\n"
    finally:
        await kernel.shutdown()


@aio
async def test_what_is_sent_again_under_its_key_is_not_run_again(tmp_path: Path) -> None:
    first = await kept(tmp_path / "state")
    await first.execute("x = globals().get('x', 0) + 1; print(x)", "e")
    await until_finished(first, "e")
    manifest = await told(tmp_path / "state")
    await crash(first)
    second = await Kernel.attach(manifest, tmp_path / "state" / "kernels", 0, lambda execution_id: False)
    try:
        await second.execute("x = globals().get('x', 0) + 1; print(x)", "e")
        assert texts(await until_finished(second, "e")) == "1\n"  # again from the spool: nothing was acknowledged
        await second.execute("print(x)", "f")
        assert texts(await until_finished(second, "f")) == "1\n"
    finally:
        await second.shutdown()
    await until_gone(manifest.pid, manifest.kernel_pid)


@aio
async def test_everything_printed_while_nobody_listens_is_there_afterwards(tmp_path: Path) -> None:
    first = await kept(tmp_path / "state")
    manifest = await told(tmp_path / "state")
    code = "import sys\nfor n in range(300):\n  print(str(n) * 25_000); sys.stdout.flush()\nopen('printed', 'w')"
    await first.execute(code, "e")
    await until_begun(first, "e")  # a request that the keeper has not read yet goes with the connection
    await crash(first)
    while not await asyncio.to_thread(os.path.exists, tmp_path / "state" / "printed"):
        await asyncio.sleep(0.02)
    while not [name for name in os.listdir(tmp_path / "state" / "kernels") if ".spool." in name]:
        await asyncio.sleep(0.02)  # the keeper has not read all of it yet; it does not fit into memory
    second = await Kernel.attach(manifest, tmp_path / "state" / "kernels", 0, lambda execution_id: False)
    try:
        said = texts(await until_finished(second, "e"))
        assert said == "".join(str(n) * 25_000 + "\n" for n in range(300))
    finally:
        await second.shutdown()
    assert os.listdir(tmp_path / "state" / "kernels") == []


@aio
async def test_a_lonely_keeper_ends_unless_its_kernel_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "LONELY_SECONDS", 1.0)
    kernel = await kept(tmp_path / "state")
    manifest = await told(tmp_path / "state")
    await kernel.execute("import time; time.sleep(3); open('done', 'w')", "e")
    await until_begun(kernel, "e")
    await crash(kernel)
    await until_gone(manifest.pid, manifest.kernel_pid)
    assert await asyncio.to_thread(os.path.exists, tmp_path / "state" / "done")
    assert os.listdir(tmp_path / "state" / "kernels") == []


@aio
async def test_a_lonely_keeper_whose_manifest_is_gone_ends_at_once(tmp_path: Path) -> None:
    kernel = await kept(tmp_path / "state")
    manifest = await told(tmp_path / "state")
    await crash(kernel)
    os.unlink(path_of(tmp_path / "state" / "kernels", manifest.keeper))
    await until_gone(manifest.pid, manifest.kernel_pid)


@aio
async def test_a_kernel_has_the_users_umask_and_can_be_interrupted(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        kernel = await Kernel.start(LaunchPlan(name="python3", cwd=tmp_path))
    finally:
        os.umask(before)
    try:
        await kernel.execute("import os, signal\nprint(os.umask(0), signal.getsignal(signal.SIGHUP))", "e")
        assert texts(await until_finished(kernel, "e")) == f"{0o022} 0\n"
    finally:
        await kernel.shutdown()


@aio
async def test_a_keeper_that_nobody_could_find_again_ends_with_its_daemon(tmp_path: Path) -> None:
    kernel = await Kernel.start(LaunchPlan(name="python3", cwd=tmp_path))
    pids = kernel.pid, kernel._link.manifest.pid
    kernel._link._writer.transport.abort()
    await until_gone(*pids)
    await kernel.shutdown()


@aio
async def test_all_keepers_of_a_state_folder_can_be_ended_by_whoever_cleans_up(tmp_path: Path) -> None:
    kernel = await kept(tmp_path / "state")
    manifest = await told(tmp_path / "state")
    await crash(kernel)
    assert await asyncio.to_thread(reap_all, tmp_path / "state") == 1
    assert not runs(manifest.pid)
    assert not runs(manifest.kernel_pid)
    assert os.listdir(tmp_path / "state" / "kernels") == []


def test_a_manifest_of_a_process_that_is_another_by_now_is_removed_and_that_process_let_be(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    folder = folder_of(tmp_path)
    left = tmp_path / "left"
    left.mkdir()
    about = {"notebook_id": "n", "kernel_name": "k", "cwd": "/", "folder": str(left), "token": "t"}
    write(
        folder,
        Manifest(
            keeper="k1", pid=os.getpid(), began="another", kernel_pid=os.getpid(), kernel_began="another", **about
        ),
    )
    own = process_began(os.getpid())
    assert own is not None
    assert find(folder) == []
    assert list(folder.iterdir()) == []
    assert not left.exists()
    assert process_began(os.getpid()) == own


def drained(spool: Spool) -> list[int]:
    numbers = []
    while data := spool.read():
        numbers += [seq for seq, _ in frames.numbered(data)]
    return numbers


def test_a_spool_keeps_order_through_memory_and_files_and_frees_what_is_acknowledged(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", segment=100, memory=300, cap=2_000)
    for number in range(20):
        assert spool.append(frames.IOPUB, [bytes([number]) * 30]) == number + 1
    files = list(tmp_path.iterdir())
    assert files
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert drained(spool) == list(range(1, 21))
    assert drained(spool) == []
    spool.acknowledge(15, keep=[2, 9])
    spool.rewind()
    again = drained(spool)
    assert again[:2] == [2, 9]
    assert set(range(16, 21)) <= set(again)
    assert again == sorted(again)
    spool.acknowledge(20)
    spool.rewind()
    assert drained(spool) == []
    assert spool.size == 0
    assert list(tmp_path.iterdir()) == []


def test_a_full_spool_says_so_until_something_is_acknowledged(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", segment=100, memory=200, cap=500)
    while not spool.full:
        spool.append(frames.IOPUB, [b"x" * 40])
    spool.acknowledge(spool.seq - 1)
    assert not spool.full
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_spool_whose_disk_fails_stays_in_memory_and_is_full(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "no such folder" / "s", segment=100, memory=200)
    while not spool.full:
        spool.append(frames.IOPUB, [b"x" * 40])
    assert drained(spool) == list(range(1, spool.seq + 1))


def test_frames_survive_any_cut_and_the_length_of_a_strangers_is_bounded() -> None:
    stream = frames.frame(frames.END) + frames.message_frame(7, frames.SHELL, [b"", b"two", b"3" * 300])
    parser = frames.Parser()
    came = [frame for at in range(len(stream)) for frame in parser.feed(stream[at : at + 1])]
    assert [kind for kind, _ in came] == [frames.END, frames.MESSAGE]
    assert frames.read_message(came[1][1]) == (7, frames.SHELL, [b"", b"two", b"3" * 300])
    assert frames.read_send(frames.send_frame(2, b"key", [b"a", b"b"])[5:]) == (2, b"key", [b"a", b"b"])
    with pytest.raises(frames.BadFrame):
        frames.Parser(frames.STRANGERS_LIMIT).feed(frames.frame(frames.ATTACH, b"x" * 2000))
