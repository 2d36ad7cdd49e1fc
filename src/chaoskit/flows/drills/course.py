"""One drill from the injection to the score: what the controller does, and what else is not as before."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chaoskit import kube
from chaoskit.clock import interruption
from chaoskit.errors import CannotStart, ChaoskitError, Unavailable, UndoUnconfirmed
from chaoskit.events import Listener, Step, ignore
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.drills.injections import Injection, StillWanted, Truth
from chaoskit.flows.drills.judging import Judge, running
from chaoskit.flows.drills.night import Night
from chaoskit.flows.drills.scoring import NONE, STORM, Drilled
from chaoskit.flows.world import World
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, Object
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Decision, Issue, Plan, Refusal, refusal_words
from chaoskit.recovery.attempts import ledgered
from chaoskit.recovery.given import target_of
from chaoskit.recovery.guards import AFTERMATH, guarded
from chaoskit.recovery.issues import called
from chaoskit.recovery.runbook import defaults
from chaoskit.recovery.symptoms import Severity

LOOK = 2.0
"""Seconds between two looks."""

HEED = 0.5
"""Seconds between two questions whether the drill is still wanted."""

PATIENCE = 420.0
"""Seconds after the injection in which the fault must have been decided on."""

SURE = 20.0
"""Seconds for which what is decided without acting must stand before it counts."""

QUIET = 30.0
"""Seconds that are watched after a recovery: what is done then is done wrongly."""

_STORM = "storm"


def drill(
    world: World,
    injection: Injection,
    *,
    namespace: str,
    seed: int = 0,
    patience: float = PATIENCE,
    listen: Listener = ignore,
    stop: threading.Event | None = None,
) -> Drilled:
    """The fault was injected, watched for, recovered from and scored.

    Raises:
        Interrupted: `stop` was set, or it was aborted; what can be taken back was.
        Unjudged: chaos was halted meanwhile; what can be taken back was.
        CannotStart: something is wrong already: whose fault it would be could not be told; or the workload
            was recovered just now, and rests.
        Refused: a guard forbids the injection.
        UndoUnconfirmed: it was cut short, and the fault could not be taken back.
    """
    course = _Course(world, injection, namespace, seed, listen, stop or threading.Event())
    return course.run(patience)


@dataclass
class _Course:
    world: World
    injection: Injection
    namespace: str
    seed: int
    listen: Listener
    stop: threading.Event

    def __post_init__(self) -> None:
        self.flow = AutoRecovery(self.world)
        self.truth: Truth = self.injection.truth
        self.mended: bool | None = None
        self.still_wanted: StillWanted = lambda: None
        self.score = Drilled(
            self.injection.name,
            self.injection.workload,
            self.seed,
            STORM if self.truth.storm else self.truth.issue or NONE,
            pod_level=self.truth.pod_level,
            by_a_person=self.truth.by_a_person,
        )

    def run(self, patience: float) -> Drilled:
        """The whole drill."""
        if any(isinstance(each, Plan) and each.acts for each in self._decisions()[1]):
            raise CannotStart("something is wrong already: no drill before it is mended")
        held = self._rests()
        if held is not None:
            raise CannotStart(f"nothing would be done about {self.injection.workload}: {refusal_words(held)}")
        before = specs(self.world.cluster, self.namespace)
        ran = frozenset(running(self.world.cluster, self.namespace))
        self.judge = Judge(self.truth, self.namespace, ran)
        try:
            with self.injection.injected(self.listen) as self.still_wanted:
                self._played(patience)
        except UndoUnconfirmed as error:
            if self.mended is None:  # it was cut short, too
                raise
            self.score = replace(self.score, left=error.message)
        return self._scored(before)

    def _rests(self) -> Refusal | None:
        """What was done to the workload just now, if that alone keeps everybody's hands off it."""
        if not self.truth.issue:
            return None
        target, now = target_of(self.namespace, self.injection.workload), self.world.clock.now()
        issue = Issue(
            called(self.truth.issue, target), self.truth.issue, target, now, now, Severity.HIGH, 1.0, ()
        )
        past = ledgered(self.world.governor.accounts(self.namespace))
        books = (each.spec for each in defaults() if each.spec.matches.issue == issue.kind)
        return next(filter(None, (guarded(issue, each.guards, past, now) for each in books)), None)

    def _played(self, patience: float) -> None:
        """The fault was watched until it was over, and it is known whether it was mended."""
        self.began = self.world.clock.now()
        self._tell("injected", self.injection.workload)
        with Night(self.world, self.namespace, self.listen) as self.night:
            self._watch(patience)
            self._watch_quietly()
        self.mended = self._good is not None and self._gets_whole()

    # ------------------------------------------------------------ watching

    def _watch(self, patience: float) -> None:
        """Until the controller recovered from it, or told a person, or refused it; or time is up.

        What is under way then is waited for: how it would have ended is the drill's question.
        """
        stands: tuple[str, datetime] | None = None
        while self._since(self.world.clock.now()) < patience or self.night.recovers:
            self.night.check()
            at, decisions = self._decisions()
            self._notice(at, [each.issue for each in decisions])
            if self._is_over():
                return
            word = None if self._acted() else _stands(decisions)
            if word is None or (word == _STORM and not self.night.rests):
                stands = None
            else:
                stands = stands if stands is not None and stands[0] == word else (word, at)
                if at - stands[1] >= timedelta(seconds=SURE):
                    self._decide(at, STORM if word == _STORM else self._main(decisions).issue.kind, decisions)
                    return
            self._pause()

    def _watch_quietly(self) -> None:
        """What is done after it is over counts: nobody stands beside it at night."""
        until = self.world.clock.monotonic() + QUIET
        while self.world.clock.monotonic() < until or self.night.recovers:
            self.night.check()
            self._pause()

    def _gets_whole(self) -> bool:
        """Whether what was at fault shows it no more, though the fault is not taken back: rates look back."""
        until = self.world.clock.monotonic() + AFTERMATH.total_seconds()
        while broken := self._still_broken():
            if self.world.clock.monotonic() >= until:
                break
            self._pause()
        return not broken

    @property
    def _good(self) -> RecoveryRecord | None:
        """The recovery that helped, else the one that found it healed."""
        mine = [each for each in self._acted() if self.judge.is_about_it(each)]
        return next(
            (each for want in (Outcome.RECOVERED, Outcome.HEALED) for each in mine if each.outcome is want),
            None,
        )

    def _acted(self) -> list[RecoveryRecord]:
        """The recoveries that changed something or tried to; the others told people, or were refused."""
        rungs = ((each, each.plan.get("rungs") or ()) for each in tuple(self.night.records))
        return [each for each, planned in rungs if any(rung["action"] != "notify" for rung in planned)]

    def _is_over(self) -> bool:
        """Whether what is at fault was recovered, or nothing more can be done about it."""
        mine = [each for each in self._acted() if self.judge.is_about_it(each)]
        return bool(mine) and mine[-1].outcome is not Outcome.REFUSED

    def _decisions(self) -> tuple[datetime, Sequence[Decision]]:
        for _ in range(5):
            try:
                seen = self.flow.observe(self.namespace)
                issues = self.flow.classify(seen)
                return seen.at, self.flow.plan(issues, seen, namespace=self.namespace)
            except Unavailable:
                self._pause()
        raise CannotStart("the cluster does not answer")

    def _notice(self, at: datetime, issues: Sequence[Issue]) -> None:
        """When the first sign of it was seen: an issue of its target, or more than errors of another."""
        if self.score.detected is not None:
            return
        signs = [i for i in issues if self.truth.concerns(str(i.target)) or i.kind != "unexplained"]
        if signs:
            self.score = replace(self.score, detected=self._since(at), evidence=signs[0].evidence)
            self._tell("detected", f"{signs[0].kind} of {signs[0].target}")

    def _main(self, decisions: Sequence[Decision]) -> Decision:
        """The decision about what is at fault; the first where none is."""
        return next((d for d in decisions if self.truth.concerns(str(d.issue.target))), decisions[0])

    def _decide(self, at: datetime, found: str, decisions: Sequence[Decision]) -> None:
        evidence = self._main(decisions).issue.evidence
        self.score = replace(self.score, decided=self._since(at), found=found, evidence=evidence)
        self._tell("decided", found)

    # ------------------------------------------------------------ the score

    def _scored(self, before: dict[str, str]) -> Drilled:
        acted = self._acted()
        mine = [each for each in acted if self.judge.is_about_it(each)]
        good = self._good
        done = [(r, s) for r in acted for s in r.steps if s["done"] and s["action"] != "notify"]
        wrong = [_act(s) for r, s in done if self.judge.is_false(r, s)]
        return replace(
            self._decided_by(acted, mine),
            recovered=bool(self.mended),
            recovery=None if good is None else good.seconds_to_recover,
            whole=None if good is None else self._since(good.ended_at),
            outcome=(mine or acted)[-1].outcome.value if acted else "",
            actions=tuple(step["action"] for _, step in done),
            helped=next((s["action"] for r in mine for s in r.steps if s["helped"]), ""),
            false_actions=(*wrong, *self.night.repeated),
            side_effects=tuple(self._side_effects(before)) if done else (),
        )  # fmt: skip

    def _decided_by(self, acted: Sequence[RecoveryRecord], mine: Sequence[RecoveryRecord]) -> Drilled:
        """The score with what was acted on first, if anything was; what is at fault goes before others."""
        if self.score.decided is not None or not acted:
            return self.score
        first = min(acted, key=lambda each: each.at)
        soon = [each for each in mine if each.at - first.at <= timedelta(seconds=SURE)]
        main = min(soon, key=lambda each: each.at, default=first)
        evidence = tuple(each["evidence"] for each in main.symptoms)
        return replace(self.score, decided=self._since(main.at), found=main.issue, evidence=evidence)

    def _still_broken(self) -> bool:
        """Whether what was at fault shows its class still; a lost node stays lost, its pods are elsewhere."""
        _, decisions = self._decisions()
        return any(
            self.truth.concerns(str(each.issue.target))
            and each.issue.kind == self.truth.issue
            and each.issue.target.kind != kube.NODE
            for each in decisions
        )

    def _side_effects(self, before: dict[str, str]) -> list[str]:
        """What is not as before, of everything but what was at fault."""
        after = specs(self.world.cluster, self.namespace)
        touched = [
            name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)
        ]
        return [name for name in touched if not self.truth.concerns(name) and not self.truth.storm]

    def _since(self, at: datetime) -> float:
        return round((at - self.began).total_seconds(), 1)

    def _pause(self) -> None:
        """It is time for the next look; raises what ends the drill."""
        until = self.world.clock.monotonic() + LOOK
        while self.world.clock.monotonic() < until:
            if self.world.clock.sleep(HEED, self.stop):
                raise interruption(self.stop)
            self.still_wanted()

    def _tell(self, name: str, words: str) -> None:
        self.listen(Step(self.world.clock.now(), name, "note", f"{self.injection.name}: {words}"))


