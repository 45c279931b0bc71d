"""What comes of something that happens on a comm: what the kernel is sent, everybody is told, and the document says.

Values without behaviour, between the pure comm table and the shell that carries them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clients.daemon.events import OutputEvent


@dataclass(frozen=True)
class CommRequest:
    """A message to send to the kernel."""

    msg_type: str
    msg_id: str
    content: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    buffers: Sequence[bytes] = ()


@dataclass(frozen=True)
class Told:
    """To tell every peer: the kernel said this on a comm."""

    comm_id: str
    data: Mapping[str, Any]
    buffers: tuple[bytes, ...]


@dataclass
class CommWrite:
    """What to write of one comm, in this order: open it, set these traits, let its outputs go there; or remove it."""

    comm_id: str
    opened: str | None = None  # the target's name
    closed: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    execution_id: str | None = None


Effect = CommRequest | OutputEvent | Told  # an OutputEvent's execution_id is the place where it is to be shown
