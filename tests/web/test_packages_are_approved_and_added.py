"""What a notebook installs, seen and decided in the page: the question, the approval, a package that was missing."""

from __future__ import annotations

import json
from pathlib import Path

from tests.web.tabs import Service, Tab


def test_the_page_asks_installs_and_adds_what_is_missing(service: Service, wheels: Path) -> None:
    uv = {"dependencies": ["tiny==1"], "find-links": [str(wheels)], "no-index": True}
    cells = [
        {"id": f"c{n}", "cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        for n, source in enumerate(["import tiny; print(tiny.version)", "import small; print(small.version)"])
    ]
    metadata = {"quire": {"uv": uv}}
    service.notebook.parent.mkdir(parents=True, exist_ok=True)
    told = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}
    service.notebook.write_text(json.dumps(told))

    tab = service.open()
    question = tab.page.get_by_role("group", name="Approve what is installed")
    question.wait_for()
    assert question.locator("li").all_inner_texts() == ["tiny==1", f"with find-links {wheels}", "with no-index"]
    tab.page.get_by_label("Run all cells").click()
    tab.page.locator(".environment-phase.waiting").wait_for()
    question.get_by_role("button", name="Approve and install").click()
    tab.sees("it was installed and runs", lambda: tab.output(0) == "1.0")
    _shows(tab, "tiny==1", "1.0")

    tab.sees("what is missing", lambda: "No module named 'small'" in tab.output(1))
    tab.cell(1).locator("[data-mark=packages]").click()
    _shows(tab, "small", "1.0")
    tab.cell(1).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    tab.sees("the running kernel has it", lambda: tab.output(1) == "1.0")
    tab.cell(1).locator("[data-mark=packages]").wait_for(state="detached")
    assert service.errors == []


def _shows(tab: Tab, requirement: str, version: str) -> None:
    """The panel lists this package with this version."""
    row = tab.page.get_by_role("list", name="Packages").locator("li", has_text=requirement)
    tab.sees(f"{requirement} in the panel", lambda: row.count() == 1 and version in row.inner_text())
