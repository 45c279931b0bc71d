"""A kernel's process, as its parent has it: how it is started, what it says on stdout and stderr, how it ends.

Its parent is the kernel's keeper. Knows processes, no Jupyter. It promises that `exited` is set as soon as the process
has ended (a thread waits for the process itself), that the log is bounded, that the kernel does not outlive its
parent, and that `kill` leaves nothing of its process group. Needs a POSIX system: process groups. `spawn` needs little
imported, for the kernel's start waits for it.

State owners: `KernelProcess` owns the process, `ProcessLog` the reading end of its pipe.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

LOG_BYTES: Final = 64 * 1024  # the end of what the process wrote: enough for a traceback or a crash report
_READ_BYTES: Final = 64 * 1024  # a pipe's capacity on Linux
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_GUESSES: Final = {
    "SIGKILL": "somebody killed it, or the system was out of memory",
    "SIGSEGV": "native code crashed",
    "SIGABRT": "native code gave up",
    "SIGBUS": "native code crashed, or a disk or shared memory is full",
}


def spawn(
    argv: Sequence[str], cwd: str, env: Mapping[str, str], memory: int | None = None
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a kernel; its process and the descriptor that its stdout and stderr can be read from. Raises OSError.

    It leads a session of its own, so that signals can be sent to its whole group. It is told who its parent is, as
    Jupyter does, and ends when that does: ipykernel looks for it, and on Linux the system sees to it for every kernel.
    With `memory` it, and each process that it starts, can have so many bytes; more is refused: MemoryError in Python.
    """
    readable, writable = os.pipe()
    try:
        process = subprocess.Popen(
            [os.path.expanduser(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=writable,
            stderr=writable,
            cwd=cwd,
            env={**env, "JPY_PARENT_PID": str(os.getpid())},
            start_new_session=True,
            preexec_fn=_before_it_begins(memory),  # safe: there is one thread
        )
    except BaseException:
        os.close(readable)
        raise
    finally:
        os.close(writable)
    return process, readable


def _before_it_begins(memory: int | None) -> Callable[[], object] | None:
    """What the new process does first."""
    if sys.platform != "linux":
        return None
    import ctypes
    import resource

    prctl = ctypes.CDLL(None).prctl

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if memory is not None:  # of what a process can write to; not of addresses, of which runtimes reserve terabytes
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))

    return prepare


class ProcessLog:
    """The end of what a process wrote to stdout and stderr. Owns the reading end of the pipe."""

    def __init__(self, descriptor: int, on_more: Callable[[], None]) -> None:
        import asyncio

        os.set_blocking(descriptor, False)
        self._loop = asyncio.get_running_loop()
        self._descriptor: int | None = descriptor
        self._kept = bytearray()
        self._on_more = on_more
        self.written = 0  # bytes in all
        self._loop.add_reader(descriptor, self._read)

    def since(self, written: int) -> bytes:
        """What came after that many bytes, as far as it was kept."""
        more = min(self.written - written, len(self._kept))
        return bytes(self._kept[-more:]) if more else b""

    def close(self) -> None:
        """Take what is in the pipe and close it."""
        self.take()
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def take(self) -> None:
        """Take what is in the pipe by now."""
        while self._descriptor is not None and self._read():
            pass

    def _read(self) -> bool:
        assert self._descriptor is not None
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:  # every writer has closed its end; a descriptor at its end is readable for ever
            self._loop.remove_reader(self._descriptor)
            return False
        self._kept += data
        self.written += len(data)
        del self._kept[:-LOG_BYTES]
        self._on_more()
        return True


class KernelProcess:
    """A process that `spawn` has started. Ended by `kill`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        import asyncio

        self.pid = process.pid
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.most_memory = 0  # bytes that it had at most, once it has ended
        self._watch(process)

    def signal(self, number: int) -> None:
        """Send a signal to the kernel's process group; no-op if nothing is left of it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)  # it leads its own session, so its group has its id

    async def kill(self) -> None:
        """Kill what is left of the process group, and wait for the process."""
        import asyncio

        self.signal(signal.SIGKILL)
        await asyncio.shield(self.exited)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Set `exited` when the process ends. A thread, since waiting for a process is the one portable way at once."""
        import threading

        loop = self.exited.get_loop()

        def tell(code: int, most_memory: int) -> None:
            if not self.exited.done():
                self.most_memory = most_memory
                self.exited.set_result(code)

        def wait() -> None:
            _, status, used = os.wait4(process.pid, 0)
            code = process.returncode = os.waitstatus_to_exitcode(status)
            most_memory = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)  # as getrusage(2) counts it
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left who wants to know
                loop.call_soon_threadsafe(tell, code, most_memory)

        threading.Thread(target=wait, name=f"wait-for-kernel-{self.pid}", daemon=True).start()


def describe_exit(code: int, out_of_memory: bool = False, most_memory: int = 0, limit: int | None = None) -> str:
    """How a process ended, for people, from its return code as `subprocess` gives it (a signal is negative).

    `most_memory` is what it had at most, `limit` what it might have, in bytes; told where memory may be the reason.
    """
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    said = f"killed by signal {-code} ({name})"
    if out_of_memory:
        said += "; the system had run out of memory"
    elif name in _GUESSES:
        said += f"; {_GUESSES[name]}"
    if most_memory and name in ("SIGKILL", "SIGABRT"):
        of = f" of {size(limit)} that it may have" if limit else ""
        said += f" (it had {size(most_memory)} at most{of})"
    return said


def size(number: int) -> str:
    """A number of bytes for people."""
    return f"{number / 2**30:.1f} GiB" if number >= 2**30 else f"{number / 2**20:.0f} MiB"
