"""Servers under test, each in a process of its own.

A server program prints one line of JSON when it listens (`port`, and whatever else its clients need) and ends when its
standard input is closed, so none survives the benchmark that started it, however that ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

ROOT: Final = Path(__file__).resolve().parent.parent
# Seconds a server has to end by itself once its standard input is closed.
END_SECONDS: Final = 10.0


class ServerFailed(Exception):
    """A server program ended, or said something unexpected, before it listened."""


@dataclass(frozen=True)
class Server:
    """A server that listens on 127.0.0.1."""

    port: int
    ready: dict[str, Any]
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Processor time it has used so far, in user and kernel mode, its children included."""
        total = 0.0
        for process in (self.process, *self.process.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
        return total


@contextmanager
def running(command: Sequence[str | Path], *, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """The server of this command, until the context is left. Raises ServerFailed."""
    child = subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    assert child.stdin is not None, "it was asked for"
    assert child.stdout is not None, "it was asked for"
    try:
        line = child.stdout.readline()
        try:
            ready = json.loads(line)
        except ValueError as error:
            ended = f" and ended with {child.wait(END_SECONDS)}" if not line else ""
            raise ServerFailed(f"{command} said {line!r} instead of where it listens{ended}.") from error
        yield Server(ready["port"], ready, psutil.Process(child.pid))
    finally:
        child.stdin.close()
        try:
            child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()


def python(module: str, *arguments: str | Path) -> list[str | Path]:
    """The command that runs a module of this package with the interpreter that runs the benchmark."""
    return [sys.executable, "-m", module, *arguments]
