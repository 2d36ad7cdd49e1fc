"""The actor beside stub containers, with nothing but the API: as on a real cluster."""

from __future__ import annotations

from tests.simulator.litmus.lab import ENGINE, RESULT, START
from tests.simulator.litmus.test_lifecycle import NAMESPACE, chaos, web

from chaoskit.simulator import controllers
from chaoskit.simulator.api import ApiError, Change, Object
from chaoskit.simulator.apiserver.local import LocalApi
from chaoskit.simulator.controllers.scheduler import Scheduler
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.litmus import Operator
from chaoskit.simulator.litmus.definitions import DEFINITIONS
from chaoskit.simulator.litmus.manifests import install
from chaoskit.simulator.node import nodes
from chaoskit.simulator.objects import timestamp


class Node:
    """A node without programs: containers run until their image says exit, or their pod goes."""

    def __init__(self, api: LocalApi, engine: Engine) -> None:
        self._api = api
        self._engine = engine
        api.watch("Pod", self._seen)

    def _seen(self, change: Change, pod: Object) -> None:
        meta, (container, *_) = pod["metadata"], pod["spec"]["containers"]
        if change == "DELETED" or not pod["spec"].get("nodeName"):
            return
        if "deletionTimestamp" in meta:
            self._engine.call_later(7, lambda: self._remove(meta))
        elif ":exit-" in container["image"]:
            self._tell(pod, int(container["image"][-1]))
        elif "containerStatuses" not in pod.get("status", {}):
            self._tell(pod, None)

    def _remove(self, meta: Object) -> None:
        self._api.delete("Pod", meta["namespace"], meta["name"], grace=0, uid=meta["uid"])

    def _tell(self, pod: Object, code: int | None) -> None:
        now = timestamp(self._engine.now())
        ended = {"exitCode": code, "reason": "Error" if code else "Completed", "finishedAt": now}
        state = {"running": {"startedAt": now}} if code is None else {"terminated": ended}
        phase = {None: "Running", 0: "Succeeded"}.get(code, "Failed")
        container = {
            "name": pod["spec"]["containers"][0]["name"],
            "state": state,
            "ready": code is None,
            "restartCount": 0,
        }
        status = {"status": {"phase": phase, "containerStatuses": [container]}}
        meta = pod["metadata"]
        try:
            self._api.patch("Pod", meta["namespace"], meta["name"], status, "status")
        except ApiError as error:
            if error.code != 404:
                raise


def remote() -> tuple[LocalApi, Engine]:
    """A cluster whose nodes know nothing of the simulator, with the actor attached to its API."""
    engine = Engine(start=START)
    api = LocalApi(engine)
    for name in ("kube-node-lease", "litmus", NAMESPACE):
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    nodes.create(api, engine.now(), count=1)
    for body in DEFINITIONS:
        api.create(body)
    install(api, [NAMESPACE])
    controllers.start_all(api, engine)
    Scheduler(api, engine).start()
    Node(api, engine)
    Operator(api, engine).start()
    api.create(web())
    engine.run_for(10)
    return api, engine


def told(api: LocalApi, fault: str) -> tuple[str, str]:
    engine, result = api.get(ENGINE, NAMESPACE, "e"), api.get(RESULT, NAMESPACE, f"e-{fault}")
    assert engine is not None
    assert result is not None
    return engine["status"]["engineStatus"], result["status"]["experimentStatus"]["verdict"]


def test_a_fault_by_the_experiment_itself_runs_to_its_verdict() -> None:
    api, engine = remote()
    before = {p["metadata"]["uid"] for p in api.list("Pod", NAMESPACE, "app=web")}
    api.create(chaos("pod-delete", {"TOTAL_CHAOS_DURATION": "5"}))
    engine.run_for(90)
    assert told(api, "pod-delete") == ("completed", "Pass")
    assert {p["metadata"]["uid"] for p in api.list("Pod", NAMESPACE, "app=web")} != before


def test_a_fault_by_a_helper_runs_to_its_verdict() -> None:
    api, engine = remote()
    api.create(chaos("pod-network-loss", {"TOTAL_CHAOS_DURATION": "10"}))
    engine.run_for(120)
    assert told(api, "pod-network-loss") == ("completed", "Pass")


def test_programs_that_have_ended_leave_the_exit_image_of_their_own_repository() -> None:
    api, engine = remote()
    api.create(chaos("pod-delete", {"TOTAL_CHAOS_DURATION": "5"}))
    engine.run_for(90)
    images = {p["spec"]["containers"][0]["image"] for p in api.list("Pod", NAMESPACE, "chaosUID")}
    assert {image.rpartition("/")[2] for image in images} == {
        "chaos-runner:exit-0",
        "go-runner:exit-0",
    }


def test_an_abort_is_written_while_the_stub_containers_end() -> None:
    api, engine = remote()
    api.create(chaos("pod-delete", {"TOTAL_CHAOS_DURATION": "60"}))
    engine.run_for(20)
    api.patch(ENGINE, NAMESPACE, "e", {"spec": {"engineState": "stop"}})
    engine.run_for(30)
    assert told(api, "pod-delete") == ("stopped", "Stopped")
    assert api.list("Pod", NAMESPACE, "chaosUID") == ()
