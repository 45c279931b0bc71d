"""Outputs and texts of strangers: they may run in their frame, and reach neither page nor cookie nor hub."""

from __future__ import annotations

from tests.web.tabs import Service

# What hostile code tries; "%(hub)s" is the hub's address. What succeeds is noted in `found`.
ATTEMPTS = """
const found = [];
const attempt = async (name, act) => {
  try { const got = await act(); if (got) found.push(name + ": " + got); } catch (error) {}
};
await attempt("cookie", () => document.cookie);
await attempt("storage", () => localStorage.length + 1);
await attempt("page", () => parent.document.title);
await attempt("fetch", async () => (await fetch("%(hub)s/v1/notebooks", {credentials: "include"})).status);
await attempt("opaque fetch", async () => (await fetch("%(hub)s/v1/notebooks", {mode: "no-cors"})).type);
await attempt("socket", () => new Promise((resolve, reject) => {
  const socket = new WebSocket("%(hub)s".replace("http", "ws") + "/v1/server/sync");
  socket.onopen = () => resolve("open");
  socket.onerror = () => reject();
}));
await attempt("image", () => new Promise((resolve, reject) => {
  const image = new Image();
  image.onload = () => resolve("loaded");
  image.onerror = () => reject();
  image.src = "%(hub)s/quire.svg";
}));
await attempt("window", () => open("%(hub)s/"));
await attempt("top", () => { top.location = "https://example.invalid/"; });
"""
ATTACK = """
from IPython.display import HTML
HTML('''<p id="found">nothing</p><script>
(async () => {
  %(attempts)s
  document.getElementById("found").textContent = "done " + JSON.stringify(found);
})();
</script>''')
"""


def test_a_script_in_an_output_runs_in_its_frame_and_reaches_nothing(service: Service) -> None:
    tab = service.start("pass")
    hub = service.home.address.url
    assert service.kept_cookie.startswith("quire_")
    tab.click_into(0, line=0)
    tab.page.evaluate("document.execCommand('selectAll')")
    tab.page.keyboard.insert_text(ATTACK % {"attempts": ATTEMPTS % {"hub": hub}})
    tab.press("Control+Enter")
    found = tab.page.frame_locator(".html-output").locator("#found")
    tab.sees("the script has run", lambda: found.inner_text().startswith("done"))
    assert found.inner_text() == "done []"
    assert tab.address.startswith(f"{hub}/notebooks/")


def test_a_frame_that_goes_elsewhere_gets_nowhere(service: Service) -> None:
    tab = service.start(
        "from IPython.display import HTML; HTML('<p>leaving</p><script>location = \"/v1/notebooks\"</script>')",
        "from IPython.display import HTML; HTML('<script>location = \"https://example.invalid/?secret\"</script>')",
    )
    tab.page.get_by_label("Run all cells").click()
    tab.sees("both have run", lambda: tab.cell(1).get_attribute("data-status") == "done")
    tab.page.wait_for_timeout(1000)  # for what must not happen
    assert all("notebook_id" not in frame.content() for frame in tab.page.frames[1:])
    assert not [url for url in service.requests if "example.invalid" in url]


def test_markup_in_text_cells_and_streams_runs_nothing(service: Service) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    tab = service.start(f"print('''{evil}''')\nfrom IPython.display import Markdown\nMarkdown('''shown {evil}''')")
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    tab.sees("the stream is text", lambda: evil in tab.output(0))
    tab.cell(0).locator(".prose", has_text="shown").wait_for()
    assert tab.page.title().startswith("book.ipynb")
    assert tab.cell(0).locator("script, [onerror]").count() == 0


def test_no_request_leaves_the_machine(service: Service) -> None:
    tab = service.start("from IPython.display import Markdown; Markdown('![far](https://example.invalid/x.png)')")
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    tab.sees("the image is named", lambda: "[image: far]" in tab.output(0))
    hub = service.home.address.url
    assert len(service.requests) > 3
    assert [url for url in service.requests if not url.startswith((hub, "data:", "blob:"))] == []
