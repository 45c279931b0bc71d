"""Code in a notebook's kernel that would wait for its own notebook's runs.

A kernel runs one thing at a time, so what is waited for there could not begin before the waiting ends. Only what is
certain is told: the kernel's main thread is held up, or the very task that runs the code awaits. Other threads, tasks
that run beside the code, and processes that it starts may well be waited for by nobody, so they are let wait.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from contextvars import ContextVar
from typing import Any, Final

from clients.peer.errors import OwnKernel

# The thread that is held up until what runs in this context has ended; None where nothing blocks.
held_up: Final[ContextVar[threading.Thread | None]] = ContextVar("held_up", default=None)


def refuse_to_wait_for_itself(notebook_id: str, *, blocking: bool = False) -> None:
    """Raise OwnKernel if this is code in the kernel of this notebook, which would have to end first.

    `blocking`: the calling thread is about to be held up; else the calling task is about to wait.
    """
    shell = _shell()
    # `in_kernel` says of the shell whose it is and which task runs code in it; other Jupyters' kernels are not ours.
    if shell is None or getattr(shell, "quire_notebook", "") != notebook_id:
        return
    thread = threading.current_thread() if blocking else held_up.get()
    waits = asyncio.current_task() is shell.quire_task if thread is None else thread is threading.main_thread()
    if waits:
        raise OwnKernel(notebook_id)


def _shell() -> Any:
    """IPython's shell in this process, if there is one."""
    shell_of = getattr(sys.modules.get("IPython"), "get_ipython", None)  # another thread may be about to import it
    return None if shell_of is None else shell_of()
