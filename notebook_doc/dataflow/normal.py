"""The normal form of a cell's source: what of it can make a difference to what the cell does.

Two sources of the same normal form do the same: comments of Python, empty lines and blanks at the end of lines are
taken away, and nothing else. Where it is not sure what is a comment (cell magics, IPython's lines, f-strings, whose
insides only Python's newest parsers know) the text stays as it is, so the form errs towards a difference.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from notebook_doc.dataflow.analysis import REMEMBERED

# A string, which stays, or a comment up to the end of its line.
_TOKENS: Final = re.compile(r"""('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|\#[^\n]*""", re.DOTALL)
_ENDS: Final = re.compile(r"[ \t]*\n(?:[ \t]*\n)*")  # blanks, the end of the line, and empty lines
_DOUBTFUL: Final = re.compile(r"[fFtT][rR]?['\"]|[rR][fFtT]['\"]|^\s*[%!?/,;]|=\s*[%!]|\?\s*$|['\"]{3}", re.MULTILINE)


@lru_cache(maxsize=REMEMBERED)
def normal_form(language: str, source: str) -> str:
    """The normal form of a source of this language (see `CellText`)."""
    text = source.replace("\r\n", "\n").replace("\r", "\n").strip()
    if language != "python" or text.startswith("%%"):
        return text
    if _DOUBTFUL.search(text) is None:
        return _ENDS.sub("\n", _TOKENS.sub(lambda match: match[1] or "", text)).strip()
    return text
