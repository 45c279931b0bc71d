"""JSON values as both documents can hold them: plain dicts and lists, whole Unicode, nested within reason.

JSON can spell half a surrogate pair (`"\\ud83d"`), which is no character and fits neither UTF-8 nor an Automerge
string; each such half becomes U+FFFD. Nesting is bounded, so that no code that walks a value runs out of stack.
"""

from __future__ import annotations

from typing import Any, Final

from notebook_doc.errors import BadEdit

MAX_DEPTH: Final = 100  # containers inside containers; figures and views nest to about 30

JsonValue = Any  # None, bool, int, float, str, or lists and string-keyed dicts of these
JsonMap = dict[str, Any]


def well_formed(text: str) -> str:
    """`text` with U+FFFD for every surrogate without its other half; halves that stand side by side are joined."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def plain(value: JsonValue) -> JsonValue:
    """A deep copy of a JSON value, in plain dicts and lists, its strings and keys well formed.

    Raises BadEdit if it is nested deeper than MAX_DEPTH, TypeError if it is no JSON value.
    """
    check_depth(value)
    return _plain(value)


def check_depth(value: JsonValue, limit: int = MAX_DEPTH) -> None:
    """Raises BadEdit if `value` has more than `limit` containers inside one another."""
    level = [value] if isinstance(value, (dict, list)) else []
    depth = 0
    while level:
        depth += 1
        if depth > limit:
            raise BadEdit(
                f"a value is nested deeper than {limit} levels.", "Keep it as a text, or in a file of its own."
            )
        level = [
            inner
            for container in level
            for inner in (container.values() if isinstance(container, dict) else container)
            if isinstance(inner, (dict, list))
        ]


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return well_formed(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict):
        return {well_formed(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    raise TypeError(f"{type(value).__name__} is no JSON value")
