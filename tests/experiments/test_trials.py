from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from chaoskit.documents import parse
from chaoskit.errors import InvalidInput
from chaoskit.experiments import lint, load
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.spec import schema
from chaoskit.experiments.trials import Trial, findings, trials

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

PROBE = """\
      probe:
      - name: answers
        type: httpProbe
        mode: Edge
        httpProbe/inputs: {url: http://web, method: {get: {criteria: ==, responseCode: '200'}}}
        runProperties: {probeTimeout: 5s, interval: 1s, attempt: 1}
"""


def rules(text: str) -> list[str]:
    return [each.problem.rule for each in findings(parse(text, "f.yaml"))]


def one(text: str, rule: str) -> lint.Finding:
    return next(each for each in findings(parse(text, "f.yaml")) if each.problem.rule == rule)


def test_a_correct_engine_has_nothing_to_say_about_it() -> None:
    assert findings(parse(ENGINE + PROBE)) == ()


@pytest.mark.parametrize(
    ("old", "new", "rule", "level"),
    [
        ("value: '15'", "value: 60s", "tunable", "error"),
        ("value: '15'", "value: '-1'", "tunable", "error"),
        ("value: '15'", "value: 15", "env-text", "error"),
        ("TOTAL_CHAOS_DURATION", "TOTAL_CHAOS_DURATON", "env-misspelt", "warning"),
        ("TOTAL_CHAOS_DURATION", "STATUS_CHECK_TIMEOUT", "env-reserved", "warning"),
        ("engineState: active", "engineState: activ", "engine-state", "error"),
        ("name: web-chaos", "name: Web_Chaos", "name", "error"),
        ("name: web-chaos", "name: " + "w" * 41, "name-long", "warning"),
        ("v1alpha1", "v1", "api-version", "error"),
        (", appkind: deployment", "", "appinfo-incomplete", "error"),
        ("appkind: deployment", "appkind: deploy", "app-kind", "error"),
        ("applabel: app=web", "applabel: 'app=web,tier=a'", "label-or", "warning"),
        ("  chaosServiceAccount: litmus-sa\n", "", "service-account", "warning"),
        ("chaosServiceAccount", "chaosServiceAcount", "field-unknown", "warning"),
        ("type: httpProbe", "type: httpprobe", "probe-type", "error"),
        ("mode: Edge", "mode: edge", "probe-mode", "error"),
        ("probeTimeout: 5s", "probeTimeout: '5'", "probe-duration", "error"),
        ("probeTimeout: 5s", "probeTimeout: 5", "probe-duration-2x", "warning"),
        ("mode: Edge", "mode: Continuous", "probe-busy", "warning"),
        ("get: {", "post: {", "probe-post", "warning"),
        ("        mode: Edge\n", "", "probe-field", "error"),
        ("- name: pod-delete", "- nam: pod-delete", "experiments", "error"),
    ],
)
def test_each_trap_is_told_with_its_rule_and_gravity(old: str, new: str, rule: str, level: str) -> None:
    text = (ENGINE + PROBE).replace(old, new, 1)
    assert one(text, rule).level == level


def test_an_on_chaos_probe_with_a_delay_and_a_shell_in_a_query_are_told() -> None:
    probe = PROBE.replace("mode: Edge", "mode: OnChaos").replace(
        "attempt: 1", "attempt: 1, initialDelay: 2s, probePollingInterval: 1s"
    )
    prom = "        promProbe/inputs: {query: 'sum(up{job=\"a\"})'}\n"
    assert rules(ENGINE + probe + prom) == ["probe-on-chaos-delay", "probe-query"]


def test_a_helper_without_grace_is_told() -> None:
    text = ENGINE.replace("pod-delete", "pod-network-loss").replace(
        "  terminationGracePeriodSeconds: 30\n", ""
    )
    assert rules(text) == ["grace"]


def test_an_experiment_written_twice_is_an_error() -> None:
    assert "experiment-twice" in rules(ENGINE + "  - name: pod-delete\n")


def test_a_problem_stands_at_its_line_and_says_what_litmus_makes_of_it() -> None:
    found = one(ENGINE.replace("'15'", "60s"), "tunable").problem
    assert (found.line, found.column, found.found) == (14, 47, '"60s"')
    assert "passes without a fault" in found.hint


def test_every_rule_is_used_and_every_finding_has_one() -> None:
    source = Path(lint.__file__).read_text(encoding="utf-8")
    used = set(re.findall(r'_say\(\s*"([a-z0-9-]+)"|_choice\("([a-z-]+)"', source))
    assert {a or b for a, b in used} == set(lint.RULES)


def test_strict_makes_warnings_problems() -> None:
    text = ENGINE.replace("applabel: app=web", "applabel: 'app=web,tier=a'")
    assert len(trials(parse(text))[0].warnings) == 1
    with pytest.raises(InvalidInput, match="one label"):
        trials(parse(text), strict=True)


@pytest.mark.parametrize(
    ("old", "new", "line", "hint"),
    [
        ("pod-delete", "pod-delet", 5, "did you mean pod-delete?"),
        ("{kind: pod-delete}", "{kind: pod-delete, parameters: {forse: true}}", 5, "did you mean force?"),
        ("{kind: pod-delete}", "{kind: pod-delete, parameters: {interval: 5s}}", 5, ""),
        ("{kind: pod-delete}", "{kind: node-taint}", 5, ""),
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


def test_litmus_env_in_capitals_is_passed_through() -> None:
    text = NATIVE.replace("{kind: pod-delete}", "{kind: pod-delete, parameters: {INSTANCE_ID: a}}")
    env = trials(parse(text))[0].experiments[0]["spec"]["components"]["env"]
    assert {"name": "INSTANCE_ID", "value": "a"} in env


def test_what_belongs_beside_an_engine_goes_with_it_when_its_namespace_is_the_same() -> None:
    beside = "---\nkind: Role\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: r}\n"
    other = "---\nkind: ServiceAccount\napiVersion: v1\nmetadata: {name: s, namespace: other}\n"
    found = trials(parse(ENGINE + beside + other))
    assert [body["metadata"]["name"] for body in found[0].beside] == ["r"]
    assert found[0].beside[0]["metadata"]["namespace"] == "lab"


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
    assert all(each.faults[0] in CATALOGUE for each in found)


def test_the_schema_accepts_the_native_examples_keys() -> None:
    keys = set(schema()["$defs"]["ExperimentSpec"]["properties"])
    for path in EXAMPLES.glob("*.yaml"):
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
        if body["kind"] == "Experiment":
            assert set(body["spec"]) <= keys
