"""How long until everybody sees what somebody types, how many edits a second a server sustains, and what one costs it.

Every server meets the same load generator in the same run, in alternating rounds, because the machine's mood differs
more from minute to minute than servers do. An edit is one typed character; it counts as visible when the last of the
other peers has received it. The rate is raised until the server (or the generator, which is then said) falls behind.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from benchmarks.contenders import Contender
from benchmarks.process import Server
from benchmarks.report import milliseconds, quantile
from benchmarks.typists import Score, Typist

# Edits a second of the latency rounds, of all peers together: ten people who type fast.
GENTLE_RATE: Final = 100.0
GENTLE_SECONDS: Final = 3.0
ROUNDS: Final = 3
# The search for the highest rate: where it begins, how long each step lasts, and the lag that counts as falling behind.
FIRST_RATE: Final = 200.0
STEP_SECONDS: Final = 2.0
BEHIND_SECONDS: Final = 0.25
FACTORS: Final = (2.0, 1.25)  # doubled until it fails, then in quarters
# Seconds to wait for what is still under way after a step.
DRAIN_SECONDS: Final = 5.0
# Share of one core above which the generator itself is the bottleneck.
GENERATOR_BOUND: Final = 0.9


@dataclass
class Outcome:
    """What was measured of one server with so many peers."""

    took: list[float] = field(default_factory=list)  # seconds, of the latency rounds
    gentle_cpu: list[float] = field(default_factory=list)  # server seconds per edit
    sustained: float = 0.0  # edits a second
    sustained_cpu: float = 0.0  # server seconds per edit at that rate
    generator_bound: bool = False
    failed: str | None = None  # why there are no figures: it hung up on its peers


@dataclass(frozen=True)
class _Step:
    took: list[float]
    kept_up: bool
    server_cpu: float  # seconds per edit
    generator_share: float  # of one core


async def fan_out(
    contenders: Sequence[Contender], peers: int, typing: int, *, search: bool = True
) -> dict[str, Outcome]:
    """Measure these servers with so many peers, of which the first `typing` type."""
    outcomes = {contender.name: Outcome() for contender in contenders}
    async with AsyncExitStack() as stack:
        rooms = [(contender, await stack.enter_async_context(_room(contender, peers))) for contender in contenders]
        for _ in range(ROUNDS):
            for contender, room in rooms:
                outcome = outcomes[contender.name]
                if outcome.failed is None:
                    await _gentle_round(room, typing, outcome)
    if search:
        for contender in contenders:
            if outcomes[contender.name].failed is None:
                await _search(contender, peers, typing, outcomes[contender.name])
    return outcomes


async def _gentle_round(room: _Room, typing: int, outcome: Outcome) -> None:
    try:
        step = await _step(room, typing, GENTLE_RATE, GENTLE_SECONDS)
    except ConnectionError as error:
        outcome.failed = str(error)
        return
    outcome.took += step.took
    outcome.gentle_cpu.append(step.server_cpu)


@dataclass(frozen=True)
class _Room:
    """A server and its peers."""

    server: Server
    typists: list[Typist]
    score: Score


@asynccontextmanager
async def _room(contender: Contender, peers: int) -> AsyncIterator[_Room]:
    with contender.running() as server:
        score = Score(receivers=peers - 1)
        typists = await contender.typists(server, score, peers)
        await asyncio.sleep(0.3)  # what follows joining has been said
        yield _Room(server, typists, score)
        for typist in typists:
            typist.leave()
        await asyncio.sleep(0.05)  # the server sees them go


async def _search(contender: Contender, peers: int, typing: int, outcome: Outcome) -> None:
    """Find the highest rate that is kept up with."""
    rate = FIRST_RATE
    for factor in FACTORS:
        while True:
            try:
                async with _room(contender, peers) as room:  # a fresh one: the last step may have left it far behind
                    step = await _step(room, typing, rate, STEP_SECONDS)
            except ConnectionError:
                break  # it hung up: that is not keeping up
            if not step.kept_up:
                outcome.generator_bound = step.generator_share > GENERATOR_BOUND
                break
            outcome.sustained, outcome.sustained_cpu = rate, step.server_cpu
            rate *= factor
        if not outcome.sustained:
            return
        rate = outcome.sustained * FACTORS[-1]


async def _step(room: _Room, typing: int, rate: float, seconds: float) -> _Step:
    """Type at one rate for so long, and wait until it has arrived."""
    server, typists, score = room.server, room.typists, room.score
    score.took.clear()
    gc.collect()
    gc.disable()
    try:
        before, own_before, began = server.cpu_seconds(), time.process_time(), time.perf_counter()
        count, total, late = 0, int(rate * seconds), 0.0
        while count < total:
            elapsed = time.perf_counter() - began
            due = min(total, int(elapsed * rate) + 1)
            late = max(late, elapsed - count / rate)
            while count < due:
                typists[count % typing].type()
                count += 1
            if late > 2 * BEHIND_SECONDS or score.oldest > 2 * BEHIND_SECONDS:
                break
            await asyncio.sleep(max(0.0, began + count / rate - time.perf_counter()))
        lag = score.oldest
        share = (time.process_time() - own_before) / (time.perf_counter() - began)
        deadline = time.perf_counter() + DRAIN_SECONDS
        while score.under_way and time.perf_counter() < deadline:  # noqa: ASYNC110 (an event would cost each edit)
            await asyncio.sleep(0.005)
        server_cpu = (server.cpu_seconds() - before) / count
    finally:
        gc.enable()
    kept_up = not score.under_way and max(late, lag) < BEHIND_SECONDS and quantile(score.took, 0.95) < BEHIND_SECONDS
    return _Step(list(score.took), kept_up, server_cpu, share)


HEADER: Final = (
    "server",
    "peers",
    "typing",
    "p50 ms",
    "p95 ms",
    "server us/edit",
    "edits/s sustained",
    "us/edit there",
)


def row(name: str, peers: int, typing: int, outcome: Outcome) -> tuple[str, ...]:
    """One line of the table."""
    if outcome.failed is not None:
        return (name, str(peers), str(typing), "failed", *("-" for _ in HEADER[4:]))
    bound = " (generator)" if outcome.generator_bound else ""
    gentle = sum(outcome.gentle_cpu) / len(outcome.gentle_cpu)
    return (
        name,
        str(peers),
        str(typing),
        milliseconds(quantile(outcome.took, 0.5)),
        milliseconds(quantile(outcome.took, 0.95)),
        f"{gentle * 1e6:.0f}",
        f"{outcome.sustained:,.0f}{bound}" if outcome.sustained else "-",
        f"{outcome.sustained_cpu * 1e6:.0f}" if outcome.sustained else "-",
    )
