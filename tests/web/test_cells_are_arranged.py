"""What a person does to cells beyond typing: several at once, by key, menu and pointer, and back again."""

from __future__ import annotations

import json
import time
from random import Random

import quire
from tests.web.tabs import Service


def test_several_cells_are_copied_merged_split_and_taken_back(service: Service) -> None:
    tab = service.start("a", "b", "c")
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Escape", "Shift+J", "c", "v")
    tab.sees("both were pasted below", lambda: tab.texts() == ["a", "b", "a", "b", "c"])
    assert tab.selected() == [2, 3]
    tab.press("Shift+M")
    tab.sees("they are one cell", lambda: tab.texts() == ["a", "b", "a\nb", "c"])
    tab.click_into(2, line=0)
    tab.press("Control+Shift+_")
    tab.sees("it was split at the cursor, with no empty line left", lambda: tab.texts() == ["a", "b", "a", "b", "c"])
    tab.press("Escape", "z", "z")
    tab.sees("split and merge are undone", lambda: tab.texts() == ["a", "b", "a", "b", "c"])
    tab.press("Shift+Z", "Shift+Z")
    tab.sees("and done again", lambda: tab.texts() == ["a", "b", "a", "b", "c"])
    tab.press("Control+a", "d", "d")
    tab.sees("all are gone, one is left to write in", lambda: tab.texts() == [""])
    assert service.errors == []


def test_a_cell_that_is_cut_and_pasted_is_the_same_cell_with_what_it_put_out_and_again_it_is_another(
    service: Service,
) -> None:
    tab = service.start("print('put out')", "b", "c")
    tab.cell(0).click(position={"x": 5, "y": 5})
    tab.press("Control+Enter")
    tab.sees("it has run", lambda: tab.output(0) == "put out")
    cell = tab.cell(0).get_attribute("data-cell")
    tab.press("x", "v")
    tab.sees("it is below the next", lambda: tab.texts() == ["b", "print('put out')", "c"])
    tab.sees("with its output", lambda: tab.output(1) == "put out")
    assert tab.cell(1).get_attribute("data-cell") == cell
    tab.press("v")
    tab.sees("it is pasted again", lambda: tab.texts() == ["b", *["print('put out')"] * 2, "c"])
    assert tab.cell(2).get_attribute("data-cell") != cell
    assert tab.output(2) == ""
    tab.press("z", "z", "z")
    tab.sees("and all is undone", lambda: tab.texts() == ["print('put out')", "b", "c"])
    tab.sees("with its output", lambda: tab.output(0) == "put out")
    assert service.errors == []


def test_undo_of_a_deletion_leaves_what_others_did_meanwhile(service: Service) -> None:
    tab = service.start("mine", "theirs", "other")
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Escape", "d", "d")
    tab.sees("it is gone", lambda: tab.texts() == ["theirs", "other"])
    with quire.open(service.notebook, name="Ada") as peer:
        peer.cells[0].source = "theirs, changed"
        peer.cells[1].move(before=peer.cells[0])
        tab.sees("their edits have arrived", lambda: tab.texts() == ["other", "theirs, changed"])
        tab.press("z")
        tab.sees("the deletion alone is undone", lambda: sorted(tab.texts()) == ["mine", "other", "theirs, changed"])
        tab.press("z")
        tab.page.locator(".toast", has_text="Nothing of yours to undo").wait_for()
        assert sorted(cell.source for cell in peer.cells) == ["mine", "other", "theirs, changed"]


def test_whatever_others_do_to_the_order_of_many_cells_it_is_the_order_on_the_page(service: Service) -> None:
    tab = service.start(*(f"cell {number}" for number in range(70)))
    tab.click_into(3, line=0)
    kept = tab.cell(3).get_attribute("data-cell")
    shown = "cells => cells.map(cell => cell.dataset.cell)"
    random = Random(1)
    with quire.open(service.notebook, name="Ada") as peer:
        for _ in range(6):
            with peer.edit():
                for number in range(12):
                    movable = [cell for cell in peer.cells if cell.id != kept]
                    chosen, other = random.sample(movable, 2)
                    if number % 3 == 0:
                        chosen.move(before=other)
                    elif number % 3 == 1:
                        chosen.delete()
                    else:
                        peer.cells.add("new", before=other)
            order = [cell.id for cell in peer.cells]
            tab.sees("the same order", lambda order=order: tab.page.locator(".cell").evaluate_all(shown) == order)
        tab.type("!")
        peer.until(lambda: peer.cells[kept].source == "cell 3!")
    assert service.errors == []


def test_a_cell_is_dragged_to_another_place(service: Service) -> None:
    tab = service.start("a", "b", "c")
    tab.cell(0).hover()
    start = tab.cell(0).locator(".grip").bounding_box()
    end = tab.cell(2).bounding_box()
    mouse = tab.page.mouse
    mouse.move(start["x"] + 4, start["y"] + 8)
    mouse.down()
    mouse.move(start["x"] + 4, end["y"] + 4, steps=6)
    tab.page.locator(".drop-line").wait_for()
    mouse.up()
    tab.sees("it stands before the last", lambda: tab.texts() == ["b", "a", "c"])
    tab.page.locator(".drop-line").wait_for(state="detached")


