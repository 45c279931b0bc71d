"""The MCP server: `mcp_tools` as tools of the official SDK, over standard input and output or streamable HTTP.

An agent is called what its client calls itself, and is told from others by its session. Errors of the library, and
arguments that are wrong, become errors of the tool with what to do next; anything else is a defect, is logged, and told
as one.
"""

from __future__ import annotations

import base64
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent, ToolAnnotations
from pydantic import ValidationError

from clients.agent.code_mode import CodeMode
from clients.agent.desk import Desk
from clients.agent.mcp_answers import Answer, Picture
from clients.agent.mcp_arguments import (
    WAIT_SECONDS,
    Bring,
    Cell,
    Cells,
    CellType,
    Count,
    Limit,
    Names,
    Notebook,
    Place,
    Propose,
    Seconds,
    Step,
    Version,
    refused,
    short,
    unknown,
)
from clients.agent.mcp_tools import Caller, Tools
from clients.peer.errors import PeerError
from notebook_doc.errors import NotebookDocError
from relay.errors import WireError

logger = logging.getLogger("quire.agent")

INSTRUCTIONS: Final = """\
Live notebooks that people and agents edit together. Name the notebook in every call, by id or path. Read before you
write: reads return a version, and edits that name it are merged with what people did since. Nothing you do overwrites
them. Cells are named by id, name or index. What people have in hand (their cell, their half-typed line) is theirs."""

_READS: Final = ToolAnnotations(read_only_hint=True)


class Server(MCPServer[Any]):
    """An MCP server whose errors are ours: each says what is wrong and what to do next."""

    def __init__(self, tools: list[Tool], version: str) -> None:
        super().__init__("quire", instructions=INSTRUCTIONS, version=version, tools=tools, log_level="WARNING")
        self._tools = {tool.name: tool for tool in tools}

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        """Call a tool; whatever is wrong is told in its answer."""
        tool = self._tools.get(name)
        if tool is None:
            return _error(f"There is no tool {name!r}. There are {', '.join(self._tools)}.")
        if told := unknown(name, tool.parameters, arguments):
            return _error(told)
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            match error.__cause__:
                case ValidationError() as wrong:
                    return _error(refused(name, tool.parameters, wrong))
                case ToolError() as told_by_us:
                    return _error(str(told_by_us))
                case defect:
                    logger.error("the tool %s failed", name, exc_info=defect or error)
                    return _error(
                        f"{name} failed inside Quire ({type(defect).__name__}: {defect}); `quire logs` has it. "
                        "Read the notebook to see what came of it."
                    )


