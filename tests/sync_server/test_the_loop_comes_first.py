"""While the hub serves, a thread that computes (a file is written) leaves the interpreter to the event loop soon."""

from __future__ import annotations

import sys
from pathlib import Path

from sync_server.serve import SWITCH_SECONDS
from tests.support.aio import aio
from tests.support.hub import hub_here


@aio
async def test_threads_are_switched_often_while_it_serves_and_as_before_afterwards(tmp_path: Path) -> None:
    before = sys.getswitchinterval()
    async with hub_here(tmp_path / "state"):
        assert abs(sys.getswitchinterval() - SWITCH_SECONDS) < 1e-6
    assert sys.getswitchinterval() == before
