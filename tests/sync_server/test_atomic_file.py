"""A file is written whole or not at all."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sync_server.atomic_file import write_atomically
from sync_server.errors import FileError

if TYPE_CHECKING:
    from tests.support.small_disk import SmallDisk


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_is_made_and_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    for data in (b"first", b"", b"second" * 100_000):
        written = write_atomically(path, data)
        assert path.read_bytes() == data
        assert (written.path, written.mtime_ns, written.size) == (path, path.stat().st_mtime_ns, len(data))
    assert names(tmp_path) == ["a.ipynb"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_the_permissions_of_an_existing_file_stay(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_atomically(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_mode_asked_for_or_that_of_the_umask(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "usual", b"")
    write_atomically(tmp_path / "secret", b"", mode=0o600)
    assert (tmp_path / "usual").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_through_a_symbolic_link_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.ipynb").write_bytes(b"old")
    (tmp_path / "link.ipynb").symlink_to("real/a.ipynb")
    (tmp_path / "to nothing yet").symlink_to("real/b.ipynb")
    write_atomically(tmp_path / "link.ipynb", b"new")
    write_atomically(tmp_path / "to nothing yet", b"b")
    assert (tmp_path / "link.ipynb").is_symlink()
    assert (tmp_path / "real" / "a.ipynb").read_bytes() == b"new"
    assert (tmp_path / "real" / "b.ipynb").read_bytes() == b"b"
    assert names(tmp_path / "real") == ["a.ipynb", "b.ipynb"]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "round").symlink_to("round")
    os.mkfifo(tmp_path / "pipe")
    for name, reason in [("folder", "a directory"), ("round", "circle"), ("pipe", "not a regular file")]:
        with pytest.raises(FileError, match=reason):
            write_atomically(tmp_path / name, b"new")
    assert names(tmp_path) == ["folder", "pipe", "round"]


def test_a_missing_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for parent in ("nowhere", "file"):
        with pytest.raises(FileError, match="does not exist"):
            write_atomically(tmp_path / parent / "a.ipynb", b"new")


def test_a_read_only_file_is_refused_and_kept(ordinary_user: Path) -> None:
    path = ordinary_user / "a.ipynb"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(FileError, match="the file is read-only"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_read_only_directory_is_refused(ordinary_user: Path) -> None:
    (ordinary_user / "a.ipynb").write_bytes(b"old")
    ordinary_user.chmod(0o555)
    with pytest.raises(FileError, match="its directory is read-only"):
        write_atomically(ordinary_user / "a.ipynb", b"new")
    assert names(ordinary_user) == ["a.ipynb"]


def test_a_full_disk_leaves_the_old_file_and_no_litter(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "a.ipynb"
    write_atomically(path, b"old")
    with small_disk.full(), pytest.raises(FileError, match="no space"):
        write_atomically(path, bytes(500_000))
    assert path.read_bytes() == b"old"
    assert names(small_disk.folder) == ["a.ipynb"]
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 125 + ".txt")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_threads_that_write_one_file_each_write_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    versions = {bytes([number]) * 50_000 for number in range(8)}
    threads = [
        threading.Thread(target=lambda data=data: [write_atomically(path, data) for _ in range(10)])
        for data in versions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in versions
    assert names(tmp_path) == ["a.ipynb"]


CHILD = """
import os, sys
from pathlib import Path
from sync_server.atomic_file import write_atomically
number = 0
while True:
    number += 1
    write_atomically(Path(sys.argv[1]), b"%d\\n" % number * 20_000)
    os.write(1, b"%d\\n" % number)
"""


def test_killed_in_the_middle_the_file_is_one_of_the_whole_versions(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    for seed in range(8):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(random.Random(seed).randrange(1, 60))]
        child.kill()
        told += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        lines = path.read_bytes().splitlines()
        assert len(lines) == 20_000
        assert len(set(lines)) == 1
        assert int(lines[0]) in (int(told[-1]), int(told[-1]) + 1)  # renamed, and killed before it could say so


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print(flush=True)
sys.stdin.read()
"""


def test_what_a_crashed_writer_left_is_removed_but_not_what_a_living_one_is_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    (tmp_path / ".a.ipynb.quire-tmp-0123456789abcdef").write_bytes(b"left by a crash")
    (tmp_path / ".b.ipynb.quire-tmp-0123456789abcdef").write_bytes(b"of another file")
    busy = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / ".a.ipynb.quire-tmp-00000000deadbeef")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert busy.stdout is not None
    busy.stdout.readline()
    write_atomically(path, b"new")
    assert names(tmp_path) == [
        ".a.ipynb.quire-tmp-00000000deadbeef",
        ".b.ipynb.quire-tmp-0123456789abcdef",
        "a.ipynb",
    ]
    busy.communicate()
    write_atomically(path, b"newer")
    assert names(tmp_path) == [".b.ipynb.quire-tmp-0123456789abcdef", "a.ipynb"]
