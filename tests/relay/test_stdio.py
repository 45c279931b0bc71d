"""Frames over the standard input and output of a process."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from relay.errors import BadEndpoint, ConnectionLost
from relay.frames import length_prefixed
from relay.stdio import spawn_stdio
from relay.stream import FrameStream, StreamConnection
from tests.relay.links import random_frames, receive_until_lost
from tests.support.aio import aio

ECHO = """
import asyncio, os, subprocess, sys
from relay.errors import ConnectionLost, WireError
from relay.stdio import open_stdio

async def main():
    try:
        connection = await open_stdio()
    except WireError as error:
        sys.exit(error.message)
    print("a stray print")
    os.write(1, b"a stray write")
    subprocess.run(["sh", "-c", "cat; echo from a child"])
    try:
        while True:
            await connection.send(await connection.receive())
    except ConnectionLost:
        await connection.close()

asyncio.run(main())
"""
ECHO_PROCESS = [sys.executable, "-c", ECHO]


@aio
async def test_a_process_answers_over_its_standard_output_whatever_else_it_prints(
    capfd: pytest.CaptureFixture[str],
) -> None:
    frames = random_frames(seed=5, count=300, largest=3_000)
    connection = await spawn_stdio(ECHO_PROCESS)

    async def send() -> None:
        for frame in frames:
            await connection.send(frame)

    sending = asyncio.create_task(send())
    assert [await connection.receive() for _ in frames] == frames
    await sending
    await connection.close()
    assert connection.exit_status == 0
    printed = capfd.readouterr()
    assert "a stray write" in printed.err
    assert "from a child" in printed.err
    assert printed.out == ""


@aio
async def test_a_process_may_have_one_socket_for_input_and_output_as_under_sshd() -> None:
    ours, its = socket.socketpair()
    process = await asyncio.create_subprocess_exec(
        *ECHO_PROCESS, stdin=its.fileno(), stdout=its.fileno(), stderr=subprocess.DEVNULL
    )
    its.close()
    stream = FrameStream("the process")
    await asyncio.get_running_loop().create_connection(lambda: stream, sock=ours)
    connection = StreamConnection("the process", stream, stream)
    for number in range(50):
        await connection.send(bytes([0, number]))
        assert await connection.receive() == bytes([0, number])
    await connection.close()
    assert await process.wait() == 0


@aio
async def test_a_process_that_fails_is_a_lost_connection_with_its_status() -> None:
    connection = await spawn_stdio([sys.executable, "-c", "raise SystemExit(3)"], name="the far side")
    with pytest.raises(ConnectionLost, match="the far side ended with status 3"):
        await connection.receive()
    await connection.close()


@aio
async def test_what_a_process_wrote_before_it_ended_is_received() -> None:
    code = f"import os; os.write(1, {length_prefixed(b'last words')!r})"
    connection = await spawn_stdio([sys.executable, "-c", code])
    assert await receive_until_lost(connection) == [b"last words"]
    await connection.close()
    assert connection.exit_status == 0


@aio
async def test_closing_ends_a_process_that_does_not_end_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.stdio.CLOSE_SECONDS", 0.05)
    monkeypatch.setattr("relay.stdio.TERMINATE_SECONDS", 0.05)
    deaf = "import signal, os; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.write(1, bytes([0, 0, 0, 1, 7]))"
    connection = await spawn_stdio([sys.executable, "-c", f"{deaf}\nwhile True: signal.pause()"])
    assert await connection.receive() == b"\x07"
    await connection.close()
    assert connection.exit_status == -9


@aio
async def test_a_program_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadEndpoint, match="Cannot start"):
        await spawn_stdio(["/nonexistent/quire"])


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_frames_do_not_go_over_files_or_terminals(stream: str, tmp_path: Path) -> None:
    with open(tmp_path / "file", "w+b") as file:
        given: dict[str, object] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, stream: file}
        ended = subprocess.run(
            ECHO_PROCESS,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            **given,  # type: ignore[call-overload]  # mixed
        )
    assert ended.returncode == 1
    assert "neither a pipe nor a socket" in ended.stderr
