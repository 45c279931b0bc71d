"""How moments and differences look on a terminal, and as JSON. Pure: the clock, zone and colour are handed in.

Text of notebooks may hold anything: what steers a terminal is taken out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from clients.cli.log_line import clean
from notebook_doc.authors import Author
from notebook_doc.history.diff import CellDiff, Line, NotebookDiff
from notebook_doc.history.moments import Moment

CONTEXT: Final = 3  # lines shown around those that differ
_MOST_CELLS: Final = 5  # cells that one line names

RED, GREEN, YELLOW, CYAN, DIM, BOLD, MAGENTA = "31", "32", "33", "36", "2", "1", "35"
_MARKED: Final = "7"


class Paint:
    """Colours, or none."""

    def __init__(self, *, colour: bool) -> None:
        self.colour = colour

    def __call__(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


def when(time: float | None, now: float, zone: tzinfo | None = None) -> str:
    """A time as a person says it: "today 14:03", "yesterday 14:03", "2026-01-31 14:03"."""
    if time is None:
        return "just now"
    at, today = datetime.fromtimestamp(time, zone), datetime.fromtimestamp(now, zone)
    clock = at.strftime("%H:%M")
    if at.date() == today.date():
        return f"today {clock}"
    if at.date() == today.date() - timedelta(days=1):
        return f"yesterday {clock}"
    return at.strftime("%Y-%m-%d ") + clock


def who(authors: Iterable[Author]) -> str:
    """Names, with their kind where it is not a person."""
    return ", ".join(
        clean(a.name) if a.kind in ("person", "file", "unknown") else f"{clean(a.name)} ({a.kind})" for a in authors
    )


def what(moment: Moment, places: Mapping[str, int]) -> str:
    """What a moment touched; `places` are the numbers of the cells that there are, from 1."""
    numbers = sorted(places[cell] for cell in moment.cells if cell in places)
    gone = sum(cell not in places for cell in moment.cells)
    parts: list[str] = []
    if len(numbers) > _MOST_CELLS:
        parts.append(f"{len(numbers)} cells")
    elif numbers:
        parts.append(f"cell{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}")
    if gone:
        parts.append(f"{gone} deleted cell{'s' if gone > 1 else ''}")
    parts += [root for root in ("metadata", "comments", "proposals") if root in moment.roots]
    return ", ".join(parts) or "-"


def history_lines(
    moments: Sequence[Moment], places: Mapping[str, int], now: float, paint: Paint, zone: tzinfo | None = None
) -> Iterator[str]:
    """A line for each moment, newest first."""
    shown = list(reversed(moments))
    rows = [(f"{m.number}", m.short_id, when(m.ended, now, zone), who(m.authors), what(m, places)) for m in shown]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    for moment, (number, short_id, time, names, touched) in zip(shown, rows, strict=True):
        agent = any(author.kind == "agent" for author in moment.authors)
        line = "  ".join(
            (
                paint(DIM, f"{number:>{widths[0]}}"),
                paint(YELLOW, short_id),
                f"{time:<{widths[2]}}",
                paint(MAGENTA if agent else CYAN, f"{names:<{widths[3]}}"),
                touched,
            )
        )
        if moment.brought:
            line += paint(DIM, "  (written offline before)")
        for name in moment.names:
            line += "  " + paint(BOLD, f"“{clean(name)}”")
        yield line


def moment_json(moment: Moment) -> dict[str, Any]:
    """A moment for programs."""
    return {
        "number": moment.number,
        "id": moment.id,
        "names": list(moment.names),
        "heads": [head.hex() for head in moment.heads],
        "began": moment.began,
        "ended": moment.ended,
        "brought": moment.brought,
        "authors": [{"name": a.name, "kind": a.kind, "peer_id": a.peer_id} for a in moment.authors],
        "changes": moment.changes,
        "cells": sorted(moment.cells),
        "roots": sorted(moment.roots),
    }


# --- differences ------------------------------------------------------------------------------------------------------


def diff_lines(found: NotebookDiff, old: str, new: str, places: Mapping[str, int], paint: Paint) -> Iterator[str]:
    """A difference, cell by cell. `old` and `new` say what was compared."""
    if not found:
        yield f"{old} and {new} are the same."
        return
    yield paint(BOLD, f"--- {clean(old)}")
    yield paint(BOLD, f"+++ {clean(new)}")
    for cell in found.cells:
        yield ""
        yield paint(CYAN, _title(cell, places))
        yield from _cell_lines(cell, paint)
    if found.metadata:
        yield ""
        yield paint(CYAN, f"metadata of the notebook: {', '.join(map(clean, sorted(found.metadata)))}")


def _title(cell: CellDiff, places: Mapping[str, int]) -> str:
    said = cell.new or cell.old
    assert said is not None, "one of the two is there"
    place = f"cell {places[cell.cell_id]}" if cell.cell_id in places else "cell"
    parts: list[str] = [cell.kind] if cell.kind != "changed" else []
    if cell.moved:
        parts.append("moved")
    if cell.kind == "changed":
        if "cell_type" in cell.fields and cell.old is not None:
            parts.append(f"{cell.old.cell_type} became {said.cell_type}")
        parts += [f"{field} changed" for field in ("source", "metadata", "attachments") if field in cell.fields]
    return clean(f"{place} ({said.cell_type}, {cell.cell_id}): {', '.join(parts)}")


def _cell_lines(cell: CellDiff, paint: Paint) -> Iterator[str]:
    if "source" not in cell.fields:
        return
    lines = cell.lines()
    near = _near_changes(lines)
    skipped = False
    for index, line in enumerate(lines):
        if index not in near:
            skipped = True
            continue
        if skipped:
            yield paint(DIM, "  …")
            skipped = False
        yield _line(line, paint)
    if skipped:
        yield paint(DIM, "  …")


def _near_changes(lines: Sequence[Line]) -> set[int]:
    changed = [index for index, line in enumerate(lines) if line.kind != "same"]
    return {near for index in changed for near in range(index - CONTEXT, index + CONTEXT + 1)}


def _line(line: Line, paint: Paint) -> str:
    if line.kind == "same":
        return f"  {clean(line.text)}"
    sign, code = ("-", RED) if line.kind == "deleted" else ("+", GREEN)
    if not paint.colour or not line.marks:
        return paint(code, f"{sign} {clean(line.text)}")
    parts, at = [paint(code, f"{sign} ")], 0
    for start, end in line.marks:
        parts += [paint(code, clean(line.text[at:start])), paint(f"{code};{_MARKED}", clean(line.text[start:end]))]
        at = end
    return "".join([*parts, paint(code, clean(line.text[at:]))])


def diff_json(found: NotebookDiff) -> dict[str, Any]:
    """A difference for programs."""
    return {
        "cells": [
            {
                "cell_id": cell.cell_id,
                "kind": cell.kind,
                "moved": cell.moved,
                "fields": sorted(cell.fields),
                "old": None if cell.old is None else _cell_json(cell.old),
                "new": None if cell.new is None else _cell_json(cell.new),
                "lines": [
                    {"kind": line.kind, "text": line.text, "old": line.old, "new": line.new, "marks": line.marks}
                    for line in (cell.lines() if "source" in cell.fields else ())
                ],
            }
            for cell in found.cells
        ],
        "metadata": sorted(found.metadata),
    }


def _cell_json(cell: Any) -> dict[str, Any]:
    return {
        "cell_type": cell.cell_type,
        "source": cell.source,
        "metadata": cell.metadata,
        "attachments": cell.attachments,
    }
