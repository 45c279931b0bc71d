"""Widgets as live objects: what the kernel's widgets show, what a front end may set and say.

A Widget holds a notebook and a comm id; its state is read from RuntimeDoc when it is asked for. What is set here is
seen here at once: it lies over the document until the daemon, which is the order for everybody, has written it, so
whoever drags a slider never sees it jump back. Messages that are no state are heard only while somebody listens.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from clients.peer.errors import NotAllowed, PeerError
from clients.peer.handle import Handle
from notebook_doc.comm_state import blobs_of, restored, sendable
from notebook_doc.comms import WIDGET_TARGET, Comm
from notebook_doc.events import CommChanged, Reset
from notebook_doc.replica import Heads
from relay.frames import FrameType, payload_cap
from relay.messages import CommMessage
from relay.requests import CommClose, CommOpen, CommSend

if TYPE_CHECKING:
    from clients.peer.notebook import Notebook
    from clients.peer.watching import EventStream

PROTOCOL: Final = {"version": "2.1.0"}  # of Jupyter widgets
# Messages that a listener may leave unheard before the oldest is dropped.
MAX_UNHEARD: Final = 1024
# Bytes of a request that are not the buffers and text of its message.
ENVELOPE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class WidgetMessage:
    """What a widget said that is no state: `content` is what Python code gave to `send`. Of a comm that is no widget:
    its data."""

    content: Any
    buffers: tuple[bytes, ...] = ()


class Widget(Handle):
    """One widget of the notebook's kernel. It can be kept; it raises PeerError once the widget is closed."""

    def __repr__(self) -> str:
        return f"<widget {self.id}: {self.model if self.is_open else 'closed'}>"

    @property
    def is_open(self) -> bool:
        """Whether the kernel has it."""
        return self.id in self._notebook.runtime.comms

    @property
    def model(self) -> str:
        """The name of its model, "IntSliderModel" say."""
        return str(self["_model_name"])

    def __getitem__(self, trait: str) -> Any:
        """A trait's value, as it is here now. Raises KeyError for an unknown trait.

        Values of 1 KiB and more are not in the document; they raise PeerError here and are read with `state`.
        """
        mine = self._notebook.widgets.unconfirmed(self.id)
        if trait in mine:
            return mine[trait]
        found = self._notebook.runtime.comms.trait(self.id, trait)
        if found is None:
            self._comm()
            raise KeyError(trait)
        if blobs_of(found[1]):
            raise PeerError(f"{trait!r} of widget {self.id} is large.", "Read it with `state()`, which fetches it.")
        return restored(*found, _no_blob)

    async def state(self) -> dict[str, Any]:
        """All its traits; binary ones are bytes, large ones are fetched from the hub. `outputs` of an Output widget are
        nbformat outputs."""
        comm = self._comm()
        names = {name for parts in comm.parts.values() for name in blobs_of(parts)}
        blobs = {name: await self._notebook.blob(name) for name in names}
        state = {key: restored(value, comm.parts.get(key, ()), blobs.__getitem__) for key, value in comm.state.items()}
        if state.get("_model_name") == "OutputModel":
            state["outputs"] = await self._notebook.outputs_of(self.id)
        return state | self._notebook.widgets.unconfirmed(self.id)

    async def set(self, /, **traits: Any) -> None:
        """Set traits, for everybody and in the kernel. Seen here at once; returns when it is in the document.

        Values are JSON, or hold bytes. Raises RequestFailed (no such trait; the widget is closed), NotAllowed,
        PeerError if it is too large, TimeoutError.
        """
        state, paths, buffers = sendable(traits)
        data = {"method": "update", "state": state, "buffer_paths": paths}
        await self._notebook.widgets.send(self.id, data, buffers, traits)

    async def send(self, content: Any, buffers: Sequence[bytes] = ()) -> None:
        """Send a custom message to the widget's Python side. Returns when the kernel was sent it. Raises as `set`."""
        await self._notebook.widgets.send(self.id, {"method": "custom", "content": content}, list(buffers), {})

    def messages(self) -> AsyncIterator[WidgetMessage]:
        """The custom messages that Python code sends from now on: iterate over it with `async for`.

        Who does not listen does not get them. A listener that falls behind loses the oldest.
        """
        return self._notebook.widgets.listen(self.id)

    def changes(self) -> AsyncIterator[frozenset[str]]:
        """The traits that change, each time something does, from now on: iterate over it with `async for`.

        An empty set says that too much happened to name it: look at everything again.
        """
        return _Changes(self._notebook.events(), self.id)

    async def close(self) -> None:
        """Close it, here and in the kernel."""
        await self._notebook.widgets.ask(CommClose(comm_id=self.id))

    def _comm(self) -> Comm:
        comm = self._notebook.runtime.comms.comm(self.id)
        if comm is None:
            raise PeerError(f"The widget {self.id} is closed.", "Run the cell that makes it again.")
        return comm


