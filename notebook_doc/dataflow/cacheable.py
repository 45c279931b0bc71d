"""Whether what a run of a cell leaves may be kept and given again instead of running it, as far as the source shows.

Says no, with the reason, wherever the source shows something that a restored result would lack: IPython's lines, names
that nobody can follow, the clock and chance, calls of modules for what they do, attributes of others' objects. What the
source does not show (files, network, processes, changed inputs) is seen where the cell runs. Errs towards no. Pure.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from notebook_doc.dataflow.analysis import Analysis, is_private

# Builtins that define or read names which no analysis sees, or ask somebody.
_UNSEEN: Final = frozenset(
    (
        "exec",
        "eval",
        "compile",
        "globals",
        "locals",
        "vars",
        "get_ipython",
        "__import__",
        "input",
        "breakpoint",
        "open",
        "In",
        "Out",
    )
)
# Attributes and imported names that tell the time, draw by lot, or ask the process.
_CHANCE: Final = frozenset(
    (
        *(
            "now",
            "today",
            "utcnow",
            "time",
            "time_ns",
            "perf_counter",
            "monotonic",
            "process_time",
            "localtime",
            "gmtime",
        ),
        *("uuid1", "uuid4", "urandom", "token_hex", "token_bytes", "token_urlsafe", "getrandbits", "SystemRandom"),
        *("environ", "getenv", "getpid", "getcwd", "cwd", "argv", "default_rng"),
    )
)
# Calls that are made for what they do, and that do nothing that would be missed.
_HARMLESS: Final = frozenset(("sleep", "print", "display"))


@dataclass(frozen=True, slots=True)
class Cacheable:
    """`why` it may not be kept; "" if it may. `calls`: it ends with a call that may be made for what it does, which
    shows where it puts out no result."""

    why: str
    calls: bool = False


def cacheable(language: str, source: str, analysis: Analysis) -> Cacheable:
    """What a cell's source shows."""
    if language != "python":
        return Cacheable("only cells of Python are kept")
    if analysis.problems:
        return Cacheable("it has a problem")
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Cacheable("it has lines that are IPython's")
    if analysis.deleted:
        return Cacheable(f"it deletes {min(analysis.deleted)}, which is another cell's")
    if unseen := analysis.reads & _UNSEEN:
        return Cacheable(f"it uses {min(unseen)}()")
    foreign = (analysis.reads - frozenset(dir(builtins))) | _imported(body)
    last = body[-1] if body else None
    for node in _nodes(body):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Load()) if name in _CHANCE:
                return Cacheable(f"it uses .{name}, which may be another the next time")
            case ast.Name(id=name, ctx=ast.Load()) if is_private(name) and name not in analysis.bound:
                return Cacheable(f"it reads {name}, which no cell defines for others")
            case ast.alias(name=name) if name.rpartition(".")[2] in _CHANCE - {"time"}:
                return Cacheable(f"it uses {name}, which may be another the next time")
            case ast.Attribute(ctx=ast.Store() | ast.Del()) if (root := _root(node)) in foreign:
                return Cacheable(f"it sets an attribute of {root}")
            case ast.Expr(value=ast.Call(func=func)) if node is not last and _is_for_effect(func, foreign):
                return Cacheable(f"it calls {ast.unparse(func)} for what it does")
    calls = isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) and _is_for_effect(last.value.func, foreign)
    return Cacheable("", calls)


def _nodes(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        yield from ast.walk(statement)


def _imported(body: list[ast.stmt]) -> frozenset[str]:
    return frozenset(
        alias.asname or alias.name.partition(".")[0]
        for node in _nodes(body)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    )


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_for_effect(func: ast.expr, foreign: frozenset[str]) -> bool:
    name = func.attr if isinstance(func, ast.Attribute) else _root(func)
    return _root(func) in foreign and name not in _HARMLESS
