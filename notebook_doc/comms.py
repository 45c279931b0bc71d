"""The comms of a RuntimeDoc: what a kernel keeps open towards its front ends, above all the state of widgets.

A Comms is a view on the root `comms`; it stores what the daemon decides and reports what changed of which comm, at the
cost of the change. A trait's value is diffed into place, never replaced whole. What an Output widget captured are its
*outputs*, which RuntimeDoc reads and writes as those of an execution, by the comm's id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from notebook_doc.comm_state import Part
from notebook_doc.errors import BadEdit
from notebook_doc.events import CommChanged, CommClosed, CommOpened, RuntimeEvent
from notebook_doc.json_values import Json
from notebook_doc.replica import ObjectId

if TYPE_CHECKING:
    from notebook_doc.runtime import RuntimeDoc

WIDGET_TARGET: Final = "jupyter.widget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comm:
    """One open comm. `state` is the JSON of each trait, `parts` what is too large for it or bytes (see comm_state);
    `execution_id` is where the outputs of its callbacks go."""

    id: str
    target_name: str
    execution_id: str = ""
    state: Mapping[str, Json] = field(default_factory=dict)
    parts: Mapping[str, Sequence[Part]] = field(default_factory=dict)


class Comms:
    """See the module. `RuntimeDoc.comms`."""

    def __init__(self, runtime: RuntimeDoc, root: ObjectId) -> None:
        self._runtime = runtime
        self._root = root
        self._placed: set[str] = set()  # opened or closed since the last events
        self._changed: dict[str, set[str]] = {}

    # --- reading ------------------------------------------------------------------------------------------------------

    def ids(self) -> list[str]:
        """The ids of all open comms, sorted."""
        return self._runtime._view.keys(self._root)

    def __contains__(self, comm_id: object) -> bool:
        return isinstance(comm_id, str) and self.obj(comm_id) is not None

    def obj(self, comm_id: str) -> ObjectId | None:
        """The comm's map."""
        return self._runtime._view.child(self._root, comm_id)

    def target_name(self, comm_id: str) -> str | None:
        """What the comm is about; None if there is no such comm."""
        obj = self.obj(comm_id)
        return None if obj is None else self._runtime._view.string(obj, "target_name")

    def comm(self, comm_id: str) -> Comm | None:
        """The comm with its whole state; None if it is not open."""
        obj = self.obj(comm_id)
        if obj is None:
            return None
        view = self._runtime._view
        state, parts = view.child(obj, "state"), view.child(obj, "parts")
        return Comm(
            id=comm_id,
            target_name=view.string(obj, "target_name") or "",
            execution_id=view.string(obj, "execution_id") or "",
            state={} if state is None else cast(dict[str, Json], view.json(state)),
            parts={} if parts is None else cast(dict[str, list[Part]], view.json(parts)),
        )

    def trait(self, comm_id: str, key: str) -> tuple[Json, list[Part]] | None:
        """One trait as it is stored; None if there is none."""
        obj = self.obj(comm_id)
        state = None if obj is None else self._runtime._view.child(obj, "state")
        if obj is None or state is None:
            return None
        view = self._runtime._view
        child, parts_obj = view.child(state, key), view.child(obj, "parts")
        if child is None and key not in view.keys(state):
            return None
        parts = None if parts_obj is None else view.child(parts_obj, key)
        value = view.scalar(state, key) if child is None else view.json(child)
        return value, [] if parts is None else cast(list[Part], view.json(parts))

    # --- writing: the daemon's ----------------------------------------------------------------------------------------

    def open(self, comm_id: str, target_name: str, execution_id: str) -> None:
        """Write a new comm, without state."""
        with self._runtime.edit():
            comm: dict[str, Json] = {"target_name": target_name, "execution_id": execution_id, "state": {}, "parts": {}}
            self._runtime._tx.put_json(self._root, comm_id, comm)

    def put(self, comm_id: str, key: str, value: Json, parts: Sequence[Part]) -> None:
        """Make a trait equal to this, writing only what differs."""
        with self._runtime.edit():
            tx, obj = self._runtime._tx, self._open_obj(comm_id)
            tx.put_json(tx.child(obj, "state") or tx.make_map(obj, "state"), key, value)
            parts_obj = tx.child(obj, "parts") or tx.make_map(obj, "parts")
            if parts:
                tx.put_json(parts_obj, key, cast(Json, list(parts)))
            elif tx.child(parts_obj, key) is not None:
                tx.delete(parts_obj, key)

    def set_execution(self, comm_id: str, execution_id: str) -> None:
        """From here on the outputs of its callbacks go there."""
        with self._runtime.edit():
            self._runtime._tx.put(self._open_obj(comm_id), "execution_id", execution_id)

    def close(self, comm_id: str) -> None:
        """Remove a comm with everything it has, if it is there."""
        with self._runtime.edit():
            obj = self.obj(comm_id)
            if obj is None:
                return
            if self._runtime._tx.child(obj, "outputs") is not None:
                self._runtime.clear_outputs(comm_id)
            self._runtime._tx.delete(self._root, comm_id)

    def _open_obj(self, comm_id: str) -> ObjectId:
        obj = self.obj(comm_id)
        if obj is None:
            raise BadEdit(f"there is no comm {comm_id!r}.")
        return obj

    # --- events -------------------------------------------------------------------------------------------------------

    def note(self, path: tuple[str, ...]) -> None:
        """Something was written at this path below `comms`."""
        match path:
            case (comm_id,):
                self._placed.add(comm_id)
            case (comm_id, "state" | "parts", key, *_):
                self._changed.setdefault(comm_id, set()).add(key)
            case (comm_id, "outputs", *_):
                self._changed.setdefault(comm_id, set()).add("outputs")
            case _:
                pass  # the maps themselves, and where its outputs go: nothing that an event names

    def take_events(self) -> list[RuntimeEvent]:
        """What happened since the last call, each thing once."""
        placed, changed, self._placed, self._changed = self._placed, self._changed, set(), {}
        return [
            *(CommOpened(comm_id) if comm_id in self else CommClosed(comm_id) for comm_id in sorted(placed)),
            *(CommChanged(comm_id, frozenset(keys)) for comm_id, keys in changed.items() if comm_id not in placed),
        ]
