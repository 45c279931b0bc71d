"""Real ipywidgets in a real kernel, and peers as their front ends: one state for everybody, in the daemon's order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from clients.peer.errors import NotAllowed, PeerError, RequestFailed
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook
from clients.peer.widget import Widget, WidgetMessage
from notebook_doc.events import CommClosed, CommOpened
from relay.requests import CommSend
from tests.daemon.service import Service, notebook_file, running_service
from tests.support.aio import aio

IMPORT = "import ipywidgets as w\nfrom IPython.display import display\n"


@asynccontextmanager
async def notebook(folder: Path, *sources: str) -> AsyncIterator[tuple[Service, Path, Notebook]]:
    """A notebook of these cells, opened by ann; its first cell has the imports."""
    path = notebook_file(folder, [IMPORT + sources[0], *sources[1:]])
    async with running_service(folder) as service, service.peer(path) as ann:
        yield service, path, ann


async def run(ann: Notebook, cell_id: str = "c0") -> Execution:
    return (await ann.cells[cell_id].run()).check()


def model(peer: Notebook, name: str) -> Widget:
    """The one widget of this model."""
    (found,) = [widget for widget in peer.widgets.values() if widget.model == name]
    return found


async def value_in_kernel(ann: Notebook, expression: str) -> str:
    """What the kernel says of an expression."""
    cell = ann.cells.add(f"print(repr(({expression})))")
    text = (await (await cell.run()).check().text()).strip()
    cell.delete()
    return text


async def until(peer: Notebook, condition: Any, what: str) -> None:
    assert await peer.until(condition, 60), what


@aio
async def test_a_slider_is_there_for_everybody_and_what_one_sets_the_kernel_observes(tmp_path: Path) -> None:
    source = "s = w.IntSlider(3, max=50)\ns.observe(lambda change: print('now', change.new), 'value')\ns"
    async with notebook(tmp_path, source) as (service, path, ann):
        execution = await run(ann)
        async with service.peer(path, "ben") as late:
            slider = model(late, "IntSliderModel")
            assert slider["value"] == 3
            assert (await slider.state())["max"] == 50
            await slider.set(value=41)
            assert slider["value"] == 41
            await until(ann, lambda: model(ann, "IntSliderModel")["value"] == 41, "ann sees what ben set")
            await until(ann, lambda: len(ann.runtime.outputs(execution.id)) == 2, "the callback's print")
        assert (await execution.outputs())[1] == {"output_type": "stream", "name": "stdout", "text": "now 41\n"}
        assert await value_in_kernel(ann, "s.value") == "41"


@aio
async def test_two_who_move_one_slider_agree_with_each_other_and_the_kernel_in_the_end(tmp_path: Path) -> None:
    async with notebook(tmp_path, "s = w.IntSlider(max=1000)\ns") as (service, path, ann):
        await run(ann)
        async with service.peer(path, "ben") as ben:
            sliders = [model(ann, "IntSliderModel"), model(ben, "IntSliderModel")]
            await asyncio.gather(*(sliders[n % 2].set(value=n) for n in range(1, 200)))
            values = [slider["value"] for slider in sliders]
            in_kernel = await value_in_kernel(ann, "s.value")
            await until(ben, lambda: str(sliders[1]["value"]) == in_kernel, "ben has what the kernel has")
            assert [str(slider["value"]) for slider in sliders] == [in_kernel, in_kernel]
            assert values[0] in (198, 199)


@aio
async def test_who_drags_a_slider_never_sees_it_jump_back(tmp_path: Path) -> None:
    source = (
        "s = w.IntSlider(max=1000)\ns.observe(lambda change: setattr(s, 'description', str(change.new)), 'value')\ns"
    )
    async with notebook(tmp_path, source) as (_, _, ann):
        await run(ann)
        slider = model(ann, "IntSliderModel")
        seen = [0]
        highest = 0

        async def watch() -> None:
            await ann.until(lambda: seen.append(slider["value"]) or False)  # type: ignore[func-returns-value]

        watching = asyncio.create_task(watch())
        sets = []
        for highest in range(1, 101):
            sets.append(asyncio.create_task(slider.set(value=highest)))
            await asyncio.sleep(0.005)
            assert slider["value"] == highest
        await asyncio.gather(*sets)
        await until(ann, lambda: slider["description"] == "100", "the kernel has caught up")
        watching.cancel()
        assert seen == sorted(seen)
        assert slider["value"] == 100
        assert await value_in_kernel(ann, "s.value") == "100"


@aio
async def test_a_value_that_the_kernel_corrects_or_refuses_is_put_right_for_everybody(tmp_path: Path) -> None:
    async with notebook(tmp_path, "s = w.IntSlider(3, max=50)\ns") as (_, _, ann):
        await run(ann)
        slider = model(ann, "IntSliderModel")
        await slider.set(value="much")
        await until(ann, lambda: slider["value"] == 3, "what the kernel has")
        await slider.set(value=500)
        await until(ann, lambda: slider["value"] == 50, "the slider's maximum")
        await slider.set(value=600)
        await until(ann, lambda: slider["value"] == 50, "also if nothing has changed in the kernel")


@aio
async def test_what_is_no_trait_of_the_widget_is_refused(tmp_path: Path) -> None:
    async with notebook(tmp_path, "s = w.IntSlider(3)\ns") as (_, _, ann):
        await run(ann)
        slider = model(ann, "IntSliderModel")
        with pytest.raises(RequestFailed, match="no trait 'valeu'"):
            await slider.set(valeu=4)
        with pytest.raises(PeerError, match="too large"):
            await slider.set(description="x" * 9_000_000)
        await slider.close()
        assert not slider.is_open
        with pytest.raises(RequestFailed, match="Run the cell"):
            await slider.set(value=4)


@aio
async def test_a_viewer_sees_widgets_and_cannot_move_them(tmp_path: Path) -> None:
    async with notebook(tmp_path, "s = w.IntSlider(3)\ns") as (service, path, ann):
        await run(ann)
        who = ann._session.peer
        async with Notebook.connect(await service.open(path), service.address, peer=who, role="viewer") as viewer:
            slider = model(viewer, "IntSliderModel")
            with pytest.raises(NotAllowed, match="viewer"):
                await slider.set(value=4)
            assert slider["value"] == 3


@aio
async def test_interact_shows_what_its_function_returns_and_follows_its_slider(tmp_path: Path) -> None:
    source = "@w.interact(x=(0, 10))\ndef double(x=2):\n    print('printed', x)\n    return 2 * x"
    async with notebook(tmp_path, source) as (_, _, ann):
        execution = await run(ann)
        slider, output = model(ann, "IntSliderModel"), model(ann, "OutputModel")

        def shown(number: int) -> list[dict[str, Any]]:
            return [
                {"output_type": "stream", "name": "stdout", "text": f"printed {number}\n"},
                {"output_type": "display_data", "data": {"text/plain": str(2 * number)}, "metadata": {}},
            ]

        assert (await output.state())["outputs"] == shown(2)
        await slider.set(value=7)
        await until(ann, lambda: "printed 7" in str(ann.runtime.outputs(output.id)), "the function ran again")
        await until(ann, lambda: len(ann.runtime.outputs(output.id)) == 2, "it is complete")
        assert (await output.state())["outputs"] == shown(7)
        assert len(await execution.outputs()) == 1, "nothing but the widget itself"


@aio
async def test_an_output_widget_captures_in_a_cell_and_in_a_callback(tmp_path: Path) -> None:
    sources = (
        "out = w.Output()\nb = w.Button()\ndisplay(out, b)\nprint('before')\n"
        "with out:\n    print('captured', end='')\n    print('!')\n    display('shown')\nprint('after')",
        "@b.on_click\ndef clicked(_):\n    with out:\n        print('clicked')\n    print('outside')",
        "len(out.outputs), out.outputs[0]['text']",
        "with out:\n    1 / 0",
        "out.clear_output()",
    )
    async with notebook(tmp_path, *sources) as (service, path, ann):
        execution = await run(ann)
        out = model(ann, "OutputModel")
        texts = [o["text"] for o in await execution.outputs() if o["output_type"] == "stream"]
        assert texts == ["before\nafter\n"]
        captured = (await out.state())["outputs"]
        assert captured[0] == {"output_type": "stream", "name": "stdout", "text": "captured!\n"}
        assert captured[1]["data"] == {"text/plain": "'shown'"}
        assert "(2, 'captured!\\n')" in await (await run(ann, "c2")).text(), "the kernel's own copy"

        await run(ann, "c1")
        await model(ann, "ButtonModel").send({"event": "click"})
        await until(ann, lambda: "outside" in str(ann.runtime.outputs(execution.id)), "what is not captured")
        await until(ann, lambda: "clicked" in str(ann.runtime.outputs(out.id)), "what is captured")
        assert "clicked" not in str(ann.runtime.outputs(execution.id))

        assert (await ann.cells["c3"].run()).ok, "an Output widget swallows the exceptions it shows"
        async with service.peer(path, "ben") as late:
            last = (await model(late, "OutputModel").state())["outputs"][-1]
            assert last["ename"] == "ZeroDivisionError"
        await run(ann, "c4")
        assert (await out.state())["outputs"] == []
        assert await value_in_kernel(ann, "out.outputs") == "()"


@aio
async def test_the_next_cell_finds_in_an_output_widget_what_the_one_before_captured(tmp_path: Path) -> None:
    sources = (
        "out = w.Output()",
        "with out:\n    for n in range(100): print(n)",
        "print(out.outputs[0]['text'], end='')",
    )
    async with notebook(tmp_path, *sources) as (_, _, ann):
        executions = await ann.run(["c0", "c1", "c2"])
        assert await executions[2].check().text() == "".join(f"{n}\n" for n in range(100))


@aio
async def test_what_the_kernel_writes_into_an_output_widget_is_its_output(tmp_path: Path) -> None:
    sources = ("out = w.Output()\nout", "for n in range(3):\n    out.append_stdout(f'{n}\\n')", "out.outputs = ()")
    async with notebook(tmp_path, *sources) as (_, _, ann):
        await run(ann)
        out = model(ann, "OutputModel")
        await run(ann, "c1")
        assert (await out.state())["outputs"] == [{"output_type": "stream", "name": "stdout", "text": "0\n1\n2\n"}]
        await run(ann, "c2")
        assert (await out.state())["outputs"] == []


ANYWIDGET = """import anywidget, numpy, traitlets
def changed(widget, content, buffers):
    widget.send({'got': content, 'sizes': [len(b) for b in buffers]}, [bytes(b)[::-1] for b in buffers])
