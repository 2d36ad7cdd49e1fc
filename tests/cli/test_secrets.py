"""A canary in every way into chaoskit sings nowhere: in no output, report, journal, store or traceback."""

from __future__ import annotations

import base64
import html
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml
from tests.cli.made import experiment
from tests.commandline import CommandLine, Ended, Watched, read_until
from tests.reports.made import weak
from tests.servers import pace, until
from tests.wire import Answer, scripted

from chaoskit import kube
from chaoskit.adapters import kubernetes
from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.clock import WallClock
from chaoskit.ports.cluster import ObjectRef
from chaoskit.reports import github
from chaoskit.reports.formats import FORMATS, render
from chaoskit.reports.reading import Reported
from chaoskit.simulator.cluster import SimulatedCluster

Write = Callable[[str, str], Path]

CANARY = "cAnAry7f3a91"
REPORTS = tuple(word for name in FORMATS for word in (f"--{name}", f"reports/{name}"))


ODD = f'{CANARY} "2"/&+e'
"""Another, that has to be encoded wherever it goes: of variables, whose values may be anything."""


def _spelt(canary: str) -> dict[str, str]:
    """The canary as programs write it, by who does."""
    whole = base64.b64encode(canary.encode()).decode()
    in_address = quote(canary, safe="")
    return {
        "plain": canary,
        "url": in_address,
        "java": re.sub("%..", lambda code: code[0].lower(), in_address),
        "form": quote_plus(canary),
        "json": json.dumps(canary)[1:-1],
        "go": json.dumps(canary)[1:-1].replace("&", r"\u0026"),
        "within-json": json.dumps(json.dumps(canary)[1:-1])[1:-1],
        "html": html.escape(canary),
        "query": quote(whole, safe=""),
        "lines": base64.encodebytes(canary.encode()).decode(),
    }


def _voices(canary: str) -> set[str]:
    """What the canary is known by: itself, however it is spelt, in base64, whatever is around it there."""
    raw = canary.encode()
    within = {base64.b64encode(bytes(n) + raw).decode()[4 : (n + len(raw)) * 8 // 6] for n in range(3)}
    return {*_spelt(canary).values(), *within}


VOICES = _voices(CANARY) | _voices(ODD)


def _sings(text: str, more: Collection[str] = ()) -> str:
    """Where in the text the canary, or one of these, is heard; "" where it is not."""
    heard = [text.index(voice) for voice in (*VOICES, *more) if voice in text]
    return text[max(0, min(heard) - 200) :][:400] if heard else ""


def _songs(
    home: Path, *ended: Ended, inputs: tuple[Path, ...] = (), more: Collection[str] = ()
) -> Iterator[str]:
    """Where the canary is heard: in outputs, and in every file below `home` but the inputs."""
    for number, each in enumerate(ended):
        for name, text in (("stdout", each.out), ("stderr", each.err)):
            if heard := _sings(text, more):
                yield f"{name} of {number}: {heard}"
    for path in home.rglob("*"):
        # A plan is the document itself, kept so that it can be run; nobody else may read it.
        kept = path.parent.name == "plans" and not path.stat().st_mode & 0o077
        if (
            path.is_file()
            and path not in inputs
            and not kept
            and _sings(path.read_text(errors="replace"), more)
        ):
            yield str(path)


def _ledgers(simulated: Watched) -> str:
    """What chaoskit keeps in the cluster, but for what Litmus needs and the originals of an undo."""
    kinds = (kube.LEASE, kube.CONFIG_MAP, kube.EVENT)
    return json.dumps([each for kind in kinds for each in simulated.cluster.list(kind).items])


def _everything(chaoskit: CommandLine, file: Path, **env: str) -> list[Ended]:
    """Every command that has to do with the document, and with the run that is made of it."""
    ended = [
        chaoskit("validate", file, "-o", "json"),
        chaoskit("plan", file, "-o", "json", env=env),
        chaoskit("run", file, "--yes", "-v", "-o", "json", "--github", *REPORTS, env=env),
        chaoskit("run", file, "--yes", "-v", "--progress", "json", env=env),
    ]
    for each in chaoskit("history", "--kind", "run", "-o", "json").json["records"]:
        ended += [chaoskit(*words, each["id"], "-o", "json") for words in (("show", "--trace"), ("explain",))]
        ended += [chaoskit(*words, each["id"]) for words in (("show",), ("explain",), ("report",))]
        ended.append(chaoskit("report", each["id"], "--bundle", f"bundle-{each['id']}"))
    return [*ended, chaoskit("history", "--weaknesses"), chaoskit("history", "-o", "yaml")]


def _engine(**experiment_spec: object) -> dict[str, object]:
    return {
        "apiVersion": "litmuschaos.io/v1alpha1", "kind": "ChaosEngine",
        "metadata": {"name": "secretive", "namespace": "shop"},
        "spec": {
            "engineState": "active", "chaosServiceAccount": "litmus-admin",
            "terminationGracePeriodSeconds": 30,
            "appinfo": {"appns": "shop", "applabel": "app=cart", "appkind": "deployment"},
            "experiments": [{"name": "pod-delete", "spec": experiment_spec}],
        },
    }  # fmt: skip


def test_a_variable_of_an_experiment(chaoskit: CommandLine, simulated: Watched, write: Write) -> None:
    file = write("x.yaml", experiment("x", parameters={"DB_PASSWORD": CANARY}))
    ended = _everything(chaoskit, file)
    assert [each.code for each in ended[:3]] == [0, 0, 0]
    assert list(_songs(chaoskit.home, *ended, inputs=(file,))) == []
    assert "(hidden)" in (chaoskit.home / "reports/html").read_text(encoding="utf-8")


def test_what_things_are_called_is_told_though_a_secret_holds_it_too(
    chaoskit: CommandLine, write: Write
) -> None:
    held = {name: base64.b64encode(name.encode()).decode() for name in ("payments", "passed", "pod-delete")}
    secret = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "creds", "namespace": "shop"},
        "data": {**held, "password": base64.b64encode(CANARY.encode()).decode()},
    }  # fmt: skip
    labels = {"workloads": [], "selector": {"app": "payments"}}
    one, other = experiment("payments-gone", target="payments"), experiment("by-label", targets=labels)
    file = write("x.yaml", "---\n".join((yaml.safe_dump(secret), one, other)))
    ended = _everything(chaoskit, file)
    assert list(_songs(chaoskit.home, *ended, inputs=(file,))) == []
    assert [each["workloads"] for each in ended[1].json["plans"]] == [["deployment/payments"]] * 2
    for run, name in zip(ended[2].json["runs"], ("payments-gone", "by-label"), strict=True):
        assert (run["name"], run["targets"], run["outcome"]) == (name, ["deployment/payments"], "passed")
        assert run["evidence"]["signals"]
    said = [text for each in ended for text in (each.out, each.err)]
    assert not any("(hidden)-" in text or "/(hidden)" in text for text in said)


