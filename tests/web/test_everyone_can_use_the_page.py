"""What axe finds wrong with the page for those who use a keyboard or a screen reader, light and dark: nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.web.tabs import Service

AXE: Final = Path(__file__).parents[2] / "clients" / "web" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(service: Service, scheme: str) -> None:
    assert AXE.is_file(), "axe-core is not installed: run `npm ci` in clients/web"
    tab = service.start("print('a stream')\n1 / 0", "1", "print('not run')")
    tab.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    tab.page.get_by_label("Run all cells").click()
    tab.sees("it has run", lambda: "ZeroDivisionError" in tab.output(0))
    tab.cell(1).locator(".cm-line").first.click()
    tab.press("Escape", "m", "Enter")
    tab.type("# Heading")
    tab.press("Shift+Enter", "Escape")
    script = AXE.read_text("utf-8")
    assert tab.axe_finds(script) == ""

    tab.cell(0).click(position={"x": 5, "y": 5})
    tab.press("Control+Alt+m")
    tab.page.locator(".composer textarea").fill("what is this?")
    tab.press("Control+Enter")
    tab.page.locator(".thread .words").wait_for()
    assert tab.axe_finds(script) == "", "with the comments"
    tab.press("Control+Alt+h")
    tab.page.locator(".moments .moment").nth(1).click()
    tab.page.locator(".past .diff-line").first.wait_for()
    assert tab.axe_finds(script) == "", "with the past"