class Picture(anywidget.AnyWidget):
    _esm = 'export default { render({ model, el }) {} } //' + 'x' * 5000
    pixels = traitlets.CBytes(b'').tag(sync=True)
    layers = traitlets.Dict().tag(sync=True)
p = Picture(pixels=numpy.arange(1000, dtype='uint16').tobytes(), layers={'front': [b'tiny', {'deep': b'z' * 3000}]})
p.on_msg(changed)
p"""


@aio
async def test_bytes_go_both_ways_in_the_state_of_an_anywidget(tmp_path: Path) -> None:
    async with notebook(tmp_path, ANYWIDGET) as (service, path, ann):
        await run(ann)
        picture = model(ann, "AnyModel")
        state = await picture.state()
        assert state["_esm"].endswith("x" * 5000)
        assert state["pixels"] == b"".join(n.to_bytes(2, "little") for n in range(1000))
        assert state["layers"] == {"front": [b"tiny", {"deep": b"z" * 3000}]}
        with pytest.raises(PeerError, match="large"):
            picture["pixels"]
        await picture.set(pixels=b"\x00\xff", layers={"back": [1, b"\x01" * 5000, None]})
        assert picture["pixels"] == b"\x00\xff"
        assert await value_in_kernel(ann, "p.pixels, len(p.layers['back'][1]), sorted(p.layers)") == (
            "(b'\\x00\\xff', 5000, ['back'])"
        )
        async with service.peer(path, "ben") as late:
            assert (await model(late, "AnyModel").state())["layers"] == {"back": [1, b"\x01" * 5000, None]}


@aio
async def test_custom_messages_with_buffers_reach_the_kernel_and_every_peer(tmp_path: Path) -> None:
    async with notebook(tmp_path, ANYWIDGET) as (service, path, ann):
        await run(ann)
        async with service.peer(path, "ben") as ben:
            heard = [model(peer, "AnyModel").messages() for peer in (ann, ben)]
            await model(ann, "AnyModel").send({"n": 1}, [b"abc", b"x" * 100_000])
            for listener in heard:
                async with asyncio.timeout(60):
                    message = await anext(listener)
                assert message.content == {"got": {"n": 1}, "sizes": [3, 100_000]}
                assert message.buffers == (b"cba", b"x" * 100_000)


@aio
async def test_a_comm_that_is_no_widget_carries_anything(tmp_path: Path) -> None:
    source = (
        "from comm import create_comm\nc = create_comm(target_name='mine', data={'greeting': 'hello'})\n"
        "c.on_msg(lambda msg: c.send({'back': msg['content']['data']}, buffers=msg['buffers']))"
    )
    async with notebook(tmp_path, source) as (_, _, ann):
        await run(ann)
        (comm_id,) = ann.runtime.comms.ids()
        assert not ann.widgets
        comm = ann.runtime.comms.comm(comm_id)
        assert comm is not None
        assert (comm.target_name, comm.state) == ("mine", {"greeting": "hello"})
        heard = ann.widgets.listen(comm_id)
        await ann.request(CommSend(comm_id=comm_id, data={"any": ["thing"]}, buffers=[b"x"]))
        async with asyncio.timeout(60):
            assert await anext(heard) == WidgetMessage({"back": {"any": ["thing"]}}, (b"x",))


@aio
async def test_a_message_that_is_too_large_is_said_to_be_lost(tmp_path: Path) -> None:
    async with notebook(tmp_path, ANYWIDGET, "p.send('large', [bytes(9_000_000)])") as (_, _, ann):
        made = await run(ann)
        await run(ann, "c1")
        await until(
            ann, lambda: "was not delivered: its 9000000 bytes" in str(ann.runtime.outputs(made.id)), "the reason"
        )


@aio
async def test_a_message_comes_after_the_state_that_was_sent_before_it(tmp_path: Path) -> None:
    sources = (ANYWIDGET, "for n in range(20):\n    p.layers = {'n': n}\n    p.send(n)")
    async with notebook(tmp_path, *sources) as (service, path, ann):
        await run(ann)
        async with service.peer(path, "ben") as ben:
            picture = model(ben, "AnyModel")
            heard = picture.messages()
            await run(ann, "c1")
            for number in range(20):
                async with asyncio.timeout(60):
                    message = await anext(heard)
                assert message.content == number
                assert picture["layers"]["n"] >= number


@aio
async def test_an_animation_leaves_few_changes_behind(tmp_path: Path) -> None:
    sources = ("s = w.IntSlider(max=1000)\ns", "for n in range(1, 1001):\n    s.value = n")
    async with notebook(tmp_path, *sources) as (_, _, ann):
        await run(ann)
        heads = ann.runtime.replica.heads()
        execution = await run(ann, "c1")
        assert model(ann, "IntSliderModel")["value"] == 1000
        changes = len(ann.runtime.replica.changes_since(heads))
        record = execution.record
        assert record.started is not None
        assert record.ended is not None
        assert changes <= 10 + (record.ended - record.started) / 0.03


@aio
async def test_a_kernel_that_ends_takes_its_widgets_along(tmp_path: Path) -> None:
    sources = ("s = w.IntSlider()\nout = w.Output()\ndisplay(s, out)", "import os; os.kill(os.getpid(), 9)")
    async with notebook(tmp_path, *sources) as (_, _, ann):
        await run(ann)
        assert len(ann.widgets) >= 2
        events = ann.events()
        await ann.restart_kernel()
        await until(ann, lambda: not ann.widgets, "a restart closes them")
        seen = []
        async with asyncio.timeout(60):
            while not any(isinstance(event, CommClosed) for event in seen):
                seen.append(await anext(events))
        await run(ann)
        async with asyncio.timeout(60):
            while not any(isinstance(event, CommOpened) for event in seen):
                seen.append(await anext(events))
        await ann.cells["c1"].run()
        await until(ann, lambda: not ann.widgets, "its death closes them")


@aio
async def test_a_daemon_that_finds_widgets_without_their_kernel_removes_them(tmp_path: Path) -> None:
    async with notebook(tmp_path, "s = w.IntSlider()\ns") as (service, _, ann):
        await run(ann)
        assert ann.widgets
        await service.lose_daemon()
        service.start_daemon()
        await until(ann, lambda: not ann.widgets, "their kernel has ended with its daemon")


@aio
async def test_a_peer_makes_a_widget_in_the_kernel(tmp_path: Path) -> None:
    async with notebook(tmp_path, "s = w.IntSlider(5)\ns", "w.widget._instances[{!r}].value") as (_, _, ann):
        await run(ann)
        state = await model(ann, "IntSliderModel").state()
        names = {key: value for key, value in state.items() if key.startswith(("_model", "_view"))}
        made = await ann.widgets.open(**names, value=8)
        await until(ann, lambda: "max" in ann.runtime.comms.comm(made.id).state, "the kernel says the rest")  # type: ignore[union-attr]
        ann.cells["c1"].source = ann.cells["c1"].source.format(made.id)
        assert await (await run(ann, "c1")).text() == "8\n"
