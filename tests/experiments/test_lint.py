"""Each rule speaks where it should, at the right place, and only there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chaoskit.documents import parse
from chaoskit.experiments import lint
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.lint import findings

ENGINE = """\
apiVersion: litmuschaos.io/v1alpha1
kind: ChaosEngine
metadata: {name: web-chaos, namespace: lab, labels: {team: a}}
spec:
  engineState: active
  appinfo: {appns: lab, applabel: app=web, appkind: deployment}
  chaosServiceAccount: litmus-sa
  jobCleanUpPolicy: retain
  terminationGracePeriodSeconds: 30
  experiments:
  - name: pod-delete
    spec:
      components:
        env:
        - {name: TOTAL_CHAOS_DURATION, value: '15'}
        - {name: FORCE, value: 'true'}
      probe:
      - name: answers
        type: httpProbe
        mode: Edge
        httpProbe/inputs: {url: http://web, method: {get: {criteria: ==, responseCode: '200'}}}
        runProperties: {probeTimeout: 5s, interval: 1s, attempt: 1, stopOnFailure: true}
"""
QUERY = "sum(up{job='a'})"
INPUTS = {
    "cmdProbe": "{command: date, comparator: {type: int, criteria: '>', value: '1'}}",
    "k8sProbe": "{version: v1, resource: pods, operation: present}",
    "promProbe": f'{{endpoint: http://p, query: "{QUERY}", comparator: {{criteria: <, value: "1"}}}}',
}
DEFINITION = """\
apiVersion: litmuschaos.io/v1alpha1
kind: ChaosExperiment
description: {message: Deletes pods}
metadata: {name: pod-delete, namespace: lab}
spec:
  definition:
    scope: Namespaced
    permissions:
    - {apiGroups: [''], resources: [pods], verbs: [get]}
    image: litmuschaos/go-runner:3.31.0
    imagePullPolicy: Always
    args: [-c, ./experiments -name pod-delete]
    command: [/bin/bash]
    env:
    - {name: TOTAL_CHAOS_DURATION, value: '15'}
    - {name: RAMP_TIME, value: ''}
    labels: {name: pod-delete}
"""
ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: litmus-sa, namespace: lab}
rules:
- {apiGroups: ['*'], resources: ['*'], verbs: ['*']}
"""
BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: litmus-sa, namespace: lab}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: litmus-sa}
subjects:
- {kind: ServiceAccount, name: litmus-sa, namespace: lab}
"""
ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: litmus-sa, namespace: lab}\n"
NATIVE = """\
apiVersion: chaoskit.io/v1
kind: Experiment
metadata: {name: cart, namespace: shop}
spec:
  fault: {kind: pod-delete}
  targets: {workloads: [deployment/cart]}
  steadyState: [{kubernetes: {workload: deployment/cart}}]
