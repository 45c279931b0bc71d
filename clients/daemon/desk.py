"""The desk where a notebook's requests are taken: each is served once, when its time has come, and answered.

A RequestDesk knows requests and their answers, not what they do. It promises that a request is served once however
often it arrives (peers and hubs ask again after a reconnect, under the same id), only after the replica contains the
heads the request names, and that it is answered, with an error if that is what came of it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

from clients.peer.notebook import Notebook
from notebook_doc.errors import NotebookDocError
from relay.errors import ErrorCode, WireError
from relay.messages import ErrorInfo, Request, Response

# Seconds a request may wait for the heads it names.
REQUIRED_HEADS_SECONDS: Final = 10.0
# Answers kept for requests that are repeated.
MAX_ANSWERS: Final = 1024

Serve = Callable[[Request], Awaitable[dict[str, Any]]]


class RequestDesk:
    """Owns the answers that were given. `serve` does what a request asks and returns its result; it may raise WireError
    and NotebookDocError, which become the answer."""

    def __init__(self, notebook: Notebook, tasks: asyncio.TaskGroup, serve: Serve) -> None:
        self._notebook = notebook
        self._tasks = tasks
        self._serve = serve
        self._answers: OrderedDict[str, Response | None] = OrderedDict()  # None while a request is being served

    def take(self, request: Request) -> None:
        """A request has arrived; the same one may arrive again after a reconnect."""
        if request.id in self._answers:
            answer = self._answers[request.id]
            if answer is not None:
                self._notebook.respond(answer)
            return
        self._answers[request.id] = None
        while len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)
        self._tasks.create_task(self._answer(request), name=f"serve {type(request.body).__name__}")

    async def _answer(self, request: Request) -> None:
        try:
            await self._until_here(request)
            response = Response(id=request.id, result=await self._serve(request))
        except (WireError, NotebookDocError) as error:
            info = ErrorInfo(code=error.code, message=error.message, hint=error.hint)
            response = Response(id=request.id, error=info)
        self._answers[request.id] = response
        self._notebook.respond(response)

    async def _until_here(self, request: Request) -> None:
        """Wait until our replica contains what the request relies on."""
        replica = self._notebook.doc.replica
        if not await self._notebook.until(lambda: replica.contains(request.required_heads), REQUIRED_HEADS_SECONDS):
            message = f"The edits this request relies on did not arrive in {REQUIRED_HEADS_SECONDS:.0f} s."
            raise WireError(ErrorCode.TIMEOUT, message, "Ask again.")
