"""Two people, each in a browser of their own, and one kernel: who may stop what, who answers, who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from clients.cli.hub_http import HubHttp
from tests.cli.services import Home
from tests.web.tabs import Browser, Service, Tab, new_person

LONG = "import time\nfor _ in range(1200): time.sleep(0.05)"


@dataclass
class Two:
    """Ann and Ben in one notebook."""

    ann: Tab
    ben: Tab
    services: tuple[Service, Service]

    def with_role(self, role: str) -> Tab:
        """Another tab of Ben's, which asks for this role."""
        entry = self.services[1].home.server("hub")
        assert entry is not None
        place = "/notebooks/" + self.ben.address.rsplit("/", 1)[-1]
        return self.services[1].tab(HubHttp.of(entry).login_link(f"{place}?role={role}"))


@pytest.fixture(scope="module")
def two(shared_home: Home, tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Two]:
    """The same two for all tests here; each test leaves nothing running."""
    notebook = tmp_path_factory.mktemp("two") / "book.ipynb"
    contexts = new_person(browser), new_person(browser)
    services = Service(shared_home, notebook, contexts[0]), Service(shared_home, notebook, contexts[1])
    ann = services[0].start(LONG, "name = input('Who? ')\nprint('Hello', name)", "6 * 7", "'far below'")
    ben = services[1].open()
    for tab, name in ((ann, "Ann"), (ben, "Ben")):
        call_oneself(tab, name)
    yield Two(ann, ben, services)
    assert services[0].errors + services[1].errors == []
    for context in contexts:
        context.close()


def call_oneself(tab: Tab, name: str) -> None:
    tab.page.evaluate("window.isTheSame = true")
    tab.page.locator(".avatar").last.click()
    tab.page.get_by_label("Your name, as the others see it").fill(name)
    tab.press("Enter")
    tab.page.locator(f'.avatar[title^="{name}"]').wait_for()


def to_cell(tab: Tab, number: int) -> None:
    """Choose a cell, in command mode."""
    tab.cell(number).click(position={"x": 5, "y": 5})


def in_kernel_menu(tab: Tab, name: str) -> None:
    tab.page.locator("button.kernel").click()
    tab.page.get_by_role("menuitem", name=name).first.click()


def test_a_new_name_is_seen_by_the_others_and_the_page_stays(two: Two) -> None:
    two.ben.page.locator('.avatar[title="Ann"]').wait_for()
    assert two.ann.page.evaluate("window.isTheSame")


def test_what_somebody_else_runs_is_interrupted_only_after_a_question(two: Two) -> None:
    to_cell(two.ann, 0)
    two.ann.press("Control+Enter")
    running = two.ben.page.locator('.cell[data-status="running"]')
    running.wait_for()
    in_kernel_menu(two.ben, "Interrupt what is running")
    dialog = two.ben.page.locator("dialog")
    assert "Interrupt what Ann runs?" in dialog.inner_text()
    dialog.get_by_role("button", name="Cancel").click()
    dialog.wait_for(state="detached")
    assert running.count() == 1
    in_kernel_menu(two.ben, "Interrupt what is running")
    dialog.get_by_role("button", name="Interrupt it").click()
    two.ann.page.locator(".outputs", has_text="KeyboardInterrupt").wait_for()


def test_one_asks_and_the_other_may_answer_and_stop_stops_what_one_asked_for(two: Two) -> None:
    to_cell(two.ann, 1)
    two.ann.press("Shift+Enter")
    two.ben.page.locator(".prompt input").fill("Ben")
    two.ben.press("Enter")
    two.ann.sees("the answer", lambda: two.ann.output(1) == "Who? Ben\nHello Ben")
    for number in (0, 2):
        to_cell(two.ann, number)
        two.ann.press("Control+Enter")
    two.ann.page.locator('.cell[data-status="queued"]').wait_for()
    in_kernel_menu(two.ann, "Stop what I asked to run")
    two.ann.cell(0).and_(two.ann.page.locator('[data-status="error"]')).wait_for()
    two.ann.cell(2).and_(two.ann.page.locator('[data-status="cancelled"]')).wait_for()


def test_a_kernel_is_chosen_and_the_notebook_remembers_it(two: Two) -> None:
    in_kernel_menu(two.ann, "Choose another kernel…")
    two.ann.page.locator('.choice[aria-current="true"]', has_text="python3").click()
    in_kernel_menu(two.ben, "Choose another kernel…")
    two.ben.page.locator('.choice[aria-current="true"]', has_text="python3").wait_for()
    two.ben.press("Escape")
    two.ann.page.locator(".kernel", has_text="idle").wait_for()  # it was restarted


def test_restart_and_run_all_asks_first_and_begins_anew(two: Two) -> None:
    two.ann.click_into(0, line=0)
    two.ann.press("Control+a")
    two.ann.type("'name' in globals()")
    two.ann.click_into(1, line=0)
    two.ann.press("Control+a")
    two.ann.type("name = 1")
    in_kernel_menu(two.ann, "Restart the kernel and run all cells…")
    two.ann.page.locator("dialog").get_by_role("button", name="Restart and run all cells").click()
    two.ben.sees("all ran", lambda: two.ben.output(3) == "'far below'")
    assert two.ben.output(0) == "False"


def test_one_goes_to_where_another_is(two: Two) -> None:
    two.ben.page.set_viewport_size({"width": 1200, "height": 240})
    to_cell(two.ben, 0)
    to_cell(two.ann, 3)
    two.ben.cell(3).locator(".visitor", has_text="Ann").wait_for()
    two.ben.page.locator('.avatar[title^="Ann"]').click()
    two.ben.page.get_by_role("menuitem", name="Go to where Ann is").click()
    seen = "cell => { const box = cell.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; }"
    two.ben.sees("the cell", lambda: bool(two.ben.cell(3).evaluate(seen)))
    two.ben.page.set_viewport_size({"width": 1200, "height": 900})


def test_who_may_only_read_sees_all_and_changes_and_runs_nothing(two: Two) -> None:
    reader = two.with_role("viewer")
    reader.sees("read only", lambda: reader.saving == "Read only")
    to_cell(reader, 2)
    reader.press("Enter")
    reader.type("x")
    reader.press("Control+Enter")
    reader.page.locator(".toast", has_text="You may read this notebook, but not run it.").wait_for()
    for what in ("Insert a cell below", "Run the selected cells"):
        assert not reader.page.get_by_role("button", name=what).is_visible()
    two.ann.click_into(2, line=0)
    two.ann.type(" * 2")
    reader.sees("what others type", lambda: reader.text(2) == "6 * 7 * 2")
    reader.page.close()
