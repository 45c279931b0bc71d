"""A client that sends whole texts loses nobody's edit, whatever it had seen when it wrote them."""

from __future__ import annotations

from random import Random

import pytest

from clients.gateway.seen import SURELY_SEEN, SeenTexts
from notebook_doc.errors import UnknownCell
from notebook_doc.notebook import NotebookDoc


def document(source: str) -> NotebookDoc:
    doc = NotebookDoc.create("6f1c2a4e-0000-4000-8000-000000000007")
    doc.add_cell(source, cell_id="c")
    return doc


def shown(doc: NotebookDoc, *clients: SeenTexts, at: float = 0.0) -> None:
    for client in clients:
        client.shown(doc.replica.heads(), {cell_id: doc.source(cell_id) for cell_id in doc.cell_ids()}, at)


def test_a_text_that_is_sent_becomes_the_least_edit() -> None:
    doc, client = document("x = 1\ny = 2\n"), SeenTexts()
    shown(doc, client)
    peer = doc.fork()
    peer.splice_source("c", 0, 0, "# above\n")
    client.edit(doc, "c", "x = 1\ny = 20\n", 0.0)
    doc.replica.merge(peer.replica)
    assert doc.source("c") == "# above\nx = 1\ny = 20\n"


def test_what_others_typed_since_the_client_looked_stays() -> None:
    doc, client = document("x = 1\n"), SeenTexts()
    shown(doc, client)
    doc.splice_source("c", 0, 0, "import os\n")
    shown(doc, client)  # on its way while the client writes
    client.edit(doc, "c", "x = 1\nz = 3\n", 0.0)
    assert doc.source("c") == "import os\nx = 1\nz = 3\n"


def test_a_client_that_goes_on_from_what_it_was_shown_edits_that() -> None:
    doc, client = document("x = 1\n"), SeenTexts()
    shown(doc, client)
    doc.splice_source("c", 0, 0, "import os\n")
    shown(doc, client)
    client.edit(doc, "c", "import os\nx = 17\n", 0.0)
    assert doc.source("c") == "import os\nx = 17\n"
    client.edit(doc, "c", "x = 17\n", 0.0)
    assert doc.source("c") == "x = 17\n"


def test_a_client_may_take_back_its_own_edit() -> None:
    doc, client = document("x = 1"), SeenTexts()
    shown(doc, client)
    client.edit(doc, "c", "x = 2", 0.0)
    shown(doc, client)
    client.edit(doc, "c", "x = 1", 0.0)
    assert doc.source("c") == "x = 1"


def test_two_clients_at_the_end_of_one_line_keep_their_words_whole() -> None:
    doc, ann, bob = document("s: "), SeenTexts(), SeenTexts()
    shown(doc, ann, bob)
    for number in range(5):  # neither sees what the other writes
        ann.edit(doc, "c", "s: " + "".join(f"a{n}." for n in range(number + 1)), 0.0)
        bob.edit(doc, "c", "s: " + "".join(f"b{n}." for n in range(number + 1)), 0.0)
    assert "a0.a1.a2.a3.a4." in doc.source("c")
    assert "b0.b1.b2.b3.b4." in doc.source("c")


def test_what_a_client_deletes_goes_although_others_typed_beside_it() -> None:
    doc, client = document("one two three"), SeenTexts()
    shown(doc, client)
    doc.splice_source("c", 0, 0, "zero ")
    doc.splice_source("c", len(doc.source("c")), 0, " four")
    client.edit(doc, "c", "one three", 0.0)
    assert doc.source("c") == "zero one three four"


def test_a_text_sent_again_changes_nothing() -> None:
    doc, client = document("x"), SeenTexts()
    shown(doc, client)
    client.edit(doc, "c", "xa", 0.0)
    doc.splice_source("c", 0, 0, "others ")
    client.edit(doc, "c", "xa", 0.0)
    assert doc.source("c") == "others xa"


def test_a_word_that_looks_like_another_is_not_taken_for_its_replacement() -> None:
    doc, client = document("<bob20>"), SeenTexts()
    shown(doc, client)
    doc.splice_source("c", 7, 0, "<ann21>")
    shown(doc, client)  # not read yet; one might think that its "ann" became the client's "bob"
    client.edit(doc, "c", "<bob20><bob21>", 0.0)
    assert sorted(doc.source("c").split("<")) == ["", "ann21>", "bob20>", "bob21>"]


