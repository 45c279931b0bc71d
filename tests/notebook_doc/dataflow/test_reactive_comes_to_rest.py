"""The mode `reactive` as a story, with a namespace in the place of a kernel: whatever is edited and deleted, once
nothing is due any more every cell that ran shows what the notebook, run from scratch, would show.
"""

from __future__ import annotations

import random

import pytest

from tests.notebook_doc.dataflow.stories import Story

CELLS = 7


class Reactive:
    """A story whose cells are executed: what a cell shows is the value of its last line, or the error's name."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.space: dict[str, object] = {}
        self.shown: dict[str, object] = {}
        self.story = Story(**{f"c{number}": source(rng, number) for number in range(CELLS)})

    def run(self, cell_id: str) -> None:
        run = self.story.staleness.run(cell_id)
        self.forget(set(run.defines if run else ()) - self.story.flow.analysis(cell_id).defs)
        self.shown[cell_id] = shows(self.story.flow.source(cell_id), self.space)
        self.story.run(cell_id, ok=not isinstance(self.shown[cell_id], str))

    def forget(self, names: set[str]) -> None:
        for name in names:
            self.space.pop(name, None)

    def edit(self) -> None:
        story, rng = self.story, self.rng
        cell_id = rng.choice(story.flow.graph.order)
        kind = rng.randrange(5)
        if kind == 0 and len(story.doc) > 3:
            run = story.staleness.run(cell_id)
            story.delete(cell_id)
            self.forget(set(run.defines) if run else set())
        elif kind == 1:
            story.doc.move_cell(cell_id, before=rng.choice(story.flow.graph.order))
            story.look()
        else:
            story.edit(cell_id, source(rng, int(cell_id[1:])))

    def settle(self) -> None:
        """As the daemon does: run what is due, each cell once for the same provenance."""
        tried: set[tuple[str, str]] = set()
        for _ in range(200):
            due = [one for one in self.story.due() if (one, self.story.flow.provenance(one)) not in tried]
            if not due:
                return
            for cell_id in due:
                tried.add((cell_id, self.story.flow.provenance(cell_id)))
                self.run(cell_id)
                if self.story.of(cell_id).status == "failed":
                    break  # an error ends what was to run after it
        raise AssertionError("it does not come to rest")


def shows(code: str, space: dict[str, object]) -> object:
    try:
        exec(code, space)
    except NameError as error:
        return type(error).__name__
    return space[code.partition(" ")[0]]


def source(rng: random.Random, number: int) -> str:
    """Each cell defines a name of its own, and reads some of others', perhaps in a circle, perhaps missing. None reads
    its own: that is what its last run left, which no provenance knows of."""
    others = [other for other in range(CELLS + 1) if other != number]
    reads = "".join(f", v{rng.choice(others)}" for _ in range(rng.randrange(3)))
    return f"v{number} = ({rng.randrange(100)}{reads},)"


@pytest.mark.parametrize("seed", range(60))
def test_what_is_shown_is_what_the_notebook_gives_from_scratch(seed: int) -> None:
    life = Reactive(random.Random(seed))
    flow = life.story.flow
    for cell_id in flow.graph.sorted():
        life.run(cell_id)
    for _ in range(12):
        life.edit()
        if life.rng.randrange(3):
            life.settle()
    life.settle()
    space: dict[str, object] = {}
    afresh = {cell_id: shows(flow.source(cell_id), space) for cell_id in flow.graph.sorted()}
    for cell_id in flow.graph.order:
        if life.story.of(cell_id).status == "fresh" and not flow.problems(cell_id):
            assert life.shown[cell_id] == afresh[cell_id], (seed, cell_id)
        elif life.story.of(cell_id).status == "stale":  # it waits for what failed, or for a circle to be mended
            waits_for = {cell_id} | flow.graph.ancestors(cell_id)
            assert any(life.story.of(one).status == "failed" or flow.problems(one) for one in waits_for), (
                seed,
                cell_id,
            )
