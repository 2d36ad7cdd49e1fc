from __future__ import annotations

from pathlib import Path

import pytest

from chaoskit.documents import parse
from chaoskit.errors import InvalidInput
from chaoskit.experiments import load
from chaoskit.experiments.direct.faults import EVERY
from chaoskit.experiments.trials import Trial, fault_seconds, trials

EXAMPLES = Path(__file__).parents[2] / "examples" / "experiments"

ENGINE = """\
apiVersion: litmuschaos.io/v1alpha1
kind: ChaosEngine
metadata: {name: web-chaos, namespace: lab}
spec:
  engineState: active
  appinfo: {appns: lab, applabel: app=web, appkind: deployment}
  chaosServiceAccount: litmus-sa
  terminationGracePeriodSeconds: 30
  experiments:
  - name: pod-delete
    spec:
      components:
        env:
        - {name: TOTAL_CHAOS_DURATION, value: '15'}
"""

NATIVE = """\
apiVersion: chaoskit.io/v1
kind: Experiment
metadata: {name: cart, namespace: shop}
spec:
  fault: {kind: pod-delete}
  targets: {workloads: [deployment/cart]}
"""


def test_strict_makes_warnings_problems() -> None:
    assert [each.rule for each in trials(parse(ENGINE))[0].warnings] == ["no-probe"]
    with pytest.raises(InvalidInput, match="a probe"):
        trials(parse(ENGINE), strict=True)
    with pytest.raises(InvalidInput, match="a condition"):
        trials(parse(NATIVE), strict=True)


