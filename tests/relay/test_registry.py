"""Running servers find each other through private files, and nobody trusts the file of a dead or strange one."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from relay.errors import UnsafeState
from relay.registry import (
    OpenNotebook,
    ServerEntry,
    decode_entry,
    encode_entry,
    register,
    running,
    state_dir,
    survey,
)

DEAD_PID = 2**22 + 1  # above what Linux gives out


def entry(**changes: object) -> ServerEntry:
    mine = ServerEntry.of_this_process(
        "hub", endpoint="http://127.0.0.1:8000", version="0.1.0", token="s3cret", log_path="/tmp/hub.log"
    )
    return msgspec.structs.replace(mine, **changes)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_server_is_found_by_its_file_until_it_removes_it(state: Path) -> None:
    mine = entry()
    registration = register(mine, state)
    assert registration.path == state / "servers" / f"hub-{os.getpid()}.json"
    assert running(state=state) == [mine]
    registration.remove()
    registration.remove()
    assert running(state=state) == []


def test_a_server_tells_which_notebooks_it_has_open(state: Path) -> None:
    registration = register(entry(endpoint=None), state)
    notebooks = [OpenNotebook("n1", "/home/ada/a.ipynb"), OpenNotebook("n2")]
    registration.update(notebooks=notebooks, endpoint="http://127.0.0.1:9")
    registration.update()
    (found,) = running(state=state)
    assert found.notebooks == tuple(notebooks)
    assert found.endpoint == "http://127.0.0.1:9"
    assert found.token == "s3cret"
    registration.update(notebooks=[])
    assert running(state=state)[0].notebooks == ()


def test_servers_are_listed_oldest_first_and_by_kind(state: Path) -> None:
    later = register(entry(kind="hub", started=2.0), state).entry
    earlier = register(entry(kind="daemon", started=1.0), state).entry
    assert running(state=state) == [earlier, later]
    assert running("hub", state) == [later]
    assert running("supervisor", state) == []


def test_files_and_folders_are_private_from_the_start(state: Path) -> None:
    before = os.umask(0)
    try:
        registration = register(entry(), state)
        registration.update(notebooks=[OpenNotebook("n")])
    finally:
        os.umask(before)
    assert stat.S_IMODE(registration.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(registration.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert [path.name for path in registration.path.parent.iterdir()] == [registration.path.name]


def test_the_file_of_a_process_that_is_gone_is_removed(state: Path) -> None:
    path = register(entry(pid=DEAD_PID), state).path
    found = survey(state)
    assert found.running == ()
    assert [(stale.path, stale.removed) for stale in found.stale] == [(path, True)]
    assert "is gone" in found.stale[0].why
    assert not path.exists()


def test_the_file_of_a_process_whose_id_is_used_again_is_removed(state: Path) -> None:
    mine = entry()
    path = register(msgspec.structs.replace(mine, process_started=mine.process_started - 5), state).path
    found = survey(state)
    assert found.running == ()
    assert "another one by now" in found.stale[0].why
    assert not path.exists()


def test_a_start_time_read_with_another_rounding_is_the_same_process(state: Path) -> None:
    mine = entry()
    register(msgspec.structs.replace(mine, process_started=mine.process_started + 0.5), state)
    assert len(running(state=state)) == 1


def test_a_process_that_ended_and_was_not_waited_for_does_not_run(state: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        started = psutil.Process(child.pid).create_time()
        register(entry(pid=child.pid, process_started=started), state)
        assert [found.pid for found in running(state=state)] == [child.pid]
        child.kill()
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert running(state=state) == []
    finally:
        child.communicate()


def test_a_server_of_another_process_is_found_and_forgotten_with_it(state: Path) -> None:
    code = (
        "import sys, pathlib; from relay.registry import *\n"
        "mine = ServerEntry.of_this_process('daemon', endpoint=None, version='1', token='t')\n"
        "register(mine, pathlib.Path(sys.argv[1])); print('up', flush=True); input()"
    )
    argv = [sys.executable, "-c", code, str(state)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        assert [(found.kind, found.pid) for found in running(state=state)] == [("daemon", child.pid)]
        child.kill()
    assert running(state=state) == []
    assert list((state / "servers").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"kind": "hub"}', b"\xff\xfe", encode_entry(entry())[:-20]])
def test_a_file_that_cannot_be_read_is_stale_and_disturbs_nobody(state: Path, content: bytes) -> None:
    mine = register(entry(), state)
    broken = mine.path.with_name(f"hub-{DEAD_PID}.json")
    broken.write_bytes(content)
    broken.chmod(0o600)
    found = survey(state)
    assert found.running == (mine.entry,)
    assert [(stale.path, stale.removed) for stale in found.stale] == [(broken, True)]
    assert "cannot be read" in found.stale[0].why
    assert not broken.exists()


def test_a_file_that_cannot_be_read_is_kept_while_its_process_lives(state: Path) -> None:
    path = register(entry(), state).path
    path.write_bytes(b'{"written": "by a later version"}')
    (stale,) = survey(state).stale
    assert not stale.removed
    assert path.exists()


def test_a_half_written_temporary_file_is_not_looked_at(state: Path) -> None:
    registration = register(entry(), state)
    registration.path.with_suffix(".tmp").write_bytes(b'{"kind": ')
    assert running(state=state) == [registration.entry]
    registration.update(notebooks=[OpenNotebook("n")])
    assert len(running(state=state)[0].notebooks) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o602])
def test_a_file_that_others_may_read_or_write_is_refused(state: Path, mode: int) -> None:
    path = register(entry(), state).path
    path.chmod(mode)
    with pytest.raises(UnsafeState, match=r"open to others.*chmod 600") as refused:
        running(state=state)
    assert str(path) in str(refused.value)
    assert path.exists()


def test_a_link_in_place_of_a_file_is_refused(state: Path, tmp_path: Path) -> None:
    path = register(entry(), state).path
    elsewhere = tmp_path / "elsewhere.json"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(UnsafeState, match="cannot be opened"):
        running(state=state)


def test_a_file_of_somebody_else_is_refused(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(entry(), state)
    me = os.getuid()
    monkeypatch.setattr("os.getuid", lambda: me + 1)
    with pytest.raises(UnsafeState, match="belongs to user"):
        running(state=state)


def test_a_state_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir(mode=0o755)
    with pytest.raises(UnsafeState, match="chmod 700"):
        state_dir({"QUIRE_HOME": str(open_folder)})


def test_two_homes_never_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for home in ("one", "two"):
        monkeypatch.setenv("QUIRE_HOME", str(tmp_path / home))
        register(entry(version=home))
    for home in ("one", "two"):
        monkeypatch.setenv("QUIRE_HOME", str(tmp_path / home))
        assert [found.version for found in running()] == [home]
        assert state_dir() == tmp_path / home


@pytest.mark.parametrize("environ", [{}, {"QUIRE_HOME": ""}])
def test_without_a_home_the_state_is_where_the_system_keeps_state(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_dir(environ) == tmp_path / "xdg" / "quire"


def test_an_entry_survives_being_written_and_read() -> None:
    mine = entry(notebooks=(OpenNotebook("n", None),))
    assert decode_entry(encode_entry(mine)) == mine
    later = {**json.loads(encode_entry(mine)), "of_a_later_version": 1}
    assert decode_entry(json.dumps(later).encode()) == mine


def test_the_token_is_not_shown() -> None:
    assert "s3cret" not in repr(entry())
    assert "s3cret" not in f"{entry()}"
