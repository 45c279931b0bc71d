"""The comms of a notebook's kernel, between the kernel, the document and the peers.

A CommWriter is the shell of a CommTable: it sends the kernel what the table decides, writes state in the same change as
outputs, tells everybody what is no state. It promises that blobs are on the hub's disk before the document names them,
that a peer's request is answered when what it did is in the document, and that a kernel that has ended leaves no comms
behind. It owns the table.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from clients.daemon.comm_effects import CommRequest, CommWrite, Effect, Told
from clients.daemon.comm_table import CommTable
from clients.daemon.errors import BadCommMessage, DaemonError, KernelGone
from clients.daemon.events import ClearOutput, CommEvent, CommHandled, KernelCommClose, Output
from clients.daemon.output_writer import OutputWriter
from clients.daemon.services import Asked, Served
from clients.peer.errors import PeerError, RequestFailed
from clients.peer.notebook import Notebook
from notebook_doc.comm_state import Part, restored, stored
from notebook_doc.errors import BadEdit, CorruptDocument
from notebook_doc.json_values import Json
from notebook_doc.replica import Heads
from relay.errors import ErrorCode, FrameTooLarge, WireError
from relay.frames import FrameType, payload_cap
from relay.messages import CommMessage
from relay.requests import CommClose, CommOpen, CommSend

logger = logging.getLogger("quire.daemon")

# Bytes of captured output up to which the kernel's own Output widget is told of it; more is only in the document.
MOST_TOLD: Final = 1024 * 1024


@dataclass(frozen=True)
class _Ready:
    """A write whose blobs are kept."""

    write: CommWrite
    values: list[tuple[str, Json, list[Part]]]


class CommWriter:
    """See the module. One per notebook; `send` gives a message to the kernel and raises KernelGone if there is none."""

    def __init__(self, notebook: Notebook, outputs: OutputWriter, send: Callable[[CommRequest], None]) -> None:
        self._notebook = notebook
        self._outputs = outputs
        self._send = send
        self._table = CommTable(f"quire-comm-{secrets.token_hex(8)}")
        self._document = notebook.runtime
        self._written: asyncio.Future[Heads | None] = asyncio.get_running_loop().create_future()
        outputs.beside = self

    # --- what happens -------------------------------------------------------------------------------------------------

    async def restore(self) -> None:
        """The kernel lives that has the comms in the document: go on with them."""
        comms = self._notebook.runtime.comms
        for comm_id in comms.ids():
            comm = comms.comm(comm_id)
            if comm is not None:
                small = {key: value for key, value in comm.state.items() if key not in comm.parts}
                large = {key: await self._value(comm_id, key) for key in comm.parts}
                self._table.restore(comm_id, comm.target_name, comm.execution_id, small | large)
                await self._outputs.restore(comm_id)
        self._carry_out(self._table.ask_again())  # what was on its way when the daemon before us ended

    def close_all(self) -> None:
        """The kernel has ended; its comms are removed with the next flush. Those of an earlier daemon are, too."""
        for comm_id in self._notebook.runtime.comms.ids():
            if comm_id not in self._table:
                self._table.restore(comm_id, "", "", {})
        self._outputs.forget([comm_id for comm_id, _, _ in self._table.open_comms()])
        self._table.close_all()
        self._outputs.dirty.set()

    def hear(self, event: CommEvent) -> None:
        """The kernel did something with a comm."""
        try:
            self._carry_out(self._table.feed(event))
        except BadCommMessage as error:
            logger.warning("notebook %s: the kernel said: %s", self._notebook.id, error)
        if isinstance(event, KernelCommClose):
            self._outputs.forget([event.comm_id])
        if not isinstance(event, CommHandled) or self._table.waiting:
            self._outputs.dirty.set()

    def show(self, event: Output | ClearOutput) -> None:
        """The kernel put something out: it goes where it belongs."""
        routed = self._table.route(event)
        if routed.execution_id == event.execution_id:
            self._outputs.feed(routed)
        else:
            self._outputs.show(routed)

    def serves(self) -> Served:
        """What it answers."""
        return dict.fromkeys((CommOpen, CommSend, CommClose), self._serve)

    async def _serve(self, body: CommOpen | CommSend | CommClose, _asked: Asked) -> dict[str, Any]:
        """A peer asks for something of a comm. Raises UnknownComm, BadCommMessage, KernelGone."""
        match body:
            case CommOpen():
                comm_id = body.comm_id or secrets.token_hex(16)
                if self._notebook.runtime.has_outputs(comm_id):
                    raise BadCommMessage(comm_id, "the id is taken")
                effects = self._table.open(comm_id, body.target_name, body.data, body.metadata, tuple(body.buffers))
            case CommSend(comm_id=comm_id):
                effects = self._table.send(comm_id, body.data, tuple(body.buffers))
            case CommClose(comm_id=comm_id):
                effects = self._table.close(comm_id, body.data)
                self._outputs.forget([comm_id])
        self._carry_out(effects)
        self._outputs.dirty.set()
        heads = await asyncio.shield(self._written)
        if heads is None:
            raise WireError(
                ErrorCode.STORAGE, f"What was done to the comm {comm_id} could not be written.", "Try again."
            )
        return {"comm_id": comm_id, "heads": list(heads)}

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case CommRequest():
                    try:
                        self._send(effect)
                    except KernelGone as error:  # its end is on its way and closes everything
                        logger.info("notebook %s: %s", self._notebook.id, error)
                case Output() | ClearOutput():
                    self._outputs.show(effect)
                case Told():
                    self._tell(effect)
                case _:
                    pass  # an update of a display is not routed

    def _tell(self, told: Told) -> None:
        message = CommMessage(comm_id=told.comm_id, data=dict(told.data), buffers=list(told.buffers))
        try:
            self._notebook.tell(message)
        except FrameTooLarge:
            size, most = sum(map(len, told.buffers)), payload_cap(FrameType.BROADCAST)
            text = f"A message of the widget {told.comm_id} was not delivered: its {size} bytes are more than {most}.\n"
            logger.warning("notebook %s: %s", self._notebook.id, text)
            lost = {"output_type": "stream", "name": "stderr", "text": text}
            self._outputs.show(Output(self._table.home(told.comm_id), lost))

    # --- writing, with the outputs ------------------------------------------------------------------------------------

    async def flush(
        self,
        *,
        cell_ended: bool = False,
        and_then: Callable[[], None] | None = None,
        position: int | None = None,
    ) -> None:
        """Write everything that has arrived, and let the kernel know what its Output widgets captured.

        `and_then` and `position` are those of `OutputWriter.flush`.
        """
        if cell_ended:
            self._carry_out(self._table.release())
        await self._outputs.flush(and_then, position)
        self._carry_out(self._table.verify())
        for comm_id, version in self._table.untold(at_once=cell_ended):
            try:
                outputs = await self._captured(comm_id)
            except PeerError as error:  # the hub is away: with the next output
                logger.info("notebook %s: what %s captured was not read: %s", self._notebook.id, comm_id, error)
                continue
            if outputs is None:
                self._table.tell_nothing(comm_id)
            else:
                self._carry_out(self._table.tell_outputs(comm_id, version, outputs))

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[Callable[[], None] | None]:
        """See `output_writer.Beside`."""
        if self._notebook.runtime is not self._document:
            self._recover()
        writes, told = self._table.take()
        written, self._written = self._written, asyncio.get_running_loop().create_future()
        try:
            ready = [await self._ready(write) for write in writes]
            yield (lambda: self._write(ready)) if ready else None
        except BaseException:
            written.set_result(None)
            raise
        finally:
            self._table.written()
        written.set_result(self._notebook.runtime.replica.heads())
        for message in told:
            self._tell(message)

    def _recover(self) -> None:
        """Another document is in the old one's place, without our comms."""
        self._document = self._notebook.runtime
        missing = [comm for comm in self._table.open_comms() if comm[0] not in self._document.comms]
        with self._document.edit():
            for comm_id, target_name, execution_id in missing:
                self._document.comms.open(comm_id, target_name, execution_id)
        if missing:
            self._carry_out(self._table.ask_again())

    async def _ready(self, write: CommWrite) -> _Ready:
        if write.closed:
            return _Ready(write, [])
        values = [(key, await self._kept(write.comm_id, key, value)) for key, value in write.values.items()]
        return _Ready(write, [(key, *kept) for key, kept in values if kept is not None])

    async def _kept(self, comm_id: str, key: str, value: Any) -> tuple[Json, list[Part]] | None:
        """A value as it is stored, its blobs put. None if it cannot be kept; then the document goes without it."""
        try:
            rest, parts, blobs = stored(value)
        except BadEdit as error:
            refused = {key: error.message}
        else:
            refused = await self._outputs.blobs.keep(blobs)
        for why in refused.values():
            logger.warning("notebook %s: %r of the comm %s is not kept: %s", self._notebook.id, key, comm_id, why)
        return None if refused else (rest, parts)

    def _write(self, ready: Iterable[_Ready]) -> None:
        comms = self._notebook.runtime.comms
        for each in ready:
            write = each.write
            if write.closed:
                comms.close(write.comm_id)
                continue
            if write.opened is not None:
                comms.open(write.comm_id, write.opened, write.execution_id or "")
            elif write.comm_id not in comms:
                logger.warning("notebook %s: the comm %s is not in the document", self._notebook.id, write.comm_id)
                continue
            elif write.execution_id is not None:
                comms.set_execution(write.comm_id, write.execution_id)
            for key, value, parts in each.values:
                comms.put(write.comm_id, key, value, parts)

    # --- reading back -------------------------------------------------------------------------------------------------

    async def _captured(self, comm_id: str) -> list[Any] | None:
        """What an Output widget captured, as nbformat outputs; None if it is too much for the kernel to hear of."""
        if sum(_sizes(self._notebook.runtime.outputs(comm_id))) > MOST_TOLD:
            return None
        return await self._notebook.outputs_of(comm_id)

    async def _value(self, comm_id: str, key: str) -> Any:
        found = self._notebook.runtime.comms.trait(comm_id, key)
        if found is None:
            return None
        rest, parts = found
        try:
            blobs = {
                str(part["blob"]): await self._outputs.blobs.fetch(str(part["blob"]))
                for part in parts
                if "blob" in part
            }
            return restored(rest, parts, blobs.__getitem__)
        except (CorruptDocument, RequestFailed, DaemonError) as error:
            logger.warning("notebook %s: %r of the comm %s cannot be read: %s", self._notebook.id, key, comm_id, error)
            return None


def _sizes(value: Any) -> Iterable[int]:
    """The sizes of all blobs that manifests name."""
    if isinstance(value, dict):
        size = value.get("size") if "blob" in value else None
        if isinstance(size, int):
            yield size
        for inner in value.values():
            yield from _sizes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _sizes(inner)
