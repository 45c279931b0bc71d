"""Updates of widgets that wait, merged, while the kernel has not handled the one before: pure.

A kernel that takes half a second for each value of a slider would otherwise work through a hundred of them after the
drag has ended. So one update of each widget is on its way at a time, as in every front end of Jupyter, and what comes
meanwhile is one update more. It owns which message of each widget is on its way, by number, and what waits behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# Updates merged into one that waits, after which it is sent all the same: if the kernel's word that it has handled the
# one before was lost, nobody is to wait for ever.
MOST_MERGED: Final = 50


@dataclass
class _Widget:
    on_its_way: int  # the number of the latest update that was sent
    state: dict[str, Any] = field(default_factory=dict)
    merged: int = 0


class HeldUpdates:
    """See the module."""

    def __init__(self) -> None:
        self._widgets: dict[str, _Widget] = {}

    def hold(self, comm_id: str, state: Mapping[str, Any]) -> bool:
        """Whether this update waits. If not, it is to be sent now, with `take` before it."""
        widget = self._widgets.get(comm_id)
        if widget is None or widget.merged >= MOST_MERGED:
            return False
        widget.state |= state
        widget.merged += 1
        return True

    def sent(self, comm_id: str, number: int) -> None:
        """An update of this widget is on its way."""
        self._widgets[comm_id] = _Widget(number)

    def handled(self, number: int) -> list[tuple[str, dict[str, Any]]]:
        """The kernel has handled what was sent under this number and before: the updates that may go now."""
        free = [comm_id for comm_id, widget in self._widgets.items() if widget.on_its_way <= number]
        return self._take(free)

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """Every update that waits: something is to be sent that must not overtake them."""
        return self._take([comm_id for comm_id, widget in self._widgets.items() if widget.merged])

    def busy(self, comm_id: str) -> bool:
        """Whether an update of this widget is on its way or waits."""
        return comm_id in self._widgets

    def forget(self, comm_id: str) -> None:
        """The widget is gone."""
        self._widgets.pop(comm_id, None)

    def _take(self, comm_ids: list[str]) -> list[tuple[str, dict[str, Any]]]:
        taken = [(comm_id, self._widgets.pop(comm_id)) for comm_id in comm_ids]
        return [(comm_id, widget.state) for comm_id, widget in taken if widget.merged]
