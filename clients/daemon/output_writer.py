"""Outputs on their way from a kernel into RuntimeDoc: collected per execution, written in batches, large contents as
blobs.

An OutputWriter owns the output buffers of the executions that run or have just ended, and of Output widgets, which have
outputs as executions do. It promises that outputs are written in the order in which the kernel sent them, that blobs
are on the hub's disk before a manifest names them, that after `flush` nothing waits, and that each change says which
messages of the kernel it goes up to, so that another daemon can go on after them (`restore`). How often to flush is its
owner's business; whatever arrives between two flushes shares one change of the document.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from hashlib import sha256
from typing import Any, Protocol, cast

from clients.daemon.blob_keeper import BlobKeeper
from clients.daemon.events import ClearOutput, Output, UpdateDisplay
from clients.daemon.outputs import (
    AppendOutput,
    AppendStream,
    ClearOutputs,
    ExtendStream,
    Operation,
    OutputBuffer,
    WrittenStream,
)
from clients.peer.notebook import Notebook
from notebook_doc.contents import content_of, output_manifest
from notebook_doc.errors import BadEdit
from notebook_doc.replica import Heads
from notebook_doc.runtime_records import Manifest, SpoolPosition

_Prepared = tuple[Manifest, Mapping[str, bytes]]  # and the blobs that it names

logger = logging.getLogger("quire.daemon")


class Beside(Protocol):
    """What is written in the same change as outputs, and before them."""

    def batch(self) -> AbstractAsyncContextManager[Callable[[], None] | None]:
        """Take what waits and prepare it; then `write` it (None: nothing waits) inside the context.

        Taking awaits nothing, so what is taken with it belongs to the same moment.
        """


class OutputWriter:
    """See the module. One per notebook. `on_written` is told each change's heads and the position it goes up to."""

    def __init__(self, notebook: Notebook, on_written: Callable[[Heads, SpoolPosition], None]) -> None:
        self._notebook = notebook
        self._on_written = on_written
        self.blobs = BlobKeeper(notebook)
        self.beside: Beside | None = None
        self._buffers: dict[str, OutputBuffer] = {}
        self._lock = asyncio.Lock()  # one flush at a time, so that what was sent first is written first
        self.dirty = asyncio.Event()
        self._keeper: str | None = None
        self._heard = 0

    def begin(self, execution_id: str) -> None:
        """An execution is about to run, or does already: from here on it has outputs."""
        self._buffers.setdefault(execution_id, OutputBuffer())

    async def restore(self, execution_id: str) -> None:
        """Go on with the outputs of an execution where an earlier daemon left them."""
        runtime = self._notebook.runtime
        outputs = runtime.outputs(execution_id)
        position = runtime.spool()
        state = None if position is None else position.open.get(execution_id)
        last = await self._written_stream(outputs[-1]) if outputs else None
        self._buffers[execution_id] = OutputBuffer.restored(len(outputs), last, state)

    async def _written_stream(self, output: Manifest) -> WrittenStream | None:
        contents = output.get("text")
        if output.get("output_type") != "stream" or not isinstance(contents, list):
            return None
        tail = ""
        if contents:
            content = cast(Any, contents[-1])
            name = content.get("blob")
            tail = content["inline"] if name is None else (await self._notebook.blob(name)).decode()
        return WrittenStream(str(output.get("name")), len(contents), tail)

    def feed(self, event: Output | ClearOutput) -> None:
        """An output of an execution. Those of executions that nobody began (a thread that goes on printing after the
        kernel was restarted) are nobody's and are dropped."""
        if (buffer := self._buffers.get(event.execution_id)) is not None:
            buffer.feed(event)
            self.dirty.set()

    def show(self, event: Output | ClearOutput) -> None:
        """The same for what was not begun: an Output widget, or an execution that ended long ago."""
        place = event.execution_id
        if place not in self._buffers:
            self._buffers[place] = OutputBuffer(len(self._notebook.runtime.outputs(place)))
        self.feed(event)

    def update_display(self, running: str | None, event: UpdateDisplay) -> None:
        """A display shows something else now, wherever it is."""
        buffer = self._buffers.get(running) if running is not None else None
        if buffer is None:  # nothing runs: the update goes by way of the latest execution
            buffer = next(reversed(self._buffers.values()), None)
        if buffer is not None:
            buffer.feed(event)
            self.dirty.set()

    @property
    def waiting(self) -> int:
        """About how many characters the next flush will write."""
        return sum(buffer.waiting for buffer in self._buffers.values())

    def forget(self, execution_ids: Iterable[str]) -> None:
        """These executions ended long ago, or their Output widgets are gone."""
        for execution_id in execution_ids:
            self._buffers.pop(execution_id, None)

    @property
    def known(self) -> list[str]:
        """The executions that have a buffer of which nothing waits, oldest first."""
        comms = set(self._notebook.runtime.comms.ids())
        return [place for place, buffer in self._buffers.items() if buffer.idle and place not in comms]

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Nothing is flushed until the context is left; what arrives meanwhile waits."""
        async with self._lock:
            yield

    @property
    def buffered(self) -> list[str]:
        """All executions and Output widgets that outputs may still be written to."""
        return list(self._buffers)

    async def flush(self, and_then: Callable[[], None] | None = None, position: int | None = None) -> None:
        """Write everything that has arrived, and in the same change what `and_then` writes.

        With it goes how much of what the kernel has said is in the document by then: `position`, or what `heard` was
        told when this flush took what had arrived.
        """
        async with self._lock:
            self.dirty.clear()
            taken = [(execution_id, buffer.take()) for execution_id, buffer in self._buffers.items()]
            work = [(execution_id, operation) for execution_id, operations in taken for operation in operations]
            reached = self._position_now(position)
            async with self.beside.batch() if self.beside is not None else nullcontext() as write:
                if not work and write is None and and_then is None:
                    return  # what was merely heard is told with the next change
                manifests = await self._kept([_prepared(operation) for _, operation in work])
                runtime = self._notebook.runtime
                with runtime.edit():
                    if write is not None:
                        write()
                    on_record = {owner for owner in {owner for owner, _ in work} if runtime.has_outputs(owner)}
                    for (execution_id, operation), written in zip(work, manifests, strict=True):
                        if isinstance(operation, UpdateDisplay) or execution_id in on_record:
                            self._write(execution_id, operation, written)
                    if and_then is not None:
                        and_then()
                    if reached is not None:
                        runtime.set_spool(reached)
                if reached is not None:
                    self._on_written(runtime.replica.heads(), reached)
                self._notebook.touch()

    def follow(self, keeper: str | None, position: int = 0) -> None:
        """From now on outputs are those of this keeper's kernel, from after this message on; None: of no kernel."""
        self._keeper, self._heard = keeper, position

    def heard(self, position: int) -> None:
        """What the messages up to this one put out has been fed."""
        self._heard = position

    def _position_now(self, position: int | None) -> SpoolPosition | None:
        if self._keeper is None:
            return None
        states = {execution_id: buffer.state() for execution_id, buffer in self._buffers.items()}
        unfinished = {execution_id: state for execution_id, state in states.items() if state is not None}
        return SpoolPosition(keeper=self._keeper, seq=self._heard if position is None else position, open=unfinished)

    async def _kept(self, prepared: list[list[_Prepared]]) -> list[list[Manifest]]:
        """What was prepared, once its blobs are at the hub. An output of which the hub does not take one says so."""
        blobs = {name: data for each in prepared for _, its in each for name, data in its.items()}
        refused = await self.blobs.keep(blobs) if blobs else {}

        def settled(manifest: Manifest, its: Mapping[str, bytes]) -> Manifest:
            why = next((refused[name] for name in its if name in refused), None)
            return manifest if why is None else {**_cannot_be_shown(why), **_display_id(manifest)}

        return [[settled(*one) for one in each] for each in prepared]

    def _write(self, execution_id: str, operation: Operation, manifests: list[Manifest]) -> None:
        runtime = self._notebook.runtime
        match operation:
            case AppendOutput():
                runtime.append_output(execution_id, manifests[0])
            case AppendStream(name=name):
                contents = cast(Any, manifests)
                runtime.append_output(execution_id, {"output_type": "stream", "name": name, "text": contents})
            case ExtendStream(index=index, keep=keep):
                runtime.put_stream_tail(execution_id, index, manifests, keep)
            case ClearOutputs():
                runtime.clear_outputs(execution_id)
            case UpdateDisplay(display_id=display_id):
                for shown_in, index in runtime.displays(display_id):
                    if (shown := runtime.output(shown_in, index)) is not None:
                        update = {"data": manifests[0]["data"], "metadata": manifests[0]["metadata"]}
                        runtime.set_output(shown_in, index, {**shown, **update})


