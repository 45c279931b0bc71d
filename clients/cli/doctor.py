"""`quire doctor`: checks the installation, and says of each thing that is wrong how to mend it.

Each check is a function that returns a Finding; it changes nothing. The exit code is 1 if something does not work.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from clients.cli.errors import OK, CliError
from clients.cli.service import find_service, state_folder

BROKEN: Final = 1
LEAST_FREE: Final = 1024 * 1024 * 1024  # bytes on the disk of the state folder, below which installs begin to fail


@dataclass(frozen=True)
class Finding:
    """What a check found. "missing" is what only some need."""

    what: str
    state: Literal["ok", "missing", "broken"]
    said: str
    mend: str = ""


def doctor(checks: Sequence[Callable[[], Finding]] | None = None) -> int:
    """Print what every check finds."""
    marks = {"ok": "ok     ", "missing": "missing", "broken": "BROKEN "}
    code = OK
    for check in checks or CHECKS:
        finding = _found(check)
        print(f"{marks[finding.state]}  {finding.what}: {finding.said}")
        if finding.mend and finding.state != "ok":
            print(f"         {finding.mend}")
        code = BROKEN if finding.state == "broken" else code
    return code


def _found(check: Callable[[], Finding]) -> Finding:
    name = check.__name__.replace("_", " ").strip()
    try:
        return check()
    except CliError as error:
        return Finding(name, "broken", error.message, error.hint)
    except Exception as error:  # noqa: BLE001  # what a check stumbles over is what it is there to find
        return Finding(name, "broken", f"{type(error).__name__}: {error}", "Install Quire again.")


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    fits = sys.version_info >= (3, 11)
    return Finding("python", "ok" if fits else "broken", f"{version} at {sys.executable}", "Quire needs 3.11 or newer.")


def _document_core() -> Finding:
    from importlib.metadata import version

    from notebook_doc.notebook import NotebookDoc

    NotebookDoc.create("00000000-0000-0000-0000-000000000000")
    return Finding("documents", "ok", f"automerge {version('automerge')}")


def _state() -> Finding:
    folder = state_folder()
    free = shutil.disk_usage(folder).free
    room = f"{free / 2**30:.1f} GiB free"
    mend = "Free some space; `quire env clean` removes environments that nothing uses."
    return Finding("state folder", "ok" if free > LEAST_FREE else "broken", f"{folder}, {room}", mend)


def _service() -> Finding:
    service = find_service(state_folder())
    if service is None:
        return Finding("service", "missing", "none runs", "`quire up` starts one.")
    if service.is_usable and service.daemon is not None:
        return Finding("service", "ok", f"runs at {service.hub_http.url}")
    return Finding("service", "broken", "it does not answer, or has no daemon", "`quire logs` says why.")


def _kernel() -> Finding:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    mend = "python -m pip install ipykernel"
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Finding("kernel python3", "broken", "it is not installed", mend)
    command = shutil.which(spec.argv[0]) or (spec.argv[0] if Path(spec.argv[0]).exists() else None)
    if command is None:
        return Finding("kernel python3", "broken", f"its command {spec.argv[0]} is not there", mend)
    return Finding("kernel python3", "ok", spec.resource_dir)


def _uv() -> Finding:
    from clients.daemon.environments.uv import uv_binary

    ran = subprocess.run([uv_binary(), "--version"], capture_output=True, text=True, timeout=20, check=False)
    mend = "python -m pip install uv"
    return Finding("uv", "ok" if ran.returncode == 0 else "broken", ran.stdout.strip() or ran.stderr.strip(), mend)


def _trust() -> Finding:
    key = state_folder() / "trust" / "key"
    if not key.exists():
        return Finding("trust", "ok", "nothing was approved yet")
    mend = f"chmod 600 '{key}'"
    private = key.stat().st_mode & 0o077 == 0
    return Finding(
        "trust", "ok" if private else "broken", f"{key} is {'private' if private else 'open to others'}", mend
    )


def _page() -> Finding:
    from clients.cli.web_page import web_page

    page = web_page()
    mend = "Install Quire again with npm's registry reachable, or run `npm run build` in clients/web."
    return Finding("page", "ok" if page else "missing", str(page or "it was not built; everything else works"), mend)


def _conda() -> Finding:
    import importlib.util

    there = importlib.util.find_spec("rattler") is not None
    said = "py-rattler is installed" if there else "only notebooks that take packages from conda need it"
    return Finding("conda", "ok" if there else "missing", said, "python -m pip install 'quire[conda]'")


def _deno() -> Finding:
    beside = Path(sys.executable).with_name("deno")
    deno = str(beside) if beside.exists() else shutil.which("deno")
    said = deno or "only notebooks in TypeScript need it"
    return Finding("deno", "ok" if deno else "missing", said, "python -m pip install deno")


CHECKS: Final[Sequence[Callable[[], Finding]]] = (
    *(_python, _document_core, _state, _service, _kernel, _uv, _trust, _page, _conda, _deno),
)
