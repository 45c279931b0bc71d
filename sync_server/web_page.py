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
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

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
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; frame-src 'self'; "
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
    """The routes of the page in `folder`, as it is there at each request: a new build needs no restart."""
    router = APIRouter()

    # Plain functions run in a thread: they read files.
    @router.get("/", response_class=HTMLResponse)
    @router.get("/notebooks/{notebook_id}", response_class=HTMLResponse)
    def page() -> Response:
        if (index := _read(folder / _INDEX)) is None:
            return _being_built()
        nonce = secrets.token_urlsafe(16)
        policy = {"Content-Security-Policy": _POLICY.format(nonce=nonce), "Cache-Control": "no-store"}
        return HTMLResponse(index.replace(_NONCE.encode(), nonce.encode()), headers=_SAFETY | policy)

    @router.get("/output-frame", response_class=HTMLResponse)
    def output_frame() -> Response:
        if (frame := _read(folder / _FRAME)) is None:
            return _being_built()
        policy = {"Content-Security-Policy": _FRAME_POLICY, "Cache-Control": "no-cache"}
        return HTMLResponse(frame, headers=_SAFETY | policy)

    @router.get("/assets/{name}", response_class=Response)
    def asset(name: str) -> Response:
        return _part(folder / "assets" / name, _FOR_EVER) if _is_plain(name) else _no_such_part()

    @router.get("/quire.svg", response_class=Response)
    def picture() -> Response:
        return _part(folder / "quire.svg", "max-age=3600")

    return router


def _is_plain(name: str) -> bool:
    return PurePosixPath(name).name == PureWindowsPath(name).name == name


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return None


def _part(path: Path, kept: str) -> Response:
    kind = _TYPES.get(path.suffix)
    content = None if kind is None else _read(path)
    if content is None:
        return _no_such_part()
    return Response(content, media_type=kind, headers=_SAFETY | {"Cache-Control": kept})


def _no_such_part() -> Response:
    return Response("There is no such part of the page; load it again.\n", 404, headers=_SAFETY)


def _being_built() -> Response:
    return Response(
        "The page is being built; load it again in a moment.\n", 503, headers=_SAFETY | {"Retry-After": "2"}
    )
