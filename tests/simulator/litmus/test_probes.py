from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from chaoskit.simulator.api import Access, Object
from chaoskit.simulator.effects import Effects
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.litmus import probes
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.probes import NotHeldError, Probe
from chaoskit.simulator.litmus.reach import Reach
from chaoskit.simulator.litmus.simulated import Kubelet, SimulatedReach


class Api:
    """Lists what it was given."""

    def __init__(self, *found: Object) -> None:
        self.found = found

    def list(self, kind: str, namespace: str | None = None, labels: str = "") -> tuple[Object, ...]:
        return self.found


def probe(kind: str, inputs: dict[str, Any], **more: Any) -> Probe:
    defaults: dict[str, Any] = {
        "timeout": 5.0, "interval": 1.0, "attempts": 1, "polling": 1.0, "delay": 0.0,
        "stop_on_failure": False,
    }  # fmt: skip
    return Probe(name="p", type=kind, mode="SOT", inputs=inputs, **defaults | more)


@dataclass(frozen=True)
class Place:
    """What a probe can reach from where it is evaluated."""

    api: Access
    reach: Reach


def place(*found: Object, status: int | None = 200, values: tuple[float, ...] = (1.0,)) -> Place:
    def http(url: str, timeout: float, source: tuple[str, str]) -> int:
        if status is None:
            raise ConnectionError("connection refused")
        return status

    nobody = cast(Kubelet, None)
    engine = Engine(start=datetime(2026, 11, 23, tzinfo=UTC))
    reach = SimulatedReach(
        http, lambda endpoint, query: values, Effects(), nobody, engine, ("town", "probing")
    )
    return Place(cast(Access, Api(*found)), reach)


def run(wanted: Probe, where: Place) -> tuple[str, float]:
    """The answer, and how many seconds it took."""
    script, took = probes.trial(wanted, where.api, where.reach), 0.0
    while True:
        try:
            took += next(script)
        except StopIteration as done:
            return done.value, took


PODS = {"version": "v1", "resource": "pods", "namespace": "lab", "labelSelector": "app=web"}


@pytest.mark.parametrize(
    ("text", "value"), [("3s", 3.0), ("500ms", 0.5), ("1m30s", 90.0), ("", 0.0), ("0", 0.0)]
)
def test_durations_are_read_as_go_reads_them(text: str, value: float) -> None:
    assert probes.seconds(text) == value


@pytest.mark.parametrize("text", ["5", "5 s", "fast"])
def test_a_duration_without_a_unit_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        probes.seconds(text)


def test_present_holds_when_a_resource_matches() -> None:
    told, took = run(probe("k8sProbe", PODS | {"operation": "present"}), place({"metadata": {}}))
    assert "'present' operation" in told
    assert took == 0


def test_present_without_a_match_does_not_hold() -> None:
    with pytest.raises(NotHeldError, match="labelSelectors: app=web, fieldSelectors: }"):
        run(probe("k8sProbe", PODS | {"operation": "present"}), place())


def test_absent_does_not_hold_while_something_matches() -> None:
    with pytest.raises(NotHeldError):
        run(probe("k8sProbe", PODS | {"operation": "absent"}), place({"metadata": {}}))


def test_a_resource_that_is_not_known_is_an_error_and_no_failure() -> None:
    with pytest.raises(ChaosError):
        run(probe("k8sProbe", PODS | {"resource": "gadgets", "operation": "present"}), place())


GET = {"url": "http://web.lab", "method": {"get": {"criteria": "==", "responseCode": "200"}}}


def test_an_http_probe_that_holds_sleeps_its_interval() -> None:
    assert run(probe("httpProbe", GET), place())[1] == 1.0


def test_an_http_probe_tries_again_before_it_gives_up() -> None:
    wanted = probe("httpProbe", GET, attempts=3)
    down = place(status=503)
    script = probes.trial(wanted, down.api, down.reach)
    assert [next(script) for _ in range(3)] == [0.0, 1.0, 1.0]
    with pytest.raises(NotHeldError, match="Actual code: '503'"):
        next(script)


def test_a_refused_connection_is_a_failure() -> None:
    with pytest.raises(NotHeldError, match="refused"):
        run(probe("httpProbe", GET), place(status=None))


def test_a_post_ends_in_an_error_as_in_litmus() -> None:
    with pytest.raises(ChaosError, match="nil pointer"):
        run(probe("httpProbe", {"url": "http://x", "method": {"post": {}}}), place())


PROM = {"endpoint": "http://p", "query": "q", "comparator": {"criteria": "<=", "value": "0.5"}}


def test_a_prometheus_probe_compares_one_number() -> None:
    assert "0.25" in run(probe("promProbe", PROM), place(values=(0.25,)))[0]
    with pytest.raises(NotHeldError):
        run(probe("promProbe", PROM), place(values=(0.75,)))


@pytest.mark.parametrize("values", [(), (0.1, 0.2)])
def test_a_prometheus_probe_of_none_or_many_series_is_an_error(values: tuple[float, ...]) -> None:
    with pytest.raises(ChaosError):
        run(probe("promProbe", PROM), place(values=values))


def command(text: str, criteria: str, value: str, kind: str = "string") -> Probe:
    comparator = {"type": kind, "criteria": criteria, "value": value}
    return probe("cmdProbe", {"command": text, "comparator": comparator})


def test_a_command_probe_compares_what_the_command_prints() -> None:
    assert "executed successfully" in run(command("echo 42", "==", "42", "int"), place())[0]
    with pytest.raises(NotHeldError):
        run(command("echo 41", ">=", "42", "int"), place())


def test_a_command_that_fails_is_an_error_and_no_failure() -> None:
    with pytest.raises(ChaosError, match="exit status 3"):
        run(command("exit 3", "equal", ""), place())


@pytest.mark.parametrize(
    ("kind", "criteria", "actual", "wanted", "holds"),
    [
        ("int", "between", "250", "200,299", True),
        ("int", "oneOf", "404", "200, 404", True),
        ("string", "contains", "all is well", "well", True),
        ("string", "notMatches", "error 5", "^error", False),
        ("float", ">", "word", "-1", True),
    ],
)
def test_comparators_decide_as_litmus_does(
    kind: str, criteria: str, actual: str, wanted: str, holds: bool
) -> None:
    assert probes.compare(kind, criteria, actual, wanted) is holds


@pytest.mark.parametrize(
    "wanted",
    [
        probe("k8sProbe", PODS | {"operation": "present"}, timeout=0.0),
        probe("promProbe", PROM, timeout=0.0),
        replace(command("echo 42", "==", "42", "int"), timeout=0.0),
    ],
    ids=lambda wanted: wanted.type,
)
def test_without_a_timeout_every_success_is_too_late(wanted: Probe) -> None:
    with pytest.raises(NotHeldError, match="timeout"):
        run(wanted, place({"metadata": {}}, values=(0.25,)))
    assert run(probe("httpProbe", GET, timeout=0.0), place())[1] == 1.0


def test_probes_are_read_from_the_experiment_of_that_name() -> None:
    run_properties = {"probeTimeout": "2s", "interval": "1s", "attempt": 3, "stopOnFailure": True}
    body = {"name": "p", "type": "httpProbe", "mode": "Edge", "runProperties": run_properties}
    experiments = [{"name": "x", "spec": {"probe": [body | {"httpProbe/inputs": GET}]}}]
    (found,) = probes.read({"spec": {"experiments": experiments}}, "x")
    assert (found.attempts, found.timeout, found.stop_on_failure) == (3, 2.0, True)
    assert probes.read({"spec": {"experiments": experiments}}, "y") == ()