@pytest.mark.parametrize(
    ("old", "new", "line", "hint"),
    [
        ("pod-delete", "pod-delet", 5, "did you mean pod-delete?"),
        ("{kind: pod-delete}", "{kind: pod-delete, parameters: {forse: true}}", 5, "did you mean force?"),
        ("{kind: pod-delete}", "{kind: pod-delete, parameters: {interval: 5s}}", 5, ""),
        ("{kind: pod-delete}", "{kind: pod-delete, parameters: {interval: 5-9}}", 5, ""),
        ("{kind: pod-delete}", "{kind: pod-dns-spoof}", 5, ""),
        ("{kind: pod-delete}", "{kind: database-connection-loss, parameters: {database: db}}", 5, ""),
        ("{kind: pod-delete}", "{kind: node-restart}", 6, ""),
        ("{workloads: [deployment/cart]}", "{nodes: [node-1]}", 6, ""),
        ("{workloads: [deployment/cart]}", "{}", 6, ""),
        ("name: cart", "name: Cart", 3, ""),
    ],
)
def test_a_native_experiment_is_checked_against_the_catalogue(
    old: str, new: str, line: int, hint: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        trials(parse(NATIVE.replace(old, new, 1), "f.yaml"))
    assert [(p.line, p.hint) for p in caught.value.problems] == [(line, hint)]


@pytest.mark.parametrize(
    ("old", "new", "field", "beside"),
    [
        ("{kind: pod-delete}", "{kind: pod-delete, parameters: {duration: 300}}\n  duration: 30s",
         "spec.fault.parameters.duration", "spec.duration (line 6)"),
        ("{kind: pod-delete}", "{kind: pod-delete, parameters: {interval: 5, CHAOS_INTERVAL: '9'}}",
         "spec.fault.parameters.CHAOS_INTERVAL", "spec.fault.parameters.interval (line 5)"),
        ("cart]}", "cart], pods: 1, percent: 100}", "spec.targets.percent", "spec.targets.pods (line 6)"),
        ("cart]}", "cart], percent: 50}\n  fault: {kind: pod-delete, parameters: {PODS_AFFECTED_PERC: '9'}}",
         "spec.fault.parameters.PODS_AFFECTED_PERC", "spec.targets.percent (line 5)"),
    ],
)  # fmt: skip
def test_what_is_said_twice_is_refused_with_both_places(old: str, new: str, field: str, beside: str) -> None:
    text = NATIVE.replace(old, new, 1)
    if new.count("fault:"):
        text = text.replace("  fault: {kind: pod-delete}\n", "", 1)
    with pytest.raises(InvalidInput) as caught:
        trials(parse(text, "f.yaml"))
    (problem,) = caught.value.problems
    assert (problem.field, problem.rule, problem.expected) == (field, "twice-said", "one of the two")
    assert f"beside {beside}" in problem.found


@pytest.mark.parametrize(
    ("parameters", "field", "rule", "wanted"),
    [
        ("value: x", "configMap", "parameter-missing", "either configMap or secret"),
        ("configMap: '', value: x", "configMap", "parameter-missing", "either configMap or secret"),
        ("configMap: a, SECRET: b, value: x", "SECRET", "twice-said", "either configMap or secret"),
        (
            "configMap: '', secret: '', value: x",
            "configMap",
            "parameter-missing",
            "either configMap or secret",
        ),
        ("configMap: a", "value", "parameter-missing", "either value or remove"),
        ("configMap: a, remove: false", "value", "parameter-missing", "either value or remove"),
        ("secret: a, remove: true, value: x", "remove", "twice-said", "either value or remove"),
    ],
)
def test_of_what_a_mutation_may_do_one_thing_is_asked_for(
    parameters: str, field: str, rule: str, wanted: str
) -> None:
    fault = f"{{kind: config-mutation, parameters: {{key: LEVEL, {parameters}}}}}"
    with pytest.raises(InvalidInput) as caught:
        trials(parse(NATIVE.replace("{kind: pod-delete}", fault, 1), "f.yaml"))
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (5, f"spec.fault.parameters.{field}")
    assert (problem.rule, problem.expected) == (rule, wanted)


@pytest.mark.parametrize("parameters", ["configMap: a, value: 'false'", "SECRET: a, remove: true"])
def test_a_mutation_that_says_one_thing_is_taken(parameters: str) -> None:
    fault = f"{{kind: config-mutation, parameters: {{key: LEVEL, {parameters}}}}}"
    assert trials(parse(NATIVE.replace("{kind: pod-delete}", fault, 1), "f.yaml"))


def test_a_preset_can_give_what_the_fault_cannot_do_without() -> None:
    text = NATIVE.replace("pod-delete", "node-taint").replace("workloads: [deployment/cart]", "nodes: [n1]")
    assert trials(parse(text))[0].faults == ("node-taint",)


def test_a_fault_that_knows_one_node_gets_no_more() -> None:
    text = NATIVE.replace("pod-delete", "node-restart").replace(
        "workloads: [deployment/cart]", "nodes: [a, b]"
    )
    with pytest.raises(InvalidInput, match="one node"):
        trials(parse(text))


def test_one_of_chaoskits_own_faults_is_run_by_litmus_and_called_by_its_own_name() -> None:
    fault = "{kind: database-connection-loss, parameters: {database: 'db.shop.svc|5432'}}"
    (found,) = trials(parse(NATIVE.replace("{kind: pod-delete}", fault)))
    assert (found.faults, found.asked) == (("pod-network-loss",), ("database-connection-loss",))
    assert found.experiments[0]["name"] == "pod-network-loss"


def test_litmus_env_in_capitals_is_passed_through() -> None:
    text = NATIVE.replace("{kind: pod-delete}", "{kind: pod-delete, parameters: {INSTANCE_ID: a}}")
    env = trials(parse(text))[0].experiments[0]["spec"]["components"]["env"]
    assert {"name": "INSTANCE_ID", "value": "a"} in env


def test_what_is_said_of_documents_together_is_said_with_their_trial() -> None:
    beside = "---\nkind: ServiceAccount\napiVersion: v1\nmetadata: {name: other, namespace: lab}\n"
    (found,) = trials(parse(ENGINE + beside))
    assert [each.rule for each in found.warnings] == ["no-probe", "account-absent"]


def test_the_items_of_a_list_are_documents_of_their_own() -> None:
    listed = "kind: List\napiVersion: v1\nitems:\n- " + ENGINE.replace("\n", "\n  ").strip() + "\n"
    (found,) = trials(parse(listed))
    assert (found.name, found.namespace) == ("web-chaos", "lab")
    broken = listed.replace("'15'", "60s")
    with pytest.raises(InvalidInput) as caught:
        trials(parse(broken))
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (17, 49)


def test_what_belongs_beside_an_engine_goes_with_it_when_its_namespace_is_the_same() -> None:
    beside = "---\nkind: Role\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: r}\nrules: []\n"
    other = "---\nkind: ServiceAccount\napiVersion: v1\nmetadata: {name: s, namespace: other}\n"
    found = trials(parse(ENGINE + beside + other))
    assert [body["metadata"]["name"] for body in found[0].beside] == ["r"]
    assert found[0].beside[0]["metadata"]["namespace"] == "lab"


RIGHTS_THERE = """\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: chaos, namespace: shop}
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: chaos, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: chaos}
subjects: [{kind: ServiceAccount, name: litmus-sa, namespace: lab}]
"""


def test_rights_of_the_account_in_the_targets_namespace_go_with_the_engine() -> None:
    (found,) = trials(parse(ENGINE + RIGHTS_THERE))
    placed = [(body["kind"], body["metadata"]["namespace"]) for body in found.beside]
    assert placed == [("Role", "shop"), ("RoleBinding", "shop")]
    assert "other-namespace" not in [each.rule for each in found.warnings]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (RIGHTS_THERE.replace("namespace: lab", "namespace: other"), 4),
        ("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: shop}\n", 4),
        ("---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: c, namespace: shop}\n", 4),
    ],
)
def test_what_is_elsewhere_and_is_not_made_is_told(text: str, line: int) -> None:
    documents = [*parse(ENGINE, "engine.yaml"), *parse(text, "beside.yaml")]
    (found,) = trials(documents)
    assert found.beside == ()
    told = [each for each in found.warnings if each.rule == "other-namespace"]
    assert (told[0].path, told[0].line) == ("beside.yaml", line)
    assert "it is not made" in told[0].hint
    unplaced = [*parse(ENGINE.replace(", namespace: lab}", "}"), "engine.yaml"), *parse(text, "beside.yaml")]
    assert "other-namespace" in [each.rule for each in trials(unplaced)[0].warnings]


