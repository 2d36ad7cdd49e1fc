"""Between chaoskit and Litmus: engines read and written, ChaosExperiments and the rights they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chaoskit import kube
from chaoskit.documents import seconds
from chaoskit.experiments import probes
from chaoskit.experiments.faults import CATALOGUE, OF_THE_NODES, Fault, Parameter, Rule
from chaoskit.experiments.spec import Experiment
from chaoskit.experiments.versions import named
from chaoskit.ports.cluster import Object, ObjectRef

API = "litmuschaos.io/v1alpha1"
IMAGE = "litmuschaos/go-runner:3.31.0"
RBAC = "rbac.authorization.k8s.io/v1"
CHECKS = 180.0
"""Seconds that Litmus waits for what is to be ready, where an engine names none (``statusCheckTimeouts``)."""
_YEAR = 365 * 86400.0

Env = dict[str, str]


def env_of(entries: Iterable[Mapping[str, Any]] | None) -> Env:
    """An EnvVar list as a mapping; entries without a value (valueFrom) left out."""
    return {each["name"]: str(each["value"]) for each in entries or () if each.get("value") is not None}


def experiments_of(engine: Object) -> tuple[Mapping[str, Any], ...]:
    """The entries of the engine's ``spec.experiments``."""
    return tuple(engine["spec"].get("experiments") or ())


def check_seconds(engine: Object) -> float:
    """Seconds that Litmus waits for a pod of the engine, or for its targets, to be ready; never below 180."""
    parts = ((each.get("spec") or {}).get("components") or {} for each in experiments_of(engine))
    own = ((each.get("statusCheckTimeouts") or {}).get("timeout") for each in parts)
    return max((CHECKS, *(float(each) for each in own if isinstance(each, int))))


def names_of(engine: Object) -> tuple[str, ...]:
    """The engine's faults, in order."""
    return tuple(each["name"] for each in experiments_of(engine))


def engine_env(experiment: Mapping[str, Any]) -> Env:
    """What the engine sets for one of its experiments."""
    components = (experiment.get("spec") or {}).get("components") or {}
    return env_of(components.get("env"))


