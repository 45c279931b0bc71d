"""Quire's Python library: live notebooks that people, agents and programs edit and run together.

`open` gives a notebook as a plain object; `quire.aio` is the same for asyncio programs; `quire.errors` has everything
that is raised. See docs/python.md.
"""

from __future__ import annotations

from clients.agent.code_mode import code_mode
from clients.peer.blocking import Notebook, open
from clients.peer.blocking_cells import Cell, Execution
from clients.peer.blocking_comments import Thread
from clients.peer.blocking_widgets import Widget
from clients.peer.widget import WidgetMessage
from notebook_doc.policy import AgentPolicy
from quire import aio, errors

__all__ = [
    "AgentPolicy",
    "Cell",
    "Execution",
    "Notebook",
    "Thread",
    "Widget",
    "WidgetMessage",
    "aio",
    "code_mode",
    "errors",
    "open",
]
