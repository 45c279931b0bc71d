"""What is in the kernel's memory: asked for in the scratchpad, so that nothing of the notebook changes. Python only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from clients.agent.errors import AgentError
from clients.agent.scratch import run_scratch
from clients.peer.notebook import Notebook

# Seconds until a repr that never ends is given up.
SECONDS: Final = 20.0
_CODE: Final = """\
def _quire_variables(space):
    import json, reprlib, types
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 120
    hidden = {"In", "Out", "exit", "quit", "get_ipython", "open"}
    found = []
    for name, value in list(space.items()):
        if name.startswith("_") or name in hidden or isinstance(value, types.ModuleType):
            continue
        try:
            shape = getattr(value, "shape", None)
            shape = [int(one) for one in shape] if isinstance(shape, tuple) else None
        except Exception:
            shape = None
        try:
            length = len(value) if hasattr(value, "__len__") and not isinstance(value, type) else None
        except Exception:
            length = None
        try:
            text = "" if shape else short.repr(value)
        except Exception as error:
            text = f"(its repr raises {type(error).__name__})"
        found.append([name, type(value).__name__, shape, length, text[:200]])
    print(json.dumps(found))
_quire_variables(dict(globals()))"""


@dataclass(frozen=True, slots=True)
class Variable:
    """A name of the kernel and what it stands for; `text` is its repr in short, empty for arrays and tables."""

    name: str
    type: str
    shape: tuple[int, ...] | None
    length: int | None
    text: str

    def __str__(self) -> str:
        size = f" {self.shape}" if self.shape is not None else f" of {self.length}" if self.length is not None else ""
        return f"{self.name}: {self.type}{size}" + (f" = {self.text}" if self.text else "")


async def variables_of(notebook: Notebook) -> list[Variable]:
    """The variables of a notebook's kernel, modules and private names left out; none, and no kernel is started for
    it, if none runs. Raises AgentError, RequestFailed."""
    if notebook.kernel.lifecycle in ("none", "stopped", "dead"):
        return []
    execution = await run_scratch(notebook, _CODE, SECONDS)
    text = await execution.text()
    if not execution.ok:
        raise AgentError(f"The kernel did not say what it has: {text[-300:]}", "Only Python kernels can be asked.")
    found = json.loads(text.strip().splitlines()[-1])
    return [Variable(n, t, None if s is None else tuple(s), length, shown) for n, t, s, length, shown in found]
