"""A cell as IPython takes it, made into Python that keeps every line where it was.

IPython's own rules (its input transformers) as far as names go: cell magics, `%magic` and `!command` lines, assignments
from them, `?` for help, and the escapes for calls without parentheses. A line that is no Python is replaced by one that
reads the same names, so that the order of reading and binding stays true. Lines are only looked at where a statement
can begin, never inside brackets or strings. Knows nothing of scopes; owns nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from notebook_doc.dataflow.python_parser import parse_expression, parses

# Cell magics whose body is Python that runs in the notebook's namespace; the others' bodies are opaque.
PYTHON_CELL_MAGICS: Final = frozenset(("time", "capture", "prun", "timeit", "debug"))
# Line magics that run the Python behind them in the notebook's namespace; %timeit runs it in one of its own.
_PYTHON_LINE_MAGICS: Final = frozenset(("time", "prun"))
_OPTIONS: Final = re.compile(r"(?:-[A-Za-z]+\s*\d*\s+)*")
_MAGIC: Final = re.compile(r"%{1,2}(\w+)[ \t]*")
_ASSIGNED: Final = re.compile(r"([^\s=%!#][^=%!#]*?\s*=\s*)([%!])(.*)", re.DOTALL)
_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")
_EXPANDED: Final = re.compile(r"\{([^{}]+)\}|\$([^\W\d]\w*)")
_IN_CODE: Final = re.compile(r"#.*|'''|\"\"\"|'|\"|[()\[\]{}]", re.DOTALL)
_BEGINS: Final = re.compile(
    r"(?:async|def|class|import|from|if|for|while|with|try|return|raise|del|global|pass)\b|@|[^\W\d]\w*\s*[-+*/|&]?=(?!=)"
)
_BREAKS: Final = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class PythonText:
    """Python with as many lines as the cell. `shifts` is how many bytes of a line (from 1) were taken away before what
    is left of it; `defs` are names that a cell magic binds, `keeps` is whether what the code binds stays."""

    code: str
    shifts: Mapping[int, int] = field(default_factory=dict)
    defs: tuple[str, ...] = ()
    keeps: bool = True


def cell_magic(source: str) -> tuple[str, str] | None:
    """The name of the cell magic that a cell begins with, and the rest of its line."""
    first = source.lstrip()
    if not first.startswith("%%"):
        return None
    match = _MAGIC.match(first)
    return None if match is None else (match[1], _BREAKS.split(first[match.end() :], maxsplit=1)[0])


def without_cell_magic(source: str) -> str:
    """The cell's body, with an empty line for that of the magic."""
    lead = len(source) - len(source.lstrip())
    end = _BREAKS.search(source, lead)
    return "\n" * len(_BREAKS.findall(source[:lead])) + ("" if end is None else "\n" + source[end.end() :])


def body_of_cell_magic(source: str) -> PythonText | None:
    """The Python in a cell that begins with a cell magic; None if the magic makes it opaque."""
    magic = cell_magic(source)
    if magic is None or magic[0] not in PYTHON_CELL_MAGICS:
        return None
    name, rest = magic
    named = [word for word in rest.split() if not word.startswith("-")] if name == "capture" else []
    defs = tuple(word for word in named[:1] if word.isidentifier())
    return PythonText(without_cell_magic(source), {}, defs, keeps=name != "timeit")


def to_python(source: str) -> PythonText:
    """The cell with every line that is IPython's alone replaced."""
    lines = _BREAKS.split(source)
    shifts: dict[int, int] = {}
    starts = set(statement_lines(lines))
    number = 0
    while number < len(lines):
        first, line = number, lines[number]
        number += 1
        if first not in starts or not _is_special(line):
            continue
        while line.endswith("\\") and number < len(lines):  # the command goes on
            line = line[:-1] + " " + lines[number]
            lines[number] = ""
            number += 1
        lines[first], shift = _replaced(line)
        if shift:
            shifts[first + 1] = shift
    return PythonText("\n".join(lines), shifts)


def statement_lines(lines: list[str], *, broken: bool = False) -> Iterator[int]:
    """The numbers of the lines (from 0) on which a statement may begin: not inside brackets, strings, continuations.

    In `broken` code a bracket that is not closed ends where a line looks like the beginning of a statement.
    """
    depth, quote, continued = 0, "", False
    for number, line in enumerate(lines):
        if broken and not quote and _BEGINS.match(line) is not None:
            depth = 0
        if not (depth or quote or continued):
            yield number
            if _is_special(line):  # brackets and quotes of a shell command mean nothing
                continued = line.endswith("\\")
                continue
        at, continued = 0, False
        while at <= len(line):
            if quote:
                at, closed = _end_of_string(line, at, quote)
                if not closed:
                    if len(quote) == 1 and not line.endswith("\\"):
                        quote = ""  # a string that ends nowhere: the line is an error, the next one is not
                    break
                quote = ""
                continue
            match = _IN_CODE.search(line, at)
            if match is None:
                continued = line.endswith("\\")
                break
            token, at = match[0], match.end()
            if token[0] == "#":
                break
            if token[0] in "'\"":
                quote = token
            else:
                depth = max(0, depth + (1 if token in "([{" else -1))


def _end_of_string(line: str, at: int, quote: str) -> tuple[int, bool]:
    while at < len(line):
        if line[at] == "\\":
            at += 2
        elif line.startswith(quote, at):
            return at + len(quote), True
        else:
            at += 1
    return at, False


def _is_special(line: str) -> bool:
    text = line.strip()
    if not text:
        return False
    if text[0] in "%!?/,;":
        return True
    if text[-1] == "?" and "#" not in text:
        return True
    return _ASSIGNED.fullmatch(text) is not None


def _replaced(line: str) -> tuple[str, int]:
    """The Python for a line that is IPython's, and how many bytes were taken away in front of it."""
    text = line.strip()
    indent = line[: len(line) - len(line.lstrip())]
    if text[0] == "?" or text[-1] == "?":
        return indent + _reading(_IDENTIFIER.findall(text.split(".")[0])[:1]), 0
    if text[0] == "/":
        return indent + _reading(_IDENTIFIER.findall(text)), 0
    if text[0] in ",;":
        return indent + _reading(_IDENTIFIER.findall(text)[:1]), 0
    if text[0] == "%" and (magic := _MAGIC.match(text)) is not None:
        code = _OPTIONS.sub("", text[magic.end() :], count=1)
        if magic[1] in _PYTHON_LINE_MAGICS and parses(code):
            return indent + code, len(text.encode()) - len(code.encode())
        if magic[1] == "timeit" and parses(code):
            return f"{indent}[({code}) for _ in ()]" if parse_expression(code) is not None else f"{indent}pass", 0
    if text[0] not in "%!" and (assigned := _ASSIGNED.fullmatch(text)) is not None:
        return indent + assigned[1] + _reading(_expanded(assigned[3])), 0
    return indent + _reading(_expanded(text)), 0


def _reading(expressions: list[str]) -> str:
    return f"({', '.join(expressions)},)" if expressions else "()"


def _expanded(command: str) -> list[str]:
    """The expressions that IPython puts into a command: `{expression}` and `$name`."""
    found = [braced or name for braced, name in _EXPANDED.findall(command)]
    return [f"({expression})" for expression in found if parse_expression(expression) is not None]
