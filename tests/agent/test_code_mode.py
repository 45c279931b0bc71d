"""Code mode: one change made to what was read, merged with what people do meanwhile, checked, whole or not at all."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from clients.agent.code_mode import CodeMode, code_mode
from clients.agent.errors import AgentError, BatchRefused, NoSuchCell, NoSuchText
from clients.peer.flow import NeedsConfirmation
from clients.peer.notebook import Notebook
from notebook_doc.errors import CellDeletedMeanwhile, CellEditedMeanwhile
from notebook_doc.policy import AgentPolicy, AgentsMayNot, with_policy
from relay.messages import PeerInfo
from tests.agent.company import agree, company, seen
from tests.support.aio import aio

CELLS = ["price = 3\nn = 4", "total = price * n", "print(total)"]


@aio
async def test_a_batch_is_one_change_that_everybody_sees_with_the_agent_as_its_author(tmp_path: Path) -> None:
    async with company(tmp_path, CELLS) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")
        heads = claude.doc.replica.heads()
        async with code_mode(claude) as ctx:
            made = ctx.create_cell("mean = total / n", after="c1", name="mean")
            ctx.replace("c1", "price * n", "price * n * 1.2")
            ctx.move_cell("c2", before="c0")
            ctx.delete_cell("c0")
            assert [cell.id for cell in ctx.cells] == ["c2", "c1", made.id]
            assert ctx.cells["mean"].code == "mean = total / n"
            assert claude.doc.replica.heads() == heads, "nobody sees a draft"
        await agree(ann, claude)
        assert len(claude.doc.replica.changes_since(heads)) == 1
        assert [cell.source for cell in ann.cells] == ["print(total)", "total = price * n * 1.2", "mean = total / n"]
        report = ctx.report
        assert (report.created, report.edited, report.moved, report.deleted) == ((made.id,), ("c1",), ("c2",), ("c0",))
        assert report.merged == ()
        author = ann.author(claude.doc.replica.recorded_since(heads)[0].actor)
        assert author is not None
        assert author.name == "claude"


@aio
async def test_what_a_person_types_moves_and_inserts_during_the_call_survives_and_is_reported(tmp_path: Path) -> None:
    async with company(tmp_path, CELLS) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")
        async with code_mode(claude) as ctx:
            ctx.edit_cell("c1", "total = price * n * 1.2")
            ctx.create_cell("# end", after="c2")
            ann.cells["c1"].splice(0, 0, "# in euros\n")
            ann.cells["c2"].move(before=ann.cells["c0"])
            inserted = ann.cells.add("ann was here", after=ann.cells["c0"])
            await agree(ann, claude)
        await agree(ann, claude)
        assert ann.cells["c1"].source == "# in euros\ntotal = price * n * 1.2"
        ids = [cell.id for cell in ann.cells]
        assert ids == ["c2", ctx.report.created[0], "c0", inserted.id, "c1"]
        told = {one.cell_id: (one.what, one.by, one.shared) for one in ctx.report.merged}
        assert told["c1"] == ("changed", ("ann",), True)
        assert told[inserted.id] == ("added", ("ann",), False)
        assert told["c2"] == ("changed", ("ann",), False)
        assert "both edits are in it" in str(ctx.report)


@aio
async def test_the_report_names_people_who_wrote_and_left_before_the_agent_came(tmp_path: Path) -> None:
    async with company(tmp_path, CELLS) as here:
        reading = (await here.enter("claude", "agent")).read()
        who = PeerInfo(peer_id="ann", name="ann", kind="person")
        async with Notebook.connect(here.notebook_id, here.address, peer=who) as ann:
            ann.cells["c1"].append("  # ann was here")
            assert await ann.saved(60)
        later = await here.enter("claude again", "agent")
        async with code_mode(later) as ctx:
            ctx.start_from(reading)
            ctx.edit_cell("c1", "total = 0")
        assert [(one.cell_id, one.by, one.shared) for one in ctx.report.merged] == [("c1", ("ann",), True)]
        assert later.cells["c1"].source == "total = 0  # ann was here"


@aio
async def test_a_cell_that_a_person_deletes_meanwhile_is_reported_and_stays_deleted(tmp_path: Path) -> None:
    async with company(tmp_path, CELLS) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")
        with pytest.raises(CellDeletedMeanwhile, match="'c2' was deleted"):
            async with code_mode(claude) as ctx:
                ctx.edit_cell("c1", "total = 0")
                ctx.replace("c2", "total", "total + 1")
                ann.cells["c2"].delete()
                await agree(ann, claude)
        await agree(ann, claude)
        assert [cell.source for cell in ann.cells] == CELLS[:2]


@aio
async def test_a_cell_that_a_person_writes_in_meanwhile_is_not_deleted(tmp_path: Path) -> None:
    async with company(tmp_path, CELLS) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")
        with pytest.raises(CellEditedMeanwhile):
            async with code_mode(claude) as ctx:
                ctx.delete_cell("c0")
                ann.cells["c0"].append("\nimportant = 1")
                await agree(ann, claude)
        assert "important" in ann.cells["c0"].source


@aio
async def test_an_exception_inside_leaves_nothing_behind(tmp_path: Path) -> None:
    async with company(tmp_path, CELLS) as here:
        claude = await here.enter("claude", "agent")
        heads = claude.doc.replica.heads()
        with pytest.raises(ZeroDivisionError):
            async with code_mode(claude) as ctx:
                ctx.create_cell("left behind?")
                ctx.delete_cell("c0")
                raise ZeroDivisionError
        assert claude.doc.replica.heads() == heads


@pytest.mark.parametrize(
    ("code", "rule", "names"),
    [
        ("def f(:", "syntax_error", ()),
        ("from math import *", "star_import", ()),
        ("total = 5", "multiply_defined", ("total",)),
        ("n2 = last\nlast2 = total", None, ()),
    ],
)
@aio
async def test_what_would_break_the_notebook_is_refused_with_rule_cells_range_and_fix(
    code: str, rule: str | None, names: tuple[str, ...], tmp_path: Path
) -> None:
    """Nothing has run here: it goes by the document alone."""
    async with company(tmp_path, CELLS) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")
        ann.set_metadata({**ann.metadata, "quire": {"execution_mode": "reactive"}})
        await agree(ann, claude)
        heads = claude.doc.replica.heads()
        try:
            async with code_mode(claude) as ctx:
                cell = ctx.create_cell(code)
        except BatchRefused as refused:
            (problem,) = refused.problems
            assert (problem.code, problem.names) == (rule, names)
            assert cell.id in problem.cells
            assert problem.range is not None
            if rule != "syntax_error":
                assert problem.fixes
            assert str(problem.code) in str(refused)
            assert claude.doc.replica.heads() == heads
        else:
            assert rule is None


@aio
async def test_two_batches_that_are_fine_alone_and_broken_together_are_told_apart(tmp_path: Path) -> None:
    async with company(tmp_path, ["a = 1"]) as here:
        ann, one, two = await here.enter("ann"), await here.enter("one", "agent"), await here.enter("two", "agent")
        ann.set_metadata({**ann.metadata, "quire": {"execution_mode": "lazy"}})
        await agree(ann, one, two)
        with pytest.raises(BatchRefused, match="result is defined here"):
            async with code_mode(two) as second:
                second.create_cell("result = a + 2")
                async with code_mode(one) as first:
                    first.create_cell("result = a + 1")
                await agree(one, two)
        assert [cell.source for cell in two.cells] == ["a = 1", "result = a + 1"]


@aio
async def test_in_a_manual_notebook_what_jupyter_allows_is_a_warning_and_what_was_there_before_is_not_even_that(
    tmp_path: Path,
) -> None:
    async with company(tmp_path, ["i = 1", "i = 2", "def broken(", "x = 1"]) as here:
        claude = await here.enter("claude", "agent")
        async with code_mode(claude) as ctx:
            ctx.create_cell("i = 3")
            ctx.create_cell("x = 2")
            ctx.edit_cell("c2", "def broken(\n# still")
        assert [(one.code, one.names) for one in ctx.report.warnings] == [("multiply_defined", ("x",))]
        with pytest.raises(BatchRefused):
            async with code_mode(claude, strict=True) as ctx:
                ctx.create_cell("y = 1")
                ctx.create_cell("y = 2")


@aio
async def test_a_person_who_is_in_the_middle_of_a_line_holds_no_agent_up(tmp_path: Path) -> None:
    async with company(tmp_path, CELLS) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")
        async with code_mode(claude) as ctx:
            ctx.replace("c1", "price * n", "price * n * 2")
            ann.cells["c1"].append("\nif total >")
            await agree(ann, claude)
        assert claude.cells["c1"].source == "total = price * n * 2\nif total >"


@aio
async def test_a_batch_is_undone_as_one_deleted_cells_come_back_and_what_people_did_since_stays(tmp_path: Path) -> None:
    async with company(tmp_path, CELLS) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")
        async with code_mode(claude) as ctx:
            ctx.delete_cell("c0")
            ctx.edit_cell("c1", "total = 12")
            ctx.create_cell("more")
            await ctx.commit()
            await agree(ann, claude)
            ann.cells["c1"].append("  # twelve")
            await agree(ann, claude)
            ctx.undo()
        await agree(ann, claude)
        assert [cell.source for cell in ann.cells] == [CELLS[0], CELLS[1] + "  # twelve", CELLS[2]]
        assert ann.cells[0].id == "c0"


@aio
async def test_where_the_policy_wants_to_be_asked_the_error_says_to_propose_and_proposing_works(tmp_path: Path) -> None:
    async with company(tmp_path, CELLS) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")
        ann.set_metadata(with_policy(ann.metadata, AgentPolicy("propose", "confirm", "confirm")))
        await agree(ann, claude)
        with pytest.raises(AgentsMayNot, match="Propose the change instead"):
            async with code_mode(claude) as ctx:
                ctx.edit_cell("c0", "price = 30\nn = 4")
        async with code_mode(claude) as ctx:
            ctx.edit_cell("c0", "price = 30\nn = 4")
            ctx.create_cell("# why", after="c0")
            ctx.propose("prices went up")
        assert ctx.report.proposal
        await agree(ann, claude)
        (made,) = ann.proposals()
        assert (made.title, made.author.name, ann.cells["c0"].source) == ("prices went up", "claude", CELLS[0])
        ann.cells["c0"].append("  # four")
        ann.accept(made)
        await agree(ann, claude)
        assert claude.cells["c0"].source == "price = 30\nn = 4  # four"
        assert claude.proposals() == []
        assert claude.proposals(all=True)[0].status == "accepted"
        async with code_mode(claude) as ctx:  # its own cells are its own
            mine = ctx.create_cell("mine = 1")
            await ctx.commit()
            ctx.replace(mine, "1", "2")
        assert await claude.saved(60)


@aio
async def test_cells_are_found_by_id_name_index_and_what_they_say(tmp_path: Path) -> None:
    async with company(tmp_path, CELLS) as here:
        claude = await here.enter("claude", "agent")
        async with code_mode(claude) as ctx:
            ctx.rename("c1", "total")
            assert ctx.cells["total"].id == ctx.cells["c1"].id == ctx.cells[1].id == ctx.cells[-2].id == "c1"
            assert [cell.id for cell in ctx.cells.find("total")] == ["c1", "c2"]
            assert [(cell.id, line) for cell, line, _ in ctx.cells.grep(r"n = \d")] == [("c0", 2)]
            assert (ctx.cells["c1"].defs, ctx.cells["c1"].refs) == ({"total"}, {"price", "n"})
            assert [cell.id for cell in ctx.graph.ancestors("c2")] == ["c0", "c1"]
            assert [cell.id for cell in ctx.graph.descendants("c0")] == ["c1", "c2"]
            assert [cell.id for cell in ctx.graph.definers("price")] == ["c0"]
            assert ctx.cells["c0"].status == "draft"
            ctx.create_cell("price = 5")
            assert [cell.id for cell in ctx.graph.definers("price")] == ["c0", ctx.cells[-1].id]
            assert [one.code for one in ctx.graph.problems()] == ["multiply_defined"]
            with pytest.raises(NoSuchCell, match="No cell has the id or name 'nix'"):
                ctx.edit_cell("nix", "")
            with pytest.raises(NoSuchText, match="is not in cell 'c0'"):
                ctx.replace("c0", "cost", "price")
            with pytest.raises(NoSuchText, match="3 times"):
                ctx.replace("c2", "t", "T")
            with pytest.raises(AgentError, match="does not run"):
                ctx.run_cell(ctx.create_cell("# text", type="markdown"))


@aio
async def test_people_see_where_an_agent_is_and_it_sees_where_they_are(tmp_path: Path) -> None:
    async with company(tmp_path, CELLS) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")
        ann.set_presence(cell_id="c2", status="editing")
        await seen(claude, lambda: any(one.state.get("cell_id") == "c2" for one in claude.peers))
        async with code_mode(claude) as ctx:
            (peer,) = ctx.peers
            assert (peer.name, peer.cell_id, ctx.cells["c2"].people) == ("ann", "c2", ["ann"])
            ctx.edit_cell("c0", "price = 4\nn = 4")
            ctx.toast("prices are up to date")
        await seen(ann, lambda: any(one.state.get("cell_id") == "c0" for one in ann.peers))
        (agent,) = [one for one in ann.peers if one.peer.kind == "agent"]
        assert agent.state["toast"]["text"] == "prices are up to date"


@aio
async def test_new_code_is_formatted_and_a_persons_own_style_is_left_alone(tmp_path: Path) -> None:
    async with company(tmp_path, ["a=1", "b = 1"]) as here:
        claude = await here.enter("claude", "agent")
        async with code_mode(claude, format=True) as ctx:
            made = ctx.create_cell("x = [1,2]")
            ctx.edit_cell("c0", "a=1 ; c=2")
            ctx.edit_cell("c1", "b = {'k':1}")
        assert claude.cells[made.id].source == "x = [1, 2]"
        assert claude.cells["c0"].source == "a=1 ; c=2"
        assert claude.cells["c1"].source == 'b = {"k": 1}'


def test_help_names_everything_that_there_is() -> None:
    text = inspect.getdoc(CodeMode) or ""
    public = {name for name in dir(CodeMode) if not name.startswith("_")}
    internal = {"api_version", "queue", "report", "start_from"}
    assert {name for name in public - internal if name not in text} == set()
    assert len(text) < 1200


@aio
async def test_a_report_tells_of_settings_too_and_a_mode_that_there_is_not_is_refused(tmp_path: Path) -> None:
    async with company(tmp_path, ["x = 1"]) as here:
        claude = await here.enter("claude", "agent")
        async with code_mode(claude) as ctx:
            ctx.configure_notebook(execution_mode="lazy")
        assert str(ctx.report) == "set execution_mode"
        with pytest.raises(AgentError, match="'fast' is no execution mode"):
            async with code_mode(claude) as ctx:
                ctx.configure_notebook(execution_mode="fast")
        assert claude.mode == "lazy"
        with pytest.raises(AgentError, match="A source is text"):
            async with code_mode(claude) as ctx:
                ctx.create_cell(5)  # type: ignore[arg-type]


@aio
async def test_what_an_agent_writes_gets_the_line_ends_of_the_cell(tmp_path: Path) -> None:
    async with company(tmp_path, ["x = 1\r\ny = 2\r\nz = 3"]) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")
        async with code_mode(claude) as ctx:
            ctx.replace("c0", "x = 1\ny = 2", "x = 1\ny = 4")
            ann.cells["c0"].splice(0, 0, "# top\r\n")
        await seen(ann, lambda: ann.cells["c0"].source == "# top\r\nx = 1\r\ny = 4\r\nz = 3")
        await agree(ann, claude)
        async with code_mode(claude) as ctx:
            ctx.edit_cell("c0", "x = 1\ny = 5\nz = 3")
        await seen(ann, lambda: ann.cells["c0"].source == "x = 1\r\ny = 5\r\nz = 3")


@aio
async def test_a_run_that_is_refused_after_the_commit_says_that_it_was_committed(tmp_path: Path) -> None:
    async with company(tmp_path, ["x = 1", "y = x"], daemon=True) as here:
        claude = await here.enter("claude", "agent")
        async with code_mode(claude) as ctx:
            ctx.configure_notebook(execution_mode="cascade")
        with pytest.raises(NeedsConfirmation) as refused:
            async with code_mode(claude) as ctx:
                ctx.create_cell("z = 1")
                ctx.run_cell("c1")
        assert refused.value.__notes__ == [
            "What was written is committed; the runs are not done. ctx.undo() takes it back."
        ]
        assert len(claude.cells) == 3
        async with code_mode(claude) as ctx:
            assert [run.cell_id for run in await ctx.run("c1", bring="stale")] == ["c0", "c1"]


@aio
async def test_who_deleted_or_wrote_meanwhile_is_named(tmp_path: Path) -> None:
    async with company(tmp_path, ["x = 1", "y = 2"]) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")
        with pytest.raises(CellDeletedMeanwhile, match="deleted by ann after"):
            async with code_mode(claude) as ctx:
                ctx.edit_cell("c0", "x = 2")
                ann.cells["c0"].delete()
                await agree(ann, claude)
        with pytest.raises(CellEditedMeanwhile, match="edited by ann after"):
            async with code_mode(claude) as ctx:
                ctx.delete_cell("c1")
                ann.cells["c1"].append("0")
                await agree(ann, claude)


@aio
async def test_the_wrong_kind_of_with_and_a_widget_that_there_is_not_are_told_in_words(tmp_path: Path) -> None:
    async with company(tmp_path, ["x = 1"]) as here:
        claude = await here.enter("claude", "agent")
        with pytest.raises(AgentError, match="async with"), code_mode(claude):
            pass
        with pytest.raises(AgentError, match="There is no widget 'slider'; there are none"):
            async with code_mode(claude) as ctx:
                ctx.set_ui_value("slider", 1)


@aio
async def test_what_a_block_has_seen_can_be_looked_at_after_it_and_nothing_more_is_written(tmp_path: Path) -> None:
    async with company(tmp_path, ["x = 1"]) as here:
        claude = await here.enter("claude", "agent")
        async with code_mode(claude) as ctx:
            made = ctx.create_cell("y = x", name="why")
        assert (made.code, made.index, ctx.cells["why"].id) == ("y = x", 1, made.id)
        assert "y = x" in repr(made)
        with pytest.raises(AgentError, match="This block of code mode has ended"):
            ctx.edit_cell(made, "y = 2")
        with pytest.raises(ZeroDivisionError):
            async with code_mode(claude) as ctx:
                never = ctx.create_cell("z = 1")
                _ = 1 / 0
        with pytest.raises(AgentError, match="failed, and left nothing"):
            _ = never.code


@aio
async def test_more_than_a_notebook_bears_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    async with company(tmp_path, ["x = 1", "# " + 400_000 * "a" + "\nlast = 1"]) as here:
        claude = await here.enter("claude", "agent")
        heads = claude.doc.replica.heads()
        async with code_mode(claude) as ctx:
            with pytest.raises(AgentError, match="Put data into a file"):
                ctx.edit_cell("c0", 300_001 * "y")
            ctx.create_cell("# " + 199_998 * "y")
            with pytest.raises(AgentError, match="writes 300001 characters into cells, and a batch writes 300000"):
                ctx.create_cell("# " + 99_999 * "y")
            for words in (5, 2_001 * "h"):
                with pytest.raises(AgentError, match="a line of text"):
                    ctx.toast(words)  # type: ignore[arg-type]
            with pytest.raises(AgentError, match="Tags are a list"):
                ctx.configure("c0", tags="ab")
            with pytest.raises(AgentError, match="A name is text"):
                ctx.rename("c0", 3)  # type: ignore[arg-type]
            assert len(ctx.cells) == 3
            assert claude.doc.replica.heads() == heads
            ctx.delete_cell(2)
        async with code_mode(claude) as ctx:
            ctx.replace("c1", "last = 1", "last = 2")  # what is long already can be edited
        assert claude.doc.source("c1").endswith("last = 2")
