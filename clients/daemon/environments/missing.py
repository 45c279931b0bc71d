"""Which cells lack a module, after one of them has run. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from clients.daemon.environments.drift import package_for
from notebook_doc.environment_state import MISSING_CELLS, MissingModule
from notebook_doc.json_values import Json
from notebook_doc.runtime_records import Execution


def missing_after(execution: Execution, before: Iterable[MissingModule]) -> dict[str, Json] | None:
    """What RuntimeDoc's `missing` says after this execution, which has ended; None if that is what it says already."""
    error = execution.error
    package = None if error is None else package_for(error.ename, error.evalue)
    known = {one.cell_id: one for one in before}
    if package is None and execution.cell_id not in known:
        return None
    told: dict[str, Json] = {
        one.cell_id: {"execution_id": one.execution_id, "module": one.module, "package": one.package}
        for one in known.values()
        if one.cell_id != execution.cell_id
    }
    if package is not None and error is not None and len(told) < MISSING_CELLS:
        module = error.evalue.partition("'")[2].partition("'")[0]
        told[execution.cell_id] = {"execution_id": execution.id, "module": module, "package": package}
    return told
