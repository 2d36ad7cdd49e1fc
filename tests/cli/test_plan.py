"""A plan is looked at, kept, handed on and run as it was; or only tried."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import ssl
import stat
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from tests.cli.made import READY, experiment, too_wide
from tests.commandline import CommandLine, Watched, read_until

from chaoskit import kube
from chaoskit.experiments.litmus import IMAGE
from chaoskit.ports.cluster import Object, ObjectRef

Write = Callable[[str, str], Path]


def direct(name: str = "cut", **spec: object) -> str:
    """The catalog's service leads to nobody for a second."""
    return experiment(
        name, fault="service-blackhole", target="catalog", engine="direct", duration="1s",
        blastRadius={"maxPods": 9}, **spec,
    )  # fmt: skip


def test_a_plan_is_run_by_the_beginning_of_its_hash(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("x.yaml", direct())
    planned = chaoskit("plan", file, "-o", "json").json
    for files in ((), (file,)):
        few = chaoskit("run", *files, "--plan", planned["hash"][:7], "--yes")
        assert few.code == 2
        assert "8 characters of its hash at least" in few.err
    ended = chaoskit("run", "--plan", planned["hash"][:8], "--yes", "-o", "json")
    assert ended.code == 0, ended.err
    (run,) = ended.json["runs"]
    assert (run["name"], run["evidence"]["plan"]["hash"]) == ("cut", planned["hash"])
    assert simulated.left() == []


def test_who_acts_as_another_is_asked_for_the_rights_of_that_one_which_rbac_gives(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file, runner = write("x.yaml", direct()), "system:serviceaccount:shop:chaoskit-run"
    document = yaml.safe_load(simulated.kubeconfig.read_text())
    for each in document["users"]:
        each["user"] |= {"as": runner}
    as_runner = {"KUBECONFIG": str(write("acting", yaml.safe_dump(document)))}
    told = chaoskit("plan", file, env=as_runner)
    assert told.err.splitlines()[0].endswith(f" · as {runner}")
    assert told.code != 0
    given = [
        simulated.cluster.create(body) for body in yaml.safe_load_all(chaoskit("plan", file, "--rbac").out)
    ]
    try:
        ended = chaoskit("plan", file, "-o", "json", env=as_runner)
        (plan,) = ended.json["plans"]
        assert (ended.code, plan["outcome"]) == (0, None), ended.err
        assert chaoskit("run", file, "--yes", env=as_runner).code == 0
    finally:
        for body in given:
            simulated.cluster.delete(kube.ref_of(body))
    assert simulated.left() == []


def test_a_plan_in_a_file_needs_no_documents_and_is_read_by_its_owner_alone(
    chaoskit: CommandLine, write: Write
) -> None:
    one, other = write("one.yaml", too_wide("one")), write("other.yaml", too_wide("other"))
    path = chaoskit.home / "ci" / "plan.json"
    path.parent.mkdir()
    path.write_text("{}")
    path.chmod(0o644)
    planned = chaoskit("plan", one, other, "--out", "ci/plan.json", "-o", "json")
    assert planned.code == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    one.unlink()
    ended = chaoskit("run", "--plan", "ci/plan.json", "--yes", "-o", "json")
    assert [run["outcome"] for run in ended.json["runs"]] == ["refused", "refused"]
    assert planned.json["hash"] not in {each["hash"] for each in planned.json["plans"]}


def test_other_documents_than_the_plans_are_drift(chaoskit: CommandLine, write: Write) -> None:
    planned = chaoskit("plan", write("x.yaml", direct()), "-o", "json").json
    other = write("x.yaml", direct(hypothesis="something else"))
    ended = chaoskit("run", other, "--plan", planned["hash"], "--yes", "-o", "json")
    assert ended.code == 3
    assert "has changed since plan" in ended.json["runs"][0]["reason"]


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("--plan", "abcdef123456"), 2, "there is no plan abcdef123456 here"),
        (("--plan", "abc"), 2, "8 characters"),
        (("--plan", "broken.json"), 2, "broken.json is no plan"),
        ((), 2, "neither FILES nor --plan"),
    ],
)
def test_a_plan_that_is_none_is_said(
    chaoskit: CommandLine, write: Write, words: tuple[str, ...], code: int, complaint: str
) -> None:
    write("broken.json", '{"schema": "other"}')
    ended = chaoskit("run", *words, "--yes")
    assert ended.code == code
    assert complaint in ended.err


