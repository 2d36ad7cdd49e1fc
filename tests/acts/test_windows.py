"""Windows in which nothing may be done: read as people write them, and never over before they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaoskit.acts.windows import closed_until

MONDAY = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("Mon", "2026-11-24T00:00"),
        ("Sat-Sun", None),
        ("Mon-Fri 08:00-18:00", "2026-11-23T18:00"),
        ("Mon-Fri 08:00-18:00 America/New_York", None),
        ("Mon-Fri 06:00-18:00 America/New_York", "2026-11-23T23:00"),
        ("daily 22:00-06:00", None),
        ("daily 11:00-06:00", "2026-11-24T06:00"),
        ("Fri 16:00-Mon 14:00", "2026-11-23T14:00"),
        ("Fri 16:00-Mon 12:00", None),
        ("2026-11-20/2026-11-27T06:00", "2026-11-27T06:00"),
        ("2026-11-20/2026-11-23", None),
        ("Mon 11:00-13:00; Mon 12:30-15:00", "2026-11-23T15:00"),
        ("Sun-Mon; Tue 00:00-08:00", "2026-11-24T08:00"),
        ("", None),
    ],
)
def test_a_window_is_closed_until_it_and_those_that_follow_at_once_are_over(
    text: str, until: str | None
) -> None:
    wanted = None if until is None else datetime.fromisoformat(until).replace(tzinfo=UTC)
    assert closed_until(text, MONDAY) == wanted


@pytest.mark.parametrize(
    "text",
    ["sometimes", "Mon 25:00-26:00", "Mon 08:00", "Mon 08:00-09:00 Mars/Base", "2026-12-27/2026-12-24"],
)
def test_what_is_no_window_is_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|must be|ends before"):
        closed_until(text, MONDAY)


_TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(_TIMES, st.sampled_from(["Sat-Sun", "Mon-Fri 08:00-18:00 Europe/Berlin", "Fri 16:00-Mon 08:00"]))
def test_the_end_of_a_window_is_the_first_moment_outside(now: datetime, text: str) -> None:
    until = closed_until(text, now)
    if until is not None:
        assert until > now
        assert closed_until(text, until - timedelta(seconds=1)) == until
        assert closed_until(text, until) is None
