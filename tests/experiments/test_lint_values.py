"""Values that the server refuses, and old spellings that it drops, are told for what they are."""

from __future__ import annotations

import pytest
from tests.experiments import test_lint as right
from tests.experiments.test_lint_levels import ENGINE

from chaoskit.documents import parse
from chaoskit.experiments.lint import findings


def errors(text: str) -> list[tuple[str, int, str]]:
    """(rule, line, found) of every error."""
    return [
        (each.problem.rule, each.problem.line, each.problem.found)
        for each in findings(parse(text))
        if each.level == "error"
    ]


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        (right.ENGINE.replace("engineState: active", "engineState: ''"), "engine-state", 5),
        (right.ENGINE.replace("Policy: retain", "Policy: ''"), "clean-up-policy", 8),
        (right.ENGINE.replace("engineState: active", "components: {runner: {type: ''}}"), "type", 5),
        (right.DEFINITION.replace("scope: Namespaced", "scope: ''"), "type", 7),
    ],
)
def test_an_empty_word_is_none_of_the_words_that_may_stand_there(text: str, rule: str, line: int) -> None:
    assert errors(text) == [(rule, line, '""')]


@pytest.mark.parametrize(
    ("old", "new", "line", "found"),
    [("mode: Edge", "mode: ''", 20, "missing"), ("type: httpProbe", "type: ''", 19, "missing")],
)
def test_an_empty_word_that_is_needed_is_missed_once(old: str, new: str, line: int, found: str) -> None:
    assert errors(ENGINE.replace(old, new)) == [("probe-field", line, found)]


@pytest.mark.parametrize(
    "text",
    [
        right.ENGINE.replace("applabel: app=web, appkind: deployment", "applabel: '', appkind: ''"),
        right.ENGINE.replace("applabel: app=web, appkind: deployment", "applabel: null, appkind: null"),
        right.ENGINE.replace("engineState: active", "engineState: null"),
        right.DEFINITION.replace("imagePullPolicy: Always", "imagePullPolicy: ''"),
    ],
)
def test_what_may_be_empty_is_accepted(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (ENGINE.replace("namespace: lab", "namespace: Not A Namespace"), 5, 14),
        (ENGINE.replace("namespace: lab", "namespace: shop.lab"), 5, 14),
        (ENGINE.replace("namespace: lab", "namespace: " + "n" * 64), 5, 14),
        (ENGINE.replace("namespace: lab", "namespace: lab-"), 5, 14),
        (ENGINE.replace("appns: lab", "appns: Lab"), 7, 20),
        (ENGINE.replace("Account: litmus-sa", "Account: Bad Name"), 8, 24),
        (ENGINE.replace("Account: litmus-sa", "Account: " + "n" * 254), 8, 24),
        (ENGINE.replace("appinfo: {appns: lab, applabel: app=web, appkind: deployment}",
                        "selectors: {pods: [{namespace: a_b, names: web}]}"), 7, 34),
        (right.ACCOUNT.replace("namespace: lab", "namespace: a/b"), 3, 40),
    ],
)  # fmt: skip
def test_a_name_that_nothing_can_have_is_told_at_its_place(text: str, line: int, column: int) -> None:
    (found,) = [each.problem for each in findings(parse(text)) if each.level == "error"]
    assert (found.rule, found.line, found.column) == ("name-form", line, column)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("namespace: lab", "namespace: 3-labs"),
        ("namespace: lab", "namespace: " + "n" * 63),
        ("namespace: lab", "namespace: ''"),
        ("namespace: lab", 'namespace: "{{workflow.parameters.adminModeNamespace}}"'),
        ("appns: lab", "appns: ''"),
        ("Account: litmus-sa", "Account: litmus.admin-2"),
        ("Account: litmus-sa", "Account: ''"),
    ],
)
def test_a_name_that_something_can_have_is_accepted(old: str, new: str) -> None:
    assert errors(ENGINE.replace(old, new)) == []


def test_of_a_variable_that_nobody_filled_in_it_is_said_that_it_is_one() -> None:
    (found,) = [
        each.problem
        for each in findings(parse(ENGINE.replace("namespace: lab", "namespace: ${NAMESPACE}")))
        if each.level == "error"
    ]
    assert (found.rule, found.line, "--var name=value" in found.hint) == ("name-form", 5, True)
    filled = parse(ENGINE.replace("namespace: lab", "namespace: ${home}"), variables={"home": "lab"})
    assert [each for each in findings(filled) if each.level == "error"] == []


EVERYWHERE = right.BINDING.replace("kind: RoleBinding", "kind: ClusterRoleBinding").replace(
    "{name: litmus-sa, namespace: lab}\nroleRef", "{name: litmus-sa}\nroleRef"
)
SUBJECT = "{kind: ServiceAccount, name: litmus-sa, namespace: lab}"