def test_the_problems_of_all_documents_are_told_together() -> None:
    text = NATIVE.replace("pod-delete", "x") + "---\n" + ENGINE.replace("'15'", "60s") + "---\nkind: Pod\n"
    with pytest.raises(InvalidInput) as caught:
        trials(parse(text))
    assert [p.rule for p in caught.value.problems] == ["fault-unknown", "tunable", "kind"]


def test_documents_without_an_experiment_are_nothing_to_run() -> None:
    with pytest.raises(InvalidInput, match="nothing to run"):
        trials(parse("kind: ServiceAccount\napiVersion: v1\nmetadata: {name: a}\n"))


def test_a_namespace_is_given_only_to_documents_without_one() -> None:
    bare = ENGINE.replace(", namespace: lab", "")
    native = NATIVE.replace(", namespace: shop", "")
    found = trials(parse(f"{bare}---\n{native}---\n{ENGINE}"), namespace="ours")
    assert [trial.namespace for trial in found] == ["ours", "ours", "lab"]


def test_every_example_can_be_run() -> None:
    found = load([str(EXAMPLES)])
    assert {type(each) for each in found} == {Trial}
    assert all(each.asked[0] in EVERY for each in found)


def test_problems_point_at_what_is_wrong_and_come_by_line() -> None:
    text = NATIVE.replace("  targets: {workloads: [deployment/cart]}\n", "  duration: abc\n")
    with pytest.raises(InvalidInput) as caught:
        trials(parse(text))
    assert [(p.line, p.column, p.field) for p in caught.value.problems] == [
        (4, 1, "spec.targets"),
        (6, 13, "spec.duration"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "field", "found"),
    [
        ("chaoskit.io/v1", "chaoskit.io/v2", "apiVersion", '"chaoskit.io/v2"'),
        ("apiVersion: chaoskit.io/v1\n", "", "apiVersion", "missing"),
        ("kind: Experiment\n", "", "kind", "missing"),
    ],
)
def test_a_document_of_another_kind_or_version_says_which_it_is(
    old: str, new: str, field: str, found: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        trials(parse(NATIVE.replace(old, new)))
    (problem,) = caught.value.problems
    assert (problem.field, problem.found) == (field, found)


@pytest.mark.parametrize(
    ("fault", "env", "seconds"),
    [
        ("pod-cpu-hog", {"TOTAL_CHAOS_DURATION": "15"}, 15),
        ("pod-cpu-hog", {"TOTAL_CHAOS_DURATION": "15", "SEQUENCE": "serial"}, 45),
        ("pod-delete", {"TOTAL_CHAOS_DURATION": "60", "SEQUENCE": "serial", "CHAOS_INTERVAL": "5"}, 60),
        ("pod-delete", {"TOTAL_CHAOS_DURATION": "15", "SEQUENCE": "serial", "CHAOS_INTERVAL": "10"}, 30),
        ("pod-delete", {"TOTAL_CHAOS_DURATION": "15", "SEQUENCE": "parallel", "CHAOS_INTERVAL": "10"}, 15),
    ],
)
def test_one_pod_after_the_other_each_has_its_duration_but_pods_are_deleted_in_rounds_of_all(
    fault: str, env: dict[str, str], seconds: float
) -> None:
    assert fault_seconds(fault, env, 3) == seconds
