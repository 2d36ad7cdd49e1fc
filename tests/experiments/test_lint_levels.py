"""A key at the wrong level, at the root or misspelt is told where it stands, once, with where it belongs."""

from __future__ import annotations

import pytest
from tests.experiments import test_lint as right

from chaoskit.documents import parse
from chaoskit.experiments.lint import findings

ENGINE = """\
apiVersion: litmuschaos.io/v1alpha1
kind: ChaosEngine
metadata:
  name: web-chaos
  namespace: lab
spec:
  appinfo: {appns: lab, applabel: app=web, appkind: deployment}
  chaosServiceAccount: litmus-sa
  terminationGracePeriodSeconds: 30
  experiments:
  - name: pod-network-loss
    spec:
      components:
        statusCheckTimeouts: {delay: 2, timeout: 180}
        env:
        - {name: DESTINATION_HOSTS, value: db.lab.svc.cluster.local}
      probe:
      - name: answers
        type: httpProbe
        mode: Edge
        httpProbe/inputs:
          url: http://web
          method: {get: {criteria: ==, responseCode: '200'}}
        runProperties: {probeTimeout: 5s, interval: 1s, stopOnFailure: true}
"""
RUN = "        runProperties: {probeTimeout: 5s, interval: 1s, stopOnFailure: true}\n"
PROBE = ENGINE[ENGINE.index("      probe:") :]
ENV = ENGINE[ENGINE.index("        env:") : ENGINE.index("      probe:")]
EXPERIMENTS = ENGINE[ENGINE.index("  experiments:") :]


def moved(text: str, part: str, columns: int) -> str:
    """The text with a part of it so many columns further out."""
    lines = part.splitlines(keepends=True)
    put = "".join(each[columns:] if columns > 0 else " " * -columns + each for each in lines)
    assert text.count(part) == 1
    return text.replace(part, put)


def told(text: str) -> list[tuple[str, str, int, int]]:
    """(level, rule, line, column) of everything that is found."""
    return [(f.level, f.problem.rule, f.problem.line, f.problem.column) for f in findings(parse(text))]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


BLOCKS = """\
apiVersion: litmuschaos.io/v1alpha1
kind: ChaosEngine
metadata:
  name: web-chaos
  namespace: lab
spec:
  components:
    runner:
      image: litmuschaos/chaos-runner:3.16.0
  appinfo: {appns: lab, applabel: app=web, appkind: deployment}
  chaosServiceAccount: litmus-sa
  terminationGracePeriodSeconds: 30
  experiments:
  - name: pod-network-loss
    spec:
      components:
        env:
        - {name: DESTINATION_HOSTS, value: db.lab.svc.cluster.local}
      probe:
      - name: answers
        type: httpProbe
        mode: Edge
        httpProbe/inputs:
          url: http://web
          method:
            get:
              criteria: ==
              responseCode: '200'
        runProperties: {probeTimeout: 5s, interval: 1s, stopOnFailure: true}
      - name: rate
        type: cmdProbe
        mode: Edge
        cmdProbe/inputs:
          command: up
          comparator:
            type: float
            criteria: <=
            value: '0.1'
        runProperties: {probeTimeout: 5s, interval: 1s, stopOnFailure: true}
"""


@pytest.mark.parametrize(
    ("part", "lines"),
    [
        ("      image: litmuschaos/chaos-runner:3.16.0\n", [9]),
        ("            get:\n              criteria: ==\n              responseCode: '200'\n", [26]),
        ("            type: float\n            criteria: <=\n            value: '0.1'\n", [36, 37, 38]),
    ],
)
def test_what_stands_beside_the_bare_key_that_should_hold_it_is_told_itself(
    part: str, lines: list[int]
) -> None:
    assert told(BLOCKS) == []
    found = [(rule, line) for level, rule, line, _ in told(moved(BLOCKS, part, 2)) if level == "error"]
    assert found == [("field-misplaced", each) for each in lines]


def test_nothing_is_at_a_wrong_level_in_what_is_right() -> None:
    assert told(ENGINE) == []


ENTRY = "spec.experiments[0]"
URL = "          url: http://web\n"
GRACE = "  terminationGracePeriodSeconds: 30\n"


