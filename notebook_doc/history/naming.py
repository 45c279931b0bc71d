"""Which moment somebody means: by its number, by the beginning of its id, or by a time.

Pure: the clock and the time zone are handed in. A time names the notebook as it was then, the last moment that had
ended; a name that fits none or several moments raises UnknownMoment, which says what can be named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final

from notebook_doc.errors import UnknownMoment
from notebook_doc.history.moments import Moment

_NUMBER: Final = re.compile(r"#?(-?[0-9]{1,6})")
_AGO: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|m|min|h|d|w)(?: ago)?")
_ID: Final = re.compile(r"[0-9a-f]{4,64}")
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_HINT: Final = "Name it by its number (12), the beginning of its id (3fa9c1), or a time (14:05, 10m, 2026-01-31 14:05)."


def find_moment(moments: Sequence[Moment], name: str | int, now: float, zone: tzinfo | None = None) -> Moment:
    """The moment of this name. A number below 0 counts from the end; `zone` None is the local one.

    Raises UnknownMoment.
    """
    if not moments:
        raise UnknownMoment("this notebook has no history yet.", _HINT)
    if isinstance(name, int):
        return _numbered(moments, name)
    text = name.strip().lower()
    if found := _NUMBER.fullmatch(text):
        return _numbered(moments, int(found[1]))
    if (time := _time(text, now, zone)) is not None:
        return _as_of(moments, time, name)
    if _ID.fullmatch(text):
        fitting = [moment for moment in moments if moment.id.startswith(text)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise UnknownMoment(f"{len(fitting)} moments have an id that begins with {name!r}.", "Give more digits.")
    raise UnknownMoment(f"no moment of this notebook is named by {name!r}.", _HINT)


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
    if found := _CLOCK.fullmatch(text):
        hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 59)
        if hour > 23 or minute > 59 or second > 59:
            return None
        at = here.replace(hour=hour, minute=minute, second=second, microsecond=999_999)
        return (at if at.timestamp() < now + 60 else at - timedelta(days=1)).timestamp()
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) == len("2026-01-31"):
        at = at.replace(hour=23, minute=59, second=59)  # a day: as it was at its end
    return (at if at.tzinfo is not None else at.replace(tzinfo=here.tzinfo)).timestamp()
