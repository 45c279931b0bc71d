"""A kernel's process: how it is launched, what it says on stdout and stderr, and how it ends.

Knows kernelspecs and processes, no Jupyter messages. The launch is jupyter_client's (kernelspecs, provisioners, the
connection file); what it does by polling is done here at once: a thread waits for the process itself. It promises that
`exited` is set as soon as the process has ended, that its log is bounded, and that after `discard` neither the process
nor anything else of its process group or its files is left. It refuses to launch with KernelStartError. It needs a
POSIX system: sockets with paths, process groups.

State owners: `KernelProcess` owns the process, its private directory (mode 0700: sockets, connection file) and its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from traitlets import TraitError

from clients.daemon.errors import KernelStartError

LOG_BYTES: Final = 64 * 1024  # the end of what the process wrote: enough for a traceback or a crash report
LOG_TAIL_LINES: Final = 20  # of it, in an error message
_READ_BYTES: Final = 64 * 1024  # a pipe's capacity on Linux
_IPYKERNELS: Final = frozenset(("ipykernel_launcher", "ipykernel"))  # as a kernelspec's command names them
# The longest socket path on any Unix (macOS; Linux has 108), less the "/s-1" that is appended here.
_LONGEST_DIRECTORY: Final = 104 - len("/s-1") - 1


class ProcessLog:
    """The end of what a process wrote to stdout and stderr. Owns the reading end of the pipe."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor: int | None = descriptor
        self._kept = bytearray()
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def tail(self) -> str:
        """The last lines, with everything that is in the pipe by now."""
        while self._descriptor is not None and self._read():
            pass
        lines = self._kept.decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])

    def close(self) -> None:
        """Take what is in the pipe and close it."""
        self.tail()
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def _read(self) -> bool:
        assert self._descriptor is not None
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:  # every writer has closed its end; a descriptor at its end is readable for ever
            asyncio.get_running_loop().remove_reader(self._descriptor)
            return False
        self._kept += data
        del self._kept[:-LOG_BYTES]
        return True


class KernelProcess:
    """A running kernel process. Made by `launch`; ended by `discard`."""

    def __init__(self, manager: Any, directory: Path, log: ProcessLog) -> None:
        self._manager = manager
        self._directory = directory
        self._discarded = False
        self.log = log
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.pid: int = manager.provisioner.pid
        self.key: bytes = manager.session.key
        self.interrupt_by_message = _interrupted_by_message(manager.kernel_spec)
        self._oom_file = _oom_file(self.pid)
        self._oom_kills = _oom_kills(self._oom_file)
        self._watch(manager.provisioner.process)

    def endpoint(self, channel: str) -> str:
        """The address of a channel: shell, iopub, stdin or control."""
        info = self._manager.get_connection_info()
        separator = "-" if info["transport"] == "ipc" else ":"
        return f"{info['transport']}://{info['ip']}{separator}{info[f'{channel}_port']}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the kernel's process group; no-op if nothing is left of it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)  # it leads its own session, so its group has its id

    def describe_end(self) -> str:
        """How the process ended, for people. Only once `exited` is set."""
        return describe_exit(self.exited.result(), _oom_kills(self._oom_file) > self._oom_kills)

    async def discard(self) -> None:
        """Kill what is left of the process group, wait for the process, remove its files. May be called again."""
        if self._discarded:
            return
        self._discarded = True
        self.signal(signal.SIGKILL)
        await asyncio.shield(self.exited)
        self.log.close()
        await self._manager.cleanup_resources()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _watch(self, process: Popen[bytes]) -> None:
        """Set `exited` when the process ends. A thread, since waiting for a process is the one portable way at once."""
        loop = asyncio.get_running_loop()

        def tell(code: int) -> None:
            if not self.exited.done():
                self.exited.set_result(code)

        def wait() -> None:
            code = process.wait()
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left who wants to know
                loop.call_soon_threadsafe(tell, code)

        threading.Thread(target=wait, name=f"wait-for-kernel-{self.pid}", daemon=True).start()


