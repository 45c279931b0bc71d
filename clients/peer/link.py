"""A session kept connected: dials, reads, sends, and dials again for as long as it is wanted.

A Link owns a PeerSession and whatever connection it currently has. It promises that what was edited while there was no
connection is sent on the next one, that frames leave in order, that edits made in one turn of the loop share one frame,
and that a refusal for good (a wrong token, another document) ends it with that error while everything else is tried
again after a growing pause.
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
from relay.errors import ConnectionLost, ErrorCode, Refused, WireError
from relay.messages import Message

logger = logging.getLogger("quire.peer")

# Seconds before dialling again: doubled from the first to the last, with a random part so that a hub that restarts is
# not met by everyone at once.
FIRST_PAUSE: Final = 0.05
LAST_PAUSE: Final = 5.0
# Refusals that will be the same next time.
FINAL_REFUSALS: Final = frozenset(
    (
        ErrorCode.UNAUTHORIZED,
        ErrorCode.FORBIDDEN,
        ErrorCode.PROTOCOL_VERSION,
        ErrorCode.SCHEMA_VERSION,
        ErrorCode.UNKNOWN_NOTEBOOK,
        ErrorCode.WRONG_GENESIS,
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
        self._connection: Connection | None = None
        self._wake = asyncio.Event()
        self._was_open = False  # whether the latest connection got past the handshake
        self.last_error: WireError | None = None

    @property
    def online(self) -> bool:
        """Whether the hub has let this peer in and the connection stands."""
        return self.session.phase is Phase.OPEN

    def wake(self) -> None:
        """Something may have to be sent: a local edit, a request."""
        self._wake.set()

    async def run(self) -> None:
        """Stay connected until cancelled. Raises Refused when the hub says no for good."""
        pause = FIRST_PAUSE
        while True:
            try:
                connection = await self._dial()
            except WireError as error:
                if isinstance(error, Refused) and error.code in FINAL_REFUSALS:
                    raise
                self._note(error)
            else:
                try:
                    await self._use(connection)
                except StartAgain:
                    pause = FIRST_PAUSE
                    continue
                except Refused as error:
                    if error.code in FINAL_REFUSALS:
                        raise
                    self._note(error)
                except ReplicaPanic as error:
                    logger.error("notebook %s: %s The replica is fetched anew.", self.session.notebook_id, error)
                    self.session.start_afresh()
                except ReplicaError as error:
                    self._note(WireError(error.code, error.message, error.hint))
                except WireError as error:
                    self._note(error)
                if self._was_open:
                    pause = FIRST_PAUSE
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LAST_PAUSE)

    def _note(self, error: WireError) -> None:
        self.last_error = error
        logger.info("notebook %s: no connection: %s", self.session.notebook_id, error.message)
        self._on_change()

    async def _use(self, connection: Connection) -> None:
        """One connection, from hello to its end, which always raises."""
        self._connection = connection
        self._was_open = False
        self.session.connected()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(connection), name="send to the hub")
                group.create_task(self._read(connection), name="read from the hub")
        except* (WireError, ReplicaError, StartAgain) as errors:
            raise _first(errors) from None
        finally:
            self._connection = None
            self.session.disconnected()
            self._on_change()
            await connection.close()

    async def _read(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        while True:
            message = self.session.receive(await connection.receive(), loop.time())
            if self.online:
                self._was_open = True
                self.last_error = None
            if message is not None:
                self._on_message(message)
            self._on_change()
            self._wake.set()

    async def _send(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            for frame in self.session.pump(loop.time()):
                await connection.send(frame)
            due = self.session.due
            try:
                async with asyncio.timeout_at(due):
                    await self._wake.wait()
            except TimeoutError:
                pass  # what was due is sent now
            # Everything that is edited or arrives in this turn goes into one message.
            await asyncio.sleep(0)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended the connection: the most telling one if reading and sending both failed."""
    leaves = list(_leaves(errors))
    telling = [error for error in leaves if not isinstance(error, ConnectionLost)]
    return (telling or leaves)[0]


def _leaves(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in errors.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
