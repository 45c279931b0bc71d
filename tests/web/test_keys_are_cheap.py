"""What a key has the page do, in numbers of things done."""

from __future__ import annotations

from tests.web.tabs import Service

KEYS = 20


def test_the_cursor_blinks_when_it_rests_and_is_not_begun_anew_by_each_key(service: Service) -> None:
    tab = service.start("x = 1")
    tab.click_into(0, line=0)
    tab.sees("it blinks", lambda: tab.page.evaluate(BLINKS))
    tab.page.evaluate(COUNT)
    tab.page.keyboard.type("0" * KEYS, delay=50)
    tab.sees("it blinks again", lambda: tab.page.evaluate(f"window.begun > 0 && ({BLINKS})()"))
    assert tab.page.evaluate("window.begun") < KEYS / 2, "a machine that is slow lets it rest between two keys"


BLINKS = """() => document.querySelector(".cm-focused .cm-cursorLayer").getAnimations().length > 0"""
COUNT = """() => {
    window.begun = 0;
    document.addEventListener("animationstart", ({ target }) => {
        if (target.matches(".cm-cursorLayer")) window.begun += 1;
    });
}"""
