"""Which kernels are installed here, for people who choose one.

Reads Jupyter's kernelspecs from disk, in a thread. A kernelspec that cannot be read is left out: it is told when
somebody tries to start it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager


async def installed_kernels() -> list[dict[str, str]]:
    """The name of every kernelspec, what it calls itself and its language; sorted by name."""
    found: dict[str, Any] = await asyncio.to_thread(KernelSpecManager().get_all_specs)
    return [
        {
            "name": name,
            "display_name": str(found[name]["spec"].get("display_name") or name),
            "language": str(found[name]["spec"].get("language") or ""),
        }
        for name in sorted(found)
    ]
