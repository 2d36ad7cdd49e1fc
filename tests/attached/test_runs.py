"""`chaoskit run` on real Kubernetes 1.20, with real pods, and Litmus' actor in Litmus' place.

Runs take their time, so those that do not disturb one another are under way at once, each in a namespace
of its own; a test waits for its own. Recorded engines are run unchanged.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.attached.laboratory import Laboratory, document, namespace_of, recorded, run
from tests.commandline import CommandLine, Ended, read_until
from tests.servers import until
from tests.simulator.litmus import stories
from tests.simulator.litmus.lab import Seen
from tests.simulator.litmus.stories import Step
from tests.simulator.litmus.test_recordings import Both, same
from tests.simulator.litmus.test_recordings import recorded as recorded_on_another

import chaoskit
from chaoskit import experiments, kube
from chaoskit.ports.cluster import Access, Object, ObjectRef
from chaoskit.simulator.litmus.manifests import ACCOUNT

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

FIRST = "pod-delete-pass"
"""What keeps the operator busy with an abort begins when this has ended: it has one worker."""
WATCHED = (FIRST, "pod-delete-probe-fails")
"""Held against their recordings."""
NO_BASELINE = ("probe-sot-fails", "probe-sot-stop-on-failure")
BESIDE = ("cleanup-delete", "container-kill-pass", "pod-cpu-hog-pass", *NO_BASELINE)
IN_VAIN = ("no-target-pods", "missing-experiment", "missing-serviceaccount", "sa-without-rights")
"""Run side by side by one process, with the checks before, and then without."""
UNPULLED = "experiment-image-missing"
NATIVE, LIBRARY = "force-delete-pass", "two-experiments"
"""Scenarios whose namespaces serve for what is no recorded scenario; the second is run there, too."""
STOPPED, KILLED = "abort-midway", "delete-midway"
"""Scenarios with a fault that lasts a minute, so that it can be ended midway."""


class Runs:
    """What is under way, by name; asking for one waits for it."""

    def __init__(self, laboratory: Laboratory, folder: Path, pool: ThreadPoolExecutor) -> None:
        self.laboratory = laboratory
        self.before: dict[str, set[str]] = {}
        """The uids of the web pods that each scenario's namespace had before anything was run."""
        self.seen: dict[str, list[Seen]] = {}
        self._folder = folder
        self._pool = pool
        self._futures: dict[str, Future[Ended]] = {}

    def begin(self) -> None:
        """Everything is under way, or will be when the first has ended."""
        first, *_ = [self._begin(scenario, self._watched) for scenario in WATCHED]
        for scenario in BESIDE:
            self._begin(scenario, self._run, document(scenario))
        in_vain = (*map(document, IN_VAIN), "--parallel", len(IN_VAIN))
        checked = self._begin("checked", self._run, *in_vain)
        self._after(checked, "unchecked", self._run, *in_vain, "--no-preflight")
        self._begin("native", self._run, self._native())
        self._after(self._begin("library", self._library), LIBRARY, self._run, document(LIBRARY))
        self._after(first, "again", self._run, document(FIRST))
        self._after(first, "stopped", self._stopped)
        self._after(first, "killed", self._killed)
        self._after(first, UNPULLED, self._run, document(UNPULLED))

    def __getitem__(self, name: str) -> Ended:
        return self._futures[name].result()

    def record(self, name: str, namespace: str = "") -> dict[str, Any]:
        """The one record of a call, or the one of a namespace, and the call's exit code."""
        ended = self[name]
        assert ended.out, ended.err
        (found,) = (each for each in ended.json["runs"] if namespace in {"", each["namespace"]})
        return {"exit": ended.code, **found}

    # ------------------------------------------------------------------ each in a thread of its own

    def _begin(self, name: str, work: Callable[..., Ended], *arguments: object) -> Future[Ended]:
        self._futures[name] = self._pool.submit(work, name, *arguments)
        return self._futures[name]

    def _after(self, first: Future[Ended], name: str, work: Callable[..., Ended], *arguments: object) -> None:
        def wait_and_work() -> Ended:
            first.exception()
            return work(name, *arguments)

        self._futures[name] = self._pool.submit(wait_and_work)

    def _run(self, name: str, *words: object) -> Ended:
        home = self._folder / name
        return run(home, self.laboratory.kubeconfig, "run", *words, "--yes", "-o", "json")

    def _watched(self, name: str) -> Ended:
        with recorded(self.laboratory.kubeconfig, namespace_of(name)) as self.seen[name]:
            return self._run(name, document(name))

    def _native(self) -> Path:
        body = {
            "apiVersion": "chaoskit.io/v1",
            "kind": "Experiment",
            "metadata": {"name": "web-container-kill", "namespace": namespace_of(NATIVE)},
            "spec": {
                "fault": {"kind": "container-kill"},
                "targets": {"workloads": ["deployment/web"]},
                "duration": "5s",
                "litmus": {"serviceAccount": "litmus-sa"},
                "steadyState": [
                    {"kubernetes": {"workload": "deployment/web"}, "mode": "edges", "recoversWithin": "60s"}
                ],
            },
        }
        file = self._folder / "native.yaml"
        file.write_text(yaml.safe_dump(body), encoding="utf-8")
        return file

    def _library(self, name: str) -> Ended:
        """An engine for another namespace than it was recorded in, through the library."""
        body = yaml.safe_load(document(NATIVE).read_text(encoding="utf-8"))
        body["metadata"]["namespace"] = body["spec"]["appinfo"]["appns"] = namespace_of(LIBRARY)
        home = self._folder / name
        home.mkdir()
        file = home / "engine.yaml"
        file.write_text(yaml.safe_dump(body), encoding="utf-8")
        (trial,) = experiments.load([str(file)])
        with chaoskit.connect(home=home, kubeconfig=str(self.laboratory.kubeconfig)) as world:
            record = chaoskit.AIChaosEngine(world).run(trial)
        return Ended(record.outcome.exit_code, json.dumps({"runs": [record.document()]}), "")

    def _stopped(self, name: str) -> Ended:
        """SIGINT while the fault lasts."""
        return self._ended_by(name, STOPPED, signal.SIGINT)

    def _killed(self, name: str) -> Ended:
        """`kill -9` while the fault lasts, then a rescue by somebody else."""
        self._ended_by(name, KILLED, signal.SIGKILL)
        namespace = namespace_of(KILLED)
        assert self.laboratory.left(namespace)
        return run(
            self._folder / "rescuer", self.laboratory.kubeconfig, "rescue", "-n", namespace, "-o", "json"
        )

    def _ended_by(self, name: str, scenario: str, number: signal.Signals) -> Ended:
        home = self._folder / name
        home.mkdir()
        words = ("run", document(scenario), "--yes", "-o", "json")
        with CommandLine(home, self.laboratory.kubeconfig).start(*words) as process:
            said = read_until(process, "injected")
            process.send_signal(number)
            out, err = process.communicate(timeout=200)
        return Ended(process.returncode, out, said + err)


