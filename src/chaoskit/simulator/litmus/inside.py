"""What a Litmus program knows inside its pod: the world, its environment, its account, whom to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from chaoskit.simulator.api import Access, Api, ApiError, Object
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.knobs import Knobs
from chaoskit.simulator.litmus import events, targets
from chaoskit.simulator.litmus.events import Said
from chaoskit.simulator.litmus.kinds import API_VERSION, environment
from chaoskit.simulator.litmus.processes import Process
from chaoskit.simulator.litmus.reach import Reach
from chaoskit.simulator.litmus.results import Named

STEP = 2.0
"""Seconds that nearly every read of the API takes: Litmus' retry helper sleeps after a success too."""


@dataclass(frozen=True, slots=True)
class World:
    """The cluster and its time; `account` gives the rights of a service account (namespace, name).

    `reach` is what can be done from inside a chaos pod, with the rights of its account.
    """

    api: Api
    engine: Engine
    account: Callable[[str, str], Access]
    reach: Callable[[Object, Access], Reach]
    knobs: Knobs = field(default_factory=Knobs)


@dataclass(frozen=True, slots=True)
class Inside:
    """One running Litmus container. The environment is what the pod says, as in the real program."""

    world: World
    pod: Object
    process: Process
    env: dict[str, str]
    account: str
    api: Access
    reach: Reach

    @classmethod
    def of(cls, world: World, pod: Object, process: Process) -> Inside:
        """The inside of a pod whose first container has just started."""
        spec, meta = pod["spec"], pod["metadata"]
        account = spec.get("serviceAccountName") or "default"
        env = environment(spec["containers"][0], meta["name"])
        access = world.account(meta["namespace"], account)
        return cls(world, pod, process, env, account, access, world.reach(pod, access))

    @property
    def name(self) -> str:
        """The pod's name."""
        return str(self.pod["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Where engine, pods, results and events all are."""
        return str(self.pod["metadata"]["namespace"])

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return self.env["EXPERIMENT_NAME"]

    @property
    def result(self) -> Named:
        """The ChaosResult of this experiment."""
        instance = self.env.get("INSTANCE_ID", "")
        return Named(self.api, self.namespace, self.env["CHAOSENGINE"], self.experiment, instance)

    def now(self) -> float:
        """Simulated Unix seconds."""
        return self.world.engine.now()

    def pick(self, name: str, default: str) -> int:
        """A tunable's number, or one drawn from its range; `default` where it is empty."""
        return targets.ranged(self.env.get(name) or default, self.world.engine.random)

    def tell(self, event: str, about: Object, said: Said) -> None:
        """The event of that name says so; one that may not be written is only missed."""
        try:
            events.upsert(self.api, self.now(), event, about, said)
        except ApiError as error:
            self.process.log(f"unable to create the event {event}: {error}")

    def tell_engine(self, reason: str, message: str, *, warning: bool = False) -> None:
        """The engine's event of this reason says so."""
        uid = self.env["CHAOS_UID"]
        about = {
            "apiVersion": API_VERSION,
            "kind": "ChaosEngine",
            "metadata": {"name": self.env["CHAOSENGINE"], "namespace": self.namespace, "uid": uid},
        }
        said = Said(reason, message, self.name, "Warning" if warning else "Normal")
        self.tell(f"{reason}{self.experiment}{uid}", about, said)

    def tell_result(self, reason: str, message: str, *, warning: bool = False) -> None:
        """The result's event of this reason and pod says so, if there is a result."""
        about = self.result.read()
        if about is not None:
            said = Said(reason, message, self.name, "Warning" if warning else "Normal")
            self.tell(f"{reason}{self.name}", about, said)

    def say_injecting(self) -> None:
        """The engine's ChaosInject event is there, or counts one more."""
        self.tell_engine("ChaosInject", f"Injecting {self.experiment} chaos on application pod")
