"""What to launch as a notebook's kernel, and who says so.

A LaunchPlan names a kernelspec that is installed, or brings a command of its own, as where an environment was made for
the notebook; where it runs and which environment variables it gets. A Resolver makes one each time a kernel is about to
start. It may take as long as it needs (building an environment, say): the kernel is `starting` meanwhile, and a
shutdown cancels it. When the notebook cannot have a kernel it raises KernelStartError, whose message everybody reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

from clients.peer.notebook import Notebook

DEFAULT_KERNEL: Final = "python3"


@dataclass(frozen=True, kw_only=True)
class LaunchPlan:
    """See the module. `env` None means what kernels get of the daemon's own variables (`environment_variables`)."""

    name: str  # the kernelspec's, under which the kernel is shown
    cwd: Path
    env: Mapping[str, str] | None = field(default=None, repr=False)  # all of it, but for what the kernelspec adds
    # The command, with {connection_file} where its name belongs; None: the installed kernelspec says it.
    argv: tuple[str, ...] | None = None
    language: str = "python"  # of `argv`; an installed kernelspec says its own, as also how it is interrupted
    interrupt_mode: Literal["signal", "message"] = "signal"
    memory: int | None = None  # bytes that each of its processes may have; None: what `limits` say


class Resolver(Protocol):
    """Says what to launch for a notebook."""

    async def resolve(self, notebook: Notebook, folder: Path) -> LaunchPlan:
        """The plan for this notebook, whose file lies in `folder`. Raises KernelStartError."""


def kernel_name(notebook: Notebook) -> str:
    """The kernelspec that a notebook names in its metadata, else Python's."""
    spec = notebook.metadata.get("kernelspec")
    name = spec.get("name") if isinstance(spec, dict) else None
    return name if isinstance(name, str) and name else DEFAULT_KERNEL
