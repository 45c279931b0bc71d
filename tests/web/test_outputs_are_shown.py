"""Outputs on the page: long tables, displays that are updated, folded tracebacks, and cells far from the screen."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from tests.web.tabs import Service

TABLE = """
from IPython.display import display
rows = [{"index": i, "city": ("Rome", "Oslo", "Lima")[i % 3], "amount": i * 1.5} for i in range(20_000)]
types = {"index": "integer", "city": "string", "amount": "number"}
fields = [{"name": name, "type": kind} for name, kind in types.items()]
table = {"schema": {"fields": fields, "primaryKey": ["index"]}, "data": rows}
display({"application/vnd.dataresource+json": table}, raw=True)
"""
PICTURE = """
from IPython.display import display
svg = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><circle r='4'/></svg>"
size = {"image/svg+xml": {"width": 90, "height": 60}}
handle = display({"image/svg+xml": svg}, metadata=size, raw=True, display_id=True)
"""
UPDATE = "handle.update({'text/html': '<p>instead</p>'}, raw=True)"
DEEP = """
def deeper(n):
    return deeper(n - 1) if n else 1 / 0
deeper(25)
"""


def test_tables_scroll_displays_are_updated_in_place_and_tracebacks_fold(service: Service) -> None:
    tab = service.start(TABLE, PICTURE, UPDATE, DEEP)
    tab.page.get_by_label("Run all cells").click()
    tab.sees("all have run", lambda: tab.cell(3).get_attribute("data-status") == "error")

    table = tab.cell(0).get_by_role("table")
    table.get_by_text("index", exact=True).wait_for()
    assert table.locator(".row").count() < 60
    table.evaluate("table => { table.scrollTop = table.scrollHeight }")
    table.get_by_role("cell", name="29998.5").wait_for()
    amount = table.get_by_role("columnheader", name="amount")
    amount.get_by_role("button").click()
    amount.get_by_role("button").click()
    assert amount.get_attribute("aria-sort") == "descending"
    table.evaluate("table => { table.scrollTop = 0 }")
    tab.sees("the largest first", lambda: table.locator(".rows .row").first.inner_text().startswith("19999"))

    tab.cell(1).locator(".drawing:not(.coming)").frame_locator("iframe").get_by_text("instead").wait_for()
    assert tab.cell(1).locator("img").count() == 0
    traceback = tab.cell(3).get_by_label("Traceback", exact=True)
    whole = "lines in between"
    assert whole in traceback.inner_text()
    assert "1 / 0" in traceback.inner_text()
    traceback.get_by_role("button", name=whole).click()
    assert whole not in traceback.inner_text()


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
COPIED = """
from IPython.display import display
display({"text/plain": "seven", "text/html": "<b>7</b>"}, raw=True)
display({"image/png": %r, "text/plain": "a dot"}, raw=True)
"""


def test_an_output_is_copied_in_all_its_forms_and_a_picture_copied_and_saved(service: Service) -> None:
    tab = service.start(COPIED % PIXEL)
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    table, dot = tab.cell(0).locator(".rich").nth(0), tab.cell(0).locator(".rich").nth(1)
    dot.locator("img").wait_for()
    table.frame_locator("iframe").get_by_text("7").wait_for()

    def press(output: Any, tool: str) -> None:
        box = output.bounding_box()
        tab.page.mouse.move(box["x"] - 4, box["y"] + 5)
        tab.page.mouse.move(box["x"] + 30, box["y"] + 5, steps=6)
        output.get_by_role("button", name=tool).click()

    clipboard = """async () => {
      const [item] = await navigator.clipboard.read();
      return Object.fromEntries(await Promise.all(item.types.map(async type => {
        const part = await item.getType(type);
        return [type, type.startsWith('text/') ? await part.text() : part.size];
      })));
    }"""
    press(table, "Copy output")
    table.locator("button.done").wait_for()
    copied = tab.page.evaluate(clipboard)
    assert (copied["text/plain"], "<b>7</b>" in copied["text/html"]) == ("seven", True)
    assert not table.get_by_role("button", name="Save image").is_visible(), "it is no picture"
    press(dot, "Copy output")
    dot.locator("button.done").wait_for()
    assert tab.page.evaluate(clipboard)["image/png"] > 0
    with tab.page.expect_download() as download:
        press(dot, "Save image")
    assert download.value.suggested_filename == "output.png"
    assert Path(download.value.path()).read_bytes() == base64.b64decode(PIXEL)


def test_a_cell_far_from_the_screen_is_there_in_text_and_made_when_it_comes_near(service: Service) -> None:
    prose = [f"print('cell {number}')\n" + "# a line\n" * 12 for number in range(80)]
    tab = service.start(*prose, "from IPython.display import HTML; HTML('<b id=far>drawn</b>')")
    tab.sees("a few editors", lambda: 0 < tab.page.locator(".cm-editor").count() < 40)
    last = tab.cell(80)
    assert "HTML" in str(last.evaluate("cell => cell.textContent"))  # searching the page finds it
    last.scroll_into_view_if_needed()
    last.locator(".cm-line").first.click()
    tab.press("Control+Enter")
    last.frame_locator("iframe").get_by_text("drawn").wait_for()


ROUNDS = """
import time
from IPython.display import clear_output, display
svg = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><circle r='%d'/></svg>"
for number in range(12):
    clear_output(wait=True)
    print("round", number)
    time.sleep(0.06)
    display({"image/svg+xml": svg % number}, metadata={"image/svg+xml": {"width": 90, "height": 60}}, raw=True)
"""
FEWEST = """area => {
  const { setTimeout: real } = window;  // however slow the machine is, what is old waits for what is new
  window.setTimeout = (act, delay, ...rest) => real(act, delay === 300 ? 1e8 : delay, ...rest);
  window.fewest = Infinity;
  new MutationObserver(() => {
    const shown = area.querySelectorAll('.rich').length;
    if (shown > 0 || window.fewest < Infinity) window.fewest = Math.min(window.fewest, shown);
  }).observe(area, { childList: true, subtree: true });
}"""
CLEARED = """
from IPython.display import clear_output
print("soon gone")
input("clear it?")
clear_output()
input("wait")
"""


def test_a_loop_that_clears_prints_and_draws_does_not_blink_and_what_is_cleared_goes(service: Service) -> None:
    tab = service.start(ROUNDS, CLEARED)
    tab.cell(1).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    tab.cell(1).get_by_text("clear it?").wait_for()
    tab.sees("what it prints", lambda: "soon gone" in tab.output(1))
    tab.cell(1).locator(".prompt input").press("Enter")
    tab.cell(1).locator(".prompt").get_by_text("wait").wait_for()
    tab.sees("it is gone while the cell runs", lambda: tab.output(1) == "")
    tab.cell(1).locator(".prompt input").press("Enter")

    tab.cell(0).locator(".outputs").evaluate(FEWEST)
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    tab.sees("it is done", lambda: tab.cell(0).get_attribute("data-status") == "done")
    tab.sees("the last round", lambda: tab.output(0) == "round 11")
    assert tab.cell(0).locator(".rich").count() == 1
    assert tab.page.evaluate("window.fewest") == 1, "the picture never went"
    assert service.errors == []
