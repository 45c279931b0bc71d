"""Looking into a cell: expressions evaluated where its inputs can be seen, with names of their own between evaluations.

What is evaluated runs in the notebook's kernel, in a copy of its namespace, when its turn has come in the notebook's
queue; what it binds is kept in the kernel beside the notebook's names until the looking ends, and is seen by the next
evaluation alone. So looking changes no variable of the notebook. Python only.
"""

from __future__ import annotations

from typing import Any, Final

from clients.gateway.facts import Facts
from clients.peer.notebook import Notebook

_MIME: Final = "application/vnd.quire.inspect+json"
# Seconds that one evaluation may take.
_SECONDS: Final = 30.0
# In the copy of the namespace: names kept from before, then the code, its last expression as the result.
_PROGRAM: Final = """\
def _quire_inspect(key, code):
    import ast, contextlib, io, sys, types
    from IPython.display import display
    kept = sys.modules.setdefault("_quire_inspected", types.ModuleType("_quire_inspected")).__dict__
    own = kept.setdefault(key, {{}})
    names = {{**globals(), **own}}
    before = dict(names)
    told, printed = {{"ok": True}}, io.StringIO()
    try:
        tree = ast.parse(code)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, "<inspect>", "exec"), names)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), "<inspect>", "eval"), names)
                told["result"], told["type"] = repr(value)[:10000], type(value).__name__
    except BaseException as error:
        told["ok"], told["error"] = False, f"{{type(error).__name__}}: {{error}}"
    own.update({{k: v for k, v in names.items() if k != "__builtins__" and (k not in before or before[k] is not v)}})
    if printed.getvalue():
        told["stdout"] = printed.getvalue()[:100000]
    display({{{mime!r}: told}}, raw=True)
_quire_inspect({key!r}, {code!r})
"""
_FORGET: Final = """\
import sys as _sys
_sys.modules.get("_quire_inspected", _sys).__dict__.pop({key!r}, None)
"""


class Inspector:
    """See the module. One for each session; who looks at the same cell shares its names."""

    def __init__(self, notebook: Notebook, facts: Facts) -> None:
        self._notebook, self._facts = notebook, facts
        self._open: set[str] = set()

    def forget(self, cell_id: str) -> None:
        """A cell is gone."""
        self._open.discard(cell_id)

    async def open(self, cell_id: str) -> dict[str, Any]:
        """Begin: which names the cell takes from others."""
        self._open.add(cell_id)
        inputs = sorted(self._facts.flow.graph.inputs(cell_id))
        return {"cell_id": cell_id, "action": "open", "ok": True, "result": inputs}

    async def evaluate(self, cell_id: str, code: str) -> dict[str, Any]:
        """Evaluate; the value of the last expression is the result."""
        told: dict[str, Any] = {"cell_id": cell_id, "action": "eval", "ok": False, "expr": code}
        if cell_id not in self._open:
            return {**told, "error": "Open the inspection of this cell first."}
        program = _PROGRAM.format(mime=_MIME, key=self._key(cell_id), code=code)
        execution = await self._notebook.scratch(program, namespace="copy", timeout=_SECONDS, stdin="eof")
        for output in await execution.outputs():
            if output["output_type"] == "display_data" and _MIME in output["data"]:
                return told | dict(output["data"][_MIME])
            if output["output_type"] == "error":
                told["error"] = f"{output['ename']}: {output['evalue']}"
        return {"error": f"The evaluation ended as {execution.status}.", **told}

    async def close(self, cell_id: str) -> dict[str, Any]:
        """End, and forget the names that were made."""
        was_open = cell_id in self._open
        self._open.discard(cell_id)
        if was_open and self._notebook.kernel.lifecycle == "ready":
            await self._notebook.scratch(_FORGET.format(key=self._key(cell_id)), timeout=_SECONDS, stdin="eof")
        return {"cell_id": cell_id, "action": "close", "ok": True}

    def _key(self, cell_id: str) -> str:
        return f"{self._notebook.id}/{cell_id}"
