"""The Job controller: pods until enough have succeeded or too many failed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.controllers import indexes, jobstatus, pods
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.controllers.jobstatus import SUCCEEDED, Ending, finished_at
from chaoskit.simulator.controllers.podcontrol import PodControl
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import clone, is_finished, owner_of, parse_time, timestamp
from chaoskit.simulator.recorder import Recorder

KIND = "Job.batch"
TRACKING = "batch.kubernetes.io/job-tracking"
_BATCH = 1.0
"""Seconds after a change of its pods until a job looks at them."""
_FIRST_BACK_OFF = 10.0
_LONGEST_BACK_OFF = 600.0


class Jobs:
    """Runs jobs, counts their pods exactly once each, and cleans up finished ones in time."""

    def __init__(self, api: Api, engine: Engine, informers: Informers) -> None:
        self._api = api
        self._engine = engine
        self._jobs = informers.of(KIND)
        self._pods = informers.of("Pod")
        self._queue = Reconciler(engine, self._reconcile)
        self._events = Recorder(api, engine, "job-controller")
        self._control = PodControl(api, self._events)
        self._pods.index("controller", pods.controller_uid)
        self._jobs.on_change(lambda old, new: self._queue.enqueue(key_of(new or old or {})))
        self._pods.on_change(self._pod_changed)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        pod = new or old
        owner = owner_of(pod) if pod is not None else None
        if pod is None or owner is None or owner["kind"] != "Job":
            return
        key = (pod["metadata"]["namespace"], owner["name"])
        job = self._jobs.get(key)
        if job is not None and job["metadata"]["uid"] == owner["uid"]:
            self._queue.enqueue(key, _BATCH)
        elif new is not None:
            self._release(new)

    def _reconcile(self, key: Key) -> None:
        job = self._jobs.get(key)
        if job is None:
            return
        mine = self._pods.find("controller", job["metadata"]["uid"])
        if finished_at(job) is not None or "deletionTimestamp" in job["metadata"]:
            for pod in mine:
                self._release(pod)
            self._expire(job)
            return
        self._advance(job, mine)

    def _advance(self, job: Object, mine: list[Object]) -> None:
        now = self._engine.now()
        before = job.get("status") or {}
        status = clone(before)
        suspended = bool(job["spec"].get("suspend"))
        if suspended:  # its time begins anew when it is resumed
            status.pop("startTime", None)
        else:
            status.setdefault("startTime", timestamp(now))
        held = [pod for pod in mine if TRACKING in (pod["metadata"].get("finalizers") or ())]
        succeeded = [pod for pod in held if pod["status"].get("phase") == "Succeeded"]
        failed = [pod for pod in held if jobstatus.has_failed(pod)]
        active = self._without_strays(job, [pod for pod in mine if pods.is_active(pod)])
        done = indexes.done(job, succeeded)
        good, bad = status.get("succeeded", 0) + len(succeeded), status.get("failed", 0) + len(failed)
        if done:
            good = len(done)
            status |= {"succeeded": good, "completedIndexes": indexes.written(done)}
        running = any(not is_finished(pod) for pod in mine)
        started = None if suspended else parse_time(status["startTime"]).timestamp()
        ending = jobstatus.how_it_ends(job, good, bad, started, now, running=running)
        self._look_again(job, started, now)
        made = 0
        if ending is not None:
            self._delete(job, active)
            active = []
        elif suspended:
            self._withdraw(job, active)
            active = []
        else:
            made = self._make(job, active, good, bad, failed, done)
        turned = ""
        if ending is None:
            turned = jobstatus.tell_suspension(status, timestamp(now), suspended=suspended)
        status |= jobstatus.counts(mine, active) | {"active": len(active) + made}
        if not status["active"]:
            del status["active"]
        self._count(job, status, succeeded, failed, ending)
        if turned:
            self._events.event(job, "Normal", turned, f"Job {turned.lower()}")

    def _look_again(self, job: Object, started: float | None, now: float) -> None:
        deadline = job["spec"].get("activeDeadlineSeconds")
        if deadline is not None and started is not None:
            self._queue.enqueue(key_of(job), max(started + deadline - now, _BATCH))

    def _without_strays(self, job: Object, active: list[Object]) -> list[Object]:
        """The pods that work on what the job is to do; those of indexes that it no longer has go."""
        if not indexes.are_counted(job):
            return active
        strays = [pod for pod in active if indexes.index_of(pod, job["spec"]["completions"]) is None]
        self._delete(job, strays)
        return [pod for pod in active if pod not in strays]

    def _make(
        self,
        job: Object,
        active: Sequence[Object],
        good: int,
        bad: int,
        failed: Sequence[Object],
        done: Collection[int],
    ) -> int:
        """Makes the pods that are missing, unless a failure lies too short a time back; their number."""
        spec = job["spec"]
        parallel = spec.get("parallelism", 1)
        if spec.get("completions") is not None:
            left = spec["completions"] - good
        else:  # the first success says that there is no work left: what runs may end, nothing new begins
            left = len(active) if good else parallel
        missing = int(min(parallel, left)) - len(active)
        if missing <= 0:
            self._delete(job, active[: max(0, -missing)])
            return 0
        wait = self._back_off(job, bad, failed)
        if wait > 0:
            self._queue.enqueue(key_of(job), wait)
            return 0
        if indexes.are_counted(job):
            taken = {*done, *indexes.of(active, spec["completions"])}
            for index in indexes.missing(spec["completions"], taken, missing):
                self._control.create(job, _pod(job, index))
        else:
            for _ in range(missing):
                self._control.create(job, _pod(job))
        return missing

    def _back_off(self, job: Object, bad: int, failed: Sequence[Object]) -> float:
        if not bad:
            return 0.0
        mine = self._pods.find("controller", job["metadata"]["uid"])
        ends = [jobstatus.ended_at(pod) for pod in [*failed, *mine] if jobstatus.has_failed(pod)]
        wait: float = min(_FIRST_BACK_OFF * 2 ** (bad - 1), _LONGEST_BACK_OFF)
        return max(ends, default=0.0) + wait - self._engine.now()

    def _delete(self, job: Object, surplus: Sequence[Object]) -> None:
        for pod in surplus:
            self._control.delete(job, pod)

    def _withdraw(self, job: Object, surplus: Sequence[Object]) -> None:
        """The pods go, and count neither as succeeded nor as failed."""
        for pod in surplus:
            self._release(pod)
            self._control.delete(job, pod)

    # ------------------------------------------------------------------ counting

    def _count(
        self,
        job: Object,
        status: Object,
        succeeded: Sequence[Object],
        failed: Sequence[Object],
        ending: Ending | None,
    ) -> None:
        """Each ended pod is counted once: noted by uid, released, and only then added to the sum."""
        by_uid = [("failed", failed)]
        if not indexes.are_counted(job):  # whose successes are told by their indexes
            by_uid.insert(0, ("succeeded", succeeded))
        uncounted = {name: [pod["metadata"]["uid"] for pod in ended] for name, ended in by_uid if ended}
        if succeeded or failed:
            if ending is not None:
                jobstatus.add_condition(status, ending, ending.target, timestamp(self._engine.now()))
            job = self._write(job, status | {"uncountedTerminatedPods": uncounted})
            for pod in (*succeeded, *failed):
                self._release(pod)
        for name, ended in by_uid:
            if ended:
                status[name] = status.get(name, 0) + len(ended)
        status["uncountedTerminatedPods"] = {}
        if ending is None:
            self._write(job, status)
        else:
            self._end(job, status, ending)

    def _end(self, job: Object, status: Object, ending: Ending) -> None:
        now = timestamp(self._engine.now())
        if not any(c["type"] == ending.target for c in status.get("conditions") or ()):
            jobstatus.add_condition(status, ending, ending.target, now)
        jobstatus.add_condition(status, ending, ending.final, now)
        if ending is SUCCEEDED:
            status["completionTime"] = now
        job = self._write(job, status)
        if ending is SUCCEEDED:
            self._events.event(job, "Normal", "Completed", "Job completed")
        else:
            self._events.event(job, "Warning", ending.reason, ending.message)

    def _write(self, job: Object, status: Object) -> Object:
        if status == job.get("status"):
            return job
        return self._api.update({**job, "status": status}, "status")

    def _release(self, pod: Object) -> None:
        """The pod is no longer held for counting."""
        finalizers = pod["metadata"].get("finalizers") or []
        if TRACKING in finalizers:
            left = [name for name in finalizers if name != TRACKING]
            self._api.patch("Pod", *key_of(pod), {"metadata": {"finalizers": left or None}})

    def _expire(self, job: Object) -> None:
        """A finished job with a time to live is deleted when that is over."""
        ended, ttl = finished_at(job), job["spec"].get("ttlSecondsAfterFinished")
        if ended is None or ttl is None or "deletionTimestamp" in job["metadata"]:
            return
        left = ended + ttl - self._engine.now()
        if left > 0:
            self._queue.enqueue(key_of(job), left)
        else:
            uid = job["metadata"]["uid"]
            self._api.delete(KIND, *key_of(job), propagation="Foreground", uid=uid)


def _pod(job: Object, index: int | None = None) -> Object:
    """A new pod of the job, on that index if it has any."""
    name = job["metadata"]["name"]
    prefix = f"{name}-" if index is None else indexes.prefix(name, index)
    pod = pods.from_template(job, job["spec"]["template"], generateName=prefix, finalizers=[TRACKING])
    if index is not None:
        indexes.mark(pod, name, index)
    return pod
