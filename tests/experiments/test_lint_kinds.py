"""What is of another kind is passed by beside ours, and is no slip of ours."""

from __future__ import annotations

import pytest
from tests.experiments.test_lint import ACCOUNT, DEFINITION, ENGINE, NATIVE, rules, told

from chaoskit.documents import parse
from chaoskit.errors import InvalidInput
from chaoskit.experiments.lint import findings, idle
from chaoskit.experiments.trials import trials


def headed(version: str, kind: str) -> str:
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n"


FOREIGN = (
    headed("v1", "Namespace"),
    headed("v1", "Service"),
    headed("apps/v1", "Deployment"),
    headed("batch/v1", "Job"),
    headed("kustomize.config.k8s.io/v1beta1", "Kustomization"),
    headed("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    headed("argoproj.io/v1alpha1", "Application"),
    headed("argoproj.io/v1alpha1", "Experiment"),
    headed("kubeflow.org/v1beta1", "Experiment"),
    headed("tekton.dev/v1", "Workflow"),
    headed("chaos-mesh.org/v1alpha1", "Schedule"),
    headed("chaos-mesh.org/v1alpha1", "PodChaos"),
    headed("bitnami.com/v1alpha1", "SealedSecret"),
    headed("iam.aws.crossplane.io/v1beta1", "Role"),
    headed("foo.io/v1", "Secret"),
    headed("authorization.openshift.io/v1", "RoleBinding"),
    headed("chaoskit.io/v1", "Runbook"),
    headed("chaoskit.io/v1", "RunbookTest"),
    headed("chaoskit.io/v1", "Signals"),
    headed("chaoskit.io/v1", "DataMapping"),
)
OF_LITMUS = (
    headed("litmuschaos.io/v1alpha1", "ChaosResult"),
    headed("litmuchaos.io/v1alpha1", "ChartServiceVersion"),
)


@pytest.mark.parametrize("text", [*FOREIGN, *OF_LITMUS])
def test_what_is_somebody_elses_is_passed_by_beside_ours(text: str) -> None:
    for ours in (ENGINE, NATIVE):
        both = f"{ours}---\n{text}"
        line = ours.count("\n") + 3
        assert told(both) == [("foreign", line)]
        (trial,) = trials(parse(both, "f.yaml"))
        assert [(each.rule, each.line) for each in trial.warnings] == [("foreign", line)]
        assert trial.beside == ()


@pytest.mark.parametrize("text", FOREIGN)
def test_alone_it_is_an_error(text: str) -> None:
    found = findings(parse(f"{text}---\n{FOREIGN[0]}"))
    assert {each.level for each in found} == {"error"}


@pytest.mark.parametrize("text", OF_LITMUS)
def test_what_litmus_itself_has_is_passed_by_alone_too(text: str) -> None:
    assert [(each.level, each.problem.rule) for each in findings(parse(text))] == [("warning", "foreign")]
    with pytest.raises(InvalidInput, match="nothing to run"):
        trials(parse(text))


@pytest.mark.parametrize(
    ("version", "kind", "rule", "meant"),
    [
        ("litmuschaos.io/v1alpha1", "ChaosEngin", "kind", "ChaosEngine"),
        ("litmuschaos.io/v1alpha1", "chaosengine", "kind", "ChaosEngine"),
        ("litmuschaos.io/v1alpha1", "ChaosExperiments", "kind", "ChaosExperiment"),
        ("litmuschaos.io/v1alpha1", "ChaosShedule", "kind", "ChaosSchedule"),
        ("litmuschaos.io/v1alpha1", "Litmus", "kind", ""),
        ("litmus.io/v1", "ChoasEngine", "kind", "ChaosEngine"),
        ("v1", "Chaosengine", "kind", "ChaosEngine"),
        ("chaoskit.io/v1", "Experimnt", "kind", "Experiment"),
        ("chaoskit.io/v1", "experiment", "kind", "Experiment"),
        ("argoproj.io/v1alpha1", "CronWorkflows", "kind", "CronWorkflow"),
        ("''", "Deployment", "kind", ""),
        ("chaoskit.io/v2", "Experiment", "api-version", ""),
        ("chaoskit/v1", "Experiment", "api-version", ""),
        ("chaoskits.io/v1", "Experiment", "api-version", ""),
        ("v1", "Experiment", "api-version", ""),
        ("litmuschaos.io/v1", "ChaosSchedule", "api-version", ""),
        ("litmuchaos.io/v1alpha1", "ChaosEngine", "api-version", ""),
        ("v2", "Secret", "api-version", ""),
        ("''", "ConfigMap", "api-version", ""),
        ("rbac/v1", "Role", "api-version", ""),
        ("rbac.authorisation.k8s.io/v1", "Role", "api-version", ""),
        ("rbac.authorization.k8s.io/v1", "ServiceAccount", "api-version", ""),
        ("litmuschaos.io/v1alpha1", "RoleBinding", "api-version", ""),
    ],
)
def test_a_slip_of_ours_is_an_error_beside_whatever_stands_there(
    version: str, kind: str, rule: str, meant: str
) -> None:
    found = [
        each for each in findings(parse(f"{ENGINE}---\n{headed(version, kind)}")) if each.level == "error"
    ]
    assert rule in [each.problem.rule for each in found]
    hints = [each.problem.hint for each in found if each.problem.rule == "kind"]
    assert hints == ([f"did you mean {meant}?" if meant else ""] if rule == "kind" else [])
    with pytest.raises(InvalidInput):
        trials(parse(f"{ENGINE}---\n{headed(version, kind)}"))


def test_what_runs_nothing_is_told_once_and_not_of_what_runs_others() -> None:
    said = idle([*parse(ACCOUNT, "a.yaml"), *parse(ACCOUNT, "b.yaml")])
    assert [(each.problem.path, each.problem.rule) for each in said] == [("a.yaml", "nothing-to-run")]
    assert idle(parse(DEFINITION)) == ()
    assert rules(f"{DEFINITION}---\n{ACCOUNT}") == []
    with pytest.raises(InvalidInput, match="nothing to run"):
        trials(parse(DEFINITION))
