"""A login that is renewed while it is used: who gives it may be slow, silent or gone, and requests go on."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

from kubernetes.client.configuration import Configuration

from chaoskit.adapters.kubernetes.loaders import Loader, heard, in_one_line, why
from chaoskit.clock import Clock
from chaoskit.credentials import without_login
from chaoskit.errors import CannotStart, cause

Login = tuple[str, str | None]
"""The header that logs in ("" when certificates do), and the file of the certificate that does (or None)."""

AUTHORIZATION = 1.0
"""Seconds after which the client is asked again for what logs in: it looks at files and the environment."""

PATIENCE = 10.0
"""Seconds (of the wall) for which requests wait for a new login; then they go on with the one before."""

LONG_AGO, NEVER = datetime.fromtimestamp(0, UTC), datetime.max.replace(tzinfo=UTC)


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
        """Whether there is one by now that is not `refused`, which the server takes no more."""
        renewal: Any = self._configuration.refresh_api_key_hook
        with self._asking:
            self._look_at = -inf  # what was looked at before the answer came tells nothing of it
            if self._now() == refused and isinstance(renewal, Renewal):
                renewal.over()
                self._look_at = -inf
            return self._now() != refused

    def _now(self) -> Login:
        at = self._clock.monotonic()
        if at >= self._look_at:
            found, self.unrenewed = token(self._configuration)
            self.header = self._checked(found.strip())
            self._look_at = at + AUTHORIZATION
        return self.header, self._configuration.cert_file

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
    takes longer than they wait: nobody is asked a second time meanwhile.
    """

    def __init__(
        self, loader: Loader, renew: Callable[[Configuration], None], patience: float = PATIENCE
    ) -> None:
        self._loader = loader
        self._renew = renew
        self._patience = patience
        self._due = self._half()
        self._idle = threading.Event()
        self._idle.set()
        self._failed = ""

    def __call__(self, configuration: Configuration) -> None:
        """The login in `configuration` is a new one if it was time.

        Raises:
            CannotStart: who was asked last gave none, or has not answered yet.
        """
        if self._idle.is_set() and datetime.now(UTC) >= self._due:
            self._idle.clear()
            self._failed = "no answer yet"
            threading.Thread(target=self._ask, args=(configuration,), name="login", daemon=True).start()
            self._idle.wait(self._patience)
        if self._failed:
            raise CannotStart(self._failed)

    def over(self) -> None:
        """It is time, unless somebody is being asked."""
        if self._idle.is_set():
            self._loader.expiry = self._due = LONG_AGO

    def _ask(self, configuration: Configuration) -> None:
        beside = copy.copy(configuration)  # where the official one may put itself back, with the same tokens
        failed = ""
        with heard() as words:
            try:
                self._renew(beside)
            except Exception as error:  # noqa: BLE001 - it calls whom the user names, and may not end in silence
                failed = why(error)
        configuration.cert_file, configuration.key_file = beside.cert_file, beside.key_file
        self._due = self._half()
        self._failed = in_one_line(words[0]) if words else failed
        self._idle.set()

    def _half(self) -> datetime:
        now = datetime.now(UTC)
        ends: datetime | None = getattr(self._loader, "expiry", None)
        return now + (ends - now) / 2 if ends else NEVER
