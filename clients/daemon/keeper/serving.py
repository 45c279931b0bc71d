"""What a keeper does all its life: reads the kernel, spools, and serves one daemon at a time.

A Keeper owns the kernel's process, its sockets, the spool, and its own socket. It promises that what the kernel says
is numbered in the order in which it arrived, that nothing is forgotten before a daemon has acknowledged it, that an
execution whose key it has seen is not sent again, that the kernel's end comes after everything it published, and that
nothing is left when it ends itself. It ends when the daemon says so or on SIGTERM; when its kernel has ended and a
daemon has taken the rest; and after `lonely_seconds` without a daemon, unless the kernel works. It refuses strangers:
whoever connects must be the same user and show the token, and finds nobody in while a daemon is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import itertools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

import zmq

from clients.daemon.keeper import frames, manifest
from clients.daemon.keeper.channel import Channel
from clients.daemon.keeper.spool import Spool
from clients.daemon.out_of_memory import OutOfMemoryKills
from clients.daemon.process import KernelProcess, ProcessLog

# Messages that wait in libzmq while the keeper is busy; the kernel drops what exceeds it, so it is large.
IOPUB_MESSAGES: Final = 100_000
BATCH: Final = 100  # messages read before other tasks have their turn: some milliseconds
DRAIN_SECONDS: Final = 0.5  # for a dead kernel's socket to close; longer only if a child of it holds the socket open
RECONNECT_MILLISECONDS: Final = 10  # the sockets' files appear while we are already connecting
# Seconds between beats, and beats in a row without an answer until the kernel is said not to answer: it is noticed in
# 1.5 to 1.8 s. Whenever this process itself was held up for `LATE_SECONDS`, as when the machine slept, the count begins
# again.
BEAT_SECONDS: Final = 0.3
MISSED_BEATS: Final = 5
LATE_SECONDS: Final = 0.3
LOOK_EVERY_BEATS: Final = 20  # at the count of processes killed for want of memory
ATTACH_SECONDS: Final = 5.0  # for whoever connects to show the token
FIRST_DAEMON_SECONDS: Final = 30.0  # for the daemon that started us to connect, where nobody else could find us
TERMINATE_SECONDS: Final = 1.0  # from SIGTERM to SIGKILL, when we are told to end by SIGTERM ourselves
FAREWELL_SECONDS: Final = 1.0  # for the daemon to take the last that we sent
WAITING_BYTES: Final = 1 << 20  # to the daemon, in the socket's buffer; the rest waits in the spool
KEYS: Final = 4096  # of executions that were sent

_CHANNELS: Final = ((frames.SHELL, "shell"), (frames.CONTROL, "control"), (frames.STDIN, "stdin"))


def keep(order: dict[str, Any], process: subprocess.Popen[bytes], log: int, listening: socket.socket) -> None:
    """Keep a kernel until nothing is left to do."""
    asyncio.run(_keep(order, process, log, listening))


async def _keep(order: dict[str, Any], process: subprocess.Popen[bytes], log: int, listening: socket.socket) -> None:
    await Keeper(order, process, log).run(listening)


class Keeper:
    """See the module."""

    def __init__(self, order: dict[str, Any], process: subprocess.Popen[bytes], log: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._order = order
        self._kernel = KernelProcess(process)
        self._oom_kills = OutOfMemoryKills(process.pid)
        self._log = ProcessLog(log, self.pump)
        self._folder = Path(order["folder"])
        # Without a folder for manifests nobody could find us again: then we end with the daemon that started us.
        self._manifests = Path(order["manifests"]) if order["manifests"] else None
        spool = manifest.spool_of(self._manifests or self._folder, order["keeper"])
        self._spool = Spool(spool, cap=order["cap"])
        self._context = zmq.Context(io_threads=1)
        self._channels = {number: self._connect(zmq.DEALER, name) for number, name in _CHANNELS}
        self._iopub = self._connect(zmq.SUB, "iopub")
        self._heart = self._connect(zmq.DEALER, "hb")
        self._daemon: _Daemon | None = None
        self._logged = 0  # bytes of the log that this daemon has
        self._keys: OrderedDict[bytes, None] = OrderedDict()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = True  # what the kernel said last of itself
        self._lonely_since: float | None = self._loop.time()
        self._ever_attached = False
        self._missed = 0
        self._ever_beaten = False
        self._unresponsive: str | None = None
        self._exit_seq: int | None = None
        self._ending = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, listening: socket.socket) -> None:
        """Serve until the end, then clear up."""
        self._write_manifest()
        self._loop.add_signal_handler(signal.SIGTERM, lambda: self._start(self._terminate()))
        server = await self._loop.create_unix_server(lambda: _Daemon(self), sock=listening)
        for number, channel in self._channels.items():
            self._start(self._read(number, channel))
        iopub = self._start(self._read(frames.IOPUB, self._iopub))
        self._start(self._beat())
        self._start(self._hear_beats())
        self._start(self._watch_kernel(iopub))
        try:
            await self._ending.wait()
        finally:
            server.close()
            await self._clear()

    def _start(self, work: Any) -> asyncio.Task[None]:
        """A task of ours; one that fails ends the keeper, which is for the daemon to notice."""
        task: asyncio.Task[None] = self._loop.create_task(work)
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and task.exception() is not None:
                self._loop.call_exception_handler({"message": "a keeper's task failed", "exception": task.exception()})
                os._exit(1)

        task.add_done_callback(done)
        return task

    # --- the kernel ---------------------------------------------------------------------------------------------------

    async def _read(self, number: int, channel: Channel) -> None:
        while True:
            await channel.wait()
            self._take(number, channel)
            self.pump()
            if number == frames.IOPUB and self._spool.full:
                self._room.clear()
                self._tell_state()
                await self._room.wait()
                self._tell_state()

    def _take(self, number: int, channel: Channel, most: int = BATCH) -> None:
        for parts in channel.take(most):
            self._spool.append(number, parts)
            if number == frames.IOPUB and len(parts[-1]) < 64 and b'"execution_state"' in parts[-1]:
                self._idle = b'"idle"' in parts[-1]

    async def _watch_kernel(self, iopub: asyncio.Task[None]) -> None:
        """When the process has ended, put its end behind everything that it had published."""
        code = await asyncio.shield(self._kernel.exited)
        out_of_memory = code == -signal.SIGKILL and self._oom_kills.since
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while not any(True for _ in self._iopub_closed.take(1)):
                    await self._iopub_closed.wait()
        iopub.cancel()
        await asyncio.gather(iopub, return_exceptions=True)
        while self._spool.full:
            await self._room.wait()
        self._take(frames.IOPUB, self._iopub, IOPUB_MESSAGES)
        for number, channel in self._channels.items():
            self._take(number, channel, IOPUB_MESSAGES)
        self._log.take()
        self.pump()  # the log's end goes before
        told = {"code": code, "out_of_memory": out_of_memory, "most_memory": self._kernel.most_memory}
        self._exit_seq = self._spool.append(frames.EXIT, [json.dumps(told).encode()])
        self._idle = True
        self.pump()

    async def _beat(self) -> None:
        for number in itertools.count():
            if self._kernel.exited.done():
                break
            if number % LOOK_EVERY_BEATS == 0:
                self._oom_kills.look()
            with contextlib.suppress(zmq.Again):  # it has enough beats to answer; the first waits until it is there
                self._heart.send([b"", b"beat"])
            slept_at = self._loop.time()
            await asyncio.sleep(BEAT_SECONDS)
            if self._loop.time() - slept_at > BEAT_SECONDS + LATE_SECONDS:
                self._missed = 0
            elif self._ever_beaten:
                self._missed += 1
                if self._missed > MISSED_BEATS:
                    stopped = manifest.process_is_stopped(self._kernel.pid)
                    self._set_unresponsive("it was stopped by a signal" if stopped else "it does not answer")
            self._look_after_the_lonely()
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self._look_after_the_lonely()

    async def _hear_beats(self) -> None:
        while True:
            await self._heart.wait()
            if any(True for _ in self._heart.take(BATCH)):
                self._ever_beaten = True
                self._missed = 0
                self._set_unresponsive(None)

    def _set_unresponsive(self, why: str | None) -> None:
        if why != self._unresponsive:
            self._unresponsive = why
            self._tell_state()

    def _look_after_the_lonely(self) -> None:
        if self._lonely_since is None:
            return
        lonely = self._loop.time() - self._lonely_since
        if self._manifests is not None:  # without its manifest, as when the state folder is gone, nobody would come
            self._end_if(not manifest.path_of(self._manifests, self._order["keeper"]).exists())
        if self._manifests is None and not self._ever_attached:
            self._end_if(lonely > FIRST_DAEMON_SECONDS)
        else:
            self._end_if(self._idle and lonely > self._order["lonely_seconds"])

    def _end_if(self, condition: bool) -> None:
        if condition:
            self._ending.set()

    async def _terminate(self) -> None:
        self._kernel.signal(signal.SIGTERM)
        await asyncio.wait((self._kernel.exited,), timeout=TERMINATE_SECONDS)
        self._ending.set()

    # --- the daemon ---------------------------------------------------------------------------------------------------

    def attach(self, daemon: _Daemon, token: object) -> bool:
        """Whether this connection is the daemon's; if so it is served from here on."""
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), self._order["token"].encode()):
            return False
        if self._daemon is not None:
            return False
        self._daemon = daemon
        self._lonely_since = None
        self._ever_attached = True
        self._logged = 0
        told = {
            "keeper": self._order["keeper"],
            "kernel_pid": self._kernel.pid,
            "sent": [key.decode() for key in self._keys],
        }
        daemon.send(frames.frame(frames.WELCOME, json.dumps(told).encode()))
        self._spool.rewind()
        self._tell_state()
        self.pump()
        return True

    def detached(self, daemon: _Daemon) -> None:
        """This connection is gone."""
        if daemon is self._daemon:
            self._daemon = None
            self._lonely_since = self._loop.time()
            self._end_if(self._manifests is None)

    def pump(self) -> None:
        """Send what the daemon has not got, as far as it takes it."""
        daemon = self._daemon
        if daemon is None:
            return
        if self._logged < self._log.written and not daemon.paused:
            daemon.send(frames.frame(frames.LOG, self._log.since(self._logged)))
            self._logged = self._log.written
        while not daemon.paused and (data := self._spool.read()):
            daemon.send(data)

    def serve(self, kind: int, payload: bytes) -> None:
        """What the daemon asks."""
        if kind == frames.SEND:
            number, key, parts = frames.read_send(payload)
            if key in self._keys:
                return
            if key:
                self._keys[key] = None
                if len(self._keys) > KEYS:
                    self._keys.popitem(last=False)
            self._channels[number].send(parts)
        elif kind == frames.ACKNOWLEDGE:
            told = json.loads(payload)
            self._spool.acknowledge(told["seq"], told["keep"])
            if not self._spool.full:
                self._room.set()
            self._end_if(self._exit_seq is not None and told["seq"] >= self._exit_seq)
        elif kind == frames.SIGNAL:
            if not self._kernel.exited.done():
                self._kernel.signal(payload[0])
        elif kind == frames.NOTE:
            self._order["about"] |= json.loads(payload)
            self._write_manifest()
        elif kind == frames.END:
            self._ending.set()

    def _tell_state(self) -> None:
        if self._daemon is not None:
            told = {"unresponsive": self._unresponsive, "stalled": self._spool.full}
            self._daemon.send(frames.frame(frames.STATE, json.dumps(told).encode()))

    # --- its own ------------------------------------------------------------------------------------------------------

    def _write_manifest(self) -> None:
        if self._manifests is None:
            return
        manifest.write(
            self._manifests,
            manifest.Manifest(
                keeper=self._order["keeper"],
                pid=os.getpid(),
                began=manifest.process_began(os.getpid()) or "",
                kernel_pid=self._kernel.pid,
                kernel_began=manifest.process_began(self._kernel.pid) or "",
                cwd=self._order["cwd"],
                folder=str(self._folder),
                token=self._order["token"],
                **self._order["about"],
            ),
        )

    async def _clear(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._kernel.kill()
        self._log.close()
        for channel in (*self._channels.values(), self._iopub, self._iopub_closed, self._heart):
            channel.close()
        self._context.destroy(linger=0)
        self._spool.close()
        if self._manifests is not None:
            manifest.path_of(self._manifests, self._order["keeper"]).unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._daemon is not None:
            self._daemon.send(frames.frame(frames.BYE))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._daemon.close(), FAREWELL_SECONDS)

    def _connect(self, kind: int, name: str) -> Channel:
        sock = self._context.socket(kind)
        sock.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MILLISECONDS)
        if kind == zmq.SUB:
            sock.setsockopt(zmq.RCVHWM, IOPUB_MESSAGES)
            sock.setsockopt(zmq.SUBSCRIBE, b"")
            self._iopub_closed = Channel(sock.get_monitor_socket(zmq.EVENT_DISCONNECTED))
        elif name == "hb":
            sock.setsockopt(zmq.SNDHWM, MISSED_BEATS)
        else:
            sock.setsockopt(zmq.SNDHWM, 0)  # requests are few; sending one never blocks the loop
            # One for all: the kernel asks on stdin whoever sent on shell.
            sock.setsockopt(zmq.IDENTITY, self._order["keeper"].encode())
        sock.connect(self._order["endpoints"][name])
        return Channel(sock)


