"""A change of the notebook's history, taken back as new changes that are the same whoever makes them.

The history has every batch as one change. `take_back` finds what that change did, by reading the notebook before and
after it, and writes the inverse: deleted cells come back under their ids and where they stood, the characters that it
wrote go and those that it deleted come back, and what others did since stays. Each piece of the inverse is a change of
its own, made upon the one that is taken back, and its actor follows from its content. So two people who undo the same
change at once write the same bytes, and their merge is one undo, whatever else either of them had seen. Cells that go
are one piece together: to delete a cell twice is to delete it, and each further actor costs every replica what the
document holds (14 ms at 1,400 cells). It costs the history, once. The page's core/history/taking_back.ts is the twin of
this and writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from notebook_doc.batch import Check, Committed, Reading, apply
from notebook_doc.cells import Cell, CellType
from notebook_doc.edits import Create, Delete
from notebook_doc.errors import BadEdit, UnknownHeads
from notebook_doc.history.past import PastNotebook
from notebook_doc.json_values import Json
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import (
    ACTOR_SIZE,
    ROOT,
    Heads,
    ObjectId,
    RecordedChange,
    author_key,
    author_key_of,
)
from notebook_doc.sync_message import read_change
from notebook_doc.text_diff import Splice
from notebook_doc.touched import ObjectKey


@dataclass(frozen=True, slots=True)
class Undone:
    """An undo that was applied. `kept` are cells that the change had made or moved and others have changed since."""

    committed: Committed
    kept: tuple[str, ...]
    gone: tuple[str, ...]  # cells that the change had written in and somebody has deleted since


def take_back(notebook: NotebookDoc, change_hash: bytes, check: Check) -> Undone:
    """Undo one change; of one that took something back, all of that. Raises UnknownHeads if it is not in the history,
    BadEdit if it was taken back already, and what `check` raises for the result."""
    life = _Life(notebook)
    deed = life.deed_of(change_hash)
    if deed is None:
        raise UnknownHeads(f"there is no change {change_hash.hex()} in this notebook.", "List its history again.")
    if life.is_taken_back(deed):
        raise BadEdit(f"the change {change_hash.hex()[:16]} was taken back already.", "Nothing is left to do.")
    return _write(notebook, life, deed, check)


def take_back_latest(notebook: NotebookDoc, changes: Sequence[RecordedChange], check: Check) -> Undone | None:
    """Undo the latest of these changes (oldest first) that was not taken back yet and changed a cell or the metadata;
    None if there is none."""
    life = _Life(notebook)
    for change in reversed(changes):
        deed = life.deed_of(change.hash)
        if deed is not None and not life.is_taken_back(deed) and life.pieces_of(deed):
            return _write(notebook, life, deed, check)
    return None


# --- the deeds of a history -------------------------------------------------------------------------------------------


class _Deed(NamedTuple):
    """What was done as one: a change, or all changes that took one back. Its name is the hash of the change, or `undo `
    and the name of what it took back."""

    name: str
    deps: Heads
    heads: Heads


@dataclass(frozen=True, slots=True)
class _Rewrite:
    """Splices of a cell's source, in order, each for the text that the one before left."""

    cell_id: str
    splices: tuple[Splice, ...]


@dataclass(frozen=True, slots=True)
class _Put:
    """A value of a cell, or (None) of the notebook, that the deed made `new` is to be `old` again. Values are named by
    `cell_type`, `position`, `attachments`, or by `metadata` and a key; None stands for none."""

    cell_id: str | None
    name: str
    key: str
    old: Json
    new: Json


_Inverse = Create | Delete | _Rewrite | _Put


@dataclass(frozen=True, slots=True)
class _Piece:
    """One change of an inverse, and the heads that it is made upon."""

    upon: Heads
    inverse: _Inverse


