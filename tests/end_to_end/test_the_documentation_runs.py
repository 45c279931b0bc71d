"""Every block of Python in docs/python.md runs, in order, against a real hub, daemon and kernel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.hub import REPOSITORY, hub_process

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)

DAEMON = """
import asyncio, sys
from clients.daemon.main import run_daemon
from clients.peer.hub_address import find_hub
from relay.registry import state_dir
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, stop.set)
    await run_daemon(find_hub(), state_dir(), stop=stop)
asyncio.run(main())
"""


def test_the_documentation_runs(tmp_path: Path) -> None:
    blocks = BLOCK.findall((REPOSITORY / "docs" / "python.md").read_text())
    assert len(blocks) > 5
    environment = {**os.environ, "QUIRE_HOME": str(tmp_path / "state"), "PYTHONPATH": str(REPOSITORY)}
    with hub_process(tmp_path / "state"):
        daemon = subprocess.Popen([sys.executable, "-c", DAEMON], stdin=subprocess.PIPE, env=environment)
        try:
            said = ""
            for block in blocks:
                ran = subprocess.run(
                    [sys.executable, "-c", block], cwd=tmp_path, env=environment, capture_output=True, text=True
                )
                assert ran.returncode == 0, f"{block}\n{ran.stderr}"
                assert ran.stderr == ""
                said += ran.stdout
        finally:
            assert daemon.stdin is not None
            daemon.stdin.close()
            assert daemon.wait(30) == 0
    for expected in (
        "12\n",
        "ZeroDivisionError: division by zero",
        "CellAdded(",
        "'Ada'",
        "from asyncio",
        "hello Ada",
        "EOFError",
        "('price',) True",
        "['stale', 'stale', 'target']",
    ):
        assert expected in said
