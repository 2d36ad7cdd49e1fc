"""Answers of API servers, recorded and made up, and the one error that each of them means."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import urllib3.exceptions
from tests.servers import shared_folder

from chaoskit.adapters.kubernetes import errors
from chaoskit.errors import (
    CannotStart,
    ChaoskitError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Refused,
    Unavailable,
)

ADDRESS = "https://10.0.0.1:6443"
BY_CODE: dict[int, type[ChaoskitError]] = {
    400: InvalidInput,
    401: CannotStart,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: errors.Expired,
    415: InvalidInput,
    422: InvalidInput,
    500: Unavailable,
}


def translated(code: int, body: Any, headers: dict[str, str] | None = None) -> ChaoskitError:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return errors.translate(errors.read_failure("get pod/a in shop", ADDRESS, code, raw, headers))


def status(code: int, message: str, **details: Any) -> dict[str, Any]:
    return {"kind": "Status", "code": code, "message": message, "reason": "X", "details": details}


def recorded_failures() -> list[Any]:
    """(name, code, body) of every refusal that a real API server was recorded giving."""
    source: Path = shared_folder() / "recordings" / "kubernetes" / "http.jsonl"
    if not source.is_file():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"{source} is not there"))]
    answers = (json.loads(line) for line in source.read_text().splitlines())
    return [
        pytest.param((each["response"]["status"], each["response"]["body"]), id=f"{each['n']}-{each['name']}")
        for each in answers
        if each["response"]["status"] >= 400
    ]


@pytest.mark.parametrize("recorded", recorded_failures())
def test_every_recorded_refusal_becomes_the_error_of_its_code(recorded: tuple[int, Any]) -> None:
    code, body = recorded
    error = translated(code, body)
    blocked = code == 429 and "disruption budget" in str(body)
    path = code == 404 and not (isinstance(body, dict) and body["details"].get("name"))
    expected = errors.Unserved if path else BY_CODE.get(code, Unavailable)
    assert type(error) is (Refused if blocked else expected)
    said = body["message"] if isinstance(body, dict) else body.strip()
    assert code == 401 or said in str(error)


def test_an_error_says_what_was_attempted() -> None:
    assert str(translated(404, status(404, 'pods "a" not found', name="a"))) == (
        'cannot get pod/a in shop: pods "a" not found'
    )


@pytest.mark.parametrize(
    "body",
    [
        "404 page not found",
        "<html><h1>404 Not Found</h1></html>",
        status(404, 'kubernetes cluster "prod" not found'),
        {"type": "error", "code": "NotFound", "details": {"name": "a"}},
    ],
    ids=["mux", "proxy", "gateway", "no Status"],
)
def test_who_names_no_object_does_not_say_that_one_is_missing(body: Any) -> None:
    error = translated(404, body)
    assert isinstance(error, errors.Unserved)
    assert error.harmless
    assert "address" in error.hint


def test_a_kubelet_knows_that_a_pod_has_gone() -> None:
    assert isinstance(translated(404, "pod does not exist\n"), NotFound)


@pytest.mark.parametrize("of", [{"name": "fast", "kind": "storageclasses"}, {}])
def test_a_webhook_that_misses_something_says_no_to_the_request_and_nothing_of_its_object(
    of: dict[str, Any],
) -> None:
    words = 'admission webhook "x.io" denied the request: cannot get it: storageclasses "fast" not found'
    error = translated(404, status(404, words, **of))
    assert type(error) is Forbidden
    assert words in str(error)
    assert not error.hint


_POLICY = (
    "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"
)
_WEBHOOK = 'admission webhook "x.io" denied the request: no'


@pytest.mark.parametrize(
    ("code", "words"), [(422, _POLICY), (403, _POLICY), (400, _WEBHOOK), (409, _WEBHOOK), (429, _WEBHOOK)]
)
def test_a_no_of_a_policy_or_a_webhook_is_one_whatever_its_code_and_no_mistake_of_the_document(
    code: int, words: str
) -> None:
    causes = [{"message": words}]
    error = translated(code, status(code, words, name="web", kind="deployments", causes=causes))
    assert type(error) is Forbidden
    assert words in str(error)
    assert not error.hint


def test_a_field_that_speaks_of_a_denied_request_is_a_mistake_of_the_document() -> None:
    words = 'Deployment "web" is invalid: spec.paused: Invalid value: "he denied the request"'
    assert isinstance(translated(422, status(422, words, name="web")), InvalidInput)


def test_an_invalid_object_lists_every_wrong_field() -> None:
    causes = [
        {
            "reason": "FieldValueInvalid",
            "field": "spec.replicas",
            "message": "Invalid value: -1: must be >= 0",
        },
        {"reason": "FieldValueRequired", "field": "spec.image", "message": "Required value"},
        {
            "reason": "FieldValueNotSupported",
            "field": "spec.kind",
            "message": 'Unsupported value: "X": supported values: "A"',
        },
    ]
    error = translated(422, status(422, "is invalid", name="web", kind="Deployment", causes=causes))
    assert isinstance(error, InvalidInput)
    assert [(each.field, each.found, each.expected) for each in error.problems] == [
        ("spec.replicas", "-1", "must be >= 0"),
        ("spec.image", "missing", "a value"),
        ("spec.kind", '"X"', 'supported values: "A"'),
    ]


def test_a_blocked_eviction_names_guard_and_limit() -> None:
    limit = "The disruption budget web needs 2 healthy pods and has 2 currently"
    error = translated(
        429, status(429, "Cannot evict pod", causes=[{"reason": "DisruptionBudget", "message": limit}])
    )
    assert isinstance(error, Refused)
    assert (error.guard, error.limit) == ("disruption budget", limit)


def test_a_busy_server_is_unavailable_not_refusing() -> None:
    assert isinstance(translated(429, "Too many requests, please try again later."), Unavailable)


def test_a_missing_right_hints_at_roles_and_a_quota_does_not() -> None:
    right = translated(403, status(403, 'pods is forbidden: User "x" cannot list resource "pods"'))
    quota = translated(403, status(403, 'pods "over" is forbidden: exceeded quota: q'))
    assert "Role" in right.hint
    assert quota.hint == ""


@pytest.mark.parametrize("body", ["", "<html>Bad Gateway</html>", '"a string"', "[1]"])
def test_a_proxys_page_is_no_status_but_still_an_error(body: str) -> None:
    error = translated(502, body)
    assert isinstance(error, Unavailable)
    assert error.address == ADDRESS


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_retry_after_is_read_as_seconds_only(header: str, seconds: float | None) -> None:
    failure = errors.read_failure("x", ADDRESS, 429, b"", {"Retry-After": header})
    assert failure.retry_after == seconds


POOL: Any = None  # no pool is needed to make the pool's errors


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (urllib3.exceptions.NewConnectionError(POOL, "boom"), "does not accept connections"),
        (urllib3.exceptions.ReadTimeoutError(POOL, "u", "boom"), "does not answer in time"),
        (urllib3.exceptions.ConnectTimeoutError(POOL, "boom"), "does not answer in time"),
        (urllib3.exceptions.ProtocolError("Connection aborted."), "cut the connection"),
        (urllib3.exceptions.SSLError("bad"), "TLS"),
    ],
)
def test_what_happened_on_the_wire_is_told(error: Exception, says: str) -> None:
    translated_error = errors.translate_transport("list pods", ADDRESS, error)
    assert says in str(translated_error)
    assert ADDRESS in str(translated_error)


def test_only_a_request_that_cannot_have_arrived_counts_as_never_sent() -> None:
    refused = urllib3.exceptions.NewConnectionError(POOL, "boom")
    assert errors.was_never_sent(refused)
    assert not errors.was_never_sent(urllib3.exceptions.ProtocolError("reset"))
    assert not errors.was_never_sent(urllib3.exceptions.ReadTimeoutError(POOL, "u", "m"))


@pytest.mark.parametrize(
    ("code", "message", "harmless"),
    [
        (429, "Too many requests, please try again later.", True),
        (500, 'Internal error occurred: failed calling webhook "policy.example.com"', True),
        (500, "etcdserver: request timed out", False),
        (502, "<html>Bad Gateway</html>", False),
        (504, "Timeout: request did not complete within requested timeout", False),
    ],
)
def test_a_failure_is_harmless_only_if_the_server_cannot_act_on_it_later(
    code: int, message: str, *, harmless: bool
) -> None:
    error = translated(code, message)
    assert isinstance(error, Unavailable)
    assert error.harmless is harmless


def test_what_never_reached_the_server_is_harmless_and_a_cut_connection_is_not() -> None:
    refused = urllib3.exceptions.NewConnectionError(POOL, "boom")
    cut = urllib3.exceptions.ProtocolError("Connection aborted.")
    found = [errors.translate_transport("create pod/a", ADDRESS, each).harmless for each in (refused, cut)]
    assert found == [True, False]


def test_a_distrusted_certificate_points_at_the_kubeconfig() -> None:
    error = urllib3.exceptions.SSLError(ssl.SSLCertVerificationError("self-signed"))
    error.__cause__ = ssl.SSLCertVerificationError("self-signed")
    assert errors.is_about_trust(error)
    assert "certificate-authority" in errors.translate_transport("x", ADDRESS, error).hint


def test_an_apply_that_an_old_server_cannot_read_is_the_writers_matter() -> None:
    said = "failed to create typed patch object: .spec.ports: element 0: omits key field"
    assert isinstance(translated(500, status(500, said)), InvalidInput)
