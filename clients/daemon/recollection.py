"""Which messages of a kernel must outlive the daemon that has dealt with them: those an open execution still needs.

Knows sequence numbers and message types. What an execution has put out is on record once it is written; but that it
began, the error it published, and the first half of its end are known only from messages, and a later daemon has to see
them again. So do questions to the user that nobody has answered. Pure; owns the numbers of such messages until the end
of their execution is on record itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from clients.daemon.jupyter_wire import Message

_NEEDED: Final = frozenset(("status", "execute_input", "error", "execute_reply"))
_QUESTION: Final = "input_request"


@dataclass
class _Open:
    seqs: list[int] = field(default_factory=list)
    finished: int | None = None  # the message that finished it


@dataclass
class Recollection:
    """See the module."""

    _executions: dict[str, _Open] = field(default_factory=dict)
    _questions: list[int] = field(default_factory=list)

    def note(self, seq: int, message: Message) -> None:
        """A message came that answers an execution which had not finished."""
        if message.msg_type in _NEEDED:
            self._executions.setdefault(message.parent_id, _Open()).seqs.append(seq)
        elif message.msg_type == _QUESTION:
            self._questions.append(seq)

    def finished(self, execution_id: str, seq: int) -> None:
        """An execution finished with this message."""
        self._executions.setdefault(execution_id, _Open()).finished = seq
        self._questions.clear()

    def answered(self) -> None:
        """The user has answered."""
        self._questions.clear()

    def wanted(self, position: int) -> list[int]:
        """Of what came up to `position`, the messages to keep. Executions whose end is among it are done with."""
        self._executions = {
            execution_id: one
            for execution_id, one in self._executions.items()
            if one.finished is None or one.finished > position
        }
        numbers = [seq for one in self._executions.values() for seq in one.seqs if seq <= position]
        return numbers + [seq for seq in self._questions if seq <= position]
