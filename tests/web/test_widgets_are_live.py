"""ipywidgets and anywidget: drawn in frames, one state for everybody and the kernel, and no way out of the frame."""

from __future__ import annotations

from typing import Any

from tests.web.tabs import Service, Tab
from tests.web.test_hostile_contents_reach_nothing import ATTEMPTS

SLIDERS = """
import ipywidgets
slider = ipywidgets.IntSlider(description="speed", value=3)
other = ipywidgets.IntSlider(description="linked")
link = ipywidgets.jslink((slider, "value"), (other, "value"))
said = ipywidgets.Output()
@said.capture(clear_output=True)
def show(change):
    print("the kernel has", change.new)
slider.observe(show, "value")
ipywidgets.VBox([slider, said])
"""
BYTES = """
import anywidget, traitlets
class Bytes(anywidget.AnyWidget):
    _esm = '''
    export default { render({ model, el }) {
      const show = () => {
        const sent = [...new Uint8Array(model.get("sent").buffer)].join();
        el.innerHTML = `<p>sent ${sent}</p><button>answer</button>`;
        el.querySelector("button").onclick = () => {
          model.set("got", new DataView(new Uint8Array([7, 8, 9]).buffer));
          model.save_changes();
          model.send({ question: "and?" }, undefined, [new Uint8Array([4, 5]).buffer]);
        };
      };
      model.on("change:sent", show);
      model.on("msg:custom", (content, buffers) => {
        el.insertAdjacentText("beforeend", `heard ${content.answer} with ${buffers[0].getUint8(1)}`);
      });
      show();
    } };
    '''
    sent = traitlets.Bytes(b"\\x01\\x02").tag(sync=True)
    got = traitlets.Any(b"").tag(sync=True)
widget = Bytes()
def hear(_, content, buffers):
    widget.send({"answer": f"{content['question']} {bytes(buffers[0]).hex()} {bytes(widget.got).hex()}"}, [b"ab"])
widget.on_msg(hear)
widget
"""
HOSTILE = """
import anywidget
class Hostile(anywidget.AnyWidget):
    _esm = '''
    export default { async render({ model, el }) {
      %s
      el.innerHTML = "<p id=found></p>";
      el.firstChild.textContent = "done " + JSON.stringify(found);
    } };
    '''
Hostile()
"""


def slider(tab: Tab, cell: int, label: str = "speed") -> Any:
    """A slider in a cell's outputs."""
    return tab.cell(cell).frame_locator(".html-output").locator(".widget-slider", has_text=label)


def push(tab: Tab, cell: int, key: str) -> None:
    """Move the slider of a cell with a key."""
    slider(tab, cell).locator(".noUi-handle").press(key)


def value(tab: Tab, cell: int, label: str = "speed") -> str:
    """What a slider shows."""
    return str(slider(tab, cell, label).locator(".widget-readout").inner_text())


def test_people_move_one_slider_and_agree_with_each_other_and_the_kernel(service: Service) -> None:
    ada = service.start(SLIDERS, "slider", "other")
    ada.page.get_by_label("Run all cells").click()
    slider(ada, 2, "linked").wait_for()
    bob = service.tab(ada.address)
    ada.sees("a late joiner sees the state", lambda: value(bob, 0) == "3")

    push(ada, 0, "ArrowRight")
    printed = bob.cell(0).frame_locator(".html-output").locator(".captured")
    ada.sees("what the callback printed", lambda: printed.inner_text().strip() == "the kernel has 4")
    for tab in (ada, bob):
        tab.sees("both cells are in step", lambda t=tab: (value(t, 0), value(t, 1)) == ("4", "4"))
        tab.sees("what is linked follows", lambda t=tab: value(t, 2, "linked") == "4")

    for _ in range(5):  # both at once
        push(ada, 0, "ArrowRight")
        push(bob, 1, "ArrowLeft")
    shown = [(tab, cell) for tab in (ada, bob) for cell in (0, 1)]
    ada.sees("all agree", lambda: len({value(tab, cell) for tab, cell in shown}) == 1)
    agreed = value(ada, 0)
    ada.sees("with the kernel", lambda: printed.inner_text().strip() == f"the kernel has {agreed}")
    assert service.errors == []


def test_an_anywidget_talks_with_the_kernel_in_bytes(service: Service) -> None:
    tab = service.start(BYTES, "widget.sent = bytes(range(200, 202)) * 1000")
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    frame = tab.cell(0).frame_locator(".html-output")
    frame.get_by_text("sent 1,2").wait_for()
    frame.get_by_text("answer").click()
    frame.get_by_text("heard and? 0405 070809 with 98").wait_for()
    tab.cell(1).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    frame.get_by_text("200,201,200,201").wait_for()  # two kilobytes: a blob


def test_a_widget_goes_with_its_kernel_and_says_so(service: Service) -> None:
    tab = service.start("import ipywidgets; ipywidgets.IntSlider(description='speed')")
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    slider(tab, 0).wait_for()
    tab.page.get_by_label("Restart the kernel").click()
    tab.page.get_by_role("button", name="Restart", exact=True).click()
    tab.cell(0).get_by_text("This widget went with its kernel").wait_for()
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    slider(tab, 0).wait_for()


def test_the_code_of_a_widget_reaches_nothing(service: Service) -> None:
    tab = service.start(HOSTILE % ATTEMPTS % {"hub": service.home.address.url})
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    found = tab.cell(0).frame_locator(".html-output").locator("#found")
    tab.sees("it has run", lambda: found.inner_text().startswith("done"))
    assert found.inner_text() == "done []"
    assert tab.address.startswith(f"{service.home.address.url}/notebooks/")
    assert [url for url in service.requests if "example.invalid" in url] == []
