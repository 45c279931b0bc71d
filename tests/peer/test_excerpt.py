"""The beginning and the end of an output of any size, fetching no more than that."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from clients.peer.excerpt import excerpt
from notebook_doc.contents import content_of
from notebook_doc.runtime_records import Manifest


class Blobs:
    """Keeps contents, and counts what is fetched of them."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}
        self.fetched = 0

    def content(self, text: str) -> Any:
        content, data = content_of("text/plain", text)
        if data is not None:
            self._kept[sha256(data).hexdigest()] = data
        return content

    def stream(self, *texts: str) -> Manifest:
        return {"output_type": "stream", "name": "stdout", "text": [self.content(text) for text in texts]}

    async def fetch(self, name: str, start: int, stop: int | None) -> bytes:
        part = self._kept[name][start:stop]
        self.fetched += len(part)
        return part


def shown(blobs: Blobs, outputs: list[Manifest], limit: int) -> str:
    return asyncio.run(excerpt(outputs, limit, blobs.fetch))


def test_what_is_short_is_whole_and_reads_as_in_a_terminal() -> None:
    blobs = Blobs()
    outputs = [
        blobs.stream("one\n", "two\n"),
        cast(Manifest, {"output_type": "execute_result", "data": {"text/plain": blobs.content("3")}, "metadata": {}}),
        cast(Manifest, {"output_type": "display_data", "data": {"image/png": blobs.content("x")}, "metadata": {}}),
        cast(Manifest, {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["E:", "no"]}),
    ]
    assert shown(blobs, outputs, 1000) == "one\ntwo\n3\nE:\nno\n"


def test_of_what_is_long_only_what_is_shown_is_fetched() -> None:
    blobs = Blobs()
    outputs = [blobs.stream(*(f"{n:04}" * 25_000 for n in range(100)))]  # ten megabytes
    text = shown(blobs, outputs, 1000)
    assert text.startswith("0000" * 60)
    assert text.endswith("0099" * 150)
    assert "9,999,000 of 10,000,000 bytes are left out" in text
    assert blobs.fetched == 1000


@given(st.lists(st.text("aé€😀\n", max_size=40), max_size=8), st.integers(8, 60), st.booleans())
def test_characters_are_never_broken(texts: list[str], limit: int, large: bool) -> None:
    blobs = Blobs()
    texts = [text * 60 if large else text for text in texts]
    text, whole = shown(blobs, [blobs.stream(*texts)], limit), "".join(texts)
    if len(whole.encode()) <= limit:
        assert text == whole
    else:
        first, _, last = text.partition("\n… ")
        last = last.partition(" …\n")[2]
        assert whole.startswith(first)
        assert whole.endswith(last)
        assert limit - 8 <= len((first + last).encode()) <= limit
