"""Which kubeconfig and context are chosen, and what is said when there is none."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from chaoskit.adapters.kubernetes.config import Context, choose, log_in
from chaoskit.errors import CannotStart


def kubeconfig(path: Path, *names: str, current: str = "", user: dict[str, Any] | None = None) -> Path:
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example:6443"}} for name in names],
        "users": [{"name": name, "user": user or {"token": f"token-of-{name}"}} for name in names],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": f"ns-{name}"}}
            for name in names
        ],
    }
    path.write_text(json.dumps(document | ({"current-context": current} if current else {})))
    return path


def test_the_current_context_is_taken(tmp_path: Path) -> None:
    login = log_in(kubeconfig(tmp_path / "c", "one", "two", current="two"))
    assert (login.name, login.namespace) == ("two", "ns-two")
    assert login.configuration.host == "https://two.example:6443"
    assert login.configuration.auth_settings()["BearerToken"]["value"] == "Bearer token-of-two"


def test_a_named_context_goes_before_the_current_one(tmp_path: Path) -> None:
    assert log_in(kubeconfig(tmp_path / "c", "one", "two", current="two"), "one").name == "one"


def test_a_path_that_is_given_is_one_whatever_stands_in_it(tmp_path: Path) -> None:
    (tmp_path / "a:b").mkdir()
    given = kubeconfig(tmp_path / "a:b" / "config", "one", current="one", user={"tokenFile": "token"})
    (tmp_path / "a:b" / "token").write_text("s3cret")
    login = log_in(given)
    assert login.configuration.host == "https://one.example:6443"
    assert login.configuration.auth_settings()["BearerToken"]["value"] == "Bearer s3cret"


def test_of_several_files_the_first_that_says_something_wins(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "first", "one", current="one")
    second = kubeconfig(tmp_path / "second", "two", current="two")
    paths = os.pathsep.join([str(tmp_path / "absent"), str(first), str(second)])
    assert log_in(environ={"KUBECONFIG": paths}).name == "one"
    assert log_in(None, "two", environ={"KUBECONFIG": paths}).configuration.host == "https://two.example:6443"


def test_a_context_may_stand_in_another_file_than_its_user_whose_token_lies_beside_that(
    tmp_path: Path,
) -> None:
    (tmp_path / "users").mkdir()
    (tmp_path / "users/token").write_text("s3cret")
    users = kubeconfig(tmp_path / "users/c", "one", user={"tokenFile": "token"})
    document = json.loads(kubeconfig(tmp_path / "c", "one", current="one").read_text())
    (tmp_path / "c").write_text(json.dumps({**document, "users": []}))
    login = log_in(environ={"KUBECONFIG": os.pathsep.join([str(tmp_path / "c"), str(users)])})
    assert login.configuration.auth_settings()["BearerToken"]["value"] == "Bearer s3cret"


def test_a_context_is_chosen_with_what_is_said_of_its_cluster_and_user() -> None:
    said = {"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}]}
    first = {"clusters": [{"name": "c", "cluster": {"server": "s"}}]}
    later = {"clusters": [{"name": "c", "cluster": {"server": "t"}}], "users": [{"name": "u", "user": None}]}
    assert choose([said, first, later], None, "x") == Context("a", "default", {"server": "s"}, {})


@pytest.mark.parametrize("token", [5, ["token"]])
def test_a_tokens_file_that_is_no_path_is_the_users_mistake(tmp_path: Path, token: Any) -> None:
    with pytest.raises(CannotStart, match="cannot be used"):
        log_in(kubeconfig(tmp_path / "c", "one", current="one", user={"tokenFile": token}))


def test_no_kubeconfig_says_how_to_start_the_simulator(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no cluster") as raised:
        log_in(environ={"KUBECONFIG": str(tmp_path / "absent")}, account=tmp_path)
    assert "chaoskit sim up" in raised.value.hint


@pytest.mark.parametrize("empty", ["", " ", os.pathsep])
def test_a_variable_that_a_failed_command_left_empty_means_no_other_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube/config", "production", current="production")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert log_in(environ={}).name == "production"
    for environ in ({"KUBECONFIG": empty}, IN_POD | {"KUBECONFIG": empty}):
        with pytest.raises(CannotStart, match="KUBECONFIG is set, but empty"):
            log_in(environ=environ, account=account(tmp_path, token="s3cret", ca_crt="PEM"))


def test_a_kubeconfig_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="there is no kubeconfig at") as raised:
        log_in(tmp_path / "absent")
    assert "chaoskit sim up" in raised.value.hint


def test_an_unknown_context_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no context 'three'") as raised:
        log_in(kubeconfig(tmp_path / "c", "one", "two", current="two"), "three")
    assert raised.value.hint.endswith("one, two")


def test_a_kubeconfig_without_current_context_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no current context") as raised:
        log_in(kubeconfig(tmp_path / "c", "one"))
    assert "--context" in raised.value.hint


@pytest.mark.parametrize("text", ["", "a: [", "just a word", "contexts: 5", "contexts: [{}]"])
def test_a_file_of_another_shape_cannot_be_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "c").write_text(text)
    with pytest.raises(CannotStart):
        log_in(tmp_path / "c", "one")


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("cluster", "certificate-authority-data"),
        ("user", "client-certificate-data"),
        ("user", "client-key-data"),
    ],
)
def test_a_field_that_is_no_base64_is_named_without_its_value(tmp_path: Path, kind: str, field: str) -> None:
    path = kubeconfig(tmp_path / "c", "one", "other", current="one")
    document = json.loads(path.read_text())
    document[f"{kind}s"][0][kind][field] = "geheim123"
    path.write_text(json.dumps(document))
    with pytest.raises(CannotStart, match=f"cannot be used: {field} is no base64") as raised:
        log_in(path)
    assert "geheim" not in str(raised.value)
    assert log_in(path, "other").name == "other"


def test_a_plugin_is_run_for_the_token(tmp_path: Path) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-the-plugin"},
    }
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(credential)}'\n")
    plugin.chmod(0o700)
    run = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(plugin),
            "interactiveMode": "Never",
        }
    }
    login = log_in(kubeconfig(tmp_path / "c", "one", current="one", user=run))
    assert login.configuration.auth_settings()["BearerToken"]["value"] == "Bearer from-the-plugin"


def test_user_and_password_log_in_too(tmp_path: Path) -> None:
    user = {"username": "ada", "password": "x:y"}
    login = log_in(kubeconfig(tmp_path / "c", "one", current="one", user=user))
    expected = "Basic " + base64.b64encode(b"ada:x:y").decode()
    assert login.configuration.auth_settings()["BearerToken"]["value"] == expected


def account(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


IN_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443", "KUBECONFIG": "/absent"}


def test_inside_a_pod_its_own_account_logs_in(tmp_path: Path) -> None:
    place = account(tmp_path, token="s3cret", ca_crt="PEM", namespace="chaos\n")
    login = log_in(environ=IN_POD, account=place)
    assert (login.name, login.namespace) == ("in-cluster", "chaos")
    assert login.configuration.host == "https://10.96.0.1:443"
    assert login.configuration.auth_settings()["BearerToken"]["value"] == "Bearer s3cret"


def test_a_context_is_never_taken_for_the_pods_own_cluster(tmp_path: Path) -> None:
    place = account(tmp_path, token="s3cret", ca_crt="PEM")
    with pytest.raises(CannotStart, match="no kubeconfig that could have a context 'staging'"):
        log_in(None, "staging", environ=IN_POD, account=place)


def test_a_file_that_is_no_text_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"a: \xff\n")
    with pytest.raises(CannotStart, match="no text in UTF-8"):
        log_in(tmp_path / "c")


def test_a_kubeconfig_goes_before_the_pods_account(tmp_path: Path) -> None:
    place = account(tmp_path, token="s3cret", ca_crt="PEM")
    path = kubeconfig(tmp_path / "c", "one", current="one")
    assert log_in(environ=IN_POD | {"KUBECONFIG": str(path)}, account=place).name == "one"


def test_a_pod_without_certificate_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="service account"):
        log_in(environ=IN_POD, account=account(tmp_path, token="s3cret"))
