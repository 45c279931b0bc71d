"""The question whether what a notebook declares may be installed: what it shows, and which answers count.

A TrustQuestion owns the root key `trust` of RuntimeDoc. It promises that the question shows everything that would be
installed, and that an answer counts only for what was shown: it names the digest of that and the heads it was shown at.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from clients.daemon.environments import states
from clients.daemon.environments.errors import StaleApproval
from clients.daemon.environments.resolution import Resolution
from clients.daemon.environments.trust import TrustStore
from clients.peer.notebook import Notebook
from notebook_doc.environment_state import TRUST, TrustState, trust_json
from relay.requests import ApproveDependencies

logger = logging.getLogger("quire.daemon")

SHOWN_KEPT: Final = 32  # questions whose answers are still recognised


class TrustQuestion:
    """See the module. `state` is the verdict on what the notebook declares, as it was last judged."""

    def __init__(self, notebook: Notebook, store: TrustStore) -> None:
        self._notebook = notebook
        self._store = store
        self._shown: dict[tuple[str, ...], str] = {}  # heads -> digest of what was asked about
        self.state = TrustState()

    def recall(self) -> None:
        """What an earlier daemon has shown may be answered, too."""
        told = self._notebook.runtime.trust()
        self._shown[told.heads] = told.digest

    async def judge(self, resolution: Resolution) -> None:
        """Ask the record of approvals, and publish the verdict, with the question if there is one."""
        dependencies = resolution.dependencies
        if dependencies is None:
            trust = TrustState()
        else:
            verdict = await asyncio.to_thread(self._store.verdict, dependencies)
            heads = tuple(head.hex() for head in self._notebook.doc.replica.heads())
            if self.state.digest == dependencies.digest and self.state.asks:
                heads = self.state.heads  # the same question is not asked anew for every edit of a cell
            trust = states.question(resolution, dependencies, verdict, heads)
            self._shown[trust.heads] = trust.digest
            while len(self._shown) > SHOWN_KEPT:
                del self._shown[next(iter(self._shown))]
        if trust != self.state or self._notebook.runtime.trust() != trust:
            self.state = trust
            self._notebook.runtime.put_root(TRUST, trust_json(trust))
            self._notebook.touch()

    async def answer(self, body: ApproveDependencies, resolution: Resolution, by: str) -> None:
        """Somebody who may agrees to what was shown. Raises StaleApproval if that is not what is declared now."""
        await self.judge(resolution)
        dependencies = resolution.dependencies
        heads = tuple(head.hex() for head in body.heads)
        if dependencies is None or self._shown.get(heads) != body.digest or dependencies.digest != body.digest:
            raise StaleApproval()
        await asyncio.to_thread(self._store.approve, dependencies, by, remember=body.remember)
        what = ", ".join(dependencies.packages) or "a project"
        logger.info("notebook %s: %s approved %s", self._notebook.id, by, what)
        await self.judge(resolution)
