"""The past and the comments on the page: looked at, compared, restored, taken back; said, answered, resolved, live."""

from __future__ import annotations

import quire
from tests.web.tabs import AXE, Service

MODIFIER = "Control+Alt+"


def test_the_past_is_looked_at_and_a_cell_brought_back_as_an_edit_that_can_be_undone(service: Service) -> None:
    tab = service.start("rate = 0.03", "untouched")
    tab.click_into(0, line=0)
    tab.type("1")
    tab.sees("typed", lambda: tab.saving.startswith("Saved"))
    with quire.open(service.notebook, name="Bot", kind="agent") as nb:
        nb.cells[0].source = "rate = 0.99"
        nb.saved()
    tab.sees("the agent's edit", lambda: tab.text(0) == "rate = 0.99")

    page = tab.page
    page.get_by_role("button", name="History").click()
    page.locator(".moments .author.file").wait_for()  # the hub has told who wrote what
    page.locator(".moments li", has=page.locator(".author.agent")).locator(".moment").click()
    past = page.locator(".past")
    past.locator(".diff-line.added", has_text="rate = 0.99").wait_for()
    assert past.locator(".diff-line.deleted").inner_text().endswith("rate = 0.031")
    assert past.locator("summary").inner_text() == "1 cell that is the same"
    assert not page.locator(".column").is_visible()

    page.get_by_label("The notebook's life").press("ArrowLeft")  # the moment before
    past.locator(".diff-line.added", has_text="rate = 0.031").wait_for()
    past.get_by_role("button", name="Restore this cell").click()
    tab.press("Escape")  # back to now
    tab.sees("the restored cell", lambda: tab.text(0) == "rate = 0.031")
    assert page.locator(".column").is_visible()
    page.locator(".toast").get_by_role("button", name="Undo").click()
    tab.sees("what there was", lambda: tab.text(0) == "rate = 0.99")
    assert service.errors == []


def test_dragging_through_the_past_of_many_cells_shows_each_moment_and_wakes_no_cell(service: Service) -> None:
    tab = service.start(*[f"x_{number} = 0" for number in range(150)])
    page = tab.page
    for number, name in enumerate(("Ada", "Bo", "Cem", "Dia"), start=1):
        with quire.open(service.notebook, name=name) as one:
            one.cells[10 * number].source = f"x = {number}"
            one.saved()
    tab.sees("the last edit", lambda: "x = 4" in tab.cell(40).inner_text())
    page.get_by_role("button", name="History").click()
    page.locator(".moments .author.file").wait_for()  # the hub has told who wrote what
    editors = page.locator(".cm-editor").count()
    slider, past = page.get_by_label("The notebook's life"), page.locator(".past")
    shown = 5
    for number in (4, 3, 2, 1, 2, 3, 4):
        slider.press("ArrowLeft" if number < shown else "ArrowRight")
        past.locator(".diff-line.added", has_text=f"x = {number}").wait_for()
        assert past.locator(".then").count() == 1
        shown = number
    assert page.locator(".cm-editor").count() <= editors
    tab.press("Escape")
    tab.sees("the cells", lambda: tab.text(0) == "x_0 = 0")
    assert service.errors == []