@pytest.fixture(scope="module")
def runs(laboratory: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    scenarios = (*WATCHED, *BESIDE, *IN_VAIN, NATIVE, LIBRARY, STOPPED, KILLED, UNPULLED)
    laboratory.furnish(*scenarios)
    with ThreadPoolExecutor(max_workers=32) as pool:
        found = Runs(laboratory, tmp_path_factory.mktemp("homes"), pool)
        found.before = {each: set(laboratory.web_pods(namespace_of(each))) for each in scenarios}
        found.begin()
        yield found
    laboratory.clear(*map(namespace_of, scenarios))


def test_the_actor_brings_the_faults_that_are_asked_for_and_an_account_with_their_rights(
    laboratory: Laboratory,
) -> None:
    there = laboratory.cluster.list(kube.CHAOS_EXPERIMENT, "default").items
    assert [each["metadata"]["name"] for each in there] == ["pod-delete"]
    user = f"system:serviceaccount:default:{ACCOUNT}"
    for verb, allowed in (("delete", "allowed"), ("impersonate", "denied")):
        assert laboratory.cluster.can_i(Access(verb, "", "pods", "default"), user=user) == allowed


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("no-target-pods", "no pod is selected: pods of a deployment with app=nope"),
        ("missing-experiment", "ChaosExperiment pod-vanish is missing"),
        ("missing-serviceaccount", "service account no-such-sa is missing"),
        ("sa-without-rights", "service account bare-sa may not"),
    ],
)
def test_what_would_hang_or_do_nothing_is_found_before_anything_is_written(
    runs: Runs, scenario: str, words: str
) -> None:
    record = runs.record("checked", namespace_of(scenario))
    assert (record["exit"], record["outcome"]) == (4, "cannot-start")
    assert words in record["reason"]
    assert record["undo"]["state"] == "none needed"


def test_a_fault_that_every_probe_survives_passes_and_hit_real_pods(runs: Runs) -> None:
    record = runs.record(FIRST)
    assert (record["exit"], record["outcome"], record["undo"]["state"]) == (0, "passed", "confirmed")
    now = set(runs.laboratory.web_pods(namespace_of(FIRST)))
    assert len(now) == 2
    assert runs.before[FIRST] - now


