"""`quire status` and `quire ps`: what runs under this state folder, for people or as JSON.

Neither starts anything. The fields of the JSON are described in docs/operations.md; tokens are not among them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clients.cli.errors import OK, NotRunning, ServiceFailed
from clients.cli.service import Service, find_service, running_service, state_folder
from relay.registry import ServerEntry


def status(*, as_json: bool) -> int:
    """Print what runs and where. Returns 0 if the hub answers, 3 if nothing runs, 6 if it runs and does not answer."""
    state = state_folder()
    service = find_service(state)
    notebooks, trouble = _notebooks(service)
    if as_json:
        print(json.dumps(_status_json(state, service, notebooks, trouble), indent=2))
    elif service is None:
        print(f"No service runs under {state}. Start one with `quire up`.")
    else:
        print("\n".join(_status_lines(service, notebooks, trouble)))
    if service is None:
        return NotRunning.exit_code
    return OK if trouble is None else ServiceFailed.exit_code


def ps(*, as_json: bool) -> int:
    """Print the open notebooks with their peers and kernels. Raises NotRunning, ServiceFailed."""
    notebooks = running_service(state_folder()).hub_http.notebooks()
    if as_json:
        print(json.dumps(notebooks, indent=2))
    elif not notebooks:
        print("No notebook is open. Open one with `quire open PATH`.")
    else:
        print(_table(("NOTEBOOK", "KERNEL", "FILE", "PEERS"), [_row(notebook) for notebook in notebooks]))
    return OK


def _notebooks(service: Service | None) -> tuple[list[dict[str, Any]], str | None]:
    """What the hub has open, and what keeps it from saying so."""
    if service is None:
        return [], None
    try:
        return service.hub_http.notebooks(), None
    except (ServiceFailed, NotRunning) as error:
        return [], error.message


def _status_json(
    state: Path, service: Service | None, notebooks: list[dict[str, Any]], trouble: str | None
) -> dict[str, Any]:
    servers = {} if service is None else {entry.kind: _server_json(entry, state) for entry in _entries(service)}
    return {
        "running": service is not None and trouble is None,
        "trouble": trouble,
        "state": str(state),
        "url": None if service is None or service.hub is None else service.hub.endpoint,
        "servers": servers,
        "notebooks": notebooks,
    }


def _server_json(entry: ServerEntry, state: Path) -> dict[str, Any]:
    return {
        "pid": entry.pid,
        "started": entry.started,
        "version": entry.version,
        "endpoint": entry.endpoint,
        "log_path": entry.log_path,
        "registry_file": str(state / "servers" / f"{entry.kind}-{entry.pid}.json"),
    }


def _status_lines(service: Service, notebooks: list[dict[str, Any]], trouble: str | None) -> list[str]:
    entries = _entries(service)
    since = _ago(time.time() - min(entry.started for entry in entries))
    lines = [f"Quire {entries[0].version}, for {since}" if trouble is None else f"Quire is in trouble: {trouble}", ""]
    for kind, entry in (("hub", service.hub), ("daemon", service.daemon), ("supervisor", service.supervisor)):
        where = f"  {entry.endpoint}" if entry is not None and kind == "hub" else ""
        lines.append(f"  {kind:<12}{'does not run' if entry is None else f'process {entry.pid}{where}'}")
    lines += [f"  {'state':<12}{service.state}"]
    lines += [f"  {'log':<12}{entry.log_path}" for entry in entries[:1]]
    for number, notebook in enumerate(notebooks):
        lines.append(f"  {'' if number else 'notebooks':<12}{notebook['path'] or notebook['notebook_id']}")
    if not notebooks and trouble is None:
        lines.append(f"  {'notebooks':<12}none is open")
    return lines


def _entries(service: Service) -> list[ServerEntry]:
    return [entry for entry in (service.supervisor, service.hub, service.daemon) if entry is not None]


def _row(notebook: dict[str, Any]) -> tuple[str, ...]:
    peers = [
        peer["name"] if peer["name"] == peer["kind"] else f"{peer['name']} ({peer['kind']})"
        for peer in notebook["peers"]
    ]
    return (
        _near(notebook["path"]) if notebook["path"] else notebook["notebook_id"],
        str(notebook["kernel"]),
        "saved" if notebook["saved"] else "being written",
        ", ".join(peers) or "nobody",
    )


def _near(path: str) -> str:
    """The path, relative to the current folder if it lies in it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return path


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    return "\n".join(
        "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    )


def _ago(seconds: float) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return f"{int(seconds)} s"
