"""Who may talk to the hub.

A hub on loopback is reachable by every program of this machine and, through a browser, by every page of the web. So
each HTTP request and each WebSocket upgrade passes three questions, in this order:

1. Is the `Host` one of ours? A page whose name was rebound to 127.0.0.1 sends its own name: 421.
2. Does the browser say that a page of somebody else sent it (`Origin`, `Sec-Fetch-Site`)? Then 403. Programs send
   neither. `null`, the origin of sandboxed output, is somebody else's.
3. Does it carry the token, as `Authorization: Bearer`, or the browser's cookie, whose value is derived from the token?
   An HTTP request without either gets 401, save for the paths that are open. A WebSocket goes on with
   `scope["quire.authenticated"]` False: its first frame may carry the token, and the application decides.

`decide` answers all of that from the headers alone. A token in a query string is never looked at: query strings end up
in logs and histories. A wrong token gets the same answer as none, and no answer, log or repr contains one.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from relay.errors import ErrorCode, WireError
from sync_server.errors import error_body

log = logging.getLogger(__name__)

TOKEN_BYTES: Final = 32
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
OPEN_PATHS: Final = frozenset({"/health", "/login"})  # without a token; Host and Origin are checked all the same
AUTHENTICATED: Final = "quire.authenticated"  # the key in an ASGI scope
_HTTP_PORT: Final = 80  # browsers leave it out of Host and Origin
_POLICY_VIOLATION: Final = 1008  # WebSocket close code, where the server cannot send an HTTP answer

RawHeaders = Sequence[tuple[bytes, bytes]]  # as in an ASGI scope: names in lower case


def new_token() -> str:
    """A fresh long-lived token, safe in headers and files."""
    return secrets.token_urlsafe(TOKEN_BYTES)


@dataclass(frozen=True, slots=True)
class Policy:
    """What `decide` compares with. Made by `policy_for`."""

    token: str = field(repr=False)
    cookie_name: str
    cookie_value: str = field(repr=False)
    hosts: frozenset[str]
    origins: frozenset[str]

    def is_token(self, presented: str) -> bool:
        """Whether this is the token; takes the same time whatever it is."""
        return _same(presented, self.token)


def policy_for(token: str, port: int, *, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> Policy:
    """The policy of a hub that listens on loopback at `port`.

    `hosts` are further values of the Host header under which it is reached (`hub.example.org`, `localhost:9000`), each
    of them also an origin of its own over http and https; `origins` are pages of others that may use it
    (`https://app.example.org`). Cookies do not tell ports apart, so the cookie's name does.
    """
    loopback = {f"{name}:{port}" for name in LOOPBACK_NAMES} | (set(LOOPBACK_NAMES) if port == _HTTP_PORT else set())
    further = {host.lower() for host in hosts}
    own_origins = {f"http://{host}" for host in loopback | further} | {f"https://{host}" for host in further}
    return Policy(
        token=token,
        cookie_name=f"quire_{port}",
        cookie_value=hmac.new(token.encode(), b"quire browser cookie", hashlib.sha256).hexdigest(),
        hosts=frozenset(loopback | further),
        origins=frozenset(own_origins | {origin.lower().rstrip("/") for origin in origins}),
    )


@dataclass(frozen=True, slots=True)
class Allowed:
    """The request may go on; `authenticated` says whether it carried the token or the cookie."""

    authenticated: bool


@dataclass(frozen=True, slots=True)
class Denied:
    """The request ends here, with this HTTP status and error."""

    status: int
    error: WireError


Decision = Allowed | Denied

UNAUTHORIZED: Final = Denied(
    401,
    WireError(
        ErrorCode.UNAUTHORIZED,
        "this hub wants its token.",
        "Send it as 'Authorization: Bearer <token>' (it is in the server's registry file), or open a new login link.",
    ),
)


def decide(policy: Policy, headers: RawHeaders) -> Decision:
    """The answer to the three questions above, for one request or upgrade."""
    hosts = _values(headers, b"host")
    if len(hosts) != 1 or hosts[0].lower() not in policy.hosts:
        return Denied(
            421,
            WireError(
                ErrorCode.FORBIDDEN,
                f"this hub is not {hosts[0][:100]!r}." if hosts else "the request names no Host.",
                "Use http://127.0.0.1 with the hub's port, or add this name to the hosts that the hub allows.",
            ),
        )
    if _from_a_foreign_page(policy, headers):
        return Denied(
            403,
            WireError(
                ErrorCode.FORBIDDEN,
                "a page of another origin may not use this hub.",
                "Open the hub's own page, or add that origin to those that the hub allows.",
            ),
        )
    return Allowed(authenticated=_carries_secret(policy, headers))


def _from_a_foreign_page(policy: Policy, headers: RawHeaders) -> bool:
    """Whether a browser says that somebody else's page made the request.

    Not every request has an Origin: an image or a script that a page embeds comes without. Browsers then send the Fetch
    Metadata headers (https://www.w3.org/TR/fetch-metadata/), by which another port of this machine is "same-site". What
    is left to other pages is a link that a person follows.
    """
    origins = _values(headers, b"origin")
    if origins:
        return len(origins) > 1 or origins[0].lower() not in policy.origins
    if not set(_values(headers, b"sec-fetch-site")) & {"cross-site", "same-site"}:
        return False
    followed_link = (_values(headers, b"sec-fetch-mode"), _values(headers, b"sec-fetch-dest"))
    return followed_link != (["navigate"], ["document"])


def _carries_secret(policy: Policy, headers: RawHeaders) -> bool:
    authorizations = _values(headers, b"authorization")
    if authorizations:  # a program that sends one means it; a cookie does not make up for a wrong one
        scheme, _, token = authorizations[0].partition(" ")
        return len(authorizations) == 1 and scheme.lower() == "bearer" and policy.is_token(token.strip())
    for header in _values(headers, b"cookie"):
        for cookie in header.split(";"):  # other programs of this machine set cookies too: theirs may be malformed
            name, _, value = cookie.strip().partition("=")
            if name == policy.cookie_name and _same(value, policy.cookie_value):
                return True
    return False


def _values(headers: RawHeaders, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key == name]


def _same(presented: str, secret: str) -> bool:
    return hmac.compare_digest(presented.encode("utf-8", "surrogatepass"), secret.encode())


class GuardMiddleware:
    """Puts `decide` before an ASGI application, for HTTP and WebSockets. Keeps no state."""

    def __init__(self, app: ASGIApp, policy: Policy, open_paths: frozenset[str] = OPEN_PATHS) -> None:
        self._app = app
        self._policy = policy
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        decision = decide(self._policy, scope["headers"])
        if isinstance(decision, Allowed):
            if decision.authenticated or scope["type"] == "websocket" or scope["path"] in self._open_paths:
                scope[AUTHENTICATED] = decision.authenticated
                await self._app(scope, receive, send)
                return
            decision = UNAUTHORIZED
        log.warning("refused %s %.200r: %s", scope.get("method", "WebSocket"), scope["path"], decision.error.message)
        await _refuse(decision, scope, receive, send)


async def _refuse(denied: Denied, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()  # the upgrade itself
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
    headers = {"Cache-Control": "no-store"}
    if denied.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="quire"'
    await JSONResponse(error_body(denied.error), status_code=denied.status, headers=headers)(scope, receive, send)
