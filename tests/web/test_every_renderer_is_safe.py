"""Whatever an output claims to be, what is hostile in it reaches neither page nor hub nor another machine."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.web.tabs import Service
from tests.web.test_hostile_contents_reach_nothing import ATTEMPTS

SHOW = "from IPython.display import display\ndisplay({%r: %s}, raw=True)"
IMAGE = "<img src=x onerror=\"parent.document.title='owned';document.title='owned'\">"
FAR = "https://example.invalid/stolen"
# Renderers that draw on the page itself: nothing in them may run.
ON_THE_PAGE = {
    "text/markdown": repr(
        f"shown {IMAGE} [link](javascript:document.title='owned') <form action={FAR}><button>x</form>"
    ),
    "text/latex": repr(rf"$\href{{javascript:document.title='owned'}}{{x}} \includegraphics{{{FAR}}}$"),
    "text/plain": repr(f"shown {IMAGE} \x1b]8;;javascript:document.title='owned'\x1b\\link"),
    "application/json": f"{{'shown': {IMAGE!r}, '__proto__': {{'polluted': 1}}}}",
    "application/vnd.dataresource+json": f"{{'data': [{{{IMAGE!r}: {IMAGE!r}}}]}}",
    "image/svg+xml": repr(
        "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9' onload=\"document.title='owned'\">"
        f"<image href='{FAR}'/><script>document.title='owned'</script></svg>"
    ),
}
# Renderers that run code in a frame: it finds nothing there.
IN_A_FRAME = {
    "application/javascript": repr(
        f"(async () => {{{ATTEMPTS}\n element.textContent = 'done ' + JSON.stringify(found);}})()"
    ),
    "application/vnd.plotly.v1+json": (
        f"{{'data': [{{'x': [1], 'y': [1]}}], 'layout': {{'title': {{'text': {IMAGE + '<a href=' + FAR + '>t</a>'!r}}},"
        f" 'images': [{{'source': '{FAR}', 'sizex': 1, 'sizey': 1}}]}}}}"
    ),
    "application/vnd.vegalite.v5+json": (
        f"{{'data': {{'values': [{{'a': 1, 'u': '{FAR}'}}]}}, 'mark': 'image', 'encoding': {{'url': {{'field': 'u'}},"
        " 'href': {'value': \"javascript:document.title='owned'\"}, 'x': {'field': 'a'}}}"
    ),
    "text/html": repr(
        f"<p>shown</p><a id=out href='{FAR}' target=_top>out</a><a id=up href='{FAR}' target=_blank>up</a>"
        f"<form action='{FAR}' target=_top><button id=post>post</button></form>"
        f"<base href='{FAR}'><link rel=stylesheet href='{FAR}'><link rel=prefetch href='{FAR}'>"
        f"<object data='{FAR}'></object><iframe src='{FAR}'></iframe><video src='{FAR}'></video>"
    ),
}
LEAVES = SHOW % ("text/html", repr(f"<meta http-equiv=refresh content='0;{FAR}'>"))


def test_nothing_hostile_gets_out_of_any_renderer(service: Service) -> None:
    outputs = ON_THE_PAGE | IN_A_FRAME
    hub = service.home.address.url
    tab = service.start(*(SHOW % (mime, value.replace("%(hub)s", hub)) for mime, value in outputs.items()), LEAVES)
    address, title = tab.address, tab.page.title()
    frames = list(outputs)
    refused: list[str] = []  # by the browser, under the frame's policy, before anything was sent
    tab.page.on(
        "requestfailed",
        lambda request: refused.append(request.url) if (request.failure, request.url) == ("csp", FAR) else None,
    )
    tab.page.get_by_label("Run all cells").click()
    tab.sees("all have run", lambda: tab.cell(len(outputs)).get_attribute("data-status") == "done")

    for mime in ON_THE_PAGE:
        cell = tab.cell(frames.index(mime))
        cell.scroll_into_view_if_needed()
        cell.locator(".rich > .drawing > *").first.wait_for(state="attached")
        assert cell.locator("script, form, object, embed, [onerror], [onload], a[href^=javascript]").count() == 0, mime
    for mime in IN_A_FRAME:
        tab.cell(frames.index(mime)).scroll_into_view_if_needed()
        tab.cell(frames.index(mime)).locator("iframe.html-output").wait_for()

    def frame(mime: str):  # type: ignore[no-untyped-def]  # playwright's types are not imported here
        return tab.cell(frames.index(mime)).frame_locator("iframe.html-output")

    said = frame("application/javascript").locator("#output")
    tab.sees("the script has run", lambda: said.inner_text().startswith("done"))
    assert said.inner_text() == "done []"
    frame("application/vnd.plotly.v1+json").locator(".main-svg").first.wait_for()
    frame("application/vnd.vegalite.v5+json").locator("svg, canvas").first.wait_for()
    for press in ("#up", "#post", "#out"):
        frame("text/html").locator(press).click()
    tab.page.wait_for_timeout(500)  # for what must not happen

    assert (tab.address, tab.page.title()) == (address, title)
    assert len(tab.page.context.pages) == 1, "no window was opened"
    assert tab.page.evaluate("({}).polluted ?? null") is None
    far = [url for url in service.requests if urlsplit(url).scheme not in {"data", "blob"} and not url.startswith(hub)]
    assert far == refused
