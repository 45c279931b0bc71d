"""Running cells from the page: outputs, errors, the kernel, and the requests that a page makes."""

from __future__ import annotations

from tests.web.tabs import Service


def test_a_cell_runs_as_it_was_typed_and_its_output_appears(service: Service) -> None:
    tab = service.start("print(6 * 7)")
    tab.click_into(0, line=0)
    tab.type("; print('\\033[31mred\\033[0m')")
    tab.press("Shift+Enter")
    tab.sees("the output", lambda: tab.output(0) == "42\nred")
    assert tab.cell(0).locator(".ansi-fg-1").inner_text() == "red"
    tab.sees("the kernel rests", lambda: tab.page.locator(".kernel").inner_text().endswith("idle"))
    tab.sees("it has a number", lambda: tab.cell(0).locator(".count").text_content() == "1")


def test_a_cell_is_formatted_by_a_key_and_where_that_is_set_before_it_runs(service: Service) -> None:
    tab = service.start("x=[1,2]", "print( 6*7 )")
    tab.click_into(0, line=0)
    tab.type("#mine")
    tab.sees("the server is there", lambda: tab.saving.startswith("Saved"))
    tab.press("Alt+Shift+F")
    tab.sees("it is formatted", lambda: tab.text(0) == "x = [1, 2]  # mine")
    tab.press("Control+z")
    tab.sees("it was one step", lambda: tab.text(0) == "x=[1,2]#mine")
    settings = service.home.folder / "settings.toml"

    def runs_formatted() -> bool:
        tab.press("Control+Enter")
        return tab.text(1) == "print(6 * 7)"

    try:
        settings.write_text('formatting = "on_run"\n')
        tab.click_into(1, line=0)
        tab.sees("it is formatted before it runs, once the page knows of the setting", runs_formatted)
        tab.sees("and it runs", lambda: tab.output(1) == "42")
        for number in (43, 44, 45):  # who asks again before it is formatted has it formatted once
            tab.click_into(1, line=0)
            tab.press("Control+a")
            tab.type(f"print( {number}*1 )")
            tab.press("Control+Enter", "Control+Enter", "Control+Enter")
            tab.sees("it ran", lambda: tab.output(1) == str(number))  # noqa: B023 it is called at once
            assert tab.text(1) == f"print({number} * 1)"
    finally:
        settings.write_text('formatting = "never"\n')
    assert service.errors == []


def test_all_cells_run_in_order_until_one_fails(service: Service) -> None:
    tab = service.start("a = 1", "a / 0", "print('never')")
    tab.page.get_by_label("Run all cells").click()
    tab.sees("the error", lambda: "ZeroDivisionError: division by zero" in tab.output(1))
    tab.cell(2).locator(".run-status", has_text="cancelled").wait_for()
    assert "never" not in tab.output(2)


def test_a_running_cell_is_seen_to_run_and_can_be_interrupted(service: Service) -> None:
    tab = service.start("import time; print('begun', flush=True); time.sleep(600)", "1", "2")
    tab.page.get_by_label("Run all cells").click()
    tab.sees("it has begun", lambda: "begun" in tab.output(0))
    assert tab.cell(0).get_attribute("data-status") == "running"
    assert tab.cell(1).locator(".run-status").inner_text() == "next"
    assert tab.cell(2).locator(".run-status").inner_text() == "queue 2"
    for number in range(3):
        input, label = (tab.cell(number).locator(part).bounding_box() for part in (".input", ".run-status"))
        assert input["y"] < label["y"], "what it says stands beside its line"
        assert label["y"] + label["height"] < input["y"] + input["height"]
    tab.cell(2).hover()
    tab.cell(2).get_by_role("button", name="Stop this cell").click()
    tab.cell(2).locator(".run-status", has_text="cancelled").wait_for()
    tab.page.get_by_role("button", name="Interrupt").click()
    tab.sees("it was interrupted", lambda: "KeyboardInterrupt" in tab.output(0))


