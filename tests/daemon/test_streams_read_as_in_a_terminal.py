r"""Carriage return, backspace and escape sequences in streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.daemon.events import ClearOutput, Output, UpdateDisplay
from clients.daemon.outputs import (
    AppendOutput,
    AppendStream,
    ClearOutputs,
    ExtendStream,
    Operation,
    OutputBuffer,
    WrittenStream,
)
from clients.daemon.terminal import Line


def shown(*chunks: str) -> str:
    buffer = OutputBuffer()
    for chunk in chunks:
        buffer.feed(Output("e", {"output_type": "stream", "name": "stdout", "text": chunk}))
    return "".join("".join(op.sealed) + op.tail for op in buffer.take() if isinstance(op, AppendStream))


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        (("abc\rX",), "Xbc"),
        (("abc", "\r", "X"), "Xbc"),
        (("abc\r\ndef",), "abc\ndef"),
        (("abc\r", "\ndef"), "abc\ndef"),
        (("abc\r\r\ndef",), "abc\ndef"),
        (("abc\rX\ndef",), "Xbc\ndef"),
        (("done\n\rX",), "done\nX"),
        (("abc\bX",), "abX"),
        (("abc\b\b\b\b\bX",), "Xbc"),
        (("a\n\bb",), "a\nb"),
        (("abc\b\b",), "abc"),
        (("\r 10%", "\r 50%", "\r100%\n"), "100%\n"),
        (("long line\rshort",), "shortline"),
        (("a\tb\rX",), "X\tb"),
        (("x" * 300 + "\n",), "x" * 300 + "\n"),
        (("\x1b[31mred\x1b[0m\n",), "\x1b[31mred\x1b[0m\n"),
        (("12345\r\x1b[1mab",), "\x1b[1mab345"),
        (("\x1b[32mhello\x1b[0m\rok",), "okllo\x1b[0m"),
        (("\r\x1b[32m 50%\x1b[0m", "\r\x1b[32m100%\x1b[0m"), "\x1b[32m100%\x1b[0m"),
        (("abc\r\x1b[3", "1mX"), "\x1b[31mXbc"),
        (("abc\r\x1b]8;;http://x\x07L\x1b]8;;\x07",), "\x1b]8;;http://x\x07L\x1b]8;;\x07bc"),
        (("ab\x1b[0m\b\bXYZ",), "XYZ\x1b[0m"),
        (("one\rtwo\nthree\b\b\b\bwo\n", "four"), "two\ntwoee\nfour"),
    ],
)
def test_moves_overwrite_and_nothing_else_changes(chunks: tuple[str, ...], text: str) -> None:
    assert shown(*chunks) == text


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        (("one\ntwo\n", "\x1b[2A", "ONE"), "ONE\ntwo\n"),
        (("one\ntwo\x1b[A\rONE\nT",), "ONE\nTwo"),
        (("outer 0%\n", "\r inner 0%", "\x1b[A\router 9%", "\n\r inner 5%\x1b[A"), "outer 9%\n inner 5%"),
        (("a\nb\nc\n\x1b[3A\x1b[2Kx\x1b[Eyy\x1b[5B.",), "x\nyy\nc\n."),
        (("long line\nend\r\x1b[1A\rab\x1b[K\n",), "ab\nend"),
        (("a\nb\nc\x1b[2A\x1b[0J",), ""),
        (("\x1b[9Aa\x1b[9Ab",), "ab"),
        (("a\n\x1b[1A\x1b[32mb\x1b[0m\n",), "\x1b[32mb\x1b[0m\n"),
        (("a\n\n\x1b[2Ab\nc\nd",), "b\nc\nd"),
    ],
)
def test_moves_between_lines_reach_the_lines_that_are_not_sealed(chunks: tuple[str, ...], text: str) -> None:
    assert shown(*chunks) == text


def test_bars_that_are_drawn_for_long_below_what_was_printed_stay_two_lines() -> None:
    buffer = OutputBuffer()
    contents: list[str] = []

    def write(text: str) -> None:
        nonlocal buffer
        buffer.feed(Output("e", {"output_type": "stream", "name": "stderr", "text": text}))
        for operation in buffer.take():
            assert isinstance(operation, AppendStream | ExtendStream)
            contents[getattr(operation, "keep", 0) :] = [*operation.sealed, *filter(None, [operation.tail])]
        last = WrittenStream("stderr", len(contents), contents[-1])
        buffer = OutputBuffer.restored(1, last, buffer.state())  # as if another daemon went on

    write("".join(f"epoch {number} is done, and so on and on\n" for number in range(60)))
    for number in range(1000):
        write(f"\router: {number:3d}")
        write(f"\n\rinner: {number:3d}\x1b[A")
    *lines, outer, inner = "".join(contents).split("\n")
    assert (outer, inner) == ("outer: 999", "inner: 999\x1b[A"[:10])
    assert [int(line.split()[1]) for line in lines] == list(range(60))


def test_a_coloured_progress_bar_takes_no_more_room_for_being_redrawn() -> None:
    line = Line()
    for number in range(5000):
        line.write(f"\r\x1b[K\x1b[32m{number % 100:3d}%\x1b[0m")
    assert line.render() == "\x1b[K\x1b[32m 99%\x1b[0m"


def test_escape_sequences_without_characters_are_bounded_once_the_line_has_moved() -> None:
    line = Line()
    line.write("\r")
    for _ in range(5000):
        line.write("\x1b[0m")
    assert len(line.render()) < 2000


def as_a_terminal(text: str) -> str:
    """The obvious, slow rendering, to compare with."""
    lines: list[list[str]] = [[]]
    column = 0
    for character in text:
        if character == "\n":
            lines.append([])
            column = 0
        elif character == "\r":
            column = 0
        elif character == "\b":
            column = max(0, column - 1)
        else:
            lines[-1][column : column + 1] = [character]
            column += 1
    return "\n".join("".join(line) for line in lines)


@given(st.lists(st.text(alphabet="abé\t\n\r\b", max_size=12), max_size=12))
def test_any_text_in_any_chunks_reads_as_a_terminal_shows_it(chunks: list[str]) -> None:
    assert shown(*chunks) == as_a_terminal("".join(chunks))


@given(st.lists(st.text(alphabet="ab\r\b\x1b[0;1mK", max_size=12), max_size=8))
def test_escape_sequences_never_break_the_visible_text_or_the_buffer(chunks: list[str]) -> None:
    whole, torn = Line(), Line()
    whole.write("".join(chunks))
    for chunk in chunks:
        torn.write(chunk)
    assert torn.render() == whole.render()


# --- the list depends on the events alone ---------------------------------------------------------------------------

Model = list[dict[str, object]]


def carry_out(operations: list[Operation], outputs: Model) -> None:
    """What the shell does to the document, on plain lists; fails if an operation does not fit."""
    for operation in operations:
        match operation:
            case AppendOutput(index, output, display_id):
                assert index == len(outputs)
                outputs.append({**output, "id": display_id})
            case AppendStream(index, name, sealed, tail):
                assert index == len(outputs)
                outputs.append({"name": name, "text": [*sealed, tail], "tail": 1})
            case ExtendStream(index, keep, sealed, tail):
                text = outputs[index]["text"]
                assert isinstance(text, list)
                assert keep == len(text) - 1
                text[keep:] = [*sealed, tail]
            case ClearOutputs():
                assert outputs
                outputs.clear()
            case UpdateDisplay(display_id, data, _):
                for output in outputs:
                    if output.get("id") == display_id:
                        output["data"] = data


def joined(outputs: Model) -> Model:
    return [
        {**output, "text": "".join(text)} if isinstance(text := output.get("text"), list) else output
        for output in outputs
    ]


_events = st.one_of(
    st.builds(
        lambda name, text: Output("e", {"output_type": "stream", "name": name, "text": text}),
        st.sampled_from(["stdout", "stderr"]),
        st.text(alphabet="ab\n\r\b", max_size=6),
    ),
    st.builds(
        lambda data, display_id: Output(
            "e", {"output_type": "display_data", "data": {"t": data}, "metadata": {}}, display_id
        ),
        st.text(max_size=2),
        st.sampled_from([None, "d1", "d2"]),
    ),
    st.builds(lambda wait: ClearOutput("e", wait), st.booleans()),
    st.builds(
        lambda key, data: UpdateDisplay(key, {"t": data}, {}), st.sampled_from(["d1", "d2"]), st.text(max_size=2)
    ),
)


@given(st.lists(st.tuples(_events, st.booleans()), max_size=25))
def test_the_outputs_do_not_depend_on_when_they_were_taken(steps: list[tuple[Output, bool]]) -> None:
    often, once = OutputBuffer(), OutputBuffer()
    step_by_step: Model = []
    at_the_end: Model = []
    for event, take in steps:
        often.feed(event)
        once.feed(event)
        if take:
            carry_out(often.take(), step_by_step)
    carry_out(often.take(), step_by_step)
    carry_out(once.take(), at_the_end)
    assert joined(step_by_step) == joined(at_the_end)
