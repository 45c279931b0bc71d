"""The notebook's policy is enforced at the hub: what an agent may not write reaches nobody and no disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from clients.peer.errors import RequestFailed
from clients.peer.notebook import Notebook
from notebook_doc.authors import Author
from notebook_doc.edits import Delete, SetSource
from notebook_doc.notebook import NotebookDoc
from notebook_doc.policy import AgentPolicy, AgentsMayNot, marked_as_made_by, with_policy
from notebook_doc.proposals import accept, propose
from relay.errors import Refused
from relay.messages import PeerInfo, PeerKind
from sync_server.agent_guard import cells_of, may_touch_policy
from tests.support.aio import aio
from tests.support.hub import hub_here

CAREFUL = AgentPolicy("propose", "confirm", "confirm")


@asynccontextmanager
async def company(folder: Path, policy: AgentPolicy) -> AsyncIterator[tuple[Notebook, Notebook]]:
    """A person and an agent in a notebook of two cells: the person's, and one that the agent made."""
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(hub_here(folder / "state"))
        notebook_id = await hub.open(folder / "a.ipynb")

        async def enter(name: str, kind: PeerKind) -> Notebook:
            who = PeerInfo(peer_id=name, name=name, kind=kind)
            return await stack.enter_async_context(Notebook.connect(notebook_id, hub.address, peer=who))

        person = await enter("ann", "person")
        person.cells[0].source = "by hand"
        person.set_metadata(with_policy(person.metadata, policy))
        agent = await enter("claude", "agent")
        agent.cells.add("by claude", metadata=marked_as_made_by("claude"))
        assert await person.until(lambda: len(person.cells) == 2, 60)
        yield person, agent


EDITS: dict[str, Callable[[Notebook], object]] = {
    "a person's cell": lambda nb: nb.cells[0].append("!"),
    "its place": lambda nb: nb.cells[0].move(after=nb.cells[1]),
    "its end": lambda nb: nb.cells[0].delete(),
    "the policy": lambda nb: nb.set_metadata(with_policy(nb.metadata, AgentPolicy())),
    "packages": lambda nb: nb.set_metadata(
        {**nb.metadata, "quire": {**nb.metadata["quire"], "dependencies": ["evil"]}}
    ),
}


@pytest.mark.parametrize("what", EDITS)
@aio
async def test_an_agent_that_breaks_the_policy_is_refused_and_nobody_sees_it(what: str, tmp_path: Path) -> None:
    async with company(tmp_path, CAREFUL) as (person, agent):
        before = [(cell.id, cell.source) for cell in person.cells], person.metadata
        EDITS[what](agent)
        with pytest.raises(Refused) as refused:
            await agent.saved(60)
        assert refused.value.code == "agents_may_not"
        person.cells[1].append("\n# goes on")
        assert await person.saved(60)
        cells, metadata = before
        assert ([(cell.id, cell.source.partition("\n")[0]) for cell in person.cells], person.metadata) == (
            cells,
            metadata,
        )


@aio
async def test_what_is_allowed_goes_through_and_so_do_proposals_which_a_person_accepts(tmp_path: Path) -> None:
    async with company(tmp_path, CAREFUL) as (person, agent):
        mine, yours = agent.cells[1], agent.cells[0]
        mine.source = "better"
        extra = agent.cells.add("more", metadata=marked_as_made_by("claude"))
        extra.delete()
        claude, ann = Author("claude", "claude", "agent"), Author("ann", "ann", "person")
        batch = [SetSource(yours.id, "by hand, tidied")]
        made = propose(agent.doc, agent.read(), batch, lambda _: None, title="tidy", author=claude, at=1.0)
        agent.touch()
        assert await agent.saved(60)
        assert await person.until(lambda: made.id in person.doc.proposal_values(), 60)
        assert person.cells[0].source == "by hand"
        accept(person.doc, made.id, lambda _: None, by=ann, at=2.0)
        person.touch()
        assert await agent.until(lambda: yours.source == "by hand, tidied", 60)
        assert mine.source == "better"


