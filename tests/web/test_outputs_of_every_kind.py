"""Kinds of outputs that notebooks have: each is shown as what it is, and offers what one does with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.web.tabs import Service

RECORDING = """
import io, wave
from IPython.display import display
file = io.BytesIO()
with wave.open(file, "wb") as tone:
    tone.setnchannels(1), tone.setsampwidth(2), tone.setframerate(8000)
    tone.writeframes(bytes(16_000))
display({"audio/wav": file.getvalue(), "text/plain": "a recording"}, raw=True)
display({"video/mp4": b"no video", "text/plain": "a video"}, raw=True)
display({"application/pdf": b"%PDF-1.4 and so on", "text/plain": "a document"}, raw=True)
"""
FORMULAS = r"""
from IPython.display import Latex, Math
display(Latex(r"The sum $\sum_{i} i$ of \begin{equation}E=mc^2\end{equation}"))
display(Math(r"\frac{1}{2}"))
"""
ALTAIR = '''
from IPython.display import HTML
HTML("""<style>#viz.vega-embed { width: 100% }</style><div id="viz"></div>
<script type="text/javascript">
  (function(spec, embedOpt){
    function displayChart(vegaEmbed) { vegaEmbed("#viz", spec, embedOpt) }
    const script = Object.assign(document.createElement("script"), { src: "https://cdn.example.invalid/vega" });
    document.head.append(script);
  })({"mark": "bar", "data": {"values": [{"n": 1}, {"n": 2}]}, "encoding": {"x": {"field": "n", "type": "ordinal"},
      "y": {"field": "n", "type": "quantitative"}}}, {"mode": "vega-lite"});
</script>""".replace("\\n      ", " "))
'''
FRAME = """
import pandas
pandas.DataFrame({"city": ["Rome", "Oslo", "Lima"], "amount": [10.5, None, 9.25]})
"""
GAP = "pandas.DataFrame({'n': range(500)})"
DEFINED = "def half(number):\n    return number / 0"
FAILS = "half(1)"
LINKS = r"print('see https://jupyter.org/try. \x1b]8;;https://quire.example/\x07here\x1b]8;;\x07')"


def test_recordings_play_documents_are_saved_and_formulas_are_drawn(service: Service) -> None:
    tab = service.start(RECORDING, FORMULAS)
    tab.page.get_by_label("Run all cells").click()
    sound = tab.cell(0).locator("audio")
    tab.sees("its length", lambda: sound.count() == 1 and sound.evaluate("sound => sound.duration") == 1)
    tab.cell(0).get_by_text("This browser cannot play this video/mp4").wait_for()
    with tab.page.expect_download() as download:
        tab.cell(0).get_by_role("button", name="Save", exact=True).click()
    assert download.value.suggested_filename == "output.pdf"
    assert Path(download.value.path()).read_bytes() == b"%PDF-1.4 and so on"

    tab.sees("three formulas", lambda: tab.cell(1).locator(".katex-html").count() == 3)
    assert "The sum" in tab.output(1)
    assert tab.cell(1).locator(".katex-error").count() == 0
    assert tab.cell(1).locator(".katex-display").count() == 2
    assert service.errors == []


def test_a_chart_of_altair_is_drawn_by_the_pages_own_vega(service: Service) -> None:
    tab = service.start(ALTAIR)
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    frame = tab.cell(0).frame_locator("iframe")
    tab.sees("two bars", lambda: frame.locator(".mark-rect path").count() == 2)
    assert [url for url in service.requests if "example.invalid" in url] == []


def test_a_data_frame_is_sorted_by_its_heads_unless_it_has_a_gap(service: Service) -> None:
    tab = service.start(FRAME, GAP)
    tab.page.get_by_label("Run all cells").click()
    frame = tab.cell(0).frame_locator("iframe")
    amount = frame.get_by_role("columnheader", name="amount")

    def cities() -> list[str]:
        return [str(text) for text in frame.locator("tbody tr td:nth-child(2)").all_inner_texts()]

    amount.click()
    assert cities() == ["Lima", "Rome", "Oslo"]
    amount.press("Enter")
    assert cities() == ["Rome", "Lima", "Oslo"], "what is missing is last"
    assert amount.get_attribute("aria-sort") == "descending"
    amount.press("Enter")
    assert cities() == ["Rome", "Oslo", "Lima"]
    gap = tab.cell(1).frame_locator("iframe").locator("thead th").last
    gap.wait_for()
    assert gap.get_attribute("aria-sort") is None


def test_a_traceback_leads_to_the_line_of_the_cell_and_addresses_in_streams_are_links(service: Service) -> None:
    tab = service.start(DEFINED, FAILS, LINKS)
    for number in range(3):
        tab.cell(number).locator(".cm-line").first.click()
        tab.press("Control+Enter")
    here, named = tab.cell(2).locator(".outputs a").nth(0), tab.cell(2).locator(".outputs a").nth(1)
    named.wait_for()
    assert (here.inner_text(), here.get_attribute("href")) == ("https://jupyter.org/try", "https://jupyter.org/try")
    assert (named.inner_text(), named.get_attribute("href")) == ("here", "https://quire.example/")
    assert named.get_attribute("rel") == "noopener noreferrer"

    tab.cell(1).get_by_role("button", name="In[1]").click()
    tab.sees("the cell is chosen", lambda: tab.selected() == [0])
    assert tab.page.evaluate("getSelection().toString()").strip() == "return number / 0"
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")  # it has another number now
    tab.sees("it ran again", lambda: tab.cell(0).locator(".count").text_content() == "4")
    old = tab.cell(1).get_by_role("button", name="In[1]")
    old.click()
    tab.sees("it says so", old.is_disabled)
    assert service.errors == []


COLOURS = r"""
import ipywidgets
text = "\x1b[38;5;22mdark green\x1b[0m \x1b[38;5;229mpale yellow\x1b[0m \x1b[31mred\x1b[0m"
print(text)
captured = ipywidgets.Output()
with captured:
    print(text)
captured
"""
LIGHTNESS = """span => Number(/^oklch\\(([\\d.]+)/.exec(getComputedStyle(span).color)[1])"""


def test_exact_colours_of_terminal_text_can_be_read_on_either_paper_also_in_a_widget(service: Service) -> None:
    tab = service.start(COLOURS)
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    in_frame = tab.cell(0).frame_locator("iframe")
    in_frame.get_by_text("dark green").wait_for()
    for scheme in ("light", "dark"):
        tab.page.emulate_media(color_scheme=scheme)
        for place in (tab.cell(0), in_frame):
            exact = [place.get_by_text(name, exact=True) for name in ("dark green", "pale yellow")]

            def is_readable(exact: list[Any] = exact, scheme: str = scheme) -> bool:
                found = [text.evaluate(LIGHTNESS) for text in exact]
                return all(one <= 0.56 if scheme == "light" else one >= 0.71 for one in found)

            tab.sees(f"readable in {scheme}", is_readable)
    red = "span => getComputedStyle(span).color !== getComputedStyle(span.parentElement).color"
    assert in_frame.get_by_text("red", exact=True).evaluate(red)
    tab.page.emulate_media(color_scheme="light")
    assert service.errors == []