def test_what_was_seen_for_long_can_be_taken_out() -> None:
    doc, client = document("a"), SeenTexts()
    shown(doc, client)
    client.edit(doc, "c", "ab", 0.0)
    doc.splice_source("c", 2, 0, " others")
    shown(doc, client, at=1.0)
    assert not client.edit(doc, "c", "ab", 2.0), "it may not have seen that"
    assert doc.source("c") == "ab others"
    assert client.edit(doc, "c", "ab", 1.0 + SURELY_SEEN)
    assert doc.source("c") == "ab"


def test_a_line_of_somebody_else_can_be_mended_once_it_was_seen() -> None:
    doc, client = document("x = 1\n"), SeenTexts()
    shown(doc, client)
    client.edit(doc, "c", "x = 2\n", 0.0)
    doc.splice_source("c", 6, 0, "y = unknwon(x)\n")
    shown(doc, client, at=1.0)
    client.edit(doc, "c", "x = 2\ny = unknown(x)\n", 1.0 + SURELY_SEEN)
    assert doc.source("c") == "x = 2\ny = unknown(x)\n"


def test_an_editor_that_went_on_without_looking_takes_nothing_from_others() -> None:
    doc, client = document("x = 1\n"), SeenTexts()
    shown(doc, client)
    client.edit(doc, "c", "x = 2\n", 0.0)
    doc.splice_source("c", 6, 0, "# somebody else's long line\n")
    shown(doc, client, at=1.0)
    client.edit(doc, "c", "x = 2\nprint(x)\n", 60.0)
    assert sorted(doc.source("c").splitlines()) == ["# somebody else's long line", "print(x)", "x = 2"]


@pytest.mark.parametrize("lines", [1, 12])
def test_lines_that_are_nearly_the_same_are_all_kept(lines: int) -> None:
    doc, ann, bob = document("begin\n"), SeenTexts(), SeenTexts()
    shown(doc, ann, bob)
    for number in range(lines):
        for name, client in (("A", ann), ("B", bob)):
            client.edit(doc, "c", "begin\n" + "".join(f"# edit {n} of {name}\n" for n in range(number + 1)), 0.0)
            shown(doc, ann, bob)  # and nobody reads it
    expected = ["begin", *(f"# edit {n} of {name}" for n in range(lines) for name in "AB")]
    assert sorted(doc.source("c").splitlines()) == sorted(expected)


def test_a_client_that_was_shown_nothing_edits_what_is_there() -> None:
    doc, client = document("x"), SeenTexts()
    client.edit(doc, "c", "x + 1", 0.0)
    assert doc.source("c") == "x + 1"


def test_a_cell_that_is_gone_is_refused() -> None:
    doc, client = document("x"), SeenTexts()
    shown(doc, client)
    doc.delete_cell("c")
    with pytest.raises(UnknownCell):
        client.edit(doc, "c", "y", 0.0)


@pytest.mark.parametrize("seed", range(40))
def test_nobody_loses_a_word_however_late_frames_come(seed: int) -> None:
    """Two clients and a peer type words into one cell; what the clients are shown reaches them late or never."""
    random = Random(seed)
    doc = document("begin\n")
    clients = {"ann": SeenTexts(), "bob": SeenTexts()}
    view = dict.fromkeys(clients, "begin\n")
    late: dict[str, list[str]] = {name: [] for name in clients}
    shown(doc, *clients.values())
    written: list[str] = []
    for number in range(30):
        who = random.choice(["ann", "bob", "peer"])
        word = f"<{who}{number}>"
        if who == "peer":
            doc.splice_source("c", 6, 0, word)
        else:
            if late[who] and random.random() < 0.5:  # it reads everything that has arrived
                view[who], late[who] = late[who][-1], []
            view[who] += word
            clients[who].edit(doc, "c", view[who], 0.0)
            late[who] = []  # what was on its way is older than its own edit: it keeps its own text
        written.append(word)
        if random.random() < 0.6:
            shown(doc, *clients.values())
            for name in clients:
                late[name].append(doc.source("c"))
    source = doc.source("c")
    assert sorted(written) == sorted(
        f"<{part.rstrip('>')}>" for part in source.removeprefix("begin\n").split("<") if part
    )
