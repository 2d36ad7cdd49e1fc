"""What clients see over HTTP: answers, refusals, watches, logs, commands, rights."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from chaoskit.simulator.apiserver.builtin import BUILT_IN
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.cluster import SimulatedCluster

from .conftest import Client

IMAGE = "busybox:1.35"
RUN = ["sh", "-c", "trap 'exit 0' TERM; echo ready; sleep 3600 & wait"]
MERGE = "application/merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"


def until(probe: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := probe():
            return value
        time.sleep(0.05)
    pytest.fail("it did not come about")


@pytest.fixture
def ns(call: Client) -> str:
    name: str = call("POST", "/api/v1/namespaces", {"metadata": {"generateName": "t-"}}).body["metadata"][
        "name"
    ]
    until(lambda: call("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default").status == 200)
    return name


def pod(name: str, command: list[str] | None = None, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": IMAGE, "command": command or RUN}
    return {
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 2, **spec},
    }


def running(call: Client, ns: str, body: dict[str, Any]) -> str:
    path = f"/api/v1/namespaces/{ns}/pods"
    name = body["metadata"]["name"]
    assert call("POST", path, body).status == 201
    until(lambda: call("GET", f"{path}/{name}").body["status"].get("phase") == "Running")
    return f"{path}/{name}"


def test_an_unknown_token_is_unauthorized_and_nobody_is_anonymous(cluster: SimulatedCluster) -> None:
    refused = Client(cluster.url, "nonsense")("GET", "/api/v1/pods")
    assert (refused.status, refused.body["reason"]) == (401, "Unauthorized")
    anonymous = Client(cluster.url, None)
    assert anonymous("GET", "/version").status == 200
    forbidden = anonymous("GET", "/api/v1/pods")
    assert forbidden.status == 403
    assert forbidden.body["message"] == (
        'pods is forbidden: User "system:anonymous" cannot list resource "pods" '
        'in API group "" at the cluster scope'
    )
    assert anonymous("GET", "/apis").status == 403


def test_tls_and_plain_http_are_spoken_on_one_port(cluster: SimulatedCluster) -> None:
    for url in (cluster.url, cluster.url.replace("http:", "https:")):
        assert Client(url, cluster.token)("GET", "/version").body["minor"] == "36"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/apis/absent.example.com/v1", 404),
        ("GET", "/apis/absent.example.com/v1/things", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/unicorns", 404),
        ("GET", "/api/v1/namespaces/default/pods/ghost", 404),
        ("PUT", "/api/v1/namespaces/default/pods", 405),
        ("DELETE", "/api/v1/namespaces", 405),
        ("GET", "/api/v1/pods?labelSelector=a%20in%20b", 400),
        ("GET", "/api/v1/pods?fieldSelector=spec.unknown%3D1", 400),
        ("GET", "/api/v1/pods?limit=many", 400),
        ("GET", "/api/v1/pods?continue=nonsense", 400),
        ("GET", "/api/v1/pods?resourceVersion=1&resourceVersionMatch=Exact", 410),
        ("GET", "/api/v1/pods?watch=true&resourceVersion=abc", 500),
    ],
)
def test_a_request_that_cannot_be_served_says_why(call: Client, method: str, path: str, status: int) -> None:
    answer = call(method, path)
    assert answer.status == status
    if isinstance(answer.body, dict):
        assert (answer.body["kind"], answer.body["code"]) == ("Status", status)
        assert answer.body["message"]
    else:
        assert answer.body == "404 page not found\n"


def test_a_kind_in_a_version_that_is_not_simulated_names_the_one_that_is(call: Client) -> None:
    answer = call("POST", "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers", {})
    assert (answer.status, answer.body["reason"]) == (404, "NotFound")
    assert answer.body["message"].endswith("; the simulator serves it as autoscaling/v2")


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (
            "/api/v1/namespaces/{ns}/pods",
            pod("q", resources={"requests": {"cpu": "lots"}}),
            400,
            "quantities must match",
        ),
        (
            "/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets",
            {"metadata": {"name": "b"}, "spec": {"selector": {"matchExpressions": [{"key": "a"}]}}},
            422,
            'spec.selector.matchExpressions[0].operator: Invalid value: "": not a valid selector operator',
        ),
        ("/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": "x"}, 500, "its log says why"),
    ],
)
def test_no_body_breaks_the_server_or_an_actor(
    call: Client, ns: str, path: str, body: Any, status: int, said: str
) -> None:
    answer = call("POST", path.format(ns=ns), body)
    assert answer.status == status
    assert said in answer.body["message"]


def deployment(name: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": pod(name)["spec"]}
    selector = {"matchLabels": {"app": name}}
    return {"metadata": {"name": name}, "spec": {"replicas": 1, "selector": selector, "template": template}}


def changed(part: Any, *path: str | int) -> Any:
    """A deployment like `deployment` with something else at the path below its spec."""
    body = deployment("d")
    place = body["spec"]
    for step in path[:-1]:
        place = place[step] if isinstance(step, int) else place.setdefault(step, {})
    place[path[-1]] = part
    return body


def contained(**container: Any) -> Any:
    body = deployment("d")
    body["spec"]["template"]["spec"]["containers"][0] |= container
    return body


ROLLING = ("strategy", "rollingUpdate")
FIRST = "spec.template.spec.containers[0]"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            contained(resources={"requests": {"memory": "512Mi"}, "limits": {"memory": "256Mi"}}),
            (
                f'{FIRST}.resources.requests: Invalid value: "512Mi": '
                "must be less than or equal to memory limit of 256Mi"
            ),
        ),
        (
            contained(resources={"requests": {"cpu": "-1"}}),
            f'{FIRST}.resources.requests.cpu: Invalid value: "-1": must be greater than or equal to 0',
        ),
        (
            contained(volumeMounts=[{"name": "data", "mountPath": "/data"}]),
            f'{FIRST}.volumeMounts[0].name: Not found: "data"',
        ),
        (
            contained(livenessProbe={"periodSeconds": 5}),
            f"{FIRST}.livenessProbe: Required value: must specify a handler type",
        ),
        (
            contained(readinessProbe={"httpGet": {"port": 80}, "exec": {"command": ["a"]}}),
            f"{FIRST}.readinessProbe.httpGet: Forbidden: may not specify more than 1 handler type",
        ),
        (
            contained(livenessProbe={"httpGet": {"port": 80}, "successThreshold": 2}),
            f"{FIRST}.livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ),
        (
            contained(livenessProbe={"tcpSocket": {"port": 70000}}),
            (
                f"{FIRST}.livenessProbe.tcpSocket.port: Invalid value: 70000: "
                "must be between 1 and 65535, inclusive"
            ),
        ),
        (
            contained(ports=[{"containerPort": 70000}]),
            f"{FIRST}.ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (contained(env=[{"value": "x"}]), f"{FIRST}.env[0].name: Required value"),
        (
            changed([{"key": "a", "operator": "In"}], "template", "spec", "tolerations"),
            (
                'spec.template.spec.tolerations[0].operator: Unsupported value: "In": '
                'supported values: "Equal", "Exists"'
            ),
        ),
        (
            changed({"maxUnavailable": 0, "maxSurge": 0}, *ROLLING),
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
        ),
        (
            changed({"maxUnavailable": "half"}, *ROLLING),
            (
                'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "half": a valid percent string '
                "must be a numeric string followed by an ending '%'"
            ),
        ),
        (changed({"maxUnavailable": "150%"}, *ROLLING), "must not be greater than 100%"),
        (changed("Slowly", "strategy", "type"), 'spec.strategy.type: Unsupported value: "Slowly"'),
        (
            changed(600, "minReadySeconds"),
            "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds",
        ),
    ],
)
def test_a_deployment_that_no_server_takes_is_refused(call: Client, ns: str, body: Any, said: str) -> None:
    path = f"/apis/apps/v1/namespaces/{ns}/deployments"
    refused = call("POST", path, body)
    assert (refused.status, refused.body["reason"]) == (422, "Invalid")
    assert said in refused.body["message"]
    assert call("POST", path, deployment("d")).status == 201
    assert call("PATCH", f"{path}/d", {"spec": body["spec"]}, Content_Type=MERGE).status == 422


NONE, BOTH = (
    {"rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}
    for unavailable, surge in ((0, 0), (1, 1))
)
SETS = [
    ("daemonsets", {"updateStrategy": NONE}, 422, "cannot be 0 when maxSurge"),
    ("daemonsets", {"updateStrategy": BOTH}, 422, "may not be set when maxUnavailable is non-zero"),
    ("daemonsets", {"updateStrategy": {"type": "Never"}}, 422, "spec.updateStrategy.type: Unsupported value"),
    ("statefulsets", {"updateStrategy": {"rollingUpdate": {"partition": -1}}}, 422, "partition"),
    ("statefulsets", {"podManagementPolicy": "Random"}, 422, "spec.podManagementPolicy"),
    ("statefulsets", {"ordinals": {"start": 3}}, 501, "spec.ordinals.start"),
    ("statefulsets", {"minReadySeconds": -1}, 422, "spec.minReadySeconds"),
]


@pytest.mark.parametrize(("plural", "spec", "status", "said"), SETS)
def test_a_set_that_no_server_takes_or_this_one_cannot_keep_is_refused(
    call: Client, ns: str, plural: str, spec: Any, status: int, said: str
) -> None:
    body = deployment("d")
    del body["spec"]["replicas"]
    refused = call("POST", f"/apis/apps/v1/namespaces/{ns}/{plural}", body | {"spec": body["spec"] | spec})
    assert refused.status == status
    assert said in refused.body["message"]


NEAR = {"topologyKey": "zone", "namespaceSelector": {"matchLabels": {"a": "b"}}}
APART = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [NEAR]}}
SPREAD = [{"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2}]
INDEXED = {
    "metadata": {"name": "j"},
    "spec": {
        "completionMode": "Indexed",
        "completions": 2,
        "backoffLimitPerIndex": 1,
        "template": {"spec": pod("p", restartPolicy="Never")["spec"]},
    },
}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/v1/namespaces/{ns}/pods", pod("p", readinessGates=[{"conditionType": "x"}]),
         "spec.readinessGates of pods"),
        ("/api/v1/namespaces/{ns}/pods", pod("p", affinity=APART),
         "spec.affinity.podAntiAffinity.namespaceSelector of pods"),
        ("/api/v1/namespaces/{ns}/pods", pod("p", topologySpreadConstraints=SPREAD),
         "spec.topologySpreadConstraints.minDomains of pods"),
        ("/apis/batch/v1/namespaces/{ns}/jobs", INDEXED, "spec.backoffLimitPerIndex of jobs"),
        ("/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets",
         {"metadata": {"name": "b"}, "spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}},
         "spec.unhealthyPodEvictionPolicy of poddisruptionbudgets"),
    ],
)  # fmt: skip
def test_a_field_that_is_not_simulated_is_refused(
    call: Client, ns: str, path: str, body: Any, field: str
) -> None:
    refused = call("POST", path.format(ns=ns), body)
    assert (refused.status, refused.body["reason"]) == (501, "NotImplemented")
    assert refused.body["message"] == f"{field} is not simulated"


def test_what_is_not_simulated_says_so(call: Client, ns: str) -> None:
    path = running(call, ns, pod("a"))
    refused = call("POST", f"{path}/portforward")
    assert (refused.status, refused.body["reason"]) == (501, "NotImplemented")
    assert "not simulated" in refused.body["message"]


def resized(resources: Any, **more: Any) -> Any:
    return {"spec": {"containers": [{"name": "main", "resources": resources, **more}]}}


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        (resized({}, image="other"), "only cpu and memory resources are mutable"),
        (resized({"limits": {"memory": None}}), "resource limits cannot be removed"),
        (resized({"requests": {"memory": "8Mi"}}), "Pod QOS Class may not change as a result of resizing"),
    ],
)
def test_a_resize_changes_nothing_but_amounts(call: Client, ns: str, patch: Any, said: str) -> None:
    body = pod("a")
    body["spec"]["containers"][0]["resources"] = {"limits": {"memory": "64Mi", "cpu": "1"}}
    path = running(call, ns, body)
    refused = call("PATCH", f"{path}/resize", patch, Content_Type="application/strategic-merge-patch+json")
    assert refused.status == 422
    assert said in refused.body["message"]


KINDS_IN_NAMESPACES = [kind for kind in BUILT_IN if kind.namespaced]


@pytest.mark.parametrize("kind", KINDS_IN_NAMESPACES, ids=lambda kind: kind.qualified)
def test_the_default_roles_know_every_kind(call: Client, kind: Resource) -> None:
    owned = kind.group == "rbac.authorization.k8s.io"
    made = kind.plural in {"endpoints", "endpointslices", "controllerrevisions"}
    assert allowed(call, "view", "list", kind) is not (owned or kind.plural in {"secrets", "leases"})
    assert allowed(call, "view", "create", kind) is False
    assert allowed(call, "edit", "create", kind) is not (owned or made)


def allowed(call: Client, role: str, verb: str, kind: Resource) -> bool:
    """Whether one of the default roles allows it."""
    rules = call("GET", f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}").body["rules"]
    return any(
        kind.group in rule["apiGroups"] and kind.plural in rule["resources"] and verb in rule["verbs"]
        for rule in rules
    )


def test_unknown_fields_are_refused_warned_of_or_ignored(call: Client, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}/configmaps?dryRun=All"
    body = {"metadata": {"name": "a"}, "datas": {}}
    strict = call("POST", f"{path}&fieldValidation=Strict", body)
    assert strict.status == 400
    assert strict.body["message"] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: '
        'strict decoding error: unknown field "datas"'
    )
    warned = call("POST", path, body)
    assert (warned.status, warned.header("Warning")) == (201, ['299 - "unknown field \\"datas\\""'])
    assert call("POST", f"{path}&fieldValidation=Ignore", body).header("Warning") == []


def test_a_list_comes_in_pages_of_one_revision(call: Client, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}/secrets"
    for number in range(3):
        call("POST", path, {"metadata": {"name": f"s{number}"}})
    first = call("GET", f"{path}?limit=2").body
    call("POST", path, {"metadata": {"name": "s1x"}})
    assert (first["kind"], first["metadata"]["remainingItemCount"]) == ("SecretList", 1)
    rest = call("GET", f"{path}?limit=2&continue={first['metadata']['continue']}").body
    assert [item["metadata"]["name"] for item in rest["items"]] == ["s2"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_a_list_can_be_a_table_or_metadata_alone(call: Client, ns: str) -> None:
    path = running(call, ns, pod("a")).rpartition("/")[0]
    table = call("GET", path, Accept=TABLE).body
    assert [column["name"] for column in table["columnDefinitions"]][:4] == [
        "Name",
        "Ready",
        "Status",
        "Restarts",
    ]
    (row,) = table["rows"]
    assert (row["cells"][0], row["cells"][2]) == ("a", "Running")
    assert row["object"]["kind"] == "PartialObjectMetadata"
    (partial,) = call("GET", path, Accept=PARTIAL).body["items"]
    assert set(partial) == {"kind", "apiVersion", "metadata"}


def test_a_watch_replays_what_happened_since_and_ends_in_time(call: Client, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}/configmaps"
    version = call("GET", path).body["metadata"]["resourceVersion"]
    call("POST", path, {"metadata": {"name": "a", "labels": {"on": "yes"}}})
    call("PATCH", f"{path}/a", {"metadata": {"labels": {"on": "no"}}}, Content_Type=MERGE)
    call("DELETE", f"{path}/a")
    since = f"{path}?watch=true&timeoutSeconds=1&resourceVersion={version}"
    assert [event["type"] for event in call("GET", since).body] == ["ADDED", "MODIFIED", "DELETED"]
    chosen = call("GET", f"{since}&labelSelector=on%3Dyes").body
    assert [event["type"] for event in chosen] == ["ADDED", "DELETED"]


def test_a_watch_begins_with_what_there_is_and_marks_its_end(call: Client, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}/secrets"
    call("POST", path, {"metadata": {"name": "a"}})
    initial = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    added, mark = call("GET", f"{path}?watch=true&timeoutSeconds=1&{initial}").body
    assert (added["type"], mark["type"]) == ("ADDED", "BOOKMARK")
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert added["object"]["kind"] == "Secret"


def test_a_watch_from_the_forgotten_past_is_an_error_event(call: Client) -> None:
    (event,) = call("GET", "/api/v1/pods?watch=true&resourceVersion=1&timeoutSeconds=1").body
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_every_one_of_many_watchers_is_told(cluster: SimulatedCluster, call: Client, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}/configmaps"
    version = call("GET", path).body["metadata"]["resourceVersion"]
    told: list[list[str]] = []

    def watch() -> None:
        events = Client(cluster.url, cluster.token)(
            "GET", f"{path}?watch=true&timeoutSeconds=2&resourceVersion={version}"
        ).body
        told.append([event["object"]["metadata"]["name"] for event in events])

    watchers = [threading.Thread(target=watch) for _ in range(20)]
    for watcher in watchers:
        watcher.start()
    for name in ("a", "b"):
        call("POST", path, {"metadata": {"name": name}})
    for watcher in watchers:
        watcher.join()
    assert [[name for name in names if name in "ab"] for names in told] == [["a", "b"]] * 20


def test_the_log_is_text_its_tail_and_what_follows(call: Client, ns: str) -> None:
    body = pod("a", ["sh", "-c", "echo one; sleep 8; echo two"], restartPolicy="Never")
    path = running(call, ns, body)
    assert call("GET", f"{path}/log?follow=true").body == "one\ntwo\n"
    assert call("GET", f"{path}/log?tailLines=1").body == "two\n"
    stamp, text = call("GET", f"{path}/log?tailLines=1&timestamps=true").body.split(" ")
    assert (text, stamp[-1]) == ("two\n", "Z")
    assert call("GET", f"{path}/log?limitBytes=3").body == "one"
    for query, words in (
        ("container=nope", "container nope is not valid for pod a"),
        ("previous=true", 'previous terminated container "main" in pod "a" not found'),
    ):
        refused = call("GET", f"{path}/log?{query}")
        assert (refused.status, refused.body["message"]) == (400, words)


def test_a_shell_writes_in_a_loop_and_gives_way_to_another_program(call: Client, ns: str) -> None:
    path = running(call, ns, pod("a", ["sh", "-c", "for i in 1 2; do echo line $i; done; exec sleep 600"]))
    until(lambda: call("GET", f"{path}/log").body == "line 1\nline 2\n")
    assert call("GET", path).body["status"]["containerStatuses"][0]["restartCount"] == 0
    failing = pod("b", ["sh", "-c", "echo done; exit 1"], restartPolicy="Never")
    assert call("POST", path.rpartition("/")[0], failing).status == 201
    until(lambda: call("GET", f"{path.rpartition('/')[0]}/b").body["status"]["phase"] == "Failed")


def test_an_eviction_waits_for_the_budget(call: Client, ns: str) -> None:
    path = running(call, ns, pod("a"))
    budgets = f"/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets"
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}}
    call("POST", budgets, {"metadata": {"name": "b"}, "spec": spec})
    until(lambda: call("GET", f"{budgets}/b").body["status"].get("currentHealthy") == 1)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a", "namespace": ns}}
    refused = call("POST", f"{path}/eviction", eviction)
    assert (refused.status, refused.body["details"]["causes"]) == (
        429,
        [
            {
                "reason": "DisruptionBudget",
                "message": "The disruption budget b needs 1 healthy pods and has 1 currently",
            }
        ],
    )
    call("PATCH", f"{budgets}/b", {"spec": {"minAvailable": 0}}, Content_Type=MERGE)
    until(lambda: call("POST", f"{path}/eviction", eviction).status == 201)
    told = call("GET", path).body["status"]["conditions"]
    assert "EvictionByEvictionAPI" in [condition.get("reason") for condition in told]
    until(lambda: call("GET", path).status == 404)


def test_a_scale_has_replicas_and_selector_and_cannot_be_negative(call: Client, ns: str) -> None:
    path = f"/apis/apps/v1/namespaces/{ns}/deployments"
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "d"}}, "template": pod("d")}
    assert call("POST", path, {"metadata": {"name": "d"}, "spec": spec}).status == 201
    scaled = call("PATCH", f"{path}/d/scale", {"spec": {"replicas": 2}}, Content_Type=MERGE).body
    assert (scaled["kind"], scaled["spec"], scaled["status"]["selector"]) == (
        "Scale",
        {"replicas": 2},
        "app=d",
    )
    put = call("PUT", f"{path}/d/scale", {"metadata": {"name": "d"}, "spec": {"replicas": 1}}).body
    assert put["spec"] == {"replicas": 1}
    refused = call("PATCH", f"{path}/d/scale", {"spec": {"replicas": -1}}, Content_Type=MERGE)
    assert refused.body["message"] == (
        'Scale.autoscaling "d" is invalid: spec.replicas: '
        "Invalid value: -1: must be greater than or equal to 0"
    )


def test_an_impersonated_account_has_its_own_rights_alone(call: Client, ns: str) -> None:
    name = f"system:serviceaccount:{ns}:default"
    refused = call("GET", f"/api/v1/namespaces/{ns}/pods", Impersonate_User=name)
    assert refused.status == 403
    assert f'User "{name}" cannot list resource "pods"' in refused.body["message"]
    review = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    who = call("POST", review, {}, Impersonate_User=name).body["status"]["userInfo"]
    assert who["username"] == name
    assert f"system:serviceaccounts:{ns}" in who["groups"]
    grouped = call("POST", review, {}, Impersonate_User="jane", Impersonate_Group="dev").body
    assert grouped["status"]["userInfo"]["groups"] == ["dev", "system:authenticated"]


def test_who_may_not_impersonate_is_refused(cluster: SimulatedCluster, call: Client, ns: str) -> None:
    answer = call("POST", f"/api/v1/namespaces/{ns}/serviceaccounts/default/token", {"spec": {}}).body
    account = Client(cluster.url, answer["status"]["token"])
    refused = account("GET", "/api/v1/pods", Impersonate_User="jane")
    assert refused.status == 403
    assert 'cannot impersonate resource "users" in API group ""' in refused.body["message"]
    assert call("GET", "/api/v1/pods", Impersonate_Group="dev").status == 500


def test_a_service_account_may_do_what_its_role_grants(
    cluster: SimulatedCluster, call: Client, ns: str
) -> None:
    request = {"spec": {"expirationSeconds": 600}}
    answer = call("POST", f"/api/v1/namespaces/{ns}/serviceaccounts/default/token", request).body
    account = Client(cluster.url, answer["status"]["token"])
    pods = f"/api/v1/namespaces/{ns}/pods"
    assert account("GET", pods).status == 403
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}"
    rules = [{"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]}]
    call("POST", f"{rbac}/roles", {"metadata": {"name": "r"}, "rules": rules})
    binding = {
        "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": ns}],
    }
    call("POST", f"{rbac}/rolebindings", binding)
    assert account("GET", pods).status == 200
    assert account("GET", "/api/v1/pods").status == 403
    assert account("DELETE", f"{pods}/a").status == 403

    def ask(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        plural = f"{kind.lower()}s"
        status: dict[str, Any] = account(
            "POST", f"/apis/authorization.k8s.io/v1/{plural}", {"spec": spec}
        ).body
        answered: dict[str, Any] = status["status"]
        return answered

    log = {"namespace": ns, "verb": "get", "resource": "pods", "subresource": "log"}
    assert ask("SelfSubjectAccessReview", {"resourceAttributes": log}) == {
        "allowed": True,
        "reason": f'RBAC: allowed by RoleBinding "b/{ns}" of Role "r" to ServiceAccount "default/{ns}"',
    }
    exec_ = {**log, "verb": "create", "subresource": "exec"}
    assert ask("SelfSubjectAccessReview", {"resourceAttributes": exec_}) == {"allowed": False}
    assert rules[0] in ask("SelfSubjectRulesReview", {"namespace": ns})["resourceRules"]
    who = account("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}).body["status"]["userInfo"]
    assert who["username"] == f"system:serviceaccount:{ns}:default"
    other = {"user": who["username"], "resourceAttributes": log}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    assert account("POST", path, {"spec": other}).status == 403
    assert call("POST", path, {"spec": other}).body["status"]["allowed"] is True
    call("DELETE", f"/api/v1/namespaces/{ns}/serviceaccounts/default")
    until(lambda: account("GET", pods).status == 401)


def test_a_definition_serves_a_kind_and_takes_it_away(call: Client, ns: str) -> None:
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    }
    columns = [{"name": "N", "type": "integer", "jsonPath": ".spec.n"}]
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {
        "group": "t.example",
        "scope": "Namespaced",
        "names": {"plural": "gadgets", "kind": "Gadget"},
        "versions": [{**version, "additionalPrinterColumns": columns}],
    }
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert call("POST", definitions, {"metadata": {"name": "gadgets.t.example"}, "spec": spec}).status == 201
    (served,) = call("GET", "/apis/t.example/v1").body["resources"]
    assert (served["name"], served["singularName"]) == ("gadgets", "gadget")
    path = f"/apis/t.example/v1/namespaces/{ns}/gadgets"
    gadget = {
        "apiVersion": "t.example/v1",
        "kind": "Gadget",
        "metadata": {"name": "g"},
        "spec": {"n": 4, "x": 1},
    }
    created = call("POST", path, gadget)
    assert (created.body["spec"], created.header("Warning")) == (
        {"n": 4},
        ['299 - "unknown field \\"spec.x\\""'],
    )
    assert call("GET", path, Accept=TABLE).body["rows"][0]["cells"] == ["g", 4]
    assert call("PUT", f"{path}/g", gadget).status == 422
    assert call("DELETE", f"{definitions}/gadgets.t.example").status == 200
    assert call("GET", path).status == 404


@pytest.mark.parametrize(("verb", "lacking"), [("get", "create"), ("create", "get")])
def test_a_command_takes_both_verbs_though_its_websocket_is_a_get(
    call: Client, ns: str, verb: str, lacking: str
) -> None:
    path = running(call, ns, pod("a"))
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}"
    rules = [{"apiGroups": [""], "resources": ["pods/exec"], "verbs": [verb]}]
    call("POST", f"{rbac}/roles", {"metadata": {"name": "r"}, "rules": rules})
    binding = {
        "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "jane"}],
    }
    call("POST", f"{rbac}/rolebindings", binding)
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec_WebSocket_Protocol": "v5.channel.k8s.io",
    }
    refused = call("GET", f"{path}/exec?command=true&stdout=true", Impersonate_User="jane", **upgrade)
    assert refused.status == 403
    assert f'User "jane" cannot {lacking} resource "pods/exec"' in refused.body["message"]


def test_a_command_over_plain_http_asks_for_an_upgrade(call: Client, ns: str) -> None:
    path = running(call, ns, pod("a"))
    refused = call("POST", f"{path}/exec?command=true&stdout=true")
    assert (refused.status, refused.body["message"]) == (400, "Upgrade request required")


def test_the_published_config_map_follows_the_rate(cluster: SimulatedCluster, call: Client) -> None:
    path = "/api/v1/namespaces/kube-system/configmaps/simulator"
    assert call("GET", path).body["data"]["rate"] == "4.0"
    cluster.set_rate(5.0)
    data = call("GET", path).body["data"]
    assert (data["rate"], data["prometheus"]) == ("5.0", cluster.prometheus_url)
    cluster.set_rate(4.0)


def test_who_asks_for_a_pace_gets_it(cluster: SimulatedCluster, call: Client) -> None:
    path = "/api/v1/namespaces/kube-system/configmaps/simulator"
    call("PATCH", path, {"data": {"wantedRate": "nonsense"}}, Content_Type="application/merge-patch+json")
    before = call("GET", path).body["data"]
    call("PATCH", path, {"data": {"wantedRate": "6"}}, Content_Type="application/merge-patch+json")
    until(lambda: call("GET", path).body["data"]["rate"] == "6.0")
    after = call("GET", path).body["data"]
    assert (before["rate"], after["prometheus"]) == ("4.0", before["prometheus"])
    assert float(after["anchorSimulated"]) > float(before["anchorSimulated"])
    cluster.set_rate(4.0)


def test_what_is_served_is_what_discovery_lists(call: Client) -> None:
    for group in call("GET", "/apis").body["groups"]:
        path = f"/apis/{group['preferredVersion']['groupVersion']}"
        for resource in call("GET", path).body["resources"]:
            if "list" in resource["verbs"]:
                assert call("GET", f"{path}/{resource['name']}").status == 200, resource["name"]
    aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    core = call("GET", "/api", Accept=aggregated).body["items"][0]["versions"][0]["resources"]
    listed = call("GET", "/api/v1").body["resources"]
    assert {r["resource"] for r in core} == {r["name"] for r in listed if "/" not in r["name"]}
    index = call("GET", "/openapi/v3").body["paths"]
    document = call("GET", index["apis/apps/v1"]["serverRelativeURL"]).body
    assert "/apis/apps/v1/namespaces/{namespace}/deployments/{name}" in document["paths"]