"""

SCALED = NATIVE.replace("pod-delete", "scale-down").replace("{", "{{").replace("}", "}}").replace(
    "{{workload: deployment/cart}}}}]", "{}}}]"
)  # fmt: skip
"""With a place for a condition and its mode."""


def probed(kind: str, **changed: str) -> str:
    """The engine with a probe of this kind; some of its words changed."""
    text = re.sub(r"httpProbe/inputs:.*", f"{kind}/inputs: {INPUTS[kind]}", ENGINE)
    text = text.replace("type: httpProbe", f"type: {kind}")
    for old, new in changed.items():
        text = text.replace(f"{old}: {_now(text, old)}", f"{old}: {new}")
    return text


def _now(text: str, word: str) -> str:
    found = re.search(rf"\b{word}: ([^,}}\n]+)", text)
    assert found is not None
    return found[1]


def with_env(fault: str, *entries: str) -> str:
    """The engine with this fault and these ENV, as ``NAME=value``."""
    lines = "".join(
        f"\n        - {{name: {e.split('=', 1)[0]}, value: '{e.split('=', 1)[1]}'}}" for e in entries
    )
    text = ENGINE.replace("name: pod-delete", f"name: {fault}")
    return text.replace("\n        - {name: FORCE, value: 'true'}", lines)


def found_in(text: str) -> tuple[lint.Finding, ...]:
    """Everything that is found."""
    return findings(parse(text, "f.yaml"))


def told(text: str) -> list[tuple[str, int]]:
    """(rule, line) of everything that is found."""
    return [(each.problem.rule, each.problem.line) for each in found_in(text)]


def rules(text: str) -> list[str]:
    return [rule for rule, _ in told(text)]


@pytest.mark.parametrize(
    "text",
    [ENGINE, *map(probed, INPUTS), DEFINITION, ROLE, BINDING, ACCOUNT, NATIVE,
     f"{ENGINE}---\n{DEFINITION}---\n{ROLE}---\n{BINDING}---\n{ACCOUNT}"],
)  # fmt: skip
def test_of_what_is_right_nothing_is_said(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("old", "new", "rule", "line"),
    [
        ("v1alpha1", "v1", "api-version", 1),
        ("web-chaos", "Web_Chaos", "name", 3),
        ("web-chaos", "w" * 64, "name", 3),
        ("web-chaos", "w" * 41, "name-long", 3),
        ("{team: a}", "{team: 1}", "type", 3),
        ("{team: a}", "{team: a b}", "metadata", 3),
        ("engineState: active", "engineState: activ", "engine-state", 5),
        ("engineState: active", "engineState: stop", "engine-stopped", 5),
        ("engineState: active", "engineState: {}", "engine-state", 5),
        ("retain", "keep", "clean-up-policy", 8),
        ("jobCleanUpPolicy", "jobCleanupPolicy", "field-misspelt", 8),
        ("jobCleanUpPolicy: retain", "schedule: now", "field-unknown", 8),
        ("applabel", "appLabel", "field-misspelt", 6),
        ("  chaosServiceAccount: litmus-sa\n", "", "service-account", 5),
        ("chaosServiceAccount: litmus-sa", "chaosServiceAccount: 5", "type", 7),
        ("  jobCleanUpPolicy: retain", "  annotationCheck: 'true'", "annotation-check", 8),
        ("  jobCleanUpPolicy: retain", "  defaultHealthCheck: true", "health-check", 8),
        ("  jobCleanUpPolicy: retain", "  defaultHealthCheck: 'true'", "litmus-2x", 8),
        ("Seconds: 30", "Seconds: '30'", "type", 9),
        (", appkind: deployment", "", "appinfo-incomplete", 6),
        ("deployment", "deploy", "app-kind", 6),
        ("app=web,", "'app=web,tier=a',", "label-or", 6),
        ("app=web,", "web,", "label-names", 6),
        ("app=web,", "'app in (web, db)',", "label-set", 6),
        ("app=web, appkind: deployment", "'', appkind: ''", "target-random", 6),
        ("- name: pod-delete", "- nam: pod-delete", "field-misspelt", 11),
        ("- name: pod-delete", "- name: ''", "experiments", 11),
        ("value: '15'", "value: 60s", "tunable", 15),
        ("value: '15'", "value: '-1'", "tunable", 15),
        ("value: '15'", "value: '0'", "tunable", 15),
        ("value: '15'", "value: 15", "env-text", 15),
        ("value: '15'", "value: true", "env-text", 15),
        ("value: 'true'", "value: 'yes'", "env-flag", 16),
        ("name: TOTAL_CHAOS_DURATION", "name: TOTAL_CHAOS_DURATON", "env-misspelt", 15),
        ("name: FORCE", "name: STATUS_CHECK_TIMEOUT", "env-reserved", 16),
        ("name: FORCE", "name: TOTAL_CHAOS_DURATION", "env-twice", 16),
        ("        mode: Edge\n", "", "probe-field", 18),
        ("type: httpProbe", "type: httpprobe", "probe-type", 19),
        ("type: httpProbe", "type: sloProbe", "probe-type", 19),
        ("type: httpProbe", "type: cmdProbe", "probe-field", 18),
        ("mode: Edge", "mode: edge", "probe-mode", 20),
        ("mode: Edge", "mode: Continuous", "probe-busy", 22),
        (", stopOnFailure: true", "", "probe-edge", 22),
        ("url: http://web, ", "", "probe-field", 21),
        ("get: {", "post: {", "probe-post", 21),
        ("get: {", "put: {", "probe-field", 21),
        ("criteria: ==", "criteria: =", "probe-comparator", 21),
        ("responseCode: '200'", "responseCode: 200", "type", 21),
        ("responseCode: '200'", "responseCode: ok", "probe-comparator", 21),
        ("{url:", "{responseTimeout: 100, url:", "litmus-2x", 21),
        ("probeTimeout: 5s", "probeTimeout: '5'", "probe-duration", 22),
        ("probeTimeout: 5s", "probeTimeout: 5", "litmus-2x", 22),
        ("probeTimeout: 5s", "probeTimeout: .inf", "probe-duration", 22),
        ("probeTimeout: 5s, ", "", "probe-field", 22),
        ("attempt: 1", "initialDelaySeconds: 2", "probe-delay-unused", 22),
        ("attempt: 1", "attempt: one", "type", 22),
    ],
)  # fmt: skip
def test_a_trap_in_an_engine_is_told_at_its_line(old: str, new: str, rule: str, line: int) -> None:
    assert ENGINE.count(old) >= 1
    assert (rule, line) in told(ENGINE.replace(old, new, 1))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (ENGINE.replace("mode: Edge", "mode: SOT").replace("Failure: true", "Failure: false"), "probe-gate"),
        (probed("cmdProbe").replace("type: int", "type: number"), "probe-comparator"),
        (probed("cmdProbe").replace("'>'", "contains"), "probe-comparator"),
        (probed("cmdProbe").replace("'1'", "one"), "probe-comparator"),
        (probed("cmdProbe", probeTimeout="0s"), "probe-timeout"),
        (probed("cmdProbe", probeTimeout="-5s"), "probe-timeout"),
        (probed("cmdProbe", probeTimeout="-5"), "probe-timeout"),
        (probed("cmdProbe", command="date, source: inline"), "litmus-2x"),
        (probed("cmdProbe", command="date, source: {image: inline}"), "probe-inline"),
        (probed("cmdProbe", command="date, source: {}"), "probe-inline"),
        (probed("k8sProbe", operation="create"), "probe-field"),
        (probed("k8sProbe", operation="exists"), "probe-operation"),
        (probed("k8sProbe", mode="OnChaos", attempt="1, initialDelay: 2s"), "probe-on-chaos-delay"),
        (probed("promProbe").replace(QUERY, "up"), "probe-series"),
        (probed("promProbe").replace("'a'", r"\"a\""), "probe-quotes"),
        (probed("promProbe").replace('value: "1"', "value: little"), "probe-comparator"),
        (probed("promProbe").replace("query: ", "querry: "), "field-misspelt"),
        (ENGINE.replace("      probe:", "      prob:"), "field-misspelt"),
        (ENGINE + ENGINE[ENGINE.index("      - name: answers") :], "probe-twice"),
        (ENGINE + "  - name: pod-delete\n", "experiment-twice"),
        (ENGINE + "  - name: container-kill\n", "experiments-several"),
        (with_env("pod-network-loss"), "scope-none"),
        (with_env("pod-network-loss", "DESTINATION_IPS=10.0.0.1", "DESTINATION_PORTS=80"), "scope-or"),
        (with_env("pod-network-loss", "DESTINATION_HOSTS=db|5432"), "host-short"),
        (with_env("pod-network-loss", "DESTINATION_PORTS=80", "CONTAINER_RUNTIME=podman"), "env-value"),
        (with_env("pod-delete", "SEQUENCE=together"), "env-value"),
        (with_env("pod-delete", "CHAOS_INTERVAL=5-10"), "interval-range"),
        (with_env("pod-delete", "PODS_AFFECTED_PERC=all"), "tunable"),
        (with_env("pod-delete", "PODS_AFFECTED_PERC=150"), "tunable"),
        (with_env("pod-delete", "TARGET_PODS=web-1", "PODS_AFFECTED_PERC=50"), "percent-unused"),
        (with_env("pod-io-stress", "CPU_CORES=1"), "env-harmful"),
        (with_env("pod-http-status-code", "STATUS_CODE=503,599"), "env-value"),
        (with_env("pod-dns-error", "TARGET_HOSTNAMES=db.svc"), "env-value"),
        (with_env("node-taint", "TAINTS=a=b:Sometimes"), "env-value"),
        (with_env("node-taint"), "env-missing"),
        (with_env("node-drain"), "elsewhere"),
        (with_env("container-kill", "LIB_IMAGE=litmuschaos/go-runner:latest"), "image-floating"),
        (with_env("container-kill", "LIB_IMAGE=litmuschaos/go-runner:3.20.0"), "runner-3-20"),
        (with_env("container-kill", "CONTAINER_RUNTIME=crio",
                  "SOCKET_PATH=/run/containerd/containerd.sock"), "runtime-socket"),
        (with_env("pod-cpu-hog", "LIB=pumba"), "pumba"),
        (with_env("pod-cpu-hog").replace("  terminationGracePeriodSeconds: 30\n", ""), "grace"),
    ],
)  # fmt: skip
def test_a_trap_in_probes_and_tunables_is_told(text: str, rule: str) -> None:
    assert rule in rules(text)


@pytest.mark.parametrize(
    ("number", "expected"),
    [("5", '"5s"'), ("600", '"600s"'), ("5000", '"5000ms" or "5000s", whichever is meant')],
)
def test_a_number_without_a_unit_is_taken_for_seconds_or_asked_about(number: str, expected: str) -> None:
    text = ENGINE.replace("probeTimeout: 5s", f"probeTimeout: {number}")
    assert [each.problem.expected for each in found_in(text)] == [expected]


SELECTED = "selectors: {workloads: [{kind: deployment, namespace: lab, names: web}]}"
APPINFO = "appinfo: {appns: lab, applabel: app=web, appkind: deployment}"


@pytest.mark.parametrize(
    ("fault", "selection", "rule"),
    [
        ("pod-delete", SELECTED, ""),
        ("pod-delete", f"{SELECTED}\n  {APPINFO}", "appinfo-unused"),
        ("pod-delete", SELECTED.replace("names: web", "labels: 'a=1,b=2'"), "label-or"),
        ("pod-delete", SELECTED.replace("names: web", "labels: a=1, labelMatchMode: union"), "label-mode"),
        ("pod-delete", SELECTED.replace(", names: web", ""), "selectors"),
        ("pod-delete", SELECTED.replace("names: web", "names: web, labels: a=1"), "selectors"),
        ("pod-delete", SELECTED.replace("namespace: lab, ", ""), "selectors"),
        ("pod-delete", "selectors: {}", "target-random"),
        ("pod-network-partition", SELECTED, "label-needed"),
        ("pod-network-partition", APPINFO, ""),
        ("pod-autoscaler", "appinfo: {}", "label-needed"),
        ("node-cpu-hog", SELECTED, "label-needed"),
        ("node-cpu-hog", APPINFO, ""),
        ("node-cpu-hog", "auxiliaryAppInfo: ''", ""),
    ],
)
def test_how_litmus_reads_a_selection_is_told(fault: str, selection: str, rule: str) -> None:
    found = rules(with_env(fault).replace(APPINFO, selection))
    assert found == ([rule] if rule else [])


@pytest.mark.parametrize(
    ("old", "new", "rule", "line"),
    [
        ("  definition:", "  definitions:", "field-misspelt", 6),
        ("  definition:", "  other:", "definition", 6),
        ("    image: litmuschaos/go-runner:3.31.0\n", "", "definition", 7),
        ("    args: [-c, ./experiments -name pod-delete]\n", "", "definition", 7),
        ("    command: [/bin/bash]\n", "", "definition", 7),
        ("command: [/bin/bash]", "command: []", "definition", 13),
        ("command: [/bin/bash]", "command: /bin/bash", "type", 13),
        ("    labels: {name: pod-delete}\n", "", "definition-labels", 7),
        ("    labels: {name: pod-delete}\n", "    labels: {}\n", "definition-labels", 17),
        ("-name pod-delete]", "-name pod-cpu-hog]", "definition-args", 12),
        ("go-runner:3.31.0", "go-runner", "image-floating", 10),
        ("go-runner:3.31.0", "go-runner:3.20.1", "runner-3-20", 10),
        ("scope: Namespaced", "scope: Namespace", "type", 7),
        ("Always", "Sometimes", "type", 11),
        ("verbs: [get]", "verbs: get", "type", 9),
        ("value: '15'", "value: 15s", "tunable", 15),
        ("value: '15'", "value: 15", "env-text", 15),
        ("v1alpha1", "v1", "api-version", 1),
    ],
)
def test_a_trap_in_a_definition_is_told_at_its_line(old: str, new: str, rule: str, line: int) -> None:
    assert (rule, line) in told(DEFINITION.replace(old, new, 1))


def test_a_definition_without_a_command_is_told_what_one_looks_like() -> None:
    (found,) = found_in(DEFINITION.replace("    command: [/bin/bash]\n", ""))
    assert (found.problem.found, found.problem.expected) == ("missing", 'a list such as ["/bin/bash"]')


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (ROLE.replace(", verbs: ['*']", ""), "rights-shape"),
        (ROLE.replace("apiGroups: ['*'], ", ""), "rights-shape"),
        (ROLE.replace("v1\n", "v2\n", 1), "api-version"),
        (ROLE.replace("{name: litmus-sa,", "{name: a/b,"), "name"),
        (BINDING.replace("RoleB", "ClusterRoleB").replace("sa, namespace: lab}\n", "sa}\n"), "rights-shape"),
        (BINDING.replace("roleRef:", "role:"), "rights-shape"),
        (BINDING.replace("kind: Role,", "kind: 5,"), "type"),
        (ACCOUNT.replace("v1", "v2"), "api-version"),
        (ACCOUNT.replace("name: litmus-sa", "name: Litmus"), "name"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: 1}\n", "type"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", "kind"),
        ("- 1\n", "kind"),
        ("word\n", "kind"),
        (NATIVE[: NATIVE.index("  steadyState:")], "no-steady-state"),
        (SCALED.format("{workload: cart}, mode: continuous"), "own-doing"),
        (SCALED.format("{workload: deployment/cart}, lag: 5s"), "own-doing"),
        (NATIVE.replace("[deployment/cart]}", "[cart], pods: 2}"), "radius"),
        (NATIVE.replace("{kind: pod-delete}", "{kind: pod-network-loss}"), "scope-none"),
        (NATIVE.replace("{kind: pod-delete}", "{kind: node-restart}").replace("workloads: [deployment/cart]",
                                                                              "nodes: [a]"), "elsewhere"),
        (NATIVE + "  litmus: {image: 'litmuschaos/go-runner:latest'}\n", "image-floating"),
    ],
)  # fmt: skip
def test_a_trap_elsewhere_is_told(text: str, rule: str) -> None:
    assert rule in rules(text)


@pytest.mark.parametrize(
    "condition",
    [
        "{workload: cart, ready: 1}, mode: continuous",
        "{workload: cart, condition: Available}, mode: continuous",
        "{workload: statefulset/cart}, mode: continuous",
        "{workload: frontend-cart}, mode: continuous",
        "{workload: cart}, mode: edges",
    ],
)
def test_a_condition_that_a_scale_down_can_break_is_no_trap(condition: str) -> None:
    assert "own-doing" not in rules(SCALED.format(condition))


@pytest.mark.parametrize(
    ("documents", "rule"),
    [
        ((ENGINE, DEFINITION.replace("pod-delete", "pod-delet")), "experiment-absent"),
        ((ENGINE, DEFINITION.replace("namespace: lab", "namespace: litmus")), "other-namespace"),
        ((ENGINE, ACCOUNT.replace("litmus-sa", "litmus")), "account-absent"),
        ((ENGINE, ACCOUNT), "account-unbound"),
        ((ENGINE, ACCOUNT, BINDING, ROLE.replace("verbs: ['*']", "verbs: [get]")), "rights-missing"),
        ((ENGINE, ENGINE.replace("retain", "delete")), "twice"),
        ((with_env("pod-delete", "LIB_IMAGE=x/go-runner:3.1"), DEFINITION), "image-differs"),
    ],
)
def test_what_documents_say_of_one_another_is_told(documents: tuple[str, ...], rule: str) -> None:
    assert rules("---\n".join(documents)) == [rule]


def test_a_mandatory_tunable_may_come_from_the_definition_beside() -> None:
    taint = DEFINITION.replace("pod-delete", "node-taint").replace(
        "RAMP_TIME, value: ''", "TAINTS, value: a=b"
    )
    assert "env-missing" not in rules("---\n".join((with_env("node-taint"), taint)))


def test_the_same_document_twice_is_no_contradiction() -> None:
    assert rules(f"{ENGINE}---\n{ENGINE}") == []


def test_a_problem_says_what_litmus_makes_of_it() -> None:
    (found,) = findings(parse(ENGINE.replace("'15'", "60s"), "f.yaml"))
    assert (found.problem.line, found.problem.column, found.problem.found) == (15, 47, '"60s"')
    assert "passes without a fault" in found.problem.hint


BARE = ENGINE[: ENGINE.index("      probe:")]


@pytest.mark.parametrize(
    "text",
    [
        BARE.replace("components:", "components:  # chaoskit: ignore no-probe"),
        BARE.replace("      components:", "      # chaoskit: ignore no-probe, grace\n      components:"),
        BARE.replace("labels: {team: a}", "annotations: {chaoskit.io/ignore: 'grace, no-probe'}"),
    ],
)
def test_a_document_can_say_which_warnings_do_not_matter(text: str) -> None:
    assert rules(BARE) == ["no-probe"]
    assert rules(text) == []


def test_an_error_cannot_be_ignored() -> None:
    text = ENGINE.replace("'15'}", "60s}  # chaoskit: ignore tunable")
    assert rules(text) == ["tunable"]


def test_every_rule_can_be_found_and_every_finding_has_one() -> None:
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in (*Path(lint.__file__).parent.glob("*.py"), Path(lint.__file__).parents[1] / "spec.py",
                     Path(lint.__file__).parents[1] / "trials.py")
        if path.name != "rules.py"
    )  # fmt: skip
    quoted = set(re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)*)"', source))
    assert set(lint.RULES) <= quoted
    said = set(re.findall(r'(?:say|choice|one_of)\(\s*"([a-z0-9-]+)"|rule="([a-z0-9-]+)"', source))
    assert {a or b for a, b in said} <= set(lint.RULES)


# -- what charts ship ------------------------------------------------------------------------------------

CHARTED = """\
---
# as a chart ships it: placeholders are empty, and whoever uses it fills them in
apiVersion: litmuschaos.io/v1alpha1
kind: ChaosEngine
metadata:
  name: nginx-chaos
  namespace: default
  annotations: {{probeRef: '[]'}}
