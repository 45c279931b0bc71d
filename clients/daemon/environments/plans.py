"""From an environment to what is launched in it. Pure, but for the search for Deno on PATH."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from clients.daemon.environment_variables import for_kernels
from clients.daemon.environments.errors import EnvironmentFailed
from clients.daemon.launch_plan import LaunchPlan


def python_plan(name: str, python: Path, cwd: Path, environ: Mapping[str, str] = os.environ) -> LaunchPlan:
    """ipykernel on this interpreter, in its environment: commands find its scripts first."""
    env = {key: value for key, value in for_kernels(environ).items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    env["PATH"] = os.pathsep.join([str(python.parent), env.get("PATH", os.defpath)])
    env["VIRTUAL_ENV"] = str(python.parent.parent)
    argv = (str(python), "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}")
    return LaunchPlan(name=name, cwd=cwd, env=env, argv=argv)


def deno_plan(name: str, cwd: Path) -> LaunchPlan:
    """Deno, from beside this Python (PyPI has it) or from PATH. Raises EnvironmentFailed."""
    beside = Path(sys.executable).with_name("deno.exe" if os.name == "nt" else "deno")
    deno = str(beside) if beside.exists() else shutil.which("deno")
    if deno is None:
        raise EnvironmentFailed(
            "The notebook is in TypeScript, and there is no Deno on this machine.",
            "Install it: python -m pip install deno.",
        )
    argv = (deno, "jupyter", "--kernel", "--conn", "{connection_file}")
    return LaunchPlan(name=name, cwd=cwd, argv=argv, language="typescript", interrupt_mode="message")


def come_live(after: Path) -> str:
    """Code that lets a running kernel import from this environment, too. It names nothing in anybody's namespace."""
    site = str(next(iter(sorted(after.glob("lib/python3*/site-packages"))), after / "Lib" / "site-packages"))
    scripts = str(after / ("Scripts" if os.name == "nt" else "bin"))
    return (
        f"(__import__('site').addsitedir({site!r}), __import__('importlib').invalidate_caches(), "
        f"__import__('os').environ.__setitem__('PATH', {scripts!r} + __import__('os').pathsep"
        f" + __import__('os').environ.get('PATH', '')))"
    )