def _prepared(operation: Operation) -> list[_Prepared]:
    """What an operation writes, and the blobs that it names."""
    match operation:
        case AppendOutput(output=output, display_id=display_id):
            return [_manifest(dict(output), display_id)]
        case UpdateDisplay(display_id, data, metadata):
            output = {"output_type": "display_data", "data": dict(data), "metadata": dict(metadata)}
            return [_manifest(output, display_id)]
        case AppendStream(sealed=sealed, tail=tail) | ExtendStream(sealed=sealed, tail=tail):
            return [_content(text) for text in (*sealed, *([tail] if tail else []))]
    return []


def _manifest(output: dict[str, Any], display_id: str | None) -> _Prepared:
    try:
        manifest, blobs = output_manifest(output)
    except BadEdit as error:
        manifest, blobs = _cannot_be_shown(error.message), {}
    if display_id is not None:
        manifest["display_id"] = display_id
    return manifest, blobs


def _cannot_be_shown(why: str) -> Manifest:
    logger.warning("an output cannot be shown: %s", why)
    told = f"<an output that cannot be shown: {why[:500]}>"
    manifest, _ = output_manifest({"output_type": "display_data", "data": {"text/plain": told}, "metadata": {}})
    return manifest


def _display_id(manifest: Manifest) -> Manifest:
    return {key: value for key, value in manifest.items() if key == "display_id"}


def _content(text: str) -> _Prepared:
    content, data = content_of("text/plain", text)
    return cast(Manifest, content), {} if data is None else {sha256(data).hexdigest(): data}
