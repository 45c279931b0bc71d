"""What an MCP client is told when its arguments are wrong, and how long answers get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp_types import ImageContent

from clients.agent.desk import Desk
from clients.agent.errors import AgentError
from clients.agent.mcp_answers import MAX_ANSWER, MAX_OUTPUT, Room, shown
from clients.agent.mcp_server import make_server
from clients.agent.searching import matching_lines
from clients.peer.hub_address import HubAddress
from notebook_doc.policy import AgentPolicy
from tests.agent.company import seen
from tests.agent.mcp_client import by_http, served, version
from tests.support.aio import aio

PICTURES = """\
import base64
from IPython.display import display
for n in range(4):
    png = base64.b64encode(bytes([n]) * 300_000).decode()
    display({"image/png": png, "text/plain": "<Figure>"}, raw=True)"""
TALKS = "print('begin' + '.' * 100_000 + 'end')\n1 / 0"
CELLS = ["x = 1", PICTURES, TALKS, "y = x + 1\ny"]


@aio
async def test_every_wrong_argument_is_refused_in_words_that_say_how_to_call(tmp_path: Path) -> None:
    async with served(tmp_path, CELLS) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        wrong = {
            "'version' is missing (from the read that this edit is made to). Nothing was done. "
            "Call edit_cell(notebook, cell, code, version, run?, propose?).": (
                "edit_cell",
                {"notebook": notebook, "cell": "c0", "code": "x"},
            ),
            "There is no argument 'timeout'. Nothing was done. Call run_cells(notebook, cells?, bring?, seconds?).": (
                "run_cells",
                {"notebook": notebook, "timeout": 5},
            ),
            "'steps[0].op' is 'put', and has to be 'create'": (
                "batch",
                {"notebook": notebook, "steps": [{"op": "put"}], "version": "v"},
            ),
            "'steps[0].source' is not known; a step has op, cell, code": (
                "batch",
                {"notebook": notebook, "steps": [{"op": "create", "source": "x"}], "version": "v"},
            ),
            "'steps[0]': code is missing and new means nothing; edit takes cell, code. Nothing was done.": (
                "batch",
                {"notebook": notebook, "steps": [{"op": "edit", "cell": "c0", "new": "x"}], "version": "v"},
            ),
            "'steps[1]': new is missing; replace takes cell, old, new. Nothing was done.": (
                "batch",
                {
                    "notebook": notebook,
                    "steps": [{"op": "delete", "cell": "c0", "code": ""}, {"op": "replace", "cell": "c0", "old": "x"}],
                    "version": "v",
                },
            ),
            "'seconds' is -1: input should be greater than or equal to 0": (
                "run_cells",
                {"notebook": notebook, "seconds": -1},
            ),
            "There is no tool 'run'. There are list_notebooks, ": ("run", {}),
            "There is no text to replace": (
                "replace_in_cell",
                {"notebook": notebook, "cell": "c0", "old": "", "new": "y"},
            ),
            "There is no cell 9: there are 4": ("read_notebook", {"notebook": notebook, "start": 9}),
            "There is no execution 'q'": ("interrupt", {"notebook": notebook, "executions": "q"}),
            "(new cell 2 at 4:4)": (
                "batch",
                {
                    "notebook": notebook,
                    "steps": [{"op": "create", "code": "1"}, {"op": "create", "code": "def ("}],
                    "version": version(await agent.text("read_notebook", notebook=notebook)),
                },
            ),
        }
        for said, (tool, arguments) in wrong.items():
            told = await agent.error(tool, **arguments)
            assert said in told
            assert "pydantic" not in told
            assert "Error executing" not in told
        twice = await agent.error("replace_in_cell", notebook=notebook, cell=3, old="y", new="z")
        assert "'y' is 2 times in cell 'c3', in lines 1, 2." in twice


@aio
async def test_a_cell_may_be_named_by_an_index_as_number_or_text_and_an_id_that_reads_as_one_comes_first(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, ["x = 1", "y = 2"]) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        with here.ann.edit():
            here.ann.doc.add_cell("z = 3", cell_id="1")
        while "[2] 1 code" not in await agent.text("read_notebook", notebook=notebook):
            pass  # until the agent's peer has it
        assert "```\nz = 3\n```" in await agent.text("read_cells", notebook=notebook, cells="1")
        assert "```\nx = 1\n```" in await agent.text("read_cells", notebook=notebook, cells=[0])
        await agent.text("create_cell", notebook=notebook, code="# mine", after=0)
        await seen(here.ann, lambda: [cell.source for cell in here.ann.cells][1] == "# mine")


@aio
async def test_answers_stay_within_what_clients_take_and_say_how_the_rest_is_had(tmp_path: Path) -> None:
    async with served(tmp_path, CELLS, daemon=True) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        done = await agent.call("run_cells", notebook=notebook, cells=["c0", "c1"])
        pictures = [part for part in done.content if isinstance(part, ImageContent)]
        assert len(pictures) == 2
        assert len(done.model_dump_json()) < 1024 * 1024
        left_out = [part.text for part in done.content if not isinstance(part, ImageContent)][-1].splitlines()[-1]
        execution = left_out.partition("execution ")[2].partition(",")[0]
        fourth = await agent.call("result", notebook=notebook, execution=execution, output=3)
        assert [part.type for part in fourth.content] == ["image"]

        told = await agent.text("run_cells", notebook=notebook, cells=["c2"])
        assert "begin..." in told
        assert "...end\n" in told
        assert told.rstrip().endswith("ZeroDivisionError: division by zero")
        assert len(told) < MAX_OUTPUT + 1_000
        execution = told.partition("execution ")[2].partition(",")[0]
        rest = await agent.text("result", notebook=notebook, execution=execution[:12], output=0, start=95_000)
        assert rest.endswith("end\n")
        assert "2 outputs" in await agent.error("result", notebook=notebook, execution=execution, output=2)


@aio
async def test_a_run_that_is_refused_after_an_edit_does_not_hide_that_the_edit_was_made(tmp_path: Path) -> None:
    async with served(tmp_path, ["x = 1"]) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        here.ann.cells["c0"].source = "x = ("
        read = await agent.text("read_notebook", notebook=notebook)
        while "x = (" not in read:
            read = await agent.text("read_notebook", notebook=notebook)
        here.ann.mode = "lazy"
        while "mode lazy" not in read:
            read = await agent.text("read_notebook", notebook=notebook)
        # No daemon is here to run it.
        done = await agent.text("create_cell", notebook=notebook, code="y = 1", run=True)
        assert "created" in done
        assert "undo with change" in done
        assert "Written, but not run: " in done


@aio
async def test_where_a_run_would_bring_others_along_the_error_says_how_to_run_it_and_stale_cells_are_told(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, ["x = 1", "y = x + 1\ny"], daemon=True) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        here.ann.mode = "cascade"
        while "mode cascade" not in (read := await agent.text("read_notebook", notebook=notebook)):
            pass  # until the agent's peer has it
        asked = await agent.error("run_cells", notebook=notebook, cells=["c1"])
        assert 'bring="stale"' in asked
        assert "c0: done\nc1: done\n2" in await agent.text("run_cells", notebook=notebook, cells=["c1"], bring="stale")
        wanted = {"notebook": notebook, "cell": "c0", "code": "x = 5", "version": version(read)}
        assert (await agent.text("edit_cell", run=True, **wanted)).endswith("c0: done\nstale now: c1")
        assert "[1] c1 code, done, stale" in await agent.text("read_notebook", notebook=notebook)


@aio
async def test_an_agent_is_told_which_cell_people_are_in_and_what_they_have_selected(tmp_path: Path) -> None:
    async with served(tmp_path, ["x = 1", "price * n"]) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        here.ann.set_presence(cell_id="c1", anchor=5, head=0)
        read = await agent.text("read_notebook", notebook=notebook)
        while "here: ann (person) in c1, selects 'price'" not in read:
            read = await agent.text("read_notebook", notebook=notebook)


@aio
async def test_an_error_without_a_traceback_is_told_all_the_same(tmp_path: Path) -> None:
    wrong = "from IPython import get_ipython\nget_ipython().showtraceback = lambda *_, **__: None\n1 / 0"
    async with served(tmp_path, [wrong], daemon=True) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        assert "c0: error: ZeroDivisionError" in await agent.text("run_cells", notebook=notebook)


@aio
async def test_an_expression_that_takes_for_ever_holds_nobody_up(tmp_path: Path) -> None:
    lines = ["x" * 40, "price = 3", "prices"]
    assert await matching_lines("price$|e.=", lines) == await matching_lines("^pr[a-z]+ ", lines) == [1]
    with pytest.raises(AgentError, match="without repetitions in repetitions"):
        await matching_lines("(x+x+)+y", lines, seconds=0.3)


@aio
async def test_packages_are_proposed_where_people_want_to_be_asked(tmp_path: Path) -> None:
    async with served(tmp_path, ["x = 1"]) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        here.ann.agent_policy = AgentPolicy(packages="confirm")
        while "people want proposals (propose=) for packages" not in await agent.text(
            "read_notebook", notebook=notebook
        ):
            pass  # until the agent's peer has it
        assert "Propose the packages" in await agent.error("packages", notebook=notebook, add="six")
        assert "proposed" in await agent.text("packages", notebook=notebook, add="six", propose="for the words")
        await seen(here.ann, lambda: len(here.ann.proposals()) == 1)
        here.ann.accept(here.ann.proposals()[0])
        assert here.ann.metadata["quire"]["dependencies"] == ["six"]


@aio
async def test_people_s_comments_are_told_and_answered(tmp_path: Path) -> None:
    async with served(tmp_path, ["x = 1"]) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        thread = here.ann.comments.add("why one?", cell="c0")
        while "open comments: 1; see `comments`" not in await agent.text("read_notebook", notebook=notebook):
            pass  # until the agent's peer has it
        assert f"thread {thread.id}, cell c0\n  ann: why one?" in await agent.text("comments", notebook=notebook)
        told = await agent.text("comments", notebook=notebook, thread=thread.id, text="it is the first")
        assert "claude: it is the first" in told
        await agent.text("comments", notebook=notebook, cell="c0", text="and this?")
        assert "Name the thread" in await agent.error("comments", notebook=notebook, text="hm")
        left = await agent.text("comments", notebook=notebook, thread=thread.id, resolve=True)
        assert "why one?" not in left
        await seen(here.ann, lambda: [len(one.messages) for one in here.ann.comments] == [2, 1])


@aio
async def test_an_agent_is_told_which_comments_are_meant_for_it(tmp_path: Path) -> None:
    async with served(tmp_path, ["x = 1"]) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        here.ann.comments.add("for anybody", cell="c0")
        while "open comments: 1; see `comments`" not in await agent.text("read_notebook", notebook=notebook):
            pass  # until the agent's peer has it
        here.ann.comments.add("@claude, why one?", cell="c0")
        while "open comments: 2, 1 to you; see `comments`" not in await agent.text("read_notebook", notebook=notebook):
            pass
        told = await agent.text("comments", notebook=notebook)
        assert "ann (to you): @claude, why one?" in told
        assert "ann: for anybody" in told
        await agent.text("comments", notebook=notebook, cell="c0", text="@ann, because")
        await seen(here.ann, lambda: [one.text for one in here.ann.comments.mentioning()] == ["@ann, because"])
        (thread,) = here.ann.comments.mentioning()
        assert [one.name for one in thread.messages[0].mentions] == ["ann"]


@aio
async def test_asking_for_variables_starts_no_kernel_and_a_restart_forgets_them(tmp_path: Path) -> None:
    async with served(tmp_path, ["x = 1"], daemon=True) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        assert "no variables yet" in await agent.text("variables", notebook=notebook)
        assert here.ann.kernel.lifecycle == "none"
        await agent.text("run_cells", notebook=notebook)
        assert "x: int = 1" in await agent.text("variables", notebook=notebook)
        assert "no name is there" in await agent.text("restart_kernel", notebook=notebook)
        assert "x: int" not in await agent.text("variables", notebook=notebook)


@aio
async def test_all_tools_together_cost_an_agent_under_three_thousand_tokens() -> None:
    server = make_server(Desk(lambda: HubAddress("http://127.0.0.1:0", "")), version="0")
    told = json.dumps([one.model_dump(by_alias=True, exclude_none=True) for one in await server.list_tools()])
    assert len(told) < 11_000  # characters; a token is about four of such text
    assert '"title"' not in told
    assert '"null"' not in told


@pytest.mark.parametrize("count", [3, 100])
def test_what_many_outputs_show_together_is_bounded(count: int) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "a" * 50_000}
    told = shown([output] * count, Room(), "e")
    assert sum(len(part) for part in told if isinstance(part, str)) < MAX_ANSWER + 1_000


def test_what_shows_itself_in_html_alone_is_told_as_html_and_colours_are_not() -> None:
    html = {"text/plain": "<IPython.core.display.HTML object>", "text/html": "<b>"}
    outputs: list[dict[str, Any]] = [
        {"output_type": "display_data", "data": html},
        {"output_type": "stream", "name": "stdout", "text": "\x1b[31mred\x1b[0m"},
    ]
    assert shown(outputs, Room(), "e") == ["<b>", "red"]


@aio
async def test_a_proposal_of_packages_says_which(tmp_path: Path) -> None:
    async with served(tmp_path, ["x = 1"]) as here, by_http(here.service.address) as agent:
        notebook = here.company.notebook_id
        await agent.text("packages", notebook=notebook, add=["polars>=1"], propose="we need it")
        told = await agent.text("proposals", notebook=notebook)
        assert '-quire: null\n  +quire: {"dependencies": ["polars>=1"]}' in told


@aio
async def test_whoever_opens_a_file_is_told_which_that_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with served(tmp_path, ["x = 1"]) as here, by_http(here.service.address) as agent:
        assert (await agent.text("open_notebook", path="notebook.ipynb")).startswith(f"{here.path}\nnotebook ")
