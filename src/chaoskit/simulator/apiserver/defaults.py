"""The defaults that an API server writes into objects of built-in kinds."""

from __future__ import annotations

import base64
from typing import Any

from chaoskit.simulator.objects import Object, dig


def qos_class(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort, from requests and limits of cpu and memory."""
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    given = [c.get("resources") or {} for c in containers]
    if not any(_computes(r.get("requests")) or _computes(r.get("limits")) for r in given):
        return "BestEffort"
    for resources in given:
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        if any(limits.get(k) is None or requests.get(k) != limits[k] for k in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"


def _computes(quantities: Object | None) -> bool:
    return any(key in {"cpu", "memory"} for key in quantities or {})


def _set(target: Object, **values: Any) -> None:
    for key, value in values.items():
        if target.get(key) is None:
            target[key] = value


def pod(pod: Object) -> None:
    """A pod's spec, containers, probes and volumes say what they leave open."""
    spec = pod.setdefault("spec", {})
    _pod_spec(spec)
    _set(spec, enableServiceLinks=True)


def _pod_spec(spec: Object) -> None:
    _set(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        _container(container)
    for volume in spec.get("volumes") or ():
        _volume(volume)


def _container(container: Object) -> None:
    image = container.get("image") or ""
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    always = image and "@" not in image and tag in {"", "latest"}
    _set(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if always else "IfNotPresent",
    )
    limits = container["resources"].get("limits") or {}
    if limits:
        container["resources"]["requests"] = limits | (container["resources"].get("requests") or {})
    for port in container.get("ports") or ():
        _set(port, protocol="TCP")
    for variable in container.get("env") or ():
        reference = dig(variable, "valueFrom", "fieldRef")
        if reference is not None:
            _set(reference, apiVersion="v1")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe) is not None:
            _probe(container[probe])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict) and hook.get("httpGet") is not None:
            _set(hook["httpGet"], path="/", scheme="HTTP")


def _probe(probe: Object) -> None:
    _set(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if probe.get("httpGet") is not None:
        _set(probe["httpGet"], path="/", scheme="HTTP")


def _volume(volume: Object) -> None:
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if volume.get(source) is not None:
            _set(volume[source], defaultMode=420)
    if volume.get("hostPath") is not None:
        _set(volume["hostPath"], type="")


def _template(workload: Object) -> None:
    template = workload.setdefault("spec", {}).setdefault("template", {})
    (template.get("metadata") or {}).pop("creationTimestamp", None)
    template.setdefault("metadata", {})
    _pod_spec(template.setdefault("spec", {}))


def deployment(deployment: Object) -> None:
    """One pod, rolling updates by quarters, ten revisions, ten minutes to progress."""
    _template(deployment)
    spec = deployment["spec"]
    _set(spec, replicas=1, strategy={}, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    _set(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        _set(spec["strategy"], rollingUpdate={})
        _set(spec["strategy"]["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")


def replica_set(replica_set: Object) -> None:
    """One pod, with the labels of its template."""
    _template(replica_set)
    _set(replica_set["spec"], replicas=1)


def stateful_set(stateful_set: Object) -> None:
    """Pods in order, replaced one after the other."""
    _template(stateful_set)
    spec = stateful_set["spec"]
    _set(spec, replicas=1, podManagementPolicy="OrderedReady", updateStrategy={}, revisionHistoryLimit=10)
    _set(spec, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"})
    strategy = spec["updateStrategy"]
    if strategy.get("type") is None:  # who names the type alone has no partition, which is not the same as 0
        _set(strategy, type="RollingUpdate", rollingUpdate={})
    if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        _set(strategy["rollingUpdate"], partition=0)


def daemon_set(daemon_set: Object) -> None:
    """Nodes are replaced one by one."""
    _template(daemon_set)
    spec = daemon_set["spec"]
    _set(spec, updateStrategy={}, revisionHistoryLimit=10)
    _set(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        _set(spec["updateStrategy"], rollingUpdate={"maxUnavailable": 1, "maxSurge": 0})


def job(job: Object) -> None:
    """One completion, one pod at once, six failures."""
    _template(job)
    spec = job["spec"]
    if spec.get("completions") is None and spec.get("parallelism") is None:
        _set(spec, completions=1)
    _set(
        spec,
        parallelism=1,
        backoffLimit=6,
        completionMode="NonIndexed",
        suspend=False,
        manualSelector=False,
        podReplacementPolicy="Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed",
    )


def service(service: Object) -> None:
    """Inside the cluster, over TCP, to the ports of the same numbers."""
    spec = service.setdefault("spec", {})
    _set(spec, type="ClusterIP", sessionAffinity="None")
    for port in spec.get("ports") or ():
        _set(port, protocol="TCP")
        _set(port, targetPort=port.get("port"))
    if spec["type"] != "ExternalName":
        _set(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack", internalTrafficPolicy="Cluster")
    service.setdefault("status", {}).setdefault("loadBalancer", {})


def namespace(namespace: Object) -> None:
    """It carries its name as a label."""
    metadata = namespace["metadata"]
    if metadata.get("name"):
        metadata["labels"] = {
            **(metadata.get("labels") or {}),
            "kubernetes.io/metadata.name": metadata["name"],
        }


def secret(secret: Object) -> None:
    """Its plain texts are encoded, and it has a type."""
    plain = secret.pop("stringData", None) or {}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
    if encoded:
        secret["data"] = {**(secret.get("data") or {}), **encoded}
    _set(secret, type="Opaque")


def event(event: Object) -> None:
    """The fields of the newer form are there."""
    event.setdefault("eventTime", None)
    _set(event, reportingComponent="", reportingInstance="")
    event.setdefault("source", {})


def network_policy(policy: Object) -> None:
    """Its types follow from its rules, its ports are TCP."""
    spec = policy.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for rule in [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]:
        for port in rule.get("ports") or ():
            _set(port, protocol="TCP")


def claim(claim: Object) -> None:
    """A file system of the default storage class."""
    _set(claim.setdefault("spec", {}), storageClassName="standard", volumeMode="Filesystem")


def binding(binding: Object) -> None:
    """Users and groups are of the RBAC group, accounts of the core one."""
    group = "rbac.authorization.k8s.io"
    for subject in binding.get("subjects") or ():
        if subject.get("kind") in {"User", "Group"}:
            _set(subject, apiGroup=group)
    _set(binding.setdefault("roleRef", {}), apiGroup=group)


def node(node: Object) -> None:
    """It is schedulable without saying so."""
    if dig(node, "spec", "unschedulable") is False:
        del node["spec"]["unschedulable"]
    node.setdefault("spec", {})


def definition(definition: Object) -> None:
    """Its names, list kind and versions are filled in."""
    spec = definition.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = names.get("kind") or ""
    _set(names, singular=kind.lower(), listKind=f"{kind}List")
    _set(spec, conversion={"strategy": "None"})


def budget(budget: Object) -> None:
    """Its status counts nothing yet."""
    budget.setdefault("spec", {})
    counts = dict.fromkeys(("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"), 0)
    budget["status"] = {**counts, **(budget.get("status") or {})}


def autoscaler(autoscaler: Object) -> None:
    """One pod at least, and as many as keep CPU at 80 % of what was asked for."""
    target = {"type": "Utilization", "averageUtilization": 80}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    _set(autoscaler.setdefault("spec", {}), minReplicas=1, metrics=[cpu])
