"""RuntimeDoc: what happened when the notebook ran. Kernel state, the queue, executions and their outputs.

Only the daemon writes it; every other peer's copy is read-only, and the hub refuses what breaks that. A RuntimeDoc is a
view on a replica; it finds what changed at the cost of the change. It stores statuses and does not decide them (the
daemon's queue does), and it stores output manifests whose bytes lie elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import cast

from notebook_doc.change_writer import ChangeWriter
from notebook_doc.comms import Comms
from notebook_doc.dataflow.record import DataflowRecord
from notebook_doc.document import Document
from notebook_doc.environment_state import (
    ENV,
    MISSING,
    TRUST,
    EnvironmentState,
    MissingModule,
    TrustState,
    read_environment,
    read_missing,
    read_trust,
)
from notebook_doc.errors import BadEdit, CorruptDocument
from notebook_doc.events import (
    EnvironmentChanged,
    ExecutionChanged,
    KernelChanged,
    LatestChanged,
    PromptChanged,
    QueueChanged,
    Reset,
    RuntimeEvent,
)
from notebook_doc.json_values import Json
from notebook_doc.object_index import ObjectIndex
from notebook_doc.replica import ROOT, ObjectId, Replica, Transaction
from notebook_doc.runtime_records import (
    Activity,
    Execution,
    ExecutionStatus,
    KernelState,
    Lifecycle,
    Manifest,
    SpoolPosition,
    execution_json,
    execution_of,
    kernel_json,
    recorded,
    status_of,
)
from notebook_doc.seed import give_birth, seed
from notebook_doc.touched import ObjectKey


@cache
def runtime_seed() -> bytes:
    """The bytes with which every RuntimeDoc begins."""

    def roots(transaction: Transaction) -> None:
        transaction.put_uint(ROOT, "epoch", 0)
        transaction.put_json(ROOT, "kernel", kernel_json(KernelState()))
        transaction.make_list(ROOT, "queue")
        transaction.make_list(ROOT, "archive")
        for name in ("executions", "latest", "display_index", "comms"):
            transaction.make_map(ROOT, name)

    return seed(roots)


class RuntimeDoc(Document):
    """What ran, as one replica has it."""

    def __init__(self, replica: Replica) -> None:
        super().__init__(replica)
        self._objects = ObjectIndex(replica)
        self._kernel = self._root("kernel")
        self._queue = self._root("queue")
        self._executions = self._root("executions")
        self._latest = self._root("latest")
        self._displays = self._root("display_index")
        self._archive = self._root("archive")
        self.comms = Comms(self, self._root("comms"))
        self.dataflow = DataflowRecord(self)
        self._pending: dict[str, set[str]] = {}  # execution id -> "outputs", "status", "prompt"
        self._pending_latest: set[str] = set()
        self._pending_flags: set[str] = set()  # "kernel", "queue", "reset"

    @classmethod
    def blank(cls) -> RuntimeDoc:
        """A replica that holds only the seed: where a peer starts that will receive the rest."""
        return cls(Replica.load(runtime_seed()))

    @classmethod
    def create(
        cls, notebook_id: str, imported: Sequence[tuple[Execution, Sequence[Manifest]]] = (), digest: bytes = b""
    ) -> RuntimeDoc:
        """A new RuntimeDoc, with the outputs that a file brought; `digest` identifies that file's content."""

        def fill(writer: ChangeWriter, roots: Mapping[str, ObjectKey]) -> None:
            for execution, outputs in imported:
                writer.put(roots["executions"], execution.id, recorded(execution, outputs))
                writer.put(roots["latest"], execution.cell_id, execution.id)

        return cls(give_birth(runtime_seed(), notebook_id, digest, fill))

    # --- identity and reading -----------------------------------------------------------------------------------------

    def kernel(self) -> KernelState:
        """The kernel's state."""
        value = self._view.json(self._kernel)
        assert isinstance(value, dict), "kernel is a map since the seed"
        error = value.get("error")
        return KernelState(
            lifecycle=cast(Lifecycle, value.get("lifecycle", "none")),
            activity=cast(Activity, value.get("activity", "idle")),
            name=str(value.get("name", "")),
            language=str(value.get("language", "")),
            error=error if isinstance(error, str) else None,
        )

    def spool(self) -> SpoolPosition | None:
        """How much of what the present kernel has said is in here; None before there was one."""
        value = cast(dict[str, Json], self._view.json(self._kernel)).get("spool")
        if not isinstance(value, dict):
            return None
        keeper, seq, unfinished = value.get("keeper"), value.get("seq"), value.get("open")
        if not isinstance(keeper, str) or not isinstance(seq, int) or not isinstance(unfinished, dict):
            return None
        return SpoolPosition(keeper=keeper, seq=seq, open={key: str(state) for key, state in unfinished.items()})

    def environment(self) -> EnvironmentState:
        """Where the notebook runs, or what is being done so that it can."""
        return read_environment(self._at_root(ENV))

    def trust(self) -> TrustState:
        """Whether what the notebook declares may be installed."""
        return read_trust(self._at_root(TRUST))

    def missing(self) -> list[MissingModule]:
        """The modules that cells' latest runs could not import."""
        return read_missing(self._at_root(MISSING))

    def _at_root(self, key: str) -> Json:
        obj = self._view.child(ROOT, key)
        return None if obj is None else self._view.json(obj)

    def queue(self) -> list[str]:
        """The ids of running and queued executions, in the order in which they run."""
        return [str(item) for item in cast(list[Json], self._view.json(self._queue))]

    @property
    def epoch(self) -> int:
        """How often this notebook's RuntimeDoc has been started afresh."""
        epoch = self._view.scalar(ROOT, "epoch")
        return epoch if isinstance(epoch, int) else 0

    def archive(self) -> list[Manifest]:
        """Where the executions that earlier epochs did not pass on are kept, oldest first; see `rotation`."""
        return cast(list[Manifest], self._view.json(self._archive))

    def next_seq(self) -> int:
        """The number of the next execution: one more than any on record or in the archive."""
        records = (self._view.child(self._executions, execution_id) for execution_id in self.execution_ids())
        numbers = [self._view.scalar(record, "seq") or 0 for record in records if record is not None]
        numbers += [cast(int, entry["to_seq"]) for entry in self.archive()]
        return max((int(number) + 1 for number in numbers), default=0)

    def execution_ids(self) -> list[str]:
        """The ids of all executions on record, sorted."""
        return self._view.keys(self._executions)

    def latest(self, cell_id: str) -> str | None:
        """The id of the execution whose outputs a cell shows; None if it never ran."""
        return self._view.string(self._latest, cell_id)

    def has_execution(self, execution_id: str) -> bool:
        """Whether there is a record of this execution."""
        return self._view.child(self._executions, execution_id) is not None

    def status(self, execution_id: str) -> ExecutionStatus | None:
        """An execution's status alone, at a tenth of the cost of its record; None if there is none."""
        obj = self._view.child(self._executions, execution_id)
        return None if obj is None else status_of(self._view.scalar(obj, "status"))

    def execution(self, execution_id: str) -> Execution | None:
        """An execution's record; None if there is none."""
        obj = self._view.child(self._executions, execution_id)
        return None if obj is None else self._read_execution(execution_id, obj)

    def outputs(self, execution_id: str) -> list[Manifest]:
        """The manifests of an execution's outputs, in order; empty if there is no such execution.

        Here and wherever else outputs are read and written, an Output widget has outputs too, by its comm's id.
        """
        obj = self._with_outputs(execution_id)
        outputs = None if obj is None else self._view.child(obj, "outputs")
        return [] if outputs is None else cast(list[Manifest], self._view.json(outputs))

    def output_count(self, execution_id: str) -> int:
        """How many outputs an execution has: with `output`, a reader follows a long list at the cost of what is new."""
        obj = self._view.child(self._executions, execution_id)
        outputs = None if obj is None else self._view.child(obj, "outputs")
        return 0 if outputs is None else self._view.length(outputs)

    def output(self, execution_id: str, index: int) -> Manifest | None:
        """The manifest of one output; None if there is none."""
        obj = self._with_outputs(execution_id)
        outputs = None if obj is None else self._view.child(obj, "outputs")
        if outputs is None or not 0 <= index < self._view.length(outputs):
            return None
        output = self._view.child(outputs, index)
        return None if output is None else cast(Manifest, self._view.json(output))

    def has_outputs(self, execution_id: str) -> bool:
        """Whether there is something of this id that can have outputs."""
        return self._with_outputs(execution_id) is not None

    def shown(self, cell_id: str) -> tuple[int | None, list[Manifest]]:
        """What a cell shows: count and outputs of its latest execution; (None, []) if it never ran."""
        execution_id = self.latest(cell_id)
        obj = None if execution_id is None else self._view.child(self._executions, execution_id)
        if obj is None:
            return None, []
        count, outputs = self._view.scalar(obj, "execution_count"), self._view.child(obj, "outputs")
        manifests = [] if outputs is None else cast(list[Manifest], self._view.json(outputs))
        return count if isinstance(count, int) else None, manifests

    def displays(self, display_id: str) -> list[tuple[str, int]]:
        """Where a display is shown: (execution id, output index)."""
        places = self._view.child(self._displays, display_id)
        if places is None:
            return []
        return [
            (execution, int(index)) for execution, _, index in (key.rpartition("/") for key in self._view.keys(places))
        ]

    # --- writing: the daemon's ----------------------------------------------------------------------------------------

    def record(self, execution: Execution) -> None:
        """Write a new execution, without outputs, and make it its cell's latest, if it is of a cell."""
        with self.edit():
            self._tx.fill(self._executions, {execution.id: recorded(execution, ())})
            if execution.cell_id:
                self._tx.put(self._latest, execution.cell_id, execution.id)

    def update(self, execution: Execution, known: Execution | None = None) -> None:
        """Write what changed of an execution's record. Its outputs stay.

        `known` is what the record says, if the caller knows; else it is read.
        """
        with self.edit():
            obj = self._execution_obj(execution.id)
            present = set(self._tx.keys(obj)) if known is None else frozenset()
            before = {} if known is None else execution_json(known)
            for key, value in execution_json(execution).items():
                if before.get(key) != value or key in present:
                    self._tx.put_json(obj, key, value)

    def clear(self, cell_ids: Iterable[str]) -> list[str]:
        """These cells show no execution any more; those are returned that showed one. The executions stay."""
        shown = [cell_id for cell_id in dict.fromkeys(cell_ids) if self.latest(cell_id) is not None]
        with self.edit():
            for cell_id in shown:
                self._tx.delete(self._latest, cell_id)
        return shown

    def set_kernel(self, state: KernelState) -> None:
        """Write what changed of the kernel's state."""
        with self.edit():
            for key, value in kernel_json(state).items():
                self._tx.put_json(self._kernel, key, value)

    def set_spool(self, position: SpoolPosition) -> None:
        """Write, in the change that holds what came of it, how much of what the kernel has said is in here."""
        with self.edit():
            spool = self._tx.child(self._kernel, "spool") or self._tx.make_map(self._kernel, "spool")
            self._tx.put(spool, "keeper", position.keeper)
            if self._tx.scalar(spool, "seq") != position.seq:
                self._tx.put_uint(spool, "seq", position.seq)
            self._tx.put_json(spool, "open", dict(position.open))

    def set_queue(self, execution_ids: Sequence[str]) -> None:
        """Write the order of running and queued executions."""
        with self.edit():
            self._tx.put_json(ROOT, "queue", list(execution_ids))

    def put_root(self, key: str, value: Json) -> None:
        """Make what stands at a key of the root equal to this, writing only what differs."""
        with self.edit():
            self._tx.put_json(ROOT, key, value)

    def append_output(self, execution_id: str, manifest: Manifest) -> None:
        """Add an output at the end of an execution's; a `display_id` in it is entered into the display index."""
        with self.edit():
            outputs = self._outputs_obj(execution_id)
            display_id = manifest.get("display_id")
            if isinstance(display_id, str):
                places = self._tx.child(self._displays, display_id) or self._tx.make_map(self._displays, display_id)
                self._tx.put(places, f"{execution_id}/{self._tx.length(outputs)}", True)
            self._tx.append_json(outputs, cast(Json, manifest))

    def set_output(self, execution_id: str, index: int, manifest: Manifest) -> None:
        """Make an output equal to this manifest, writing only what differs: a stream that grew, a display updated."""
        with self.edit():
            outputs = self._outputs_obj(execution_id)
            if not 0 <= index < self._tx.length(outputs):
                raise BadEdit(f"execution {execution_id!r} has no output {index}.")
            self._tx.put_json(outputs, index, cast(Json, manifest))

    def put_stream_tail(self, execution_id: str, index: int, contents: Sequence[Manifest], at: int) -> None:
        """Replace a stream output's contents from number `at` on. Costs what is new, however long the stream is."""
        with self.edit():
            output = self._tx.child(self._outputs_obj(execution_id), index)
            text = None if output is None else self._tx.child(output, "text")
            if text is None or at > self._tx.length(text):
                raise BadEdit(f"execution {execution_id!r} has no stream output {index} with {at} contents.")
            for number in range(self._tx.length(text) - 1, at + len(contents) - 1, -1):
                self._tx.delete(text, number)
            for number, content in enumerate(contents, at):
                if number < self._tx.length(text):
                    self._tx.put_json(text, number, cast(Json, content))
                else:
                    self._tx.append_json(text, cast(Json, content))

    def clear_outputs(self, execution_id: str) -> None:
        """Remove an execution's outputs and what the display index says of them."""
        with self.edit():
            for index, output in enumerate(self.outputs(execution_id)):
                display_id = output.get("display_id")
                places = self._tx.child(self._displays, display_id) if isinstance(display_id, str) else None
                if places is not None:
                    self._tx.delete(places, f"{execution_id}/{index}")
            self._tx.put_json(self._owner_obj(execution_id), "outputs", [])

    # --- events -------------------------------------------------------------------------------------------------------

    def take_events(self) -> list[RuntimeEvent]:
        """What happened since the last call, each thing once."""
        self._follow()
        events: list[RuntimeEvent] = []
        of_parts = [*self.dataflow.take_events(), *self.comms.take_events()]
        if "reset" in self._pending_flags:
            events.append(Reset())
        else:
            if "kernel" in self._pending_flags:
                events.append(KernelChanged())
            if "queue" in self._pending_flags:
                events.append(QueueChanged())
            if "environment" in self._pending_flags:
                events.append(EnvironmentChanged())
            events += [LatestChanged(cell_id) for cell_id in sorted(self._pending_latest)]
            for execution_id, what in self._pending.items():
                if what & {"outputs", "status"}:
                    events.append(ExecutionChanged(execution_id, "outputs" in what, "status" in what))
                if "prompt" in what:
                    events.append(PromptChanged(execution_id))
            events += of_parts
        self._pending, self._pending_latest, self._pending_flags = {}, set(), set()
        return events

    def _follow(self) -> None:
        if self._objects.current:
            return
        for path in self._objects.changed_paths():
            match path:
                case ():
                    self._pending_flags.add("reset")
                case ("executions", execution_id):
                    self._pending.setdefault(execution_id, set()).update(("outputs", "status"))
                case ("executions", execution_id, "outputs", *_):
                    self._pending.setdefault(execution_id, set()).add("outputs")
                case ("executions", execution_id, "prompt", *_):
                    self._pending.setdefault(execution_id, set()).add("prompt")
                case ("executions", execution_id, *_):
                    self._pending.setdefault(execution_id, set()).add("status")
                case ("latest", cell_id):
                    self._pending_latest.add(cell_id)
                case ("dataflow", *rest):
                    self.dataflow.note(tuple(rest))
                case ("comms", *rest):
                    self.comms.note(tuple(rest))
                case ("kernel", "spool", *_):
                    pass  # the daemon's own book-keeping
                case ("kernel" | "queue" as name, *_):
                    self._pending_flags.add(name)
                case ("env" | "trust" | "missing", *_):
                    self._pending_flags.add("environment")
                case _:
                    pass  # identity and the display index: nothing that an event names

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _root(self, key: str) -> ObjectId:
        obj = self.replica.child(ROOT, key)
        if obj is None:
            raise CorruptDocument(f"this RuntimeDoc lacks its root {key!r}.", "Drop it; the daemon starts a fresh one.")
        self._objects.place(ROOT, key, obj)
        return obj

    def _execution_obj(self, execution_id: str) -> ObjectId:
        obj = self._tx.child(self._executions, execution_id)
        if obj is None:
            raise BadEdit(f"there is no execution {execution_id!r} on record.")
        return obj

    def _with_outputs(self, owner_id: str) -> ObjectId | None:
        return self._view.child(self._executions, owner_id) or self.comms.obj(owner_id)

    def _owner_obj(self, owner_id: str) -> ObjectId:
        obj = self._with_outputs(owner_id)
        if obj is None:
            raise BadEdit(f"there is no execution and no Output widget {owner_id!r} on record.")
        return obj

    def _outputs_obj(self, owner_id: str) -> ObjectId:
        obj = self._owner_obj(owner_id)
        return self._tx.child(obj, "outputs") or self._tx.make_list(obj, "outputs")

    def _read_execution(self, execution_id: str, obj: ObjectId) -> Execution:
        plain, objects = self._view.entries(obj)
        told = {key: self._view.json(child) for key, child in objects.items() if key != "outputs"}
        return execution_of(execution_id, plain, told)
