"""What the server programs have in common: the event loop the hub runs on, and an end."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where there is one."""
    try:
        from uvloop import new_event_loop
    except ImportError:  # Windows
        asyncio.run(main)
        return
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main)


def on_stdin_closed(then: Callable[[], None]) -> None:
    """Call `then` on the running loop when the benchmark closes our standard input, or ends."""
    loop = asyncio.get_running_loop()

    def wait() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(then)

    threading.Thread(target=wait, daemon=True).start()
