"""The rules that objects of built-in kinds must keep, on create and on update."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from chaoskit.simulator import selectors
from chaoskit.simulator.apiserver import podspecs, strategies
from chaoskit.simulator.apiserver.apierrors import (
    Cause,
    forbidden_field,
    required,
    unsupported,
    wrong,
)  # fmt: skip
from chaoskit.simulator.apiserver.defaults import qos_class
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.apiserver.strategies import printed
from chaoskit.simulator.objects import Object, clone, dig, without

_SUBDOMAIN = rf"{podspecs.LABEL}(\.{podspecs.LABEL})*"
_QUALIFIED = re.compile(r"([A-Za-z0-9.-]+/)?([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_BAD_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    rf"'{podspecs.LABEL}(\.{podspecs.LABEL})*')"
)
_BAD_LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
    "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_LABEL_NAMED = frozenset({"Namespace", "Service"})
_FREE_NAMED = ".rbac.authorization.k8s.io"
_IMMUTABLE_POD = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
    "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
    "previously negative)"
)


def check(resource: Resource, obj: Object) -> list[Cause]:
    """What is wrong with an object as it would be stored; empty when it may be."""
    causes = list(_metadata(resource, obj["metadata"]))
    checker = _CHECKERS.get(resource.key)
    if checker is not None:
        causes.extend(checker(obj))
    return causes


def check_update(resource: Resource, old: Object, new: Object, subresource: str = "") -> list[Cause]:
    """What may not be changed as `new` would, through the subresource if any; empty when it may be."""
    causes = list(_finalizers(old["metadata"], new["metadata"]))
    if subresource == "resize":
        causes.extend(_pod_resize(old["spec"], new["spec"]))
    elif resource.key == "Pod":
        causes.extend(_pod_update(old["spec"], new["spec"]))
    elif resource.key == "Job.batch":
        causes.extend(_completions_update(old["spec"], new["spec"]))
    for field in _IMMUTABLE.get(resource.key, ()):
        before, after = dig(old, *field.split(".")), dig(new, *field.split("."))
        if before != after and before is not None:
            causes.append(wrong(field, printed(after), "field is immutable"))
    return causes


def _completions_update(old: Object, new: Object) -> Iterator[Cause]:
    """An Indexed job may grow and shrink, with as many pods at once as it has indexes; others may not."""
    wanted = new.get("completions")
    if wanted == old.get("completions"):
        return
    if new.get("completionMode") != "Indexed":
        yield wrong("spec.completions", printed(wanted), "field is immutable")
    elif wanted != new.get("parallelism"):
        detail = "can only be modified in tandem with spec.parallelism"
        yield wrong("spec.completions", printed(wanted), detail)


_IMMUTABLE = {
    "Deployment.apps": ("spec.selector",),
    "ReplicaSet.apps": ("spec.selector",),
    "DaemonSet.apps": ("spec.selector",),
    "StatefulSet.apps": ("spec.selector", "spec.serviceName", "spec.podManagementPolicy"),
    "Job.batch": ("spec.selector", "spec.template", "spec.completionMode"),
    "Secret": ("type",),
    "Service": ("spec.clusterIP",),
    "RoleBinding.rbac.authorization.k8s.io": ("roleRef",),
    "ClusterRoleBinding.rbac.authorization.k8s.io": ("roleRef",),
}


def _metadata(resource: Resource, metadata: Object) -> Iterator[Cause]:
    name = metadata["name"]
    if resource.key in _LABEL_NAMED:
        good, rule = re.fullmatch(podspecs.LABEL, name), podspecs.BAD_LABEL
    elif resource.key.endswith(_FREE_NAMED) or resource.key == "Event":
        good, rule = re.fullmatch(r"[^/%]+", name), "may not contain '/' or '%'"
    else:
        good, rule = re.fullmatch(_SUBDOMAIN, name), _BAD_SUBDOMAIN
    if not good:
        yield wrong("metadata.name", f'"{name}"', rule)
    elif len(name) > 253:
        yield wrong("metadata.name", f'"{name}"', "must be no more than 253 characters")
    yield from _labels("metadata.labels", metadata.get("labels") or {})


def _labels(path: str, labels: Object) -> Iterator[Cause]:
    for key, value in labels.items():
        if not _QUALIFIED.fullmatch(key):
            yield wrong(
                path, f'"{key}"', "name part must consist of alphanumeric characters, '-', '_' or '.'"
            )
        if not _LABEL_VALUE.fullmatch(value):
            yield wrong(path, f'"{value}"', _BAD_LABEL_VALUE)
        elif len(value) > 63:
            yield wrong(path, f'"{value}"', "must be no more than 63 characters")


def _finalizers(old: Object, new: Object) -> Iterator[Cause]:
    before, after = old.get("finalizers") or [], new.get("finalizers") or []
    added = [finalizer for finalizer in after if finalizer not in before]
    if old.get("deletionTimestamp") and added:
        listed = ", ".join(f'"{finalizer}"' for finalizer in added)
        detail = (
            "no new finalizers can be added if the object is being deleted, "
            f"found new finalizers []string{{{listed}}}"
        )
        yield forbidden_field("metadata.finalizers", detail)


def _pod(pod: Object) -> Iterator[Cause]:
    yield from podspecs.check(pod["spec"], "spec")


def _pod_update(old: Object, new: Object) -> Iterator[Cause]:
    if _frozen(old) != _frozen(new):
        yield forbidden_field("spec", _IMMUTABLE_POD)
        return
    kept = [item for item in old.get("tolerations") or [] if item in (new.get("tolerations") or [])]
    if len(kept) < len(old.get("tolerations") or []):
        yield forbidden_field(
            "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"
        )


def _frozen(spec: Object) -> Object:
    """The parts of a pod's spec that nobody may change."""
    frozen: Object = clone(
        without(spec, "activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
    )
    for container in [*(frozen.get("containers") or ()), *(frozen.get("initContainers") or ())]:
        container.pop("image", None)
    return frozen


def _pod_resize(old: Object, new: Object) -> Iterator[Cause]:
    """No recording shows these refusals: they are as the server's documentation tells them."""
    if _unsized(old) != _unsized(new):
        yield forbidden_field("spec", "only cpu and memory resources are mutable")
        return
    for index, (before, after) in enumerate(zip(old["containers"], new["containers"], strict=True)):
        for what in ("limits", "requests"):
            gone = set(dig(before, "resources", what) or ()) - set(dig(after, "resources", what) or ())
            if gone:
                yield forbidden_field(
                    f"spec.containers[{index}].resources.{what}", f"resource {what} cannot be removed"
                )
    if qos_class(old) != qos_class(new):
        yield wrong("spec", f'"{qos_class(new)}"', "Pod QOS Class may not change as a result of resizing")


def _unsized(spec: Object) -> Object:
    """The pod's spec without what its containers need."""
    sized: Object = clone(spec)
    for container in sized["containers"]:
        container["resources"] = without(container.get("resources") or {}, "limits", "requests")
    return sized


def _workload(obj: Object) -> Iterator[Cause]:
    spec = obj["spec"]
    yield from _not_negative(spec, "replicas", "spec.replicas")
    selector, labels = spec.get("selector"), dig(spec, "template", "metadata", "labels") or {}
    if not selector:
        yield required("spec.selector")
    if selector == {}:
        yield wrong("spec.selector", "{}", "empty selector is invalid for deployment")
    yield from _labels("spec.template.labels", labels)
    yield from podspecs.check(spec["template"]["spec"], "spec.template.spec")
    bad = list(_selector(selector))
    yield from bad
    if selector and not bad and not selectors.of(selector)(labels):
        detail = "`selector` does not match template `labels`"
        yield wrong("spec.template.metadata.labels", printed(labels), detail)
    policy = spec["template"]["spec"].get("restartPolicy")
    if policy in {"OnFailure", "Never"}:
        yield unsupported("spec.template.spec.restartPolicy", policy, ("Always",))


def _replacing(rules: Callable[[Object], Iterator[Cause]]) -> Callable[[Object], Iterator[Cause]]:
    def check(obj: Object) -> Iterator[Cause]:
        yield from _workload(obj)
        yield from rules(obj["spec"])

    return check


def _selector(selector: Object | None, path: str = "spec.selector") -> Iterator[Cause]:
    try:
        selectors.of(selector)
    except (selectors.Malformed, KeyError) as error:
        yield wrong(path, printed(selector), str(error))


def _job(job: Object) -> Iterator[Cause]:
    spec = job["spec"]
    for field in ("backoffLimit", "completions", "parallelism", "ttlSecondsAfterFinished"):
        yield from _not_negative(spec, field, f"spec.{field}")
    mode = spec.get("completionMode")
    if mode not in {"Indexed", "NonIndexed"}:
        yield unsupported("spec.completionMode", str(mode), ("Indexed", "NonIndexed"))
    elif mode == "Indexed" and spec.get("completions") is None:
        yield required("spec.completions", "when completion mode is Indexed")
    template = spec["template"]["spec"]
    if template.get("restartPolicy") == "Always":
        field = "spec.template.spec.restartPolicy"
        yield Cause(field, "FieldValueRequired", 'Required value: valid values: "OnFailure", "Never"')
    yield from podspecs.check(template, "spec.template.spec")


def _not_negative(spec: Object, key: str, path: str) -> Iterator[Cause]:
    value = spec.get(key)
    if isinstance(value, int) and value < 0:
        yield wrong(path, str(value), "must be greater than or equal to 0")


def _network_policy(policy: Object) -> Iterator[Cause]:
    yield from _selector(policy["spec"].get("podSelector"), "spec.podSelector")
    for index, kind in enumerate(policy["spec"]["policyTypes"]):
        if kind not in {"Ingress", "Egress"}:
            yield unsupported(f"spec.policyTypes[{index}]", kind, ("Ingress", "Egress"))


def _budget(budget: Object) -> Iterator[Cause]:
    spec = budget["spec"]
    yield from _selector(spec.get("selector"))
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        shown = printed(spec)
        yield wrong("spec", shown, "minAvailable and maxUnavailable cannot be both set")


def _service(service: Object) -> Iterator[Cause]:
    spec = service["spec"]
    if not spec.get("ports") and spec.get("clusterIP") != "None" and spec["type"] != "ExternalName":
        yield required("spec.ports")
    for index, port in enumerate(spec.get("ports") or ()):
        if not isinstance(port.get("port"), int) or not 0 < port["port"] < 65536:
            shown, field = printed(port.get("port", 0)), f"spec.ports[{index}].port"
            yield wrong(field, shown, "must be between 1 and 65535, inclusive")
        if len(spec["ports"]) > 1 and not port.get("name"):
            yield required(f"spec.ports[{index}].name")


def _config_map(config_map: Object) -> Iterator[Cause]:
    for key in [*(config_map.get("data") or {}), *(config_map.get("binaryData") or {})]:
        if not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
            detail = (
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
                "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', "
                "regex used for validation is '[-._a-zA-Z0-9]+')"
            )
            yield wrong(f"data[{key}]", f'"{key}"', detail)


def _event(event: Object) -> Iterator[Cause]:
    involved, own = dig(event, "involvedObject", "namespace"), event["metadata"].get("namespace")
    if (involved or "default") != own:
        yield wrong("involvedObject.namespace", f'"{involved or ""}"', "does not match event.namespace")


def _role_binding(binding: Object) -> Iterator[Cause]:
    reference = binding["roleRef"]
    if not reference.get("name"):
        yield required("roleRef.name")
    if reference.get("kind") not in {"Role", "ClusterRole"}:
        kinds = ("Role", "ClusterRole")
        yield unsupported("roleRef.kind", str(reference.get("kind") or ""), kinds)


def _definition(definition: Object) -> Iterator[Cause]:
    spec, name = definition["spec"], definition["metadata"]["name"]
    expected = f"{dig(spec, 'names', 'plural')}.{spec.get('group')}"
    if name != expected:
        detail = 'must be spec.names.plural+"."+spec.group'
        yield wrong("metadata.name", f'"{name}"', detail)
    for index, version in enumerate(spec.get("versions") or ()):
        if not dig(version, "schema", "openAPIV3Schema"):
            yield required(f"spec.versions[{index}].schema.openAPIV3Schema", "schemas are required")
    if not spec.get("versions"):
        yield required("spec.versions")


_CHECKERS: dict[str, Callable[[Object], Iterator[Cause] | Sequence[Cause]]] = {
    "Pod": _pod,
    "ConfigMap": _config_map,
    "Event": _event,
    "Service": _service,
    "Deployment.apps": _replacing(strategies.deployment),
    "ReplicaSet.apps": _workload,
    "StatefulSet.apps": _replacing(strategies.stateful_set),
    "DaemonSet.apps": _replacing(strategies.daemon_set),
    "Job.batch": _job,
    "NetworkPolicy.networking.k8s.io": _network_policy,
    "PodDisruptionBudget.policy": _budget,
    "RoleBinding.rbac.authorization.k8s.io": _role_binding,
    "ClusterRoleBinding.rbac.authorization.k8s.io": _role_binding,
    "CustomResourceDefinition.apiextensions.k8s.io": _definition,
}
