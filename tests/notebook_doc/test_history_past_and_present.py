"""Reading the past, comparing it, saying who wrote it, bringing it back."""

from __future__ import annotations

import random

import pytest

from notebook_doc.batch import Reading, apply, commit
from notebook_doc.errors import UnknownCell
from notebook_doc.history.blame import blame
from notebook_doc.history.change_log import ChangeLog
from notebook_doc.history.diff import diff, line_diff
from notebook_doc.history.past import PastNotebook
from notebook_doc.history.restore import restore_cell, restore_notebook, restoring
from notebook_doc.notebook import NotebookDoc
from notebook_doc.taking_back import take_back
from notebook_doc.touched import touches
from tests.notebook_doc.lives import ANN, BEN, BOT, Life


def written(notebook: NotebookDoc | PastNotebook) -> list[tuple[str, str, str, object]]:
    return [(c.id, c.cell_type, c.source, c.metadata) for c in notebook.cells()]


def notebook(*sources: str) -> tuple[NotebookDoc, list[str]]:
    doc = NotebookDoc.create("0" * 32)
    return doc, [doc.add_cell(source) for source in sources]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_the_notebook_can_be_read_as_it_was_at_any_of_its_heads() -> None:
    doc, ids = notebook("a", "b")
    rng = random.Random(7)
    seen: list[tuple[tuple[bytes, ...], object, object]] = []
    for number in range(60):
        match rng.randrange(6):
            case 0:
                ids.append(doc.add_cell(f"new {number}", after=rng.choice(doc.cell_ids() or [""]) or None))
            case 1 if len(doc) > 1:
                doc.delete_cell(rng.choice(doc.cell_ids()))
            case 2 if len(doc) > 1:
                doc.move_cell(rng.choice(doc.cell_ids()), before=rng.choice(doc.cell_ids()))
            case 3:
                doc.set_cell_type(rng.choice(doc.cell_ids()), rng.choice(["code", "markdown", "raw"]))
            case 4:
                doc.set_cell_metadata(rng.choice(doc.cell_ids()), {"n": [number, {"x": number}]})
                doc.set_metadata({"title": str(number)})
            case _:
                doc.set_source(rng.choice(doc.cell_ids()), "print(" + "x" * rng.randrange(30) + ")")
        seen.append((doc.replica.heads(), written(doc), doc.metadata()))
    for heads, cells, metadata in seen:
        past = PastNotebook(doc, heads)
        assert (written(past), past.metadata()) == (cells, metadata)


def test_a_moment_made_of_another_says_what_it_does_read_whole_and_reads_what_was_touched_between() -> None:
    for seed in range(12):
        rng = random.Random(seed)
        doc, _ = notebook("a", "b", "c")
        both = [doc, doc.fork(rng.randbytes(16))]
        seen = []
        for number in range(50):
            one = rng.choice(both)
            here = one.cell_ids()
            cell = rng.choice(here) if here else None
            match rng.randrange(8):
                case 0:
                    one.add_cell(f"new {number}", after=cell)
                case 1 if cell is not None:
                    one.delete_cell(cell)
                case 2 if len(here) > 1:
                    one.move_cell(here[0], after=here[-1])
                case 3 if cell is not None:
                    one.set_cell_metadata(cell, {"n": [number, {"x": number}]})
                case 4:
                    one.set_metadata({"title": str(number)})
                case 5:
                    both[0].replica.merge(both[1].replica)
                    both[1].replica.merge(both[0].replica)
                case _ if cell is not None:
                    one.splice_source(cell, 0, min(1, len(one.source(cell))), "xy")
            seen.append(one.replica.heads())
        doc.replica.merge(both[1].replica)
        log, past = ChangeLog(doc.replica), PastNotebook(doc, seen[0])
        for heads in rng.choices(seen, k=60):
            before = {cell.id: cell for cell in past.cells()}
            touched = log.cells_between(past.heads, heads)
            assert touched is not None
            past = PastNotebook(doc, heads, past, touched)
            whole = PastNotebook(doc, heads)
            assert (past.cells(), past.metadata()) == (whole.cells(), whole.metadata())
            assert all(cell is before[cell.id] for cell in past.cells() if cell.id not in touched)
            assert diff(whole, past).cells == ()


