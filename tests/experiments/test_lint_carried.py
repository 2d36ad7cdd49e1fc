"""Engines that others make: Argo of a workflow's text, a scheduler of a template, kubectl of half a name."""

from __future__ import annotations

import json
from textwrap import indent

import pytest
from tests.experiments.test_lint import ACCOUNT, APPINFO, BARE, DEFINITION, ENGINE, rules, told

from chaoskit.documents import parse
from chaoskit.errors import InvalidInput, Problem
from chaoskit.experiments.lint import findings
from chaoskit.experiments.trials import trials

META = "{name: web-chaos, namespace: lab, labels: {team: a}}"
FILLED = "{{workflow.parameters.home}}"
MADE = ENGINE.replace(
    META, f'{{generateName: web-chaos, namespace: "{FILLED}", labels: {{run: "{{{{ workflow.uid }}}}"}}}}'
)
FOLDED = (
    MADE.replace("\nkind:", "\n\nkind:")
    .replace("\nmetadata:", "\n\nmetadata:")
    .replace("\nspec:", "\n\nspec:")
)
"""With the empty lines that keep a text in its lines where it is folded."""
SCRIPT = "#!/bin/sh\nkubectl apply -f - <<END\napiVersion: litmuschaos.io/v1alpha1\n[\nEND\n"
STORED = "status:\n  storedTemplates:\n  - raw:\n      data: |\n" + indent(BARE, " " * 8)


NATIVE = """\
apiVersion: chaoskit.io/v1
kind: Experiment
metadata: {name: cart-gone, namespace: shop}
spec:
  fault: {kind: pod-delete, parameters: {force: true}}
  targets: {workloads: [deployment/cart]}
  duration: 30s
  severity: medium
  blastRadius: {maxPods: 1}
  steadyState: [{kubernetes: {workload: deployment/cart}}]
"""
FILL = "'{{inputs.parameters.x}}'"
NATIVE_FIELDS = (
    "duration: 30s", "severity: medium", "maxPods: 1", "kind: pod-delete", "force: true",
    "parameters: {force: true}", "workloads: [deployment/cart]",
    "targets: {workloads: [deployment/cart]}", "workload: deployment/cart",
)  # fmt: skip


def with_filled(field: str) -> str:
    """The experiment, its `field` filled in by a workflow, beside an engine."""
    name, _, _ = field.partition(":")
    return f"{NATIVE.replace(field, f'{name}: {FILL}')}---\n{MADE}"


def carrying(*texts: str, kind: str = "Workflow", sign: str = "|", where: str = "raw.data") -> str:
    """A workflow of which each template has one of these texts."""
    above, _, below = where.partition(".")
    first = "workflowSpec:\n    templates:" if kind == "CronWorkflow" else "templates:"
    head = f"apiVersion: argoproj.io/v1alpha1\nkind: {kind}\nmetadata: {{generateName: flow-}}\n"
    return f"{head}spec:\n  {first}\n" + "".join(
        f"    - name: step\n      inputs:\n        artifacts:\n        - name: file\n"
        f"          {above}:\n            {below}: {sign}\n{indent(text, ' ' * 14)}"
        for text in texts
    )


def as_json(text: str) -> str:
    """A workflow with this text, in one line."""
    template = {"name": "a", "inputs": {"artifacts": [{"name": "b", "raw": {"data": text}}]}}
    spec = {"templates": [template]}
    return json.dumps({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "spec": spec})


def line(text: str, word: str) -> int:
    return next(number for number, each in enumerate(text.split("\n"), 1) if word in each)


def refused(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidInput) as caught:
        trials(parse(text, "f.yaml"))
    return caught.value.problems