@pytest.mark.parametrize(
    ("text", "subject", "field"),
    [
        (right.BINDING, SUBJECT.replace(", namespace: lab", ""), ""),
        (right.BINDING, SUBJECT.replace("kind", "apiGroup: '', kind"), ""),
        (right.BINDING, "{kind: User, apiGroup: rbac.authorization.k8s.io, name: ada}", ""),
        (right.BINDING, SUBJECT.replace("kind", "apiGroup: rbac.authorization.k8s.io, kind"), "apiGroup"),
        (EVERYWHERE, SUBJECT, ""),
        (EVERYWHERE, SUBJECT.replace(", namespace: lab", ""), "namespace"),
        (EVERYWHERE, SUBJECT.replace("namespace: lab", "namespace: ''"), "namespace"),
    ],
)
def test_an_account_in_a_binding_is_refused_only_as_the_server_refuses_it(
    text: str, subject: str, field: str
) -> None:
    found = findings(parse(text.replace(SUBJECT, subject)))
    assert text.count(SUBJECT) == 1
    wanted = [("rights-shape", 6, f"subjects[0].{field}")] if field else []
    assert [(each.problem.rule, each.problem.line, each.problem.field) for each in found] == wanted


def test_an_account_without_a_namespace_has_the_rights_that_its_binding_gives() -> None:
    binding = right.BINDING.replace(SUBJECT, SUBJECT.replace(", namespace: lab", ""))
    assert findings(parse(f"{right.ENGINE}---\n{right.ACCOUNT}---\n{binding}---\n{right.ROLE}")) == ()


# -- what Litmus 1.x called otherwise, and what none reads ------------------------------------------------

RUNNER = "chaosServiceAccount: litmus-sa\n  components: {runner: {%s: {a: b}}}"
KEPT = "[{name: a, mountPath: /a, data: {b: c}}]"
VOLUMES = "[{name: a, mountPath: /a}]"


@pytest.mark.parametrize(
    ("text", "old", "new", "field", "instead"),
    [
        (right.ENGINE, "chaosServiceAccount: litmus-sa", RUNNER % "runnerannotation",
         "spec.components.runner.runnerannotation", "runnerAnnotations"),
        (right.ENGINE, "chaosServiceAccount: litmus-sa", RUNNER % "runnerAnnotation",
         "spec.components.runner.runnerAnnotation", "runnerAnnotations"),
        (right.ENGINE, "        env:", f"        configmaps: {VOLUMES}\n        env:",
         "spec.experiments[0].spec.components.configmaps", "configMaps"),
        (right.DEFINITION, "    env:", f"    configmaps: {VOLUMES}\n    env:",
         "spec.definition.configmaps", "configMaps"),
        (right.probed("k8sProbe"), "operation: present", "operation: present, expectedResult: present",
         "spec.experiments[0].spec.probe[0].k8sProbe/inputs.expectedResult", "operation: present or absent"),
    ],
)  # fmt: skip
def test_of_a_spelling_of_litmus_1_it_is_said_what_is_written_instead(
    text: str, old: str, new: str, field: str, instead: str
) -> None:
    (found,) = findings(parse(text.replace(old, new, 1)))
    assert (found.level, found.problem.rule, found.problem.field) == ("warning", "litmus-1x", field)
    assert found.problem.expected == instead


def test_a_probe_of_litmus_1_lacks_what_the_server_needs() -> None:
    old = right.probed("k8sProbe").replace(
        "{version: v1, resource: pods, operation: present}", "{command: {version: v1, resource: pods}}"
    )
    found = findings(parse(old))
    assert sorted((each.level, each.problem.rule) for each in found) == [
        *[("error", "probe-field")] * 3,
        ("warning", "litmus-1x"),
    ]


def test_of_a_list_of_env_in_the_place_of_components_it_is_said_where_it_belongs() -> None:
    head = right.ENGINE.index("        env:\n")
    text = right.ENGINE[:head] + right.ENGINE[head + len("        env:\n") :]
    (found,) = findings(parse(text))
    assert (found.problem.rule, found.problem.line, found.problem.found) == ("type", 14, "a list")
    assert "under env" in found.problem.hint


@pytest.mark.parametrize(
    ("text", "old", "new", "field"),
    [
        (right.DEFINITION, "    env:", "    experimentAnnotations: {a: b}\n    env:",
         "spec.definition.experimentAnnotations"),
        (right.DEFINITION, "    env:", f"    configMaps: {KEPT}\n    env:",
         "spec.definition.configMaps[0].data"),
        (right.ENGINE, "        env:", f"        configMaps: {KEPT}\n        env:",
         "spec.experiments[0].spec.components.configMaps[0].data"),
    ],
)  # fmt: skip
def test_of_what_the_server_keeps_and_nobody_reads_that_is_said(
    text: str, old: str, new: str, field: str
) -> None:
    (found,) = findings(parse(text.replace(old, new, 1)))
    assert (found.level, found.problem.rule, found.problem.field) == ("warning", "field-unread", field)


def test_where_texts_are_kept_there_is_no_other_form() -> None:
    text = right.DEFINITION.replace("    env:", "    experimentAnnotations: [a]\n    env:")
    assert errors(text) == [("type", 14, "a list")]
