"""Who watches a notebook: streams of events, each with a bounded queue of its own.

A Watchers owns nothing but weak references: a stream that nobody holds any more is gone, whether or not it was closed.
A stream gets what happens from the moment it was made. It promises that a reader that falls behind loses the names of
what happened, never the fact: everything unread is then replaced by one Reset, after which events go on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final
from weakref import WeakSet

from notebook_doc.events import Event, Reset

# Events a stream may leave unread before they are replaced by one Reset: some seconds of ten people typing.
MAX_UNREAD: Final = 1024


class EventStream(AsyncIterator[Event]):
    """What happens to a notebook, from the moment this was made. Ends when closed, raises what ends the notebook."""

    def __init__(
        self, check_alive: Callable[[], None], max_unread: int = MAX_UNREAD, *, of_runtime: bool = True
    ) -> None:
        self.of_runtime = of_runtime  # it wants to hear of RuntimeDoc too
        self._check_alive = check_alive
        self._max_unread = max_unread
        self._unread: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._closed = False

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        while not self._unread:
            if self._closed:
                raise StopAsyncIteration
            self._check_alive()
            self._arrived.clear()
            await self._arrived.wait()
        return self._unread.popleft()

    def close(self) -> None:
        """No more events; whoever waits for one is told that this was the end."""
        self._closed = True
        self._unread.clear()
        self._arrived.set()

    def put(self, events: Sequence[Event]) -> None:
        """Events happened. Without any: look whether the notebook still lives."""
        self._arrived.set()
        if self._closed:
            return
        self._unread.extend(events)
        if len(self._unread) > self._max_unread:
            self._unread.clear()
            self._unread.append(Reset())


class Watchers:
    """The streams of one notebook."""

    def __init__(self) -> None:
        self._streams: WeakSet[EventStream] = WeakSet()

    def __bool__(self) -> bool:
        return len(self._streams) > 0

    @property
    def of_runtime(self) -> bool:
        """Whether anybody wants to hear of RuntimeDoc."""
        return any(stream.of_runtime for stream in self._streams)

    def watch(self, check_alive: Callable[[], None], *, of_runtime: bool = True) -> EventStream:
        """A new stream."""
        stream = EventStream(check_alive, of_runtime=of_runtime)
        self._streams.add(stream)
        return stream

    def tell(self, events: Sequence[Event], of_runtime: Sequence[Event] = ()) -> None:
        """Hand events to every stream, those of RuntimeDoc to those that want them."""
        for stream in list(self._streams):
            stream.put([*events, *of_runtime] if stream.of_runtime else events)