def test_where_a_mistake_is_and_how_grave_is_told_whatever_a_secret_holds(
    chaoskit: CommandLine, write: Write
) -> None:
    secret = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "creds", "namespace": "shop"},
        "stringData": {"username": "payments", "level": "warning", "engine": "litmus"},
    }  # fmt: skip
    bare = experiment("payments-gone", target="payments")
    (Path(write("x.yaml", "")).parent / "payments").mkdir()
    write("payments/secret.yaml", yaml.safe_dump(secret))
    file = str(write("payments/payments.yaml", bare))
    told = chaoskit("validate", str(Path(file).parent), "-o", "json")
    (found,) = told.json["findings"]
    assert (found["level"], found["path"]) == ("warning", file)
    words = chaoskit("validate", str(Path(file).parent)).out
    assert f"warning  {file}:" in words
    assert "0 errors, 1 warning" in words


PARAMETERS = {"configMap": "checkout", "CONFIG_MAP": "checkout", "key": "greeting", "value": "x"}
SERVICES = {"service": "checkout", "SERVICE": "payments"}
TYPED = {"kubernetes": {"workload": "sts/payments"}}
QUOTED: dict[str, tuple[str, str]] = {
    "targets": (
        experiment("x", targets={"workloads": ["deploy/payments"]}),
        'is "deploy/payments", expected',
    ),
    "config maps": (experiment("x", fault="config-mutation", parameters=PARAMETERS), 'is "checkout" beside'),
    "services": (experiment("x", fault="service-blackhole", parameters=SERVICES), 'is "payments" beside'),
    "watched": (experiment("x", steadyState=[TYPED]), 'is "sts/payments", expected'),
    "no name": (experiment("x", duration="hunter2"), 'duration is "(hidden)", expected'),
}
"""Experiments with a mistake, and how it is quoted."""


@pytest.mark.parametrize(("text", "told"), QUOTED.values(), ids=QUOTED)
def test_a_mistake_tells_what_targets_and_what_is_beside_them_are_called(
    stranger: CommandLine, write: Write, text: str, told: str
) -> None:
    held = {"username": "payments", "db": "checkout", "password": "hunter2"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "creds"}, "stringData": held}
    ended = stranger("validate", write("x.yaml", f"{yaml.safe_dump(secret)}---\n{text}"))
    assert ended.code == 2
    assert told in ended.out
    given = stranger("validate", write("x.yaml", text), "--var", "password=payments")
    assert "payments" not in given.out + given.err


HEAD = "apiVersion: v1\nkind: Secret\nmetadata: {name: creds, namespace: shop}\n"
NO_SECRETS: dict[str, str] = {
    "a sign": f"stringData:\n  login: @{CANARY}\n",
    "a colon": f"stringData:\n  login: a: {CANARY}\n",
    "a tab": f"stringData:\n\tlogin: {CANARY}\n",
    "an indent": f"stringData:\n  login: a\n   more: {CANARY}\n",
    "a quote": f'stringData:\n  login: "{CANARY}\n  a: b\n',
    "an escape": f'stringData:\n  login: "\\q{CANARY}"\n',
    "a bracket": f"stringData: {{login: {CANARY}, a: [}}\n",
    "twice": f"stringData:\n  login: {CANARY}\n  login: {CANARY}2\n",
    "a mapping": f"stringData:\n  login:\n    a: {CANARY}\n",
    "a list": f"stringData:\n- {CANARY}\n",
    "a text": f"stringData: {CANARY}\n",
    "a number": "stringData: {login: 730915}\n",
}


@pytest.mark.parametrize("text", NO_SECRETS.values(), ids=NO_SECRETS)
def test_a_secret_that_cannot_be_used_is_quoted_nowhere(
    stranger: CommandLine, write: Write, text: str
) -> None:
    file = write("x.yaml", f"{HEAD}{text}---\n{experiment('x')}")
    ended = [stranger(word, file, "-o", form) for word in ("validate", "plan") for form in ("table", "json")]
    ended.append(stranger("run", file, "--dry-run", "client", "--github", *REPORTS))
    assert {each.code for each in ended} == {2}
    assert all("x.yaml" in each.out + each.err for each in ended)
    assert list(_songs(stranger.home, *ended, inputs=(file,), more=("730915",))) == []


def test_what_shape_a_secret_has_is_told(stranger: CommandLine, write: Write) -> None:
    file = write("x.yaml", f"{HEAD}stringData:\n  login: [a]\n  pin: 730915\n---\n{experiment('x')}")
    said = stranger("validate", file).out
    assert "stringData.login is a list, expected text" in said
    assert "stringData.pin is (hidden), expected text" in said


HELD = {
    "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "creds", "namespace": "shop"},
    "stringData": {"username": "staging-eu", "db": "jenkins"},
}  # fmt: skip
KUBECONFIG = {
    "apiVersion": "v1", "kind": "Config", "current-context": "staging-eu",
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    "contexts": [{"name": n, "context": {"cluster": "c", "user": "u"}} for n in ("staging-eu", "other")],
    "users": [{"name": "u", "user": {}}],
}  # fmt: skip
CALLED: dict[str, tuple[tuple[str, ...], str]] = {
    "a context and its like": (("--context", "staging-eu2"), "no context 'staging-eu2'"),
    "the contexts there are": (("--context", "prod"), "choose one with --context: other, staging-eu\n"),
    "a kubeconfig": (("--kubeconfig", "jenkins/none"), "no kubeconfig at jenkins/none\n"),
    "a namespace": (("-n", "staging-eu"), "expected staging-eu, as -n says"),
    "a file that is not there": (("jenkins/none.yaml",), "error    jenkins/none.yaml  path is missing"),
}
"""What a call says of where things are, and how that is told in its mistakes."""