@pytest.mark.parametrize(
    ("text", "line", "column", "home"),
    [
        (moved(ENGINE, ENV, 2), 15, 7, f"{ENTRY}.spec.components"),
        (moved(ENGINE.replace(PROBE, ""), ENV, 4), 15, 5, f"{ENTRY}.spec.components"),
        (moved(ENGINE.replace(PROBE, ""), ENV, 8), 15, 1, f"{ENTRY}.spec.components"),
        (moved(ENGINE, PROBE, -2), 17, 9, f"{ENTRY}.spec"),
        (moved(ENGINE, PROBE, 2), 17, 5, f"{ENTRY}.spec"),
        (moved(ENGINE, PROBE, 4), 17, 3, f"{ENTRY}.spec"),
        (moved(ENGINE, PROBE, 6), 17, 1, f"{ENTRY}.spec"),
        (moved(ENGINE, RUN, -2), 24, 11, f"{ENTRY}.spec.probe[0]"),
        (ENGINE.replace(URL, "").replace("        mode", URL[2:] + "        mode"), 20, 9,
         f"{ENTRY}.spec.probe[0].httpProbe/inputs"),
        (ENGINE.replace(RUN, "").replace(URL, URL + "          probeTimeout: 5s\n"), 23, 11,
         f"{ENTRY}.spec.probe[0].runProperties"),
        (moved(ENGINE, EXPERIMENTS, 2), 10, 1, "spec"),
        (ENGINE.replace(GRACE, "") + GRACE.lstrip(), 24, 1, "spec"),
        (ENGINE + "annotationCheck: 'false'\n", 25, 1, "spec"),
        (ENGINE.replace("  namespace: lab\nspec", "namespace: lab\nspec"), 5, 1, "metadata"),
        (ENGINE.replace("{appns: lab, ", "{").replace("  appinfo", "  appns: lab\n  appinfo"), 7, 3,
         "spec.appinfo"),
        (right.DEFINITION.replace("    labels:", "  labels:"), 17, 3, "spec.definition"),
        (right.DEFINITION.replace("  definition:", "definition:").replace("spec:\n", "spec: {}\n"), 6, 1,
         "spec"),
        (right.ACCOUNT.replace(", namespace: lab}", "}\nnamespace: lab"), 4, 1, "metadata"),
        ("apiVersion: v1\nkind: Secret\nmetadata:\n  name: keys\n  stringData: {a: b}\n", 5, 3, ""),
    ],
)  # fmt: skip
def test_a_known_field_at_the_wrong_level_is_told_once_with_where_it_belongs(
    text: str, line: int, column: int, home: str
) -> None:
    (found,) = [each for each in findings(parse(text)) if each.problem.rule != "no-probe"]
    assert (found.level, found.problem.rule) == ("error", "field-misplaced")
    assert (found.problem.line, found.problem.column) == (line, column)
    assert found.problem.expected == (f"it under {home}" if home else "it at the document's root")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (ENGINE + GRACE.lstrip(), 25),
        (ENGINE + "timeout: 300\n", 25),
        (ENGINE.replace(GRACE, GRACE + "  timeout: 300\n"), 10),
        (ENGINE.replace(GRACE, GRACE + "  resources: {}\n  schedule: {type: once}\n"), 11),
        (ENGINE.replace(GRACE, GRACE + "  probe: true\n"), 10),
        (ENGINE.replace("  - name: pod-network-loss\n", "  - name: pod-network-loss\n    args: [a]\n"), 12),
        (
            ENGINE.replace(URL, URL + "          type: get\n"),
            23,
        ),
        (right.ACCOUNT + "rules: []\n", 4),
        (right.ENGINE.replace("labels: {team: a}", "version: 0.1.10"), 3),
    ],
)
def test_what_is_of_no_level_near_or_is_set_there_already_is_only_unknown(text: str, line: int) -> None:
    found = findings(parse(text))
    assert {(each.level, each.problem.rule) for each in found} == {("warning", "field-unknown")}
    assert line in [each.problem.line for each in found]


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "meant"),
    [
        ("spec:\n  appinfo", "sepc:\n  appinfo", 6, 1, "spec"),
        ("metadata:", "metdata:", 3, 1, "metadata"),
        ("  namespace: lab", "  namepsace: lab", 5, 3, "namespace"),
        ("  namespace: lab", "  anotations: {a: b}", 5, 3, "annotations"),
        ("  namespace: lab", "  lables: {a: b}", 5, 3, "labels"),
        ("chaosServiceAccount", "chaosServiceAcount", 8, 3, "chaosServiceAccount"),
        ("appinfo", "appInfo", 7, 3, "appinfo"),
        ("applabel", "aplabel", 7, 25, "applabel"),
        ("terminationGracePeriodSeconds", "terminationGracePeriod", 9, 3, "terminationGracePeriodSeconds"),
        ("- name: pod-network-loss", "- nmae: pod-network-loss", 11, 5, "name"),
        ("        env:", "        envs:", 15, 9, "env"),
        ("      probe:", "      probes:", 17, 7, "probe"),
        ("httpProbe/inputs", "httpProbe/input", 21, 9, "httpProbe/inputs"),
        ("probeTimeout", "probeTimeuot", 24, 25, "probeTimeout"),
    ],
)
def test_a_misspelt_key_is_told_once_and_nothing_is_missed_for_it(
    old: str, new: str, line: int, column: int, meant: str
) -> None:
    (found,) = findings(parse(ENGINE.replace(old, new, 1)))
    assert (found.level, found.problem.rule) == ("error", "field-misspelt")
    assert (found.problem.line, found.problem.column) == (line, column)
    assert found.problem.hint == f"did you mean {meant}?"


