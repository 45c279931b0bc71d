"""A client that sends whole texts loses nobody's edit, whatever it had seen when it wrote them."""

from __future__ import annotations

from random import Random

import pytest

from clients.gateway.seen import SeenTexts
from notebook_doc.errors import UnknownCell
from notebook_doc.notebook import NotebookDoc


def document(source: str) -> NotebookDoc:
    doc = NotebookDoc.create("6f1c2a4e-0000-4000-8000-000000000007")
    doc.add_cell(source, cell_id="c")
    return doc


def shown(doc: NotebookDoc, *clients: SeenTexts) -> None:
    for client in clients:
        client.shown(doc.replica.heads(), {cell_id: doc.source(cell_id) for cell_id in doc.cell_ids()})


def test_a_text_that_is_sent_becomes_the_least_edit() -> None:
    doc, client = document("x = 1\ny = 2\n"), SeenTexts()
    shown(doc, client)
    peer = doc.fork()
    peer.splice_source("c", 0, 0, "# above\n")
    client.edit(doc, "c", "x = 1\ny = 20\n")
    doc.replica.merge(peer.replica)
    assert doc.source("c") == "# above\nx = 1\ny = 20\n"


def test_what_others_typed_since_the_client_looked_stays() -> None:
    doc, client = document("x = 1\n"), SeenTexts()
    shown(doc, client)
    doc.splice_source("c", 0, 0, "import os\n")
    shown(doc, client)  # on its way while the client writes
    client.edit(doc, "c", "x = 1\nz = 3\n")
    assert doc.source("c") == "import os\nx = 1\nz = 3\n"


def test_a_client_that_goes_on_from_what_it_was_shown_edits_that() -> None:
    doc, client = document("x = 1\n"), SeenTexts()
    shown(doc, client)
    doc.splice_source("c", 0, 0, "import os\n")
    shown(doc, client)
    client.edit(doc, "c", "import os\nx = 17\n")
    assert doc.source("c") == "import os\nx = 17\n"
    client.edit(doc, "c", "x = 17\n")
    assert doc.source("c") == "x = 17\n"


def test_a_client_may_take_back_its_own_edit() -> None:
    doc, client = document("x = 1"), SeenTexts()
    shown(doc, client)
    client.edit(doc, "c", "x = 2")
    shown(doc, client)
    client.edit(doc, "c", "x = 1")
    assert doc.source("c") == "x = 1"


def test_two_clients_at_the_end_of_one_line_keep_their_words_whole() -> None:
    doc, ann, bob = document("s: "), SeenTexts(), SeenTexts()
    shown(doc, ann, bob)
    for number in range(5):  # neither sees what the other writes
        ann.edit(doc, "c", "s: " + "".join(f"a{n}." for n in range(number + 1)))
        bob.edit(doc, "c", "s: " + "".join(f"b{n}." for n in range(number + 1)))
    assert "a0.a1.a2.a3.a4." in doc.source("c")
    assert "b0.b1.b2.b3.b4." in doc.source("c")


def test_what_a_client_deletes_goes_although_others_typed_beside_it() -> None:
    doc, client = document("one two three"), SeenTexts()
    shown(doc, client)
    doc.splice_source("c", 0, 0, "zero ")
    doc.splice_source("c", len(doc.source("c")), 0, " four")
    client.edit(doc, "c", "one three")
    assert doc.source("c") == "zero one three four"


def test_a_text_sent_again_changes_nothing() -> None:
    doc, client = document("x"), SeenTexts()
    shown(doc, client)
    client.edit(doc, "c", "xa")
    doc.splice_source("c", 0, 0, "others ")
    client.edit(doc, "c", "xa")
    assert doc.source("c") == "others xa"


def test_a_client_that_was_shown_nothing_edits_what_is_there() -> None:
    doc, client = document("x"), SeenTexts()
    client.edit(doc, "c", "x + 1")
    assert doc.source("c") == "x + 1"


def test_a_cell_that_is_gone_is_refused() -> None:
    doc, client = document("x"), SeenTexts()
    shown(doc, client)
    doc.delete_cell("c")
    with pytest.raises(UnknownCell):
        client.edit(doc, "c", "y")


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
            clients[who].edit(doc, "c", view[who])
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
