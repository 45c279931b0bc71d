"""What axe finds wrong with the page for those who use a keyboard or a screen reader, light and dark: nothing."""

from __future__ import annotations

from typing import Final

from tests.web.tabs import AXE, Service

# What opens over the page or beside it, and the keys that open it.
OPENED: Final = {
    ".palette": ["p"],
    ".help": ["?"],
    ".menu": ["Shift+F10"],
    ".question": ["0", "0"],
    ".panel": ["f"],
}


def test_axe_finds_nothing_wrong(service: Service) -> None:
    assert AXE.is_file(), "axe-core is not installed: run `npm ci` in clients/web"
    tab = service.start("print('a stream')\n1 / 0", "1", "print('not run')")
    tab.page.get_by_label("Run all cells").click()
    tab.sees("it has run", lambda: "ZeroDivisionError" in tab.output(0))
    tab.cell(1).locator(".cm-line").first.click()
    tab.press("Escape", "m", "Enter")
    tab.type("# Heading")
    tab.press("Shift+Enter", "Escape")
    tab.page.evaluate(AXE.read_text("utf-8"))
    found = {"the notebook": tab.axe_finds()}
    for what, keys in OPENED.items():
        tab.press("Escape", "Escape", *keys)
        tab.page.locator(what).wait_for()
        found[what] = tab.axe_finds()
    tab.press("Escape", "Escape")
    tab.page.set_viewport_size({"width": 400, "height": 800})
    tab.cell(1).click(position={"x": 5, "y": 5})
    tab.press("a", "Enter")
    tab.type("'" + "a line that is far longer than a telephone is wide " * 3)
    tab.press("Escape", "a", "m", "Enter")
    tab.type("    " + "code " * 50)
    tab.press("Shift+Enter")
    found["a narrow screen"] = tab.axe_finds()
    assert {what: wrong for what, wrong in found.items() if wrong != ""} == {}


def test_keys_alone_lead_everywhere_and_back(service: Service) -> None:
    tab = service.start("a", "b")
    tab.cell(1).locator(".cm-line").first.click()
    tab.press("Escape")
    where = "() => { const it = document.activeElement; return it.dataset.cell ?? it.getAttribute('aria-label'); }"
    cell = tab.page.evaluate(where)
    for what, keys in OPENED.items():
        tab.press(*keys)
        tab.page.locator(what).wait_for()
        tab.sees("the focus is in it", lambda what=what: tab.page.locator(f"{what} :focus, {what}:focus").count() == 1)
        tab.press("Escape")
        tab.page.locator(what).wait_for(state="hidden")
        tab.press("Escape")
        tab.sees("the focus is back", lambda: tab.page.evaluate(where) == cell)
