"""A client that does not read is late, never wrong, and costs nobody anything."""

from __future__ import annotations

from clients.gateway.queue import LIMIT, ClientQueue, Outgoing, Sources


def kinds(queue: ClientQueue) -> list[tuple[int, str]]:
    taken = []
    while (one := queue.take()) is not None:
        taken.append((one[0], one[1].payload))
    return taken


def test_frames_leave_in_order_and_are_numbered_as_they_leave() -> None:
    queue = ClientQueue()
    for text in ("a", "b"):
        queue.put(Outgoing("cell_status", text))
    assert kinds(queue) == [(1, "a"), (2, "b")]
    queue.put(Outgoing("cell_status", "c"))
    assert kinds(queue) == [(3, "c")]


def test_of_the_graph_only_the_latest_waits_before_the_statuses_that_follow_it() -> None:
    queue = ClientQueue()
    queue.put(Outgoing("dag_update", "old", Sources((), {"c": "1"})))
    queue.put(Outgoing("cell_status", "s"))
    queue.put(Outgoing("dag_update", "new", Sources((), {"c": "2"})))
    first = queue.take()
    assert first is not None
    assert (first[1].payload, first[1].sources) == ("new", Sources((), {"c": "2"}))
    assert kinds(queue) == [(2, "s")]


def test_too_much_becomes_the_whole_state_and_numbers_have_no_gap() -> None:
    queue = ClientQueue()
    queue.put(Outgoing("cell_status", "s"))
    assert kinds(queue) == [(1, "s")]
    for _ in range(3):
        queue.put(Outgoing("cell_console", "x" * (LIMIT // 2)))
    assert queue.wants_state
    assert queue.take() is None
    queue.put(Outgoing("cell_console", "said by the state"))
    queue.put(Outgoing("error", "e"))
    queue.caught_up()
    assert queue.number() == 2
    queue.put(Outgoing("cell_status", "after"))
    assert kinds(queue) == [(3, "e"), (4, "after")]
