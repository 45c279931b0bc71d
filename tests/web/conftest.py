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
from tests.web.tabs import CHROMIUM_FLAGS, Browser, Context, Service, new_person

REQUIRED: Final = os.environ.get("QUIRE_TEST_BROWSER") == "required"
if REQUIRED:
    import playwright.sync_api as playwright
else:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: the page is NOT tested")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser. For this folder alone: playwright keeps an event loop running in this thread."""
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


@pytest.fixture(scope="package")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The service that the tests here share; it takes seconds to start."""
    with Home.at(tmp_path_factory.mktemp("web") / "home") as home:
        home.up()
        yield home


@pytest.fixture(scope="package")
def person(browser: Browser) -> Iterator[Context]:
    """The person whom the tests here share: a browser that compiles the page anew takes a second."""
    context = new_person(browser)
    yield context
    context.close()


@pytest.fixture
def service(shared_home: Home, tmp_path: Path, person: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A notebook of its own, in the service and browser that all share: leave the processes as they are."""
    monkeypatch.setenv("QUIRE_HOME", str(shared_home.folder))
    service = Service(shared_home, tmp_path / "work" / "book.ipynb", person)
    yield service
    service.close()


@pytest.fixture(scope="package")
def restless_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A second service, for tests that kill its hub; the service starts it again."""
    with Home.at(tmp_path_factory.mktemp("restless") / "home") as home:
        home.up()
        yield home


@pytest.fixture
def own_service(
    restless_home: Home, tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """A notebook and a browser context of its own in a service whose hub the test may kill."""
    monkeypatch.setenv("QUIRE_HOME", str(restless_home.folder))
    context = new_person(browser)
    yield Service(restless_home, tmp_path / "work" / "book.ipynb", context)
    context.close()
