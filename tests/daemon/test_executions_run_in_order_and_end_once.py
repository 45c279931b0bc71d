"""The execution queue as stories: given these events, then these effects; whatever happens, each ends exactly once."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from clients.daemon.errors import IllegalTransition, UnknownExecution
from clients.daemon.events import FinishedStatus, KernelFailure
from clients.daemon.queue import (
    REMEMBERED_ENDS,
    TERMINAL,
    TRANSITIONS,
    ExecutionQueue,
    check_transition,
    settle_orphans,
)
from clients.daemon.queue_effects import (
    CellId,
    Effect,
    ExecutionId,
    InterruptKernel,
    RecordQueued,
    RecordSource,
    RecordStatus,
    RecordUnwanted,
    RecordWanted,
    RequestId,
    Run,
    StartExecution,
    StartKernel,
    Status,
)


def run(cell: str, execution: str, source: str = "", heads: tuple[str, ...] = ()) -> Run:
    return Run(CellId(cell), source or f"{cell} = 1", ExecutionId(execution), heads)


def queue_running(*runs: Run, request: str = "r1") -> ExecutionQueue:
    """A queue with a kernel, whose first execution runs and whose kernel has begun with it."""
    queue = ExecutionQueue()
    queue.submit(RequestId(request), runs, {}, 1.0)
    queue.kernel_ready(2.0)
    queue.started(runs[0].execution_id, 1)
    return queue


def statuses(effects: Iterable[Effect]) -> dict[str, str]:
    return {effect.execution_id: str(effect.status) for effect in effects if isinstance(effect, RecordStatus)}


def test_the_first_submit_records_its_executions_and_starts_the_kernel() -> None:
    queue = ExecutionQueue(first_seq=7)
    ids, effects = queue.submit(RequestId("r1"), [run("a", "1"), run("b", "2")], {"name": "Ada"}, 5.0)
    assert ids == ("1", "2")
    assert effects == (
        RecordQueued(ExecutionId("1"), CellId("a"), "a = 1", (), 7, {"name": "Ada"}, 5.0, RequestId("r1"), 0),
        RecordQueued(ExecutionId("2"), CellId("b"), "b = 1", (), 8, {"name": "Ada"}, 5.0, RequestId("r1"), 1),
        StartKernel(),
    )


def test_nothing_to_run_starts_no_kernel() -> None:
    assert ExecutionQueue().submit(RequestId("r1"), [], {}, 1.0) == ((), ())


def test_executions_run_one_after_the_other() -> None:
    queue = ExecutionQueue()
    queue.submit(RequestId("r1"), [run("a", "1"), run("b", "2")], {}, 1.0)
    first = (RecordStatus(ExecutionId("1"), Status.RUNNING, 2.0), StartExecution(ExecutionId("1"), "a = 1"))
    assert queue.kernel_ready(2.0) == first
    queue.started(ExecutionId("1"), 4)
    assert queue.order == ("1", "2")
    assert queue.finished(ExecutionId("1"), "ok", 3.0) == (
        RecordStatus(ExecutionId("1"), Status.DONE, 3.0, 4),
        RecordStatus(ExecutionId("2"), Status.RUNNING, 3.0),
        StartExecution(ExecutionId("2"), "b = 1"),
    )
    assert queue.order == ("2",)


def test_a_queued_cell_keeps_its_execution_and_its_place() -> None:
    queue = queue_running(run("a", "1"), run("b", "2"), run("c", "3"))
    ids, effects = queue.submit(RequestId("r2"), [run("c", "9"), run("b", "8"), run("c", "7")], {}, 3.0)
    assert ids == ("3", "2", "3")
    assert effects == (
        RecordWanted(ExecutionId("3"), RequestId("r2"), 0, ""),
        RecordWanted(ExecutionId("2"), RequestId("r2"), 1, ""),
    )
    assert queue.order == ("1", "2", "3")


def test_a_queued_cell_that_is_asked_for_after_an_edit_runs_the_edit() -> None:
    queue = queue_running(run("a", "1"), run("b", "2", "old"))
    _, effects = queue.submit(RequestId("r2"), [run("b", "9", "new", ("h2",))], {}, 3.0)
    assert RecordSource(ExecutionId("2"), "new", ("h2",)) in effects
    assert StartExecution(ExecutionId("2"), "new") in queue.finished(ExecutionId("1"), "ok", 4.0)


def test_a_running_cell_is_queued_again() -> None:
    queue = queue_running(run("a", "1"))
    ids, _ = queue.submit(RequestId("r2"), [run("a", "2")], {}, 3.0)
    assert ids == ("2",)
    assert queue.order == ("1", "2")


def test_an_error_cancels_what_the_same_request_queued_after_it_and_nothing_else() -> None:
    queue = queue_running(run("a", "1"), run("b", "2"))
    queue.submit(RequestId("r2"), [run("c", "3")], {}, 3.0)
    failure = KernelFailure("ValueError", "no")
    effects = queue.finished(ExecutionId("1"), "error", 4.0, 1, failure)
    assert effects[0] == RecordStatus(ExecutionId("1"), Status.ERROR, 4.0, 1, failure)
    assert statuses(effects) == {"1": "error", "2": "cancelled", "3": "running"}


def test_what_another_request_wants_too_survives_an_error() -> None:
    queue = queue_running(run("a", "1"), run("b", "2"))
    queue.submit(RequestId("r2"), [run("b", "9")], {}, 3.0)
    assert statuses(queue.finished(ExecutionId("1"), "error", 4.0)) == {"1": "error", "2": "running"}


def test_an_error_does_not_cancel_what_its_request_wanted_before_it() -> None:
    queue = queue_running(run("x", "0"))
    queue.submit(RequestId("r1b"), [run("b", "2")], {}, 3.0)
    queue.submit(RequestId("r2"), [run("c", "3"), run("b", "9")], {}, 3.0)
    queue.finished(ExecutionId("0"), "ok", 4.0)
    assert statuses(queue.finished(ExecutionId("2"), "error", 5.0)) == {"2": "error", "3": "running"}


def test_interrupting_the_running_execution_interrupts_the_kernel() -> None:
    queue = queue_running(run("a", "1"))
    assert queue.interrupt(ExecutionId("1"), 3.0) == (Status.RUNNING, (InterruptKernel(ExecutionId("1")),))


def test_an_interrupt_before_the_kernel_has_begun_waits_until_it_has() -> None:
    queue = ExecutionQueue()
    queue.submit(RequestId("r1"), [run("a", "1")], {}, 1.0)
    queue.kernel_ready(2.0)
    assert queue.interrupt(ExecutionId("1"), 2.5) == (Status.RUNNING, ())
    assert queue.started(ExecutionId("1"), 1) == (InterruptKernel(ExecutionId("1")),)


def test_interrupting_a_queued_execution_cancels_it_and_leaves_the_running_one_alone() -> None:
    queue = queue_running(run("a", "1"), run("b", "2"), run("c", "3"))
    status, effects = queue.interrupt(ExecutionId("2"), 3.0)
    assert (status, effects) == (Status.QUEUED, (RecordStatus(ExecutionId("2"), Status.CANCELLED, 3.0),))
    assert queue.order == ("1", "3")


def test_interrupting_what_has_ended_reports_how_it_ended() -> None:
    queue = queue_running(run("a", "1"))
    queue.finished(ExecutionId("1"), "ok", 3.0)
    assert queue.interrupt(ExecutionId("1"), 4.0) == (Status.DONE, ())


def test_interrupting_what_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownExecution):
        ExecutionQueue().interrupt(ExecutionId("?"), 1.0)


def asked_by(peer: str, queue: ExecutionQueue, request: str, *runs: Run) -> None:
    queue.submit(RequestId(request), runs, {"peer_id": peer}, 2.0)


def test_stopping_several_ends_all_of_them_and_starts_none_meanwhile() -> None:
    queue = queue_running(run("a", "1"), run("b", "2"), run("c", "3"))
    stopped, effects = queue.stop([ExecutionId("1"), ExecutionId("2"), ExecutionId("gone")], 3.0)
    assert stopped == ("1", "2")
    assert effects == (
        InterruptKernel(ExecutionId("1")),
        RecordStatus(ExecutionId("2"), Status.CANCELLED, 3.0),
    )
    assert queue.order == ("1", "3")


def test_what_waits_can_be_cancelled_without_touching_what_runs() -> None:
    queue = queue_running(run("a", "1"), run("b", "2"))
    assert statuses(queue.stop(queue.order, 3.0, running=False)[1]) == {"2": "cancelled"}
    assert queue.order == ("1",)


def test_a_peer_that_withdraws_stops_what_it_alone_wants() -> None:
    queue = ExecutionQueue()
    asked_by("ann", queue, "r1", run("a", "1"), run("b", "2"))
    asked_by("ben", queue, "r2", run("b", "8"), run("c", "3"))
    asked_by("ann", queue, "r3", run("d", "4"))
    queue.kernel_ready(2.5)
    queue.started(ExecutionId("1"), 1)
    stopped, effects = queue.withdraw("ann", 3.0)
    assert stopped == ("1", "4")
    assert effects == (
        RecordUnwanted(ExecutionId("2"), RequestId("r1")),
        InterruptKernel(ExecutionId("1")),
        RecordStatus(ExecutionId("4"), Status.CANCELLED, 3.0),
    )
    assert queue.order == ("1", "2", "3")


def test_a_wish_that_was_withdrawn_no_longer_ends_with_its_request() -> None:
    queue = ExecutionQueue()
    asked_by("ann", queue, "r1", run("a", "1"), run("b", "2"))
    asked_by("ben", queue, "r2", run("b", "8"))
    queue.kernel_ready(2.5)
    queue.withdraw("ann", 3.0, running=False)
    assert statuses(queue.finished(ExecutionId("1"), "error", 4.0)) == {"1": "error", "2": "running"}


def test_withdrawing_leaves_what_another_peer_wants_running_too() -> None:
    queue = ExecutionQueue()
    asked_by("ann", queue, "r1", run("a", "1"))
    asked_by("ben", queue, "r2", run("a", "9"))
    queue.kernel_ready(2.5)
    assert queue.withdraw("ann", 3.0) == ((), (RecordUnwanted(ExecutionId("1"), RequestId("r1")),))
    assert queue.withdraw("ben", 3.0)[0] == ("1",)


def test_a_kernel_that_dies_takes_the_running_execution_and_cancels_the_rest() -> None:
    queue = queue_running(run("a", "1"), run("b", "2"))
    assert statuses(queue.kernel_died(3.0)) == {"1": "died", "2": "cancelled"}
    _, effects = queue.submit(RequestId("r2"), [run("a", "3")], {}, 4.0)
    assert effects[-1] == StartKernel()


def test_a_kernel_that_cannot_start_cancels_what_waited_for_it() -> None:
    queue = ExecutionQueue()
    queue.submit(RequestId("r1"), [run("a", "1")], {}, 1.0)
    assert statuses(queue.kernel_failed(2.0)) == {"1": "cancelled"}
    assert queue.kernel == "none"


def test_a_restart_cancels_everything_and_wants_a_kernel() -> None:
    queue = queue_running(run("a", "1"), run("b", "2"))
    effects = queue.restart(3.0)
    assert statuses(effects) == {"1": "cancelled", "2": "cancelled"}
    assert effects[-1] == StartKernel()
    assert queue.finished(ExecutionId("1"), "ok", 4.0) == ()  # a stale report of the old kernel
    assert queue.kernel_died(4.0) == ()


def test_the_old_kernels_death_does_not_touch_what_waits_for_the_new_one() -> None:
    queue = queue_running(run("a", "1"))
    queue.restart(3.0)
    queue.submit(RequestId("r2"), [run("a", "2")], {}, 4.0)
    assert queue.kernel_died(5.0) == ()
    assert queue.order == ("2",)


def test_a_shutdown_cancels_everything() -> None:
    queue = queue_running(run("a", "1"), run("b", "2"))
    assert statuses(queue.shutdown(3.0)) == {"1": "cancelled", "2": "cancelled"}
    assert queue.kernel_ready(4.0) == ()


def test_a_deleted_cell_is_cancelled_where_it_waits_and_interrupted_where_it_runs() -> None:
    queue = queue_running(run("a", "1"))
    queue.submit(RequestId("r2"), [run("a", "2"), run("b", "3")], {}, 3.0)
    assert queue.cell_deleted(CellId("a"), 4.0) == (
        RecordStatus(ExecutionId("2"), Status.CANCELLED, 4.0),
        InterruptKernel(ExecutionId("1")),
    )
    assert queue.order == ("1", "3")


def test_an_execution_id_is_never_used_twice() -> None:
    queue = queue_running(run("a", "1"))
    queue.finished(ExecutionId("1"), "ok", 3.0)
    with pytest.raises(IllegalTransition):
        queue.submit(RequestId("r2"), [run("b", "1")], {}, 4.0)


def test_only_a_bounded_number_of_ends_is_remembered() -> None:
    queue = ExecutionQueue()
    queue.submit(RequestId("r"), [run(f"c{n}", str(n)) for n in range(REMEMBERED_ENDS + 1)], {}, 1.0)
    queue.shutdown(2.0)
    assert queue.status(ExecutionId("1")) is Status.CANCELLED
    with pytest.raises(UnknownExecution):
        queue.status(ExecutionId("0"))


@pytest.mark.parametrize("before", list(Status))
@pytest.mark.parametrize("after", list(Status))
def test_the_table_allows_exactly_what_the_drawing_shows(before: Status, after: Status) -> None:
    drawn = {
        ("queued", "running"),
        ("queued", "cancelled"),
        ("running", "done"),
        ("running", "error"),
        ("running", "cancelled"),
        ("running", "died"),
    }
    if (before.value, after.value) in drawn:
        check_transition("1", before, after)
    else:
        with pytest.raises(IllegalTransition):
            check_transition("1", before, after)


def test_a_new_daemon_ends_what_an_earlier_one_left_unfinished() -> None:
    left = {ExecutionId(str(n)): status for n, status in enumerate(["imported", "done", "running", "queued", "queued"])}
    assert statuses(settle_orphans(left, 9.0)) == {"2": "died", "3": "cancelled", "4": "cancelled"}


class EveryExecutionEndsExactlyOnce(RuleBasedStateMachine):
    """Any events in any order, stale and premature ones too; at the end a shutdown, and then all have ended once."""

    executions = Bundle("executions")

    @initialize()
    def begin(self) -> None:
        self.queue = ExecutionQueue()
        self.seen: dict[str, list[Status]] = {}
        self.sent: list[str] = []
        self.now = 0.0
        self.counter = 0

    def carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case RecordQueued(execution_id=execution_id):
                    assert execution_id not in self.seen
                    self.seen[execution_id] = [Status.QUEUED]
                case RecordStatus(execution_id=execution_id, status=status):
                    assert status in TRANSITIONS[self.seen[execution_id][-1]]
                    self.seen[execution_id].append(status)
                case StartExecution(execution_id=execution_id):
                    assert self.seen[execution_id][-1] is Status.RUNNING
                    assert execution_id not in self.sent
                    self.sent.append(execution_id)
                case InterruptKernel(execution_id=execution_id):
                    assert self.seen[execution_id][-1] is Status.RUNNING
                case RecordSource(execution_id=execution_id):
                    assert self.seen[execution_id][-1] is Status.QUEUED
                case StartKernel():
                    assert self.queue.running is None

    def tick(self) -> float:
        self.now += 1
        return self.now

    @rule(
        target=executions,
        cells=st.lists(st.sampled_from("abcd"), max_size=5),
        source=st.sampled_from("xy"),
        peer=st.sampled_from(["ann", "ben"]),
    )
    def submit(self, cells: list[str], source: str, peer: str) -> object:
        runs = []
        for cell in cells:
            self.counter += 1
            runs.append(run(cell, str(self.counter), source))
        ids, effects = self.queue.submit(RequestId(f"r{self.tick()}"), runs, {"peer_id": peer}, self.now)
        assert len(ids) == len(cells)
        self.carry_out(effects)
        return multiple(*ids)

    @rule(execution=executions)
    def interrupt(self, execution: ExecutionId) -> None:
        status, effects = self.queue.interrupt(execution, self.tick())
        assert status is self.seen[execution][-1]
        self.carry_out(effects)

    @rule(named=st.lists(executions, max_size=3), running=st.booleans())
    def stop(self, named: list[ExecutionId], running: bool) -> None:
        stopped, effects = self.queue.stop(named, self.tick(), running=running)
        assert set(stopped) <= set(named)
        self.carry_out(effects)

    @rule(peer=st.sampled_from(["ann", "ben"]), running=st.booleans())
    def withdraw(self, peer: str, running: bool) -> None:
        self.carry_out(self.queue.withdraw(peer, self.tick(), running=running)[1])

    @rule(cell=st.sampled_from("abcd"))
    def delete_cell(self, cell: str) -> None:
        self.carry_out(self.queue.cell_deleted(CellId(cell), self.tick()))

    @rule()
    def the_kernel_begins(self) -> None:
        if self.queue.running:
            self.carry_out(self.queue.started(self.queue.running, 1))

    @rule(ending=st.sampled_from(["ok", "error", "aborted"]))
    def the_kernel_finishes(self, ending: FinishedStatus) -> None:
        if self.queue.running:
            self.carry_out(self.queue.finished(self.queue.running, ending, self.tick()))

    @rule(execution=executions, ending=st.sampled_from(["ok", "error"]))
    def the_kernel_reports_about_any(self, execution: ExecutionId, ending: FinishedStatus) -> None:
        before = self.seen[execution][-1]
        effects = self.queue.finished(execution, ending, self.tick())
        assert before is Status.RUNNING or effects == ()
        self.carry_out(effects)

    @rule(event=st.sampled_from(["kernel_ready", "kernel_failed", "kernel_died", "restart", "shutdown"]))
    def the_kernel_comes_or_goes(self, event: str) -> None:
        self.carry_out(getattr(self.queue, event)(self.tick()))

    @invariant()
    def the_queue_agrees_with_what_was_recorded(self) -> None:
        alive = {execution for execution, seen in self.seen.items() if seen[-1] not in TERMINAL}
        assert set(self.queue.order) == alive
        running = [execution for execution, seen in self.seen.items() if seen[-1] is Status.RUNNING]
        assert running == ([self.queue.running] if self.queue.running else [])
        assert not alive or self.queue.running or self.queue.kernel == "starting"
        assert self.sent == sorted(self.sent, key=int)

    def teardown(self) -> None:
        self.carry_out(self.queue.shutdown(self.tick()))
        assert all(sum(status in TERMINAL for status in seen) == 1 for seen in self.seen.values())
        assert self.queue.order == ()


TestEveryExecutionEndsExactlyOnce = EveryExecutionEndsExactlyOnce.TestCase
TestEveryExecutionEndsExactlyOnce.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
