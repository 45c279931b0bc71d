"""What Python code reads and binds: a walk along it as Python executes it, statement by statement.

A name that is read where the code has not surely bound it is taken from outside; branches that end, loops that may not
run and exceptions are thought of, so nothing that can be read is missed. What functions read counts from the first call
after they are made, since whatever is called may call them. A Walk is of one cell and owns what it has found; it raises
RecursionError for code that is nested too deeply.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any, Final

from notebook_doc.dataflow.analysis import Analysis, Place, is_private
from notebook_doc.dataflow.ipython_lines import PythonText
from notebook_doc.dataflow.problems import Problem
from notebook_doc.dataflow.python_positions import Positions
from notebook_doc.dataflow.python_scopes import (
    COMPREHENSIONS,
    FUNCTIONS,
    Outside,
    children,
    evaluated_at_definition,
    imported,
    of_class,
    of_comprehension,
    of_function,
    pattern_name,
    type_parameters,
)


class Walk:
    """One cell. `definite` are the names that it has surely bound where the walk is; `owned` those that may be there
    when it has ended; `waiting` what functions made here read, until something is called."""

    def __init__(self, positions: Positions) -> None:
        self.positions = positions
        self.definite: set[str] = set()
        self.owned: set[str] = set()
        self.bound: dict[str, ast.AST | None] = {}
        self.reads: set[str] = set()
        self.deferred: set[str] = set()
        self.waiting: set[str] = set()
        self.deleted: set[str] = set()
        self.problems: list[Problem] = []
        self.alive = True  # whether the walk is where the execution can be
        self.perhaps = 0  # inside how many expressions that may not be evaluated
        self.branches = 0  # inside how many statements that may not be executed
        self.broken = False  # whether the loop that the walk is in has a `break`

    def module(self, body: Sequence[ast.stmt]) -> None:
        self.block(body)
        self.flush()

    def analysis(self, text: PythonText) -> Analysis:
        """What came of it."""
        owned = self.owned | set(text.defs) if text.keeps else set()
        defs = frozenset(name for name in owned if name[0] != "_" or not is_private(name))
        reads = frozenset(name for name in self.reads if name[0] != "_" or not is_private(name))
        return Analysis(
            defs=defs,
            reads=reads,
            deferred=reads & self.deferred,
            deleted=frozenset(name for name in self.deleted if name in reads),
            bound=frozenset(self.bound),
            places={name: _place(self.bound.get(name)) for name in defs},
            find=self.positions.of,
            problems=tuple(self.problems),
        )

    # --- names --------------------------------------------------------------------------------------------------------

    def read(self, name: str) -> None:
        if name not in self.definite:
            self.reads.add(name)
            self.deferred.discard(name)

    def bind(self, name: str, node: ast.AST | None) -> None:
        if name not in self.bound:
            self.bound[name] = node
        self.owned.add(name)
        if not self.perhaps:
            self.definite.add(name)

    def unbind(self, name: str, node: ast.AST) -> None:
        if name not in self.definite:
            self.read(name)
            self.deleted.add(name)
        self.bound.setdefault(name, node)
        self.definite.discard(name)
        if not self.branches:
            self.owned.discard(name)

    def flush(self) -> None:
        """Something is called: whatever functions were made may read now."""
        if self.waiting:
            found = self.waiting - self.definite - self.reads
            self.reads |= found
            self.deferred |= found
            self.waiting.clear()

    def take(self, inner: Outside) -> None:
        for name in inner.now:
            self.read(name)
        self.waiting |= inner.later | inner.global_reads
        for name in inner.global_writes:
            self.bound.setdefault(name, None)
        self.owned |= inner.global_writes - inner.global_deletes

    # --- expressions --------------------------------------------------------------------------------------------------

    def expression(self, node: ast.AST | None) -> None:
        if node is None:
            return
        kind = type(node)
        if kind is ast.Name:
            name = node.id  # type: ignore[attr-defined]
            if type(node.ctx) is ast.Load:  # type: ignore[attr-defined]
                if name not in self.definite:
                    self.read(name)
            else:
                self.target(node)
        elif kind is ast.Constant:
            pass
        elif kind is ast.Attribute:
            self.expression(node.value)  # type: ignore[attr-defined]
        elif kind is ast.Call:
            self.expression(node.func)  # type: ignore[attr-defined]
            for argument in node.args:  # type: ignore[attr-defined]
                self.expression(argument)
            for keyword in node.keywords:  # type: ignore[attr-defined]
                self.expression(keyword.value)
            self.flush()
        elif kind is ast.BoolOp or kind is ast.IfExp:
            first, *rest = children(node)
            self.expression(first)
            self.maybe(rest)
        elif kind is ast.Compare and len(node.ops) > 1:  # type: ignore[attr-defined]
            self.expression(node.left)  # type: ignore[attr-defined]
            self.expression(node.comparators[0])  # type: ignore[attr-defined]
            self.maybe(node.comparators[1:])  # type: ignore[attr-defined]
        elif kind is ast.NamedExpr:
            self.expression(node.value)  # type: ignore[attr-defined]
            self.target(node.target)  # type: ignore[attr-defined]
        elif kind in COMPREHENSIONS:
            self.expression(node.generators[0].iter)  # type: ignore[attr-defined]
            inner, around = of_comprehension(node)  # type: ignore[arg-type]
            self.take(inner)
            self.flush()
            self.perhaps += 1
            for name in around:
                self.bind(name, None)
            self.perhaps -= 1
        elif kind is ast.Lambda:
            for each in evaluated_at_definition(node):  # type: ignore[arg-type]
                self.expression(each)
            self.take(of_function(node))  # type: ignore[arg-type]
        else:
            for child in children(node):
                self.expression(child)
            if kind is ast.Await:
                self.flush()

    def maybe(self, nodes: Iterable[ast.AST]) -> None:
        self.perhaps += 1
        for node in nodes:
            self.expression(node)
        self.perhaps -= 1

    def target(self, node: ast.AST) -> None:
        kind = type(node)
        if kind is ast.Name:
            self.bind(node.id, node)  # type: ignore[attr-defined]
        elif kind is ast.Tuple or kind is ast.List:
            for element in node.elts:  # type: ignore[attr-defined]
                self.target(element)
        elif kind is ast.Starred:
            self.target(node.value)  # type: ignore[attr-defined]
        else:  # an attribute or an item: what it is of is read
            for child in children(node):
                self.expression(child)

    # --- statements ---------------------------------------------------------------------------------------------------

    def block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            handler = _STATEMENTS.get(type(statement))
            if handler is None:
                for child in children(statement):
                    self.expression(child)
            else:
                handler(self, statement)

    def branch(self, before: set[str], body: Sequence[ast.stmt]) -> set[str] | None:
        """Walk a block from this state; the state after it, None if nothing comes after it."""
        self.definite, self.alive = set(before), True
        self.branches += 1
        self.block(body)
        self.branches -= 1
        return self.definite if self.alive else None

    def merge(self, *states: set[str] | None) -> None:
        """Go on where any of these branches may have led."""
        ends = [state for state in states if state is not None]
        self.alive = bool(ends)
        if ends:
            self.definite = set.intersection(*ends)

    def _expr(self, node: ast.Expr) -> None:
        self.expression(node.value)

    def _assign(self, node: ast.Assign) -> None:
        self.expression(node.value)
        for target in node.targets:
            self.target(target)

    def _augmented(self, node: ast.AugAssign) -> None:
        if type(node.target) is ast.Name:
            self.read(node.target.id)
        else:
            self.target(node.target)
        self.expression(node.value)
        if type(node.target) is ast.Name:
            self.bind(node.target.id, node.target)

    def _annotated(self, node: ast.AnnAssign) -> None:
        self.expression(node.value)
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.target(node.target)
        elif node.simple:
            self.bound.setdefault(node.target.id, node.target)
        self.expression(node.annotation)

    def _delete(self, node: ast.Delete) -> None:
        for target in ast.walk(node):
            if isinstance(target, ast.Name):
                if isinstance(target.ctx, ast.Del):
                    self.unbind(target.id, target)
                else:
                    self.read(target.id)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, alias in imported(node):
            self.bind(name, alias)
        if isinstance(node, ast.ImportFrom):
            if node.module == "__future__":
                self.owned.difference_update(alias.name for alias in node.names)
            elif any(alias.name == "*" for alias in node.names):
                message = f"`from {'.' * node.level}{node.module or ''} import *` hides which names this cell defines."
                self.problems.append(Problem(code="star_import", message=message, range=self.positions.whole(node)))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        own = {str(getattr(one, "name", "")) for one in type_parameters(node)} - self.definite
        self.definite |= own
        for each in (*evaluated_at_definition(node), *type_parameters(node)):
            self.expression(each)
        if node.decorator_list:
            self.flush()
        self.definite -= own
        self.take(of_function(node))
        self.bind(node.name, node)

    def _class(self, node: ast.ClassDef) -> None:
        own = {str(getattr(one, "name", "")) for one in type_parameters(node)} - self.definite
        self.definite |= own
        for each in (*node.decorator_list, *node.bases, *node.keywords, *type_parameters(node)):
            self.expression(each)
        self.definite -= own
        self.take(of_class(node))
        if node.decorator_list or node.bases or node.keywords or any(map(_calls, node.body)):
            self.flush()
        self.bind(node.name, node)

    def _if(self, node: ast.If) -> None:
        self.expression(node.test)
        before = self.definite
        self.merge(self.branch(before, node.body), self.branch(before, node.orelse))

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        self.expression(node.iter)
        self._loop(node.target, None, node)

    def _while(self, node: ast.While) -> None:
        self._loop(None, node.test, node)

    def _loop(self, target: ast.expr | None, test: ast.expr | None, node: Any) -> None:
        before, gone = set(self.definite), set[str]()
        for _ in range(2):  # again, if the first round deletes what the second one reads
            start = before - gone
            self.definite = set(start)
            self.expression(test)
            self.branches += 1
            outer, self.broken = self.broken, False
            if target is not None:
                self.target(target)
            self.block(node.body)
            self.branches -= 1
            breaks, self.broken = self.broken, outer
            if before <= self.definite | gone:
                break
            gone |= before - self.definite
        after = before - gone
        tested = self.definite & after if test is None else after
        end = self.branch(tested, node.orelse) if node.orelse else after
        self.merge(after if breaks else None, end)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.expression(item.context_expr)
            if item.optional_vars is not None:
                self.target(item.optional_vars)
        self.flush()
        if any(_suppresses(item.context_expr) for item in node.items):
            before = self.definite
            state = self.branch(before, node.body)
            self.merge(before if state is None else before & state)
        else:
            self.block(node.body)

    def _try(self, node: ast.Try) -> None:
        before = set(self.definite)
        body = self.branch(before, node.body)
        started = before & self.definite  # what the body may have deleted is not sure in a handler
        ends = [self._handler(started, handler) for handler in node.handlers]
        if body is not None and node.orelse:
            body = self.branch(body, node.orelse)
        self.merge(body, *ends)
        if node.finalbody:
            alive, state = self.alive, set(self.definite)
            lasting = self.branch(started, node.finalbody)
            self.alive = alive and lasting is not None
            self.definite = (state - (started - self.definite)) | (self.definite - started)

    def _handler(self, before: set[str], handler: ast.ExceptHandler) -> set[str] | None:
        self.definite, self.alive = set(before), True
        self.expression(handler.type)
        if handler.name is None:
            return self.branch(self.definite, handler.body)
        was_owned = handler.name in self.owned
        self.bind(handler.name, None)
        state = self.branch(self.definite, handler.body)
        if not was_owned:
            self.owned.discard(handler.name)
        if state is not None:
            state.discard(handler.name)
        return state

    def _match(self, node: ast.Match) -> None:
        self.expression(node.subject)
        before = set(self.definite)
        ends: list[set[str] | None] = []
        for case in node.cases:
            self.definite, self.alive = set(before), True
            for part in ast.walk(case.pattern):
                if (name := pattern_name(part)) is not None:
                    self.bind(name, part)
                elif isinstance(part, ast.Name):
                    self.read(part.id)
            self.flush()
            self.expression(case.guard)
            ends.append(self.branch(self.definite, case.body))
        last = node.cases[-1]
        certain = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and last.guard is None
        self.merge(*ends, *([] if certain else [before]))

    def _break(self, node: ast.Break) -> None:
        self.broken = True
        self.alive = False

    def _leaves(self, node: ast.stmt) -> None:
        for child in children(node):
            self.expression(child)
        self.alive = False

    def _type_alias(self, node: Any) -> None:
        inner = {str(getattr(one, "name", "")) for one in type_parameters(node)}
        names = {each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)}
        self.waiting |= names - inner
        self.bind(node.name.id, node.name)


def _place(node: ast.AST | None) -> Place:
    """Where a node is that binds a name, without keeping the node and all that is in it."""
    if node is None:
        return (0, 0, False)
    return (node.lineno, node.col_offset, type(node) is ast.Name)  # type: ignore[attr-defined]


def _calls(node: ast.AST) -> bool:
    if type(node) in FUNCTIONS:
        return bool(node.decorator_list)  # type: ignore[attr-defined]
    return any(isinstance(each, ast.Call) for each in ast.walk(node))


def _suppresses(node: ast.expr) -> bool:
    called = node.func if isinstance(node, ast.Call) else node
    return (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) in ("suppress", "raises")


_STATEMENTS: Final[dict[type, Any]] = {
    ast.Expr: Walk._expr,
    ast.Assign: Walk._assign,
    ast.AugAssign: Walk._augmented,
    ast.AnnAssign: Walk._annotated,
    ast.Delete: Walk._delete,
    ast.Import: Walk._import,
    ast.ImportFrom: Walk._import,
    ast.FunctionDef: Walk._function,
    ast.AsyncFunctionDef: Walk._function,
    ast.ClassDef: Walk._class,
    ast.If: Walk._if,
    ast.For: Walk._for,
    ast.AsyncFor: Walk._for,
    ast.While: Walk._while,
    ast.With: Walk._with,
    ast.AsyncWith: Walk._with,
    ast.Try: Walk._try,
    ast.TryStar: Walk._try,
    ast.Match: Walk._match,
    ast.Raise: Walk._leaves,
    ast.Return: Walk._leaves,
    ast.Break: Walk._break,
    ast.Continue: Walk._leaves,
    **({ast.TypeAlias: Walk._type_alias} if hasattr(ast, "TypeAlias") else {}),
}