@pytest.mark.parametrize(
    "text",
    [
        carrying(MADE),
        carrying(MADE, DEFINITION, MADE.replace("retain", "delete")),
        carrying(f"{DEFINITION}---\n{MADE}"),
        carrying(MADE, kind="CronWorkflow"),
        carrying(MADE, kind="ClusterWorkflowTemplate"),
        carrying(MADE, where="resource.manifest"),
        carrying(FOLDED, sign=">"),
        as_json(MADE),
        as_json(MADE.replace("\n", "\r\n")),
        carrying(MADE, SCRIPT, "threshold: [1\n"),
        carrying(MADE) + STORED,
        carrying(MADE.replace("'15'", "{{inputs.parameters.seconds}}")),
        carrying(MADE.replace("app=web", "'{{inputs.parameters.label}}'")),
        carrying(MADE.replace("mode: Edge", "mode: '{{inputs.parameters.mode}}'")),
        carrying(MADE.replace("name: pod-delete", "name: '{{inputs.parameters.fault}}'"), DEFINITION),
        carrying(MADE.replace("Seconds: 30", "Seconds: {{inputs.parameters.grace}}")),
        carrying(BARE.replace("labels: {team: a}", "annotations: {probeRef: '[{\"name\": \"up\"}]'}")),
        carrying(MADE, "apiVersion: v1\nkind: Pod\nmetadata: {name: litmus}\n"),
        carrying(f"{NATIVE}---\n{MADE}"),
        *(carrying(with_filled(each)) for each in NATIVE_FIELDS),
    ],
)  # fmt: skip
def test_of_a_right_workflow_nothing_is_said(text: str) -> None:
    assert "ChaosEngine" in text
    assert told(text) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("mode: Edge", "mode: edge", "probe-mode"),
        ("value: '15'", "value: 15", "env-text"),
        ("jobCleanUpPolicy", "jobCleanupPolicy", "field-misspelt"),
        ("generateName: web-chaos", "generateName: Web_Chaos", "name"),
        ("generateName: web-chaos", f"generateName: {'w' * 36}", "name-long"),
        ("kind: ChaosEngine", "kind: ChaosEngin", "kind"),
        ("v1alpha1", "v1", "api-version"),
    ],
)
def test_a_trap_in_a_workflow_is_told_at_its_line_of_the_file(old: str, new: str, rule: str) -> None:
    for sign in ("|", "|-", ">"):
        text = carrying("# of a team\n" + MADE if sign != ">" else FOLDED, sign=sign).replace(old, new, 1)
        text = text.replace("argoproj.io/v1\n", "argoproj.io/v1alpha1\n")
        text = text.replace("litmuschaos.io/v1alpha1", "litmuschaos.io/v1") if new == "v1" else text
        assert (rule, line(text, "litmuschaos.io/v1" if new == "v1" else new)) in told(text)


def test_what_is_no_yaml_in_a_workflow_is_told_at_its_line_of_the_file() -> None:
    text = carrying(MADE, MADE.replace("url: http://web", "url: [http://web"))
    (found,) = [each.problem for each in findings(parse(text)) if each.level == "error"]
    assert (found.field, found.line) == ("YAML", line(text, "url: [http"))


def test_what_an_engine_names_is_looked_for_in_its_workflow() -> None:
    text = carrying(DEFINITION.replace("pod-delete", "pod-delet"), MADE)
    assert ("experiment-absent", line(text, "  - name: pod-delete")) in told(text)
    assert rules(carrying(f"{MADE}---\n{ACCOUNT}")) == []  # whether it is in this namespace is not known
    placed = MADE.replace(f'namespace: "{FILLED}"', "namespace: lab")
    assert rules(carrying(f"{placed}---\n{ACCOUNT}")) == ["account-unbound"]


def test_a_workflow_without_litmus_is_a_warning() -> None:
    found = findings(parse(carrying("a: 1\n")))
    assert [(each.level, each.problem.rule, each.problem.line) for each in found] == [
        ("warning", "foreign", 2)
    ]


@pytest.mark.parametrize("text", [carrying(MADE), carrying("a: 1\n")])
def test_a_workflow_is_not_run_which_is_said(text: str) -> None:
    (found,) = refused(text)
    assert (found.rule, found.line, found.found) == ("not-run", 2, '"Workflow"')
    (trial,) = trials(parse(f"{ENGINE}---\n{text}", "f.yaml"))
    assert [(each.rule, each.line) for each in trial.warnings] == [
        ("not-run", line(f"{ENGINE}---\n{text}", "kind: Workflow"))
    ]


