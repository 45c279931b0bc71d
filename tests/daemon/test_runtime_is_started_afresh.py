"""RuntimeDoc starts afresh again and again while a kernel prints, and nobody who watches can tell."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clients.peer.archives import archived
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook
from notebook_doc.events import Reset
from notebook_doc.rotation import read_archive
from notebook_doc.runtime import RuntimeDoc
from relay.messages import PeerInfo
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio
from tests.support.daemon import daemon_process
from tests.support.hub import hub_process, open_notebook

SMALL = 4 * 1024  # bytes of an epoch: some ten flushes
TINY = 1024  # some two: a slow machine, which flushes less often, begins enough of them, too
LINES = 100
# Less than 1 KiB altogether, so that all of it stands in the document.
PRINTS = f"import time\nfor n in range({LINES}):\n    print(n, flush=True)\n    time.sleep(0.02)"
PRINTED = "".join(f"{n}\n" for n in range(LINES))


def text_of(runtime: RuntimeDoc, cell_id: str) -> str:
    """What a cell has printed, of contents that stand in the document."""
    _, outputs = runtime.shown(cell_id)
    return "".join(str(content["inline"]) for output in outputs for content in output["text"])  # type: ignore[union-attr,call-overload,index]


class Watcher:
    """Looks at a cell whenever anything happens, as an editor does."""

    def __init__(self, notebook: Notebook, cell_id: str) -> None:
        self._notebook, self._cell_id = notebook, cell_id
        self.seen = [""]
        self.resets = 0
        self.epochs: set[int] = set()

    async def watch(self) -> None:
        async for event in self._notebook.events():
            self.resets += isinstance(event, Reset)
            self.look()

    def look(self) -> None:
        runtime = self._notebook.runtime
        self.epochs.add(runtime.epoch)
        if (text := text_of(runtime, self._cell_id)) != self.seen[-1]:
            self.seen.append(text)

    def check(self) -> None:
        """What was shown only ever grew."""
        for before, after in zip(self.seen, self.seen[1:], strict=False):
            assert after.startswith(before), f"{before[-20:]!r} became {after[-20:]!r}"


@contextlib.asynccontextmanager
async def watching(notebook: Notebook, cell_id: str) -> AsyncIterator[Watcher]:
    watcher = Watcher(notebook, cell_id)
    task = asyncio.create_task(watcher.watch())
    yield watcher
    watcher.look()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@aio
async def test_nobody_who_watches_a_cell_print_sees_its_output_shrink_or_vanish(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [PRINTS])
    async with (
        running_service(tmp_path, epoch_bytes=TINY) as service,
        service.peer(path) as ann,
        service.peer(path, "ben") as ben,
        watching(ann, "c0") as anns,
        watching(ben, "c0") as bens,
    ):
        execution = await ann.cells["c0"].run()
        assert await ben.until(lambda: ben.cells["c0"].execution == execution or text_of(ben.runtime, "c0") == PRINTED)
        assert execution.check().id
        for watcher in (anns, bens):
            watcher.look()
            watcher.check()
            assert watcher.seen[-1] == PRINTED
            assert watcher.resets == 0
            assert len(watcher.epochs) > 3
        assert len(ann.runtime.replica.changes_since(())) < 60


@aio
async def test_displays_and_cleared_outputs_go_on_in_the_next_epoch(tmp_path: Path) -> None:
    code = (
        "from IPython.display import display, clear_output\nimport time\nh = display('first', display_id=True)\n"
        "for n in range(40):\n    h.update(f'update {n}')\n    print(n, flush=True)\n    time.sleep(0.03)\n"
        "    if n == 20: clear_output(); h = display('second', display_id=True)\n"
    )
    async with (
        running_service(tmp_path, epoch_bytes=1024) as service,
        service.peer(notebook_file(tmp_path, [code])) as ann,
    ):
        execution = await ann.cells["c0"].run()
        shown, printed = await execution.outputs()
        assert shown["data"]["text/plain"] == "'update 39'"
        assert printed["text"] == "".join(f"{n}\n" for n in range(21, 40))
        assert ann.runtime.epoch > 1


@aio
async def test_every_run_of_a_cell_is_in_the_document_or_in_an_archive(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["n = globals().get('n', -1) + 1\nprint('run', n)"])
    async with running_service(tmp_path, epoch_bytes=SMALL) as service, service.peer(path) as ann:
        ids = [(await ann.cells["c0"].run()).id for _ in range(60)]
        runtime = ann.runtime
        assert runtime.epoch > 2
        assert runtime.next_seq() == 60
        back: dict[str, str] = {}
        for entry in runtime.archive():
            data = await ann.blob(str(entry["blob"]))
            assert len(data) == entry["size"]
            for archived in read_archive(data):
                assert archived.execution.status == "done"
                back[archived.execution.id] = str(archived.outputs[0]["text"])
        assert 0 < len(runtime.archive()) < 10
        assert len(runtime.execution_ids()) < 60  # of those that ran last, late output is still taken
        kept = {name: str(runtime.outputs(name)[0]["text"]) for name in runtime.execution_ids()}
        assert {**back, **kept}.keys() == set(ids)
        for number, execution_id in enumerate(ids):
            assert f"run {number}\\n" in {**back, **kept}[execution_id]


@aio
async def test_a_handle_of_a_run_that_is_archived_still_says_what_it_said(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["n = globals().get('n', -1) + 1\nprint('run', n)"])
    async with running_service(tmp_path, epoch_bytes=SMALL) as service, service.peer(path) as ann:
        first = await ann.cells["c0"].run()
        for _ in range(60):
            await ann.cells["c0"].run()
        assert ann.runtime.execution(first.id) is None
        assert await first.text() == "run 0\n"
        late = Execution(ann, first.id)  # as of a peer that was away meanwhile
        assert (await late.wait()).status == "done"
        assert late.record.seq == 0
        assert [run.execution.seq async for run in archived(ann, cell_id="c0")][-1] == 0
        assert [run async for run in archived(ann, cell_id="another")] == []
        assert [run.record.seq for run in await ann.executions_of("c0")] == list(range(60, -1, -1))


@aio
async def test_a_hub_that_is_restarted_keeps_one_epoch_on_disk_and_goes_on_from_it(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [PRINTS, "'afterwards'"])
    async with running_service(tmp_path, epoch_bytes=TINY) as service, service.peer(path) as ann:
        async with watching(ann, "c0") as watcher:
            (execution,) = await ann.start(["c0"])
            assert await ann.until(lambda: ann.runtime.epoch > 2, 60)
            await service.stop_hub()
            await service.start_hub()
            await execution.wait()
            watcher.check()
            assert text_of(ann.runtime, "c0") == PRINTED
            assert watcher.resets == 0
        assert (await ann.cells["c1"].run()).ok
        epoch, of = ann.runtime.epoch, (ann.id,)
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "hub.sqlite3")) as database:
        documents = "SELECT epoch FROM documents WHERE doc = 'runtime' AND notebook_id = ?"
        (stored,) = database.execute(documents, of).fetchall()
        assert [stored] == database.execute("SELECT runtime_epoch FROM notebooks WHERE notebook_id = ?", of).fetchall()
        assert stored[0] >= epoch


@aio
async def test_a_daemon_that_comes_after_another_goes_on_from_its_epoch(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [PRINTS])
    async with running_service(tmp_path, epoch_bytes=SMALL) as service, service.peer(path) as ann:
        await ann.cells["c0"].run()
        before = ann.runtime.epoch
        await service.stop_daemon()
        service.start_daemon()
        execution = await ann.cells["c0"].run()
        assert execution.ok
        assert execution.record.seq == 1
        assert ann.runtime.epoch > before


async def through_crashes(folder: Path, *, kills_hub: bool, kills_daemon: bool, rounds: int) -> None:
    """A cell prints in epochs of a few flushes while processes are killed; what was seen is never unsaid."""
    path = notebook_file(folder, [PRINTS.replace("0.02", "0.05")])
    with hub_process(folder / "state") as hub, daemon_process(hub.address, folder / "state", 1024) as daemon:
        notebook_id = await open_notebook(hub.address, path, create=False)
        who = PeerInfo(peer_id="ann", name="ann", kind="person")
        async with Notebook.connect(notebook_id, hub.address, peer=who) as ann:
            assert await ann.until(lambda: any(one.peer.kind == "daemon" for one in ann.peers), 120)
            (execution,) = await ann.start(["c0"])
            assert await ann.until(lambda: ann.runtime.epoch > 0 and text_of(ann.runtime, "c0") != "", 120)
            async with watching(ann, "c0") as watcher:
                for _ in range(rounds):
                    begun = ann.runtime.epoch
                    if kills_hub:
                        await asyncio.to_thread(hub.kill)
                        await asyncio.to_thread(hub.start)
                    if kills_daemon:
                        await asyncio.to_thread(daemon.kill)
                        daemon.start()
                    await ann.until(lambda begun=begun: ann.runtime.epoch > begun or execution.record.is_terminal)  # type: ignore[misc]
                await execution.wait()
                watcher.check()
            assert execution.status == "done"
            text = text_of(ann.runtime, "c0")
            assert text == PRINTED
            async with Notebook.connect(notebook_id, hub.address) as newcomer:
                assert text_of(newcomer.runtime, "c0") == text
                assert await ann.until(lambda: ann.runtime.epoch >= newcomer.runtime.epoch, 60)
                assert text_of(ann.runtime, "c0") == text


@aio
async def test_a_hub_that_is_killed_while_epochs_begin_has_one_of_them_whole(tmp_path: Path) -> None:
    await through_crashes(tmp_path, kills_hub=True, kills_daemon=False, rounds=2)


@aio
async def test_a_daemon_that_is_killed_while_epochs_begin_leaves_one_whole(tmp_path: Path) -> None:
    await through_crashes(tmp_path, kills_hub=False, kills_daemon=True, rounds=1)


@pytest.mark.slow
def test_hub_and_daemon_may_be_killed_many_times(tmp_path: Path) -> None:
    for number in range(12):
        folder = tmp_path / str(number)
        folder.mkdir()
        asyncio.run(through_crashes(folder, kills_hub=True, kills_daemon=number % 3 == 2, rounds=8))
