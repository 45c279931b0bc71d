"""Whether a process that was killed was killed for want of memory: what the system lets one know.

Linux kills a process that its control group, or the machine, has no memory left for, and tells nobody; but it counts
such kills, in the group's files and for the whole machine. A count that went up just when a kernel was killed is the
reason that is shown. On other systems nothing can be known. Kept to the standard library, for the keeper imports it.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Final

_COUNT: Final = "oom_kill "  # how the line begins in all three files
_MACHINE: Final = "proc/vmstat"


class OutOfMemoryKills:
    """The count of such kills where a process is. Owns the count at the last `look`."""

    def __init__(self, pid: int, root: Path = Path("/")) -> None:
        self._pid, self._root = pid, root
        self.look()

    def look(self) -> None:
        """Forget what was counted before; call it every few seconds, or another one's death may be taken for ours."""
        self._file = _file_of(self._pid, self._root) if sys.platform == "linux" else None  # it may have been moved
        self._before = self._now()

    @property
    def since(self) -> bool:
        """Whether something was killed for want of memory since the last look."""
        return self._now() > self._before

    def _now(self) -> int:
        if self._file is not None:
            with contextlib.suppress(OSError, ValueError):
                for line in self._file.read_text().splitlines():
                    if line.startswith(_COUNT):
                        return int(line.split()[1])
        return 0


def _file_of(pid: int, root: Path) -> Path:
    """Where the kills of this process's memory control group are counted, else those of the whole machine."""
    with contextlib.suppress(OSError):
        for line in (root / "proc" / str(pid) / "cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            group = path.strip("/")
            if number == "0":
                found = root / "sys/fs/cgroup" / group / "memory.events"
            elif "memory" in controllers.split(","):
                found = root / "sys/fs/cgroup/memory" / group / "memory.oom_control"
            else:
                continue
            with contextlib.suppress(OSError):
                if f"\n{_COUNT}" in "\n" + found.read_text():
                    return found
    return root / _MACHINE
