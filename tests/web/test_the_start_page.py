"""The page at the root: what is open and what was, and opening or making another notebook by its path."""

from __future__ import annotations

from tests.web.tabs import AXE, Service, Tab


def test_notebooks_are_opened_and_made_from_the_start_page(service: Service) -> None:
    tab = service.start("'here'")
    page = tab.page
    page.get_by_title("All open notebooks").click()
    page.get_by_role("region", name="Open").get_by_text(str(service.notebook)).wait_for()
    path = page.get_by_label("Path of a notebook")
    path.fill("/etc/passwd")
    path.press("Enter")
    page.get_by_text("/etc/passwd is not named .ipynb.").wait_for()
    make = page.get_by_role("button", name="Make it")
    assert not make.is_visible()
    new = service.notebook.with_name("new.ipynb")
    path.fill(str(new))
    path.press("Enter")
    page.get_by_text(f"There is no file {new}.").wait_for()
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run()).violations.map(one => one.id)")
    assert found == []
    make.click()
    made = Tab(page)
    made.click_into(0, line=0)
    made.type("'made'")
    made.press("Control+Enter")
    made.sees("it runs", lambda: made.output(0) == "'made'")
    page.get_by_title("All open notebooks").click()
    page.get_by_role("link", name="book").filter(has_text=str(service.notebook)).click()
    assert Tab(page).text(0) == "'here'"
