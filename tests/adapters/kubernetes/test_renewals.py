"""A login that is renewed by who is slow, silent or gone: requests go on, and the server's no tells why."""

from __future__ import annotations

import json
import logging
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from kubernetes.client.configuration import Configuration
from tests.servers import until
from tests.wire import Answer, Asked, kubeconfig_of, scripted

from chaoskit.adapters.kubernetes import KubernetesCluster, config, connect
from chaoskit.adapters.kubernetes.execution import execute, query
from chaoskit.adapters.kubernetes.loaders import heard
from chaoskit.adapters.kubernetes.renewals import Renewal, Shown, token
from chaoskit.adapters.kubernetes.transport import Request, Transport
from chaoskit.clock import ManualClock
from chaoskit.errors import CannotStart, Forbidden, Unavailable

AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Slow:
    """Whoever gives logins, and takes their time; where the official client keeps when one ends."""

    def __init__(self) -> None:
        self.expiry = AGO
        self.asked = 0
        self.goes_on = threading.Event()

    def renew(self, configuration: Configuration, *, anyhow: bool) -> None:
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
    hook.refresh_api_key_hook = renewal = Renewal(known, patience=0.01)
    for _ in range(3):
        assert token(configuration) == ("Bearer first", "no answer yet")
    assert slow.asked == 1
    slow.goes_on.set()
    until(lambda: token(configuration) == ("Bearer second", ""), 5, "the new login is not taken")
    assert slow.asked == 1
    assert configuration.refresh_api_key_hook is renewal


def test_a_login_that_came_since_the_request_was_sent_is_taken_and_nobody_asked_again() -> None:
    slow, configuration = Slow(), Configuration()
    configuration.api_key["BearerToken"] = "Bearer first"
    known: Any = slow
    hook: Any = configuration
    hook.refresh_api_key_hook = renewal = Renewal(known, patience=0.01)
    shown = Shown(configuration, ManualClock())
    sent = shown.now()
    slow.goes_on.set()
    until(lambda: renewal.asked == 1, 5, "the new login does not come")
    assert shown.another(sent)
    assert (slow.asked, shown.now().header) == (1, "Bearer second")


class Failing:
    """Whoever gives no login any more, though the one of before does not end."""

    def __init__(self) -> None:
        self.asked: list[bool] = []

    def renew(self, configuration: Configuration, *, anyhow: bool) -> None:
        self.asked.append(anyhow)
        raise OSError


def test_who_gave_no_login_rests_a_longer_while_each_time() -> None:
    failing, clock = Failing(), ManualClock()
    known: Any = failing
    known.expiry = clock.now()
    renewal = Renewal(known, clock=clock)
    asked_at = []
    for second in range(1200):
        before = len(failing.asked)
        with pytest.raises(CannotStart):
            renewal(Configuration())
        asked_at += [second] if len(failing.asked) > before else []
        clock.turn(1)
    assert asked_at == [0, 10, 30, 70, 150, 310, 610, 910]


def test_who_gave_none_for_a_login_that_does_not_end_is_asked_for_each_no_and_rests_as_well() -> None:
    failing, clock = Failing(), ManualClock()
    known: Any = failing
    configuration: Any = Configuration()
    configuration.refresh_api_key_hook = Renewal(known, clock=clock)
    shown = Shown(configuration, clock)
    sent = shown.now()
    assert failing.asked == []
    for _ in range(2):
        assert not shown.another(sent)
    for _ in range(60):
        clock.turn(60)
        sent = shown.now()
    assert failing.asked == [True]
    assert not shown.another(sent)
    assert failing.asked == [True, True]


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


def in_turn(folder: Path, *given: dict[str, Any]) -> dict[str, Any]:
    """A plugin that gives these logins, one at each run, the last one from then on; `runs` counts them."""
    version = "client.authentication.k8s.io/v1"
    for number, status in enumerate(given, start=1):
        told = {"apiVersion": version, "kind": "ExecCredential", "status": status}
        (folder / f"login-{number}").write_text(json.dumps(told))
    path = folder / "plugin"
    path.write_text(
        f"#!/bin/sh\necho x >> {folder}/runs; n=$(wc -l < {folder}/runs)\n"
        f"[ $n -lt {len(given)} ] || n={len(given)}; cat {folder}/login-$((n))\n"
    )
    path.chmod(0o700)
    return {"exec": {"apiVersion": version, "command": str(path), "interactiveMode": "Never"}}