async def launch(kernel_name: str, cwd: Path, env: Mapping[str, str] | None) -> KernelProcess:
    """Launch the kernel of this kernelspec in `cwd` with this environment (None: the daemon's).

    That the process runs is all this promises; whether it is a kernel shows when it answers. Raises KernelStartError.
    """
    specs = KernelSpecManager()
    try:
        spec = await asyncio.to_thread(specs.get_kernel_spec, kernel_name)
    except NoSuchKernel as error:
        installed = await asyncio.to_thread(specs.find_kernel_specs)
        raise _no_such_kernel(kernel_name, sorted(installed)) from error
    except (OSError, ValueError, TraitError) as error:
        raise KernelStartError(
            f"The kernelspec '{kernel_name}' cannot be read: {error}.", "Install it again."
        ) from error
    if not await asyncio.to_thread(cwd.is_dir):
        raise KernelStartError(
            f"The kernel '{kernel_name}' cannot start in {cwd}: there is no such directory.",
            "Save the notebook in a directory that exists.",
        )
    directory = _private_directory()
    manager = AsyncKernelManager(
        kernel_name=kernel_name,
        kernel_spec_manager=specs,
        **_where_to_listen(spec.argv, directory),
        connection_file=str(directory / "connection.json"),
    )
    readable, writable = os.pipe()
    try:
        await manager.start_kernel(
            cwd=str(cwd), env=dict(os.environ if env is None else env), stdout=writable, stderr=writable
        )
    except (OSError, ValueError, RuntimeError) as error:
        os.close(readable)
        shutil.rmtree(directory, ignore_errors=True)
        raise KernelStartError(
            f"The kernel '{kernel_name}' ({spec.resource_dir}) cannot be run: {spec.argv[0]}: {error}.",
            f"Install it again ({_how_to_install(kernel_name)}).",
        ) from error
    finally:
        os.close(writable)
    return KernelProcess(manager, directory, ProcessLog(readable))


def describe_exit(code: int, out_of_memory: bool = False) -> str:
    """How a process ended, for people, from its return code as `subprocess` gives it (a signal is negative)."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    said = f"killed by signal {-code} ({name})"
    if out_of_memory:
        return f"{said}; the system had run out of memory"
    guesses = {
        "SIGKILL": "perhaps the system was out of memory",
        "SIGSEGV": "native code crashed",
        "SIGABRT": "native code gave up",
        "SIGBUS": "native code crashed, or a disk or shared memory is full",
    }
    return f"{said}; {guesses[name]}" if name in guesses else said


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


def _where_to_listen(argv: list[str], directory: Path) -> dict[str, str]:
    """Sockets that only this user can reach where the kernel is known to have them, else the loopback interface, which
    every kernel has: Deno's, for one, knows no other. Messages are signed in either case."""
    if _IPYKERNELS.isdisjoint(argv):
        return {"transport": "tcp", "ip": "127.0.0.1"}
    return {"transport": "ipc", "ip": str(directory / "s")}


def _interrupted_by_message(spec: KernelSpec) -> bool:
    """What the kernelspec says; save that Deno's says nothing, which means a signal, and a signal kills it."""
    return spec.interrupt_mode == "message" or Path(spec.argv[0]).stem == "deno"


def _how_to_install(kernel_name: str) -> str:
    if "deno" in kernel_name:
        return "python -m pip install deno && deno jupyter --install"
    return f"for Python: python -m pip install ipykernel && python -m ipykernel install --user --name {kernel_name}"


def _private_directory() -> Path:
    """A new directory that only this user can enter, with a path short enough for sockets."""
    directory = Path(tempfile.mkdtemp(prefix="quire-"))
    if len(os.fsencode(directory)) > _LONGEST_DIRECTORY:
        directory.rmdir()
        directory = Path(tempfile.mkdtemp(prefix="quire-", dir="/tmp"))
    return directory


def _oom_file(pid: int) -> Path | None:
    """Where Linux counts the processes of this one's control group that were killed for want of memory."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            if line.startswith("0::/"):
                return Path("/sys/fs/cgroup", line[4:], "memory.events")
    return None


def _oom_kills(file: Path | None) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in file.read_text().splitlines() if file else ():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
