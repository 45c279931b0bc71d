"""Which names the scopes inside a cell (functions, classes, comprehensions) take from outside, by Python's own rules.

`outside` answers for one such node what its body reads from the module when it is executed, at once for a class or a
comprehension, later for a function, and what it writes there by `global`. In a function a name that is bound anywhere
is local everywhere; in a class a name is local from where it is bound, and not for the functions inside. Pure, without
state; order within a function means nothing here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any, Final

FUNCTIONS: Final = frozenset((ast.FunctionDef, ast.AsyncFunctionDef))
COMPREHENSIONS: Final = frozenset((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))
_CHILDREN: Final[dict[type[ast.AST], tuple[str, ...]]] = {}
# Fields that hold texts, numbers and operators only.
_NO_NODES: Final = frozenset(
    [
        "arg",
        "asname",
        "attr",
        "conversion",
        "ctx",
        "id",
        "is_async",
        "kind",
        "level",
        "module",
        "name",
        "n",
        "op",
        "ops",
        "rest",
        "s",
        "simple",
        "type_comment",
    ]
)


def _children_of(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of node that can hold nodes with names in them."""
    known = _CHILDREN.get(kind)
    if known is None:
        known = _CHILDREN[kind] = tuple(name for name in kind._fields if name not in _NO_NODES)
    return known


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes below a node, in the order of the source as far as the grammar keeps it."""
    found: list[ast.AST] = []
    for name in _children_of(type(node)):
        value = getattr(node, name, None)
        if value.__class__ is list:
            found.extend(item for item in value if isinstance(item, ast.AST))
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def imported(node: ast.Import | ast.ImportFrom) -> list[tuple[str, ast.alias]]:
    """The names that an import binds."""
    return [
        (alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name), alias)
        for alias in node.names
        if alias.name != "*"
    ]


def type_parameters(node: ast.AST) -> list[ast.AST]:
    """The type parameters of a definition (Python 3.12)."""
    return list(getattr(node, "type_params", ()))


class Outside:
    """What a scope takes from outside: names read `now` and `later`; `global_reads` and `global_writes` skip functions
    in between."""

    __slots__ = ("global_deletes", "global_reads", "global_writes", "later", "now")

    def __init__(self) -> None:
        self.now: set[str] = set()
        self.later: set[str] = set()
        self.global_reads: set[str] = set()
        self.global_writes: set[str] = set()
        self.global_deletes: set[str] = set()

    def take(self, inner: Outside) -> None:
        """What an inner scope says of the module is true of this one, too."""
        self.global_reads |= inner.global_reads
        self.global_writes |= inner.global_writes
        self.global_deletes |= inner.global_deletes


def of_function(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Outside:
    """What the body of a function takes from outside: all of it `later`. Not its decorators, defaults, annotations."""
    scope = _Scope()
    scope.bound.update(parameter_names(node.args))
    scope.visit([node.body] if isinstance(node, ast.Lambda) else node.body)
    return scope.as_function(type_parameters(node))


def of_class(node: ast.ClassDef) -> Outside:
    """What the body of a class takes from outside; `now` what it reads itself, `later` what its methods read."""
    names = _parameter_names(type_parameters(node))
    out = Outside()
    bound: set[str] = set()
    for statement in node.body:
        scope = _Scope(annotates=True)
        scope.visit([statement])
        visible = bound - scope.globals
        out.now |= (scope.reads - visible) | scope.inner_now
        out.later |= scope.later
        out.global_writes |= scope.bound & scope.globals
        out.take(scope.out)
        bound |= scope.bound - scope.globals
    for taken in (out.now, out.later):
        taken -= names
        taken.discard("__class__")
    return out


def of_comprehension(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> tuple[Outside, set[str]]:
    """What a comprehension takes from outside, its first iterable left out, and the names that `:=` binds around it."""
    scope = _Scope()
    targets: set[str] = set()
    inner: list[ast.AST] = []
    for number, generator in enumerate(node.generators):
        for target in ast.walk(generator.target):
            if type(target) is ast.Name and type(target.ctx) is ast.Store:
                targets.add(target.id)
            elif type(target) is ast.Name:
                scope.reads.add(target.id)
        if number:
            inner.append(generator.iter)
        inner.extend(generator.ifs)
    inner.extend([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
    scope.visit(inner)
    out = Outside()
    out.now = (scope.reads | scope.inner_now) - targets
    out.later = scope.later - targets
    out.take(scope.out)
    return out, scope.bound


def parameter_names(arguments: ast.arguments) -> list[str]:
    """The names of a function's parameters."""
    found = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    found += [argument.arg for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return found


def evaluated_at_definition(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[ast.AST]:
    """What of a function is evaluated where it stands: decorators, defaults, annotations, in that order."""
    arguments = node.args
    found: list[ast.AST] = [] if isinstance(node, ast.Lambda) else list(node.decorator_list)
    found += [default for default in (*arguments.defaults, *arguments.kw_defaults) if default is not None]
    if not isinstance(node, ast.Lambda):
        every = (*arguments.posonlyargs, *arguments.args, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg)
        found += [one.annotation for one in every if one is not None and one.annotation is not None]
        found += [node.returns] if node.returns is not None else []
    return found


def pattern_name(node: ast.AST) -> str | None:
    """The name that a pattern of `match` binds."""
    if isinstance(node, ast.MatchAs | ast.MatchStar):
        return node.name
    return node.rest if isinstance(node, ast.MatchMapping) else None


def _parameter_names(parameters: Iterable[ast.AST]) -> set[str]:
    return {name for one in parameters if isinstance(name := getattr(one, "name", None), str)}


class _Scope:
    """What was found in one scope, without those inside it."""

    __slots__ = ("annotates", "bound", "deleted", "globals", "inner_now", "later", "nonlocals", "out", "reads")

    def __init__(self, *, annotates: bool = False) -> None:
        self.annotates = annotates  # whether annotations of variables are evaluated, as in a class
        self.reads: set[str] = set()
        self.bound: set[str] = set()
        self.deleted: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.inner_now: set[str] = set()  # read by comprehensions and classes inside
        self.later: set[str] = set()  # read by functions inside
        self.out = Outside()

    def as_function(self, parameters: list[ast.AST]) -> Outside:
        """This scope seen from outside, being the body of a function."""
        out, own = self.out, (self.bound | _parameter_names(parameters)) - self.globals - self.nonlocals
        taken = (self.reads | self.inner_now | self.later | self.nonlocals) - own
        out.global_writes |= self.bound & self.globals
        out.global_deletes |= self.deleted & self.globals
        out.global_reads |= taken & self.globals
        out.later = taken - self.globals - {"__class__"}
        return out

    def visit(self, nodes: Iterable[ast.AST]) -> None:
        stack = list(nodes)
        while stack:
            node = stack.pop()
            kind = type(node)
            if kind is ast.Name:
                name, context = node.id, type(node.ctx)  # type: ignore[attr-defined]
                if context is ast.Load:
                    self.reads.add(name)
                else:
                    self.bound.add(name)
                    if context is ast.Del:
                        self.deleted.add(name)
            elif kind is not ast.Constant:
                handler = _HANDLERS.get(kind)
                if handler is None:
                    stack.extend(children(node))
                else:
                    handler(self, node, stack)

    def _function(self, node: ast.FunctionDef, stack: list[ast.AST]) -> None:
        self.bound.add(node.name)
        self._lambda(node, stack)

    def _lambda(self, node: ast.FunctionDef | ast.Lambda, stack: list[ast.AST]) -> None:
        found = of_function(node)
        self.later |= found.later
        self.out.take(found)
        parameters = type_parameters(node)
        if not parameters:
            stack.extend(evaluated_at_definition(node))
            return
        inner = _Scope()
        inner.visit([*evaluated_at_definition(node), *parameters])
        self.reads |= inner.reads - _parameter_names(parameters)

    def _class(self, node: ast.ClassDef, stack: list[ast.AST]) -> None:
        self.bound.add(node.name)
        found = of_class(node)
        self.inner_now |= found.now
        self.later |= found.later
        self.out.take(found)
        parameters = _parameter_names(type_parameters(node))
        inner = _Scope()
        inner.visit([*node.decorator_list, *node.bases, *node.keywords, *type_parameters(node)])
        self.reads |= inner.reads - parameters
        self.bound |= inner.bound

    def _comprehension(self, node: ast.ListComp, stack: list[ast.AST]) -> None:
        stack.append(node.generators[0].iter)
        found, bound = of_comprehension(node)
        self.inner_now |= found.now
        self.later |= found.later
        self.out.take(found)
        self.bound |= bound

    def _global(self, node: ast.Global, stack: list[ast.AST]) -> None:
        self.globals.update(node.names)

    def _nonlocal(self, node: ast.Nonlocal, stack: list[ast.AST]) -> None:
        self.nonlocals.update(node.names)

    def _import(self, node: ast.Import, stack: list[ast.AST]) -> None:
        self.bound.update(name for name, _ in imported(node))

    def _handler(self, node: ast.ExceptHandler, stack: list[ast.AST]) -> None:
        if node.name is not None:
            self.bound.add(node.name)
        stack.extend(children(node))

    def _pattern(self, node: ast.AST, stack: list[ast.AST]) -> None:
        if (name := pattern_name(node)) is not None:
            self.bound.add(name)
        stack.extend(children(node))

    def _annotated(self, node: ast.AnnAssign, stack: list[ast.AST]) -> None:
        stack.append(node.target)
        stack.extend([] if node.value is None else [node.value])
        stack.extend([node.annotation] if self.annotates else [])

    def _augmented(self, node: ast.AugAssign, stack: list[ast.AST]) -> None:
        if isinstance(node.target, ast.Name):
            self.reads.add(node.target.id)
        stack.extend((node.target, node.value))

    def _type_alias(self, node: ast.AST, stack: list[ast.AST]) -> None:
        inner = _Scope()
        inner.visit([node.value, *type_parameters(node)])  # type: ignore[attr-defined]
        self.later |= inner.reads - _parameter_names(type_parameters(node))
        self.bound.add(node.name.id)  # type: ignore[attr-defined]


_HANDLERS: Final[dict[type[ast.AST], Callable[[_Scope, Any, list[ast.AST]], None]]] = {
    ast.FunctionDef: _Scope._function,
    ast.AsyncFunctionDef: _Scope._function,
    ast.Lambda: _Scope._lambda,
    ast.ClassDef: _Scope._class,
    **dict.fromkeys(COMPREHENSIONS, _Scope._comprehension),
    ast.Global: _Scope._global,
    ast.Nonlocal: _Scope._nonlocal,
    ast.Import: _Scope._import,
    ast.ImportFrom: _Scope._import,
    ast.ExceptHandler: _Scope._handler,
    ast.MatchAs: _Scope._pattern,
    ast.MatchStar: _Scope._pattern,
    ast.MatchMapping: _Scope._pattern,
    ast.AnnAssign: _Scope._annotated,
    ast.AugAssign: _Scope._augmented,
    **({ast.TypeAlias: _Scope._type_alias} if hasattr(ast, "TypeAlias") else {}),
}
