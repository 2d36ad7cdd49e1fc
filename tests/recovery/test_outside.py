"""Remediations that reach beyond the workload: jobs, webhooks, stuck jobs, lost and tainted nodes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from tests.acts.fake import FakeCluster, node
from tests.recovery import made
from tests.recovery.made import symptom

from chaoskit import kube
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import ManualClock
from chaoskit.errors import CannotStart
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.ports.http import Response
from chaoskit.recovery import classify, remedies, runbook
from chaoskit.recovery.patience import Deadline
from chaoskit.recovery.remedies import Hands, Rung, Scene

NODE = ObjectRef(kube.NODE, "", "node-1")
JOB = ObjectRef(kube.JOB, "shop", "nightly")
TEMPLATE = {"template": {"spec": {"containers": [{"name": "mend", "image": "team/mend:1"}]}}}


class Hooks:
    def __init__(self, status: int = 200) -> None:
        self.status, self.posted = status, list[tuple[str, str]]()

    def post(self, url: str, body: str, *, timeout: float = 10.0) -> Response:
        self.posted.append((url, body))
        return Response(self.status, "", 0.1)


class Bench:
    """A fake cluster, a recovery's ledger, and one remediation at a time."""

    def __init__(self, *objects: Object, hooks: Hooks | None = None) -> None:
        self.cluster, self.clock, self.hooks = FakeCluster(*objects), ManualClock(), hooks
        self.ledger = Ledger.open(
            self.cluster, self.clock, id="r1", act="recovery", namespace="shop",
            targets=(made.ref("cart"),), trace_id="t",
        )  # fmt: skip

    def do(
        self,
        action: str,
        target: ObjectRef | None = None,
        *,
        pods: tuple[str, ...] = (),
        keep: Callable[[], None] = lambda: None,
        **step: Any,
    ) -> str:
        spec = {"matches": {"issue": "pod-crash"}, "remediations": [{"action": action, **step}]}
        rung = Rung(
            runbook.Spec.model_validate(spec).remediations[0], (target or made.ref("cart"),), "", pods
        )
        return self.apply(rung, keep=keep)

    def apply(self, rung: Rung, *, keep: Callable[[], None] = lambda: None) -> str:
        (issue,) = classify([symptom("crash-loop")], now=self.clock.now())
        hands = Hands(
            self.cluster, self.clock, "r1", self.clock.now(), issue,
            Deadline(self.clock, rung.step.timeout), hooks=self.hooks, keep=keep,
        )  # fmt: skip
        return remedies.apply(rung, rung.targets[0], hands, self.ledger)


# ---------------------------------------------------------------- the user's own


def _ends(bench: Bench, condition: str) -> Callable[[], None]:
    ref = ObjectRef(kube.JOB, "shop", "chaoskit-remedy-r1")
    status = {"conditions": [{"type": condition, "status": "True", "message": "no luck"}]}

    def end() -> None:
        bench.cluster.patch(ref, {"status": status})

    return end


