"""Litmus' operator: one worker that brings ChaosEngines from created to completed, stopped or gone."""

from __future__ import annotations

from collections import deque

from chaoskit.simulator.api import ApiError, Change, Object
from chaoskit.simulator.engine import Script, Task
from chaoskit.simulator.litmus import engines
from chaoskit.simulator.litmus.engines import FINALIZER, IncompleteError
from chaoskit.simulator.litmus.experiment import Experiment
from chaoskit.simulator.litmus.helper_programs import HelperProgram
from chaoskit.simulator.litmus.inside import Inside, World
from chaoskit.simulator.litmus.kinds import ENGINE, EXPERIMENT, JOB, RESULT, uid
from chaoskit.simulator.litmus.node_programs import NodeProgram
from chaoskit.simulator.litmus.processes import Process, Processes
from chaoskit.simulator.litmus.results import fold
from chaoskit.simulator.litmus.runner import Runner
from chaoskit.simulator.objects import timestamp
from chaoskit.simulator.recorder import Recorder

Key = tuple[str, str]
"""Namespace and name of an engine."""

_DEPLOYMENT, _NAME = "Deployment.apps", "chaos-operator"
_FIRST_RETRY, _LONGEST_RETRY = 0.005, 1000.0
_POLL = 1.0
_PATIENCE = 180.0
"""Seconds that an abort waits for the chaos pods to go, before it begins anew."""


