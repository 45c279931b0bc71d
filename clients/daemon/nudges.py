"""What a kernel is sent so that it goes on: probes, and an interrupt's second signal.

Nudges owns the timers of one kernel. It promises a probe while an execution's end stays half done (see `conversation`),
ever more rarely; and that an interrupt by signal reaches code that a signal alone does not: code that awaits, and a
blocking call that has just begun. It sends nothing once it is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from clients.daemon.conversation import Conversation

FIRST_PROBE_SECONDS: Final = 0.25  # the halves of an end arrive within milliseconds of each other
LONGEST_PROBE_SECONDS: Final = 60.0  # a kernel that does not answer probes is busy: ask ever less often
# A signal this soon after an execution began can fall between Python's look for signals and a blocking call, which then
# sleeps on (1 in 100, sent at once). Sent again when the first has had time to show, it ends the call; two signals that
# Python has not looked at are one KeyboardInterrupt.
EARLY_SECONDS: Final = 0.1
INTERRUPT_AGAIN_SECONDS: Final = 0.3


class Nudges:
    """See the module. `probe` sends a probe, `signal` interrupts what runs; call `watch` after each message."""

    def __init__(self, conversation: Conversation, probe: Callable[[], None], signal: Callable[[], None]) -> None:
        self._conversation = conversation
        self._probe = probe
        self._signal = signal
        self._loop = asyncio.get_running_loop()
        self._unsettled: tuple[str, bool] | None = None  # what the probe timer is about
        self._probe_timer: asyncio.TimerHandle | None = None
        self._running: tuple[str, float] | None = None  # what the kernel has begun with, and the loop's time then
        self._again_timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Note when an execution begins, and have a probe sent if one remains half done."""
        running = self._conversation.running
        if running != (self._running and self._running[0]):
            self._running = (running, self._loop.time()) if running else None
        unsettled = self._conversation.unsettled
        if unsettled != self._unsettled:
            self._unsettled = unsettled
            if self._probe_timer is not None:
                self._probe_timer.cancel()
                self._probe_timer = None
            if unsettled is not None:
                self._probe_later(0 if unsettled[1] else FIRST_PROBE_SECONDS)

    def interrupt(self) -> None:
        """Interrupt what runs by a signal, which is sent before this returns."""
        self._signal()
        # Code that awaits is cancelled by the signal, and ipykernel's loop, asleep until a timer or a message, notices
        # that with the next message.
        self._probe()
        if self._running is None or self._loop.time() - self._running[1] > EARLY_SECONDS:
            return
        execution_id = self._running[0]

        def again() -> None:
            if self._conversation.running == execution_id:
                self._signal()
                self._probe()

        if self._again_timer is not None:
            self._again_timer.cancel()
        self._again_timer = self._loop.call_later(INTERRUPT_AGAIN_SECONDS, again)

    def close(self) -> None:
        """No more of it."""
        for timer in (self._probe_timer, self._again_timer):
            if timer is not None:
                timer.cancel()

    def _probe_later(self, delay: float) -> None:
        def probe() -> None:
            self._probe()
            self._probe_later(min(2 * delay or FIRST_PROBE_SECONDS, LONGEST_PROBE_SECONDS))

        self._probe_timer = self._loop.call_later(delay, probe)
