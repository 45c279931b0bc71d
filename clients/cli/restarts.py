"""How long to wait before a server that died is started again. Pure.

A server that dies at once, again and again, is started ever less often, but never given up: what kept it from running
(a full disk, a taken port) may pass, and the service is worth more with one server than with none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Seconds: the first pause is too short to be noticed, the last keeps a hopeless server from using the machine up.
FIRST_PAUSE: Final = 0.1
LAST_PAUSE: Final = 15.0
# Seconds a server has to live for its death to count as the first one again.
LONG_ENOUGH: Final = 30.0


@dataclass(frozen=True, slots=True)
class Restarts:
    """The deaths so far. `next` gives the pause and what to remember."""

    pause: float = FIRST_PAUSE

    def next(self, lived: float) -> tuple[float, Restarts]:
        """The seconds to wait after a death, `lived` seconds after the start, and the state for the next one."""
        pause = FIRST_PAUSE if lived >= LONG_ENOUGH else self.pause
        return pause, Restarts(min(pause * 2, LAST_PAUSE))