def test_a_cell_that_an_agent_makes_and_marks_is_let_through_without_a_look_at_the_whole_notebook() -> None:
    """A look costs a copy of the notebook, before anybody sees the cell."""
    doc = NotebookDoc.create("5e1f7c1a-0000-4000-8000-000000000004")
    doc.add_cell("by hand", cell_id="a", metadata={"quire": {"k": 1}})
    cells = cells_of(doc.replica)

    def may_touch(edit: Callable[[], object]) -> bool:
        heads = doc.replica.heads()
        edit()
        return may_touch_policy(doc.replica.changes_since(heads), cells)

    assert not may_touch(lambda: doc.add_cell("by claude", metadata=marked_as_made_by("claude", {"agents": {"k": 1}})))
    assert not may_touch(lambda: doc.set_source("a", "by both"))
    assert not may_touch(lambda: doc.move_cell("a"))
    assert may_touch(lambda: doc.set_cell_metadata("a", {"quire": {"k": 2}, "agents": 3}))
    assert may_touch(lambda: doc.set_metadata({"quire": {"agents": {"delete": "allow"}}}))
    assert may_touch(lambda: doc.set_metadata({"quire": {"agents": {"delete": "confirm"}}}))
    assert may_touch(lambda: doc.set_metadata({}))


@aio
async def test_an_agent_cannot_accept_what_it_may_not_write(tmp_path: Path) -> None:
    async with company(tmp_path, CAREFUL) as (person, agent):
        claude = Author("claude", "claude", "agent")
        gone = [Delete(agent.cells[0].id)]
        made = propose(agent.doc, agent.read(), gone, lambda _: None, title="tidy", author=claude, at=1.0)
        agent.touch()
        assert await agent.saved(60)
        accept(agent.doc, made.id, lambda _: None, by=claude, at=2.0)
        agent.touch()
        with pytest.raises(Refused):
            await agent.saved(60)
        assert len(person.cells) == 2


@aio
async def test_an_agent_is_told_before_it_undoes_or_accepts_what_is_for_people_and_keeps_its_session(
    tmp_path: Path,
) -> None:
    async with company(tmp_path, CAREFUL) as (person, agent):
        person.cells[0].append(", indeed")
        assert await agent.until(lambda: agent.cells[0].source.endswith("indeed"), 60)
        hers = person.doc.replica.heads()[0]
        with pytest.raises(AgentsMayNot, match="Ask somebody to undo it"):
            agent.take_back(hers)
        gone = agent.propose(agent.read(), [Delete(agent.cells[0].id)], "tidy")
        with pytest.raises(AgentsMayNot, match="leave it to them"):
            agent.accept(gone)
        agent.cells[1].append("!")
        assert await agent.saved(60)
        agent.take_back(agent.doc.replica.heads()[0])
        assert await agent.saved(60)
        assert person.cells[0].source == "by hand, indeed"


@aio
async def test_an_agent_cannot_have_packages_installed_where_people_want_to_be_asked(tmp_path: Path) -> None:
    async with company(tmp_path, CAREFUL) as (_, agent):
        with pytest.raises(RequestFailed, match="Propose the packages") as refused:
            await agent.packages.add("left-pad")
        assert refused.value.code == "agents_may_not"
        assert not agent.has_ended


@aio
async def test_a_policy_set_while_an_agent_works_counts_from_then_on(tmp_path: Path) -> None:
    async with company(tmp_path, AgentPolicy()) as (person, agent):
        agent.cells[0].append(", and by claude")
        assert await agent.saved(60)
        assert await person.until(lambda: person.cells[0].source == "by hand, and by claude", 60)
        person.agent_policy = CAREFUL
        assert await person.saved(60)
        assert await agent.until(lambda: agent.agent_policy == CAREFUL, 60)
        agent.cells[0].append("!")
        with pytest.raises(Refused):
            await agent.saved(60)
        await asyncio.sleep(0)
        assert person.cells[0].source == "by hand, and by claude"
