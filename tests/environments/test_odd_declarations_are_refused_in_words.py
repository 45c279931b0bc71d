"""Whatever stands where a declaration is read, it is read or refused as a BadDeclaration: nothing else comes of it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import tomlkit
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clients.daemon.environments.declared import from_environment_yml, from_pep723, from_pixi, from_pyproject, inline
from clients.daemon.environments.errors import BadDeclaration

KEYS = ("project", "workspace", "dependencies", "pypi-dependencies", "channels", "tool", "uv", "pixi", "target", "unix")
MORE = (
    "linux-64",
    "python",
    "pip",
    "requires-python",
    "sources",
    "index",
    "version",
    "path",
    "extras",
    "conda",
    "quire",
)
odd: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([3, True, "", "a", "a>=1", "*", "??", 1.5]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS + MORE), inner, max_size=3),
    max_leaves=8,
)
tables = st.dictionaries(st.sampled_from(KEYS + MORE), odd, max_size=4)


@settings(max_examples=150, deadline=None)
@given(tables)
@example({"workspace": 3, "target": {"unix": 3}, "dependencies": {"python": {"version": 3}}})
@example({"tool": {"pixi": {"workspace": 3, "project": {}}}, "project": []})
@example({"dependencies": 3, "channels": [3]})
def test_an_odd_declaration_is_read_or_refused_and_breaks_nothing(told: dict[str, Any]) -> None:
    text = tomlkit.dumps(told)
    for read in (
        lambda: from_pixi(text, "a file", Path("/x"), "linux-64"),
        lambda: from_pyproject(text, "a file"),
        lambda: from_pep723(text, "a header"),
        lambda: from_environment_yml(told, "a file"),
        lambda: inline(told),
    ):
        with suppress(BadDeclaration):
            read()