class _Daemon(asyncio.Protocol):
    """A connection to our socket: a stranger until it has shown the token."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._parser = frames.Parser(frames.STRANGERS_LIMIT)
        self._attached = False
        self._lost = asyncio.Event()
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=WAITING_BYTES)
        if not _is_ours(transport.get_extra_info("socket")):
            transport.abort()
            return
        self._patience = asyncio.get_running_loop().call_later(ATTACH_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        try:
            for kind, payload in self._parser.feed(data):
                if self._attached:
                    self._keeper.serve(kind, payload)
                else:
                    self._meet(kind, payload)
        except (frames.BadFrame, ValueError, KeyError, struct.error):  # no daemon of ours speaks like this
            self._transport.abort()

    def _meet(self, kind: int, payload: bytes) -> None:
        shown = json.loads(payload) if kind == frames.ATTACH else None
        self._patience.cancel()
        self._attached = isinstance(shown, dict) and self._keeper.attach(self, shown.get("token"))
        if self._attached:
            self._parser.limit = frames.LIMIT
        else:
            self._transport.abort()

    def _give_up(self) -> None:
        self._transport.abort()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._keeper.pump()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set()
        self._keeper.detached(self)

    def send(self, data: bytes) -> None:
        """Hand these bytes to the socket."""
        self._transport.write(data)

    async def close(self) -> None:
        """Close once everything is sent."""
        self._transport.close()
        await self._lost.wait()


def _is_ours(sock: socket.socket) -> bool:
    """Whether the other end is a process of the same user, where the system tells; the socket is ours alone anyway."""
    if sys.platform != "linux":
        return True
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", credentials)[1] == os.getuid())
