"""`quire settings get` and `quire settings set`: through the settings document if a service runs, else in its file."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Any

from clients.cli.errors import OK, CliError, ServiceFailed
from clients.cli.service import Service, find_service, state_folder
from notebook_doc.settings import DESCRIPTIONS, KEY, SETTINGS_ID, BadSetting, from_toml, parse, settings_of, to_toml


class WrongSetting(CliError):
    """There is no such setting, or it cannot have that value."""

    exit_code = 2


def get(name: str | None) -> int:
    """Print one setting, or all with what they mean."""
    values = asdict(settings_of(_values()))
    if name is not None:
        if name not in DESCRIPTIONS:
            raise WrongSetting(f"There is no setting {name!r}.", f"There are {', '.join(DESCRIPTIONS)}.")
        print(_shown(values[name]))
        return OK
    for each, said in DESCRIPTIONS.items():
        print(f"{each} = {_shown(values[each])}    # {said}")
    return OK


def set_(name: str, text: str) -> int:
    """Set one."""
    try:
        value: Any = parse(name, text)
    except BadSetting as error:
        raise WrongSetting(error.message, error.hint) from error
    service = find_service(state_folder())
    if service is not None and service.is_usable:
        asyncio.run(_edit(service, name, value))
    else:
        path = state_folder() / "settings.toml"
        path.write_text(to_toml(_values() | {name: value}))
    print(f"{name} = {_shown(value)}")
    return OK


async def _edit(service: Service, name: str, value: Any) -> None:
    from clients.peer.errors import PeerError
    from clients.peer.notebook import Notebook, this_program
    from relay.errors import WireError

    try:
        async with Notebook.connect(SETTINGS_ID, service.address, peer=this_program("quire settings")) as document:
            told = document.metadata.get(KEY)
            values = told if isinstance(told, dict) else {}
            document.set_metadata({**document.metadata, KEY: {**values, name: value}})
            await document.saved(10.0)
    except (PeerError, WireError) as error:
        raise ServiceFailed(error.message, error.hint) from error


def _values() -> dict[str, Any]:
    """What the file says, which is the document's mirror."""
    path = state_folder() / "settings.toml"
    try:
        return dict(from_toml(path.read_text()))
    except FileNotFoundError:
        return {}
    except (BadSetting, OSError, UnicodeDecodeError) as error:
        raise ServiceFailed(f"{path} cannot be read: {error}", "Mend it, or remove it.") from error


def _shown(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)
