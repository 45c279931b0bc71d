"""Short questions to a hub over HTTP, for commands that must start fast: the standard library's client, and JSON.

Loopback only, no proxies. Every failure becomes a CliError with the hub's own words.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from clients.cli.errors import ServiceFailed, answered
from relay.registry import ServerEntry

# Seconds for one exchange; opening a large file for the first time imports it.
HTTP_SECONDS: Final = 60.0


class HubHttp:
    """Talks to the hub at `url` with its token; one connection per question."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token

    @classmethod
    def of(cls, entry: ServerEntry) -> HubHttp:
        """The hub of a registry entry."""
        if entry.endpoint is None:
            raise ServiceFailed(f"The {entry.kind} (process {entry.pid}) has no address yet.", "Try again in a moment.")
        return cls(entry.endpoint, entry.token)

    def is_healthy(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.ask("GET", "/health", seconds=2.0).get("ok"))
        except ServiceFailed:
            return False

    def open_notebook(self, path: Path, *, create: bool = False) -> str:
        """Open a file; its notebook's id. Raises NotebookUnusable, ServiceFailed."""
        notebook_id: str = self.ask("POST", "/v1/notebooks", {"path": str(path), "create": create})["notebook_id"]
        return notebook_id

    def notebooks(self) -> list[dict[str, Any]]:
        """The open notebooks: id, path, saved, kernel, peers."""
        found: list[dict[str, Any]] = self.all_notebooks()["open"]
        return found

    def all_notebooks(self) -> dict[str, Any]:
        """`notebooks`, all that the hub knows, and `open`, those that are open."""
        return self.ask("GET", "/v1/notebooks")

    def login_link(self, then: str = "/") -> str:
        """A URL that logs one browser in, once, within ten minutes."""
        return self.url + str(self.ask("POST", f"/v1/login-codes?next={quote(then)}")["path"])

    def ask(self, method: str, path: str, body: object = None, *, seconds: float = HTTP_SECONDS) -> dict[str, Any]:
        """One question and its JSON answer. Raises NotebookUnusable, ServiceFailed."""
        from http.client import HTTPConnection, HTTPException  # slow to import, and not needed when nothing runs

        where = urlsplit(self.url)
        assert where.hostname is not None, "a registry entry has a whole URL"
        connection = HTTPConnection(where.hostname, where.port, timeout=seconds)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            status, content = response.status, response.read()
        except (OSError, HTTPException) as error:
            message = f"The hub at {self.url} cannot be reached: {str(error) or type(error).__name__}."
            raise ServiceFailed(message, "`quire status` tells what runs, `quire logs` what happened.") from error
        finally:
            connection.close()
        return _answer(method, path, status, content)


def _answer(method: str, path: str, status: int, content: bytes) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(content)
        if status < 400:
            return answer
        told = answer["error"]
        code, message, hint = told["code"], told["message"], told.get("hint", "")
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceFailed(f"The hub answered {method} {path} with status {status}.", "See `quire logs`.") from error
    raise answered(code, message, hint)
