"""A peer in a process of its own that types: `python -m tests.support.typist '<a JSON Typing>'`.

It types numbered tokens into a cell, character by character, each character behind the one that it typed last wherever
that is by now, in an alphabet that nobody else uses: so what is found of its alphabet must be its tokens, in order. It
prints a line of JSON for everything worth telling: that it has joined, up to which token everything is certainly on the
hub's disk ("saved") or in its own file ("kept"), that it has typed all, and the text once it has `total` characters. It
stays until it is killed or its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clients.peer.hub_address import HubAddress
from clients.peer.keeper import keeping
from clients.peer.notebook import Notebook
from clients.peer.replica_file import ReplicaFile
from relay.endpoint import connect, parse_endpoint
from tests.support.hub import REPOSITORY, HubProcess

# Ten digits and an end of token for each author.
ALPHABETS = ("abcdefghij.", "ABCDEFGHIJ,", "0123456789;", "klmnopqrst:", "KLMNOPQRST!")


@dataclass(frozen=True, kw_only=True)
class Typing:
    """What a typist does: tokens `first` up to `first + count` in alphabet number `author`."""

    url: str
    token: str
    notebook_id: str
    cell_id: str
    author: int
    count: int
    first: int = 0
    total: int = 0  # the length of the text when everybody is done; 0: nobody waits for that
    via: str | None = None  # a relay's address
    keep: str | None = None  # a file for a copy
    pause: float = 0.0  # seconds between characters
    whole_tokens: bool = False  # as an agent does: assigns the source with a token added at its end


def typed(author: int, count: int, first: int = 0) -> str:
    """What an author types."""
    alphabet = ALPHABETS[author]
    numbers = range(first, first + count)
    return "".join("".join(alphabet[int(digit)] for digit in str(number)) + alphabet[10] for number in numbers)


def of_author(text: str, author: int) -> str:
    """What is in a text of an author's."""
    return "".join(character for character in text if character in ALPHABETS[author])


def check_typed(text: str, counts: dict[int, int]) -> None:
    """Each token of each author exactly once, one author's in order, and nothing else."""
    for author, count in counts.items():
        assert of_author(text, author) == typed(author, count)
    assert len(text) == sum(len(typed(author, count)) for author, count in counts.items())


class Typist:
    """A typist process, as a test sees it."""

    def __init__(self, typing: Typing) -> None:
        self.told: dict[str, Any] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.typist", json.dumps(asdict(typing))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )

    @classmethod
    def at(cls, hub: HubProcess, notebook_id: str, cell_id: str, **typing: Any) -> Typist:
        """One that types into a cell at this hub; `typing` is the rest of a Typing."""
        return cls(Typing(url=hub.address.url, token=hub.token, notebook_id=notebook_id, cell_id=cell_id, **typing))

    def until(self, done: str | Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read what it tells until it has told this, or until this holds of what it has told; all that it told."""
        assert self._process.stdout is not None
        while not (done in self.told if isinstance(done, str) else done(self.told)):
            line = self._process.stdout.readline()
            assert line, "the typist has ended; see its standard error"
            self.told.update(json.loads(line))
        return self.told

    def kill(self) -> dict[str, Any]:
        """kill -9; everything that it had told."""
        self._process.kill()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n"):
                self.told.update(json.loads(line))
        self._close()
        return self.told

    def __enter__(self) -> Typist:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._close()

    def end(self) -> None:
        """Let it leave the notebook in order."""
        self._close()
        assert self._process.returncode == 0

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait()


def _tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201  # how the test learns of it


async def _main(typing: Typing) -> None:
    async with AsyncExitStack() as stack:
        file = None if typing.keep is None else ReplicaFile(Path(typing.keep))
        via = typing.via
        notebook = await stack.enter_async_context(
            Notebook.connect(
                typing.notebook_id,
                HubAddress(typing.url, typing.token),
                notebook=None if file is None else file.notebook,
                dial=None if via is None else lambda: connect(parse_endpoint(via)),
                wait=file is None or file.notebook is None,
            )
        )
        if file is not None:
            notebook.keeper = await stack.enter_async_context(keeping(notebook, file))
        _tell(joined=True)
        await _type(typing, notebook)
        _tell(typed=True)
        if await notebook.saved():
            _tell(saved=typing.first + typing.count)
        cell = notebook.cells[typing.cell_id]
        if typing.total and await notebook.until(lambda: len(cell.source) == typing.total):
            _tell(text=cell.source, heads=[head.hex() for head in notebook.doc.replica.heads()])
        await asyncio.to_thread(sys.stdin.read)


async def _type(typing: Typing, notebook: Notebook) -> None:
    cell = notebook.cells[typing.cell_id]
    for number in range(typing.first, typing.first + typing.count):
        token = typed(typing.author, 1, number)
        if typing.whole_tokens:
            cell.source += token
            await asyncio.sleep(typing.pause * len(token))
        else:
            for character in token:
                text = cell.source
                cell.splice(1 + max(map(text.rfind, ALPHABETS[typing.author])), 0, character)
                await asyncio.sleep(typing.pause)
        if number % 4:
            continue  # with some unacknowledged edits under way at all times
        if await notebook.until(lambda: notebook.is_saved or not notebook.online, 60) and notebook.is_saved:
            _tell(saved=number + 1)
        if notebook.keeper is not None and await notebook.kept(5):
            _tell(kept=number + 1)


if __name__ == "__main__":
    asyncio.run(_main(Typing(**json.loads(sys.argv[1]))))
