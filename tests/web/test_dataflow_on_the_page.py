"""Dataflow on the page: stale marks, problems and their fixes, plans, the mode."""

from __future__ import annotations

from tests.web.tabs import Service, Tab


def choose(tab: Tab, mode: str) -> None:
    tab.page.get_by_label("What a run brings along").select_option(mode)


def run(tab: Tab, cell: int) -> None:
    tab.click_into(cell, line=0)
    tab.press("Control+Enter")


def test_a_stale_cell_says_why_and_shows_what_a_run_would_run(service: Service) -> None:
    tab = service.start("rate = 3", "price = rate * 2", "print(price)")
    choose(tab, "lazy")
    run(tab, 2)
    tab.sees("the cells above came along", lambda: tab.output(2) == "6")
    tab.click_into(0, line=0)
    tab.page.keyboard.press("End")
    tab.type("0")
    mark = tab.cell(2).locator("[data-mark=stale]")
    mark.wait_for()
    assert mark.get_attribute("title") == "Stale: cell 1 was edited."
    assert tab.cell(0).locator("[data-mark=stale]").get_attribute("title") == "Stale: it was edited since it ran."
    tab.leave_cell()
    mark.click()
    dialog = tab.page.locator("dialog.plan-dialog")
    tab.sees("the plan", lambda: dialog.locator("li").count() == 3)
    dialog.get_by_role("button", name="Run them all").click()
    tab.sees("all of it ran", lambda: tab.output(2) == "60")
    tab.sees("nothing is stale", lambda: tab.page.locator("[data-mark=stale]").count() == 0)
    choose(tab, "cascade")
    tab.click_into(0, line=0)
    tab.page.keyboard.press("End")
    tab.type("0")
    mark.wait_for()
    run(tab, 2)
    dialog.get_by_role("button", name="Run without them").click()
    tab.sees("it ran alone", lambda: tab.cell(2).locator(".count").text_content() == "7")
    assert tab.output(2) == "60"


def test_a_problem_is_mended_in_one_press_and_that_is_undone_in_one(service: Service) -> None:
    tab = service.start("x = 1", "x = 2\nprint(x)")
    choose(tab, "lazy")
    tab.cell(1).locator("[data-mark=problem]").click()
    panel = tab.page.get_by_role("complementary", name="Dataflow")
    assert "x is defined here and in cell 1" in panel.inner_text()
    run(tab, 1)
    tab.page.locator(".toast", has_text="x is defined here and in cell 1").wait_for()
    panel.get_by_role("button", name="Rename it to _x").last.click()
    tab.sees("it is renamed", lambda: tab.text(1) == "_x = 2\nprint(_x)")
    tab.sees("no problem is left", lambda: tab.page.locator("[data-mark=problem]").count() == 0)
    run(tab, 1)
    tab.sees("it runs", lambda: tab.output(1) == "2")
    tab.page.locator(".toast button", has_text="Undo").click()
    tab.sees("the old name", lambda: tab.text(1) == "x = 2\nprint(x)")
    tab.cell(1).locator("[data-mark=problem]").wait_for()
    choose(tab, "manual")
    tab.sees("manual marks nothing", lambda: tab.page.locator("[data-mark=problem]").count() == 0)


def test_in_reactive_what_was_edited_runs_when_the_cursor_leaves(service: Service) -> None:
    tab = service.start("x = 1", "print('x is', x)", "pass")
    choose(tab, "reactive")
    run(tab, 0)
    tab.sees("what reads it ran along", lambda: tab.output(1) == "x is 1")
    tab.click_into(0, line=0)
    tab.page.keyboard.press("End")
    tab.type("23")
    tab.cell(1).locator("[data-mark=stale]").wait_for()
    assert tab.output(1) == "x is 1"
    tab.leave_cell()
    tab.sees("it ran by itself", lambda: tab.output(1) == "x is 123")


def test_a_result_that_is_kept_is_restored_after_an_edit_was_undone_and_says_so(service: Service) -> None:
    tab = service.start("x = 1", "import time\ntime.sleep(0.05)\nprint([x])")
    status = tab.cell(1).locator(".run-status")
    tab.click_into(0, line=0)
    tab.press("Escape", "Control+Shift+P")
    tab.type("keep the results")
    tab.press("Enter")
    for digit, shown in (("", "[1]"), ("0", "[10]"), ("Backspace", "[1]")):
        if digit:
            tab.click_into(0, line=0)
            tab.press("End", digit)
        run(tab, 0)
        run(tab, 1)
        tab.sees(f"it shows {shown}", lambda shown=shown: tab.output(1) == shown)
    tab.sees("it was restored", lambda: status.text_content() == "restored")
    title = status.get_attribute("title") or ""
    assert title.startswith("Restored at ")
    assert "when it ran" in title


def test_a_cell_that_is_not_run_says_why_and_where_that_is_mended(service: Service) -> None:
    tab = service.start("a = 1", "print(a)", "a = 2")
    choose(tab, "reactive")
    tab.cell(0).locator("[data-mark=problem]").wait_for()
    run(tab, 0)
    toast = tab.page.locator(".toast", has_text="Cell 1 did not run: a is defined here and in cell 3")
    toast.get_by_role("button", name="Show").click()
    tab.page.locator(".panel", has_text="These cells do not run until that is mended.").wait_for()
    tab.page.locator(".avatar.daemon").click()
    tab.page.locator(".toast", has_text="runs the cells").wait_for()
    assert tab.page.locator(".menu").count() == 0, "nobody can follow what is nowhere"
    choose(tab, "lazy")
    run(tab, 2)
    tab.page.locator(
        ".toast", has_text="It does not run, because of cell 3: a is defined here and in cell 1"
    ).wait_for()
