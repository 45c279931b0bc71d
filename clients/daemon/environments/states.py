"""What RuntimeDoc says of a resolution, an environment, a verdict. Pure, but for small files of a project."""

from __future__ import annotations

from typing import Any

from clients.daemon.environments import changes
from clients.daemon.environments.declared import Dependencies
from clients.daemon.environments.drift import locked_versions
from clients.daemon.environments.errors import NotTrusted
from clients.daemon.environments.files import LocalFiles
from clients.daemon.environments.resolution import Resolution
from clients.daemon.environments.store import Environment
from notebook_doc.environment_state import EnvironmentState, TrustState


def question(resolution: Resolution, dependencies: Dependencies, verdict: str, heads: tuple[str, ...]) -> TrustState:
    """The verdict on what is declared, with everything that would be installed."""
    why = {
        "asks": "Nobody on this machine has approved it yet.",
        "tampered": "An approval of it is on record, but this machine's key did not sign it.",
    }
    options = tuple(f"{name} {' '.join(values)}".strip() for name, values in dependencies.options)
    return TrustState(
        state=verdict,  # type: ignore[arg-type]  # one of its words
        digest=dependencies.digest,
        heads=heads,
        source=resolution.source,
        path=None if resolution.path is None else str(resolution.path),
        packages=dependencies.packages,
        pip=dependencies.pip,
        python=dependencies.python,
        channels=dependencies.channels,
        options=options,
        project=resolution.source == "uv:pyproject",
        why=why.get(verdict, ""),
    )


def not_trusted(trust: TrustState) -> NotTrusted:
    """That somebody has to approve, and what."""
    what = ", ".join((*trust.packages, *trust.pip)) or "no packages by name"
    where = f" from {trust.path}" if trust.path else ""
    beside = f" with {'; '.join(trust.options)}" if trust.options else ""
    return NotTrusted(
        f"The notebook would install{where}: {what}{beside}. {trust.why}",
        "Approve it in the notebook or with `quire trust`, or change what is declared.",
    )


def found(resolution: Resolution) -> EnvironmentState:
    path = None if resolution.path is None else str(resolution.path)
    dependencies = resolution.dependencies
    declared = () if dependencies is None else (*dependencies.packages, *dependencies.pip)
    python = "" if resolution.python is None else str(resolution.python)
    return EnvironmentState(
        source=resolution.source, reason=resolution.reason, path=path, declared=declared, python=python
    )


def made(environment: Environment) -> dict[str, Any]:
    """What an environment that was made changes in the state."""
    names = changes.names(environment.declared)
    installed = {name: version for name, version in sorted(environment.installed.items()) if name in names}
    return {"name": environment.name, "python": str(environment.python), "installed": installed}


def declared_in(resolution: Resolution) -> tuple[str, ...]:
    """What is declared, also of a project whose own environment is used. Blocks for one small file."""
    if resolution.dependencies is not None:
        return (*resolution.dependencies.packages, *resolution.dependencies.pip)
    if resolution.path is None:
        return ()
    return changes.of_project(resolution.path)


def locked_in(resolution: Resolution) -> dict[str, str]:
    lock = None if resolution.path is None else LocalFiles().read(resolution.path.with_name("uv.lock"))
    return {} if lock is None else locked_versions(lock)
