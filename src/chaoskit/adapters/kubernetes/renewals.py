"""A login that is renewed while it is used: who gives it may be slow, silent or gone, and requests go on."""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

from kubernetes.client.configuration import Configuration

from chaoskit.adapters.kubernetes.loaders import Loader, heard, in_one_line, why
from chaoskit.clock import Clock, WallClock
from chaoskit.credentials import without_login
from chaoskit.errors import CannotStart, cause

AUTHORIZATION = 1.0
"""Seconds after which the client is asked again for what logs in: it looks at files and the environment."""

PATIENCE = 10.0
"""Seconds (of the wall) for which requests wait for a new login; then they go on with the one before."""

FIRST_REST, LONGEST_REST = timedelta(seconds=10), timedelta(minutes=5)
"""For which who gave no login is not asked again; it doubles at each time that there is none."""

LONG_AGO, NEVER = datetime.fromtimestamp(0, UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Login:
    """What logs in; it is the same one however often it was given."""

    header: str
    """Empty when certificates log in."""
    certificate: str | None
    """The file of the one that does."""
    asked: int = field(default=0, compare=False)
    """How often a new one had been asked for when this one was shown."""


class Shown:
    """What is shown to one server to log in there, by any number of threads; renewed when it is time."""

    def __init__(self, configuration: Configuration, clock: Clock) -> None:
        self._configuration = configuration
        self._clock = clock
        self._asking = threading.Lock()  # a plugin that several threads start at once may ask the user twice
        self._look_at = -inf
        self.header = ""
        self.unrenewed = ""
        """Why it is no new one though it was time ("" where it is)."""

    def now(self) -> Login:
        """What logs in now.

        Raises:
            CannotStart: the token cannot stand in a header.
        """
        with self._asking:
            return self._now()

    def another(self, refused: Login) -> bool:
        """Whether there is one by now that is not `refused`, which the server takes no more.

        One is asked for where none was since that was shown.
        """
        renewal: Any = self._configuration.refresh_api_key_hook
        with self._asking:
            self._look_at = -inf
            found = self._now()
            if found == refused and found.asked == refused.asked and isinstance(renewal, Renewal):
                renewal.over()
                self._look_at = -inf
                found = self._now()
            return found != refused

    def _now(self) -> Login:
        at = self._clock.monotonic()
        if at >= self._look_at:
            found, self.unrenewed = token(self._configuration)
            self.header = self._checked(found.strip())
            self._look_at = at + AUTHORIZATION
        asked = getattr(self._configuration.refresh_api_key_hook, "asked", 0)
        return Login(self.header, self._configuration.cert_file, asked)

    def _checked(self, text: str) -> str:
        if text.isascii() and text.isprintable():
            return text
        raise CannotStart(
            f"the token for {without_login(self._configuration.host)} has a line break or another character"
            " that no token has",
            hint="look at users[].user.token in the kubeconfig",
        )


def token(configuration: Configuration) -> tuple[str, str]:
    """The header that logs in ("" when certificates do), and why it is no new one though it was time ("").

    A renewal that fails leaves the one before: the server says when that is over.
    """
    failed = ""
    renew: Any = configuration.refresh_api_key_hook  # whose types say that there is none
    try:
        if renew:
            renew(configuration)
    except CannotStart as error:
        failed = error.message
    except Exception as error:  # noqa: BLE001 - files may hold anything: the login of before may still do
        failed = cause(error) if isinstance(error, OSError) else type(error).__name__
    known = configuration.api_key
    return str(known.get("BearerToken") or known.get("authorization") or ""), failed


def read_again(path: Path, configuration: Configuration) -> None:
    """What the file holds logs in: others put a new token there before the one before is over."""
    found = path.read_text(encoding="utf-8").strip()
    if not found:
        raise CannotStart(f"{path} is empty")
    configuration.api_key["BearerToken"] = f"Bearer {found}"


class Renewal:
    """Asks for a new login when half of what was left of this one is over, or the server takes it no more.

    The official client takes one for over that has five minutes left: a plugin whose logins last no longer
    would be run each time, and may take seconds, or ask the user. It goes on beside the requests when it
    takes longer than they wait: nobody is asked a second time meanwhile. Who gave none is left alone for a
    while, a longer one each time: the server may still take the one before.
    """

    def __init__(self, loader: Loader, patience: float = PATIENCE, clock: Clock | None = None) -> None:
        self._loader = loader
        self._patience = patience
        self._clock = clock or WallClock()
        self._due = self._half()
        self._rest = timedelta()
        self._rests_until = LONG_AGO
        self._idle = threading.Event()
        self._idle.set()
        self._failed = ""
        self.asked = 0
        """How often there was an answer, whatever it was."""

    def __call__(self, configuration: Configuration) -> None:
        """The login in `configuration` is a new one if it was time.

        Raises:
            CannotStart: who was asked last gave none, or has not answered yet.
        """
        if self._idle.is_set() and self._clock.now() >= max(self._due, self._rests_until):
            self._idle.clear()
            self._failed = "no answer yet"
            threading.Thread(target=self._ask, args=(configuration,), name="login", daemon=True).start()
            self._idle.wait(self._patience)
        if self._failed:
            raise CannotStart(self._failed)

    def over(self) -> None:
        """It is time whenever the login ends, unless somebody is being asked."""
        if self._idle.is_set():
            self._due = LONG_AGO

    def _ask(self, configuration: Configuration) -> None:
        beside = copy.copy(configuration)  # where the official one may put itself back, with the same tokens
        failed = ""
        with heard() as words:
            try:
                self._loader.renew(beside, anyhow=self._due == LONG_AGO)
            except Exception as error:  # noqa: BLE001 - it calls whom the user names, and may not end in silence
                failed = why(error)
        configuration.cert_file, configuration.key_file = beside.cert_file, beside.key_file
        self._failed = in_one_line(words[0]) if words else failed
        self._rest = next_rest(self._rest) if self._failed else timedelta()
        self._rests_until = self._clock.now() + self._rest
        self._due = self._half()
        self.asked += 1
        self._idle.set()

    def _half(self) -> datetime:
        now = self._clock.now()
        ends: datetime | None = getattr(self._loader, "expiry", None)
        return now + (ends - now) / 2 if ends else NEVER


def next_rest(last: timedelta) -> timedelta:
    """For how long who gave no login is left alone, after the `last` time none at all or as long."""
    return min(max(2 * last, FIRST_REST), LONGEST_REST)