def runs(folder: Path) -> int:
    return (folder / "runs").read_text().count("x")


FIRST, SECOND = {"token": "s3cret-first"}, {"token": "s3cret-second"}


def for_the_second(asked: Asked) -> Answer:
    if asked.headers["Authorization"] != "Bearer s3cret-second":
        return nobody(asked)
    return Answer(body={"major": "1", "minor": "30", "gitVersion": "v1.30.0"})


@pytest.mark.parametrize("more", [{}, {"expirationTimestamp": "2999-01-01T00:00:00Z"}], ids=["", "ends late"])
def test_a_login_that_the_server_takes_no_more_is_asked_for_again(
    tmp_path: Path, more: dict[str, str]
) -> None:
    user = in_turn(tmp_path, FIRST | more, SECOND)
    with scripted(for_the_second) as wire, connected(tmp_path, wire.url, user) as cluster:
        for _ in range(3):
            assert cluster.server_version()
        assert [each.headers["Authorization"] for each in wire.asked] == [
            "Bearer s3cret-first",
            *["Bearer s3cret-second"] * 3,
        ]
    assert runs(tmp_path) == 2


def test_a_write_for_which_the_login_was_over_is_made_once_with_the_new_one(tmp_path: Path) -> None:
    request = Request("create it", "POST", "/api/v1/namespaces", body={"a": 1}, repeat="unsent")
    login = config.log_in(
        kubeconfig_of(tmp_path / "kubeconfig", "http://set.later", in_turn(tmp_path, FIRST, SECOND))
    )
    with scripted(for_the_second) as wire:
        login.configuration.host = wire.url
        Transport(login.configuration, ManualClock()).send(request)
        assert [each.body for each in wire.asked] == ['{"a": 1}'] * 2


def test_a_watch_and_a_command_go_on_with_a_new_login_as_well(tmp_path: Path) -> None:
    def serve(asked: Asked) -> Answer:
        known = for_the_second(asked).status == 200
        return Answer(403, {"kind": "Status", "code": 403, "message": "no"}) if known else nobody(asked)

    for number, ask in enumerate((streamed, executed)):
        (folder := tmp_path / str(number)).mkdir()
        user = in_turn(folder, FIRST, SECOND)
        login = config.log_in(kubeconfig_of(folder / "kubeconfig", "http://set.later", user))
        with scripted(serve) as wire:
            login.configuration.host = wire.url
            with pytest.raises(Forbidden):
                ask(Transport(login.configuration, ManualClock()))
        assert runs(folder) == 2


def streamed(transport: Transport) -> None:
    with transport.stream(Request("watch", "GET", "/"), threading.Event(), 5.0) as lines:
        list(lines)


def executed(transport: Transport) -> None:
    execute(transport, Request("run it", "GET", "/", query(("ls",), "")), 5.0)


def test_who_gives_the_same_login_again_is_asked_once_for_each_no(tmp_path: Path) -> None:
    with (
        scripted(nobody) as wire,
        connected(tmp_path, wire.url, in_turn(tmp_path, FIRST)) as cluster,
    ):
        with pytest.raises(CannotStart, match=r"does not accept these credentials$"):
            cluster.server_version()
        assert (len(wire.asked), runs(tmp_path)) == (1, 2)


