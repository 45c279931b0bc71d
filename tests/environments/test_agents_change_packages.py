"""Agents add and remove packages, in code mode and over MCP, with real environments made of local wheels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients.agent.code_mode import code_mode
from clients.agent.errors import AgentError, BatchRefused
from tests.agent.company import agree
from tests.agent.mcp_client import by_http, served
from tests.daemon.service import notebook_file
from tests.support.aio import aio


@aio
async def test_an_agent_installs_what_a_person_has_approved_and_nothing_else(tmp_path: Path, wheels: Path) -> None:
    """A story: it shares one environment and one kernel, which take seconds to make."""
    path = notebook_file(tmp_path, ["import tiny; print(tiny.version)"])
    told = json.loads(path.read_text())
    uv = {"dependencies": ["tiny==1", "small"], "find-links": [str(wheels)], "no-index": True}
    told["metadata"] = {"quire": {"uv": uv}}
    path.write_text(json.dumps(told))
    async with served(tmp_path, [], daemon=True, path=path) as here:
        ann, claude = here.ann, await here.company.enter("claude", "agent")

        def declared() -> object:
            return ann.metadata["quire"]["uv"]["dependencies"]

        # A person approves, for any notebook, and then takes one of the packages away.
        (execution,) = await ann.start(["c0"])
        assert await ann.until(lambda: ann.packages.trust.asks, 30)
        await ann.packages.approve(remember=True)
        assert (await execution.wait()).ok
        await ann.packages.remove("small")
        await agree(ann, claude)
        assert declared() == ["tiny==1"]

        # What was approved is installed before the cell runs that needs it, in one block.
        async with code_mode(claude) as ctx:
            ctx.packages.add("small")
            (run,) = await ctx.run(ctx.create_cell("import small; print('small', small.version)"))
        assert (run.status, run.text) == ("done", "small 1.0\n")
        assert ctx.packages.list() == {"small": "1.0", "tiny": "1.0"}
        await agree(ann, claude)
        assert declared() == ["tiny==1", "small"]

        # A batch that is refused installs and takes away nothing, nor does a package that nobody has approved.
        before, heads = claude.packages.list(), claude.doc.replica.heads()
        with pytest.raises(BatchRefused):
            async with code_mode(claude) as ctx:
                ctx.packages.remove("small")
                ctx.create_cell("def broken(")
        assert (claude.packages.list(), claude.doc.replica.heads()) == (before, heads)
        with pytest.raises(AgentError, match="A person has to approve wheel-of-nobody"):
            async with code_mode(claude) as ctx:
                ctx.packages.add("wheel-of-nobody")
                ctx.create_cell("# never written")
        await agree(ann, claude)
        assert declared() == ["tiny==1", "small"]
        assert len(ann.cells) == 2

        # The same over MCP.
        notebook = here.company.notebook_id
        async with by_http(here.service.address) as agent:
            assert await agent.text("packages", notebook=notebook) == "small 1.0\ntiny 1.0"
            refused = await agent.error("packages", notebook=notebook, add=["wheel-of-nobody"])
            assert "A person has to approve wheel-of-nobody" in refused
            assert "propose" in refused
            assert "small" not in await agent.text("packages", notebook=notebook, remove=["small"])
            assert "small 1.0" in await agent.text("packages", notebook=notebook, add=["small"])
            shown = await agent.text("create_cell", notebook=notebook, code="small.version, tiny.version", run=True)
            assert "('1.0', '1.0')" in shown