class _Life:
    """A notebook's history as deeds."""

    def __init__(self, notebook: NotebookDoc) -> None:
        self._replica = notebook.replica
        self._notebook = notebook
        self._keys: set[bytes] = set()
        self._names: dict[bytes, str] = {}  # change -> the deed that it belongs to
        self._deeds: dict[str, _Deed] = {}  # each after those it builds on
        for change in notebook.replica.recorded_since(()):
            self._add(change)

    def _add(self, change: RecordedChange) -> None:
        deps, key = tuple(sorted(change.deps)), author_key(change.actor)
        name = change.hash.hex()
        if deps:
            done = self._deeds[self._names[deps[0]]]
            if done.heads == deps and key == author_key_of(_undo_of(done)):
                name = _undo_of(done)
        known = self._deeds.get(name)
        heads = (change.hash,) if known is None else tuple(sorted((*known.heads, change.hash)))
        self._deeds[name] = _Deed(name, deps, heads)
        self._names[change.hash] = name
        self._keys.add(key)

    def deed_of(self, change_hash: bytes) -> _Deed | None:
        """What this change was a part of."""
        name = self._names.get(change_hash)
        return None if name is None else self._deeds[name]

    def is_taken_back(self, deed: _Deed) -> bool:
        """Those who write what takes it back write nothing else, and are known by its name."""
        return author_key_of(_undo_of(deed)) in self._keys

    def pieces_of(self, deed: _Deed) -> list[_Piece]:
        """What makes the notebook again what it was before the deed, whatever was done since."""
        before, after = PastNotebook(self._notebook, deed.deps), PastNotebook(self._notebook, deed.heads)
        pieces: list[_Piece] = []
        for cell in before.cells():
            if cell.id in after:
                if cell.source != after.cell(cell.id).source:
                    pieces += self._texts_back(cell.id, deed)
                pieces += [_Piece(deed.heads, put) for put in _values_back(cell, after.cell(cell.id))]
            else:
                pieces.append(_Piece(deed.heads, _again(cell)))
        pieces += [_Piece(deed.heads, put) for put in _metadata_back(None, before.metadata(), after.metadata())]
        pieces += [_Piece(deed.heads, Delete(cell_id)) for cell_id in after.cell_ids() if cell_id not in before]
        return pieces

    def _texts_back(self, cell_id: str, deed: _Deed) -> Iterator[_Piece]:
        """What takes out the characters that the deed wrote and puts in those that it deleted. What a later undo has
        brought back of its characters goes, too."""
        old, new = self._text(deed.deps, cell_id), self._text(deed.heads, cell_id)
        yield _Piece(deed.heads, _Rewrite(cell_id, _splices_back(old, new)))
        written = set(new.elements).difference(old.elements)
        for undo, undone in self._undos_since(deed):
            first, without, again = (self._text(heads, cell_id) for heads in (undone.deps, undone.heads, undo.heads))
            left = set(without.elements)
            originals = [element for element in first.elements if element not in left]
            copies = [element for element in again.elements if element not in left]
            own = {copy for copy, original in zip(copies, originals, strict=False) if original in written}
            if own:
                written |= own
                rest = _Text("", tuple(element for element in again.elements if element not in own))
                yield _Piece(undo.heads, _Rewrite(cell_id, _splices_back(rest, again)))

    def _undos_since(self, deed: _Deed) -> Iterator[tuple[_Deed, _Deed]]:
        since = False
        for undo in self._deeds.values():
            undone = self._deeds.get(undo.name.removeprefix("undo "))
            if since and undone is not None and undone is not undo:
                yield undo, undone
            since = since or undo is deed

    def _text(self, heads: Heads, cell_id: str) -> _Text:
        view = self._replica.at(heads)
        source: ObjectId | None = ROOT
        for key in ("cells", cell_id, "source"):
            source = None if source is None else view.child(source, key)
        return _Text("", ()) if source is None else _Text(view.text(source), tuple(view.elements(source)))


def _undo_of(deed: _Deed) -> str:
    return f"undo {deed.name}"


@dataclass(frozen=True, slots=True)
class _Text:
    """A text and, for each of its characters, the operation that put it there."""

    text: str
    elements: tuple[ObjectKey, ...]


def _splices_back(old: _Text, new: _Text) -> tuple[Splice, ...]:
    """What takes the characters out that only `new` has, and puts those in that only `old` has.

    Where it does both, what comes back goes in after the first of those that go out: what others have written before or
    after these stands before or after it then.
    """
    before, after = set(old.elements), set(new.elements)
    splices: list[Splice] = []
    i = j = index = 0
    while i < len(old.elements) or j < len(new.elements):
        first_old, first_new = i, j
        while j < len(new.elements) and new.elements[j] not in before:
            j += 1
        while i < len(old.elements) and old.elements[i] not in after:
            i += 1
        if i > first_old or j > first_new:
            insert, delete = old.text[first_old:i], j - first_new
            if insert and delete > 1:
                splices.append(Splice(index + 1, delete - 1, ""))
                splices.append(Splice(index + 1, 0, insert))
                splices.append(Splice(index, 1, ""))
            else:
                splices.append(Splice(index, delete, insert))
            index += len(insert)
        else:  # both have it
            i, j, index = i + 1, j + 1, index + 1
    return tuple(splices)


def _again(cell: Cell) -> Create:
    """What brings a deleted cell back, under its id and where it stood."""
    return Create(
        cell.id,
        cell.source,
        cell.cell_type,
        metadata=cell.metadata,
        attachments=cell.attachments,
        position=cell.position,
    )


def _values_back(old: Cell, new: Cell) -> Iterator[_Put]:
    if old.cell_type != new.cell_type:
        yield _Put(old.id, "cell_type", "", old.cell_type, new.cell_type)
    yield from _metadata_back(old.id, old.metadata, new.metadata)
    if old.attachments != new.attachments:
        yield _Put(old.id, "attachments", "", old.attachments, new.attachments)
    if old.position != new.position:
        yield _Put(old.id, "position", "", old.position, new.position)


