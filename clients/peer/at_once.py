"""Several awaitables at once, but not too many.

`all_of` keeps the order of what it is given and owns the tasks it makes: when one of them fails or the caller is
cancelled, the others are cancelled and have ended when it raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any, TypeVar

R = TypeVar("R")


async def all_of(coroutines: Iterable[Coroutine[Any, Any, R]], at_once: int) -> list[R]:
    """What these return, in their order. Raises the first exception of any."""
    work = list(coroutines)
    results: dict[int, R] = {}

    async def worker(share: Iterator[tuple[int, Coroutine[Any, Any, R]]]) -> None:
        for number, coroutine in share:
            results[number] = await coroutine

    shared = enumerate(work)
    workers = [asyncio.ensure_future(worker(shared)) for _ in range(min(at_once, len(work)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        for coroutine in work:
            coroutine.close()  # one that nobody came to; closing one that has ended does nothing
    return [results[number] for number in range(len(work))]
