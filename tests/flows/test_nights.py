"""Nights with a controller: it keeps to its namespaces, pages once, asks when it must, rests in a storm."""

from __future__ import annotations

from pathlib import Path

from tests.flows.watched import Town, app, crashing, night, node, stuck

from chaoskit.acts import halt

CORDONED = {"chaoskit.io/run": "r1"}


def test_after_a_node_was_mended_nothing_else_is_watched_than_before(tmp_path: Path) -> None:
    kept = night(
        tmp_path,
        node("node-1", cordoned=True, labels=CORDONED), node("node-2"),
        *stuck("cart"), *crashing("victim", namespace="monitoring"), *crashing("orders", namespace="other"),
        *(each for name in ("a", "b", "c", "d") for each in app(name, namespace="other")),
    )  # fmt: skip
    kept.run(["recover"], at_most=120)
    assert isinstance(kept.cluster, Town)
    assert "uncordon" in [step["action"] for each in kept.records for step in each["steps"]]
    assert {each["namespace"] for each in kept.records} <= {"", "shop"}
    assert kept.cluster.touched("monitoring") == kept.cluster.touched("other") == []


def test_in_all_namespaces_nodes_are_mended_once_and_protected_namespaces_are_left_alone(
    tmp_path: Path,
) -> None:
    kept = night(
        tmp_path,
        node("node-1", cordoned=True, labels=CORDONED), node("node-2"),
        *stuck("cart"), *app("orders"), *app("search"), *crashing("victim", namespace="monitoring"),
        *stuck("b", namespace="other"), *app("c", namespace="other"), *app("d", namespace="other"),
    )  # fmt: skip
    kept.run(["recover"], at_most=60, namespace="")
    assert isinstance(kept.cluster, Town)
    nodes = [each for each in kept.records if each["target"] == "node/node-1"]
    assert [each["outcome"] for each in nodes] == ["recovered"]
    assert kept.cluster.touched("monitoring") == []


def test_what_a_guard_refuses_is_told_once_and_not_tried_again_and_again(tmp_path: Path) -> None:
    kept = night(tmp_path, node("node-1"), *crashing("cart"), *app("orders"), *app("search"))
    halt.halt(kept.cluster, kept.clock, ("recovery",), "a release")
    kept.run(["recover"], at_most=300)
    assert len(kept.steps("refused")) == 1
    assert list(kept.records) == []


# ---------------------------------------------------------------- pods that leave a node

LOST = node("node-1", ready="Unknown")


def test_from_a_lost_node_only_pods_of_the_watched_namespace_leave(tmp_path: Path) -> None:
    kept = night(tmp_path, LOST, node("node-2"), *app("cart"), *app("orders", namespace="other"))
    kept.run(["recover"], at_most=120)
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("shop") == ["cart-h1-a", "cart-h1-b"]
    assert kept.cluster.touched("other") == []


def test_in_all_namespaces_the_pods_of_a_lost_node_leave_at_once_but_protected_ones(tmp_path: Path) -> None:
    kept = night(
        tmp_path, LOST, node("node-2"), *app("cart"), *app("orders", namespace="other"),
        *app("grafana", namespace="monitoring"),
    )  # fmt: skip
    kept.run(["recover"], at_most=120, namespace="")
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("other") == ["orders-h1-a", "orders-h1-b"]
    assert kept.cluster.touched("shop") == ["cart-h1-a", "cart-h1-b"]
    assert kept.cluster.touched("monitoring") == []


def test_a_freeze_of_one_namespace_on_a_lost_node_is_heeded(tmp_path: Path) -> None:
    notes = {"chaoskit.io/freeze-recovery-until": "2026-11-24T00:00:00Z"}
    frozen = {
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other", "annotations": notes},
    }  # fmt: skip
    kept = night(tmp_path, LOST, node("node-2"), frozen, *app("cart"), *app("orders", namespace="other"))
    kept.run(["recover"], at_most=120, namespace="")
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("shop") == kept.cluster.touched("other") == []
    assert [each for each in kept.steps("refused") if "namespace other is frozen for recovery" in each]
