"""What an execution that is queued waits for, in a line that a person or an agent can act on.

A kernel runs one thing at a time, so what is asked for waits behind what runs. Read from RuntimeDoc, like everything
that is known of executions; pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from notebook_doc.runtime import RuntimeDoc


@dataclass(frozen=True, slots=True)
class Waiting:
    """It stands behind this execution, which has run for so many seconds, and behind `between` more that wait.

    `execution_id` is empty while nothing runs: then it waits for the kernel, whose state is `kernel`.
    """

    execution_id: str
    cell_id: str
    seconds: float
    between: int
    kernel: str

    def __str__(self) -> str:
        more = f", and behind {self.between} more" if self.between else ""
        if not self.execution_id:
            return f"queued until the kernel is ready ({self.kernel}){more}"
        what = f"cell {self.cell_id}" if self.cell_id else "code without a cell"
        return f"queued behind {what}, running for {self.seconds:.0f} s (execution {self.execution_id}){more}"


def waiting(runtime: RuntimeDoc, execution_id: str, now: float) -> Waiting | None:
    """What an execution waits for at `now` (seconds since 1970); None if it does not wait (any more)."""
    if runtime.status(execution_id) != "queued":
        return None
    queue = runtime.queue()
    before = queue[: queue.index(execution_id)] if execution_id in queue else []
    kernel = runtime.kernel().lifecycle
    first = runtime.execution(before[0]) if before else None
    if first is None or first.started is None:
        return Waiting("", "", 0.0, len(before), kernel)
    return Waiting(first.id, first.cell_id, max(0.0, now - first.started), len(before) - 1, kernel)