@pytest.mark.parametrize(("words", "said"), CALLED.values(), ids=CALLED)
def test_what_a_call_is_about_is_told_though_a_secret_holds_it_too(
    stranger: CommandLine, write: Write, words: tuple[str, ...], said: str
) -> None:
    config = write("kc", yaml.safe_dump(KUBECONFIG))
    write("secret.yaml", yaml.safe_dump(HELD))
    write("x.yaml", experiment("x"))
    ended = stranger("plan", "secret.yaml", "x.yaml", *words, env={"KUBECONFIG": str(config)})
    assert ended.code in {2, 4}, ended.err
    assert said in ended.err
    assert "(hidden)" not in ended.err


def test_a_plan_and_its_cluster_are_told_though_a_secret_holds_them_too(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    del simulated
    file = write("x.yaml", yaml.safe_dump_all([HELD, _engine(components={"env": []})]))
    write("jenkins", "")
    assert "jenkins/plan.json cannot be written" in chaoskit("plan", file, "--out", "jenkins/plan.json").err
    assert chaoskit("plan", file, "--out", "plan.json").code == 0
    plan = json.loads((chaoskit.home / "plan.json").read_text(encoding="utf-8"))
    plan["plans"][0]["cluster"] = {"name": "staging-eu", "uid": "u1", "address": "https://jenkins"}
    ended = chaoskit("run", "--plan", write("jenkins.json", json.dumps(plan)), "--yes")
    assert ended.code == 3
    assert "was made for cluster staging-eu (https://jenkins, uid u1); this is" in ended.err
    assert "(hidden)" not in ended.err


@pytest.mark.parametrize("folder", ["payments", "other"])
def test_a_variable_is_hidden_whatever_the_folder_of_its_document_is_called(
    stranger: CommandLine, write: Write, folder: str
) -> None:
    (Path(write("values.yaml", "")).parent / folder).mkdir()
    file = write(f"{folder}/x.yaml", experiment("x", duration="log in with ${db_password}"))
    ended = stranger("validate", file, "--var", "db_password=payments")
    assert ended.code == 2
    assert 'spec.duration is "log in with (hidden)"' in ended.out
    assert "payments" not in ended.out


def test_a_variable_a_probe_and_a_secret_of_plain_litmus(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    env = [
        {"name": "TOTAL_CHAOS_DURATION", "value": "15"}, {"name": "CHAOS_INTERVAL", "value": "5"},
        {"name": "API_TOKEN", "value": CANARY},
    ]  # fmt: skip
    once = {"probeTimeout": "2s", "interval": "2s", "attempt": 1, "probePollingInterval": "2s"}
    probe = {
        "name": "answers", "type": "httpProbe", "mode": "EOT", "runProperties": once,
        "httpProbe/inputs": {
            "url": f"http://me:{CANARY}@nobody.shop.svc/?token={CANARY}",
            "method": {"get": {"criteria": "==", "responseCode": "200"}},
        },
    }  # fmt: skip
    engine = _engine(probe=[probe], components={"env": env})
    secret = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "creds", "namespace": "shop"},
        "stringData": {"a": CANARY},
    }  # fmt: skip
    file = write("x.yaml", yaml.safe_dump_all([secret, engine]))
    ended = _everything(chaoskit, file)
    assert "answers" in ended[2].out
    assert list(_songs(chaoskit.home, *ended, inputs=(file,))) == []


SECRET = {
    "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "creds", "namespace": "shop"},
    "data": {"a": base64.b64encode(CANARY.encode()).decode()}, "stringData": {"b": f"{CANARY}b"},
}  # fmt: skip
UNSENT = (
    ("run", "--dry-run", "client"),
    ("run", "--dry-run", "server"),
    ("run", "--dry-run", "server", "--diff", "-o", "json"),
    ("run", "--dry-run", "server", "-o", "yaml"),
    ("run", "--diff"),
    ("plan",),
    ("plan", "-o", "yaml"),
    ("plan", "--rbac"),
    ("plan", "--rbac", "-o", "json"),
)


@pytest.mark.parametrize("words", UNSENT, ids=" ".join)
def test_what_would_be_sent(
    chaoskit: CommandLine, simulated: Watched, write: Write, words: tuple[str, ...]
) -> None:
    """By documents, variables in them and a Secret beside them; also where somebody is asked."""
    del simulated
    env = [
        {"name": "API_TOKEN", "value": CANARY},
        {"name": "MODE", "value": f"x{CANARY}"},
        {"name": "SAID", "value": "${password}"},
    ]
    values = write("values.yaml", yaml.safe_dump({"password": ODD}))
    file = write("x.yaml", yaml.safe_dump_all([SECRET, _engine(components={"env": env})]))
    ended = chaoskit(*words, file, "--var-file", values, terminal="--diff" in words, stdin="n\n")
    assert ended.code not in {2, 70}, ended.err
    assert "(hidden)" in ended.out + ended.err or "client" not in words
    assert list(_songs(chaoskit.home, ended, inputs=(file, values))) == []


