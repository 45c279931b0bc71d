"""Errors of the hub's durable and guarding parts.

    WireError (relay.errors)
    └── HubError
        ├── StorageError           storage        the document store could not do it
        │   ├── StorageFull                       no space: what failed may be tried again once there is some
        │   ├── StorageReadOnly                   the folder or the database may not be written
        │   ├── StorageBusy                       another program holds the database locked
        │   ├── StateInUse                        another hub has this state folder open
        │   ├── StorageDamaged                    not a database, another program's, or damaged
        │   ├── StorageTooNew                     written by a later version
        │   ├── PathTaken                         another notebook has this path
        │   └── StorageClosed                     the store was closed
        ├── BlobError              storage        the blob store could not do it
        │   ├── BadBlobName        bad_request    not 64 lower-case hexadecimal digits
        │   ├── BlobNotFound                      there is no such blob
        │   ├── BlobMismatch       bad_request    the bytes sent are not the bytes named
        │   ├── BlobTooLarge       bad_request    above the cap
        │   ├── BlobDamaged                       what is on disk is not what was put
        │   └── BlobsFull                         no space
        └── FileError              file_error     a notebook's file could not be written

All carry `code`, `message` and `hint` for an error frame or an HTTP body (`error_body`). A message says what happened
and to what; a hint says what to do next. None contains a token.
"""

from __future__ import annotations

from typing import ClassVar

from relay.errors import ErrorCode, Fault, WireError


class HubError(WireError):
    """What the hub could not do. Its class says the wire code and the fault: the hub's own unless it says so."""

    wire_code: ClassVar[ErrorCode] = ErrorCode.INTERNAL
    whose: ClassVar[Fault] = "local"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(self.wire_code, message, hint, fault=self.whose)


def error_body(error: WireError) -> dict[str, dict[str, str]]:
    """The JSON body of a failed HTTP request."""
    return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}


# --- the document store ---------------------------------------------------------------------------------------------


class StorageError(HubError):
    """The document store could not read or write; nothing was half-written."""

    wire_code = ErrorCode.STORAGE


class StorageFull(StorageError):
    """There is no space on the disk."""


class StorageReadOnly(StorageError):
    """The state folder or the database in it may not be written."""


class StorageBusy(StorageError):
    """Another program has held the database locked for longer than we wait."""


class StateInUse(StorageError):
    """Another hub has this state folder open."""


class StorageDamaged(StorageError):
    """What is on disk is not a database, not ours, or damaged."""


class StorageTooNew(StorageError):
    """A later version of Quire wrote this store."""


class PathTaken(StorageError):
    """Another notebook is indexed under this path."""


class StorageClosed(StorageError):
    """The store was closed before it was asked."""


# --- blobs ----------------------------------------------------------------------------------------------------------


class BlobError(HubError):
    """The blob store could not read or write."""

    wire_code = ErrorCode.STORAGE


class BadBlobName(BlobError):
    """A blob's name is its SHA-256 in lower-case hexadecimal, and this is not one."""

    wire_code = ErrorCode.BAD_REQUEST
    whose = "remote"


class BadBlobBatch(BlobError):
    """What was sent as several blobs cannot be read."""

    wire_code = ErrorCode.BAD_REQUEST
    whose = "remote"


class BlobNotFound(BlobError):
    """There is no such blob."""

    whose = "remote"


class BlobMismatch(BlobError):
    """The bytes that were sent do not have the hash they were announced under."""

    wire_code = ErrorCode.BAD_REQUEST
    whose = "remote"


class BlobTooLarge(BlobError):
    """More bytes than a blob may have."""

    wire_code = ErrorCode.BAD_REQUEST
    whose = "remote"


class BlobDamaged(BlobError):
    """The bytes on disk do not have the hash they are stored under."""


class BlobsFull(BlobError):
    """There is no space for the blob."""


# --- files ----------------------------------------------------------------------------------------------------------


class FileError(HubError):
    """A file could not be written; what was there before is still there."""

    wire_code = ErrorCode.FILE_ERROR
