"""What is added to ipykernel when it starts. This runs in the kernel, in a namespace of its own.

Four things that ipykernel cannot be told otherwise. It is to keep more of what it publishes for a reader that the
system holds up: it drops what is beyond a thousand messages. It is not to wait for its own threads where there is
nothing to wait for, nor to sleep before each reply. It is to run code in a copy of the notebook's namespace where the
request's metadata ask for that: names that the code binds are then gone with the copy, what it does to objects stays,
as do functions' own globals; `exit()` ends no kernel that is others' as well; everything else, from magics and
top-level await to tracebacks, is as ever. And it is to keep what a cell leaves, or to restore it, where the metadata
say so; how is in `results/in_kernel.py`.
Needs nothing but IPython, and runs on any Python that it runs on.
"""

from __future__ import annotations

import functools
import sys
import tokenize
import types
from typing import Any

from IPython import get_ipython

METADATA = "quire_namespace"  # of an execute_request; its value "copy" asks for one
CACHE = "quire_cache"  # of an execute_request; whether and where what a cell leaves is kept
SNDHWM = 23  # as zmq counts its options
MESSAGES = 100_000


def keep_more(shell: Any) -> None:
    """Have the thread that publishes keep this many messages for each reader."""
    thread = shell.kernel.iopub_thread
    thread.schedule(lambda: thread.socket.setsockopt(SNDHWM, MESSAGES))


def wait_for_nothing(shell: Any) -> None:
    """Have a run's end wait only for what it has printed and is not sent yet.

    Around each run ipykernel flushes stdout and stderr six times, each a round trip to the thread that publishes, and
    sleeps half a millisecond because a flushed output has been seen to come after the reply. Quire takes a run for
    ended when its `idle` has come, and that is behind all its outputs on one socket.
    """
    if hasattr(shell.kernel, "_execute_sleep"):
        shell.kernel._execute_sleep = 0.0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(getattr(stream, "_buffers", None), dict) and hasattr(stream, "_flush"):
            flush_what_there_is(stream)


def flush_what_there_is(stream: Any) -> None:
    """Have `flush` return at once if all that was written is sent."""
    wait, send = stream.flush, stream._flush
    sending: list[None] = []  # one for each call of `send` that is under way

    def _flush() -> None:  # in the thread that publishes
        sending.append(None)
        try:
            send()
        finally:
            sending.pop()

    def flush() -> None:
        if stream._buffers or sending:  # in this order: what is taken out of the buffers is being sent
            wait()

    stream._flush, stream.flush = _flush, flush


def run_in_copies(shell: Any) -> None:
    """Have the shell look for METADATA before it runs anything."""
    plain = shell.run_cell_async
    home = shell.user_module

    @functools.wraps(plain)
    async def run_cell_async(*args: Any, **keywords: Any) -> Any:
        metadata = shell.kernel.get_parent().get("metadata") or {}
        if metadata.get(CACHE) and shell.user_module is home:
            return await cached(shell, metadata[CACHE], plain, args, keywords)
        if metadata.get(METADATA) != "copy" or shell.user_module is not home:  # in a copy already
            return await plain(*args, **keywords)
        namespace = shell.user_ns
        shell.user_module, shell.user_ns = copied(home, namespace)
        code = args[0] if args else keywords.get("raw_cell", "")
        # IPython looks at the latest cell of its history, which this is not, for the semicolon that hides a value.
        shell.displayhook.quiet = lambda: ends_quietly(shell, code)
        shell.ask_exit = stay
        try:
            return await plain(*args, **keywords)
        finally:
            del shell.displayhook.quiet, shell.ask_exit
            shell.user_module, shell.user_ns = home, namespace

    shell.run_cell_async = run_cell_async


def ends_quietly(shell: Any, code: str) -> bool:
    """Whether code ends with the semicolon that hides its value."""
    try:
        return bool(shell.displayhook.semicolon_at_end_of_expression(code))
    except (SyntaxError, tokenize.TokenError):  # magics are not Python
        return False


def stay() -> None:
    """What `exit()` does in a copy."""
    sys.stderr.write("exit() ends nothing here: others use this kernel.\n")


async def cached(shell: Any, told: dict[str, Any], plain: Any, args: Any, keywords: Any) -> Any:
    """Run a cell, or restore what it left, as the result cache's own program does; it is loaded when first needed."""
    if "refused" in told:
        shell.payload_manager.write_payload({"source": CACHE, "cache": told["refused"], "saved_ms": None})
        return await plain(*args, **keywords)
    return await cache_of(shell, told["program"]).around(told, plain, args, keywords)


@functools.lru_cache(maxsize=1)
def cache_of(shell: Any, path: str) -> Any:
    """The result cache of this kernel, made when it is first needed."""
    with open(path, encoding="utf-8") as file:
        program: dict[str, Any] = {"__name__": "quire_result_cache"}
        exec(compile(file.read(), path, "exec"), program)
    return program["Cache"](shell)


def copied(module: types.ModuleType, namespace: dict[str, Any]) -> tuple[types.ModuleType, dict[str, Any]]:
    """A module that looks like this one, and its namespace."""
    copy = types.ModuleType(module.__name__, module.__doc__)
    names = copy.__dict__
    names.update(namespace)
    for name in ("_oh", "Out"):  # else a value that the code ends with would be kept here for ever
        if isinstance(names.get(name), dict):
            names[name] = dict(names[name])
    return copy, names


keep_more(get_ipython())
wait_for_nothing(get_ipython())
run_in_copies(get_ipython())
