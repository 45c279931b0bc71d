"""The state of a widget as a document holds it, and back: JSON beside parts that are too large for it or are bytes.

A trait's value is JSON that may hold bytes anywhere inside (a widget's binary buffers). What is small JSON is stored as
it is; bytes, and any text or JSON that is a blob elsewhere in Quire (1 KiB and more), become *parts*: contents with the
path inside the value at which they belong. Pure: new blobs are handed back, existing ones fetched by a function given.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, cast

from notebook_doc.contents import INLINE_BELOW, Blobs, FetchBlob, content_of, value_of
from notebook_doc.errors import BadEdit, CorruptDocument
from notebook_doc.json_values import Json
from notebook_doc.plain import check_depth, well_formed

Part = dict[str, Json]  # a content and its "path": list of keys and indices; [] is the whole value
BYTES: Final = "bytes"  # the encoding of a part that is bytes; `inline` is base64 then
_HINT: Final = "Restart the kernel; its widgets are made anew."


def stored(value: Any) -> tuple[Json, list[Part], Blobs]:
    """A trait's value as it is stored: the JSON that remains, its parts, and the new blobs.

    Where a part belongs the JSON says null. Raises BadEdit for what is neither JSON nor bytes, or nested too deeply.
    """
    check_depth(value)
    parts: list[Part] = []
    blobs: Blobs = {}
    rest = _without_bytes(value, (), parts, blobs)
    if isinstance(rest, (str, list, dict)) and rest:
        content, raw = content_of("text/plain" if isinstance(rest, str) else "application/json", rest)
        if raw is not None:
            blobs[cast(str, content["blob"])] = raw  # type: ignore[typeddict-item]
            return None, [{"path": [], **cast(Part, content)}, *parts], blobs
    return rest, parts, blobs


def restored(rest: Json, parts: Iterable[Part], blob: FetchBlob) -> Any:
    """The value that `stored` was given. Raises CorruptDocument if a part does not fit, and what `blob` raises."""
    value: Any = rest
    for part in parts:
        path = part.get("path")
        if not isinstance(path, list):
            raise CorruptDocument("a part of a widget's state has no path.", _HINT)
        value = put_at(value, path, _part_value(part, blob))
    return value


def put_at(value: Any, path: Sequence[Any], part: Any) -> Any:
    """`value`, changed so that it has `part` at `path`. Raises CorruptDocument if it has no such place."""
    if not path:
        return part
    inside = value
    try:
        for step in path[:-1]:
            inside = inside[step]
        if not isinstance(inside, (dict, list)):
            raise TypeError(f"a {type(inside).__name__} has no places")
        inside[path[-1]] = part
    except (LookupError, TypeError) as error:
        raise CorruptDocument(f"a widget's state has no place {list(path)!r}: {error}.", _HINT) from error
    return value


def blobs_of(parts: Iterable[Part]) -> list[str]:
    """The blobs that these parts are."""
    return [name for part in parts if isinstance(name := part.get("blob"), str)]


def separated(value: Any) -> tuple[Any, list[list[str | int]], list[bytes]]:
    """JSON without its bytes, where they belong, and the bytes: how the widget protocol sends state.

    Raises BadEdit for what is neither JSON nor bytes.
    """
    check_depth(value)
    found: list[tuple[tuple[str | int, ...], bytes]] = []
    rest = _separate(value, (), found)
    return rest, [list(path) for path, _ in found], [data for _, data in found]


def sendable(state: Mapping[str, Any]) -> tuple[dict[str, Any], list[list[str | int]], list[bytes]]:
    """State, the paths of its buffers, and the buffers, as an update says them: in a map, no key for a buffer.

    Raises BadEdit for what is neither JSON nor bytes.
    """
    rest, paths, buffers = separated(dict(state))
    for path in paths:
        inside: Any = rest
        for step in path[:-1]:
            inside = inside[step]
        if isinstance(inside, dict):
            del inside[path[-1]]
    return rest, paths, buffers


def _without_bytes(value: Any, path: tuple[str | int, ...], parts: list[Part], blobs: Blobs) -> Json:
    found: list[tuple[tuple[str | int, ...], bytes]] = []
    rest = _separate(value, path, found)
    for where, data in found:
        part: Part = {"path": list(where), "encoding": BYTES}
        if len(data) < INLINE_BELOW:
            part["inline"] = binascii.b2a_base64(data, newline=False).decode("ascii")
        else:
            name = sha256(data).hexdigest()
            blobs[name] = data
            part |= {"blob": name, "size": len(data)}
        parts.append(part)
    return rest


def _separate(value: Any, path: tuple[str | int, ...], found: list[tuple[tuple[str | int, ...], bytes]]) -> Json:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return well_formed(value)
        case bytes() | bytearray() | memoryview():
            found.append((path, bytes(value)))
            return None
        case list() | tuple():
            return [_separate(item, (*path, index), found) for index, item in enumerate(value)]
        case dict() if all(isinstance(key, str) for key in value):
            return {well_formed(k): _separate(item, (*path, well_formed(k)), found) for k, item in value.items()}
    raise BadEdit(
        f"a widget's state holds a {type(value).__name__}, which is neither JSON nor bytes.", "Convert it first."
    )


def _part_value(part: Part, blob: FetchBlob) -> Any:
    if part.get("encoding") != BYTES:
        return value_of(cast(Any, part), blob)
    name, inline = part.get("blob"), part.get("inline")
    if isinstance(name, str):
        return blob(name)
    try:
        return binascii.a2b_base64(inline if isinstance(inline, str) else "!", strict_mode=True)
    except ValueError as error:
        raise CorruptDocument("a buffer of a widget's state is not base64.", _HINT) from error