class Operator:
    """Reconciles engines one at a time; while one is torn down, the others wait.

    `processes` runs what is in the pods of runners, experiments and helpers.
    """

    def __init__(self, world: World, processes: Processes) -> None:
        self._world = world
        self._processes = processes
        self._api = world.api
        self._engine = world.engine
        self._recorder = Recorder(world.api, world.engine, "chaos-operator")
        self._queue: deque[Key] = deque()
        self._failures: dict[Key, int] = {}
        self._initial: dict[Key, str] = {}
        self._worker: Task | None = None
        self._pods = 1

    def start(self) -> None:
        """Engines are reconciled, and chaos pods run, from now on."""
        self._processes.start(self._program)
        self._api.watch(ENGINE, self._engine_seen)
        self._api.watch("Pod", self._pod_seen)
        self._api.watch(_DEPLOYMENT, self._scaled)
        self._world.knobs.listen(self._turned)

    def _scaled(self, _: Change, deployment: Object) -> None:
        if deployment["metadata"].get("labels", {}).get("name") == _NAME:
            before, self._pods = self._pods, deployment["spec"].get("replicas", 1)
            if not before:
                self._turned()

    @property
    def _down(self) -> bool:
        """Whether there is none: the knob says so, or its Deployment is asked for no pod."""
        return self._world.knobs.operator_down or not self._pods

    def _turned(self) -> None:
        """An operator that is back looks at every engine."""
        if not self._down:
            for engine in self._api.list(ENGINE):
                self._enqueue((engine["metadata"]["namespace"], engine["metadata"]["name"]))

    def _program(self, pod: Object, process: Process) -> Script:
        """What runs in one of Litmus' own containers."""
        me = Inside.of(self._world, pod, process)
        if pod["metadata"]["labels"].get("app.kubernetes.io/component") == "chaos-runner":
            return Runner(me).script()
        if "./helpers" in " ".join(pod["spec"]["containers"][0].get("args", ())):
            return HelperProgram(me).script()
        if "job-name" not in pod["metadata"]["labels"]:
            return NodeProgram(me).script()
        return Experiment(me).script()

    # ------------------------------------------------------------------ the queue

    def _engine_seen(self, change: Change, engine: Object) -> None:
        meta = engine["metadata"]
        key = meta["namespace"], meta["name"]
        if change == "DELETED":
            self._initial.pop(key, None)
        elif self._initial.get(key) == meta["resourceVersion"]:
            return  # what the operator wrote itself a moment ago, and went on from
        self._enqueue(key)

    def _pod_seen(self, _: Change, pod: Object) -> None:
        for owner in pod["metadata"].get("ownerReferences", ()):
            if owner["kind"] == "ChaosEngine":
                self._enqueue((pod["metadata"]["namespace"], owner["name"]))

    def _enqueue(self, key: Key) -> None:
        if self._down:
            return
        if key not in self._queue:
            self._queue.append(key)
        if self._worker is None or self._worker.done:
            self._worker = self._engine.spawn(self._work())

    def _work(self) -> Script:
        while self._queue:
            key = self._queue.popleft()
            try:
                yield from self._reconcile(*key)
            except (ApiError, IncompleteError, TimeoutError):
                self._again(key)
            else:
                self._failures.pop(key, None)

    def _again(self, key: Key) -> None:
        """The engine is tried again, later each time."""
        tries = self._failures.get(key, 0)
        self._failures[key] = tries + 1
        wait = min(_FIRST_RETRY * 2**tries, _LONGEST_RETRY)
        self._engine.call_later(wait, lambda: self._enqueue(key))

    # ------------------------------------------------------------------ one engine

    def _reconcile(self, namespace: str, name: str) -> Script:
        engine = self._api.get(ENGINE, namespace, name)
        if engine is None:
            return
        if "deletionTimestamp" in engine["metadata"]:
            if FINALIZER in engine["metadata"].get("finalizers", ()):
                yield from self._abort(engine)
            return
        engine = self._initialised(engine)
        match engines.state(engine), engines.status(engine):
            case "active", "initialized":
                self._run(engine)
            case "stop", "initialized":
                yield from self._abort(engine)
            case "stop", "completed":
                self._clean_up(engine)
            case "active", "stopped":
                self._restart_after_abort(engine)
            case "active", "completed":
                self._restart_after_completion(engine)

    def _initialised(self, engine: Object) -> Object:
        """The engine with finalizer and status, if it is to run; written back as the Go type has it."""
        status = engines.status(engine)
        starts = engines.state(engine) == "active" and not status
        if not starts and (status != "initialized" or engine["metadata"].get("finalizers")):
            return engine
        if not engine["metadata"].get("finalizers"):
            engine["metadata"]["finalizers"] = [FINALIZER]
        experiments = (engine.get("status") or {}).get("experiments")
        engine["status"] = {"engineStatus": "initialized", "experiments": experiments}
        engine["spec"] = engines.normalised(engine["spec"])
        engine = self._api.update(engine)
        meta = engine["metadata"]
        self._initial[meta["namespace"], meta["name"]] = meta["resourceVersion"]
        launching = f"Identifying app under test & launching {meta['name']}-runner"
        self._say(engine, "ChaosEngineInitialized", launching)
        return engine

    def _run(self, engine: Object) -> None:
        """The runner pod is there; when it has completed, so has the engine."""
        meta = engine["metadata"]
        runner = self._api.get("Pod", meta["namespace"], f"{meta['name']}-runner")
        if runner is None:
            self._launch(engine)
        elif engines.runner_completed(runner):
            engine["spec"]["engineState"] = "stop"
            engine["status"]["engineStatus"] = "completed"
            engine = self._api.update(engine)
            done = "ChaosEngine completed, will delete or retain the resources according to"
            self._say(engine, "ChaosEngineCompleted", f"{done} jobCleanUpPolicy")

    def _launch(self, engine: Object) -> None:
        try:
            pod = engines.runner_pod(engine)
        except IncompleteError:
            self._patch(engine, {"spec": {"engineState": "stop"}})
            raise
        try:
            self._refuse_missing_experiment(engine)
            self._api.create(pod)
        except (ApiError, IncompleteError):
            self._fail(engine, "(chaos start) Unable to get chaos resources")
            raise

    def _refuse_missing_experiment(self, engine: Object) -> None:
        """Only the first experiment is looked for here; the runner finds out about the others."""
        wanted = engine["spec"].get("experiments") or ()
        if not wanted:
            raise IncompleteError("application experiment list is empty")
        if self._api.get(EXPERIMENT, engine["metadata"]["namespace"], wanted[0]["name"]) is None:
            raise IncompleteError(f"chaosexperiment {wanted[0]['name']} not found")

    def _clean_up(self, engine: Object) -> None:
        if engine["spec"].get("jobCleanUpPolicy") == "delete":
            meta = engine["metadata"]
            labels = f"app={meta['name']},chaosUID={uid(engine)}"
            for pod in self._api.list("Pod", meta["namespace"], labels):
                if "deletionTimestamp" not in pod["metadata"]:
                    self._api.delete("Pod", meta["namespace"], pod["metadata"]["name"])

    # ------------------------------------------------------------------ abort and restart

    def _abort(self, engine: Object) -> Script:
        """No chaos pod of the engine is left, and it is stopped; or gone, if it was being deleted."""
        had_pods = bool(self._chaos_pods(engine))
        if had_pods:
            self._remove_chaos(engine)
        yield from self._until_gone(engine)
        self._fold_result(engine)
        self._stopped(engine)
        if had_pods:
            self._say(engine, "ChaosEngineStopped", "Chaos resources deleted successfully")
        if had_pods and "deletionTimestamp" not in engine["metadata"]:
            # The pods' ends have queued the engine anew, and the operator's cache does not have its own
            # write yet: it goes through the abort once more, which changes but the time of the update.
            yield _POLL
            self._stopped(engine)

    def _stopped(self, engine: Object) -> None:
        patch: Object = {"metadata": _let_go(engine), "status": {"engineStatus": "stopped"}}
        experiments = engines.aborted(engine, timestamp(self._engine.now()))
        patch["status"] |= {"experiments": experiments} if experiments else {}
        try:
            self._patch(engine, patch)
        except ApiError as error:
            if error.code != 404:
                raise

    def _chaos_pods(self, engine: Object) -> tuple[Object, ...]:
        labels = f"chaosUID={uid(engine)}"
        return self._api.list("Pod", engine["metadata"]["namespace"], labels)

    def _remove_chaos(self, engine: Object) -> None:
        """Jobs, then pods, are deleted with the grace that the engine asks for, or their own."""
        namespace = engine["metadata"]["namespace"]
        grace = engine["spec"].get("terminationGracePeriodSeconds") or None
        for job in self._api.list(JOB, namespace, f"chaosUID={uid(engine)}"):
            self._api.delete(JOB, namespace, job["metadata"]["name"])
        for pod in self._chaos_pods(engine):
            self._api.delete("Pod", namespace, pod["metadata"]["name"], grace=grace)

    def _until_gone(self, engine: Object) -> Script:
        """No chaos pod is left; raises `TimeoutError` after 180 seconds. The worker does nothing else."""
        start = self._engine.now()
        while self._chaos_pods(engine):
            if self._engine.now() - start >= _PATIENCE:
                raise TimeoutError
            yield _POLL
        yield _POLL

    def _fold_result(self, engine: Object) -> None:
        namespace = engine["metadata"]["namespace"]
        for result in self._api.list(RESULT, namespace, f"chaosUID={uid(engine)}"):
            targets = result["status"].get("history", {}).get("targets", [])
            if folded := fold(result, targets):
                result["status"]["history"] |= folded
                self._api.update(result)

    def _restart_after_abort(self, engine: Object) -> None:
        self._remove_chaos(engine)
        self._say(engine, "RestartInProgress", "ChaosEngine is restarted")
        engine["status"] = {"engineStatus": "initialized", "experiments": None}
        self._api.update(engine)

    def _restart_after_completion(self, engine: Object) -> None:
        """The finalizer goes, so that the engine is initialised as if it were new."""
        self._remove_chaos(engine)
        status = {"engineStatus": "initialized", "experiments": None}
        self._patch(engine, {"metadata": _let_go(engine), "status": status})

    # ------------------------------------------------------------------ small things

    def _patch(self, engine: Object, patch: Object) -> None:
        meta = engine["metadata"]
        self._api.patch(ENGINE, meta["namespace"], meta["name"], patch)

    def _say(self, engine: Object, reason: str, message: str) -> None:
        self._recorder.event(engine, "Normal", reason, message)

    def _fail(self, engine: Object, message: str) -> None:
        self._recorder.event(engine, "Warning", "ChaosResourcesOperationFailed", message)


def _let_go(engine: Object) -> Object:
    """Metadata without Litmus' own finalizer; those of others stay."""
    others = [each for each in engine["metadata"].get("finalizers", ()) if each != FINALIZER]
    return {"finalizers": others or None}
