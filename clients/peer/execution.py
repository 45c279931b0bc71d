"""An execution as its requester sees it: its record and its outputs, live until it has ended.

Holds a notebook and an execution id; what it says is read from RuntimeDoc when asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clients.peer.errors import ExecutionFailed, NotConnected
from notebook_doc.runtime import Execution as Record
from notebook_doc.runtime import Prompt
from relay.messages import AnswerInput

if TYPE_CHECKING:
    from clients.peer.notebook import Notebook


class Execution:
    """One run of one cell."""

    def __init__(self, notebook: Notebook, execution_id: str) -> None:
        self._notebook = notebook
        self.id = execution_id

    def __repr__(self) -> str:
        record = self._notebook.runtime.execution(self.id)
        return f"<execution {self.id}: {record.status if record else 'not here yet'}>"

    @property
    def record(self) -> Record:
        """Status, source, times, who asked. Raises NotConnected while the daemon's record has not arrived."""
        record = self._notebook.runtime.execution(self.id)
        if record is None:
            raise NotConnected(f"The record of execution {self.id} has not arrived.", "Wait for it with `wait()`.")
        return record

    @property
    def status(self) -> str:
        """ "queued", "running", "done", "error", "cancelled" or "died"."""
        return self.record.status

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.status == "done"

    async def wait(self) -> Execution:
        """Wait until it has ended, however it did; all its outputs are here then."""

        def ended() -> bool:
            record = self._notebook.runtime.execution(self.id)
            return record is not None and record.is_terminal

        await self._notebook.until(ended)
        return self

    def check(self) -> Execution:
        """Return the execution if it ended well. Raises ExecutionFailed, with the exception's name and text."""
        record = self.record
        if record.status != "done":
            what = f"{record.error.ename}: {record.error.evalue}" if record.error else f"it ended as {record.status}"
            raise ExecutionFailed(self.id, record.status, f"Cell {record.cell_id} failed: {what}")
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
        return await self._notebook.outputs_of(self.id)

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
