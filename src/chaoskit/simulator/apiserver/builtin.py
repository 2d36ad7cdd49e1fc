"""The table of built-in kinds: to add one, add a row, and its fields to ``builtin-types.json``.

All that is special about a kind stands in its row. Where that is a function, it lives in `defaults` (what is
filled in), `rules` (what is refused) or `columns` (what kubectl shows); what acts on objects is a controller.
"""

from __future__ import annotations

from collections.abc import Mapping

from chaoskit.simulator.apiserver import columns, defaults, networkpolicies, roles, rules, strategies
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.apiserver.unsimulated import other_than
from chaoskit.simulator.objects import Object, dig

_NO_COLLECTION_DELETE = ("create", "delete", "get", "list", "patch", "update", "watch")
_STATUS = ("status",)
_SCALED = ("scale", "status")
_TEMPLATE = ("spec", "template", "spec")
_ALL = ("all",)
_RBAC = "rbac.authorization.k8s.io"
_POD_FIELDS = (
    "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
    "spec.hostNetwork", "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
)  # fmt: skip
_EVENT_FIELDS = (
    "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
    "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
    "reason", "reportingComponent", "source", "type",
)  # fmt: skip
_POD_SUBRESOURCES = ("binding", "eviction", "exec", "log", "resize", "status")
_NOWHERE: Object = dict.fromkeys(
    ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"), 0
)
_RETAINED = other_than("Retain")
_STORED_ELSEWHERE = other_than("standard")
"""Of a storage class that is not the default one, or of none, which waits for a volume made by hand."""


def _pod_security(labels: Mapping[str, str] | None) -> bool:
    """True where pods would be denied by their level of Pod Security."""
    return (labels or {}).get("pod-security.kubernetes.io/enforce", "privileged") != "privileged"


def _of_others(metrics: list[Object] | None) -> bool:
    """True for metrics of other things than CPU and memory of the target's pods."""
    return any(metric.get("type") != "Resource" for metric in metrics or ())


def _claim_elsewhere(templates: list[Object] | None) -> bool:
    return any(_STORED_ELSEWHERE(dig(each, "spec", "storageClassName")) for each in templates or ())


