"""Look after look: only what is new is asked for; alerts stand while they last; a model's manner in words."""

from __future__ import annotations

import itertools
import shutil
import threading
from array import array
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from tests.prediction.conftest import leaking, small
from tests.wire import Answer, scripted

from chaoskit import kube, prediction
from chaoskit.adapters.exposition import Predictions
from chaoskit.adapters.http import RequestsHttp
from chaoskit.adapters.notify import Alertmanager
from chaoskit.cli import outlooks
from chaoskit.clock import ManualClock
from chaoskit.errors import CannotStart, NoSamples, NotFound, Unavailable
from chaoskit.events import Doubted, Event, Foreseen, Listener, Looked, Unwatched, Warned, ignore
from chaoskit.flows import learning
from chaoskit.flows.alerting import Alerts
from chaoskit.flows.auto_recovery import votes
from chaoskit.flows.duties.predicting import Predicting
from chaoskit.flows.duties.saying import Saying
from chaoskit.flows.foreseeing import Lookout
from chaoskit.flows.helping import with_help
from chaoskit.flows.outlook import Manner, Outlook
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Identity, Kind
from chaoskit.ports.metrics import Series, Signal
from chaoskit.ports.store import Document
from chaoskit.prediction import Dataset, Health, Silent, Young
from chaoskit.prediction.data.dataset import Block, Row, unmeasured
from chaoskit.prediction.data.recent import Recent, latest
from chaoskit.prediction.learning.training import Model
from chaoskit.records import PredictionRecord, RecoveryRecord
from chaoskit.recovery import Vote
from chaoskit.signals import BY_NAME

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
CART = {"namespace": "shop", "pod": "cart-1", "workload": "cart", "workload_kind": "deployment"}


