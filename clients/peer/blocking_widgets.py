"""Widgets in the synchronous face: see `clients.peer.widget`, whose objects these hold.

What is heard or seen to change is iterated over, from the call on, until nothing has come for `timeout` seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from clients.peer import widget as core_widget
from clients.peer.face import HandleFace, waits
from clients.peer.widget import WidgetMessage

if TYPE_CHECKING:
    from clients.peer.blocking import Notebook

T = TypeVar("T")


class Widget(HandleFace[core_widget.Widget]):
    """One widget of the notebook's kernel. It can be kept; it raises PeerError once the widget is closed."""

    set = waits(core_widget.Widget.set)
    send = waits(core_widget.Widget.send)
    close = waits(core_widget.Widget.close)

    @property
    def is_open(self) -> bool:
        """Whether the kernel has it."""
        return self._here(lambda widget: widget.is_open)

    @property
    def model(self) -> str:
        """The name of its model, "IntSliderModel" say."""
        return self._here(lambda widget: widget.model)

    @property
    def state(self) -> dict[str, Any]:
        """All its traits; binary ones are bytes, large ones are fetched from the hub."""
        return self._wait(lambda widget: widget.state())

    def __getitem__(self, trait: str) -> Any:
        """A trait's value, as it is here now. Raises KeyError for an unknown one; large ones are read with `state`."""
        return self._here(lambda widget: widget[trait])

    def messages(self, timeout: float | None = None) -> Iterator[WidgetMessage]:
        """The custom messages that Python code sends from now on; ends after `timeout` seconds without one."""
        return self._each(self._here(lambda widget: widget.messages()), timeout)

    def changes(self, timeout: float | None = None) -> Iterator[frozenset[str]]:
        """The traits that change, from now on; ends after `timeout` seconds in which none did."""
        return self._each(self._here(lambda widget: widget.changes()), timeout)

    def _each(self, stream: AsyncIterator[T], timeout: float | None) -> Iterator[T]:
        while (found := self._wait(lambda _: _next(stream, timeout))) is not None:
            yield found


class Widgets(Mapping[str, Widget]):
    """The widgets of a notebook by their comm ids, looked up anew at every use."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def __repr__(self) -> str:
        return repr(list(self.values()))

    def __len__(self) -> int:
        return self._notebook._here(lambda notebook: len(notebook.widgets))

    def __iter__(self) -> Iterator[str]:
        return iter(self._notebook._here(lambda notebook: list(notebook.widgets)))

    def __getitem__(self, comm_id: str) -> Widget:
        return Widget(self._notebook, self._notebook._here(lambda notebook: notebook.widgets[comm_id]))

    def open(self, /, **state: Any) -> Widget:
        """Make a widget in the kernel, as a front end can. See `clients.peer.widget.Widgets.open`."""
        return Widget(self._notebook, self._notebook._wait(lambda notebook: notebook.widgets.open(**state)))


async def _next(stream: AsyncIterator[T], timeout: float | None) -> T | None:
    try:
        async with asyncio.timeout(timeout):
            return await anext(stream)
    except (TimeoutError, StopAsyncIteration):
        return None