def _metadata_back(cell_id: str | None, old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[_Put]:
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield _Put(cell_id, "metadata", key, old.get(key), new.get(key))


# --- writing it -------------------------------------------------------------------------------------------------------


def _write(notebook: NotebookDoc, life: _Life, deed: _Deed, check: Check) -> Undone:
    after = PastNotebook(notebook, deed.heads)
    wanted: list[_Piece] = []
    left: dict[str, list[str]] = {"kept": [], "gone": []}
    for piece in life.pieces_of(deed):
        why_not = _why_not(piece.inverse, after, notebook)
        if why_not is None:
            wanted.append(piece)
        elif why_not in left and piece.inverse.cell_id is not None:
            left[why_not].append(piece.inverse.cell_id)
    chunks = _chunks(notebook, author_key_of(_undo_of(deed)), wanted)
    merged = notebook.fork()
    merged.replica.apply(chunks)
    check(merged)
    notebook.replica.apply(chunks)
    done = [piece.inverse for piece in wanted]
    puts = [one for one in done if isinstance(one, _Put) and one.cell_id is not None]
    edited = [one.cell_id for one in done if isinstance(one, _Rewrite)]
    edited += [one.cell_id for one in puts if one.cell_id is not None and one.name != "position"]
    committed = Committed(
        created=tuple(one.cell_id for one in done if isinstance(one, Create)),
        edited=tuple(dict.fromkeys(edited)),
        moved=tuple(one.cell_id for one in puts if one.cell_id is not None and one.name == "position"),
        deleted=tuple(one.cell_id for one in done if isinstance(one, Delete)),
        already_deleted=(),
        meanwhile=(),
        heads=notebook.replica.heads(),
        after=Reading.of(notebook),
        change=read_change(chunks[-1]).hash if chunks else None,
    )
    return Undone(committed, tuple(dict.fromkeys(left["kept"])), tuple(dict.fromkeys(left["gone"])))


def _why_not(inverse: _Inverse, after: PastNotebook, now: NotebookDoc) -> Literal["kept", "gone", "done"] | None:
    """Why this need not or may not be done in the notebook as it is; None if it is to be done."""
    cell_id = inverse.cell_id
    if isinstance(inverse, Create):
        return "done" if cell_id in now else None
    if cell_id is not None and cell_id not in now:
        return "done" if isinstance(inverse, Delete) else "gone"
    if isinstance(inverse, Delete):
        return None if now.cell(inverse.cell_id) == after.cell(inverse.cell_id) else "kept"
    if isinstance(inverse, _Put):
        return None if _value(inverse, now) == inverse.new else "kept"  # what somebody put there since counts
    return None


def _value(put: _Put, now: NotebookDoc) -> Json:
    if put.cell_id is None:
        return now.metadata().get(put.key)
    if put.name == "metadata":
        return now.cell_metadata(put.cell_id).get(put.key)
    value: Json = getattr(now.cell(put.cell_id), put.name)
    return value


def _chunks(notebook: NotebookDoc, key: bytes, pieces: Sequence[_Piece]) -> list[bytes]:
    """Each piece as a change, and all deletions as one, in the order of their cells' ids. Its actor is `key` and the
    beginning of the hash which the same change by another, fixed one has: the same piece has the same bytes everywhere,
    and no actor writes two that differ."""
    then: dict[Heads, NotebookDoc] = {}
    chunks: list[bytes] = []
    changes: list[tuple[Heads, Sequence[_Inverse]]] = []
    deletions: dict[Heads, list[Delete]] = {}
    for piece in pieces:
        if isinstance(piece.inverse, Delete):
            deletions.setdefault(piece.upon, []).append(piece.inverse)
        else:
            changes.append((piece.upon, [piece.inverse]))
    for upon, them in deletions.items():
        them.sort(key=lambda one: one.cell_id)
        changes.append((upon, them))
    for upon, inverses in changes:
        if upon not in then:
            then[upon] = NotebookDoc(notebook.replica.fork_at(upon))
        (draft,) = _change(then[upon], key + bytes(ACTOR_SIZE - len(key)), inverses) or (None,)
        if draft is not None:
            chunks += _change(then[upon], key + read_change(draft).hash[: ACTOR_SIZE - len(key)], inverses)
    return chunks


def _change(then: NotebookDoc, actor: bytes, inverses: Sequence[_Inverse]) -> list[bytes]:
    heads = then.replica.heads()
    work = then.fork(actor)
    with work.edit():
        for inverse in inverses:
            match inverse:
                case _Rewrite(cell_id, splices):
                    for splice in splices:
                        work.splice_source(cell_id, splice.index, splice.delete, splice.insert)
                case _Put():
                    _put(inverse, work)
                case operation:
                    apply([operation], work)
    return work.replica.changes_since(heads)


def _put(put: _Put, work: NotebookDoc) -> None:
    if put.name == "metadata":
        now = work.metadata() if put.cell_id is None else work.cell_metadata(put.cell_id)
        wanted = {name: value for name, value in now.items() if name != put.key}
        if put.old is not None:
            wanted[put.key] = put.old
        work.set_metadata(wanted) if put.cell_id is None else work.set_cell_metadata(put.cell_id, wanted)
        return
    assert put.cell_id is not None, "a value of the notebook is in its metadata"
    match put.name:
        case "cell_type":
            work.set_cell_type(put.cell_id, cast(CellType, put.old))
        case "position":
            work.place_cell(put.cell_id, cast(str, put.old))
        case _:
            work.set_attachments(put.cell_id, cast("dict[str, Json] | None", put.old))
