"""Opening a notebook by what a person has in hand: its file, its id, or its address at a hub.

`open` finds the hub (the local service is started if it does not run), asks it for the notebook's id if a file was
named, connects directly or through a relay, and keeps the notebook on disk here if asked to. A notebook that was kept
opens without the hub as well, with what is in the file, and joins the others when the hub is back. When the hub holds
another document under the notebook's id, the kept file is given another name and the error says which; nothing is
merged and nothing is thrown away.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from clients.peer.errors import BadReplicaFile, CopySetAside, NoService, NotConnected
from clients.peer.hub_address import HubAddress, HubClient, find_hub
from clients.peer.identity import this_program
from clients.peer.keeper import keeping
from clients.peer.notebook import OPEN_SECONDS, Notebook
from clients.peer.replica_file import ReplicaFile
from clients.peer.service import local_hub, token_for
from clients.peer.target import FileTarget, HubTarget, IdTarget, Target, parse_target
from relay.connection import Connection
from relay.endpoint import WebSocketEndpoint, connect, parse_endpoint
from relay.errors import ErrorCode, Refused
from relay.messages import PeerKind, Role

logger = logging.getLogger("quire.peer")

# Seconds that opening waits for a hub when there is a copy to work on meanwhile.
PATIENCE_WITH_COPY: Final = 3.0


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a notebook is. `is_local`: at the service of this machine, which may move to another port."""

    notebook_id: str
    hub: HubAddress
    is_local: bool


@asynccontextmanager
async def open(  # the name that users of Python expect
    target: str | os.PathLike[str],
    *,
    create: bool = False,
    role: Role = "editor",
    name: str | None = None,
    kind: PeerKind = "program",
    keep: str | os.PathLike[str] | None = None,
    via: str | None = None,
    token: str | None = None,
) -> AsyncIterator[Notebook]:
    """A live notebook, open as long as the context is; leaving it hands over what was edited.

    `target` is the path of an .ipynb file (made if there is none and `create` is set), the id of a notebook that the
    local service knows, or an address as `http://127.0.0.1:8000/v1/notebooks/<id>`; a str that reads as one of the
    latter two is taken for it. `name` and `kind` are how the others see this peer. `keep` names a file in which a copy
    is kept that survives this process and opens without the hub. `via` is the address of a relay to the hub
    (`unix:/path`, `ws://host:port`). `token` is that of the hub, needed for one that runs elsewhere unless QUIRE_TOKEN
    is set.

    Raises NoService, NotConnected, RequestFailed (the file cannot be opened), Refused (the hub does not let this peer
    in), BadEndpoint (the target or `via` is no address), BadReplicaFile and CopySetAside (about `keep`).
    """
    async with AsyncExitStack() as stack:
        file: ReplicaFile | None = None
        if keep is not None:
            file = await asyncio.to_thread(ReplicaFile, Path(keep))
            stack.callback(file.close)
        place = await _place(parse_target(target), file, create=create, token=token)
        if file is not None:
            _check_same(file, place.notebook_id)
        copy = file.notebook if file is not None else None
        notebook: Notebook | None = None
        try:
            notebook = await stack.enter_async_context(
                Notebook.connect(
                    place.notebook_id,
                    place.hub,
                    peer=this_program(name, kind),
                    role=role,
                    notebook=copy,
                    unsaved=file.unsaved() if file is not None else (),
                    dial=None if via is None else _dial_via(via, place),
                    find=find_hub if place.is_local and via is None else None,
                    wait=False,
                )
            )
            if file is not None:
                notebook.keeper = await stack.enter_async_context(keeping(notebook, file))
            await _join(notebook, has_copy=copy is not None)
            yield notebook
        except Refused as refusal:
            if file is None or not file.exists or refusal.code != ErrorCode.WRONG_GENESIS:
                raise
            if notebook is not None and notebook.keeper is not None:
                await notebook.keeper.write()  # what was edited last goes with it
            raise await _set_aside(file, refusal) from refusal


async def _place(target: Target, file: ReplicaFile | None, *, create: bool, token: str | None) -> _Place:
    match target:
        case HubTarget(url, notebook_id):
            return _Place(notebook_id, HubAddress(url, token or await token_for(url)), is_local=False)
        case IdTarget() | FileTarget():
            try:
                hub = await local_hub()
                if isinstance(target, IdTarget):
                    return _Place(target.notebook_id, hub, is_local=True)
                return _Place(await _id_of(target.path, hub, create=create), hub, is_local=True)
            except (NoService, NotConnected) as error:
                if file is None or file.notebook is None or file.notebook.notebook_id is None:
                    raise
                logger.warning("%s is opened from the copy in %s: %s", target, file.path, error.message)
                nowhere = HubAddress("http://127.0.0.1:0", "")  # until `find_hub` finds one
                return _Place(file.notebook.notebook_id, nowhere, is_local=True)


async def _id_of(path: Path, hub: HubAddress, *, create: bool) -> str:
    client = HubClient(hub)
    try:
        return await client.open_notebook(path, create=create)
    finally:
        await client.close()


def _dial_via(via: str, place: _Place) -> Callable[[], Awaitable[Connection]]:
    """How to connect through a relay: a WebSocket relay without a path of its own is told the notebook's."""
    endpoint = parse_endpoint(via)
    if isinstance(endpoint, WebSocketEndpoint) and not endpoint.target:
        path = f"/v1/notebooks/{place.notebook_id}/sync"
        endpoint = replace(endpoint, url=endpoint.url.rstrip("/") + path, target=path)
    return lambda: connect(endpoint)


async def _join(notebook: Notebook, *, has_copy: bool) -> None:
    try:
        await notebook.joined(PATIENCE_WITH_COPY if has_copy else OPEN_SECONDS)
    except NotConnected as error:
        if not has_copy:
            raise
        logger.warning("working on the copy: %s", error.message)


def _check_same(file: ReplicaFile, notebook_id: str) -> None:
    kept = None if file.notebook is None else file.notebook.notebook_id
    if kept not in (None, notebook_id):
        raise BadReplicaFile(
            f"{file.path} is the copy of notebook {kept}, not of {notebook_id}.",
            "Give each notebook a file of its own.",
        )


async def _set_aside(file: ReplicaFile, refusal: Refused) -> CopySetAside:
    aside = await asyncio.to_thread(file.set_aside)
    return CopySetAside(
        f"{refusal.message} Your copy of it is at {aside} now.",
        "Open the notebook again to get the hub's; nothing of your copy was sent.",
        aside,
    )
