"""Outputs as the JSON protocol shows them: what a cell displays, its result, its console, its error. Pure.

Takes outputs as nbformat has them. A meta says a content's type and size and shows a bounded preview: a client that
wants all of a large picture or table gets it from the blob that the meta names, or from the export.
"""

from __future__ import annotations

import ast
import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

Payload = dict[str, Any]
# Characters of a text preview, and bytes up to which a picture is inside its meta.
MAX_PREVIEW: Final = 10_000
MAX_PICTURE: Final = 4 * 1024 * 1024
# Characters of console output that one frame carries at its end; the increments carried all of it.
MAX_CONSOLE: Final = 1024 * 1024
_PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
_TEXTS: Final = ("text/html", "image/svg+xml", "text/markdown", "text/latex")
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_OWN_FILES: Final = re.compile(r'(File ")?(/[^\s":]+/)(ipykernel_\d+/[^\s":]+)')


def meta(data: Mapping[str, Any]) -> Payload:
    """The meta of a MIME bundle: its richest form that is known."""
    for mime in _TEXTS:
        if isinstance(data.get(mime), str):
            return _text(mime, data[mime])
    for mime in _PICTURES:
        if isinstance(data.get(mime), str):
            return _picture(mime, data[mime])
    for mime, value in data.items():
        if mime == "application/json" or mime.endswith("+json"):
            return {**_json(value), "mime": mime}
    return of_repr(str(data.get("text/plain", "")))


def _text(mime: str, text: str) -> Payload:
    size = len(text.encode())
    return {"content_type": mime, "bytes": size, "preview": text[:MAX_PREVIEW], "truncated": len(text) > MAX_PREVIEW}


def _picture(mime: str, encoded: str) -> Payload:
    try:
        size = len(base64.b64decode(encoded))
    except (binascii.Error, ValueError):
        size = len(encoded)
    kept = size <= MAX_PICTURE
    return {"content_type": mime, "bytes": size, "preview": encoded if kept else "", "truncated": not kept}


def _json(value: Any) -> Payload:
    text = json.dumps(value, ensure_ascii=False, default=str)
    preview = value if len(text) <= MAX_PREVIEW else text[:MAX_PREVIEW]
    return {"content_type": "json/object", "bytes": len(text.encode()), "preview": preview}


def of_repr(text: str, type_name: str = "") -> Payload:
    """The meta of a value that is known by its `repr` alone: JSON if it can be read as such."""
    if len(text) <= MAX_PREVIEW:
        try:
            value = ast.literal_eval(text)
            if isinstance(value, (int, float, str, bool, list, dict, type(None))):
                return {**_json(value), "type": type_name or type(value).__name__}
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            pass  # a repr of something else
    module = re.match(r"<module '([^']+)'", text)
    if module is not None:
        return {"content_type": "module/import", "bytes": 0, "preview": module[1]}
    return {
        "content_type": "pickle/object",
        "bytes": len(text.encode()),
        "preview": text[:MAX_PREVIEW],
        "type": type_name,
        "truncated": len(text) > MAX_PREVIEW,
    }


def of_inspection(text: str) -> Payload:
    """The meta of a variable, from what the kernel says about it when it is inspected."""
    kind = re.search(r"^Type:\s+(.*)$", text, re.MULTILINE)
    form = re.search(r"^String form:\s*(.*?)(?=^[A-Z][A-Za-z ]*:\s|\Z)", text, re.MULTILINE | re.DOTALL)
    return of_repr("" if form is None else form[1].rstrip(), "" if kind is None else kind[1].strip())


def displays(outputs: Iterable[Mapping[str, Any]]) -> list[Payload]:
    """What a cell shows, in order: its displays and its result."""
    return [meta(one["data"]) for one in outputs if one["output_type"] in ("display_data", "execute_result")]


def result(outputs: Iterable[Mapping[str, Any]]) -> Payload | None:
    """The value of a cell's last expression."""
    found = [meta(one["data"]) for one in outputs if one["output_type"] == "execute_result"]
    return found[-1] if found else None


def console(outputs: Iterable[Mapping[str, Any]], stream: str) -> str:
    """What was printed, its end if it is very long."""
    text = "".join(one["text"] for one in outputs if one["output_type"] == "stream" and one["name"] == stream)
    return text if len(text) <= MAX_CONSOLE else text[-MAX_CONSOLE:]


def error(outputs: Sequence[Mapping[str, Any]], fallback: str) -> str:
    """Type, message and traceback of what was raised, without colours and without the service's own paths."""
    for one in reversed(outputs):
        if one["output_type"] == "error":
            traceback = _ESCAPES.sub("", "\n".join(one.get("traceback", ())))
            return _OWN_FILES.sub(r"\1\3", f"{one['ename']}: {one['evalue']}\n{traceback}".rstrip())
    return fallback


def missing_package(outputs: Iterable[Mapping[str, Any]]) -> str | None:
    """The package whose installation may mend an import that failed."""
    for one in outputs:
        if one["output_type"] == "error" and one["ename"] in ("ModuleNotFoundError", "ImportError"):
            named = re.search(r"No module named '([^']+)'", str(one["evalue"]))
            if named is not None:
                return named[1].partition(".")[0]
    return None


def shown(outputs: Sequence[Mapping[str, Any]]) -> Payload:
    """What of a cell's outputs stands in a notebook's state."""
    return {
        "display_outputs": displays(outputs),
        "console_stdout": console(outputs, "stdout"),
        "console_stderr": console(outputs, "stderr"),
    }


def increment(before: str, now: str) -> str:
    """What a terminal that shows `before` has to be sent to show `now`: what came after it, or its last line again."""
    if now.startswith(before):
        return now[len(before) :]
    line = before.rfind("\n") + 1
    if now[:line] == before[:line]:
        return "\r" + now[line:]  # a progress bar: the line is written again
    return "\n" + now


def applied(shown: str, told: str) -> str:
    """What a terminal shows that showed `shown` and is sent this increment; its end if that is very long."""
    if told.startswith("\r"):
        shown, told = shown[: shown.rfind("\n") + 1], told[1:]
    text = shown + told
    return text if len(text) <= MAX_CONSOLE else text[-MAX_CONSOLE:]
