"""One Jupyter kernel, from its start to its end: the asyncio shell around `conversation`, by way of a keeper.

Knows tasks and signals; what messages mean is `conversation`'s, how they travel and how processes end is the keeper's.
It promises that every message the kernel publishes from `start` on is reported in order, that every execution finishes
or the kernel dies, that a death is reported as soon as the process has ended and after everything it still published,
and that nothing of the kernel is left when `shutdown` returns. It refuses to send anything to a kernel that has ended.

A `Kernel` is one process. It must be shut down by whoever started it. If the daemon is killed outright, the kernel
lives on in the care of its keeper, and `attach` makes a Kernel of it again, which goes on where the earlier one was:
after the message `position`, as the consumer's records say.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from clients.daemon import launching
from clients.daemon.comm_effects import CommRequest
from clients.daemon.conversation import EXECUTE, PROBE, Conversation
from clients.daemon.errors import KernelGone, KernelStartError
from clients.daemon.events import Died, KernelEvent, Responsive, Unresponsive
from clients.daemon.hearing import Hearing
from clients.daemon.jupyter_wire import JupyterWire
from clients.daemon.keeper import frames
from clients.daemon.keeper.link import FromKernel, KeeperLink, KeeperState, Keeping
from clients.daemon.keeper.manifest import Manifest
from clients.daemon.launch_plan import LaunchPlan
from clients.daemon.nudges import Nudges
from clients.daemon.process import describe_exit
from clients.daemon.questions import Questions
from notebook_doc.runtime_records import Namespace

START_SECONDS: Final = 60.0  # a first start on a cold disk, with every import, takes up to half of this
NUDGE_SECONDS: Final = 0.05  # between probes while starting: a tenth of the fastest start
INTERRUPT_REPLY_SECONDS: Final = 5.0  # kernels that are interrupted by message answer at once, or never
POLITE_SECONDS: Final = 3.0  # from the request to shut down to SIGTERM
TERMINATE_SECONDS: Final = 2.0  # from SIGTERM to SIGKILL
END_SECONDS: Final = 10.0  # for a keeper to end its kernel and itself, until it is killed

# What ipykernel runs first. In a namespace of its own: this names nothing in anybody's.
NAMESPACE_KEY: Final = "quire_namespace"  # as `in_kernel` has it
_PROGRAM: Final = Path(__file__).with_name("in_kernel.py").read_text()

_log = logging.getLogger(__name__)


class _Channel:
    """One of the kernel's channels, to send on."""

    def __init__(self, link: KeeperLink, number: int) -> None:
        self._link, self._number = link, number

    def send(self, parts: Sequence[bytes], key: str = "") -> None:
        """Send a message; one with a key goes to the kernel once, whichever daemon sends it how often."""
        self._link.send(self._number, parts, key)


