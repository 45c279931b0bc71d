"""Real `quire` processes under a state folder of their own, and their certain end.

A Home remembers every process that it started or saw in its registry; leaving its context kills what is left of them
and of their children, so that a failing test leaves nothing running.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nbformat
import psutil

from clients.peer.hub_address import HubAddress, HubClient
from relay.registry import ServerEntry, ServerKind, running

# Far above what anything here takes on a slow machine; only a hang gets there.
PATIENCE: Final = 60.0


class Home:
    """A QUIRE_HOME and the commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: dict[int, psutil.Process] = {}

    @classmethod
    @contextlib.contextmanager
    def at(cls, folder: Path) -> Iterator[Home]:
        """A home in a new folder; everything that runs there is killed in the end."""
        folder.mkdir(mode=0o700)
        home = cls(folder)
        try:
            yield home
        finally:
            home._kill_all()

    @property
    def environment(self) -> dict[str, str]:
        """What commands run with."""
        return os.environ | {"QUIRE_HOME": str(self.folder), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}

    def quire(self, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        try:
            return subprocess.run(
                _command(arguments),
                env=self.environment,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        finally:
            self.remember()

    def start(self, *arguments: object) -> Running:
        """Start a command and return while it runs."""
        process = subprocess.Popen(
            _command(arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._processes[process.pid] = psutil.Process(process.pid)
        return Running(process)

    def up(self, *arguments: object) -> Running:
        """`quire up` in the foreground, with all three servers running."""
        running = self.start("up", "--no-browser", *arguments)
        running.wait_for("to stop")
        until(lambda: self.server("daemon") is not None)
        self.remember()
        return running

    def server(self, kind: ServerKind) -> ServerEntry | None:
        """What the registry says of a server."""
        return next(iter(running(kind, self.folder)), None)

    @property
    def address(self) -> HubAddress:
        """Where its hub is."""
        hub = self.server("hub")
        assert hub is not None, "no hub runs"
        assert hub.endpoint is not None
        return HubAddress(hub.endpoint, hub.token)

    async def open(self, notebook: Path) -> str:
        """Open a file in its service; the notebook's id."""
        client = HubClient(self.address)
        try:
            return await client.open_notebook(notebook)
        finally:
            await client.close()

    def pid(self, kind: ServerKind) -> int:
        """The process of a server that runs."""
        entry = self.server(kind)
        assert entry is not None, f"no {kind} runs"
        return entry.pid

    def log(self) -> str:
        """The log so far."""
        path = self.folder / "logs" / "quire.log"
        return path.read_text() if path.exists() else ""

    def remember(self) -> list[psutil.Process]:
        """Note the processes that run here, kernels and all, and return those that were ever noted."""
        if (self.folder / "servers").exists():
            for entry in running(state=self.folder):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process = psutil.Process(entry.pid)
                    for found in (process, *process.children(recursive=True)):
                        self._processes[found.pid] = found
        return list(self._processes.values())

    def still_running(self) -> list[psutil.Process]:
        """Those that were noted and have not ended."""
        return [process for process in self._processes.values() if _runs(process)]

    def _kill_all(self) -> None:
        for process in self.remember():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(list(self._processes.values()), timeout=PATIENCE)


class Running:
    """A command that runs, and what it prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.printed = ""
        self._chunks: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, text: str) -> str:
        """Wait until it has printed this; all that it printed so far."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.printed:
            try:
                chunk = self._chunks.get(timeout=deadline - time.monotonic())
            except (queue.Empty, ValueError):
                raise AssertionError(f"{text!r} was not printed, but:\n{self.printed}") from None
            assert chunk is not None, f"it ended without printing {text!r}:\n{self.printed}"
            self.printed += chunk
        return self.printed

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Wait until it has ended; its exit code."""
        code = self.process.wait(PATIENCE)
        while (chunk := self._chunks.get(timeout=PATIENCE)) is not None:
            self.printed += chunk
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None, "asked for"
        for line in self.process.stdout:
            self._chunks.put(line)
        self._chunks.put(None)


@dataclass(frozen=True)
class Served:
    """A service in the foreground, and the notebook that it was started with."""

    home: Home
    notebook: Path
    up: Running


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so. Raises AssertionError when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def write_notebook(path: Path, *sources: str) -> Path:
    """A notebook file of code cells."""
    path.parent.mkdir(exist_ok=True)
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources, 1)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, nbformat_minor=5), path)
    return path


def outputs(path: Path) -> list[str]:
    """What the cells of a notebook file show: streams as text, errors as their names."""
    shown: list[str] = []
    for cell in nbformat.read(path, 4).cells:
        shown += [output.get("text") or output.get("ename") or "" for output in cell.get("outputs", [])]
    return shown


def _command(arguments: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-m", "clients.cli.main", *map(str, arguments)]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
