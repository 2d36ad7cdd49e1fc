"""Which cluster is a simulated one: the one that says so, and none that is away or has a namesake of it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.wire import Answer, scripted

from chaoskit.errors import ChaoskitError, Forbidden, NotFound, Unavailable
from chaoskit.runtime import Runtime, alerts_at, alerts_set
from chaoskit.settings import Settings

PUBLISHED = {
    "rate": "20",
    "seed": "7",
    "anchorWall": "1.5",
    "anchorSimulated": "2.5",
    "prometheus": "http://p",
}


class _Cluster:
    """A cluster that has this object, or says this instead."""

    def __init__(self, said: dict[str, Any] | ChaoskitError) -> None:
        self._said = said
        self.asked = 0

    def get(self, ref: object) -> dict[str, Any]:
        self.asked += 1
        if isinstance(self._said, ChaoskitError):
            raise self._said
        return self._said


def _runtime(said: dict[str, Any] | ChaoskitError) -> Runtime:
    runtime = Runtime(Settings(), ExitStack())
    runtime.__dict__["cluster"] = _Cluster(said)
    return runtime


def test_a_simulated_cluster_says_how_its_time_flows() -> None:
    found = _runtime({"data": PUBLISHED}).simulated
    assert found is not None
    assert (found.rate, found.seed, found.prometheus) == (20.0, "7", "http://p")


@pytest.mark.parametrize(
    "said", [NotFound("none"), Forbidden("not for you"), {"data": {"rate": "fast"}}, {}], ids=str
)
def test_every_other_cluster_is_a_real_one(said: dict[str, Any] | ChaoskitError) -> None:
    assert _runtime(said).simulated is None


def test_a_cluster_that_is_away_is_told_at_once_and_not_asked_again() -> None:
    runtime = _runtime(Unavailable("away", service="Kubernetes"))
    with pytest.raises(Unavailable):
        _ = runtime.description
    assert runtime.__dict__["cluster"].asked == 1


def test_the_token_of_an_alertmanager_is_shown_to_no_other(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret", encoding="utf-8")
    quiet = Answer(200, [])
    with scripted(lambda _asked: quiet) as own, scripted(lambda _asked: quiet) as other:
        settings = Settings(alerts_from=own.url, alerts_from_token_file=str(tmp_path / "token"))
        for source in (
            alerts_set(settings),
            alerts_at(f"{own.url}/", settings),
            alerts_at(other.url, settings),
        ):
            assert source is not None
            assert source.firing() == ()
        unset = settings.model_copy(update={"alerts_from": ""})
        assert alerts_set(unset) is None
        assert alerts_at(other.url, unset).firing() == ()
    assert [each.headers.get("Authorization") for each in own.asked] == ["Bearer s3cret"] * 2
    assert [each.headers.get("Authorization") for each in other.asked] == [None] * 2
