"""The service's log: lines that can be read back, that cannot steer a terminal, in a file that stays small."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clients.cli import log_sink
from clients.cli.log_file import older_file
from clients.cli.log_line import LogLine, clean, parse, shown
from clients.cli.log_sink import LogFile, LogSink
from tests.cli.services import Home

ONE_LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=50)


@given(st.integers(0, 2**32), st.sampled_from(["INFO", "ERROR"]), st.sampled_from(["hub", "daemon"]), ONE_LINE)
@example(0, "INFO", "hub", "  two spaces first")
def test_a_line_can_be_read_back(seconds: int, level: str, source: str, text: str) -> None:
    event = LogLine(seconds + 0.25, level, source, text)
    assert parse(str(event)) == event


@given(st.text(max_size=80))
def test_what_is_shown_cannot_steer_a_terminal(text: str) -> None:
    told = shown(str(LogLine(0.0, "INFO", "hub", text)).split("\n")[0], colour=False)
    assert told.isprintable() or all(char.isprintable() or char in "\t" or ord(char) > 0x9F for char in told)
    assert "\x1b" not in clean(text)


def test_a_traceback_follows_its_line_indented() -> None:
    lines = str(LogLine(0.0, "ERROR", "hub", "it failed\nTraceback\n  here")).split("\n")
    assert lines[0].endswith("it failed")
    assert lines[1:] == ["    Traceback", "      here"]
    assert all(parse(line) is None for line in lines[1:])


def test_a_person_reads_the_time_the_source_and_a_short_id() -> None:
    line = str(LogLine(0.0, "WARNING", "hub", "notebook 2b0c7a52-4a0e-4c0e-9a33-111111111111: slow"))
    assert shown(line, colour=False).endswith("hub         warning: notebook 2b0c7a52: slow")
    assert "\x1b[33m" in shown(line, colour=True)


def test_a_log_that_has_grown_large_is_moved_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_sink, "FILE_BYTES", 100)
    path = tmp_path / "quire.log"
    log = LogFile(path)
    for number in range(30):
        log.write(f"line {number} {'.' * 40}")
    log.close()
    kept = [older_file(path, number) for number in range(5)]
    assert all(file.stat().st_size <= 100 for file in kept)
    assert not older_file(path, 5).exists()
    assert "line 29" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_a_terminal_begins_with_what_is_said_above_the_log(tmp_path: Path) -> None:
    terminal = io.StringIO()
    sink = LogSink(tmp_path / "quire.log", terminal)
    sink.say("INFO", "hub", "first")
    sink.show("Welcome")
    sink.say("INFO", "hub", "second")
    sink.close()
    assert [line.split()[-1] for line in terminal.getvalue().splitlines()] == ["Welcome", "first", "second"]


def test_logs_begins_in_an_older_file_where_the_newest_is_too_short(home: Home) -> None:
    path = home.folder / "logs" / "quire.log"
    path.parent.mkdir(mode=0o700)
    path.write_text("".join(f"{LogLine(number, 'INFO', 'hub', f'event {number}')}\n" for number in (3, 4)))
    older_file(path, 1).write_text(
        "".join(f"{LogLine(number, 'INFO', 'hub', f'event {number}')}\n" for number in (1, 2))
    )
    told = home.quire("logs", "-n", "3").stdout.splitlines()
    assert [line[-1] for line in told] == ["2", "3", "4"]


def test_logs_follows_a_log_that_is_begun_anew(home: Home) -> None:
    path = home.folder / "logs" / "quire.log"
    path.parent.mkdir(mode=0o700)
    path.write_text(f"{LogLine(0, 'INFO', 'hub', 'the first')}\n")
    following = home.start("logs", "--follow")
    following.wait_for("the first")
    path.replace(older_file(path, 1))
    path.write_text(f"{LogLine(1, 'INFO', 'hub', 'the second')}\n")
    following.wait_for("the second")
    following.interrupt()
    assert following.end() == 0
