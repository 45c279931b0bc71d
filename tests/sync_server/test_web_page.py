"""The page as the hub serves it: to whom, under which policy, for how long."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from sync_server.guard import GuardMiddleware, new_token, policy_for
from sync_server.web_page import is_built, page_router
from tests.sync_server.servers import Running, serving

TOKEN = new_token()
BEARER = {"Authorization": f"Bearer {TOKEN}"}
Story = Callable[[Running], Awaitable[None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A page that was built, with one part."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text('<meta name="style-nonce" content="{{nonce}}">')
    (tmp_path / "output-frame.html").write_text("<script>frame</script>")
    (tmp_path / "quire.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-abc.js").write_text("page()")
    (tmp_path / "assets" / "notes.txt").write_text("not a part of the page")
    return tmp_path


def run(folder: Path, story: Story) -> None:
    def application(port: int) -> ASGIApp:
        app = FastAPI()
        app.include_router(page_router(folder))
        return GuardMiddleware(app, policy_for(TOKEN, port))

    async def main() -> None:
        async with serving(application) as server:
            await story(server)

    asyncio.run(main())


def test_nothing_of_the_page_is_served_without_the_token(folder: Path) -> None:
    async def story(server: Running) -> None:
        for path in ("/", "/notebooks/n", "/assets/index-abc.js", "/output-frame", "/quire.svg"):
            assert (await server.http.get(path)).status_code == 401, path

    run(folder, story)


def test_the_root_and_each_notebook_are_one_page_with_a_nonce_of_its_own_each_time(folder: Path) -> None:
    async def story(server: Running) -> None:
        nonces = set()
        for path in ("/", "/notebooks/n"):
            answer = await server.http.get(path, headers=BEARER)
            (nonce,) = re.findall(r'content="([\w-]{20,})"', answer.text)
            assert f"'nonce-{nonce}'" in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"
            nonces.add(nonce)
        assert len(nonces) == 2

    run(folder, story)


def test_the_page_may_run_its_own_scripts_and_no_others(folder: Path) -> None:
    async def story(server: Running) -> None:
        answer = await server.http.get("/", headers=BEARER)
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
        assert policy["connect-src"] == policy["frame-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"

    run(folder, story)


def test_the_frame_of_outputs_is_sandboxed_without_an_origin_and_may_fetch_nothing(folder: Path) -> None:
    async def story(server: Running) -> None:
        answer = await server.http.get("/output-frame", headers=BEARER)
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["sandbox"] == "allow-scripts"
        assert policy["default-src"] == "'none'"
        assert "connect-src" not in policy  # so the default holds
        assert policy["frame-ancestors"] == "'self'"

    run(folder, story)


def test_parts_with_their_hash_in_the_name_are_kept_for_ever_and_nothing_else_is_served(folder: Path) -> None:
    async def story(server: Running) -> None:
        part = await server.http.get("/assets/index-abc.js", headers=BEARER)
        assert part.text == "page()"
        assert part.headers["content-type"].startswith("text/javascript")
        assert "immutable" in part.headers["cache-control"]
        assert part.headers["x-content-type-options"] == "nosniff"
        for name in ("notes.txt", "gone.js", "..%2findex.html", "%2e%2e/index.html"):
            assert (await server.http.get(f"/assets/{name}", headers=BEARER)).status_code == 404, name

    run(folder, story)


def test_a_page_that_is_built_anew_is_served_at_once(folder: Path) -> None:
    async def story(server: Running) -> None:
        (folder / "assets" / "index-abc.js").unlink()
        (folder / "index.html").unlink()
        assert (await server.http.get("/assets/index-abc.js", headers=BEARER)).status_code == 404
        between = await server.http.get("/", headers=BEARER)
        assert (between.status_code, between.headers["retry-after"]) == (503, "2")
        (folder / "assets" / "index-def.js").write_text("newer()")
        (folder / "index.html").write_text("<script src=/assets/index-def.js></script>")
        assert "index-def.js" in (await server.http.get("/", headers=BEARER)).text
        assert (await server.http.get("/assets/index-def.js", headers=BEARER)).text == "newer()"

    run(folder, story)


def test_a_folder_without_the_page_is_known_as_such(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert is_built(folder)
    assert not is_built(tmp_path_factory.mktemp("empty"))
