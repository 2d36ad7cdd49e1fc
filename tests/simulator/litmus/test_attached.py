"""The actor beside containers that only wait, with nothing but the API: as on a real cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytest
from tests.simulator.litmus.lab import ENGINE, RESULT, START
from tests.simulator.litmus.test_lifecycle import NAMESPACE, WEB_ANSWERS, chaos, probe, web

from chaoskit.simulator import controllers
from chaoskit.simulator.api import Access, ApiError, Change, Object
from chaoskit.simulator.apiserver.local import LocalApi
from chaoskit.simulator.controllers.scheduler import Scheduler
from chaoskit.simulator.engine import Engine, Script
from chaoskit.simulator.execution import Executed
from chaoskit.simulator.litmus import attached, stubs
from chaoskit.simulator.litmus.account import Account
from chaoskit.simulator.litmus.definitions import DEFINITIONS
from chaoskit.simulator.litmus.manifests import install
from chaoskit.simulator.node import nodes
from chaoskit.simulator.node.programs import Invocation, Process
from chaoskit.simulator.objects import timestamp

Answer = Callable[[Sequence[str]], Executed]


class Town:
    """A cluster whose node knows nothing of the simulator: containers wait until they are told to end."""

    def __init__(self) -> None:
        self.engine = Engine(start=START)
        self.api = LocalApi(self.engine)
        self.ran: list[tuple[str, ...]] = []
        self.answers: dict[str, Answer] = {}
        self.deaf = 0
        for name in ("kube-node-lease", "litmus", NAMESPACE):
            self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        nodes.create(self.api, self.engine.now(), count=1)
        for body in DEFINITIONS:
            self.api.create(body)
        install(self.api, [NAMESPACE])
        controllers.start_all(self.api, self.engine)
        Scheduler(self.api, self.engine).start()
        self.api.watch("Pod", self._seen)
        attached.operator(self, self.engine).start()
        self.api.create(web())
        self.engine.run_for(10)

    # ------------------------------------------------------------------ what the actor needs

    def __getattr__(self, name: str) -> Any:
        return getattr(self.api, name)

    def acting_as(self, namespace: str, account: str) -> Access:
        return Account(self.api, namespace, account)

    def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], seconds: float = 10.0
    ) -> Executed:
        found = self.api.get("Pod", namespace, pod)
        if found is None or "running" not in state(found):
            raise ApiError(500, "InternalError", "container not running")
        if self.deaf:
            self.deaf -= 1
            raise ApiError(503, "ServiceUnavailable", "try again")
        self.ran.append(tuple(command))
        if tuple(command[:2]) == ("/stub", "end"):
            self._tell(found, int(command[2]))
        answer = self.answers.get(command[0])
        return answer(command) if answer else Executed(0)

    # ------------------------------------------------------------------ the node

    def _seen(self, change: Change, pod: Object) -> None:
        meta = pod["metadata"]
        if change == "DELETED" or not pod["spec"].get("nodeName"):
            return
        if "deletionTimestamp" in meta:
            self.engine.call_later(30, lambda: self._remove(meta))
        elif "containerStatuses" not in pod.get("status", {}):
            self._tell(pod, None)

    def _remove(self, meta: Object) -> None:
        self.api.delete("Pod", meta["namespace"], meta["name"], grace=0, uid=meta["uid"])

    def _tell(self, pod: Object, code: int | None) -> None:
        meta, now = pod["metadata"], timestamp(self.engine.now())
        ended = {"exitCode": code, "reason": "Error" if code else "Completed", "finishedAt": now}
        container = {
            "name": pod["spec"]["containers"][0]["name"],
            "containerID": f"containerd://{meta['name']}",
            "state": {"running": {"startedAt": now}} if code is None else {"terminated": ended},
            "ready": code is None,
            "restartCount": 0,
        }
        phase = {None: "Running", 0: "Succeeded"}.get(code, "Failed")
        status = {"status": {"phase": phase, "containerStatuses": [container]}}
        self.api.patch("Pod", meta["namespace"], meta["name"], status, "status")
        if "deletionTimestamp" in meta:
            self._remove(meta)

    # ------------------------------------------------------------------ looking

    def told(self, fault: str) -> tuple[str, str]:
        engine, result = (self.api.get(*which) for which in ((ENGINE, NAMESPACE, "e"), where(fault)))
        assert engine is not None
        assert result is not None
        return engine["status"]["engineStatus"], result["status"]["experimentStatus"]["verdict"]

    def reason(self, fault: str) -> str:
        result = self.api.get(*where(fault))
        assert result is not None
        return str(result["status"]["experimentStatus"]["errorOutput"]["reason"])

    def pods(self) -> set[str]:
        return {p["metadata"]["uid"] for p in self.api.list("Pod", NAMESPACE, "app=web")}

    def live(self, seconds: float) -> None:
        """So many seconds pass, with time on the wall for what is done beside the engine."""
        for _ in range(int(seconds * 10)):
            self.engine.run_for(0.1)
            time.sleep(0.0005)


def where(fault: str) -> tuple[str, str, str]:
    return RESULT, NAMESPACE, f"e-{fault}"


def state(pod: Object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = pod["status"]["containerStatuses"][0]["state"]
    return found


def fails(_: Sequence[str]) -> Executed:
    return Executed(1, stderr="no such thing")


def test_a_fault_by_the_experiment_itself_runs_to_its_verdict() -> None:
    town = Town()
    before = town.pods()
    town.api.create(chaos("pod-delete", {"TOTAL_CHAOS_DURATION": "5"}))
    town.engine.run_for(90)
    assert town.told("pod-delete") == ("completed", "Pass")
    assert town.pods() != before


def test_programs_end_their_containers_and_write_their_logs() -> None:
    town = Town()
    town.api.create(chaos("pod-delete", {"TOTAL_CHAOS_DURATION": "5"}))
    town.engine.run_for(90)
    ended = [state(pod)["terminated"]["exitCode"] for pod in town.api.list("Pod", NAMESPACE, "chaosUID")]
    assert ended == [0, 0]
    assert any(words[:2] == ("/stub", "say") and "Killing" in words[2] for words in town.ran)


def test_a_container_that_cannot_be_reached_for_a_moment_is_ended_all_the_same() -> None:
    town = Town()
    town.api.create(chaos("pod-delete", {"TOTAL_CHAOS_DURATION": "0"}))
    town.engine.run_for(15)
    town.deaf = 3
    town.engine.run_for(60)
    assert town.told("pod-delete") == ("completed", "Pass")


def test_container_kill_signals_the_container_by_its_id_from_inside_the_helper() -> None:
    town = Town()
    town.api.create(chaos("container-kill", {"TOTAL_CHAOS_DURATION": "5", "SIGNAL": "SIGTERM"}))
    town.engine.run_for(40)
    (kill,) = (words for words in town.ran if words[0] == "ctr")
    assert kill[-4:-1] == ("kill", "--signal", "SIGTERM")
    assert kill[-1] in {p["metadata"]["name"] for p in town.api.list("Pod", NAMESPACE, "app=web")}


@pytest.mark.parametrize(
    ("fault", "env", "wanted"),
    [
        ("pod-cpu-hog", {"CPU_CORES": "2"}, ("cpu", "2", "10")),
        ("pod-memory-hog", {"MEMORY_CONSUMPTION": "3"}, ("memory", "3000000", "10")),
    ],
)
def test_a_hog_is_begun_in_the_container_and_ended(
    fault: str, env: dict[str, str], wanted: tuple[str, ...]
) -> None:
    town = Town()
    town.api.create(chaos(fault, env | {"TOTAL_CHAOS_DURATION": "10"}))
    town.engine.run_for(90)
    begun, ended = (words for words in town.ran if words[0] == "/stress")
    assert begun[2:] == wanted
    assert ended == (*begun[:2], "end")
    assert town.told(fault) == ("completed", "Pass")


def test_a_fault_that_a_stub_cannot_make_is_an_error_and_never_a_pass() -> None:
    town = Town()
    town.api.create(chaos("pod-network-loss", {"TOTAL_CHAOS_DURATION": "10"}))
    town.engine.run_for(120)
    assert town.told("pod-network-loss") == ("completed", "Error")
    assert "network-loss cannot be made by a stub" in town.reason("pod-network-loss")


def test_a_fault_that_fails_in_the_helper_is_an_error_with_the_commands_own_words() -> None:
    town = Town()
    town.answers["ctr"] = fails
    town.api.create(chaos("container-kill", {"TOTAL_CHAOS_DURATION": "10"}))
    town.engine.run_for(120)
    assert town.told("container-kill") == ("completed", "Error")
    assert "no such thing" in town.reason("container-kill")


@pytest.mark.parametrize(
    ("stderr", "verdict"),
    [
        ("  HTTP/1.1 301 Moved\n  HTTP/1.1 200 OK\n", "Pass"),
        ("  HTTP/1.1 503 Down\nwget: server returned error: HTTP/1.1 503 Down\n", "Fail"),
        ("wget: bad address 'web.town.svc.cluster.local'\n", "Fail"),
    ],
)
def test_an_http_probe_is_asked_from_the_experiments_own_pod(stderr: str, verdict: str) -> None:
    town = Town()
    town.answers["wget"] = lambda _: Executed(0, stderr=stderr)
    wanted = probe("httpProbe", "SOT", WEB_ANSWERS)
    town.api.create(chaos("pod-delete", {"TOTAL_CHAOS_DURATION": "1"}, probe=[wanted]))
    town.live(60)
    assert ("wget", "-q", "-S", "-O", "/dev/null", WEB_ANSWERS["url"]) in town.ran
    assert town.told("pod-delete") == ("completed", verdict)


def test_a_command_probe_is_run_in_the_experiments_own_pod() -> None:
    town = Town()
    town.answers["/bin/sh"] = lambda _: Executed(0, "42\n")
    comparator = {"type": "int", "criteria": "==", "value": "42"}
    asked = {"command": "echo $((6 * 7))", "comparator": comparator}
    wanted = probe("cmdProbe", "SOT", asked, probeTimeout="50s")  # the thread beside it may wait for a core
    town.api.create(chaos("pod-delete", {"TOTAL_CHAOS_DURATION": "1"}, probe=[wanted]))
    town.live(60)
    assert ("/bin/sh", "-c", "echo $((6 * 7))") in town.ran
    assert town.told("pod-delete") == ("completed", "Pass")


def test_an_abort_is_written_while_the_containers_are_made_to_end() -> None:
    town = Town()
    town.api.create(chaos("pod-delete", {"TOTAL_CHAOS_DURATION": "60"}))
    town.engine.run_for(20)
    town.api.patch(ENGINE, NAMESPACE, "e", {"spec": {"engineState": "stop"}})
    town.engine.run_for(20)
    assert town.told("pod-delete") == ("stopped", "Stopped")
    assert town.api.list("Pod", NAMESPACE, "chaosUID") == ()


def test_a_container_that_only_starts_when_its_pod_is_going_ends_as_by_sigterm() -> None:
    engine, told = Engine(start=START), []
    labels = {"chaosUID": "u"}
    meta = {"name": "late", "namespace": NAMESPACE, "uid": "p", "labels": labels, "deletionTimestamp": "now"}
    running = {"name": "c", "containerID": "containerd://1", "state": {"running": {}}}
    pod = {
        "metadata": meta,
        "spec": {"containers": [{"name": "c"}]},
        "status": {"containerStatuses": [running]},
    }

    class Late:
        def watch(self, kind: str, seen: Callable[[Change, Object], None]) -> None:
            seen("MODIFIED", pod)

        def execute(self, _: str, pod: str, container: str, command: Sequence[str], __: float) -> Executed:
            told.append((pod, container, *command))
            return Executed(0)

    def never(*_: object) -> None:
        raise AssertionError

    stubs.StubProcesses(cast(stubs.Remote, Late()), engine).start(never)
    engine.run_for(1)
    assert told == [("late", "c", "/stub", "end", "143")]


def panics() -> Script:
    yield 1.0
    raise LookupError("no such thing")


def in_the_simulator(engine: Engine, codes: list[int]) -> None:
    start = Invocation(NAMESPACE, "p", "c", "image", (), {}, {})
    Process(start, engine, lambda _: None, lambda code, _: codes.append(code)).run(panics())


def in_a_real_container(engine: Engine, codes: list[int]) -> None:
    def container(*command: str) -> Executed:
        codes.append(int(command[-1]))
        return Executed(0)

    stubs.StubProcess(cast(stubs.StubContainer, container), engine).run(panics())


@pytest.mark.parametrize("binding", [in_the_simulator, in_a_real_container])
def test_a_program_that_fails_ends_with_2_wherever_it_runs(
    binding: Callable[[Engine, list[int]], None],
) -> None:
    engine, codes = Engine(start=START), list[int]()
    binding(engine, codes)
    with pytest.raises(LookupError):
        engine.run_for(2)
    engine.run_for(2)
    assert codes == [2]
