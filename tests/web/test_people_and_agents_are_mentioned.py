"""Mentions in comments: whom an @ offers, who sees that they are meant, and that a new name changes nothing of it."""

from __future__ import annotations

import quire
from tests.web.tabs import AXE, Service, Tab


def begin_comment(tab: Tab, number: int) -> None:
    tab.cell(number).click(position={"x": 5, "y": 5})
    tab.press("Control+Alt+m")
    tab.page.locator(".composer textarea").wait_for()


def rename_to(tab: Tab, name: str) -> None:
    tab.cell(1).click(position={"x": 5, "y": 5})
    tab.press("p")
    tab.type("change your name")
    tab.press("Enter")
    tab.page.get_by_label("Your name, as the others see it").fill(name)
    tab.press("Enter")


def test_an_at_offers_who_is_here_and_who_took_part_and_the_keyboard_takes_one(service: Service) -> None:
    tab = service.start("rate = 0.03", "other")
    page = tab.page
    page.evaluate(AXE.read_text("utf-8"))
    with quire.open(service.notebook, name="Carla", kind="person") as gone:
        gone.cells[1].source = "changed"
        gone.saved()
    with (
        quire.open(service.notebook, name="claude", kind="agent") as agent,
        quire.open(service.notebook, name="Bo Berg", kind="person") as bo,
    ):
        tab.sees("both", lambda: page.locator(".people .person, .people button").count() >= 2)
        begin_comment(tab, 0)
        field, options = page.locator(".composer textarea"), page.locator(".mentionable [role=option]")
        tab.type("Is this right, @")
        tab.sees(f"all three of {options.all_inner_texts()}", lambda: options.count() == 3)
        assert {text.split("\n")[0].removesuffix("here") for text in options.all_inner_texts()} >= {"Bo Berg", "Carla"}
        assert options.last.inner_text().startswith("Carla"), "who is here comes first"
        listed = page.locator(f"#{field.get_attribute('aria-controls')}")
        assert listed.get_attribute("role") == "listbox"
        tab.type("b")
        tab.sees("the one it begins", lambda: options.count() == 1)
        active = page.locator(f"#{field.get_attribute('aria-activedescendant')}")
        assert active.get_attribute("aria-selected") == "true"
        assert "Bo Berg" in active.inner_text()
        assert tab.axe_finds() == "", "with the list open"
        tab.press("Escape")
        assert options.count() == 0
        assert field.input_value() == "Is this right, @b", "Escape closes the list alone"
        tab.press("Backspace", "Backspace")
        tab.type("@")
        tab.press("ArrowDown", "ArrowUp")
        tab.type("BO")
        tab.press("Enter")
        assert field.input_value() == "Is this right, @Bo Berg "
        tab.type("and @cl")
        tab.press("Tab")
        tab.press("Control+Enter")
        page.locator(".message .mention", has_text="@Bo Berg").wait_for()
        assert page.locator(".message .mention").all_inner_texts() == ["@Bo Berg", "@claude"]

        assert agent.until(lambda: len(agent._core.comments) == 1, 60)
        (thread,) = agent.comments.mentioning()
        assert thread.text == "Is this right, @Bo Berg and @claude"
        assert [(one.name, one.kind) for one in thread.messages[0].mentions] == [
            ("Bo Berg", "person"),
            ("claude", "agent"),
        ]
        assert bo.until(lambda: len(bo._core.comments) == 1, 60)
        assert len(bo.comments.mentioning()) == 1
    assert service.errors == []


def test_who_is_mentioned_is_told_and_finds_it_under_a_new_name_too(service: Service) -> None:
    tab = service.start("rate = 0.03", "other")
    page = tab.page
    name = page.evaluate("localStorage.getItem('quire.name')")
    with quire.open(service.notebook, name="claude", kind="agent") as agent:
        agent.cells[1].comments.add("not about anybody")
        thread = agent.cells[0].comments.add(f"@{name}, is 0.03 right?")
        agent.saved()
        page.locator(".toast", has_text=f"claude mentions you: @{name}").wait_for()
        mark = tab.cell(0).locator("[data-mark='comments']")
        assert mark.get_attribute("title") == "1 open comment: you are mentioned"
        assert page.get_by_role("button", name="Comments: 2, one mentions you").count() == 1
        page.locator(".toast").get_by_role("button", name="Show").click()
        mine = page.locator(".thread", has=page.locator(".mentions-me"))
        assert mine.locator(".for-me").inner_text() == "mentions you"
        assert mine.evaluate("thread => thread === document.activeElement")
        page.get_by_label("Only those that mention me").check()
        assert page.locator(".thread").count() == 1

        page.evaluate(
            "localStorage.setItem('quire.former-names', JSON.stringify([localStorage.getItem('quire.name')]))"
        )
        page.evaluate("localStorage.setItem('quire.name', 'Countess')")
        page.reload()
        page.get_by_role("button", name="Comments: 2, one mentions you").click()
        assert page.locator(".message .mention.me").inner_text() == "@Countess"
        mine.get_by_role("button", name="Reply").click()
        tab.type("It is.")
        tab.press("Control+Enter")
        page.get_by_role("button", name="Comments: 2", exact=True).wait_for()  # answered: nothing waits
        assert agent.until(lambda: len(thread._core.messages) == 2, 60)
    assert service.errors == []


def test_an_answer_that_is_being_written_stays_while_others_speak(service: Service) -> None:
    tab = service.start("rate = 0.03", "other")
    page = tab.page
    with quire.open(service.notebook, name="Bo", kind="person") as bo:
        bo.cells[0].comments.add("why?")
        bo.saved()
        tab.cell(0).locator("[data-mark='comments']").click()
        page.get_by_role("button", name="Reply").click()
        tab.type("Because @B")
        page.locator(".mentionable [role=option]").wait_for()
        tab.press("Enter")
        bo.cells[1].comments.add("and why this?")
        bo.saved()
        tab.sees("both threads", lambda: page.locator(".thread").count() == 2)
        tab.type("said so")
        tab.press("Control+Enter")
        assert bo.until(lambda: len(bo._core.comments[0].messages) == 2, 60)
        (message,) = bo.comments[0].messages[1:]
        assert (message.text, [one.name for one in message.mentions]) == ("Because @Bo said so", ["Bo"])
    assert service.errors == []
