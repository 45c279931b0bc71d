"""`quire env list` and `quire env clean`: the environments that were built, on disk. They need no service."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Final

from clients.cli.errors import OK, ServiceFailed
from clients.cli.service import state_folder
from clients.daemon.environments.store import Environment, EnvironmentStore, as_json, size_of

_MIB: Final = 1024 * 1024


def list_environments(*, as_json_: bool) -> int:
    """Say what was built, how large it is and whether it is used."""
    store = EnvironmentStore(state_folder())
    found = store.all()
    if as_json_:
        told = [{**as_json(one), "bytes": size_of(one.folder), "in_use": store.in_use(one.name)} for one in found]
        print(json.dumps(told, indent=2))
        return OK
    if not found:
        print("No environments were built.")
    for one in found:
        used = "used" if store.in_use(one.name) else _age(one)
        print(f"{one.name:<32} {one.source:<14} {size_of(one.folder) / _MIB:>7.0f} MiB  {used:<12} {_what(one)}")
    return OK


def clean(*, dry_run: bool) -> int:
    """Remove what nobody uses, or only say what that is."""
    store = EnvironmentStore(state_folder())
    freed = 0
    try:
        for one in store.unused():
            size = size_of(one.folder)
            if not dry_run and not asyncio.run(store.remove(one)):
                continue
            freed += size
            print(f"{'would remove' if dry_run else 'removed'} {one.name} ({_what(one)})")
    except OSError as error:
        raise ServiceFailed(f"{store.folder} cannot be cleaned: {error}.", "Check its permissions.") from error
    print(f"{freed / _MIB:.0f} MiB {'would be' if dry_run else 'were'} freed.")
    return OK


def _what(environment: Environment) -> str:
    packages = ", ".join(environment.declared) or "nothing but a kernel"
    return packages if len(packages) <= 60 else f"{packages[:59]}…"


def _age(environment: Environment) -> str:
    days = (time.time() - environment.created) / 86400
    return "today" if days < 1 else f"{days:.0f} days old"
