"""What somebody on this machine has agreed to install, signed so that nobody else can say so.

An approval is a file with the canonical bytes of the dependencies and their HMAC-SHA256 under the key of this machine
(`trust/key` in the state folder, 32 random bytes, mode 0600). It covers the dependencies alone, not the rest of the
notebook, so editing cells asks nothing and editing dependencies asks again. Approvals stay in the state folder and
never travel with a notebook: what another machine signed could not be checked here and would not count.

A package can be remembered by its name: dependencies that name only remembered packages, and take them from where this
machine takes its packages anyway, need no further approval. Blocks for small files.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from clients.daemon.environments.declared import Dependencies
from relay.private import check_private, private_folder

FOLDER: Final = "trust"
_KEY_BYTES: Final = 32

Verdict = Literal["not_needed", "trusted", "asks", "tampered"]


@dataclass(frozen=True)
class Approval:
    """An approval on record: of what, by whom, when."""

    dependencies: dict[str, Any]
    by: str
    when: float
    valid: bool


class TrustStore:
    """Owns the key and the approvals under this state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER  # made when the first approval is

    def verdict(self, dependencies: Dependencies) -> Verdict:
        """Whether these may be installed. "tampered": an approval is there, but this machine's key did not sign it."""
        if not dependencies.from_anywhere and all(self._signed(_package(name)) for name in dependencies.names):
            return "trusted"  # also an empty list: it installs what every kernel needs, nothing the notebook chose
        signed = self._signed(dependencies.canonical())
        return "asks" if signed is None else "trusted" if signed else "tampered"

    def approve(self, dependencies: Dependencies, by: str, *, remember: bool = False) -> None:
        """Somebody who may has agreed to install these; with `remember`, also each of these packages from now on."""
        self._sign(dependencies.canonical(), by)
        if remember and not dependencies.from_anywhere:
            for name in dependencies.names:
                self._sign(_package(name), by)

    def approvals(self) -> list[Approval]:
        """Every approval on record, the latest first."""
        found = []
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                told = json.loads(path.read_text())
                content = str(told["approved"])
                valid = hmac.compare_digest(str(told["signature"]), self._signature(content.encode()))
                found.append(Approval(json.loads(content), str(told["by"]), float(told["when"]), valid))
        return sorted(found, key=lambda one: -one.when)

    def forget(self, dependencies: Dependencies) -> None:
        """Take back the approval of these."""
        self._path(dependencies.canonical()).unlink(missing_ok=True)

    def forget_packages(self, names: Iterable[str]) -> None:
        """Remember these packages no longer."""
        for name in names:
            self._path(_package(name)).unlink(missing_ok=True)

    def _sign(self, content: bytes, by: str) -> None:
        about = {"approved": content.decode(), "signature": self._signature(content), "by": by, "when": time.time()}
        _write(self._path(content), json.dumps(about, indent=1).encode())

    def _signed(self, content: bytes) -> bool | None:
        """Whether this was approved here; None if there is no approval at all."""
        try:
            told = json.loads(self._path(content).read_text())
            return hmac.compare_digest(str(told["signature"]), self._signature(content))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _signature(self, content: bytes) -> str:
        return hmac.new(self._key(), content, hashlib.sha256).hexdigest()

    def _path(self, content: bytes) -> Path:
        return self._folder / f"{hashlib.sha256(content).hexdigest()}.json"

    def _key(self) -> bytes:
        """This machine's key; made when it is first needed. Raises UnsafeState if others could read it."""
        path = private_folder(self._folder) / "key"
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            temporary = path.with_name(f"key.{secrets.token_hex(4)}")
            _write_new(temporary, secrets.token_bytes(_KEY_BYTES))
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)  # the first one counts, whoever makes one at the same time
            temporary.unlink()
            descriptor = os.open(path, os.O_RDONLY)
        with open(descriptor, "rb") as file:
            check_private(os.fstat(file.fileno()), path)
            return file.read()


def _package(name: str) -> bytes:
    """What stands for a package that is remembered."""
    return json.dumps({"package": name}).encode()


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    _write_new(temporary, content)
    temporary.replace(path)


def _write_new(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
