"""What the server enforces of Litmus' objects, which is little, and what it drops without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chaoskit.documents import Location
from chaoskit.experiments.lint.forms import ITSELF, LABEL, SUBDOMAIN, Form, formed
from chaoskit.experiments.lint.levels import Level, unknowns
from chaoskit.experiments.lint.rules import Finding, Look

MISSPELT = 0.8
"""How alike an unknown field must be to a known one to be called misspelt."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What may stand somewhere; `words` say it.

    A mapping with `fields` drops others; with `values` any key may stand there. `required` fields are missed
    by the rule `missed`, where empty ones count as missing unless they may be `hollow`; nor may an empty text
    be one of `choices` otherwise. `rule` is for what has another form or is none of `choices`, with a `hint`;
    `form` is for names. `former` are fields of Litmus 1.x with what is written instead; what is `unread`
    changes nothing. What slipped out of its mapping was in a `rare` one only where that stands bare,
    or in an item of a list that stands.
    """

    kind: type[Any] | tuple[type[Any], ...]
    words: str
    fields: Mapping[str, Shape] = field(default_factory=dict)
    values: Shape | None = None
    required: tuple[str, ...] = ()
    missed: str = "type"
    choices: tuple[str, ...] = ()
    rule: str = "type"
    hollow: bool = False
    form: Form | None = None
    hint: str = ""
    former: Mapping[str, str] = field(default_factory=dict)
    unread: bool = False
    rare: bool = False

    def fits(self, value: Any) -> bool:
        """Whether the value is of the kind; true and false are no numbers."""
        kinds = self.kind if isinstance(self.kind, tuple) else (self.kind,)
        free = not isinstance(value, bool) or bool in kinds or object in kinds
        return isinstance(value, kinds) and free


ANYTHING = Shape(object, "anything")
TEXT = Shape(str, "text")
NUMBER = Shape(int, "a whole number")
FLAG = Shape(bool, "true or false")
LENGTH = Shape((str, int, float), "a duration with a unit, such as 5s")
NAMESPACE, ACCOUNT = replace(TEXT, form=LABEL), replace(TEXT, form=SUBDOMAIN)
_PLAIN = replace(TEXT, form=ITSELF)
MAPPING = Shape(dict, "a mapping")
TEXTS = Shape(dict, "a mapping of texts", values=TEXT)


def one_of(rule: str, *choices: str) -> Shape:
    """One of these texts."""
    return Shape(str, "one of " + ", ".join(choices), choices=choices, rule=rule)


def many(each: Shape) -> Shape:
    """A list of these."""
    return Shape(list, "a list", values=each)


def struct(required: str = "", missed: str = "type", /, **fields: Shape) -> Shape:
    """A mapping of these fields, of which some are required."""
    return Shape(dict, "a mapping", fields=fields, required=tuple(required.split()), missed=missed)


def since(shape: Shape, /, **former: str) -> Shape:
    """A mapping in which Litmus 1.x called some fields otherwise."""
    return replace(shape, former=former)


_UNREAD = replace(TEXTS, unread=True)
_VOLUMES = many(struct("name mountPath", name=TEXT, mountPath=TEXT))
_CONFIGURATIONS = many(struct("name mountPath", name=TEXT, mountPath=TEXT, data=_UNREAD))
_AMOUNTS = Shape(dict, "a mapping of amounts", values=Shape((str, int, float), "an amount such as 500m"))
_RESOURCES = struct(limits=_AMOUNTS, requests=_AMOUNTS, claims=many(MAPPING))
_TOLERATION = replace(
    struct(
        key=TEXT, value=TEXT, tolerationSeconds=NUMBER,
        operator=replace(one_of("toleration", "Exists", "Equal", "Lt", "Gt"), hollow=True),
        effect=replace(one_of("toleration", "NoSchedule", "PreferNoSchedule", "NoExecute"), hollow=True),
    ),
    rare=True,
)  # fmt: skip
_KEYED = struct("name key", "env-from", name=TEXT, key=replace(TEXT, words="one of its keys"), optional=FLAG)
VALUE_FROM = struct(
    secretKeyRef=_KEYED,
    configMapKeyRef=_KEYED,
    fieldRef=struct("fieldPath", "env-from", apiVersion=TEXT, fieldPath=TEXT),
    resourceFieldRef=struct(
        "resource", "env-from", containerName=TEXT, resource=TEXT, divisor=Shape((str, int), "an amount")
    ),
    fileKeyRef=MAPPING,
)
_NAMED = replace(TEXT, rule="env-text")
_ENV = many(struct("name", "env-text", name=_NAMED, value=ANYTHING, valueFrom=VALUE_FROM))
_WRITTEN = replace(TEXT, rule="env-text", words="text in quotes")
_HOST_FILE = struct(
    "name mountPath nodePath", "definition", name=TEXT, mountPath=TEXT, nodePath=TEXT, type=TEXT
)
_PULLED = replace(one_of("type", "Always", "IfNotPresent", "Never"), hollow=True)
_SOURCE = Shape(
    (dict, str), "a mapping", rare=True, fields={
        "image": TEXT, "hostNetwork": FLAG, "inheritInputs": FLAG, "args": many(TEXT), "labels": TEXTS,
        "env": many(struct("name", "env-text", name=TEXT, value=_WRITTEN, valueFrom=VALUE_FROM)),
        "annotations": TEXTS, "command": many(TEXT), "imagePullPolicy": _PULLED, "privileged": FLAG,
        "nodeSelector": TEXTS, "tolerations": many(_TOLERATION), "volumes": many(MAPPING),
        "volumeMount": many(MAPPING), "imagePullSecrets": many(MAPPING),
    },
)  # fmt: skip
"""The pod of a cmdProbe; a text in Litmus 2.x."""

_COMPARATOR = struct(
    "criteria value", "probe-field", type=ANYTHING, criteria=TEXT, value=replace(TEXT, hollow=True)
)
_PROBES: Mapping[str, Shape] = {
    "k8sProbe/inputs": since(
        struct(
            "version resource operation", "probe-field", group=TEXT, version=TEXT, resource=TEXT,
            namespace=TEXT, resourceNames=TEXT, fieldSelector=TEXT, labelSelector=TEXT,
            operation=one_of("probe-operation", "present", "absent", "create", "delete"),
        ),
        command="its fields beside operation, without command", expectedResult="operation: present or absent",
    ),
    "httpProbe/inputs": struct(
        "url method", "probe-field", url=TEXT, insecureSkipVerify=FLAG, responseTimeout=NUMBER,
        method=struct(
            get=struct("criteria responseCode", "probe-field", criteria=TEXT, responseCode=TEXT),
            post=struct(
                "criteria responseCode", "probe-field", contentType=TEXT, body=TEXT, bodyPath=TEXT,
                criteria=TEXT, responseCode=TEXT,
            ),
        ),
    ),
    "cmdProbe/inputs": struct(
        "command comparator", "probe-field", command=TEXT, comparator=_COMPARATOR, source=_SOURCE
    ),
    "promProbe/inputs": struct(
        "endpoint comparator", "probe-field", endpoint=TEXT, query=TEXT, queryPath=TEXT,
        comparator=_COMPARATOR,
    ),
}  # fmt: skip
PROBE_TYPES = tuple(each.partition("/")[0] for each in _PROBES)
MODES = ("SOT", "EOT", "Edge", "Continuous", "OnChaos")
LENGTHS = ("probeTimeout", "interval", "probePollingInterval", "initialDelay", "evaluationTimeout")
_RUN = struct(
    "probeTimeout interval", "probe-field", retry=NUMBER, attempt=NUMBER, initialDelaySeconds=NUMBER,
    verbosity=TEXT, stopOnFailure=FLAG, **dict.fromkeys(LENGTHS, LENGTH),
)  # fmt: skip
_PROBE = struct(
    "name type mode runProperties", "probe-field", name=TEXT, type=one_of("probe-type", *PROBE_TYPES),
    mode=one_of("probe-mode", *MODES), data=TEXT, runProperties=_RUN, **_PROBES,
)  # fmt: skip

KINDS = ("deployment", "statefulset", "daemonset", "deploymentconfig", "rollout")
_KIND = one_of("app-kind", *KINDS)
_POD_PARTS = {
    "nodeSelector": TEXTS, "tolerations": many(_TOLERATION), "resources": _RESOURCES,
    "configMaps": _CONFIGURATIONS, "secrets": _VOLUMES,
}  # fmt: skip
_RUNNER = since(
    struct(
        image=_PLAIN, type=one_of("type", "go"), imagePullPolicy=_PULLED, imagePullSecrets=many(MAPPING),
        args=many(TEXT), command=many(TEXT), runnerAnnotations=TEXTS, runnerLabels=TEXTS, **_POD_PARTS,
    ),
    configmaps="configMaps", runnerannotation="runnerAnnotations", runnerAnnotation="runnerAnnotations",
)  # fmt: skip
_COMPONENTS = since(
    struct(
        statusCheckTimeouts=struct(delay=NUMBER, timeout=NUMBER), experimentImage=_PLAIN,
        experimentImagePullSecrets=many(MAPPING), env=_ENV, experimentAnnotations=TEXTS, **_POD_PARTS,
    ),
    configmaps="configMaps",
)  # fmt: skip

ENGINE = struct(
    engineState=one_of("engine-state", "active", "stop"),
    appinfo=struct(appns=NAMESPACE, applabel=_PLAIN, appkind=replace(_KIND, hollow=True)),
    selectors=struct(
        workloads=many(
            struct(
                "kind namespace", "selectors", kind=_KIND, namespace=NAMESPACE, names=_PLAIN, labels=_PLAIN,
                labelMatchMode=TEXT,
            )
        ),
        pods=many(struct("names namespace", "selectors", namespace=NAMESPACE, names=_PLAIN)),
    ),
    chaosServiceAccount=ACCOUNT,
    components=struct(runner=_RUNNER, sidecar=many(MAPPING)),
    experiments=many(
        struct(
            "name", "experiments", name=_PLAIN,
            spec=struct(
                probe=many(_PROBE), rank=NUMBER,
                components=replace(_COMPONENTS, hint="a list of ENV, as in Litmus 1.0, belongs under env"),
            ),
        )
    ),
    jobCleanUpPolicy=one_of("clean-up-policy", "delete", "retain"),
    defaultHealthCheck=Shape((bool, str), "true or false"),
    auxiliaryAppInfo=TEXT,
    terminationGracePeriodSeconds=NUMBER,
    annotationCheck=Shape((bool, str), "true or false"),
    monitoring=Shape((bool, str), "true or false"),
    chaosType=TEXT,
)  # fmt: skip
"""``spec`` of a ChaosEngine, in the spellings of 2.x and 3.x."""

POLICY = struct(
    "verbs", "rights-shape", apiGroups=many(TEXT), resources=many(TEXT), verbs=many(TEXT),
    resourceNames=many(TEXT), nonResourceURLs=many(TEXT),
)  # fmt: skip
DEFINITION = struct(
    "definition", "definition",
    definition=since(struct(
        "image command args", "definition", scope=one_of("type", "Namespaced", "Cluster"),
        permissions=many(POLICY), image=_PLAIN, imagePullPolicy=_PULLED,
        command=replace(many(TEXT), words='a list such as ["/bin/bash"]'),
        args=replace(many(TEXT), words='a list such as ["-c", "./experiments -name pod-delete"]'),
        env=_ENV, labels=TEXTS, configMaps=_CONFIGURATIONS, secrets=_VOLUMES,
        hostFileVolumes=many(_HOST_FILE), securityContext=MAPPING, hostPID=FLAG,
        experimentAnnotations=_UNREAD,
    ), configmaps="configMaps"),
)  # fmt: skip
"""``spec`` of a ChaosExperiment."""


def check(look: Look, location: Location, shape: Shape, above: tuple[Level, ...] = ()) -> Iterator[Finding]:
    """What stands there against the shape; what is empty counts as missing, and what is missing as fine.

    `above` are the mappings around it, the outermost first.
    """
    value = look.at(location)
    if value is None:
        return
    if not shape.fits(value):
        yield look.say(shape.rule, location, shape.words, hint=shape.hint, meant=location)
    elif shape.unread:
        yield look.say("field-unread", location, "nothing", key=True)
    elif isinstance(value, dict):
        yield from _fields(look, location, shape, above)
    elif isinstance(value, list) and shape.values is not None:
        for index in range(len(value)):
            yield from _present(look, (*location, index), shape.values, above)
    elif value == "" and shape.choices and not shape.hollow:
        yield look.say(shape.rule, location, shape.words)
    elif shape.choices:
        yield from look.choice(shape.rule, location, shape.choices)
    elif shape.form is not None:
        yield from formed(look, location, shape.form)


def _present(look: Look, location: Location, shape: Shape, above: tuple[Level, ...]) -> Iterator[Finding]:
    """As `check`, but something must be there."""
    if look.at(location) is None:
        yield look.say(shape.rule, location, shape.words, found="empty")
    else:
        yield from check(look, location, shape, above)


def _fields(look: Look, location: Location, shape: Shape, above: tuple[Level, ...]) -> Iterator[Finding]:
    value = look.mapping(location)
    around = (*above, (location, shape)) if shape.fields else above
    missed = [name for name in shape.required if _missed(value.get(name), shape.fields[name])]
    for name in missed:
        yield look.say(shape.missed, (*location, name), shape.fields[name].words, found="missing")
    for name in (each for each in value if each not in missed):
        if name in shape.fields:
            yield from check(look, (*location, name), shape.fields[name], around)
        elif shape.values is not None:
            yield from _present(look, (*location, name), shape.values, around)
    if shape.fields and shape.values is None:
        strange = [name for name in value if name not in shape.fields]
        yield from unknowns(look, strange, (location, shape), above, MISSPELT)


def _missed(value: Any, wanted: Shape) -> bool:
    return value is None or (value in ("", {}, []) and not wanted.hollow)
