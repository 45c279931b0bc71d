"""The first frame of a session: who is coming, and may they? Pure.

Decides from a Hello frame alone whether its sender may join, and under which role. A refusal is a SessionError that
says why and what to do; nothing of the notebook is read before the token was found right.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from notebook_doc.migrations import SCHEMA_VERSION
from relay.errors import ErrorCode, WireError
from relay.frames import check_frame
from relay.messages import PROTOCOL_VERSION, Hello, SessionError, Welcome, decode


@dataclass(frozen=True, slots=True)
class Door:
    """What the hub knows before a peer comes in. `genesis` is that of the NotebookDoc it holds, the others are of its
    RuntimeDoc at this moment."""

    server_id: str
    notebook_id: str
    genesis: bytes
    runtime_genesis: bytes
    runtime_epoch: int = 0


def read_hello(whole_frame: bytes) -> Hello | SessionError:
    """The Hello in a connection's first frame, or why it is none."""
    try:
        check_frame(whole_frame)
        message = decode(whole_frame)
    except WireError as error:
        return SessionError(code=error.code, message=error.message, hint=error.hint)
    if not isinstance(message, Hello):
        return SessionError(
            code=ErrorCode.BAD_HANDSHAKE,
            message="The first frame of a session must be `hello` (frame type 0x07).",
            hint="See docs/wire-protocol.md.",
        )
    return message


def identify(hello: Hello, token: str, *, authenticated: bool) -> SessionError | None:
    """Whether this peer may be talked to at all: why not, or None. Ask before anything is looked up for it.

    `authenticated`: the HTTP upgrade carried a valid token or cookie already.
    """
    if hello.protocol != PROTOCOL_VERSION:
        return SessionError(
            code=ErrorCode.PROTOCOL_VERSION,
            message=f"You speak protocol version {hello.protocol}; this hub speaks {PROTOCOL_VERSION}.",
            hint=f"Upgrade the {'hub' if hello.protocol > PROTOCOL_VERSION else 'peer'}.",
        )
    if not (authenticated or hmac.compare_digest(hello.token.encode(), token.encode())):
        return SessionError(
            code=ErrorCode.UNAUTHORIZED,
            message="The token is wrong.",
            hint="Take it from the server's registry file (`quire status --json`); it changes with every start.",
        )
    return None


def admit(hello: Hello, door: Door) -> Welcome | SessionError:
    """Whether this peer, once identified, may come in to this notebook."""
    if hello.notebook_id != door.notebook_id:
        return SessionError(
            code=ErrorCode.UNKNOWN_NOTEBOOK,
            message=f"This address is notebook {door.notebook_id}, not {hello.notebook_id}.",
            hint="Open the notebook by its path to learn its id.",
        )
    if hello.schema > SCHEMA_VERSION:
        return SessionError(
            code=ErrorCode.SCHEMA_VERSION,
            message=f"Your documents have schema version {hello.schema}; this hub knows up to {SCHEMA_VERSION}.",
            hint="Upgrade the hub.",
        )
    if hello.genesis not in (None, door.genesis):
        return SessionError(
            code=ErrorCode.WRONG_GENESIS,
            message=f"This hub holds another document under the notebook id {door.notebook_id} than you do.",
            hint="Keep your copy under another name and open the notebook anew; merging the two would mix them.",
        )
    return Welcome(
        protocol=PROTOCOL_VERSION,
        schema=SCHEMA_VERSION,
        server_id=door.server_id,
        notebook_id=door.notebook_id,
        role=hello.role,
        genesis=door.genesis,
        runtime_genesis=door.runtime_genesis,
        runtime_epoch=door.runtime_epoch,
    )