def test_between_heads_that_are_not_here_nothing_is_known() -> None:
    doc, _ = notebook("a")
    assert ChangeLog(doc.replica).cells_between(doc.replica.heads(), (bytes(32),)) is None
    assert ChangeLog(doc.replica).cells_between(doc.replica.heads(), doc.replica.heads()) == frozenset()


def test_what_was_read_of_the_past_stays_when_the_notebook_goes_on() -> None:
    doc, (cell,) = notebook("then")
    past = PastNotebook(doc, doc.replica.heads())
    doc.set_source(cell, "now")
    doc.delete_cell(cell)
    assert past.cell(cell).source == "then"


# --- blame ------------------------------------------------------------------------------------------------------------


def test_each_part_of_a_cell_belongs_to_who_wrote_it() -> None:
    life = Life()
    with life.by(ANN, 0) as doc:
        cell = doc.add_cell("total = 1")
    with life.by(BOT, 100) as doc:
        doc.splice_source(cell, 0, 5, "prices")
    with life.by(BEN, 200) as doc:
        doc.splice_source(cell, len(doc.source(cell)), 0, "  # €")
    text = life.here.source_text(cell)
    assert text is not None
    pieces = blame(life.here.replica, text, life.log, life.authors())
    assert [(p.text, p.by.author) for p in pieces] == [("prices", BOT), (" = 1", ANN), ("  # €", BEN)]
    assert [(p.start, p.end) for p in pieces] == [(0, 6), (6, 10), (10, 15)]
    assert [p.by.time - pieces[1].by.time for p in pieces if p.by.time and pieces[1].by.time] == [100, 0, 200]


def test_a_cell_of_the_past_can_be_blamed_too() -> None:
    life = Life()
    with life.by(ANN, 0) as doc:
        cell = doc.add_cell("mine")
    then = life.at(life.moments()[-1])
    with life.by(BEN, 300) as doc:
        doc.set_source(cell, "yours")
    text = life.here.source_text(cell)
    assert text is not None
    assert [p.text for p in blame(then.view, text, life.log, life.authors())] == ["mine"]


# --- diff -------------------------------------------------------------------------------------------------------------


def test_a_diff_tells_what_was_added_deleted_and_changed_where_it_stood() -> None:
    doc, (a, b, c) = notebook("a = 1", "b = 2", "c = 3")
    then = PastNotebook(doc, doc.replica.heads())
    doc.delete_cell(b)
    new = doc.add_cell("d = 4", after=c)
    doc.set_source(a, "a = 10")
    doc.set_cell_type(c, "markdown")
    doc.set_metadata({"title": "x"})
    found = diff(then, doc)
    assert [(d.cell_id, d.kind, sorted(d.fields), d.moved) for d in found.cells] == [
        (a, "changed", ["source"], False),
        (b, "deleted", ["source"], False),
        (c, "changed", ["cell_type"], False),
        (new, "added", ["source"], False),
    ]
    assert found.metadata == {"title"}


def test_two_equal_states_do_not_differ() -> None:
    doc, _ = notebook("a", "b")
    assert not diff(doc, PastNotebook(doc, doc.replica.heads()))


@pytest.mark.parametrize(("mover", "before"), [(0, 3), (4, 0), (2, 1), (1, 4)])
def test_only_the_cell_that_was_moved_has_moved(mover: int, before: int) -> None:
    doc, ids = notebook(*"abcde")
    then = PastNotebook(doc, doc.replica.heads())
    doc.move_cell(ids[mover], before=ids[before])
    assert [(d.cell_id, d.moved, d.fields) for d in diff(then, doc).cells] == [(ids[mover], True, frozenset())]


def test_a_cell_moved_away_and_back_differs_in_nothing() -> None:
    doc, ids = notebook(*"abc")
    then = PastNotebook(doc, doc.replica.heads())
    doc.move_cell(ids[0])
    doc.move_cell(ids[0], before=ids[1])
    assert not diff(then, doc)


