"""Health and metrics of a process, as a probe and Prometheus read them."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from chaoskit.adapters.endpoints import Endpoints
from chaoskit.adapters.exposition import Exposition
from chaoskit.errors import CannotStart, InvalidInput
from chaoskit.events import Doubted, Ended, Foreseen, Looked, Unwatched, Warned

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Health:
    """What is wrong, as a test says."""

    def __init__(self) -> None:
        self.trouble = ""

    def __call__(self) -> str:
        return self.trouble


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def served(health: Health) -> Iterator[tuple[Exposition, Endpoints]]:
    exposition = Exposition()
    with Endpoints(
        "127.0.0.1:0", {"/metrics": exposition.page}, health=health, readiness=health
    ) as endpoints:
        yield exposition, endpoints


def asked(endpoints: Endpoints, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(endpoints.url + path, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_hears_what_is_wrong(served: tuple[Exposition, Endpoints], health: Health, path: str) -> None:
    assert asked(served[1], path) == (200, "ok\n")
    health.trouble = "the loop stands still"
    assert asked(served[1], path) == (503, "the loop stands still\n")


def test_what_has_ended_is_counted_and_timed(served: tuple[Exposition, Endpoints]) -> None:
    exposition, endpoints = served
    exposition(Ended(NOW, "recovery", "pod-crash", "recovered", 7.5))
    exposition(Ended(NOW, "recovery", "pod-crash", "recovered", 70))
    exposition(Warned(NOW, "slow"))
    exposition.gauge("chaoskit_leader", "1 while this process leads.", lambda: True)
    status, page = asked(endpoints, "/metrics")
    assert status == 200
    for line in (
        'chaoskit_works_total{about="pod-crash",outcome="recovered",work="recovery"} 2.0',
        'chaoskit_work_seconds_bucket{le="10.0",work="recovery"} 1.0',
        'chaoskit_work_seconds_sum{work="recovery"} 77.5',
        "chaoskit_warnings_total 1.0",
        "chaoskit_leader 1.0",
    ):
        assert line in page.splitlines()


def test_there_is_nothing_else(served: tuple[Exposition, Endpoints]) -> None:
    assert asked(served[1], "/")[0] == 404


@pytest.mark.parametrize("address", ["192.0.2.1:80"])
def test_an_address_that_cannot_be_listened_on_is_said(address: str) -> None:
    with pytest.raises(CannotStart, match="cannot listen on"):
        Endpoints(address, {}, health=Health(), readiness=Health())


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:http", "127.0.0.1:99999", "foo"])
def test_an_address_that_is_none_is_said(address: str) -> None:
    with pytest.raises(InvalidInput, match="is no HOST:PORT"):
        Endpoints(address, {}, health=Health(), readiness=Health())


def test_a_port_that_is_taken_is_said(served: tuple[Exposition, Endpoints]) -> None:
    taken = served[1].url.removeprefix("http://")
    with pytest.raises(CannotStart, match="cannot listen on"):
        Endpoints(taken, {}, health=Health(), readiness=Health())


def test_predictions_are_metrics_and_a_later_look_takes_their_place(
    served: tuple[Exposition, Endpoints],
) -> None:
    exposition, endpoints = served

    def foreseen(minute: int, target: str, probability: float | None) -> Foreseen:
        at = NOW.replace(minute=minute)
        said = ("shop", target, "shop-1", "memory-leak", probability, 1.5)
        return Foreseen(at, *said, alarmed=True, scope="shop")

    for event in (foreseen(0, "a", 0.9), foreseen(0, "b", None), foreseen(1, "b", None)):
        exposition(event)
    exposition(Looked(NOW.replace(minute=1), "shop"))
    page = asked(endpoints, "/metrics")[1]
    labels = '{class="memory-leak",model="shop-1",namespace="shop",workload="b"}'
    assert f"chaoskit_failure_score{labels} 1.5" in page
    assert f"chaoskit_failure_alarm{labels} 1.0" in page
    assert 'workload="a"' not in page
    assert "chaoskit_failure_probability{" not in page
    exposition(foreseen(2, "a", 0.9))
    page = asked(endpoints, "/metrics")[1]
    assert f'chaoskit_failure_probability{labels[:-3]}a"}} 0.9' in page


def test_an_alarm_of_a_namespace_that_is_gone_is_none_any_more(
    served: tuple[Exposition, Endpoints],
) -> None:
    exposition, endpoints = served

    def looked(minute: int, *namespaces: str, scope: str = "") -> str:
        for each in namespaces:
            said = (each, "deployment/cart", "shop-1", "memory-leak", 0.9, 1.5)
            exposition(Foreseen(NOW.replace(minute=minute), *said, alarmed=True, scope=scope))
        exposition(Looked(NOW.replace(minute=minute), scope))
        return asked(endpoints, "/metrics")[1]

    both = looked(0, "shop", "bank")
    assert both.count("chaoskit_failure_alarm{") == 2
    left = looked(1, "shop")
    assert 'namespace="shop"' in left
    assert 'namespace="bank"' not in left
    assert 'namespace="shop"' in looked(2, "bank", scope="bank")  # a look elsewhere ends nothing here
    exposition(Doubted(NOW, "bank", "shop-1", (), (), old=True))
    exposition(Unwatched(NOW, "bank"))
    page = asked(endpoints, "/metrics")[1]
    assert 'namespace="bank"' not in page
    assert 'namespace="shop"' in page
    assert "chaoskit_failure_alarm{" not in looked(3)  # nobody is left
    assert looked(4, scope="bank").count('chaoskit_prediction_timestamp_seconds{namespace="bank"}') == 1


@pytest.mark.parametrize("scope", ["", "shop"])
@pytest.mark.parametrize("names", [("web", "cart"), ("cart", "web")])
def test_when_it_was_foreseen_goes_on_beside_an_alarm_whose_samples_stopped(
    served: tuple[Exposition, Endpoints], names: tuple[str, str], scope: str
) -> None:
    exposition, endpoints = served

    def looked(minute: int, *targets: str, silent: tuple[str, ...] = ()) -> list[float]:
        at = NOW.replace(minute=minute)
        for each in targets:
            exposition(Foreseen(at, "shop", each, "m", "", 0.9, 1.5, alarmed=each == "cart", scope=scope))
        exposition(Looked(at, scope, tuple(("shop", each) for each in silent)))
        page = asked(endpoints, "/metrics")[1].splitlines()
        assert [each for each in page if each.startswith("chaoskit_failure_alarm{") and 'ad="cart"' in each]
        name = 'chaoskit_prediction_timestamp_seconds{namespace="shop"} '
        return [float(each.removeprefix(name)) for each in page if each.startswith(name)]

    assert looked(0, *names) == [NOW.timestamp()]
    assert looked(1, "web", silent=("cart",)) == [NOW.timestamp() + 60]
    assert looked(2, silent=("cart",)) == [NOW.timestamp() + 120]


def test_what_speaks_against_a_model_is_a_metric_until_it_is_over(
    served: tuple[Exposition, Endpoints],
) -> None:
    exposition, endpoints = served
    exposition(Doubted(NOW, "shop", "shop-1", ("cpu_usage",), ("memory_usage",), old=True))
    page = asked(endpoints, "/metrics")[1]
    who = 'model="shop-1",namespace="shop"'
    assert f'chaoskit_model_drift{{{who},signal="cpu_usage"}} 1.0' in page
    assert f'chaoskit_model_stale_signal{{{who},signal="memory_usage"}} 1.0' in page
    assert f"chaoskit_model_old{{{who}}} 1.0" in page
    exposition(Doubted(NOW, "shop", "shop-1", (), (), old=False))
    page = asked(endpoints, "/metrics")[1]
    assert "chaoskit_model_drift{" not in page
    assert f"chaoskit_model_old{{{who}}} 0.0" in page
