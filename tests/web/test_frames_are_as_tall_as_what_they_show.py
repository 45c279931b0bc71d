"""The frames of outputs: as tall as what they show, also after that has become less."""

from __future__ import annotations

from tests.web.tabs import Service, Tab

PARTS = """
import ipywidgets
lines = ipywidgets.VBox([ipywidgets.Text(f"line {number}") for number in range(6)])
parts = ipywidgets.Accordion([lines, ipywidgets.Text("short")], titles=["long", "brief"], selected_index=0)
parts
"""
TABS = """
rows = ipywidgets.VBox([ipywidgets.Text(f"row {number}") for number in range(6)])
tabs = ipywidgets.Tab([rows, ipywidgets.Text("short")], titles=["long", "brief"])
tabs
"""
HTML = """
from IPython.display import HTML
HTML("<div id=long style='height: 300px'>long</div><button onclick='long.remove()'>less</button>")
"""


def height(tab: Tab, cell: int) -> int:
    """That of a cell's frame, in pixels."""
    return int(tab.cell(cell).locator("iframe").evaluate("frame => frame.offsetHeight"))


def test_a_frame_becomes_less_tall_with_what_it_shows(service: Service) -> None:
    tab = service.start(PARTS, TABS, HTML)
    # All of it is in view: a browser that has just scrolled may give a click to the frame that stood there before.
    tab.page.set_viewport_size({"width": 1200, "height": 1800})
    tab.page.get_by_label("Run all cells").click()
    parts, tabs, html = (tab.cell(number).frame_locator("iframe") for number in range(3))
    html.get_by_role("button").wait_for()
    tab.sees("all are drawn", lambda: min(height(tab, cell) for cell in range(3)) > 200)
    assert not parts.locator("input").last.is_visible(), "one part is open"
    assert not tabs.locator("input").last.is_visible(), "one tab is shown"

    parts.get_by_text("brief").click()
    tabs.get_by_text("brief").click()
    html.get_by_role("button").click()
    tab.sees("the other part is open", lambda: parts.locator("input").last.is_visible() and height(tab, 0) < 180)
    tab.sees("the other tab is shown", lambda: tabs.locator("input").last.is_visible() and height(tab, 1) < 130)
    tab.sees("there is less", lambda: height(tab, 2) < 60)
    parts.get_by_text("brief").click()
    tab.sees("none is open", lambda: not parts.locator("input").last.is_visible())
    tab.sees("its frame is less tall", lambda: height(tab, 0) < 110)
    assert service.errors == []
