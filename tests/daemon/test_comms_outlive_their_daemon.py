"""A comm writer on a real hub: what it writes, what another finds there, and what it does when the document is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from clients.daemon.comm_effects import CommRequest
from clients.daemon.comm_writer import CommWriter
from clients.daemon.events import CommHandled, KernelCommMessage, KernelCommOpen, Output
from clients.daemon.output_writer import OutputWriter
from clients.daemon.services import Asked
from clients.peer.notebook import Notebook
from notebook_doc.runtime_records import Requester
from relay.messages import PeerInfo
from relay.requests import CommSend
from tests.daemon.service import Service, notebook_file, running_service
from tests.support.aio import aio

OUTPUT = {"_model_name": "OutputModel", "msg_id": "", "outputs": []}


@asynccontextmanager
async def daemon(service: Service, path: Path) -> AsyncIterator[Notebook]:
    who = PeerInfo(peer_id="daemon", name="daemon", kind="daemon")
    async with Notebook.connect(await service.open(path), service.address, peer=who, role="daemon") as notebook:
        yield notebook


def writer(notebook: Notebook) -> tuple[CommWriter, list[CommRequest]]:
    sent: list[CommRequest] = []
    return CommWriter(notebook, OutputWriter(notebook, lambda _heads, _position: None), sent.append), sent


def stream(text: str, parent_id: str) -> Output:
    return Output(parent_id, {"output_type": "stream", "name": "stdout", "text": text})


@aio
async def test_the_next_daemon_of_a_living_kernel_goes_on_with_its_comms(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["1"])
    async with running_service(tmp_path, daemon=False) as service, daemon(service, path) as notebook:
        first, _ = writer(notebook)
        state = {"state": {"value": 1, "_esm": "x" * 5000, "data": None}, "buffer_paths": [["data"]]}
        first.hear(KernelCommOpen("w", "jupyter.widget", state, (b"y" * 5000,), "e1"))
        first.hear(KernelCommOpen("out", "jupyter.widget", {"state": OUTPUT}, (), "e1"))
        first.hear(KernelCommMessage("out", {"method": "update", "state": {"msg_id": "e1"}}, (), "e1"))
        first.show(stream("one\n", "e1"))
        await first.flush()

        second, sent = writer(notebook)
        await second.restore()
        second.show(stream("two\n", "e1"))
        data = {"method": "update", "state": {"value": 2}, "buffer_paths": []}
        asked = Asked("r", Requester(peer_id="ann", name="Ann", kind="person"))
        serve = second.serves()[CommSend]
        serving = asyncio.ensure_future(serve(CommSend(comm_id="w", data=data), asked))
        await asyncio.sleep(0)
        await second.flush()
        assert (await serving)["comm_id"] == "w"
        assert {"comm_id": "w", "data": data} in [request.content for request in sent]
        state_now = await notebook.widgets["w"].state()
        assert state_now == {"value": 2, "_esm": "x" * 5000, "data": b"y" * 5000}
        texts = [output["text"] for output in await notebook.outputs_of("out")]
        assert texts == ["one\ntwo\n"], "the second daemon goes on with the stream"


@aio
async def test_a_document_that_was_lost_gets_its_comms_from_the_kernel_again(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["1"])
    async with running_service(tmp_path, daemon=False) as service, daemon(service, path) as notebook:
        comms, sent = writer(notebook)
        comms.hear(KernelCommOpen("w", "jupyter.widget", {"state": {"value": 1}}, (), "e1"))
        await comms.flush()
        notebook._session.start_afresh()
        comms.hear(KernelCommMessage("w", {"method": "update", "state": {"value": 2}}, (), "e1"))
        await comms.flush()
        assert [request.content["data"] for request in sent] == [{"method": "request_state"}]
        whole = {"method": "update", "state": {"value": 2, "max": 10}}
        comms.hear(KernelCommMessage("w", whole, (), sent[0].msg_id))
        comms.hear(CommHandled(sent[0].msg_id))
        await comms.flush()
        assert await notebook.widgets["w"].state() == {"value": 2, "max": 10}
