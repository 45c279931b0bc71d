"""Transcripts: what clients of the JSON protocol send, and what they and the others are told, against a real kernel.

Nothing of the protocol is left out: the last test compares what was exchanged with the whole list.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from clients.gateway import queue
from clients.gateway.protocol import TYPES
from tests.daemon.service import notebook_file
from tests.gateway.json_clients import ANSWERED, COMPANIONS, RECEIVED, SENT, json_service
from tests.support.aio import aio

# What the protocol has for clients to receive, and the requests of clients beside the companions.
TO_CLIENTS = {
    *("cell_status", "cell_output", "cell_console", "cell_error", "cascade_prompt", "cascade_progress", "dag_update"),
    *("notebook_state", "impact_preview", "profiling_summary", "inspect_result", "environment_job_started"),
    *("environment_job_progress", "environment_job_finished", "dependency_changed", "agent_progress", "agent_done"),
    "error",
}
TO_SERVER = {
    *("cell_execute", "cell_execute_cascade", "cell_execute_force", "cell_execute_rerun", "cell_cancel"),
    *("notebook_run_all", "notebook_rerun_all", "cell_source_update", "notebook_sync", "impact_preview_request"),
    *("profiling_request", "inspect_open", "inspect_eval", "inspect_close", "dependency_add", "dependency_remove"),
    "agent_cancel",
}

CHAIN = ["a = 1", "b = a + 1\nprint('b is', b)", "b * 10"]


@aio
async def test_runs_edits_cascades_and_what_is_told_of_them(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, CHAIN)
    async with json_service(tmp_path) as service, service.http() as http:
        opened = (await http.post("/open", json={"path": str(path)})).json()
        async with service.client(opened["session_id"]) as ann, service.client(opened["session_id"]) as bob:
            state = await ann.ask("notebook_sync", "notebook_state")
            assert [cell["id"] for cell in state["cells"]] == ["c0", "c1", "c2"]
            assert [cell["status"] for cell in state["cells"]] == ["idle"] * 3
            assert state["dag"]["edges"] == [
                {"from_cell_id": "c0", "to_cell_id": "c1", "variable": "a"},
                {"from_cell_id": "c1", "to_cell_id": "c2", "variable": "b"},
            ]
            await bob.ask("notebook_sync", "notebook_state")

            # a cell whose upstream has not run: a prompt for the asker, and nothing runs
            prompt = await ann.ask("cell_execute", "cascade_prompt", cell_id="c2")
            assert prompt["cells_to_run"] == ["c0", "c1", "c2"]
            assert [step["reason"] for step in prompt["steps"]] == ["missing", "missing", "target"]

            # confirmed: each step is announced, and everybody sees it run
            await ann.send("cell_execute_cascade", cell_id="c2", plan_id=prompt["plan_id"])
            output = await bob.until("cell_output", cell_id="c2")
            assert output["outputs"]["_"]["preview"] == 20
            assert output["execution_method"] == "kernel"
            await bob.until("cell_status", cell_id="c2", status="ready")
            first = next(f["payload"] for f in bob.frames if f["type"] == "cell_output")
            assert first["outputs"]["a"] == {"content_type": "json/object", "bytes": 1, "preview": 1, "type": "int"}
            steps = [f["payload"] for f in bob.frames if f["type"] == "cascade_progress"]
            assert [(s["current_cell_id"], s["completed"], s["total"]) for s in steps] == [
                ("c0", 0, 3),
                ("c1", 1, 3),
                ("c2", 2, 3),
            ]
            assert bob.heard("c1") == ["running", "console", "output", "ready"]
            assert not [f for f in bob.frames if f["type"] == "cascade_prompt"], "a reply goes to the asker alone"

            # a plan is good for one run
            error = await ann.ask("cell_execute_cascade", "error", cell_id="c2", plan_id=prompt["plan_id"])
            assert error["error"] == "Cascade plan not found or expired"

            # an edit: the graph first, then what is true of the cells; undone, they are ready again
            begin = len(bob.frames)
            await ann.send("cell_source_update", cell_id="c0", source="a = 2")
            edited = await bob.until("cell_status", cell_id="c0")
            assert edited["status"] == "idle"
            assert edited["causality"]["reason"] == "self"
            stale = await bob.until("cell_status", cell_id="c2")
            assert stale["status"] == "stale"
            assert stale["staleness_reasons"] == ["upstream"]
            assert stale["causality"]["details"][0]["cell_id"] == "c0"
            assert bob.frames[begin]["type"] == "dag_update"
            assert bob.frames[begin]["payload"]["cells"][0]["source"] == "a = 2"
            await ann.send("cell_source_update", cell_id="c0", source="a = 1")
            await bob.until("cell_status", cell_id="c2", status="ready")

            # previews and profile
            impact = await ann.ask("impact_preview_request", "impact_preview", cell_id="c0")
            assert impact["upstream"] == []
            assert [one["cell_id"] for one in impact["downstream"]] == ["c1", "c2"]
            assert impact["downstream"][0]["new_status"] == "stale:upstream"
            profile = await ann.ask("profiling_request", "profiling_summary")
            assert [one["execution_count"] for one in profile["cell_profiles"]] == [1, 2, 3]

            # a failing cell: console, error, then its readers
            await ann.send("cell_source_update", cell_id="c1", source="print('x')\nb = a / 0")
            await bob.until("cell_status", cell_id="c2", status="stale")
            begin = len(bob.frames)
            await ann.send("cell_execute", cell_id="c1")
            error = await bob.until("cell_error", cell_id="c1")
            assert error["error"].startswith("ZeroDivisionError: division by zero")
            assert "\x1b" not in error["error"]
            await bob.until("cell_status", cell_id="c1", status="error")
            assert bob.heard("c1", begin) == ["running", "console", "error", "error"]

            # everything anew, until the first that fails; alone, whatever is upstream
            begin = len(bob.frames)
            await ann.send("notebook_rerun_all", continue_on_error=False)
            await bob.until("cell_status", cell_id="c1", status="error")
            await ann.ask("cell_execute_force", "cell_error", cell_id="c2")  # c1 never bound its name: it was cancelled
            assert bob.heard("c0", begin) == ["running", "output", "ready"]


@aio
async def test_running_everything_cancelling_and_inspecting(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["import time\nn = 3", "print('begun', flush=True)\ntime.sleep(60)", "n + 1"])
    async with json_service(tmp_path) as service:
        session_id = await service.open(path)
        async with service.client(session_id) as ann:
            await ann.send("notebook_run_all")
            await ann.until("cell_console", cell_id="c1")
            await ann.send("cell_cancel", cell_id="c1")
            await ann.until("cell_status", cell_id="c1", status="idle")
            assert (await ann.until("cell_output", cell_id="c2"))["outputs"]["_"]["preview"] == 4
            await ann.send("cell_cancel", cell_id="nowhere")  # silent

            opened = await ann.ask("inspect_open", "inspect_result", cell_id="c2")
            assert opened == {"cell_id": "c2", "action": "open", "ok": True, "result": ["n"]}
            first = await ann.ask("inspect_eval", "inspect_result", cell_id="c2", expr="m = n * 2\nprint('m')\nm")
            assert (first["ok"], first["result"], first["type"], first["stdout"]) == (True, "6", "int", "m\n")
            second = await ann.ask("inspect_eval", "inspect_result", cell_id="c2", expr="m + 1")
            assert second["result"] == "7"
            wrong = await ann.ask("inspect_eval", "inspect_result", cell_id="c2", expr="1 / 0")
            assert (wrong["ok"], wrong["error"]) == (False, "ZeroDivisionError: division by zero")
            await ann.ask("inspect_close", "inspect_result", cell_id="c2")
            closed = await ann.ask("inspect_eval", "inspect_result", cell_id="c2", expr="m")
            assert not closed["ok"]

            await ann.send("cell_execute_rerun", cell_id="c2")
            await ann.until("cell_output", cell_id="c2")

            await ann.send("dependency_add", package="no such requirement !")
            await ann.send("dependency_add", package="another")  # there before the first can have ended
            assert (await ann.until("environment_job_started"))["environment_job"]["status"] == "running"
            assert (await ann.until("error"))["code"] == "ENVIRONMENT_BUSY"
            finished = await ann.until("environment_job_finished")
            assert finished["environment_job"]["status"] == "failed"
            changed = await ann.until("dependency_changed")
            assert (changed["action"], changed["success"]) == ("add", False)
            assert changed["error"]
            nobody = await ann.ask("agent_cancel", "error")
            assert "No agent" in nobody["error"]


@aio
async def test_a_result_that_was_restored_says_so(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["import time\ntime.sleep(0.05)\nx = [1]\nx"])
    told = json.loads(path.read_text())
    told["metadata"] = {"quire": {"cache": True}}
    path.write_text(json.dumps(told))
    async with json_service(tmp_path) as service, service.client(await service.open(path)) as ann:
        for kind, hit in (("cell_execute", False), ("cell_execute", True), ("cell_execute_force", False)):
            output = await ann.ask(kind, "cell_output", cell_id="c0")
            assert (output["cache_hit"], output["outputs"]["_"]["preview"]) == (hit, [1]), kind
            await ann.until("cell_status", status="ready")
        await ann.ask("cell_execute_rerun", "cell_output", cell_id="c0")
        await ann.send("notebook_run_all")
        assert (await ann.until("cell_output"))["execution_method"] == "cached"
        await ann.until("cell_status", status="ready")
        profile = await ann.ask("profiling_request", "profiling_summary")
        assert (profile["cache_hits"], profile["cell_profiles"][0]["cache_hit"]) == (1, True)
        assert profile["cache_savings_ms"] > 0
        assert (await ann.ask("notebook_sync", "notebook_state"))["cells"][0]["cache_hit"]


@aio
async def test_the_state_in_the_middle_of_a_run_has_what_was_printed_and_increments_go_on_from_there(
    tmp_path: Path,
) -> None:
    go_on = tmp_path / "go on"
    source = (
        "import os, time\nprint('one')\nprint('50%', end='\\r', flush=True)\n"
        f"while not os.path.exists({str(go_on)!r}):\n    time.sleep(0.01)\nprint('two')"
    )
    async with json_service(tmp_path) as service:
        session_id = await service.open(notebook_file(tmp_path, [source]))
        async with service.client(session_id) as ann, service.client(session_id) as late:
            await ann.send("cell_execute", cell_id="c0")
            shown = ""
            while "50%" not in shown:
                shown += (await ann.until("cell_console"))["text"]
            cell = (await late.ask("notebook_sync", "notebook_state"))["cells"][0]
            assert (cell["status"], cell["console_stdout"], cell["display_outputs"]) == ("running", shown, [])
            since = len(late.frames)
            go_on.touch()
            await late.until("cell_output", cell_id="c0")
            told = [one["payload"]["text"] for one in late.frames[since:] if one["type"] == "cell_console"]
            assert "one" not in "".join(told)
            assert "two" in "".join(told)


@aio
async def test_packages_are_added_and_removed_and_everybody_is_told_how_it_goes(tmp_path: Path, wheels: Path) -> None:
    path = notebook_file(tmp_path, ["import small\nprint(small.version)"])
    told = json.loads(path.read_text())
    told["metadata"] = {"quire": {"uv": {"dependencies": ["tiny==1"], "find-links": [str(wheels)], "no-index": True}}}
    path.write_text(json.dumps(told))
    async with (
        json_service(tmp_path) as service,
        service.http() as http,
        service.peer(path) as person,
        service.client(person.id) as ann,
        service.client(person.id) as bob,
    ):
        await person.until(lambda: person.packages.trust.asks)
        refused = await ann.ask("dependency_add", "environment_job_finished", package="small")
        assert "approved" in refused["environment_job"]["error"]
        environment = (await ann.ask("notebook_sync", "notebook_state"))["environment"]
        assert (environment["sync_state"], environment["approval_needed"]) == ("waiting_for_approval", ["tiny==1"])
        await person.packages.approve()

        started = await ann.ask("dependency_add", "environment_job_started", package="small")
        assert (started["environment_job"]["action"], started["environment_job"]["package"]) == ("add", "small")
        progress = await bob.until("environment_job_progress")
        assert progress["environment_job"]["status"] == "running"
        finished = await bob.until("environment_job_finished")
        while finished["environment_job"]["status"] == "failed":  # that was the one before the approval
            finished = await bob.until("environment_job_finished")
        assert finished["environment_job"]["status"] == "completed"
        assert sorted(finished["dependencies"]) == ["small", "tiny==1"]
        assert {"name": "small", "version": "1.0"} in finished["resolved_dependencies"]
        assert [cell["id"] for cell in finished["cells"]] == ["c0"]
        assert await bob.until("dependency_changed") == {"package": "small", "action": "add", "success": True}

        await ann.send("dependency_remove", package="small")
        assert await bob.until("dependency_changed") == {"package": "small", "action": "remove", "success": True}
        await person.until(lambda: person.metadata["quire"]["uv"]["dependencies"] == ["tiny==1"])

        base = f"/{person.id}"
        job = await http.post(f"{base}/dependencies", json={"package": "no such requirement !"})
        assert (job.status_code, job.json()["environment_job"]["action"]) == (202, "add")
        assert not (await bob.until("dependency_changed", action="add"))["success"]
        assert (await http.delete(f"{base}/dependencies/small")).status_code == 202
        await bob.until("dependency_changed", action="remove")
        assert (await http.post(f"{base}/environment/jobs", json={"action": "sync"})).status_code == 202
        while (await bob.until("environment_job_finished"))["environment_job"]["action"] != "sync":
            pass
        history = (await http.get(f"{base}/environment/jobs")).json()["environment_job_history"]
        assert [one["action"] for one in history] == ["sync", "remove", "add", "remove", "add", "add"]


@aio
async def test_what_an_agent_runs_is_a_job_that_goes_on_ends_and_can_be_cancelled(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["x = 1", "import time\nprint('begun', flush=True)\ntime.sleep(60)"])
    async with (
        json_service(tmp_path) as service,
        service.peer(path, "claude", "agent") as agent,
        service.client(agent.id) as ann,
    ):
        agent.set_presence(report={"id": "1", "text": "created 1 cell", "cell_id": "c0"})
        said = await ann.until("agent_progress", event="report")
        assert (said["message"], said["job_id"], said["data"]["cell_id"]) == ("created 1 cell", "claude", "c0")

        execution = await agent.cells["c0"].run()
        begun = await ann.until("agent_progress", event="execution_running")
        assert begun["data"] == {"agent": "claude", "cell_id": "c0", "execution_id": execution.id}
        done = await ann.until("agent_done")
        assert done["job_id"] == begun["job_id"] == execution.id
        assert (done["ok"], done["cancelled"], done["error"]) == (True, False, None)

        await agent.start(["c1", "c0"], stdin="eof")
        await ann.until("cell_console", cell_id="c1")
        await ann.send("agent_cancel")
        done = await ann.until("agent_done")
        assert (done["ok"], done["cancelled"], done["error"]) == (False, True, None)
        assert "No agent" in (await ann.ask("agent_cancel", "error"))["error"]


@aio
async def test_a_client_that_does_not_read_costs_the_others_nothing_and_gets_what_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LIMIT", 1_000_000)
    path = notebook_file(tmp_path, ["#" * 300_000, "x = 0"])
    async with json_service(tmp_path, daemon=False) as service:
        session_id = await service.open(path)
        async with service.client(session_id, slow=True) as slow, service.client(session_id) as ann:
            for _ in range(40):  # more than the socket's buffers hold
                await slow.send("notebook_sync")
            await ann.ask("notebook_sync", "notebook_state")
            for number in range(1, 30):  # everybody else goes on
                await ann.send("cell_source_update", cell_id="c1", source=f"x = {number}")
                dag = await ann.until("dag_update")
                while dag["cells"][1]["source"] != f"x = {number}":
                    dag = await ann.until("dag_update")
            said = ""
            while said != "x = 29":  # which checks that `seq` has no gap
                frame = await slow.receive()
                said = frame["payload"]["cells"][1]["source"]
            assert len(slow.frames) < 40


@aio
async def test_the_rest_companions_do_what_their_names_say(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["a = 1", "a + 1", "# c"])
    async with json_service(tmp_path, daemon=False) as service, service.http() as http:

        async def ask(method: str, where: str, status: int = 200, **body: Any) -> Any:
            answer = await http.request(method, where, content=json.dumps(body) if body else None)
            assert answer.status_code == status, answer.text
            return answer.json()

        assert (await ask("GET", "/config"))["default_parent_path"]
        opened = await ask("POST", "/open", path=str(path))
        sid = opened["session_id"]
        assert (opened["path"], opened["name"]) == (str(path), "notebook")
        created = await ask("POST", "/create", parent_path=str(tmp_path), name="fresh")
        assert created["path"] == str(tmp_path / "fresh.ipynb")
        listed = await ask("GET", "/sessions")
        assert {one["session_id"] for one in listed["sessions"]} == {sid, created["session_id"]}
        assert {one["session_id"] for one in (await ask("GET", "/discover"))["notebooks"]} == {
            sid,
            created["session_id"],
        }
        assert (await ask("PUT", f"/{sid}/name", name="A title"))["name"] == "A title"

        new = await ask("POST", f"/{sid}/cells", 201, after_cell_id="c0", language="markdown")
        assert (new["order"], new["cell_type"]) == (1, "markdown")
        put = await ask("PUT", f"/{sid}/cells/{new['id']}", source="# head")
        assert put["cell"]["source"] == "# head"
        assert [cell["id"] for cell in (await ask("GET", f"/{sid}/cells"))["cells"]] == ["c0", new["id"], "c1", "c2"]
        assert (await ask("GET", f"/sessions/{sid}"))["name"] == "A title"
        order = await ask("PUT", f"/{sid}/cells/reorder", cell_ids=["c2", "c0"])
        assert [cell["id"] for cell in order["cells"]] == ["c2", new["id"], "c1", "c0"]
        assert [edge["variable"] for edge in (await ask("GET", f"/{sid}/dag"))["edges"]] == ["a"]
        left = await ask("DELETE", f"/{sid}/cells/{new['id']}")
        assert [cell["id"] for cell in left["cells"]] == ["c2", "c1", "c0"]
        prompt = await ask("POST", f"/{sid}/cells/c1/execute?mode=normal", 202)
        assert prompt["cascade_prompt"]["cells_to_run"] == ["c0", "c1"]
        assert (await ask("GET", f"/{sid}/environment"))["environment"]["sync_state"] == "ready"
        assert await ask("GET", f"/{sid}/dependencies") == {"dependencies": [], "resolved_dependencies": []}

        assert (await ask("GET", f"/{sid}/export?fmt=ipynb"))["cells"][2]["source"] == ["a = 1"]
        script = await http.get(f"/{sid}/export?fmt=py")
        assert script.text == "# %%\n# c\n\n# %%\na + 1\n\n# %%\na = 1\n"
        archive = zipfile.ZipFile(io.BytesIO((await http.get(f"/{sid}/export?fmt=zip")).content))
        assert len(archive.namelist()) == 3

        for method, where, status in (
            ("GET", "/6f1c2a4e-0000-4000-8000-00000000dead/cells", 404),
            ("PUT", f"/{sid}/cells/gone", 422),
            ("DELETE", f"/{sid}/cells/gone", 404),
            ("POST", f"/{sid}/cells/c1/execute?mode=fast", 400),
            ("POST", f"/{sid}/cells/gone/execute", 404),
            ("GET", f"/{sid}/export?fmt=docx", 400),
        ):
            answer = await http.request(method, where, content="{}" if method == "PUT" else None)
            assert (answer.status_code, bool(answer.json()["detail"]["message"])) == (status, True), where
        assert (await http.post("/open", content="{")).status_code == 400
        assert (await http.post("/open", json={"path": str(tmp_path / "no.ipynb")})).status_code in (400, 422)


def test_nothing_of_the_protocol_was_left_out(request: pytest.FixtureRequest) -> None:
    own = {item.name for item in request.session.items if item.path == request.path}
    if not {name for name in globals() if name.startswith("test_")} <= own:
        pytest.skip("only some of this module's tests were asked for")
    assert set(TYPES) == TO_SERVER
    assert set() == TO_SERVER - SENT
    assert set() == TO_CLIENTS - RECEIVED
    assert set(COMPANIONS) - ANSWERED == set()