def definition_of(chaos_experiment: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a ChaosExperiment says to run; nothing where it has no such part, which Kubernetes takes."""
    return (chaos_experiment.get("spec") or {}).get("definition") or {}


def image_of(experiment: Mapping[str, Any], chaos_experiment: Mapping[str, Any]) -> str:
    """What an engine's experiment runs: an image of its own, or that of the ChaosExperiment; "" for none."""
    components = (experiment.get("spec") or {}).get("components") or {}
    return str(components.get("experimentImage") or definition_of(chaos_experiment).get("image") or "")


def definition_env(chaos_experiment: Object | None) -> Env:
    """What the ChaosExperiment sets."""
    return env_of(definition_of(chaos_experiment or {}).get("env"))


def effective_env(experiment: Mapping[str, Any], chaos_experiment: Object | None) -> Env:
    """What the fault will see: the engine's ENV over the ChaosExperiment's; empty ones left out."""
    merged = {**definition_env(chaos_experiment), **engine_env(experiment)}
    return {name: value for name, value in merged.items() if value}


def whole(env: Env, name: str, default: int) -> int:
    """An ENV as Litmus reads it: what is no number is 0; `default` only when it is not set."""
    value = env.get(name, "")
    if not value:
        return default
    return int(value) if value.isascii() and value.isdigit() else 0


def probes_of(experiment: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The probes of one of the engine's experiments."""
    return tuple((experiment.get("spec") or {}).get("probe") or ())


def result_name(engine: str, experiment: str, env: Env) -> str:
    """The name that Litmus gives the ChaosResult."""
    instance = env.get("INSTANCE_ID", "")
    return f"{engine}-{experiment}" + (f"-{instance}" if instance else "")


def chosen(experiment: Experiment) -> Env:
    """Every tunable of a native experiment, explicit: defaults, then severity, then what was written.

    Where a node's runtime listens is none: the installed ChaosExperiment says it, unless it was written.
    """
    spec, fault = experiment.spec, CATALOGUE[experiment.spec.fault.kind]
    values: dict[str, Any] = {p.env: p.default for p in fault.parameters if p.env not in OF_THE_NODES}
    lasting = {} if spec.duration is None else {"duration": max(1, round(spec.duration))}
    for name, value in {**fault.preset(spec.severity), **lasting, **spec.fault.parameters}.items():
        parameter = fault.parameter(name)
        values[parameter.env if parameter else name] = Parameter.text(value)
    if spec.targets.percent is not None:
        values["PODS_AFFECTED_PERC"] = str(spec.targets.percent)
    if spec.litmus.image and fault.helper != "none":
        values["LIB_IMAGE"] = spec.litmus.image
    return {name: str(value) for name, value in values.items() if value != ""}


def chooses_again(kind: str, env: Env) -> bool:
    """Whether the fault deletes pods in more than one round, as Litmus counts: then none can be pinned.

    A round takes its interval at least, and another one begins while the duration is not over. Pods that
    were named for the first are gone in the second, and Litmus would end with TARGET_SELECTION_ERROR.
    """
    interval = env.get("CHAOS_INTERVAL", "").partition("-")[0]
    shortest = whole({"CHAOS_INTERVAL": interval}, "CHAOS_INTERVAL", 0)
    return CATALOGUE[kind].deletes and whole(env, "TOTAL_CHAOS_DURATION", 0) > shortest


def rendered(
    experiment: Experiment,
    run: str,
    *,
    account: str,
    workloads: Iterable[ObjectRef],
    pods: Iterable[str],
    percent: str = "",
    label: str = "",
) -> Object:
    """The ChaosEngine of a native experiment: its own name, every tunable explicit.

    Its `pods` are pinned; without any, Litmus takes `percent` of the workloads' pods in each round, or
    everything with the `label` where the fault knows labels only.
    """
    env = chosen(experiment)
    if CATALOGUE[experiment.spec.fault.kind].scope == "pod":
        env |= {"TARGET_PODS": ",".join(pods)} | ({"PODS_AFFECTED_PERC": percent} if percent else {})
    where = selected(experiment, tuple(workloads), label)
    name = engine_name(experiment.metadata.name, run)
    return kube.managed(engine(experiment, name, account=account, env=env, where=where), run)


def engine(
    experiment: Experiment,
    name: str,
    *,
    account: str,
    env: Env,
    where: Mapping[str, Any],
    asked: Sequence[Mapping[str, Any]] | None = None,
) -> Object:
    """A ChaosEngine that runs the experiment's fault with this ENV on what is selected by `where`.

    Its probes are those that the experiment asks for, or `asked`.
    """
    meta, options = experiment.metadata, experiment.spec.litmus
    home = {"nodeSelector": dict(options.node_selector)} if options.node_selector else {}
    return {
        "apiVersion": API,
        "kind": "ChaosEngine",
        "metadata": {
            "name": name,
            "namespace": meta.namespace,
            **({"labels": dict(meta.labels)} if meta.labels else {}),
        },
        "spec": {
            "engineState": "active",
            "chaosServiceAccount": account,
            "jobCleanUpPolicy": options.job_clean_up_policy,
            "terminationGracePeriodSeconds": round(options.termination_grace_period),
            "components": {"runner": {"runnerAnnotations": dict(_NO_SIDECAR), **home}},
            **where,
            "experiments": [entry(experiment, _on_nodes(experiment, env), asked)],
        },
    }


def entry(
    experiment: Experiment, env: Env, asked: Sequence[Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """A native experiment in the engine's list: its fault, tunables, and probes (None: those it asks for)."""
    home = {"nodeSelector": dict(selector)} if (selector := experiment.spec.litmus.node_selector) else {}
    spec: dict[str, Any] = {
        "components": {"experimentAnnotations": dict(_NO_SIDECAR), **home, "env": env_list(env)}
    }
    found = probes.of_experiment(experiment) if asked is None else list(asked)
    name = CATALOGUE[experiment.spec.fault.kind].litmus
    return {"name": name, "spec": spec | ({"probe": found} if found else {})}


_NO_SIDECAR = {"sidecar.istio.io/inject": "false"}
"""Annotation without which a mesh's sidecar keeps runner and experiment from their end."""


def _on_nodes(experiment: Experiment, env: Env) -> Env:
    """The ENV with the experiment's nodes, where it has any."""
    nodes = experiment.spec.targets.nodes
    if not nodes:
        return env
    single = CATALOGUE[experiment.spec.fault.kind].parameter("node") is not None
    return env | {"TARGET_NODE" if single else "TARGET_NODES": ",".join(nodes)}


def selected(experiment: Experiment, workloads: Sequence[ObjectRef], label: str) -> dict[str, Any]:
    """Where Litmus looks for pods, pinned or not: their owners by name; bare pods in the namespace."""
    namespace = experiment.metadata.namespace
    if CATALOGUE[experiment.spec.fault.kind].scope == "node":
        return {}
    if label:
        kind = workloads[0].kind.name.lower()
        return {"appinfo": {"appns": namespace, "applabel": label, "appkind": kind}}
    found = [
        {"kind": ref.kind.name.lower(), "namespace": namespace, "names": ref.name}
        for ref in workloads
        if ref.kind in kube.WORKLOADS
    ]
    return {"selectors": {"workloads": found}} if found else {"appinfo": {"appns": namespace}}


def env_list(env: Env) -> list[dict[str, str]]:
    """A mapping as an EnvVar list, by name."""
    return [{"name": name, "value": value} for name, value in sorted(env.items())]


def engine_name(name: str, run: str) -> str:
    """Unique for the run and at most 40 characters, since Litmus makes other names of it."""
    tail = run[-6:]
    return f"{name[: 39 - len(tail)].rstrip('-')}-{tail}"


def unchanged(engine: Object, run: str) -> Object:
    """Somebody's own engine as it is, with the labels that tell whose run it is; without its status."""
    kept = ("name", "namespace", "labels", "annotations")
    meta = {key: value for key, value in engine["metadata"].items() if key in kept}
    body = {"apiVersion": API, "kind": "ChaosEngine", "metadata": meta, "spec": engine["spec"]}
    return kube.managed(body, run)


def account_name(fault: Fault) -> str:
    """The service account that chaoskit makes for a fault, and its role."""
    return f"chaoskit-{fault.litmus}"


def manifests(
    kind: str, namespace: str, *, image: str = IMAGE, using: Iterable[str] = ()
) -> tuple[Object, ...]:
    """What a namespace needs for a fault: ChaosExperiment, service account and its minimal rights.

    A role in the namespace comes third and its binding fourth; where rights on the whole cluster are needed,
    by the fault or by the parameters in `using`, a cluster role and its binding follow.
    """
    fault = CATALOGUE[kind]
    name = account_name(fault)
    used = (parameter for each in using if (parameter := fault.parameter(each)) is not None)
    wide = (*fault.cluster_rules, *(rule for parameter in used for rule in parameter.needs))
    return (
        chaos_experiment(CATALOGUE[fault.litmus], namespace, image=image),
        _meta("v1", "ServiceAccount", name, namespace),
        *_rights("", name, namespace, fault.rules),
        *(_rights("Cluster", f"{name}-{namespace}", namespace, wide, account=name) if wide else ()),
    )


def _rights(
    scope: str, name: str, namespace: str, wanted: Iterable[Rule], *, account: str = ""
) -> tuple[Object, Object]:
    """A role (``Cluster``: on the whole cluster) and its binding to the namespace's account."""
    home = "" if scope else namespace
    role = _meta(RBAC, f"{scope}Role", name, home) | {"rules": rules(wanted)}
    binding = _meta(RBAC, f"{scope}RoleBinding", name, home)
    to = {"apiGroup": "rbac.authorization.k8s.io", "kind": f"{scope}Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": account or name, "namespace": namespace}
    return role, {**binding, "roleRef": to, "subjects": [subject]}


def chaos_experiment(fault: Fault, namespace: str, *, image: str = IMAGE) -> Object:
    """The ChaosExperiment of a fault, every tunable at its default."""
    labels = {
        "name": fault.litmus,
        "app.kubernetes.io/part-of": "litmus",
        "app.kubernetes.io/component": "experiment-job",
    }
    if version := named(image)[1]:
        labels["app.kubernetes.io/version"] = version
    if "socket" in fault.helper:
        labels["app.kubernetes.io/runtime-api-usage"] = "true"
    env = {p.env: p.default for p in fault.parameters} | {"DEFAULT_HEALTH_CHECK": "false"}
    if fault.scope == "pod":
        env |= {"TARGET_PODS": "", "PODS_AFFECTED_PERC": ""}
    if fault.helper != "none":
        env |= {"LIB_IMAGE": fault.helper_image or image}
    started = "node-restart" if fault.litmus == "node-poweroff" else fault.litmus
    body = _meta(API, "ChaosExperiment", fault.litmus, namespace)
    body["metadata"]["labels"] |= {**labels, "app.kubernetes.io/component": "chaosexperiment"}
    definition = {
        "scope": "Cluster" if fault.cluster_rules else "Namespaced",
        "permissions": rules((*fault.rules, *fault.cluster_rules)),
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/bash"],
        "args": ["-c", f"./experiments -name {started}"],
        "env": env_list(env),
        "labels": labels,
    }
    if fault.secrets:
        definition["secrets"] = [{"name": name, "mountPath": path} for name, path in fault.secrets]
    return {**body, "spec": {"definition": definition}}


def rules(catalogue: Iterable[Rule]) -> list[dict[str, Any]]:
    """The catalogue's rules as RBAC writes them."""
    return [each.document() for each in catalogue]


def _meta(api: str, kind: str, name: str, namespace: str) -> Object:
    where = {"namespace": namespace} if namespace else {}
    labels = {kube.MANAGED_BY: "chaoskit"}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **where, "labels": labels}}


def probe_seconds(probe: Mapping[str, Any]) -> float:
    """The longest that a probe takes once: each attempt with its timeout and pause; a year at most."""
    properties = probe.get("runProperties") or {}
    tries = max(int(properties.get("attempt") or 0), int(properties.get("retry") or 0), 1)
    once = _time(properties.get("probeTimeout")) + _time(properties.get("interval"))
    return min(tries * once, _YEAR)


def _time(value: object) -> float:
    if isinstance(value, int | float):
        return max(0.0, float(value))
    try:
        return max(0.0, seconds(value))
    except ValueError:
        return 0.0
