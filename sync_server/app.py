"""The hub over HTTP: the FastAPI application. Routes only; what they do is the Hub's.

| route | what |
|---|---|
| `GET /health` | is it alive; open, says nothing secret |
| `GET /metrics` | for Prometheus |
| `POST /v1/notebooks` | a notebook by the path of its file |
| `GET /v1/notebooks`, `GET /v1/notebooks/{id}` | what there is, and who is in it |
| `WS /v1/notebooks/{id}/sync` | a peer's session |
| `WS /v1/server/sync` | a daemon's session about the server as a whole |
| `GET`, `PUT /v1/blobs/{sha256}` | outputs too large for a document |
| `POST /v1/login-codes`, `GET /login` | a browser's way in |
| what it is given to mount | at its own path: agents' tools at `/mcp` |
| `GET /`, `/notebooks/{id}`, `/assets/…` | the page that people use; if it was not built, `/` says what is open |

The guard stands before all of them: Host, Origin, token.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from notebook_doc.errors import NotebookDocError
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.settings import SETTINGS_ID
from relay.errors import ConnectionLost, ErrorCode, MalformedFrame, WireError
from relay.frames import check_frame
from sync_server.blob_routes import blob_router
from sync_server.errors import error_body
from sync_server.guard import AUTHENTICATED, GuardMiddleware, Policy
from sync_server.hub import Hub
from sync_server.landing_page import landing_page
from sync_server.live_room import LiveRoom
from sync_server.login import LoginCodes, login_router
from sync_server.metrics import Registry, metrics_router
from sync_server.peer_door import serve_peer
from sync_server.web_page import page_router

# WebSocket close code after an error frame: the frame says why, a browser shows at least the number.
CLOSED_WITH_ERROR: Final = 4000
_MAX_REASON: Final = 120  # bytes that fit a close frame

_STATUS: Final[dict[str, int]] = {
    ErrorCode.UNKNOWN_NOTEBOOK: 404,
    ErrorCode.NOT_A_NOTEBOOK: 422,
    ErrorCode.FILE_ERROR: 422,
    ErrorCode.NO_SUCH_FILE: 404,
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.STORAGE: 507,
    ErrorCode.SHUTTING_DOWN: 503,
}


class OpenBody(msgspec.Struct, forbid_unknown_fields=True):
    """What `POST /v1/notebooks` takes."""

    path: str
    create: bool = False


def make_app(
    hub: Hub,
    policy: Policy,
    metrics: Registry,
    version: str,
    page: Path | None = None,
    mounts: Mapping[str, ASGIApp] | None = None,
    routers: Sequence[APIRouter] = (),
) -> FastAPI:
    """The application of a running hub. `page` is the folder of the page that people use, if it was built.

    `mounts` are applications of others, by their paths, and `routers` are routes of others, which come before the hub's
    own. All stand behind the same guard.
    """
    app = FastAPI(title="Quire hub", version=version, docs_url=None, redoc_url=None, openapi_url=None)
    for router in routers:
        app.include_router(router)
    app.include_router(blob_router(hub.blobs))
    app.include_router(metrics_router(metrics))
    app.include_router(login_router(policy, LoginCodes()))
    started = time.time()

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"ok": True, "version": version, "uptime_seconds": round(time.time() - started, 1)}

    if page is not None:
        app.include_router(page_router(page))
    else:

        @app.get("/", response_class=HTMLResponse)
        async def landing() -> HTMLResponse:
            return landing_page([_describe(hub, live) for live in hub.open_rooms()], version)

    @app.post("/v1/notebooks")
    async def open_notebook(request: Request) -> Response:
        try:
            body = msgspec.json.decode(await request.body(), type=OpenBody)
            row = await hub.open_path(Path(body.path), create=body.create)
            await hub.room(row.notebook_id)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            bad = WireError(ErrorCode.BAD_REQUEST, f"The body cannot be read: {error}.", 'Send {"path": "…"}.')
            return JSONResponse(error_body(bad), 400)
        except (WireError, NotebookDocError) as error:
            return _failed(error)
        return JSONResponse({"notebook_id": row.notebook_id, "path": row.path})

    @app.get("/v1/notebooks")
    async def notebooks() -> dict[str, Any]:
        rows = [row for row in await hub.store.notebooks() if row.notebook_id != SETTINGS_ID]
        known = [{"notebook_id": row.notebook_id, "path": row.path, "updated": row.updated} for row in rows]
        return {"notebooks": known, "open": [_describe(hub, live) for live in hub.open_rooms()]}

    @app.get("/v1/notebooks/{notebook_id}")
    async def notebook(notebook_id: str) -> Response:
        try:
            return JSONResponse(_describe(hub, await hub.room(notebook_id)))
        except WireError as error:
            return _failed(error)

    @app.websocket("/v1/notebooks/{notebook_id}/sync")
    async def sync(websocket: WebSocket, notebook_id: str) -> None:
        await websocket.accept()
        await serve_peer(WebSocketPeer(websocket), hub, notebook_id, authenticated=websocket.scope[AUTHENTICATED])

    @app.websocket("/v1/server/sync")
    async def lobby(websocket: WebSocket) -> None:
        await websocket.accept()
        await hub.serve_lobby(WebSocketPeer(websocket), authenticated=websocket.scope[AUTHENTICATED])

    for path, mounted in (mounts or {}).items():
        app.router.routes.append(Route(path, _Mounted(mounted)))
    app.add_middleware(GuardMiddleware, policy=policy)
    return app


class _Mounted:
    """An ASGI application as an endpoint of its own, at exactly one path and for every method."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class WebSocketPeer:
    """A `Connection` over a WebSocket that the server accepted."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._closed = False
        client = websocket.client
        self._name = "a peer" if client is None else f"{client.host}:{client.port}"

    @property
    def peer_name(self) -> str:
        """The address at the other end."""
        return self._name

    async def send(self, frame: bytes) -> None:
        """See Connection.send."""
        try:
            await self._websocket.send_bytes(frame)
        except (WebSocketDisconnect, RuntimeError) as error:  # Starlette raises RuntimeError once it is closed
            raise ConnectionLost(f"the connection to {self._name} has ended.") from error

    def send_nowait(self, frame: bytes) -> bool:
        """See Connection.send_nowait.

        ASGI's `send` can only be awaited. But uvicorn's awaits one thing, that its buffer has room, before it writes
        anything: so its coroutine is stepped once here, and dropped, with nothing written, if it has to wait.
        """
        sending = self._websocket.send({"type": "websocket.send", "bytes": frame})
        try:
            sending.send(None)
        except StopIteration:
            return True
        except (WebSocketDisconnect, RuntimeError) as error:
            raise ConnectionLost(f"the connection to {self._name} has ended.") from error
        sending.close()
        return False

    async def receive(self) -> bytes:
        """See Connection.receive."""
        if self._closed:
            raise ConnectionLost(f"the connection to {self._name} was closed.")
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            self._closed = True
            raise ConnectionLost(f"closed by the other side, code {message.get('code')}")
        data = message.get("bytes")
        if not isinstance(data, bytes):
            raise MalformedFrame("a text message arrived; frames are binary messages.")
        check_frame(data)
        return data

    async def close(self, reason: str = "") -> None:
        """See Connection.close."""
        if self._closed:
            return
        self._closed = True
        try:
            cut = reason.encode()[:_MAX_REASON].decode("utf-8", "ignore")
            await self._websocket.close(CLOSED_WITH_ERROR if reason else 1000, cut)
        except RuntimeError:  # Starlette's word for "it is closed already"
            return


def _describe(hub: Hub, live: LiveRoom) -> dict[str, Any]:
    file = hub.checkpointer(live.notebook_id)
    path = None if file is None else file.path
    error = None if file is None else file.error
    return {
        "notebook_id": live.notebook_id,
        "path": None if path is None else str(path),
        "saved": hub.is_saved(live.notebook_id),
        "file_error": None if error is None else f"{error.message} {error.hint}".rstrip(),
        "file_written": None if file is None else file.written,
        "heads": [head.hex() for head in live.room.notebook.durable_heads],
        "kernel": _kernel(live),
        "peers": [
            {"peer_id": p.peer.peer_id, "name": p.peer.name, "kind": p.peer.kind, "role": p.role}
            for p in live.room.members
        ],
    }


def _kernel(live: LiveRoom) -> str:
    try:
        state = RuntimeDoc(live.room.runtime.replica).kernel()
    except NotebookDocError as error:  # its replica is being loaded again
        return f"not known at the moment: {error.message}"
    name = f"{state.name} " if state.name else ""
    return f"{name}{state.lifecycle}" + (f", {state.activity}" if state.lifecycle == "ready" else "")


def _failed(error: WireError | NotebookDocError) -> JSONResponse:
    body = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
    return JSONResponse(body, _STATUS.get(error.code, 500))
