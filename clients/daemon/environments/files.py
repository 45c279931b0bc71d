"""The real file system as resolution looks at it. Blocks; call it in a thread."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from clients.daemon.environments.resolution import LOCK_FILES, PROJECT_FILES, upwards
from clients.daemon.environments.store import site_packages
from clients.daemon.environments.uv import python_of

MAX_BYTES: Final = 32 * 1024 * 1024  # a lock file of a large project has a few of them


class LocalFiles:
    """See `resolution.Files`."""

    def read(self, path: Path) -> bytes | None:
        """See Files. What is larger than any such file is not read."""
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError:
            return None
        return content if len(content) <= MAX_BYTES else None

    def exists(self, path: Path) -> bool:
        """See Files."""
        return path.exists()

    def kernel_python(self, environment: Path) -> Path | None:
        """See Files."""
        python, packages = python_of(environment), site_packages(environment)
        if not (environment / "pyvenv.cfg").is_file() or not python.exists() or packages is None:
            return None
        return python if (packages / "ipykernel").is_dir() or any(packages.glob("__editable__*ipykernel*")) else None


def project_stamps(folder: Path, home: Path | None) -> tuple[tuple[int, int] | None, ...]:
    """When and how each file that may declare something for this folder was last written. Differs after an edit of one,
    and after something was installed into a project's own environment. Blocks for a few dozen `stat`s."""
    stamps: list[tuple[int, int] | None] = []
    for each in upwards(folder, home, LocalFiles()):
        own = site_packages(each / ".venv")
        for path in (*(each / name for name in (*PROJECT_FILES, *LOCK_FILES)), *([own] if own is not None else [])):
            try:
                status = os.stat(path)
            except OSError:
                stamps.append(None)
            else:
                stamps.append((status.st_mtime_ns, status.st_size))
    return tuple(stamps)
