"""What tools answer: cells, outputs and proposals as text for an agent to read; outputs that are pictures as pictures.

Pure but for what it reads of the notebook. It keeps answers short: an output, an answer and an overview have a limit
each, and what is cut off says how much it was.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clients.agent.errors import described
from clients.agent.views import CellView
from clients.peer.notebook import Notebook
from notebook_doc.history.diff import diff
from notebook_doc.proposals import Proposal

# Characters of one output that an answer holds; of a whole answer; and lines of a cell in an overview.
MAX_OUTPUT: Final = 8_000
MAX_ANSWER: Final = 60_000
OVERVIEW_LINES: Final = 3
PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(frozen=True, slots=True)
class Picture:
    """An image among the outputs."""

    mime: str
    data: bytes


Answer = list[str | Picture]


def heading(nb: Notebook, cells: int, version: str) -> str:
    """The notebook in a line."""
    kernel = nb.kernel
    return f"notebook {nb.id}, {cells} cells, kernel {kernel.name or 'none'} {kernel.lifecycle}, version {version}"


def in_short(cell: CellView) -> str:
    """A cell in an overview."""
    lines = cell.code.splitlines()
    more = [f"… {len(lines) - OVERVIEW_LINES} more lines"] if len(lines) > OVERVIEW_LINES else []
    body = "".join(f"\n    {line}" for line in (*lines[:OVERVIEW_LINES], *more))
    outputs = " ".join(" ".join(cell.outputs).split())[:120]
    return f"[{cell.index}] {_label(cell)}{body}" + (f"\n  → {outputs}" if outputs else "")


def in_full(cell: CellView) -> str:
    """A cell with all of its code."""
    execution = f", execution {cell.execution_id}" if cell.execution_id else ""
    problems = "".join(f"\nproblem: {described(one)}" for one in cell.problems)
    return f"[{cell.index}] {_label(cell)}{execution}{problems}\n```\n{cell.code}\n```"


def _label(cell: CellView) -> str:
    name = f" {cell.name!r}" if cell.name else ""
    people = f", {', '.join(cell.people)} is in it" if cell.people else ""
    return f"{cell.id}{name} {cell.type}, {cell.status}{people}"


def as_diff(nb: Notebook, one: Proposal) -> str:
    """A proposal as a diff."""
    lines = [f"proposal {one.id} by {one.author.name}: {one.title}"]
    for cell in diff(nb.doc, nb.preview(one)).cells:
        lines.append(f"  {cell.kind} {cell.cell_id}")
        signs = {"same": " ", "added": "+", "deleted": "-"}
        lines += [f"    {signs[line.kind]}{line.text}" for line in cell.lines() if line.kind != "same"]
    return "\n".join(lines)


def decision(one: Proposal) -> str:
    """What became of a proposal."""
    assert one.decision is not None, "only those that are decided"
    note = f": {one.decision.note}" if one.decision.note else ""
    return f"proposal {one.id} by {one.author.name}, {one.title}: {one.status} by {one.decision.by.name}{note}"


def in_a_line(found: Iterable[str]) -> str:
    """Names in a line."""
    return ", ".join(sorted(found)) or "nothing"


def cut(text: str, most: int = MAX_ANSWER) -> str:
    """The text, or its beginning and how much is left out."""
    return text if len(text) <= most else f"{text[:most]}\n… {len(text) - most} characters more"


def shown(outputs: Sequence[dict[str, Any]]) -> Answer:
    """Outputs for an agent to see: text, and pictures as pictures."""
    answer: Answer = []
    for output in outputs:
        match output:
            case {"output_type": "stream", "text": text, "name": name}:
                answer.append(("stderr: " if name == "stderr" else "") + cut(_joined(text), MAX_OUTPUT))
            case {"output_type": "error", "traceback": list(lines)}:
                answer.append(cut("\n".join(map(_plain, lines)), MAX_OUTPUT))
            case {"data": dict(data)}:
                pictures = [mime for mime in PICTURES if mime in data]
                answer += [Picture(mime, base64.b64decode(_joined(data[mime]))) for mime in pictures[:1]]
                text = next((data[mime] for mime in ("text/markdown", "text/plain", "text/html") if mime in data), None)
                if text is not None and not pictures:
                    answer.append(cut(_joined(text), MAX_OUTPUT))
                elif text is None and not pictures:
                    mime, value = next(iter(data.items()), ("", ""))
                    answer.append(cut(f"{mime}: {value if isinstance(value, str) else json.dumps(value)}", MAX_OUTPUT))
    return answer


def _joined(text: Any) -> str:
    return "".join(text) if isinstance(text, list) else str(text)


def _plain(line: str) -> str:
    """Without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", line)
