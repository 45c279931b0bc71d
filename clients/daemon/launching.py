"""From what is to be launched to what its keeper launches: the command, the environment, the addresses of its channels.

Knows kernelspecs, by way of jupyter_client, which finds them and writes the connection file; starts nothing. Refuses a
kernel that is not installed or cannot run with KernelStartError, which says what to install. A launch that was prepared
owns a private folder (mode 0700) with the connection file in it; the keeper takes it over, or `discard` removes it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Final

from jupyter_client.connect import write_connection_file
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from traitlets import TraitError

from clients.daemon.environment_variables import for_kernels
from clients.daemon.errors import KernelStartError
from clients.daemon.launch_plan import LaunchPlan

CHANNELS: Final = ("shell", "iopub", "stdin", "control", "hb")
# The longest socket path on any Unix (macOS; Linux has 108), less the name that is appended here.
_LONGEST_FOLDER: Final = 104 - len("/keeper") - 1
_IPYKERNELS: Final = frozenset(("ipykernel_launcher", "ipykernel"))  # as a kernelspec's command names them
_CONNECTION_FILE: Final = "connection.json"
_FIELD: Final = re.compile(r"\{([A-Za-z0-9_]+)\}")
_THIS_PYTHON: Final = frozenset(("python", "python3", f"python3.{sys.version_info.minor}"))


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Everything that it takes to start one kernel."""

    kernel_name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    folder: Path
    endpoints: Mapping[str, str]
    interrupt_by_message: bool
    memory: int | None
    resource_dir: str

    def discard(self) -> None:
        """Remove its folder; nothing was started."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def cannot_run(self, why: str) -> KernelStartError:
        """That the command of the kernelspec cannot be run."""
        name = self.kernel_name
        return KernelStartError(
            f"The kernel '{name}' ({self.resource_dir}) cannot be run: {self.argv[0]}: {why}.",
            f"Install it again ({_how_to_install(name)}).",
        )


async def prepare(plan: LaunchPlan) -> Launch:
    """Find what this plan names and prepare to launch it. Raises KernelStartError."""
    spec = await _spec_of(plan)
    if not await asyncio.to_thread(plan.cwd.is_dir):
        raise KernelStartError(
            f"The kernel '{plan.name}' cannot start in {plan.cwd}: there is no such directory.",
            "Save the notebook in a directory that exists.",
        )
    folder = _private_folder()
    try:
        where = _where_to_listen(spec, folder)
        connection_file, info = write_connection_file(
            str(folder / _CONNECTION_FILE),
            transport=where[0],
            ip=where[1],
            key=secrets.token_hex(32).encode(),
            kernel_name=plan.name,
        )
    except (OSError, ValueError, RuntimeError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise KernelStartError(f"The kernel '{plan.name}' cannot be prepared: {error}.", "Try again.") from error
    return Launch(
        kernel_name=plan.name,
        argv=_command(spec, connection_file),
        cwd=plan.cwd,
        env=_environment(spec, dict(for_kernels(os.environ) if plan.env is None else plan.env)),
        folder=folder,
        endpoints={name: _endpoint(where, dict(info)[f"{name}_port"]) for name in CHANNELS},
        interrupt_by_message=_interrupted_by_message(spec),
        memory=plan.memory,
        resource_dir=spec.resource_dir,
    )


async def _spec_of(plan: LaunchPlan) -> KernelSpec:
    """The kernelspec that the plan is, or the installed one that it names. Raises KernelStartError."""
    if plan.argv is not None:
        given = {"argv": list(plan.argv), "language": plan.language, "interrupt_mode": plan.interrupt_mode}
        return KernelSpec(**given, display_name=plan.name)
    specs = KernelSpecManager()
    try:
        return await asyncio.to_thread(specs.get_kernel_spec, plan.name)
    except NoSuchKernel as error:
        installed = await asyncio.to_thread(specs.find_kernel_specs)
        raise _no_such_kernel(plan.name, sorted(installed)) from error
    except (OSError, ValueError, TraitError) as error:
        raise KernelStartError(f"The kernelspec '{plan.name}' cannot be read: {error}.", "Install it again.") from error


def _command(spec: KernelSpec, connection_file: str) -> tuple[str, ...]:
    """The kernelspec's command, its fields filled in. As in Jupyter, a bare `python` is the one that runs this."""
    fields = {
        "connection_file": os.path.realpath(connection_file),
        "prefix": sys.prefix,
        "resource_dir": spec.resource_dir,
    }
    words = [_FIELD.sub(lambda found: fields.get(found[1], found[0]), word) for word in spec.argv]
    if words and words[0] in _THIS_PYTHON:
        words[0] = sys.executable
    return tuple(words)


def _environment(spec: KernelSpec, env: dict[str, str]) -> dict[str, str]:
    """This environment with what the kernelspec adds; its values may name variables that are there."""
    added = {name: Template(value).safe_substitute(env) for name, value in spec.env.items()}
    if spec.language.lower().startswith("python"):
        env.pop("PYTHONEXECUTABLE", None)  # it would make the kernel's Python take itself for another one
    return env | added


def signing_key(folder: Path) -> bytes:
    """The key that a launched kernel signs its messages with."""
    told = json.loads((folder / _CONNECTION_FILE).read_bytes())
    return str(told["key"]).encode()


def start_hint(kernel_name: str, log_tail: str) -> str:
    """What to do about a kernel that ended while it was starting."""
    if "No module named" in log_tail and "ipykernel" in log_tail:
        return f"Install ipykernel into the environment that '{kernel_name}' names: python -m pip install ipykernel."
    return f"Run the kernelspec's command by hand to see what is wrong: jupyter console --kernel {kernel_name}."


def _no_such_kernel(kernel_name: str, installed: list[str]) -> KernelStartError:
    have = f"Installed are: {', '.join(installed)}." if installed else "No kernel is installed."
    return KernelStartError(
        f"There is no kernel '{kernel_name}'. {have}",
        f"Install it ({_how_to_install(kernel_name)}) or choose an installed one.",
    )


def _where_to_listen(spec: KernelSpec, folder: Path) -> tuple[str, str]:
    """Jupyter's transport and address.

    Sockets that only this user can reach where the kernel is known to have them, or its kernelspec says so
    (`metadata.transport`); else the loopback interface, which every kernel has. Deno's has nothing else: no local
    sockets and no encryption. Messages are signed in either case.
    """
    if _IPYKERNELS.isdisjoint(spec.argv) and spec.metadata.get("transport") != "ipc":
        return "tcp", "127.0.0.1"
    return "ipc", str(folder / "s")


def _endpoint(where: tuple[str, str], port: object) -> str:
    transport, address = where
    return f"{transport}://{address}{'-' if transport == 'ipc' else ':'}{port}"


def _interrupted_by_message(spec: KernelSpec) -> bool:
    """What the kernelspec says; save that Deno's says nothing, which means a signal, and a signal kills it."""
    return spec.interrupt_mode == "message" or Path(spec.argv[0]).stem == "deno"


def _how_to_install(kernel_name: str) -> str:
    if "deno" in kernel_name:
        return "python -m pip install deno && deno jupyter --install"
    return f"for Python: python -m pip install ipykernel && python -m ipykernel install --user --name {kernel_name}"


def _private_folder() -> Path:
    """A new folder that only this user can enter, with a path short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="quire-"))
    if len(os.fsencode(folder)) > _LONGEST_FOLDER:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="quire-", dir="/tmp"))
    return folder
