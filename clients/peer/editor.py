"""What an editor asks the running kernel, and the answers: completions, documentation, signatures, variables, inputs.

EditorQuestions is the part of a Notebook that asks; it knows the requests and nothing of connections. Cursors are
counted in code points. It promises that an answer comes within seconds or fails with the reason (RequestFailed with
`no_kernel`, `kernel_busy`, or `superseded` by a newer question of this peer), and that asking starts no kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clients.peer.errors import RequestFailed
from clients.peer.part import Part
from relay.errors import ErrorCode
from relay.requests import Complete, Inspect, KernelHistory, ListVariables, SignatureHelp

# Seconds to wait for an answer: the daemon gives up before.
_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Match:
    """One thing that can stand at the cursor; type and signature are empty where the kernel does not say."""

    text: str
    type: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Completions:
    """What can stand in place of the code from `start` to `end`."""

    start: int
    end: int
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the kernel says about the name at the cursor: as plain text, and by MIME type as it said it."""

    text: str
    data: dict[str, str]


@dataclass(frozen=True, slots=True)
class Signature:
    """How the call at the cursor is called; the cursor is in argument number `argument`, named `keyword` if it was."""

    signature: str
    argument: int
    keyword: str | None
    documentation: str


@dataclass(frozen=True, slots=True)
class Input:
    """Code that the kernel ran, in this session (0) or an earlier one."""

    session: int
    line: int
    source: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A name of the kernel and what it stands for; `text` is its repr in short, empty for arrays and tables."""

    name: str
    type: str
    shape: tuple[int, ...] | None
    length: int | None
    text: str

    def __str__(self) -> str:
        size = f" {self.shape}" if self.shape is not None else f" of {self.length}" if self.length is not None else ""
        return f"{self.name}: {self.type}{size}" + (f" = {self.text}" if self.text else "")


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """A kernel that is installed, as a notebook's metadata names it."""

    name: str
    display_name: str
    language: str


class EditorQuestions(Part):
    """See the module."""

    async def complete(self, code: str, cursor: int | None = None) -> Completions:
        """What can stand at the cursor (None: at the end) of this code. Raises RequestFailed."""
        answer = await self.request(Complete(code=code, cursor=_cursor(code, cursor)), timeout=_SECONDS)
        return Completions(answer["start"], answer["end"], tuple(Match(**match) for match in answer["matches"]))

    async def inspect(self, code: str, cursor: int | None = None, *, detail: bool = False) -> Inspection | None:
        """What the kernel says about the name at the cursor, with `detail` its source too; None if it knows nothing."""
        body = Inspect(code=code, cursor=_cursor(code, cursor), detail=1 if detail else 0)
        answer = await self.request(body, timeout=_SECONDS)
        return Inspection(answer["text"], answer["data"]) if answer["found"] else None

    async def signature(self, code: str, cursor: int | None = None) -> Signature | None:
        """How the call that the cursor is in is called; None if it is in none or the kernel does not know it."""
        answer = await self.request(SignatureHelp(code=code, cursor=_cursor(code, cursor)), timeout=_SECONDS)
        if not answer["found"]:
            return None
        return Signature(answer["signature"], answer["argument"], answer["keyword"], answer["documentation"])

    async def variables(self) -> list[Variable]:
        """The variables of the kernel, also while it runs something; none if there is no kernel.

        Raises RequestFailed; with `kernel` where the kernel is not IPython.
        """
        try:
            answer = await self.request(ListVariables(), timeout=_SECONDS)
        except RequestFailed as error:
            if error.code != ErrorCode.NO_KERNEL:
                raise
            return []
        found = answer["variables"]
        return [Variable(**{**one, "shape": None if one["shape"] is None else tuple(one["shape"])}) for one in found]

    async def kernel_history(self, n: int = 100, *, pattern: str | None = None, unique: bool = False) -> list[Input]:
        """The latest inputs that the kernel remembers, or of those the ones that match a glob pattern; oldest first."""
        answer = await self.request(KernelHistory(n=n, pattern=pattern, unique=unique), timeout=_SECONDS)
        return [Input(**entry) for entry in answer["entries"]]


def _cursor(code: str, cursor: int | None) -> int:
    return len(code) if cursor is None else cursor
