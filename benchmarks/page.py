"""How fast the page is with many cells: opening, typing, scrolling; in a headless Chromium, beside JupyterLab.

*Interactive* counts from the start of the navigation until a character typed into the first code cell stands there. A
key's *work* is the processor time of the page's main thread from one key to the next; *painted* is from the key to the
frame that shows it, which waits for the next refresh. Scrolling moves 90 pixels a frame.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any, Final

from benchmarks.notebooks import write_notebook
from benchmarks.process import ServerFailed, python, running
from benchmarks.report import print_table, quantile
from clients.cli.hub_http import HubHttp
from clients.cli.web_page import web_page

CELLS: Final = (100, 1_000)
KEYS: Final = 60
KEY_PAUSE: Final = 90  # milliseconds between keys: somebody who types fast
FRAMES: Final = 240
OPEN_SECONDS: Final = 120
RESTING: Final = 100  # milliseconds of a second that a page may be at work that has nothing to do
HEADER: Final = (
    "page",
    "cells",
    "interactive ms",
    "again ms",
    "key work p50",
    "p95",
    "max ms",
    "painted p50",
    "p95",
    "max ms",
    "scroll frame p50",
    "p95",
    "max ms",
    "elements",
)
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
_CACHE: Final = Path(__file__).with_name(".cache")
_LAB: Final = "jupyterlab==4.4.3"

# Runs in the page from its beginning. `meter.ready` is when a character that it types stands in an editor. One with
# an EditContext, as that of JupyterLab, is told as the browser tells it: `insertText` does not reach it.
# The console is mute: what a page says there goes to the driver, half a million warnings of JupyterLab's among it.
METER: Final = """
for (const kind of ["debug", "log", "info", "warn"]) console[kind] = () => {};
window.meter = { ready: null, painted: [] };
const type = (editor, text) => {
  const context = editor.editContext;
  if (!context) return document.execCommand("insertText", false, text);
  const [updateRangeStart, updateRangeEnd] = [context.selectionStart, context.selectionEnd];
  const at = updateRangeStart + text.length;
  context.updateText(updateRangeStart, updateRangeEnd, text);
  context.updateSelection(at, at);
  const said = { text, updateRangeStart, updateRangeEnd, selectionStart: at, selectionEnd: at };
  context.dispatchEvent(new TextUpdateEvent("textupdate", said));
};
const typed = () => {
  const editor = document.querySelector(EDITOR);
  if (editor === null) return requestAnimationFrame(typed);
  editor.focus();
  type(editor, "\\u00b7");
  requestAnimationFrame(() => {
    if (editor.isConnected && editor.textContent.includes("\\u00b7")) meter.ready = performance.now();
    else typed();
  });
};
if (window === top) {
  typed();
  addEventListener("keydown", ({ timeStamp }) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => meter.painted.push(performance.now() - timeStamp);
    port2.postMessage(null);
  }), true);
}
"""
SCROLL: Final = """([selector, frames]) => new Promise(resolve => {
  const scroller = selector === "" ? document.scrollingElement : document.querySelector(selector);
  const gaps = [];
  let before = null;
  const step = now => {
    if (before !== null) gaps.push(now - before);
    before = now;
    scroller.scrollTop += 90;
    if (gaps.length < frames) requestAnimationFrame(step);
    else resolve(gaps);
  };
  requestAnimationFrame(step);
})"""


class NotMeasured(Exception):
    """A page did not become what it is measured as."""


@dataclass(frozen=True)
class Target:
    """A page to measure: what it is called, where its first code editor and its scrolling part are."""

    name: str
    editor: str
    scroller: str
    address: Callable[[Path], str]  # of a notebook; a fresh way to log in each time


def page(sizes: Sequence[int] = CELLS, *, only_ours: bool = False) -> None:
    """Measure, and print the table."""
    chromium = which("chromium")
    if chromium is None or web_page() is None:
        print("\nThe page is not measured: chromium is not installed, or the page was not built.")
        return
    import playwright.sync_api as playwright

    rows: list[tuple[str, ...]] = []
    with playwright.sync_playwright() as driver, tempfile.TemporaryDirectory(prefix="quire-benchmark-") as folder:
        browser = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for target in (_quire,) if only_ours else (_quire, _lab):
            try:
                with target(Path(folder)) as measured:
                    for cells in sizes:
                        path = Path(folder, f"{cells}.ipynb")
                        write_notebook(path, cells)
                        rows.append(_row(browser, measured, path, cells))
            except (NotMeasured, ServerFailed, subprocess.CalledProcessError, playwright.Error) as error:
                print(f"\nOne page is not measured to the end: {error}")
        browser.close()
    print_table("The page, in milliseconds", HEADER, rows)


def _row(browser: Any, target: Target, path: Path, cells: int) -> tuple[str, ...]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(METER.replace("EDITOR", repr(target.editor)))
    context.set_default_timeout(180_000)
    tab = context.new_page()
    tab.on("dialog", lambda dialog: dialog.accept())  # leaves a page that asks whether to
    first = open_page(tab, target.address(path))
    settle(context, tab)
    again = open_page(tab, target.address(path))
    settle(context, tab)
    work, painted = type_keys(context, tab)
    gaps = tab.evaluate(SCROLL, [target.scroller, FRAMES])
    elements = tab.evaluate("document.querySelectorAll('*').length")
    context.close()
    figures = [f"{value:.1f}" for times in (work, painted, gaps) for value in spread(times)]
    return (target.name, f"{cells:,}", f"{first:,.0f}", f"{again:,.0f}", *figures, f"{elements:,}")


def open_page(tab: Any, address: str) -> float:
    """Go there; the milliseconds until a key is taken. Raises NotMeasured."""
    tab.goto(address, wait_until="commit")
    deadline = time.monotonic() + OPEN_SECONDS
    while (ready := tab.evaluate("window.meter?.ready ?? null")) is None:  # `wait_for_function` needs eval
        if time.monotonic() > deadline:
            raise NotMeasured(f"{address} took no key within {OPEN_SECONDS} s.")
        tab.wait_for_timeout(50)
    return float(ready)


def settle(context: Any, tab: Any) -> None:
    """Wait until what the page had put off is done: its main thread rests for a second. Raises NotMeasured."""
    busy = main_thread(context, tab)
    deadline = time.monotonic() + OPEN_SECONDS
    tab.wait_for_timeout(2000)
    rests = False
    while not rests:
        if time.monotonic() > deadline:
            raise NotMeasured(f"The page is still at work after {OPEN_SECONDS} s.")
        before = busy()
        tab.wait_for_timeout(1000)
        rests = busy() - before < RESTING


def type_keys(context: Any, tab: Any) -> tuple[list[float], list[float]]:
    """Type where the focus is; what each key cost the main thread, and when it was painted, in milliseconds."""
    busy = main_thread(context, tab)
    work = []
    tab.evaluate("meter.painted = []")
    for number in range(KEYS):
        before = busy()
        tab.keyboard.press("abcdefghij"[number % 10])
        tab.wait_for_timeout(KEY_PAUSE)
        work.append(busy() - before)
    return work, [float(time) for time in tab.evaluate("meter.painted")]


def main_thread(context: Any, tab: Any) -> Callable[[], float]:
    """What tells the processor time that a page's main thread has used, in milliseconds."""
    client = context.new_cdp_session(tab)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = client.send("Performance.getMetrics")["metrics"]
        return 1e3 * next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")

    return busy


def spread(times: Sequence[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and the largest."""
    return quantile(times, 0.5), quantile(times, 0.95), max(times)


@contextlib.contextmanager
def _quire(folder: Path) -> Iterator[Target]:
    with running(python("benchmarks.servers.hub", folder / "state", "--page")) as server:
        hub = HubHttp(f"http://127.0.0.1:{server.port}", str(server.ready["token"]))
        yield Target(
            "Quire", ".cell.code .cm-content", "", lambda path: hub.login_link(f"/notebooks/{hub.open_notebook(path)}")
        )


@contextlib.contextmanager
def _lab(folder: Path) -> Iterator[Target]:
    home = _CACHE / "jupyterlab"
    interpreter = home / "bin" / "python"
    if not interpreter.exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", _LAB, "ipykernel"], check=True)
    with running([interpreter, Path(__file__).parent / "servers" / "jupyterlab_server.py", folder]) as server:
        address = f"http://127.0.0.1:{server.port}/lab/tree/"
        yield Target(
            "JupyterLab",
            ".jp-NotebookPanel .jp-CodeCell .cm-content",
            ".jp-NotebookPanel .jp-WindowedPanel-outer",
            lambda path: f"{address}{path.name}?token={server.ready['token']}&reset",
        )
