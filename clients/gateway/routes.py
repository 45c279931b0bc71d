"""The JSON protocol over HTTP: the WebSocket and its REST companions, under `/v1/notebooks`. Routes only.

The hub's guard stands before them (Host, Origin, token); a WebSocket without the token is refused like one of an
unknown session, with 403. What goes wrong is told as `{"detail": {"code", "message"}}`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Final, Literal

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from clients.gateway import structure
from clients.gateway.client import Client
from clients.gateway.export import exported
from clients.gateway.gateway import Gateway, UnknownSession
from clients.gateway.protocol import CellExecute, CellExecuteForce, CellExecuteRerun, Incoming, Payload, Refusal
from clients.gateway.session import Session
from clients.gateway.sockets import serve_client
from clients.peer.errors import PeerError, RequestFailed
from notebook_doc.errors import NotebookDocError, UnknownCell
from relay.errors import WireError

_PREFIX: Final = "/v1/notebooks"
_STATUS: Final = {
    "unknown_cell": 404,
    "unknown_notebook": 404,
    "file_error": 400,
    "no_such_file": 400,
    "not_a_notebook": 422,
    "forbidden": 403,
    "read_only": 403,
    "ENVIRONMENT_BUSY": 409,
    "cell_busy": 409,
}
_EXECUTE: Final[dict[str, type[CellExecute | CellExecuteForce | CellExecuteRerun]]] = {
    "normal": CellExecute,
    "force": CellExecuteForce,
    "rerun": CellExecuteRerun,
}


class _Create(msgspec.Struct):
    parent_path: str
    name: str


class _Open(msgspec.Struct):
    path: str


class _Name(msgspec.Struct):
    name: str


class _NewCell(msgspec.Struct):
    after_cell_id: str | None = None
    language: Literal["python", "markdown", "sql", "raw"] = "python"
    source: str = ""


class _Source(msgspec.Struct):
    source: str


class _Order(msgspec.Struct):
    cell_ids: list[str]


class _Package(msgspec.Struct):
    package: str


class _Job(msgspec.Struct):
    action: Literal["add", "remove", "sync"]
    package: str = ""


Handler = Callable[[Request], Awaitable[Response]]


def _answers(handler: Handler) -> Handler:
    """What the handler raises becomes an answer that says so."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except msgspec.ValidationError as error:
            return _failed(422, "invalid", f"The body is not what is expected: {error}.")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _failed(400, "invalid", f"The body cannot be read: {error}.")
        except UnknownSession as error:
            return _failed(404, "unknown_session", error.error)
        except Refusal as error:
            return _failed(_STATUS.get(error.code or "", 400), error.code or "invalid", error.error)
        except UnknownCell as error:
            return _failed(404, "unknown_cell", error.message)
        except RequestFailed as error:
            return _failed(_STATUS.get(error.code, 400), error.code, f"{error.message} {error.hint}".strip())
        except (PeerError, WireError, NotebookDocError) as error:
            code = str(getattr(error, "code", "invalid"))
            return _failed(_STATUS.get(code, 400), code, error.message)

    return answer


def _failed(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"detail": {"code": code, "message": message}}, status)


