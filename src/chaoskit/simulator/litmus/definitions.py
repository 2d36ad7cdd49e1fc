"""Litmus' three CustomResourceDefinitions: what the API server enforces of them, which is little."""

from __future__ import annotations

from typing import Any

from chaoskit.simulator.api import Object
from chaoskit.simulator.litmus.kinds import GROUP

Schema = dict[str, Any]

_FREE: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_TEXT: Schema = {"type": "string"}
_SOME_TEXT: Schema = {"type": "string", "minLength": 1}
_NUMBER: Schema = {"type": "integer"}
_FLAG: Schema = {"type": "boolean"}
_WORKLOAD_KIND = "^(^$|deployment|statefulset|daemonset|deploymentconfig|rollout)$"


def _one_of(words: str) -> Schema:
    return {"type": "string", "pattern": f"^({words})$"}


def _struct(required: str = "", **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    return schema | ({"required": required.split()} if required else {})


def _many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _free_struct(**properties: Schema) -> Schema:
    return _FREE | {"properties": properties}


def _required_one(*names: str) -> Schema:
    return {"oneOf": [{"required": [name]} for name in names]}


_VOLUMES = _many(_struct("mountPath name", mountPath=_TEXT, name=_TEXT))
_ENV = _many(_free_struct(name=_TEXT, value=_TEXT))

_SELECTORS = _struct(
    pods=_many(_struct("names namespace", names=_TEXT, namespace=_TEXT)),
    workloads=_many(
        _struct(
            "kind namespace",
            kind={"type": "string", "pattern": _WORKLOAD_KIND},
            namespace=_TEXT,
            labels=_TEXT,
            names=_TEXT,
            labelMatchMode=_TEXT,
        )
        | _required_one("names", "labels")
    ),
) | _required_one("pods", "workloads")

_COMPARATOR = _struct("type criteria value", type=_one_of("int|float|string"), criteria=_TEXT, value=_TEXT)

_KUBERNETES_PROBE = _struct(
    "version resource operation",
    group=_TEXT,
    version=_TEXT,
    resource=_TEXT,
    namespace=_TEXT,
    resourceNames=_TEXT,
    fieldSelector=_TEXT,
    labelSelector=_TEXT,
    operation=_one_of("present|absent|create|delete"),
)
_HTTP_PROBE = _struct(
    "url method",
    url=_SOME_TEXT,
    insecureSkipVerify=_FLAG,
    method=_struct(
        get=_struct("criteria responseCode", criteria=_SOME_TEXT, responseCode=_SOME_TEXT),
        post=_struct(
            "criteria responseCode",
            contentType=_TEXT,
            body=_TEXT,
            bodyPath=_TEXT,
            criteria=_SOME_TEXT,
            responseCode=_SOME_TEXT,
        ),
    ),
)
_COMMAND_PROBE = _struct(
    "command comparator",
    command=_SOME_TEXT,
    comparator=_COMPARATOR,
    source=_FREE | {"required": ["image"], "properties": {"image": _TEXT}},
)
_PROM_PROBE = _struct(
    "endpoint comparator",
    endpoint=_TEXT,
    query=_TEXT,
    queryPath=_TEXT,
    comparator=_struct("criteria value", type=_TEXT, criteria=_TEXT, value=_TEXT),
)
_RUN = _struct(
    "probeTimeout interval",
    probeTimeout=_TEXT,
    interval=_TEXT,
    retry=_NUMBER,
    attempt=_NUMBER,
    probePollingInterval=_TEXT,
    initialDelay=_TEXT,
    initialDelaySeconds=_NUMBER,
    evaluationTimeout=_TEXT,
    verbosity=_TEXT,
    stopOnFailure=_FLAG,
)
_PROBE: Schema = {
    "type": "object",
    "required": ["name", "type", "mode", "runProperties"],
    "properties": {
        "name": _TEXT,
        "type": _one_of("k8sProbe|httpProbe|cmdProbe|promProbe"),
        "mode": _one_of("SOT|EOT|Edge|Continuous|OnChaos"),
        "data": _TEXT,
        "k8sProbe/inputs": _KUBERNETES_PROBE,
        "httpProbe/inputs": _HTTP_PROBE,
        "cmdProbe/inputs": _COMMAND_PROBE,
        "promProbe/inputs": _PROM_PROBE,
        "runProperties": _RUN,
    },
}

_RUNNER = _free_struct(
    image=_TEXT,
    type=_one_of("go"),
    runnerAnnotations=_FREE,
    runnerLabels={"type": "object", "additionalProperties": _TEXT},
    configMaps=_VOLUMES,
    secrets=_VOLUMES,
    tolerations=_many(_FREE),
)
_COMPONENTS = _free_struct(
    statusCheckTimeouts=_struct(delay=_NUMBER, timeout=_NUMBER),
    nodeSelector={"type": "object", "additionalProperties": _TEXT},
    experimentImage=_TEXT,
    env=_ENV,
    configMaps=_VOLUMES,
    secrets=_VOLUMES,
    experimentAnnotations={"type": "object", "additionalProperties": _TEXT},
    tolerations=_many(_FREE),
)

ENGINE_SPEC = _free_struct(
    jobCleanUpPolicy=_one_of("delete|retain"),
    defaultHealthCheck=_FLAG,
    appinfo=_struct(appkind={"type": "string", "pattern": _WORKLOAD_KIND}, applabel=_TEXT, appns=_TEXT),
    selectors=_SELECTORS,
    auxiliaryAppInfo=_TEXT,
    engineState=_one_of("active|stop"),
    chaosServiceAccount=_TEXT,
    terminationGracePeriodSeconds=_NUMBER,
    components=_struct(sidecar=_many(_FREE), runner=_RUNNER),
    experiments=_many(_struct(name=_TEXT, spec=_struct(probe=_many(_PROBE), components=_COMPONENTS))),
)

EXPERIMENT_SPEC = _free_struct(
    definition=_free_struct(
        scope=_one_of("Namespaced|Cluster"),
        permissions=_many(
            _struct(
                "apiGroups resources verbs",
                apiGroups=_many(_TEXT),
                resources=_many(_TEXT),
                verbs=_many(_TEXT),
                resourceNames=_many(_TEXT),
                nonResourceURLs=_many(_TEXT),
            )
        ),
        image=_TEXT,
        imagePullPolicy=_TEXT,
        args=_many(_TEXT),
        command=_many(_TEXT),
        env=_ENV,
        labels={"type": "object", "additionalProperties": _TEXT},
        configMaps=_VOLUMES,
        secrets=_VOLUMES,
        hostFileVolumes=_many(_FREE),
        securityContext=_FREE,
        hostPID=_FLAG,
    )
)


def _definition(kind: str, spec: Schema, **more: Schema) -> Object:
    plural = f"{kind.lower()}s"
    top = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": {"type": "object"}}
    schema = {"type": "object", "properties": top | more | {"spec": spec, "status": _FREE}}
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {},
    }
    names = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


DEFINITIONS = (
    _definition("ChaosEngine", ENGINE_SPEC),
    _definition(
        "ChaosExperiment",
        EXPERIMENT_SPEC,
        description=_struct(message=_TEXT),
    ),
    _definition("ChaosResult", _FREE),
)
"""ChaosEngine, ChaosExperiment, ChaosResult: no status subresource, no defaults, no printer columns."""
