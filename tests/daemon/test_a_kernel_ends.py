"""How kernels die, are shut down, restarted, and fail to start; and that nothing of them is left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from clients.daemon.errors import KernelGone, KernelStartError
from clients.daemon.events import Died, Finished
from clients.daemon.kernel import Kernel
from clients.daemon.launch_plan import LaunchPlan
from clients.daemon.launching import prepare
from clients.daemon.process import describe_exit

Printed = Callable[..., str]


@pytest.fixture(autouse=True)
def private_temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "t"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


def runs(pid: int) -> bool:
    """Whether this process is there and is more than a zombie that its parent has not collected."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kernelspec(directory: Path, name: str, argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = directory / "kernels" / name
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": name, "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(directory))


def test_a_kernel_killed_from_outside_is_reported_at_once(doomed: Any, printed: Printed) -> None:
    async def kill() -> None:
        os.kill(doomed.kernel.pid, signal.SIGKILL)

    events = doomed.run("import time\ntime.sleep(50)", during=kill)
    assert isinstance(events[-1], Died)
    assert events[-1].signal == signal.SIGKILL
    assert events[-1].reason.startswith("killed by signal 9 (SIGKILL); ")
    assert not any(isinstance(event, Finished) for event in events)
    with pytest.raises(KernelGone):
        doomed.do(doomed.kernel.execute("1", "later"))


def test_a_kernel_that_exits_by_itself_says_its_code_after_its_last_output(doomed: Any, printed: Printed) -> None:
    events = doomed.run("import os, time\nprint('last words', flush=True)\ntime.sleep(0.2)\nos._exit(3)")
    assert printed(events) == "last words\n"
    assert events[-1] == Died("exited with code 3", 3, None)


def test_everything_it_published_is_reported_before_its_death_though_the_consumer_comes_late(
    doomed: Any, printed: Printed
) -> None:
    code = "import os, time\nfor n in range(3000): print(n, flush=True)\ntime.sleep(0.5)\nos._exit(1)"

    async def until_it_is_dead() -> None:
        while runs(doomed.kernel.pid):  # without taking an event
            await asyncio.sleep(0.01)

    events = doomed.run(code, during=until_it_is_dead)
    assert printed(events) == "".join(f"{n}\n" for n in range(3000))
    assert isinstance(events[-1], Died)


def ends(pid: int) -> None:
    """Wait until a process that was sent SIGKILL is gone: the system takes a moment to carry that out."""
    deadline = time.monotonic() + 5
    while runs(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.01)


def test_nothing_is_left_of_a_kernel_that_died(
    doomed: Any, private_temporary_directory: Path, printed: Printed
) -> None:
    child = int(printed(doomed.run("import subprocess\nprint(subprocess.Popen(['sleep', '1000']).pid)")))
    doomed.run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert doomed.until(lambda event: False) == []  # the events end
    assert not runs(doomed.kernel.pid)
    ends(child)  # it was killed with its group, and is nobody's child that we could wait for
    assert list(private_temporary_directory.iterdir()) == []


def test_nothing_is_left_of_a_kernel_that_was_shut_down_and_it_is_not_said_to_have_died(
    doomed: Any, private_temporary_directory: Path, printed: Printed
) -> None:
    (directory,) = private_temporary_directory.iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700  # its sockets are for this user alone
    doomed.do(doomed.kernel.shutdown())
    doomed.do(doomed.kernel.shutdown())
    assert doomed.until(lambda event: False) == []
    assert doomed.kernel.ended
    assert not runs(doomed.kernel.pid)
    assert list(private_temporary_directory.iterdir()) == []


def test_a_busy_kernel_is_shut_down_too(doomed: Any) -> None:
    doomed.run("pass")
    doomed.do(
        doomed.kernel.execute("import time\nwhile True:\n  try: time.sleep(9)\n  except BaseException: pass", "x")
    )
    doomed.do(doomed.kernel.shutdown())
    assert not runs(doomed.kernel.pid)