class Widgets(Mapping[str, Widget]):
    """The widgets of a notebook by their comm ids. Owns what was set here and is not in the document yet."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._unconfirmed: dict[str, dict[str, tuple[object, Any]]] = {}  # comm id -> trait -> (whose, value)
        self._listeners: WeakSet[_Listener] = WeakSet()

    def __repr__(self) -> str:
        return repr(list(self.values()))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[str]:
        comms = self._notebook.runtime.comms
        return (comm_id for comm_id in comms.ids() if comms.target_name(comm_id) == WIDGET_TARGET)

    def __getitem__(self, comm_id: str) -> Widget:
        if self._notebook.runtime.comms.target_name(comm_id) != WIDGET_TARGET:
            raise KeyError(comm_id)
        return Widget(self._notebook, comm_id)

    async def open(self, /, **state: Any) -> Widget:
        """Make a widget in the kernel, as a front end can, of a class that it knows by these `_model_name` …

        Raises as `Widget.set`.
        """
        rest, paths, buffers = sendable(state)
        data = {"state": rest, "buffer_paths": paths}
        body = CommOpen(target_name=WIDGET_TARGET, data=data, metadata=PROTOCOL, buffers=buffers)
        result = await self.ask(body)
        return Widget(self._notebook, result["comm_id"])

    # --- for Widget and Notebook --------------------------------------------------------------------------------------

    def unconfirmed(self, comm_id: str) -> dict[str, Any]:
        """What was set here and is not in the document yet."""
        return {trait: value for trait, (_, value) in self._unconfirmed.get(comm_id, {}).items()}

    async def send(self, comm_id: str, data: dict[str, Any], buffers: list[bytes], traits: Mapping[str, Any]) -> None:
        """Send a message to the kernel, `traits` being what it sets."""
        token = object()
        mine = self._unconfirmed.setdefault(comm_id, {})
        mine |= {trait: (token, value) for trait, value in traits.items()}
        self._notebook.stir()
        try:
            await self.ask(CommSend(comm_id=comm_id, data=data, buffers=buffers))
        finally:
            for trait in [trait for trait, (whose, _) in mine.items() if whose is token]:
                del mine[trait]
            if not mine and self._unconfirmed.get(comm_id) is mine:
                self._unconfirmed.pop(comm_id, None)
            self._notebook.stir()

    async def ask(self, body: CommOpen | CommSend | CommClose) -> dict[str, Any]:
        """Ask the daemon, and return when what it did is here."""
        notebook = self._notebook
        if notebook.role == "viewer":
            message = f"You are in notebook {notebook.id} as viewer and may not change its widgets."
            raise NotAllowed(message, "Open it with role='editor'.")
        buffers = () if isinstance(body, CommClose) else body.buffers
        size = sum(map(len, buffers)) + _text_size(body.data)
        if size > (cap := payload_cap(FrameType.REQUEST) - ENVELOPE):
            raise PeerError(
                f"A message of {size} bytes for a widget is too large; the cap is {cap}.", "Send it in parts."
            )
        runtime = notebook.runtime
        result = await notebook.request(body)
        heads: Heads = tuple(result["heads"])
        await notebook.until(lambda: notebook.runtime is not runtime or runtime.replica.contains(heads))
        return result

    def listen(self, comm_id: str) -> _Listener:
        """A new listener."""
        listener = _Listener(self._notebook, comm_id)
        self._listeners.add(listener)
        return listener

    def hear(self, message: CommMessage) -> None:
        """The kernel said something."""
        for listener in list(self._listeners):
            listener.hear(message)

    def ended(self) -> None:
        """The notebook is closed: nobody hears anything any more."""
        for listener in list(self._listeners):
            listener.close()


class _Changes(AsyncIterator[frozenset[str]]):
    """Of a notebook's events what changes in one widget."""

    def __init__(self, events: EventStream, comm_id: str) -> None:
        self._events = events
        self._comm_id = comm_id

    async def __anext__(self) -> frozenset[str]:
        while True:
            event = await anext(self._events)
            if isinstance(event, Reset):
                return frozenset()
            if isinstance(event, CommChanged) and event.comm_id == self._comm_id:
                return event.keys


class _Listener(AsyncIterator[WidgetMessage]):
    """Who listens to one widget."""

    def __init__(self, notebook: Notebook, comm_id: str) -> None:
        self._notebook = notebook
        self._comm_id = comm_id
        self._unheard: deque[WidgetMessage] = deque(maxlen=MAX_UNHEARD)
        self._arrived = asyncio.Event()
        self._closed = False

    async def __anext__(self) -> WidgetMessage:
        while not self._unheard:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._unheard.popleft()

    def hear(self, message: CommMessage) -> None:
        if message.comm_id == self._comm_id:
            custom = message.data.get("method") == "custom"
            content = message.data.get("content") if custom else message.data
            self._unheard.append(WidgetMessage(content, tuple(message.buffers)))
            self._arrived.set()

    def close(self) -> None:
        """No more messages; what has arrived can still be heard."""
        self._closed = True
        self._arrived.set()


def _text_size(value: Any) -> int:
    """Bytes that a JSON value takes at most in MessagePack, roughly."""
    if isinstance(value, str):
        return 5 + (len(value) if value.isascii() else len(value.encode("utf-8", "replace")))
    if isinstance(value, dict):
        return 5 + sum(_text_size(key) + _text_size(inner) for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return 5 + sum(map(_text_size, value))
    return 9


def _no_blob(name: str) -> bytes:
    raise AssertionError(f"a value without blobs asks for {name}")
