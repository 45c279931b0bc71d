"""A real kernel, driven from plain test functions."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from clients.daemon.events import Died, Finished, KernelEvent, Output, Started
from clients.daemon.kernel import Kernel
from clients.daemon.launch_plan import LaunchPlan

T = TypeVar("T")
PATIENCE = 60.0  # seconds until a test that waits for the kernel is said to hang


class Driver:
    """Runs code on one kernel and collects what it says."""

    def __init__(self, kernel: Kernel, runner: asyncio.Runner) -> None:
        self.kernel = kernel
        self._runner = runner
        self._events = kernel.events()
        self._ids = (f"execution-{number}" for number in itertools.count())

    def run(
        self,
        code: str,
        *,
        during: Callable[[], Coroutine[Any, Any, None]] | None = None,
        allow_stdin: bool = False,
        told: dict[str, Any] | None = None,
    ) -> list[KernelEvent]:
        """Everything the kernel says until this code has finished or the kernel is dead."""
        return self.do(self._run(code, during, allow_stdin, told))

    def until(self, wanted: Callable[[KernelEvent], bool]) -> list[KernelEvent]:
        """Everything the kernel says until an event that is wanted, included."""
        return self.do(self._until(wanted))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        async def patiently() -> T:
            async with asyncio.timeout(PATIENCE):
                return await work

        return self._runner.run(patiently())

    async def _run(
        self,
        code: str,
        during: Callable[[], Coroutine[Any, Any, None]] | None,
        allow_stdin: bool,
        told: dict[str, Any] | None,
    ) -> list[KernelEvent]:
        execution_id = next(self._ids)
        await self.kernel.execute(code, execution_id, allow_stdin=allow_stdin, told=told)
        said: list[KernelEvent] = []
        if during is not None:
            said += await self._until(lambda event: isinstance(event, Started))
            await during()
        return said + await self._until(
            lambda event: (
                isinstance(event, Died) or (isinstance(event, Finished) and event.execution_id == execution_id)
            )
        )

    async def _until(self, wanted: Callable[[KernelEvent], bool]) -> list[KernelEvent]:
        said = []
        async for event in self._events:
            said.append(event)
            if wanted(event):
                break
        return said


async def _started(cwd: Path) -> Kernel:
    return await Kernel.start(LaunchPlan(name="python3", cwd=cwd))


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def driver(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """One kernel for all tests of a module that leave it alive."""
    driver = Driver(runner.run(_started(tmp_path_factory.mktemp("cwd"))), runner)
    yield driver
    runner.run(driver.kernel.shutdown())


@pytest.fixture
def doomed(runner: asyncio.Runner, tmp_path: Path) -> Iterator[Driver]:
    """A kernel of its own for a test that kills it."""
    driver = Driver(runner.run(_started(tmp_path)), runner)
    yield driver
    runner.run(driver.kernel.shutdown())


@pytest.fixture
def deno(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a kernelspec for Deno, as `deno jupyter --install` writes it, that only this test sees."""
    folder = tmp_path / "jupyter" / "kernels" / "deno"
    folder.mkdir(parents=True)
    argv = [str(Path(sys.executable).with_name("deno")), "jupyter", "--kernel", "--conn", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Deno", "language": "typescript"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("DENO_DIR", str(tmp_path / "deno"))
    monkeypatch.setenv("DENO_NO_UPDATE_CHECK", "1")
    return "deno"


def texts(events: list[KernelEvent], name: str = "stdout") -> str:
    """What was printed to this stream."""
    return "".join(
        event.output["text"] for event in events if isinstance(event, Output) and event.output.get("name") == name
    )


@pytest.fixture
def printed() -> Callable[..., str]:
    return texts
