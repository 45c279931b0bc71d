"""Async tests without a plugin: `@aio` runs a coroutine function as a test, on asyncio's own event loop.

Each test gets a fresh loop and `TEST_SECONDS` to finish, so a test that hangs fails with a traceback of where it hung.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Final, ParamSpec

P = ParamSpec("P")

TEST_SECONDS: Final = 180.0  # far above what any test takes on a slow machine; only a hang gets there


Test = Callable[P, Coroutine[Any, Any, None]]


def aio_within(seconds: float) -> Callable[[Test[P]], Callable[P, None]]:
    """Make a test of a coroutine function that may take so long; fixtures and parameters pass through.

    Raises TimeoutError after that, and whatever the test raises.
    """

    def decorate(test: Test[P]) -> Callable[P, None]:
        @functools.wraps(test)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            async def bounded() -> None:
                async with asyncio.timeout(seconds):
                    await test(*args, **kwargs)

            asyncio.run(bounded(), debug=False)

        return run

    return decorate


def aio(test: Test[P]) -> Callable[P, None]:
    """Make a test of a coroutine function; it has TEST_SECONDS."""
    return aio_within(TEST_SECONDS)(test)
