"""A cell with thousands of outputs: the first and the last are shown, all on demand, updates in their place."""

from __future__ import annotations

from tests.web.tabs import Service, Tab

SHOW = """
from IPython.display import display
def show(text, **more):
    return display({"text/plain": text}, raw=True, **more)
early = show("early", display_id=True)
for number in range(1, 1000):
    show(f"output {number}")
"""
FIRST, LAST = 150, 50
FIGURES = """
from IPython.display import display
def show(text, **more):
    return display({"text/plain": text}, raw=True, **more)
early = show("early", display_id=True)
for number in range(1, 6000):
    show(f"output {number}" + "\\n more of it" * (number % 7))
"""
MORE = """
early.update({'text/plain': 'updated'}, raw=True)
import time
for number in range(6000, 6040):
    show(f"output {number}")
    time.sleep(0.02)
"""
MOST_AT_ONCE = 150  # of 6,000, whatever the reader does
WATCH = """area => {
  window.most = 0;
  new MutationObserver(() => {
    window.most = Math.max(window.most, area.querySelectorAll('.rich').length);
  }).observe(area, { childList: true, subtree: true });
}"""
SHOWING = """async box => {
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);  // it is drawn as it is scrolled
  const { top, bottom } = box.getBoundingClientRect();
  return [...box.querySelectorAll('[role=listitem]')]
    .filter(item => item.getBoundingClientRect().bottom > top + 1 && item.getBoundingClientRect().top < bottom - 1)
    .map(item => item.innerText.split('\\n')[0]);
}"""


def run(tab: Tab, cell: int) -> None:
    """Run a cell by its keys."""
    tab.cell(cell).locator(".cm-line").first.click()
    tab.press("Control+Enter")


def test_of_a_thousand_outputs_the_first_and_the_last_are_shown_and_updated_in_their_place(service: Service) -> None:
    tab = service.start(SHOW, "early.update({'text/plain': 'updated'}, raw=True)")
    run(tab, 0)
    shown = tab.cell(0).locator(".rich")
    left_out = tab.cell(0).get_by_role("group", name="Outputs that are not shown")
    tab.sees("the newest", lambda: shown.last.inner_text() == "output 999")
    assert shown.count() == FIRST + LAST
    assert "800 more outputs" in left_out.inner_text()

    shown.last.evaluate("output => { window.mark = output }")
    run(tab, 1)
    tab.sees("an early one is updated in its place", lambda: shown.first.inner_text() == "updated")
    assert shown.last.evaluate("output => output === window.mark"), "what did not change was not drawn again"
    assert service.errors == []


def test_all_of_six_thousand_outputs_scroll_in_a_box_that_makes_those_that_show(service: Service) -> None:
    tab = service.start(FIGURES)
    run(tab, 0)
    area = tab.cell(0).locator(".outputs")
    tab.sees("the newest", lambda: area.locator(".rich").last.inner_text().startswith("output 5999"))
    area.get_by_role("button", name="Show all").press("Enter")
    box = area.get_by_role("list")
    tab.sees("it begins with what was not shown", lambda: box.evaluate(SHOWING)[0] == f"output {FIRST}")
    area.evaluate(WATCH)
    showing = lambda: box.evaluate(SHOWING)  # noqa: E731

    tab.press("End")  # the box has the focus
    tab.sees("the last", lambda: showing()[-1] == "output 5999")
    tab.press("Home")
    tab.sees("the first", lambda: showing()[0] == "early")
    seen = showing()
    while "output 60" not in seen:  # page by page nothing is missed, nothing comes twice
        before = showing()[-1]
        tab.press("PageDown")
        tab.sees("the next page", lambda before=before: before not in (showing()[-1], "output 5999"))
        seen += [one for one in showing() if one not in seen]
    assert seen == ["early", *(f"output {number}" for number in range(1, len(seen)))]
    box.evaluate("box => { box.scrollTop = box.scrollHeight / 2 }")
    tab.sees("the middle", lambda: 2700 < int(showing()[0].split()[-1]) < 3300)

    assert tab.page.evaluate("window.most") < MOST_AT_ONCE
    tab.press("Escape")
    assert tab.cell(0).evaluate("cell => document.activeElement === cell"), "keys are the page's again"
    area.get_by_role("button", name="Show fewer").click()
    tab.sees("as before", lambda: area.locator(".rich").count() == FIRST + LAST)
    assert service.errors == []


def test_the_box_of_all_outputs_stays_where_the_reader_is_and_at_the_end_it_follows(service: Service) -> None:
    tab = service.start(f"{FIGURES}\nimport time\ninput('more?'){MORE}")
    run(tab, 0)
    area = tab.cell(0).locator(".outputs")
    tab.cell(0).locator(".prompt input").wait_for()
    area.get_by_role("button", name="Show all").click()
    box = area.get_by_role("list")
    box.evaluate("box => { box.scrollTop = 30_000 }")
    tab.sees("it has scrolled", lambda: "early" not in box.evaluate(SHOWING))
    tab.sees("it is at rest", lambda: box.evaluate(SHOWING) == box.evaluate(SHOWING))
    stays = box.evaluate(SHOWING)
    tab.cell(0).locator(".prompt input").press("Enter")
    tab.sees("more came", lambda: tab.cell(0).get_attribute("data-status") == "done")
    tab.sees("the box says so", lambda: "6,000 outputs" not in area.inner_text())
    assert box.evaluate(SHOWING) == stays

    tab.press("End")
    box.evaluate("box => { box.scrollTop = box.scrollHeight }")
    tab.sees("the newest", lambda: box.evaluate(SHOWING)[-1] == "output 6039")
    box.evaluate("box => { box.scrollTop = 0 }")
    tab.sees("the first, updated", lambda: box.evaluate(SHOWING)[0] == "updated")
    assert service.errors == []
