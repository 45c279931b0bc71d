"""Two people and two agents in one notebook at random, over a real hub: no edit is lost, none is doubled."""

from __future__ import annotations

import asyncio
import itertools
import random
from pathlib import Path

import pytest

from clients.agent.code_mode import code_mode
from clients.peer.notebook import Notebook
from notebook_doc.errors import CellDeletedMeanwhile, CellEditedMeanwhile
from tests.agent.company import agree, company
from tests.support.aio import aio

SCRAP = "# scrap"


class Crowd:
    """What everybody does, and the tokens that must be there in the end."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._numbers = itertools.count()
        self.tokens: set[str] = set()
        self.merged = self.refused = self.proposed = 0

    def token(self) -> str:
        return f"<{next(self._numbers)}>"

    async def person(self, nb: Notebook, steps: int) -> None:
        """Types at some place of some cell, moves cells, makes scrap cells and deletes them."""
        for _ in range(steps):
            what = self.chance.random()
            cell = self.chance.choice(
                [one for one in nb.cells if (one.source == SCRAP) == (what >= 0.92)] or [nb.cells[0]]
            )
            if what < 0.75:
                token = self.token()
                cell.splice(self.chance.choice((0, len(cell.source))), 0, token)
                self.tokens.add(token)
            elif what < 0.85:
                cell.move(before=self.chance.choice(list(nb.cells)))
            elif what < 0.92:
                nb.cells.add(SCRAP)
            elif cell.source == SCRAP:
                cell.delete()  # nobody writes in those, so no token goes with them
            await asyncio.sleep(self.chance.random() * 0.01)

    async def agent(self, nb: Notebook, steps: int) -> None:
        """Reads, thinks while people type, and writes whole cells; now and then it proposes, and accepts that later."""
        for _ in range(steps):
            token, made = self.token(), self.token()
            wants_new, proposes = self.chance.random() < 0.2, self.chance.random() < 0.2
            try:
                async with code_mode(nb) as ctx:
                    cell = self.chance.choice([one for one in ctx.cells if one.code != SCRAP])
                    ctx.edit_cell(cell, f"{cell.code}\n{token}")
                    if wants_new:
                        ctx.create_cell(made, after=cell)
                    if self.chance.random() < 0.2:
                        ctx.move_cell(cell, after=self.chance.choice(list(ctx.cells)))
                    if proposes:
                        ctx.propose("at random")
                    await asyncio.sleep(self.chance.random() * 0.05)  # it thinks
            except (CellDeletedMeanwhile, CellEditedMeanwhile):
                self.refused += 1
                continue
            self.merged += len(ctx.report.merged)
            if proposes:
                self.proposed += 1
                await asyncio.sleep(self.chance.random() * 0.05)
                try:
                    nb.accept(ctx.report.proposal)
                except CellDeletedMeanwhile:
                    self.refused += 1
                    continue
                if cell.id not in nb.doc:
                    token = ""
            self.tokens |= {token} | ({made} if wants_new else set())
        self.tokens.discard("")


async def together(folder: Path, seed: int, steps: int) -> Crowd:
    crowd = Crowd(seed)
    texts = [f"text {number}" for number in range(5)]  # the language is none, so nothing is a syntax error
    async with company(folder, texts) as here:
        people = [await here.enter(name) for name in ("ann", "ben")]
        agents = [await here.enter(name, "agent") for name in ("claude", "codex")]
        people[0].set_metadata({"language_info": {"name": "nothing"}})
        await agree(*people, *agents)
        async with asyncio.TaskGroup() as tasks:
            for nb in people:
                tasks.create_task(crowd.person(nb, steps * 4))
            for nb in agents:
                tasks.create_task(crowd.agent(nb, steps))
        await agree(*people, *agents)
        for nb in (*people, *agents):
            text = "".join(cell.source for cell in nb.cells)
            counts = {token: text.count(token) for token in crowd.tokens}
            assert {token: count for token, count in counts.items() if count != 1} == {}
            assert nb.proposals() == [] or crowd.refused
    return crowd


@pytest.mark.parametrize("seed", [1, 2])
@aio
async def test_two_people_and_two_agents_lose_nothing(seed: int, tmp_path: Path) -> None:
    crowd = await together(tmp_path, seed, 25)
    assert crowd.merged > 10
    assert crowd.proposed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 14))
def test_two_people_and_two_agents_lose_nothing_in_minutes(seed: int, tmp_path: Path) -> None:
    async def for_long() -> None:
        async with asyncio.timeout(600):
            await together(tmp_path, seed, 1200)

    asyncio.run(for_long())