def test_a_changed_line_says_which_of_its_characters_changed() -> None:
    lines = line_diff("import os\nx = old_name + 1\nend", "import os\nx = new_name + 1\nend\nmore")
    assert [(line.kind, line.text, line.old, line.new) for line in lines] == [
        ("same", "import os", 1, 1),
        ("deleted", "x = old_name + 1", 2, None),
        ("added", "x = new_name + 1", None, 2),
        ("same", "end", 3, 3),
        ("added", "more", None, 4),
    ]
    (deleted, added) = lines[1:3]
    assert [deleted.text[a:b] for a, b in deleted.marks] == ["old"]
    assert [added.text[a:b] for a, b in added.marks] == ["new"]


def test_the_kept_lines_of_a_diff_are_either_text() -> None:
    rng = random.Random(3)
    for _ in range(200):
        old, new = ("\n".join(rng.choice("abc ") * rng.randrange(4) for _ in range(rng.randrange(9))) for _ in "on")
        lines = line_diff(old, new)
        assert "\n".join(line.text for line in lines if line.old is not None) == old
        assert "\n".join(line.text for line in lines if line.new is not None) == new


# --- restore ----------------------------------------------------------------------------------------------------------


def test_a_restored_notebook_says_what_it_said_then() -> None:
    doc, (a, b, c) = notebook("a = 1", "b = 2", "c = 3")
    doc.set_cell_metadata(b, {"tags": ["x"]})
    doc.set_attachments(c, {"f.png": {"image/png": {"inline": "AA==", "encoding": "base64"}}})
    doc.set_metadata({"title": "then"})
    then = PastNotebook(doc, doc.replica.heads())
    doc.delete_cell(b)
    doc.add_cell("later", before=a)
    doc.move_cell(c, before=a)
    doc.set_source(a, "a = 100")
    doc.set_cell_type(a, "raw")
    doc.set_attachments(c, None)
    doc.set_metadata({"title": "now", "more": 1})
    before = doc.replica.heads()
    restore_notebook(doc, then)
    assert doc.cells() == then.cells()
    assert doc.metadata() == {"title": "then"}
    assert len(doc.replica.changes_since(before)) == 1
    assert not diff(then, doc)


def test_restoring_what_is_there_already_writes_nothing() -> None:
    doc, _ = notebook("a", "b")
    then = PastNotebook(doc, doc.replica.heads())
    restore_notebook(doc, then)
    assert doc.replica.heads() == then.heads


def test_restoring_touches_only_what_differs() -> None:
    doc, (a, b) = notebook("x = 1\ny = 2\nz = 3\n" * 30, "untouched")
    then = PastNotebook(doc, doc.replica.heads())
    doc.splice_source(a, 4, 1, "10")
    before = doc.replica.heads()
    restore_cell(doc, then, a)
    (change,) = doc.replica.changes_since(before)
    assert sum(touch.operations for touch in touches(change)) <= 3
    assert doc.source(b) == "untouched"


def test_what_others_type_while_a_cell_is_restored_survives() -> None:
    doc, (cell,) = notebook("first\nsecond\n")
    then = PastNotebook(doc, doc.replica.heads())
    doc.set_source(cell, "FIRST\nsecond\n")
    other = doc.fork()
    other.splice_source(cell, len("FIRST\nsecond\n"), 0, "third\n")
    restore_cell(doc, then, cell)
    doc.replica.merge(other.replica)
    assert doc.source(cell) == "first\nsecond\nthird\n"


def test_one_restored_cell_stays_where_it_stands_and_leaves_the_others() -> None:
    doc, (a, b) = notebook("a", "b")
    then = PastNotebook(doc, doc.replica.heads())
    doc.set_source(a, "A")
    doc.set_source(b, "B")
    doc.move_cell(a)
    restore_cell(doc, then, a)
    assert [(c.id, c.source) for c in doc.cells()] == [(b, "B"), (a, "a")]


def test_a_deleted_cell_comes_back_under_its_id_to_its_place() -> None:
    doc, (a, b, c) = notebook("a", "b", "c")
    then = PastNotebook(doc, doc.replica.heads())
    doc.delete_cell(b)
    doc.add_cell("new", after=a)
    restore_cell(doc, then, b)
    assert [x for x in doc.cell_ids() if x in (a, b, c)] == [a, b, c]
    assert doc.source(b) == "b"