def test_variables_come_from_files_and_flags_go_before_them(chaoskit: CommandLine, write: Write) -> None:
    file = write("x.yaml", direct("${name}").replace("1s", "${lasting}"))
    values = write("values.yaml", "name: from-file\nlasting: 2s\n")
    planned = chaoskit("plan", file, "--var-file", values, "--var", "name=from-flag", "-o", "json")
    assert planned.json["plans"][0]["name"] == "from-flag"
    missing = chaoskit("plan", file, "--var", "name=x")
    assert missing.code == 2
    assert "${lasting}" in missing.err


@pytest.mark.parametrize(("text", "complaint"), [("[1]", "a mapping"), ("a: [1]", "a plain value")])
def test_a_file_of_variables_that_is_none_is_told_with_its_place(
    chaoskit: CommandLine, write: Write, text: str, complaint: str
) -> None:
    values = write("values.yaml", text)
    ended = chaoskit("validate", write("x.yaml", direct()), "--var-file", values)
    assert ended.code == 2
    assert f"{values}:1:" in ended.err
    assert complaint in ended.err


def test_the_least_rights_of_a_plan_are_printed_as_yaml(chaoskit: CommandLine, write: Write) -> None:
    native = write("x.yaml", experiment("x", steadyState=[READY]))
    bodies = list(yaml.safe_load_all(chaoskit("plan", native, "--rbac").out))
    kinds = {(body["kind"], body["metadata"]["name"]) for body in bodies}
    assert ("Role", "chaoskit-run") in kinds
    assert ("RoleBinding", "chaoskit-run") in kinds
    rules = [
        rule
        for body in bodies
        if body["metadata"]["name"] == "chaoskit-run"
        for rule in body.get("rules", ())
    ]
    everywhere, home = [set(each["verbs"]) for each in rules if each["resources"] == ["chaosengines"]]
    assert everywhere == {"list"}
    assert home == {"create", "get", "list", "watch", "patch", "delete"}
    assert not any("*" in str(rule) for body in bodies for rule in body.get("rules", ()))
    assert chaoskit("plan", native, "--rbac", "-o", "json").json["manifests"] == bodies
    cut = list(yaml.safe_load_all(chaoskit("plan", write("y.yaml", direct()), "--rbac").out))
    assert [str(body).count("litmuschaos") for body in cut if body["kind"] == "ClusterRole"] == [1]
    assert not any("litmuschaos" in str(body) for body in cut if body["kind"] != "ClusterRole")


def test_who_cannot_know_the_operators_version_is_told_of_which_one_a_missing_part_is(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path
) -> None:
    native = write("x.yaml", experiment("x", engine="litmus"))
    missing = simulated.cluster.get(ObjectRef(kube.CHAOS_EXPERIMENT, "shop", "pod-delete"))
    simulated.cluster.delete(kube.ref_of(missing))
    try:
        with _least(chaoskit, simulated, native, tmp_path / "least") as least:
            asked = least("plan", native, "--rbac", "-q")
        known = chaoskit("plan", native, "--rbac")
    finally:
        meta = {key: missing["metadata"][key] for key in ("name", "namespace", "labels")}
        simulated.cluster.create(missing | {"metadata": meta})
    words = f"! ChaosExperiment pod-delete: of {IMAGE}, for the operator's version is not known, or too old"
    words += "; put in the image that goes with yours\n"
    assert (asked.code, asked.err) == (0, words)
    assert "ChaosExperiment" in {body["kind"] for body in yaml.safe_load_all(asked.out)}
    assert "operator's version" not in known.err


