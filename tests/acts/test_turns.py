from __future__ import annotations

from dataclasses import replace

import pytest
from tests.acts.fake import CART

from chaoskit import kube
from chaoskit.acts.entries import Entry
from chaoskit.acts.turns import same
from chaoskit.ports.cluster import ObjectRef

REPLICAS = Entry("field", CART, ("spec", "replicas"), 3, 5)
TEMPLATE = Entry("rollout", CART, ("spec", "template"), "cart-1", "digest")
TAINTED = Entry("element", ObjectRef(kube.NODE, "", "node-1"), ("spec", "taints"), after={"key": "a"})


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (REPLICAS, replace(REPLICAS, before=0, after=2), True),
        (REPLICAS, replace(REPLICAS, target=replace(CART, uid="the one")), True),
        (REPLICAS, replace(REPLICAS, target=replace(CART, name="web")), False),
        (REPLICAS, TEMPLATE, False),
        (TEMPLATE, replace(REPLICAS, path=("spec", "template", "metadata")), True),
        (REPLICAS, Entry("created", CART, after="run1"), True),
        (TAINTED, TAINTED, True),
        (TAINTED, Entry("ready", TAINTED.target, (), "since", "kubelet"), False),
        (TAINTED, replace(TAINTED, after={"key": "b"}), False),
    ],
)
def test_two_entries_are_about_the_same_part_of_one_object(one: Entry, other: Entry, *, both: bool) -> None:
    assert same(one, other) is both
    assert same(other, one) is both