def test_that_a_secret_in_the_cluster_would_change_is_seen_and_nothing_of_it(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    there = SECRET | {"data": {"a": base64.b64encode(f"{CANARY}-old".encode()).decode()}}
    del there["stringData"]
    made = simulated.cluster.create(there)
    try:
        file = write("x.yaml", yaml.safe_dump_all([SECRET, _engine()]))
        ended = chaoskit("run", file, "--dry-run", "server", "--diff")
    finally:
        simulated.cluster.delete(kube.ref_of(made))
    assert "-  a: (hidden) (now)\n" in ended.err
    assert "+  a: (hidden) (run)\n" in ended.err
    assert list(_songs(chaoskit.home, ended, inputs=(file,))) == []


def test_a_run_that_is_under_way_and_stopped(chaoskit: CommandLine, simulated: Watched, write: Write) -> None:
    """The ledger is in the cluster meanwhile, for everybody who may read Leases there."""
    ready = {"name": "${password}", "kubernetes": {"workload": "deployment/search"}, "mode": "edges"}
    file = write(
        "x.yaml",
        experiment("x", target="search", duration="300s", steadyState=[ready], hypothesis="${password}",
                   parameters={"DB_PASSWORD": f"{CANARY}2"}),
    )  # fmt: skip
    words = ("run", file, "--var", f"password={CANARY}", "--yes", "-v", *REPORTS)
    with chaoskit.start(*words) as process:
        said = read_until(process, "undo written")
        written = _ledgers(simulated)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    ended = Ended(process.returncode, out, said + err)
    assert ended.code == 130, ended.err
    assert "(hidden)" in written
    assert _sings(written + _ledgers(simulated)) == ""
    assert list(_songs(chaoskit.home, ended, inputs=(file,))) == []


FILLED: dict[str, Any] = {
    "hypothesis": "Nobody guesses ${password}.",
    "steadyState": [
        {"command": {"run": "echo ${password}; exit 1"}},
        {"http": {"url": "http://127.0.0.1:1/x?x=${password}"}},
    ],
}


@pytest.mark.parametrize("given", ["var", "file"])
def test_a_variable_that_is_put_into_plain_words_of_a_document(
    chaoskit: CommandLine, write: Write, given: str
) -> None:
    file, values = write("x.yaml", experiment("x", **FILLED)), write("values.yaml", f"password: {CANARY}\n")
    words = ("--var", f"password={CANARY}") if given == "var" else ("--var-file", values)
    planned = chaoskit("plan", file, *words, "-o", "json")
    ended = [
        planned,
        chaoskit("plan", file, *words),
        chaoskit("validate", file, *words),
        chaoskit("run", file, *words, "--yes", "-v", "-o", "json", "--github", *REPORTS),
        chaoskit("run", "--plan", planned.json["hash"], "--yes", "--progress", "json"),
        chaoskit("history", "-o", "json"),
    ]
    assert [each.code for each in ended] == [8, 8, 0, 8, 8, 0], ended[3].err
    assert "127.0.0.1:1/x?x=(hidden)" in ended[3].out
    assert list(_songs(chaoskit.home, *ended, inputs=(file, values))) == []


@pytest.mark.parametrize("value", [CANARY, "canarysings"], ids=["odd", "a word"])
def test_a_variable_that_is_a_key_of_a_document(
    chaoskit: CommandLine, simulated: Watched, write: Write, value: str
) -> None:
    del simulated
    engine = _engine(components={"env": [], "nodeSelector": {"${password}": "x"}})
    engine["metadata"] = {"name": f"key-{len(value)}", "namespace": "shop", "labels": {"a-${password}": "x"}}
    beside = {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"},
        "data": {"${password}": "x"},
    }  # fmt: skip
    file = write("x.yaml", yaml.safe_dump_all([beside, engine]))
    ended = [
        chaoskit(*words, file, "--var", f"password={value}")
        for words in (*UNSENT[:4], ("run", "--yes", "--html", "report.html", "-o", "json"))
    ]
    assert not {each.code for each in ended} & {2, 70}
    assert "a-(hidden): x" in ended[0].out
    assert list(_songs(chaoskit.home, *ended, inputs=(file,), more=(value,))) == []


READ: dict[str, tuple[str, str]] = {
    "longer than what is shown": ('"', CANARY * 6),
    "with the end of its line": ("'", f"{CANARY}\n"),
    "with a quote": ("'", CANARY.replace("A", "''")),
    "with a backslash": ('"', CANARY.replace("A", "\\\\")),
    "over several lines": ('"', f"{CANARY}\n{CANARY}"),
}
"""What stands around a variable, and its value: what YAML makes of it is not what it was."""


@pytest.mark.parametrize(("quote", "value"), READ.values(), ids=READ)
def test_a_variable_that_is_not_shown_as_it_was_given(
    chaoskit: CommandLine, write: Write, quote: str, value: str
) -> None:
    written = yaml.safe_load(f"{quote}{value}{quote}").strip()
    values = write("values.yaml", yaml.safe_dump({"password": value}))
    place = f"{quote}${{password}}{quote}"
    spec: dict[str, Any] = {"hypothesis": "@", "steadyState": [{"command": {"run": "@; exit 1"}}]}
    good = write("good.yaml", experiment("x", **spec).replace("'@'", place).replace("@", "${password}"))
    env = [{"name": "MODE", "value": "@"}, {"name": "PODS_AFFECTED_PERC", "value": "x @"}, "@"]
    engine = yaml.safe_dump(_engine(components={"env": env}, probe="@")).replace("'@'", place)
    bad = [
        write("b1.yaml", experiment("x", duration="@").replace("'@'", place)),
        write("b2.yaml", engine.replace("x @", f"{quote}x ${{password}}{quote}")),
        write("b3.yaml", experiment("x") + f"  more: 1: {place}\n"),
    ]
    ended = [chaoskit("validate", each, "--var-file", values) for each in bad]
    assert {each.code for each in ended} == {2}
    given = (good, "--var-file", values)
    ended += [
        chaoskit("validate", *given),
        planned := chaoskit("plan", *given, "-o", "json"),
        chaoskit("run", *given, "--dry-run", "client"),
        chaoskit("run", *given, "--yes", "-v", "-o", "json", "--github", *REPORTS),
        chaoskit("run", "--plan", planned.json["hash"], "--yes", "--progress", "json"),
        chaoskit("history", "-o", "json"),
    ]
    assert [each.code for each in ended[3:]] == [0, 0, 0, 8, 8, 0], ended[6].err
    inputs = (good, *bad, values)
    assert list(_songs(chaoskit.home, *ended, inputs=inputs, more=(written, written[:8]))) == []


@pytest.mark.parametrize("sign", ["!!", "!", "*"])
def test_a_variable_that_is_a_sign_for_yaml(stranger: CommandLine, write: Write, sign: str) -> None:
    file = write("x.yaml", experiment("x", duration="@").replace("'@'", "${password}"))
    ended = stranger("validate", file, "--var", f"password={sign}{CANARY}")
    assert ended.code == 2
    assert list(_songs(stranger.home, ended, inputs=(file,))) == []


def test_a_variable_where_something_else_belongs(stranger: CommandLine, write: Write) -> None:
    file = write("x.yaml", experiment("x", duration="${password}"))
    ended = stranger("validate", file, "--var", f"password={CANARY}")
    assert ended.code == 2
    assert "spec.duration is" in ended.out
    assert list(_songs(stranger.home, ended, inputs=(file,))) == []


def test_a_variable_in_a_text_that_is_no_yaml(stranger: CommandLine, write: Write) -> None:
    file = write("x.yaml", experiment("x") + "  more: 1: ${password}\n")
    ended = stranger("validate", file, "--var", f"password={CANARY}")
    assert ended.code == 2
    assert "x.yaml:" in ended.out + ended.err
    assert list(_songs(stranger.home, ended, inputs=(file,))) == []


def test_a_setting_whose_key_looks_secret(chaoskit: CommandLine, write: Write) -> None:
    parameters = {"configMap": "nothing", "key": "DB_PASSWORD", "value": CANARY}
    file = write("x.yaml", experiment("x", fault="config-mutation", parameters=parameters))
    ended = [chaoskit("plan", file, "-o", "json"), chaoskit("run", file, "--yes", "-o", "json", *REPORTS)]
    ended.append(chaoskit("history", "-o", "json"))
    assert list(_songs(chaoskit.home, *ended, inputs=(file,))) == []


def test_an_address_with_a_password_in_a_steady_state(chaoskit: CommandLine, write: Write) -> None:
    url = f"http://me:{CANARY}@127.0.0.1:1/x?token={CANARY}"
    file = write("x.yaml", experiment("x", steadyState=[{"http": {"url": url}}]))
    ended = _everything(chaoskit, file)
    assert ended[2].code == 8
    assert "127.0.0.1:1/x" in ended[2].out
    assert list(_songs(chaoskit.home, *ended, inputs=(file,))) == []


BROKEN = {
    "a field that does not exist": experiment("x").replace("spec:\n", f"spec:\n  password: {CANARY}\n"),
    "a value of another kind": yaml.safe_dump(
        _engine(components={"env": [{"name": "DB_PASSWORD", "value": {"is": CANARY}}]})
    ),
    "a list where text belongs": experiment("x", parameters={"DB_TOKEN": [CANARY]}),
    "a quote that is not closed": f'env:\n- name: DB_PASSWORD\n  value: "{CANARY}\nx: 1\n',
    "a tab": f"token:\t- {CANARY}\n\t- x\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_document_that_cannot_be_used(stranger: CommandLine, write: Write, text: str) -> None:
    file = write("x.yaml", text)
    ended = [
        stranger(*words, file) for words in (("validate",), ("validate", "-o", "json"), ("run", *REPORTS))
    ]
    assert {each.code for each in ended} == {2}, ended[0].out
    assert list(_songs(stranger.home, *ended, inputs=(file,))) == []


def _kubeconfig(token: str, server: str = "http://127.0.0.1:1") -> str:
    return (
        "apiVersion: v1\nkind: Config\ncurrent-context: nowhere\n"
        "contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]\n"
        f"clusters: [{{name: nowhere, cluster: {{server: '{server}'}}}}]\n"
        f"users:\n- name: nobody\n  user:\n    token: {token}\n"
    )


KUBECONFIGS = {
    "a cluster that is not there": _kubeconfig(CANARY),
    "a line break": _kubeconfig(f'"{CANARY}\\nx"'),
    "a letter that no header holds": _kubeconfig(f'"{CANARY}→"'),
    "a quote that is not closed": _kubeconfig(f'"{CANARY}'),
    "a password in the address": _kubeconfig("x", f"http://me:{CANARY}@127.0.0.1:1"),
}


@pytest.mark.parametrize("text", KUBECONFIGS.values(), ids=KUBECONFIGS)
def test_a_kubeconfig(stranger: CommandLine, write: Write, text: str) -> None:
    config, file = write("kubeconfig", text), write("x.yaml", experiment("x"))
    ended = [
        stranger("run", file, "--yes", "--kubeconfig", config, "-o", "json", *REPORTS),
        stranger("doctor", "--kubeconfig", config),
    ]
    assert ended[0].code == 4, ended[0].err
    assert list(_songs(stranger.home, *ended, inputs=(config,))) == []


@pytest.mark.parametrize(
    "store",
    [
        f"mongodb://me:{CANARY}@127.0.0.1:1/db?serverSelectionTimeoutMS=100",
        f"mongodb://me:{CANARY}/x@127.0.0.1:1/db",
        f"mongodb://me:{CANARY}@127.0.0.1:99999/db",
        f"mongodb://me:{CANARY}:x@127.0.0.1:1/db",
        f"mongodb+srv://me:{CANARY}@127.0.0.1:1/db",
        f"postgres://me:{CANARY}@127.0.0.1/db",
    ],
)
def test_the_address_of_a_store(stranger: CommandLine, write: Write, store: str) -> None:
    file = write("x.yaml", experiment("x"))
    words = (("history",), ("config",), ("report", "x1234"), ("run", file, "--yes", *REPORTS))
    ended = [stranger(*each, "-o", "json", env={"CHAOSKIT_STORE": store}) for each in words]
    assert "127.0.0.1" in ended[1].out
    assert list(_songs(stranger.home, *ended)) == []


SETTINGS = {
    "a token": {"prometheus": "http://127.0.0.1:1", "prometheus_token": CANARY},
    "a token with a line break": {"prometheus": "http://127.0.0.1:1", "prometheus_token": f"{CANARY}\nx"},
    "a password": {"prometheus": f"http://me:{CANARY}@127.0.0.1:1"},
    "a webhook": {"webhook": f"https://127.0.0.1:1/{CANARY}"},
    "a token of another kind": {"prometheus_token": {"is": CANARY}},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_setting(chaoskit: CommandLine, write: Write, settings: dict[str, object]) -> None:
    file = write(
        "x.yaml", experiment("x", steadyState=[{"prometheus": {"signal": "error_ratio", "below": 1}}])
    )
    config = write("chaoskit.yaml", yaml.safe_dump(settings))
    words = (
        ("config",),
        ("run", file, "--yes", *REPORTS),
        ("predict", "-n", "shop"),
        ("doctor", "-n", "shop"),
    )
    ended = [chaoskit(*each, "-o", "json") for each in words]
    assert list(_songs(chaoskit.home, *ended, inputs=(config,))) == []


VARIABLES = {
    "CHAOSKIT_PROMETHEUS_TOKEN": CANARY,
    "CHAOSKIT_WEBHOOK": f"http://127.0.0.1:1/{CANARY}",
    "CHAOSKIT_PAGERDUTY_KEY": CANARY,
    "CHAOSKIT_ALERTS_TOKEN": f"{CANARY}-long",
    "CHAOSKIT_MODEL_KEY": f"{CANARY}-long",
    "CHAOSKIT_STORE": f"mongodb://me:{CANARY}@127.0.0.1:1/db?serverSelectionTimeoutMS=100",
    "CHAOSKIT_ALERTS_FROM": f"http://me:{CANARY}@127.0.0.1:1",
    "CHAOSKIT_PROMETHEUS": f"http://me:{CANARY}@127.0.0.1:1/?token={CANARY}",
}


SCHEMELESS = f"me:{CANARY}@127.0.0.1:1"


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (("doctor", "--prometheus", SCHEMELESS), {}),
        (("doctor",), {"CHAOSKIT_PROMETHEUS": f"me:{CANARY * 8}@127.0.0.1:1"}),
        (("doctor",), {"CHAOSKIT_ALERTS_FROM": SCHEMELESS}),
        (("doctor",), {"CHAOSKIT_ALERTMANAGER": f"http//{SCHEMELESS}"}),
        (("predict", "-n", "shop", "--alertmanager", SCHEMELESS), {}),
        (("recover", "-n", "shop", "--dry-run", "--alerts", SCHEMELESS), {}),
    ],
)
def test_an_address_whose_scheme_was_forgotten(
    chaoskit: CommandLine, words: tuple[str, ...], env: dict[str, str]
) -> None:
    for form in ("table", "json"):
        ended = chaoskit(*words, "-o", form, env=env)
        assert ended.code == 2, ended.err
        assert "(hidden)@127.0.0.1:1" in ended.err
        assert list(_songs(chaoskit.home, ended)) == []


def test_the_server_of_a_kubeconfig_whose_scheme_was_forgotten(stranger: CommandLine, write: Write) -> None:
    cluster = [{"name": "c", "cluster": {"server": SCHEMELESS}}]
    config = write("kc", yaml.safe_dump({**KUBECONFIG, "clusters": cluster}))
    ended = stranger("recover", "-n", "shop", "--dry-run", "-o", "json", env={"KUBECONFIG": str(config)})
    assert ended.code == 4
    assert "(hidden)@127.0.0.1:1" in ended.err
    assert list(_songs(stranger.home, ended, inputs=(config,))) == []


ALONE = {
    "a value": CANARY,
    "a sign that YAML keeps": f"@{CANARY}",
    "an alias": f"*{CANARY}",
    "a colon": f"a: b: {CANARY}",
    "a quote": f"'{CANARY}",
    "a list": f"- {CANARY}",
    "a mapping in one": f"a: {{b: {CANARY}}}",
    "a name that is there twice": f"a: 1\na: {CANARY}",
}
"""Files that hold a secret, and no variables."""


@pytest.mark.parametrize("text", ALONE.values(), ids=ALONE)
def test_a_file_of_variables_that_is_a_secret(stranger: CommandLine, write: Write, text: str) -> None:
    secret, file = write("db_password", text), write("x.yaml", experiment("x"))
    words = (("validate",), ("validate", "-o", "json"), ("run", "--yes", *REPORTS))
    ended = [stranger(*each, file, "--var-file", secret) for each in words]
    ended.append(stranger("config", "--config", secret))
    assert [each.code for each in ended] == [2] * 4
    assert all("db_password:" in each.err for each in ended), ended[0].err
    assert list(_songs(stranger.home, *ended, inputs=(secret, file))) == []


def test_a_variable_without_its_name(stranger: CommandLine, write: Write) -> None:
    file = write("x.yaml", experiment("x"))
    ended = [
        stranger("validate", file, "--var", CANARY),
        stranger("validate", file, "--var", "a=b", "--var", f"password {CANARY}", "-o", "json"),
    ]
    assert [each.code for each in ended] == [2, 2]
    assert "--var is not of the form name=value" in ended[0].err
    assert "--var (number 2 of 2) is not of the form name=value" in ended[1].json["message"]
    assert list(_songs(stranger.home, *ended, inputs=(file,))) == []


def test_settings_of_the_environment(chaoskit: CommandLine, write: Write) -> None:
    condition = {"prometheus": {"query": f'up{{token="{CANARY}"}}', "below": 1}}
    file = write("x.yaml", experiment("x", steadyState=[condition]))
    asked = (
        ("config",),
        ("doctor", "-n", "shop"),
        ("run", file, "--yes", "-v", *REPORTS),
        ("predict", "-n", "shop"),
    )
    recovered = ("recover", "-n", "shop", "--dry-run", "--alerts", f"http://me:{CANARY}@127.0.0.1:1")
    ended = [chaoskit(*each, env=VARIABLES) for each in (*asked, recovered)]
    assert {each.code for each in ended} <= {0, 4, 8}, [each.err for each in ended]
    assert list(_songs(chaoskit.home, *ended, inputs=(file,))) == []


@pytest.mark.parametrize(
    "words",
    [
        ("runbooks", "validate"),
        ("runbooks", "list", "--load"),
        ("recover", "--replay", "x", "--what-if"),
        ("recover", "--yes", "--runbooks"),
        ("patterns", "--suggest", "--runbooks"),
        ("controller", "--runbooks"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_secret_that_lies_with_the_runbooks(
    stranger: CommandLine, write: Write, words: tuple[str, ...]
) -> None:
    """It is none of them, and the mistake says where, and quotes none of its lines."""
    secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\nstringData: {{username: {CANARY}}}\n"
    file = write("x.yaml", secret)
    ended = stranger(*words, file)
    assert ended.code == 2
    assert f"{file}:4:1  stringData is unknown" in ended.err
    assert "4 | " not in ended.err
    assert list(_songs(stranger.home, ended, inputs=(file,))) == []


@pytest.mark.parametrize("words", [("show", "mine"), ("list", "-o", "json")], ids=" ".join)
def test_a_runbook_that_is_shown(stranger: CommandLine, write: Write, words: tuple[str, ...]) -> None:
    call = {"action": "call-webhook", "url": f"https://me:{CANARY}@hook/x?token={CANARY}"}
    spec = {"matches": {"issue": "pod-crash"}, "remediations": [call]}
    book = {"apiVersion": "chaoskit.io/v1", "kind": "Runbook", "metadata": {"name": "mine"}, "spec": spec}
    file = write("x.yaml", yaml.safe_dump(book))
    ended = stranger("runbooks", *words, "--load", file)
    assert "https://(hidden)@hook/x?token=(hidden)" in ended.out
    assert list(_songs(stranger.home, ended, inputs=(file,))) == []


def test_a_settings_file_that_is_no_yaml(stranger: CommandLine, write: Write) -> None:
    config = write("chaoskit.yaml", f'prometheus_token: "{CANARY}\nx: 1\n')
    ended = stranger("config")
    assert ended.code == 2
    assert "chaoskit.yaml:1:19  YAML is broken" in ended.err
    assert list(_songs(stranger.home, ended, inputs=(config,))) == []


def test_the_words_of_a_bug_and_its_traceback(stranger: CommandLine, write: Write) -> None:
    file = write("x.yaml", experiment("x"))
    code = (
        "import sys\nfrom chaoskit.cli import run\n"
        "def broken(*_): raise ValueError(sys.argv.pop())\nrun.checked = broken\n"
        "from chaoskit.cli.app import main\nsys.exit(main(sys.argv[1:-1]))\n"
    )
    said = f"https://me:{CANARY}@shop/?token={CANARY} b'Bearer {CANARY}' password={CANARY}"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(file), "--yes", "-o", "json", *REPORTS, said],
        env=stranger.environment, cwd=stranger.home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 70
    assert "ValueError: https://(hidden)@shop" in done.stderr
    assert list(_songs(stranger.home, Ended(70, done.stdout, done.stderr))) == []


BREAKING = """
import importlib, sys
trials = importlib.import_module("chaoskit.experiments.trials")
def broken(documents, _): raise KeyError(f"what is \'here\': {[each.value for each in documents]}")
trials.sifted = broken
from chaoskit.cli.app import main
sys.exit(main(sys.argv[1:]))
"""
"""Every command breaks as soon as it has parsed its documents, and quotes them."""

BUGGED: tuple[tuple[str, ...], ...] = (
    ("validate", "-o", "yaml"),
    ("plan",),
    ("run", "--dry-run", "client"),
    ("run", "--yes", "--progress", "json", "-o", "json", *REPORTS),
)


@pytest.mark.parametrize("words", BUGGED, ids=lambda words: " ".join(words[:3]))
def test_a_bug_quotes_nothing_of_variables_and_documents(
    stranger: CommandLine, write: Write, words: tuple[str, ...]
) -> None:
    env = [{"name": "API_TOKEN", "value": f"it's {ODD}"}, {"name": "MODE", "value": "x ${password} ${token}"}]
    file = write("x.yaml", yaml.safe_dump_all([SECRET, _engine(components={"env": env})]))
    values = write("values.yaml", yaml.safe_dump({"token": f"{CANARY}-2\n"}))
    given = (*words, str(file), "--var", f"password={CANARY}", "--var-file", str(values))
    done = subprocess.run(
        [sys.executable, "-c", BREAKING, *given],
        env=stranger.environment, cwd=stranger.home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    ended = Ended(done.returncode, done.stdout, done.stderr)
    assert ended.code == 70, ended.err
    (traceback,) = stranger.home.glob("chaoskit-bug-*.txt")
    assert "in broken" in traceback.read_text(encoding="utf-8")
    assert all("x (hidden) (hidden)" in each for each in (ended.err, traceback.read_text(encoding="utf-8")))
    assert list(_songs(stranger.home, ended, inputs=(file, values))) == []


def _unpullable(simulated: SimulatedCluster, kubeconfig: Path) -> None:
    """A deployment is in the shop whose image never existed, and whose pods are given the canary."""
    cluster = kubernetes.connect(kubeconfig, None, clock=WallClock())
    try:
        body = cluster.get(ObjectRef(kube.DEPLOYMENT, "shop", "cart"))
        spec = body["spec"]
        spec["selector"] = {"matchLabels": {"app": "nopull"}}
        spec["template"]["metadata"]["labels"] = {"app": "nopull"}
        (container, *_) = spec["template"]["spec"]["containers"]
        container["image"] = "registry.invalid/team/none:1"
        container["env"] = [{"name": "DB_PASSWORD", "value": CANARY}]
        meta = {"name": "nopull", "namespace": "shop", "annotations": {"token": CANARY}}
        cluster.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})
    finally:
        cluster.close()


@pytest.mark.parametrize("progress", ["plain", "json"])
def test_a_controllers_own_log_and_what_a_webhook_is_sent(
    tmp_path: Path, write: Write, progress: str
) -> None:
    """It does a run that was handed over; of a recovery a webhook tells, that fails at first."""
    ready = {"name": "${password}", "kubernetes": {"workload": "deployment/search"}, "mode": "edges"}
    file = write("x.yaml", experiment("x", target="search", hypothesis="${password}", steadyState=[ready],
                                      parameters={"DB_PASSWORD": f"{CANARY}2"}))  # fmt: skip
    with (
        scripted(lambda _: Answer(200, b"ok")) as wire,
        SimulatedCluster(seed=7, rate=pace(20), history=timedelta(minutes=1)) as simulated,
    ):
        wire.will(Answer(500, b"no"))
        config = simulated.kubeconfig(tmp_path / "kubeconfig")
        (tmp_path / "elsewhere").mkdir()
        keeper = CommandLine(tmp_path / "elsewhere", config, {"CHAOSKIT_WEBHOOK": f"{wire.url}/{CANARY}"})
        with keeper.start("controller", "-n", "shop", "-v", "--progress", progress) as process:
            said = read_until(process, "serving")
            handed = CommandLine(tmp_path, config)(
                "run", file, "--var", f"password={ODD}", "--yes", "--detach", "-o", "json"
            )
            assert handed.code == 0, handed.err
            said += read_until(process, "and the steady state held")
            _unpullable(simulated, config)
            until(lambda: any("nopull" in each.body for each in wire.asked), 120, "nobody was told of it")
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
    log = Ended(process.returncode, out, said + err)
    sent = [f"{each.headers} {each.body}" for each in wire.asked]
    assert {each.path for each in wire.asked} == {f"/{CANARY}"}
    assert "(hidden)" in log.err
    assert "nopull" in log.err
    assert _sings("".join(sent)) == ""
    assert list(_songs(tmp_path, handed, log, inputs=(file, config))) == []


OWN = {
    name: f"{number}zQ7mVtR2bN{number}KxW4pLs8"
    for number, name in enumerate(
        ("webhook", "pagerduty_key", "model_key", "prometheus_token", "alerts_token", "password", "in_file"),
        1,
    )
}
"""What this installation logs in with."""


LONG = f"{ODD}/" * 4
"""Base64 of it is more than one line."""


@pytest.mark.parametrize("canary", [ODD, LONG], ids=["short", "long"])
def test_a_secret_that_somebody_else_tells_as_programs_spell_it(
    chaoskit: CommandLine, write: Write, canary: str
) -> None:
    told = {name: write(name, f"302 to <{said}>, says the server") for name, said in _spelt(canary).items()}
    steady = [
        {"name": name, "command": {"run": f"cat {file}"}, "mode": "edges"} for name, file in told.items()
    ]
    parameters = {"DB_PASSWORD": canary}
    file = write("x.yaml", experiment("x", target="search", parameters=parameters, steadyState=steady))
    ended = _everything(chaoskit, file)
    assert [each.code for each in ended[:3]] == [0, 0, 0], ended[2].err
    assert ended[2].err.count("302 to <(hidden)>") >= len(told) - 1
    inputs = (file, *told.values())
    assert list(_songs(chaoskit.home, *ended, inputs=inputs, more=_voices(canary))) == []


def test_what_this_installation_logs_in_with_is_told_by_nobody(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    """Though a command of a steady state say it, who gets none of it by inheritance."""
    keys = {f"CHAOSKIT_{n.upper()}": v for n, v in OWN.items() if n not in {"webhook", "password", "in_file"}}
    env = {
        **keys,
        "CHAOSKIT_WEBHOOK": f"https://127.0.0.1:1/services/{OWN['webhook']}",
        "CHAOSKIT_ALERTS_FROM": f"http://me:{OWN['password']}@127.0.0.1:1",
        "CHAOSKIT_ALERTS_FROM_TOKEN_FILE": str(write("token", OWN["in_file"])),
    }
    config = yaml.safe_load(simulated.kubeconfig.read_text(encoding="utf-8"))
    known = {**OWN, "kubeconfig": config["users"][0]["user"]["token"]}
    told = {name: write(name, f"401 for {value}, says who was asked") for name, value in known.items()}
    said = {name: f"cat {file}" for name, file in told.items()} | {"env": "env | grep ^CHAOSKIT_MODEL; true"}
    steady = [{"name": n, "command": {"run": run}, "mode": "edges"} for n, run in said.items()]
    file = write("x.yaml", experiment("x", fault="scale-down", target="search", steadyState=steady))
    ended = _everything(chaoskit, file, **env)
    wrong = write("wrong.yaml", experiment("x", duration=OWN["model_key"]))
    ended.append(chaoskit("validate", wrong, env=env))
    ended.append(chaoskit("recover", "-n", "shop", "--issue", known["kubeconfig"], env=env))
    assert [each.code for each in ended[:3]] == [0, 0, 0], ended[2].err
    assert 'spec.duration is "(hidden)"' in ended[-2].out
    assert "there is no issue (hidden)" in ended[-1].err
    assert "401 for (hidden), says who was asked" in ended[2].err
    inputs = (file, wrong, *told.values(), chaoskit.home / "token")
    assert list(_songs(chaoskit.home, *ended, inputs=inputs, more=known.values())) == []
    assert _sings(_ledgers(simulated), known.values()) == ""
    assert "CHAOSKIT_MODEL_KEY=" not in ended[2].out + ended[2].err


KEY = "5rT8mVnQ2bX5KwZ4pLs8"


def _talkative(config: Path) -> None:
    """A deployment is in the shop whose liveness command fails, and says what it should not."""
    said = f"401 for {KEY} token={CANARY} password={CANARY} Authorization: Bearer {CANARY}"
    probe = {"exec": {"command": ["sh", "-c", f"echo {said}; exit 1"]}}
    cluster = kubernetes.connect(config, None, clock=WallClock())
    try:
        spec = cluster.get(ObjectRef(kube.DEPLOYMENT, "shop", "cart"))["spec"] | {
            "replicas": 1, "selector": {"matchLabels": {"app": "talks"}},
        }  # fmt: skip
        spec["template"]["metadata"]["labels"] = {"app": "talks"}
        watched = {"livenessProbe": {**probe, "periodSeconds": 1, "failureThreshold": 2}}
        spec["template"]["spec"]["containers"][0].update(watched)
        meta = {"name": "talks", "namespace": "shop"}
        cluster.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})
    finally:
        cluster.close()


def test_what_a_probe_and_an_alert_say_on_their_way_through_a_recovery(tmp_path: Path, write: Write) -> None:
    """To whoever looks, in every format, to a webhook, and into the ConfigMaps, Leases and Events of it."""
    labels = {"alertname": "Strange", "password": CANARY, "instance": f"http://u:{CANARY}@x"}
    alert = {"status": "firing", "labels": labels, "startsAt": "2026-11-28T16:00:00Z"}
    alerts = write("alerts.json", json.dumps({"alerts": [alert]}))
    with (
        scripted(lambda _: Answer(200, b"ok")) as wire,
        SimulatedCluster(seed=7, rate=pace(20), history=timedelta(minutes=1)) as simulated,
    ):
        config = simulated.kubeconfig(tmp_path / "kubeconfig")
        env = {"CHAOSKIT_WEBHOOK": f"{wire.url}/hook", "CHAOSKIT_MODEL_KEY": KEY}
        chaoskit = CommandLine(tmp_path, config, env)
        _talkative(config)
        look = ("recover", "-n", "shop", "--dry-run", "--alerts", alerts)
        ended: list[Ended] = []

        def seen(*words: object) -> bool:
            ended.append(chaoskit(*look, *words))
            return "liveness probe of talks" in ended[-1].out

        for words in ((), ("-v",), ("-o", "json"), ("-o", "yaml")):  # between two restarts all is well
            until(partial(seen, *words), 120, "nobody hears the probe")
            assert "token=(hidden)" in ended[-1].out
        with chaoskit.start("controller", "-n", "shop", "--only", "recover") as process:
            said = read_until(process, "serving")
            until(lambda: any("talks" in each.body for each in wire.asked), 120, "nobody was told of it")
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        ended += [Ended(process.returncode, out, said + err), chaoskit("history", "-o", "json")]
        watched = kubernetes.connect(config, None, clock=WallClock())
        kept = json.dumps([
            each
            for kind in (kube.LEASE, kube.CONFIG_MAP, kube.EVENT)
            for each in watched.list(kind).items
            if "chaoskit" in json.dumps(each["metadata"])
        ])  # fmt: skip
        watched.close()
    assert "token=(hidden)" in "".join(each.body for each in wire.asked)
    assert _sings("".join(each.body for each in wire.asked), [KEY]) == ""
    assert _sings(kept, [KEY]) == ""
    assert list(_songs(tmp_path, *ended, inputs=(alerts, config), more=[KEY])) == []


def test_the_log_of_a_target_pod_is_only_where_readme_says(stranger: CommandLine) -> None:
    run = weak()
    run["evidence"]["logs"] = {"cart-1/cart": f"logged in with {CANARY}"}
    store = SqliteStore(stranger.home / "state/store.db")
    store.put(run)
    store.close()
    reported = Reported((run,))
    for name in FORMATS:
        assert (CANARY in render(name, reported)) is (name == "html"), name
    assert CANARY not in github.summary(reported) + "".join(github.commands(reported))
    words = (
        ("show", "r1"),
        ("explain", "r1x"),
        ("history",),
        ("history", "--weaknesses"),
        ("compare", "r1", "r1"),
    )
    assert not any(CANARY in stranger(*each).out for each in words)
