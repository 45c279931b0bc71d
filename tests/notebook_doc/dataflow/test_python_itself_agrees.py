"""The analysis against Python: made-up cells are executed, and what they really read and write is compared with it.

The rules of the over-approximation, which is all that an analysis may differ by:

1. Whatever code of a cell reads from the notebook's namespace that another cell bound is among its `reads`, whichever
   cell runs at that moment; a name that the cell itself may define is excepted, then it has two owners, a problem.
2. Whatever is bound when a cell has ended, and was not or was another object, is among its `defs`, or those of a cell
   whose function it called. (If the cell failed half-way: among the names that it binds at all.)
3. Whatever is gone when a cell has ended is among the names it binds or deletes, or those of a cell before it.
4. Where every statement is executed to its end, `reads` and `defs` are exactly what was read and written.
"""

from __future__ import annotations

import builtins
import random

import pytest

from notebook_doc.dataflow.analysis import CellText, analyze
from tests.notebook_doc.dataflow.programs import FUNCTIONS, NAMES, Maker, Namespace

PROGRAMS = 700  # of each kind, in all; a thousand a second


@pytest.mark.parametrize("seed", range(7))
def test_whatever_is_really_read_and_written_is_in_the_analysis(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(PROGRAMS // 7):
        maker = Maker(rng, certain=False)
        cells = [source for source in (maker.cell() for _ in range(4)) if compiles(source)]
        said = [analyze(CellText("python", source)) for source in cells]
        space = Namespace(len(cells))
        for number, source in enumerate(cells):
            before = dict(space)
            failed = space.run(number, source) is not None
            own, earlier = said[number], said[: number + 1]
            changed = {name for name in dict(space) if name not in before or dict(space)[name] is not before[name]}
            changed = public(changed)
            kept = own.bound if failed else own.defs
            assert changed <= set(kept).union(*(one.defs for one in earlier)), told(cells, number)
            gone = public(before.keys() - space.keys())
            assert gone <= set().union(*(one.bound for one in earlier)), told(cells, number)
            assert public(space.seen[number].writes) & space.keys() <= own.defs | own.bound, told(cells, number)
        for number, analysis in enumerate(said):
            assert space.seen[number].reads <= analysis.reads | analysis.defs, told(cells, number)


@pytest.mark.parametrize("seed", range(7))
def test_where_everything_is_executed_the_analysis_is_exact(seed: int) -> None:
    rng = random.Random(seed)
    executed, at_first, known = 0, list[object](), set(NAMES) | set(FUNCTIONS)
    for _ in range(PROGRAMS // 7):
        source = Maker(rng, certain=True).cell()
        analysis = analyze(CellText("python", source))
        space = Namespace(1)
        space.only = at_first
        for name in known:
            space[name] = at_first
        error = space.run(0, source)
        if error is not None:
            continue
        executed += 1
        assert space.seen[0].reads & known == analysis.reads & known, source
        written = space.seen[0].writes | {name for name in known if dict(space)[name] is not at_first}
        assert public(written) == analysis.defs, source
        assert analysis.reads - known <= set(dir(builtins)), source
    assert executed > PROGRAMS // 7 // 3


def compiles(source: str) -> bool:
    try:
        compile(source, "cell", "exec")
    except SyntaxError:  # two names of a pattern alike, a walrus that rebinds an iteration variable
        return False
    return True


def public(names: set[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def told(cells: list[str], number: int) -> str:
    return f"cell {number} of:\n" + "\n---\n".join(cells)
