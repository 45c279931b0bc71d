"""The environment that a notebook's kernel runs in: which one, a note that it is used, and giving the kernel another.

A RunsIn owns `environment`, which is None for an installed kernel, a project's own environment, or no kernel. It
promises that a running kernel gets packages only if nothing that it had would change, and says what would otherwise.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from clients.daemon.environments import plans
from clients.daemon.environments.drift import fits_live
from clients.daemon.environments.store import Environment, EnvironmentStore
from clients.daemon.services import ServiceHost


class RunsIn:
    """See the module."""

    def __init__(self, host: ServiceHost, store: EnvironmentStore) -> None:
        self._host = host
        self._store = store
        self._leased = ("", 0)  # environment and process of the latest note of who uses what
        self.environment: Environment | None = None

    def pins(self) -> tuple[str, ...]:
        """What the running kernel has, so that a new environment keeps to it where it can."""
        current = self.environment
        if current is None or self._host.kernel is None or current.manager != "uv":
            return ()
        return tuple(f"{name}=={version}" for name, version in sorted(current.installed.items()))

    def bring_live(self, environment: Environment) -> tuple[str, str]:
        """Give the running kernel this environment, if that can be; what came of it, and what stands in the way."""
        kernel, current = self._host.kernel, self.environment
        if kernel is None:
            return "ready", ""
        if current is None:
            return "restart_needed", "The kernel runs outside of an environment of the notebook's own."
        if current.name == environment.name:
            return "live", ""
        if in_the_way := fits_live(current.installed, environment.installed):
            return "restart_needed", f"In the running kernel {'; '.join(in_the_way[:5])}."
        kernel.run_silently(plans.come_live(environment.folder))
        self.environment = environment
        self.lease()
        return "live", ""

    def came_into_own(self, before: Mapping[str, str], after: Mapping[str, str], *, elsewhere: bool) -> tuple[str, str]:
        """A project's own environment, in which the kernel runs or `elsewhere`, has changed so; as bring_live."""
        kernel = self._host.kernel
        if kernel is None:
            return "ready", ""
        if elsewhere:
            return "restart_needed", "The kernel does not run in the project's environment."
        if in_the_way := fits_live(before, after):
            return "restart_needed", f"In the running kernel {'; '.join(in_the_way[:5])}."
        kernel.run_silently("__import__('importlib').invalidate_caches()")
        return "live", ""

    def lease(self) -> None:
        """Note, once, that the running kernel is in it."""
        kernel, environment = self._host.kernel, self.environment
        if kernel is None or environment is None or self._leased == (environment.name, kernel.pid):
            return
        self._leased = environment.name, kernel.pid
        with contextlib.suppress(OSError):  # then it may be removed while it is used, which its kernel will tell
            self._store.lease(environment, kernel.pid, kernel.began)
