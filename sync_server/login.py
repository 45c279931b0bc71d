"""How a browser gets its cookie: a link that works once.

A program that holds the token asks for a code (`POST /v1/login-codes`) and opens `/login?code=…` in a browser; the hub
takes the code, once, sets an HttpOnly cookie and sends the browser on. So the long-lived token never is in an address.
Codes live in memory, for ten minutes, at most `MOST_CODES` of them; only their hashes are kept.
"""

from __future__ import annotations

import hashlib
import html
import re
import secrets
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from relay.errors import ErrorCode, WireError
from sync_server.errors import error_body
from sync_server.guard import AUTHENTICATED, Policy

CODE_SECONDS: Final = 600.0  # long enough to change windows, short enough that a link in a log is worthless
MOST_CODES: Final = 64  # open links at a time; the oldest is forgotten first
_CODE_BYTES: Final = 32
_OWN_PATH: Final = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*\Z")


class LoginCodes:
    """The codes that were given out and not yet used. Owns them; belongs to the event loop."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` is a clock in seconds that does not jump."""
        self._now = now
        self._expiry: dict[bytes, float] = {}  # SHA-256 of a code -> when it expires, oldest first

    def issue(self) -> str:
        """A new code."""
        self._forget_expired()
        while len(self._expiry) >= MOST_CODES:
            del self._expiry[next(iter(self._expiry))]
        code = secrets.token_urlsafe(_CODE_BYTES)
        self._expiry[_digest(code)] = self._now() + CODE_SECONDS
        return code

    def redeem(self, code: str) -> bool:
        """Whether the code is good. It no longer is after this."""
        self._forget_expired()
        return self._expiry.pop(_digest(code), None) is not None

    def _forget_expired(self) -> None:
        now = self._now()
        self._expiry = {digest: expiry for digest, expiry in self._expiry.items() if expiry > now}


def login_path(code: str, then: str = "/") -> str:
    """The path and query of a login link; the browser goes on to the path `then`."""
    return "/login?" + urlencode({"code": code, "next": then})


def own_path(path: str | None) -> str:
    """`path` if it is one on this hub, else the root: a login link must not lead anywhere else."""
    return path if path and _OWN_PATH.match(path) else "/"


def login_router(policy: Policy, codes: LoginCodes) -> APIRouter:
    """`GET /login` (an open path of the guard) and `POST /v1/login-codes` (behind it)."""
    router = APIRouter()

    @router.post("/v1/login-codes", response_class=JSONResponse)
    async def issue_code(request: Request) -> Response:
        """A path that logs one browser in, once, within ten minutes. `?next=` is where it goes on to."""
        path = login_path(codes.issue(), own_path(request.query_params.get("next")))
        return JSONResponse({"path": path, "expires_in": CODE_SECONDS}, headers={"Cache-Control": "no-store"})

    @router.get("/login", response_class=HTMLResponse)
    async def log_in(request: Request) -> Response:
        """Exchange the code for the cookie and go on. A browser that has the cookie needs no code."""
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        used = codes.redeem(request.query_params.get("code", ""))
        if not used and not request.scope.get(AUTHENTICATED):
            error = WireError(
                ErrorCode.UNAUTHORIZED,
                "this login link was used already, is too old, or never was one.",
                "Ask for a new one; each works once, within ten minutes.",
            )
            return JSONResponse(error_body(error), status_code=401, headers=headers)
        response = _onward(own_path(request.query_params.get("next")), request)
        response.headers.update(headers)
        if used:
            response.set_cookie(
                policy.cookie_name,
                policy.cookie_value,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
            )
        return response

    return router


def _onward(path: str, request: Request) -> Response:
    """Send the browser on.

    On a redirect that began with a link on somebody else's page, browsers withhold SameSite=Strict cookies; a page of
    our own that goes on by itself begins anew.
    """
    if request.headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return RedirectResponse(path, status_code=303)
    return HTMLResponse(
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={html.escape(path)}">'
        f'<title>Quire</title><a href="{html.escape(path)}">Go on</a>',
        headers={"Content-Security-Policy": "default-src 'none'"},
    )


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
