"""What a spec may say is acted on, refused aloud, or known to change nothing that is simulated."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

# isort: off
from tests.simulator import (
    test_containers as containers,
    test_controllers_cluster as cluster,
    test_controllers_job as jobs,
    test_controllers_workloads as workloads,
    test_hooks as hooks,
    test_kubelet as kubelet,
    test_pod_fields as fields,
    test_scheduler as scheduler,
    test_sidecars as sidecars,
    test_traffic as traffic,
)

# isort: on
from tests.simulator.world import pod_spec

from chaoskit.simulator.apiserver import typed, unsimulated
from chaoskit.simulator.apiserver.builtin import BUILT_IN
from chaoskit.simulator.apiserver.unsimulated import FIELDS
from chaoskit.simulator.objects import Object

KINDS = {kind.kind: kind for kind in BUILT_IN}


PROVEN_BY: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "PodSpec": {
        "activeDeadlineSeconds": kubelet.test_a_pod_fails_when_it_has_been_active_for_as_long_as_it_may,
        "affinity": scheduler.test_required_node_affinity_is_kept,
        "automountServiceAccountToken":
            fields.test_a_pod_mounts_the_token_of_its_account_unless_it_does_not_want_it,
        "containers": hooks.test_containers_wait_for_the_post_start_hook_of_the_one_before,
        "hostNetwork": fields.test_a_pod_on_the_network_of_its_node_has_the_nodes_address,
        "hostname": fields.test_the_host_is_called_by_the_pods_name_or_as_it_says,
        "initContainers": kubelet.test_init_containers_run_one_after_the_other_before_the_rest,
        "nodeName": kubelet.test_a_node_under_pressure_rejects_what_was_put_on_it_all_the_same,
        "nodeSelector": scheduler.test_a_node_takes_a_pod_or_says_why_not,
        "preemptionPolicy":
            fields.test_a_pod_that_would_not_have_others_give_way_contradicts_the_classes_there_are,
        "priority": fields.test_a_priority_that_contradicts_its_class_is_forbidden,
        "priorityClassName": fields.test_a_pod_has_the_number_of_its_priority_class_and_may_say_that_number,
        "restartPolicy": kubelet.test_a_killed_container_is_restarted_by_its_policy,
        "schedulerName": fields.test_nobody_places_a_pod_of_another_scheduler_or_one_that_is_held_back,
        "schedulingGates": fields.test_nobody_places_a_pod_of_another_scheduler_or_one_that_is_held_back,
        "serviceAccount": fields.test_a_pod_mounts_the_token_of_its_account_unless_it_does_not_want_it,
        "serviceAccountName": workloads.test_pods_that_may_not_be_made_are_told_of,
        "terminationGracePeriodSeconds": kubelet.test_a_second_delete_with_less_grace_is_obeyed,
        "tolerations": scheduler.test_a_node_takes_a_pod_or_says_why_not,
        "topologySpreadConstraints": scheduler.test_pods_are_spread_as_evenly_as_they_ask,
        "volumes": kubelet.test_a_pod_does_not_start_without_what_its_volumes_are_made_of,
    },
    "Container": {
        "args": fields.test_arguments_follow_the_command,
        "command": containers.test_a_command_logs_and_ends_as_in_a_container,
        "env": kubelet.test_the_environment_has_the_pods_own_fields,
        "envFrom": fields.test_the_environment_has_all_of_a_config_map_under_a_prefix,
        "image": kubelet.test_a_changed_image_restarts_the_container,
        "imagePullPolicy": fields.test_a_registry_is_asked_at_each_start_if_the_pod_says_so,
        "lifecycle": hooks.test_a_container_that_its_liveness_probe_condemns_runs_its_hook_too,
        "livenessProbe": kubelet.test_a_failing_liveness_probe_restarts_the_container,
        "name": sidecars.test_a_sidecar_starts_before_the_rest_and_goes_on_running,
        "ports": cluster.test_a_service_knows_its_ready_pods_and_their_named_port,
        "readinessProbe": kubelet.test_a_probe_waits_for_a_slow_network_as_long_as_it_may,
        "resources": kubelet.test_a_container_above_its_memory_limit_is_killed,
        "restartPolicy": sidecars.test_another_restart_policy_of_a_container_is_refused,
        "startupProbe": kubelet.test_readiness_waits_for_the_startup_probe,
        "volumeMounts": fields.test_a_pod_mounts_the_token_of_its_account_unless_it_does_not_want_it,
    },
    "Probe": {
        "exec": kubelet.test_a_failing_liveness_probe_restarts_the_container,
        "failureThreshold": kubelet.test_a_failing_liveness_probe_restarts_the_container,
        "grpc": kubelet.test_a_probe_waits_for_a_slow_network_as_long_as_it_may,
        "httpGet": kubelet.test_a_probe_waits_for_a_slow_network_as_long_as_it_may,
        "initialDelaySeconds": fields.test_a_readiness_probe_asks_when_and_as_often_as_it_says,
        "periodSeconds": fields.test_a_readiness_probe_asks_when_and_as_often_as_it_says,
        "successThreshold": fields.test_a_readiness_probe_asks_when_and_as_often_as_it_says,
        "tcpSocket": kubelet.test_a_probe_waits_for_a_slow_network_as_long_as_it_may,
        "terminationGracePeriodSeconds": fields.test_a_liveness_probe_may_give_less_time_than_its_pod,
        "timeoutSeconds": kubelet.test_a_probe_waits_for_a_slow_network_as_long_as_it_may,
    },
    "Lifecycle": {
        "postStart": hooks.test_a_container_runs_for_its_pod_only_after_its_post_start_hook,
        "preStop": hooks.test_the_grace_period_bounds_a_hook_and_leaves_two_seconds_for_the_process,
    },
    "LifecycleHandler": dict.fromkeys(
        ("exec", "httpGet", "tcpSocket"), hooks.test_a_hook_fails_only_where_that_is_known
    ) | {"sleep": hooks.test_a_pre_stop_hook_delays_the_end_of_its_container_for_as_long_as_it_takes},
    "DeploymentSpec": {
        "minReadySeconds": workloads.test_pods_count_as_available_only_after_the_seconds_asked_for,
        "paused": workloads.test_a_paused_deployment_is_scaled_but_not_rolled,
        "progressDeadlineSeconds": workloads.test_a_rollout_stopped_by_its_deadline_goes_on_when_it_can,
        "replicas": workloads.test_a_paused_deployment_is_scaled_up_from_nothing,
        "revisionHistoryLimit": workloads.test_only_as_many_old_revisions_are_kept_as_asked,
        "selector": workloads.test_what_was_orphaned_belongs_to_the_next_of_the_same_selector,
        "strategy": workloads.test_recreate_lets_the_old_pods_end_before_new_ones_start,
        "template": workloads.test_undo_takes_the_old_replica_set_up_again_under_a_new_revision,
    },
    "StatefulSetSpec": {
        "minReadySeconds": workloads.test_a_stateful_set_waits_for_the_seconds_asked_for_before_the_next_pod,
        "podManagementPolicy": workloads.test_pods_of_every_set_are_available_after_the_seconds_asked_for,
        "replicas": workloads.test_a_stateful_set_starts_its_pods_in_order_and_removes_them_backwards,
        "revisionHistoryLimit": workloads.test_a_set_keeps_its_templates_and_counts_one_that_comes_back_anew,
        "selector": workloads.test_what_was_orphaned_belongs_to_the_next_of_the_same_selector,
        "serviceName": fields.test_pods_of_a_stateful_set_have_its_service_as_subdomain_and_own_claims,
        "template": workloads.test_a_stateful_set_rolls_from_the_last_pod_to_the_first,
        "updateStrategy": workloads.test_a_pod_below_the_partition_comes_back_as_it_was,
        "volumeClaimTemplates":
            fields.test_pods_of_a_stateful_set_have_its_service_as_subdomain_and_own_claims,
    },
    "DaemonSetSpec": {
        "minReadySeconds":
            workloads.test_a_daemon_set_waits_for_the_seconds_asked_for_before_the_next_replacement,
        "revisionHistoryLimit": workloads.test_a_set_keeps_its_templates_and_counts_one_that_comes_back_anew,
        "selector": workloads.test_what_was_orphaned_belongs_to_the_next_of_the_same_selector,
        "template": workloads.test_a_daemon_set_replaces_its_pods_one_by_one,
        "updateStrategy": workloads.test_a_daemon_set_that_surges_is_whole_all_the_time,
    },
    "JobSpec": {
        "activeDeadlineSeconds": jobs.test_a_job_is_ended_by_its_deadline,
        "backoffLimit": jobs.test_a_failed_pod_is_retried_later_and_later_until_the_limit,
        "completionMode": jobs.test_an_indexed_job_succeeds_once_for_each_index_lowest_first,
        "completions": jobs.test_a_job_with_several_completions_runs_as_many_at_once_as_allowed,
        "manualSelector": fields.test_a_job_whose_selector_is_given_by_hand_keeps_it,
        "parallelism": jobs.test_a_job_with_several_completions_runs_as_many_at_once_as_allowed,
        "selector": fields.test_a_job_whose_selector_is_given_by_hand_keeps_it,
        "suspend": jobs.test_a_suspended_job_starts_nothing,
        "template": jobs.test_a_job_completes_and_lets_its_pod_go,
        "ttlSecondsAfterFinished": jobs.test_a_finished_job_lives_as_long_as_it_says,
    },
    "ServiceSpec": {
        "clusterIP": fields.test_a_service_has_an_address_unless_it_has_one_or_is_a_name_elsewhere,
        "clusterIPs": fields.test_a_service_has_an_address_unless_it_has_one_or_is_a_name_elsewhere,
        "externalName": traffic.test_a_service_may_be_a_name_for_another,
        "ports": cluster.test_a_service_knows_its_ready_pods_and_their_named_port,
        "publishNotReadyAddresses": cluster.test_a_service_may_tell_of_pods_that_are_not_ready,
        "selector": cluster.test_a_relabelled_pod_leaves_its_service,
        "type": fields.test_a_service_has_an_address_unless_it_has_one_or_is_a_name_elsewhere,
    },
    "ServicePort": dict.fromkeys(
        ("name", "port", "protocol", "targetPort"),
        cluster.test_a_service_knows_its_ready_pods_and_their_named_port,
    ),
}  # fmt: skip
"""The test of each field that is acted on: whoever takes it away has to say what proves the field instead."""


def refused(name: str) -> list[str]:
    known = FIELDS[name]
    return sorted(set(typed.types()[name]) - known.acted_on - known.idle)


@pytest.mark.parametrize(
    ("kind", "spec", "path"),
    [
        ("Pod", {"containers": [{"livenessProbe": {"new": 1}}]}, "spec.containers[0].livenessProbe.new"),
        ("Pod", {"new": 1}, "spec.new"),
        ("Deployment", {"new": 0}, "spec.new"),
        ("Service", {"ports": [{"new": 1}]}, "spec.ports.new"),
        ("Job", {"backoffLimitPerIndex": 0}, "spec.backoffLimitPerIndex"),
    ],
)
def test_a_field_that_is_not_known_is_refused(kind: str, spec: Object, path: str) -> None:
    assert unsimulated.field(KINDS[kind], {"spec": spec}) == path


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_is_acted_on_refused_or_changes_nothing(name: str) -> None:
    known = FIELDS[name]
    assert set(PROVEN_BY[name]) == known.acted_on
    assert known.acted_on | known.idle <= set(typed.types()[name])
    assert not known.acted_on & known.idle


@pytest.mark.parametrize(
    ("field", "proof"), [(field, proof) for tests in PROVEN_BY.values() for field, proof in tests.items()]
)
def test_the_test_of_a_field_names_it_or_its_helpers_do(field: str, proof: Callable[..., Any]) -> None:
    assert proof.__name__.startswith("test_")
    named = (proof.__globals__.get(name) for name in proof.__code__.co_names)
    functions: list[Callable[..., Any]] = [proof, *(each for each in named if inspect.isfunction(each))]
    said = "".join(map(inspect.getsource, functions))
    assert re.search(rf"\b{field}\b", said), f"{proof.__name__} tells nothing of {field}"


@pytest.mark.parametrize("name", refused("PodSpec"))
def test_a_field_of_pods_that_is_not_simulated_is_found_in_pods_and_templates(name: str) -> None:
    spec = pod_spec() | {name: {"any": "thing"}}
    assert unsimulated.field(KINDS["Pod"], {"spec": spec}) == f"spec.{name}"
    workload = {"spec": {"template": {"spec": spec}}}
    assert unsimulated.field(KINDS["Deployment"], workload) == f"spec.template.spec.{name}"


@pytest.mark.parametrize(
    ("part", "found"),
    [
        *(({name: "any"}, name) for name in refused("Container")),
        ({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]}, "resizePolicy"),
        ({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]}, None),
        ({"ports": [{"containerPort": 80, "hostPort": 80}]}, "ports.hostPort"),
        ({"ports": [{"containerPort": 80}]}, None),
        (
            {"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]},
            "env.valueFrom.resourceFieldRef",
        ),
        ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}, None),
    ],
)
@pytest.mark.parametrize("kind", ["containers", "initContainers"])
def test_a_field_of_containers_that_is_not_simulated_is_found(kind: str, part: Object, found: str) -> None:
    path = unsimulated.field(KINDS["Pod"], {"spec": {kind: [{"name": "main", **part}]}})
    assert path == (f"spec.{kind}[0].{found}" if found else None)


@pytest.mark.parametrize(
    ("name", "refused"), [(None, False), ("", True), ("standard", False), ("fast", True)]
)
def test_a_claim_of_another_storage_class_than_the_default_is_refused(
    name: str | None, refused: bool
) -> None:
    claim: Object = {"spec": {"storageClassName": name} if name is not None else {}}
    path = unsimulated.field(KINDS["PersistentVolumeClaim"], claim)
    assert path == ("spec.storageClassName" if refused else None)
    path = unsimulated.field(KINDS["StatefulSet"], {"spec": {"volumeClaimTemplates": [claim]}})
    assert path == ("spec.volumeClaimTemplates" if refused else None)


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_a_level_of_pod_security_that_would_deny_pods_is_not_simulated(level: str) -> None:
    labels = {"pod-security.kubernetes.io/enforce": level, "a": "b"}
    body = {"kind": "Namespace", "metadata": {"name": "n", "labels": labels}}
    assert unsimulated.field(KINDS["Namespace"], body) == "metadata.labels"
    labels["pod-security.kubernetes.io/enforce"] = "privileged"
    assert unsimulated.field(KINDS["Namespace"], body) is None
