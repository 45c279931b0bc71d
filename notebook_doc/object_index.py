"""Where each object of a document hangs, so that a touched object can be named by its path.

An ObjectIndex owns a map from object to (parent, key), kept current from the changes themselves, so that following an
edit costs the edit. It begins with what its owner has read anyway (`place`); the document is walked once, and only when
a change touches an object that is in neither. Objects that were deleted or lost a conflict keep their place: a path
says where an object was put, not that it is visible there.
"""

from __future__ import annotations

from typing import Final

from notebook_doc.replica import ROOT, Heads, ObjectId, Replica, object_key
from notebook_doc.shared_dict import SharedDict
from notebook_doc.sync_message import read_change
from notebook_doc.touched import ROOT_KEY, ObjectKey, touches

Path = tuple[str, ...]  # map keys from the root; a list's elements are all named "*"
ELEMENT: Final = "*"


class ObjectIndex:
    """The paths of a replica's objects, as of the heads that were last read."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._places: SharedDict[ObjectKey, tuple[ObjectKey, str]] = SharedDict()
        self._walked = False
        self._heads: Heads = replica.heads()
        self._generation = replica.generation

    def for_fork(self, fork: Replica) -> ObjectIndex:
        """The same of a fork that was just made of this index's replica."""
        index = ObjectIndex(fork)
        index._places, index._walked, index._heads = self._places.copy(), self._walked, self._heads
        return index

    @property
    def current(self) -> bool:
        """Whether nothing has happened since the last reading."""
        return self._heads == self._replica.heads()

    def skip_to_now(self) -> None:
        """What happened so far needs no reading: the owner has just read the whole document."""
        self._heads = self._replica.heads()

    def place(self, parent: ObjectId, key: str, child: ObjectId) -> None:
        """The owner found `child` at `key` of `parent`."""
        self._places[object_key(child)] = (object_key(parent), key)

    def changed_paths(self) -> set[Path]:
        """The paths written to since the last reading: of a key that was set, of a list or text that was edited.

        The root alone if the replica has become another document.
        """
        if self._generation != self._replica.generation:
            self._generation, self._walked = self._replica.generation, False
            self.skip_to_now()
            return {()}
        changes = self._replica.changes_since(self._heads)
        self._heads = self._replica.heads()
        written: set[tuple[ObjectKey, str | None]] = set()
        for chunk in changes:
            for touch in touches(chunk):
                written.add((touch.target, touch.key))
                if touch.made is not None:
                    self._places[touch.made] = (touch.target, ELEMENT if touch.key is None else touch.key)
        return {path if key is None else (*path, key) for path, key in ((self._path(obj), key) for obj, key in written)}

    def writers_since(self, heads: Heads) -> dict[Path, set[bytes]]:
        """Which actors have written below each path since these heads; the index must be current."""
        writers: dict[Path, set[bytes]] = {}
        for chunk in self._replica.changes_since(heads):
            actor = read_change(chunk).actor
            for touch in touches(chunk):
                path = self._path(touch.target)
                writers.setdefault(path if touch.key is None else (*path, touch.key), set()).add(actor)
        return writers

    def _path(self, key: ObjectKey) -> Path:
        names: list[str] = []
        while key != ROOT_KEY:
            place = self._places.get(key) or self._search(key)
            if place is None:  # in a part of history that was invisible when the document was walked
                return ()
            key, name = place
            names.append(name)
        return tuple(reversed(names))

    def _search(self, key: ObjectKey) -> tuple[ObjectKey, str] | None:
        if not self._walked:
            self._walked = True
            self._walk(ROOT, ROOT_KEY)
        return self._places.get(key)

    def _walk(self, obj: ObjectId, key: ObjectKey) -> None:
        for name, child in self._replica.objects_in(obj):
            child_key = object_key(child)
            self._places[child_key] = (key, name if name is not None else ELEMENT)
            self._walk(child, child_key)
