"""What an editor asks of a running kernel: completions, documentation, signatures, variables, what was run before.

An EditorServices takes the peers' questions to the kernel, one at a time. It promises that a kernel never has more than
one of them to answer, however fast people type: of a peer's questions of one kind that wait, the newest counts and the
older ones are answered `superseded`; and that each is answered in bounded time, with the reason if the kernel is busy.
It starts no kernel. Cursors are counted in code points.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from clients.daemon.call_at_cursor import call_at
from clients.daemon.kernel import Kernel
from clients.daemon.questions import Content
from clients.daemon.services import Asked, Served
from relay.errors import ErrorCode, WireError
from relay.requests import Complete, Inspect, KernelHistory, ListVariables, SignatureHelp

Question = Complete | Inspect | SignatureHelp | KernelHistory | ListVariables

# Seconds until a question that the kernel has not come to is answered with that; a first completion imports for some.
PATIENCE: Final = 10.0
# What of an answer is handed on: nobody reads more in a popup.
MAX_MATCHES: Final = 1_000
MAX_TEXT: Final = 64 * 1024
_ESCAPES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# What the kernel says of a variable, in this order (`in_kernel`).
_VARIABLE: Final = ("name", "type", "shape", "length", "text")
# The headings of what IPython says about an object.
_HEADING: Final = re.compile(
    r"^((?:Init |Call |Class )?(?:[Ss]ignature|[Dd]ocstring)|String form|Length|File|Type|Source|Subclasses):[ \t]*\n?",
    re.MULTILINE,
)


class EditorServices:
    """See the module. Owns the questions that wait, and the one that the kernel has."""

    def __init__(self, notebook_id: str, kernel: Callable[[], Kernel | None]) -> None:
        self._notebook_id = notebook_id
        self._kernel = kernel
        self._waiting: dict[tuple[str, type], asyncio.Future[None]] = {}
        self._granted: asyncio.Future[None] | None = None  # its turn has come, it has not yet gone on
        self._under_way: asyncio.Task[Content] | None = None

    def serves(self) -> Served:
        """What it answers."""
        return dict.fromkeys((Complete, Inspect, SignatureHelp, KernelHistory, ListVariables), self._serve)

    async def _serve(self, question: Question, asked: Asked) -> dict[str, Any]:
        return await self.serve(question, asked.by.peer_id)

    async def serve(self, question: Question, peer_id: str) -> dict[str, Any]:
        """The answer, as relay.requests describes it. Raises WireError."""
        who = (peer_id, type(question))
        match question:
            case Complete(code=code, cursor=cursor):
                reply = await self._ask(who, "complete_request", _at(code, cursor))
                return _completions(reply, cursor)
            case Inspect(code=code, cursor=cursor, detail=detail):
                reply = await self._ask(who, "inspect_request", _at(code, cursor) | {"detail_level": detail})
                return {"found": bool(reply.get("found")), "text": _text(reply), "data": _shown(reply)}
            case SignatureHelp(code=code, cursor=cursor):
                return await self._signature(who, code, cursor)
            case ListVariables():
                return await self._variables(who)
            case KernelHistory(n=n, pattern=pattern, unique=unique):
                how = (
                    {"hist_access_type": "tail"}
                    if pattern is None
                    else {"hist_access_type": "search", "pattern": pattern}
                )
                content = {"output": False, "raw": True, "n": n, "unique": unique, **how}
                return {"entries": _entries(await self._ask(who, "history_request", content))}

    async def _signature(self, who: tuple[str, type], code: str, cursor: int) -> dict[str, Any]:
        _at(code, cursor)
        kernel = self._running()
        call = call_at(code, cursor, kernel.language)
        nothing = {"found": False, "signature": "", "argument": 0, "keyword": None, "documentation": ""}
        if call is None:
            return nothing
        # Cut behind the parenthesis: what comes after it may not parse, and says nothing about what is called.
        reply = await self._ask(who, "inspect_request", _at(code[: call.opened + 1], call.opened) | {"detail_level": 0})
        if not reply.get("found"):
            return nothing
        signature, documentation = signature_in(_text(reply))
        return {
            "found": True,
            "signature": signature,
            "argument": call.argument,
            "keyword": call.keyword,
            "documentation": documentation,
        }

    async def _variables(self, who: tuple[str, type]) -> dict[str, Any]:
        kernel = self._running()
        if not kernel.is_extended:
            message = f"The kernel '{kernel.name}' cannot say which variables it has."
            raise WireError(ErrorCode.KERNEL, message, "IPython kernels can; print what you want to see.")
        reply = await self._ask(who, "quire_variables_request", {})
        named = [dict(zip(_VARIABLE, one, strict=True)) for one in reply.get("variables") or ()]
        return {"variables": named, "left_out": _int(reply.get("left_out"), 0)}

    def _running(self) -> Kernel:
        kernel = self._kernel()
        if kernel is None or kernel.ended:
            message = f"Notebook {self._notebook_id} has no running kernel, so there is nobody to ask."
            raise WireError(ErrorCode.NO_KERNEL, message, "Run a cell; that starts one.")
        return kernel

    async def _ask(self, who: tuple[str, type], msg_type: str, content: Mapping[str, Any]) -> Content:
        """The kernel's reply, when it is this question's turn."""
        kernel = self._running()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if (older := self._waiting.pop(who, None)) is not None:
            message = "You have asked something newer before the kernel came to this."
            older.set_exception(WireError(ErrorCode.SUPERSEDED, message, "Use the newer answer."))
        self._waiting[who] = turn
        self._next()
        try:
            async with asyncio.timeout(PATIENCE):
                await turn
                # Its turn lasts until the kernel has answered, whether or not anybody still waits for that.
                self._granted = None
                under_way = self._under_way = asyncio.create_task(kernel.ask(msg_type, content), name=msg_type)
                under_way.add_done_callback(self._answered)
                reply = await asyncio.shield(under_way)
        except TimeoutError:
            message = f"The kernel '{kernel.name}' is busy; it did not come to this within {PATIENCE:g} s."
            raise WireError(ErrorCode.KERNEL_BUSY, message, "Ask again when the running cell has ended.") from None
        finally:
            if self._waiting.get(who) is turn:
                del self._waiting[who]
            if self._granted is turn:
                self._granted = None
                self._next()
        if reply.get("status") == "error":
            said = f"{reply.get('ename')}: {reply.get('evalue')}"
            raise WireError(ErrorCode.KERNEL, f"The kernel '{kernel.name}' failed to answer: {said}.")
        return reply

    def _answered(self, under_way: asyncio.Task[Content]) -> None:
        if not under_way.cancelled():
            under_way.exception()  # whoever waits is told of it; if nobody does, nobody needs to know
        self._under_way = None
        self._next()

    def _next(self) -> None:
        """Give the oldest question that waits its turn, if the kernel has none to answer."""
        if self._under_way is None and self._granted is None and self._waiting:
            self._granted = self._waiting.pop(next(iter(self._waiting)))
            self._granted.set_result(None)


def signature_in(told: str) -> tuple[str, str]:
    """The signature and the documentation in what a kernel says about a function."""
    opening, *rest = _HEADING.split(told)
    sections = dict(zip(map(str.lower, reversed(rest[::2])), reversed(rest[1::2]), strict=True))  # the first of each
    signature = next((text for name, text in reversed(sections.items()) if name.endswith("signature")), "")
    documentation = next((text for name, text in reversed(sections.items()) if name.endswith("docstring")), opening)
    return signature.strip(), documentation.strip()


def _at(code: str, cursor: int) -> dict[str, Any]:
    if not 0 <= cursor <= len(code):
        message = f"The cursor {cursor} is outside of the code, which has {len(code)} characters."
        raise WireError(ErrorCode.BAD_REQUEST, message, "Count in Unicode code points from 0.")
    return {"code": code, "cursor_pos": cursor}


def _completions(reply: Content, cursor: int) -> dict[str, Any]:
    typed = _map(reply, "metadata").get("_jupyter_types_experimental")
    about = {item["text"]: item for item in typed or () if isinstance(item, dict) and isinstance(item.get("text"), str)}
    matches = [match for match in reply.get("matches") or () if isinstance(match, str)][:MAX_MATCHES]
    return {
        "start": _int(reply.get("cursor_start"), cursor),
        "end": _int(reply.get("cursor_end"), cursor),
        "matches": [
            {
                "text": match,
                "type": str(about.get(match, {}).get("type") or ""),
                "signature": str(about.get(match, {}).get("signature") or ""),
            }
            for match in matches
        ],
    }


def _entries(reply: Content) -> list[dict[str, Any]]:
    entries = []
    for entry in reply.get("history") or ():
        session, line, source = entry[:3]
        entries.append({"session": session, "line": line, "source": source if isinstance(source, str) else source[0]})
    return entries


def _text(reply: Content) -> str:
    text = _map(reply, "data").get("text/plain")
    return _ESCAPES.sub("", text)[:MAX_TEXT] if isinstance(text, str) else ""


def _shown(reply: Content) -> dict[str, str]:
    shown = _map(reply, "data")
    return {mime: text for mime, text in shown.items() if isinstance(text, str) and len(text) <= MAX_TEXT}


def _map(content: Content, key: str) -> dict[str, Any]:
    value = content.get(key)
    return dict(value) if isinstance(value, dict) else {}


def _int(value: object, default: int) -> int:
    return value if isinstance(value, int) else default
