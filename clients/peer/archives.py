"""Executions that are no longer in RuntimeDoc, read from the archives at the hub.

When RuntimeDoc is started afresh, older executions go into archives that the document lists. This reads them on demand,
the newest first, one archive at a time; it keeps nothing. An archive that the hub has lost raises RequestFailed, a
damaged one CorruptDocument.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, cast

from notebook_doc.rotation import ArchivedExecution, read_archive

if TYPE_CHECKING:
    from clients.peer.notebook import Notebook


async def archived(notebook: Notebook, *, cell_id: str | None = None) -> AsyncIterator[ArchivedExecution]:
    """What RuntimeDoc's archives hold of one cell, or of all, newest first."""
    for entry in reversed(notebook.runtime.archive()):
        cells = entry.get("cells")  # absent if they are too many to be named
        if cell_id is not None and isinstance(cells, list) and cell_id not in cells:
            continue
        data = await notebook.blob(cast(str, entry["blob"]))
        for execution in reversed(await asyncio.to_thread(read_archive, data)):
            if cell_id is None or execution.execution.cell_id == cell_id:
                yield execution
