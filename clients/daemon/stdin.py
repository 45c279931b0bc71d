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
from typing import Final

from clients.daemon.events import InputRequested, Output
from clients.daemon.records import ExecutionRecords
from notebook_doc.runtime import Prompt, Requester
from relay.errors import ErrorCode, WireError
from relay.messages import AnswerInput, Stdin

# How Jupyter says that the input has ended, as a terminal does with Ctrl-D.
END_OF_INPUT: Final = "\x04"
# Prompts whose answerer is remembered, for those who answer later.
MAX_ANSWERED: Final = 1024


class StdinDesk:
    """See the module. Owns which live executions may not ask, and who answered the latest prompts."""

    def __init__(self, records: ExecutionRecords, send: Callable[[str], None], show: Callable[[Output], None]) -> None:
        """`send` answers the kernel and raises DaemonError if it cannot; `show` takes an output of an execution."""
        self._records = records
        self._send = send
        self._show = show
        self._modes: dict[str, Stdin] = {}
        self._answered: OrderedDict[str, str] = OrderedDict()  # prompt id -> the name of who answered it

    def expect(self, execution_id: str, asked: Stdin | None, requester_kind: str) -> None:
        """This execution was asked for. Agents get no prompts unless they ask; one person who wants them is enough."""
        mode = asked or ("eof" if requester_kind == "agent" else "prompt")
        if self._modes.get(execution_id) != "prompt":
            self._modes[execution_id] = mode

    def ended(self, execution_id: str) -> None:
        """This execution has ended; the prompt went from its record with that."""
        self._modes.pop(execution_id, None)

    def asked(self, event: InputRequested) -> None:
        """The kernel asks. Raises DaemonError if it has ended since."""
        if not self._records.is_open(event.execution_id) or self._modes.get(event.execution_id) == "eof":
            self._send(END_OF_INPUT)
            return
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
