"""`quire run`: what ends up in the file, on the screen and in the exit code."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nbformat
import psutil

from clients.peer.notebook import Notebook
from tests.cli.services import PATIENCE, Home, Served, outputs, until, write_notebook


def test_without_a_service_a_private_one_runs_the_copy_and_the_original_stays(home: Home, notebook: Path) -> None:
    before = notebook.read_bytes()
    copy = notebook.with_name("copy.ipynb")
    ran = home.quire("run", notebook, "-o", copy)
    assert ran.returncode == 0, ran.stderr
    assert outputs(copy) == ["42\n"]
    assert "[1/1] print(6 * 7)  done" in ran.stderr
    assert f"Saved to {copy}." in ran.stderr
    assert notebook.read_bytes() == before
    assert sorted(entry.name for entry in home.folder.iterdir()) == ["servers"], "nothing of it is in the user's state"


def test_a_copy_elsewhere_runs_where_the_original_lies(served: Served, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("42")
    (tmp_path / "elsewhere").mkdir()
    notebook = write_notebook(tmp_path / "reads.ipynb", "print(open('data.txt').read())")
    copy = tmp_path / "elsewhere" / "copy.ipynb"
    ran = served.home.quire("run", notebook, "-o", copy)
    assert ran.returncode == 0, ran.stderr
    assert outputs(copy) == ["42\n"]


def test_a_failing_cell_ends_the_run_with_its_traceback_and_code_1(served: Served, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "fails.ipynb", "print('first')", "1 / 0", "print('third')")
    ran = served.home.quire("run", notebook)
    assert ran.returncode == 1
    assert "ZeroDivisionError: division by zero" in ran.stderr
    assert "\x1b" not in ran.stderr
    assert outputs(notebook) == ["first\n", "ZeroDivisionError"]


def test_allowed_errors_do_not_end_the_run(served: Served, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "fails.ipynb", "1 / 0", "print('second')")
    assert served.home.quire("run", "--allow-errors", notebook).returncode == 0
    assert outputs(notebook) == ["ZeroDivisionError", "second\n"]


def test_a_cell_that_asks_for_input_fails_at_once(served: Served, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "asks.ipynb", "input('who is there? ')")
    ran = served.home.quire("run", notebook)
    assert ran.returncode == 1
    assert "EOFError" in ran.stderr
    assert outputs(notebook) == ["EOFError"]


def test_a_cell_that_is_tagged_to_fail_may_fail(served: Served, tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "tagged.ipynb", "1 / 0", "print('second')")
    content = nbformat.read(path, 4)
    content.cells[0].metadata["tags"] = ["raises-exception"]
    nbformat.write(content, path)
    assert served.home.quire("run", path).returncode == 0


def test_a_cell_that_takes_too_long_is_interrupted(served: Served, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "slow.ipynb", "import time\ntime.sleep(600)")
    ran = served.home.quire("run", notebook, "--timeout", "0.5")
    assert ran.returncode == 1
    assert "did not end within 0.5 s" in ran.stderr
    assert outputs(notebook) == ["KeyboardInterrupt"]


def test_ctrl_c_interrupts_the_cell_and_saves_what_was_reached(served: Served, tmp_path: Path) -> None:
    mark = tmp_path / "reached"
    endless = f"import pathlib, time\npathlib.Path({str(mark)!r}).touch()\ntime.sleep(600)"
    notebook = write_notebook(tmp_path / "slow.ipynb", "print('first')", endless, "print('third')")
    running = served.home.start("run", notebook)
    until(mark.exists)
    running.interrupt()
    assert running.end() == 130
    assert [output.strip() for output in outputs(notebook)] == ["first", "KeyboardInterrupt"]
    assert f"Saved to {notebook}." in running.printed


def test_a_notebook_without_code_runs_at_once(served: Served, tmp_path: Path) -> None:
    essay = Path(__file__).parents[2] / "examples" / "essay.ipynb"
    copy = tmp_path / "essay.ipynb"
    ran = served.home.quire("run", essay, "-o", copy)
    assert ran.returncode == 0, ran.stderr
    assert nbformat.read(copy, 4) == nbformat.read(essay, 4)


def test_a_copy_that_the_service_had_open_takes_the_original_in_first(served: Served, tmp_path: Path) -> None:
    original = write_notebook(tmp_path / "original.ipynb", "# nothing")
    copy = tmp_path / "copy.ipynb"
    write_notebook(copy, "# an older one", "# and more")

    async def with_a_peer_in_it() -> None:
        async with Notebook.connect(await served.home.open(copy), served.home.address) as peer:
            ran = await asyncio.to_thread(served.home.quire, "run", original, "-o", copy)
            assert ran.returncode == 0, ran.stderr
            assert await peer.until(lambda: [cell.source for cell in peer.cells] == ["# nothing"], PATIENCE)

    asyncio.run(with_a_peer_in_it())
    assert [cell.source for cell in nbformat.read(copy, 4).cells] == ["# nothing"]


def test_a_kernel_that_runs_already_is_used_and_left_running(served: Served, tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "kept.ipynb", "counter = globals().get('counter', 0) + 1\nprint(counter)")

    async def with_a_peer_in_it() -> None:
        async with Notebook.connect(await served.home.open(path), served.home.address) as peer:
            await peer.cells[0].run(timeout=PATIENCE)
            ran = await asyncio.to_thread(served.home.quire, "run", path)
            assert ran.returncode == 0, ran.stderr
            assert "runs already" in ran.stderr
            assert peer.kernel.lifecycle == "ready"
            await peer.shutdown_kernel()

    asyncio.run(with_a_peer_in_it())
    assert outputs(path) == ["2\n"]


def test_a_kernel_that_the_run_started_ends_with_it(served: Served, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    source = f"import os, pathlib\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))"
    assert served.home.quire("run", write_notebook(tmp_path / "once.ipynb", source)).returncode == 0
    until(lambda: not psutil.pid_exists(int(mark.read_text())))
