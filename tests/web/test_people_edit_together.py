"""Two tabs and a Python peer in one notebook: what each sees of the others, and that nobody's cursor jumps."""

from __future__ import annotations

import threading

import quire
from tests.web.tabs import Service

FIRST = "one by one the first tab typed this 🐦 "
SECOND = "and the second wrote that "
PEER = "while a program added its own 🌍 words "

BEFORE_ADA = """line => {
  const carets = [...line.querySelectorAll('.remote-caret')];
  const range = document.createRange();
  range.setStart(line, 0);
  range.setEndBefore(carets.find(caret => caret.textContent === 'Ada'));
  const before = range.cloneContents();
  before.querySelectorAll('.remote-caret').forEach(caret => caret.remove());
  return before.textContent;
}"""

# Two keys in one turn of the page: nothing that a word makes the editor do comes in between.
TYPE_AND_LEAVE = """() => {
  const editor = document.activeElement;
  document.execCommand('insertText', false, 'word');
  editor.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', keyCode: 27, bubbles: true, cancelable: true }));
}"""


def test_two_tabs_and_a_program_type_in_one_cell_at_once_and_every_cursor_stays(service: Service) -> None:
    first = service.start("top\nmiddle\nbottom")
    second = service.tab(first.address)
    first.click_into(0, line=0)
    second.click_into(0, line=2)
    with quire.open(service.notebook, name="program") as peer:
        (cell,) = peer.cells

        def write() -> None:
            for written, character in enumerate(PEER):
                with peer.edit():
                    cell.splice(cell.source.index("middle") + len("middle") + written, 0, character)

        typing = threading.Thread(target=write)
        typing.start()
        for a, b in zip(FIRST, SECOND.ljust(len(FIRST)), strict=True):
            first.type(a)
            second.type(b)
        typing.join()
        whole = f"top{FIRST}\nmiddle{PEER}\nbottom{SECOND.ljust(len(FIRST))}"
        first.sees("the first tab has everything", lambda: first.text(0) == whole)
        second.sees("the second tab has everything", lambda: second.text(0) == whole)
        peer.until(lambda: cell.source == whole)
    assert service.errors == []


def test_undo_takes_back_what_this_tab_typed_and_nothing_else(service: Service) -> None:
    first = service.start("x = 1")
    second = service.tab(first.address)
    first.click_into(0, line=0)
    first.type(" + 1")
    second.sees("the edit has arrived", lambda: second.text(0) == "x = 1 + 1")
    second.click_into(0, line=0, at_end=False)
    second.type("y = ")
    first.sees("the other edit has arrived", lambda: first.text(0) == "y = x = 1 + 1")
    first.press("Control+z")
    second.sees("the first tab's edit is gone", lambda: second.text(0) == "y = x = 1")


def test_others_are_seen_by_name_where_they_are(service: Service) -> None:
    first = service.start("a", "b")
    with quire.open(service.notebook, name="Ada", kind="person") as peer:
        peer.set_presence(cell_id="cell-2", anchor=0, head=1, status="editing")
        first.cell(1).locator(".visitor", has_text="Ada").wait_for()
        first.cell(1).locator(".remote-selection").wait_for()
        first.page.get_by_role("button", name="Ada").wait_for()
    first.page.get_by_role("button", name="Ada").wait_for(state="detached")


def test_somebody_is_followed_until_one_acts(service: Service) -> None:
    tab = service.start(*(f"{number}\n\n\n\n\n" for number in range(30)))
    with quire.open(service.notebook, name="Ada", kind="person") as peer:

        def goes_to(number: int) -> None:
            peer.set_presence(
                cell_id=f"cell-{number}", status="reading", view={"cell_id": f"cell-{number}", "fraction": 0.5}
            )

        goes_to(1)
        tab.page.get_by_role("button", name="Ada").click()
        tab.page.get_by_role("menuitemcheckbox", name="Follow Ada").click()
        goes_to(25)
        tab.sees("it has come along", lambda: 300 < tab.cell(24).bounding_box()["y"] < 600)
        tab.page.mouse.wheel(0, -50)
        tab.page.locator(".following").wait_for(state="detached")
        goes_to(2)
        tab.cell(1).locator(".visitor", has_text="Ada").wait_for(state="attached")
        assert tab.cell(24).bounding_box()["y"] > 0, "it stayed"


def test_a_cursor_of_another_is_carried_along_by_the_text(service: Service) -> None:
    tab = service.start("abc")
    with quire.open(service.notebook, name="Ada", kind="person") as ada, quire.open(service.notebook, name="Bo") as bo:
        ada.set_presence(cell_id="cell-1", anchor=3, head=3, status="editing")
        tab.cell(0).locator(".remote-caret").wait_for()
        tab.click_into(0, line=0, at_end=False)
        tab.type("12")
        bo.set_presence(cell_id="cell-1", anchor=0, head=0, status="editing")
        tab.sees("two cursors", lambda: tab.cell(0).locator(".remote-caret").count() == 2)
        line = tab.cell(0).locator(".cm-line")
        tab.sees("Ada's is at the end", lambda: line.evaluate(BEFORE_ADA) == "12abc")


def test_whoever_types_and_leaves_the_cell_at_once_has_left_it(service: Service) -> None:
    tab = service.start("a", "b")
    tab.click_into(0, line=0)
    tab.page.evaluate(TYPE_AND_LEAVE)
    assert tab.page.locator(".cell.editing").count() == 0
    tab.press("d", "d")
    tab.sees("keys are the cell's", lambda: tab.texts() == ["b"])


def test_cells_are_added_deleted_brought_back_moved_and_changed_by_keyboard(service: Service) -> None:
    tab = service.start("a", "b")
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Escape", "b", "Enter")
    tab.type("new")
    tab.sees("a cell below", lambda: tab.texts() == ["a", "new", "b"])
    tab.leave_cell()
    tab.press("Alt+ArrowUp")
    tab.sees("it moved up", lambda: tab.texts() == ["new", "a", "b"])
    tab.press("d", "d")
    tab.sees("it is gone", lambda: tab.texts() == ["a", "b"])
    tab.press("z")
    tab.sees("it is back", lambda: tab.texts() == ["new", "a", "b"])
    tab.press("m", "Enter", "Home")
    tab.type("# ")
    tab.press("Shift+Enter")
    tab.page.get_by_role("heading", name="new").wait_for()
    with quire.open(service.notebook) as peer:
        peer.until(lambda: [cell.source for cell in peer.cells] == ["# new", "a", "b"])
        assert peer.cells[0].type == "markdown"
    assert service.errors == []
