"""The requests of one room: on their way to the daemon, waiting for one, or answered. Pure.

Requests owns what waits and the latest answers. It promises that a request is answered exactly once, whoever reconnects
meanwhile: repeated under its id it gets the first answer, and a daemon that comes back is asked again. What waits is
bounded in number and bytes, and in time while there is no daemon. It knows nothing of roles and connections; times are
handed in, in seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from relay.errors import ErrorCode, WireError
from relay.frames import KIB, MIB
from relay.messages import ErrorInfo, PeerInfo, Request, Response, encode
from relay.requests import SERVED_BY_HUB
from sync_server.effects import PeerKey, RequestKey, RoomEffect, SendFrame, ServeRequest

# Seconds a request waits for a daemon to be there.
DAEMON_PATIENCE: Final = 30.0
# Answers kept so that a repeated request gets the first one, and requests that may wait at once.
MAX_ANSWERS: Final = 1024
MAX_REQUESTS: Final = 4096
MAX_WAITING_BYTES: Final = 64 * MIB  # of all of them; it is looked at when a large one comes
LARGE: Final = 64 * KIB


@dataclass(slots=True)
class _Waiting:
    """A request for the daemon. `frame` is kept so that a daemon that comes back is asked again."""

    asker: PeerKey
    frame: bytes
    deadline: float | None  # None while a daemon has it


class Requests:
    """See the module."""

    def __init__(self, notebook_id: str) -> None:
        self._notebook_id = notebook_id
        self._waiting: OrderedDict[RequestKey, _Waiting] = OrderedDict()
        self._answers: OrderedDict[RequestKey, bytes] = OrderedDict()

    def ask(
        self, asker: PeerKey, requester: PeerInfo, request: Request, daemon: PeerKey | None, now: float
    ) -> list[RoomEffect]:
        """A request has come from a member that may ask. Raises WireError for one too many."""
        key: RequestKey = (requester.peer_id, request.id)
        if (known := self._answers.get(key)) is not None:
            return [SendFrame(asker, known)]
        if (waiting := self._waiting.get(key)) is not None:
            waiting.asker = asker
            return []
        if len(self._waiting) >= MAX_REQUESTS:
            raise WireError(
                ErrorCode.BAD_REQUEST, f"{MAX_REQUESTS} requests of this notebook are waiting.", "Ask later."
            )
        asked = Request(
            id="\0".join(key), body=request.body, required_heads=request.required_heads, requester=requester
        )
        frame = encode(asked)
        if len(frame) > LARGE and len(frame) + self._waiting_bytes > MAX_WAITING_BYTES:
            message = f"Requests of {MAX_WAITING_BYTES // MIB} MiB in this notebook are waiting."
            error = ErrorInfo(code=ErrorCode.BAD_REQUEST, message=message, hint="Ask later.")
            return [SendFrame(asker, encode(Response(id=request.id, error=error)))]
        served_here = isinstance(request.body, SERVED_BY_HUB)
        deadline = now + DAEMON_PATIENCE if daemon is None and not served_here else None
        self._waiting[key] = _Waiting(asker, frame, deadline)
        if served_here:
            return [ServeRequest(request, key)]
        return [] if daemon is None else [SendFrame(daemon, frame)]

    def answer(self, key: RequestKey, response: Response) -> tuple[PeerKey, bytes] | None:
        """The answer to a request, to be kept: for whom it is, and its frame; None if nobody waits for it."""
        data = encode(response)
        self._answers[key] = data
        if len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)
        waiting = self._waiting.pop(key, None)
        return None if waiting is None else (waiting.asker, data)

    def answer_of_daemon(self, response: Response) -> tuple[PeerKey, bytes] | None:
        """The same for what a daemon answered, which was asked under a longer id."""
        peer_id, _, request_id = response.id.partition("\0")
        renamed = Response(id=request_id, result=response.result, error=response.error)
        return self.answer((peer_id, request_id), renamed)

    def daemon_came(self, daemon: PeerKey) -> list[RoomEffect]:
        """A daemon is here: it is asked all that waits."""
        for waiting in self._waiting.values():
            waiting.deadline = None
        return [SendFrame(daemon, waiting.frame) for waiting in self._waiting.values()]

    def daemon_left(self, now: float) -> None:
        """There is no daemon any more."""
        for waiting in self._waiting.values():
            waiting.deadline = now + DAEMON_PATIENCE

    @property
    def due(self) -> float | None:
        """When `expire` is wanted next."""
        return min((w.deadline for w in self._waiting.values() if w.deadline is not None), default=None)

    def expire(self, now: float) -> list[tuple[PeerKey, bytes]]:
        """Answers to those who have waited too long for a daemon. Asked again, they may be served."""
        late = [
            key for key, waiting in self._waiting.items() if waiting.deadline is not None and waiting.deadline <= now
        ]
        error = ErrorInfo(
            code=ErrorCode.NO_DAEMON,
            message=f"No daemon has come to notebook {self._notebook_id}, so nothing can run.",
            hint="Start it with `quire up`.",
        )
        return [(self._waiting.pop(key).asker, encode(Response(id=key[1], error=error))) for key in late]

    @property
    def _waiting_bytes(self) -> int:
        return sum(len(waiting.frame) for waiting in self._waiting.values())
