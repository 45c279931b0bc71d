"""What a cell shows is fresh, stale with its causes, failed, or was never there: told as stories of edits and runs."""

from __future__ import annotations

import random

from notebook_doc.dataflow.staleness import MAX_CAUSES, Cause, Staleness
from tests.notebook_doc.dataflow.stories import Story


def chain() -> Story:
    story = Story(a="x = 1", b="y = x + 1", c="z = y + 1", other="w = 5")
    story.run_all()
    return story


def test_cells_that_never_ran_say_so() -> None:
    assert Story(a="x = 1", b="x").statuses() == {"a": "never_ran", "b": "never_ran"}


def test_cells_that_ran_in_order_are_fresh() -> None:
    assert set(chain().statuses().values()) == {"fresh"}


def test_an_edit_makes_the_cell_and_all_that_follows_from_it_stale_and_nothing_else() -> None:
    story = chain()
    story.edit("a", "x = 2")
    assert story.statuses() == {"a": "stale", "b": "stale", "c": "stale", "other": "fresh"}
    assert story.causes("a") == [("self", "edited", None)]
    assert story.causes("b") == story.causes("c") == [("upstream", "edited", "a")]


def test_undoing_the_edit_makes_all_of_them_fresh_again() -> None:
    story = chain()
    story.edit("a", "x = 2")
    story.edit("a", "x = 1")
    assert set(story.statuses().values()) == {"fresh"}


def test_comments_and_empty_lines_make_nothing_stale() -> None:
    story = chain()
    story.edit("a", "# one\n\nx = 1  # really\n")
    assert set(story.statuses().values()) == {"fresh"}


def test_a_cell_that_ran_again_after_an_edit_leaves_its_readers_stale_until_they_run() -> None:
    story = chain()
    story.edit("a", "x = 2")
    story.run("a")
    assert story.statuses() == {"a": "fresh", "b": "stale", "c": "stale", "other": "fresh"}
    assert story.causes("b") == [("upstream", "ran", "a")]
    assert story.causes("c") == [("upstream", "ran", "a")]
    story.run("b")
    assert story.statuses()["b"] == "fresh"
    assert story.causes("c") == [("upstream", "ran", "b")]
    story.run("c")
    assert set(story.statuses().values()) == {"fresh"}


def test_running_unchanged_code_again_makes_no_reader_stale() -> None:
    story = chain()
    story.run("a")
    assert set(story.statuses().values()) == {"fresh"}


def test_a_run_on_stale_inputs_is_stale_itself() -> None:
    story = chain()
    story.edit("a", "x = 2")
    story.run("b")
    assert story.of("b").status == "stale"
    story.run("a")
    assert story.causes("b") == [("upstream", "ran", "a")]


def test_a_failed_run_is_failed_and_its_readers_are_stale_because_of_it() -> None:
    story = chain()
    story.edit("a", "x = 1 / 0")
    story.run("a", ok=False)
    assert story.of("a").status == "failed"
    assert story.causes("c") == [("upstream", "failed", "a")]
    story.edit("a", "x = 1")
    assert story.causes("a") == [("self", "edited", None)]
    story.run("a")
    assert set(story.statuses().values()) == {"fresh"}


def test_deleting_a_cell_makes_its_readers_stale_and_undoing_that_fresh() -> None:
    story = chain()
    cell = story.doc.cell("a")
    story.delete("a")
    assert story.causes("b") == [("upstream", "deleted", "a")]
    story.doc.put_cell(cell, move=True)
    story.look()
    assert story.of("b").status == "fresh"


def test_a_definition_that_moves_to_another_cell_makes_its_readers_stale() -> None:
    story = chain()
    story.edit("a", "pass")
    story.edit("other", "w = 5; x = 1")
    assert ("upstream", "edited", "other") in story.causes("b")


def test_a_cell_that_was_not_there_when_its_reader_ran_makes_it_stale() -> None:
    story = Story(b="print(x)")
    story.run("b", ok=False)
    story.doc.add_cell("x = 1", cell_id="a", before="b")
    story.look()
    assert story.causes("b") == [("upstream", "not_run", "a")]
    story.run("a")
    assert story.causes("b") == [("upstream", "added", "a")]


