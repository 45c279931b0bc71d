"""Made-up notebooks of Python, and a namespace that notes which cell's code really reads and writes what.

Programs are random and end soon: loops are short, functions do not call themselves. `Namespace` is what the cells run
in; CPython asks a dict's subclass for every name that code of a module reads or writes, and for every global that a
function reads. What a function writes by `global` passes it by, and is seen by what is there afterwards; so does what
the body of a class reads itself, which is therefore left out where the comparison is to be exact.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field

NAMES = ("a", "b", "c", "d", "e")
FUNCTIONS = ("f", "g", "h")


class Maker:
    """Writes statements. `certain` ones are executed to their end, whatever the names hold, if all names are lists."""

    def __init__(self, rng: random.Random, *, certain: bool) -> None:
        self._rng = rng
        self._certain = certain

    def cell(self) -> str:
        return "\n".join(self.statement(3) for _ in range(self._rng.randrange(1, 6)))

    def name(self) -> str:
        return self._rng.choice(NAMES)

    def expression(self, depth: int = 2) -> str:
        rng = self._rng
        if depth == 0:
            return rng.choice((self.name(), self.name(), "[]", "[1]"))
        e = lambda: self.expression(depth - 1)  # noqa: E731
        n = self.name
        inside = n if self._certain else e  # `:=` in there binds only if the loop is entered
        kinds = [
            lambda: n(),
            lambda: f"[{e()}, {e()}]",
            lambda: f"({e()} + [0])" if not self._certain else f"[*{n()}, {e()}]",
            lambda: f"[({n()}, {inside()}) for {n()} in [{e()}]]",
            lambda: f"[{inside()} for {n()} in [1] for {n()} in [{inside()}]]",
            lambda: f"f'{{{n()}}} {{{n()}!r:>{{len({n()})}}}}'.split()",
            lambda: f"(lambda {n()}, {n()}_=1: {e()})([])",
            lambda: f"({n()} := [{e()}])",
        ]
        if not self._certain:
            kinds += [
                lambda: f"({e()} if {e()} else {e()})",
                lambda: f"({e()} and {e()} or {e()})",
                lambda: f"[{n()} for {n()} in {e()} if {e()}]",
                lambda: f"[{n()} := {e()} for {n()}_ in {e()}]",
                lambda: f"{rng.choice(FUNCTIONS)}()",
                lambda: f"{{{e()!s}: {n()} for {n()} in {e()}}}",
            ]
        return rng.choice(kinds)()

    def statement(self, depth: int, indent: str = "") -> str:
        rng = self._rng
        e, n = self.expression, self.name
        simple = [
            lambda: f"{n()} = {e()}",
            lambda: f"{n()} = {n()} = {e()}",
            lambda: f"{n()}, *{n()} = [{e()}, {e()}]",
            lambda: e(),
            lambda: f"{n()}: list = {e()}",
            lambda: f"import os.path as {n()}" if not self._certain else f"{n()} = [{e()}]",
            lambda: f"assert [{e()}]",
        ]
        if not self._certain:
            simple += [
                lambda: f"del {n()}",
                lambda: f"{n()} += [{e()}]",
                lambda: f"{n()}[0] = {e()}",
                lambda: "raise ValueError" if rng.randrange(4) == 0 else "pass",
                lambda: f"{rng.choice(FUNCTIONS)}()",
            ]
        if depth == 0:
            return indent + rng.choice(simple)()
        more = indent + "    "
        block = lambda: "\n".join(self.statement(depth - 1, more) for _ in range(rng.randrange(1, 3)))  # noqa: E731
        kinds = [
            lambda: f"{indent}with memoryview(b'') as {n()}_:\n{block()}",
            lambda: self._function(indent),
        ]
        if not self._certain:
            kinds += [
                lambda: self._class(indent),
                lambda: f"{indent}if {e()}:\n{block()}\n{indent}else:\n{block()}",
                lambda: f"{indent}if {e()}:\n{block()}",
                lambda: f"{indent}for {n()} in {e()}[:2]:\n{block()}",
                lambda: (
                    f"{indent}for {n()} in [1, 2]:\n{block()}\n{more}{rng.choice(('break', 'continue', 'pass'))}"
                    f"\n{indent}else:\n{block()}"
                ),
                lambda: f"{indent}try:\n{block()}\n{indent}except Exception as {n()}:\n{block()}",
                lambda: (
                    f"{indent}try:\n{block()}\n{indent}except NameError:\n{block()}\n{indent}else:\n{block()}"
                    f"\n{indent}finally:\n{block()}"
                ),
                lambda: (
                    f"{indent}match {e()}:\n{more}case [{n()}, *{n()}_]:\n"
                    + "\n".join(self.statement(depth - 1, more + "    ") for _ in range(2))
                    + f"\n{more}case {n()}:\n{self.statement(0, more + '    ')}"
                ),
            ]
        if rng.randrange(3):
            return indent + rng.choice(simple)()
        return rng.choice(kinds)()

    def _class(self, indent: str) -> str:
        more = indent + "    "
        name = self.name()
        body = f"{more}{self.name()} = {self.expression()}\n{more}def m(self, x={self.name()}):\n"
        return f"{indent}class {name}:\n{body}{more}    return {self.expression()}\n{indent}{name} = {name}().m()"

    def _function(self, indent: str) -> str:
        rng, more = self._rng, indent + "    "
        name, own = rng.choice(FUNCTIONS), self.name()
        if self._certain:
            inner = f"{more}{own} = {self.expression()}" if rng.randrange(2) else f"{more}pass"
            return (
                f"{indent}def {name}({own}=[]):\n{inner}\n{more}return {self.expression()}"
                f"\n{indent}{self.name()} = {name}()"
            )
        told = f"{more}global {self.name()}\n" if rng.randrange(3) == 0 else ""
        nested = (
            f"{more}def inner():\n{more}    return {self.expression()}\n{more}inner()\n" if rng.randrange(2) else ""
        )
        written = f"{more}{self.name()} = {self._calm()}\n" if rng.randrange(2) else ""
        parameter = next((f"{one}={two}" for one, two in [(own, self.name())] if f"global {own}\n" not in told), "")
        return f"{indent}def {name}({parameter}):\n{told}{nested}{written}{more}return {self._calm()}"

    def _calm(self) -> str:
        """An expression without calls of the functions of the notebook, which could call each other for ever."""
        return f"[{self.name()}, ({self.name()},)]"


@dataclass
class Seen:
    """What the code of one cell really did."""

    reads: set[str] = field(default_factory=set)  # found, and bound by another cell
    writes: set[str] = field(default_factory=set)


class Namespace(dict[str, object]):
    """See the module. `running` is the cell that runs; code is told apart by the file name it was compiled under."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.seen = [Seen() for _ in range(cells)]
        self.writer: dict[str, int] = {}
        self.running = -1
        self.only: object = None  # if set: what reads are to be noted of, told apart by identity

    def run(self, number: int, source: str) -> BaseException | None:
        self.running = number
        try:
            exec(compile(source, f"cell {number}", "exec"), self)
        except Exception as error:  # noqa: BLE001 (whatever a made-up program raises)
            return error
        return None

    def __getitem__(self, name: str) -> object:
        value = super().__getitem__(name)
        file = sys._getframe(1).f_code.co_filename
        if file.startswith("cell ") and name != "__annotations__":  # which the interpreter asks for
            reader = int(file[5:])
            if self.writer.get(name, -1) != reader and (self.only is None or value is self.only):
                self.seen[reader].reads.add(name)
        return value

    def __setitem__(self, name: str, value: object) -> None:
        super().__setitem__(name, value)
        self.writer[name] = self.running
        if self.running >= 0:
            self.seen[self.running].writes.add(name)