def make_server(desk: Desk, *, version: str, agent: str | None = None) -> Server:
    """The server with all tools. `agent` names every caller; without it, they are called as their clients are."""
    made: list[Tool] = []
    tools = Tools(desk)

    def tool(annotations: ToolAnnotations | None = None) -> Callable[[Callable[..., Awaitable[Any]]], None]:
        def register(function: Callable[..., Awaitable[Any]]) -> None:
            @functools.wraps(function)
            async def call(*args: Any, **kwargs: Any) -> list[ContentBlock]:
                try:
                    return _content(await function(*args, **kwargs))
                except (PeerError, WireError, NotebookDocError) as error:
                    raise ToolError(str(error)) from error
                except TimeoutError as error:
                    raise ToolError(
                        "It took too long. Look with read_notebook what came of it, and try again."
                    ) from error

            call.__annotations__ = {**function.__annotations__, "return": "list[ContentBlock]"}
            one = Tool.from_function(call, annotations=annotations, structured_output=False)
            one.parameters = short(one.parameters)
            made.append(one)

        return register

    def who(ctx: Context[Any, Any]) -> Caller:
        return _caller(ctx, agent)

    @tool(_READS)
    async def list_notebooks() -> str:
        """Notebooks that are open or known: ids, paths, kernels, who is there."""
        return await tools.list_notebooks()

    @tool()
    async def open_notebook(path: str, ctx: Context[Any, Any], create: bool = False) -> str:
        """Open an .ipynb file (create=true: make it) and return its overview."""
        return await tools.open_notebook(who(ctx), path, create)

    @tool()
    async def save_notebook(notebook: Notebook, ctx: Context[Any, Any]) -> str:
        """Write the file now. Edits are kept anyway."""
        return await tools.save_notebook(who(ctx), notebook)

    @tool(_READS)
    async def read_notebook(notebook: Notebook, ctx: Context[Any, Any], start: Count = 0) -> str:
        """Overview: each cell's id, status, first lines and output in short; the version."""
        return await tools.read_notebook(who(ctx), notebook, start)

    @tool(_READS)
    async def read_cells(
        notebook: Notebook, ctx: Context[Any, Any], cells: Cells | None = None, outputs: bool = True
    ) -> Answer:
        """Cells (none: all) in full with their outputs, images included; the version."""
        return await tools.read_cells(who(ctx), notebook, cells, outputs)

    @tool(_READS)
    async def search(notebook: Notebook, pattern: str, ctx: Context[Any, Any]) -> str:
        """Lines of code that match a regular expression."""
        return await tools.search(who(ctx), notebook, pattern)

    @tool()
    async def create_cell(
        notebook: Notebook,
        code: str,
        ctx: Context[Any, Any],
        after: Place = None,
        before: Place = None,
        type: CellType = "code",
        name: str | None = None,
        run: bool = False,
        propose: Propose = "",
    ) -> Answer:
        """A new cell, at the end unless after or before is given; run=true runs it and returns its outputs."""
        step = Step(op="create", code=code, after=after, before=before, type=type, name=name)
        return await edit(ctx, notebook, "", [step], propose, run)

    @tool()
    async def edit_cell(
        notebook: Notebook,
        cell: Cell,
        code: str,
        version: Version,
        ctx: Context[Any, Any],
        run: bool = False,
        propose: Propose = "",
    ) -> Answer:
        """Make a cell's code this. Only what differs from what you read is written."""
        return await edit(ctx, notebook, version, [Step(op="edit", cell=cell, code=code)], propose, run)

    @tool()
    async def replace_in_cell(
        notebook: Notebook,
        cell: Cell,
        old: str,
        new: str,
        ctx: Context[Any, Any],
        run: bool = False,
        propose: Propose = "",
    ) -> Answer:
        """Replace a text that is in the cell exactly once."""
        return await edit(ctx, notebook, "", [Step(op="replace", cell=cell, old=old, new=new)], propose, run)

    @tool()
    async def move_cell(
        notebook: Notebook,
        cell: Cell,
        ctx: Context[Any, Any],
        after: Place = None,
        before: Place = None,
        propose: Propose = "",
    ) -> Answer:
        """Put a cell after or before another, else at the end."""
        return await edit(ctx, notebook, "", [Step(op="move", cell=cell, after=after, before=before)], propose, False)

    @tool()
    async def delete_cell(
        notebook: Notebook, cell: Cell, version: Version, ctx: Context[Any, Any], propose: Propose = ""
    ) -> Answer:
        """Delete a cell, unless somebody wrote in it since you read it."""
        return await edit(ctx, notebook, version, [Step(op="delete", cell=cell)], propose, False)

    @tool()
    async def batch(
        notebook: Notebook,
        steps: list[Step],
        version: Version,
        ctx: Context[Any, Any],
        run: bool = False,
        propose: Propose = "",
    ) -> Answer:
        """Several edits as one change: all of them or none. run=true runs the cells it wrote."""
        return await edit(ctx, notebook, version, steps, propose, run)

    @tool()
    async def undo(notebook: Notebook, change: str, ctx: Context[Any, Any]) -> str:
        """Take back one change as a whole: deleted cells come back, what others did since stays."""
        return await tools.undo(who(ctx), notebook, change)

    @tool()
    async def run_cells(
        notebook: Notebook,
        ctx: Context[Any, Any],
        cells: Cells | None = None,
        bring: Bring | None = None,
        seconds: Seconds = WAIT_SECONDS,
    ) -> Answer:
        """Run cells in order (none: all) and return outputs. What takes longer goes on: ask with result."""
        return await tools.run_cells(who(ctx), notebook, cells or [], seconds, _progress(ctx), bring)

    @tool(_READS)
    async def result(
        notebook: Notebook, execution: str, ctx: Context[Any, Any], output: Count | None = None, start: Count = 0
    ) -> Answer:
        """Status and outputs of an execution, at any time later; output, start: more of one that was cut."""
        return await tools.result(who(ctx), notebook, execution, output, start)

    @tool()
    async def interrupt(notebook: Notebook, ctx: Context[Any, Any], executions: Names | None = None) -> str:
        """Stop these executions and no others; none: those you asked for."""
        return await tools.interrupt(who(ctx), notebook, executions or [])

    @tool()
    async def restart_kernel(notebook: Notebook, ctx: Context[Any, Any]) -> str:
        """A fresh kernel: everybody's variables are gone. Only when people ask for it."""
        return await tools.restart_kernel(who(ctx), notebook)

    @tool()
    async def scratch(
        notebook: Notebook,
        code: str,
        ctx: Context[Any, Any],
        seconds: Limit = WAIT_SECONDS,
        own: bool = False,
    ) -> Answer:
        """Run code without a cell, in a copy of the kernel's names (own=true: in them). Interrupted after seconds."""
        return await tools.scratch(who(ctx), notebook, code, seconds, _progress(ctx), own)

    @tool(_READS)
    async def variables(notebook: Notebook, ctx: Context[Any, Any]) -> str:
        """The kernel's variables: names, types, shapes, values in short."""
        return await tools.variables(who(ctx), notebook)

    @tool()
    async def packages(
        notebook: Notebook,
        ctx: Context[Any, Any],
        add: Names | None = None,
        remove: Names | None = None,
        propose: Propose = "",
    ) -> str:
        """Install requirements for the notebook and declare them, or take some away; then what it has."""
        return await tools.packages(who(ctx), notebook, add or [], remove or [], propose)

    @tool(_READS)
    async def graph(notebook: Notebook, ctx: Context[Any, Any], cell: Cell = "") -> str:
        """What a cell defines, reads, depends on and is needed by; without a cell, all, with problems first."""
        return await tools.graph(who(ctx), notebook, cell)

    @tool(_READS)
    async def history(notebook: Notebook, ctx: Context[Any, Any], cell: Cell = "") -> str:
        """Runs of a cell; without a cell, who changed what, latest first."""
        return await tools.history(who(ctx), notebook, cell)

    @tool(_READS)
    async def proposals(notebook: Notebook, ctx: Context[Any, Any], decided: bool = False) -> str:
        """Open proposals, as diffs; decided=true: what became of the others, with notes."""
        return await tools.proposals(who(ctx), notebook, decided)

    @tool()
    async def decide_proposal(
        notebook: Notebook,
        proposal: str,
        action: Literal["accept", "reject", "withdraw"],
        ctx: Context[Any, Any],
        note: str = "",
    ) -> str:
        """Accept (merges it), reject, or withdraw your own."""
        return await tools.decide_proposal(who(ctx), notebook, proposal, action, note)

    @tool()
    async def comments(
        notebook: Notebook,
        ctx: Context[Any, Any],
        cell: Cell = "",
        thread: str = "",
        text: str = "",
        resolve: bool = False,
    ) -> str:
        """Open threads of comments, or a cell's. text begins one at the cell, or answers the thread; @name mentions."""
        return await tools.comments(who(ctx), notebook, cell, thread, text, resolve)

    async def edit(
        ctx: Context[Any, Any], notebook: str, version: str, steps: list[Step], propose: str, run: bool
    ) -> Answer:
        def apply(context: CodeMode) -> None:
            for step in steps:
                step.apply(context)

        return await tools.edit(who(ctx), notebook, version, apply, propose=propose, run=run, progress=_progress(ctx))

    return Server(made, version)


def _error(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def _content(answer: str | Answer) -> list[ContentBlock]:
    """An answer as MCP has it: texts that follow each other are one."""
    content: list[ContentBlock] = []
    for part in [answer] if isinstance(answer, str) else answer:
        if isinstance(part, Picture):
            data = base64.b64encode(part.data).decode()
            content.append(ImageContent(type="image", data=data, mime_type=part.mime))
        elif content and isinstance(last := content[-1], TextContent):
            last.text += f"\n{part}"
        else:
            content.append(TextContent(type="text", text=part))
    return content


def _progress(ctx: Context[Any, Any]) -> Callable[[float, float, str], Awaitable[None]]:
    async def tell(done: float, total: float, message: str) -> None:
        await ctx.report_progress(done, total, message)

    return tell


def _caller(ctx: Context[Any, Any], agent: str | None) -> Caller:
    params = ctx.session.client_params
    name = agent or (params.client_info.name if params is not None else "agent")
    session = (ctx.headers or {}).get("mcp-session-id", "")
    return Caller(name, session or name)
