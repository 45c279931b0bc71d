"""The comm table against a model of a kernel's widget: whatever comes between, the document ends as the kernel does."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.daemon.comm_table import CommRequest, CommTable, Effect, Told
from clients.daemon.errors import BadCommMessage, UnknownComm
from clients.daemon.events import (
    ClearOutput,
    CommEvent,
    CommHandled,
    KernelCommClose,
    KernelCommMessage,
    KernelCommOpen,
    Output,
)
from clients.daemon.held_updates import MOST_MERGED
from notebook_doc.errors import BadEdit

VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass
class Kernel:
    """One widget as ipywidgets has it: it echoes, caps values at 50, refuses what is negative, both without a word if
    nothing has changed by it, and `c` follows `a`."""

    echoes: bool = True
    traits: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0, "c": 0})
    asked: deque[CommRequest] = field(default_factory=deque)
    said: deque[CommEvent] = field(default_factory=deque)

    def handle_next(self) -> None:
        if not self.asked:
            return
        request = self.asked.popleft()
        data = request.content["data"]
        if data["method"] == "request_state":
            self._say("update", dict(self.traits), request.msg_id)
        else:
            if self.echoes:
                self._say("echo_update", data["state"], request.msg_id)
            self._set(data["state"], request.msg_id)
        self.said.append(CommHandled(request.msg_id))

    def set_itself(self, trait: str, value: int) -> None:
        self._change(trait, value, "an execution", {})

    def _set(self, sent: dict[str, int], parent_id: str) -> None:
        """All values first, then what follows from them, as `hold_trait_notifications` does."""
        before = dict(self.traits)
        for trait, value in sent.items():
            if value < 0:
                break
            self.traits[trait] = min(value, 50)
        for trait in sent:
            if self.traits[trait] != before[trait]:
                self._changed(trait, parent_id, sent)

    def _change(self, trait: str, value: int, parent_id: str, sent: dict[str, int]) -> None:
        if value >= 0 and self.traits[trait] != min(value, 50):
            self.traits[trait] = min(value, 50)
            self._changed(trait, parent_id, sent)

    def _changed(self, trait: str, parent_id: str, sent: dict[str, int]) -> None:
        if sent.get(trait) != self.traits[trait]:
            self._say("update", {trait: self.traits[trait]}, parent_id)
        if trait == "a":
            self._change("c", self.traits["a"], parent_id, sent)

    def _say(self, method: str, state: dict[str, int], parent_id: str) -> None:
        data = {"method": method, "state": dict(state), "buffer_paths": []}
        self.said.append(KernelCommMessage("w", data, (), parent_id))


class World:
    """The table, a kernel, and the document as far as the table had it written."""

    def __init__(self, echoes: bool = True) -> None:
        self.kernel = Kernel(echoes)
        self.table = CommTable("m")
        self.document: dict[str, Any] = {}
        self.table.feed(KernelCommOpen("w", "jupyter.widget", {"state": dict(self.kernel.traits)}))

    def set(self, trait: str, value: int) -> None:
        data = {"method": "update", "state": {trait: value}, "buffer_paths": []}
        self._carry_out(self.table.send("w", data))

    def hear_next(self) -> None:
        if self.kernel.said:
            event = self.kernel.said.popleft()
            self._carry_out(self.table.feed(event))

    def write(self) -> None:
        writes, _ = self.table.take()
        for write in writes:
            self.document |= write.values
        self.table.written()
        self._carry_out(self.table.verify())

    def settle(self) -> None:
        self.write()
        while self.kernel.asked or self.kernel.said:
            self.kernel.handle_next()
            self.hear_next()
            self.write()

    def _carry_out(self, effects: list[Effect]) -> None:
        self.kernel.asked += [effect for effect in effects if isinstance(effect, CommRequest)]


traits = st.sampled_from("abc")
values = st.integers(-5, 60)
steps = st.one_of(
    st.tuples(st.just("set"), traits, values),
    st.tuples(st.just("kernel sets"), traits, values),
    st.sampled_from([("handle",), ("hear",), ("hear",), ("write",)]),
)


@given(st.lists(steps, max_size=60), st.booleans())
def test_the_document_ends_with_what_the_kernel_has(story: list[tuple[Any, ...]], echoes: bool) -> None:
    world = World(echoes)
    for step in story:
        match step:
            case ("set", trait, value):
                world.set(trait, value)
            case ("kernel sets", trait, value):
                world.kernel.set_itself(trait, value)
            case ("handle",):
                world.kernel.handle_next()
            case ("hear",):
                world.hear_next()
            case _:
                world.write()
    world.settle()
    assert world.document == world.kernel.traits


@given(st.lists(st.sampled_from(("set", "handle", "hear", "write")), max_size=100), st.booleans())
def test_what_one_peer_sets_in_a_row_is_never_seen_to_go_back(story: list[str], echoes: bool) -> None:
    world = World(echoes)
    world.write()
    value, seen = 0, [0]
    for step in story:
        match step:
            case "set":
                value = min(value + 1, 50)
                world.set("b", value)
            case "handle":
                world.kernel.handle_next()
            case "hear":
                world.hear_next()
            case _:
                world.write()
                seen.append(world.document["b"])
    world.settle()
    assert seen == sorted(seen)
    assert world.document["b"] == value


def test_an_update_waits_to_be_written_and_the_latest_wins() -> None:
    world = World()
    for number in range(100):
        world.set("a", number % 50)
    writes, _ = world.table.take()
    assert [write.values["a"] for write in writes] == [49]


def test_a_kernel_that_lost_count_does_not_silence_a_trait_for_ever() -> None:
    world = World()
    world.set("a", 1)
    world.set("b", 2)
    world.kernel.handle_next()
    world.kernel.said.clear()  # dropped on the way
    assert not world.kernel.asked, "b waits for the word that a is handled"
    world.kernel.asked += [effect for effect in world.table.release() if isinstance(effect, CommRequest)]  # a cell ends
    world.settle()
    world.kernel.set_itself("a", 30)
    world.settle()
    assert world.document["a"] == 30


def test_a_slow_kernel_gets_the_latest_of_a_drag_and_not_all_of_it() -> None:
    world = World()
    for number in range(1, 40):
        world.set("a", number)
    assert [request.content["data"]["state"] for request in world.kernel.asked] == [{"a": 1}]
    world.kernel.handle_next()
    while world.kernel.said:
        world.hear_next()
    assert [request.content["data"]["state"] for request in world.kernel.asked] == [{"a": 39}]
    for number in range(MOST_MERGED + 1):
        world.set("a", number)
    assert len(world.kernel.asked) > 1, "it is not held for ever"


def test_nothing_overtakes_an_update_that_waits() -> None:
    world = World()
    world.set("a", 1)
    world.set("a", 2)
    requests = world.table.send("w", {"method": "custom", "content": "click"})
    assert [effect.content["data"].get("method") for effect in requests if isinstance(effect, CommRequest)] == [
        "update",
        "custom",
    ]


def test_a_closed_comm_is_unknown_and_its_late_messages_are_nobody_s() -> None:
    world = World()
    world.table.feed(KernelCommClose("w"))
    with pytest.raises(UnknownComm):
        world.table.send("w", {"method": "custom", "content": 1})
    assert world.table.feed(KernelCommMessage("w", {"method": "custom", "content": 1})) == []
    (write,) = world.table.take()[0]
    assert write.closed


@pytest.mark.parametrize(
    ("data", "buffers"),
    [
        ({"method": "update"}, ()),
        ({"method": "update", "state": [1]}, ()),
        ({"method": "update", "state": {"a": 1}, "buffer_paths": [["a"]]}, ()),
        ({"method": "update", "state": {"a": 1}, "buffer_paths": [["a", "b"]]}, (b"x",)),
        ({"method": "update", "state": {"a": []}, "buffer_paths": [["a", 5]]}, (b"x",)),
        ({"method": "update", "state": {"a": 1}, "buffer_paths": [[]]}, (b"x",)),
        ({"method": "update", "state": {"nothing": 1}}, ()),
        ({"method": "update", "state": {"a": datetime.now()}}, ()),
    ],
)
def test_what_breaks_the_protocol_is_refused_and_changes_nothing(data: dict[str, Any], buffers: tuple[bytes]) -> None:
    world = World()
    world.write()
    with pytest.raises((BadCommMessage, BadEdit)):
        world.table.send("w", data, buffers)
    assert world.table.take() == ([], [])


def test_buffers_are_put_into_what_is_written_and_left_out_of_what_is_sent() -> None:
    world = World()
    world.write()
    data = {"method": "update", "state": {"a": {"x": [None, 1]}}, "buffer_paths": [["a", "x", 0], ["a", "y"]]}
    (request,) = world.table.send("w", data, (b"0", b"y"))
    assert isinstance(request, CommRequest)
    assert (request.content["data"], request.buffers) == (data, (b"0", b"y"))
    assert data["state"] == {"a": {"x": [None, 1]}}
    (write,) = world.table.take()[0]
    assert write.values == {"a": {"x": [b"0", 1], "y": b"y"}}


def test_a_message_waits_for_the_state_that_came_before_it_and_only_for_that() -> None:
    world = World()
    custom = KernelCommMessage("w", {"method": "custom", "content": 1})
    told = Told("w", custom.data, ())
    assert world.table.feed(custom) == []
    assert world.table.take()[1] == [told]
    assert world.table.feed(custom) == [], "what was taken is not written yet"
    assert world.table.take()[1] == [told]
    world.table.written()
    assert world.table.feed(custom) == [told]


# --- where outputs go -----------------------------------------------------------------------------------------------


def output_widget(table: CommTable, comm_id: str, execution_id: str = "e1") -> None:
    state = {"_model_name": "OutputModel", "msg_id": "", "outputs": []}
    table.feed(KernelCommOpen(comm_id, "jupyter.widget", {"state": state}, (), execution_id))


def capture(table: CommTable, comm_id: str, msg_id: str) -> None:
    table.feed(KernelCommMessage(comm_id, {"method": "update", "state": {"msg_id": msg_id}}))


def printed(parent_id: str) -> Output:
    return Output(parent_id, {"output_type": "stream", "name": "stdout", "text": "x"})


def place(table: CommTable, parent_id: str) -> str:
    return table.route(printed(parent_id)).execution_id


def test_an_output_widget_takes_the_outputs_of_the_message_it_names_the_innermost_first() -> None:
    table = CommTable("m")
    for comm_id in ("outer", "inner"):
        output_widget(table, comm_id)
    assert place(table, "e1") == "e1"
    capture(table, "outer", "e1")
    assert place(table, "e1") == "outer"
    assert place(table, "e2") == "e2"
    capture(table, "inner", "e1")
    assert place(table, "e1") == "inner"
    capture(table, "inner", "")
    assert place(table, "e1") == "outer"
    table.feed(KernelCommClose("outer"))
    assert place(table, "e1") == "e1"
    assert table.route(ClearOutput("e1", wait=True)) == ClearOutput("e1", wait=True)


def test_a_callback_prints_where_its_widget_was_made_or_shown_last_with_all_inside_it() -> None:
    table = CommTable("m")
    child = {"state": {"value": 1}}
    table.feed(KernelCommOpen("child", "jupyter.widget", child, (), "e1"))
    box = {"state": {"children": ["IPY_MODEL_child"]}}
    table.feed(KernelCommOpen("box", "jupyter.widget", box, (), "e2"))

    def callback_prints_at() -> str:
        (request,) = table.send("child", {"method": "custom", "content": 1})
        assert isinstance(request, CommRequest)
        return place(table, request.msg_id)

    assert callback_prints_at() == "e1"
    table.route(Output("e3", {"output_type": "display_data", "data": {VIEW: {"model_id": "box"}}, "metadata": {}}))
    assert callback_prints_at() == "e3"
    writes = {write.comm_id: write.execution_id for write in table.take()[0]}
    assert writes == {"child": "e3", "box": "e3"}


def test_a_widget_made_in_a_callback_belongs_where_the_callback_prints() -> None:
    table = CommTable("m")
    output_widget(table, "w", "e1")
    (request,) = table.send("w", {"method": "custom", "content": 1})
    assert isinstance(request, CommRequest)
    output_widget(table, "made", request.msg_id)
    assert {comm_id: home for comm_id, _, home in table.open_comms()} == {"w": "e1", "made": "e1"}


def test_the_kernel_is_told_what_was_captured_one_message_at_a_time() -> None:
    table = CommTable("m")
    output_widget(table, "out")
    capture(table, "out", "e1")
    place(table, "e1")
    ((comm_id, version),) = table.untold()
    place(table, "e1")
    assert table.tell_outputs(comm_id, version, []) == [], "more has come"
    ((comm_id, version),) = table.untold()
    (request,) = table.tell_outputs(comm_id, version, ["x"])
    assert isinstance(request, CommRequest)
    assert request.content["data"]["state"] == {"outputs": ["x"]}
    place(table, "e1")
    assert table.untold() == [], "the message before is under way"
    assert table.untold(at_once=True)
    echo = {"method": "echo_update", "state": {"outputs": ["x"]}}
    assert table.feed(KernelCommMessage("out", echo, (), request.msg_id)) == [], "its echo is not news"
    table.feed(CommHandled(request.msg_id))
    assert table.untold()


def test_when_the_kernel_ends_everything_is_closed() -> None:
    world = World()
    world.set("a", 1)
    world.table.close_all()
    (write,) = world.table.take()[0]
    assert write.closed
    assert world.table.open_comms() == []
