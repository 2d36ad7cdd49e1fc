"""Who must say yes before a plan is carried out: what will judge it, the guards, a person."""

from __future__ import annotations

from dataclasses import dataclass

from chaoskit.acts.approvals import Request
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.rescue import Rescued, rescue
from chaoskit.errors import ChaoskitError, Refused
from chaoskit.governor import Governor
from chaoskit.governor.limits import key_of
from chaoskit.journal import Journal
from chaoskit.ports.notifier import Notice
from chaoskit.recovery import admission, approving, guards
from chaoskit.recovery.attempts import ledgered, under_way
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.planner import Plan
from chaoskit.recovery.proof import Proof
from chaoskit.recovery.reach import Options, Reach


def asks(plan: Plan, reach: Reach) -> bool:
    """Whether a person has to say yes to the plan."""
    return reach.approval or plan.runbook.spec.guards.approval


@dataclass(frozen=True, slots=True)
class Clearance:
    """Asks all of them about one plan for an issue; whoever says no ends it with `Refused`."""

    plan: Plan
    issue: Issue
    reach: Reach
    options: Options
    journal: Journal

    def provable(self, proof: Proof) -> None:
        """Something will tell whether it helped; what never can be judged is not done."""
        if not proof.can_tell:
            judges = "alerts" if self.issue.alerts_alone else "signals"
            raise Refused(
                f"only {judges} can tell whether {self.issue.kind} is over; they are not waited for",
                guard="verification",
                limit="signalsWithin (--confirm) above 0",
            )

    def admitted(self) -> Governor:
        """Every guard lets the plan pass now, as this one sees things; the dead in its way are cleared.

        Raises:
            Refused: one does not; where what a dead act left cannot be undone, that is how it ends.
        """
        try:
            return self._asked()
        except Refused as error:
            if error.guard not in {"busy", "interlock", "root cause"} or not (rescued := self._rescued()):
                raise
        owed = [each for each in rescued if each.undo.left]
        try:
            governor = self._asked()
        except Refused as error:
            if not owed:
                raise
            refusal = admission.refusal_of(self.issue, error)
            raise admission.Withheld(admission.unrescued(refusal, owed)) from error
        for each in owed:
            self.journal.warn(each.words)
        return governor

    def alone(self, ledger: Ledger) -> None:
        """Nobody else began on the same, or ended it, while this ledger was opened."""
        governor = self.reach.governor.glance()
        governor.confirm(ledger, domains=self.plan.domains, drill=self.options.drill)
        self._rested(governor)

    def warn_of_what_is_unseen(self, governor: Governor) -> None:
        """What this one's guards could not see is told beside the recovery."""
        place, drill = self.issue.target.namespace, self.options.drill
        for words in governor.blind("recovery", self.plan.targets, place, drill=drill):
            self.journal.warn(words)

    def _asked(self) -> Governor:
        governor = self.reach.governor.glance()
        admission.admit(self.plan, governor, drill=self.options.drill)
        self._rested(governor)
        return governor

    def _rested(self, governor: Governor) -> None:
        """What began or ended since the plan was made does not forbid it: somebody else may be faster."""
        known, now = governor.accounts(self.issue.target.namespace), self.reach.clock.now()
        near = set(map(key_of, self.plan.near))
        recovered = [each for each in under_way(known) if key_of(each) in near]
        found = guards.echo(self.issue, recovered) or guards.guarded(
            self.issue, self.plan.runbook.spec.guards, ledgered(known), now
        )
        if found is not None:
            raise admission.Withheld(found)

    def _rescued(self) -> tuple[Rescued, ...]:
        reach, place, listen = self.reach, self.issue.target.namespace, self.journal.tell
        stop, keep = self.options.stop, self.options.keep
        return rescue(reach.cluster, reach.clock, namespace=place, listen=listen, stop=stop, keep=keep)

    # ------------------------------------------------------------ a person

    def approved(self) -> None:
        """A person said yes to this very plan; where nobody waits for that, a question stands at least."""
        cluster, clock, plan, run = self.reach.cluster, self.reach.clock, self.plan, self.journal.run
        if self.options.wait:
            with approving.asking(cluster, clock, run, plan) as asked:
                self._announce(asked)
                answer = approving.wait(cluster, clock, asked, self.options.stop)
        elif (found := approving.about(cluster, clock, plan)) is not None and found.state == "approved":
            answer = found
            approving.withdraw(cluster, answer)  # one yes is for one recovery
        else:
            self._announce(asked := approving.ask(cluster, clock, run, plan))
            until = asked.expires.isoformat()
            raise Refused("a person was asked", guard="approval", limit="a person's yes", until=until)
        if answer.digest != plan.digest:
            raise Refused("what was approved is another plan", guard="approval", limit=plan.digest)
        self.journal.step("approval", "held", f"by {answer.by or 'somebody'}")

    def _announce(self, asked: Request) -> None:
        """People know that there is a question; when nobody takes it, the timeline says so."""
        run = self.journal.run
        self.journal.step(
            "approval", "begun", f"chaoskit approve {run} says yes, until {asked.expires:%H:%M} UTC"
        )
        title = f"approval wanted: {self.issue.kind} of {self.issue.target}"
        text = f"{asked.plan}\nchaoskit approve {run} -n {asked.ref.namespace}"
        labels = {"recovery": run, "namespace": self.issue.target.namespace}
        try:
            self.reach.people.send(Notice(title, text, "warning", labels))
        except ChaoskitError as error:
            self.journal.step("escalation", "failed", error.message)
