"""Errors of the wire.

    WireError                      what one side tells the other: a code, whose fault, what to do next
    ├── MalformedFrame             bad_frame          remote   bytes that are no frame or no message
    ├── FrameTooLarge              frame_too_large    remote   a length above the cap of its type
    ├── Refused                    (any code)         local    the other side said no, in an error frame
    ├── BadEndpoint                bad_request        local    an address that is none, is taken, or must not be used
    ├── UnsafeState                forbidden          local    a file, folder or socket that others could have made
    └── ConnectionLost             connection_lost    neither  the link ended; what was not acknowledged may be resent

`fault` says who has to change something: "local" is the side that holds the exception, "remote" is the other one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

Fault = Literal["local", "remote", "neither"]


class ErrorCode(StrEnum):
    """What an error frame or a failed response can say. Clients may branch on these; messages are for people."""

    BAD_FRAME = "bad_frame"
    FRAME_TOO_LARGE = "frame_too_large"
    BAD_HANDSHAKE = "bad_handshake"
    PROTOCOL_VERSION = "protocol_version"
    SCHEMA_VERSION = "schema_version"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    UNKNOWN_NOTEBOOK = "unknown_notebook"
    WRONG_GENESIS = "wrong_genesis"
    WRONG_EPOCH = "wrong_epoch"
    READ_ONLY = "read_only"
    AGENTS_MAY_NOT = "agents_may_not"
    BAD_SYNC = "bad_sync"
    TOO_SLOW = "too_slow"
    BAD_REQUEST = "bad_request"
    UNKNOWN_CELL = "unknown_cell"
    UNKNOWN_EXECUTION = "unknown_execution"
    CELL_HAS_PROBLEM = "cell_has_problem"
    PLAN_GONE = "plan_gone"
    UNKNOWN_COMM = "unknown_comm"
    PROMPT_GONE = "prompt_gone"
    NOT_A_NOTEBOOK = "not_a_notebook"
    FILE_ERROR = "file_error"
    NO_SUCH_FILE = "no_such_file"
    NO_DAEMON = "no_daemon"
    KERNEL = "kernel"
    CANNOT_FORMAT = "cannot_format"
    NO_WIDGET_CODE = "no_widget_code"
    NO_KERNEL = "no_kernel"
    KERNEL_BUSY = "kernel_busy"
    SUPERSEDED = "superseded"
    ENVIRONMENT = "environment"
    NOT_TRUSTED = "not_trusted"
    STALE_APPROVAL = "stale_approval"
    TIMEOUT = "timeout"
    STORAGE = "storage"
    SHUTTING_DOWN = "shutting_down"
    INTERNAL = "internal"
    CONNECTION_LOST = "connection_lost"


class WireError(Exception):
    """What happened, to what, and what to do next."""

    def __init__(self, code: ErrorCode | str, message: str, hint: str = "", *, fault: Fault = "remote") -> None:
        super().__init__(f"{message} {hint}".rstrip())
        self.code = str(code)
        self.message = message
        self.hint = hint
        self.fault: Fault = fault


class MalformedFrame(WireError):
    """Bytes arrived that are no frame, or a payload that is no message of its type."""

    def __init__(self, message: str, hint: str = "See docs/wire-protocol.md for the frame format.") -> None:
        super().__init__(ErrorCode.BAD_FRAME, message, hint)


class FrameTooLarge(WireError):
    """A frame says it is longer than its type may be; nothing was allocated for it."""

    def __init__(self, frame_type: int | None, size: int, cap: int) -> None:
        kind = "a frame" if frame_type is None else f"a frame of type 0x{frame_type:02x}"
        super().__init__(
            ErrorCode.FRAME_TOO_LARGE,
            f"{kind} with {size} bytes of payload; the cap is {cap}.",
            "Send large contents as blobs over HTTP and refer to them.",
        )


class Refused(WireError):
    """The other side answered with an error frame or a failed response."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(code, message, hint, fault="local")


class BadEndpoint(WireError):
    """An address cannot be understood, is in use, or is not one to listen on. Trying again does not help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(ErrorCode.BAD_REQUEST, message, hint, fault="local")


class UnsafeState(WireError):
    """A registry file, a socket or its folder belongs to somebody else, or others may write or read it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(ErrorCode.FORBIDDEN, message, hint, fault="local")


class ConnectionLost(WireError):
    """The link ended, cleanly or not, or could not be made; trying again later may help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(ErrorCode.CONNECTION_LOST, message, hint, fault="neither")
