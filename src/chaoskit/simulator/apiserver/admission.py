"""What an API server adds to a new object, or refuses, because of the rest of the cluster."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from chaoskit.simulator.apiserver import apierrors, defaults
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.apiserver.store import Store
from chaoskit.simulator.objects import Object, dig, suffix

_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_PRIORITIES = {"": 0, "system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
"""By class: those that every cluster has, and none. Others are not served, so there are no more."""
_PREEMPTS = "PreemptLowerPriority"
"""What all of these classes do; a pod may say the same, and nothing else."""
_EVICTING_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class Admission:
    """Completes new objects from what the store holds."""

    def __init__(self, store: Store, source: random.Random) -> None:
        self._store = store
        self._random = source
        self._steps: Mapping[str, Callable[[Resource, Object], None]] = {
            "Namespace": self._namespace,
            "Pod": self._pod,
            "Service": self._service,
            "Job.batch": self._job,
        }

    def check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        """Refuses a namespace that is not there (404) or is being deleted (403)."""
        found = self._store.get("Namespace", "", namespace)
        if found is None:
            raise apierrors.not_found(_NAMESPACES, namespace)
        if dig(found.object, "status", "phase") == "Terminating":
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            message = f"namespace {namespace} is being terminated"
            cause = apierrors.Cause("metadata.namespace", "NamespaceTerminating", message)
            raise apierrors.forbidden(resource, name, why, [cause])

    @staticmethod
    def keep_allocated(resource: Resource, old: Object, new: Object) -> None:
        """`new` has the address that was given to `old`, when it asks for none itself."""
        if resource.key == "Service" and new["spec"]["type"] != "ExternalName":
            for field in ("clusterIP", "clusterIPs"):
                if not new["spec"].get(field) and field in old["spec"]:
                    new["spec"][field] = old["spec"][field]

    def complete(self, resource: Resource, obj: Object) -> None:
        """`obj`, about to be created, has what the cluster's state adds to it."""
        if resource.begins is not None:
            obj["status"] = dict(resource.begins)
        step = self._steps.get(resource.key)
        if step is not None:
            step(resource, obj)

    @staticmethod
    def _namespace(_: Resource, namespace: Object) -> None:
        namespace["spec"] = {"finalizers": ["kubernetes"]}
        namespace["status"] = {"phase": "Active"}

    def _pod(self, resource: Resource, pod: Object) -> None:
        spec = pod["spec"]
        spec.setdefault("serviceAccountName", "default")
        spec["serviceAccount"] = spec["serviceAccountName"]
        self._mount_token(resource, pod)
        self._give_priority(resource, pod)
        tolerations = spec.setdefault("tolerations", [])
        for taint in _EVICTING_TAINTS:
            if not any(_tolerates_eviction(t, taint) for t in tolerations):
                tolerations.append(
                    {
                        "key": taint,
                        "operator": "Exists",
                        "effect": "NoExecute",
                        "tolerationSeconds": 300,
                    }
                )
        pod["status"] = {"phase": "Pending", "qosClass": defaults.qos_class(spec)}

    @staticmethod
    def _give_priority(resource: Resource, pod: Object) -> None:
        spec, metadata = pod["spec"], pod["metadata"]
        name, why = spec.get("priorityClassName") or "", ""
        priority = _PRIORITIES.get(name)
        given = spec.setdefault("priority", priority)
        if priority is None:
            why = f"no PriorityClass with name {name} was found"
        elif given != priority:
            why = f"the integer value of priority ({given}) must not be provided in pod spec; priority "
            why += f"admission controller computed {priority} from the given PriorityClass name"
        elif (policy := spec.setdefault("preemptionPolicy", _PREEMPTS)) != _PREEMPTS:
            why = (
                f"the string value of PreemptionPolicy ({policy}) must not be provided in pod spec; priority "
            )
            why += f"admission controller computed {_PREEMPTS} from the given PriorityClass name"
        if why:
            raise apierrors.forbidden(resource, metadata.get("generateName") or metadata["name"], why)

    def _mount_token(self, resource: Resource, pod: Object) -> None:
        spec, metadata = pod["spec"], pod["metadata"]
        name, namespace = spec["serviceAccountName"], metadata["namespace"]
        account = self._store.get("ServiceAccount", namespace, name)
        if account is None and name != "default":
            why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
            raise apierrors.forbidden(resource, metadata.get("generateName") or metadata["name"], why)
        wanted = spec.get("automountServiceAccountToken")
        if wanted is None and account is not None:
            wanted = account.object.get("automountServiceAccountToken")
        if wanted is False:
            return
        volume = f"kube-api-access-{suffix(self._random)}"
        spec.setdefault("volumes", []).append(_token_volume(volume))
        for container in [*(spec.get("initContainers") or ()), *spec["containers"]]:
            mounts = container.setdefault("volumeMounts", [])
            if not any(mount.get("mountPath") == _TOKEN_PATH for mount in mounts):
                mounts.append({"name": volume, "readOnly": True, "mountPath": _TOKEN_PATH})

    def _service(self, _: Resource, service: Object) -> None:
        spec = service["spec"]
        if spec["type"] == "ExternalName" or spec.get("clusterIP"):
            if spec.get("clusterIP"):
                spec.setdefault("clusterIPs", [spec["clusterIP"]])
            return
        taken = {dig(v.object, "spec", "clusterIP") for v in self._store.list("Service")}
        address = self._address()
        while address in taken:
            address = self._address()
        spec["clusterIP"], spec["clusterIPs"] = address, [address]

    def _address(self) -> str:
        return f"10.96.{self._random.randrange(1, 255)}.{self._random.randrange(1, 255)}"

    @staticmethod
    def _job(_: Resource, job: Object) -> None:
        spec, metadata = job["spec"], job["metadata"]
        if spec.get("manualSelector") or spec.get("selector"):
            return
        uid, name = metadata["uid"], metadata["name"]
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
        labels = {
            "batch.kubernetes.io/controller-uid": uid,
            "batch.kubernetes.io/job-name": name,
            "controller-uid": uid,
            "job-name": name,
        }
        template = spec["template"].setdefault("metadata", {})
        template["labels"] = {**(template.get("labels") or {}), **labels}
        if not metadata.get("labels"):
            metadata["labels"] = dict(template["labels"])


_NAMESPACES = Resource("", "v1", "Namespace", "namespaces", namespaced=False)


def _tolerates_eviction(toleration: Object, taint: str) -> bool:
    key, effect = toleration.get("key"), toleration.get("effect")
    return key in {taint, None, ""} and effect in {"NoExecute", None, ""}


def _token_volume(name: str) -> Object:
    """The projected volume that gives a pod its token, the cluster's certificate and its namespace."""
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    certificate = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": certificate},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}
