"""Packages for tests that install some: small wheels made here, and ipykernel's packed again from where they are.

So real environments are built by the real uv without a network.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution, distribution
from importlib.util import cache_from_source, source_hash
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def make_wheel(
    folder: Path, name: str, version: str, modules: Mapping[str, str] | None = None, requires: Sequence[str] = ()
) -> Path:
    """A pure wheel of these modules (file name -> source); by default one that knows its version."""
    plain = name.replace("-", "_")
    files = dict(modules if modules is not None else {f"{plain}.py": f"version = {version!r}\n"})
    info = f"{plain}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return _zip(folder / f"{plain}-{version}-py3-none-any.whl", info, {k: v.encode() for k, v in files.items()})


def pack_kernel(folder: Path) -> None:
    """ipykernel and everything it needs, as wheels."""
    waiting, seen = ["ipykernel"], set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        found = distribution(name)
        if name in ("debugpy", "jedi"):  # thousands of files that a kernel does without
            make_wheel(folder, name, found.version, {})
            continue
        _pack(folder, found)
        for text in found.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def _pack(folder: Path, found: Distribution) -> None:
    tags = [line[5:].split("-") for line in (found.read_text("WHEEL") or "").splitlines() if line.startswith("Tag: ")]
    tag = "-".join(".".join(sorted(set(part))) for part in zip(*tags, strict=True))
    files = {}
    info = ""
    for path in found.files or ():
        inside = path.as_posix()
        if inside.endswith(".dist-info/METADATA"):
            info = inside.removesuffix("/METADATA")
        if "/test/" in inside or "/tests/" in inside:
            continue
        if not inside.startswith("..") and not inside.endswith((".pyc", "/RECORD", "/INSTALLER", "/direct_url.json")):
            files[inside] = Path(str(path.locate())).read_bytes()
            if inside.endswith(".py"):
                files.update(_compiled(Path(str(path.locate())), inside, files[inside]))
    name = info.removesuffix(".dist-info")
    _zip(folder / f"{name}-{tag}.whl", info, files)


def _compiled(path: Path, inside: str, source: bytes) -> dict[str, bytes]:
    """The bytecode that lies beside a module, marked to be taken as it is: so a fresh environment starts at once."""
    there = Path(cache_from_source(str(path)))
    if not there.exists():
        return {}
    bytecode = there.read_bytes()
    told = bytecode[:4] + (1).to_bytes(4, "little") + source_hash(source) + bytecode[16:]
    return {str(Path(inside).parent / "__pycache__" / there.name): told}


def _zip(path: Path, info: str, files: Mapping[str, bytes]) -> Path:
    record = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for inside, content in files.items():
            archive.writestr(inside, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{inside},sha256={digest},{len(content)}")
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]) + "\n")
    return path
