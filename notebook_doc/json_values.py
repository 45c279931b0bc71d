"""JSON values as they live in a document: which scalar type each takes, and when two are the same.

Python compares 1 == 1.0 == True; a document does not, and neither does a notebook file. Pure functions, no state.
"""

from __future__ import annotations

import math
from typing import Final, Literal, TypeAlias

from notebook_doc.errors import BadEdit
from notebook_doc.plain import well_formed

Scalar: TypeAlias = str | int | float | bool | None
Json: TypeAlias = "Scalar | list[Json] | dict[str, Json]"
ScalarKind = Literal["str", "int", "uint", "float", "bool", "null"]


def to_scalar(value: object) -> tuple[ScalarKind, Scalar]:
    """The document's scalar type for a value, and the value. Lone surrogates become U+FFFD. Raises BadEdit."""
    match value:
        case None:
            return "null", None
        case bool():
            return "bool", value
        case str():
            return "str", well_formed(value)
        case int() if -(2**63) <= value < 2**63:
            return "int", value
        case int() if 0 <= value < 2**64:
            return "uint", value
        case float():
            return "float", value
    raise BadEdit(f"a value of type {type(value).__name__} cannot be stored in a document.", "Use JSON values.")


def from_scalar(value: object) -> Scalar:
    """A scalar read from a document. What JSON has no word for (foreign bytes, times) is given as text."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    return value.hex() if isinstance(value, bytes) else str(value)


def same_scalar(one: object, other: object) -> bool:
    """Equal and of the same type, NaN included; containers are compared the same way throughout."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_scalar, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_scalar(value, other[key]) for key, value in one.items())
    return one == other


_BIG_INT: Final = "$int"


def store_big_int(value: Json) -> Json:
    """An integer beyond 64 bits, which JSON allows and documents do not, as `{"$int": digits}`; the rest as it is."""
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return {_BIG_INT: str(value)}
    return value


def restore_big_int(value: dict[str, Json]) -> Json:
    """What `store_big_int` was given."""
    if len(value) == 1:
        digits = value.get(_BIG_INT)
        if isinstance(digits, str) and digits.removeprefix("-").isdecimal() and len(digits) >= 19:
            return int(digits)
    return value
