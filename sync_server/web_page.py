"""The page that people use, served from the folder it was built into.

`GET /` and `GET /notebooks/{id}` are the same document: the page looks at its own address. It comes with a policy under
which it runs its own scripts and nobody else's, and talks to this hub alone. What has its content's hash in its name is
kept by browsers for ever. HTML outputs live in `/output-frame`, a document that the policy gives an origin of its own:
it may run what an output brings and can reach neither the page nor the cookie nor any address. The libraries that
draw outputs are handed to it by the page as `blob:` scripts. Like all routes these are behind the guard. The module is
given the folder; it does not know where it lies.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse, HTMLResponse, Response

_INDEX: Final = "index.html"
_FRAME: Final = "output-frame.html"
_NONCE: Final = "{{nonce}}"  # where the page has the nonce of its style sheets, one for each answer
_FOR_EVER: Final = "private, max-age=31536000, immutable"
_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FRAME_POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; media-src data: blob:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_SAFETY: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def is_built(folder: Path) -> bool:
    """Whether the page was built into this folder."""
    return (folder / _INDEX).is_file() and (folder / _FRAME).is_file()


def page_router(folder: Path) -> APIRouter:
    """The routes of the page in `folder`. Reads the two documents once; what else is there must not change."""
    index = (folder / _INDEX).read_text("utf-8")
    frame = (folder / _FRAME).read_text("utf-8")
    assets = {path.name: path for path in (folder / "assets").iterdir() if path.suffix in _TYPES}
    icon = folder / "quire.svg"
    router = APIRouter()

    @router.get("/", response_class=HTMLResponse)
    @router.get("/notebooks/{notebook_id}", response_class=HTMLResponse)
    async def page() -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        policy = {"Content-Security-Policy": _POLICY.format(nonce=nonce), "Cache-Control": "no-store"}
        return HTMLResponse(index.replace(_NONCE, nonce), headers=_SAFETY | policy)

    @router.get("/output-frame", response_class=HTMLResponse)
    async def output_frame() -> HTMLResponse:
        policy = {"Content-Security-Policy": _FRAME_POLICY, "Cache-Control": "no-cache"}
        return HTMLResponse(frame, headers=_SAFETY | policy)

    @router.get("/assets/{name}", response_class=Response)
    async def asset(name: str) -> Response:
        if (path := assets.get(name)) is None:
            return Response("There is no such part of the page; load it again.\n", 404, headers=_SAFETY)
        return FileResponse(path, media_type=_TYPES[path.suffix], headers=_SAFETY | {"Cache-Control": _FOR_EVER})

    @router.get("/quire.svg", response_class=Response)
    async def picture() -> Response:
        return FileResponse(icon, media_type=_TYPES[".svg"], headers=_SAFETY | {"Cache-Control": "max-age=3600"})

    return router
