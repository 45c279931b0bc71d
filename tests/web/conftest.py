"""A real browser on a real service: headless Chromium, hub, daemon and kernel.

Without Chromium or playwright these tests are skipped, and say so; with QUIRE_TEST_BROWSER=required, as on CI, they
fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from clients.cli.web_page import web_page
from tests.cli.services import Home
from tests.web.tabs import CHROMIUM_FLAGS, Browser, Service

REQUIRED: Final = os.environ.get("QUIRE_TEST_BROWSER") == "required"
if REQUIRED:
    import playwright.sync_api as playwright
else:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: the page is NOT tested")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser. For one module at a time: playwright keeps an event loop running in this thread."""
    chromium = shutil.which("chromium")
    missing = "chromium is not installed" if chromium is None else "the page was not built" if not web_page() else None
    if missing is not None:
        if REQUIRED:
            pytest.fail(f"{missing}, and QUIRE_TEST_BROWSER=required")
        pytest.skip(f"{missing}: the page is NOT tested")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def service(tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service of its own; whatever runs under it when the test ends is killed."""
    monkeypatch.setenv("QUIRE_HOME", str(tmp_path / "home"))
    with Home.at(tmp_path / "home") as home:
        service = Service(home, tmp_path / "work" / "book.ipynb", browser)
        yield service
        service.close()