def test_rich_outputs_are_shown(service: Service) -> None:
    tab = service.start(
        "from IPython.display import *; import json\n"
        "display(Markdown('**bold** $x^2$'), JSON({'key': [1, 2]}), Latex('$E = mc^2$'))\n"
        'box = \'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><rect width="9" height="9"/></svg>\'\n'
        "display(SVG(box))\n"
        "display(HTML('<table><tr><td>in a frame</td></tr></table>'))\n"
        "{'plain': True}"
    )
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    tab.cell(0).locator("strong", has_text="bold").wait_for()
    tab.cell(0).locator(".math math").first.wait_for()
    tab.cell(0).locator(".json-key", has_text="key").wait_for()
    tab.cell(0).locator("img[src^='blob:']").wait_for()
    tab.page.frame_locator(".html-output").get_by_text("in a frame").wait_for()
    frame = tab.cell(0).locator("iframe")
    tab.sees("the frame is as tall as the table", lambda: 10 < frame.bounding_box()["height"] < 60)
    tab.sees("the result", lambda: "{'plain': True}" in tab.output(0))


def test_a_very_long_stream_is_there_from_end_to_end_and_read_by_ranges(service: Service) -> None:
    tab = service.start("for n in range(200_000): print(f'line {n:06}')")
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    tab.sees("it has run", lambda: tab.cell(0).get_attribute("data-status") == "done")
    stream = tab.cell(0).locator("pre.pieces")
    stream.get_by_text("line 000000").wait_for()
    tab.cell(0).get_by_text("2.4 MB").wait_for()

    def at_its_end() -> bool:
        stream.evaluate("pre => { pre.scrollTop = pre.scrollHeight }")
        return "line 199999" in stream.inner_text()

    tab.sees("its end", at_its_end)
    assert "line 000000" not in stream.inner_text()  # what is far is let go
    assert stream.evaluate("pre => pre.textContent.length") < 1_000_000
    search = tab.cell(0).get_by_label("Search this output")
    search.fill("LINE 123456")
    search.press("Enter")
    shown = """pre => {
      const [range] = CSS.highlights.get('found');
      if (range === undefined) return '';
      const [mark, box] = [range.getBoundingClientRect(), pre.getBoundingClientRect()];
      return mark.top >= box.top && mark.bottom <= box.bottom ? range.toString() : '';
    }"""
    tab.sees("what was searched", lambda: stream.evaluate(shown) == "line 123456")


def test_a_cell_that_asks_for_input_is_answered_on_the_page(service: Service) -> None:
    tab = service.start("print('hello', input('name? '))")
    tab.cell(0).locator(".cm-line").first.click()
    tab.press("Control+Enter")
    field = tab.cell(0).get_by_label("name?")
    field.fill("Ada")
    field.press("Enter")
    tab.sees("the answer was read", lambda: "hello Ada" in tab.output(0))
    field.wait_for(state="detached")


def test_the_kernel_suggests_what_can_follow_a_dot(service: Service) -> None:
    tab = service.start("import math", "x = '🐦'; math")
    tab.page.get_by_label("Run all cells").click()
    tab.sees("both have run", lambda: tab.cell(1).get_attribute("data-status") == "done")
    tab.click_into(1, line=0)
    tab.type(".")
    tab.page.locator(".cm-tooltip-autocomplete", has_text="acosh").wait_for()
    tab.type("isq")
    tab.page.locator("li[aria-selected]", has_text="isqrt").wait_for()
    # Who types on without looking does not take a suggestion: for its first 75 ms a list takes no keys.
    tab.page.evaluate("new Promise(done => setTimeout(done, 200))")
    tab.press("Enter")
    tab.sees("it was taken", lambda: tab.text(1) == "x = '🐦'; math.isqrt")


