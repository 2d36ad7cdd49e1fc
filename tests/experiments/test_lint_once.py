"""One mistake is one finding, and its words say what was found."""

from __future__ import annotations

import pytest
from tests.experiments import test_lint as right
from tests.experiments.test_lint_levels import ENGINE, ENV, EXPERIMENTS

from chaoskit.documents import parse
from chaoskit.experiments.lint import findings

LOSS = "pod-network-loss"
METHOD = "          method: {get: {criteria: ==, responseCode: '200'}}\n"
GRACE = "  terminationGracePeriodSeconds: 30\n"
INPUTS = ENGINE[ENGINE.index("        httpProbe/inputs:") : ENGINE.index("        runProperties:")]
SPEC = ENGINE[ENGINE.index("spec:") :]


def told(text: str) -> list[tuple[str, int, str, str]]:
    """(rule, line, field, found) of everything that is found."""
    problems = [each.problem for each in findings(parse(text))]
    return [(each.rule, each.line, each.field.rpartition(".")[2], each.found) for each in problems]


@pytest.mark.parametrize(
    ("old", "new", "rule", "line", "field", "found"),
    [
        (METHOD, "", "probe-field", 22, "method", "missing"),
        (METHOD, "          method: {}\n", "probe-field", 23, "method", "missing"),
        (METHOD, "          method: GET\n", "type", 23, "method", '"GET"'),
        (INPUTS, "        httpProbe/inputs: web\n", "type", 21, "httpProbe/inputs", '"web"'),
        (INPUTS, "", "probe-field", 18, "httpProbe/inputs", "missing"),
        (EXPERIMENTS, "  experiments: []\n", "experiments", 10, "experiments", "empty"),
        (EXPERIMENTS, "  experiments:\n", "experiments", 10, "experiments", "missing"),
        (EXPERIMENTS, "", "experiments", 7, "experiments", "missing"),
        (EXPERIMENTS, f"  experiments: {{name: {LOSS}}}\n", "type", 10, "experiments", "a mapping"),
        (SPEC, "", "experiments", 1, "spec", "missing"),
        (SPEC, "spec: text\n", "type", 6, "spec", '"text"'),
        (ENV, "        env: {DESTINATION_HOSTS: db}\n", "type", 15, "env", "a mapping"),
        ("Account: litmus-sa", "Account: [litmus-sa]", "type", 8, "chaosServiceAccount", "a list"),
        ("{appns: lab, applabel: app=web, appkind: deployment}", "web", "type", 7, "appinfo", '"web"'),
        ("applabel: app=web", "applabel: {app: web}", "type", 7, "applabel", "a mapping"),
        ("appkind: deployment", "appkind: [deployment]", "app-kind", 7, "appkind", "a list"),
    ],
)
def test_a_mistake_is_told_once(old: str, new: str, rule: str, line: int, field: str, found: str) -> None:
    assert ENGINE.count(old) == 1
    assert told(ENGINE.replace(old, new)) == [(rule, line, field, found)]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (right.DEFINITION.replace("labels: {name: pod-delete}", "labels: []"),
         ("type", 17, "labels", "a list")),
        (right.BINDING.replace("{apiGroup: rbac.authorization.k8s.io, kind: Role, name: litmus-sa}", "''"),
         ("type", 4, "roleRef", '""')),
        (right.ROLE.replace("apiGroups: ['*']", "apiGroups: ''"), ("type", 5, "apiGroups", '""')),
    ],
)  # fmt: skip
def test_a_mistake_beside_an_engine_is_told_once(text: str, finding: tuple[str, int, str, str]) -> None:
    assert told(text) == [finding]


def test_what_the_whole_engine_lacks_is_told_once_however_many_experiments_need_it() -> None:
    several = ENGINE.replace(GRACE, "") + EXPERIMENTS.replace("  experiments:\n", "").replace(
        LOSS, "pod-network-latency"
    )
    assert [rule for rule, *_ in told(several)] == ["grace", "experiments-several"]


WRITTEN = """\
apiVersion: litmuschaos.io/v1alpha1
kind: ChaosEngine
metadata:
  name: web
spec:
  appinfo: {appns: lab, applabel: app=web, appkind: deployment}
  engineState: active
  chaosServiceAccount: litmus-sa
  terminationGracePeriodSeconds: 30
  experiments:
    - name: container-kill
      spec:
        probe:
          - name: web
            type: httpProbe
            mode: Edge
            httpProbe/inputs:
              url: http://web
              method: {get: {criteria: ==, responseCode: '200'}}
            runProperties:
              probeTimeout: 5s
              interval: 2s
              attempt: 2
              stopOnFailure: true
"""


@pytest.mark.parametrize(
    ("slipped", "line", "field", "where"),
    [("spec:\n  app", 5, "spec", "it at the document's root"),
     ("            runProperties:", 20, "runProperties", "it under spec.experiments[0].spec.probe[0]")],
)  # fmt: skip
def test_a_key_that_slipped_beside_what_it_held_is_the_only_one_that_is_told(
    slipped: str, line: int, field: str, where: str
) -> None:
    assert told(WRITTEN) == []
    text = WRITTEN.replace(slipped, "  " + slipped)
    assert told(text) == [("field-misplaced", line, field, "at the wrong level")]
    assert [each.problem.expected for each in findings(parse(text))] == [where]


def test_a_bare_key_beside_what_it_would_not_hold_is_no_more_than_unknown() -> None:
    text = WRITTEN.replace("  name: web\nspec", "  name: web\n  status:\n  status2:\nspec")
    found = [each[:3] for each in told(text)]
    assert found == [("field-unknown", 5, "status"), ("field-unknown", 6, "status2")]


def test_two_mistakes_are_told_both() -> None:
    text = ENGINE.replace("chaosServiceAccount", "chaosServiceAcount").replace(GRACE, "")
    assert sorted(rule for rule, *_ in told(text)) == ["field-misspelt", "grace"]
