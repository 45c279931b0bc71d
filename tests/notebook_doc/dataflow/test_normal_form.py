"""What of a source can make a difference."""

import pytest

from notebook_doc.dataflow.normal import normal_form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1  # one"),
        ("x = 1", "\n# one\n\nx = 1\n"),
        ("if x:\n    y = 1\n    z = 2", "if x:  # don't\n    # why\n    y = 1   \n\n    z = 2"),
        ("s = 'a # b'", "s = 'a # b' # c"),
        ("x = 1\r\ny = 2", "x = 1\ny = 2"),
    ],
)
def test_comments_and_empty_lines_make_none(one: str, other: str) -> None:
    assert normal_form("python", one) == normal_form("python", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 2"),
        ("if x:\n    y = 1", "if x:\n  y = 1"),
        ("s = 'a # b'", "s = 'a # c'"),
        ("s = 'a \\\n # b'", "s = 'a \\\n # c'"),
        ("s = '''\n# b\n'''", "s = '''\n# c\n'''"),
        ("s = '''\n\n'''", "s = '''\n'''"),
        ("s = f'{d['# b']}'", "s = f'{d['# c']}'"),
        ("!echo # b", "!echo # c"),
        ("files = !ls # b", "files = !ls # c"),
        ("%%bash\n# b", "%%bash\n# c"),
        ("x = 1\ny = 2", "x = 1 y = 2"),
    ],
)
def test_everything_else_does(one: str, other: str) -> None:
    assert normal_form("python", one) != normal_form("python", other)


def test_other_languages_keep_everything_but_what_is_around_them() -> None:
    assert normal_form("sql", "select 1 -- # b\n\n") == "select 1 -- # b"
