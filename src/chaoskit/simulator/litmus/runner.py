"""What runs inside a runner pod: one job after the other, and the engine's account of them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from chaoskit.simulator.api import ApiError, Object
from chaoskit.simulator.engine import Script
from chaoskit.simulator.litmus.events import Said
from chaoskit.simulator.litmus.helpers import run_id
from chaoskit.simulator.litmus.inside import Inside
from chaoskit.simulator.litmus.kinds import (
    API_VERSION,
    ENGINE,
    EXPERIMENT,
    JOB,
    RESULT,
    SIGTERM,
    environment,
    uid,
)
from chaoskit.simulator.litmus.status import running, terminated
from chaoskit.simulator.objects import timestamp

_WITHOUT_RIGHTS = 34.6
"""Seconds that the runner tries in vain to read its engine."""
_CHECKS = 0.7
_BEFORE_LOOKING = 4.0
_BETWEEN_LOOKS = 2.0
_LOOK = 4.03
"""Seconds between the look at the experiment's pod and what the engine then says."""
_DELAY, _TIMEOUT = 2, 180


class SkippedError(Exception):
    """An experiment cannot be run: what the engine says of it, and the reason of the event."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Runner:
    """One run of an engine's experiments."""

    def __init__(self, me: Inside) -> None:
        self._me = me
        self._engine: Object = {}

    def script(self) -> Script:
        """The runner's whole life; it ends with exit code 0 whatever happened."""
        me = self._me
        me.process.on_term = lambda: me.process.exit(SIGTERM)
        if me.world.knobs.runner_crash:
            me.process.exit(1)
            return
        yield 0.1
        try:
            engine = me.api.get(ENGINE, me.namespace, me.env["CHAOSENGINE"])
        except ApiError as error:
            yield _WITHOUT_RIGHTS
            me.process.log(f"unable to get ChaosEngineUID, error: {error}")
            return
        if engine is None:
            return
        self._engine = engine
        names = me.env["EXPERIMENT_LIST"].split(",")
        if not self._say([self._status(name, "Waiting for Job Creation", "N/A") for name in names]):
            return
        for name in names:
            try:
                yield from self._run(name)
            except SkippedError as skipped:
                self._skip(name, skipped)
                return
            except ApiError as error:
                me.process.log(f"Unable to Watch the Job, error: {error}")
                self._skip(name, SkippedError("Skipped", "ChaosContainerWatchNotPermitted"))
                return

    def _run(self, name: str) -> Script:
        """One experiment has run to its end, and the engine has its verdict."""
        yield _CHECKS
        definition = self._definition(name)
        self._refuse_missing_volumes(name, definition)
        checked = f"Experiment resources validated for Chaos Experiment: {name}"
        self._tell(name, "ExperimentDependencyCheck", checked)
        job = self._launch(name, definition)
        created = f"Experiment Job {job} for Chaos Experiment: {name}"
        self._tell(name, "ExperimentJobCreate", created)
        yield from self._follow(name, job)
        self._clean_up(name, job)

    def _definition(self, name: str) -> Object:
        found = self._me.api.get(EXPERIMENT, self._me.namespace, name)
        if found is None:
            raise SkippedError("ChaosExperiment Not Found", "ExperimentNotFound")
        definition: Object = found["spec"]["definition"]
        return definition

    def _wanted(self, name: str) -> Mapping[str, Any]:
        """What the engine says of an experiment's components."""
        for entry in self._engine["spec"].get("experiments", ()):
            if entry.get("name") == name:
                return (entry.get("spec") or {}).get("components") or {}
        return {}

    def _refuse_missing_volumes(self, name: str, definition: Mapping[str, Any]) -> None:
        for field, kind in (("configMaps", "ConfigMap"), ("secrets", "Secret")):
            wanted = [*definition.get(field, ()), *self._wanted(name).get(field, ())]
            for volume in wanted:
                if self._me.api.get(kind, self._me.namespace, volume["name"]) is None:
                    raise SkippedError("Skipped", "ExperimentDependencyCheck")

    def _launch(self, name: str, definition: Object) -> str:
        job = f"{name}-{run_id(self._me.world.engine.random)}"
        try:
            self._me.api.create(self._job(job, name, definition))
        except ApiError as error:
            self._me.process.log(f"Unable to construct chaos experiment job due to: {error}")
            raise SkippedError("Skipped", "ExperimentDependencyCheck") from error
        return job

    def _job(self, job: str, name: str, definition: Mapping[str, Any]) -> Object:
        me, wanted = self._me, self._wanted(name)
        labels = dict(definition.get("labels", {})) | {"chaosUID": uid(self._engine)}
        labels |= self._engine["metadata"].get("labels", {})
        container = {
            "name": job,
            "image": wanted.get("experimentImage") or definition["image"],
            "imagePullPolicy": definition.get("imagePullPolicy", "Always"),
            "command": definition.get("command", []),
            "args": definition.get("args", []),
            "env": self._environment(name, definition),
            "resources": wanted.get("resources", {}),
        }
        spec = {
            "containers": [container],
            "restartPolicy": "Never",
            "serviceAccountName": me.env.get("CHAOS_SVC_ACC", ""),
        }
        grace = self._engine["spec"].get("terminationGracePeriodSeconds")
        spec |= {"terminationGracePeriodSeconds": grace} if grace else {}
        spec |= {k: wanted[k] for k in ("nodeSelector", "tolerations") if wanted.get(k)}
        meta: Object = {"name": job, "namespace": me.namespace, "labels": labels}
        annotations = wanted.get("experimentAnnotations")
        inner = meta | ({"annotations": annotations} if annotations else {})
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": meta,
            "spec": {"template": {"metadata": inner, "spec": spec}},
        }

    def _environment(self, name: str, definition: Mapping[str, Any]) -> list[Object]:
        """System variables, then the ChaosExperiment's, then the engine's, then those nobody overrides."""
        me, wanted, spec = self._me, self._wanted(name), self._engine["spec"]
        timeouts = wanted.get("statusCheckTimeouts") or {}
        env = {
            "CHAOSENGINE": me.env["CHAOSENGINE"],
            "TARGETS": me.env.get("TARGETS", ""),
            "CHAOS_NAMESPACE": me.namespace,
            "AUXILIARY_APPINFO": me.env.get("AUXILIARY_APPINFO", ""),
            "CHAOS_UID": uid(self._engine),
            "EXPERIMENT_NAME": name,
            "LIB_IMAGE_PULL_POLICY": definition.get("imagePullPolicy", "Always"),
            "TERMINATION_GRACE_PERIOD_SECONDS": str(spec.get("terminationGracePeriodSeconds", 0)),
            "DEFAULT_HEALTH_CHECK": str(bool(spec.get("defaultHealthCheck"))).lower(),
            "CHAOS_SERVICE_ACCOUNT": me.env.get("CHAOS_SVC_ACC", ""),
        }
        env = {k: v for k, v in env.items() if v}
        entries = [*definition.get("env", ()), *wanted.get("env", ())]
        env |= {e["name"]: e.get("value", "") for e in entries if "valueFrom" not in e}
        env |= {
            "STATUS_CHECK_DELAY": str(timeouts.get("delay") or _DELAY),
            "STATUS_CHECK_TIMEOUT": str(timeouts.get("timeout") or _TIMEOUT),
            "JOB_CLEANUP_POLICY": spec.get("jobCleanUpPolicy") or "retain",
        }
        own_name = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}
        named: list[Object] = [{"name": k, "value": v} if v else {"name": k} for k, v in env.items()]
        return [*named, {"name": "POD_NAME", "valueFrom": own_name}]

    def _follow(self, name: str, job: str) -> Script:
        """The engine says Running every six seconds, and in the end Completed with the verdict."""
        yield _BEFORE_LOOKING
        pod, done = (yield from self._past_pending(name, job)), False
        yield _LOOK
        while not done:
            self._say_one(self._status(name, "Running", "Awaited", pod["metadata"]["name"]))
            yield _BETWEEN_LOOKS
            pod = yield from self._past_pending(name, job)
            done = terminated(pod).get("reason") == "Completed"
            yield _LOOK
        self._say_completed(name, pod)

    def _past_pending(self, name: str, job: str) -> Generator[float, None, Object]:
        limit = self._wanted(name).get("statusCheckTimeouts", {}).get("timeout") or _TIMEOUT
        start = self._me.now()
        while True:
            pods = self._me.api.list("Pod", self._me.namespace, f"job-name={job}")
            phase = pods[0].get("status", {}).get("phase") if len(pods) == 1 else None
            if len(pods) > 1 or phase == "Failed" or self._me.now() - start >= limit:
                raise SkippedError("Skipped", "ChaosContainerWatchNotPermitted")
            if phase == "Succeeded" or (pods and running(pods[0])):
                return pods[0]
            yield _BETWEEN_LOOKS

    def _say_completed(self, name: str, pod: Object) -> None:
        """The verdict is copied; without a result that can be read, the engine goes on saying Running."""
        instance = environment(pod["spec"]["containers"][0]).get("INSTANCE_ID", "")
        result_name = "-".join(filter(None, (self._me.env["CHAOSENGINE"], name, instance)))
        try:
            result = self._me.api.get(RESULT, self._me.namespace, result_name)
        except ApiError:
            result = None
        if result is None:
            self._me.process.log(f"Unable to get ChaosResult Name: {result_name}")
            return
        verdict = result["status"]["experimentStatus"]["verdict"]
        self._say_one(self._status(name, "Completed", verdict, pod["metadata"]["name"]))

    def _clean_up(self, name: str, job: str) -> None:
        if self._engine["spec"].get("jobCleanUpPolicy") == "delete":
            self._me.api.delete(JOB, self._me.namespace, job, propagation="Foreground")
            message = f"Experiment Job: {job} will be deleted"
        else:
            message = f"Experiment Job {job} will be retained"
        self._tell(name, "ExperimentJobCleanUp", message)

    def _skip(self, name: str, skipped: SkippedError) -> None:
        self._say_one(self._status(name, skipped.status, "Fail", "N/A"))
        message = f"Experiment Job creation failed, skipping Chaos Experiment: {name}"
        self._tell(name, skipped.reason, message, warning=True)

    def _status(self, name: str, status: str, verdict: str, pod: str = "Yet to be launched") -> Object:
        return {
            "name": name,
            "runner": self._me.name,
            "experimentPod": pod,
            "status": status,
            "verdict": verdict,
            "lastUpdateTime": timestamp(self._me.now()),
        }

    def _say_one(self, status: Object) -> None:
        engine = self._me.api.get(ENGINE, self._me.namespace, self._me.env["CHAOSENGINE"])
        known = ((engine or {}).get("status") or {}).get("experiments") or []
        self._say([status if s["name"] == status["name"] else s for s in known])

    def _say(self, statuses: list[Object]) -> bool:
        """The engine says so of its experiments; False when somebody else wrote it at the same time."""
        engine = self._me.api.get(ENGINE, self._me.namespace, self._me.env["CHAOSENGINE"])
        if engine is None:
            return False
        engine.setdefault("status", {})["experiments"] = statuses
        try:
            self._me.api.update(engine)
        except ApiError as error:
            self._me.process.log(f"Unable to update the chaosengine: {error}")
            return False
        return True

    def _tell(self, name: str, reason: str, message: str, *, warning: bool = False) -> None:
        about = {
            "apiVersion": API_VERSION,
            "kind": "ChaosEngine",
            "metadata": self._engine["metadata"],
        }
        said = Said(reason, message, self._me.name, "Warning" if warning else "Normal")
        self._me.tell(f"{reason}{name}{uid(self._engine)}", about, said)
