"""What an execution has printed and shown, followed as it grows, at the cost of what is new.

A FollowedRun reads one execution's outputs from RuntimeDoc and fetches what lies in blobs. It promises that the
increments of a stream, put after each other, are what a terminal that shows the stream has to be sent.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from clients.gateway.outputs import MAX_CONSOLE, increment
from clients.peer.errors import RequestFailed
from clients.peer.notebook import Notebook
from notebook_doc.contents import value_of
from notebook_doc.errors import CorruptDocument
from notebook_doc.model import Content

logger = logging.getLogger("quire.gateway")

# Contents at a stream's end whose texts are kept to compare with: those before them are sealed and do not change.
_LIVE: Final = 4


@dataclass(slots=True)
class _Stream:
    keys: list[str] = field(default_factory=list)  # what each content is
    texts: list[str] = field(default_factory=list)  # what the last of them say; "" for those before


class FollowedRun:
    """One execution, while it runs. `began` and `console`, what a terminal shows that was sent all that was told, are
    for whoever follows it."""

    def __init__(self, notebook: Notebook, execution_id: str) -> None:
        self._notebook = notebook
        self.id = execution_id
        self.began = False
        self.console = {"stdout": "", "stderr": ""}
        self._streams: dict[int, _Stream] = {}

    async def increments(self) -> AsyncIterator[tuple[str, str]]:
        """What was printed since the last call: (stream, text), in order."""
        for index, manifest in enumerate(self._notebook.runtime.outputs(self.id)):
            if manifest.get("output_type") == "stream":
                text = await self._increment(index, manifest)
                if text:
                    yield str(manifest.get("name", "stdout")), text

    async def _increment(self, index: int, manifest: Mapping[str, Any]) -> str:
        contents = cast("list[Content]", manifest.get("text", []))
        stream = self._streams.setdefault(index, _Stream())
        keys = [repr(content) for content in contents]
        same = 0
        while same < min(len(keys), len(stream.keys)) and keys[same] == stream.keys[same]:
            same += 1
        if same == len(keys) == len(stream.keys):
            return ""
        new = [await self._text(content) for content in contents[same:]]
        told = increment("".join(stream.texts[same:]), "".join(new))
        stream.keys, stream.texts = keys, [*stream.texts[:same], *new]
        for number in range(len(keys) - _LIVE):
            stream.texts[number] = ""
        return told

    async def _text(self, content: Content) -> str:
        entry = cast("Mapping[str, Any]", content)
        name = entry.get("blob")
        data = await self._notebook.blob(name) if isinstance(name, str) else b""
        return str(value_of(content, lambda _: data))

    async def outputs(self) -> list[dict[str, Any]]:
        """All outputs as nbformat has them; of a stream that is very long its end."""
        return await outputs_of(self._notebook, self.id)


async def outputs_of(notebook: Notebook, execution_id: str) -> list[dict[str, Any]]:
    """The outputs of an execution as nbformat has them; of a stream that is very long its end."""
    manifests = notebook.runtime.outputs(execution_id)
    for manifest in manifests:
        contents = manifest.get("text")
        if manifest.get("output_type") == "stream" and isinstance(contents, list):
            manifest["text"] = contents[_first_shown(contents) :]
    try:
        return await notebook.read_outputs(manifests)
    except (RequestFailed, CorruptDocument) as error:  # a blob is lost: the rest of the notebook is there
        logger.warning("notebook %s: the outputs of execution %s cannot be shown: %s", notebook.id, execution_id, error)
        return []


def _first_shown(contents: list[Any]) -> int:
    size = 0
    for number in range(len(contents) - 1, -1, -1):
        size += contents[number].get("size", 1024)
        if size > MAX_CONSOLE:
            return min(number + 1, len(contents) - 1)
    return 0
