"""A conda channel in a folder, made for a test: packages are archives with an index and a list of their files."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path


class Channel:
    """A channel with noarch packages. `write` makes what was added readable as a channel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "noarch").mkdir(parents=True)
        self._packages: dict[str, dict[str, object]] = {}

    def add(self, name: str, version: str, files: Mapping[str, bytes], depends: Sequence[str] = ()) -> None:
        """A package of these files, relative to the environment."""
        index = {
            "name": name,
            "version": version,
            "build": "0",
            "build_number": 0,
            "depends": list(depends),
            "subdir": "noarch",
            "noarch": "generic",
        }
        paths = [
            {
                "_path": path,
                "path_type": "hardlink",
                "sha256": hashlib.sha256(data).hexdigest(),
                "size_in_bytes": len(data),
            }
            for path, data in files.items()
        ]
        inside = {
            "info/index.json": json.dumps(index).encode(),
            "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}).encode(),
            "info/files": "\n".join(files).encode(),
            **files,
        }
        archive = self.folder / "noarch" / f"{name}-{version}-0.tar.bz2"
        with tarfile.open(archive, "w:bz2") as tar:
            for path, data in inside.items():
                about = tarfile.TarInfo(path)
                about.size, about.mode = len(data), 0o755
                tar.addfile(about, io.BytesIO(data))
        told = archive.read_bytes()
        hashes = {"md5": hashlib.md5(told).hexdigest(), "sha256": hashlib.sha256(told).hexdigest(), "size": len(told)}
        self._packages[archive.name] = {**index, **hashes}

    def write(self) -> str:
        """Write the channel's index; its address."""
        for subdir in ("noarch", "linux-64"):
            folder = self.folder / subdir
            folder.mkdir(exist_ok=True)
            packages = self._packages if subdir == "noarch" else {}
            told = {"info": {"subdir": subdir}, "packages": packages, "packages.conda": {}, "repodata_version": 1}
            (folder / "repodata.json").write_text(json.dumps(told))
        return self.folder.as_uri()
