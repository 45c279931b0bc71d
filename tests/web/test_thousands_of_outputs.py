"""A cell with thousands of outputs: the first and the last are shown, others on demand, updates in their place."""

from __future__ import annotations

from tests.web.tabs import Service

SHOW = """
from IPython.display import display
def show(text, **more):
    return display({"text/plain": text}, raw=True, **more)
early = show("early", display_id=True)
for number in range(1, 1000):
    show(f"output {number}")
"""
FIRST, LAST, STEP = 150, 50, 200


def test_of_a_thousand_outputs_the_first_and_the_last_are_shown_and_the_others_on_demand(service: Service) -> None:
    tab = service.start(SHOW, "early.update({'text/plain': 'updated'}, raw=True)")
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    shown = tab.cell(0).locator(".rich")
    left_out = tab.cell(0).get_by_role("group", name="Outputs that are not shown")
    tab.sees("the newest", lambda: shown.last.inner_text() == "output 999")
    assert shown.count() == FIRST + LAST
    assert "800 more outputs" in left_out.inner_text()

    shown.last.evaluate("output => { window.mark = output }")
    tab.cell(1).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    tab.sees("an early one is updated in its place", lambda: shown.first.inner_text() == "updated")
    left_out.get_by_role("button", name=f"Show {STEP} more").click()
    tab.sees("more", lambda: shown.count() == FIRST + STEP + LAST)
    left_out.get_by_role("button", name="Show all").click()
    left_out.wait_for(state="detached")
    texts = shown.all_inner_texts()
    assert texts == ["updated", *(f"output {number}" for number in range(1, 1000))]
    assert shown.last.evaluate("output => output === window.mark"), "what did not change was not drawn again"
    assert service.errors == []
