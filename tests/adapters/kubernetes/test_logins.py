"""Logins that fail: what is told, without what is secret, and that a renewal that fails ends nothing."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.servers import free_port
from tests.wire import Answer, Asked, kubeconfig_of, scripted

from chaoskit.adapters.kubernetes import config
from chaoskit.adapters.kubernetes.loaders import authorities, ends_at
from chaoskit.adapters.kubernetes.renewals import AUTHORIZATION
from chaoskit.adapters.kubernetes.transport import Transport
from chaoskit.clock import ManualClock
from chaoskit.errors import CannotStart


def kubeconfig(folder: Path, **user: Any) -> Path:
    return kubeconfig_of(folder / "kubeconfig", "https://one.example:6443", user)


def refused(path: Path) -> CannotStart:
    with pytest.raises(CannotStart) as raised:
        config.log_in(path)
    assert "s3cret" not in raised.value.message + raised.value.hint
    return raised.value


def oidc(issuer: str, **more: str) -> dict[str, Any]:
    """A user whose token has expired long ago."""
    said = {
        "idp-issuer-url": issuer,
        "client-id": "c",
        "client-secret": "s3cret-of-the-client",
        "refresh-token": "s3cret-to-renew",
        "id-token": jwt(datetime.fromtimestamp(1000, UTC), signed="s3cret"),
        **more,
    }
    return {"auth-provider": {"name": "oidc", "config": {k: v for k, v in said.items() if v}}}


def test_a_provider_that_is_away_asks_to_log_in_again(tmp_path: Path) -> None:
    error = refused(kubeconfig(tmp_path, **oidc(f"http://127.0.0.1:{free_port()}")))
    assert error.message.endswith("cannot be used: oidc gives no new token (connection refused)")
    assert "log in to the cluster again" in error.hint


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(body=b"<html>s3cret</html>"), "JSONDecodeError"),
        (Answer(body={"token_endpoint": "http://127.0.0.1:9/s3cret"}), "InsecureTransportError"),
        (Answer(body={}), "KeyError"),
    ],
    ids=["no JSON", "no TLS", "no endpoint"],
)
def test_a_provider_that_gives_no_token_does_so_too(tmp_path: Path, answer: Answer, why: str) -> None:
    def provider(asked: Asked) -> Answer:
        return answer

    with scripted(provider) as wire:
        error = refused(kubeconfig(tmp_path, **oidc(wire.url)))
    assert error.message.endswith(f"oidc gives no new token ({why})")
    assert "log in to the cluster again" in error.hint


def jwt(ends: datetime, number: int = 0, signed: str = "s" * 16) -> str:
    """A token that ends then; no two are alike."""
    parts = ({"alg": "none"}, {"exp": int(ends.timestamp()), "sub": f"ada-{number}"})
    head, body = (base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts)
    return f"{head}.{body}.{signed}"


def listening(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


class Issuer:
    """An OIDC provider whose tokens are over when they are given."""

    def __init__(self, endpoint: str = "") -> None:
        self.endpoint = endpoint
        self.given = 0

    def __call__(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer(body={"token_endpoint": self.endpoint})
        self.given += 1
        token = jwt(datetime.now(UTC) - timedelta(minutes=1), self.given)
        fresh = {"id_token": token, "refresh_token": "new", "access_token": "a", "token_type": "bearer"}
        return Answer(body=fresh)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The one authority that this system knows."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authorities.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authorities.pem"))
    return authority


UNNAMED: list[dict[str, str]] = [{}, {"idp-certificate-authority": "", "idp-certificate-authority-data": ""}]


def kept(user: dict[str, Any], **more: str) -> dict[str, Any]:
    """The same user, of whose provider this stands there as well, also where it is empty."""
    provider = user["auth-provider"]
    return {"auth-provider": {**provider, "config": {**provider["config"], **more}}}


@pytest.mark.parametrize("said", UNNAMED, ids=["unnamed", "empty"])
def test_an_issuer_for_whom_nobody_vouches_is_told_nothing(
    tmp_path: Path, trusted: trustme.CA, said: dict[str, str]
) -> None:
    taker = Issuer()
    with (
        scripted(taker, tls=listening(trusted)) as elsewhere,
        scripted(Issuer(f"{elsewhere.url}/token"), tls=listening(trustme.CA())) as nobodys,
    ):
        error = refused(kubeconfig(tmp_path, **kept(oidc(nobodys.url), **said)))
        assert (elsewhere.asked, nobodys.asked) == ([], [])
    assert "oidc gives no new token" in error.message
    assert "CERTIFICATE_VERIFY_FAILED" in error.message
    assert "idp-certificate-authority" in error.hint


@pytest.mark.parametrize("said", UNNAMED, ids=["unnamed", "empty"])
def test_an_endpoint_for_whom_nobody_vouches_is_told_nothing_either(
    tmp_path: Path, trusted: trustme.CA, said: dict[str, str]
) -> None:
    with (
        scripted(Issuer(), tls=listening(trustme.CA())) as elsewhere,
        scripted(Issuer(f"{elsewhere.url}/token"), tls=listening(trusted)) as issuer,
    ):
        error = refused(kubeconfig(tmp_path, **kept(oidc(issuer.url), **said)))
        assert elsewhere.asked == []
    assert "idp-certificate-authority" in error.hint


def test_a_token_of_a_provider_is_renewed_as_long_as_it_lasts(tmp_path: Path, trusted: trustme.CA) -> None:
    issuer, clock = Issuer(), ManualClock()
    with scripted(issuer, tls=listening(trusted)) as wire:
        issuer.endpoint = f"{wire.url}/token"
        path = kubeconfig(tmp_path, **oidc(wire.url))
        transport = Transport(config.log_in(path).configuration, clock)
        found = set()
        for _ in range(4):
            found.add(transport.authorization())
            clock.turn(AUTHORIZATION)
    assert len(found) == 4
    assert "idp-certificate-authority" not in path.read_text()
    assert "refresh-token: new" in path.read_text()


@pytest.mark.parametrize("said", ["", "opaque", "a.b.c", "a.e30.c", "a.eyJleHAiOiAieCJ9.c"])
def test_a_token_that_does_not_tell_its_end_has_none(said: str) -> None:
    assert ends_at(said) is None


@pytest.mark.parametrize("name", ["gcp", "azure"])
def test_a_provider_that_kubectl_has_given_up_sends_to_a_plugin(tmp_path: Path, name: str) -> None:
    error = refused(kubeconfig(tmp_path, **{"auth-provider": {"name": name, "config": {}}}))
    assert f"{name} gives no new token" in error.message
    assert "exec" in error.hint


def test_a_field_that_is_missing_is_named_without_all_the_others(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, **oidc("https://issuer.example", **{"id-token": ""}))
    assert "Expected key id-token in" in refused(path).message


def plugin(folder: Path, script: str, **more: str) -> dict[str, Any]:
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": str(path), "interactiveMode": "Never", **more}}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'the session is over' >&2; exit 3", "process returned 3. the session is over"),
        ("echo no JSON", "failed to decode process output"),
        ("echo '{}'", "malformed response. missing key"),
    ],
)
def test_a_plugin_that_fails_is_told_at_once(tmp_path: Path, script: str, said: str) -> None:
    error = refused(kubeconfig(tmp_path, **plugin(tmp_path, script)))
    assert f"{tmp_path / 'plugin'} gives no login: {said}" in error.message
    assert "log in to the cluster again" in error.hint


def test_nobody_else_tells_it(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, **plugin(tmp_path, "exit 3"))
    code = (
        "import sys, pathlib; from chaoskit.adapters.kubernetes import config\n"
        "try: config.log_in(pathlib.Path(sys.argv[1]))\n"
        "except config.CannotStart: print('told')"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("told\n", "")


def test_a_plugin_that_is_missing_says_how_to_get_it(tmp_path: Path) -> None:
    user = plugin(tmp_path, "", command="kubelogin-absent", installHint="brew install kubelogin\n")
    error = refused(kubeconfig(tmp_path, **user))
    assert "kubelogin-absent gives no login" in error.message
    assert error.hint == "brew install kubelogin"


def test_a_renewal_that_fails_leaves_the_token_that_there_is(tmp_path: Path) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=-1)).isoformat()
    status = {"token": "first", "expirationTimestamp": soon}
    told = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    script = (
        f"echo x >> {tmp_path}/ran; [ $(wc -l < {tmp_path}/ran) = 1 ] || exit 1; echo '{json.dumps(told)}'"
    )
    login, clock = config.log_in(kubeconfig(tmp_path, **plugin(tmp_path, script))), ManualClock()
    transport = Transport(login.configuration, clock)
    for _ in range(3):
        assert transport.authorization() == "Bearer first"
        clock.turn(AUTHORIZATION)
    assert (tmp_path / "ran").read_text().count("x") > 1


def test_a_plugin_whose_logins_are_short_is_run_when_half_of_one_is_over(tmp_path: Path) -> None:
    def ran(seconds: float) -> int:
        """How often, in four seconds of requests, for logins that last so many."""
        count = tmp_path / f"ran-{seconds:g}"
        ends = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        status = {"token": "t", "expirationTimestamp": ends}
        told = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
        user = plugin(tmp_path, f"echo x >> {count}; echo '{json.dumps(told)}'")
        clock = ManualClock()
        transport = Transport(config.log_in(kubeconfig(tmp_path, **user)).configuration, clock)
        for _ in range(4):
            assert transport.authorization() == "Bearer t"
            clock.turn(AUTHORIZATION)
        return count.read_text().count("x")

    assert ran(240) == 1
    assert ran(-1) == 5


def test_a_plugin_whose_logins_are_short_is_asked_for_each_half_also_after_the_first(tmp_path: Path) -> None:
    count = tmp_path / "ran"
    script = (
        f"echo x >> {count}; "
        "test $(wc -l < %s) = 1 && ends=2000-01-01T00:00:00Z || ends=$(date -u -d '+4 minutes' +%%FT%%TZ); "
        'echo "{\\"apiVersion\\": \\"client.authentication.k8s.io/v1\\", \\"kind\\": \\"ExecCredential\\", '
        '\\"status\\": {\\"token\\": \\"t\\", \\"expirationTimestamp\\": \\"$ends\\"}}"'
    ) % count
    login, clock = config.log_in(kubeconfig(tmp_path, **plugin(tmp_path, script))), ManualClock()
    transport = Transport(login.configuration, clock)
    for _ in range(5):
        assert transport.authorization() == "Bearer t"
        clock.turn(AUTHORIZATION)
    assert count.read_text().count("x") == 2


def test_nobody_is_asked_for_a_login_that_does_not_end(tmp_path: Path) -> None:
    assert config.log_in(kubeconfig(tmp_path, token="t")).configuration.refresh_api_key_hook is None


@pytest.mark.parametrize("user", [{"exec": "kubelogin"}, {"auth-provider": "gcp"}])
def test_what_logs_in_and_has_another_shape_is_the_users_mistake(tmp_path: Path, user: Any) -> None:
    with pytest.raises(CannotStart, match="gives no"):
        config.log_in(kubeconfig(tmp_path, **user))


def test_a_token_in_a_file_is_the_one_that_stands_there_now(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    login, clock = config.log_in(kubeconfig(tmp_path, tokenFile="token")), ManualClock()
    transport = Transport(login.configuration, clock)
    assert transport.authorization() == "Bearer first"
    for found in ("second", ""):
        (tmp_path / "token").write_text(found)
        clock.turn(AUTHORIZATION)
        assert transport.authorization() == "Bearer second"
    (tmp_path / "token").unlink()
    clock.turn(AUTHORIZATION)
    assert transport.authorization() == "Bearer second"


def test_a_token_in_a_file_is_read_anew_after_a_no(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first")
    login = config.log_in(kubeconfig(tmp_path, tokenFile="token"))
    shown = Transport(login.configuration, ManualClock()).shown
    refused = shown.now()
    assert not shown.another(refused)
    (tmp_path / "token").write_text("second")
    assert shown.another(refused)
    assert shown.now() != refused


def test_where_openssl_knows_a_folder_alone_the_systems_file_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    system = Path("/etc/ssl/certs/ca-certificates.crt")
    if not system.is_file():
        pytest.skip(f"this system keeps no {system}")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    assert authorities() == str(system)
