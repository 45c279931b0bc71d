"""Where in a text a call is being written, so that the kernel can be asked what is called. Pure.

Knows brackets, strings and comments, no grammar: what is being typed seldom parses. It promises to look at each
character up to the cursor once. It speaks Python, and reads other languages by the same brackets and strings, with
`//` and `/* */` as their comments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
# A name, or the end of an expression, directly before the parenthesis: that is called.
_CALLED: Final = re.compile(r"(?:[^\W\d]\w*|[\])])\s*\Z")
_DEFINED: Final = re.compile(r"\b(?:def|class|function|func|fn)\s+[^\W\d]\w*\s*\Z")
_NO_CALL: Final = re.compile(
    r"(?<![\w.])(?:and|as|assert|async|await|case|catch|del|elif|else|except|for|from|if|import|in|is|lambda|match|not|or"
    r"|raise|return|switch|throw|typeof|while|with|yield)\s*\Z"
)
_KEYWORD: Final = re.compile(r"\s*([^\W\d]\w*)\s*=(?!=)")
_SKIPPED_IN_PYTHON: Final = re.compile(
    r"""\#[^\n]*|(?P<quote>\"\"\"|'''|\"|')""",
)
_SKIPPED_ELSEWHERE: Final = re.compile(r"""//[^\n]*|/\*.*?(?:\*/|\Z)|(?P<quote>"|'|`)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    """A call being written: where its parenthesis opens, and which argument the cursor is in.

    `argument` counts from 0; `keyword` is the name of the argument if it has been given one.
    """

    opened: int
    argument: int
    keyword: str | None = None


@dataclass(slots=True)
class _Open:
    bracket: str
    at: int
    commas: int = 0
    argument_at: int = 0


def call_at(code: str, cursor: int, language: str = "python") -> Call | None:
    """The innermost call that the cursor (in code points) is in the arguments of; None if there is none."""
    before = code[:cursor]
    opened = _open_brackets(before, language)
    for bracket in reversed(opened):
        ahead = before[: bracket.at]
        if bracket.bracket != "(" or not _CALLED.search(ahead):
            continue
        if _NO_CALL.search(ahead) or _DEFINED.search(ahead):
            continue
        keyword = _KEYWORD.match(before, bracket.argument_at)
        return Call(bracket.at, bracket.commas, keyword.group(1) if keyword else None)
    return None


def _open_brackets(code: str, language: str) -> list[_Open]:
    """The brackets that are open at the end, outermost first."""
    skipped = _SKIPPED_IN_PYTHON if language in ("python", "") else _SKIPPED_ELSEWHERE
    opened: list[_Open] = []
    at = 0
    while at < len(code):
        character = code[at]
        skip = skipped.match(code, at)
        if skip:
            at = _after_string(code, skip.end(), skip["quote"]) if skip["quote"] else skip.end()
            continue
        if character in _CLOSING:
            opened.append(_Open(character, at, argument_at=at + 1))
        elif character in ")]}":
            while opened and _CLOSING[opened.pop().bracket] != character:
                pass  # what was never closed ended here at the latest
        elif character == "," and opened:
            opened[-1].commas += 1
            opened[-1].argument_at = at + 1
        at += 1
    return opened


def _after_string(code: str, at: int, quote: str) -> int:
    """Where a string that began before `at` ends; one of a single quote ends with its line."""
    while at < len(code):
        if code[at] == "\\":
            at += 2
        elif code.startswith(quote, at):
            return at + len(quote)
        elif code[at] == "\n" and quote in ("'", '"'):
            return at
        else:
            at += 1
    return at
