"""What changed in the hub between two looks at it, as lines for its log. Pure, save for `look`, which reads the hub.

A person who watches the log wants to know what the kernels do, which the hub itself only passes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import KernelState
from relay.registry import OpenNotebook
from sync_server.hub import Hub


@dataclass(frozen=True, slots=True)
class OpenRoom:
    """A notebook that is open: its file and its kernel."""

    path: Path | None
    kernel: KernelState


Look = Mapping[str, OpenRoom]  # by notebook id


def look(hub: Hub) -> Look:
    """What the hub has open at the moment."""
    return {
        live.notebook_id: OpenRoom(
            hub.path_of(live.notebook_id),
            RuntimeDoc(live.room.runtime.replica).kernel(),
        )
        for live in hub.open_rooms()
    }


def registered(seen: Look) -> tuple[OpenNotebook, ...]:
    """The notebooks as the registry file lists them."""
    return tuple(OpenNotebook(key, None if room.path is None else str(room.path)) for key, room in seen.items())


def news(before: Look, now: Look) -> Iterator[str]:
    """What the kernels have begun and ended to do."""
    for notebook_id, room in now.items():
        earlier = before.get(notebook_id)
        if earlier is not None and room.kernel != earlier.kernel and room.kernel.lifecycle != "none":
            yield f"notebook {notebook_id}: kernel {kernel_words(room.kernel)}"


def kernel_words(kernel: KernelState) -> str:
    """The state of a kernel in a few words."""
    state = kernel.activity if kernel.lifecycle == "ready" else kernel.lifecycle
    because = f": {kernel.error}" if kernel.error else ""
    return f"{kernel.name or '(no name)'} is {state}{because}"
