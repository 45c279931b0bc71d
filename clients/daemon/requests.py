"""What a request to run means at the document as it is: which cells, in which order, under which execution ids. Pure.

Knows the NotebookDoc and the request, nothing of queues and kernels. It promises that the same request names the same
executions at any daemon, whatever was edited in between, so that a request that is asked again after a crash runs once.
It refuses cells that do not exist or do not run.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from clients.daemon.queue_effects import (
    CellId,
    ExecutionId,
    Manner,
    Run,
)
from notebook_doc.errors import UnknownCell
from notebook_doc.notebook import NotebookDoc
from relay.errors import ErrorCode, WireError
from relay.requests import Execute


def cells_to_run(doc: NotebookDoc, asked: Execute) -> list[str]:
    """The cells that a request means, in the order in which they run. Raises WireError, UnknownCell."""
    if sum(part is not None for part in (asked.cell_ids, asked.above, asked.below)) > 1:
        message = "A request to run names cells, or what is above a cell, or what is below one: one of the three."
        raise WireError(ErrorCode.BAD_REQUEST, message, "Ask for them one after the other.")
    if asked.cell_ids is not None:
        return asked.cell_ids
    cell_ids = doc.cell_ids()
    for cell_id in (asked.above, asked.below):
        if cell_id is not None and cell_id not in doc:
            raise UnknownCell(cell_id)
    if asked.above is not None:
        cell_ids = cell_ids[: cell_ids.index(asked.above)]
    if asked.below is not None:
        cell_ids = cell_ids[cell_ids.index(asked.below) :]
    return [cell_id for cell_id in cell_ids if doc.cell_type(cell_id) == "code" and doc.source(cell_id).strip()]


def execution_ids(request_id: str, cell_ids: Sequence[str]) -> list[str]:
    """The ids of a request's executions of these cells."""
    seen: Counter[str] = Counter()
    ids = []
    for cell_id in cell_ids:
        ids.append(hashlib.sha256(f"{request_id}\0{cell_id}\0{seen[cell_id]}".encode()).hexdigest()[:32])
        seen[cell_id] += 1
    return ids


def runs(doc: NotebookDoc, cell_ids: Sequence[str], ids: Sequence[str], manner: Manner) -> list[Run]:
    """A run of each of these cells as it is now. Raises WireError for one that is no code cell, UnknownCell."""
    heads = heads_of(doc)
    for cell_id in cell_ids:
        if (kind := doc.cell_type(cell_id)) != "code":
            raise WireError(ErrorCode.BAD_REQUEST, f"Cell {cell_id} is a {kind} cell.", "Only code cells run.")
    return [
        Run(CellId(cell_id), doc.source(cell_id), ExecutionId(execution_id), heads, manner)
        for cell_id, execution_id in zip(cell_ids, ids, strict=True)
    ]


def heads_of(doc: NotebookDoc) -> tuple[str, ...]:
    """The heads of the document, as an execution's record names them."""
    return tuple(head.hex() for head in doc.replica.heads())
