"""Outputs on their way from a kernel into RuntimeDoc: collected per execution, written in batches, large contents as
blobs.

An OutputWriter owns the output buffers of the executions that run or have just ended, and of Output widgets, which have
outputs as executions do. It promises that outputs are
written in the order in which the kernel sent them, that blobs are on the hub's disk before a manifest names them, and
that after `flush` nothing waits. How often to flush is its owner's business; whatever arrives between two flushes
shares one change of the document.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from hashlib import sha256
from typing import Any, Final, Protocol, cast

from clients.daemon.blob_keeper import BlobKeeper
from clients.daemon.events import ClearOutput, Output, UpdateDisplay
from clients.daemon.outputs import AppendOutput, AppendStream, ClearOutputs, ExtendStream, Operation, OutputBuffer
from clients.peer.at_once import all_of
from clients.peer.notebook import Notebook
from notebook_doc.contents import content_of, output_manifest
from notebook_doc.errors import BadEdit
from notebook_doc.runtime import Manifest

# Blobs on their way to the hub at the same time: enough to overlap its work with ours; more gains nothing.
BLOBS_AT_ONCE: Final = 4

logger = logging.getLogger("quire.daemon")


class Beside(Protocol):
    """What is written in the same change as outputs, and before them."""

    def batch(self) -> AbstractAsyncContextManager[Callable[[], None] | None]:
        """Take what waits and prepare it; then `write` it (None: nothing waits) inside the context.

        Taking awaits nothing, so what is taken with it belongs to the same moment.
        """


class OutputWriter:
    """See the module. One per notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self.blobs = BlobKeeper(notebook)
        self.beside: Beside | None = None
        self._buffers: dict[str, OutputBuffer] = {}
        self._lock = asyncio.Lock()  # one flush at a time, so that what was sent first is written first
        self.dirty = asyncio.Event()

    def begin(self, execution_id: str) -> None:
        """An execution is about to run: from here on it has outputs."""
        self._buffers[execution_id] = OutputBuffer()

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
        comms = self._notebook.runtime.comms
        return [place for place, buffer in self._buffers.items() if buffer.idle and place not in comms]

    async def flush(self) -> None:
        """Write everything that has arrived."""
        async with self._lock:
            self.dirty.clear()
            taken = [(execution_id, buffer.take()) for execution_id, buffer in self._buffers.items()]
            work = [(execution_id, operation) for execution_id, operations in taken for operation in operations]
            async with self.beside.batch() if self.beside is not None else nullcontext() as write:
                if not work and write is None:
                    return
                manifests = await all_of((self._manifests(operation) for _, operation in work), BLOBS_AT_ONCE)
                runtime = self._notebook.runtime
                on_record = {execution_id for execution_id, _ in taken if runtime.has_outputs(execution_id)}
                with runtime.edit():
                    if write is not None:
                        write()
                    for (execution_id, operation), written in zip(work, manifests, strict=True):
                        if isinstance(operation, UpdateDisplay) or execution_id in on_record:
                            self._write(execution_id, operation, written)
                self._notebook.touch()

    async def _manifests(self, operation: Operation) -> list[Manifest]:
        """What an operation writes, its blobs kept at the hub."""
        match operation:
            case AppendOutput(output=output, display_id=display_id):
                return [await self._kept(dict(output), display_id)]
            case UpdateDisplay(display_id, data, metadata):
                output = {"output_type": "display_data", "data": dict(data), "metadata": dict(metadata)}
                return [await self._kept(output, display_id)]
            case AppendStream(sealed=sealed, tail=tail) | ExtendStream(sealed=sealed, tail=tail):
                return [await self._content(text) for text in (*sealed, *([tail] if tail else []))]
        return []

    async def _kept(self, output: dict[str, Any], display_id: str | None) -> Manifest:
        try:
            manifest, blobs = output_manifest(output)
        except BadEdit as error:
            logger.warning("an output cannot be shown: %s", error)
            told = f"<an output that cannot be shown: {error.message}>"
            manifest, blobs = output_manifest(
                {"output_type": "display_data", "data": {"text/plain": told}, "metadata": {}}
            )
        await self.blobs.keep(blobs)
        if display_id is not None:
            manifest["display_id"] = display_id
        return manifest

    async def _content(self, text: str) -> Manifest:
        content, data = content_of("text/plain", text)
        if data is not None:
            await self.blobs.keep({sha256(data).hexdigest(): data})
        return cast(Manifest, content)

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
