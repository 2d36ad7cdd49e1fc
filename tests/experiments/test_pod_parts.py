"""What engines and definitions hand on to pods is looked into as the server does, and no further."""

from __future__ import annotations

import pytest
from tests.experiments.test_lint import DEFINITION, ENGINE, probed, told

RUNNER = "  components:\n    runner:\n      {}: {}\n  experiments:"
PARTS = "      components:\n        {}: {}\n        env:"


def with_part(name: str, value: str, *, runner: bool = False) -> str:
    """The engine with this for the pod of its experiment (line 14), or of its runner (line 12)."""
    if runner:
        return ENGINE.replace("  experiments:", RUNNER.format(name, value))
    return ENGINE.replace("      components:\n        env:", PARTS.format(name, value))


RIGHT = [
    ("resources", "{limits: {cpu: 500m, memory: 128Mi}, requests: {cpu: 1, memory: 1.5e3, gpu: '2'}}"),
    ("resources", "{limits: null, requests: {cpu: .5, memory: '{{memory}}'}}"),
    ("resources", "{}"),
    ("tolerations", "[{key: a, value: b, effect: NoExecute, tolerationSeconds: 5}]"),
    ("tolerations", "[{operator: Exists}, {key: a, operator: Exists, effect: ''}]"),
    ("tolerations", "[]"),
]
WRONG = [
    ("resources", "{cpu: 500m}", "field-unknown"),
    ("resources", "{limit: {cpu: 500m}}", "field-misspelt"),
    ("resources", "{limits: {memory: 64MB}}", "amount"),
    ("resources", "{requests: {cpu: 500 m}}", "amount"),
    ("resources", "{requests: {cpu: true}}", "type"),
    ("resources", "{requests: [cpu]}", "type"),
    ("resources", "64Mi", "type"),
    ("tolerations", "[{key: a, effect: Schedule}]", "toleration"),
    ("tolerations", "[{key: a, operator: Equals}]", "toleration"),
    ("tolerations", "[{key: a, operator: Exists, value: b}]", "toleration"),
    ("tolerations", "[{operator: Equal, value: b}]", "toleration"),
    ("tolerations", "[{key: a, tolerationSeconds: '5'}]", "type"),
    ("tolerations", "[{key: a, efect: NoExecute}]", "field-misspelt"),
    ("tolerations", "[NoExecute]", "type"),
    ("tolerations", "{key: a}", "type"),
]


@pytest.mark.parametrize("runner", [False, True])
@pytest.mark.parametrize(("name", "value"), RIGHT)
def test_of_right_resources_and_tolerations_nothing_is_said(name: str, value: str, runner: bool) -> None:
    assert told(with_part(name, value, runner=runner)) == []


@pytest.mark.parametrize(("runner", "line"), [(False, 14), (True, 12)])
@pytest.mark.parametrize(("name", "value", "rule"), WRONG)
def test_wrong_ones_are_told_once(name: str, value: str, rule: str, runner: bool, line: int) -> None:
    assert told(with_part(name, value, runner=runner)) == [(rule, line)]


@pytest.mark.parametrize(("value", "rule"), [("Always", ""), ("''", ""), ("ifnotpresent", "type")])
def test_how_an_image_is_pulled_is_one_of_kubernetes_own_words(value: str, rule: str) -> None:
    text = with_part("imagePullPolicy", value, runner=True)
    assert told(text) == ([(rule, 12)] if rule else [])


def test_a_field_that_slipped_out_of_a_part_is_told_with_where_it_belongs() -> None:
    beside = with_part("tolerations", "[{operator: Exists}]\n        tolerationSeconds: 5")
    assert told(beside) == [("field-misplaced", 15)]
    assert told(with_part("tolerationSeconds", "5")) == [("field-unknown", 14)]
    without = with_part("resources", "\n        limits: {cpu: 1}")
    assert told(without) == [("field-misplaced", 15)]


def test_what_a_command_s_own_pod_would_have_is_no_more_than_unknown_beside_it() -> None:
    text = probed("cmdProbe", command="date, args: [a], source: {image: a:1}")
    assert told(text) == [("field-unknown", 21)]


