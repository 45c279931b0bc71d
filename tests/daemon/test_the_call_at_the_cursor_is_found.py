"""Which call a text is being written in; `|` is the cursor."""

from __future__ import annotations

import pytest

from clients.daemon.call_at_cursor import Call, call_at


def found(text: str, language: str = "python") -> Call | None:
    cursor = text.index("|")
    return call_at(text.replace("|", ""), cursor, language)


def called(text: str, language: str = "python") -> tuple[str, int, str | None] | None:
    """What stands before the parenthesis, the argument, and its name."""
    call = found(text, language)
    return None if call is None else (text.replace("|", "")[: call.opened], call.argument, call.keyword)


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("f(|", "f", 0),
        ("f(|)", "f", 0),
        ("f(a, |", "f", 1),
        ("f(a, b|, c)", "f", 1),
        ("np.array([1, 2, |", "np.array", 0),
        ("f(1, (2, 3), {4: [5, 6]}, |", "f", 3),
        ("f(g(1, 2), |", "f", 1),
        ("f(a)(b, |", "f(a)", 1),
        ("xs[0](|", "xs[0]", 0),
        ("f (|", "f ", 0),
        ("f(\n    a,\n    |", "f", 1),
        ("f('a, b(', |", "f", 1),
        ('f("""a, "b", (""", |', "f", 1),
        (r"f('it\'s, ', |", "f", 1),
        ("f(a,  # not, these, (\n  |", "f", 1),
        ("f('unfinished, |", "f", 0),
        ("größe(ä, |", "größe", 1),
        ("f(lambda x, y: x, |", "f", 2),
        ("f(x == (1, |", "f", 0),
        ("(f)(|", "(f)", 0),
    ],
)
def test_the_innermost_call_counts(text: str, name: str, argument: int) -> None:
    assert called(text) == (name, argument, None)


@pytest.mark.parametrize(
    "text",
    [
        "|",
        "f|",
        "f()|",
        "(1, |",
        "[f, |",
        "if (|",
        "return (a, |",
        "def f(a, |",
        "class A(|",
        "x = not (|",
        "f)(|)"[2:],
    ],
)
def test_what_is_no_call_is_none(text: str) -> None:
    assert found(text) is None


def test_a_name_that_only_looks_like_a_keyword_is_called() -> None:
    assert called("x.match(|") == ("x.match", 0, None)
    assert called("notify(|") == ("notify", 0, None)


def test_an_argument_that_has_been_named_is_known_by_its_name() -> None:
    assert called("f(a, key=|") == ("f", 1, "key")
    assert called("f(a, key = g(|") == ("f(a, key = g", 0, None)
    assert called("f(a == |") == ("f", 0, None)


def test_other_languages_have_their_own_comments() -> None:
    assert called("f(a, // not, these\n |", "typescript") == ("f", 1, None)
    assert called("f(`a, ${b}`, /* , */ |", "typescript") == ("f", 1, None)
    assert called("f(a // 2, |") == ("f", 1, None)


def test_a_long_text_is_read_once() -> None:
    text = "f(" + "g(1, 'x'), " * 50_000
    call = call_at(text, len(text))
    assert call == Call(1, 50_000)
