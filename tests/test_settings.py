"""Where a setting comes from: flags over environment over file over defaults; wrong ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoskit import settings
from chaoskit.errors import InvalidInput


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text("namespace: from-file\nmax-pods: 3\nchaos-cooldown: 5m\n", encoding="utf-8")
    return path


def test_nothing_set_is_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = settings.load({}, environment={"CHAOSKIT_HOME": "/somewhere"})
    assert loaded.settings.home == Path("/somewhere")
    assert loaded.settings.chaos_cooldown == 0
    assert loaded.origins["chaos_cooldown"] == "default"


def test_a_home_that_a_variable_set_is_not_called_the_default() -> None:
    assert settings.load({}, environment={"CHAOSKIT_HOME": "/h"}).origins["home"] == "CHAOSKIT_HOME"
    assert settings.load({}, environment={"XDG_STATE_HOME": "/h"}).origins["home"] == "default"


def test_a_store_in_the_users_home_lies_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    file.write_text("store: ~/history.db\n", encoding="utf-8")
    assert settings.load({}, environment={}, file=file).settings.store == "/home/ada/history.db"
    assert settings.load({"store": "mongodb://h/~x"}, environment={}).settings.store == "mongodb://h/~x"


def test_a_home_in_the_environment_goes_before_that_of_the_file(file: Path) -> None:
    file.write_text("home: /from-file\n", encoding="utf-8")
    loaded = settings.load({}, environment={"CHAOSKIT_HOME": "/from-env"}, file=file)
    assert (loaded.settings.home, loaded.origins["home"]) == (Path("/from-env"), "CHAOSKIT_HOME")
    loaded = settings.load({}, environment={"CHAOSKIT_HOME": ""}, file=file)
    assert (loaded.settings.home, loaded.origins["home"]) == (Path("/from-file"), str(file))


@pytest.mark.parametrize(
    "name",
    [
        "home", "store", "prometheus_ca", "store_ca", "store_certificate", "alerts_from_ca",
        "alerts_from_token_file",
    ],
)  # fmt: skip
def test_a_path_in_the_users_home_lies_there(file: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    file.write_text(f"{name}: ~/x\nsignals: [~/mine.yaml, other.yaml]\n", encoding="utf-8")
    found = settings.load({}, environment={}, file=file).settings
    assert str(getattr(found, name)) == "/home/ada/x"
    assert found.signals == ("/home/ada/mine.yaml", "other.yaml")


def test_a_path_in_nobodys_home_is_named(file: Path) -> None:
    file.write_text("home: ~nobody-of-that-name/x\n", encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        settings.load({}, environment={}, file=file)
    assert caught.value.problems[0].expected == "a path in the home of a user who exists"


@pytest.mark.parametrize("name", ["prometheus", "webhook", "pagerduty_url", "alertmanager", "alerts_from"])
@pytest.mark.parametrize(
    "address", ["nonsense", "localhost:9090", "ftp://h", "http://", "http://h:nine", "http://["]
)
def test_where_nobody_can_be_asked_is_no_address(name: str, address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        settings.load({}, environment={f"CHAOSKIT_{name.upper()}": address})
    (problem,) = caught.value.problems
    assert (problem.field, problem.expected) == (name, "an address such as http://localhost:9090")
    assert (problem.found == f'"{address}"') is (name != "webhook")


@pytest.mark.parametrize("address", ["http://h", "https://ada:pw@h:9090/prometheus", "http://[::1]:9093/"])
def test_addresses_are_taken_as_they_are(address: str) -> None:
    assert settings.load({"prometheus": address}, environment={}).settings.prometheus == address


def test_each_layer_wins_over_the_one_before(file: Path) -> None:
    env = {"CHAOSKIT_NAMESPACE": "from-env", "CHAOSKIT_MAX_PODS": "4", "CHAOSKIT_HOME": "/h"}
    loaded = settings.load({"namespace": "from-flag", "store": None}, environment=env, file=file)
    assert loaded.settings.namespace == "from-flag"
    assert loaded.settings.max_pods == 4
    assert loaded.settings.chaos_cooldown == 300
    assert loaded.origins["namespace"] == "flag"
    assert loaded.origins["max_pods"] == "CHAOSKIT_MAX_PODS"
    assert loaded.origins["chaos_cooldown"] == str(file)
    assert loaded.origins["store"] == "default"


def test_a_file_in_the_working_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "chaoskit.yaml").write_text("model: shop\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert settings.load({}, environment={}).settings.model == "shop"


@pytest.mark.parametrize("environment", [{}, {"CHAOSKIT_CONFIG": ""}], ids=["unset", "empty"])
@pytest.mark.parametrize("name", settings.VOUCHING)
def test_a_file_that_nobody_named_runs_nobodys_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, environment: dict[str, str]
) -> None:
    value = "x" * settings.SHORTEST_KEY
    (tmp_path / "chaoskit.yaml").write_text(f"model: shop\n{name}: {value}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput) as caught:
        settings.load({}, environment=environment)
    (problem,) = caught.value.problems
    variable = f"CHAOSKIT_{name.upper()}"
    assert str(problem).startswith(f"chaoskit.yaml:2:1  {name} is set by a file that nobody named")
    assert problem.expected == f"{variable}, or --config chaoskit.yaml"
    by_flag = settings.load({}, environment={}, file=Path("chaoskit.yaml"))
    by_variable = settings.load({}, environment={"CHAOSKIT_CONFIG": "chaoskit.yaml"})
    assert {str(getattr(each.settings, name)) for each in (by_flag, by_variable)} == {value}


def test_protected_namespaces_can_be_given_in_the_environment() -> None:
    env = {"CHAOSKIT_PROTECTED_NAMESPACES": "bank, payroll", "CHAOSKIT_MAX_PODS": ""}
    assert settings.load({}, environment=env).settings.protected_namespaces == ("bank", "payroll")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_pods: many", "max_pods"),
        ("max_podz: 1", "max_podz"),
        ("- a\n- b", "one mapping"),
        ("a: [", "valid YAML"),
        ("max_pods: 1\nmax_pods: 2", ":2:1  max_pods is written twice"),
        ("max_pods: 1\nmax-pods: 2", ":2:1  max-pods is written twice, first in line 1"),
        ("model: a\nmax_podz: 1", ":2:1  max_podz is unknown"),
        ("max_podz: 1", "did you mean max_pods?"),
        ("max_pods: many", ':1:11  max_pods is "many", expected a whole number'),
        ("settings: {}\norigins: {}", "chaoskit config init"),
    ],
)
def test_a_wrong_file_is_named_with_the_field(file: Path, text: str, says: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        settings.load({}, environment={}, file=file)
    told = caught.value.message + "".join(str(problem) for problem in caught.value.problems)
    assert str(file) in told
    assert says in told


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        settings.load({}, environment={}, file=tmp_path / "none.yaml")


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        settings.load({}, environment={"CHAOSKIT_MAX_PERCENT": "300"})
    assert caught.value.problems[0].path == "CHAOSKIT_MAX_PERCENT"


@pytest.mark.parametrize("name", ["kubeconfig", "context"])
def test_a_flag_that_a_failed_command_left_empty_does_not_mean_the_usual_cluster(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        settings.load({name: ""}, environment={"CHAOSKIT_CONTEXT": "production"})
    assert str(caught.value.problems[0]) == f"flag  {name} is empty, expected a value"


def test_the_value_of_a_misspelt_name_is_not_shown(file: Path) -> None:
    file.write_text("prometheus-tokn: s3cret", encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        settings.load({}, environment={}, file=file)
    told = "".join(str(problem) for problem in caught.value.problems)
    assert "prometheus_tokn" in told
    assert "s3cret" not in told


def test_a_key_that_can_be_guessed_is_refused_and_never_told() -> None:
    with pytest.raises(InvalidInput) as raised:
        settings.load({}, environment={"CHAOSKIT_MODEL_KEY": "hunter2"})
    assert "hunter2" not in str(raised.value.problems[0])
    assert "16 characters or more" in raised.value.problems[0].expected
    assert "a" * 16 not in repr(settings.load({"model_key": "a" * 16}, environment={}).settings)


def test_a_file_that_is_no_text_is_told_with_its_line(file: Path) -> None:
    file.write_bytes(b"model: a\nstore: \xff\n")
    with pytest.raises(InvalidInput) as caught:
        settings.load({}, environment={}, file=file)
    assert (caught.value.problems[0].line, caught.value.problems[0].expected) == (2, "text in UTF-8")


def test_variables_that_mean_nothing_are_warned_of(tmp_path: Path) -> None:
    env = {
        "CHAOSKIT_MAXPODS": "3",
        "CHAOSKIT_HOME": "/h",
        "CHAOSKIT_SHARED": "/s",
        "CHAOSKIT_PORT": "tcp://1",
    }
    env |= {"CHAOSKIT_SERVICE_HOST": "10.0.0.1", "CHAOSKIT_PORT_80_TCP": "x", "CHAOSKIT_MAX_PODS": "1"}
    loaded = settings.load({}, environment=env)
    assert loaded.warnings == ("CHAOSKIT_MAXPODS is no setting; did you mean CHAOSKIT_MAX_PODS?",)


def test_what_is_written_loads_back(tmp_path: Path) -> None:
    env = {
        "CHAOSKIT_MAX_PODS": "3", "CHAOSKIT_CHAOS_COOLDOWN": "5m", "CHAOSKIT_WEBHOOK": "https://h/s3cret",
        "CHAOSKIT_PROTECTED_NAMESPACES": "a,b", "CHAOSKIT_STORE": "mongodb://me:s3cret@host/db",
    }  # fmt: skip
    loaded = settings.load({}, environment=env)
    path = tmp_path / "again.yaml"
    path.write_text(settings.written(loaded.settings), encoding="utf-8")
    assert "s3cret" not in path.read_text(encoding="utf-8")
    again = settings.load({}, environment={"CHAOSKIT_WEBHOOK": env["CHAOSKIT_WEBHOOK"]}, file=path)
    assert again.settings == loaded.settings.model_copy(update={"store": ""})
    assert again.origins["max_pods"] == str(path)
    assert again.origins["max_percent"] == "default"