def test_a_plan_of_a_node_shows_who_leaves_it_and_what_stays(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    system = simulated.cluster.list(kube.POD, "kube-system", labels="k8s-app=kube-dns").items
    node = system[0]["spec"]["nodeName"]
    every = simulated.cluster.list(kube.POD, "shop", labels="app,app!=db").items
    one = next(pod for pod in every if pod["spec"]["nodeName"] == node)
    app, name = one["metadata"]["labels"]["app"], one["metadata"]["name"]
    mine = [pod for pod in every if pod["metadata"]["labels"]["app"] == app]

    def staying(pods: Sequence[Object]) -> str:
        """``1 of 2``."""
        return f"{sum(pod['spec']['nodeName'] != node for pod in pods)} of {len(pods)}"

    drain = {
        "apiVersion": "chaoskit.io/v1", "kind": "Experiment", "metadata": {"name": "d", "namespace": "shop"},
        "spec": {"fault": {"kind": "node-drain"}, "targets": {"nodes": [node]}, "engine": "direct"},
    }  # fmt: skip
    ended = chaoskit("plan", write("d.yaml", yaml.safe_dump(drain)))
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert ended.code == 3  # what is in kube-system would leave as well
    assert f"node-drain 1 of 3, these: {node}" in lines
    assert any(line.endswith(f" of {len(mine)} pods of deployment/{app} in shop") for line in lines)
    assert f"change node/{node} spec.unschedulable nothing to True" in lines
    assert f"change pod/{name} in shop evicted" in lines
    assert any(f"afterwards deployment/{app} {staying(mine)} ready" in line for line in lines)
    words = f"afterwards deployment/coredns in kube-system {staying(system)} ready"
    assert any(words in line for line in lines)
    assert "namespace kube-system is protected: no fault is injected into it, and 1 of " in ended.out
    assert re.search(r"1 of \d pods of deployment/coredns in kube-system would be hit there", ended.out)
    listed = chaoskit("plan", "d.yaml", "-o", "json").json["plans"][0]
    assert listed["targets"] == {"node-drain": [node]}
    assert f"shop/{name}" in listed["leaving"]["node-drain"]


def test_a_dry_run_without_a_cluster_prints_what_would_be_sent(stranger: CommandLine, write: Write) -> None:
    ended = stranger("run", write("x.yaml", experiment("x")), "--dry-run", "client")
    assert ended.code == 0
    (engine,) = yaml.safe_load_all(ended.out)
    assert engine["kind"] == "ChaosEngine"
    assert engine["spec"]["selectors"]["workloads"][0]["names"] == "cart"


def test_a_dry_run_on_the_server_keeps_nothing(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    ended = chaoskit("run", write("x.yaml", experiment("x")), "--dry-run", "server", "-o", "json")
    assert ended.code == 0, ended.err
    assert [each["complaint"] for each in ended.json["objects"]] == [""]
    assert simulated.left() == []
    assert chaoskit("history", "-o", "json").json["records"] == []


def test_what_the_server_would_refuse_is_2(chaoskit: CommandLine, write: Write) -> None:
    engine = {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosEngine",
        "metadata": {"name": "e", "namespace": "shop"},
        "spec": {
            "appinfo": {"appns": "shop", "applabel": "app=cart", "appkind": "deployment"},
            "chaosServiceAccount": "pod-delete-sa",
            "defaultHealthCheck": "false",
            "experiments": [{"name": "pod-delete"}],
        },
    }
    ended = chaoskit("run", write("e.yaml", yaml.safe_dump(engine)), "--dry-run", "server", "-o", "json")
    assert "defaultHealthCheck" in ended.json["objects"][0]["complaint"]
    assert ended.code in {2, 4}


def test_a_difference_is_shown_before_anything_is_asked(chaoskit: CommandLine, write: Write) -> None:
    native = write("x.yaml", experiment("x"))
    ended = chaoskit("run", native, "--dry-run", "server", "--diff")
    assert "+++ chaosengine.litmuschaos.io/x-" in ended.err
    assert "+  engineState: active" in ended.err
    cut = chaoskit("run", write("y.yaml", direct()), "--dry-run", "server", "--diff")
    assert "~ service/catalog spec.selector" in cut.err


def test_what_the_user_agreed_to_is_what_runs(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("x.yaml", direct())
    agreed = chaoskit("run", file, terminal=True, stdin="y\n")
    assert agreed.code == 0, agreed.err
    assert "engine" in agreed.err
    assert simulated.left() == []
    assert chaoskit("run", file, terminal=True, stdin="n\n").code == 3


def test_several_run_side_by_side(chaoskit: CommandLine, simulated: Watched, write: Write) -> None:
    names = ("catalog", "cart", "orders", "payments")
    for name in names:
        write(f"{name}.yaml", direct(name).replace("deployment/catalog", f"deployment/{name}"))
    ended = chaoskit("run", *(f"{name}.yaml" for name in names), "--parallel", 4, "--yes", "-o", "json")
    assert [run["name"] for run in ended.json["runs"]] == list(names)
    assert {run["undo"]["state"] for run in ended.json["runs"]} == {"confirmed"}
    begins = sorted(run["at"] for run in ended.json["runs"])
    ends = sorted(run["ended_at"] for run in ended.json["runs"])
    assert begins[-1] < ends[0]
    assert json.loads(json.dumps(ended.json))["schema"] == "chaoskit.io/runs/v1"
    assert simulated.left() == []


def test_the_least_rights_are_enough(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path
) -> None:
    """Litmus' own account is not its caller's: a direct fault needs no other than these."""
    file = write("x.yaml", direct())
    with _least(chaoskit, simulated, file, tmp_path / "least") as least:
        ended = least("run", file, "--yes", "-o", "json")
    assert ended.code == 0, ended.out + ended.err
    assert "forbidden" not in ended.err
    assert simulated.left() == []


def test_the_least_rights_are_enough_to_signal_a_container(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path
) -> None:
    file = write("k.yaml", experiment("k", fault="container-kill", target="search", engine="direct"))
    with _least(chaoskit, simulated, file, tmp_path / "least") as least:
        planned = least("plan", file, "-o", "json")
        (plan,) = planned.json["plans"]
        assert [check for check in plan["checks"] if check["state"] != "ok"] == []
    with _least(chaoskit, simulated, file, tmp_path / "fewer", without="pods/exec") as fewer:
        assert "you may not create pods/exec in shop, get pods/exec in shop" in fewer("plan", file).out


@pytest.mark.parametrize("engine", ["direct", "litmus"])
def test_the_least_rights_are_enough_for_commands_of_the_steady_state_and_fewer_are_refused(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path, engine: str
) -> None:
    inside = {"command": {"run": ["true"], "workload": "deployment/catalog"}}
    file = write("c.yaml", experiment("c", target="search", engine=engine, steadyState=[inside]))
    with _least(chaoskit, simulated, file, tmp_path / "least") as least:
        assert least("plan", file).code == 0
    with _least(chaoskit, simulated, file, tmp_path / "fewer", without="pods/exec") as fewer:
        ended = fewer("run", file, "--yes", "-o", "json")
    assert ended.code == 3
    assert "you may not create pods/exec in shop, get pods/exec in shop" in ended.json["runs"][0]["reason"]


def test_the_least_rights_show_whose_engine_works_on_the_target_wherever_it_stands(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path
) -> None:
    file = write("x.yaml", direct())
    at_catalog = {"appns": "shop", "applabel": "app=catalog", "appkind": "deployment"}
    engine = {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosEngine",
        "metadata": {"name": "theirs", "namespace": "litmus"},
        "spec": {"engineState": "active", "appinfo": at_catalog},
    }
    with _least(chaoskit, simulated, file, tmp_path / "least") as least:
        plain = least("plan", file)
        theirs = simulated.cluster.create(engine)
        planned = least("plan", file)
        simulated.cluster.delete(kube.ref_of(theirs))
    assert plain.code == 0, plain.out
    assert "would not be seen" not in plain.out
    assert planned.code == 3, planned.out
    assert "chaos engine theirs of namespace litmus works on deployment/catalog" in planned.out


def test_the_least_rights_are_enough_for_litmus_logs_and_undo(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path
) -> None:
    """Nothing is missed: no warning of it, the logs are kept, and what was ours is gone.

    The target is nobody else's: one that others have just hit would have to rest.
    """
    ready = READY | {"kubernetes": {"workload": "deployment/search"}}
    file = write("x.yaml", experiment("x", target="search", steadyState=[ready]))
    with _least(chaoskit, simulated, file, tmp_path / "least") as least:
        planned = least("plan", file, "-o", "json").json["plans"][0]
        ended = least("run", file, "--yes", "-o", "json")
    assert [check for check in planned["checks"] if check["state"] != "ok"] == []
    assert ended.code == 0, ended.out + ended.err
    (run,) = ended.json["runs"]
    assert run["evidence"]["logs"]
    assert not any("forbidden" in text or "not kept" in text for text in run["evidence"]["logs"].values())
    assert simulated.left() == []


@pytest.mark.parametrize("words", [("rescue",), ("abort", "--all", "--yes")], ids=" ".join)
def test_the_least_rights_are_enough_to_finish_a_killed_run_in_the_namespace_of_the_context(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path, words: tuple[str, ...]
) -> None:
    ref = kube.ref_of(simulated.cluster.list(kube.DEPLOYMENT, "shop", labels="app=search").items[0])
    before = simulated.cluster.get(ref)["spec"]
    cut = experiment("s", fault="scale-down", target="search", engine="direct", duration="600s",
                     parameters={"replicas": 1},
                     blastRadius={"maxPods": 9})  # fmt: skip
    file = write("s.yaml", cut)
    with _least(chaoskit, simulated, file, tmp_path / "least") as least:
        with least.start("run", file, "--yes") as process:
            read_until(process, "injected")
            process.kill()
            process.communicate(timeout=60)
        assert simulated.cluster.get(ref)["spec"] != before
        (lease,) = simulated.cluster.list(kube.LEASE, labels="chaoskit.io/state=active").items
        shorter = {"spec": {"leaseDurationSeconds": 9}}  # seconds of the wall: it may not read the rate
        simulated.cluster.patch(kube.ref_of(lease), shorter)
        ended = least(*words, "-o", "json")
        quiet = least(*words, "--quiet")
        asked = least(*words, "-n", "shop", "-o", "json")
    assert ended.code == 0, ended.err
    assert "only namespace shop is looked at" in ended.json["unseen"]
    assert quiet.err == f"! {ended.json['unseen']}\n"
    assert ended.json["namespace"] == asked.json["namespace"] == "shop"
    assert "unseen" not in asked.json
    assert chaoskit(*words, "-o", "json").json["namespace"] == ""
    assert [each["undo"] for each in ended.json["rescued"]] == ["confirmed"]
    assert simulated.cluster.get(ref)["spec"] == before


def test_a_plan_is_of_one_cluster_and_another_is_refused_with_both(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    planned = chaoskit("plan", write("x.yaml", direct()), "--out", "p.json", "-o", "json")
    here = simulated.cluster.identity()
    (plan,) = planned.json["plans"]
    assert plan["cluster"]["uid"] == here.uid
    whole = json.loads((chaoskit.home / "p.json").read_text(encoding="utf-8"))
    staging = {"name": "staging", "uid": "5d7f", "address": "https://staging:6443"}
    whole["plans"][0]["cluster"] = staging
    write("p.json", json.dumps(whole))
    for words in ((), ("--detach",), ("--dry-run", "server")):
        ended = chaoskit("run", "--plan", "p.json", "--yes", *words)
        assert ended.code == 3
        assert "was made for cluster staging (https://staging:6443, uid 5d7f); this is" in ended.err
        assert here.uid in ended.err
    assert simulated.left() == []


def test_who_may_not_read_kube_system_plans_and_runs_and_others_run_that_plan(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path
) -> None:
    file = write("x.yaml", direct())
    with _least(chaoskit, simulated, file, tmp_path / "least", without="kube-system") as least:
        planned = least("plan", file, "--out", "p.json", "-o", "json")
        assert planned.json["plans"][0]["cluster"]["uid"] == ""
        ran = [least("run", "--plan", "p.json", "--yes"), chaoskit("run", "--plan", "p.json", "--yes")]
    assert [each.code for each in ran] == [0, 0], ran
    assert planned.json["hash"] != chaoskit("plan", file, "-o", "json").json["hash"]
    assert simulated.left() == []


@contextlib.contextmanager
def _least(
    chaoskit: CommandLine, simulated: Watched, file: Path, config: Path, *, without: str = ""
) -> Iterator[CommandLine]:
    """The command line of an account with what ``plan --rbac`` gives its caller, but for one name or kind."""
    found = yaml.safe_load_all(chaoskit("plan", file, "--rbac").out)
    bodies = [body for body in found if body["metadata"]["name"] == "chaoskit-run"]
    for body in bodies:
        if "rules" in body:
            rules = [each for each in body["rules"] if without not in each.get("resourceNames", ())]
            body["rules"] = [each for each in rules if without not in each["resources"]]
    for body in bodies:
        simulated.cluster.create(body)
    config.write_text(_of_account(simulated, "chaoskit-run"), encoding="utf-8")
    try:
        yield CommandLine(chaoskit.home, config)
    finally:
        for body in bodies:
            simulated.cluster.delete(kube.ref_of(body))


def test_the_least_rights_name_the_setting_that_is_changed(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    for kind, kept in (("ConfigMap", "configMap"), ("Secret", "secret")):
        body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "mine", "namespace": "shop"}}
        simulated.cluster.create({**body, "data": {"KEY": "YQ=="}})
        changed = {kept: "mine", "key": "KEY", "value": "b"}
        text = experiment("m", fault="config-mutation", target="catalog", parameters=changed)
        rules = [
            rule
            for each in yaml.safe_load_all(chaoskit("plan", write("m.yaml", text), "--rbac").out)
            for rule in each.get("rules", ())
            if rule["resources"] == [f"{kind.lower()}s"] and "patch" in rule["verbs"]
        ]
        assert {"mine"} in [set(rule.get("resourceNames", ())) for rule in rules]
        if kind == "ConfigMap":
            assert all("resourceNames" in rule for rule in rules)


def _of_account(simulated: Watched, name: str) -> str:
    """A kubeconfig of a service account in the namespace shop."""
    config = yaml.safe_load(simulated.simulation.kubeconfig.read_text(encoding="utf-8"))
    (server,), (user,) = config["clusters"], config["users"]
    config["contexts"][0]["context"]["namespace"] = "shop"
    authority = base64.b64decode(server["cluster"]["certificate-authority-data"]).decode()
    request = urllib.request.Request(
        f"{server['cluster']['server']}/api/v1/namespaces/shop/serviceaccounts/{name}/token",
        data=b'{"spec": {}}',
        headers={"Authorization": f"Bearer {user['user']['token']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, context=ssl.create_default_context(cadata=authority)) as answer:
        user["user"] = {"token": json.load(answer)["status"]["token"]}
    return yaml.safe_dump(config)


def test_a_namespace_that_contradicts_the_document_is_told_with_both(
    stranger: CommandLine, write: Write
) -> None:
    file = write("x.yaml", experiment("x"))
    for words in (("plan",), ("run", "--yes")):
        ended = stranger(*words, file, "-n", "other")
        assert ended.code == 2
        assert 'metadata.namespace is "shop", expected other, as -n says' in ended.err
    assert stranger("plan", file, "-n", "shop").code == 4


def test_a_workload_that_is_not_there_is_mended_by_its_name(chaoskit: CommandLine, write: Write) -> None:
    ended = chaoskit("plan", write("x.yaml", experiment("x", target="crat")))
    assert ended.code == 4
    assert "no such workload: deployment/crat; did you mean deployment/cart?" in ended.out
    assert "--show-labels" not in ended.out
    assert "0 of 0" not in ended.out


def test_a_plan_tells_the_steady_state_as_it_is_now_and_runs_no_command(
    chaoskit: CommandLine, write: Write
) -> None:
    touched = chaoskit.home / "touched"
    file = write(
        "x.yaml",
        experiment("x", steadyState=[READY, {"command": {"run": f"touch {touched}"}}], timeout="1s"),
    )
    ended = chaoskit("plan", file)
    assert ended.code == 0, ended.out
    assert re.search(r"✔ steady state +deployment/cart ready now .*\(before, after\)", ended.out)
    assert re.search(r"! steady state +.*only a run runs commands", ended.out)
    assert not touched.exists()
    assert re.search(r"! timeout +1 s are less than the \d+ s that it takes", ended.out)
    hog = chaoskit("plan", write("y.yaml", experiment("y", fault="pod-cpu-hog"))).out
    assert re.search(r"1 of these \d+, chosen when it starts: cart-", hog)
    (plan,) = chaoskit("plan", file, "-o", "json").json["plans"]
    assert [each["held"] for each in plan["steadyState"]] == [True, None]


@pytest.mark.parametrize(
    ("condition", "mark", "code"),
    [
        ({"kubernetes": {"workload": "deployment/cart", "ready": 99}}, "✖", 8),
        ({"http": {"url": "http://127.0.0.1:1/"}}, "✖", 8),
        ({"kubernetes": {"workload": "deployment/cart", "ready": 99}, "mode": "after"}, "!", 0),
    ],
    ids=["broken", "unreachable", "wanted after it alone"],
)
def test_a_plan_whose_steady_state_forbids_the_fault_ends_as_the_run_would(
    chaoskit: CommandLine, write: Write, condition: dict[str, object], mark: str, code: int
) -> None:
    file = write("x.yaml", experiment("x", steadyState=[condition]))
    ended = chaoskit("plan", file)
    assert ended.code == code, ended.out
    assert f"  {mark} steady state" in ended.out
    assert ("next  chaoskit run" in ended.out) is (code == 0)
    told = chaoskit("plan", file, "-o", "json").json
    assert (told["exit"], told["plans"][0]["outcome"]) == (code, "no-baseline" if code else None)


def test_what_a_run_would_warn_of_the_plan_warns_of(chaoskit: CommandLine, write: Write) -> None:
    file = write("x.yaml", experiment("x"))
    ended = chaoskit("plan", file)
    words = "without it a pass says only that the fault took place"
    assert ended.code == 0
    assert re.search(
        rf"^  ! document +\S*x.yaml:\d+:\d+  spec.steadyState .*{words}", ended.out, re.MULTILINE
    )
    (plan,) = chaoskit("plan", file, "-o", "json").json["plans"]
    assert [words in each for each in plan["warnings"]] == [True]
    silent = chaoskit("plan", write("y.yaml", experiment("y", steadyState=[READY])))
    assert "! document" not in silent.out


def test_where_there_is_no_document_the_arguments_are_named(stranger: CommandLine, write: Write) -> None:
    (stranger.home / "emptydir").mkdir()
    write("empty.yaml", "# nothing\n")
    ended = stranger("run", "emptydir", "empty.yaml", "--junit", "j.xml", "--yes")
    assert ended.code == 2
    assert [line.split()[1] for line in ended.err.splitlines() if line.startswith("error")] == [
        "emptydir",
        "empty.yaml",
    ]
    assert 'file="emptydir"' in (stranger.home / "j.xml").read_text(encoding="utf-8")


def test_standard_input_is_no_file_in_sarif(stranger: CommandLine) -> None:
    assert stranger("run", "-", "--sarif", "s.json", "--yes", stdin="kind: Experiment\n").code == 2
    (run,) = json.loads((stranger.home / "s.json").read_text(encoding="utf-8"))["runs"]
    assert "physicalLocation" not in run["results"][0]["locations"][0]
    assert len({each["partialFingerprints"]["chaoskit/v1"] for each in run["results"]}) == len(run["results"])