def test_what_servers_write_into_an_object_is_known() -> None:
    written = "  uid: 1-2\n  resourceVersion: '5'\n  generation: 2\n  creationTimestamp: null\n"
    text = ENGINE.replace("  namespace: lab\n", "  namespace: lab\n  finalizers: [a/b]\n" + written)
    assert told(text + "status: {engineStatus: completed}\n") == []


@pytest.mark.parametrize(
    "text",
    [
        right.ACCOUNT + "automountServiceAccountToken: true\nsecrets: [{name: a}]\nimagePullSecrets: []\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntype: Opaque\nimmutable: true\ndata: {a: Yg==}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nbinaryData: {a: Yg==}\nimmutable: true\n",
        right.ROLE.replace("kind: Role", "kind: ClusterRole") + "aggregationRule: {}\n",
    ],
)  # fmt: skip
def test_the_keys_of_what_stands_beside_are_known(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "meant"),
    [
        ("value: db.lab", "VALUE: db.lab", 16, 37, "value"),
        ("{name: DEST", "{Name: DEST", 16, 12, "name"),
        ("{get: ", "{GET: ", 23, 20, "get"),
        ("  appinfo", "  AppInfo", 7, 3, "appinfo"),
        ("  spec:", "  SPEC:", 12, 5, "spec"),
        ("metadata:", "Metadata:", 3, 1, "metadata"),
    ],
)
def test_a_key_in_another_case_is_misspelt(old: str, new: str, line: int, column: int, meant: str) -> None:
    found = [each for each in findings(parse(ENGINE.replace(old, new, 1))) if each.level == "error"]
    assert [each.problem.rule for each in found] == ["field-misspelt"]
    assert (found[0].problem.line, found[0].problem.column) == (line, column)
    assert found[0].problem.hint == f"did you mean {meant}?"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (", appkind: deployment}", "}",
         "text:7:35  spec.appinfo.applabel is without appkind, expected appkind beside it, or neither"),
        ("applabel: app=web, ", "",
         "text:7:34  spec.appinfo.appkind is without applabel, expected applabel beside it, or neither"),
        ("applabel: app=web", "applabel: {app: web}",
         "text:7:35  spec.appinfo.applabel is a mapping, expected text"),
    ],
)  # fmt: skip
def test_of_appinfo_the_half_that_is_there_is_told_with_the_one_that_is_not(
    old: str, new: str, said: str
) -> None:
    (error,) = [each for each in findings(parse(ENGINE.replace(old, new, 1))) if each.level == "error"]
    assert str(error.problem).startswith(said)


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        (
            "value: db.lab.svc.cluster.local}",
            "value: db.lab.svc.cluster.local, VALUE: ''}",
            "did you mean value?",
        ),
        ("      probe:\n", "      probes: []\n      probe:\n", "did you mean probe?"),
        (GRACE, GRACE + "  annotationchecks:\n", "did you mean annotationCheck?"),
        (URL, URL + "          data: ''\n", "it is dropped silently"),
    ],
)
def test_with_an_empty_field_nothing_is_lost(old: str, new: str, hint: str) -> None:
    (found,) = findings(parse(ENGINE.replace(old, new, 1)))
    assert (found.level, found.problem.rule, found.problem.hint) == ("warning", "field-unknown", hint)


def test_an_empty_field_hides_nothing_that_is_missing() -> None:
    text = ENGINE.replace(ENGINE[ENGINE.index("spec:") :], "sepc: {}\n")
    assert [(level, rule) for level, rule, *_ in told(text)] == [
        ("error", "experiments"),
        ("warning", "field-unknown"),
    ]
