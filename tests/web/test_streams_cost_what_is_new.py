"""A cell that prints slowly: each piece of its stream is fetched once, and a line costs what is new of it."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.web.tabs import Service

LINES, EACH = 1200, 8  # lines, and how many are printed at a time
PRINTS = f"""
import time
for number in range({LINES}):
    print(LINE, flush=number % {EACH} == 0)
    if number % {EACH} == 0:
        time.sleep(0.04)
print("the end")
"""
PLAIN = "f'line {number} ' + 'x' * 120"
COLOURED = "f'\\x1b[3{number % 8}mline {number} ' + 'x' * 110 + '\\x1b[0m'"
OPEN = 2 * 2048  # characters at the end of a stream that may be drawn again with each update
COUNT = """stream => {
  window.drawn = [];
  const added = nodes => [...nodes].reduce((sum, node) => sum + node.textContent.length, 0);
  new MutationObserver(changes => {
    window.drawn.push(changes.reduce((sum, { addedNodes }) => sum + added(addedNodes), 0));
  }).observe(stream, { childList: true, subtree: true });
}"""


@pytest.mark.parametrize("line", [PLAIN, COLOURED], ids=["plain", "coloured"])
def test_a_line_more_costs_the_same_however_many_there_are(service: Service, line: str) -> None:
    tab = service.start(PRINTS.replace("LINE", line))
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    stream = tab.cell(0).locator("pre.stream")
    stream.evaluate(COUNT)
    tab.sees("all of it", lambda: stream.inner_text().rstrip().endswith("the end"))

    text = stream.evaluate("stream => stream.textContent")
    assert [int(one.split()[1]) for one in text.splitlines()[:-1]] == list(range(LINES))
    drawn = tab.page.evaluate("window.drawn")
    assert len(drawn) > 20, "it came in many updates"
    assert sum(drawn) < len(text) + OPEN * len(drawn), "what stands is not drawn again"
    fetched = Counter(url for url in service.requests if "/v1/blobs/" in url)
    assert fetched, "most of it was fetched"
    assert set(fetched.values()) == {1}, "no piece is fetched twice"
    assert service.errors == []


BARS = r"""
import sys, time
def draw(text):
    print(text, end="", file=sys.stderr, flush=True)
draw("begun\n")
for outer in range(4):
    draw(f"\router {outer}")
    for inner in range(5):
        draw(f"\n\rinner {outer}.{inner}")
        draw("\x1b[A")
        time.sleep(0.02)
draw("\n\n")
"""


def test_bars_one_below_the_other_are_drawn_in_their_lines(service: Service) -> None:
    tab = service.start(BARS)
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    tab.sees("each bar once", lambda: tab.output(0).split("\n") == ["begun", "outer 3", "inner 3.4"])
    tab.sees("it is done", lambda: tab.cell(0).get_attribute("data-status") == "done")
    assert tab.output(0).split("\n") == ["begun", "outer 3", "inner 3.4"]
