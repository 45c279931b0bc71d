"""The event loop behind the synchronous face: one thread of this process, on which every document lives.

Replicas are not thread-safe, so whoever wants something of a notebook hands a function or a coroutine to this thread
and waits for what it returns; exceptions come back as they were raised, with the caller's frames in the traceback. The
thread is started when it is first needed, is anew after a fork, and does not keep the process alive: what is registered
with `at_exit` is called before the interpreter ends.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from clients.peer.errors import PeerError
from clients.peer.own_kernel import held_up

R = TypeVar("R")

# Seconds that a coroutine which was waited for has to end after the waiting was interrupted (Ctrl-C).
CANCEL_SECONDS: Final = 5.0


class BackgroundLoop:
    """See the module. Use the one that `background()` returns."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="quire", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], R]) -> R:
        """Call a function that does not block on the thread of the loop and return what it returns."""
        if threading.current_thread() is self._thread:
            return function()
        result: concurrent.futures.Future[R] = concurrent.futures.Future()

        def settle() -> None:
            try:
                result.set_result(function())
            except BaseException as error:  # noqa: BLE001  # every one of them is the caller's
                result.set_exception(error)

        self._loop.call_soon_threadsafe(settle)
        return result.result()

    def soon(self, function: Callable[[], None]) -> None:
        """Call a function on the thread of the loop without waiting for it: also while the interpreter ends, when that
        thread may not run any more."""
        self._loop.call_soon_threadsafe(function)

    def start(self, coroutine: Coroutine[Any, Any, R]) -> concurrent.futures.Future[R]:
        """Run a coroutine on the loop without waiting for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def wait(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine on the loop and return what it returns. Interrupted, it is cancelled and has ended.

        Raises PeerError on the thread of the loop itself, which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise PeerError("This cannot be waited for on Quire's own thread.", "Use quire.aio there.")
        token = held_up.set(threading.current_thread())
        running = self.start(coroutine)
        held_up.reset(token)
        try:
            return running.result()
        except BaseException:
            if not running.done():
                running.cancel()
                concurrent.futures.wait((running,), CANCEL_SECONDS)
            raise


_current: BackgroundLoop | None = None
_starting = threading.Lock()
_at_exit: list[Callable[[], None]] = []


def background() -> BackgroundLoop:
    """The loop of this process, started if it is not running."""
    global _current
    with _starting:
        if _current is None:
            _current = BackgroundLoop()
        return _current


def at_exit(function: Callable[[], None]) -> None:
    """Call this when the interpreter ends, while the loop still runs."""
    _at_exit.append(function)


def _end() -> None:
    if _current is not None:
        for function in _at_exit:
            function()


def _after_fork() -> None:
    """The child has no thread: its notebooks are the parent's. It gets a loop of its own when it opens one."""
    global _current, _starting
    _current = None
    _starting = threading.Lock()
    _at_exit.clear()


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
