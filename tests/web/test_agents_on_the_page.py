"""An agent and a person in one notebook: what the page shows of it, what the person decides there,
and takes back."""

from __future__ import annotations

import pytest

import quire
from notebook_doc.errors import NotebookDocError
from tests.web.tabs import Service


def test_a_person_accepts_an_edited_proposal_rejects_another_and_sets_what_agents_may_do(service: Service) -> None:
    tab = service.start("price = 3", "print(price)")
    page = tab.page
    with quire.open(service.notebook, name="claude", kind="agent") as agent:
        with quire.code_mode(agent) as ctx:
            ctx.replace(0, "3", "30")
            ctx.propose("prices went up")
        with quire.code_mode(agent) as ctx:
            ctx.delete_cell(1)
            ctx.propose("not needed")

        page.locator('[data-mark="proposal"]').first.click()
        cards = page.locator("article.proposal")
        tab.sees("both proposals", lambda: cards.count() == 2)
        first = cards.filter(has_text="prices went up")
        assert first.locator(".line.deleted").inner_text().strip() == "\N{MINUS SIGN} price = 3"
        assert first.locator(".line.added").inner_text().strip() == "+ price = 30"
        assert tab.text(0) == "price = 3", "nothing has changed yet"

        first.get_by_role("button", name="Edit").click()
        first.locator("textarea").fill("price = 30  # since May")
        tab.press("Escape")
        agent.cells[1].source = "print(price)  # by the way"  # what is drawn anew has the edit
        tab.sees("it has arrived", lambda: tab.text(1) == "print(price)  # by the way")
        agent.cells[1].source = "print(price)"
        tab.sees("it has arrived", lambda: tab.text(1) == "print(price)")
        assert first.locator("textarea").input_value() == "price = 30  # since May"
        first.get_by_role("button", name="Accept").click()
        tab.sees("what was made of it", lambda: tab.text(0) == "price = 30  # since May")
        second = cards.filter(has_text="not needed")
        second.get_by_label("A note for its author").fill("it is")
        second.get_by_role("button", name="Reject").click()
        tab.sees("nothing is open", lambda: cards.count() == 0)
        agent.until(lambda: not agent._core.proposals(), 60)
        assert {one.title: (one.status, one.decision and one.decision.note) for one in agent.proposals(all=True)} == {
            "prices went up": ("accepted", ""),
            "not needed": ("rejected", "it is"),
        }

        page.get_by_label("Agents: Change cells that no agent made").select_option("only propose it")
        agent.until(lambda: "agents" in agent._core.metadata.get("quire", {}), 60)
        with pytest.raises(NotebookDocError, match="agents may not"), quire.code_mode(agent) as ctx:
            ctx.edit_cell(0, "mine")
        with quire.code_mode(agent) as ctx:
            ctx.create_cell("draft = 1")
        page.locator('[data-mark="agent"][title="A draft by claude: it has not run yet"]').wait_for()
        page.locator(".toast", has_text="claude: created 1 cell").get_by_role("button", name="Undo").click()
        tab.sees("the draft is gone", lambda: tab.texts()[1:] == ["print(price)"])
        page.locator(".toast", has_text="Undone: what claude did in one cell.").get_by_role(
            "button", name="Redo"
        ).click()
        tab.sees("the draft is there again", lambda: tab.texts()[1:] == ["print(price)", "draft = 1"])

        page.get_by_role("button", name="History").click()
        page.locator(".moments .author.file").wait_for()  # the hub has told who wrote what
        its = page.locator(".moments li", has=page.locator(".author.agent")).first
        its.get_by_role("button", name="Undo").click()
        page.locator(".moments li.undone").first.wait_for()
        assert page.locator(".moments .author.unknown").count() == 0, "who undid it is known here at once"
    assert service.errors == []


def test_what_an_agent_did_is_undone_where_the_browser_has_no_hashes_too(own_service: Service) -> None:
    """As on every page that comes over plain HTTP from another machine."""
    tab = own_service.start("one = 1")
    tab.page.add_init_script("delete Crypto.prototype.subtle")
    tab.page.reload()
    tab.page.wait_for_selector(".cell .cm-editor")
    assert tab.page.evaluate("crypto.subtle === undefined")
    with quire.open(own_service.notebook, name="claude", kind="agent") as agent, quire.code_mode(agent) as ctx:
        ctx.edit_cell(0, "one = 2")
        ctx.create_cell("two = 2")
    tab.sees("the agent's edit", lambda: tab.texts() == ["one = 2", "two = 2"])
    tab.page.locator(".toast", has_text="claude:").get_by_role("button", name="Undo").click()
    tab.sees("what there was", lambda: tab.texts() == ["one = 1"])
    tab.click_into(0, line=0)
    tab.type("0")
    tab.sees("saved", lambda: tab.saving.startswith("Saved"))
    with quire.open(own_service.notebook, name="reader") as nb:
        assert [cell.source for cell in nb.cells] == ["one = 10"]
    assert own_service.errors == []