SOURCES = [
    ("valueFrom: {secretKeyRef: {name: a, key: b, optional: true}}", ""),
    ("valueFrom: {configMapKeyRef: {name: a, key: b}}, value: ''", ""),
    ("valueFrom: {fieldRef: {apiVersion: v1, fieldPath: spec.nodeName}}", ""),
    ("valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}", ""),
    ("valueFrom: {secretKeyRef: {name: a}}", "env-from"),
    ("valueFrom: {configMapKeyRef: {key: a}}", "env-from"),
    ("valueFrom: {fieldRef: {}}", "env-from"),
    ("valueFrom: {}", "env-from"),
    ("valueFrom: {secretKeyRef: {name: a, key: b}, fieldRef: {fieldPath: spec.nodeName}}", "env-from"),
    ("value: c, valueFrom: {secretKeyRef: {name: a, key: b}}", "env-from"),
    ("valueFrom: {secretKeyref: {name: a, key: b}}", "field-misspelt"),
    ("valueFrom: a", "type"),
]


@pytest.mark.parametrize(("entry", "rule"), SOURCES)
def test_the_source_of_an_env_is_looked_into(entry: str, rule: str) -> None:
    engine = ENGINE.replace("name: FORCE, value: 'true'", f"name: MINE, {entry}")
    definition = DEFINITION.replace("name: RAMP_TIME, value: ''", f"name: MINE, {entry}")
    assert told(engine) == ([(rule, 16)] if rule else [])
    assert told(definition) == ([(rule, 16)] if rule else [])


PROBE_PODS = [
    ("{image: a:1, hostNetwork: true, inheritInputs: true, privileged: false, labels: {a: b}}", ""),
    ("{image: a:1, env: [{name: A, value: b}, {name: C, valueFrom: {secretKeyRef: {name: a, key: b}}}]}", ""),
    ("{image: a:1, volumes: [{name: a, emptyDir: {}}], volumeMount: [{name: a, mountPath: /a}]}", ""),
    ("{image: a:1, tolerations: [{operator: Exists}], nodeSelector: {a: b}, args: [a], command: [b]}", ""),
    ("{image: 5}", "type"),
    ("{image: a:1, hostNetwork: 'true'}", "type"),
    ("{image: a:1, env: [{name: A, value: 5}]}", "env-text"),
    ("{image: a:1, env: [{name: A, valueFrom: {secretKeyRef: {name: a}}}]}", "env-from"),
    ("{image: a:1, tolerations: [{key: a, effect: Schedule}]}", "toleration"),
    ("{image: a:1, command: sh}", "type"),
    ("{image: a:1, imagePullPolicy: IfNotPresent}", ""),
    ("{image: a:1, imagePullPolicy: ifnotpresent}", "type"),
    ("[a:1]", "type"),
    ("{image: a:1, volumeMounts: [{name: a}]}", "field-misspelt"),
    ("{image: a:1, restartPolicy: Never}", "field-unknown"),
    ("{hostNetwork: true}", "probe-inline"),
]


@pytest.mark.parametrize(("source", "rule"), PROBE_PODS)
def test_the_pod_of_a_command_is_looked_into(source: str, rule: str) -> None:
    text = probed("cmdProbe", command=f"date, source: {source}")
    assert told(text) == ([(rule, 21)] if rule else [])


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ("{name: socket, mountPath: /run/a.sock, nodePath: /run/a.sock, type: Socket}", ""),
        ("{name: socket, mountPath: /run/a.sock}", "definition"),
        ("{mountPath: /run/a.sock, nodePath: /run/a.sock}", "definition"),
        ("{name: socket, mountPath: /a, nodePath: ''}", "definition"),
        ("{name: socket, mountpath: /a, nodePath: /b, mountPath: /a}", "field-misspelt"),
        ("socket", "type"),
    ],
)
def test_files_of_the_node_are_complete(entry: str, rule: str) -> None:
    text = DEFINITION + f"    hostFileVolumes: [{entry}]\n"
    assert told(text) == ([(rule, 18)] if rule else [])


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://web:8443/health", ""),
        ("HTTP://web", ""),
        ("'{{ .host }}/health'", ""),
        ("<url>", ""),
        ("${HOST}/health", ""),
        ("web:8080/health", "probe-url"),
        ("/health", "probe-url"),
        ("tcp://web:80", "probe-url"),
        ("' http://web'", "probe-url"),
    ],
)
def test_what_is_asked_has_a_scheme(url: str, rule: str) -> None:
    text = ENGINE.replace("{url: http://web,", f"{{url: {url if url[0] == chr(39) else repr(url)},")
    assert told(text) == ([(rule, 21)] if rule else [])
