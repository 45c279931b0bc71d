"""The notebook's environment as the JSON protocol shows it, and the jobs that change it.

An Environment owns the job that runs (one at a time) and the latest ones before it. What is installed, and whether it
may be, is the daemon's to decide; this asks it, as `Notebook.packages` does, and puts what RuntimeDoc says about it
into the protocol's words. `clock` gives the seconds since the epoch.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Literal

from clients.gateway.protocol import Payload, Refusal
from clients.peer.notebook import Notebook

Action = Literal["add", "remove", "sync"]
MAX_HISTORY: Final = 20
_WORKING: Final = frozenset(("resolving", "downloading", "building", "installing", "starting"))


class Environment:
    """See the module."""

    def __init__(self, notebook: Notebook, clock: Callable[[], float] = time.time) -> None:
        self._notebook, self._clock = notebook, clock
        self.job: Payload | None = None
        self._history: deque[Payload] = deque(maxlen=MAX_HISTORY)
        self._began = 0.0

    # --- what is shown ------------------------------------------------------------------------------------------------

    def payload(self) -> Payload:
        """The environment. `sync_state` is "ready" when it can be used."""
        state, trust = self._notebook.packages.environment, self._notebook.packages.trust
        if state.phase == "failed" or state.error:
            sync_state = "failed"
        elif trust.asks or state.phase == "waiting":
            sync_state = "waiting_for_approval"
        elif state.phase in _WORKING:
            sync_state = "syncing"
        else:
            sync_state = "ready" if state.in_sync else "out_of_sync"
        return {
            "sync_state": sync_state,
            "source": state.source,
            "python": state.python,
            "kernel": self._notebook.kernel.name,
            "phase": state.phase,
            "restart_required": state.restart,
            "approval_needed": [*trust.packages, *trust.pip] if trust.asks else [],
            "error": state.error,
            **self.dependencies(),
        }

    def dependencies(self) -> Payload:
        """What is declared, and which versions there are."""
        state = self._notebook.packages.environment
        versions = [{"name": name, "version": state.installed[name]} for name in sorted(state.installed)]
        return {"dependencies": list(state.declared), "resolved_dependencies": versions}

    def jobs(self) -> Payload:
        """The job that runs, and those before it, the latest first."""
        return {"environment_job": self.job, "environment_job_history": list(self._history)}

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def begin(self, action: Action, package: str) -> Payload:
        """A job begins. Raises Refusal while another runs."""
        if self.job is not None:
            raise Refusal("Another environment job is running; try again when it has finished.", "ENVIRONMENT_BUSY")
        self._began = self._clock()
        command = {"add": f"add {package}", "remove": f"remove {package}", "sync": "sync"}[action]
        self.job = {
            "id": uuid.uuid4().hex,
            "action": action,
            "command": command,
            "status": "running",
            "package": package,
            "phase": "starting",
            "started_at": _iso(self._began),
            "finished_at": None,
            "duration_ms": None,
            "stdout": "",
            "stderr": "",
            "lockfile_changed": False,
            "stale_cell_count": 0,
            "stale_cell_ids": [],
            "error": None,
        }
        return self.job

    def look(self) -> bool:
        """Take in how far the daemon is; whether that is news."""
        if self.job is None:
            return False
        state = self._notebook.packages.environment
        now = {"phase": state.phase, "stdout": "\n".join(state.log)}
        if state.phase == "none" or {key: self.job[key] for key in now} == now:
            return False
        self.job = {**self.job, **now}
        return True

    async def work(self, action: Action, package: str) -> None:
        """Have the daemon do it. Raises RequestFailed, Refusal if somebody has to approve it first."""
        packages = self._notebook.packages
        match action:
            case "add":
                change = await packages.add(package)
            case "remove":
                change = await packages.remove(package)
            case "sync":
                change = await packages.sync()
        if change.status == "asks":
            raise Refusal("What this would install has to be approved first, in the page or from Python.")

    def finish(self, stale: list[str], error: str | None) -> Payload:
        """The job has ended."""
        assert self.job is not None, "it has begun"
        self.look()
        now = self._clock()
        job: dict[str, Any] = {
            **self.job,
            "status": "completed" if error is None else "failed",
            "finished_at": _iso(now),
            "duration_ms": round((now - self._began) * 1000, 1),
            "stale_cell_ids": stale,
            "stale_cell_count": len(stale),
            "error": error,
        }
        self._history.appendleft(job)
        self.job = None
        return job


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
