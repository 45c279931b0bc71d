"""A dictionary whose copies cost what was written since the last one, and not what is in it.

An index of a large notebook is copied whenever somebody reads it to edit it later, and then hardly written. A
SharedDict shares what it held with its copies for as long as all of them live; what is written afterwards, each keeps
beside it, until that has become a part of the whole and one dictionary is made of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final, TypeVar, cast, overload

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

# What is written beside the shared part, until both are put together: so many, and a part of what is shared.
SMALLEST: Final = 32
PART: Final = 8

_GONE: Final[Any] = object()
_NOT_THERE: Final[Any] = object()


class SharedDict(MutableMapping[K, V]):
    """See the module. Iterates in no order that is promised."""

    __slots__ = ("_base", "_beside", "_is_shared", "_size")

    def __init__(self, content: Mapping[K, V] | None = None) -> None:
        self._base: dict[K, V] = dict(content or {})
        self._is_shared = False
        self._beside: dict[K, V] = {}  # takes precedence; _GONE for what is in the shared part and deleted
        self._size = len(self._base)

    def copy(self) -> SharedDict[K, V]:
        """An independent one that holds the same."""
        self._is_shared = True
        other: SharedDict[K, V] = SharedDict()
        other._base, other._beside, other._is_shared, other._size = self._base, self._beside.copy(), True, self._size
        return other

    @overload
    def get(self, key: K, default: None = None, /) -> V | None: ...

    @overload
    def get(self, key: K, default: V | T, /) -> V | T: ...

    def get(self, key: K, default: Any = None, /) -> Any:
        """What is at a key, or the default."""
        found = self._beside.get(key, _NOT_THERE) if self._beside else _NOT_THERE
        if found is _NOT_THERE:
            return self._base.get(key, default)
        return default if found is _GONE else found

    def __getitem__(self, key: K) -> V:
        found = self.get(key, _NOT_THERE)
        if found is _NOT_THERE:
            raise KeyError(key)
        return cast("V", found)

    def __contains__(self, key: object) -> bool:
        return self.get(cast("K", key), _NOT_THERE) is not _NOT_THERE

    def __setitem__(self, key: K, value: V) -> None:
        self._size += key not in self
        if self._is_shared:
            self._beside[key] = value
            self._put_together()
        else:
            self._base[key] = value

    def __delitem__(self, key: K) -> None:
        if key not in self:
            raise KeyError(key)
        self._size -= 1
        if not self._is_shared:
            del self._base[key]
        elif key in self._base:
            self._beside[key] = _GONE
            self._put_together()
        else:
            del self._beside[key]

    def __iter__(self) -> Iterator[K]:
        if not self._beside:
            return iter(self._base)
        kept = (key for key in self._base if key not in self._beside)
        return iter([*kept, *(key for key, value in self._beside.items() if value is not _GONE)])

    def __len__(self) -> int:
        return self._size

    def _put_together(self) -> None:
        if len(self._beside) > SMALLEST + len(self._base) // PART:
            whole = {**self._base, **self._beside}
            self._base = {key: value for key, value in whole.items() if value is not _GONE}
            self._beside, self._is_shared = {}, False
