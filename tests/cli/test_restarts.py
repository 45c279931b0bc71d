"""How soon a server that died is started again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clients.cli.restarts import FIRST_PAUSE, LAST_PAUSE, LONG_ENOUGH, Restarts


@given(st.lists(st.floats(0, 2 * LONG_ENOUGH), max_size=30))
def test_pauses_stay_within_their_bounds(lives: list[float]) -> None:
    restarts = Restarts()
    for lived in lives:
        pause, restarts = restarts.next(lived)
        assert FIRST_PAUSE <= pause <= LAST_PAUSE


def test_a_server_that_dies_at_once_is_started_ever_less_often() -> None:
    restarts, pauses = Restarts(), []
    for _ in range(12):
        pause, restarts = restarts.next(0.5)
        pauses.append(pause)
    assert pauses == sorted(pauses)
    assert pauses[-1] == LAST_PAUSE


def test_a_server_that_ran_for_a_while_is_started_again_at_once() -> None:
    restarts = Restarts()
    for _ in range(12):
        _, restarts = restarts.next(0.5)
    assert restarts.next(LONG_ENOUGH)[0] == FIRST_PAUSE
