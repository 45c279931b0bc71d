"""Which widget a cell shows."""

from __future__ import annotations

import json
from typing import Any, Final

from clients.agent.errors import AgentError
from notebook_doc.runtime import RuntimeDoc

VIEW: Final = "application/vnd.jupyter.widget-view+json"


def widget_of(runtime: RuntimeDoc, cell_id: str) -> str:
    """The comm id of the last widget that a cell shows. Raises AgentError if it shows none."""
    for manifest in reversed(runtime.shown(cell_id)[1]):
        data: Any = manifest.get("data")
        content = data.get(VIEW) if isinstance(data, dict) else None
        inline = content.get("inline") if isinstance(content, dict) else None
        if isinstance(inline, str) and isinstance(view := json.loads(inline), dict) and "model_id" in view:
            return str(view["model_id"])
    raise AgentError(f"Cell {cell_id!r} shows no widget.", "Run it first, or name the widget by its comm id.")