def _act(step: Mapping[str, Any]) -> str:
    return f"{step['action']} {', '.join(step['targets'])}"


def _stands(decisions: Sequence[Decision]) -> str | None:
    """What is decided without acting, as a word that stays the same meanwhile: a storm, an issue's id."""
    if any(isinstance(each, Refusal) and each.storm is not None for each in decisions):
        return _STORM
    roots = [
        each
        for each in decisions
        if not each.issue.root
        and each.issue.kind != "unexplained"
        and (not each.acts if isinstance(each, Plan) else each.outcome is Outcome.REFUSED)
    ]
    if any(isinstance(each, Refusal) and each.guard == _STORM for each in roots):
        return None  # it may be a storm: wait and see
    return roots[0].issue.id if roots else None


_WATCHED = (*kube.WORKLOADS, kube.SERVICE, kube.NETWORK_POLICY, kube.PDB, kube.CONFIG_MAP)


def specs(cluster: Cluster, namespace: str) -> dict[str, str]:
    """A digest of what people want of each object of the namespace and of each node, by its name."""
    found: dict[str, str] = {}
    for kind in (*_WATCHED, kube.NODE):
        try:
            bodies = cluster.list(kind, namespace if kind.namespaced else "").items
        except ChaoskitError:
            continue  # what may not be seen cannot be compared
        for body in bodies:
            if kube.labels_of(body).get(kube.MANAGED_BY) != "chaoskit":
                found[f"{kind}/{body['metadata']['name']}"] = _digest(body)
    return found


def _digest(body: Object) -> str:
    spec = json.loads(json.dumps(body.get("spec") or {}))
    template = spec.get("template") or {}
    ((template.get("metadata") or {}).get("annotations") or {}).pop("kubectl.kubernetes.io/restartedAt", None)
    notes = (template.get("metadata") or {}).get("annotations")
    if notes == {}:
        del template["metadata"]["annotations"]
    wanted = {"spec": spec, "data": body.get("data")}
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
