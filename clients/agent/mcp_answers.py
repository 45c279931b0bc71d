"""What tools answer: cells, outputs and proposals as text for an agent to read; outputs that are pictures as pictures.

Pure but for what it reads of the notebook. It keeps answers short: an output and an answer have limits (`Room`), of
what is long the beginning and the end are shown, and what is left out says how much it is and how it is had.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clients.agent.checking import ALWAYS
from clients.agent.errors import described
from clients.agent.running import without_colours
from clients.agent.views import CellView, PeerView
from clients.peer.notebook import Notebook
from notebook_doc.dataflow.notebook_dataflow import Mode
from notebook_doc.draft import CellsOfNotebook
from notebook_doc.history.diff import diff
from notebook_doc.policy import AgentPolicy
from notebook_doc.proposals import Proposal

# Characters of one output that an answer holds, of which this much is the end; of all that it shows; of one output of
# which an agent asks for more; of a line of code in an overview, and how many lines of a cell.
MAX_OUTPUT: Final = 6_000
END_SHARE: Final = 0.4
MAX_ANSWER: Final = 40_000
MAX_PART: Final = 20_000
MAX_LINE: Final = 200
OVERVIEW_LINES: Final = 3
# Bytes of pictures that an answer holds: in Base64, with what is around it, clients take up to a mebibyte.
MAX_PICTURES: Final = 700_000
PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(frozen=True, slots=True)
class Picture:
    """An image among the outputs."""

    mime: str
    data: bytes


Answer = list[str | Picture]


class Room:
    """How much one answer still takes in: characters of outputs, bytes of pictures."""

    def __init__(self) -> None:
        self._text, self._pictures = MAX_ANSWER, MAX_PICTURES

    @property
    def is_full(self) -> bool:
        """Whether nothing more goes in."""
        return self._text <= 0

    def text(self, text: str, more: str) -> str:
        """The text; where it is long its beginning and its end, and how the rest is had (`more`)."""
        most = max(min(MAX_OUTPUT, self._text), MAX_LINE)
        if len(text) > most:
            begin, end = int(most * (1 - END_SHARE)), int(most * END_SHARE)
            left_out = f"… {len(text) - begin - end} characters left out: {more}, start {begin} …"
            text = f"{text[:begin]}\n{left_out}\n{text[-end:]}"
        self._text -= len(text)
        return text

    def code(self, text: str) -> str:
        """A cell's code, which is never cut: what an agent edits it has to have seen."""
        self._text -= len(text)
        return text

    def picture(self, mime: str, data: bytes, more: str) -> Picture | str:
        """The picture, or what it is and how it is had."""
        if len(data) <= self._pictures:
            self._pictures -= len(data)
            return Picture(mime, data)
        if len(data) <= MAX_PICTURES:
            return f"({mime}, {len(data)} bytes, left out: {more})"
        return f"({mime}, {len(data)} bytes: too large for an answer. People see it; save it smaller.)"


def heading(nb: Notebook, cells: int, version: str) -> str:
    """The notebook in a line; what is as everywhere is not told."""
    kernel = nb.kernel
    state = "no kernel yet" if kernel.lifecycle == "none" else f"kernel {kernel.name} {kernel.lifecycle}"
    if not nb.is_joined:
        state = "the service is away: edits are kept and sent when it is back"
    mode = "" if nb.mode == "manual" else f", mode {nb.mode}"
    return f"notebook {nb.id}, {cells} cells, {state}{mode}, version {version}"


def asking(policy: AgentPolicy) -> str:
    """What people want to be asked for; empty if agents are free."""
    what = []
    if policy.cells_of_people == "propose":
        what.append("edits of cells that people made")
    if policy.delete == "confirm":
        what.append("deleting theirs")
    if policy.packages == "confirm":
        what.append("packages")
    return f"people want proposals (propose=) for {', '.join(what)}" if what else ""


def where(one: PeerView, notebook: CellsOfNotebook) -> str:
    """Who somebody is, the cell that they are in, and what they have selected there."""
    place = f" in {one.cell_id}" if one.cell_id is not None and one.cell_id in notebook else ""
    selected = ""
    if place and one.selection is not None and one.cell_id is not None:
        start, end = one.selection
        selected = notebook.source(one.cell_id)[start:end][:MAX_LINE]
    return f"{one.name} ({one.kind}){place}" + (f", selects {selected!r}" if selected else "")


