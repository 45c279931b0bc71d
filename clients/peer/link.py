"""A session kept connected: dials, reads, sends, and dials again for as long as it is wanted.

A Link owns a PeerSession and whatever connection it currently has. It promises that what was edited while there was no
connection is sent on the next one, that frames leave in order, that edits made in one turn of the loop share one frame,
that frames which arrive together are taken in together, and that a refusal for good (a wrong token, another document)
ends it with that error while everything else is tried again after a growing pause.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from clients.peer.errors import StartAgain
from clients.peer.session import PeerSession, Phase
from notebook_doc.errors import ReplicaError, ReplicaPanic
from relay.connection import Connection
from relay.errors import BadEndpoint, ConnectionLost, ErrorCode, Refused, UnsafeState, WireError
from relay.messages import Message

logger = logging.getLogger("quire.peer")

# Seconds before dialling again: doubled from the first to the last, with a random part so that a hub that restarts is
# not met by everyone at once.
FIRST_PAUSE: Final = 0.05
LAST_PAUSE: Final = 5.0
# Seconds after which a connection counts as having worked, so that the next pause is the first again. A hub that lets
# us in and sends us away at once is not to be asked twenty times a second.
STEADY_SECONDS: Final = 1.0
# Seconds for the hub to answer hello: it may have to read a large notebook from disk first.
WELCOME_SECONDS: Final = 15.0
# Frames read ahead of being taken in. More would only be held here instead of by the transport, which slows the hub.
READ_AHEAD: Final = 256
# Refusals that will be the same next time.
FINAL_REFUSALS: Final = frozenset(
    (
        ErrorCode.UNAUTHORIZED,
        ErrorCode.FORBIDDEN,
        ErrorCode.PROTOCOL_VERSION,
        ErrorCode.SCHEMA_VERSION,
        ErrorCode.UNKNOWN_NOTEBOOK,
        ErrorCode.WRONG_GENESIS,
        ErrorCode.AGENTS_MAY_NOT,
        ErrorCode.BAD_HANDSHAKE,
    )
)

Dial = Callable[[], Awaitable[Connection]]


class Link:
    """See the module. `on_message` gets each message for the shell, `on_change` is called when anything moved."""

    def __init__(
        self,
        session: PeerSession,
        dial: Dial,
        *,
        on_message: Callable[[Message], None],
        on_change: Callable[[], None],
    ) -> None:
        self.session = session
        self._dial = dial
        self._on_message, self._on_change = on_message, on_change
        self._wake = asyncio.Event()
        self._closed = False
        self.last_error: WireError | None = None

    @property
    def online(self) -> bool:
        """Whether the hub has let this peer in and the connection stands."""
        return self.session.phase is Phase.OPEN

    def wake(self) -> None:
        """Something may have to be sent: a local edit, a request."""
        self._wake.set()

    def close(self) -> None:
        """Do not dial again. Call it before cancelling `run`: a connection that fails in the same turn would otherwise
        swallow the cancellation, as a task group does when one of its tasks has failed."""
        self._closed = True

    async def run(self) -> None:
        """Stay connected until closed and cancelled. Raises Refused when the hub says no for good, BadEndpoint and
        UnsafeState when there is nothing to dial."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while not self._closed:
            began = loop.time()
            try:
                await self._use(await self._dial())
            except StartAgain as error:
                logger.info("notebook %s: %s", self.session.notebook_id, error.message)
                self._on_change()
            except ReplicaPanic as error:
                logger.error("notebook %s: %s The replica is fetched anew.", self.session.notebook_id, error)
                self.session.start_afresh()
                self._on_change()
            except ReplicaError as error:
                self._note(WireError(error.code, error.message, error.hint))
            except WireError as error:
                if _is_final(error):
                    raise
                if error.code == ErrorCode.READ_ONLY:  # what we may only read has strayed from the hub's
                    self.session.start_afresh()
                self._note(error)
            if loop.time() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LAST_PAUSE)

    def _note(self, error: WireError) -> None:
        self.last_error = error
        logger.info("notebook %s: no connection: %s", self.session.notebook_id, error.message)
        self._on_change()

    async def _use(self, connection: Connection) -> None:
        """One connection, from hello to its end, which always raises."""
        self.session.connected()
        arrived: asyncio.Queue[bytes | WireError] = asyncio.Queue(READ_AHEAD)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(connection), name="send to the hub")
                group.create_task(_read(connection, arrived), name="read from the hub")
                group.create_task(self._take_in(arrived), name="take in what the hub sent")
        except* (WireError, ReplicaError, StartAgain) as errors:
            raise _first(errors) from None
        finally:
            self.session.disconnected()
            self._on_change()
            await connection.close()

    async def _take_in(self, arrived: asyncio.Queue[bytes | WireError]) -> None:
        """Everything that has arrived by now at once, for as long as the connection lasts."""
        loop = asyncio.get_running_loop()
        welcome_by: float | None = loop.time() + WELCOME_SECONDS
        while True:
            try:
                async with asyncio.timeout_at(welcome_by):
                    items = [await arrived.get()]
            except TimeoutError:
                silence = f"The hub did not answer hello within {WELCOME_SECONDS:.0f} s."
                raise ConnectionLost(silence, "Is that a hub's address?") from None
            while not arrived.empty():
                items.append(arrived.get_nowait())
            for message in self.session.receive_all([item for item in items if isinstance(item, bytes)], loop.time()):
                self._on_message(message)
            if self.online:
                welcome_by = None
                self.last_error = None
            self._on_change()
            self._wake.set()
            if isinstance(items[-1], WireError):
                raise items[-1]

    async def _send(self, connection: Connection) -> None:
        """Send what there is to send. Ends quietly with the connection: why it ended, reading tells."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._wake.clear()
                for frame in self.session.pump(loop.time()):
                    await connection.send(frame)
                try:
                    async with asyncio.timeout_at(self.session.due):
                        await self._wake.wait()
                except TimeoutError:
                    pass  # what was due is sent now
                # Everything that is edited or arrives in this turn goes into one message.
                await asyncio.sleep(0)
        except ConnectionLost:
            return


async def _read(connection: Connection, arrived: asyncio.Queue[bytes | WireError]) -> None:
    """Hand on what arrives, and in the end why nothing more will."""
    try:
        while True:
            await arrived.put(await connection.receive())
    except WireError as error:
        await arrived.put(error)


def _is_final(error: WireError) -> bool:
    """Whether dialling again would end the same way."""
    return isinstance(error, BadEndpoint | UnsafeState) or (isinstance(error, Refused) and error.code in FINAL_REFUSALS)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended the connection."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