spec:
  annotationCheck: 'false'
  engineState: 'active'
  auxiliaryAppInfo: ''
  monitoring: false
  appinfo:
    appns: '{place}'
    applabel: '{label}'
    appkind: '{kind}'
  chaosServiceAccount: {fault}-sa
  jobCleanUpPolicy: 'delete'
  components:
    runner:
      image: 'litmuschaos/chaos-runner:latest'
      runnerAnnotations: {{sidecar.istio.io/inject: 'false'}}
  experiments:
  - name: {fault}
    spec:
      components:
        statusCheckTimeouts: {{delay: 2, timeout: 180}}
        nodeSelector: {{kubernetes.io/hostname: 'node02'}}
        experimentImage: litmuschaos/go-runner:latest
        env:
{env}
      probe:
      - name: frontend
        type: httpProbe
        mode: Continuous
        httpProbe/inputs:
          url: http://frontend.default.svc:80
          insecureSkipVerify: false
          method: {{get: {{criteria: '==', responseCode: '200'}}}}
        runProperties: {run}
"""
SPELLINGS = {
    "3.x": "{probeTimeout: 5s, interval: 2s, attempt: 1, probePollingInterval: 1s, initialDelay: 0s}",
    "2.x": "{probeTimeout: 5, interval: 2, retry: 1, probePollingInterval: 1}",
}
TARGETED = {"empty": ("", "", ""), "filled": ("default", "app=nginx", "deployment")}


@pytest.mark.parametrize("version", SPELLINGS)
@pytest.mark.parametrize("target", TARGETED)
@pytest.mark.parametrize("name", sorted({f.litmus for f in CATALOGUE.values()} | {"ec2-terminate"}))
def test_an_engine_as_charts_write_it_is_accepted(name: str, target: str, version: str) -> None:
    fault = CATALOGUE.get(name, CATALOGUE["pod-delete"])
    given = {each.env: each.default for each in fault.parameters} | {
        "PODS_AFFECTED_PERC": "",
        "TARGET_PODS": "",
    }
    given |= {"DEFAULT_HEALTH_CHECK": "false", "LIB": "litmus", "LIB_IMAGE": "litmuschaos/go-runner:latest"}
    env = "\n".join(
        f"        - name: {key}\n          value: {json.dumps(value)}" for key, value in given.items()
    )
    place, label, kind = TARGETED[target]
    text = CHARTED.format(fault=name, place=place, label=label, kind=kind, env=env, run=SPELLINGS[version])
    assert [str(f.problem) for f in findings(parse(text)) if f.level == "error"] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("litmuschaos.io/v1alpha1", "litmuschaos.io/v1"),
        ("'active'", "'activ'"),
        ("'delete'", "'remove'"),
        ("applabel:", "applables:"),
        ("runnerAnnotations", "runnerAnotations"),
        ("timeout: 180", "timeout: 180s"),
        ('value: "15"', "value: 15"),
        ('value: "15"', "value: 15s"),
        ("type: httpProbe", "type: http"),
        ("mode: Continuous", "mode: continuous"),
        ("probeTimeout: 5s", "probeTimeout: '5'"),
        ("  - name: pod-delete", "  - nmae: pod-delete"),
    ],
)
def test_a_chart_that_was_broken_is_rejected_at_its_line(old: str, new: str) -> None:
    given = [(each.env, each.default) for each in CATALOGUE["pod-delete"].parameters]
    env = "\n".join(f"        - name: {key}\n          value: {json.dumps(value)}" for key, value in given)
    place, label, kind = TARGETED["filled"]
    right = CHARTED.format(
        fault="pod-delete", place=place, label=label, kind=kind, env=env, run=SPELLINGS["3.x"]
    )
    broken = right.replace(old, new, 1)
    line = next(
        n for n, (a, b) in enumerate(zip(right.split("\n"), broken.split("\n"), strict=True), 1) if a != b
    )
    wrong = [found.problem.line for found in findings(parse(broken)) if found.level == "error"]
    assert line in wrong
