"""A second language on the same daemon, and kernels that do not come up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from clients.peer.editor import KernelSpec
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio


def use(notebook: Notebook, kernel: str) -> None:
    notebook.set_metadata({"kernelspec": {"name": kernel, "display_name": kernel, "language": "?"}})


@aio
async def test_typescript_cells_run_with_streams_displays_results_and_errors(tmp_path: Path, deno: str) -> None:
    path = notebook_file(
        tmp_path,
        [
            "interface P { x: number }\nconst p: P = { x: 6 * 7 }; console.log('x is', p.x); console.error('err')",
            "await Deno.jupyter.display({ 'text/plain': 'plain', 'text/html': '<b>rich</b>' }, { raw: true }); p.x",
            "function f() { throw new TypeError('no') }; f()",
        ],
    )
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        use(ann, deno)
        printed, shown, failed = await ann.run()
        assert (ann.kernel.lifecycle, ann.kernel.name, ann.kernel.language) == ("ready", "deno", "typescript")
        assert [(o["name"], o["text"]) for o in await printed.outputs()] == [
            ("stdout", "x is 42\n"),
            ("stderr", "err\n"),
        ]
        display, result = await shown.outputs()
        assert display["data"] == {"text/plain": "plain", "text/html": "<b>rich</b>"}
        assert (result["output_type"], result["execution_count"]) == ("execute_result", 2)
        assert "42" in result["data"]["text/plain"]
        assert failed.record.error is not None
        assert (failed.record.error.ename, failed.record.error.evalue) == ("TypeError", "no")
        (error,) = await failed.outputs()
        assert "TypeError: no" in "\n".join(error["traceback"])


@aio
async def test_deno_runs_where_no_kernelspec_names_it(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["const n: number = 6 * 7; console.log(n)"])
    told = json.loads(path.read_text())
    told["metadata"] = {"kernelspec": {"name": "deno", "display_name": "Deno", "language": "typescript"}}
    path.write_text(json.dumps(told))
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        assert await (await ann.cells["c0"].run()).text() == "42\n"
        assert (ann.packages.environment.source, ann.kernel.language) == ("deno", "typescript")


@aio
async def test_a_peer_chooses_among_the_kernels_that_are_installed(tmp_path: Path, deno: str) -> None:
    path = notebook_file(tmp_path, ["1 + 1"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        ann.set_metadata({"authors": ["Ada"]})
        kernels = {kernel.name: kernel for kernel in await ann.kernels()}
        assert kernels[deno] == KernelSpec("deno", "Deno", "typescript")
        assert kernels["python3"].language == "python"
        (await ann.cells["c0"].run()).check()
        ann.choose_kernel(kernels[deno])
        assert ann.metadata["authors"] == ["Ada"]
        await ann.restart_kernel()
        assert await ann.until(lambda: ann.kernel.language == "typescript", 60)


@aio
async def test_a_loop_in_typescript_is_interrupted_and_the_kernel_lives_on(tmp_path: Path, deno: str) -> None:
    path = notebook_file(tmp_path, ["const kept = 5; console.log('begun')", "for (;;) {}", "kept"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        use(ann, deno)
        (await ann.cells["c0"].run()).check()
        (loop,) = await ann.start(["c1"])
        assert await ann.until(lambda: ann.kernel.activity == "busy", 60)
        await ann.interrupt(loop)
        assert (await loop.wait()).status == "error"
        assert "5" in await (await ann.cells["c2"].run()).check().text()


@aio
async def test_typescript_is_completed_and_asks_for_input(tmp_path: Path, deno: str) -> None:
    path = notebook_file(tmp_path, ["const longName = prompt('name?')", "console.log('hello', longName)"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        use(ann, deno)
        (asking,) = await ann.start(["c0"])
        assert await ann.until(lambda: asking.prompt is not None, 60)
        assert asking.prompt is not None
        assert asking.prompt.text.strip() == "name?"
        await asking.answer("Ada")
        assert (await asking.wait()).ok
        assert await (await ann.cells["c1"].run()).text() == "hello Ada\n"
        assert "longName" in [match.text for match in (await ann.complete("longN")).matches]
        assert "log" in [match.text for match in (await ann.complete("console.lo")).matches]


def kernelspec(folder: Path, name: str, argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    at = folder / "jupyter" / "kernels" / name
    at.mkdir(parents=True)
    (at / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": name, "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "jupyter"))


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (
            [sys.executable, "-S", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            ["ended while it was starting", "No module named", "python -m pip install ipykernel"],
        ),
        (["/no/such/python", "-m", "ipykernel_launcher"], ["/no/such/python", "No such file", "Install it again"]),
        (
            [sys.executable, "-c", "print('about to fail'); 1 / 0", "{connection_file}"],
            ["exited with code 1", "about to fail", "ZeroDivisionError", "jupyter console --kernel odd"],
        ),
    ],
    ids=["without ipykernel", "without its interpreter", "that crashes"],
)
@aio
async def test_a_kernel_that_does_not_come_up_says_why_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], told: list[str]
) -> None:
    kernelspec(tmp_path, "odd", argv, monkeypatch)
    path = notebook_file(tmp_path, ["1", "2"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        use(ann, "odd")
        executions: list[Execution] = await ann.run()
        assert [execution.status for execution in executions] == ["cancelled", "cancelled"]
        assert ann.kernel.lifecycle == "dead"
        for words in told:
            assert words in (ann.kernel.error or "")
        use(ann, "python3")
        assert (await ann.cells["c0"].run()).ok
