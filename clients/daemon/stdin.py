"""Input for running cells: who may be asked, what is asked at the moment, and whose answer counted.

A StdinDesk turns a kernel's question into a `prompt` on the execution's record, where every peer sees it, also one that
comes later. It promises that the first answer counts and later ones are told who answered first; that what was asked
and typed reads in the output as in a terminal, except for passwords, which are written nowhere; and that a prompt is
gone when it is answered, interrupted, or its execution has ended. An execution that may not ask gets the end of input
at once, which raises EOFError there.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from clients.daemon.events import InputRequested, Output
from clients.daemon.records import ExecutionRecords
from clients.daemon.services import Asked, Served
from notebook_doc.runtime_records import Prompt, Requester
from relay.errors import ErrorCode, WireError
from relay.requests import AnswerInput, Stdin

# How Jupyter says that the input has ended, as a terminal does with Ctrl-D.
END_OF_INPUT: Final = "\x04"
# Prompts whose answerer is remembered, for those who answer later.
MAX_ANSWERED: Final = 1024


class StdinDesk:
    """See the module. Owns who answered the latest prompts; the rest stands on the executions' records."""

    def __init__(self, records: ExecutionRecords, send: Callable[[str], None], show: Callable[[Output], None]) -> None:
        """`send` answers the kernel and raises DaemonError if it cannot; `show` takes an output of an execution."""
        self._records = records
        self._send = send
        self._show = show
        self._answered: OrderedDict[str, str] = OrderedDict()  # prompt id -> the name of who answered it

    def serves(self) -> Served:
        """What it answers."""
        return {AnswerInput: self._serve_answer}

    async def _serve_answer(self, body: AnswerInput, asked: Asked) -> dict[str, Any]:
        self.answer(body, asked.by)
        return {}

    def may_ask_too(self, execution_id: str) -> None:
        """An execution that waits was asked for again, by somebody who can answer: one who can is enough."""
        if not self._records.may_ask(execution_id):
            self._records.set_input_ended(execution_id, False)

    def asked(self, event: InputRequested) -> None:
        """The kernel asks. Raises DaemonError if it has ended since."""
        if not self._records.may_ask(event.execution_id):
            self._send(END_OF_INPUT)
            return
        open_one = self._records.prompt(event.execution_id)
        if open_one is not None and (open_one.text, open_one.password) == (event.prompt, event.password):
            return  # the same question, heard again by the daemon that went on with this kernel
        prompt = Prompt(id=uuid.uuid4().hex, text=event.prompt, password=event.password)
        self._records.set_prompt(event.execution_id, prompt)

    def answer(self, answer: AnswerInput, by: Requester) -> None:
        """Somebody answers. Raises WireError if that prompt is not open any more, DaemonError if the kernel is gone."""
        prompt = self._records.prompt(answer.execution_id)
        if prompt is None or prompt.id != answer.prompt_id:
            raise self._too_late(answer)
        self._send(END_OF_INPUT if answer.value is None else answer.value)
        self._answered[prompt.id] = by.name or by.peer_id or "Somebody"
        while len(self._answered) > MAX_ANSWERED:
            self._answered.popitem(last=False)
        self._records.set_prompt(answer.execution_id, None)
        typed = "" if answer.value is None or prompt.password else answer.value
        echo = {"output_type": "stream", "name": "stdout", "text": f"{prompt.text}{typed}\n"}
        self._show(Output(answer.execution_id, echo))

    def interrupted(self, execution_id: str, asked: Prompt | None) -> None:
        """The kernel was interrupted while it ran this, which asked for this then: it waits for no answer any more."""
        if asked is not None and self._records.prompt(execution_id) == asked:
            self._records.set_prompt(execution_id, None)

    def _too_late(self, answer: AnswerInput) -> WireError:
        first = self._answered.get(answer.prompt_id)
        if first is not None:
            message = f"{first} has answered this prompt of execution {answer.execution_id} already."
        else:
            message = f"This prompt of execution {answer.execution_id} is gone: the cell has ended or was interrupted."
        return WireError(
            ErrorCode.PROMPT_GONE, message, "Read the execution's prompt again; it may ask something else."
        )


def may_ask(asked: Stdin | None, requester_kind: str) -> bool:
    """Whether what was asked for like this may ask for input. Agents get no prompts unless they want them."""
    return (asked or ("eof" if requester_kind == "agent" else "prompt")) == "prompt"