class Kernel:
    """A running kernel. Owns the link to its keeper and the task that reads it; made by `start` or `attach`."""

    def __init__(self, link: KeeperLink, position: int = 0) -> None:
        self.name = link.manifest.kernel_name
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._wire = JupyterWire(launching.signing_key(Path(link.manifest.folder)), secrets.token_hex(16))
        self._conversation = Conversation()
        self._shell = _Channel(link, frames.SHELL)
        self._control = _Channel(link, frames.CONTROL)
        self._stdin = _Channel(link, frames.STDIN)
        self._ids = itertools.count()
        self._questions = Questions(
            partial(self._ask, self._shell), partial(self._ask, self._control), lambda: self.info
        )
        self._ready = asyncio.Event()
        self._nudges = Nudges(self._conversation, self._probe, lambda: self._link.signal(signal.SIGINT))
        self._interrupting = asyncio.Lock()  # held while an interrupt is on its way: what is sent next must not be hit
        self._interrupt_replied = asyncio.Event()
        self._hearing = Hearing(
            *(self._wire, self._conversation, self._questions, self._interrupt_replied.set),
            position=position,
            who=f"kernel {self.name} ({self.pid})",
        )
        self._mailbox = self._hearing.mailbox
        self._closing = False
        self._exited: asyncio.Future[str] = self._loop.create_future()  # how, for people
        self.unresponsive: str | None = None
        self._life: asyncio.Task[None]

    @classmethod
    async def start(cls, plan: LaunchPlan, keeping: Keeping | None = None, *, notebook_id: str = "") -> Kernel:
        """Start the kernel that is planned, for this notebook.

        With `keeping` it outlives this daemon; without, it ends with it. Returns when it answers and everything it
        publishes is heard. Raises KernelStartError. If it is cancelled or fails, nothing is left running.
        """
        link = await KeeperLink.launch(await launching.prepare(plan), keeping)
        kernel = cls(link)
        kernel._life = asyncio.create_task(kernel._live(), name=f"kernel-{kernel.pid}")
        try:
            await kernel._wait_until_ready()
        except BaseException:
            await kernel._end()
            raise
        link.note(language=kernel.language, info=dict(kernel.info))
        if kernel.is_extended:
            kernel._questions.begin_with(EXECUTE, _silently(in_kernel(notebook_id)))
        return kernel

    def run_silently(self, code: str) -> None:
        """Have it run this after what it runs now; nothing is told of it, and it leaves no trace in the history."""
        if not self.ended:
            self._send(self._shell, EXECUTE, _silently(code))

    @classmethod
    async def attach(cls, manifest: Manifest, folder: Path, position: int, settled: Callable[[str], bool]) -> Kernel:
        """The kernel of this keeper, which an earlier daemon started and whose messages up to `position` it dealt with.

        Executions that were sent and are not `settled` are gone on with. Raises KeeperLost.
        """
        link = await KeeperLink.attach(manifest, folder)
        kernel = cls(link, position)
        kernel._conversation.kernel_info = manifest.info
        for execution_id in link.sent:
            if not settled(execution_id):
                kernel._conversation.executing(execution_id)
        kernel._ready.set()
        kernel._life = asyncio.create_task(kernel._live(), name=f"kernel-{kernel.pid}")
        return kernel

    # What is known

    @property
    def pid(self) -> int:
        """The id of the kernel's process, which is also that of its process group."""
        return self._link.manifest.kernel_pid

    @property
    def began(self) -> str:
        """When its process began: with the id, this names the process."""
        return self._link.manifest.kernel_began

    @property
    def keeper(self) -> str:
        """The id of its keeper, which numbers what it says."""
        return self._link.manifest.keeper

    @property
    def sent(self) -> frozenset[str]:
        """The executions that earlier daemons have sent to it, as far back as its keeper remembers."""
        return self._link.sent

    @property
    def info(self) -> Mapping[str, Any]:
        """The kernel's kernel_info_reply: implementation, language_info, banner …"""
        return self._conversation.kernel_info

    @property
    def language(self) -> str:
        """The language that it runs, as it calls it itself; empty if it does not say."""
        return str((self.info.get("language_info") or {}).get("name", ""))

    @property
    def memory(self) -> int | None:
        """The bytes that it may have, if that is limited."""
        return self._link.manifest.memory

    @property
    def is_extended(self) -> bool:
        """Whether it is an ipykernel, which `in_kernel` has taught to run code in a copy and to tell its variables."""
        return bool(self.info.get("implementation") == "ipython")

    @property
    def ended(self) -> bool:
        """Whether the kernel has ended or is being ended."""
        return self._closing or self._exited.done()

    def log_tail(self) -> str:
        """The last lines that the process wrote to its stdout and stderr, past Jupyter's streams."""
        return self._link.log_tail()

    async def events(self) -> AsyncIterator[KernelEvent]:
        """What the kernel says, in order; ends after Died or when it has been shut down. For one consumer.

        A slow consumer pauses the reading; what comes meanwhile waits in the keeper's spool.
        """
        async for event, _ in self.numbered_events():
            yield event

    async def numbered_events(self) -> AsyncIterator[tuple[KernelEvent, int]]:
        """As `events`, each with the number of the last message that is done with once this event is."""
        while (event := await self._mailbox.get()) is not None:
            yield event
        if self._life.done():
            await self._life  # a defect that ended the reading is raised here, not lost

    def acknowledge(self, position: int) -> None:
        """What the messages up to here had to say is safe with the consumer: the keeper may forget them.

        Except what an execution that has not finished by then will need: the halves of its end, say.
        """
        self._link.acknowledge(position, self._hearing.recollection.wanted(position))

    # What it can be asked

    async def execute(
        self,
        code: str,
        msg_id: str,
        *,
        namespace: Namespace = "own",
        silent: bool = False,
        allow_stdin: bool = False,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """Send an execution whose id is `msg_id`; returns when it is sent. Raises KernelGone.

        It is never hit by an interrupt that was sent before it. One that was sent already, by an earlier daemon, is not
        sent again. What runs in a copy of the namespace is not in the kernel's history, and counts nothing. `told` goes
        into the request's metadata.
        """
        async with self._interrupting:
            self._execute(code, msg_id, namespace, silent, allow_stdin, told)

    def execute_now(
        self, code: str, msg_id: str, namespace: Namespace = "own", told: Mapping[str, Any] | None = None
    ) -> bool:
        """As `execute` with stdin allowed, in this turn of the loop; False, and nothing is sent, if an interrupt is
        under way. Raises KernelGone."""
        if self._interrupting.locked():
            return False
        self._execute(code, msg_id, namespace, silent=False, allow_stdin=True, told=told)
        return True

    def _execute(
        self,
        code: str,
        msg_id: str,
        namespace: Namespace,
        silent: bool,
        allow_stdin: bool,
        told: Mapping[str, Any] | None,
    ) -> None:
        self._check_alive("run anything")
        self._conversation.executing(msg_id)
        content = {
            "code": code,
            "silent": silent,
            "store_history": namespace == "own",
            "user_expressions": {},
            "allow_stdin": allow_stdin,
            "stop_on_error": True,
        }
        metadata = {**(told or {}), **({} if namespace == "own" else {NAMESPACE_KEY: namespace})}
        self._shell.send(self._wire.encode(EXECUTE, msg_id, content, metadata=metadata), key=msg_id)

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
            if not self._link.manifest.interrupt_by_message:
                self._nudges.interrupt()
                return
            self._interrupt_replied.clear()
            self._send(self._control, "interrupt_request", {})
            with suppress(TimeoutError):
                await asyncio.wait_for(self._interrupt_replied.wait(), INTERRUPT_REPLY_SECONDS)

    def answer_input(self, value: str) -> None:
        """Answer the latest InputRequested. Raises KernelGone."""
        self._check_alive("take input")
        self._hearing.recollection.answered()
        self._send(self._stdin, "input_reply", {"value": value})

    async def ask(self, msg_type: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask something that is no execution, and return the content of the reply. Raises KernelGone.

        Kernels with subshells answer while they run something, others afterwards: bound the wait.
        """
        self._check_alive("answer")
        return await self._questions.ask(msg_type, content)

    async def shutdown(self) -> None:
        """End the kernel: politely, then by SIGTERM, then by SIGKILL, with everything in its process group.

        Returns when nothing is left of it. No Died is reported; executions that were running get no Finished. One that
        has ended, or does not answer, is cleared away without ceremony.
        """
        self._closing = True
        self._mailbox.widen()
        if not self._exited.done() and self.unresponsive is None:
            # A busy kernel would look at the request only when it is done; an idle one needs no signal.
            if self._conversation.running is not None and not self._link.manifest.interrupt_by_message:
                self._link.signal(signal.SIGINT)
            self._send(self._control, "shutdown_request", {"restart": False})
            if not await self._exited_within(POLITE_SECONDS):
                self._link.signal(signal.SIGTERM)
                await self._exited_within(TERMINATE_SECONDS)
        await self._end()

    # Its life

    async def _live(self) -> None:
        """Take what the keeper says until it is gone; then see to it that nothing is left."""
        try:
            while (came := await self._link.receive()) is not None:
                for said in came:
                    match said:
                        case FromKernel(seq, frames.EXIT, parts):
                            self._take_exit(seq, json.loads(parts[0]))
                        case FromKernel(seq, channel, parts):
                            self._take(seq, channel, parts)
                        case KeeperState():
                            self._take_state(said)
                await self._mailbox.room()
            if not self._link.ended and not self._closing and not self._exited.done():
                self._mailbox.put([Died(await self._link.why_it_died(), None, None)])
        finally:
            self._nudges.close()
            await self._link.close()
            self._questions.close(KernelGone(self.name, "answer"))
            if not self._exited.done():
                self._exited.set_result("was ended")
            self._mailbox.close()

    def _take(self, seq: int, channel: int, parts: Sequence[bytes]) -> None:
        self._hearing.take(seq, channel, parts)
        if self._conversation.ready:
            self._ready.set()
        self._nudges.watch()

    def _take_exit(self, seq: int, told: Mapping[str, Any]) -> None:
        code = int(told["code"])
        memory = (bool(told["out_of_memory"]), int(told["most_memory"]), self.memory)
        reason = describe_exit(code, *memory)
        self._exited.set_result(reason)
        if not self._closing:
            self._mailbox.put([Died(reason, code if code >= 0 else None, -code if code < 0 else None)], seq)
        if not self._link.is_kept or not self._ready.is_set():
            self._link.end()
        else:  # the consumer has it on record first, then it calls `shutdown`
            self._mailbox.close()

    def _take_state(self, state: KeeperState) -> None:
        if state.stalled:
            _log.error("kernel %s (%d): its keeper's spool is full; the kernel is not listened to", self.name, self.pid)
        if state.unresponsive != self.unresponsive:
            self.unresponsive = state.unresponsive
            self._mailbox.put([Responsive() if state.unresponsive is None else Unresponsive(state.unresponsive)])

    async def _wait_until_ready(self) -> None:
        ready = asyncio.create_task(self._ready.wait())
        try:
            async with asyncio.timeout(START_SECONDS):
                while not ready.done():
                    if self._life.done() or self._exited.done():
                        raise await self._start_failure()
                    self._probe()
                    await asyncio.wait(
                        (ready, self._exited, self._life),
                        timeout=NUDGE_SECONDS,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
        except TimeoutError as error:
            raise KernelStartError(
                f"The kernel '{self.name}' did not answer within {START_SECONDS:.0f} s.",
                launching.start_hint(self.name, ""),
                self.log_tail(),
            ) from error
        finally:
            ready.cancel()

    async def _start_failure(self) -> KernelStartError:
        self._closing = True
        await self._life
        tail = self.log_tail()
        message = f"The kernel '{self.name}' ended while it was starting: {self._exited.result()}."
        return KernelStartError(message, launching.start_hint(self.name, tail), tail)

    async def _exited_within(self, seconds: float) -> bool:
        await asyncio.wait((self._exited,), timeout=seconds)
        return self._exited.done()

    async def _end(self) -> None:
        self._closing = True
        self._mailbox.widen()
        self._link.end()
        await asyncio.wait((self._life,), timeout=END_SECONDS)
        if not self._life.done():
            self._link.kill()
        await asyncio.shield(self._life)

    # Its channels

    def _send(self, channel: _Channel, msg_type: str, content: Mapping[str, Any], msg_id: str | None = None) -> None:
        channel.send(self._wire.encode(msg_type, msg_id or f"quire-{next(self._ids)}", content))

    def _ask(self, channel: _Channel, msg_type: str, content: Mapping[str, Any], subshell_id: str | None = None) -> str:
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


def in_kernel(notebook_id: str) -> str:
    """The code that ipykernel runs first, for the kernel of this notebook."""
    return f"exec({_PROGRAM!r}, {{'NOTEBOOK': {notebook_id!r}}})"


def _silently(code: str) -> dict[str, Any]:
    return {"code": code, "silent": True, "store_history": False}
