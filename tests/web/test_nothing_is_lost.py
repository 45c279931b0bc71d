"""What survives a reload, a killed hub, and being offline; and that the page says where the notebook is safe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from tests.cli.services import Home, until
from tests.support.small_disk import SmallDisk, small_disk
from tests.web.tabs import Browser, Service, Tab, new_person

__all__ = ["small_disk"]  # a fixture


def test_what_was_typed_is_there_after_a_reload_and_in_the_file(service: Service) -> None:
    tab = service.start("x = 1")
    tab.click_into(0, line=0)
    tab.page.evaluate(LISTEN)
    tab.type("0  # ten")
    until(lambda: nbformat.read(service.notebook, 4).cells[0].source == "x = 10  # ten")
    tab.sees("it says so", lambda: tab.saving == "Saved")
    assert any(said != "Saved" for said in tab.page.evaluate("window.said")), "but did not before it was"
    tab.page.reload()
    tab.page.wait_for_selector(".cm-line")
    tab.sees("it is still there", lambda: tab.text(0) == "x = 10  # ten")


def test_a_late_answer_about_the_file_does_not_make_newer_edits_look_saved(service: Service) -> None:
    first = service.start("x = 1")
    answers: list[tuple[Any, Any]] = []  # routes, and what the hub answered before anything was typed
    about = "**/v1/notebooks/*"
    tab = service.tab(first.address, held_back=(about, lambda route: answers.append((route, route.fetch()))))
    tab.sees("the page has asked about the file", lambda: len(answers) == 1)
    service.notebook.write_text("not a notebook")
    tab.click_into(0, line=0)
    tab.type("0")
    tab.sees("it is only on the server", lambda: tab.saving == "Saved on the server, not in the file")
    ((route, answer),) = answers
    with tab.page.expect_event("requestfinished"):
        route.fulfill(response=answer)
    tab.page.evaluate("new Promise(done => setTimeout(done, 100))")  # what it does with the answer, it does at once
    assert tab.saving == "Saved on the server, not in the file"
    later = service.tab(first.address)  # who comes after the error is told of it too
    later.sees("it is only on the server", lambda: later.saving == "Saved on the server, not in the file")


def test_a_file_that_cannot_be_written_is_told_and_the_edits_are_safe_on_the_server(service: Service) -> None:
    tab = service.start("x = 1")
    tab.sees("all is well", lambda: tab.saving == "Saved")
    service.notebook.unlink()
    service.notebook.mkdir()  # whoever may write everywhere cannot write over a folder
    tab.click_into(0, line=0)
    tab.type("0")
    tab.sees("what is wrong", lambda: tab.saving == "Saved on the server, not in the file")
    assert str(service.notebook) in (tab.page.locator(".saving").get_attribute("title") or "")
    service.notebook.rmdir()
    tab.page.locator(".saving").click()
    tab.sees("all is well again", lambda: tab.saving == "Saved")
    assert nbformat.read(service.notebook, 4).cells[0].source == "x = 10"


@pytest.mark.slow
def test_a_full_disk_is_told_and_nothing_is_lost_when_there_is_room_again(
    small_disk: SmallDisk, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not small_disk.mounted:
        pytest.skip("no small disk can be mounted here")
    monkeypatch.setenv("QUIRE_HOME", str(small_disk.folder / "home"))
    with Home.at(small_disk.folder / "home") as home:
        home.up()
        context = new_person(browser)
        service = Service(home, tmp_path / "book.ipynb", context)
        tab = service.start("x = 1")
        tab.sees("all is well", lambda: tab.saving == "Saved")
        with small_disk.full():
            tab.click_into(0, line=0)
            tab.type("0")
            tab.sees("what is wrong", lambda: tab.saving == "Not saved: the server's disk fails")
        tab.sees("all is well again", lambda: tab.saving == "Saved")
        assert nbformat.read(service.notebook, 4).cells[0].source == "x = 10"
        context.close()


def test_a_hub_that_is_killed_and_comes_back_gets_what_was_typed_meanwhile(own_service: Service) -> None:
    tab = own_service.start("x = 1")
    tab.click_into(0, line=0)
    hub = psutil.Process(own_service.home.pid("hub"))
    hub.suspend()
    tab.type("  # typed while the hub stood still")
    assert tab.text(0) == "x = 1  # typed while the hub stood still"
    words = tab.page.locator(".saving")
    tab.sees("the page says that it is not saved", lambda: words.inner_text().startswith(("Saving", "Offline")))
    hub.kill()
    tab.type(", and while it was gone")
    tab.sees("it is safe again", lambda: tab.saving.startswith("Saved"))
    until(lambda: "and while it was gone" in nbformat.read(own_service.notebook, 4).cells[0].source)
    assert tab.text(0) == "x = 1  # typed while the hub stood still, and while it was gone"


def test_edits_of_a_tab_that_closed_while_the_hub_was_gone_are_merged_when_it_opens_again(own_service: Service) -> None:
    tab = own_service.start("x = 1", "y = 2")
    other = own_service.tab(tab.address)
    tab.sees("the browser has kept it", lambda: pieces(tab) >= 1)
    tab.click_into(0, line=0)
    hub = psutil.Process(own_service.home.pid("hub"))
    hub.suspend()
    kept = pieces(tab)
    tab.page.keyboard.insert_text("  # only in this browser")  # one edit, so one piece
    tab.sees("the browser has kept it", lambda: pieces(tab) > kept)  # half a second later; a person sees nothing of it
    tab.page.close()
    hub.kill()
    until(lambda: (back := own_service.home.server("hub")) is not None and back.pid != hub.pid)
    other.click_into(1, line=0)
    other.type("0")
    again = own_service.tab(other.address)
    again.sees("both edits are there", lambda: again.texts() == ["x = 1  # only in this browser", "y = 20"])
    other.sees("the other tab has them too", lambda: other.texts() == again.texts())


def test_many_small_pieces_become_one_in_time(service: Service) -> None:
    tab = service.start("x = 1")
    tab.click_into(0, line=0)
    tab.type("0")
    tab.sees("the browser has kept it", lambda: pieces(tab) >= 1)
    tab.page.evaluate(f"""async () => {{
        {IN_DATABASE}
        const [record] = await done(records().getAll());
        for (let n = 0; n < 250; n++) await done(records().add(record));
    }}""")
    tab.page.reload()
    tab.page.wait_for_selector(".cm-line")
    tab.click_into(0, line=0)
    tab.type("0")
    tab.sees("they are one", lambda: pieces(tab) <= 2)
    tab.page.reload()
    tab.sees("nothing is lost", lambda: tab.texts() == ["x = 100"])


def test_a_copy_of_another_notebook_is_shown_and_set_aside_when_its_reader_says_so(service: Service) -> None:
    tab = service.start("x = 1")
    tab.sees("the browser has kept it", lambda: pieces(tab) >= 1)
    tab.page.evaluate(f"""async () => {{
        {IN_DATABASE}
        const [header] = await done(headers().getAll());
        const [name] = await done(headers().getAllKeys());
        await done(headers().put({{ ...header, genesis: "ab".repeat(16) }}, name));
    }}""")
    tab.page.reload()
    tab.page.get_by_role("alert").get_by_text("another notebook").wait_for()
    assert tab.texts() == ["x = 1"]
    with tab.page.expect_navigation():
        tab.page.get_by_role("button", name="Set my copy aside").click()
    tab.page.wait_for_selector(".cell")
    tab.sees("the server's is open", lambda: tab.saving.startswith("Saved"))
    tab.sees("the copy is kept", lambda: pieces(tab) >= 2)


# Everything that the page says about where the notebook is, from now on; in words, or that edits are on their way.
LISTEN = """() => {
    window.said = [];
    const saving = document.querySelector(".saving");
    const changes = { childList: true, characterData: true, subtree: true, attributeFilter: ["aria-busy"] };
    const says = () => said.push(saving.ariaBusy === "true" ? "on its way" : saving.innerText);
    new MutationObserver(says).observe(saving, changes);
}"""
IN_DATABASE = """
    const done = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    const database = await done(indexedDB.open("quire"));
    const store = (name) => database.transaction(name, "readwrite").objectStore(name);
    const records = () => store("records");
    const headers = () => store("headers");
"""


def pieces(tab: Tab) -> int:
    """How many records the browser keeps."""
    return int(tab.page.evaluate(f"async () => {{ {IN_DATABASE} return done(records().count()); }}"))
