"""Transcripts: what clients of the JSON protocol send, and what they and the others are told, against a real kernel."""

from __future__ import annotations

from pathlib import Path

from tests.daemon.service import notebook_file
from tests.gateway.json_clients import JsonClient, json_service
from tests.support.aio import aio

CHAIN = ["a = 1", "b = a + 1\nprint('b is', b)", "b * 10"]


async def run(client: JsonClient, cell_id: str) -> None:
    await client.send("cell_execute_force", cell_id=cell_id)
    await client.until("cell_status", cell_id=cell_id, status="ready")


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

            started = await ann.ask("dependency_add", "environment_job_started", package="no such requirement !")
            assert started["environment_job"]["status"] == "running"
            busy = await ann.ask("dependency_add", "error", package="another")
            assert busy["code"] == "ENVIRONMENT_BUSY"
            finished = await ann.until("environment_job_finished")
            assert finished["environment_job"]["status"] == "failed"
            changed = await ann.until("dependency_changed")
            assert (changed["action"], changed["success"]) == ("add", False)
            assert changed["error"]
            nobody = await ann.ask("agent_cancel", "error")
            assert "No agent" in nobody["error"]
