"""As whom a kubeconfig acts, and that every kind of request says so."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.wire import Answer, Asked, kubeconfig_of, scripted

from chaoskit import kube
from chaoskit.adapters.kubernetes import connect
from chaoskit.adapters.kubernetes.config import log_in
from chaoskit.adapters.kubernetes.errors import read_failure, translate
from chaoskit.clock import ManualClock
from chaoskit.errors import CannotStart, ChaoskitError, Forbidden
from chaoskit.ports.cluster import Access, ObjectRef


def kubeconfig(path: Path, server: str = "https://one.example:6443", **user: Any) -> Path:
    return kubeconfig_of(path, server, {"token": "s3cret", **user})


BOB: dict[str, Any] = {
    "as": "bob",
    "as-uid": "7",
    "as-groups": ["dev", "on, call"],
    "as-user-extra": {"example.org/reason": ["drill", "night"], "Team": ["jörg"]},
}
HEADERS = (
    ("Impersonate-User", "bob"),
    ("Impersonate-Uid", "7"),
    ("Impersonate-Group", "dev"),
    ("Impersonate-Group", "on, call"),
    ("Impersonate-Extra-Team", "jörg"),
    ("Impersonate-Extra-example.org%2Freason", "drill"),
    ("Impersonate-Extra-example.org%2Freason", "night"),
)


def test_what_a_user_says_with_as_becomes_headers(tmp_path: Path) -> None:
    assert log_in(kubeconfig(tmp_path / "c", **BOB)).acting.headers == HEADERS


@pytest.mark.parametrize("user", [{}, {"as": None}, {"as": "", "as-groups": []}, {"as-user-extra": None}])
def test_who_names_nobody_acts_as_itself(tmp_path: Path, user: dict[str, Any]) -> None:
    assert log_in(kubeconfig(tmp_path / "c", **user)).acting.headers == ()


def test_of_several_files_the_first_that_knows_the_user_says_whom(tmp_path: Path) -> None:
    first, second = (
        kubeconfig(tmp_path / "a", **{"as": "bob"}),
        kubeconfig(tmp_path / "b", **BOB | {"as": "eve"}),
    )
    login = log_in(environ={"KUBECONFIG": f"{first}:{second}"})
    assert login.acting.headers == (("Impersonate-User", "bob"),)


@pytest.mark.parametrize(
    "user",
    [
        {"as-groups": ["dev"]},
        {"as-uid": "7"},
        {"as-user-extra": {"a": ["b"]}},
        {"as": 5},
        {"as": ["bob"]},
        {"as": "bob", "as-groups": "dev"},
        {"as": "bob", "as-groups": [["dev"]]},
        {"as": "bob\r\nImpersonate-Group: system:masters"},
    ],
    ids=str,
)
def test_who_cannot_be_acted_as_starts_nothing(tmp_path: Path, user: dict[str, Any]) -> None:
    with pytest.raises(CannotStart) as raised:
        log_in(kubeconfig(tmp_path / "c", **user))
    assert "begins with `as`" in raised.value.hint


def _server(asked: Asked) -> Answer:
    if asked.path == "/apis":
        return Answer(body={"groups": []})
    if asked.path == "/api/v1":
        return Answer(body={"resources": [{"name": "pods", "kind": "Pod", "namespaced": True}]})
    if "watch=true" in asked.path:
        body = {"metadata": {"name": "a", "namespace": "shop", "resourceVersion": "8"}}
        return Answer(lines=[{"type": "ADDED", "object": body}])
    if asked.path.endswith("reviews"):
        return Answer(201, {"status": {"allowed": True}})
    if "/exec" in asked.path:
        return Answer(403, {"kind": "Status", "code": 403, "message": "bob cannot create pods/exec"})
    return Answer(body={"metadata": {"resourceVersion": "7"}, "items": []})


def test_requests_streams_and_commands_all_act_as_the_other(tmp_path: Path) -> None:
    heard: list[list[tuple[str, str]]] = []
    with scripted(_server) as wire:
        path = kubeconfig(tmp_path / "c", wire.url, **BOB)
        with connect(path, clock=ManualClock()) as cluster:
            assert cluster.acting_as == "bob"
            cluster.can_i(Access("get", "", "pods"))
            stop = threading.Event()
            watch = cluster.watch(kube.POD, "shop", stop=stop)
            assert [next(watch).type for _ in range(2)] == ["SYNCED", "ADDED"]
            stop.set()
            with pytest.raises(Forbidden, match="bob cannot create pods/exec"):
                cluster.exec(ObjectRef(kube.POD, "shop", "a"), ["true"])
    for each in wire.asked:
        said = [(name, _text(value)) for name, value in each.all_headers if name.startswith("Impersonate-")]
        heard.append(said)
        assert each.headers["Authorization"] == "Bearer s3cret"
    assert {"exec", "pods", "v1", "selfsubjectaccessreviews"} == {
        each.path.partition("?")[0].rpartition("/")[2] for each in wire.asked
    }
    assert heard == [list(HEADERS)] * len(heard)


def _text(value: str) -> str:
    """What was sent as UTF-8 and read as what http.client takes it for."""
    return value.encode("latin-1").decode()


def test_a_login_that_may_not_act_as_the_other_can_do_nothing() -> None:
    said = (
        'users "bob" is forbidden: User "ada" cannot impersonate resource "users" '
        'in API group "" at the cluster scope'
    )
    body = json.dumps({"kind": "Status", "message": said, "reason": "Forbidden"}).encode()
    error: ChaoskitError = translate(read_failure("ask", "https://one", 403, body))
    assert type(error) is CannotStart
    assert "users[].user.as" in error.hint
