"""What RuntimeDoc says of a notebook's environment, of what may be installed, and of modules that were missing.

Three maps at the root, `env`, `trust` and `missing`, which the daemon alone writes and everybody shows. Pure: from
these maps to frozen values and back; a key that is absent or of another type reads as its default, so that the map of
an older or newer daemon is readable. What is written is bounded here: a log's last lines, a list's first items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Literal, cast

from notebook_doc.json_values import Json

ENV: Final = "env"
TRUST: Final = "trust"
MISSING: Final = "missing"
LOG_LINES: Final = 40  # of the installer, the last ones
LIST_ITEMS: Final = 200  # of packages; a project that declares more shows these
MISSING_CELLS: Final = 50

EnvironmentPhase = Literal[
    "none", "waiting", "resolving", "downloading", "building", "installing", "starting", "ready", "failed"
]
TrustVerdict = Literal["not_needed", "trusted", "asks", "tampered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentState:
    """Where the notebook runs, or what is being done so that it can.

    `source` and `reason` say which rule chose it (docs/operations.md), `path` from which file. `name` is what the
    environment is called in the daemon's store, empty for an installed kernel. `phase` "waiting" is for an approval.
    `installed` has the declared packages only. `drift` names what is not as declared, `restart` says why the running
    kernel has not got everything yet.
    """

    source: str = ""
    reason: str = ""
    path: str | None = None
    name: str = ""
    python: str = ""
    phase: EnvironmentPhase = "none"
    in_sync: bool = True
    declared: tuple[str, ...] = ()
    installed: Mapping[str, str] = field(default_factory=dict)
    drift: tuple[Mapping[str, str], ...] = ()  # each {name, declared, locked, installed}
    restart: str | None = None
    log: tuple[str, ...] = ()
    error: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustState:
    """Whether what the notebook declares may be installed here, and if it is asked, everything that would be.

    An approval names `digest` and the `heads` (hex) of NotebookDoc at which this was written.
    """

    state: TrustVerdict = "not_needed"
    digest: str = ""
    heads: tuple[str, ...] = ()
    source: str = ""
    path: str | None = None
    packages: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    python: str = ""
    channels: tuple[str, ...] = ()
    options: tuple[str, ...] = ()  # of the installer: another index, local folders …
    project: bool = False  # the project itself is built and installed, which runs its build
    why: str = ""

    @property
    def asks(self) -> bool:
        """Whether somebody has to approve before anything is installed."""
        return self.state in ("asks", "tampered")


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingModule:
    """A cell's latest run failed for want of a module, which this package probably brings."""

    cell_id: str
    execution_id: str
    module: str
    package: str


def environment_json(state: EnvironmentState) -> dict[str, Json]:
    """The map that stands for it."""
    told = asdict(state)
    told["declared"] = list(state.declared[:LIST_ITEMS])
    told["installed"] = dict(list(state.installed.items())[:LIST_ITEMS])
    told["drift"] = [dict(one) for one in state.drift[:LIST_ITEMS]]
    told["log"] = list(state.log[-LOG_LINES:])
    return cast("dict[str, Json]", told)


def trust_json(state: TrustState) -> dict[str, Json]:
    """The map that stands for it."""
    told = asdict(state)
    for name in ("heads", "packages", "pip", "channels", "options"):
        told[name] = list(told[name])
    return cast("dict[str, Json]", told)


def read_environment(told: object) -> EnvironmentState:
    """What such a map says."""
    values = _read(EnvironmentState, told)
    drift = values.pop("drift", ())
    values["drift"] = tuple({str(k): str(v) for k, v in one.items()} for one in drift if isinstance(one, Mapping))
    return EnvironmentState(**values)


def read_trust(told: object) -> TrustState:
    """What such a map says."""
    return TrustState(**_read(TrustState, told))


def read_missing(told: object) -> list[MissingModule]:
    """What such a map says, by cell."""
    if not isinstance(told, Mapping):
        return []
    return [
        MissingModule(cell_id=str(cell_id), **{k: str(one.get(k, "")) for k in ("execution_id", "module", "package")})
        for cell_id, one in sorted(told.items())
        if isinstance(one, Mapping)
    ]


def _read(kind: type[Any], told: object) -> dict[str, Any]:
    """The values of this dataclass's fields in a map, those of the right type."""
    blank = kind()
    values: dict[str, Any] = {}
    for one in fields(kind):
        value = told.get(one.name) if isinstance(told, Mapping) else None
        default = getattr(blank, one.name)
        if isinstance(default, tuple) and isinstance(value, list):
            values[one.name] = tuple(value if one.name == "drift" else map(str, value))
        elif isinstance(default, dict) and isinstance(value, Mapping):
            values[one.name] = {str(key): str(each) for key, each in value.items()}
        elif isinstance(value, str | bool) and isinstance(value, str if default is None else type(default)):
            values[one.name] = value
    return values
