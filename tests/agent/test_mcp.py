"""A real MCP client works in a notebook, over both transports, while a person is in it."""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from mcp_types import ImageContent, TextContent

from clients.peer.hub_address import HubAddress
from notebook_doc.policy import AgentPolicy, with_policy
from tests.agent.company import seen
from tests.agent.mcp_client import by_http, by_stdio, served, version
from tests.daemon.service import notebook_file
from tests.support.aio import aio

FIGURE = """\
from base64 import b64decode
from IPython.display import display, Image
png = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
display(Image(png))"""


SLOW = """\
import os, time
print("begun", flush=True)
while not os.path.exists("go"):
    time.sleep(0.02)
print("ended")"""


@aio
async def test_an_agent_reads_edits_and_proposes_over_http_and_a_persons_typing_survives(tmp_path: Path) -> None:
    async with served(tmp_path, ["price = 3", "print(price)"]) as here, by_http(here.service.address) as agent:
        ann = here.ann
        assert here.company.notebook_id in await agent.text("list_notebooks")
        overview = await agent.text("open_notebook", path=str(here.path))
        notebook = here.company.notebook_id
        assert "c0 code, draft\n    price = 3" in overview
        read = await agent.text("read_cells", notebook=notebook, cells=["c0", "1"])
        assert "```\nprint(price)\n```" in read

        ann.cells["c0"].append("  # euros")  # while the agent thinks
        while "euros" not in await agent.text("search", notebook=notebook, pattern="euros"):
            pass  # until the agent's peer has it
        done = await agent.text("edit_cell", notebook=notebook, cell="c0", code="price = 4", version=version(read))
        await seen(ann, lambda: ann.cells["c0"].source == "price = 4  # euros")
        assert "merged with c0: changed (source) by ann; both edits are in it" in done
        change = re.findall(r"undo with change (\w+)", done)[0]

        steps = [
            {"op": "create", "code": "# end", "after": "c1", "name": "end"},
            {"op": "move", "cell": "c1", "before": "c0"},
            {"op": "replace", "cell": "c0", "old": "price = 4", "new": "price = 5"},
        ]
        done = await agent.text("batch", notebook=notebook, steps=steps, version=version(done))
        await seen(ann, lambda: [c.source for c in ann.cells] == ["print(price)", "price = 5  # euros", "# end"])
        assert "# end" in await agent.text("search", notebook=notebook, pattern="^# e")
        assert "depends on c0" in await agent.text("graph", notebook=notebook, cell="c1")

        await agent.text("undo", notebook=notebook, change=change)
        await seen(ann, lambda: ann.cells["c0"].source.startswith("price = ") and "5" in ann.cells["c0"].source)
        assert ann.cells["c0"].source.endswith("  # euros")

        proposed = await agent.text("create_cell", notebook=notebook, code="tax = 0.2", propose="we need tax")
        assert "proposed" in proposed
        await seen(ann, lambda: len(ann.proposals()) == 1)
        assert "+tax = 0.2" in await agent.text("proposals", notebook=notebook)
        wanted = ann.proposals()[0].id
        assert await agent.text("decide_proposal", notebook=notebook, proposal=wanted, action="accept") == "accepted"
        await seen(ann, lambda: any(cell.source == "tax = 0.2" for cell in ann.cells))
        assert any(one.peer.kind == "agent" for one in ann.peers)
        assert "by ann" in await agent.text("history", notebook=notebook)
        await agent.text("save_notebook", notebook=notebook)
        assert "tax = 0.2" in here.path.read_text()


@aio
async def test_every_error_says_what_to_do_next(tmp_path: Path) -> None:
    async with served(tmp_path, ["x = 1", "y = 2"]) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        read = await agent.text("read_notebook", notebook=notebook)
        assert "Call read_notebook" in await agent.error(
            "edit_cell", notebook=notebook, cell="c0", code="", version="never"
        )
        assert "There are: c0, c1" in await agent.error("read_cells", notebook=notebook, cells=["c9"])
        here.ann.cells["c1"].delete()
        while "[1] c1 code" in await agent.text("read_notebook", notebook=notebook):
            pass  # until the agent's peer has it
        gone = await agent.error("edit_cell", notebook=notebook, cell="c1", code="y = 3", version=version(read))
        assert "Read the notebook again" in gone
        here.ann.set_metadata(with_policy(here.ann.metadata, AgentPolicy("propose", "confirm", "confirm")))
        assert await here.ann.saved(60)
        while "Propose the change" not in (refused := await agent.attempt("move_cell", notebook=notebook, cell="c0")):
            pass  # until the agent's peer has the policy, too
        assert "agents may not" in refused
        assert "Check the path" in await agent.error("open_notebook", path=str(tmp_path / "none.ipynb"))
        assert "list_notebooks says" in await agent.error("read_notebook", notebook="none")
        assert "Put a backslash" in await agent.error("search", notebook=notebook, pattern="f(")