def gateway_router(gateway: Gateway, is_authenticated: Callable[[WebSocket], bool]) -> APIRouter:
    """The routes. They must stand before the hub's own `/v1/notebooks/{notebook_id}`."""
    router = APIRouter()

    @asynccontextmanager
    async def session(request: Request) -> AsyncIterator[Session]:
        async with gateway.using(request.path_params["sid"]) as found:
            yield found

    def route(method: str, path: str) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            router.add_route(_PREFIX + path, _answers(handler), methods=[method])
            return handler

        return add

    @router.websocket(_PREFIX + "/ws/{sid}")
    async def socket(websocket: WebSocket, sid: str, role: str = "editor", name: str = "") -> None:
        if not is_authenticated(websocket):
            await websocket.close()  # before it is accepted: HTTP 403
            return
        try:
            async with gateway.using(sid) as found, gateway.peer_of(found, name) as peer:
                await serve_client(websocket, found, peer, may_edit=role != "viewer")
        except (UnknownSession, PeerError, WireError):
            await websocket.close()

    @route("GET", "/config")
    async def config(_request: Request) -> Response:
        return JSONResponse({"default_parent_path": str(Path.home()), "protocol": 1})

    @route("POST", "/create")
    async def create(request: Request) -> Response:
        body = msgspec.json.decode(await request.body(), type=_Create)
        name = body.name if body.name.endswith(".ipynb") else f"{body.name}.ipynb"
        if not body.name or "/" in name or "\0" in name:
            raise Refusal(f"{body.name!r} is no name for a notebook.")
        path = Path(body.parent_path, name)
        return await opened(path, create=True)

    @route("POST", "/open")
    async def open_(request: Request) -> Response:
        body = msgspec.json.decode(await request.body(), type=_Open)
        return await opened(Path(body.path), create=False)

    async def opened(path: Path, *, create: bool) -> Response:
        sid = await gateway.open(path, create=create)
        async with gateway.using(sid) as found:
            payload, _ = await found.state()
            return JSONResponse({**payload, "session_id": sid})

    @route("GET", "/sessions")
    async def sessions(_request: Request) -> Response:
        return JSONResponse({"sessions": [_about(one) for one in gateway.open_sessions()]})

    @route("GET", "/sessions/{sid}")
    async def one_session(request: Request) -> Response:
        async with session(request) as found:
            payload, _ = await found.state()
            return JSONResponse({**payload, **_about(found)})

    @route("GET", "/discover")
    async def discover(_request: Request) -> Response:
        async with gateway.hub() as hub:
            known = (await hub.notebooks())["notebooks"]
        listed = [{"path": one["path"], "session_id": one["notebook_id"]} for one in known if one["path"] is not None]
        return JSONResponse({"notebooks": [{**one, "name": Path(one["path"]).stem} for one in listed]})

    @route("PUT", "/{sid}/name")
    async def rename(request: Request) -> Response:
        body = msgspec.json.decode(await request.body(), type=_Name)
        async with session(request) as found:
            notebook = found.notebook
            notebook.set_metadata({**notebook.metadata, "title": body.name})
            return JSONResponse({"name": found.name})

    @route("GET", "/{sid}/cells")
    async def cells(request: Request) -> Response:
        async with session(request) as found:
            payload, _ = await found.state()
            return JSONResponse({"cells": payload["cells"]})

    @route("POST", "/{sid}/cells")
    async def add_cell(request: Request) -> Response:
        body = msgspec.json.decode(await request.body() or b"{}", type=_NewCell)
        async with session(request) as found:
            cell_id = structure.add_cell(found.notebook, body.language, body.source, body.after_cell_id)
            payload, _ = await found.state()
            (cell,) = [one for one in payload["cells"] if one["id"] == cell_id]
            return JSONResponse(cell, 201)

    @route("PUT", "/{sid}/cells/reorder")
    async def reorder(request: Request) -> Response:
        body = msgspec.json.decode(await request.body(), type=_Order)
        async with session(request) as found:
            structure.reorder(found.notebook, body.cell_ids)
            payload, _ = await found.state()
            return JSONResponse({"cells": payload["cells"], "dag": payload["dag"]})

    @route("PUT", "/{sid}/cells/{cid}")
    async def put_cell(request: Request) -> Response:
        body = msgspec.json.decode(await request.body(), type=_Source)
        cell_id = request.path_params["cid"]
        async with session(request) as found:
            found.notebook.cells[cell_id].source = body.source
            payload, _ = await found.state()
            (cell,) = [one for one in payload["cells"] if one["id"] == cell_id]
            return JSONResponse({"cell": cell, "dag": payload["dag"], "cells": payload["cells"]})

    @route("DELETE", "/{sid}/cells/{cid}")
    async def delete_cell(request: Request) -> Response:
        async with session(request) as found:
            found.notebook.cells[request.path_params["cid"]].delete()
            payload, _ = await found.state()
            return JSONResponse({"dag": payload["dag"], "cells": payload["cells"]})

    @route("GET", "/{sid}/dag")
    async def dag(request: Request) -> Response:
        async with session(request) as found:
            return JSONResponse(found.dag())

    @route("POST", "/{sid}/cells/{cid}/execute")
    async def execute(request: Request) -> Response:
        mode = request.query_params.get("mode", "normal")
        if mode not in _EXECUTE:
            raise Refusal(f"There is no mode {mode!r}; use normal, force or rerun.")
        async with session(request) as found:
            told = await _asked(found, _EXECUTE[mode](request.path_params["cid"]))
            return JSONResponse(told or {"status": "queued", "cell_id": request.path_params["cid"]}, 202)

    @route("GET", "/{sid}/environment")
    async def environment(request: Request) -> Response:
        async with session(request) as found:
            return JSONResponse({"environment": found.environment.payload(), **found.environment.jobs()})

    @route("GET", "/{sid}/environment/jobs")
    async def jobs(request: Request) -> Response:
        async with session(request) as found:
            return JSONResponse(found.environment.jobs())

    @route("POST", "/{sid}/environment/jobs")
    async def start_job(request: Request) -> Response:
        body = msgspec.json.decode(await request.body(), type=_Job)
        async with session(request) as found:
            return JSONResponse({"environment_job": found.begin_job(body.action, body.package)}, 202)

    @route("GET", "/{sid}/dependencies")
    async def dependencies(request: Request) -> Response:
        async with session(request) as found:
            return JSONResponse(found.environment.dependencies())

    @route("POST", "/{sid}/dependencies")
    async def add_dependency(request: Request) -> Response:
        body = msgspec.json.decode(await request.body(), type=_Package)
        async with session(request) as found:
            return JSONResponse({"environment_job": found.begin_job("add", body.package)}, 202)

    @route("DELETE", "/{sid}/dependencies/{package}")
    async def remove_dependency(request: Request) -> Response:
        async with session(request) as found:
            return JSONResponse({"environment_job": found.begin_job("remove", request.path_params["package"])}, 202)

    @route("GET", "/{sid}/export")
    async def export(request: Request) -> Response:
        form = request.query_params.get("fmt", "ipynb")
        async with session(request) as found:
            data, media_type, name = await exported(found, form)
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "X-Content-Type-Options": "nosniff"}
        return Response(data, media_type=media_type, headers=headers)

    return router


def _about(session: Session) -> Payload:
    path = None if session.path is None else str(session.path)
    return {"session_id": session.notebook.id, "name": session.name, "path": path, "clients": len(session.clients)}


async def _asked(session: Session, message: Incoming) -> Payload | None:
    """Ask as a client would; a prompt is the answer, a refusal is raised."""
    client = Client(session.notebook, may_edit=True)
    session.handle(client, message)
    taken = client.queue.take()
    if taken is None:
        return None
    _, frame = taken
    payload: Payload = msgspec.json.decode(frame.payload)
    if frame.kind == "error":
        code = "unknown_cell" if message_cell(message) not in session.notebook.doc else payload.get("code")
        raise Refusal(payload["error"], code, payload.get("cell_id"))
    return {frame.kind: payload}


def message_cell(message: Incoming) -> str | None:
    """The cell that a message names."""
    return getattr(message, "cell_id", None)