def test_two_who_restore_the_same_deleted_cell_have_it_once() -> None:
    doc, (a, b) = notebook("a", "b")
    then = doc.replica.heads()
    doc.delete_cell(b)
    other = doc.fork()
    restore_cell(doc, PastNotebook(doc, then), b)
    restore_cell(other, PastNotebook(other, then), b)
    doc.replica.merge(other.replica)
    assert [(c.id, c.source) for c in doc.cells()] == [(a, "a"), (b, "b")]


def test_a_cell_that_there_was_not_cannot_be_restored() -> None:
    doc, _ = notebook("a")
    then = PastNotebook(doc, doc.replica.heads())
    new = doc.add_cell("new")
    with pytest.raises(UnknownCell, match="at that moment"):
        restore_cell(doc, then, new)


def random_life(rng: random.Random, edits: int) -> tuple[NotebookDoc, list[tuple[bytes, ...]]]:
    """A notebook that two people edited at once, and the heads on the way."""
    doc = NotebookDoc.create("0" * 32)
    doc.add_cell("first\nsecond\nthird\n")
    doc.add_cell("other")
    seen = [doc.replica.heads()]
    for number in range(edits):
        other = doc.fork()
        for writer in (doc, other) if rng.random() < 0.4 else (doc,):
            ids = writer.cell_ids()
            match rng.randrange(7):
                case 0:
                    writer.add_cell(f"new {number}", after=rng.choice(ids) if ids else None)
                case 1 if len(ids) > 1:
                    writer.delete_cell(rng.choice(ids))
                case 2 if len(ids) > 1:
                    writer.move_cell(rng.choice(ids), before=rng.choice(ids))
                case 3 if ids:
                    writer.set_cell_type(rng.choice(ids), rng.choice(["code", "markdown", "raw"]))
                case 4 if ids:
                    writer.set_cell_metadata(rng.choice(ids), {"n": [number, {"x": number}]})
                    writer.set_attachments(rng.choice(ids), rng.choice([None, {"f": {"text/plain": {"inline": "x"}}}]))
                case 5:
                    writer.set_metadata({"title": str(number)})
                case _ if ids:
                    cell = rng.choice(ids)
                    at = rng.randrange(len(writer.source(cell)) + 1)
                    writer.splice_source(cell, at, 0, rng.choice(["x", "\n", "print(1)\n"]))
        doc.replica.merge(other.replica)
        seen.append(doc.replica.heads())
    return doc, seen


@pytest.mark.parametrize("seed", range(25))
def test_what_differs_between_two_moments_applied_to_the_one_gives_the_other(seed: int) -> None:
    rng = random.Random(seed)
    doc, seen = random_life(rng, 25)
    one, other = (PastNotebook(doc, rng.choice(seen)) for _ in "ab")
    restore_notebook(doc, one)
    assert (doc.cells(), doc.metadata()) == (one.cells(), one.metadata())
    apply(restoring(one, other), doc)
    assert (doc.cells(), doc.metadata()) == (other.cells(), other.metadata())
    assert bool(diff(one, other)) == (written(one) != written(other) or bool(restoring(one, other)))


@pytest.mark.parametrize("seed", range(15))
def test_a_restored_notebook_is_undone_as_one_and_what_others_wrote_since_stays(seed: int) -> None:
    rng = random.Random(seed)
    doc, seen = random_life(rng, 15)
    doc.add_cell("theirs", cell_id="theirs")
    before, metadata = doc.cells(), doc.metadata()
    past = PastNotebook(doc, rng.choice(seen))
    batch = commit(doc, Reading.of(doc), restoring(doc, past), lambda _: None)
    assert [c.id for c in doc.cells()] == past.cell_ids()
    new = doc.add_cell("written since")
    if batch.change is not None:
        take_back(doc, batch.change, lambda _: None)
    assert [c for c in doc.cells() if c.id != new] == before
    assert (doc.metadata(), doc.source(new)) == (metadata, "written since")
