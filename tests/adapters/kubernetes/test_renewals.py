"""A login that is renewed by who is slow, silent or gone: requests go on, and the server's no tells why."""

from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.configuration import Configuration
from tests.servers import until
from tests.wire import Answer, Asked, kubeconfig_of, scripted

from chaoskit.adapters.kubernetes import KubernetesCluster, connect
from chaoskit.adapters.kubernetes.loaders import heard
from chaoskit.adapters.kubernetes.renewals import Renewal, token
from chaoskit.clock import ManualClock
from chaoskit.errors import CannotStart

AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Slow:
    """Whoever gives logins, and takes their time; where the official client keeps when one ends."""

    def __init__(self) -> None:
        self.expiry = AGO
        self.asked = 0
        self.goes_on = threading.Event()

    def __call__(self, configuration: Configuration) -> None:
        self.asked += 1
        assert self.goes_on.wait(20)
        self.expiry = datetime.now(UTC) + timedelta(hours=1)
        configuration.api_key["BearerToken"] = "Bearer second"
        hook: Any = configuration
        hook.refresh_api_key_hook = None  # the official one puts another one there


def test_a_login_that_is_not_given_is_not_waited_for_twice_and_taken_when_it_comes() -> None:
    slow, configuration = Slow(), Configuration()
    configuration.api_key["BearerToken"] = "Bearer first"
    known: Any = slow
    hook: Any = configuration
    hook.refresh_api_key_hook = renewal = Renewal(known, slow, patience=0.01)
    for _ in range(3):
        assert token(configuration) == ("Bearer first", "no answer yet")
    assert slow.asked == 1
    slow.goes_on.set()
    until(lambda: token(configuration) == ("Bearer second", ""), 5, "the new login is not taken")
    assert slow.asked == 1
    assert configuration.refresh_api_key_hook is renewal


def test_what_others_do_wrong_at_the_same_time_is_not_heard() -> None:
    def fail() -> None:
        logger = logging.getLogger()
        logger.handle(logger.makeRecord("root", logging.ERROR, "kube_config.py", 1, "it fails", (), None))

    with heard() as words:
        other = threading.Thread(target=fail)
        other.start()
        other.join()
        assert words == []
        fail()
        assert words == ["it fails"]


def connected(folder: Path, server: str, user: dict[str, Any]) -> KubernetesCluster:
    return connect(kubeconfig_of(folder / "kubeconfig", server, user), clock=ManualClock())


def nobody(asked: Asked) -> Answer:
    return Answer(401, {"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "Unauthorized"})


def plugin(folder: Path, then: str) -> dict[str, Any]:
    """One that gives a login which is over, and then does something else."""
    status = {"token": "s3cret-of-the-plugin", "expirationTimestamp": AGO.isoformat()}
    told = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    path = folder / "plugin"
    path.write_text(
        f"#!/bin/sh\n[ -e {folder}/ran ] && {{ {then}; }}\n:> {folder}/ran; echo '{json.dumps(told)}'\n"
    )
    path.chmod(0o700)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": str(path), "interactiveMode": "Never"}}


def test_why_a_login_was_not_renewed_is_told_when_the_server_does_not_take_it(tmp_path: Path) -> None:
    over = "echo 'the session of s3cret-of-the-plugin is over: sso login' >&2; exit 3"
    with (
        scripted(nobody) as wire,
        connect(
            kubeconfig_of(tmp_path / "kubeconfig", wire.url, plugin(tmp_path, over)), clock=ManualClock()
        ) as cluster,
        pytest.raises(
            CannotStart, match="does not accept these credentials; they could not be renewed"
        ) as told,
    ):
        cluster.server_version()
    assert told.value.message.endswith("process returned 3. the session of (hidden) is over: sso login")


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (lambda path: path.unlink(), "no such file or directory"),
        (lambda path: path.write_text("\n"), "token is empty"),
        (lambda path: path.write_bytes(b"\xff"), "UnicodeDecodeError"),
    ],
    ids=["gone", "empty", "no text"],
)
def test_so_is_a_token_that_cannot_be_read_again(tmp_path: Path, spoilt: Any, why: str) -> None:
    (tmp_path / "token").write_text("s3cret-of-the-file")
    with (
        scripted(nobody) as wire,
        connect(
            kubeconfig_of(tmp_path / "kubeconfig", wire.url, {"tokenFile": "token"}), clock=ManualClock()
        ) as cluster,
    ):
        spoilt(tmp_path / "token")
        with pytest.raises(CannotStart, match=f"could not be renewed: .*{why}$"):
            cluster.server_version()
        assert wire.asked[0].headers["Authorization"] == "Bearer s3cret-of-the-file"


def test_a_login_that_was_renewed_is_only_not_accepted(tmp_path: Path) -> None:
    with (
        scripted(nobody) as wire,
        connect(
            kubeconfig_of(tmp_path / "kubeconfig", wire.url, plugin(tmp_path, ":")), clock=ManualClock()
        ) as cluster,
        pytest.raises(CannotStart, match=r"does not accept these credentials$"),
    ):
        cluster.server_version()
