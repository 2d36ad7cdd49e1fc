"""What this installation logs in with is in nothing that a recovery tells, whatever the cluster says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.flows.watched import app, night, node
from tests.recovery import made

import chaoskit
from chaoskit import kube
from chaoskit.acts import approvals
from chaoskit.documents import parse
from chaoskit.outcome import Outcome
from chaoskit.ports.http import Response
from chaoskit.recovery import runbook
from chaoskit.secretforms import HIDDEN

KEY = "5rT8mVnQ2bX5KwZ4pLs8"
CALLS = """
apiVersion: chaoskit.io/v1
kind: Runbook
metadata: {name: calls}
spec:
  matches: {issue: pod-crash, symptoms: [config-error]}
  remediations: [{action: call-webhook, url: "https://mend.example/x"}]
"""


class Hooks:
    def __init__(self) -> None:
        self.posted = list[str]()

    def post(self, url: str, body: str, *, timeout: float = 10.0) -> Response:
        self.posted.append(body)
        return Response(200, "", 0.1)


def test_neither_the_question_to_a_person_nor_a_webhook_tells_what_a_pod_says_of_it(tmp_path: Path) -> None:
    ill = made.pod(
        "cart-h1-a", of="cart-h1", ready=False, phase="Pending", unready_for=240.0,
        state=made.waiting("CreateContainerConfigError", f"401 for {KEY} token={KEY}-too"),
    )  # fmt: skip
    kept = night(tmp_path, node("node-1"), *app("cart", ill, made.pod("cart-h1-b", of="cart-h1")))
    hooks = Hooks()
    world = replace(kept.world, hooks=hooks, secrets=frozenset({KEY}))
    flow = chaoskit.AutoRecovery(world, runbooks=runbook.made(parse(CALLS, "x.yaml")), approval=True)
    (decision,) = flow.plan(flow.detect("shop"), namespace="shop")
    assert flow.recover(decision, wait=False).outcome is Outcome.REFUSED
    (asked,) = approvals.pending(kept.cluster, kept.clock)
    told = json.dumps(kept.cluster.list(kube.CONFIG_MAP, "shop").items)
    assert f"401 for {HIDDEN} token={HIDDEN}" in asked.plan
    approvals.decide(kept.cluster, kept.clock, asked, "approved", by="ada")
    record = flow.recover(decision, wait=False)
    (posted,) = hooks.posted
    assert f"401 for {HIDDEN} token={HIDDEN}" in posted
    kinds = (kube.CONFIG_MAP, kube.LEASE, kube.EVENT)
    told += json.dumps([kept.cluster.list(kind).items for kind in kinds])
    assert KEY not in f"{told}{posted}{record.reason}{record.timeline}{kept.records}"
