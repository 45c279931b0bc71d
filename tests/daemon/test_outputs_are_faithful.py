"""What a real kernel puts out is what a peer reads, in this order and to the letter."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from clients.peer.execution import Execution
from clients.peer.notebook import Notebook
from tests.daemon.service import notebook_file, running_service

PATIENCE = 60.0
Outputs = list[dict[str, Any]]


class Bench:
    """A notebook with a kernel, in which tests run one cell after the other."""

    def __init__(self, notebook: Notebook, runner: asyncio.Runner) -> None:
        self.notebook = notebook
        self._runner = runner

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        async def patiently() -> Any:
            async with asyncio.timeout(PATIENCE):
                return await work

        return self._runner.run(patiently())

    def run(self, source: str) -> Execution:
        """A new cell with this source, run to its end."""
        cell = self.notebook.cells.add(source)
        execution: Execution = self.do(cell.run())
        return execution

    def outputs(self, source: str) -> Outputs:
        found: Outputs = self.do(self.run(source).outputs())
        return found

    def text(self, source: str) -> str:
        """The one stream that this prints."""
        (stream,) = self.outputs(source)
        assert stream["output_type"] == "stream"
        return str(stream["text"])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def opened() -> Notebook:
            service = await stack.enter_async_context(running_service(folder))
            return await stack.enter_async_context(service.peer(notebook_file(folder, [])))

        notebook = runner.run(opened())
        yield Bench(notebook, runner)
        runner.run(stack.aclose())


def test_streams_alternate_as_they_were_written(bench: Bench) -> None:
    outputs = bench.outputs(
        "import sys\nfor n in range(3):\n  print('out', n, flush=True)\n  print('err', n, file=sys.stderr, flush=True)"
    )
    assert [(o["name"], o["text"]) for o in outputs] == [
        (name, f"{name[3:]} {n}\n") for n in range(3) for name in ("stdout", "stderr")
    ]


def test_a_progress_bar_reads_as_its_last_state(bench: Bench) -> None:
    loop = "import sys, time\nfor n in range(101): sys.stdout.write(f'\\r{n:3}% done'); sys.stdout.flush(); "
    assert bench.text(loop + "time.sleep(0.002)\nprint()") == "100% done\n"


def test_a_shorter_text_written_over_a_longer_one_leaves_its_rest(bench: Bench) -> None:
    assert bench.text("print('longer text\\rshort')") == "shortr text\n"


def test_backspaces_move_and_what_follows_overwrites(bench: Bench) -> None:
    assert bench.text("print('spinner |', end='', flush=True); print('\\b/', end='', flush=True); print('\\b-')") == (
        "spinner -\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "'a\\tb\\t\\tc\\n'",
        "'  indented, trailing   \\n\\n\\n'",
        "'x' * 200_000 + '\\n'",
        "'ÄÖÜ 😀 e\u0301 \\u202e\\n'",
        "'no newline'",
        "'\\x0b\\x0c\\n'",
    ],
    ids=["tabs", "spaces and empty lines", "a long line", "any Unicode", "without a newline", "other controls"],
)
def test_text_is_what_was_printed(bench: Bench, text: str) -> None:
    expected = eval(text)
    assert bench.text(f"print({text}, end='')") == expected


def test_colours_are_kept(bench: Bench) -> None:
    assert bench.text("print('\\x1b[31mred\\x1b[0m plain')") == "\x1b[31mred\x1b[0m plain\n"


def test_a_traceback_keeps_its_colours_and_lines(bench: Bench) -> None:
    (error,) = bench.outputs("def inner():\n    raise KeyError('no such key')\ninner()")
    assert (error["output_type"], error["ename"], error["evalue"]) == ("error", "KeyError", "'no such key'")
    told = "\n".join(error["traceback"])
    assert "\x1b[" in told
    assert "inner" in told


def test_output_before_an_error_stays(bench: Bench) -> None:
    kinds = [output["output_type"] for output in bench.outputs("print('before'); 1 / 0")]
    assert kinds == ["stream", "error"]


def test_clearing_at_once_leaves_nothing(bench: Bench) -> None:
    assert bench.outputs("from IPython.display import clear_output\nprint('gone'); clear_output()") == []


def test_clearing_with_the_next_output_keeps_the_last_until_then(bench: Bench) -> None:
    source = "from IPython.display import clear_output\nprint('first'); clear_output(wait=True)"
    assert bench.text(source) == "first\n"
    assert bench.text(source + "; print('second')") == "second\n"


def test_a_display_is_updated_in_every_cell_and_execution_that_shows_it(bench: Bench) -> None:
    first = bench.run("from IPython.display import display, HTML\nh = display(HTML('one'), display_id='shared')")
    second = bench.run("display(HTML('two'), display_id='shared')")
    again = bench.run("print('between'); h.display(HTML('three')); None")
    assert bench.outputs("h.update(HTML('four'), metadata={'a': 1})") == []
    for execution in (first, second, again):
        (shown,) = [o for o in bench.do(execution.outputs()) if o["output_type"] == "display_data"]
        assert shown["data"]["text/html"] == "four"
        assert shown["metadata"] == {"a": 1}
    assert bench.do(again.outputs())[0]["text"] == "between\n"


def test_an_update_of_what_is_shown_nowhere_changes_nothing(bench: Bench) -> None:
    assert bench.outputs("from IPython.display import update_display\nupdate_display(1, display_id='nowhere')") == []


def test_execution_counts_go_up_and_stand_on_record_and_result(bench: Bench) -> None:
    first, second = bench.run("'a'"), bench.run("'b'")
    for execution in (first, second):
        (result,) = bench.do(execution.outputs())
        assert result["execution_count"] == execution.record.execution_count
    assert first.record.execution_count is not None
    assert second.record.execution_count == first.record.execution_count + 1


def test_a_bundle_keeps_every_type_its_bytes_and_its_metadata(bench: Bench) -> None:
    (shown,) = bench.outputs(
        "import base64\nfrom IPython.display import display\npng = b'\\x89PNG\\r\\n\\x1a\\n' + bytes(range(256)) * 20\n"
        "display({'text/plain': 'p', 'text/html': '<b>h</b>' * 500, 'text/latex': '$x$', 'image/svg+xml': '<svg/>',\n"
        "  'image/png': base64.b64encode(png).decode(), 'application/json': {'a': [1, 2.5, None, True]},\n"
        "  'application/vnd.plotly.v1+json': {'data': [{'y': list(range(1000))}]}},\n"
        "  metadata={'image/png': {'width': 10}}, raw=True)"
    )
    data = shown["data"]
    assert (data["text/plain"], data["text/latex"], data["image/svg+xml"]) == ("p", "$x$", "<svg/>")
    assert data["text/html"] == "<b>h</b>" * 500
    assert data["application/json"] == {"a": [1, 2.5, None, True]}
    assert data["application/vnd.plotly.v1+json"] == {"data": [{"y": list(range(1000))}]}
    assert base64.b64decode(data["image/png"]) == b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
    assert shown["metadata"] == {"image/png": {"width": 10}}


def test_a_figure_of_matplotlib_is_shown(bench: Bench) -> None:
    pytest.importorskip("matplotlib")
    outputs = bench.outputs("%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()")
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_what_a_child_process_writes_is_an_output_too(bench: Bench) -> None:
    assert "from a shell" in bench.text("!echo from a shell")


def test_fifty_thousand_lines_are_whole(bench: Bench) -> None:
    assert bench.text("for n in range(50_000): print('line', n)") == "".join(f"line {n}\n" for n in range(50_000))


def test_a_thousand_figures_are_whole_and_in_order(bench: Bench) -> None:
    outputs = bench.outputs(
        "import base64\nfor n in range(1000):\n  image = base64.b64encode(str(n).encode() * 600).decode()\n"
        "  display({'image/png': image, 'text/plain': str(n)}, raw=True)"
    )
    assert [output["data"]["text/plain"] for output in outputs] == [str(n) for n in range(1000)]
    assert len({output["data"]["image/png"] for output in outputs}) == 1000
