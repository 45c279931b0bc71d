"""What runs, in which order and why, before anything runs."""

from __future__ import annotations

import pytest

from notebook_doc.dataflow.plans import impact_of
from notebook_doc.errors import UnknownCell
from tests.notebook_doc.dataflow.stories import Story


def diamond() -> Story:
    story = Story(d="print(b, c)", a="x = 1", c="c = x", b="b = x", alone="w = 0")
    story.run_all()
    return story


def test_a_plan_without_company_is_what_was_asked_for() -> None:
    assert diamond().plan("d", bring="nothing").cell_ids == ["d"]


def test_what_is_ready_is_not_run_again() -> None:
    plan = diamond().plan("d")
    assert plan.cell_ids == ["d"]
    assert plan.brought == []


def test_stale_cells_upstream_run_first_in_topological_order_and_ties_in_notebook_order() -> None:
    story = diamond()
    story.edit("a", "x = 2")
    plan = story.plan("d")
    assert [(step.cell_id, step.reason) for step in plan.steps] == [
        ("a", "stale"),
        ("c", "stale"),
        ("b", "stale"),
        ("d", "target"),
    ]
    assert plan.brought == ["a", "c", "b"]


def test_a_cell_between_a_stale_one_and_the_target_runs_too_though_it_is_not_read_directly() -> None:
    story = diamond()
    story.edit("a", "x = 2")
    story.run("a")
    assert story.plan("d").cell_ids == ["c", "b", "d"]


def test_after_a_restart_what_is_missing_in_the_kernel_comes_along() -> None:
    story = diamond()
    story.restart()
    assert [(step.cell_id, step.reason) for step in story.plan("b").steps] == [("a", "missing"), ("b", "target")]


def test_dependents_come_after_with_what_they_need() -> None:
    story = diamond()
    story.edit("c", "c = x * 2")
    plan = story.plan("c", bring="dependents")
    assert [(step.cell_id, step.reason) for step in plan.steps] == [("c", "target"), ("d", "dependent")]
    story.restart()
    assert story.plan("c", bring="dependents").cell_ids == ["a", "c", "b", "d"]


def test_a_plan_says_about_how_long_it_takes() -> None:
    story = diamond()
    story.run("a", ms=100)
    story.edit("a", "x = 2")
    assert story.plan("b").estimated_ms == 110
    assert Story(new="1").plan("new").steps[0].estimated_ms is None


def test_cells_with_problems_are_refused_and_the_others_run() -> None:
    story = Story(a="x = 1", b="x = 2", c="y = 3")
    plan = story.plan("a", "b", "c")
    assert plan.cell_ids == ["c"]
    assert {cell: problems[0].code for cell, problems in plan.refused.items()} == {
        "a": "multiply_defined",
        "b": "multiply_defined",
    }
    assert story.plan("a", "b", "c", refuse=False).cell_ids == ["a", "b", "c"]


def test_the_same_plan_has_the_same_id_and_another_one_another() -> None:
    story = diamond()
    first = story.plan("d")
    assert story.plan("d").id == first.id
    story.edit("alone", "w = 1")
    assert story.plan("d").id == first.id
    story.edit("a", "x = 2")
    second = story.plan("d")
    assert second.id != first.id
    story.edit("a", "x = 3")
    assert story.plan("d").id != second.id


def test_a_plan_for_a_cell_that_is_gone_is_refused() -> None:
    with pytest.raises(UnknownCell):
        diamond().plan("gone")


def test_the_impact_of_an_edit_or_a_delete() -> None:
    story = diamond()
    impact = impact_of(story.flow, story.staleness, "a")
    assert impact.downstream == ("c", "b", "d")
    assert impact.broken == ("c", "b")
    assert impact.estimated_ms == 30
    assert impact.upstream == ()


def test_reactive_runs_what_ran_and_is_stale_now_in_order() -> None:
    story = diamond()
    assert story.due() == []
    story.edit("a", "x = 2")
    assert story.due() == ["a", "c", "b", "d"]


def test_reactive_leaves_alone_what_never_ran_and_what_ran_in_another_kernel() -> None:
    story = Story(a="x = 1", b="x", c="x")
    story.run("a", "b")
    story.edit("a", "x = 2")
    assert story.due() == ["a", "b"]
    story.restart()
    assert story.due() == []


def test_reactive_waits_for_who_is_typing_and_for_what_failed_or_has_a_problem() -> None:
    story = diamond()
    story.edit("a", "x = 2")
    story.edit("alone", "w = 7")
    assert story.due(unsettled=["a"]) == ["alone"]
    story.run("a", ok=False)
    assert story.due() == ["alone"]
    story.edit("a", "x = (")
    assert story.due() == ["alone"]


def test_reactive_runs_the_readers_of_a_deleted_cell() -> None:
    story = diamond()
    story.delete("c")
    assert story.due() == ["d"]
