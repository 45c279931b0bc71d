"""What is added to ipykernel when it starts. This runs in the kernel, in a namespace of its own.

Six things that ipykernel cannot be told otherwise. It is to keep more of what it publishes for a reader that the
system holds up: it drops what is beyond a thousand messages. It is not to wait for its own threads where there is
nothing to wait for, nor to sleep before each reply. It is to run code in a copy of the notebook's namespace where the
request's metadata ask for that: names that the code binds are then gone with the copy, what it does to objects stays,
as do functions' own globals; `exit()` ends no kernel that is others' as well; everything else, from magics and
top-level await to tracebacks, is as ever. It is to keep what a cell leaves, or to restore it, where the metadata say
so; how is in `results/in_kernel.py`. And it is to say which variables it has when it is asked on its shell channel or
in a subshell, beside what it runs. And it is to know whose kernel it is and what runs its code, for a library in it
that would wait for a run of the same notebook (`clients.peer.own_kernel`).
Needs nothing but IPython, and runs on any Python that it runs on.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import inspect
import reprlib
import sys
import time
import tokenize
import types
from typing import Any

from IPython import get_ipython

METADATA = "quire_namespace"  # of an execute_request; its value "copy" asks for one
CACHE = "quire_cache"  # of an execute_request; whether and where what a cell leaves is kept
VARIABLES = "quire_variables"  # the kind of request that asks for the kernel's variables, without "_request"
SECONDS = 1.0  # for describing variables; those that it does not reach are named only
MOST_VARIABLES = 1_000
MOST_TEXT = 200  # characters of a variable's repr
QUICK = {"builtins", "__main__", "numpy"}  # with the standard library: whose objects answer at once
PLAIN = (int, float, complex, str, bytes, datetime.date, datetime.timedelta)  # so do these, whoever extends them
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
    ended when its `idle` has come, and that is behind all its outputs on one socket. Only what is asked of a person
    goes another way, and waits as ever for what was published before it.
    """
    if hasattr(shell.kernel, "_execute_sleep"):
        shell.kernel._execute_sleep = 0.0
    if not hasattr(shell.kernel, "_input_request"):
        return  # who knows what would overtake what
    ask_after(shell.kernel, sys.stdout.flush)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(getattr(stream, "_buffers", None), dict) and hasattr(stream, "_flush"):
            flush_what_there_is(stream)


def ask_after(kernel: Any, wait: Any) -> None:
    """Have it ask for input only after this: one thread publishes everything, so one wait is enough."""
    ask = kernel._input_request

    def _input_request(*args: Any, **keywords: Any) -> Any:
        wait()
        return ask(*args, **keywords)

    kernel._input_request = _input_request


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
        before, shell.quire_task = shell.quire_task, running_task()
        try:
            return await run(*args, **keywords)
        finally:
            shell.quire_task = before

    async def run(*args: Any, **keywords: Any) -> Any:
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

    shell.quire_task = None
    run_cell_async.__signature__ = inspect.signature(plain)  # type: ignore[attr-defined]  # it is asked for at each run
    shell.run_cell_async = run_cell_async


def running_task() -> Any:
    """The task that the caller is part of; None where no loop of asyncio runs, as under trio's."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


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


def tell_variables(shell: Any) -> None:
    """Have it answer VARIABLES requests: {"variables": [[name, type, shape, length, text]], "left_out": int}."""
    home = shell.user_ns  # not the copy that may be there while somebody asks
    hidden = {*shell.user_ns_hidden, "In", "Out", "exit", "quit", "get_ipython", "open"}
    session = shell.kernel.session

    def answer(stream: Any, identity: Any, parent: Any) -> None:
        shown = [(name, value) for name, value in list(home.items()) if is_shown(name, value, hidden)]
        due = time.monotonic() + SECONDS
        variables = [described(name, value, time.monotonic() < due) for name, value in shown[:MOST_VARIABLES]]
        content = {"status": "ok", "variables": variables, "left_out": len(shown) - len(variables)}
        session.send(stream, f"{VARIABLES}_reply", content, parent, identity)

    shell.kernel.shell_handlers[f"{VARIABLES}_request"] = answer


def is_shown(name: str, value: Any, hidden: set[str]) -> bool:
    return not name.startswith("_") and name not in hidden and not isinstance(value, types.ModuleType)


def described(name: str, value: Any, has_time: bool) -> tuple[str, str, list[int] | None, int | None, str]:
    """What is said of a variable. What may take long is not called: nobody has asked this object anything."""
    kind, shape, length, text = type(value).__name__, None, None, ""
    if has_time:
        try:
            shape = getattr(value, "shape", None)
            shape = [int(one) for one in shape] if isinstance(shape, tuple) else None
            is_sized = shape is None and hasattr(value, "__len__") and not isinstance(value, type)
            length = len(value) if is_sized and is_quick(value) else None
            text = "" if shape else Short().repr(value)[:MOST_TEXT]
        except Exception as error:  # noqa: BLE001 (it is said of the variable)
            text = f"(its repr raises {type(error).__name__})"
    return name, kind, shape, length, text


def is_quick(value: Any) -> bool:
    """Whether asking this object for its length or its repr is no work: others may compute, or ask a database."""
    of = type(value).__module__.partition(".")[0]
    return isinstance(value, PLAIN) or of in QUICK or of in getattr(sys, "stdlib_module_names", ())


class Short(reprlib.Repr):
    """A repr that is short, also of what is deep or wide, and names the type alone of what might take long."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = MOST_TEXT

    def repr_instance(self, value: Any, level: int) -> str:
        if not is_quick(value) and not isinstance(value, (type, types.FunctionType)):
            return f"<{type(value).__name__}>" if level < self.maxlevel else ""
        return super().repr_instance(value, level)


get_ipython().quire_notebook = globals().get("NOTEBOOK", "")
keep_more(get_ipython())
wait_for_nothing(get_ipython())
run_in_copies(get_ipython())
tell_variables(get_ipython())
