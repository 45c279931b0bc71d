"""The keeper's process: takes its order from standard input, launches the kernel, says so, and keeps it.

The order is one line of JSON (see `link.order_line`), so that the environment, which may hold secrets, is on no command
line. Everything that is not needed to launch the kernel is imported afterwards, while the kernel starts. From its first
moment a keeper leads a session of its own and minds no signal but SIGTERM: nothing that happens to the daemon, or to
the terminal it was started from, reaches it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path

from clients.daemon.process import spawn


def main() -> None:
    """Run a keeper."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the kernel would inherit: SIGINT interrupts it
    order = json.loads(sys.stdin.buffer.readline())
    folder = Path(order["folder"])
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o077)
    listening.bind(str(folder / "keeper"))
    os.umask(umask)  # the kernel gets the user's
    listening.listen(4)
    listening.setblocking(False)
    try:
        process, log = spawn(order["argv"], order["cwd"], order["env"], order["memory"])
    except (OSError, ValueError) as error:
        _say({"failed": str(error)})
        return
    _say({"kernel_pid": process.pid})
    _let_go_of_the_daemon()

    from clients.daemon.keeper.serving import keep

    keep(order, process, log, listening)


def _say(told: dict[str, object]) -> None:
    """Tell the daemon, if it is there."""
    try:
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        return  # it ended meanwhile; the next one finds the manifest


def _let_go_of_the_daemon() -> None:
    with open(os.devnull, "r+b", buffering=0) as nothing:
        for descriptor in (0, 1):
            os.dup2(nothing.fileno(), descriptor)


if __name__ == "__main__":
    main()
