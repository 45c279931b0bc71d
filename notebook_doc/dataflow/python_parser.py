"""Python's own parser, for code that somebody is still typing.

Whatever is wrong with the code is a SyntaxError, also what Python says in other ways: null bytes, lone surrogates,
nesting too deep for it. Warnings are not said here: the kernel says them when the cell runs.
"""

from __future__ import annotations

import ast
import contextlib
import warnings
from collections.abc import Iterator


def parse(code: str) -> ast.Module:
    """The statements of a cell. Raises SyntaxError if they are none."""
    with _as_syntax_errors():
        return ast.parse(code)


def parse_expression(code: str) -> ast.expr | None:
    """An expression, without the blanks around it; None if it is none."""
    try:
        with _as_syntax_errors():
            return ast.parse(code.strip(), mode="eval").body
    except SyntaxError:
        return None


def parses(code: str) -> bool:
    """Whether these are statements."""
    try:
        parse(code)
    except SyntaxError:
        return False
    return True


@contextlib.contextmanager
def _as_syntax_errors() -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error) or "the code is nested too deeply") from error
