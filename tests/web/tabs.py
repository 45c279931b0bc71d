"""Tabs of a browser on one notebook, and what a person sees in them and does with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from clients.cli.hub_http import HubHttp
from tests.cli.services import Home, until, write_notebook

# playwright's types are not imported here: it may not be installed, and then these tests say so by themselves.
Browser = Any
Context = Any
Page = Any

CHROMIUM_FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE: Final = Path(__file__).parents[2] / "clients" / "web" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE: Final = 60_000  # milliseconds
_TEXT: Final = """cell => {
  const lines = [...cell.querySelectorAll('.cm-line')].map(line => {
    const copy = line.cloneNode(true);
    copy.querySelectorAll('.remote-caret').forEach(caret => caret.remove());
    return copy.textContent;
  });
  return lines.join('\\n');
}"""

_AXE_RUN: Final = """async checks => {
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);  // the page has taken the scheme
  return (await axe.run(checks)).violations;
}"""


def new_person(browser: Browser) -> Context:
    """A browser context of their own: cookies, cache and storage."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(PATIENCE)
    return context


class Service:
    """A notebook in a service, and the browser of one person who has it open."""

    def __init__(self, home: Home, notebook: Path, context: Context) -> None:
        self.home, self.notebook, self._context = home, notebook, context
        self.requests: list[str] = []
        self.errors: list[str] = []

    def start(self, *sources: str) -> Tab:
        """Open a notebook of these code cells in the service; the tab of this person, who logs in."""
        write_notebook(self.notebook, *sources)
        return self.open()

    def open(self) -> Tab:
        """Open the notebook as it is on the disk; the tab of this person, who logs in."""
        entry = self.home.server("hub")
        assert entry is not None, "the service runs"
        hub = HubHttp.of(entry)
        notebook_id = hub.open_notebook(self.notebook)
        return self.tab(hub.login_link(f"/notebooks/{notebook_id}"))

    def tab(self, address: str, held_back: tuple[str, Callable[[Any], object]] | None = None) -> Tab:
        """Another tab. `held_back`: requests to addresses like this one are given to this function instead."""
        page = self._context.new_page()
        if held_back is not None:
            page.route(*held_back)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(address)
        return Tab(page)

    @property
    def kept_cookie(self) -> str:
        """The name of the cookie that the hub gave to the browser; it gave one."""
        (cookie,) = self._context.cookies()
        assert cookie["httpOnly"]
        return str(cookie["name"])

    def close(self) -> None:
        """Close all tabs, and have the browser forget what it kept; it stays logged in and keeps the page's files."""
        if not self._context.pages:
            return
        *others, last = self._context.pages
        for page in others:
            page.close()
        last.goto("about:blank")
        browser = self._context.new_cdp_session(last)
        kept = "indexeddb,local_storage"
        browser.send("Storage.clearDataForOrigin", {"origin": self.home.address.url, "storageTypes": kept})
        last.close()


class Tab:
    """One tab on a notebook."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.wait_for_selector(".cell")

    @property
    def address(self) -> str:
        """What stands in its address bar."""
        return str(self.page.url)

    def cell(self, number: int) -> Any:
        """The cell at this place, counted from 0."""
        return self.page.locator(".cell").nth(number)

    def text(self, number: int) -> str:
        """What the editor of a cell shows."""
        return str(self.cell(number).evaluate(_TEXT))

    def texts(self) -> list[str]:
        """What all editors show, in order."""
        return [self.text(number) for number in range(self.page.locator(".cell").count())]

    def selected(self) -> list[int]:
        """The places of the selected cells."""
        looks = self.page.locator(".cell").evaluate_all(
            "cells => cells.map(cell => cell.classList.contains('selected'))"
        )
        return [number for number, is_selected in enumerate(looks) if is_selected]

    def click_into(self, number: int, *, line: int, at_end: bool = True) -> None:
        """Put the cursor at an end of a line of a cell's editor."""
        self.cell(number).locator(".cm-line").nth(line).click()
        self.page.keyboard.press("End" if at_end else "Home")

    def type(self, text: str) -> None:
        """Type where the cursor is."""
        self.page.keyboard.type(text)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def leave_cell(self) -> None:
        """Go from the editor to its cell, as a person does: Escape first closes what may be open over it."""
        while self.page.locator(".cell.editing").count() > 0:
            self.press("Escape")

    def sees(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait until something is so on the page; what it is, for the one who reads the failure."""
        try:
            until(lambda: bool(self.page.evaluate("1")) and condition())
        except AssertionError:
            raise AssertionError(f"{what}: {json.dumps(self.texts())}, {self.saving!r}") from None

    @property
    def saving(self) -> str:
        """What the page says about where the notebook is safe; of edits on their way before it does so in words."""
        words, is_busy = self.page.locator(".saving").evaluate(
            "saving => [saving.innerText, saving.ariaBusy === 'true']"
        )
        return "Saving…" if is_busy and words.startswith("Saved") else str(words)

    def axe_finds(self) -> str:
        """What axe, which was put into the page, finds wrong for a keyboard or a screen reader, in light and in dark.

        Nothing but colours differs between the two.
        """
        wrong: list[str] = []
        for scheme, checks in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found: list[dict[str, Any]] = self.page.evaluate(_AXE_RUN, checks)
            wrong += [f"{scheme}: {one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]
        return "\n".join(wrong)

    def output(self, number: int) -> str:
        """The text of a cell's outputs."""
        return str(self.cell(number).locator(".outputs").inner_text()).strip()
