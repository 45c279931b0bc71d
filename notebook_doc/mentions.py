"""Who is mentioned in a message: a name after an @ in its text, and beside the text who was meant by it.

The text is what anybody reads; who was meant stands in the message as an author (`Message.mentions`), so it stays that
one when its name changes. A name that nobody was meant by, as in a text that was written elsewhere, is of whoever is
called that. Pure; the page's core/mentions.ts is the twin of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from notebook_doc.authors import Author

MOST_MENTIONS: Final = 50  # in a message; further ones are plain text


class Named(NamedTuple):
    """A part of a text, in code points, that names somebody: the @ and the name."""

    start: int
    end: int
    who: Author


def named_in(text: str, known: Sequence[Author]) -> list[Named]:
    """Where these are named in a text, in order: at each place the longest name, of several with that name the first.

    Case does not matter; letters before the @ do, as in an address, and after the name.
    """
    found: list[Named] = []
    at = text.find("@")
    while at >= 0:
        if not (found and at < found[-1].end) and not (at > 0 and _is_in_words(text[at - 1])):
            best: Named | None = None
            for who in known:
                end = at + 1 + len(who.name)
                if not who.name or (best is not None and end <= best.end):
                    continue
                if text[at + 1 : end].lower() == who.name.lower() and not _is_in_words(text[end : end + 1]):
                    best = Named(at, end, who)
            if best is not None:
                found.append(best)
        at = text.find("@", at + 1)
    return found


def meant_in(text: str, known: Sequence[Author]) -> tuple[Author, ...]:
    """Who of these a text that is being written mentions, each once."""
    return tuple(dict.fromkeys(named.who for named in named_in(text, known)))[:MOST_MENTIONS]


def is_mentioned(text: str, mentions: Sequence[Author], who: Author, names: Iterable[str] = ()) -> bool:
    """Whether a message mentions somebody, who may have had other `names` before."""
    own = [Author(who.peer_id, name, who.kind) for name in (who.name, *names)]
    return any(
        named.who in own or (named.who.peer_id != "" and named.who.peer_id == who.peer_id)
        for named in named_in(text, [*mentions, *own])
    )


def _is_in_words(character: str) -> bool:
    return character.isalnum() or character == "_"
