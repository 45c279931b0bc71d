"""What a person may name to open a notebook: a file, a notebook's id, or its address at a hub. Pure."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from relay.errors import BadEndpoint
from relay.websocket import shown

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A notebook's file, absolute."""

    path: Path


@dataclass(frozen=True, slots=True)
class IdTarget:
    """A notebook that the local service knows."""

    notebook_id: str


@dataclass(frozen=True, slots=True)
class HubTarget:
    """A notebook at a hub. `url` is the hub's base URL, without a slash at the end."""

    url: str
    notebook_id: str


Target = FileTarget | IdTarget | HubTarget


def parse_target(target: str | os.PathLike[str]) -> Target:
    """Understand what was named. A Path is always a file. Raises BadEndpoint for an address that names no notebook."""
    if not isinstance(target, str):
        return FileTarget(Path(target).expanduser().absolute())
    if target.partition(":")[0].lower() in _SCHEMES and "://" in target:
        return _hub_target(target)
    if (notebook_id := _notebook_id(target)) is not None:
        return IdTarget(notebook_id)
    if not target.strip():
        raise BadEndpoint("An empty name is no notebook.", "Name a file, a notebook's id, or its address.")
    return FileTarget(Path(target).expanduser().absolute())


def _hub_target(address: str) -> HubTarget:
    hint = "It looks like http://127.0.0.1:8000/v1/notebooks/<id>."
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise BadEndpoint(f"The address cannot be read: {error}.", hint) from error
    prefix, found, rest = parts.path.rpartition("/notebooks/")
    notebook_id = _notebook_id(rest.partition("/")[0])
    if not parts.hostname or not found or notebook_id is None:
        raise BadEndpoint(f"{shown(address)} names no notebook.", hint)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    base = f"{_SCHEMES[parts.scheme]}://{host}{'' if port is None else f':{port}'}"
    return HubTarget(base + prefix.removesuffix("/v1").rstrip("/"), notebook_id)


def _notebook_id(text: str) -> str | None:
    """The id in its canonical form, if it is one: 32 hexadecimal digits with four hyphens."""
    try:
        notebook_id = str(uuid.UUID(text))
    except ValueError:
        return None
    return notebook_id if notebook_id == text.lower() else None