def test_a_kernel_gets_the_environment_and_command_that_are_planned(runner: asyncio.Runner, tmp_path: Path) -> None:
    async def story() -> list[str]:
        argv = (sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}")
        env = {"PATH": os.environ["PATH"], "GREETING": "hello"}
        kernel = await Kernel.start(LaunchPlan(name="mine", cwd=tmp_path, env=env, argv=argv))
        try:
            assert (kernel.name, kernel.language) == ("mine", "python")
            code = "import os; print(os.getcwd(), os.environ['GREETING'], 'HOME' in os.environ)"
            await kernel.execute(code, "e1")
            said = []
            async for event in kernel.events():
                said.append(event)
                if isinstance(event, Finished):
                    break
            return [event.output["text"] for event in said if hasattr(event, "output")]
        finally:
            await kernel.shutdown()

    assert runner.run(story()) == [f"{tmp_path} hello False\n"]


def test_a_kernelspec_says_that_its_kernel_needs_no_tcp(
    runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from ipykernel import kernelapp; kernelapp.launch_new_instance()"
    argv = [sys.executable, "-c", code, "-f", "{connection_file}"]
    for name, metadata in (("local", {"transport": "ipc"}), ("other", {})):
        folder = tmp_path / "kernels" / name
        folder.mkdir(parents=True)
        told = {"argv": argv, "display_name": name, "language": "python", "metadata": metadata}
        (folder / "kernel.json").write_text(json.dumps(told))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    for name, transport in (("local", "ipc://"), ("other", "tcp://127.0.0.1:")):
        launch = runner.run(prepare(LaunchPlan(name=name, cwd=tmp_path)))
        assert all(endpoint.startswith(transport) for endpoint in launch.endpoints.values())
        launch.discard()


def start_failure(runner: asyncio.Runner, name: str, cwd: Path) -> KernelStartError:
    with pytest.raises(KernelStartError) as failure:
        runner.run(Kernel.start(LaunchPlan(name=name, cwd=cwd)))
    return failure.value


def test_an_unknown_kernel_is_refused_with_what_is_installed(runner: asyncio.Runner, tmp_path: Path) -> None:
    said = str(start_failure(runner, "no-such-kernel", tmp_path))
    assert "no-such-kernel" in said
    assert "python3" in said
    assert "ipykernel install" in said


def test_a_kernel_whose_interpreter_is_gone_is_refused_with_its_path(
    runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_temporary_directory: Path
) -> None:
    kernelspec(tmp_path, "gone", ["/no/such/python", "-f", "{connection_file}"], monkeypatch)
    said = str(start_failure(runner, "gone", tmp_path))
    assert "/no/such/python" in said
    assert str(tmp_path / "kernels" / "gone") in said
    assert list(private_temporary_directory.iterdir()) == []


def test_a_kernel_that_exits_while_starting_is_refused_with_its_last_words(
    runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_temporary_directory: Path
) -> None:
    code = "import sys; sys.exit('No module named ipykernel')"
    kernelspec(tmp_path, "broken", [sys.executable, "-c", code, "{connection_file}"], monkeypatch)
    failure = start_failure(runner, "broken", tmp_path)
    assert "exited with code 1" in str(failure)
    assert failure.log_tail == "No module named ipykernel"
    assert "pip install ipykernel" in failure.hint
    assert list(private_temporary_directory.iterdir()) == []


def test_a_kernel_in_a_directory_that_does_not_exist_is_refused(runner: asyncio.Runner, tmp_path: Path) -> None:
    assert str(tmp_path / "gone") in str(start_failure(runner, "python3", tmp_path / "gone"))


def test_a_start_that_is_cancelled_leaves_nothing(runner: asyncio.Runner, private_temporary_directory: Path) -> None:
    async def story() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):  # half of what the fastest start takes
                await Kernel.start(LaunchPlan(name="python3", cwd=private_temporary_directory.parent))

    before = set(psutil.Process().children())
    runner.run(story())
    assert set(psutil.Process().children()) <= before
    assert list(private_temporary_directory.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "out_of_memory", "said"),
    [
        (0, False, "exited with code 0"),
        (-9, False, "killed by signal 9 (SIGKILL); somebody killed it, or the system was out of memory"),
        (-9, True, "killed by signal 9 (SIGKILL); the system had run out of memory"),
        (-11, False, "killed by signal 11 (SIGSEGV); native code crashed"),
        (-15, False, "killed by signal 15 (SIGTERM)"),
        (-99, False, "killed by signal 99 (unknown)"),
    ],
)
def test_an_end_is_described_for_people(code: int, out_of_memory: bool, said: str) -> None:
    assert describe_exit(code, out_of_memory) == said
