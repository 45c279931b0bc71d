"""One Jupyter kernel, from its start to its end: the asyncio shell around `process`, `jupyter_wire` and `conversation`.

Knows sockets and tasks; what messages mean is `conversation`'s, how processes end is `process`'s. It promises that
every message the kernel publishes from `start` on is reported in order, that every execution finishes or the kernel
dies, that a death is reported as soon as the process has ended and after everything it still published, and that
nothing of the kernel is left when `shutdown` returns. It refuses to send anything to a kernel that has ended.

A `Kernel` is one process: `restart` ends it and returns its successor. It must be shut down by whoever started it; if
the daemon is killed outright, ipykernel notices that its parent has gone and ends by itself within a second.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import zmq

from clients.daemon.channel import Channel
from clients.daemon.comm_table import CommRequest
from clients.daemon.conversation import EXECUTE, PROBE, Conversation
from clients.daemon.errors import KernelGone, KernelStartError
from clients.daemon.events import Died, KernelEvent
from clients.daemon.jupyter_wire import JupyterWire, MalformedMessage, Message
from clients.daemon.mailbox import Mailbox
from clients.daemon.process import KernelProcess, launch, start_hint
from clients.daemon.questions import Questions

START_SECONDS: Final = 60.0  # a first start on a cold disk, with every import, takes up to half of this
NUDGE_SECONDS: Final = 0.05  # between probes while starting: a tenth of the fastest start
FIRST_PROBE_SECONDS: Final = 0.25  # the halves of an end arrive within milliseconds of each other
LONGEST_PROBE_SECONDS: Final = 60.0  # a kernel that does not answer probes is busy: ask ever less often
# A signal this soon after an execution began can fall between Python's look for signals and a blocking call, which then
# sleeps on (1 in 100, sent at once). Sent again when the first has had time to show, it ends the call; two signals that
# Python has not looked at are one KeyboardInterrupt.
EARLY_SECONDS: Final = 0.1
INTERRUPT_AGAIN_SECONDS: Final = 0.3
INTERRUPT_REPLY_SECONDS: Final = 5.0  # kernels that are interrupted by message answer at once, or never
POLITE_SECONDS: Final = 3.0  # from the request to shut down to SIGTERM
TERMINATE_SECONDS: Final = 2.0  # from SIGTERM to SIGKILL
DRAIN_SECONDS: Final = 0.5  # for a dead kernel's socket to close; longer only if a child of it holds the socket open
RECONNECT_MILLISECONDS: Final = 10  # the sockets' files appear while we are already connecting
# Messages that wait in libzmq while the loop is busy; the kernel drops what exceeds it, so it is large.
IOPUB_MESSAGES: Final = 100_000
BATCH: Final = 100  # messages read before other tasks have their turn: some milliseconds

_log = logging.getLogger(__name__)


class Kernel:
    """A running kernel. Owns its process, its sockets and the tasks that read them; `Kernel.start` makes one."""

    def __init__(self, kernel_name: str, cwd: Path, env: Mapping[str, str] | None, process: KernelProcess) -> None:
        self.name = kernel_name
        self._cwd = cwd
        self._env = env
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._wire = JupyterWire(process.key, secrets.token_hex(16))
        self._conversation = Conversation()
        self._mailbox = Mailbox()
        self._context = zmq.Context()
        self._channels: list[Channel] = []
        self._identity = secrets.token_hex(16).encode()  # one for all: the kernel asks on stdin whoever sent on shell
        self._shell = self._connect(zmq.DEALER, "shell")
        self._control = self._connect(zmq.DEALER, "control")
        self._stdin = self._connect(zmq.DEALER, "stdin")
        self._iopub = self._connect(zmq.SUB, "iopub")
        self._ids = itertools.count()
        self._questions = Questions(
            partial(self._ask, self._shell), partial(self._ask, self._control), lambda: self.info
        )
        self._ready = asyncio.Event()
        self._half_done: str | None = None  # the execution that the probe timer is about
        self._probe_timer: asyncio.TimerHandle | None = None
        self._running: tuple[str, float] | None = None  # what the kernel has begun with, and the loop's time then
        self._again_timer: asyncio.TimerHandle | None = None
        self._interrupting = asyncio.Lock()  # held while an interrupt is on its way: what is sent next must not be hit
        self._interrupt_replied = asyncio.Event()
        self._closing = False
        self._life = asyncio.create_task(self._live(), name=f"kernel-{process.pid}")

    @classmethod
    async def start(cls, kernel_name: str, cwd: Path, env: Mapping[str, str] | None = None) -> Kernel:
        """Start the kernel of this kernelspec in `cwd` with this environment (None: the daemon's).

        Returns when it answers and everything it publishes is heard. Raises KernelStartError. If it is cancelled or
        fails, nothing is left running.
        """
        kernel = cls(kernel_name, cwd, env, await launch(kernel_name, cwd, env))
        try:
            await kernel._wait_until_ready()
        except BaseException:
            await kernel._end()
            raise
        return kernel

    # What is known

    @property
    def pid(self) -> int:
        """The id of the kernel's process, which is also that of its process group."""
        return self._process.pid

    @property
    def info(self) -> Mapping[str, Any]:
        """The kernel's kernel_info_reply: implementation, language_info, banner …"""
        return self._conversation.kernel_info

    @property
    def language(self) -> str:
        """The language that it runs, as it calls it itself; empty if it does not say."""
        return str((self.info.get("language_info") or {}).get("name", ""))

    @property
    def ended(self) -> bool:
        """Whether the kernel has ended or is being ended."""
        return self._closing or self._process.exited.done()

    def log_tail(self) -> str:
        """The last lines that the process wrote to its stdout and stderr, past Jupyter's streams."""
        return self._process.log.tail()

    async def events(self) -> AsyncIterator[KernelEvent]:
        """What the kernel says, in order; ends after Died or when it has been shut down. For one consumer.

        A slow consumer pauses the reading; see `mailbox.EVENTS` and `IOPUB_MESSAGES` for how long that loses nothing.
        """
        while (event := await self._mailbox.get()) is not None:
            yield event
        await asyncio.shield(self._life)  # a defect that ended the reading is raised here, not lost

    # What it can be asked

    async def execute(
        self,
        code: str,
        msg_id: str,
        *,
        silent: bool = False,
        store_history: bool = True,
        allow_stdin: bool = False,
        stop_on_error: bool = True,
    ) -> None:
        """Send an execution whose id is `msg_id`; returns when it is sent. Raises KernelGone.

        It is never hit by an interrupt that was sent before it.
        """
        async with self._interrupting:
            self._check_alive("run anything")
            self._conversation.executing(msg_id)
            content = {
                "code": code,
                "silent": silent,
                "store_history": store_history,
                "user_expressions": {},
                "allow_stdin": allow_stdin,
                "stop_on_error": stop_on_error,
            }
            self._send(self._shell, EXECUTE, content, msg_id)

    def comm(self, message: CommRequest) -> None:
        """Send a message on a comm. Raises KernelGone."""
        self._check_alive("be sent a message of a widget")
        about = (message.msg_type, message.msg_id, message.content)
        self._shell.send(self._wire.encode(*about, metadata=message.metadata, buffers=message.buffers))

    async def interrupt(self) -> None:
        """Interrupt what the kernel runs, by signal or, if its kernelspec says so, by message. Raises KernelGone.

        By signal nothing is awaited before it is sent: what was running when the caller looked is what is hit.
        """
        async with self._interrupting:
            self._check_alive("be interrupted")
            if not self._process.interrupt_by_message:
                self._interrupt_by_signal()
                return
            self._interrupt_replied.clear()
            self._send(self._control, "interrupt_request", {})
            with suppress(TimeoutError):
                await asyncio.wait_for(self._interrupt_replied.wait(), INTERRUPT_REPLY_SECONDS)

    def answer_input(self, value: str) -> None:
        """Answer the latest InputRequested. Raises KernelGone."""
        self._check_alive("take input")
        self._send(self._stdin, "input_reply", {"value": value})

    async def ask(self, msg_type: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask something that is no execution, and return the content of the reply. Raises KernelGone.

        Kernels with subshells answer while they run something, others afterwards: bound the wait.
        """
        self._check_alive("answer")
        return await self._questions.ask(msg_type, content)

    async def shutdown(self) -> None:
        """End the kernel: politely, then by SIGTERM, then by SIGKILL, with everything in its process group.

        Returns when nothing is left of it. No Died is reported; executions that were running get no Finished. No-op on
        a kernel that has ended.
        """
        self._closing = True
        if not self._process.exited.done():
            # A busy kernel would look at the request only when it is done; an idle one needs no signal.
            if self._conversation.running is not None and not self._process.interrupt_by_message:
                self._process.signal(signal.SIGINT)
            self._send(self._control, "shutdown_request", {"restart": False})
            if not await self._exited_within(POLITE_SECONDS):
                self._process.signal(signal.SIGTERM)
                await self._exited_within(TERMINATE_SECONDS)
        await self._end()

    async def restart(self) -> Kernel:
        """End this kernel as `shutdown` does, and start another of the same kernelspec, directory and environment."""
        await self.shutdown()
        return await Kernel.start(self.name, self._cwd, self._env)

    # Its life

    async def _live(self) -> None:
        """Read every channel until the process ends or is ended; then report the rest and clean up."""
        told = self._conversation
        try:
            async with asyncio.TaskGroup() as tasks:
                working = [
                    tasks.create_task(self._read(self._iopub, told.on_iopub), name="iopub"),
                    tasks.create_task(self._read(self._shell, self._on_shell), name="shell"),
                    tasks.create_task(self._read(self._stdin, told.on_stdin), name="stdin"),
                    tasks.create_task(self._read(self._control, self._on_control), name="control"),
                ]
                await asyncio.shield(self._process.exited)
                await self._iopub_drained()
                for task in working:
                    task.cancel()
            if not self._closing:
                code = self._process.exited.result()
                self._take(self._iopub, told.on_iopub)
                self._take(self._shell, told.on_shell)
                died = Died(self._process.describe_end(), code if code >= 0 else None, -code if code < 0 else None)
                self._mailbox.put([died])
        finally:
            for timer in (self._probe_timer, self._again_timer):
                if timer is not None:
                    timer.cancel()
            await self._process.discard()
            for channel in self._channels:
                channel.close()
            self._context.destroy(linger=0)
            self._questions.close(KernelGone(self.name, "answer"))
            self._mailbox.close()

    async def _read(self, channel: Channel, handle: Callable[[Message], Iterable[KernelEvent]]) -> None:
        while True:
            await channel.wait()
            self._take(channel, handle, BATCH)
            await self._mailbox.room()

    def _take(
        self, channel: Channel, handle: Callable[[Message], Iterable[KernelEvent]], most: int = IOPUB_MESSAGES
    ) -> None:
        """Handle what has arrived. Nothing is awaited, so cancelling the reader never loses a message."""
        for parts in channel.take(most):
            try:
                self._mailbox.put(handle(self._wire.decode(parts)))
            except MalformedMessage as error:
                _log.warning("kernel %s (%d): %s", self.name, self.pid, error)
            if self._conversation.ready:
                self._ready.set()
            self._watch_executions()

    def _on_shell(self, message: Message) -> Iterable[KernelEvent]:
        return () if self._questions.take(message) else self._conversation.on_shell(message)

    def _on_control(self, message: Message) -> Iterable[KernelEvent]:
        self._questions.take(message)
        if message.msg_type == "interrupt_reply":
            self._interrupt_replied.set()
        return ()

    def _watch_executions(self) -> None:
        """Note when an execution begins, and have a probe sent if one remains half done."""
        running = self._conversation.running
        if running != (self._running and self._running[0]):
            self._running = (running, self._loop.time()) if running else None
        half_done = self._conversation.half_done
        if half_done != self._half_done:
            self._half_done = half_done
            if self._probe_timer is not None:
                self._probe_timer.cancel()
                self._probe_timer = None
            if half_done is not None:
                self._probe_later(FIRST_PROBE_SECONDS)

    def _probe_later(self, delay: float) -> None:
        def probe() -> None:
            self._probe()
            self._probe_later(min(2 * delay, LONGEST_PROBE_SECONDS))

        self._probe_timer = self._loop.call_later(delay, probe)

    def _interrupt_by_signal(self) -> None:
        self._process.signal(signal.SIGINT)
        if self._running is None or self._loop.time() - self._running[1] > EARLY_SECONDS:
            return
        execution_id = self._running[0]

        def again() -> None:
            if self._conversation.running == execution_id:
                self._process.signal(signal.SIGINT)

        if self._again_timer is not None:
            self._again_timer.cancel()
        self._again_timer = self._loop.call_later(INTERRUPT_AGAIN_SECONDS, again)

    async def _wait_until_ready(self) -> None:
        ready = asyncio.create_task(self._ready.wait())
        try:
            async with asyncio.timeout(START_SECONDS):
                while not ready.done():
                    if self._life.done() or self._process.exited.done():
                        raise await self._start_failure()
                    self._probe()
                    await asyncio.wait(
                        (ready, self._process.exited, self._life),
                        timeout=NUDGE_SECONDS,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
        except TimeoutError as error:
            raise KernelStartError(
                f"The kernel '{self.name}' did not answer within {START_SECONDS:.0f} s.",
                start_hint(self.name, ""),
                self.log_tail(),
            ) from error
        finally:
            ready.cancel()

    async def _start_failure(self) -> KernelStartError:
        self._closing = True
        await self._life
        tail = self.log_tail()
        message = f"The kernel '{self.name}' ended while it was starting: {self._process.describe_end()}."
        return KernelStartError(message, start_hint(self.name, tail), tail)

    async def _iopub_drained(self) -> None:
        """Wait until everything that the ended process had published is in our socket's queue."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while not any(True for _ in self._iopub_closed.take(1)):
                    await self._iopub_closed.wait()

    async def _exited_within(self, seconds: float) -> bool:
        await asyncio.wait((self._process.exited,), timeout=seconds)
        return self._process.exited.done()

    async def _end(self) -> None:
        self._closing = True
        await self._process.discard()
        await self._life

    # Its sockets

    def _connect(self, kind: int, name: str) -> Channel:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MILLISECONDS)
        if kind == zmq.SUB:
            socket.setsockopt(zmq.RCVHWM, IOPUB_MESSAGES)
            socket.setsockopt(zmq.SUBSCRIBE, b"")
            self._iopub_closed = self._own(socket.get_monitor_socket(zmq.EVENT_DISCONNECTED))
        else:
            socket.setsockopt(zmq.SNDHWM, 0)  # requests are few; sending one never blocks the loop
            socket.setsockopt(zmq.IDENTITY, self._identity)
        socket.connect(self._process.endpoint(name))
        return self._own(socket)

    def _own(self, socket: zmq.Socket[bytes]) -> Channel:
        channel = Channel(socket)
        self._channels.append(channel)
        return channel

    def _send(self, channel: Channel, msg_type: str, content: Mapping[str, Any], msg_id: str | None = None) -> None:
        channel.send(self._wire.encode(msg_type, msg_id or f"quire-{next(self._ids)}", content))

    def _ask(self, channel: Channel, msg_type: str, content: Mapping[str, Any], subshell_id: str | None = None) -> str:
        msg_id = f"quire-{next(self._ids)}"
        channel.send(self._wire.encode(msg_type, msg_id, content, subshell_id=subshell_id))
        return msg_id

    def _probe(self) -> None:
        probe_id = f"quire-{next(self._ids)}"
        self._conversation.probing(probe_id)
        self._send(self._shell, PROBE, {}, probe_id)

    def _check_alive(self, doing: str) -> None:
        if self.ended:
            raise KernelGone(self.name, doing)
