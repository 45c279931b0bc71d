"""`quire servers` and `quire notebooks`: what there is to attach to, from the registry files. Starts nothing."""

from __future__ import annotations

import json
from typing import Any

from clients.cli.errors import OK
from clients.cli.service import running_service, state_folder
from relay.registry import running


def servers(*, as_json: bool) -> int:
    """Print the hubs that run under this state folder. Tokens are not among what is printed."""
    found = [
        {"url": entry.endpoint, "pid": entry.pid, "started": entry.started, "version": entry.version}
        for entry in running("hub", state_folder())
    ]
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(f"{one['url']}  process {one['pid']}" for one in found) or "No service runs. See `quire up`.")
    return OK


def notebooks(*, as_json: bool) -> int:
    """Print the notebooks that the service knows, those that are open first. Raises NotRunning, ServiceFailed."""
    listed = running_service(state_folder()).hub_http.all_notebooks()
    by_id = {one["notebook_id"]: one for one in listed["open"]}
    found: list[dict[str, Any]] = [
        {"notebook_id": one["notebook_id"], "path": one["path"], "open": True, "peers": one["peers"]}
        for one in by_id.values()
    ]
    found += [
        {"notebook_id": one["notebook_id"], "path": one["path"], "open": False, "peers": []}
        for one in listed["notebooks"]
        if one["notebook_id"] not in by_id
    ]
    if as_json:
        print(json.dumps(found, indent=2))
        return OK
    for one in found:
        people = ", ".join(f"{peer['name']} ({peer['kind']})" for peer in one["peers"] if peer["kind"] != "daemon")
        print(f"{one['notebook_id']}  {'open' if one['open'] else '    '}  {one['path'] or ''}  {people}".rstrip())
    if not found:
        print("No notebook is known. Open one with `quire open PATH`.")
    return OK
