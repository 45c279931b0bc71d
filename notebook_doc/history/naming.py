"""Which moment somebody means: by its number, counted back, by the beginning of its id, a time, or a version's name.

Pure: the clock and the time zone are handed in. A time names the notebook as it was then, the last moment that had
ended; a name that fits none or several moments raises UnknownMoment, which says what can be named. A version is the
notebook exactly as it was named, which may be inside a moment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

from notebook_doc.errors import UnknownMoment
from notebook_doc.history.moments import Moment
from notebook_doc.history.versions import Version

_NUMBER: Final = re.compile(r"#?(-?[0-9]{1,6})")
_BACK: Final = re.compile(r"~([0-9]{0,6})")
_AGO: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|m|min|h|d|w)(?: ago)?")
_ID: Final = re.compile(r"[0-9a-f]{4,64}")
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_DAY: Final = re.compile(r"(today|yesterday)(?:[ ,]+(.+))?")
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_HINT: Final = (
    "Name it by its number (12), counted back (~1), the beginning of its id (3fa9c1), a time (14:05, 10m, yesterday, "
    "2026-01-31 14:05), or a version's name."
)


def find_moment(
    moments: Sequence[Moment],
    name: str | int,
    now: float,
    zone: tzinfo | None = None,
    versions: Sequence[Version] = (),
) -> Moment:
    """The moment of this name. A number below 0 counts from the end, -1 being the last; `~1` is the one before the
    last. `zone` None is the local one. A version's name comes before everything else.

    Raises UnknownMoment.
    """
    if not moments:
        raise UnknownMoment("this notebook has no history yet.", _HINT)
    if isinstance(name, int):
        return _numbered(moments, name)
    if (version := _version(versions, name.strip())) is not None:
        return _of_version(moments, version)
    text = name.strip().lower()
    if text == "now":
        return moments[-1]
    if found := _NUMBER.fullmatch(text):
        return _numbered(moments, int(found[1]))
    if found := _BACK.fullmatch(text):
        return _numbered(moments, -1 - int(found[1] or 1))
    if (time := _time(text, now, zone)) is not None:
        return _as_of(moments, time, name)
    if _ID.fullmatch(text):
        fitting = [moment for moment in moments if moment.id.startswith(text)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise UnknownMoment(f"{len(fitting)} moments have an id that begins with {name!r}.", "Give more digits.")
    raise UnknownMoment(f"no moment of this notebook is named by {name!r}.", _HINT)


def _version(versions: Sequence[Version], name: str) -> Version | None:
    exact = [version for version in versions if version.name == name]
    alike = exact or [version for version in versions if version.name.lower() == name.lower()]
    return alike[-1] if alike else None


def _of_version(moments: Sequence[Moment], version: Version) -> Moment:
    """The moment that this version is in, cut where it was named."""
    within = next((moment for moment in moments if version.name in moment.names), moments[-1])
    if within.heads == version.heads:
        return within
    return replace(within, heads=version.heads, id=version.heads[-1].hex(), names=(version.name,))


def _numbered(moments: Sequence[Moment], number: int) -> Moment:
    index = number - 1 if number > 0 else len(moments) + number
    if number == 0 or not 0 <= index < len(moments):
        raise UnknownMoment(f"there is no moment {number}: they are numbered from 1 to {len(moments)}.", _HINT)
    return moments[index]


def _as_of(moments: Sequence[Moment], time: float, name: str) -> Moment:
    past = [moment for moment in moments if moment.ended is not None and moment.ended <= time]
    if not past:
        first = next((moment.began for moment in moments if moment.began is not None), None)
        since = "no times are known of it" if first is None else "its history begins later"
        raise UnknownMoment(f"there is no moment as early as {name!r}: {since}.", _HINT)
    return past[-1]


def _time(text: str, now: float, zone: tzinfo | None) -> float | None:
    if found := _AGO.fullmatch(text):
        return now - float(found[1]) * _SECONDS[found[2]]
    here = datetime.fromtimestamp(now, zone).astimezone(zone)
    if found := _DAY.fullmatch(text):
        day = here if found[1] == "today" else here - timedelta(days=1)
        return _at(day, "23:59:59" if found[2] is None else found[2])
    if (time := _at(here, text)) is not None:
        return time if time < now + 60 else _at(here - timedelta(days=1), text)
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) == len("2026-01-31"):
        at = at.replace(hour=23, minute=59, second=59)  # a day: as it was at its end
    elif at.second == 0 and text.count(":") == 1:
        at = at.replace(second=59)  # a minute, too
    return (at if at.tzinfo is not None else at.replace(tzinfo=here.tzinfo)).timestamp()


def _at(day: datetime, clock: str) -> float | None:
    """The end of this minute, or second, of a day."""
    if (found := _CLOCK.fullmatch(clock)) is None:
        return None
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 59)
    if hour > 23 or minute > 59 or second > 59:
        return None
    return day.replace(hour=hour, minute=minute, second=second, microsecond=999_999).timestamp()
