"""The page while it works: keys at the beginning of 1,000 cells, in the middle, and there while a peer types and a cell
prints; and what an output that arrives costs in a cell that shows many already.

A key's *work* and *painted* are those of `benchmarks.page`; while others work, what they cost the page is in it. The
work of an output is what the page's main thread did while outputs arrived, ten a second, divided by their number.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Any, Final

import nbformat

from benchmarks.notebooks import write_notebook
from benchmarks.page import FLAGS, METER, NotMeasured, main_thread, open_page, spread, type_keys
from benchmarks.process import python, running
from benchmarks.report import print_table
from clients.cli.hub_http import HubHttp
from clients.cli.web_page import web_page
from clients.peer.hub_address import HubAddress
from clients.peer.notebook import Notebook

CELLS: Final = 1_000
MIDDLE: Final = 501  # a code cell; the peer types in the one after it, the one before it prints
SHOWN: Final = (0, 200, 5_000)  # outputs of a cell before those that are measured
ARRIVE: Final = 50
PATIENCE: Final = 120.0  # seconds
KEY_EVERY: Final = 0.1  # seconds between the keys of the peer
PRINTS: Final = "import time\nfor n in range(100_000): print('line', n, flush=True); time.sleep(0.05)"
SHOWS: Final = """
import pathlib, time
from IPython.display import display
for n in range({before}): display({{"text/plain": f"output {{n}}"}}, raw=True)
print("ready", flush=True)
while not pathlib.Path({go!r}).exists(): time.sleep(0.05)
for n in range({arrive}): display({{"text/plain": f"new {{n}}"}}, raw=True); time.sleep(0.1)
display({{"text/plain": "the last"}}, raw=True)
"""
_EDITOR: Final = ".cell.code .cm-content"
_READY: Final = "[...document.querySelectorAll('.outputs')].some(area => area.textContent.includes(%r))"


def page_at_work() -> None:
    """Measure, and print the tables."""
    chromium = which("chromium")
    if chromium is None or web_page() is None:
        print("\nThe page at work is not measured: chromium is not installed, or the page was not built.")
        return
    import playwright.sync_api as playwright

    with playwright.sync_playwright() as driver, tempfile.TemporaryDirectory(prefix="quire-benchmark-") as folder:
        browser = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
        with _service(Path(folder)) as hub:
            keys = _keys(browser, hub, Path(folder))
            outputs = [_outputs(browser, hub, Path(folder), before) for before in SHOWN]
        browser.close()
    header = ("where", "key work p50", "p95", "max ms", "painted p50", "p95", "max ms")
    print_table(f"Keys in a page of {CELLS:,} cells", header, keys)
    print_table("An output that arrives", ("outputs before", "work ms", "elements of the page"), outputs)


def _keys(browser: Any, hub: HubHttp, folder: Path) -> list[tuple[str, ...]]:
    path = folder / "keys.ipynb"
    write_notebook(path, CELLS)
    with _tab(browser, hub, path) as (context, tab, notebook_id):
        rows = [_row("the first cell", context, tab)]
        cell = tab.locator(".cell").nth(MIDDLE)
        cell.evaluate("cell => cell.scrollIntoView({ block: 'center' })")
        tab.wait_for_timeout(2000)
        cell.locator(".cm-line").first.click()
        tab.wait_for_timeout(1000)
        rows.append(_row("in the middle", context, tab))
        with _others_at_work(HubAddress(hub.url, hub.token), notebook_id):
            _until(lambda: bool(tab.evaluate(_READY % "line 20")))
            rows.append(_row("there, a peer types, a cell prints", context, tab))
    return rows


def _row(where: str, context: Any, tab: Any) -> tuple[str, ...]:
    work, painted = type_keys(context, tab)
    return (where, *(f"{value:.1f}" for times in (work, painted) for value in spread(times)))


def _outputs(browser: Any, hub: HubHttp, folder: Path, before: int) -> tuple[str, ...]:
    path, go = folder / f"outputs-{before}.ipynb", folder / f"go-{before}"
    source = SHOWS.format(before=before, go=str(go), arrive=ARRIVE)
    cells = [nbformat.v4.new_code_cell(text) for text in ("", source)]  # the meter has typed into the first
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    with _tab(browser, hub, path) as (context, tab, _):
        tab.locator(".cell").nth(1).locator(".cm-line").first.click()
        tab.keyboard.press("Control+Enter")
        _until(lambda: bool(tab.evaluate(_READY % "ready")))
        tab.wait_for_timeout(2000)
        busy = main_thread(context, tab)
        began = busy()
        go.touch()
        _until(lambda: bool(tab.evaluate(_READY % "the last")))
        work = (busy() - began) / ARRIVE
        elements = tab.evaluate("document.querySelectorAll('*').length")
    return (f"{before:,}", f"{work:.1f}", f"{elements:,}")


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise NotMeasured(f"What was to be measured did not come about within {PATIENCE:.0f} s.")
        time.sleep(0.1)


@contextlib.contextmanager
def _tab(browser: Any, hub: HubHttp, path: Path) -> Iterator[tuple[Any, Any, str]]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(METER.replace("EDITOR", repr(_EDITOR)))
    tab = context.new_page()
    notebook_id = hub.open_notebook(path)
    open_page(tab, hub.login_link(f"/notebooks/{notebook_id}"))
    tab.wait_for_timeout(3000)  # what it had put off is done
    yield context, tab, notebook_id
    context.close()


@contextlib.contextmanager
def _service(folder: Path) -> Iterator[HubHttp]:
    state = folder / "state"
    with running(python("benchmarks.servers.hub", state, "--page")) as server:
        hub = HubHttp(f"http://127.0.0.1:{server.port}", str(server.ready["token"]))
        with running(python("benchmarks.servers.daemon", hub.url, state)):
            yield hub


@contextlib.contextmanager
def _others_at_work(address: HubAddress, notebook_id: str) -> Iterator[None]:
    """A peer types in the cell below the middle, and the one above it prints twenty lines a second."""
    stop = threading.Event()
    worker = threading.Thread(target=lambda: asyncio.run(_work(address, notebook_id, stop)))
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


async def _work(address: HubAddress, notebook_id: str, stop: threading.Event) -> None:
    async with Notebook.connect(notebook_id, address) as notebook:
        printing, typed = notebook.cells[MIDDLE - 1], notebook.cells[MIDDLE + 1]
        printing.source = PRINTS
        (execution,) = await notebook.start([printing.id])
        while not stop.is_set():
            typed.append("x")
            await asyncio.sleep(KEY_EVERY)
        await notebook.interrupt(execution)
