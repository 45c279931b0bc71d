"""The result cache as the daemon has it: which runs may be restored or kept, and what the kernel is told of them.

A notebook opts in (`metadata.quire.cache`). A ResultCache says for each run of a cell what goes into the execute
request beside the source: where entries lie, the key, the names; or why nothing is kept. The kernel does the rest
(`in_kernel`) and says what came of it in its reply. It promises that nothing is restored, or even looked at, for a
notebook that waits for an approval, since entries are pickles.
"""

from __future__ import annotations

import asyncio
import logging
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from clients.daemon.results.store import ResultStore
from clients.peer.notebook import Notebook
from notebook_doc.dataflow.cacheable import cacheable
from notebook_doc.dataflow.notebook_dataflow import Dataflow
from relay.errors import UnsafeState

logger = logging.getLogger("quire.daemon")

KEY: Final = "quire_cache"  # of a request's metadata, as the kernel's program has it
PROGRAM: Final = Path(__file__).with_name("in_kernel.py")


class ResultCache:
    """See the module. One per notebook."""

    def __init__(self, store: ResultStore, notebook: Notebook) -> None:
        self._store, self._notebook = store, notebook

    @property
    def is_on(self) -> bool:
        """Whether the notebook has opted in, and is trusted."""
        own = self._notebook.metadata.get("quire")
        return isinstance(own, dict) and own.get("cache") is True and not self._notebook.runtime.trust().asks

    def told(self, flow: Dataflow, cell_id: str, provenance: str, *, restore: bool) -> dict[str, Any]:
        """What the kernel is told with a run of a cell as it is now; empty if nothing is cached."""
        if not self.is_on:
            return {}
        analysis = flow.analysis(cell_id)
        may = cacheable(flow.language(cell_id), flow.source(cell_id), analysis)
        several = sorted(analysis.defs & flow.graph.disputed)
        if may.why or several:
            return {KEY: {"refused": may.why or f"another cell defines {several[0]}, too"}}
        try:
            folder = self._store.folder(self._notebook.id)
        except (UnsafeState, OSError) as error:
            logger.error("notebook %s: no result is cached: %s", self._notebook.id, error)
            return {KEY: {"refused": str(error)}}
        return {
            KEY: {
                "program": str(PROGRAM),
                "folder": str(folder),
                "key": self._key(provenance),
                "restore": restore,
                "reads": sorted(analysis.reads),
                "defines": sorted(analysis.defs),
                "calls": may.calls,
            }
        }

    def may_restore(self, provenance: str) -> bool:
        """Whether a run of this provenance may be restored; its inputs' values decide when it begins."""
        return self.is_on and self._store.has(self._notebook.id, self._key(provenance))

    def _key(self, provenance: str) -> str:
        return blake2b(f"{self._notebook.id} {provenance}".encode(), digest_size=16).hexdigest()

    async def tidy(self) -> None:
        """Something was kept: forget what is too much."""
        gone = await asyncio.to_thread(self._store.prune)
        if gone:
            logger.info("%d cached results were forgotten, for want of space", gone)
