"""A room that runs: the pure Room with its connections, its disk and its clock.

A LiveRoom carries out what its Room decides. It owns the room, the outboxes of the connections in it and the tasks that
store batches; all its state changes on the event loop, in turns: everything that arrives in one turn is received before
the turn is ended. When the disk fails nothing is acknowledged, everyone is told, and the batch is tried again until it
is stored.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from notebook_doc.replica import Heads, Replica
from relay.connection import Connection
from relay.errors import ErrorCode, WireError
from relay.frames import MIB, FrameType
from relay.messages import ErrorInfo, PeerInfo, Request, Response, Role, SessionError, encode
from sync_server.attribution import Attribution, StoredSpan
from sync_server.effects import (
    BeginEpoch,
    Close,
    PeerKey,
    PersistDoc,
    ReloadDoc,
    RequestKey,
    RoomEffect,
    SendFrame,
    ServeRequest,
)
from sync_server.epochs import checked_epoch
from sync_server.errors import StorageError
from sync_server.outbox import Outbox
from sync_server.room import Room
from sync_server.store import DocKey, DocumentStore
from sync_server.tasks import Tasks

logger = logging.getLogger("quire.hub")

# Seconds between attempts to store a batch that the disk refused.
STORE_RETRY: Final = 1.0

# Bytes that may wait for a disk that fails. Beyond it everyone is sent away, keeping what was not acknowledged.
MAX_UNSTORED: Final = 32 * MIB
# The share of the event loop's time that applying changes to a room's replicas may take. Applying to a long text
# costs milliseconds however small the change, and whoever types elsewhere should not wait for it; what waits is
# applied in one go.
WORK_SHARE: Final = 0.25

Serve = Callable[["LiveRoom", Request], Awaitable[Response]]


@dataclass(slots=True)
class _Seat:
    connection: Connection
    outbox: Outbox


class LiveRoom:
    """See the module. `serve` answers the requests that are for the hub; `load` reads a document from the store."""

    def __init__(
        self,
        room: Room,
        keys: dict[FrameType, DocKey],
        store: DocumentStore,
        tasks: Tasks,
        *,
        serve: Serve,
        load: Callable[[DocKey], Awaitable[Replica]],
    ) -> None:
        self.room = room
        self.keys = keys
        self._store, self._tasks, self._serve, self._load = store, tasks, serve, load
        self._seats: dict[PeerKey, _Seat] = {}
        self._next_key = 1
        self._loop = asyncio.get_running_loop()
        self._turn_is_scheduled = False
        self._work_is_scheduled = False
        self._rest_until = 0.0
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0  # when it fires; uvloop's handle does not know if that was in the past already
        self.stored = asyncio.Event()  # set whenever something was stored; whoever waits clears it
        self._progress = asyncio.Condition()
        # One write of a document at a time, so that nothing is appended to an epoch that another has replaced.
        self._writing = {doc: asyncio.Lock() for doc in keys}
        self.frames_received = 0
        self._attribution = Attribution()

    @property
    def notebook_id(self) -> str:
        """The notebook's UUID."""
        return self.room.notebook_id

    # --- peers --------------------------------------------------------------------------------------------------------

    def enter(
        self, connection: Connection, info: PeerInfo, role: Role, runtime_genesis: bytes | None = None
    ) -> PeerKey:
        """A greeted peer takes its seat; its welcome named this `runtime_genesis`. Whoever calls this reads the
        connection and calls `leave` at its end."""
        key = PeerKey(self._next_key)
        self._next_key += 1
        outbox = Outbox(
            connection,
            on_busy=lambda: self.room.busy(key),
            on_drained=lambda: self._carry_out(self.room.drained(key)),
            on_overflow=lambda: self._give_up(key),
        )
        self._seats[key] = _Seat(connection, outbox)
        self._tasks.start(outbox.run(), f"send to {connection.peer_name}")
        self._carry_out(self.room.join(key, info, role, runtime_genesis))
        return key

    def receive(self, key: PeerKey, frame: bytes) -> None:
        """A frame arrived. Its consequences follow at the end of this turn of the loop."""
        self.frames_received += 1
        self._schedule_turn()
        self._carry_out(self.room.receive(key, frame, self._loop.time()))

    def leave(self, key: PeerKey) -> None:
        """A connection has ended."""
        self._carry_out(self.room.leave(key))
        if (seat := self._seats.pop(key, None)) is not None:
            seat.outbox.close()

    def offer(self, chunks: list[bytes]) -> None:
        """Changes that the hub itself made on a fork of the notebook's replica."""
        self.room.notebook.offer(chunks)
        self._schedule_turn()

    def broadcast(self, frame: bytes) -> None:
        """Send a frame to everyone here."""
        for seat in self._seats.values():
            seat.outbox.put(frame)

    async def until_stored(self, heads: Heads, seconds: float) -> bool:
        """Wait until the notebook's changes up to these heads are on disk; False if that took longer."""
        channel = self.room.notebook
        try:
            async with asyncio.timeout(seconds), self._progress:
                while not channel.replica.contains(heads):
                    await self._progress.wait()
        except TimeoutError:
            return False
        return await self.until_all_stored(seconds)

    async def until_all_stored(self, seconds: float) -> bool:
        """Wait until everything that is in the replicas now is on disk; False if that took longer."""
        targets = [(channel, channel.batches_begun) for channel in self.room.channels.values()]
        try:
            async with asyncio.timeout(seconds), self._progress:
                while any(channel.batches_stored < target for channel, target in targets):
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    def dismiss(self, code: ErrorCode, message: str, hint: str = "") -> None:
        """Tell everyone why, and close their connections."""
        for key in list(self._seats):
            self._carry_out([Close(key, SessionError(code=code, message=message, hint=hint))])

    # --- carrying out -------------------------------------------------------------------------------------------------

    def _schedule_turn(self) -> None:
        if not self._turn_is_scheduled:
            self._turn_is_scheduled = True
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._turn_is_scheduled = False
        if self._closed:
            return
        self._carry_out(self.room.end_of_turn(self._loop.time()))

    def _carry_out(self, effects: Iterable[RoomEffect]) -> None:
        for effect in effects:
            match effect:
                case SendFrame(peer, frame):
                    if (seat := self._seats.get(peer)) is not None:
                        seat.outbox.put(frame)
                case PersistDoc():
                    spans = self._attribution.spans(effect.arrived, time.time())
                    self._tasks.start(self._persist(effect, spans), f"store changes of {self.notebook_id}")
                case Close(peer, error):
                    self._close(peer, error)
                case ReloadDoc(doc):
                    self._tasks.start(self._reload(doc), f"reload {self.keys[doc]}")
                case BeginEpoch():
                    self._tasks.start(self._begin_epoch(effect), f"begin an epoch of {self.notebook_id}")
                case ServeRequest(request, key):
                    self._tasks.start(self._answer(request, key), f"serve a request of {self.notebook_id}")
        self._arm_timer()
        self._schedule_work()

    def _schedule_work(self) -> None:
        """Let the replicas take in what arrived once it was sent on, and rest in proportion to the time it took."""
        if self.room.has_work and not self._work_is_scheduled and not self._turn_is_scheduled:
            self._work_is_scheduled = True
            if self._rest_until > self._loop.time():
                self._loop.call_at(self._rest_until, self._work)
            else:
                self._loop.call_soon(self._work)  # after the senders, which were woken before this

    def _work(self) -> None:
        self._work_is_scheduled = False
        if self._closed:
            return
        began = time.thread_time()  # the processor's: a machine that is busy otherwise is no reason to rest
        effects = self.room.work(self._loop.time())
        self._rest_until = self._loop.time() + (time.thread_time() - began) * (1 / WORK_SHARE - 1)
        self._carry_out(effects)

    async def _persist(self, batch: PersistDoc, spans: list[StoredSpan]) -> None:
        key, channel = self.keys[batch.doc], self.room.channels[batch.doc]
        async with self._writing[batch.doc]:
            if channel is self.room.channels[batch.doc]:  # else an epoch took its place, and has what was in this one
                await self._store_somehow(
                    lambda: self._append(key, batch.chunks, spans),
                    lambda: self.room.channels[batch.doc].unstored_bytes,
                )
                self._carry_out(self.room.committed(batch.doc, self._loop.time()))
        await self._tell_stored()

    async def _append(self, key: DocKey, chunks: list[bytes], spans: list[StoredSpan]) -> None:
        """Both in one commit, if there are spans, since both are asked for in one turn."""
        if not spans:
            await self._store.append(key, chunks)
            return
        await asyncio.gather(self._store.append(key, chunks), self._store.note_spans(self.notebook_id, spans))

    async def _store_somehow(self, store: Callable[[], Awaitable[None]], waiting: Callable[[], int]) -> None:
        """Store, however often that takes; `waiting` says how many bytes there are to store by now."""
        told = False
        while True:
            try:
                return await store()
            except StorageError as error:
                logger.error("notebook %s: changes could not be stored: %s", self.notebook_id, error)
                if not told:
                    told = True
                    self.broadcast(
                        encode(SessionError(code=error.code, message=error.message, hint=error.hint, fatal=False))
                    )
                if waiting() > MAX_UNSTORED:
                    self.dismiss(ErrorCode.STORAGE, f"Too much waits for the disk: {error.message}", error.hint)
                await asyncio.sleep(STORE_RETRY)

    async def _tell_stored(self) -> None:
        self.stored.set()
        async with self._progress:
            self._progress.notify_all()

    async def _begin_epoch(self, begin: BeginEpoch) -> None:
        """Replace RuntimeDoc by what the daemon offers: on disk first, then for everyone here."""
        offer, doc = begin.offer, FrameType.RUNTIME_SYNC
        try:
            replica = await asyncio.to_thread(checked_epoch, self.notebook_id, offer)
        except WireError as error:
            self._carry_out(self.room.epoch_dropped(begin.peer, error))
            return
        key = DocKey(self.notebook_id, "runtime", offer.epoch)
        async with self._writing[doc]:
            if not self.room.wants_epoch(begin.peer, offer):
                self._carry_out(self.room.epoch_dropped(begin.peer))  # it is offered again if it is still wanted
                return
            await self._store_somehow(lambda: self._store.begin_epoch(key, offer.document), lambda: 0)
            self.keys[doc] = key
            self._carry_out(self.room.epoch_begun(replica, self._loop.time()))
        logger.info("notebook %s: epoch %d of its RuntimeDoc begins", self.notebook_id, offer.epoch)
        await self._tell_stored()

    async def _reload(self, doc: FrameType) -> None:
        key = self.keys[doc]
        logger.error("%s: its replica failed and is loaded anew", key)
        replica = await self._load(key)
        if key == self.keys[doc]:
            self._carry_out(self.room.reloaded(doc, replica))

    async def _answer(self, request: Request, key: RequestKey) -> None:
        response = await self._serve(self, request)
        self._carry_out(self.room.answer(key, response))

    def _close(self, peer: PeerKey, error: SessionError) -> None:
        seat = self._seats.pop(peer, None)
        if seat is None:
            return
        level = logging.INFO if error.code == ErrorCode.SHUTTING_DOWN else logging.WARNING
        who = seat.connection.peer_name
        logger.log(level, "notebook %s: %s is sent away: %s", self.notebook_id, who, error.message)
        seat.outbox.put(encode(error))
        seat.outbox.close()
        self._tasks.start(seat.connection.close(error.message), f"close {seat.connection.peer_name}")

    def _give_up(self, key: PeerKey) -> None:
        message = "You did not read what was sent to you for too long."
        self._carry_out(self.room.leave(key))
        self._close(key, SessionError(code=ErrorCode.TOO_SLOW, message=message, hint="Reconnect; nothing is lost."))

    def _arm_timer(self) -> None:
        due = self.room.due
        if due is None:
            return
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer, self._timer_due = self._loop.call_at(due, self._tick), due

    def _tick(self) -> None:
        self._timer = None
        self._carry_out(self.room.tick(self._loop.time()))

    def close(self) -> None:
        """Forget the timer and what was to follow; the room is not used again."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()


def failed(request: Request, code: str, message: str, hint: str = "") -> Response:
    """The answer to a request that cannot be served."""
    return Response(id=request.id, error=ErrorInfo(code=code, message=message, hint=hint))
