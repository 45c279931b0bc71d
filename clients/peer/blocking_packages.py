"""The packages of a notebook, as the synchronous face has them."""

from __future__ import annotations

import builtins

from clients.peer import packages as core
from clients.peer.face import Face, here, waits
from notebook_doc.environment_state import EnvironmentState, MissingModule, TrustState


class Packages(Face[core.Packages]):
    """What the notebook declares and has. Reached as `notebook.packages`."""

    list = here(core.Packages.list)
    add = waits(core.Packages.add)
    remove = waits(core.Packages.remove)
    sync = waits(core.Packages.sync)
    look = waits(core.Packages.look)
    approve = waits(core.Packages.approve)

    @property
    def environment(self) -> EnvironmentState:
        """Where the notebook runs, what it declares and has, and what is being done."""
        return self._here(lambda packages: packages.environment)

    @property
    def trust(self) -> TrustState:
        """Whether what it declares may be installed, and if not yet, everything that would be."""
        return self._here(lambda packages: packages.trust)

    @property
    def missing(self) -> builtins.list[MissingModule]:
        """The modules that cells could not import, with the packages that probably bring them."""
        return self._here(lambda packages: packages.missing)
