"""Remediations outside the cluster: a webhook of the user's, a person."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from chaoskit import kube
from chaoskit.acts.changes import Change
from chaoskit.documents import Written
from chaoskit.errors import CannotStart
from chaoskit.ports.cluster import Access, ObjectRef
from chaoskit.recovery.remedies.remedy import Hands, Remedy, Rung, Scene, Step, access


class SecretKey(Written):
    """A key of a Secret in the target's namespace."""

    secret: str
    key: str = "url"


class CallWebhook(Step):
    """POST what is wrong as JSON to an address of your own; an answer of 2xx means that it was done.

    What the receiver does is not undone by chaoskit. An address that is a secret is taken with `urlFrom`.
    """

    action: Literal["call-webhook"]
    url: str = Field(default="", pattern=r"^(https?://.+)?$")
    url_from: SecretKey | None = None

    @model_validator(mode="after")
    def _one_address(self) -> CallWebhook:
        if bool(self.url) == (self.url_from is not None):
            raise ValueError("either url or urlFrom")
        return self


def _plan_webhook(step: CallWebhook, scene: Scene) -> Rung | str:
    return Rung(step, (scene.issue.target,), "calls a webhook of yours")


def _call(step: CallWebhook, _rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    if hands.hooks is None:
        raise CannotStart("no HTTP client is configured here")
    hooks, url = hands.hooks, step.url or _secret(step, target, hands)
    body = json.dumps(_told(target, hands))

    def post() -> None:
        if hands.rehearsal:
            return
        left = max(hands.deadline.left, 1.0)  # no client takes 0 for a time
        answer = hooks.post(url, body, timeout=hands.clock.real(left) or left)
        if not 200 <= answer.status < 300:
            raise CannotStart(f"the webhook answered with {answer.status}")

    yield Change(target, "the webhook was called", post)


def _secret(step: CallWebhook, target: ObjectRef, hands: Hands) -> str:
    where = step.url_from
    assert where is not None
    data = hands.cluster.get(ObjectRef(kube.SECRET, target.namespace, where.secret)).get("data") or {}
    if where.key not in data:
        raise CannotStart(f"secret {where.secret} has no key {where.key}")
    return base64.b64decode(data[where.key]).decode().strip()


def _told(target: ObjectRef, hands: Hands) -> dict[str, object]:
    issue = hands.issue
    return {
        "recovery": hands.run,
        "issue": issue.kind,
        "id": issue.id,
        "namespace": target.namespace,
        "target": str(target),
        "severity": issue.severity.word,
        "evidence": list(issue.evidence),
    }


def _may_call(step: CallWebhook, target: ObjectRef) -> Iterator[Access]:
    if step.url_from is not None:
        yield from access("get", "", "secrets", target.namespace)


CALL_WEBHOOK = Remedy(CallWebhook, _plan_webhook, _call, _may_call)


class Notify(Step):
    """Tell a person; without `severity` as gravely as the issue is grave."""

    action: Literal["notify"]
    severity: Literal["info", "warning", "critical"] | None = None


def _plan_notify(step: Notify, scene: Scene) -> Rung | str:
    return Rung(step, (scene.issue.target,), "a person decides")


def _nothing(_step: Notify, _rung: Rung, _target: ObjectRef, _hands: Hands) -> Iterator[Change]:
    return iter(())


def _no_rights(_step: Notify, _target: ObjectRef) -> Iterator[Access]:
    return iter(())


NOTIFY = Remedy(Notify, _plan_notify, _nothing, _no_rights)
