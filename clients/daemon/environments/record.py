"""What is on record of a notebook's environment: RuntimeDoc's root key `env`, and what an installer says meanwhile.

An EnvironmentRecord owns that key. It promises that what is published is what the document says, also in a RuntimeDoc
that was started afresh, that nothing is written that is there already, and that an installer's lines are bounded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from clients.daemon.environments.progress import Progress
from clients.peer.notebook import Notebook
from notebook_doc.environment_state import ENV, EnvironmentState, environment_json


class EnvironmentRecord:
    """See the module. `state` is what was last published, or is about to be."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self.state = EnvironmentState()

    def publish(self, state: EnvironmentState) -> None:
        """Write it, if the document says another."""
        if state != self.state or self._notebook.runtime.environment() != state:
            self.state = state
            self._notebook.runtime.put_root(ENV, environment_json(state))
            self._notebook.touch()

    @contextlib.contextmanager
    def telling(self) -> Iterator[Callable[[str], None]]:
        """What takes the lines of an installer, which are on record while it says them."""
        progress = Progress(lambda phase, log: self.publish(replace(self.state, phase=phase, log=log)))
        self.publish(replace(self.state, phase="resolving", log=(), error=None, hint=None))
        try:
            yield progress.line
        finally:
            progress.end()
            self.publish(replace(self.state, log=progress.lines))