def test_tab_takes_the_only_suggestion_and_private_names_come_last(service: Service) -> None:
    tab = service.start("class Box:\n    _hidden = 1\n    seen = 2\nbox = Box()", "box")
    tab.page.get_by_label("Run all cells").click()
    tab.sees("both have run", lambda: tab.cell(1).get_attribute("data-status") == "done")
    tab.click_into(1, line=0)
    tab.type(".s")  # without waiting for what can follow the dot
    tab.page.locator("li[aria-selected]", has_text="seen").wait_for()
    tab.leave_cell()
    tab.press("Enter", "End", "Tab")
    tab.sees("it is written", lambda: tab.text(1) == "box.seen")
    tab.press("Enter", "Control+Space")
    options = tab.page.locator(".cm-tooltip-autocomplete li")
    tab.sees("all names", lambda: options.count() > 20)
    told = options.all_inner_texts()
    assert not told[0].startswith("_")
    assert "unknown" not in " ".join(told)


def test_the_kernel_says_how_a_function_is_called_and_what_a_name_is(service: Service) -> None:
    tab = service.start("def greet(name, *, loudly=False):\n    'Say hello.'", "greet")
    tab.page.get_by_label("Run all cells").click()
    tab.sees("both have run", lambda: tab.cell(1).get_attribute("data-status") == "done")
    tab.cell(1).locator(".cm-line", has_text="greet").hover(position={"x": 30, "y": 8})
    tab.page.locator(".kernel-tip", has_text="Say hello.").wait_for()
    tab.click_into(1, line=0)
    tab.type("(")
    marked = tab.page.locator(".signature-tip b")
    tab.sees("the parameter at hand", lambda: marked.count() == 1 and marked.inner_text() == "name")
    tab.type("'you', loudly=")
    tab.sees("the named one", lambda: marked.count() == 1 and marked.inner_text() == "loudly=False")
    tab.press("Escape")
    tab.page.locator(".signature-tip").wait_for(state="detached")
    assert "editing" in str(tab.cell(1).get_attribute("class")), "Escape closed the tip alone"
    tab.press("Shift+Tab")
    tab.page.locator(".signature-tip", has_text="Say hello.").wait_for()
    tab.press("Shift+Tab")
    tab.page.locator(".kernel-tip", has_text="Docstring").wait_for()
    tab.press("Escape")
    tab.cell(1).locator(".cm-line", has_text="greet").hover(position={"x": 30, "y": 8})
    tab.page.locator(".kernel-tip", has_text="Say hello.").wait_for()
    tab.type(" ")
    tab.page.locator(".kernel-tip").wait_for(state="detached")


def test_who_asks_what_can_follow_is_told_why_nothing_is_suggested(service: Service) -> None:
    tab = service.start("pri", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)")
    tab.click_into(0, line=0)
    tab.press("Tab")
    note = tab.page.locator(".kernel-note")
    note.filter(has_text="No kernel runs yet").wait_for()
    tab.type("n")
    note.wait_for(state="detached")
    tab.cell(1).click(position={"x": 5, "y": 5})
    tab.press("Control+Enter")
    tab.page.locator(".kernel", has_text="running").wait_for()
    tab.click_into(0, line=0)
    tab.press("Control+Space")
    note.filter(has_text="Asking the kernel").wait_for()
    note.filter(has_text="The kernel did not answer.").wait_for()
    tab.press("Escape")
    note.wait_for(state="detached")
    assert tab.text(0) == "prin"


def test_a_dead_kernel_says_so_and_is_restarted_from_there(service: Service) -> None:
    tab = service.start("import os\nos._exit(3)")
    tab.page.get_by_label("Run all cells").click()
    tab.page.locator(".notice", has_text="exited with code 3").get_by_role("button", name="Restart…").click()
    tab.page.get_by_role("button", name="Restart", exact=True).click()
    tab.page.locator(".notice").wait_for(state="hidden")
    tab.sees("a fresh kernel", lambda: tab.page.locator(".kernel").inner_text().endswith("idle"))
