"""Finding notebooks, the scratchpad, undo by name, and the skill, from a shell, on a real service."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx

from clients.agent.code_mode import code_mode
from clients.peer.notebook import Notebook
from relay.messages import PeerInfo
from tests.cli.services import Home, Served


def test_servers_and_notebooks_are_listed_for_programs_without_tokens(served: Served) -> None:
    servers = json.loads(served.home.quire("servers", "--json").stdout)
    (server,) = servers
    assert server["url"].startswith("http://127.0.0.1:")
    listed = served.home.quire("notebooks", "--json").stdout
    (notebook,) = json.loads(listed)
    assert (notebook["path"], notebook["open"]) == (str(served.notebook), True)
    for token in _tokens(served.home):
        assert token not in listed + json.dumps(servers)


def test_code_runs_in_the_notebooks_kernel_and_its_end_is_the_commands(served: Served) -> None:
    name = str(served.notebook)
    run = served.home.quire
    assert run("exec", "-c", "shared = [1]", "--notebook", name).returncode == 0
    done = run("exec", "-c", "import asyncio\nawait asyncio.sleep(0)\nprint('out')\n6 * 7")
    assert (done.returncode, done.stdout) == (0, "out\n42\n"), done.stderr
    done = run("exec", "-c", "shared", "--notebook", name)
    assert done.returncode == 1, "what a scratch binds is gone"
    assert "NameError: name 'shared' is not defined" in done.stderr, "in words, without colours"
    assert run("exec", "--own", "-c", "shared = [1]", "--notebook", name).returncode == 0
    assert run("exec", "-c", "shared", "--notebook", name).stdout == "[1]\n"
    done = run("exec", "-c", "import sys; print('err', file=sys.stderr); input()", "--notebook", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("err\n")
    assert "EOFError" in done.stderr
    done = run("exec", "-c", "while True: pass", "--timeout", "0.3", "--notebook", name)
    assert done.returncode == 1
    assert "quire: It was interrupted because it had run for 0.3 s" in done.stderr, done.stderr
    done = run("exec", "-c", "import os; os._exit(3)", "--notebook", name)
    assert done.returncode == 1
    assert "quire: The kernel died: exited with code 3." in done.stderr, done.stderr


def test_much_output_is_cut_with_a_pointer_to_all_of_it(served: Served) -> None:
    done = served.home.quire("exec", "-c", "for n in range(40_000): print(n)", "--notebook", served.notebook)
    assert done.returncode == 0
    assert len(done.stdout) == 100_000
    assert "characters are left out. All of it: quire exec" in done.stderr
    execution = done.stderr.split("--result ")[1].split()[0]
    whole = served.home.quire("exec", "--notebook", served.notebook, "--result", execution).stdout
    assert whole == "".join(f"{n}\n" for n in range(40_000))


def test_code_comes_from_a_file_too_and_an_unknown_notebook_is_refused(served: Served, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('from a file')")
    assert served.home.quire("exec", script, "--notebook", served.notebook).stdout == "from a file\n"
    assert served.home.quire("exec", tmp_path / "none.py", "--notebook", served.notebook).returncode == 2
    assert served.home.quire("exec", "-c", "1", "--notebook", tmp_path / "none.ipynb").returncode == 4


def test_an_agents_batch_is_undone_by_its_name_after_it_has_gone(served: Served) -> None:
    address = served.home.address
    (known,) = json.loads(served.home.quire("notebooks", "--json").stdout)

    async def work() -> list[str]:
        who = PeerInfo(peer_id="an agent of this test", name="claude", kind="agent")
        async with Notebook.connect(known["notebook_id"], address, peer=who) as nb:
            before = [cell.source for cell in nb.cells]
            async with code_mode(nb) as ctx:
                ctx.create_cell("left = 1")
                ctx.edit_cell(0, "print('by claude')")
            assert await nb.saved(60)
            return before

    async def sources() -> list[str]:
        async with Notebook.connect(known["notebook_id"], address) as nb:
            return [cell.source for cell in nb.cells]

    before = asyncio.run(work())
    assert len(asyncio.run(sources())) == 2
    done = served.home.quire("undo", served.notebook, "--by", "claude")
    assert done.returncode == 0, done.stderr
    assert asyncio.run(sources()) == before
    again = served.home.quire("undo", served.notebook, "--by", "claude")
    assert again.returncode != 0
    assert "Nothing that claude wrote is left to undo" in again.stderr


def test_ctrl_c_stops_what_was_asked_for_and_nothing_is_left_running(served: Served) -> None:
    code = "print('begun', flush=True)\nwhile True: pass"
    asked = served.home.start("exec", "-c", code, "--notebook", served.notebook)
    asked.wait_for("begun")
    asked.interrupt()
    assert asked.end() == 130
    done = served.home.quire("exec", "-c", "'idle'", "--notebook", served.notebook)
    assert done.stdout == "'idle'\n", done.stderr


def test_a_running_service_has_the_agents_tools_at_its_door(served: Served) -> None:
    address = served.home.address
    url = f"{address.url}/mcp"
    assert httpx.post(url, json={}).status_code == 401
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}},
    }
    headers = {"Authorization": f"Bearer {address.token}", "Accept": "application/json, text/event-stream"}
    answer = httpx.post(url, json=hello, headers=headers, timeout=30)
    assert answer.status_code == 200
    assert '"name":"quire"' in answer.text.replace(" ", "")


def test_the_skill_is_a_page(served: Served) -> None:
    text = served.home.quire("skill").stdout
    assert text.startswith("---\nname: quire\n")
    assert len(text.splitlines()) < 80


def _tokens(home: Home) -> list[str]:
    return [json.loads(path.read_text())["token"] for path in (home.folder / "servers").glob("hub-*.json")]
