"""What is kept of a run's logs: their ends, so that no log is more than the store takes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.acts.fake import FakeCluster
from tests.experiments import made

from chaoskit.acts.trail import UID_LABEL
from chaoskit.experiments.evidence import LARGEST, Evidence
from chaoskit.ports.cluster import ObjectRef


class Talkative(FakeCluster):
    """Every container has written `said`."""

    said = ""

    def logs(self, ref: ObjectRef, **_: Any) -> str:
        return self.said


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("short", "short"),
        ("x" * LARGEST + "the end", "x" * (LARGEST - 7) + "the end"),
        ("é" * LARGEST + "!", "é" * (LARGEST // 2 - 1) + "!"),
    ],
    ids=["short", "long", "of letters of two bytes"],
)
def test_of_a_long_log_the_end_is_kept(said: str, kept: str) -> None:
    helper = made.pod("helper")
    helper["metadata"]["labels"][UID_LABEL] = "u1"
    cluster = Talkative()
    cluster.said = said
    evidence = Evidence(cluster, "u1", ())
    evidence.everything([helper])
    assert list(evidence.logs.values()) == [kept]
