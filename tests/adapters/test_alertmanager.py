"""An Alertmanager that is asked what fires: to whom the token is shown, and what is no answer."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest
from tests.wire import Answer, scripted

from chaoskit.adapters.alertmanager import AlertmanagerAlerts, same_origin
from chaoskit.errors import InvalidInput, Unavailable


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(500), "answered with 500"),
        (Answer(200, {"alerts": []}), "answered otherwise: this is no answer of Alertmanager's"),
        (Answer(200, b"<html>"), "gave no answer"),
        (Answer(cut=True), "gave no answer"),
    ],
)
def test_an_answer_that_is_none_is_no_silence(answer: Answer, words: str) -> None:
    with scripted(lambda _asked: answer) as server, pytest.raises(Unavailable, match=words):
        AlertmanagerAlerts(server.url).firing()


def test_only_what_nobody_silenced_is_asked_for() -> None:
    with scripted(lambda _asked: Answer(200, [])) as server:
        assert AlertmanagerAlerts(server.url).firing() == ()
        assert server.asked[0].path == (
            "/api/v2/alerts?active=true&silenced=false&inhibited=false&unprocessed=false"
        )


def test_the_token_is_read_anew_for_each_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password her-own", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    token = tmp_path / "token"
    with scripted(lambda _asked: Answer(200, [])) as server:
        for text in ("first\n", "second"):
            token.write_text(text, encoding="utf-8")
            AlertmanagerAlerts(server.url, token_file=str(token)).firing()
        source = AlertmanagerAlerts(server.url, token_file=str(token))
        token.write_text("third", encoding="utf-8")
        source.firing()
        shown = [each.headers["Authorization"] for each in server.asked]
        assert shown == ["Bearer first", "Bearer second", "Bearer third"]
        token.unlink()
        with pytest.raises(Unavailable, match=r"was not asked: .*token cannot be read: no such file"):
            source.firing()
        assert len(server.asked) == 3


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_hears_which_setting_to_look_at(tmp_path: Path, status: int) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret", encoding="utf-8")
    with scripted(lambda _asked: Answer(status)) as server, pytest.raises(Unavailable) as caught:
        AlertmanagerAlerts(server.url, token_file=str(token)).firing()
    assert "alerts_from_token_file" in caught.value.hint
    assert "s3cret" not in caught.value.message


def test_who_sends_elsewhere_is_not_followed_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine localhost login ada password her-own", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    (tmp_path / "token").write_text("s3cret", encoding="utf-8")
    with scripted(lambda _asked: Answer(200, [])) as there:
        elsewhere = there.url.replace("127.0.0.1", "localhost")
        moved = Answer(302, headers={"Location": f"{elsewhere}/?token=x"})
        with scripted(lambda _asked: moved) as server, pytest.raises(Unavailable) as caught:
            AlertmanagerAlerts(server.url, token_file=str(tmp_path / "token")).firing()
        assert there.asked == []
    assert caught.value.message == (
        f"Alertmanager at 127.0.0.1 sends elsewhere (302, to {elsewhere}), where nobody was asked"
    )
    assert "if you trust it" in caught.value.hint


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://am:9093", "http://AM:9093/alertmanager/", True),
        ("https://am", "https://am:443", True),
        ("http://am:9093", "https://am:9093", False),
        ("http://am:9093", "http://am:9094", False),
        ("http://am", "http://am.evil", False),
        ("http://am", "http://am@evil", False),
        ("http://am", "http://evil\\@am", False),
        ("http://am", "", False),
        ("", "", False),
        ("http://[am", "http://[am", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, *, same: bool) -> None:
    assert same_origin(one, other) is same


@pytest.mark.parametrize("text", [None, "", "two\nlines", "\N{SNOWMAN}"])
def test_a_file_without_a_token_is_refused_at_once(tmp_path: Path, text: str | None) -> None:
    token = tmp_path / "token"
    if text is not None:
        token.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"token (holds no token|cannot be read)"):
        AlertmanagerAlerts("http://127.0.0.1:9093", token_file=str(token))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that vouches for itself, with its key."""
    path = tmp_path / "both.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", "-", "-out", "-", "-days", "2", "-subj", "/CN=am",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        capture_output=True, check=True,
    )  # fmt: skip
    path.write_bytes(made.stdout)
    return path


def test_a_ca_of_ones_own_vouches_for_its_certificate(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with scripted(lambda _asked: Answer(200, []), tls=context) as server:
        assert AlertmanagerAlerts(server.url, ca=str(certificate)).firing() == ()
        with pytest.raises(Unavailable, match="nobody vouches for") as caught:
            AlertmanagerAlerts(server.url).firing()
    assert "alerts_from_ca" in caught.value.hint