def test_a_probe_that_only_fails_after_the_fault_is_a_weakness(runs: Runs) -> None:
    record = runs.record("pod-delete-probe-fails")
    assert (record["exit"], record["outcome"]) == (1, "weakness-found")
    assert "ghost-pods-present (EOT)" in record["reason"]


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("no-target-pods", "TARGET_SELECTION_ERROR"),
        ("missing-experiment", "Unable to get chaos resources"),
        ("missing-serviceaccount", "Unable to get chaos resources"),
        ("sa-without-rights", "unable to get ChaosEngineUID"),
    ],
)
def test_without_the_checks_the_course_is_followed_and_ends_the_same(
    runs: Runs, scenario: str, words: str
) -> None:
    record = runs.record("unchecked", namespace_of(scenario))
    assert (record["exit"], record["outcome"]) == (4, "cannot-start")
    assert words in record["reason"]
    assert runs.laboratory.left(namespace_of(scenario)) == []


def test_a_killed_container_is_really_restarted_by_its_node(runs: Runs) -> None:
    record = runs.record("container-kill-pass")
    assert (record["exit"], record["outcome"]) == (0, "passed")

    def restarted() -> list[dict[str, Any]]:
        pods = runs.laboratory.web_pods(namespace_of("container-kill-pass")).values()
        statuses = (status for pod in pods for status in pod["status"]["containerStatuses"])
        return [each for each in statuses if each["restartCount"]]

    until(lambda: all("terminated" in each["lastState"] for each in restarted()), 30, "no end is told")
    statuses = restarted()
    assert sum(each["restartCount"] for each in statuses) == 2
    assert {each["lastState"]["terminated"]["exitCode"] for each in statuses} == {137}


def test_a_cpu_hog_really_burns_cpu_in_its_target(runs: Runs) -> None:
    record = runs.record("pod-cpu-hog-pass")
    assert (record["exit"], record["outcome"]) == (0, "passed")
    used = cpu_seconds(runs.laboratory, namespace_of("pod-cpu-hog-pass"))
    assert max(used) > 5
    assert min(used) < 2


def cpu_seconds(laboratory: Laboratory, namespace: str) -> list[float]:
    """What each of the workload's containers has used since it began, as its own cgroup counts it."""
    command = ["cat", "/sys/fs/cgroup/cpuacct/cpuacct.usage"]
    pods = (
        ObjectRef(kube.POD, namespace, p["metadata"]["name"]) for p in laboratory.web_pods(namespace).values()
    )
    return [int(laboratory.cluster.exec(pod, command).stdout) / 1e9 for pod in pods]


def test_faults_of_two_namespaces_were_under_way_at_once(runs: Runs) -> None:
    """Which two, the machine decides: it has fewer cores than there are runs."""
    records = [
        runs.record(each) for each in (*WATCHED, "cleanup-delete", "container-kill-pass", "pod-cpu-hog-pass")
    ]
    assert len({each["namespace"] for each in records}) == len(records)
    assert any(
        one["injected_at"] < other["injected_at"] < one["injected_until"]
        for one, other in permutations(records, 2)
    )


def test_with_the_policy_delete_nothing_of_litmus_is_left_but_the_result(runs: Runs) -> None:
    record = runs.record("cleanup-delete")
    assert (record["exit"], record["outcome"]) == (0, "passed")
    namespace, cluster = namespace_of("cleanup-delete"), runs.laboratory.cluster
    assert cluster.list(kube.JOB, namespace).items == ()
    assert cluster.list(kube.POD, namespace, labels="chaosUID").items == ()
    (result,) = cluster.list(kube.CHAOS_RESULT, namespace).items
    assert result["status"]["experimentStatus"]["verdict"] == "Pass"


def test_an_engine_of_the_same_name_runs_again_and_its_old_result_is_not_read(runs: Runs) -> None:
    first, again = runs.record(FIRST), runs.record("again")
    assert (again["exit"], again["outcome"]) == (0, "passed")
    (result,) = runs.laboratory.cluster.list(kube.CHAOS_RESULT, namespace_of(FIRST)).items
    assert result["status"]["history"]["passedRuns"] == 2
    assert first["id"] != again["id"]


def test_an_experiment_of_chaoskit_itself_leaves_nothing_of_its_own(runs: Runs) -> None:
    record = runs.record("native")
    assert (record["exit"], record["outcome"]) == (0, "passed")
    namespace = namespace_of(NATIVE)
    assert runs.laboratory.left(namespace) == []
    assert runs.laboratory.cluster.list(kube.CHAOS_ENGINE, namespace).items == ()
    assert runs.laboratory.cluster.list(kube.CHAOS_RESULT, namespace).items == ()


def test_a_run_that_its_user_stops_is_undone_and_leaves_nothing(runs: Runs) -> None:
    record = runs.record("stopped")
    assert (record["exit"], record["outcome"]) == (130, "interrupted")
    assert record["undo"]["state"] == "confirmed"
    assert runs.laboratory.left(namespace_of(STOPPED)) == []


