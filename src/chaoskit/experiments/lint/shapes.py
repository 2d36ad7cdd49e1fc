"""What the server enforces of Litmus' objects, which is little, and what it drops without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chaoskit.documents import Location, closest
from chaoskit.experiments.lint.rules import Finding, Look

MISSPELT = 0.8
"""How alike an unknown field must be to a known one to be called misspelt."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What may stand somewhere; `words` say it.

    A mapping with `fields` drops others; with `values` any key may stand there. `required` fields are missed
    by the rule `missed`, where empty ones count as missing unless they may be `hollow`. `rule` is for what
    has another form or is none of `choices`.
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


ANYTHING = Shape(object, "anything")
TEXT = Shape(str, "text")
NUMBER = Shape(int, "a whole number")
FLAG = Shape(bool, "true or false")
LENGTH = Shape((str, int, float), "a duration with a unit, such as 5s")
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


_VOLUMES = many(struct("name mountPath", name=TEXT, mountPath=TEXT))
ENV = many(struct("name", "env-text", name=replace(TEXT, rule="env-text"), value=ANYTHING, valueFrom=MAPPING))

_COMPARATOR = struct(
    "criteria value", "probe-field", type=ANYTHING, criteria=TEXT, value=replace(TEXT, hollow=True)
)
_PROBES: Mapping[str, Shape] = {
    "k8sProbe/inputs": struct(
        "version resource operation", "probe-field", group=TEXT, version=TEXT, resource=TEXT,
        namespace=TEXT, resourceNames=TEXT, fieldSelector=TEXT, labelSelector=TEXT,
        operation=one_of("probe-operation", "present", "absent", "create", "delete"),
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
        "command comparator", "probe-field", command=TEXT, comparator=_COMPARATOR, source=ANYTHING
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
    "nodeSelector": TEXTS, "tolerations": many(MAPPING), "resources": MAPPING, "configMaps": _VOLUMES,
    "secrets": _VOLUMES,
}  # fmt: skip

ENGINE = struct(
    engineState=one_of("engine-state", "active", "stop"),
    appinfo=struct(appns=TEXT, applabel=TEXT, appkind=_KIND),
    selectors=struct(
        workloads=many(
            struct(
                "kind namespace", "selectors", kind=_KIND, namespace=TEXT, names=TEXT, labels=TEXT,
                labelMatchMode=TEXT,
            )
        ),
        pods=many(struct("names namespace", "selectors", namespace=TEXT, names=TEXT)),
    ),
    chaosServiceAccount=TEXT,
    components=struct(
        runner=struct(
            image=TEXT, type=one_of("type", "go"), imagePullPolicy=TEXT, imagePullSecrets=many(MAPPING),
            args=many(TEXT), command=many(TEXT), runnerAnnotations=TEXTS, runnerLabels=TEXTS, **_POD_PARTS,
        ),
        sidecar=many(MAPPING),
    ),
    experiments=many(
        struct(
            "name", "experiments", name=TEXT,
            spec=struct(
                probe=many(_PROBE),
                rank=NUMBER,
                components=struct(
                    statusCheckTimeouts=struct(delay=NUMBER, timeout=NUMBER), experimentImage=TEXT,
                    experimentImagePullSecrets=many(MAPPING), env=ENV, experimentAnnotations=TEXTS,
                    **_POD_PARTS,
                ),
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
    definition=struct(
        "image command args", "definition", scope=one_of("type", "Namespaced", "Cluster"),
        permissions=many(POLICY), image=TEXT,
        imagePullPolicy=one_of("type", "Always", "IfNotPresent", "Never"),
        command=replace(many(TEXT), words='a list such as ["/bin/bash"]'),
        args=replace(many(TEXT), words='a list such as ["-c", "./experiments -name pod-delete"]'),
        env=ENV, labels=TEXTS, configMaps=_VOLUMES, secrets=_VOLUMES, hostFileVolumes=many(MAPPING),
        securityContext=MAPPING, hostPID=FLAG,
    ),
)  # fmt: skip
"""``spec`` of a ChaosExperiment."""


def check(look: Look, location: Location, shape: Shape) -> Iterator[Finding]:
    """What stands there against the shape; what is empty counts as missing, and what is missing as fine."""
    value = look.at(location)
    if value is None:
        return
    if not _is(value, shape.kind):
        yield look.say(shape.rule, location, shape.words)
    elif isinstance(value, dict):
        yield from _fields(look, location, shape, value)
    elif isinstance(value, list) and shape.values is not None:
        for index in range(len(value)):
            yield from _present(look, (*location, index), shape.values)
    elif shape.choices:
        yield from look.choice(shape.rule, location, shape.choices)


def _is(value: Any, kind: type[Any] | tuple[type[Any], ...]) -> bool:
    """Whether it is of the kind; true and false are no numbers."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds or object in kinds)


def _present(look: Look, location: Location, shape: Shape) -> Iterator[Finding]:
    """As `check`, but something must be there."""
    if look.at(location) is None:
        yield look.say(shape.rule, location, shape.words, found="empty")
    else:
        yield from check(look, location, shape)


def _fields(look: Look, location: Location, shape: Shape, value: Mapping[str, Any]) -> Iterator[Finding]:
    for name in shape.required:
        wanted = shape.fields[name]
        if value.get(name) is None or (value[name] in ("", {}, []) and not wanted.hollow):
            yield look.say(shape.missed, (*location, name), wanted.words, found="missing")
    for name in value:
        if name in shape.fields:
            yield from check(look, (*location, name), shape.fields[name])
        elif shape.values is not None:
            yield from _present(look, (*location, name), shape.values)
        elif shape.fields:
            yield unknown(look, (*location, name), shape)


def unknown(look: Look, location: Location, shape: Shape) -> Finding:
    """A field that the shape does not know; misspelt when it is much like one that it knows."""
    hint = closest(str(location[-1]), shape.fields, likeness=MISSPELT)
    rule = "field-misspelt" if hint else "field-unknown"
    known = ", ".join(sorted(shape.fields))
    return look.say(rule, location, f"one of {known}", found="unknown", hint=hint, key=True)
