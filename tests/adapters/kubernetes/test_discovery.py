"""Which version of a kind is used, on servers of different age."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from chaoskit import kube
from chaoskit.adapters.kubernetes.discovery import Discovery, Resource, by_preference
from chaoskit.adapters.kubernetes.errors import Unserved
from chaoskit.errors import NotFound


def page(*resources: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {
        "resources": [{"name": name, "kind": kind, "namespaced": True, **more} for name, kind in resources]
    }


def groups(**versions: list[str]) -> dict[str, Any]:
    return {
        "groups": [
            {"name": name, "versions": [{"version": v} for v in found]} for name, found in versions.items()
        ]
    }


class Server:
    """Pages by path, and a note of which were asked for."""

    def __init__(self, pages: dict[str, Any]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def __call__(self, path: str) -> Any:
        self.asked.append(path)
        if path not in self.pages:
            raise Unserved("404 page not found", service="x")
        return self.pages[path]


OLD = {
    "/apis": groups(policy=["v1beta1"], batch=["v1", "v1beta1"]),
    "/apis/policy/v1beta1": page(("poddisruptionbudgets", "PodDisruptionBudget")),
    "/apis/batch/v1": page(("jobs", "Job")),
    "/apis/batch/v1beta1": page(("cronjobs", "CronJob"), ("cronjobs/status", "CronJob")),
    "/api/v1": page(("pods", "Pod"), ("pods/eviction", "Eviction"), group="policy", version="v1beta1"),
}


def test_stable_versions_go_before_beta_and_newer_before_older() -> None:
    assert by_preference(["v1beta1", "v1", "v2alpha1", "v2", "v1beta2", "odd"]) == [
        "v2", "v1", "v1beta2", "v1beta1", "v2alpha1", "odd",
    ]  # fmt: skip


def test_an_old_server_gives_budgets_in_its_beta_version() -> None:
    found = Discovery(Server(OLD)).of(kube.PDB)
    assert found == Resource("policy", "v1beta1", "poddisruptionbudgets", "PodDisruptionBudget", True)


def test_a_kind_is_found_in_the_version_that_has_it() -> None:
    found = Discovery(Server(OLD)).find("batch", "CronJob")
    assert found is not None
    assert (
        found.path("shop", "nightly", "status")
        == "/apis/batch/v1beta1/namespaces/shop/cronjobs/nightly/status"
    )


def test_a_version_that_the_server_lacks_gives_way_to_one_that_it_has() -> None:
    found = Discovery(Server(OLD)).find("policy", "PodDisruptionBudget", "v1")
    assert found is not None
    assert found.api_version == "policy/v1beta1"


def test_evictions_are_of_the_version_that_pods_take() -> None:
    assert Discovery(Server(OLD)).eviction() == "policy/v1beta1"
    assert Discovery(Server({"/api/v1": page(("pods", "Pod"))})).eviction() == "policy/v1"


def test_what_was_found_is_not_asked_for_again() -> None:
    server = Server(OLD)
    discovery = Discovery(server)
    discovery.of(kube.PDB)
    before = len(server.asked)
    discovery.of(kube.PDB)
    assert len(server.asked) == before


def test_who_knows_a_kind_does_not_wait_for_who_asks_for_another() -> None:
    asked, answer = threading.Event(), threading.Event()

    class Slow(Server):
        def __call__(self, path: str) -> Any:
            if path.startswith("/apis/batch"):
                asked.set()
                answer.wait(30)
            return super().__call__(path)

    discovery = Discovery(Slow(OLD))
    known = discovery.of(kube.POD)
    asking = threading.Thread(target=discovery.of, args=(kube.JOB,))
    asking.start()
    asked.wait(30)
    assert discovery.of(kube.POD) is known
    assert asking.is_alive()
    answer.set()
    asking.join(30)


def test_a_kind_installed_later_is_found() -> None:
    server = Server(dict(OLD))
    discovery = Discovery(server)
    assert discovery.of(kube.CHAOS_ENGINE) is None
    server.pages["/apis"] = groups(**{"litmuschaos.io": ["v1alpha1"]})
    server.pages["/apis/litmuschaos.io/v1alpha1"] = page(("chaosengines", "ChaosEngine"))
    found = discovery.of(kube.CHAOS_ENGINE)
    assert found is not None
    assert found.path("shop") == "/apis/litmuschaos.io/v1alpha1/namespaces/shop/chaosengines"


def test_a_kind_removed_is_missed_once_it_was_forgotten() -> None:
    server = Server(dict(OLD))
    discovery = Discovery(server)
    discovery.of(kube.PDB)
    server.pages["/apis"] = groups()
    discovery.forget("policy")
    assert discovery.of(kube.PDB) is None


def test_a_group_that_is_removed_before_it_was_looked_into_is_not_there() -> None:
    server = Server(dict(OLD))
    discovery = Discovery(server)
    discovery.of(kube.PDB)
    server.pages = {"/apis": groups()}
    assert discovery.find("batch", "Job") is None


@pytest.mark.parametrize("gone", ["/apis", "/apis/policy/v1beta1"])
def test_a_page_that_must_be_there_and_is_not_says_nothing_of_what_the_server_has(gone: str) -> None:
    with pytest.raises(Unserved):
        Discovery(Server({path: page for path, page in OLD.items() if path != gone})).of(kube.PDB)


@pytest.mark.parametrize("path", ["/apis", "/apis/policy/v1beta1"])
@pytest.mark.parametrize("page", [None, [], {}, {"status": "ok"}])
def test_neither_does_one_of_whoever_answers_in_the_place_of_the_server(path: str, page: Any) -> None:
    with pytest.raises(Unserved, match=f"what answers at {path} is no Kubernetes API server"):
        Discovery(Server({**OLD, path: page})).of(kube.PDB)


def test_a_version_without_a_page_hides_no_other() -> None:
    found = Discovery(Server({k: v for k, v in OLD.items() if k != "/apis/batch/v1"})).find(
        "batch", "CronJob"
    )
    assert found is not None


def test_what_is_not_served_is_not_found_only_when_the_server_has_the_kind_no_more() -> None:
    server = Server(dict(OLD))
    discovery = Discovery(server)
    with pytest.raises(Unserved), discovery.served("policy", "PodDisruptionBudget"):
        raise Unserved("not now", service="x")
    server.pages["/apis"] = groups()
    missing = r"no PodDisruptionBudget\.policy any more"
    with pytest.raises(NotFound, match=missing), discovery.served("policy", "PodDisruptionBudget"):
        raise Unserved("not now", service="x")


def test_a_cluster_wide_kind_has_no_namespace_in_its_path() -> None:
    node = Resource("", "v1", "nodes", "Node", namespaced=False)
    assert node.path("shop", "node-1") == "/api/v1/nodes/node-1"
