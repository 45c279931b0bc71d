"""The library for asyncio programs: `async with quire.aio.open("analysis.ipynb") as nb: …`."""

from __future__ import annotations

from clients.agent.code_mode import code_mode
from clients.peer.cell import Cell
from clients.peer.comments import Thread
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook
from clients.peer.opening import open
from clients.peer.widget import Widget, WidgetMessage

__all__ = ["Cell", "Execution", "Notebook", "Thread", "Widget", "WidgetMessage", "code_mode", "open"]
