"""Who this process is to the others in a notebook."""

from __future__ import annotations

import getpass
import uuid

from relay.messages import PeerInfo, PeerKind


def this_program(name: str | None = None, kind: PeerKind = "program") -> PeerInfo:
    """A fresh peer id under this name; the user's name unless told otherwise."""
    return PeerInfo(peer_id=uuid.uuid4().hex, name=name or _user_name(), kind=kind)


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container without an entry for its user
        return "somebody"