def test_what_is_folded_stays_folded_where_jupyter_keeps_it(service: Service) -> None:
    tab = service.start("print('out')\n2")
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    tab.sees("it has run", lambda: "out" in tab.output(0))
    tab.press("o", "Shift+O")
    tab.cell(0).get_by_role("button", name="Show the code").wait_for()
    assert not tab.cell(0).locator(".outputs").is_visible()
    with quire.open(service.notebook) as peer:
        peer.until(lambda: peer.cells[0].metadata.get("jupyter") == {"outputs_hidden": True, "source_hidden": True})
    again = service.tab(tab.address)
    again.cell(0).get_by_role("button", name="Show the output").click()
    again.cell(0).locator(".outputs", has_text="out").wait_for()
    assert not again.cell(0).locator(".input").is_visible()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:  # the file follows
        (cell,) = json.loads(service.notebook.read_text("utf-8"))["cells"]
        if cell["metadata"].get("jupyter") == {"source_hidden": True}:
            return
        tab.page.wait_for_timeout(100)
    raise AssertionError(f"the file says {cell['metadata']}")


def test_copied_cells_are_pasted_into_another_notebook_and_text_from_elsewhere_becomes_a_cell(service: Service) -> None:
    tab = service.start("a", "b")
    tab.cell(0).click(position={"x": 5, "y": 5})
    tab.press("m", "Shift+J", "Control+c")
    other = service.tab(tab.address)
    other.cell(0).click(position={"x": 5, "y": 5})
    other.press("Control+v")
    other.sees("both, of their types", lambda: other.page.locator(".cell.selected").count() == 2)
    assert [other.cell(n).get_attribute("class").split()[1] for n in range(4)] == [
        "markdown",
        "markdown",
        "code",
        "code",
    ]
    other.press("Control+x")
    other.sees("they were cut", lambda: other.page.locator(".cell").count() == 2)
    tab.press("v")
    tab.sees("what another tab has cut", lambda: tab.page.locator(".cell").count() == 4)
    tab.click_into(1, line=0)
    tab.press("Control+a", "Control+c", "Escape", "Control+v")
    tab.sees("a passage as a cell", lambda: tab.page.locator(".cell").count() == 5)
    assert service.errors == []


def test_a_section_folds_under_its_heading_for_everybody_and_goes_with_it(service: Service) -> None:
    tab = service.start("# Rain", "1", "2", "# Wind", "3")
    for number in (0, 3):
        tab.cell(number).click(position={"x": 5, "y": 5})
        tab.press("m")
    other = service.tab(tab.address)
    seen = other.page.locator(".cell:not([hidden])")
    tab.cell(0).click(position={"x": 5, "y": 5})
    tab.press("ArrowLeft")
    other.sees("it is folded", lambda: seen.count() == 3)
    other.page.get_by_text("2 cells are folded away").wait_for()
    tab.press("Alt+ArrowDown")
    other.sees("it moved as one, past a whole section", lambda: [other.text(n) for n in (1, 3, 4)] == ["3", "1", "2"])
    other.page.get_by_role("button", name="Show the section").first.click()
    tab.sees("it is open", lambda: tab.page.locator(".cell:not([hidden])").count() == 5)
    assert service.errors == []


def test_everything_is_found_and_replaced_as_one_change(service: Service) -> None:
    tab = service.start("total = 1\nprint(total)", "subtotal = total", "Total")
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+f")
    tab.type("total")
    results = tab.page.locator(".search-results button")
    tab.sees("all places are listed", lambda: results.count() == 5)
    tab.page.get_by_label("Match case").click()
    tab.page.get_by_label("Whole words").click()
    tab.sees("fewer are", lambda: results.count() == 3)
    tab.cell(1).locator(".found").wait_for()
    tab.page.get_by_label("Replace with").fill("sum")
    tab.page.get_by_role("button", name="All", exact=True).click()
    tab.sees("they are replaced", lambda: tab.texts() == ["sum = 1\nprint(sum)", "subtotal = sum", "Total"])
    tab.page.locator(".toast").get_by_role("button", name="Undo").click()
    tab.sees("and back, all at once", lambda: tab.texts() == ["total = 1\nprint(total)", "subtotal = total", "Total"])
    tab.page.get_by_label("Find", exact=True).press("Escape")
    tab.page.locator(".panel").wait_for(state="hidden")
    tab.type("x")
    tab.sees("typing goes on in the cell", lambda: any("x" in text for text in tab.texts()))


def test_the_palette_finds_and_does_and_the_menu_of_a_cell_too(service: Service) -> None:
    tab = service.start("a", "b")
    tab.cell(1).locator(".cm-line").first.click()
    tab.press("Escape", "Control+Shift+P")
    tab.type("heading 2")
    tab.press("Enter")
    tab.page.get_by_role("heading", name="b", level=2).wait_for()
    tab.press("Shift+F10")
    tab.page.get_by_role("menu", name="Cell").wait_for()
    tab.type("dup")
    tab.press("Enter")
    tab.sees("it is there twice", lambda: tab.page.get_by_role("heading", name="b", level=2).count() == 2)
    assert service.errors == []
