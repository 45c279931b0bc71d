"""Typing that can be checked afterwards: each author types tokens that nobody else types, character by character."""

from __future__ import annotations

import re
from collections.abc import Sequence


def tokens_of(author: str, count: int) -> list[str]:
    """`count` tokens of an author, each ended by a space: `<a:0> <a:1> …`. `author` is one letter."""
    return [f"<{author}:{number}> " for number in range(count)]


def check_tokens(text: str, typed: dict[str, int]) -> None:
    """Every token exactly once, each whole, one author's in order, and nothing else."""
    for author, count in typed.items():
        found = [int(number) for number in re.findall(rf"<{author}:(\d+)> ", text)]
        assert found == list(range(count)), f"{author} typed {count} tokens; there are {found} in {text!r}"
    assert re.sub(r"<\w:\d+> ", "", text) == "", f"there is more than what was typed in {text!r}"


def check_letters(text: str, typed: dict[str, Sequence[str]]) -> None:
    """For authors who typed into one another's words: each one's characters, all of them, in order, and no others.

    An author types characters of an alphabet of its own, given by what it typed.
    """
    alphabets = {author: set("".join(tokens)) for author, tokens in typed.items()}
    for author, tokens in typed.items():
        own = "".join(character for character in text if character in alphabets[author])
        assert own == "".join(tokens), f"of {author} there is {own!r}"
    assert len(text) == sum(len(token) for tokens in typed.values() for token in tokens)
