"""The values of outputs and attachments, as contents of a document and back, exactly.

A value under 1 KiB stays in the document; a larger one becomes a blob named by its SHA-256, base64 decoded first, if
it can be made again to the letter. What is text and what is base64 is decided by MIME type alone, as Jupyter does. Used
for files and, on the hot path, for what kernels send: both have outputs of one shape. No I/O: new blobs are handed back
to the caller, and existing ones are fetched by a function that it gives.
"""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, cast

from notebook_doc.errors import CorruptDocument
from notebook_doc.model import Attachments, BlobContent, Content, Encoding, MimeBundle, OutputManifest
from notebook_doc.plain import JsonMap, JsonValue, check_depth, plain, well_formed

INLINE_BELOW: Final = 1024  # bytes of UTF-8; below it a content costs a document less than a round trip for a blob
LINE: Final = 76  # characters in a line of MIME base64, RFC 2045 section 6.8
Blobs = dict[str, bytes]  # SHA-256 in lower-case hex -> bytes
FetchBlob = Callable[[str], bytes]

_RICH: Final = frozenset({"display_data", "execute_result"})
_BASE64: Final = frozenset({"base64", "base64\n", "base64/76"})
_TEXT_TYPES: Final = frozenset(
    {
        "application/ecmascript",
        "application/javascript",
        "application/json",
        "application/latex",
        "application/sql",
        "application/toml",
        "application/x-javascript",
        "application/x-latex",
        "application/x-tex",
        "application/xml",
        "application/yaml",
        "image/svg+xml",
    }
)


@lru_cache(maxsize=256)
def is_text(mime: str) -> bool:
    """Whether values of this MIME type are text or JSON; by Jupyter's convention all others are base64."""
    kind = mime.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind.endswith(("+json", "+xml")) or kind in _TEXT_TYPES


def content_of(mime: str, value: JsonValue) -> tuple[Content, bytes | None]:
    """The content of a value, and the bytes to store under `content["blob"]` if it does not fit inside the document.

    A string is kept as text or base64, anything else as JSON. Surrogates without their other half become U+FFFD.
    Raises BadEdit if a JSON value is nested too deeply.
    """
    if not isinstance(value, str):
        text = _json_text(value)
        return _kept(text, "json", text.encode("utf-8"))
    text = well_formed(value)
    if is_text(mime):
        return _kept(text, "text", text.encode("utf-8"))
    decoded = _from_base64(text)
    if decoded is None:
        return _kept(text, "text", text.encode("utf-8"))
    return _kept(text, *decoded)


def value_of(content: Content, blob: FetchBlob) -> JsonValue:
    """The value that `content_of` was given. `blob` returns the bytes of a SHA-256; what it raises passes through.

    Raises CorruptDocument if the content is none, or its bytes are not what its encoding says.
    """
    entry = cast("Mapping[str, object]", content)
    encoding, inline, sha = entry.get("encoding"), entry.get("inline"), entry.get("blob")
    if not isinstance(inline, str) and not isinstance(sha, str):
        raise CorruptDocument("a content has neither a text nor a blob.", _HINT)
    stored = inline if isinstance(inline, str) else blob(cast("str", sha))
    try:
        if encoding == "json":
            return json.loads(stored)
        if isinstance(stored, str):
            return stored
        if encoding == "text":
            return stored.decode("utf-8")
    except ValueError as error:
        raise CorruptDocument(f"a content is not the {encoding} it says it is: {error}.", _HINT) from error
    if encoding in _BASE64:
        return _to_base64(stored, cast("Encoding", encoding))
    raise CorruptDocument(f"a content has the unknown encoding {encoding!r}.", _HINT)