def in_short(cell: CellView, *, stale: bool) -> str:
    """A cell in an overview."""
    lines = cell.code.splitlines()
    count = OVERVIEW_LINES if len(lines) > OVERVIEW_LINES + 1 else len(lines)
    more = [f"… {len(lines) - count} more lines"] if len(lines) > count else []
    body = "".join(f"\n    {_line(line)}" for line in (*lines[:count], *more))
    outputs = " ".join(without_colours(" ".join(cell.outputs)).split())[:120]
    return f"[{cell.index}] {_label(cell, stale)}{body}" + (f"\n  → {outputs}" if outputs else "")


def in_full(cell: CellView, *, stale: bool, mode: Mode) -> str:
    """A cell with all of its code, and what is wrong with it; what Jupyter allows is not, where cells run as there."""
    wrong = [one for one in cell.problems if mode != "manual" or one.code in ALWAYS]
    problems = "".join(f"\nproblem: {described(one)}" for one in wrong)
    return f"[{cell.index}] {_label(cell, stale)}{problems}\n```\n{cell.code}\n```"


def _label(cell: CellView, stale: bool) -> str:
    name = f" {cell.name!r}" if cell.name else ""
    status = cell.status
    going = f" (execution {cell.execution_id})" if status in ("queued", "running") else ""
    people = f", {', '.join(cell.people)} is in it" if cell.people else ""
    old = ", stale" if stale and status != "draft" else ""
    return f"{cell.id}{name} {cell.type}, {status}{going}{old}{people}"


def _line(line: str) -> str:
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}… {len(line) - MAX_LINE} more"


def matching(lines: Iterable[tuple[CellView, int, str]]) -> str:
    """Lines that a search has found."""
    return "\n".join(f"{cell.index} {cell.id}:{number}: {_line(line)}" for cell, number, line in lines)


def as_diff(nb: Notebook, one: Proposal) -> str:
    """A proposal as a diff."""
    lines = [f"proposal {one.id} by {one.author.name}: {one.title}"]
    proposed = nb.preview(one)
    found = diff(nb.doc, proposed)
    before, after = nb.doc.metadata(), proposed.metadata()
    for key in sorted(found.metadata):
        lines += [f"  {sign}{key}: {json.dumps(said.get(key))}" for sign, said in (("-", before), ("+", after))]
    for cell in found.cells:
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


def shown(outputs: Sequence[dict[str, Any]], room: Room, execution_id: str) -> Answer:
    """Outputs for an agent to see: text, and pictures as pictures."""
    answer: Answer = []
    for number, output in enumerate(outputs):
        more = f"result with execution {execution_id}, output {number}"
        if room.is_full:
            answer.append(f"… {len(outputs) - number} outputs left out: {more} …")
            break
        if (picture := _picture(output)) is not None:
            answer.append(room.picture(*picture, more))
        elif text := _text(output):
            answer.append(room.text(text, more))
    return answer


def part(output: dict[str, Any], start: int) -> Answer:
    """One output from a character on, or its picture."""
    if (picture := _picture(output)) is not None:
        return [Room().picture(*picture, "")]
    text = _text(output)
    told = text[start : start + MAX_PART]
    left = len(text) - start - len(told)
    return [told, f"… {left} characters more: start {start + len(told)}"] if left > 0 else [told or "(nothing)"]


def _picture(output: dict[str, Any]) -> tuple[str, bytes] | None:
    data = output.get("data")
    mime = next((mime for mime in PICTURES if mime in data), None) if isinstance(data, dict) else None
    return None if mime is None or data is None else (mime, base64.b64decode(_joined(data[mime])))


def _text(output: dict[str, Any]) -> str:
    match output:
        case {"output_type": "stream", "text": text, "name": name}:
            return ("stderr: " if name == "stderr" else "") + without_colours(_joined(text))
        case {"output_type": "error", "traceback": list(lines)}:
            return without_colours("\n".join(map(str, lines)))
        case {"data": dict(data)}:
            plain = _joined(data.get("text/plain", ""))
            texts = [mime for mime in ("text/markdown", "text/plain", "text/html") if mime in data]
            if "text/html" in data and _SAYS_NOTHING.fullmatch(plain):
                texts = ["text/html"]
            if texts:
                return without_colours(_joined(data[texts[0]]))
            mime, value = next(iter(data.items()), ("", ""))
            return f"{mime}: {value if isinstance(value, str) else json.dumps(value)}"
        case _:
            return ""


# What stands for an object that shows itself in HTML.
_SAYS_NOTHING: Final = re.compile(r"<[\w.]+ object(?: at 0x[0-9a-f]+)?>")


def _joined(text: Any) -> str:
    return "".join(text) if isinstance(text, list) else str(text)