BUILT_IN = (
    Resource(
        "", "v1", "ConfigMap", "configmaps", short_names=("cm",), rules=rules.config_map,
        table=columns.CONFIG_MAP,
    ),
    Resource(
        "", "v1", "Endpoints", "endpoints", short_names=("ep",), singular="endpoints", people="read",
        table=columns.ENDPOINTS,
    ),
    Resource(
        "", "v1", "Event", "events", short_names=("ev",), fields=_EVENT_FIELDS, names="path",
        defaults=defaults.event, rules=rules.event, table=columns.EVENT,
    ),
    Resource(
        "", "v1", "Namespace", "namespaces", namespaced=False, short_names=("ns",),
        subresources=("finalize", "status"), fields=("status.phase",), verbs=_NO_COLLECTION_DELETE,
        names="label", defaults=defaults.namespace, table=columns.NAMESPACE,
        unsimulated={"metadata.labels": _pod_security},
    ),
    Resource(
        "", "v1", "Node", "nodes", namespaced=False, short_names=("no",), subresources=_STATUS,
        fields=("spec.unschedulable",), defaults=defaults.node, table=columns.NODE,
    ),
    Resource(
        "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", short_names=("pvc",),
        subresources=_STATUS, returns_deleted=True, defaults=defaults.claim, begins={"phase": "Pending"},
        table=columns.CLAIM, unsimulated={"spec.storageClassName": _STORED_ELSEWHERE},
    ),
    Resource(
        "", "v1", "Pod", "pods", short_names=("po",), categories=_ALL, fields=_POD_FIELDS,
        subresources=_POD_SUBRESOURCES, counts_generation=True, returns_deleted=True, template=("spec",),
        defaults=defaults.pod, rules=rules.pod, changes=rules.pod_update, table=columns.POD,
    ),
    Resource(
        "", "v1", "Secret", "secrets", fields=("type",), people="nothing", defaults=defaults.secret,
        fixed=("type",), table=columns.SECRET,
    ),
    Resource(
        "", "v1", "Service", "services", short_names=("svc",), categories=_ALL,
        subresources=_STATUS, fields=("spec.clusterIP", "spec.type"), returns_deleted=True, names="label",
        defaults=defaults.service, rules=rules.service, fixed=("spec.clusterIP",), table=columns.SERVICE,
        unsimulated={
            "spec.internalTrafficPolicy": other_than("Cluster"),
            "spec.sessionAffinity": other_than("None"),
        },
    ),
    Resource(
        "", "v1", "ServiceAccount", "serviceaccounts", short_names=("sa",), subresources=("token",),
        returns_deleted=True, table=columns.SERVICE_ACCOUNT,
    ),
    Resource(
        "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions",
        namespaced=False, short_names=("crd", "crds"), categories=("api-extensions",),
        subresources=_STATUS, counts_generation=True, defaults=defaults.definition, rules=rules.definition,
        table=columns.CREATED,
    ),
    Resource("apps", "v1", "ControllerRevision", "controllerrevisions", people="read"),
    Resource(
        "apps", "v1", "DaemonSet", "daemonsets", short_names=("ds",), categories=_ALL,
        subresources=_STATUS, counts_generation=True, template=_TEMPLATE, begins=_NOWHERE,
        defaults=defaults.daemon_set, rules=rules.replacing(strategies.daemon_set), fixed=("spec.selector",),
        table=columns.DAEMON_SET,
    ),
    Resource(
        "apps", "v1", "Deployment", "deployments", short_names=("deploy",), categories=_ALL,
        subresources=_SCALED, counts_generation=True, template=_TEMPLATE, begins={},
        defaults=defaults.deployment, rules=rules.replacing(strategies.deployment), fixed=("spec.selector",),
        table=columns.DEPLOYMENT,
    ),
    Resource(
        "apps", "v1", "ReplicaSet", "replicasets", short_names=("rs",), categories=_ALL,
        subresources=_SCALED, fields=("status.replicas",), counts_generation=True, template=_TEMPLATE,
        begins={"replicas": 0}, defaults=defaults.replica_set, rules=rules.workload, fixed=("spec.selector",),
        table=columns.REPLICA_SET,
    ),
    Resource(
        "apps", "v1", "StatefulSet", "statefulsets", short_names=("sts",), categories=_ALL,
        subresources=_SCALED, counts_generation=True, template=_TEMPLATE,
        begins={"replicas": 0, "availableReplicas": 0}, defaults=defaults.stateful_set,
        rules=rules.replacing(strategies.stateful_set),
        fixed=("spec.selector", "spec.serviceName", "spec.podManagementPolicy"), table=columns.STATEFUL_SET,
        unsimulated={
            "spec.ordinals.start": other_than(0),
            "spec.persistentVolumeClaimRetentionPolicy.whenDeleted": _RETAINED,
            "spec.persistentVolumeClaimRetentionPolicy.whenScaled": _RETAINED,
            "spec.volumeClaimTemplates": _claim_elsewhere,
        },
    ),
    Resource(
        "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers",
        short_names=("hpa",), categories=_ALL, subresources=_STATUS, defaults=defaults.autoscaler,
        rules=rules.autoscaler, begins={"desiredReplicas": 0}, table=columns.AUTOSCALER,
        unsimulated={"spec.metrics": _of_others},
    ),
    Resource(
        "batch", "v1", "Job", "jobs", categories=_ALL, subresources=_STATUS,
        fields=("status.successful",), counts_generation=True, template=_TEMPLATE, begins={},
        defaults=defaults.job, rules=rules.job, changes=rules.job_update,
        fixed=("spec.selector", "spec.template", "spec.completionMode"), table=columns.JOB,
        unsimulated={
            "spec.podReplacementPolicy": other_than("TerminatingOrFailed"),
        },
    ),
    Resource("coordination.k8s.io", "v1", "Lease", "leases", people="nothing", table=columns.LEASE),
    Resource(
        "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", people="read",
        table=columns.ENDPOINT_SLICE,
    ),
    Resource(
        "networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", short_names=("netpol",),
        counts_generation=True, singular="networkpolicy", defaults=defaults.network_policy,
        rules=networkpolicies.check, table=columns.NETWORK_POLICY,
    ),
    Resource(
        "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", short_names=("pdb",),
        subresources=_STATUS, counts_generation=True, defaults=defaults.budget, rules=rules.budget,
        table=columns.BUDGET,
        unsimulated={"spec.unhealthyPodEvictionPolicy": other_than("IfHealthyBudget")},
    ),
    Resource(
        _RBAC, "v1", "ClusterRole", "clusterroles", namespaced=False, names="path", rules=roles.cluster_role,
        table=columns.CREATED,
    ),
    Resource(
        _RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False, names="path",
        defaults=defaults.binding, rules=roles.binding, fixed=("roleRef",), table=columns.BINDING,
    ),
    Resource(
        _RBAC, "v1", "Role", "roles", names="path", people="nothing", rules=roles.role, table=columns.CREATED,
    ),
    Resource(
        _RBAC, "v1", "RoleBinding", "rolebindings", names="path", people="nothing",
        defaults=defaults.binding, rules=roles.binding, fixed=("roleRef",), table=columns.BINDING,
    ),
)  # fmt: skip
