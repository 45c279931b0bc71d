"""Widgets of packages that bring an AMD module, as most from before JupyterLab do: drawn, live, in the same frame."""

from __future__ import annotations

from typing import Any

from tests.web.tabs import Service, Tab

FIGURE = """
%matplotlib widget
import matplotlib.pyplot as plt
figure, axes = plt.subplots(figsize=(5, 3))
axes.plot([1, 3, 2])
pressed = []
figure.canvas.mpl_connect("button_press_event", lambda event: pressed.append((event.button, event.inaxes is axes)))
plt.show()
"""
CANVAS = """
from ipycanvas import Canvas
canvas = Canvas(width=200, height=100)
canvas.fill_style = "#008080"
canvas.fill_rect(10, 10, 80, 50)
canvas.on_mouse_down(lambda x, y: print("pressed at", x > 20, y > 10))
canvas
"""
PIXEL = """canvas => {
  const ratio = canvas.width / canvas.offsetWidth;
  return [...canvas.getContext('2d').getImageData(30 * ratio, 30 * ratio, 1, 1).data];
}"""
ASKS = """
import anywidget
class Asks(anywidget.AnyWidget):
    _esm = '''
    export default { render({ el }) {
      addEventListener("message", ({ data: { message } }) => {
        if (message?.module) el.append(`${message.module}: ${message.code === null ? "refused" : "read"}. `);
      });
      const names = ["../../../pyvenv", "a/../../labextensions/anywidget/package", "/etc/passwd", "anywidget/index"];
      for (const module of names) parent.postMessage({ quireSays: { module } }, "*");
    } };
    '''
Asks()
"""


def run(tab: Tab, cell: int) -> None:
    """Run a cell by its keys."""
    tab.cell(cell).locator(".cm-line").first.click()
    tab.press("Control+Enter")


def drawn(tab: Tab, cell: int) -> Any:
    """The frame of a cell's output."""
    return tab.cell(cell).frame_locator(".html-output")


def test_a_matplotlib_figure_is_live_and_what_is_pressed_in_it_reaches_the_kernel(service: Service) -> None:
    tab = service.start(FIGURE, "pressed")
    run(tab, 0)
    canvas = drawn(tab, 0).locator("canvas").last
    canvas.wait_for()
    tab.sees("the figure", lambda: canvas.bounding_box()["width"] >= 500)
    canvas.click(position={"x": 250, "y": 150})
    drawn(tab, 0).get_by_text("(x, y) =").wait_for()  # the kernel says where the pointer is
    run(tab, 1)
    tab.sees("it was pressed in the axes", lambda: "True)]" in tab.output(1))
    assert service.errors == []


def test_what_is_drawn_on_a_canvas_before_it_is_shown_is_there(service: Service) -> None:
    tab = service.start(CANVAS)
    run(tab, 0)
    canvas = drawn(tab, 0).locator("canvas").first
    tab.sees("the rectangle", lambda: canvas.evaluate(PIXEL) == [0, 128, 128, 255])
    canvas.click(position={"x": 30, "y": 20})
    tab.cell(0).get_by_text("pressed at True True").wait_for()  # the kernel says so
    assert service.errors == []


def test_a_frame_that_asks_for_other_files_gets_none(service: Service) -> None:
    tab = service.start(ASKS)
    run(tab, 0)
    shown = drawn(tab, 0).locator("#output")
    tab.sees("all are answered", lambda: len(shown.inner_text().split(". ")) >= 4)
    answers = dict(one.strip(" .").split(": ") for one in shown.inner_text().split(". ") if one.strip())
    assert {name for name, answer in answers.items() if answer == "read"} == {"anywidget/index"}
    assert len(answers) == 4
