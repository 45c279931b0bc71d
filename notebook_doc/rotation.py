"""How a RuntimeDoc starts afresh: the next epoch with the present state, and the archive for what it leaves behind.

Automerge keeps all history, so a document that somebody writes to all day grows all day. An epoch is a new document
under the same notebook id: the seed and one birth change that holds what the old one says now. It promises that
everything it carries reads the same (every output at the index it had, so that whoever writes outputs goes on), that
it differs in its genesis from every other epoch, and that it follows from the notebook id, the epoch's number and the
content alone. Executions that are left out are written as lines of JSON, which `read_archive` reads. Pure: it does not
know when to rotate, nor where archives are kept.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, cast

from notebook_doc.change_writer import ChangeWriter
from notebook_doc.environment_state import ENV, MISSING, TRUST
from notebook_doc.errors import CorruptDocument, NotebookDocError
from notebook_doc.events import (
    CommChanged,
    CommClosed,
    CommOpened,
    DataflowChanged,
    EnvironmentChanged,
    ExecutionChanged,
    KernelChanged,
    LatestChanged,
    PromptChanged,
    QueueChanged,
    Reset,
    RuntimeEvent,
)
from notebook_doc.json_values import Json, same_scalar
from notebook_doc.replica import ROOT, Replica
from notebook_doc.runtime import RuntimeDoc, runtime_seed
from notebook_doc.runtime_records import Execution, ExecutionError, Manifest, Requester
from notebook_doc.seed import give_birth
from notebook_doc.touched import ROOT_KEY, ObjectKey, touches

ENCODING: Final = "jsonl"  # of an archive: one execution a line, as the document had it, with its id
# Executions of one cell that stay in the document, the latest included, and bytes of JSON that all of those which are
# not the latest of their cell may take together. People look back at the last few runs; the rest is read from archives.
KEPT_PER_CELL: Final = 5
HISTORY_BYTES: Final = 256 * 1024
# An archive's entry names the cells in it, unless they are so many that the list itself would be a burden.
CELLS_NAMED: Final = 100
# So many archives of one tier in a row are merged to one; tier n holds those smaller than SMALLEST_TIER * MERGED ** n
# bytes. Those beyond the last tier (4 MiB) are large enough to stay as they are.
MERGED: Final = 8
SMALLEST_TIER: Final = 64 * 1024
TIERS: Final = 3
_IDENTITY: Final = frozenset(("schema_version", "notebook_id", "epoch"))


@dataclass(frozen=True, slots=True)
class ArchivedExecution:
    """An execution that is no longer in the document, with the manifests of its outputs."""

    execution: Execution
    outputs: list[Manifest]


# --- the next epoch ---------------------------------------------------------------------------------------------------


def next_epoch(
    runtime: RuntimeDoc,
    *,
    leave_out: Collection[str] = (),
    archive: Sequence[Manifest] | None = None,
    number: int | None = None,
) -> RuntimeDoc:
    """A new document that says what this one says, without its history.

    The executions to `leave_out` are not in it, nor what points to them; they are in the `archive`, whose new list this
    is (None: as it was). `number` is the epoch's, one more than this one's if it is not given. Everything at the root
    is carried over, also what this module knows nothing of.
    """
    replica, gone = runtime.replica, frozenset(leave_out)
    content = {key: _at_root(replica, key) for key in replica.keys(ROOT) if key not in _IDENTITY}
    executions, latest = _map(content["executions"]), _map(content["latest"])
    content["executions"] = {name: record for name, record in executions.items() if name not in gone}
    content["latest"] = {cell: name for cell, name in latest.items() if name not in gone}
    content["display_index"] = _places_left(_map(content["display_index"]), gone)
    if archive is not None:
        content["archive"] = cast(Json, list(archive))
    number = runtime.epoch + 1 if number is None else number
    digest = sha256(b"quire epoch\0" + str(number).encode() + b"\0" + _line(content)).digest()

    def fill(writer: ChangeWriter, _: Mapping[str, ObjectKey]) -> None:
        seeded, written_by = _seeded()
        writer.put_uint(ROOT_KEY, "epoch", number, over=written_by[ROOT_KEY, "epoch"])
        for key, value in content.items():
            _write(writer, written_by, ROOT_KEY, key, value, seeded.get(key))

    return RuntimeDoc(give_birth(runtime_seed(), runtime.notebook_id or "", digest, fill))


def catch_up(fresh: RuntimeDoc, runtime: RuntimeDoc, *, leave_out: Collection[str] = ()) -> None:
    """Write into the next epoch, made of a copy, what was written into the document since that copy was taken.

    That may be anything but outputs, and what the archive and the display index say.
    """
    replica, gone = runtime.replica, frozenset(leave_out)
    with fresh.edit():
        for name in runtime.execution_ids():
            record = runtime.execution(name)
            if record is not None and name not in gone and record != (known := fresh.execution(name)):
                if known is None:
                    fresh.record(record)
                fresh.update(record)
        for key in replica.keys(ROOT):
            value = _at_root(replica, key)
            if key == "latest":
                value = {cell: name for cell, name in _map(value).items() if name not in gone}
            if key not in _IDENTITY and key not in ("executions", "archive", "display_index"):
                fresh.put_root(key, value)


def _at_root(replica: Replica, key: str) -> Json:
    obj = replica.child(ROOT, key)
    return replica.scalar(ROOT, key) if obj is None else replica.json(obj)


def _map(value: Json) -> dict[str, Json]:
    assert isinstance(value, dict), "a map since the seed"
    return value


def _places_left(index: dict[str, Json], gone: frozenset[str]) -> dict[str, Json]:
    """A display index without the places in executions that are gone."""
    left = {
        display: {place: True for place in _map(places) if place.rpartition("/")[0] not in gone}
        for display, places in index.items()
    }
    return {display: cast(Json, places) for display, places in left.items() if places}


def _seeded() -> tuple[dict[str, Json], dict[tuple[ObjectKey, str], ObjectKey]]:
    """What every RuntimeDoc begins with, and which operation of the seed wrote each key of it."""
    seed = Replica.load(runtime_seed())
    (chunk,) = seed.changes_since(())
    actor = bytes(len(seed.actor))
    written_by = {
        (touch.target, touch.key): ObjectKey(touch.counter, actor) for touch in touches(chunk) if touch.key is not None
    }
    return {key: _at_root(seed, key) for key in seed.keys(ROOT)}, written_by


def _write(
    writer: ChangeWriter,
    written_by: Mapping[tuple[ObjectKey, str], ObjectKey],
    target: ObjectKey,
    key: str,
    value: Json,
    seeded: Json,
) -> None:
    """Make the value at a key this one, where the seed may have left another."""
    over = written_by.get((target, key))
    if over is None:
        writer.put(target, key, value)
    elif isinstance(value, dict) and isinstance(seeded, dict):
        for name, item in value.items():
            _write(writer, written_by, over, name, item, seeded.get(name))
    elif isinstance(value, list) and seeded == []:
        writer.append_all(over, value)
    elif not same_scalar(value, seeded):
        writer.put(target, key, value, over=over)


# --- what is left out -------------------------------------------------------------------------------------------------


def superseded(
    runtime: RuntimeDoc,
    *,
    live: Collection[str] = (),
    cells: Collection[str] | None = None,
    per_cell: int = KEPT_PER_CELL,
    history_bytes: int = HISTORY_BYTES,
) -> list[str]:
    """The executions that the next epoch need not carry, in the order in which they ran.

    Kept are the `live` ones (outputs may still come) and all that have not ended, the latest of each of these `cells`
    (None: of every cell), and of the rest the newest, `per_cell` for each cell and `history_bytes` altogether.
    """
    records = [record for name in runtime.execution_ids() if (record := runtime.execution(name)) is not None]
    records.sort(key=lambda record: (record.seq, record.submitted, record.id), reverse=True)
    kept_of: defaultdict[str, int] = defaultdict(int)
    gone: list[str] = []
    for record in records:
        is_shown = runtime.latest(record.cell_id) == record.id and (cells is None or record.cell_id in cells)
        if is_shown or record.id in live or not record.is_terminal:
            kept_of[record.cell_id] += 1
            continue
        if kept_of[record.cell_id] < per_cell:
            history_bytes -= len(_archive_line(runtime, record.id))
            if history_bytes >= 0:
                kept_of[record.cell_id] += 1
                continue
        gone.append(record.id)
    return gone[::-1]


def write_archive(runtime: RuntimeDoc, execution_ids: Sequence[str]) -> tuple[bytes, Manifest]:
    """These executions as an archive, and its entry in the document's list, which still lacks the `blob`'s name."""
    data = b"".join(_archive_line(runtime, execution_id) for execution_id in execution_ids)
    return data, archive_entry(data)


def archive_entry(data: bytes) -> Manifest:
    """What the document's list says of an archive, except for the name of its `blob`."""
    executions = [archived.execution for archived in read_archive(data)]
    numbers = [execution.seq for execution in executions]
    entry: Manifest = {
        "size": len(data),
        "encoding": ENCODING,
        "executions": len(executions),
        "from_seq": min(numbers, default=0),
        "to_seq": max(numbers, default=0),
    }
    cells = sorted({execution.cell_id for execution in executions})
    if len(cells) <= CELLS_NAMED:
        entry["cells"] = list(cells)
    return entry


