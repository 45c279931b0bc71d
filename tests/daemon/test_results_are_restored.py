"""The result cache: what a run left is given again where that is faithful; where not, it is refused with a reason."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from clients.daemon.events import Cached, Finished, Output
from clients.daemon.results.cache import KEY, PROGRAM, ResultCache
from clients.daemon.results.store import ResultStore
from notebook_doc.dataflow.analysis import CellText, analyze
from notebook_doc.dataflow.cacheable import cacheable
from tests.daemon.conftest import Driver
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio

SLEEP = "import time\ntime.sleep(0.03)\n"  # longer than what is not worth keeping


class Cell:
    """Runs cells on one kernel with the cache, as the daemon would."""

    def __init__(self, driver: Driver, folder: Path) -> None:
        self._driver, self.folder = driver, folder
        folder.chmod(0o700)

    def run(self, source: str, key: str = "k", *, restore: bool = True) -> tuple[Cached | None, list[dict[str, Any]]]:
        analysis = analyze(CellText("python", source))
        may = cacheable("python", source, analysis)
        told = {"program": str(PROGRAM), "folder": str(self.folder), "key": key, "restore": restore, "calls": may.calls}
        told |= {"reads": sorted(analysis.reads), "defines": sorted(analysis.defs)}
        said = self._driver.run(source, told={KEY: {"refused": may.why} if may.why else told})
        (finished,) = [event for event in said if isinstance(event, Finished)]
        assert finished.status == "ok", said
        return finished.cache, [event.output for event in said if isinstance(event, Output)]

    def plain(self, source: str) -> str:
        said = self._driver.run(source)
        return "".join(event.output.get("text", "") for event in said if isinstance(event, Output))


@pytest.fixture
def cell(driver: Driver, tmp_path: Path) -> Cell:
    return Cell(driver, tmp_path)


VALUES = [
    "1",
    "{'a': [1, 2.5, None], 'b': (True, 'x')}",
    "{1, 2, 3}",
    "float('nan')",
    "__import__('datetime').date(2026, 1, 2)",
    "__import__('collections').OrderedDict(a=1)",
    "__import__('pathlib').PurePath('a/b')",
    "__import__('decimal').Decimal('1.10')",
    "[[0] * 3] * 2",
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_comes_back_equal_and_of_its_type(cell: Cell, value: str) -> None:
    value = value.replace("__import__('datetime').", "datetime.").replace("__import__('pathlib').", "pathlib.")
    value = value.replace("__import__('collections').", "collections.").replace("__import__('decimal').", "decimal.")
    source = f"import collections, datetime, decimal, pathlib\n{SLEEP}v = {value}\nprint('made')\nv"
    first, shown = cell.run(source)
    assert first == Cached("kept")
    before = cell.plain("print(type(v), repr(v))")
    cell.plain("del v, datetime")
    again, restored = cell.run(source)
    assert again is not None
    assert again.what == "hit"
    assert (again.saved_ms or 0) >= 30
    assert [_plain(one) for one in restored] == [_plain(one) for one in shown]
    assert cell.plain("print(type(v), repr(v))") == before
    assert cell.plain("print(datetime.__name__)") == "datetime\n"


def _plain(output: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in output.items() if key != "execution_count"}


def test_another_value_that_it_reads_is_a_miss_and_the_same_again_a_hit(cell: Cell) -> None:
    source = f"{SLEEP}y = [x[0] + 1]"
    told = []
    for x in ("[1]", "[2]", "[1]"):
        cell.plain(f"x = {x}")
        cached, _ = cell.run(source)
        assert cached is not None
        told.append((cached.what, cell.plain("print(y)")))
    assert told == [("kept", "[2]\n"), ("kept", "[3]\n"), ("hit", "[2]\n")]
    assert cell.run(source, "other key")[0] == Cached("kept")
    assert cell.run(source, restore=False)[0] == Cached("kept")


REFUSED = [
    ("", "f = lambda: 1", "the notebook defines"),
    ("", "def f(): return 1", "the notebook defines"),
    ("", "class A: pass\na = A()", "the notebook defines"),
    ("class A: pass\na = A()", "b = a.__class__.__name__", "the class A, which the notebook defines"),
    ("def f(): return 1", "b = f()", "the notebook defines 'f' itself"),
    ("", "g = (n for n in [1])", "generator"),
    ("x = [1]", "y = x", "shares an object"),
    ("x = [1]", "y = {'inner': x}", "shares an object"),
    ("x = [1]", "y = x.append(2)", "it changes what it reads"),
    ("", "y = sum(1 for _ in open('/etc/hostname'))", "open"),
    ("import pathlib", "y = pathlib.Path('/etc/hostname').read_text()", "effects outside: open /etc/hostname"),
    ("import subprocess", "y = subprocess.run(['true']).returncode", "effects outside: subprocess.Popen"),
    ("import socket", "y = socket.socket().fileno()", "effects outside: socket"),
    ("import threading, time", "threading.Thread(target=time.sleep, args=(0.3,)).start()", "leaves a thread running"),
    (
        "from concurrent.futures import ThreadPoolExecutor as P; import os",
        "with P() as p: y = p.submit(os.listdir, '/').result()",
        "effects outside: os.listdir",
    ),
    ("import sys", "y = sys.path", "or with a module"),
    ("1", "y = _", "it reads _,"),
    ("import random", "y = random.random()", "it draws random numbers"),
    ("import os", "y = len(os.listdir('/'))", "effects outside: os.listdir"),
    ("", "import warnings\nwarnings.simplefilter('ignore')\ny = 1", "for what it does"),
    ("import warnings", "warnings.simplefilter('ignore')", "for what it does"),
    ("", "y = !true", "IPython's"),
    ("", "%time y = 1", "IPython's"),
    ("", "y = eval('1')", "it uses eval()"),
    ("", "import datetime\ny = datetime.datetime.now()", "it uses .now"),
    ("import types; m = types.SimpleNamespace()", "m.a = 1", "it sets an attribute of m"),
    ("from IPython.display import display, HTML", "display(HTML('x'), display_id='d')\ny = 1", "updated later"),
    ("", "y = nowhere if False else 1", "it reads nowhere, which is not there"),
]


@pytest.mark.parametrize(("before", "source", "why"), REFUSED, ids=[one[1] for one in REFUSED])
def test_what_cannot_be_restored_faithfully_is_run_and_not_kept(cell: Cell, before: str, source: str, why: str) -> None:
    cell.plain(before)
    cached, _ = cell.run(SLEEP + source if not source.startswith("%") else source)
    assert cached is not None
    assert why in cached.what
    assert not list(cell.folder.iterdir())


def test_what_a_run_does_not_bind_stays_and_is_not_taken_for_its_result(cell: Cell) -> None:
    cell.plain("seldom = 5")
    cached, _ = cell.run(f"{SLEEP}if time.sleep(0):\n    seldom = 1\nalways = 2")
    assert cached == Cached("it does not always define seldom")
    assert cell.plain("print(seldom, always)") == "5 2\n"


def test_what_is_as_fast_to_run_is_not_kept(cell: Cell) -> None:
    cached, _ = cell.run("y = 1")
    assert cached is not None
    assert "running it again takes too" in cached.what


def test_an_entry_that_others_could_have_written_is_not_loaded_nor_one_that_is_damaged(cell: Cell) -> None:
    source = f"{SLEEP}y = 1"
    assert cell.run(source)[0] == Cached("kept")
    (entry,) = cell.folder.iterdir()
    assert entry.stat().st_mode & 0o777 == 0o600
    entry.chmod(0o644)
    assert cell.run(source)[0] == Cached("kept")
    entry.write_bytes(b"nonsense")
    assert cell.run(source)[0] == Cached("kept")
    assert (cell.run(source)[0] or Cached("")).what == "hit"


def test_what_was_used_longest_ago_is_forgotten_when_there_is_too_much(tmp_path: Path) -> None:
    store = ResultStore(tmp_path, max_bytes=250)
    folder = store.folder("notebook")
    assert folder.stat().st_mode & 0o777 == 0o700
    for number in range(4):
        path = folder / f"k{number}-x"
        path.write_bytes(b"x" * 100)
        os.utime(path, (number, number))
    assert store.prune() == 2
    assert [store.has("notebook", f"k{number}") for number in range(4)] == [False, False, True, True]


@aio
async def test_an_edit_that_is_undone_hits_also_in_a_new_kernel_and_a_fresh_cell_that_is_run_again_runs(
    tmp_path: Path,
) -> None:
    path = notebook_file(tmp_path, ["x = 1", f"{SLEEP}print('works')\ny = [x]\ny", "print(y)"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        ann.mode, ann.keeps_results = "lazy", True

        async def cached(cell_id: str = "c1", **how: Any) -> tuple[str, str]:
            (execution,) = [one for one in await ann.run(["c0", cell_id], **how) if one.record.cell_id == cell_id]
            return execution.record.cache, await execution.text()

        assert await cached() == ("kept", "works\n[1]\n")
        ann.cells["c0"].source = "x = 2"
        assert await cached() == ("kept", "works\n[2]\n")
        ann.cells["c0"].source = "x = 1"
        plan = await ann.cells["c1"].plan()
        assert [(step.cell_id, step.cached) for step in plan.steps] == [("c0", False), ("c1", True)]
        assert await cached() == ("hit", "works\n[1]\n")
        assert await cached() == ("kept", "works\n[1]\n")  # it was fresh: whoever runs it again wants it run
        assert await cached(cache=True) == ("hit", "works\n[1]\n")
        assert await cached(cache=False) == ("kept", "works\n[1]\n")
        await ann.restart_kernel()
        assert await cached() == ("hit", "works\n[1]\n")
        execution = await ann.cells["c2"].run()
        assert (await execution.text(), execution.record.cache[:3]) == ("[1]\n", "it ")
        assert ann.profile.cells["c1"] >= 30  # what it takes when it runs

        ann.keeps_results = False
        ann.cells["c0"].source = "x = 2"
        assert await cached() == ("", "works\n[2]\n")


@aio
async def test_nothing_is_looked_at_for_a_notebook_that_waits_for_an_approval(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["x = 1"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        ann.keeps_results = True
        cache = ResultCache(ResultStore(tmp_path / "state"), ann)
        assert cache.is_on
        metadata = ann.metadata
        metadata["quire"]["uv"] = {"dependencies": ["tiny==1"]}
        ann.set_metadata(metadata)
        assert await ann.until(lambda: ann.packages.trust.asks, 30)
        assert not cache.is_on
        assert cache.told(ann.dataflow, "c0", "provenance", restore=True) == {}
