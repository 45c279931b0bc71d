"""How blobs get to the hub: many in one request, once each, and what happens to those that it does not take."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, cast

import pytest

from clients.daemon import blob_keeper
from clients.daemon.blob_keeper import BATCH_BLOBS, BATCH_BYTES, BlobKeeper
from clients.peer.errors import NotConnected, RequestFailed
from clients.peer.notebook import Notebook
from relay.errors import ErrorCode
from tests.support.aio import aio


class Hub:
    """Stands for a notebook at a hub that is away, full, or has a cap: none of which a test can make quickly."""

    id = "a notebook"

    def __init__(self, *trouble: Exception, cap: int = 10 * BATCH_BYTES) -> None:
        self._trouble = list(trouble)
        self._cap = cap
        self.requests: list[list[bytes]] = []

    async def put_blob(self, data: bytes) -> str:
        if len(data) > self._cap:
            raise RequestFailed(ErrorCode.BAD_REQUEST, "too large")
        await self.put_blobs([data])
        return hashlib.sha256(data).hexdigest()

    async def put_blobs(self, blobs: Sequence[bytes]) -> None:
        if self._trouble:
            raise self._trouble.pop(0)
        self.requests.append(list(blobs))

    async def until(self, condition: Any) -> bool:
        return True


def keeper_at(hub: Hub) -> BlobKeeper:
    return BlobKeeper(cast(Notebook, hub))


def named(*blobs: bytes) -> dict[str, bytes]:
    return {hashlib.sha256(data).hexdigest(): data for data in blobs}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob_keeper, "RETRY_SECONDS", 0)
    monkeypatch.setattr(blob_keeper, "FULL_DISK_SECONDS", 0)


@aio
async def test_small_ones_share_requests_and_large_ones_do_not() -> None:
    hub = Hub()
    small, large = [f"{n}".encode() for n in range(BATCH_BLOBS + 3)], b"x" * (BATCH_BYTES + 1)
    assert await keeper_at(hub).keep(named(*small, large)) == {}
    assert hub.requests == [small[:BATCH_BLOBS], small[BATCH_BLOBS:], [large]]


@aio
async def test_what_was_put_lately_is_not_put_again() -> None:
    hub = Hub()
    keeper = keeper_at(hub)
    await keeper.keep(named(b"1", b"2"))
    await keeper.keep(named(b"2", b"3"))
    assert hub.requests == [[b"1", b"2"], [b"3"]]


@aio
async def test_a_hub_that_is_away_or_full_is_waited_for() -> None:
    full = RequestFailed(ErrorCode.STORAGE, "no space")
    hub = Hub(NotConnected("away"), full, full)
    assert await keeper_at(hub).keep(named(b"1", b"2")) == {}
    assert hub.requests == [[b"1", b"2"]]


@aio
async def test_what_the_hub_never_takes_is_told_and_harms_nothing_else() -> None:
    hub = Hub(cap=BATCH_BYTES)
    large = b"x" * (BATCH_BYTES + 1)
    keeper = keeper_at(hub)
    assert await keeper.keep(named(b"1", large)) == {hashlib.sha256(large).hexdigest(): "too large"}
    assert hub.requests == [[b"1"]]
    assert list(await keeper.keep(named(large)))  # and is asked for again each time
