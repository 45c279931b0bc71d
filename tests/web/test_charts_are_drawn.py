"""Plotly figures and Vega charts: drawn by the page's own copies of the libraries, in the frame, without a network."""

from __future__ import annotations

from tests.web.tabs import Service

VEGA = """
from IPython.display import display
bars = {"mark": "bar", "width": "container", "height": 100,
        "transform": [{"calculate": "datum.n * 2", "as": "twice"}],
        "data": {"values": [{"n": 1}, {"n": 2}, {"n": 3}]},
        "encoding": {"x": {"field": "n", "type": "ordinal"}, "y": {"field": "twice", "type": "quantitative"}}}
display({"application/vnd.vegalite.v5+json": bars, "text/plain": "a chart"}, raw=True)
"""
PLOTLY = """
from IPython.display import display
figure = {"data": [{"type": "bar", "x": ["a", "b"], "y": [1, 2]}],
          "layout": {"title": {"text": "Two bars"}, "height": 300}}
display({"application/vnd.plotly.v1+json": figure, "text/html": "<p>not this</p>"}, raw=True)
"""
FAR = """
from IPython.display import display
display({"application/vnd.vegalite.v5+json": {"mark": "point", "data": {"url": "https://example.invalid/cars.json"},
         "encoding": {"x": {"field": "a"}}}}, raw=True)
"""


def test_charts_are_drawn_in_the_frame_and_what_they_ask_of_the_network_is_refused_visibly(service: Service) -> None:
    tab = service.start(VEGA, PLOTLY, FAR)
    before = [url for url in service.requests if "/plotly-" in url or "/vega-" in url]
    tab.page.get_by_label("Run all cells").click()

    chart = tab.cell(0).frame_locator("iframe")
    tab.sees("three bars", lambda: chart.locator(".mark-rect path").count() == 3)
    tab.sees("the chart is as wide as the cell", lambda: chart.locator("svg.marks").bounding_box()["width"] > 700)

    figure = tab.cell(1).frame_locator("iframe")
    figure.get_by_text("Two bars").wait_for()
    tab.sees("two bars", lambda: figure.locator(".bars .point").count() == 2)
    width = tab.cell(1).locator("iframe").bounding_box()["width"]
    tab.page.set_viewport_size({"width": 700, "height": 900})
    tab.sees("the figure became narrower", lambda: figure.locator(".main-svg").first.bounding_box()["width"] < width)

    notice = "Outputs have no network. This one asked for example.invalid"
    tab.cell(2).frame_locator("iframe").get_by_text(notice).wait_for()
    assert before == []  # nobody waits for a library that no output needs
    assert [url for url in service.requests if "example.invalid" in url] == []
