"""Code mode: `async with code_mode(nb) as ctx:` edits and runs a notebook in one go.

`CodeMode` is for asyncio, `BlockingCodeMode` the same for plain code; `code_mode` makes the one that fits a notebook.
What a block is and promises stands in `context`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, NoReturn, TypeVar, overload

from clients.agent.context import API_VERSION, Context
from clients.agent.errors import AgentError
from clients.agent.report import Report, Run
from clients.agent.views import CellRef
from clients.peer import blocking
from clients.peer.editor import Variable
from clients.peer.notebook import Notebook
from relay.requests import Bring

R = TypeVar("R")


class CodeMode(Context):
    __doc__ = Context.__doc__

    def __enter__(self) -> NoReturn:
        raise AgentError("This notebook is one of quire.aio.", "Write `async with quire.code_mode(nb) as ctx:`.")

    def __exit__(self, *_: object) -> None:
        """Never reached."""

    async def __aenter__(self) -> CodeMode:
        self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed = True
        try:
            if error is None:
                await self._commit()
                failed = False
        finally:
            self._end(failed=failed)

    async def commit(self) -> Report:
        """Do now what is queued. What was committed stays if something goes wrong later in the block."""
        return await self._commit()

    async def run(self, *cells: CellRef, bring: Bring | None = None) -> list[Run]:
        """Commit what is queued, run these cells, and return how each ended, with what it put out.

        `bring`: what comes along, "nothing", "stale" or "dependents"; else the notebook's mode says."""
        return await self._run(cells, bring)

    async def outputs(self, cell: CellRef) -> list[dict[str, Any]]:
        """What a cell shows, whole, as nbformat outputs."""
        return await self._outputs(cell)

    async def globals(self) -> dict[str, Variable]:
        """The kernel's variables: `.type .shape .length .text`."""
        return await self._globals()


class BlockingCodeMode(Context):
    __doc__ = Context.__doc__

    def __init__(self, notebook: blocking.Notebook, *, strict: bool, format: bool) -> None:
        super().__init__(notebook._core, strict=strict, format=format)
        self._face = notebook

    async def __aenter__(self) -> NoReturn:
        raise AgentError("This notebook is one of quire.open.", "Write `with quire.code_mode(nb) as ctx:`.")

    async def __aexit__(self, *_: object) -> None:
        """Never reached."""

    def _call(self, function: Callable[[], R]) -> R:
        return self._face._here(lambda _: function())

    def _wait(self, work: Coroutine[Any, Any, R]) -> R:
        return self._face._wait(lambda _: work)

    def __enter__(self) -> BlockingCodeMode:
        self._call(self._begin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed = True
        try:
            if error is None:
                self._wait(self._commit())
                failed = False
        finally:
            self._end(failed=failed)

    def commit(self) -> Report:
        """Do now what is queued. What was committed stays if something goes wrong later in the block."""
        return self._wait(self._commit())

    def run(self, *cells: CellRef, bring: Bring | None = None) -> list[Run]:
        """Commit what is queued, run these cells, and return how each ended, with what it put out.

        `bring`: what comes along, "nothing", "stale" or "dependents"; else the notebook's mode says."""
        return self._wait(self._run(cells, bring))

    def outputs(self, cell: CellRef) -> list[dict[str, Any]]:
        """What a cell shows, whole, as nbformat outputs."""
        return self._wait(self._outputs(cell))

    def globals(self) -> dict[str, Variable]:
        """The kernel's variables: `.type .shape .length .text`."""
        return self._wait(self._globals())


@overload
def code_mode(notebook: Notebook, *, strict: bool = False, format: bool = False) -> CodeMode: ...


@overload
def code_mode(notebook: blocking.Notebook, *, strict: bool = False, format: bool = False) -> BlockingCodeMode: ...


def code_mode(
    notebook: Notebook | blocking.Notebook, *, strict: bool = False, format: bool = False
) -> CodeMode | BlockingCodeMode:
    """Edit and run a notebook in one go: `async with code_mode(nb) as ctx:`, or `with` for a notebook of `quire.open`.

    `strict`: names defined twice, cycles and star imports refuse the batch also in a manual notebook. `format`: new
    cells, and cells that are in ruff's style already, are formatted.
    """
    if isinstance(notebook, Notebook):
        return CodeMode(notebook, strict=strict, format=format)
    return BlockingCodeMode(notebook, strict=strict, format=format)


__all__ = ["API_VERSION", "BlockingCodeMode", "CodeMode", "code_mode"]
