"""A ledger's Lease is written and read by one another's word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.acts.fake import CART

from chaoskit import kube
from chaoskit.acts.accounts import LONGEST, Account, account_of, lease_of
from chaoskit.acts.entries import Entry
from chaoskit.ports.cluster import Kind, ObjectRef

NODE = ObjectRef(kube.NODE, "", "node-1", uid="u1")
FOREIGN = ObjectRef(Kind("argoproj.io", "Rollout", "rollouts"), "shop", "cart")
UNDER_WAY = Account(
    ref=ObjectRef(kube.LEASE, "shop", "chaoskit-run1"),
    id="run1",
    act="recovery",
    state="active",
    targets=(CART, NODE, FOREIGN),
    aimed=(CART,),
    entries=(
        Entry("field", CART, ("spec", "replicas"), 3, 5),
        Entry("element", NODE, ("spec", "taints"), after={"key": "k"}, doubted=True),
        Entry("field", FOREIGN, ("spec", "a"), {"secretKey": "k"}, None, secret=True),
    ),
    holder="host:1:run1",
    renewed="2026-01-01T00:00:00.000000Z",
    duration=15,
    trace_id="t",
    version="",
    name="cart-pod-delete",
    what="pod-delete",
    evidence='{"issue": "x"}',
    keep_for=0.5,
)
HANDED = replace(
    UNDER_WAY,
    act="chaos",
    state="handed",
    holder="",
    targets=(),
    aimed=(),
    entries=(),
    evidence="",
    keep_for=0,
)


@pytest.mark.parametrize(
    "account",
    [
        UNDER_WAY,
        HANDED,
        replace(UNDER_WAY, aimed=UNDER_WAY.targets),
        replace(UNDER_WAY, trace_id="", name="", what=""),
    ],
)
def test_what_is_written_of_an_account_is_read_again(account: Account) -> None:
    assert account_of(lease_of(account)) == account


def test_evidence_that_is_too_long_for_a_lease_is_left_out() -> None:
    for many, kept in ((LONGEST, LONGEST), (LONGEST + 1, 0)):
        assert len(account_of(lease_of(replace(UNDER_WAY, evidence="x" * many))).evidence) == kept


def test_what_nobody_holds_yet_names_no_holder() -> None:
    assert set(lease_of(HANDED)["spec"]) == {"leaseDurationSeconds", "renewTime"}
