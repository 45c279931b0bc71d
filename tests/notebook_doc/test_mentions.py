"""Who is mentioned in a text, to Python as to the page, and whoever was meant whatever they are called since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from notebook_doc import comments
from notebook_doc.authors import Author, AuthorKind
from notebook_doc.mentions import MOST_MENTIONS, is_mentioned, meant_in, named_in
from notebook_doc.notebook import NotebookDoc

CASES = Path(__file__).parents[2] / "clients" / "web" / "test" / "mentions.json"
ADA = Author("1", "Ada", "person")


def author(said: str) -> Author:
    kind, _, name = said.partition(" ")
    return Author("", name, cast(AuthorKind, kind))


def test_the_same_are_named_in_a_text_as_to_the_page() -> None:
    for case in json.loads(CASES.read_text("utf-8")):
        text = case["text"]
        found = [
            [text[one.start : one.end], f"{one.who.kind} {one.who.name}"]
            for one in named_in(text, [author(said) for said in case["known"]])
        ]
        assert found == case["named"], text


def test_who_was_meant_is_mentioned_under_whatever_name_and_somebody_else_of_that_name_is_not() -> None:
    assert is_mentioned("@Ada?", [ADA], Author("9", "Ada", "person"))
    assert is_mentioned("@Ada?", [ADA], Author("1", "Countess", "person")), "who was renamed has the same id"
    assert is_mentioned("@Ada?", [ADA], Author("9", "Countess", "person"), ["Ada"])
    assert not is_mentioned("@Ada?", [ADA], Author("9", "Ada", "agent"))
    assert not is_mentioned("Ada?", [ADA], ADA), "the text does not name anybody any more"
    assert is_mentioned("@Ada?", [], Author("9", "Ada", "agent")), "nobody was meant: whoever is called that"


def test_a_message_keeps_who_is_meant_and_an_edit_says_it_anew() -> None:
    doc = NotebookDoc.create("00000000-0000-4000-8000-000000000000").fork()
    cell = doc.add_cell("x = 1")
    bo = Author("2", "Bo", "person")
    thread_id = comments.start(
        doc, cell, "@Ada, and @ada again", bo, 1.0, None, meant_in("@Ada, and @ada again", [ADA])
    )
    comments.reply(doc, thread_id, "nobody", bo, 2.0)
    first, second = comments.thread(doc, thread_id).messages
    assert (first.mentions, second.mentions) == ((ADA,), ())
    assert first.mentioned(ADA)
    comments.edit(doc, thread_id, first.id, "@Bo", 3.0, [bo])
    comments.edit(doc, thread_id, second.id, "still nobody", 3.0)
    first, second = comments.thread(doc, thread_id).messages
    assert (first.mentions, second.mentions) == ((bo,), ())


def test_a_text_that_names_very_many_means_the_first_of_them() -> None:
    everybody = [Author("", f"a{number}", "person") for number in range(MOST_MENTIONS + 5)]
    assert len(meant_in(" ".join(f"@{one.name}" for one in everybody), everybody)) == MOST_MENTIONS
