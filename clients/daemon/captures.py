"""Which Output widget takes the outputs of which message: pure.

An Output widget names in its trait `msg_id` the message whose outputs it captures; of several that name one message the
latest takes them, as `with` statements inside one another do. Owns what each of them names.
"""

from __future__ import annotations


class Captures:
    """See the module."""

    def __init__(self) -> None:
        self._named: dict[str, str] = {}  # an Output widget's comm -> the message that it names
        self._widgets: dict[str, list[str]] = {}  # a message -> the Output widgets that name it, the latest last

    def name(self, comm_id: str, msg_id: str) -> None:
        """From here on this Output widget captures what belongs to this message; nothing if it is empty."""
        before = self._named.pop(comm_id, None)
        if before is not None:
            self._widgets[before].remove(comm_id)
            if not self._widgets[before]:
                del self._widgets[before]
        if msg_id:
            self._named[comm_id] = msg_id
            self._widgets.setdefault(msg_id, []).append(comm_id)

    def innermost(self, msg_id: str) -> str | None:
        """The Output widget that takes the outputs of this message, if one does."""
        widgets = self._widgets.get(msg_id)
        return widgets[-1] if widgets else None
