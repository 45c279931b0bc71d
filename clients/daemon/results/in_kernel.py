"""The result cache where it happens: restores what a run of a cell left, or runs the cell and keeps it. In the kernel.

`around` is given one run of one cell and what the daemon says of it: the folder, the key (a hash of the source, the
inputs' provenance and the environment), the names that the cell defines and reads. The values of what it reads make the
key complete, so what is restored was computed from the same values, not only from the same source. It promises that a
hit leaves the names, the types and the outputs that the run left, and that whatever cannot be had faithfully is run.
Refused is: values that do not come back equal and of the same types, functions and classes of the notebook, modules
that are not installed, objects shared with the inputs, inputs that the run changed, and runs that were seen to have
effects (files, network, processes, threads, widgets, random numbers, the environment). Nothing is loaded from a file
that others could have written. Not restored are IPython's `_` and `Out`.

Runs on any Python that ipykernel runs on, and imports nothing else; numpy and pandas only where the notebook has.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import importlib
import io
import os
import pickle
import random
import secrets
import sys
import threading
import time
import types
from collections.abc import Callable
from typing import Any

FORMAT = 1
MIN_SECONDS = 0.02  # what takes less is run again as fast as it is restored
MAX_BYTES = 64 * 1024 * 1024  # of the inputs, and of an entry
ATOMS = (int, float, complex, bool, str, bytes, type(None), type(Ellipsis), range)
_OUTPUTS = ("stream", "display_data", "execute_result")
_EFFECTS = (
    *("open", "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.remove", "os.rename"),
    *(
        "os.mkdir",
        "os.rmdir",
        "os.link",
        "os.symlink",
        "os.truncate",
        "os.chmod",
        "os.chown",
        "os.putenv",
        "os.unsetenv",
    ),
    *("os.listdir", "os.scandir", "os.chdir", "os.kill", "shutil.", "sqlite3.connect", "urllib.", "http.", "ftplib."),
    *("smtplib.", "tempfile.", "ctypes.dlopen", "_thread.start_new_thread", "signal.", "glob.", "pathlib.Path.glob"),
)


class Refused(Exception):
    """It cannot be kept, or not be restored; says why."""


class Watch:
    """What a run does beside its values: seen by Python's audit events and by what the kernel publishes."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.active = False
        self.why: str | None = None
        self.outputs: list[tuple[str, dict[str, Any]]] = []
        self._others: set[int | None] = set()  # threads that are not the run's
        sys.addaudithook(self._event)
        session = shell.kernel.session
        self._send = session.send
        session.send = self._sent

    def _event(self, event: str, args: Any) -> None:
        if not self.active or self.why is not None or not event.startswith(_EFFECTS):
            return
        if threading.get_ident() not in self._others and not _is_harmless(event, args):
            what = args[0] if args and isinstance(args[0], (str, bytes, os.PathLike)) else ""
            self.why = f"it has effects outside: {event} {os.fsdecode(what) if what else ''}".rstrip()

    def _sent(self, stream: Any, msg_or_type: Any, content: Any = None, *args: Any, **keywords: Any) -> Any:
        if self.active:
            kind = msg_or_type.get("header", {}).get("msg_type") if isinstance(msg_or_type, dict) else msg_or_type
            told = msg_or_type.get("content") if isinstance(msg_or_type, dict) else content
            if kind in _OUTPUTS:
                self.outputs.append((kind, dict(told or {})))
                if (told or {}).get("transient", {}).get("display_id") is not None:
                    self.why = self.why or "it makes a display that is updated later"
            elif kind in ("update_display_data", "clear_output", "comm_open", "comm_msg", "comm_close"):
                self.why = self.why or f"it sends {kind}"
            elif kind == "input_request":
                self.why = self.why or "it asks for input"
        return self._send(stream, msg_or_type, content, *args, **keywords)

    def begin(self) -> None:
        self._others = {one.ident for one in threading.enumerate()} - {threading.get_ident()}
        self.why, self.outputs, self.active = None, [], True

    def end(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self.active = False
        if {one.ident for one in threading.enumerate()} - self._others - {threading.get_ident()}:
            self.why = self.why or "it leaves a thread running"


def _is_harmless(event: str, args: Any) -> bool:
    """Whether this is an import at work, or an installed file that is read."""
    if event == "open" and isinstance(args[0], str) and not args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        path = os.path.realpath(args[0])
        if path.startswith(_prefixes()):
            return True
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


# --- values -----------------------------------------------------------------------------------------------------------


class _Pickler(pickle.Pickler):
    """Pickles, and notes which objects it met; refuses those that are met and must not be."""

    def __init__(self, file: io.BytesIO, shared: dict[int, Any], memory: list[tuple[int, int]]) -> None:
        super().__init__(file, 5)
        self.met: dict[int, Any] = {}
        self.memory: list[tuple[int, int]] = []
        self._file, self._shared, self._their_memory = file, shared, memory

    def persistent_id(self, one: Any) -> None:
        kind = type(one)
        if kind in ATOMS:
            return
        if self._file.tell() > MAX_BYTES:
            raise Refused("it is too large")
        if isinstance(one, (types.FunctionType, type)):
            check_installed(one)
        elif isinstance(one, types.ModuleType):
            raise Refused("it has a module inside")
        elif kind.__module__ == "__main__":
            raise Refused(f"it has an object of the class {kind.__name__}, which the notebook defines")
        elif kind not in (tuple, frozenset):
            if id(one) in self._shared:
                raise Refused("it shares an object with what the cell reads, or with a module")
            self.met[id(one)] = one
            if kind.__name__ == "ndarray" and hasattr(one, "__array_interface__"):
                base = one
                while type(base.base).__name__ == "ndarray":
                    base = base.base
                begin = base.__array_interface__["data"][0]
                span = (begin, begin + base.nbytes)
                if any(span[0] < theirs[1] and theirs[0] < span[1] for theirs in self._their_memory):
                    raise Refused("it shares memory with what the cell reads")
                self.memory.append(span)


def check_installed(one: Any) -> None:
    """Refuse a function, class or module that is not an installed package's."""
    name = one.__name__ if isinstance(one, types.ModuleType) else (getattr(one, "__module__", None) or "__main__")
    if name == "builtins" or name in sys.builtin_module_names:
        return
    module = sys.modules.get(name)
    if module is None or name == "__main__":
        raise Refused(f"the notebook defines {getattr(one, '__name__', one)!r} itself")
    if not _is_installed(module):
        raise Refused(f"the module {name!r} is not an installed package's")


def _is_installed(module: types.ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if file is None:
        return getattr(getattr(module, "__spec__", None), "origin", None) in ("built-in", "frozen")
    return bool(os.path.realpath(file).startswith(_prefixes()))


def _prefixes() -> tuple[str, str]:
    return os.path.realpath(sys.prefix) + os.sep, os.path.realpath(sys.base_prefix) + os.sep


def digest(namespace: dict[str, Any], names: Any) -> tuple[str, dict[int, Any], list[tuple[int, int]]]:
    """A hash of these names' values; the objects in them; the memory that they have."""
    hashed = hashlib.blake2b(digest_size=16)
    met: dict[int, Any] = {}
    memory: list[tuple[int, int]] = []
    for name in names:
        value = namespace[name]
        hashed.update(repr(name).encode())
        if isinstance(value, types.ModuleType):
            check_installed(value)
            met.update(own_objects(value))
            hashed.update(f"{value.__name__} {getattr(value, '__version__', '')}".encode())
            continue
        data, pickler = dumped(value, {}, [], f"what it reads, {name}, cannot be compared")
        hashed.update(data)
        met.update(pickler.met)
        memory += pickler.memory
    return hashed.hexdigest(), met, memory


def own_objects(module: types.ModuleType) -> dict[int, Any]:
    """What a module has itself: a copy of it would be another thing."""
    return {id(one): one for one in list(vars(module).values()) if type(one) not in ATOMS}


def dumped(value: Any, shared: dict[int, Any], memory: list[tuple[int, int]], why: str) -> tuple[bytes, _Pickler]:
    """A value as bytes. Raises Refused."""
    file = io.BytesIO()
    pickler = _Pickler(file, shared, memory)
    try:
        pickler.dump(value)
    except Refused as error:
        raise Refused(f"{why}: {error}") from None
    except Exception as error:  # noqa: BLE001 (whatever somebody's class raises)
        raise Refused(f"{why}: {type(error).__name__}: {str(error)[:200]}") from None
    return file.getvalue(), pickler


def equal(one: Any, other: Any) -> bool:
    """Whether a copy is surely what it is a copy of; False also where nobody can say."""
    if type(one) is not type(other):
        return False
    kind = type(one)
    if kind in (list, tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if kind is dict:
        return list(one) == list(other) and all(map(equal, one.values(), other.values()))
    if kind.__name__ == "ndarray":
        return bool(one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes())
    if kind.__module__.startswith("pandas.") and hasattr(one, "equals"):
        return bool(one.equals(other)) and _same_dtypes(one, other)
    if "__eq__" not in vars(kind):
        return False
    same = one == other
    return same is True or (kind is float and one != one and other != other)


def _same_dtypes(one: Any, other: Any) -> bool:
    mine: Any = getattr(one, "dtypes", None)
    theirs: Any = getattr(other, "dtypes", None)
    return bool(mine.equals(theirs)) if hasattr(mine, "equals") else bool(mine == theirs)


# --- entries ----------------------------------------------------------------------------------------------------------


def read_entry(path: str) -> dict[str, Any] | None:
    """The entry in a file; None if there is none, or others could have written it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    with open(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o077):
            return None
        entry = pickle.load(file)
    return entry if isinstance(entry, dict) and entry.get("format") == FORMAT else None


def write_entry(path: str, entry: dict[str, Any]) -> None:
    """Put an entry there, whole or not at all."""
    temporary = f"{path}.{secrets.token_hex(4)}.tmp"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            pickle.dump(entry, file, 5)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        raise


def _random_states() -> list[Any]:
    numpy = sys.modules.get("numpy")
    found: list[Any] = [random.getstate()]
    if numpy is not None and hasattr(numpy, "random"):
        found.append(pickle.dumps(numpy.random.get_state()))
    return found


class Cache:
    """One kernel's; `around` is called for each run of a cell that the daemon allows to be kept or restored."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._watch = Watch(shell)

    async def around(self, told: dict[str, Any], plain: Callable[..., Any], args: Any, keywords: dict[str, Any]) -> Any:
        """Restore, or run and keep. What came of it goes into the reply."""
        namespace, why, path = self._shell.user_ns, "", ""
        reads = [name for name in told["reads"] if name in namespace]
        unknown = [name for name in told["reads"] if name not in namespace and not hasattr(builtins, name)]
        met: dict[int, Any] = {}
        memory: list[tuple[int, int]] = []
        try:
            if unknown:
                raise Refused(f"it reads {unknown[0]}, which is not there")
            inputs, met, memory = digest(namespace, reads)
            versions = f"{sys.version} {inputs}"
            path = os.path.join(told["folder"], f"{told['key']}-{hashlib.sha256(versions.encode()).hexdigest()[:32]}")
        except Refused as error:
            why = str(error)
        if path and told["restore"]:
            entry = self._loaded(path)
            if entry is not None:
                result = await plain(*args, **{**keywords, "transformed_cell": "pass"})
                self._give(entry, path)
                return result
        random_states, modules = _random_states(), set(sys.modules)
        # Taken away while it runs, so that what is there afterwards is of this run and no other.
        before = {name: namespace.pop(name) for name in told["defines"] if name in namespace and name not in reads}
        directory, environment = os.getcwd(), dict(os.environ)
        self._watch.begin()
        began = time.perf_counter()
        try:
            result = await plain(*args, **keywords)
        finally:
            seconds = time.perf_counter() - began
            self._watch.end()
            unbound = [name for name in told["defines"] if name not in namespace]
            namespace.update({name: before[name] for name in unbound if name in before})
        if not getattr(result, "success", False):
            return result
        try:
            if why or self._watch.why:
                raise Refused(why or self._watch.why or "")
            if unbound:
                raise Refused(f"it does not always define {unbound[0]}")
            if (os.getcwd(), dict(os.environ)) != (directory, environment):
                raise Refused("it changes the environment of the process")
            if _random_states()[: len(random_states)] != random_states:
                raise Refused("it draws random numbers")
            for name in sorted(set(sys.modules) - modules):
                if not _is_installed(sys.modules[name]):
                    raise Refused(f"it imports {name}, which is not an installed package's")
            if digest(namespace, reads)[0] != inputs:
                raise Refused("it changes what it reads")
            if told["calls"] and not any(kind == "execute_result" for kind, _ in self._watch.outputs):
                raise Refused("it ends with a call of something for what it does")
            if seconds < MIN_SECONDS:
                raise Refused(f"it takes {seconds * 1000:.0f} ms, which running it again takes too")
            write_entry(path, self._entry(told["defines"], met, memory, seconds))
        except Refused as error:
            self._tell(str(error))
        except Exception as error:  # noqa: BLE001 (the cell has run, whatever went wrong after it)
            self._tell(f"keeping it failed: {type(error).__name__}: {str(error)[:200]}")
        else:
            self._tell("kept")
        return result

    def _entry(
        self, defines: list[str], met: dict[int, Any], memory: list[tuple[int, int]], seconds: float
    ) -> dict[str, Any]:
        namespace = self._shell.user_ns
        values, modules = {}, {}
        for name in defines:
            value = namespace[name]
            if isinstance(value, types.ModuleType):
                check_installed(value)
                modules[name] = value.__name__
                met = {**met, **own_objects(value)}
            else:
                values[name] = value
        data, _ = dumped(values, met, memory, "what it defines cannot be kept")
        copies = pickle.loads(data)
        for name, value in values.items():
            if not equal(value, copies[name]) and dumped(copies[name], {}, [], "")[0] != dumped(value, {}, [], "")[0]:
                raise Refused(f"a copy of {name} is not surely equal to it")
        outputs = [(kind, dict(content)) for kind, content in self._watch.outputs]
        if len(pickle.dumps(outputs)) > MAX_BYTES:
            raise Refused("its outputs are too large")
        return {
            **{"format": FORMAT, "values": data, "modules": modules},
            **{"outputs": outputs, "ms": round(seconds * 1000, 1)},
        }

    def _loaded(self, path: str) -> dict[str, Any] | None:
        """An entry with its values; None if it is not there, or cannot be loaded here any more."""
        try:
            entry = read_entry(path)
            if entry is None:
                return None
            values = pickle.loads(entry["values"])
            values.update((name, importlib.import_module(of)) for name, of in entry["modules"].items())
        except Exception:  # noqa: BLE001 (a package is gone, the file is damaged: the cell runs)
            return None
        return {**entry, "loaded": values}

    def _give(self, entry: dict[str, Any], path: str) -> None:
        namespace, kernel = self._shell.user_ns, self._shell.kernel
        namespace.update(entry["loaded"])
        for kind, content in entry["outputs"]:
            if kind == "execute_result":
                content = {**content, "execution_count": self._shell.execution_count - 1}
            kernel.send_response(kernel.iopub_socket, kind, content)
        with contextlib.suppress(OSError):
            os.utime(path)  # used just now: others are forgotten first
        self._tell("hit", entry["ms"])

    def _tell(self, what: str, saved_ms: float | None = None) -> None:
        self._shell.payload_manager.write_payload({"source": "quire_cache", "cache": what, "saved_ms": saved_ms})
