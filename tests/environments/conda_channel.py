"""A conda channel in a folder, made for a test: packages are archives with an index and a list of their files."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path


class Channel:
    """A channel with noarch packages. `write` makes what was added readable as a channel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "noarch").mkdir(parents=True)
        self._packages: dict[str, dict[str, object]] = {}

    def add(
        self,
        name: str,
        version: str,
        files: Mapping[str, bytes],
        depends: Sequence[str] = (),
        links: Mapping[str, str] | None = None,
    ) -> None:
        """A package of these files and symbolic links, relative to the environment."""
        links = links or {}
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
        ] + [
            {"_path": path, "path_type": "softlink", "sha256": hashlib.sha256(b"").hexdigest(), "size_in_bytes": 0}
            for path in links
        ]
        about = {
            "info/index.json": json.dumps(index).encode(),
            "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}).encode(),
            "info/files": "\n".join([*files, *links]).encode(),
        }
        archive = self.folder / "noarch" / f"{name}-{version}-0.conda"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as both:
            both.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
            both.writestr(f"pkg-{name}-{version}-0.tar.zst", _frame(_tar(files, links)))
            both.writestr(f"info-{name}-{version}-0.tar.zst", _frame(_tar(about, {})))
        told = archive.read_bytes()
        hashes = {"md5": hashlib.md5(told).hexdigest(), "sha256": hashlib.sha256(told).hexdigest(), "size": len(told)}
        self._packages[archive.name] = {**index, **hashes}

    def write(self) -> str:
        """Write the channel's index; its address."""
        for subdir in ("noarch", "linux-64"):
            folder = self.folder / subdir
            folder.mkdir(exist_ok=True)
            packages = self._packages if subdir == "noarch" else {}
            told = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages, "repodata_version": 1}
            (folder / "repodata.json").write_text(json.dumps(told))
        return self.folder.as_uri()


def _tar(files: Mapping[str, bytes], links: Mapping[str, str]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for path, data in files.items():
            about = tarfile.TarInfo(path)
            about.size, about.mode = len(data), 0o755
            tar.addfile(about, io.BytesIO(data))
        for path, to in links.items():
            link = tarfile.TarInfo(path)
            link.type, link.linkname = tarfile.SYMTYPE, to
            tar.addfile(link)
    return written.getvalue()


def _frame(data: bytes) -> bytes:
    """A frame of Zstandard (RFC 8878) with the data as it is, in raw blocks: compressing costs a test seconds."""
    step = 128 * 1024
    blocks = [data[at : at + step] for at in range(0, len(data), step)]
    last = len(blocks) - 1
    headers = [(len(one) << 3 | (number == last)).to_bytes(3, "little") for number, one in enumerate(blocks)]
    return b"\x28\xb5\x2f\xfd\x00\x38" + b"".join(map(bytes.__add__, headers, blocks))