def test_in_an_experiment_of_a_workflow_only_what_is_filled_in_may_become_anything() -> None:
    text = carrying(f"{NATIVE.replace('30s', FILL).replace('medium', 'hihg')}---\n{MADE}")
    (found,) = findings(parse(text))
    assert (found.level, found.problem.field) == ("error", "spec.severity")
    (alone,) = findings(parse(NATIVE.replace("30s", FILL)))
    assert (alone.level, alone.problem.field) == ("error", "spec.duration")


# -- names and values that are filled in ------------------------------------------------------------------


def test_the_server_can_make_a_name_which_a_run_needs() -> None:
    text = ENGINE.replace("name: web-chaos", "generateName: web-chaos-")
    assert told(text) == [("generate-name", 3)]
    assert told(ENGINE.replace("{name: web-chaos", "{name: web-chaos, generateName: web-")) == []
    assert [each.rule for each in refused(text)] == ["generate-name"]
    ignored = text.replace("team: a}", "team: a}, annotations: {chaoskit.io/ignore: generate-name}")
    assert told(ignored) == []
    assert [each.rule for each in refused(ignored)] == ["generate-name"]


@pytest.mark.parametrize(
    ("prefix", "rule"), [("Web-", "name"), ("web/", "name"), ("-web", "name"), ("w" * 36, "name-long")]
)
def test_what_a_name_is_made_of_is_looked_at(prefix: str, rule: str) -> None:
    assert (rule, 3) in told(ENGINE.replace("name: web-chaos", f"generateName: {prefix}"))


def test_two_of_which_names_will_be_made_are_no_doubles() -> None:
    one = ENGINE.replace("name: web-chaos", "generateName: web-")
    assert rules(f"{one}---\n{one.replace('retain', 'delete')}") == ["generate-name", "generate-name"]


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("{team: a}", '{team: "{{ workflow.uid }}"}', 3),
        ("web-chaos", "'{{.Release.Name}}'", 3),
        ("mode: Edge", 'mode: "{{ mode }}"', 20),
        ("'15'", "'{{seconds}}'", 15),
        ("namespace: lab", 'namespace: "{{ns}}"', 3),
        ("chaosServiceAccount: litmus-sa", 'chaosServiceAccount: "{{workflow.parameters.sa}}"', 7),
        ("appns: lab", 'appns: "{{ns}}"', 6),
    ],
)
def test_what_somebody_will_fill_in_is_a_warning_and_no_run(old: str, new: str, at: int) -> None:
    text = ENGINE.replace(old, new, 1)
    assert told(text) == [("template", at)]
    assert [each.rule for each in refused(text)] == ["template"]
    assert told(ENGINE.replace("http://web,", "'http://web/{{.ID}}',")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("applabel: app=web", "applabel: 'app={{x}}'"),
        ("name: pod-delete", "name: '{{workflow.parameters.fault}}'"),
        ("name: FORCE, value: 'true'", "name: LIB_IMAGE, value: 'a/go-runner:{{x}}'"),
        ("spec:\n", "spec:\n  components: {runner: {image: 'chaos-runner:{{x}}'}}\n"),
    ],
)
def test_what_cannot_be_in_a_label_an_image_or_a_fault_is_told_of_ones_own_engine(old: str, new: str) -> None:
    text = ENGINE.replace(old, new, 1)
    assert text != ENGINE
    found = [each for each in findings(parse(text)) if each.problem.rule == "template"]
    assert [(each.level, "{{" in each.problem.found) for each in found] == [("warning", True)]
    assert "template" in [each.rule for each in refused(text)]


# -- schedules -------------------------------------------------------------------------------------------

SPEC = ENGINE[ENGINE.index("spec:\n") + 6 :]
SCHEDULE = f"""\
apiVersion: litmuschaos.io/v1alpha1
kind: ChaosSchedule
metadata: {{name: nightly, namespace: lab}}
spec:
  schedule:
    repeat:
      timeRange: {{startTime: "2026-01-01T00:00:00Z"}}
      properties: {{minChaosInterval: {{hour: {{everyNthHour: 2, minuteOfTheHour: 5}}}}, random: true}}
      workHours: {{includedHours: 0-6}}
      workDays: {{includedDays: "Mon,Tue"}}
  engineTemplateSpec:
{indent(SPEC, "  ")}"""
REPEAT = SCHEDULE[SCHEDULE.index("    repeat:") : SCHEDULE.index("  engineTemplateSpec:")]


