"""How the synchronous face delegates to the core.

A Face is an object of the core as other threads see it; whatever is asked of it happens on the one background thread of
the process. `here` and `waits` make a method of the core's: documented, typed and behaving as there, save that the
caller waits for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from clients.peer.handle import Handle

if TYPE_CHECKING:
    from clients.peer.blocking import Notebook

Core = TypeVar("Core")
Held = TypeVar("Held", bound=Handle)
R = TypeVar("R")
P = ParamSpec("P")


class Face(Generic[Core]):
    """An object of the core as other threads see it: `_here` and `_wait` are all that its methods do."""

    def __init__(self, notebook: Notebook, core: Core) -> None:
        self._notebook = notebook
        self._core = core

    def _here(self, function: Callable[[Core], R]) -> R:
        """Call a function of the core's object on the background thread."""
        return self._notebook._opened.call(lambda: function(self._core))

    def _wait(self, function: Callable[[Core], Coroutine[Any, Any, R]]) -> R:
        """Await a coroutine of the core's object there. Interrupted by Ctrl-C, it is cancelled."""
        return self._notebook._opened.wait(function(self._core))

    def __repr__(self) -> str:
        return self._here(repr)


class HandleFace(Face[Held]):
    """A handle as other threads see it. It can be kept; two of the same thing are equal."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and other._core == self._core

    def __hash__(self) -> int:
        return hash(self._core)

    @property
    def id(self) -> str:
        """Its id, which never changes."""
        return self._core.id


def here(method: Callable[Concatenate[Core, P], R]) -> Callable[Concatenate[Face[Core], P], R]:
    """A method of the core's that returns at once."""

    @functools.wraps(method)
    def call(self: Face[Core], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._here(lambda core: method(core, *args, **kwargs))

    return call


def waits(
    method: Callable[Concatenate[Core, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Face[Core], P], R]:
    """A coroutine method of the core's."""

    @functools.wraps(method)
    def call(self: Face[Core], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._wait(lambda core: method(core, *args, **kwargs))

    return call