def test_a_killed_run_is_finished_by_a_rescue_from_another_home(runs: Runs) -> None:
    ended = runs["killed"]
    assert ended.code == 0, ended.err
    assert [each["undo"] for each in ended.json["rescued"]] == ["confirmed"]
    assert runs.laboratory.left(namespace_of(KILLED)) == []


def test_an_image_that_no_node_can_pull_is_named(runs: Runs) -> None:
    record = runs.record(UNPULLED)
    assert (record["exit"], record["outcome"]) == (4, "cannot-start")
    assert "registry.invalid/litmuschaos/go-runner:none" in record["reason"]
    assert runs.laboratory.left(namespace_of(UNPULLED)) == []


@pytest.mark.parametrize("scenario", NO_BASELINE)
def test_a_baseline_that_is_broken_before_the_fault_is_none(runs: Runs, scenario: str) -> None:
    """Litmus injects all the same, unless it is told to stop."""
    record = runs.record(scenario)
    assert (record["exit"], record["outcome"]) == (8, "no-baseline")
    stops = scenario == "probe-sot-stop-on-failure"
    assert (record["injected_at"] is None) == stops
    now = set(runs.laboratory.web_pods(namespace_of(scenario)))
    assert (runs.before[scenario] == now) == stops


def test_both_faults_of_an_engine_are_brought_about_and_judged(runs: Runs) -> None:
    record = runs.record(LIBRARY)
    assert (record["exit"], record["outcome"], record["undo"]["state"]) == (0, "passed", "confirmed")
    results = runs.laboratory.cluster.list(kube.CHAOS_RESULT, namespace_of(LIBRARY)).items
    mine = [each for each in results if each["metadata"]["name"].startswith(f"{record['name']}-")]
    assert [each["status"]["experimentStatus"]["verdict"] for each in mine] == ["Pass", "Pass"]


def test_the_library_runs_the_same(runs: Runs) -> None:
    record = runs.record("library")
    assert (record["exit"], record["outcome"]) == (0, "passed")


# ---------------------------------------------------------------------- held against the recording

OURS = {"app.kubernetes.io/managed-by", kube.RUN_LABEL}
NEWER = "batch.kubernetes.io/"
SECONDS = 30.0
"""What may differ from the recordings, which were made on Kubernetes 1.36 without chaoskit:

| differs                           | because                                                   |
|-----------------------------------|-----------------------------------------------------------|
| the labels of a run               | it marks its engine, and Litmus copies an engine's labels |
| `batch.kubernetes.io/...`         | labels and a finalizer that job controllers set since 1.26 |
| 30 s and 5 % of t                 | other tests use the machine at the same time              |

Not compared, as with the simulated cluster: uids, resource versions, times inside objects, generated names.
"""


@pytest.fixture(scope="module", params=WATCHED)
def both(request: pytest.FixtureRequest, runs: Runs) -> Both:
    """The same engine, as it was recorded elsewhere and as it ran here."""
    scenario: str = request.param
    assert runs[scenario].out
    return scenario, comparable(recorded_on_another(scenario)), comparable(runs.seen[scenario])


def comparable(seen: Iterable[Seen]) -> list[Seen]:
    """What was seen, without what may differ."""
    return [Seen(s.t, s.kind, s.type, stripped(s.object)) for s in seen]


def stripped(body: Object) -> Object:
    meta = body["metadata"]
    labels = {
        k: v for k, v in (meta.get("labels") or {}).items() if k not in OURS and not k.startswith(NEWER)
    }
    finalizers = [each for each in meta.get("finalizers") or () if not each.startswith(NEWER)]
    kept = {k: v for k, v in meta.items() if k not in {"labels", "finalizers"}}
    kept |= {"labels": labels} if labels else {}
    return body | {"metadata": kept | ({"finalizers": finalizers} if finalizers else {})}


def events_of(kind: str) -> Callable[[list[Seen]], list[Step]]:
    return lambda seen: stories.events(seen, kind)


def specifications(seen: list[Seen]) -> list[Step]:
    return sorted(stories.specifications(seen), key=lambda s: (s.what["name"], s.t))


@pytest.mark.parametrize(
    "told",
    [
        stories.engine,
        stories.results,
        events_of("ChaosEngine"),
        events_of("ChaosResult"),
        specifications,
        stories.endings,
    ],
    ids=["engine", "results", "events of the engine", "events of the result", "pods and jobs", "their ends"],
)
def test_the_course_is_the_recorded_one(both: Both, told: Callable[[list[Seen]], list[Step]]) -> None:
    same(told, both, seconds=SECONDS)


def test_the_workload_suffers_as_recorded(both: Both) -> None:
    _, there, here = both
    assert stories.suffered(here) == stories.suffered(there)