def test_requests_that_are_refused_at_once_ask_once(tmp_path: Path) -> None:
    path = kubeconfig_of(tmp_path / "kubeconfig", "http://set.later", in_turn(tmp_path, FIRST))
    shown = Shown(config.log_in(path).configuration, ManualClock())
    sent = [shown.now() for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        assert not any(pool.map(shown.another, sent))
    assert runs(tmp_path) == 2


def test_who_gives_another_login_that_is_not_taken_either_is_asked_once(tmp_path: Path) -> None:
    with (
        scripted(nobody) as wire,
        connected(tmp_path, wire.url, in_turn(tmp_path, FIRST, SECOND, {"token": "third"})) as cluster,
    ):
        with pytest.raises(CannotStart, match=r"does not accept these credentials$"):
            cluster.server_version()
        assert (len(wire.asked), runs(tmp_path)) == (2, 2)


def in_a_file(folder: Path) -> Configuration:
    return config.log_in(
        kubeconfig_of(folder / "c", "http://set.later", {"tokenFile": "token"})
    ).configuration


def of_the_account(folder: Path) -> Configuration:
    (folder / "ca.crt").write_text("PEM")
    pod = {"KUBERNETES_SERVICE_HOST": "set.later", "KUBERNETES_SERVICE_PORT": "443", "KUBECONFIG": "/absent"}
    return config.log_in(environ=pod, account=folder).configuration


@pytest.mark.parametrize("log_in", [in_a_file, of_the_account])
def test_a_token_that_came_since_the_file_was_read_is_taken_at_a_no(tmp_path: Path, log_in: Any) -> None:
    (tmp_path / "token").write_text("s3cret-first\n")
    shown = Shown(log_in(tmp_path), ManualClock())
    sent = shown.now()
    assert not shown.another(sent)
    (tmp_path / "token").write_text("s3cret-second\n")
    assert shown.another(sent)
    assert shown.now().header == "Bearer s3cret-second"


def certificate(of: trustme.CA, **more: str) -> dict[str, Any]:
    """A login by a certificate of that authority."""
    made = of.issue_cert("ada@shop.example")
    key, chain = made.private_key_pem.bytes().decode(), made.cert_chain_pems[0].bytes().decode()
    return {"clientCertificateData": chain, "clientKeyData": key, **more}


def asking(server: trustme.CA, clients: trustme.CA) -> ssl.SSLContext:
    """TLS that asks for a certificate of the clients' authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    server.issue_cert("127.0.0.1").configure_cert(context)
    clients.configure_trust(context)
    return context


def reached(folder: Path, url: str, authority: trustme.CA, user: dict[str, Any]) -> KubernetesCluster:
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    known = {"server": url, "certificate-authority": str(folder / "ca.pem")}
    return connect(kubeconfig_of(folder / "kubeconfig", known, user), clock=ManualClock())


def version(asked: Asked) -> Answer:
    return Answer(body={"major": "1", "minor": "30", "gitVersion": "v1.30.0"})


def test_a_certificate_of_a_plugin_is_renewed_before_it_is_over(tmp_path: Path) -> None:
    server, before, after = trustme.CA(), trustme.CA(), trustme.CA()
    user = in_turn(tmp_path, certificate(before, expirationTimestamp=AGO.isoformat()), certificate(after))
    with (
        scripted(version, tls=asking(server, after)) as wire,
        reached(tmp_path, wire.url, server, user) as cluster,
    ):
        assert cluster.server_version()
    assert runs(tmp_path) == 2


def test_a_certificate_that_the_server_takes_no_more_is_asked_for_again(tmp_path: Path) -> None:
    server, clients = trustme.CA(), trustme.CA()
    user = in_turn(tmp_path, certificate(clients), certificate(clients))
    with (
        scripted(version, tls=asking(server, clients)) as wire,
        reached(tmp_path, wire.url, server, user) as cluster,
    ):
        wire.will(Answer(401, {"kind": "Status", "code": 401, "message": "Unauthorized"}))
        assert cluster.server_version()
        assert len(wire.asked) == 2
    assert runs(tmp_path) == 2


def test_why_a_certificate_was_not_renewed_is_told_where_the_connection_is_cut(tmp_path: Path) -> None:
    server, before, after = trustme.CA(), trustme.CA(), trustme.CA()
    user = in_turn(tmp_path, certificate(before, expirationTimestamp=AGO.isoformat()))
    with (
        scripted(version, tls=asking(server, after)) as wire,
        reached(tmp_path, wire.url, server, user) as cluster,
    ):
        (tmp_path / "plugin").write_text("#!/bin/sh\necho 'sso login' >&2; exit 3\n")
        with pytest.raises(Unavailable, match=r"login could not be renewed: .* returned 3\. sso login"):
            cluster.server_version()
