"""What people really typed, through peers, hub and disk, with a restart half-way: the text at the end is known.

The traces are not part of the repository. Those of https://github.com/josephg/editing-traces are replayed where they
are found (`traces/` in or beside the repository, or $QUIRE_TRACES); made-up typing sessions always are.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from notebook_doc.text_diff import apply
from tests.convergence.replay import merged_directly, replay
from tests.convergence.traces import Trace, load_trace, present_traces, typing_session

SEQUENTIAL = [path for path in present_traces() if "concurrent" not in path.name]
CONCURRENT = [path for path in present_traces() if "concurrent" in path.name]


def beginning(trace: Trace, runs: int) -> Trace:
    """The first runs of a trace by one author, with the text that a plain string makes of them."""
    text = ""
    for run in trace.runs[:runs]:
        text = apply(text, run.edits)
    return replace(trace, runs=trace.runs[:runs], end=text)


def assert_all_equal(texts: list[str], expected: str) -> None:
    for text in texts:
        assert text == expected


@pytest.mark.parametrize("seed", range(4))
def test_a_made_up_typing_session_ends_as_a_plain_string_does(seed: int) -> None:
    trace = typing_session(seed, keystrokes=800, longest_run=5)
    assert_all_equal(replay(trace, seed), trace.end)


def test_a_made_up_session_with_one_change_a_keystroke_ends_as_a_plain_string_does() -> None:
    trace = typing_session(99, keystrokes=400, longest_run=1)
    assert_all_equal(replay(trace), trace.end)


@pytest.mark.parametrize("path", SEQUENTIAL, ids=lambda path: path.name)
def test_the_beginning_of_a_real_paper_ends_as_a_plain_string_does(path: Path) -> None:
    trace = beginning(load_trace(path, longest_run=100), runs=60)
    assert_all_equal(replay(trace), trace.end)


@pytest.mark.parametrize("path", CONCURRENT, ids=lambda path: path.name)
def test_the_beginning_of_a_text_by_several_is_what_the_core_alone_makes_of_it(path: Path) -> None:
    trace = load_trace(path, longest_run=1000)
    trace = replace(trace, runs=trace.runs[:300])
    assert_all_equal(replay(trace), merged_directly(trace))


@pytest.mark.slow
@pytest.mark.parametrize("path", CONCURRENT, ids=lambda path: path.name)
def test_a_whole_text_by_several_ends_as_it_did(path: Path) -> None:
    trace = load_trace(path, longest_run=1000)
    assert_all_equal(replay(trace), trace.end)


@pytest.mark.slow
@pytest.mark.parametrize("longest_run", [500, 1])
@pytest.mark.parametrize("path", SEQUENTIAL, ids=lambda path: path.name)
def test_a_whole_paper_ends_as_it_did(path: Path, longest_run: int) -> None:
    trace = load_trace(path, longest_run)
    assert_all_equal(replay(trace), trace.end)
