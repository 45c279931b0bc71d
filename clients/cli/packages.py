"""`quire add`, `quire remove`, `quire trust` and `quire env show`: the packages of one notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from clients.cli.errors import OK, ServiceFailed
from clients.cli.in_service import with_notebook
from clients.peer.notebook import Notebook
from clients.peer.packages import PackageChange
from notebook_doc.environment_state import EnvironmentState, TrustState

NOT_APPROVED: Final = 7


def add(packages: list[str], path: Path | None) -> int:
    """Install packages and declare them in the notebook."""

    async def work(notebook: Notebook) -> PackageChange:
        return await notebook.packages.add(*packages)

    return _tell(with_notebook(path, "quire add", work))


def remove(packages: list[str], path: Path | None) -> int:
    """Declare packages no longer."""

    async def work(notebook: Notebook) -> PackageChange:
        return await notebook.packages.remove(*packages)

    return _tell(with_notebook(path, "quire remove", work))


def trust(path: Path | None, *, show: bool, remember: bool) -> int:
    """Approve what the notebook would install, or only show it."""

    async def work(notebook: Notebook) -> TrustState:
        await notebook.packages.look()
        asked = notebook.packages.trust
        if asked.asks and not show:
            await notebook.packages.approve(remember=remember)
        return asked

    asked = with_notebook(path, "quire trust", work)
    for line in trust_lines(asked):
        print(line)
    if asked.asks and not show:
        print("Approved.")
        return OK
    return NOT_APPROVED if asked.asks else OK


def show_environment(path: Path | None, *, as_json: bool) -> int:
    """Say where the notebook runs and what it has."""

    async def work(notebook: Notebook) -> tuple[EnvironmentState, TrustState]:
        await notebook.packages.look()
        return notebook.packages.environment, notebook.packages.trust

    environment, asked = with_notebook(path, "quire env", work)
    if as_json:
        import json
        from dataclasses import asdict

        print(json.dumps({"environment": asdict(environment), "trust": asdict(asked)}, indent=2))
        return OK
    for line in [*environment_lines(environment), *(trust_lines(asked) if asked.asks else [])]:
        print(line)
    return OK


def environment_lines(environment: EnvironmentState) -> list[str]:
    """The environment, for people."""
    lines = [f"runs in    {environment.source or 'not known yet'}: {environment.reason}".rstrip(": ")]
    lines += [f"from       {environment.path}"] if environment.path else []
    lines += [f"python     {environment.python}"] if environment.python else []
    for one in environment.declared:
        lines.append(f"declares   {one}")
    for name, version in sorted(environment.installed.items()):
        lines.append(f"has        {name} {version}")
    for drift in environment.drift:
        versions = ", ".join(f"{what} {drift[what]}" for what in ("locked", "installed") if drift.get(what))
        lines.append(f"differs    {drift.get('declared')} ({versions or 'not installed'})")
    lines += [f"restart    {environment.restart}"] if environment.restart else []
    lines += [f"failed     {environment.error} {environment.hint or ''}"] if environment.error else []
    return lines


def trust_lines(asked: TrustState) -> list[str]:
    """What would be installed, all of it, for people."""
    if asked.state == "not_needed":
        return ["The notebook installs nothing."]
    lines = [f"{'It would install' if asked.asks else 'It may install'} ({asked.source}):"]
    lines += [f"  {one}" for one in (*asked.packages, *asked.pip)]
    lines += [f"  the project in {asked.path}, whose build it runs"] if asked.project else []
    lines += [f"  for Python {asked.python}"] if asked.python else []
    lines += [f"  from the channel {one}" for one in asked.channels]
    lines += [f"  with {one}" for one in asked.options]
    return [*lines, asked.why] if asked.why else lines


def _tell(change: PackageChange) -> int:
    for name, version in sorted(change.installed.items()):
        print(f"{name} {version}")
    words = {
        "live": "The running kernel has them.",
        "ready": "The next kernel will have them.",
        "restart_needed": f"A restart of the kernel is needed. {change.why}",
        "asks": change.why,
    }
    if change.status not in words:
        raise ServiceFailed(f"The daemon answered {change.status!r}.", "It may be newer than this command.")
    print(words[change.status])
    return OK
