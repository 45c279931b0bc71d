"""Where the keys go: to the cell that is seen to be chosen, to what asks, and never to what was not meant."""

from __future__ import annotations

from typing import Final

import quire
from tests.web.tabs import Service, Tab

FOCUSED: Final = """() => {
  const it = document.activeElement;
  return it.dataset.cell ?? it.closest('[data-cell]')?.dataset.cell ?? it.tagName;
}"""


def focused(tab: Tab) -> str:
    """The id of the cell in which the focus is, or the name of another element."""
    return str(tab.page.evaluate(FOCUSED))


def test_the_first_cell_is_seen_to_be_chosen_from_the_beginning_and_a_deletion_leaves_the_focus_in_a_cell(
    service: Service,
) -> None:
    tab = service.start("a", "b", "c")
    assert tab.selected() == [0]
    tab.press("ArrowDown", "d", "d")
    tab.sees("it is gone", lambda: tab.texts() == ["a", "c"])
    assert focused(tab) == tab.cell(1).get_attribute("data-cell")
    tab.press("d", "d", "d", "d")
    tab.sees("one is left to write in", lambda: tab.texts() == [""])
    assert focused(tab) == tab.cell(0).get_attribute("data-cell")


def test_who_types_in_a_cell_that_somebody_deletes_gives_no_commands_with_it(service: Service) -> None:
    tab = service.start("kept", "written in", "kept, too")
    tab.click_into(1, line=0)
    tab.type(" now")
    with quire.open(service.notebook, name="Ada") as ada:
        ada.until(lambda: ada.cells[1].source == "written in now")
        ada.cells[1].delete()
        tab.page.locator(".toast", has_text="The cell that you were writing in was deleted.").wait_for()
        tab.type("ddaaddxx00")
        assert tab.texts() == ["kept", "kept, too"]
        assert tab.page.locator(".question").count() == 0
        tab.press("ArrowUp")
        tab.type("b")
        tab.sees("keys are commands again", lambda: tab.texts() == ["kept", "", "kept, too"])


def test_what_a_cell_asks_is_answered_without_a_pointer_and_who_writes_is_not_interrupted(service: Service) -> None:
    tab = service.start("a = input('first? '); b = input('second? '); print(a + b)", "other")
    tab.press("Shift+Enter")
    tab.sees("it has the keys", lambda: focused(tab) == tab.cell(0).get_attribute("data-cell"))
    tab.page.locator(".kernel", has_text="asks for input").wait_for()
    tab.type("1")
    tab.press("Enter")
    tab.page.locator(".prompt", has_text="second?").wait_for()
    tab.sees("it has them again", lambda: focused(tab) == tab.cell(0).get_attribute("data-cell"))
    tab.press("Escape")
    assert focused(tab) == tab.cell(1).get_attribute("data-cell"), "Escape leaves it"
    tab.cell(0).locator(".prompt input").fill("2")
    tab.press("Enter")
    tab.sees("both were taken", lambda: tab.output(0).endswith("12"))

    tab.cell(0).click(position={"x": 5, "y": 5})
    tab.press("Control+Enter")
    tab.click_into(1, line=0)
    tab.page.locator(".prompt", has_text="first?").wait_for()
    tab.type(" one")
    tab.sees("what was written went where it was meant", lambda: tab.text(1) == "other one")
    assert tab.cell(0).locator(".prompt input").input_value() == ""
    assert service.errors == []


def test_after_a_click_into_what_a_cell_put_out_keys_are_commands_and_its_text_can_be_selected(
    service: Service,
) -> None:
    tab = service.start("print('one of many words')", "[1, 2]", "1 / 0")
    for number, what in enumerate((".stream", ".result", ".traceback pre, .outputs pre")):
        tab.cell(number).click(position={"x": 5, "y": 5})
        tab.press("Control+Enter")
        tab.cell(number).locator(what).first.click()
        tab.press("b")
        tab.sees("a cell was added below it", lambda number=number: tab.texts()[number + 1 :][:1] == [""])
        assert tab.selected() == [number + 1]
        tab.press("d", "d", "ArrowUp", "Shift+Enter")
        assert tab.selected() == [number + 1] or number == 2
    tab.leave_cell()
    tab.press("d", "d")
    tab.press("Control+Home")
    tab.cell(0).locator(".stream").dblclick(position={"x": 10, "y": 8})
    assert tab.page.evaluate("`${getSelection()}`").strip() == "one"
    assert service.errors == []
