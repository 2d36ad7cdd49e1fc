"""Times in which nothing may be done, as people write them; pure.

``Sat-Sun``, ``Mon-Fri 08:00-18:00 Europe/Berlin``, ``Fri 16:00-Mon 08:00``, ``2026-12-24/2026-12-27T06:00``;
several are separated by semicolons. Without a zone they are in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = "|".join(_DAYS)
_CLOCK = r"[0-2]?\d:[0-5]\d"
_DAILY = re.compile(
    rf"^(?:({_DAY}|daily)(?:-({_DAY}))?)(?:\s+({_CLOCK})-({_CLOCK}))?(?:\s+([A-Za-z_/+-]+))?$"
)
_WEEKLY = re.compile(rf"^({_DAY})\s+({_CLOCK})-({_DAY})\s+({_CLOCK})(?:\s+([A-Za-z_/+-]+))?$")
_MOST = 400
"""So many stretches are joined at most: a window that never ends has its end reported more than a year on."""

Stretch = tuple[datetime, datetime]
Stretches = Callable[[datetime], Iterator[Stretch]]
"""The stretches of a window around a moment, each from its beginning (included) to its end."""


def closed_until(text: str, now: datetime) -> datetime | None:
    """When the windows that `now` lies in are over, those that follow at once included; None outside of all.

    Raises:
        ValueError: a window cannot be read; the message quotes it.
    """
    windows = [_window(part.strip()) for part in text.split(";") if part.strip()]
    until: datetime | None = None
    for _ in range(_MOST):
        further = _end(windows, until or now)
        if further is None:
            return until
        until = further
    return until


def _end(windows: list[Stretches], at: datetime) -> datetime | None:
    ends = [end for window in windows for begin, end in window(at) if begin <= at < end]
    return max(ends, default=None)


def _window(text: str) -> Stretches:
    if found := _DAILY.match(text):
        return _daily(*found.groups())
    if found := _WEEKLY.match(text):
        return _weekly(*found.groups())
    begin, slash, end = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r} is no window such as 'Sat-Sun' or 'Mon-Fri 08:00-18:00 Europe/Berlin'")
    stretch = (_moment(begin), _moment(end))
    if stretch[0] >= stretch[1]:
        raise ValueError(f"{text!r} ends before it begins")
    return lambda _at: iter((stretch,))


def _daily(
    first: str, last: str | None, opens: str | None, closes: str | None, zone: str | None
) -> Stretches:
    days = set(range(7)) if first == "daily" else _days(_DAYS.index(first), _DAYS.index(last or first))
    begin, end, where = _clock(opens or "0:00"), _clock(closes or "0:00"), _zone(zone)

    def around(at: datetime) -> Iterator[Stretch]:
        today = at.astimezone(where).date()
        for day in (today - timedelta(days=1), today):
            if day.weekday() in days:
                over = day if end > begin else day + timedelta(days=1)
                yield _at(day, begin, where), _at(over, end, where)

    return around


def _days(first: int, last: int) -> set[int]:
    return {(first + step) % 7 for step in range((last - first) % 7 + 1)}


def _weekly(first: str, opens: str, last: str, closes: str, zone: str | None) -> Stretches:
    begin, end, where = _clock(opens), _clock(closes), _zone(zone)
    length = (_DAYS.index(last) - _DAYS.index(first)) % 7 or (7 if end <= begin else 0)

    def around(at: datetime) -> Iterator[Stretch]:
        today = at.astimezone(where).date()
        for back in range(8):
            day = today - timedelta(days=back)
            if day.weekday() == _DAYS.index(first):
                yield _at(day, begin, where), _at(day + timedelta(days=length), end, where)

    return around


def _at(day: date, clock: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)


def _clock(text: str) -> time:
    hour, minute = text.split(":")
    return time(int(hour), int(minute))


def _zone(name: str | None) -> tzinfo:
    if name in {None, "", "UTC"}:
        return UTC
    try:
        return ZoneInfo(str(name))
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone such as Europe/Berlin") from error


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text.strip())
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
