"""An execution as its requester sees it: its record and its outputs, live until it has ended.

Holds a notebook and an execution id; what it says is read from RuntimeDoc when asked for. Once newer runs have taken
its place there, it is read from the archive, and what was read is kept: nothing more happens to it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from clients.peer.archives import archived
from clients.peer.errors import ExecutionFailed, NotConnected, RequestFailed
from clients.peer.excerpt import excerpt
from clients.peer.own_kernel import refuse_to_wait_for_itself
from clients.peer.waiting import Waiting, waiting
from notebook_doc.errors import CorruptDocument
from notebook_doc.rotation import ArchivedExecution
from notebook_doc.runtime_records import TERMINAL_STATUSES, ExecutionStatus, Prompt
from notebook_doc.runtime_records import Execution as Record
from relay.requests import AnswerInput

if TYPE_CHECKING:
    from clients.peer.notebook import Notebook

logger = logging.getLogger("quire.peer")

# Seconds until archives are looked into again that could not be reached.
LOOK_AGAIN: Final = 1.0


class Execution:
    """One run of one cell, or of code without one."""

    def __init__(self, notebook: Notebook, execution_id: str, archived: ArchivedExecution | None = None) -> None:
        self._notebook = notebook
        self.id = execution_id
        self._archived = archived

    def __repr__(self) -> str:
        record = self._known()
        return f"<execution {self.id}: {record.status if record else 'not here yet'}>"

    @property
    def record(self) -> Record:
        """Status, source, times, who asked. Raises NotConnected while the daemon's record has not arrived."""
        record = self._known()
        if record is None:
            raise self._not_here()
        return record

    def _not_here(self) -> NotConnected:
        return NotConnected(f"The record of execution {self.id} has not arrived.", "Wait for it with `wait()`.")

    @property
    def status(self) -> ExecutionStatus:
        """ "queued", "running", "done", "error", "cancelled" or "died". Raises as `record` does."""
        status = self._known_status()
        if status is None:
            raise self._not_here()
        return status

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, however it did; False also while its record has not arrived."""
        return self._known_status() in TERMINAL_STATUSES

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.status == "done"

    @property
    def waits_for(self) -> Waiting | None:
        """What it waits for while it is queued, which reads as a line; None once it runs or has ended."""
        return waiting(self._notebook.runtime, self.id, time.time())

    async def wait(self) -> Execution:
        """Wait until it has ended, however it did; all its outputs are here then. Raises OwnKernel in code that it
        would have to wait for itself."""
        if not self.has_ended:
            refuse_to_wait_for_itself(self._notebook.id)
        looked_in: list[Any] = []
        while (status := self._known_status()) not in TERMINAL_STATUSES:
            archives = self._notebook.runtime.archive() if status is None else looked_in
            if self._notebook.is_joined and archives != looked_in:  # perhaps it came and went
                try:
                    await self._look_in_archives()
                except NotConnected:
                    await asyncio.sleep(LOOK_AGAIN)
                    continue
                except (RequestFailed, CorruptDocument) as error:
                    logger.warning("execution %s was not looked for in the archives: %s", self.id, error)
                looked_in = archives
            else:
                await self._notebook.until(partial(self._moved_on, status, looked_in))
        return self

    def _moved_on(self, status: ExecutionStatus | None, looked_in: list[Any]) -> bool:
        now = self._known_status()
        if now is None and status is None:
            return self._notebook.is_joined and self._notebook.runtime.archive() != looked_in
        return now != status

    def _known_status(self) -> ExecutionStatus | None:
        status = self._notebook.runtime.status(self.id)
        return self._archived.execution.status if status is None and self._archived is not None else status

    def _known(self) -> Record | None:
        record = self._notebook.runtime.execution(self.id)
        return self._archived.execution if record is None and self._archived is not None else record

    async def _look_in_archives(self) -> None:
        async for found in archived(self._notebook):
            if found.execution.id == self.id:
                self._archived = found
                return

    def check(self) -> Execution:
        """Return the execution if it ended well. Raises ExecutionFailed, with the exception's name and text."""
        if self.status != "done":
            record = self.record
            what = f"{record.error.ename}: {record.error.evalue}" if record.error else f"it ended as {record.status}"
            whose = f"Cell {record.cell_id}" if record.cell_id else "The code"
            raise ExecutionFailed(self.id, record.status, f"{whose} failed: {what}")
        return self

    @property
    def prompt(self) -> Prompt | None:
        """What the running code asks for with `input()` or `getpass()`; None if it asks for nothing."""
        record = self._notebook.runtime.execution(self.id)
        return None if record is None else record.prompt

    async def answer(self, text: str | None) -> None:
        """Answer its prompt; None ends the input, which raises EOFError there.

        Raises RequestFailed if it asks for nothing (any more); the message names who answered first.
        """
        prompt = self.prompt
        prompt_id = "" if prompt is None else prompt.id
        await self._notebook.request(AnswerInput(execution_id=self.id, prompt_id=prompt_id, value=text))

    async def outputs(self) -> list[dict[str, Any]]:
        """The outputs so far, as nbformat outputs; large contents are fetched from the hub."""
        if self._known_status() is None:
            await self._look_in_archives()
        if self._archived is not None:
            return await self._notebook.read_outputs(self._archived.outputs)
        return await self._notebook.outputs_of(self.id)

    async def result(self) -> dict[str, Any] | None:
        """The value of its last expression, as MIME types and contents; None if it had none."""
        results = [output["data"] for output in await self.outputs() if output["output_type"] == "execute_result"]
        return results[-1] if results else None

    async def excerpt(self, limit: int = 20_000) -> str:
        """The beginning and the end of what `text` would be, in about `limit` bytes; also while it runs. Of a long
        output only the parts that are shown are fetched."""
        if self._known_status() is None:
            await self._look_in_archives()
        archived = self._archived
        manifests = self._notebook.runtime.outputs(self.id) if archived is None else archived.outputs
        return await excerpt(manifests, limit, self._notebook.blob)

    async def text(self) -> str:
        """What it printed and showed as plain text: streams, text/plain of displays and results, tracebacks."""
        parts: list[str] = []
        for output in await self.outputs():
            match output["output_type"]:
                case "stream":
                    parts.append(output["text"])
                case "error":
                    parts.append("\n".join(output["traceback"]) + "\n")
                case _:
                    parts.append(output["data"].get("text/plain", "") + "\n")
        return "".join(parts)
