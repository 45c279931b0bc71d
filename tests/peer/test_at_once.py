"""Several awaitables at once, but not too many."""

from __future__ import annotations

import asyncio

import pytest

from clients.peer.at_once import all_of
from tests.support.aio import aio


@aio
async def test_results_come_in_the_order_of_what_was_given_and_never_too_many_run() -> None:
    running, most = 0, 0

    async def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5 - number % 5):
            await asyncio.sleep(0)
        running -= 1
        return number

    assert await all_of((work(n) for n in range(20)), 3) == list(range(20))
    assert most == 3
    assert await all_of([], 3) == []


@aio
async def test_one_that_fails_ends_the_others_before_it_is_raised() -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waiting")

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await all_of([wait(), fail(), wait()], 2)
    assert ended == ["waiting"]