def output_manifest(output: Mapping[str, JsonValue]) -> tuple[OutputManifest, Blobs]:
    """An output of a file, or a kernel's message content with its `output_type` put in, as documents hold it.

    Returns the manifest and the new blobs. Of `transient` only the display_id is kept; every unknown key is. Raises
    BadEdit if something in it is nested too deeply.
    """
    kind = output.get("output_type")
    manifest: OutputManifest = {}
    blobs: Blobs = {}
    for key, value in output.items():
        if key == "data" and kind in _RICH and isinstance(value, Mapping):
            manifest["data"] = _bundle(value, blobs)
        elif key == "text" and kind == "stream" and isinstance(value, str):
            manifest["text"] = [_noted(content_of("text/plain", value), blobs)] if value else []
        elif key == "transient" and kind in _RICH:
            display_id = value.get("display_id") if isinstance(value, Mapping) else None
            if isinstance(display_id, str):
                manifest["display_id"] = well_formed(display_id)
        else:
            manifest[well_formed(key)] = plain(value)
    return manifest, blobs


def output_from_manifest(manifest: OutputManifest, blob: FetchBlob) -> JsonMap:
    """The output as nbformat has it, without its display_id, which no file keeps. Raises as `value_of` does."""
    kind = manifest.get("output_type")
    output: JsonMap = {}
    for key, value in manifest.items():
        if key == "data" and kind in _RICH and isinstance(value, Mapping):
            output["data"] = {mime: value_of(content, blob) for mime, content in value.items()}
        elif key == "text" and kind == "stream" and isinstance(value, list):
            output["text"] = "".join(value_of(content, blob) for content in value)
        elif key != "display_id" or kind not in _RICH:
            output[key] = value
    return output


def attachments_manifest(attachments: Mapping[str, Mapping[str, JsonValue]]) -> tuple[Attachments, Blobs]:
    """A cell's attachments as documents hold them, and the new blobs. Raises as `content_of` does."""
    blobs: Blobs = {}
    return {well_formed(name): _bundle(bundle, blobs) for name, bundle in attachments.items()}, blobs


def attachments_from_manifest(attachments: Attachments, blob: FetchBlob) -> dict[str, JsonMap]:
    """A cell's attachments as nbformat has them. Raises as `value_of` does."""
    return {
        name: {mime: value_of(content, blob) for mime, content in bundle.items()}
        for name, bundle in attachments.items()
    }


_HINT: Final = "The peer that wrote it does not follow the document schema; delete the output or attachment."


def _bundle(data: Mapping[str, JsonValue], blobs: Blobs) -> MimeBundle:
    return {well_formed(mime): _noted(content_of(mime, value), blobs) for mime, value in data.items()}


def _noted(made: tuple[Content, bytes | None], blobs: Blobs) -> Content:
    content, raw = made
    if raw is not None:
        blobs[cast("BlobContent", content)["blob"]] = raw
    return content


def _kept(text: str, encoding: Encoding, raw: bytes) -> tuple[Content, bytes | None]:
    """Inside the document as `text` if that is short, or else as a blob of `raw`."""
    if len(text) < INLINE_BELOW and (text.isascii() or len(text.encode("utf-8")) < INLINE_BELOW):
        return {"inline": text, "encoding": encoding}, None
    return {"blob": hashlib.sha256(raw).hexdigest(), "size": len(raw), "encoding": encoding}, raw


def _json_text(value: JsonValue) -> str:
    check_depth(value)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if text.isascii() or text == well_formed(text):
        return text
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))


def _from_base64(text: str) -> tuple[Encoding, bytes] | None:
    """The layout and the bytes of a base64 text that `_to_base64` reproduces to the letter; None for any other text."""
    try:
        raw = binascii.a2b_base64(text)
    except ValueError:  # binascii.Error, or characters beyond ASCII
        return None
    line_end = text.find("\n")
    encoding: Encoding = "base64" if line_end < 0 else "base64\n" if line_end == len(text) - 1 else "base64/76"
    return (encoding, raw) if _to_base64(raw, encoding) == text else None


def _to_base64(raw: bytes, encoding: Encoding) -> str:
    text = binascii.b2a_base64(raw, newline=False).decode("ascii")
    if encoding == "base64/76":
        return "".join(f"{text[i : i + LINE]}\n" for i in range(0, len(text), LINE))
    return f"{text}\n" if encoding == "base64\n" else text