@pytest.mark.parametrize(
    "text",
    [
        SCHEDULE,
        SCHEDULE.replace(REPEAT, "    now: true\n"),
        SCHEDULE.replace(REPEAT, "    once: {executionTime: 2026-01-01T00:00:00Z}\n"),
        SCHEDULE.replace("{hour: {everyNthHour: 2, minuteOfTheHour: 5}}", "2m"),
        SCHEDULE.replace("    chaosServiceAccount: litmus-sa\n", "") + "  chaosServiceAccount: litmus-sa\n",
        SCHEDULE.replace("spec:", "spec:\n  scheduleState: halt\n  concurrencyPolicy: Forbid", 1),
    ],
)  # fmt: skip
def test_of_a_right_schedule_nothing_is_said(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("old", "new", "rule", "word"),
    [
        ("mode: Edge", "mode: edge", "probe-mode", "mode: edge"),
        ("value: '15'", "value: 60s", "tunable", "60s"),
        (APPINFO, "appinfo: {}", "target-random", "appinfo"),
        ("name: nightly", "name: Nightly", "name", "Nightly"),
        ("engineTemplateSpec:", "engine:", "schedule", "schedule:"),
        ("engineTemplateSpec:", "engineTemplatSpec:", "field-misspelt", "engineTemplatSpec"),
        (REPEAT, "    now: 'yes'\n", "type", "now:"),
        (REPEAT, "    later: true\n", "schedule", "later"),
        ("    repeat:", "    now: true\n    repeat:", "schedule", "now: true"),
        ("{minChaosInterval: {hour: {everyNthHour: 2, minuteOfTheHour: 5}}, ", "{", "schedule", "properties"),
        ("includedHours: 0-6", "includedHours: 6", "type", "includedHours"),
    ],
)
def test_a_trap_in_a_schedule_is_told_at_its_line(old: str, new: str, rule: str, word: str) -> None:
    text = SCHEDULE.replace(old, new, 1)
    assert text != SCHEDULE
    assert (rule, line(text, word)) in told(text)


@pytest.mark.parametrize(
    ("old", "new", "rule", "word", "expected"),
    [
        ("spec:\n  schedule", "spc:\n  schedule", "field-misspelt", "spc:", "one of apiVersion, kind"),
        ("  engine", "engine", "field-misplaced", "engineT", "it under spec"),
        ("    exper", "  exper", "field-misplaced", "  exper", "it under spec.engineTemplateSpec"),
    ],
)
def test_a_field_of_a_schedule_that_slipped_is_the_only_one_that_is_told(
    old: str, new: str, rule: str, word: str, expected: str
) -> None:
    text = SCHEDULE.replace(old, new, 1)
    (found,) = (each.problem for each in findings(parse(text)))
    assert (found.rule, found.line) == (rule, line(text, word))
    assert found.expected.startswith(expected)


def test_what_is_wrong_with_the_template_of_a_schedule_is_named_as_it_stands_there() -> None:
    (found,) = findings(parse(SCHEDULE.replace("mode: Edge", "mode: edge")))
    assert found.problem.field == "spec.engineTemplateSpec.experiments[0].spec.probe[0].mode"
    kept = "    jobCleanUpPolicy: retain\n"
    for moved in (SCHEDULE.replace(kept, "") + kept.lstrip(), SCHEDULE.replace(kept, "") + kept[2:]):
        (found,) = findings(parse(moved))
        assert (found.problem.rule, found.problem.line) == ("field-misplaced", SCHEDULE.count("\n"))
        assert found.problem.expected == "it under spec.engineTemplateSpec"
    (refusal,) = refused(SCHEDULE)
    assert (refusal.rule, refusal.line) == ("not-run", 2)
