"""What is wrong with cells, where, and that the suggested fix really clears it."""

from __future__ import annotations

import pytest

from notebook_doc.dataflow.problems import Problem, apply_fix
from notebook_doc.errors import BadEdit
from tests.notebook_doc.dataflow.stories import Story


def codes(story: Story) -> dict[str, list[str]]:
    return {cell: [problem.code for problem in found] for cell, found in story.flow.all_problems().items()}


def problem(story: Story, cell_id: str) -> Problem:
    (found,) = story.flow.problems(cell_id)
    return found


def test_a_notebook_in_order_has_no_problems() -> None:
    assert codes(Story(a="import os\nx = 1", b="y = x", c="_t = y", d="_t = x")) == {}


def test_a_name_with_two_owners_is_a_problem_of_both_where_it_is_bound() -> None:
    story = Story(a="x = 1", b="y = 0\nx = 2", c="print(x)")
    assert codes(story) == {"a": ["multiply_defined"], "b": ["multiply_defined"]}
    found = problem(story, "b")
    assert (found.names, found.cells) == (("x",), ("a", "b"))
    assert found.range is not None
    assert (found.range.start, found.range.end) == (6, 7)


def test_imports_of_the_same_module_are_a_name_with_two_owners_too() -> None:
    assert codes(Story(a="import os", b="import os")) == {"a": ["multiply_defined"], "b": ["multiply_defined"]}


FIXABLE = [
    {"a": "x = 1", "b": "x = 2\nprint(x)"},
    {"a": "x = 1", "b": "def x(a):\n    return x(a - 1)"},
    {"a": "x = 1", "b": "ä = '🎉'; x = [x for _ in (1, 2) if x]", "c": "print(ä)"},
    {"a": "import x", "b": "x = 2"},
    {"a": "x = y", "b": "y = x"},
    {"a": "x = z", "b": "y = x", "c": "z = y", "d": "w = z"},
    {"a": "from os import *"},
]


@pytest.mark.parametrize("cells", FIXABLE, ids=[" | ".join(cells.values()) for cells in FIXABLE])
def test_each_fix_clears_its_problem_in_one_change(cells: dict[str, str]) -> None:
    tried = 0
    for cell_id in cells:
        for number, _ in enumerate(Story(**cells).flow.problems(cell_id)):
            for choice, _ in enumerate(Story(**cells).flow.problems(cell_id)[number].fixes):
                story = Story(**cells)
                found = story.flow.problems(cell_id)[number]
                before = len(story.doc.replica.changes_since(()))
                apply_fix(story.doc, found.fixes[choice])
                story.look()
                tried += 1
                assert len(story.doc.replica.changes_since(())) == before + 1
                left = [one for one in story.flow.problems(cell_id) if one.names == found.names]
                assert found.code not in [one.code for one in left], found.fixes[choice].title
    assert tried


def test_renaming_changes_every_place_of_the_name_and_no_other_name() -> None:
    story = Story(a="x = 1", b="x = 2\nxx = x + a.x\nprint(f'{x}', x=x)")
    apply_fix(story.doc, problem(story, "b").fixes[0])
    assert story.doc.source("b") == "_x = 2\nxx = _x + a.x\nprint(f'{_x}', x=_x)"


@pytest.mark.parametrize(
    "source",
    ["x = 1\ndef f(x): pass", "x = 1\n[0 for x in y]", "x = 1\nclass A:\n    x = 2", "x = _x = 1", "global x; x = 1"],
)
def test_renaming_is_not_offered_where_a_name_may_be_another_variable(source: str) -> None:
    story = Story(a="x = 5", b=source)
    titles = [fix.title for found in story.flow.problems("b") for fix in found.fixes]
    assert titles
    assert not [title for title in titles if title.startswith("Rename")]


def test_a_fix_for_a_text_that_was_edited_meanwhile_is_refused_whole() -> None:
    story = Story(a="x = 1", b="x = 2; x")
    fix = problem(story, "b").fixes[0]
    story.doc.set_source("b", "y = 2; x")
    with pytest.raises(BadEdit):
        apply_fix(story.doc, fix)
    assert story.doc.source("b") == "y = 2; x"


def test_a_circle_is_a_problem_of_all_cells_in_it_and_of_no_other() -> None:
    story = Story(a="x = z", b="y = x", c="z = y", d="w = z")
    assert codes(story) == {"a": ["cycle"], "b": ["cycle"], "c": ["cycle"]}
    assert problem(story, "b").cells == ("a", "b", "c")
    assert problem(story, "b").names == ("x", "y", "z")


def test_a_setup_cell_reads_nothing_of_others() -> None:
    story = Story(a="x = 1")
    story.doc.add_cell("import os\ny = x", cell_id="setup", metadata={"tags": ["setup"]})
    assert codes(story.look()) == {"setup": ["setup_reads_others"]}
    apply_fix(story.doc, problem(story, "setup").fixes[0])
    assert codes(story.look()) == {}


def test_a_setup_cell_comes_first_wherever_it_stands() -> None:
    story = Story(a="x = 1", b="os.getcwd()")
    story.doc.add_cell("import os", cell_id="setup", metadata={"quire": {"setup": True}})
    assert story.look().flow.graph.sorted() == ["setup", "a", "b"]


def test_a_syntax_error_is_a_problem_where_python_says_it_is() -> None:
    story = Story(a="x = 1\ny = (2")
    found = problem(story, "a")
    assert found.code == "syntax_error"
    assert found.range is not None
    assert found.range.start >= 6
