"""A training loop that runs for a day: does anything grow?

86,400 flushes, as many as there are in 24 hours at one a second, through a real hub as fast as they go: each moves a
line of progress (a `\\r` line on stdout) and updates a table of metrics in place; every 864th is the end of a training
epoch, with a line that stays and a figure. A second cell is run beside it now and then, so that there is history to
archive. This process is the daemon's side (output buffers, writer, rotation); hub and one peer that looks at
everything are processes of their own.
"""

from __future__ import annotations

import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import psutil

from benchmarks.notebooks import write_notebook
from benchmarks.process import Server, python, running
from benchmarks.report import print_table
from clients.daemon.epochs import Epochs
from clients.daemon.events import Output, UpdateDisplay
from clients.daemon.output_writer import OutputWriter
from clients.peer.hub_address import HubAddress, HubClient
from clients.peer.notebook import Notebook
from notebook_doc.runtime_records import Execution, ExecutionStatus
from relay.messages import PeerInfo

FLUSHES: Final = 86_400
QUICK: Final = 4_320
STEPS: Final = 864  # flushes in a training epoch
BESIDE: Final = 288  # flushes between two runs of the other cell
FIGURE_BYTES: Final = 30 * 1024
# Flushes that may be under way at a time; a day's loop has one.
WINDOW: Final = 50
# Seconds for the hub to have stored what is under way.
STORED_SECONDS: Final = 60.0
HEADER: Final = ("at", "epochs", "document", "changes", "hub MB", "daemon MB", "peer MB", "SQLite MB", "blobs MB", "s")


@dataclass(frozen=True)
class _Place:
    server: Server
    state: Path
    notebook_id: str


async def day(*, quick: bool) -> None:
    """Measure, and print the table."""
    flushes = QUICK if quick else FLUSHES
    with _hub() as (server, folder):
        address = HubAddress(f"http://127.0.0.1:{server.port}", server.ready["token"])
        client = HubClient(address)
        try:
            notebook_id = await client.open_notebook(folder / "trained.ipynb")
        finally:
            await client.close()
        place = _Place(server, folder / "state", notebook_id)
        with running(python("benchmarks.servers.onlooker", str(server.port), address.token, notebook_id)) as peer:
            who = PeerInfo(peer_id="daemon", name="daemon", kind="daemon")
            async with Notebook.connect(notebook_id, address, peer=who, role="daemon") as notebook:
                rows = await _train(notebook, place, peer.process, flushes)
    print_table(f"A training loop of {flushes:,} flushes", HEADER, rows)


async def _train(notebook: Notebook, place: _Place, peer: psutil.Process, flushes: int) -> list[tuple[str, ...]]:
    random, outputs = Random(1), OutputWriter(notebook, lambda _heads, _position: None)
    epochs, began = Epochs(notebook, outputs), time.perf_counter()
    cells = notebook.doc.cell_ids()
    rows: list[tuple[str, ...]] = []
    _run(notebook, outputs, "training", cells[0], 0)
    outputs.feed(Output("training", _table(0, 0.0), "metrics"))
    for step in range(flushes + 1):
        line = (
            f"\rstep {step:6}/{flushes}  loss {random.random():.5f}  lr 3.0e-04  {random.randrange(9000, 12000)} tok/s"
        )
        outputs.feed(Output("training", {"output_type": "stream", "name": "stdout", "text": line}))
        outputs.update_display("training", UpdateDisplay("metrics", _table(step, random.random())["data"], {}))
        if step % STEPS == STEPS - 1:
            line = f"\nepoch {step // STEPS}: validation loss {random.random():.5f}\n"
            outputs.feed(Output("training", {"output_type": "stream", "name": "stdout", "text": line}))
            outputs.feed(Output("training", _figure(random)))
        if step % BESIDE == BESIDE - 1:
            name = f"beside-{step}"
            _run(notebook, outputs, name, cells[1], step)
            text = f"{random.random()}\n" * 10
            outputs.feed(Output(name, {"output_type": "stream", "name": "stdout", "text": text}))
            outputs.forget(name for name in outputs.known[1:-1])
        await outputs.flush()
        await epochs.turn_if_due()
        if step % WINDOW == 0 or step % (flushes // 4) == 0:
            stored = await notebook.until(lambda: notebook.is_joined and notebook.runtime_is_saved, STORED_SECONDS)
            assert stored, "the hub does not keep up"
        if step % (flushes // 4) == 0:
            rows.append(_row(f"{step:,}", notebook, place, peer, time.perf_counter() - began))
    return rows


def _run(notebook: Notebook, outputs: OutputWriter, name: str, cell_id: str, seq: int) -> None:
    status: ExecutionStatus = "running" if name == "training" else "done"
    record = Execution(id=name, cell_id=cell_id, status=status, source="train()", seq=seq, submitted=1.0, started=2.0)
    notebook.runtime.record(record)
    outputs.begin(name)


def _table(step: int, accuracy: float) -> dict[str, Any]:
    rows = "".join(f"<tr><td>{name}</td><td>{step * 7 % 997 / 997:.4f}</td></tr>" for name in ("f1", "recall", "auc"))
    data = {"text/plain": f"step {step}: accuracy {accuracy:.4f}", "text/html": f"<table>{rows}</table>"}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def _figure(random: Random) -> dict[str, Any]:
    data = {"image/png": b64encode(random.randbytes(FIGURE_BYTES)).decode(), "text/plain": "<Figure size 640x480>"}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def _row(at: str, notebook: Notebook, place: _Place, peer: psutil.Process, seconds: float) -> tuple[str, ...]:
    replica = notebook.runtime.replica
    blobs = sum(path.stat().st_size for path in (place.state / "blobs").rglob("*") if path.is_file())
    database = sum(path.stat().st_size for path in place.state.glob("hub.sqlite3*"))
    memory = [_megabytes(process.memory_info().rss) for process in (place.server.process, psutil.Process(), peer)]
    document, changes = f"{len(replica.save()):,}", f"{len(replica.changes_since(())):,}"
    figures = (*memory, _megabytes(database), _megabytes(blobs))
    return at, str(notebook.runtime.epoch), document, changes, *figures, f"{seconds:.0f}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"


@contextmanager
def _hub() -> Iterator[tuple[Server, Path]]:
    with tempfile.TemporaryDirectory(prefix="quire-benchmark-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        write_notebook(folder / "trained.ipynb", 10, outputs=False)
        with running(python("benchmarks.servers.hub", folder / "state")) as server:
            yield server, folder
