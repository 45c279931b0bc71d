"""A peer's copy on disk: what was reported as kept is there, whatever happened to the process or the file's end."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients.peer import replica_file as module
from clients.peer.errors import BadReplicaFile
from clients.peer.replica_file import MAGIC, ReplicaFile
from notebook_doc.notebook import NotebookDoc
from tests.support.hub import REPOSITORY

NOTEBOOK = "6f1c2a4e-0000-4000-8000-000000000001"


def keep_cells(path: Path, count: int) -> list[int]:
    """Keep a notebook and then `count` cells more, one by one; return the file's size after each step."""
    file = ReplicaFile(path)
    notebook = NotebookDoc.create(NOTEBOOK)
    file.replace(notebook.replica.save(), ())
    sizes = [path.stat().st_size]
    for number in range(count):
        before = notebook.replica.heads()
        notebook.add_cell(str(number))
        file.append(notebook.replica.changes_since(before), notebook.replica.heads())
        sizes.append(path.stat().st_size)
    file.close()
    return sizes


def sources(path: Path) -> list[str]:
    """The cells that a file has."""
    file = ReplicaFile(path)
    try:
        return [] if file.notebook is None else [cell.source for cell in file.notebook.cells()]
    finally:
        file.close()


def test_what_was_appended_is_there_in_order(tmp_path: Path) -> None:
    keep_cells(tmp_path / "copy", 5)
    assert sources(tmp_path / "copy") == ["0", "1", "2", "3", "4"]


def test_a_file_is_not_made_before_there_is_something_to_keep(tmp_path: Path) -> None:
    file = ReplicaFile(tmp_path / "folder" / "copy")
    assert file.notebook is None
    assert file.wants_snapshot
    assert not file.exists
    assert file.unsaved() == []
    file.close()
    assert not (tmp_path / "folder" / "copy").exists()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(min_value=1, max_value=2000), garbage=st.binary(max_size=40))
def test_a_torn_end_is_cut_off_and_nothing_before_it_is_lost(cut: int, garbage: bytes, tmp_path: Path) -> None:
    """The last append was under way when the process died: any part of it may be there, garbled or not."""
    path = tmp_path / "copy"
    path.unlink(missing_ok=True)
    sizes = keep_cells(path, 4)
    torn = min(cut, sizes[4] - sizes[3])
    path.write_bytes(path.read_bytes()[: sizes[4] - torn] + garbage[: torn - 1])
    assert sources(path) == ["0", "1", "2"]
    assert path.stat().st_size == sizes[3]


def test_a_file_that_was_torn_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    keep_cells(path, 2)
    path.write_bytes(path.read_bytes()[:-3])
    file = ReplicaFile(path)
    assert file.notebook is not None
    before = file.notebook.replica.heads()
    file.notebook.add_cell("after")
    file.append(file.notebook.replica.changes_since(before), ())
    file.close()
    assert sources(path) == ["0", "after"]