def test_on_a_narrow_screen_the_past_and_what_is_said_stand_above_and_below_each_other(service: Service) -> None:
    tab = service.start("import math\n\nrate = 0.03  # " + "a long remark " * 6)
    page = tab.page
    with quire.open(service.notebook, name="Bo", kind="person") as bo:
        bo.cells[0].append(" and more")
        bo.cells[0].comments.add("why?")
        bo.saved()
    tab.cell(0).locator("[data-mark='comments']").wait_for()
    page.set_viewport_size({"width": 400, "height": 800})
    try:
        mark = tab.cell(0).locator("[data-mark='comments']")
        assert mark.bounding_box()["x"] >= 0
        mark.click()
        page.get_by_role("button", name="Reply").wait_for()
        page.evaluate(AXE.read_text("utf-8"))
        assert tab.cell(0).bounding_box()["y"] < page.locator(".panel").bounding_box()["y"]
        tab.press("Escape")
        tab.cell(0).click(position={"x": 5, "y": 5})
        tab.press(MODIFIER + "h")
        page.locator(".moments .author.person").first.wait_for()
        page.locator(".moments li", has=page.locator(".author.person")).first.locator(".moment").click()
        past = page.locator(".past")
        past.locator(".diff-line.added mark", has_text="and more").wait_for()
        heights = past.locator(".diff-line").evaluate_all("lines => lines.map(line => line.offsetHeight)")
        assert min(heights) > 10, "an empty line is a line, too"
        assert past.locator(".lines").evaluate("lines => lines.scrollWidth <= lines.clientWidth"), "long lines wrap"
        past.get_by_role("button", name="What changed since").click()  # nothing stands before it
        past.get_by_text("The notebook says the same now.").wait_for()
        past.get_by_role("button", name="What it changed").click()
        past.locator(".diff-line.added").first.wait_for()
        assert tab.axe_finds() == "", "with the past"
    finally:
        page.set_viewport_size({"width": 1200, "height": 900})
    assert service.errors == []


def test_who_wrote_what_of_a_cell_is_shown_below_it(service: Service) -> None:
    tab = service.start("x = 1")
    with quire.open(service.notebook, name="Bot", kind="agent") as nb:
        nb.cells[0].append("  # one")
        nb.saved()
    tab.sees("the agent's edit", lambda: tab.text(0).endswith("one"))
    tab.cell(0).click(position={"x": 5, "y": 5})
    tab.press("p")
    tab.type("who wrote what")
    tab.press("Enter")
    blame = tab.cell(0).locator(".blame")
    blame.locator(".author.file").wait_for()  # the hub has told who wrote what
    assert blame.locator(".piece").all_inner_texts() == ["x = 1", "  # one"]
    assert blame.locator(".author").all_inner_texts() == ["the file", "Botagent"]


def test_a_comment_is_made_on_what_is_selected_and_answered_live(service: Service) -> None:
    tab = service.start("rate = 0.03", "other")
    page = tab.page
    tab.click_into(0, line=0)
    for _ in range(4):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press(MODIFIER + "m")
    page.locator(".composer textarea").fill("Where is this from?")
    tab.press("Control+Enter")
    tab.cell(0).locator("[data-mark='comments']").wait_for()
    with quire.open(service.notebook, name="Bot", kind="agent") as nb:
        assert nb.until(lambda: len(nb._core.comments) == 1, 60)
        thread = nb.comments[0]
        assert (thread.text, thread.quote, thread.cell_id) == ("Where is this from?", "0.03", nb.cells[0].id)
        thread.reply("The report of 2025.")
        nb.saved()
        page.locator(".message .words", has_text="The report of 2025.").wait_for()
        assert page.locator(".message .author.agent").inner_text() == "Botagent"
        page.locator(".thread").get_by_role("button", name="Resolve").click()
        assert nb.until(lambda: nb._core.comments[0].resolved is not None, 60)
        tab.sees("no open comment", lambda: page.locator("[data-mark='comments']").count() == 0)
        thread.reopen()
        nb.cells[0].delete()
        page.locator(".thread .about.gone").wait_for()  # kept, and shown as such
    assert service.errors == []


def test_axe_finds_nothing_wrong_with_comments_and_the_past(service: Service) -> None:
    tab = service.start("x = 1")
    tab.page.evaluate(AXE.read_text("utf-8"))
    tab.cell(0).click(position={"x": 5, "y": 5})
    tab.press(MODIFIER + "m")
    tab.page.locator(".composer textarea").fill("what is this?")
    tab.press("Control+Enter")
    tab.page.locator(".thread .words").wait_for()
    assert tab.axe_finds() == "", "with the comments"
    tab.press(MODIFIER + "h")
    tab.page.locator(".moments .moment").nth(2).click()
    tab.page.locator(".past .diff-line").first.wait_for()
    assert tab.axe_finds() == "", "with the past"
