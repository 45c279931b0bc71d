"""What one kernel says, from the messages that its keeper numbers to events for one consumer.

A Hearing reads messages and hands each to whom it concerns: the conversation, which makes events of it, or the
questions that were asked beside. It owns what a later daemon must hear again (`recollection`) and the events that wait
for the consumer. It promises that events come in the order of the messages, each with the number of the last message
that is done with once it is; and that of messages which an earlier daemon has dealt with it tells only what the
conversation forgot with that daemon: that something began, and what was asked of the user.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from clients.daemon.conversation import Conversation
from clients.daemon.events import Busy, Finished, Idle, InputRequested, KernelEvent, Started
from clients.daemon.jupyter_wire import JupyterWire, MalformedMessage, Message
from clients.daemon.keeper import frames
from clients.daemon.mailbox import Mailbox
from clients.daemon.questions import Questions
from clients.daemon.recollection import Recollection

_log = logging.getLogger(__name__)

AGAIN = Started | Busy | Idle | InputRequested  # what is told of messages that an earlier daemon has dealt with


class Hearing:
    """See the module. Messages up to `position` were dealt with; `interrupted` is called when the kernel says that it
    was, by message. `who` it is, for the log."""

    def __init__(
        self,
        wire: JupyterWire,
        conversation: Conversation,
        questions: Questions,
        interrupted: Callable[[], None],
        *,
        position: int,
        who: str,
    ) -> None:
        self.mailbox = Mailbox()
        self.recollection = Recollection()
        self._wire = wire
        self._conversation = conversation
        self._questions = questions
        self._interrupted = interrupted
        self._position = position
        self._who = who
        self._handlers: Mapping[int, Callable[[Message], Iterable[KernelEvent]]] = {
            frames.SHELL: self._on_shell,
            frames.IOPUB: conversation.on_iopub,
            frames.STDIN: conversation.on_stdin,
            frames.CONTROL: self._on_control,
        }

    def take(self, seq: int, channel: int, parts: Sequence[bytes]) -> None:
        """Handle a message. Nothing is awaited, so cancelling the reader never loses one."""
        try:
            message = self._wire.decode(parts)
        except MalformedMessage as error:
            _log.warning("%s: %s", self._who, error)
            return
        pending = self._conversation.awaits(message.parent_id)
        events = list(self._handlers[channel](message))
        if pending:
            self.recollection.note(seq, message)
        for event in events:
            if isinstance(event, Finished):
                self.recollection.finished(event.execution_id, seq)
        if seq <= self._position:
            events = [event for event in events if isinstance(event, AGAIN)]
        self.mailbox.put(events, max(seq, self._position))

    def _on_shell(self, message: Message) -> Iterable[KernelEvent]:
        return () if self._questions.take(message) else self._conversation.on_shell(message)

    def _on_control(self, message: Message) -> Iterable[KernelEvent]:
        self._questions.take(message)
        if message.msg_type == "interrupt_reply":
            self._interrupted()
        return ()