@dataclass
class Prometheus:
    """Readiness of one pod, as of 13:00 down; of the `others` nothing changes. `away` raises once."""

    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    away: bool = False
    others: tuple[str, ...] = ()

    def range(
        self, signal: Signal, start: datetime, end: datetime, *, step: int = 0,
        where: Mapping[str, str] | None = None,
    ) -> tuple[Series, ...]:  # fmt: skip
        if self.away:
            self.away = False
            raise Unavailable("Prometheus cannot be reached", service="Prometheus")
        count = int((end - start).total_seconds() // step) + 1
        if signal.name in self.others:
            return (Series(CART, start, step, array("d", [0.0] * count)),)
        if signal.name != "ready":
            return ()
        self.asked.append((start, end))
        times = [start + timedelta(seconds=step * index) for index in range(count)]
        down = T0 + timedelta(hours=1)
        return (Series(CART, start, step, array("d", [float(at < down) for at in times])),)


@dataclass
class Kept:
    documents: list[Document] = field(default_factory=list)
    recoveries: list[Document] = field(default_factory=list)

    def find(self, kind: str, where: Any = None, **_: Any) -> tuple[Document, ...]:
        return tuple(self.recoveries) if kind == "recovery" else ()

    def put(self, document: Document) -> None:
        self.documents.append(document)


@dataclass
class Named:
    """A cluster that only Prometheus can speak of."""

    name: str = "kind"

    def list(self, kind: Kind, *_: Any, **__: Any) -> Any:
        raise Unavailable("the API server does not answer", service="Kubernetes")

    def identity(self) -> Identity:
        raise Unavailable("the API server does not answer", service="Kubernetes")


def lookout(source: Prometheus, clock: ManualClock, heard: list[Event], store: Kept | None = None) -> Lookout:
    parts: dict[str, Any] = {"cluster": Named(), "metrics": source, "store": store or Kept(), "clock": clock}
    rest = {"http": None, "limits": Limits(), "models": None}
    return Lookout(World(**cast("Any", parts | rest)), "shop", listen=heard.append)


def test_only_what_is_new_is_asked_for_and_kept() -> None:
    source, clock, heard, store = Prometheus(), ManualClock(T0), list[Event](), Kept()
    looking = lookout(source, clock, heard, store)
    first = looking.look()
    clock.turn(180)
    second = looking.look()
    spans = [(end - start) / timedelta(minutes=1) for start, end in source.asked]
    assert spans == [60, 6]
    assert [each.target for each in second.predictions] == ["deployment/cart"]
    assert first.manner.mode == "rules"
    assert [each["id"] for each in store.documents] == [
        each.id for each in (*first.predictions, *second.predictions)
    ]
    assert [type(each) for each in heard] == [Foreseen, Looked, Foreseen, Looked]


def of_signals(*names: str) -> tuple[str, Model]:
    """A model of these signals, which is not asked."""
    shape = SimpleNamespace(reach=60)
    spec = SimpleNamespace(signals=tuple(BY_NAME[name] for name in names), step=60, shape=shape)
    target = SimpleNamespace(confirm=1)
    return "ob-1", cast("Model", SimpleNamespace(spec=spec, sign_spec=spec, target=target))


def test_a_model_most_of_whose_signals_are_absent_does_not_answer_by_itself() -> None:
    looking = lookout(Prometheus(), ManualClock(T0 + timedelta(minutes=61)), [])
    looking.model, looking.by_itself = of_signals("ready", "cpu_usage", "memory_usage"), True
    words = "ob-1 does not answer here: 2 of its 3 signals are absent here (cpu_usage, memory_usage)"
    for _ in range(2):
        outlook = looking.look()
        assert (outlook.manner.mode, outlook.manner.held_back) == ("rules", words)
        assert [(each.probability, each.alarmed) for each in outlook.predictions] == [(None, True)]
        assert outlook.manner.document["heldBack"] == words
        assert outlooks.headline(outlook) == f"model    {words}: rules answer"
        looking.world.clock.sleep(60, threading.Event())
    looking.answered_by(None)
    assert looking.look().manner.held_back == ""


def test_a_model_that_lacks_half_of_its_signals_still_answers() -> None:
    window = lookout(Prometheus(), ManualClock(T0), [])
    window.model = of_signals("ready", "cpu_usage")
    measured = window._measured(T0 - timedelta(hours=1), T0, window.model[1])
    assert prediction.strange_here(window.model[1], measured) == ""


def test_after_a_long_silence_everything_is_asked_for() -> None:
    source, clock = Prometheus(), ManualClock(T0)
    looking = lookout(source, clock, [])
    looking.look()
    clock.turn(7200)
    looking.look()
    assert source.asked[-1][1] - source.asked[-1][0] == timedelta(hours=1)


def test_a_clock_that_was_set_back_is_looked_at_from_there() -> None:
    source, clock = Prometheus(), ManualClock(T0 + timedelta(minutes=41))
    looking = lookout(source, ManualClock(T0 + timedelta(minutes=61)), [])
    assert [each.alarmed for each in looking.look().predictions] == [True]
    looking.world = replace(looking.world, clock=clock)
    (before,) = looking.look().predictions
    assert (before.at, before.alarmed) == (T0 + timedelta(minutes=41), False)
    assert source.asked[-1] == (T0 - timedelta(minutes=19), T0 + timedelta(minutes=41))
    clock.turn(60)
    looking.look()
    assert source.asked[-1][1] == T0 + timedelta(minutes=42)


def test_a_watch_looks_every_step_and_waits_for_a_prometheus_that_is_away() -> None:
    source, clock, heard, stop = (
        Prometheus(),
        ManualClock(T0 + timedelta(minutes=57)),
        list[Event](),
        threading.Event(),
    )
    alarms = []
    for outlook in lookout(source, clock, heard, None).watch(stop):
        alarms.append((outlook.at.minute, outlook.predictions[0].alarmed))
        source.away = outlook.at.minute == 58
        if len(alarms) == 4:
            stop.set()
    assert alarms == [(57, False), (58, False), (0, True), (1, True)]
    assert [each.message for each in heard if isinstance(each, Warned)] == [
        "Prometheus cannot be reached; again in 60 s"
    ]


class Nothing(Prometheus):
    """It answers, and has no sample."""

    def range(self, *_: object, **__: object) -> tuple[Series, ...]:
        return ()


def test_where_the_clock_was_set_back_what_was_heard_later_does_not_stand_for_a_sample() -> None:
    heard = list[Event]()
    looking = lookout(Prometheus(), ManualClock(T0), heard)
    looking.look()
    before = {"clock": ManualClock(T0 - timedelta(minutes=20)), "metrics": Nothing()}
    looking.world = replace(looking.world, **cast("Any", before))
    with pytest.raises(NoSamples):
        looking.look()
    assert isinstance(heard[-1], Unwatched)


def test_a_watch_that_never_saw_a_sample_ends_and_says_why() -> None:
    looking = lookout(Nothing(), ManualClock(T0), [])
    with pytest.raises(CannotStart, match="no signal has a sample in namespace shop"):
        next(looking.watch(threading.Event()))
    looking.namespace = ""
    with pytest.raises(CannotStart, match="no signal has a sample in any namespace") as caught:
        looking.look()
    assert caught.value.hint.startswith("chaoskit doctor -A says")


def block(first: int, values: list[float], *pods: str) -> Dataset:
    rows = tuple(Row("shop", f"deployment/{pod}", pod) for pod in pods)
    data = np.tile(np.array(values, dtype=np.float32), (len(pods), 1, 1))
    start = T0 + timedelta(minutes=first)
    return Dataset((BY_NAME["ready"],), 60, (Block("shop", rows, start, 60, data),))


def test_the_newer_word_counts_and_rows_come_and_go() -> None:
    nan = float("nan")
    joined = latest(block(0, [1, 2, 3, 4], "a", "old"), block(2, [nan, 40, 50, 60], "a", "new"), 3)
    (found,) = joined.blocks
    assert found.start == T0 + timedelta(minutes=3)
    values = {row.pod: found.values[index, 0].tolist() for index, row in enumerate(found.rows)}
    assert values["a"] == [40, 50, 60]
    assert values["new"] == [40, 50, 60]
    assert values["old"][0] == 4
    assert [row.pod for row in latest(joined, block(9, [7], "a"), 2).blocks[0].rows] == ["a"]


def test_what_is_written_on_says_what_is_joined_anew() -> None:
    """Late samples, gaps, pods that come and go, and an array that is full: look after look the same."""
    random, recent, joined = np.random.default_rng(4), Recent(12), None
    for look in range(80):
        start = 3 * look + (40 if look > 60 else 0)
        names = [f"pod-{n}" for n in range(6) if n < 4 or (look // 20) % 2 == n - 4]
        new = block(start, [0.0] * 5, *names[: 4 if look % 7 == 3 else 6])
        new.blocks[0].values[:] = random.random(new.blocks[0].values.shape)
        new.blocks[0].values[random.random(new.blocks[0].values.shape) < 0.3] = np.nan
        joined = new if joined is None else latest(joined, new, 12)
        recent.take(new)
        if look % 9 == 8:  # nothing was measured in two moments
            joined = latest(joined, block(start + 5, [float("nan")] * 2, *names), 12)
            first, last = (T0 + timedelta(minutes=start + more) for more in (5, 6))
            recent.take(unmeasured(first, last, "shop", new.signals, step=60))
        (found,), (wanted,) = cast("Dataset", recent.dataset).blocks, joined.blocks
        assert (found.rows, found.start) == (wanted.rows, wanted.start)
        np.testing.assert_array_equal(found.values, wanted.values)


class Twins(Prometheus):
    """The cart of the shop, and one of the same name in the bank that keeps well; the cluster's DNS."""

    def range(self, *asked: Any, **options: Any) -> tuple[Series, ...]:
        assert options["where"] == {}
        found = super().range(*asked, **options)
        well = array("d", [1.0] * (len(found[0].values) if found else 0))
        others = [CART | {"namespace": each} for each in ("bank", "kube-system")]
        return tuple(
            more for each in found for more in (each, *(replace(each, labels=o, values=well) for o in others))
        )


def everywhere(minute: int, selector: str = "") -> Outlook:
    looking = lookout(Twins(), ManualClock(T0 + timedelta(minutes=minute)), [])
    looking.namespace, looking.selector = "", selector
    cluster = Deployments({"cart": 1}, namespace="bank")
    looking.world = replace(
        looking.world, cluster=cast("Any", cluster), limits=Limits(protected=("kube-system",))
    )
    return looking.look()


def test_in_all_namespaces_workloads_of_one_name_are_told_apart() -> None:
    seen = everywhere(63)
    found = [(each.namespace, each.target, each.alarmed) for each in seen.predictions]
    assert found == [("shop", "deployment/cart", True), ("bank", "deployment/cart", False)]
    assert seen.everywhere


def test_labels_choose_within_their_namespace() -> None:
    assert [each.namespace for each in everywhere(63, "app=cart").predictions] == ["bank"]
    with pytest.raises(NotFound, match="no workload of any namespace has the labels app=cat"):
        everywhere(63, "app=cat")


class Stopping(Prometheus):
    """The cart's samples end at 12:50; those of a database go on."""

    def range(self, signal: Signal, *asked: Any, **options: Any) -> tuple[Series, ...]:
        found = super().range(signal, *asked, **options)
        return tuple(part for each in found for part in (self._stopped(each), self._beside(each)))

    def _stopped(self, each: Series) -> Series:
        last = int((T0 + timedelta(minutes=50) - each.start).total_seconds() // each.step)
        values = [value if at <= last else float("nan") for at, value in enumerate(each.values)]
        return replace(each, values=array("d", values))

    def _beside(self, each: Series) -> Series:
        labels = {**CART, "pod": "db-1", "workload": "db"}
        return replace(each, labels=labels, values=array("d", [1.0] * len(each.values)))


@dataclass
class Deployments:
    """A cluster with deployments of so many replicas."""

    replicas: dict[str, int]
    name: str = "kind"
    namespace: str = "shop"

    def identity(self) -> Identity:
        return Identity(self.name, "u1", "https://kind")

    def list(self, kind: Kind, namespace: str, *, labels: str = "") -> Any:
        assert namespace in {"", self.namespace}
        bodies = [
            {"metadata": {"name": name, "namespace": self.namespace}, "spec": {"replicas": n}}
            for name, n in self.replicas.items()
        ]
        return SimpleNamespace(items=bodies if kind == kube.DEPLOYMENT and labels in {"", "app=cart"} else [])


def stopped(replicas: dict[str, int], selector: str = "", minute: int = 56) -> Outlook:
    looking = lookout(Stopping(), ManualClock(T0 + timedelta(minutes=minute)), [])
    looking.world = replace(looking.world, cluster=cast("Any", Deployments(replicas)))
    looking.selector = selector
    return looking.look()


def test_a_workload_whose_samples_stopped_is_said_and_not_forgotten() -> None:
    seen = stopped({"cart": 2, "db": 1})
    assert [each.target for each in seen.predictions] == ["deployment/db"]
    (silent,) = seen.silent
    assert silent.words == "deployment/cart: no sample for 6 min, nothing is known of it"


def alarms(shown: Predictions) -> list[str]:
    """The workloads with an alarm among the metrics."""
    of = next(each for each in shown.collect() if each.name == "chaoskit_failure_alarm")
    return [sample.labels["workload"] for sample in of.samples if sample.value]


class Down(Stopping):
    """A cart that is down from 12:30 on, its samples ending at 12:50; `alone` without the database."""

    alone = False

    def _stopped(self, each: Series) -> Series:
        down = int((T0 + timedelta(minutes=30) - each.start).total_seconds() // each.step)
        values = [float(at < down) for at in range(len(each.values))]
        return super()._stopped(replace(each, values=array("d", values)))

    def range(self, signal: Signal, *asked: Any, **options: Any) -> tuple[Series, ...]:
        found = super().range(signal, *asked, **options)
        there = [each for each in found if not all(np.isnan(each.values))]
        return tuple(each for each in there if not (self.alone and each.labels["workload"] == "db"))


def down(*, alone: bool, listen: Listener, replicas: dict[str, int] | None = None) -> Lookout:
    """A lookout at 12:50, when the cart is down and has its last sample, in such a cluster or one away."""
    source = Down(others=("memory_bytes", "request_rate", "restarts"))
    source.alone = alone
    looking = lookout(source, ManualClock(T0 + timedelta(minutes=50)), [])
    looking.listen = listen
    return looking if replicas is None else among(looking, replicas)


def among(looking: Lookout, replicas: dict[str, int]) -> Lookout:
    looking.world = replace(looking.world, cluster=cast("Any", Deployments(replicas)))
    return looking


@pytest.mark.parametrize("alone", [False, True])
def test_an_alarm_stays_for_as_long_as_samples_have_stopped_for_one_or_for_all(*, alone: bool) -> None:
    """Also when none of them lies in the hour that rules look at; until the workload is deleted."""
    shown, alerts, rest = Predictions(), Alerts(timedelta(minutes=4), "shop"), {} if alone else {"db": 1}
    looking = down(alone=alone, listen=shown, replicas={"cart": 2} | rest)
    for minute in range(80):
        outlook = looking.look()
        raised = [each for each in alerts.of(outlook) if each.ends > outlook.at]
        assert alarms(shown) == [each.labels["workload"] for each in raised] == ["deployment/cart"]
        assert [each.minutes for each in outlook.silent] == ([minute] if minute >= 5 else [])
        looking.world.clock.sleep(60)
    among(looking, rest)
    with pytest.raises(NoSamples) if alone else nullcontext():
        looking.look()
    assert alarms(shown) == []


class Away(Prometheus):
    """It does not answer."""

    def range(self, *_: object, **__: object) -> tuple[Series, ...]:
        raise Unavailable("Prometheus does not answer", service="Prometheus")


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("minutes", [50, 70, 700])
def test_an_alarm_stays_though_prometheus_was_away_and_comes_back_without_a_sample(
    minutes: int, *, alone: bool
) -> None:
    """Also when it was away for longer than the hour that rules look at; until the workload is deleted."""
    shown, rest = Predictions(), {} if alone else {"db": 1}
    looking = down(alone=alone, listen=shown, replicas={"cart": 2} | rest)
    looking.look()
    source = looking.world.metrics
    looking.world.clock.sleep(60)
    looking.world = replace(looking.world, metrics=cast("Any", Away()))
    with pytest.raises(Unavailable):
        looking.look()
    looking.world.clock.sleep(60 * minutes)
    looking.world = replace(looking.world, metrics=source)
    for _ in range(2):
        assert [each.target for each in looking.look().silent] == ["deployment/cart"]
        assert alarms(shown) == ["deployment/cart"]
        looking.world.clock.sleep(60)
    among(looking, rest)
    with pytest.raises(NoSamples) if alone else nullcontext():
        looking.look()
    assert alarms(shown) == []


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that may answer."""
    folder, options = tmp_path_factory.mktemp("models"), small(false_alarms_per_day=6)
    assert learning.fit(leaking(), models=folder, base="shop", options=options, thorough=False).promoted
    return folder


def test_a_model_whose_signals_are_there_again_answers_again(models: Path) -> None:
    """As after a start beside an exporter that comes up; that signals go later is told as its health."""
    source = Prometheus()
    looking = lookout(source, ManualClock(T0 + timedelta(minutes=61)), [])
    looking.model, looking.by_itself = learning.chosen(models, "shop-1"), True
    names = [each.name for each in cast("Any", looking.model)[1].spec.signals if each.name != "ready"]
    modes = []
    for minute in range(30):
        source.others = tuple(names[:2] if minute < 5 else names if minute < 25 else ())
        manner = looking.look().manner
        modes.append(manner.mode)
        assert (manner.held_back != "") is (manner.mode == "rules")
        looking.world.clock.sleep(60, threading.Event())
    assert modes == ["rules"] * 10 + ["forecast"] * 20


def test_what_is_absent_is_told_as_it_is_now() -> None:
    source = Prometheus()
    looking = lookout(source, ManualClock(T0 + timedelta(minutes=61)), [])
    looking.model, looking.by_itself = (
        of_signals("ready", "cpu_usage", "memory_usage", "restarts", "memory_bytes"),
        True,
    )
    assert "4 of its 5 signals" in looking.look().manner.held_back
    source.others = ("restarts",)
    looking.world.clock.sleep(600, threading.Event())
    assert "3 of its 5 signals" in looking.look().manner.held_back


@pytest.mark.parametrize("alone", [False, True])
def test_an_alarm_stays_when_samples_have_stopped_and_another_model_answers(
    models: Path, *, alone: bool
) -> None:
    """From rules to a model, back to rules, and once more: for most of the time none finds a sample."""
    shown, heard = Predictions(), list[Event]()
    looking = down(alone=alone, listen=heard.append, replicas={"cart": 2} | ({} if alone else {"db": 1}))
    clock = cast("ManualClock", looking.world.clock)

    def listen(event: Event) -> None:
        heard.append(event)
        shown(event)

    duty = Predicting(replace(looking.world, models=models), Saying(clock, listen))
    for name in ("", "shop-1", "", "shop-1"):
        prediction.retire(models) if not name else prediction.promote(models, name)
        for _ in range(40):
            duty.look("shop")
            assert alarms(shown) == ["deployment/cart"]
            clock.turn(60)
    assert {each.model for each in heard if isinstance(each, Doubted)} == {"shop-1"}


def test_another_file_of_the_same_name_that_was_promoted_answers_at_the_next_look(
    models: Path, tmp_path: Path
) -> None:
    """Also where the duty is under way: what answers is known by its digest, not by its name alone."""
    root = tmp_path / "models"
    shutil.copytree(models, root)
    prediction.promote(root, "shop-1")
    looking = down(alone=False, listen=ignore, replicas={"cart": 2, "db": 1})
    duty = Predicting(replace(looking.world, models=root), Saying(looking.world.clock, ignore))

    def answering() -> Model:
        duty.look("shop")
        model = duty._lookouts["shop"].model
        assert model is not None
        return model[1]

    first = answering()
    assert answering() is first
    trained = prediction.load(root / "shop-1", state=root)
    other = replace(trained, model=replace(trained.model, seed=first.seed + 1))
    prediction.save(other, root / "shop-2", state=root)
    shutil.copyfile(root / "shop-2" / "model.joblib", root / "shop-1" / "model.joblib")
    assert prediction.promote(root, "shop-1")
    assert answering().seed == first.seed + 1


def test_a_watch_goes_on_where_samples_have_stopped_for_all_and_says_when_they_are_back() -> None:
    heard, stop = list[Event](), threading.Event()
    looking = down(alone=True, listen=heard.append)
    told = [
        (outlook.at.minute, len(outlook.predictions), len(outlook.silent))
        for outlook in itertools.islice(looking.watch(stop), 7)
    ]
    assert told == [*((minute, 1, 0) for minute in range(50, 55)), (55, 0, 1), (56, 0, 1)]
    looking.world = replace(looking.world, metrics=cast("Any", Prometheus()))
    looking.world.clock.sleep(60)
    back = looking.look()
    assert [(each.target, each.alarmed) for each in back.predictions] == [("deployment/cart", False)]
    assert back.silent == ()
    assert not [each for each in heard if isinstance(each, Warned | Unwatched)]


@pytest.mark.parametrize("replicas", [{}, {"cart": 0}])
def test_a_look_that_finds_no_sample_where_none_is_due_leaves_no_alarm_metric(
    replicas: dict[str, int],
) -> None:
    shown, stop = Predictions(), threading.Event()
    heard = list[Event]()

    def listen(event: Event) -> None:
        shown(event)
        heard.append(event)
        if isinstance(event, Warned):
            stop.set()

    looking = down(alone=True, listen=listen, replicas={"cart": 2})
    looks = looking.watch(stop)
    next(looks)
    assert alarms(shown) == ["deployment/cart"]
    among(looking, replicas)
    assert len(list(itertools.islice(looks, 20))) < 20
    assert isinstance(heard[-1], Warned)
    assert "again in 60 s" in heard[-1].message
    assert alarms(shown) == []


@pytest.mark.parametrize("replicas", [{"db": 1}, {"cart": 0, "db": 1}])
def test_a_workload_that_is_gone_or_scaled_to_zero_is_silent_by_right(replicas: dict[str, int]) -> None:
    assert stopped(replicas).silent == ()


@pytest.mark.parametrize(("wanted", "alarmed"), [(2, ["deployment/cart"]), (0, [])])
def test_that_the_last_pod_goes_is_an_alarm_unless_none_is_wanted(wanted: int, alarmed: list[str]) -> None:
    seen = stopped({"cart": wanted, "db": 1}, minute=53)
    assert [each.target for each in seen.predictions if each.alarmed] == alarmed
    assert "deployment/db" in {each.target for each in seen.predictions}
    assert seen.silent == ()


def test_an_alarm_needs_no_api_server() -> None:
    seen = lookout(Stopping(), ManualClock(T0 + timedelta(minutes=53)), []).look()
    (alarmed,) = (each for each in seen.predictions if each.alarmed)
    assert (alarmed.target, alarmed.cluster, alarmed.cluster_uid) == ("deployment/cart", "kind", None)


def test_labels_that_no_workload_has_are_an_error() -> None:
    with pytest.raises(NotFound, match="no workload of shop has the labels tier=bakend"):
        stopped({"cart": 2}, "tier=bakend")


# ---------------------------------------------------------------------- alerts

RECORD = PredictionRecord(
    id="1", at=T0, trace_id="1", target="deployment/cart", namespace="shop", cluster="kind", model="shop-1",
    horizon_minutes=30, probability=0.91, low=0.8, high=0.95, score=1.2, alarmed=True, issue="memory-leak",
    reasons=("working set 412 of 512 MiB",),
)  # fmt: skip


def outlook(minute: int, *found: PredictionRecord) -> Outlook:
    at = T0 + timedelta(minutes=minute)
    return Outlook(
        at, tuple(replace(each, at=at) for each in found), Manner("shop-1", "forecast", 30), Health()
    )


def test_an_alert_stands_while_its_alarm_lasts_and_ends_with_it() -> None:
    alerts = Alerts(timedelta(minutes=4), "shop")
    (first,) = alerts.of(outlook(0, RECORD))
    assert first.labels["workload"] == "deployment/cart"
    assert first.annotations["summary"] == (
        "deployment/cart in shop is likely to fail within 30 min, 91% probable"
    )
    (again,) = alerts.of(outlook(1, RECORD))
    assert (again.starts, again.ends) == (T0, T0 + timedelta(minutes=5))
    (over,) = alerts.of(outlook(2, replace(RECORD, alarmed=False)))
    assert (over.labels, over.starts, over.ends) == (first.labels, T0, T0 + timedelta(minutes=2))
    assert alerts.of(outlook(3)) == ()


@pytest.mark.parametrize(
    "unknown",
    [
        {"silent": (Silent("shop", "deployment/cart", 6),)},
        {"young": (Young("shop", "deployment/cart", 3),)},
    ],
    ids=str,
)
def test_an_alarm_of_a_workload_of_which_nothing_is_known_is_not_over(unknown: dict[str, Any]) -> None:
    alerts = Alerts(timedelta(minutes=4), "shop")
    (first,) = alerts.of(outlook(0, RECORD))
    (still,) = alerts.of(replace(outlook(6), **unknown))
    assert (still.labels, still.starts, still.ends) == (first.labels, T0, T0 + timedelta(minutes=10))
    (over,) = alerts.of(outlook(7))
    assert over.ends == T0 + timedelta(minutes=7)


def test_what_speaks_against_the_model_is_an_alert_while_it_does() -> None:
    alerts = Alerts(timedelta(minutes=4), "shop")
    health = Health(
        drift=("drift: cpu_usage of 4 of 5 workloads is unlike the training",), old="trained 40 d ago"
    )
    drift, old = alerts.of(replace(outlook(0), health=health))
    assert drift.labels == {
        "alertname": "ChaoskitModelDoubtful", "namespace": "shop", "model": "shop-1", "reason": "drift",
        "severity": "warning",
    }  # fmt: skip
    assert drift.annotations["description"] == health.drift[0]
    still, over = alerts.of(replace(outlook(1), health=replace(health, old="")))
    assert (still.labels, still.starts) == (drift.labels, T0)
    assert (over.labels, over.ends) == (old.labels, T0 + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("mode", "says"),
    [("forecast", "deployment/cart in shop is on its way to a failure, 91% probable"),
     ("detect", "deployment/cart in shop is failing, 91% probable")],
)  # fmt: skip
def test_an_alert_says_what_its_model_says(mode: str, says: str) -> None:
    said = replace(RECORD, horizon_minutes=0, mode=mode)
    (alert,) = Alerts(timedelta(minutes=4), "shop").of(outlook(0, said))
    assert alert.annotations["summary"] == says


def test_an_alert_of_a_rule_does_not_call_probable_what_the_forest_does_not() -> None:
    said = replace(RECORD, probability=0.07, rule="static rule")
    (alert,) = Alerts(timedelta(minutes=4), "shop").of(outlook(0, said))
    assert alert.annotations["summary"] == "deployment/cart in shop is alarmed by static rule (forest: 7%)"


def test_an_alarm_of_another_class_is_another_alert() -> None:
    alerts = Alerts(timedelta(minutes=4), "shop")
    alerts.of(outlook(0, RECORD))
    fresh, over = alerts.of(outlook(1, replace(RECORD, issue="network")))
    assert (fresh.labels["class"], fresh.starts) == ("network", T0 + timedelta(minutes=1))
    assert (over.labels["class"], over.ends) == ("memory-leak", T0 + timedelta(minutes=1))


def test_alertmanager_is_told_in_its_own_words() -> None:
    alerts = Alerts(timedelta(minutes=4), "shop").of(outlook(0, RECORD))
    with scripted(lambda asked: Answer(200)) as server:
        Alertmanager(server.url + "/", RequestsHttp()).push(alerts)
        Alertmanager(server.url, RequestsHttp()).push(())
        (asked,) = server.asked
        assert asked.path == "/api/v2/alerts"
        assert '"endsAt": "2026-03-01T12:04:00+00:00"' in asked.body
        server.will(Answer(400, b"bad label"))
        with pytest.raises(Unavailable, match=f"Alertmanager at {server.url[7:]} answered with 400"):
            Alertmanager(server.url, RequestsHttp()).push(alerts)
    with pytest.raises(Unavailable, match=f"Alertmanager at {server.url[7:]} gave no answer .Connection"):
        Alertmanager(server.url.replace("//", "//ada:s3cret@"), RequestsHttp()).push(alerts)


def test_what_helped_in_an_incident_that_looks_alike_is_said() -> None:
    at = T0 - timedelta(days=2)
    incident = {"target": "deployment/cart", "namespace": "shop", "issue": "memory-leak", "likeness": 0.8}
    kept = RecoveryRecord(
        id="r1", at=at + timedelta(minutes=20), trace_id="r1", issue="memory-leak", target="deployment/cart",
        namespace="shop", cluster="kind", outcome=Outcome.RECOVERED, reason="",
        ended_at=at + timedelta(minutes=21),
        steps=({"action": "rolling-restart", "done": True, "helped": True},),
    )  # fmt: skip
    store = Kept(recoveries=[kept.document()])
    like = [{**incident, "at": each.isoformat()} for each in (at, at - timedelta(days=1))]
    looking = lookout(Prometheus(), ManualClock(T0), [], store)
    (found,) = with_help(looking.world, [replace(RECORD, similar=tuple(like))])
    assert [each["helped"] for each in found.similar] == ["rolling-restart", ""]


def test_only_an_alarm_that_names_a_class_has_a_vote() -> None:
    quiet, nameless = replace(RECORD, alarmed=False), replace(RECORD, issue="")
    ruled = replace(RECORD, probability=None)
    assert votes([quiet, nameless, RECORD]) == (Vote("shop", "deployment/cart", "memory-leak", 0.91),)
    assert votes([ruled]) == (Vote("shop", "deployment/cart", "memory-leak", 0.0),)