@aio
async def test_runs_stream_progress_return_images_and_go_on_when_nobody_waits(tmp_path: Path) -> None:
    async with served(tmp_path, ["print('hello')", FIGURE], daemon=True) as here:
        notebook = here.company.notebook_id
        async with by_http(here.service.address) as agent:
            done = await agent.call("run_cells", notebook=notebook, cells=["c0", "c1"])
            assert isinstance(done.content[0], TextContent)
            assert done.content[0].text == "c0: done\nhello\n\nc1: done"
            (picture,) = [part for part in done.content if isinstance(part, ImageContent)]
            assert picture.mime_type == "image/png"
            await agent.text("create_cell", notebook=notebook, code=SLOW, name="slow")
            slow = here.ann.cells[-1].id if await here.ann.until(lambda: len(here.ann.cells) == 3, 60) else ""
            agent.told.clear()
            running = asyncio.create_task(agent.call("run_cells", notebook=notebook, cells=["c0", "slow"]))
            while not any(f"cell {slow}: running for" in line and line.endswith(": begun") for line in agent.told):
                await asyncio.sleep(0.01)  # until it is told
            done = [float(line.partition("/")[0]) for line in agent.told if "/2 " in line]
            assert done == sorted(set(done)), "MCP wants progress that rises with each word"
            behind = await agent.error("scratch", notebook=notebook, code="1 / 0", seconds=0.3)
            assert f"queued behind cell {slow}, running for" in behind, behind
            assert "nothing of it has run" in behind
            execution = re.findall(r"\(execution (\w+)\)", behind)[0]
            running.cancel()  # it goes on
        (tmp_path / "go").touch()
        async with by_http(here.service.address) as agent:  # another session
            text = ""
            while "ended" not in text:
                text = await agent.text("result", notebook=notebook, execution=execution)
            stopped = await agent.text("scratch", notebook=notebook, code="while True: pass", seconds=0.2)
            assert "interrupted because it had run for 0.2 s" in stopped
            await agent.text("create_cell", notebook=notebook, code="while True: pass", name="loop")
            left = await agent.text("run_cells", notebook=notebook, cells=["loop"], seconds=0.3)
            execution = re.findall(r"still running after 0.3 s: (\S+)", left)[0]
            assert execution in await agent.text("interrupt", notebook=notebook, executions=[execution])
            text = ""
            while "error" not in text:
                text = await agent.text("result", notebook=notebook, execution=execution)
            assert "KeyboardInterrupt" in text


@aio
async def test_without_the_token_or_from_a_foreign_page_there_is_nothing_at_the_door(tmp_path: Path) -> None:
    async with served(tmp_path, ["x = 1"]) as here, httpx2.AsyncClient() as http:
        url, token = f"{here.service.address.url}/mcp", here.service.address.token
        assert (await http.post(url, json={})).status_code == 401
        mine = {"Authorization": f"Bearer {token}"}
        assert (await http.post(url, json={}, headers={**mine, "Origin": "https://evil.example"})).status_code == 403
        assert (await http.post(url, json={}, headers={**mine, "Host": "evil.example"})).status_code == 421


@aio
async def test_two_agents_over_http_are_two_peers_and_share_no_current_notebook(tmp_path: Path) -> None:
    async with (
        served(tmp_path, ["x = 1"]) as here,
        by_http(here.service.address, "claude") as one,
        by_http(here.service.address, "codex") as other,
    ):
        notebook = here.company.notebook_id
        for agent in (one, other):
            await agent.text("create_cell", notebook=notebook, code="# here")
        await seen(here.ann, lambda: len(here.ann.cells) == 3)
        assert {one.peer.name for one in here.ann.peers if one.peer.kind == "agent"} == {"claude", "codex"}
        assert "codex" in await one.text("history", notebook=notebook)


def test_tool_descriptions_are_short() -> None:
    async def described() -> dict[str, str]:
        from clients.agent.desk import Desk
        from clients.agent.mcp_server import make_server

        server = make_server(Desk(lambda: HubAddress("http://127.0.0.1:0", "")), version="0")
        return {tool.name: tool.description or "" for tool in await server.list_tools()}

    tools = asyncio.run(described())
    assert len(tools) >= 20
    assert {name for name, text in tools.items() if not 10 < len(text) <= 110} == set()


@pytest.mark.parametrize("name", ["claude"])
@aio
async def test_an_agent_works_over_standard_input_and_output(name: str, tmp_path: Path) -> None:
    from tests.support.hub import hub_process

    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    path = notebook_file(tmp_path, ["x = 1"])
    with hub_process(state):
        async with by_stdio(state) as agent:
            notebook = re.findall(r"notebook (\S+),", await agent.text("open_notebook", path=str(path)))[0]
            done = await agent.text("create_cell", notebook=notebook, code="y = x + 1", after="c0")
            assert "created" in done
            assert f"{name} (agent)" in await agent.text("list_notebooks")
            await agent.text("save_notebook", notebook=notebook)
        assert "y = x + 1" in path.read_text()


@aio
async def test_an_agent_is_told_that_the_service_went_away_and_that_its_edits_are_kept(tmp_path: Path) -> None:
    from tests.support.hub import hub_process

    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    path = notebook_file(tmp_path, ["x = 1"])
    with ExitStack() as first:
        first.enter_context(hub_process(state))
        async with by_stdio(state) as agent:
            notebook = re.findall(r"notebook (\S+),", await agent.text("open_notebook", path=str(path)))[0]
            first.close()
            async with asyncio.timeout(30):  # until its peer has noticed
                while "the service is away: edits are kept" not in await agent.text("read_notebook", notebook=notebook):
                    pass
            done = await agent.text("create_cell", notebook=notebook, code="y = 2", after="c0", run=True)
            assert "created" in done
            assert "Written, but not run: The Quire service is away, so nothing has run." in done
            with hub_process(state):
                assert "y = 2" in await agent.text("read_notebook", notebook=notebook)
                await agent.text("save_notebook", notebook=notebook)
            assert "y = 2" in path.read_text()