def merges_with(archive: Sequence[Manifest], size: int) -> int:
    """How many archives at the end of the list are to become one with a new one of `size` bytes; mostly none.

    So the list stays short (some entries for each tier, and one for every 4 MiB or more), and an execution is written
    anew only a few times however many rotations there are.
    """
    sizes = [*(cast(int, entry["size"]) for entry in archive), size]
    merged = 0
    for tier in range(TIERS):
        least, below = SMALLEST_TIER * MERGED ** (tier - 1) if tier else 0, SMALLEST_TIER * MERGED**tier
        run = next((n for n, old in enumerate(reversed(sizes)) if old >= below), len(sizes))
        if sum(old >= least for old in sizes[len(sizes) - run :]) >= MERGED:
            merged = run - 1
    return merged


def read_archive(data: bytes) -> list[ArchivedExecution]:
    """The executions in an archive, in the order in which they ran. Raises CorruptDocument."""
    try:
        return [_archived(json.loads(line)) for line in data.splitlines()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptDocument(
            f"an archive of executions cannot be read: {error!r}.", "What it held is lost; later runs are not."
        ) from error


def _archive_line(runtime: RuntimeDoc, execution_id: str) -> bytes:
    replica = runtime.replica
    executions = replica.child(ROOT, "executions")
    record = None if executions is None else replica.child(executions, execution_id)
    assert record is not None, "only executions on record are archived"
    return _line({"id": execution_id, **_map(replica.json(record))}) + b"\n"


def _line(value: Json | Mapping[str, Json]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _archived(line: dict[str, Any]) -> ArchivedExecution:
    error, who = line.get("error"), line.get("requested_by")
    execution = Execution(
        id=line["id"],
        cell_id=line["cell_id"],
        status=line["status"],
        source=line.get("source", ""),
        notebook_heads=tuple(map(bytes.fromhex, line.get("notebook_heads", ()))),
        requested_by=Requester(**who) if who else Requester(),
        seq=line.get("seq", 0),
        execution_count=line.get("execution_count"),
        submitted=line.get("submitted", 0.0),
        started=line.get("started"),
        ended=line.get("ended"),
        error=ExecutionError(**error) if error else None,
        namespace=line.get("namespace") or "own",
        timeout=line.get("timeout"),
        cache=line.get("cache") or "",
        saved_ms=line.get("saved_ms"),
    )
    return ArchivedExecution(execution, line.get("outputs", []))


# --- from one document to another -------------------------------------------------------------------------------------


def events_between(old: RuntimeDoc, new: RuntimeDoc) -> list[RuntimeEvent]:
    """What a watcher of `old` has to look at again now that `new` has taken its place; nothing if they say the same.

    An execution that is only archived is no event. Costs both documents.
    """
    try:
        events = [*old.take_events(), *_differences(old, new)]
    except NotebookDocError:  # the old one is unusable
        return [Reset()]
    return [Reset()] if Reset() in events else list(dict.fromkeys(events))


def _differences(old: RuntimeDoc, new: RuntimeDoc) -> Iterable[RuntimeEvent]:
    if not same_scalar(_at_root(old.replica, "kernel"), _at_root(new.replica, "kernel")):
        yield KernelChanged()
    if old.queue() != new.queue():
        yield QueueChanged()
    if any(not same_scalar(_at(old, key), _at(new, key)) for key in (ENV, TRUST, MISSING)):
        yield EnvironmentChanged()
    before, after = _map(_at_root(old.replica, "latest")), _map(_at_root(new.replica, "latest"))
    yield from (LatestChanged(cell) for cell in sorted({*before, *after}) if before.get(cell) != after.get(cell))
    for name in new.execution_ids():
        was, now = old.execution(name), new.execution(name)
        prompts = None if was is None else was.prompt, None if now is None else now.prompt
        outputs = not same_scalar(old.outputs(name), new.outputs(name))
        status = was is None or now is None or replace(was, prompt=None) != replace(now, prompt=None)
        if outputs or status:
            yield ExecutionChanged(name, outputs, status)
        if prompts[0] != prompts[1]:
            yield PromptChanged(name)
    flow, flow_now = old.dataflow.cells(), new.dataflow.cells()
    if flow != flow_now or old.dataflow.mode != new.dataflow.mode:
        differing = {cell for cell in {*flow, *flow_now} if flow.get(cell) != flow_now.get(cell)}
        yield DataflowChanged(frozenset(differing))
    yield from _comm_differences(_map(_at_root(old.replica, "comms")), _map(_at_root(new.replica, "comms")))


def _at(runtime: RuntimeDoc, key: str) -> Json:
    """What stands at a key of the root that need not be there."""
    return _at_root(runtime.replica, key) if key in runtime.replica.keys(ROOT) else None


def _comm_differences(old: dict[str, Json], new: dict[str, Json]) -> Iterable[RuntimeEvent]:
    for comm_id in sorted({*old, *new}):
        if comm_id not in old:
            yield CommOpened(comm_id)
        elif comm_id not in new:
            yield CommClosed(comm_id)
        elif not same_scalar(old[comm_id], new[comm_id]):
            was, now = _traits(_map(old[comm_id])), _traits(_map(new[comm_id]))
            keys = {key for key in {*was, *now} if not same_scalar(was.get(key, ()), now.get(key, ()))}
            if keys:
                yield CommChanged(comm_id, frozenset(keys))


def _traits(comm: dict[str, Json]) -> dict[str, object]:
    """What an event on a comm can name, with what each is compared by."""
    state, parts = _map(comm.get("state", {})), _map(comm.get("parts", {}))
    traits: dict[str, object] = {key: [state.get(key), parts.get(key)] for key in {*state, *parts}}
    return traits | {"outputs": comm.get("outputs", [])}
