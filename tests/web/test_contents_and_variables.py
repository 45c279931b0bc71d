"""Finding one's way: the notebook's headings, the kernel's variables, outputs that are clicked on and cleared."""

from __future__ import annotations

from typing import Any

import nbformat

from tests.web.tabs import AXE, Service, Tab

TABLE = "from IPython.display import HTML\nHTML('<table><tr><td>Oslo</td></tr></table><button>press</button>')"


def open_panel(tab: Tab, name: str) -> Any:
    tab.page.get_by_role("toolbar", name="Panels").get_by_role("button", name=name).click()
    return tab.page.get_by_role("complementary", name=name)


def open_notebook(service: Service, *cells: tuple[str, str]) -> Tab:
    kinds = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    service.notebook.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[kinds[kind](text) for kind, text in cells]), service.notebook)
    return service.open()


def test_the_contents_lead_to_headings_and_say_where_something_runs_or_failed(service: Service) -> None:
    tab = open_notebook(
        service,
        ("markdown", "# The *whole*\n\ntext\n\n## Its second part"),
        ("code", "input('go on?')"),
        ("markdown", "# Another"),
        ("code", "1 / 0"),
        *[("code", f"{number}" + "\n" * 20) for number in range(12)],
        ("markdown", "### Far below"),
    )
    panel = open_panel(tab, "Contents")

    def titles() -> list[str]:
        return [row.get_attribute("aria-label") for row in panel.get_by_role("button").all()[1:]]

    tab.sees("all headings", lambda: titles() == ["The whole", "Its second part", "Another", "Far below"])
    places = [panel.get_by_role("button", name=title).locator("span").bounding_box()["x"] for title in titles()]
    assert places[0] == places[2] < places[1] < places[3], "a part of a part stands further in"
    tab.cell(3).click(position={"x": 5, "y": 5})
    tab.press("Control+Enter")
    tab.sees("what failed", lambda: titles()[2] == "Another, something failed")
    assert panel.locator("[aria-current]").inner_text() == "Another"
    tab.cell(1).click(position={"x": 5, "y": 5})
    tab.press("Control+Enter")
    tab.sees("what runs", lambda: titles()[1] == "Its second part, runs")
    tab.cell(1).locator(".prompt input").fill("yes")
    tab.press("Enter")
    tab.sees("it has ended", lambda: titles()[1] == "Its second part")

    panel.get_by_role("button", name="Far below").click()
    tab.sees("one is led there", lambda: tab.selected() == [16])
    far = tab.cell(16).locator("h3")
    tab.sees("it is on the screen", lambda: 0 < far.bounding_box()["y"] < 900)
    tab.press("Enter")
    tab.page.keyboard.press("Control+End")
    tab.type(" and on\n# New")
    tab.sees("headings are as they are written", lambda: titles()[3:] == ["Far below and on", "New"])
    tab.page.evaluate(AXE.read_text())
    assert tab.axe_finds() == ""


def test_variables_are_shown_as_they_become_and_lead_to_their_cell(service: Service) -> None:
    tab = service.start("n = 41\nnames = ['ada', 'bo']", "n += 1", "import time\nwhile n: time.sleep(.01)")
    panel = open_panel(tab, "Variables")
    panel.get_by_text("No kernel runs.").wait_for()

    def row(name: str) -> Any:
        return panel.locator("li", has=tab.page.locator(".name", has_text=name))

    tab.cell(0).click(position={"x": 5, "y": 5})
    tab.press("Control+Enter")
    row("names").get_by_text("['ada', 'bo']").wait_for()
    assert row("names").locator(".kind").inner_text() == "list 2"
    assert row("n").last.get_attribute("class") == ""
    tab.press("Shift+Enter", "Control+Enter")
    row("n").get_by_text("42").wait_for()
    assert panel.locator("li.changed .name").all_inner_texts() == ["n"]
    panel.get_by_label("Filter").fill("nam")
    assert panel.locator(".name").all_inner_texts() == ["names"]
    tab.cell(2).click(position={"x": 5, "y": 5})
    tab.press("Control+Enter")
    tab.sees("it runs", lambda: tab.cell(2).get_attribute("data-status") == "running")
    row("names").get_by_role("button").click()
    tab.sees("one is led to the cell", lambda: tab.selected() == [0])
    tab.page.evaluate(AXE.read_text())
    assert tab.axe_finds() == ""
    panel.get_by_label("Close the panel").click()
    panel = open_panel(tab, "Variables")
    row("names").wait_for()  # the kernel says so although it runs something
    assert tab.cell(2).get_attribute("data-status") == "running"
    tab.page.get_by_label("Interrupt", exact=True).click()


def test_keys_work_after_a_click_into_an_output_that_takes_none(service: Service) -> None:
    tab = service.start("1", TABLE, "3")
    tab.page.get_by_label("Run all cells").click()
    frame = tab.cell(1).locator("iframe").content_frame
    frame.get_by_text("Oslo").click()
    tab.sees("its cell is selected", lambda: tab.selected() == [1])
    tab.sees("the keys are the page's", lambda: tab.cell(1).evaluate("cell => cell === document.activeElement"))
    tab.press("ArrowDown")
    assert tab.selected() == [2]
    frame.get_by_role("button", name="press").click()
    tab.sees("the cell again", lambda: tab.selected() == [1])
    assert tab.page.evaluate("document.activeElement.tagName") == "IFRAME", "a button keeps the focus"
    tab.press("Escape")
    tab.sees("and gives it back", lambda: tab.cell(1).evaluate("cell => cell === document.activeElement"))


def test_outputs_are_cleared_from_the_menu_and_all_at_once(service: Service) -> None:
    tab = service.start("'one'", "'two'", "'three'")
    tab.page.get_by_label("Run all cells").click()
    tab.sees("all have run", lambda: [tab.output(number) for number in range(3)] == ["'one'", "'two'", "'three'"])
    tab.cell(0).click(position={"x": 5, "y": 5})
    tab.press("Control+Shift+P")
    tab.type("clear the outputs")
    tab.press("Enter")
    tab.sees("one is cleared", lambda: [tab.output(number) for number in range(3)] == ["", "'two'", "'three'"])
    tab.press("Control+Shift+P")
    tab.type("clear all outputs")
    tab.press("Enter")
    tab.sees("all are", lambda: [tab.output(number) for number in range(3)] == ["", "", ""])
    assert tab.cell(1).locator(".count").inner_text() == ""
