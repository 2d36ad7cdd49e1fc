"""The report: one page, nothing to load, nothing that can run, everything of the lineage in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from chaoskit.reports.html import page

T0 = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def _at(seconds: float) -> str:
    return (T0 + timedelta(seconds=seconds)).isoformat()


def _run(**more: Any) -> dict[str, Any]:
    return {
        "kind": "run", "id": "r1", "at": _at(0), "trace_id": "t1", "schema_version": 1, "name": "cart",
        "namespace": "shop", "cluster": "kind-dev", "fault": "pod-delete", "outcome": "weakness-found",
        "reason": "cart lost requests", "targets": ["pod/cart-1"], "undo": {"state": "confirmed", "left": []},
        "timeline": [{"at": _at(65), "name": "fault", "mark": "begun", "detail": "pod-delete"}], **more,
    }  # fmt: skip


def test_the_answer_its_code_and_the_timeline_are_on_the_page() -> None:
    text = page([_run()])
    assert "weakness found" in text
    assert "exit 1" in text
    assert "1:05" in text


def test_nothing_is_loaded_and_nothing_runs() -> None:
    text = page([_run()])
    assert not re.search(r"<script|src=|href=|@import|url\(", text)


def test_what_a_cluster_says_cannot_become_markup() -> None:
    text = page([_run(reason="<img src=x onerror=alert(1)>", evidence={"logs": {"a<b": "</pre><script>"}})])
    assert "<img" not in text
    assert "<script>" not in text
    assert "&lt;img" in text


def test_signals_become_charts_with_the_fault_shaded() -> None:
    points = [[_at(s), s / 10] for s in range(0, 100, 10)]
    series = {"name": "error_ratio", "unit": "ratio", "points": points}
    text = page([_run(evidence={"signals": [series]}, injected_at=_at(20), injected_until=_at(60))])
    assert text.count("<svg") == 1
    band = re.search(r'<rect x="([\d.]+)" y="0" width="([\d.]+)"', text)
    assert band is not None
    assert float(band[1]) == 142.2
    assert float(band[2]) > 280


def test_a_prediction_without_a_model_says_so() -> None:
    prediction = {
        "kind": "prediction", "id": "p1", "at": _at(-60), "trace_id": "t1", "schema_version": 1,
        "namespace": "shop", "cluster": "kind-dev", "target": "deployment/cart", "issue": "memory-leak",
        "probability": None, "horizon_minutes": 30, "reasons": ["memory grows"], "model": "rules",
    }  # fmt: skip
    text = page([_run(), prediction])
    assert "by rules" in text
    assert text.index("by rules") < text.index("weakness found")
