"""What a user has set for all notebooks: which settings there are, what they may be, and the file they are mirrored to.

Settings live in a document of their own, which is a NotebookDoc without cells and without a file under a well-known id:
its metadata has them under `settings`. So they are synced, merged and stored as notebooks are. Pure. A value that is
not allowed counts as not set, and `problems` says so; a setting that is not known is kept for who knows it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from notebook_doc.errors import NotebookDocError
from notebook_doc.json_values import Json

SETTINGS_ID: Final = "9b1d5e0c-51f7-5d6e-8f0c-7365747469ee"  # of the document, on every machine
KEY: Final = "settings"
FORMATTING: Final = "formatting"  # the key at the root of RuntimeDoc under which this setting stands for all peers
Value = str | int | bool | list[str]


class BadSetting(NotebookDocError):
    """A setting that there is not, or a value that it cannot have."""

    code = "bad_request"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, with its default."""

    default_kernel: str = "python3"
    environment_manager: str = "uv"
    pool_size: int = 0
    pool_packages: tuple[str, ...] = ()
    keep_environments_days: int = 30
    keep_kernels_minutes: int = 0
    formatting: str = "never"


DESCRIPTIONS: Final[Mapping[str, str]] = {
    "default_kernel": "the kernel of notebooks that name none",
    "environment_manager": "uv or conda: what packages are added with where a notebook declares none yet",
    "pool_size": "environments that are ready beforehand for notebooks that declare nothing; 0: those run on the "
    "installed kernel",
    "pool_packages": "what is in these beside what a kernel needs",
    "keep_environments_days": "days after which an environment that nobody used is removed",
    "keep_kernels_minutes": "minutes after which a kernel that runs nothing, of a notebook that nobody has open, is "
    "ended; 0: never",
    "formatting": "never or on_run: whether the page formats a Python cell before it runs it",
}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "environment_manager": ("uv", "conda"),
    "formatting": ("never", "on_run"),
}
_MOST: Final[Mapping[str, int]] = {"pool_size": 16, "keep_environments_days": 3650, "keep_kernels_minutes": 525600}


def settings_of(values: Mapping[str, Any]) -> Settings:
    """The settings that these values make; what is not allowed is left at its default."""
    allowed: dict[str, Any] = {}
    for name, value in values.items():
        if name in DESCRIPTIONS and _why_not(name, value) is None:
            allowed[name] = tuple(value) if isinstance(value, list) else value
    return Settings(**allowed)


def problems(values: Mapping[str, Any]) -> list[str]:
    """What of these values is not used, and why."""
    known = [f"{name}: {why}" for name in values if name in DESCRIPTIONS and (why := _why_not(name, values[name]))]
    return known + [f"{name}: there is no such setting" for name in values if name not in DESCRIPTIONS]


def parse(name: str, text: str) -> Value:
    """A value as it is written on a command line. Raises BadSetting."""
    default = _default(name)
    value: Value = text
    if isinstance(default, tuple):
        value = [word for word in text.replace(",", " ").split() if word]
    elif isinstance(default, int):
        try:
            value = int(text)
        except ValueError:
            raise BadSetting(f"{name} is a whole number, not {text!r}.", "") from None
    if (why := _why_not(name, value)) is not None:
        raise BadSetting(f"{name}: {why}.", "`quire settings get` lists what there is.")
    return value


def to_toml(values: Mapping[str, Json]) -> str:
    """The file: each setting with a line that explains it, those that are not set as comments."""
    lines = ["# Quire's settings. Edit this file, or use `quire settings set`; a change counts at once.", ""]
    for name, said in DESCRIPTIONS.items():
        default = _default(name)
        shown = values.get(name, list(default) if isinstance(default, tuple) else default)
        lines += [f"# {said}", f"{'' if name in values else '# '}{name} = {_toml(shown)}", ""]
    lines += [f"{name} = {_toml(value)}" for name, value in sorted(values.items()) if name not in DESCRIPTIONS]
    return "\n".join(lines).rstrip() + "\n"


def from_toml(text: str) -> dict[str, Json]:
    """The values in a file. Raises BadSetting if it cannot be read at all."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(
            f"The settings file is no TOML: {error}.", "Mend it; until then nothing of it counts."
        ) from None
    return {name: value for name, value in told.items() if isinstance(value, str | int | list)}


def _default(name: str) -> Any:
    if name not in DESCRIPTIONS:
        raise BadSetting(f"There is no setting {name!r}.", f"There are {', '.join(DESCRIPTIONS)}.")
    return next(one.default for one in fields(Settings) if one.name == name)


def _why_not(name: str, value: object) -> str | None:
    default = _default(name)
    if isinstance(default, tuple):
        return (
            None if isinstance(value, list) and all(isinstance(one, str) for one in value) else "it is a list of names"
        )
    if isinstance(default, int):
        most = _MOST.get(name, 2**31)
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
        return None if fits else f"it is a whole number from 0 to {most}"
    if not isinstance(value, str) or not value:
        return "it is a word"
    choices = _CHOICES.get(name)
    return None if choices is None or value in choices else f"it is one of {', '.join(choices)}"


def _toml(value: Json) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, _strings(value)))}]"
    return json.dumps(value)  # TOML writes these as JSON does


def _strings(values: Iterable[Json]) -> list[Json]:
    return [value for value in values if isinstance(value, str | int)]