@pytest.mark.parametrize("seed", range(20))
def test_damage_before_the_end_is_refused_and_the_file_left_alone(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "copy"
    sizes = keep_cells(path, 4)
    content = bytearray(path.read_bytes())
    position = Random(seed).randrange(len(MAGIC), sizes[3])
    content[position] ^= 1 << seed % 8
    path.write_bytes(content)
    with pytest.raises(BadReplicaFile, match="damaged at byte"):
        ReplicaFile(path)
    assert path.read_bytes() == content


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, this is no notebook.")
    with pytest.raises(BadReplicaFile, match="not a copy"):
        ReplicaFile(path)
    assert path.read_text() == "Dear reader, this is no notebook."


def test_a_file_of_a_later_quire_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    path.write_bytes(MAGIC + module._record(9, (), (b"news",)))
    with pytest.raises(BadReplicaFile, match="later Quire"):
        ReplicaFile(path)


@pytest.mark.parametrize("kept", [b"", MAGIC[:5], MAGIC])
def test_a_file_that_holds_nothing_yet_is_as_good_as_none(kept: bytes, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(kept)
    file = ReplicaFile(tmp_path / "copy")
    assert file.notebook is None
    file.replace(NotebookDoc.create(NOTEBOOK).replica.save(), ())
    file.close()
    assert sources(tmp_path / "copy") == []


def test_two_cannot_have_one_file(tmp_path: Path) -> None:
    first = ReplicaFile(tmp_path / "copy")
    with pytest.raises(BadReplicaFile, match="in use"):
        ReplicaFile(tmp_path / "copy")
    first.replace(NotebookDoc.create(NOTEBOOK).replica.save(), ())  # another inode by now
    with pytest.raises(BadReplicaFile, match="in use"):
        ReplicaFile(tmp_path / "copy")
    first.close()
    ReplicaFile(tmp_path / "copy").close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadReplicaFile, match="file/copy"):
        ReplicaFile(tmp_path / "file" / "copy")


def test_what_the_hub_had_not_acknowledged_is_known_on_return(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    file = ReplicaFile(path)
    notebook = NotebookDoc.create(NOTEBOOK)
    acknowledged = notebook.replica.heads()
    file.replace(notebook.replica.save(), acknowledged)
    notebook.add_cell("mine")
    file.append(notebook.replica.changes_since(acknowledged), acknowledged)
    file.close()
    again = ReplicaFile(path)
    assert again.unsaved() == notebook.replica.changes_since(acknowledged)
    again.close()


def test_a_long_log_asks_to_be_written_anew_and_is_short_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPACT_ABOVE", 2000)
    path = tmp_path / "copy"
    file = ReplicaFile(path)
    notebook = NotebookDoc.create(NOTEBOOK)
    file.replace(notebook.replica.save(), ())
    while not file.wants_snapshot:
        before = notebook.replica.heads()
        notebook.add_cell("x")
        file.append(notebook.replica.changes_since(before), ())
    long = path.stat().st_size
    file.replace(notebook.replica.save(), ())
    assert path.stat().st_size < long / 2
    assert not file.wants_snapshot
    file.close()
    assert sources(path) == ["x"] * len(notebook)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "copy"
    keep_cells(path, 2)
    content = path.read_bytes()
    file = ReplicaFile(path)
    assert file.notebook is not None
    before = file.notebook.replica.heads()
    file.notebook.add_cell("2")
    chunks = file.notebook.replica.changes_since(before)
    whole_write = os.pwrite

    def half_a_write(fd: int, data: bytes | memoryview, position: int) -> int:
        if len(data) < 40:
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole_write(fd, data[: len(data) // 2], position)

    monkeypatch.setattr(module.os, "pwrite", half_a_write)
    for write in (lambda: file.append(chunks, ()), lambda: file.replace(b"x" * 1000, ())):
        with pytest.raises(OSError, match="No space"):
            write()
        assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir() if entry.suffix == ".tmp"] == []
    monkeypatch.undo()
    file.append(chunks, ())
    file.close()
    assert sources(path) == ["0", "1", "2"]


def test_a_file_set_aside_keeps_its_content_under_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    names = []
    for count in (1, 2):
        keep_cells(path, count)
        file = ReplicaFile(path)
        names.append(file.set_aside())
        file.close()
        assert not path.exists()
    assert [len(sources(name)) for name in names] == [1, 2]


WRITER = """
import os, sys
from pathlib import Path
from clients.peer.replica_file import ReplicaFile
file = ReplicaFile(Path(sys.argv[1]))
notebook = file.notebook
cell = notebook.cell_ids()[0]
written = int(notebook.source(cell).split()[-1]) if notebook.source(cell) else 0
for number in range(written + 1, 1_000_000):
    before = notebook.replica.heads()
    notebook.splice_source(cell, len(notebook.source(cell)), 0, f"{number} ")
    if number % 50 == 0:
        file.replace(notebook.replica.save(), ())
    else:
        file.append(notebook.replica.changes_since(before), ())
    os.write(1, b"%d\\n" % number)
"""


def kill_writers(path: Path, rounds: int) -> None:
    """A process that keeps numbers as fast as it can is killed at random moments, again and again."""
    file = ReplicaFile(path)
    notebook = NotebookDoc.create(NOTEBOOK)
    notebook.add_cell()
    file.replace(notebook.replica.save(), ())
    file.close()
    kept = 0
    for seed in range(rounds):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=REPOSITORY)
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(Random(seed).randrange(1, 150))]
        child.kill()
        told += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        kept = max(int(line) for line in told if line.endswith(b"\n"))
        (source,) = sources(path)
        numbers = [int(number) for number in source.split()]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= kept


def test_what_was_kept_survives_a_kill(tmp_path: Path) -> None:
    kill_writers(tmp_path / "copy", rounds=4)


@pytest.mark.slow
def test_what_was_kept_survives_fifty_kills(tmp_path: Path) -> None:
    kill_writers(tmp_path / "copy", rounds=50)
