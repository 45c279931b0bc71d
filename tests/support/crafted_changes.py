"""Changes that no honest program makes: the right checksum over the wrong content, built byte by byte.

They are made from a real change of the replica under test, so that everything about them but the one spoiled number is
in order. The binding answers three of them in three ways: it panics, it refuses, and it silently leaves the change out.

Format: "Change Chunks" in https://automerge.org/automerge-binary-format-spec/.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Replica
from notebook_doc.sync_message import CHUNK_MAGIC, Have, Reader, change_body, encode, uleb

Spoil = Callable[[bytes], bytes]

_ACTIONS = 0x42
_VALUE_TYPES = 0x56
_COUNTER = 8


def change_chunk(body: bytes) -> bytes:
    """A change chunk with this body and the checksum that belongs to it."""
    content = b"\x01" + uleb(len(body)) + body
    return CHUNK_MAGIC + sha256(content).digest()[:4] + content


def panicking(chunk: bytes) -> bytes:
    """The change with its actor's sequence number far ahead: the binding's core panics on it."""
    return _with_seq(chunk, lambda seq: seq + 5)


def repeated(chunk: bytes, seq: int = 1) -> bytes:
    """The change under a sequence number that its actor has used: the binding refuses it with an error."""
    return _with_seq(chunk, lambda _: seq)


def left_out(chunk: bytes) -> bytes:
    """The change with an action that there is none of: the binding leaves it out and says nothing."""
    body = bytearray(change_body(chunk))
    position, size = _column(bytes(body), _ACTIONS)
    body[position + size - 1] = 0x7F  # as LEB128: more than any number of an action
    return change_chunk(bytes(body))


def counter_change(chunk: bytes) -> bytes:
    """The change of a single number, made to write a counter: in order, but the binding cannot read it."""
    body = bytearray(change_body(chunk))
    position, size = _column(bytes(body), _VALUE_TYPES)
    body[position + size - 1] = body[position + size - 1] & 0xF0 | _COUNTER
    return change_chunk(bytes(body))


def spoiled_message(doc: NotebookDoc, spoil: Spoil) -> bytes:
    """A sync message by the author of `doc` with one change that is in order but for what `spoil` did to it.

    The document itself stays as it is. It must have a cell, and its author must have written before.
    """
    copy = NotebookDoc(Replica.load(doc.replica.save(), doc.replica.actor))
    heads = copy.replica.heads()
    copy.splice_source(copy.cell_ids()[0], 0, 0, "SPOILED")
    (change,) = copy.replica.changes_since(heads)
    return encode(heads, (), (Have(heads, b""),), [spoil(change)])


def _with_seq(chunk: bytes, new: Callable[[int], int]) -> bytes:
    body = change_body(chunk)
    reader = Reader(body)
    reader.hashes()
    reader.take(reader.uleb())
    start = reader.position
    seq = reader.uleb()
    return change_chunk(body[:start] + uleb(new(seq)) + body[reader.position :])


def _column(body: bytes, wanted: int) -> tuple[int, int]:
    """Where a column of a change lies in its body, and its size in bytes."""
    reader = Reader(body)
    reader.hashes()
    reader.take(reader.uleb())
    for _ in range(2):  # sequence number, first operation
        reader.uleb()
    reader.sleb()  # time
    reader.take(reader.uleb())  # message
    for _ in range(reader.uleb()):
        reader.take(reader.uleb())
    layout = [(reader.uleb(), reader.uleb()) for _ in range(reader.uleb())]
    position = reader.position
    for specification, size in layout:
        if specification == wanted:
            return position, size
        position += size
    raise AssertionError(f"the change has no column {wanted:#x}")