def test_a_job_of_ones_own_is_told_what_is_wrong_and_waited_for() -> None:
    bench = Bench()
    words = bench.do("run-job", keep=_ends(bench, "Complete"), template=TEMPLATE, timeout="2m")
    assert words == "job/chaoskit-remedy-r1 made, job/chaoskit-remedy-r1 ran"
    job = bench.cluster.get(ObjectRef(kube.JOB, "shop", "chaoskit-remedy-r1"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert {each["name"]: each["value"] for each in container["env"]} == {
        "CHAOSKIT_ISSUE": "pod-crash",
        "CHAOSKIT_NAMESPACE": "shop",
        "CHAOSKIT_TARGET": "deployment/cart",
        "CHAOSKIT_RECOVERY": "r1",
    }
    assert (job["spec"]["backoffLimit"], job["spec"]["template"]["spec"]["restartPolicy"]) == (0, "Never")


@pytest.mark.parametrize(("condition", "words"), [("Failed", "no luck"), ("Other", "did not end within 9 s")])
def test_a_job_that_does_not_succeed_did_not_help_and_is_removed_by_the_undo(
    condition: str, words: str
) -> None:
    bench = Bench()
    with pytest.raises(CannotStart, match=words):
        bench.do("run-job", keep=_ends(bench, condition), template=TEMPLATE, timeout="9s")
    assert bench.ledger.undo().state == "confirmed"
    assert bench.cluster.list(kube.JOB, "shop").items == ()


def test_a_webhook_of_ones_own_is_told_what_is_wrong() -> None:
    bench = Bench(hooks=Hooks())
    assert bench.do("call-webhook", url="https://mend.example/x") == "the webhook was called"
    assert bench.hooks is not None
    ((url, body),) = bench.hooks.posted
    assert url == "https://mend.example/x"
    told = json.loads(body)
    assert (told["issue"], told["target"], told["recovery"]) == ("pod-crash", "deployment/cart", "r1")


def test_a_secret_address_is_read_when_it_is_called() -> None:
    data = {"url": base64.b64encode(b"https://mend.example/s3cret\n").decode()}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hook", "namespace": "shop"},
        "data": data,
    }
    bench = Bench(secret, hooks=Hooks())
    assert "s3cret" not in bench.do("call-webhook", urlFrom={"secret": "hook"})
    assert bench.hooks is not None
    assert bench.hooks.posted[0][0] == "https://mend.example/s3cret"
    with pytest.raises(CannotStart, match="has no key other"):
        bench.do("call-webhook", urlFrom={"secret": "hook", "key": "other"})


def test_a_webhook_that_says_no_did_not_help() -> None:
    with pytest.raises(CannotStart, match="answered with 503"):
        Bench(hooks=Hooks(503)).do("call-webhook", url="https://mend.example/x")
    with pytest.raises(CannotStart, match="no HTTP client"):
        Bench().do("call-webhook", url="https://mend.example/x")


@pytest.mark.parametrize("step", [{}, {"url": "ftp://x"}, {"url": "https://x", "urlFrom": {"secret": "s"}}])
def test_a_webhook_has_one_address(step: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Bench().do("call-webhook", **step)


# ---------------------------------------------------------------- jobs and nodes


def _job(owner: tuple[str, str] | None, active: int = 1) -> Object:
    body: Object = {
        "apiVersion": "batch/v1", "kind": "Job", "spec": {}, "status": {"active": active},
        "metadata": made.meta("nightly", owner),
    }  # fmt: skip
    for each in body["metadata"].get("ownerReferences", ()):
        each["apiVersion"] = "batch/v1"
    return body


def test_a_stuck_job_of_a_cron_job_goes_so_that_the_next_can_start() -> None:
    bench = Bench(_job(("CronJob", "night")))
    assert bench.do("clear-job", JOB).startswith("deleted job/nightly")
    assert bench.cluster.list(kube.JOB, "shop").items == ()


def test_of_another_stuck_job_its_stuck_pods_go() -> None:
    pods = [
        {"apiVersion": "v1", "kind": "Pod", **made.pod(name, ready=name == "well")}
        for name in ("ill", "well")
    ]
    bench = Bench(_job(None), *pods)
    assert bench.do("clear-job", JOB, pods=("ill", "well")) == "deleted pod/ill"
    with pytest.raises(CannotStart, match="gone or well"):
        bench.do("clear-job", JOB, pods=("ill", "well"))


def test_a_job_that_is_over_is_left() -> None:
    with pytest.raises(CannotStart, match="not under way"):
        Bench(_job(None, active=0)).do("clear-job", JOB)


def test_taints_of_experiments_go_and_come_back_with_the_undo() -> None:
    taints = [{"key": "chaos-taint", "effect": "NoSchedule"}, {"key": "gpu", "effect": "NoSchedule"}]
    bench = Bench(node("node-1", taints=taints))
    bench.do("remove-taint", NODE)
    assert bench.cluster.get(NODE)["spec"]["taints"] == taints[1:]
    with pytest.raises(CannotStart, match="no such taint"):
        bench.do("remove-taint", NODE)
    assert bench.ledger.undo().state == "confirmed"
    assert bench.cluster.get(NODE)["spec"]["taints"] == taints


def _leaves(action: str, *, by: str) -> tuple[list[str], str]:
    """What the action took from node-1, planned when a shop had two pods on it, and its words.

    By then one of the two is another pod of the same name, and a pod of others came.
    """
    ready = "Unknown" if action == "evacuate" else "True"
    seen = made.topology(made.pod("a"), made.pod("b"), nodes=(made.node("node-1", ready=ready),))
    spec = {"matches": {"issue": "node"}, "remediations": [{"action": action, "timeout": "5m"}]}
    kind = "node-lost" if action == "evacuate" else "node-pressure"
    issue = replace(classify([symptom(kind)], now=made.NOW)[0], target=NODE)
    step = runbook.Spec.model_validate(spec).remediations[0]
    rung = remedies.plan(step, Scene(issue, None, seen))
    assert isinstance(rung, Rung)
    bodies = [
        {"apiVersion": "v1", "kind": "Pod", **body}
        for body in (made.pod("a"), made.pod("b"), made.pod("c", of="others-h1"))
    ]
    bodies[1]["metadata"]["uid"] = "another"
    bench = Bench({"apiVersion": "v1", "kind": "Node", **made.node("node-1", ready=ready)}, *bodies)
    words = bench.apply(rung)
    return [each for each in bench.cluster.wrote if each.startswith(by)], words


def test_only_the_very_pods_that_were_planned_leave_a_lost_node() -> None:
    assert _leaves("evacuate", by="delete") == (["delete pod/a"], "deleted pod/a")


def test_only_the_very_pods_that_were_planned_leave_a_node_that_is_drained() -> None:
    done, words = _leaves("drain", by="evict")
    assert done == ["evict pod/a"]
    assert words == "node/node-1 spec.unschedulable nothing to True, evicted pod/a"


def test_a_node_with_a_pod_that_nobody_would_make_anew_is_not_drained() -> None:
    bare = made.pod("bare")
    bare["metadata"]["ownerReferences"] = []
    seen = made.topology(made.pod("a"), bare, nodes=(made.node("node-1"),))
    issue = replace(classify([symptom("node-pressure")], now=made.NOW)[0], target=NODE)
    step = runbook.Spec.model_validate(
        {"matches": {"issue": "node"}, "remediations": [{"action": "drain"}]}
    ).remediations[0]
    words = "pod/bare of shop belongs to no workload that would make it anew"
    assert remedies.plan(step, Scene(issue, None, seen)) == words


def test_a_node_that_is_back_is_not_evacuated() -> None:
    back = {**node("node-1"), "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    with pytest.raises(CannotStart, match="is back"):
        Bench(back).do("evacuate", NODE)