def test_another_environment_makes_everything_stale_until_it_is_changed_back() -> None:
    story = chain()
    story.doc.set_metadata({"quire": {"dependencies": ["numpy"]}})
    story.look()
    assert set(story.statuses().values()) == {"stale"}
    assert story.causes("c") == [("environment", "environment", None)]
    story.doc.set_metadata({})
    story.look()
    assert set(story.statuses().values()) == {"fresh"}


def test_a_fresh_kernel_lacks_what_the_notebook_shows() -> None:
    story = chain()
    story.restart()
    assert set(story.statuses().values()) == {"fresh"}
    assert story.of("a").missing
    assert not story.of("a").is_ready
    story.run("a")
    assert not story.of("a").missing
    assert story.of("b").missing


def test_whoever_edits_the_effect_is_the_same() -> None:
    story = chain()
    agent = story.doc.fork()
    agent.set_source("a", "x = 3")
    story.doc.replica.merge(agent.replica)
    story.look()
    assert story.statuses()["c"] == "stale"


def test_cells_in_a_circle_come_to_rest_once_each_has_run() -> None:
    story = Story(a="x = y if 'y' in globals() else 0", b="y = x")
    story.run("a", "b", "a", "b")
    assert story.statuses() == {"a": "fresh", "b": "fresh"}
    story.edit("a", "x = y")
    assert set(story.statuses().values()) == {"stale"}


def test_few_causes_are_named_however_many_there_are() -> None:
    story = Story(
        **{f"a{i}": f"x{i} = 0" for i in range(20)}, all="sum([" + ",".join(f"x{i}" for i in range(20)) + "])"
    )
    story.run_all()
    for number in range(20):
        story.edit(f"a{number}", f"x{number} = 1")
    assert len(story.of("all").causes) == MAX_CAUSES


def test_a_cell_that_goes_on_from_what_it_left_is_fresh_and_each_run_of_it_makes_its_readers_stale() -> None:
    story = Story(a="n = 0", b="n = n + 1", c="n", d="def f(k): return f(k - 1)", e="f")
    for cell_id in "abcde":
        story.run(cell_id)
    assert story.of("c").status == "fresh"
    story.run("b")
    story.run("d")
    assert story.of("b").status == "fresh"
    assert story.of("c").causes == (Cause("upstream", "ran", "b"),)
    assert story.of("e").status == "fresh", "a function that calls itself goes on from nothing"


def test_what_is_kept_current_is_what_is_found_afresh() -> None:
    rng = random.Random(7)
    for _ in range(25):
        story = Story(**{f"c{i}": _source(rng, i) for i in range(8)})
        for _ in range(25):
            cell_id = rng.choice(story.flow.graph.order)
            match rng.choice(("edit", "run", "run", "fail", "restart", "delete")):
                case "edit":
                    story.edit(cell_id, _source(rng, rng.randrange(8)))
                case "run":
                    story.run(cell_id)
                case "fail":
                    story.run(cell_id, ok=False)
                case "restart":
                    story.restart(f"kernel {rng.randrange(3)}")
                case _ if len(story.doc) > 4:
                    story.delete(cell_id)
            afresh = Staleness(type(story.flow)(story.doc))
            afresh.put_all(story.staleness.runs())
            afresh.set_kernel(story._kernel)
            for one in story.flow.graph.order:
                now = story.of(one)
                assert now == afresh.of(one)
                run = story.staleness.run(one)
                path = {one, *story.flow.graph.ancestors(one)}
                goes_on = any(story.flow.analysis(each).reads & story.flow.analysis(each).defs for each in path)
                if now.status in ("fresh", "failed") and not goes_on:
                    assert run is not None
                    assert run.provenance == story.flow.provenance(one)
            for status in ("never_ran", "fresh", "stale", "failed"):
                found = {one for one in story.flow.graph.order if story.of(one).status == status}
                assert story.staleness.with_status(status) == afresh.with_status(status) == found


def _source(rng: random.Random, number: int) -> str:
    reads = " + ".join(f"v{rng.randrange(8)}" for _ in range(rng.randrange(3))) or "0"
    return f"v{number} = {reads}"
