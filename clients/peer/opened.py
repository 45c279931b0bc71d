"""One notebook that the synchronous face has open: the task that holds it, and the drafts of threads that edit.

An Opened owns a task on the background loop that opens the notebook, waits until it is to be closed, and closes it: the
context is entered and left by one task, as asyncio demands. Functions that are called through it see the calling
thread's draft while that thread is inside `draft`. What is still open when the interpreter ends is closed then.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from clients.peer import opening
from clients.peer.background import at_exit, background
from clients.peer.errors import PeerError
from clients.peer.notebook import Notebook
from notebook_doc.notebook import NotebookDoc

R = TypeVar("R")


class Opened:
    """See the module. Opens the notebook and returns when it is open; raises what opening raises."""

    def __init__(self, target: str | os.PathLike[str], options: dict[str, Any]) -> None:
        self._loop = background()
        self._process = os.getpid()
        self._drafts = threading.local()
        self._ready: concurrent.futures.Future[Notebook] = concurrent.futures.Future()
        self._closing: asyncio.Event = self._loop.call(asyncio.Event)
        self._done = self._loop.start(self._live(target, options))
        try:
            self.notebook = self._ready.result()
        except BaseException:
            self._done.cancel()
            raise
        _all_opened.add(self)

    async def _live(self, target: str | os.PathLike[str], options: dict[str, Any]) -> None:
        try:
            async with opening.open(target, **options) as notebook:
                self._ready.set_result(notebook)
                await self._closing.wait()
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    def call(self, function: Callable[[], R]) -> R:
        """Call a function on the loop's thread; inside `draft`, with the calling thread's draft in place."""
        self._check_process()
        draft = self._current_draft
        if draft is None:
            return self._loop.call(function)
        return self._loop.call(lambda: _on(self.notebook, draft, function))

    def wait(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Await a coroutine on the loop's thread. Raises PeerError inside `draft`: nobody else sees the draft yet."""
        try:
            self._check_process()
            if self._current_draft is not None:
                raise PeerError("The edit is not finished, so nothing can rely on it.", "Leave the `with` block first.")
        except PeerError:
            coroutine.close()
            raise
        return self._loop.wait(coroutine)

    @contextmanager
    def draft(self) -> Iterator[None]:
        """What the calling thread edits inside is one change on a fork, merged in the end."""
        self._check_process()
        if self._current_draft is not None:
            yield
            return
        fork = self._loop.call(self.notebook.fork)
        steps = fork.edit()  # one change, however many calls it takes
        self._loop.call(steps.__enter__)
        self._drafts.current = fork
        try:
            yield
        except BaseException as error:
            failure = (type(error), error, error.__traceback__)
            with suppress(type(error)):  # it is raised again here, to the one who edits
                self._loop.call(lambda: steps.__exit__(*failure))
            raise
        finally:
            self._drafts.current = None
        self._loop.call(lambda: steps.__exit__(None, None, None))
        self._loop.call(lambda: self.notebook.merge(fork))

    @property
    def _current_draft(self) -> NotebookDoc | None:
        """The draft of the calling thread."""
        return getattr(self._drafts, "current", None)

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise PeerError("This notebook was opened before the process forked.", "Open it again in the child.")

    def let_go(self) -> None:
        """Close it without waiting."""
        if self._process == os.getpid():  # after a fork it is the parent's
            self._loop.start(_set(self._closing))

    def close(self) -> None:
        """Close it and wait until it is closed. Raises what closing raised."""
        if self._process == os.getpid():
            _all_opened.discard(self)
            self._loop.call(self._closing.set)
            self._done.result()


_all_opened: set[Opened] = set()


def _close_all() -> None:
    for opened in list(_all_opened):
        opened.close()


at_exit(_close_all)


def _on(notebook: Notebook, draft: NotebookDoc, function: Callable[[], R]) -> R:
    with notebook.on(draft):
        return function()


async def _set(event: asyncio.Event) -> None:
    event.set()
