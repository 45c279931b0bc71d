"""The guard before a real server: requests, upgrades, and the link that logs a browser in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import httpx
import pytest
import websockets
from fastapi import FastAPI, WebSocket
from starlette.types import ASGIApp
from websockets.asyncio.client import connect

from sync_server.guard import AUTHENTICATED, GuardMiddleware, new_token, policy_for
from sync_server.login import CODE_SECONDS, MOST_CODES, LoginCodes, login_router, own_path
from tests.sync_server.servers import Running, serving

TOKEN = new_token()
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def application(port: int) -> ASGIApp:
    app = FastAPI()
    policy = policy_for(TOKEN, port)
    app.include_router(login_router(policy, LoginCodes()))

    @app.get("/health")
    @app.get("/secret")
    async def answer() -> dict[str, str]:
        return {"here": "it is"}

    @app.websocket("/sync")
    async def sync(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(str(socket.scope[AUTHENTICATED]))
        await socket.close()

    return GuardMiddleware(app, policy)


def run(story: Callable[[Running], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serving(application) as server:
            await story(server)

    asyncio.run(main())


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_without_the_token_only_health_answers() -> None:
    async def story(server: Running) -> None:
        assert (await server.http.get("/health")).status_code == 200
        refused = await server.http.get("/secret")
        assert code(refused) == (401, "unauthorized")
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert (await server.http.get("/secret", headers=BEARER)).json() == {"here": "it is"}

    run(story)


def test_a_token_in_the_address_is_not_looked_at() -> None:
    async def story(server: Running) -> None:
        for query in ({"token": TOKEN}, {"access_token": TOKEN}, {"code": TOKEN}):
            assert code(await server.http.get("/secret", params=query)) == (401, "unauthorized")
            assert code(await server.http.get("/login", params=query)) == (401, "unauthorized")

    run(story)


def test_a_rebound_name_and_a_foreign_page_are_refused_also_where_no_token_is_needed() -> None:
    async def story(server: Running) -> None:
        for path in ("/health", "/login", "/secret"):
            rebound = await server.http.get(path, headers=BEARER | {"Host": f"evil.example:{server.port}"})
            assert code(rebound) == (421, "forbidden")
            foreign = await server.http.get(path, headers=BEARER | {"Origin": "https://evil.example"})
            assert code(foreign) == (403, "forbidden")

    run(story)


def test_all_failed_attempts_get_the_same_answer_and_no_log_holds_a_token(caplog: pytest.LogCaptureFixture) -> None:
    async def story(server: Running) -> None:
        attempts = [{}, {"Authorization": "Bearer almost-the-token"}, {"Cookie": f"quire_{server.port}={TOKEN}"}]
        answers = [await server.http.get("/secret?q=private", headers=attempt) for attempt in attempts]
        assert len({answer.text for answer in answers}) == 1
        assert answers[0].status_code == 401
        assert "almost" not in answers[0].text

    with caplog.at_level(logging.DEBUG, logger="sync_server"):
        run(story)
    assert "refused GET '/secret'" in caplog.text
    for secret in (TOKEN, "almost-the-token", "private"):
        assert secret not in caplog.text


def test_an_upgrade_is_refused_by_host_and_origin_and_otherwise_told_whether_it_is_authenticated() -> None:
    async def story(server: Running) -> None:
        address = f"ws://127.0.0.1:{server.port}/sync"
        for headers, said in (({}, "False"), (BEARER, "True"), ({"Authorization": "Bearer wrong"}, "False")):
            async with connect(address, additional_headers=headers, proxy=None) as socket:
                assert await socket.recv() == said
        own = websockets.Origin(f"http://localhost:{server.port}")
        async with connect(address, origin=own, additional_headers=BEARER, proxy=None) as socket:
            assert await socket.recv() == "True"
        for origin in ("https://evil.example", "null", f"http://localhost:{server.port + 1}"):
            with pytest.raises(websockets.InvalidStatus) as refused:
                await connect(address, origin=websockets.Origin(origin), additional_headers=BEARER, proxy=None)
            assert refused.value.response.status_code == 403
            assert b'"forbidden"' in (refused.value.response.body or b"")
        rebound = f"ws://evil.example:{server.port}/sync"
        with pytest.raises(websockets.InvalidStatus) as refused:
            await connect(rebound, host="127.0.0.1", port=server.port, additional_headers=BEARER, proxy=None)
        assert refused.value.response.status_code == 421

    run(story)


def test_a_link_logs_one_browser_in_once() -> None:
    async def story(server: Running) -> None:
        assert code(await server.http.post("/v1/login-codes")) == (401, "unauthorized")
        asked = await server.http.post("/v1/login-codes", params={"next": "/notebooks/ü?x=1"}, headers=BEARER)
        link = asked.json()["path"]
        assert TOKEN not in link
        answer = await server.http.get(link)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/notebooks/%C3%BC?x=1"
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"quire_{server.port}=")
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert TOKEN not in cookie
        assert (await server.http.get("/secret")).status_code == 200  # the client keeps cookies
        assert (await server.http.get(link)).status_code == 303  # logged in already
        async with httpx.AsyncClient(base_url=server.http.base_url, trust_env=False) as thief:
            assert code(await thief.get(link)) == (401, "unauthorized")
            assert code(await thief.get("/secret")) == (401, "unauthorized")

    run(story)


def test_a_login_link_on_a_foreign_page_goes_on_by_a_page_of_ours() -> None:
    async def story(server: Running) -> None:
        asked = await server.http.post("/v1/login-codes", params={"next": '/"><script>'}, headers=BEARER)
        browser = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        answer = await server.http.get(asked.json()["path"], headers=browser)
        assert answer.status_code == 200
        assert "set-cookie" in answer.headers
        assert 'content="0; url=/&quot;&gt;&lt;script&gt;"' in answer.text
        assert "<script>" not in answer.text

    run(story)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "evil",
        "",
        "/a\r\nSet-Cookie: x=1",
        "/\t/evil.example",
    ],
)
def test_a_login_link_leads_nowhere_else(elsewhere: str) -> None:
    assert own_path(elsewhere) == "/"
    assert own_path(None) == "/"
    assert own_path("/notebooks/1?x=//y") == "/notebooks/1?x=//y"


def test_a_code_works_once_and_not_after_ten_minutes() -> None:
    now = 0.0
    codes = LoginCodes(lambda: now)
    first, second, third = codes.issue(), codes.issue(), codes.issue()
    assert not codes.redeem("")
    assert codes.redeem(first)
    assert not codes.redeem(first)
    now = CODE_SECONDS - 1
    assert codes.redeem(second)
    now = CODE_SECONDS
    assert not codes.redeem(third)


def test_only_so_many_codes_are_open_at_a_time() -> None:
    codes = LoginCodes(lambda: 0.0)
    issued = [codes.issue() for _ in range(MOST_CODES + 3)]
    assert [codes.redeem(code) for code in issued] == [False] * 3 + [True] * MOST_CODES
