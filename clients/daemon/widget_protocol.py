"""The widget protocol in Jupyter's comm messages: the state that a message carries, and what its values refer to.

Pure functions on what kernels and front ends send (github.com/jupyter-widgets/ipywidgets, packages/schema/messages.md).
Nothing in it is believed: what does not follow the protocol is a BadCommMessage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from clients.daemon.errors import BadCommMessage
from notebook_doc.comm_state import put_at
from notebook_doc.errors import CorruptDocument

OUTPUT_MODEL: Final = "OutputModel"
WIDGET_VIEW: Final = "application/vnd.jupyter.widget-view+json"
REFERENCE: Final = "IPY_MODEL_"  # how the state of a widget names another one


def state_of(data: Mapping[str, Any], buffers: Sequence[bytes]) -> dict[str, Any]:
    """The state in a message of the widget protocol, its buffers in place."""
    state, paths = data.get("state"), data.get("buffer_paths") or []
    if not isinstance(state, dict) or not isinstance(paths, list):
        raise BadCommMessage("", "it has no state")
    if len(paths) > len(buffers):
        raise BadCommMessage("", f"it names {len(paths)} buffers and has {len(buffers)}")
    whole = dict(state)
    copied: set[str] = set()
    for path, buffer in zip(paths, buffers, strict=False):
        if not isinstance(path, list) or not path or not isinstance(path[0], str):
            raise BadCommMessage("", f"{path!r} is no path of a buffer")
        if len(path) > 1 and path[0] not in copied:
            copied.add(path[0])
            whole[path[0]] = _copied(whole.get(path[0]))
        try:
            put_at(whole, path, bytes(buffer))
        except CorruptDocument as error:
            raise BadCommMessage("", f"there is no place for a buffer at {path!r}") from error
    return whole


def _copied(value: Any) -> Any:
    """The containers anew: the message is sent on as it came."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def references(value: Any) -> Iterable[str]:
    """The comms of the widgets that a value refers to."""
    if isinstance(value, str):
        if value.startswith(REFERENCE):
            yield value.removeprefix(REFERENCE)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def size_of(value: Any) -> int:
    """Roughly the bytes that a value has in a message."""
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + size_of(inner) for key, inner in value.items())
    return sum(map(size_of, value)) if isinstance(value, list) else 8


def view_of(output: Mapping[str, Any]) -> str | None:
    """The comm of the widget that an output shows, if it shows one."""
    data = output.get("data")
    view = data.get(WIDGET_VIEW) if isinstance(data, dict) else None
    model_id = view.get("model_id") if isinstance(view, dict) else None
    return model_id if isinstance(model_id, str) else None
