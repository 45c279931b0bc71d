"""What the dataflow of a notebook costs: from nothing, after one edit, and asked what follows from a cell.

`chain`: every cell reads the one before; `wide`: all read one of ten cells and nobody reads them; `real`: what
notebooks look like: imports, loading, functions, charts. Of each size the whole analysis from the sources, the same
from a replica, one edited cell (which parses it), the same with all that is stale after it, and the descendants of the
first cell. Times are of the processor, the best of several rounds, with nothing remembered of earlier rounds.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.report import print_table
from notebook_doc.dataflow.analysis import CellText, forget
from notebook_doc.dataflow.graph import Graph
from notebook_doc.dataflow.notebook_dataflow import Dataflow
from notebook_doc.dataflow.python_cells import analyze_python
from notebook_doc.dataflow.staleness import Staleness, begin_run
from notebook_doc.notebook import NotebookDoc

CELLS: Final = (100, 1_000, 5_000)
ROUNDS: Final = 5
EDITS: Final = 50


def chain(number: int) -> str:
    """Each cell reads the one before."""
    return f"v{number} = v{number - 1} + 1" if number else "v0 = 0"


def wide(number: int) -> str:
    """Ten cells that all others read."""
    return f"v{number} = {number}" if number < 10 else f"print(v{number % 10})"


def real(number: int) -> str:
    """Cells as notebooks have them."""
    match number % 6:
        case 0:
            return f"# Step {number}\nframe_{number} = load('data/{number}.csv').dropna()\nframe_{number}.head()"
        case 1:
            return (
                f"def clean_{number}(frame, *, limit=10):\n    kept = frame[frame['total'] < limit]\n"
                f"    return kept.assign(ratio=lambda d: d['a'] / d['b'])\n"
            )
        case 2:
            return f"clean = clean_{number - 1}(frame_{number - 2})\nsummary_{number} = clean.groupby('name').mean()"
        case 3:
            return f"summary_{number - 1}.plot(kind='bar', title=f'{{len(summary_{number - 1})}} rows')\nplt.show()"
        case 4:
            return f"print(summary_{number - 2}.shape, [c for c in summary_{number - 2}.columns if c != 'name'])"
        case _:
            return f"import numpy as np_{number}\nrate_{number} = np_{number}.log(summary_{number - 3}['ratio'])"


SHAPES: Final[dict[str, Callable[[int], str]]] = {"chain": chain, "wide": wide, "real": real}


def dataflow(sizes: Sequence[int] = CELLS) -> None:
    """Measure, and print the table."""
    header = (
        *("cells", "shape", "cold ms", "cold us/cell", "with replica ms"),
        *("one edit ms", "stale cells", "and staleness ms", "descendants us"),
    )
    print_table("Dataflow", header, [_row(cells, shape) for cells in sizes for shape in SHAPES])


def _row(cells: int, shape: str) -> tuple[str, ...]:
    sources = [SHAPES[shape](number) for number in range(cells)]
    cold = _best(lambda: _graph(sources))
    doc = NotebookDoc.create(str(uuid.uuid4()))
    with doc.edit():
        ids = [doc.add_cell(source, cell_id=f"c{number}") for number, source in enumerate(sources)]
    doc.take_events()
    whole = _best(lambda: Dataflow(doc))
    flow = Dataflow(doc)
    staleness = Staleness(flow)
    runs = {
        one: begin_run(flow, one, {}, execution_id=one, source=flow.source(one), kernel="k")
        for one in flow.graph.sorted()
    }
    staleness.put_all(runs)
    middle = ids[cells // 2 // 6 * 6]
    edit, stale, after = [], 0, []
    for number in range(EDITS):
        doc.splice_source(middle, 0, 0, f"w{number} = 1\n" if not number else "#")
        began = time.process_time()
        changed = flow.update(doc)
        edit.append(time.process_time() - began)
        affected = staleness.changed(changed)
        for one in affected:
            staleness.of(one)
        after.append(time.process_time() - began)
        stale = len(affected)
    descendants = _best(lambda: flow.graph.descendants(ids[0]))
    middle_of = sorted(edit)[EDITS // 2], sorted(after)[EDITS // 2]
    return (
        *(f"{cells:,}", shape, f"{cold * 1e3:.1f}", f"{cold / cells * 1e6:.0f}", f"{whole * 1e3:.1f}"),
        *(f"{middle_of[0] * 1e3:.2f}", f"{stale:,}", f"{middle_of[1] * 1e3:.2f}", f"{descendants * 1e6:.1f}"),
    )


def _graph(sources: Sequence[str]) -> Graph:
    """All of it from the sources alone: analyses, graph, cycles."""
    graph = Graph()
    graph.forget_cycles()
    names = [f"c{number}" for number in range(len(sources))]
    for name, source in zip(names, sources, strict=True):
        graph.put(name, analyze_python(CellText("python", source)))
    graph.set_order(names)
    graph.cycles()
    return graph


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        forget()
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)
