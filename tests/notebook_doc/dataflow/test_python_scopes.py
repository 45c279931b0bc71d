"""What a cell of Python defines and reads, rule by rule. Reads of builtins count: a cell may define those, too."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.dataflow.analysis import Analysis, CellText, analyze

# source, defines, reads; names apart by spaces
RULES: list[tuple[str, str, str]] = [
    # assignments
    ("x = y", "x", "y"),
    ("x = x", "x", "x"),
    ("x = 1; x", "x", ""),
    ("x = y = z", "x y", "z"),
    ("(a, [b, *c]), d.e, f[g] = h", "a b c", "d f g h"),
    ("x += y", "x", "x y"),
    ("x.a += y", "", "x y"),
    ("x[i] = y", "", "i x y"),
    ("x: T = y", "x", "T y"),
    ("x: T", "", "T"),
    ("(x := y)", "x", "y"),
    ("print(x := 1, x)", "x", "print"),
    ("_x = 1; __y__ = 2; _ = 3", "__y__", ""),
    ("_x", "", ""),
    # deleting
    ("del x", "", "x"),
    ("x = 1; del x", "", ""),
    ("x = 1\nif c:\n    del x\nx", "x", "c x"),
    ("del x.a, y[i]", "", "i x y"),
    # imports
    ("import a.b.c", "a", ""),
    ("import a.b.c as d", "d", ""),
    ("from a.b import c as d, e", "d e", ""),
    ("from . import x", "x", ""),
    ("from __future__ import annotations", "", ""),
    # functions: the body runs when something is called
    ("def f(a, b=c, *d, e: g = h, **i) -> j:\n    return a, b, d, e, i, k", "f", "c g h j k"),
    ("def f():\n    return k\nf()", "f", "k"),
    ("def f():\n    return k\nk = 1\nf()", "f k", ""),
    ("def f():\n    return k\nf()\nk = 1", "f k", "k"),
    ("@deco\ndef f(): pass", "f", "deco"),
    ("def f():\n    x = 1\n    return x\nf()", "f", ""),
    ("def f():\n    print(x)\n    x = 1\nf()", "f", "print"),
    ("def f():\n    global x\n    x = y\nf()", "f x", "y"),
    ("def f():\n    global x\n    del x\nf()", "f", ""),
    ("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = y\n    return g\nf()", "f", "y"),
    ("def f():\n    def g():\n        return x\n    return g\nf()", "f", "x"),
    ("def f():\n    def g():\n        return x\n    x = 1\n    return g\nf()", "f", ""),
    ("f = lambda a, b=c: a + b + d\nf()", "f", "c d"),
    (
        "async def f():\n    async with a as b:\n        async for c in d:\n            await e(b, c)\nawait f()",
        "f",
        "a d e",
    ),
    ("def f():\n    import os\n    return os\nf()", "f", ""),
    ("def f():\n    try: pass\n    except E as e: return e\nf()", "f", "E"),
    ("def f():\n    match a:\n        case {'k': v, **rest}: return v, rest\nf()", "f", "a"),
    # classes
    ("class A(B, metaclass=M):\n    x = y\n    z = x", "A", "B M y"),
    ("class A:\n    x = 1\n    def f(self):\n        return x\nA()", "A", "x"),
    ("class A:\n    x = x", "A", "x"),
    ("class A:\n    def f(self):\n        return A, __class__\nA()", "A", ""),
    ("class A:\n    a: T = 1", "A", "T"),
    ("class A:\n    y = [x for _ in z]\n    x = 1", "A", "x z"),
    # comprehensions
    ("[a for a in b]", "", "b"),
    ("[a for a in a]", "", "a"),
    ("[a + c for a in b if d for e in a]", "", "b c d"),
    ("{a: c for a in b}; {a for a in b}; (a for a in b)", "", "b c"),
    ("[y := a for a in b]\nprint(y)", "y", "b print y"),
    ("[(lambda: a + q)() for a in b]", "", "b q"),
    # branches: what is not sure to be bound may come from outside
    ("if c:\n    x = 1\nx", "x", "c x"),
    ("if c:\n    x = 1\nelse:\n    x = 2\nx", "x", "c"),
    ("if c:\n    x = 1\nelse:\n    raise E\nx", "x", "E c"),
    ("for i in r:\n    x = i\nx", "i x", "r x"),
    ("for i in r:\n    pass\nelse:\n    y = 1\ny, i", "i y", "i r"),
    ("while True:\n    x = 1\n    break\nx", "x", "x"),
    ("for i in r:\n    i\n    del y\n    y = i", "i y", "r y"),
    ("y = 1\nfor i in r:\n    print(y)\n    del y", "i y", "print r y"),
    ("a or (b := c)\nb", "b", "a b c"),
    ("a if b else (d := c)\nd", "d", "a b c d"),
    ("1 < a < (b := 2)\nb", "b", "a b"),
    # exceptions
    ("try:\n    x = a\nexcept E as e:\n    x = e\nx", "x", "E a"),
    ("try:\n    x = a\nexcept E:\n    pass\nx", "x", "E a x"),
    ("try:\n    x = a\nfinally:\n    x", "x", "a x"),
    ("e = 1\ntry:\n    pass\nexcept E as e:\n    pass\ne", "e", "E e"),
    ("try:\n    x = 1\nexcept E:\n    raise\nelse:\n    x", "x", "E"),
    ("with a as (b, c), d(b):\n    x = c\nx", "b c x", "a d"),
    ("from contextlib import suppress\nwith suppress(E):\n    x = f()\nx", "suppress x", "E f x"),
    ("assert a, b", "", "a b"),
    ("raise a from b", "", "a b"),
    # match
    ("match a:\n    case [b, *c]: b, c\n    case d: d", "b c d", "a"),
    ("match a:\n    case K.v | P(x=1): pass", "", "K P a"),
    ("match a:\n    case b if b > c: x = 1\n    case _: x = 2\nx", "b x", "a c"),
    ("match a:\n    case 1: x = 1\nx", "x", "a x"),
    # strings
    ("f'{a!r:>{b}} {{c}} {d=}'", "", "a b d"),
    # what does not parse says what its statements say by themselves
    ("x = 1\ny = (\n", "x y", ""),
    ("def f(:\n    pass\nz = q", "f z", "q"),
    ("a = f(x,\nb = 2\ndef c(): pass", "a b c", ""),
    ("a = '''\nb = 1", "a", ""),
    # IPython
    ("%matplotlib inline\nx = y", "x", "y"),
    ("!ls {folder} $name\nx = 1", "x", "folder name"),
    ("files = !ls {folder}\nfiles", "files", "folder"),
    ("out = %who_ls\nout", "out", ""),
    ("%time x = y", "x", "y"),
    ("%timeit x = y", "", ""),
    ("%timeit f(y)", "", "f y"),
    ("%%time\nx = y", "x", "y"),
    ("%%timeit\nx = y", "", "y"),
    ("%%capture out\nx = y", "out x", "y"),
    ("%%bash\nx = y", "", ""),
    ("x?", "", "x"),
    ("?x.y", "", "x"),
    ("text = '''\n%time x\n!ls'''", "text", ""),
    ("if a:\n    !ls\n    x = 1", "x", "a"),
    # SQL in a cell of Python
    ("%%sql out <<\nselect * from df join other.t where a = '{lit}'", "out", "df lit"),
    ("%%sql\nwith t as (select 1) select * from t, big -- from nothing", "", "big"),
]
if sys.version_info >= (3, 12):
    RULES += [
        ("def f[T: B](a: T) -> list[T]: return T\nf(1)", "f", "B list"),
        ("class A[T](B[T]):\n    x: T = 1", "A", "B"),
        ("type X[T] = dict[T, V]\nprint(X)", "X", "V dict print"),
    ]


def said(source: str) -> Analysis:
    return analyze(CellText("python", source))


@pytest.mark.parametrize(("source", "defs", "reads"), RULES, ids=[rule[0] for rule in RULES])
def test_names(source: str, defs: str, reads: str) -> None:
    analysis = said(source)
    assert " ".join(sorted(analysis.defs)) == " ".join(sorted(defs.split()))
    assert " ".join(sorted(analysis.reads)) == " ".join(sorted(reads.split()))


@pytest.mark.parametrize(
    ("source", "code", "where"),
    [
        ("x = 1\ny = = 2", "syntax_error", "= 2"),
        ("a = 1\nfrom os import *\n", "star_import", "from os import *"),
        ("ü = 1; from os.path import (*)", "syntax_error", None),
    ],
)
def test_a_problem_of_a_cell_says_where_it_is(source: str, code: str, where: str | None) -> None:
    (problem,) = said(source).problems
    assert problem.code == code
    if where is not None:
        assert problem.range is not None
        assert source[problem.range.start :].startswith(where)


@pytest.mark.parametrize("source", ["x = 1", "ä = '🎉'; x = 2", "def x(): pass", "async  def x(): pass", "%time x = 1"])
def test_a_name_is_found_where_it_is_bound(source: str) -> None:
    site = said(source).site("x")
    assert source[site.start : site.end] == "x"
    assert site.start == source.rindex("x")


def test_names_that_functions_read_later_are_told_apart() -> None:
    analysis = said("def f():\n    return a\nf(b)")
    assert analysis.reads == {"a", "b"}
    assert analysis.deferred == {"a"}


def test_names_of_others_that_are_deleted_are_told() -> None:
    assert said("del a, b\nb = 1\ndel b").deleted == {"a", "b"}


_TYPED = [*"a =:,.()[]{}'\\#%!?*\n\0\f", "0b", "    ", '"""', "f'", "def ", "if ", "else", "import ", "lambda "]


@given(st.lists(st.sampled_from(_TYPED), max_size=14))
@settings(max_examples=200)
def test_a_cell_in_the_middle_of_typing_is_analyzed(typed: list[str]) -> None:
    analysis = said("".join(typed))
    for name in analysis.defs:
        analysis.site(name)


@pytest.mark.parametrize(
    "source",
    [
        "\0",
        "(" * 500,
        "x" + ".y" * 30_000,
        "[" * 150 + "]" * 150,
        "\ud800 = 1",
        "%%",
        "!",
        "?",
        ")",
        "  x = (",
        "else:\n]",
    ],
)
def test_whatever_somebody_types_is_analyzed(source: str) -> None:
    said(source)
