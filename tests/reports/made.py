"""Records as JSON, as a store gives them: runs that ended in every way, a recovery and a prediction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

T0 = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
Document = dict[str, Any]


def at(seconds: float) -> str:
    return (T0 + timedelta(seconds=seconds)).isoformat()


def look(
    seconds: float, held: bool | None, value: float | None = None, *, stage: str = "during",
    injected: bool | None = None, condition: str = "error_ratio of deployment/cart", tolerated: bool = False,
    late: bool = False,
) -> Document:  # fmt: skip
    """One look at a condition that must stay below 0.05."""
    measured = None if value is None else {"value": value, "unit": "ratio", "least": None, "most": 0.05}
    under = stage != "before" if injected is None else injected
    return {
        "condition": condition, "stage": stage, "injected": under, "at": at(seconds), "held": held,
        "observed": "no fresh sample" if value is None else f"{value:g} at cart-1", "expected": "below 0.05",
        "measured": measured, "tolerated": tolerated, "late": late,
    }  # fmt: skip


def litmus(verdict: str, percentage: str, *probes: Document) -> Document:
    """What is known of an engine with one fault that ended so."""
    status = {"verdict": verdict, "probeSuccessPercentage": percentage}
    return {
        "engine": "cart-x", "uid": "uid-1", "verdicts": {"pod-delete": verdict}, "probes": list(probes),
        "results": {"cart-x-pod-delete": {"experimentStatus": status}},
    }  # fmt: skip


def run(outcome: str = "passed", **more: Any) -> Document:
    """A run of a hundred seconds; the fault was there from the twentieth to the fiftieth."""
    written = {"kind": "Experiment", "metadata": {"name": "cart"}, "spec": {"hypothesis": "It holds."}}
    judged = outcome not in {"refused", "cannot-start", "no-baseline", "invalid-input"}
    verdict = {"passed": "Pass", "weakness-found": "Fail"}.get(outcome, "Awaited")
    document = {
        "kind": "run", "id": "r1", "at": at(0), "trace_id": "t1", "schema_version": 1, "name": "cart",
        "namespace": "shop", "cluster": "kind-dev", "fault": "pod-delete", "outcome": outcome,
        "reason": f"it was {outcome}", "ended_at": at(100), "targets": ["deployment/cart"],
        "experiment": written,
        "steady_state": [], "path": "experiments/cart.yaml", "line": 3,
        "timeline": [
            {"at": at(1), "name": "steady before", "mark": "held", "detail": "error_ratio 0.01"},
            {"at": at(20), "name": "injected", "mark": "done", "detail": "Injecting"},
        ],
        "undo": {"state": "confirmed" if judged else "none needed", "left": [], "notes": []},
        "litmus": litmus(verdict, {"Pass": "100", "Fail": "0"}.get(verdict, "Awaited")) if judged else {},
        "evidence": {"logs": {}, "changes": [], "hint": "", "plan": {"hash": "abc", "hit": {"pod-delete": 1},
                     "targets": {"pod-delete": ["cart-1", "cart-2"]}, "checks": []}},
        "injected_at": at(20) if judged else None, "injected_until": at(50) if judged else None,
        "versions": {"chaoskit": "1.2.3", "kubernetes": "v1.34.1", "litmus": "3.31.0"},
        "score": {"Pass": 100.0, "Fail": 0.0}.get(verdict, 0.0) if judged else None,
        "seconds_to_recover": None, "seconds_broken": None,
    }  # fmt: skip
    return {**document, **more}


def weak(**more: Any) -> Document:
    """A run whose condition broke five seconds after the injection and was back twenty seconds later."""
    looks = [
        look(1, True, 0.01, stage="before"), look(15, True, 0.01, injected=False), look(21, True, 0.02),
        look(25, False, 0.08), look(35, False, 0.2), look(45, True, 0.03),
        look(60, True, 0.01, stage="after"), look(70, True, 0.01, stage="after undo"),
    ]  # fmt: skip
    figures = {"seconds_broken": 20.0, "seconds_to_recover": 0.0}
    return run("weakness-found", **{"steady_state": looks, **figures, **more})


def probe(name: str, verdict: str, *, fault: str = "pod-delete", mode: str = "Continuous") -> Document:
    return {
        "experiment": fault,
        "name": name,
        "mode": mode,
        "verdict": verdict,
        "description": f"{name} says so",
    }


def probed(outcome: str, *probes: Document, percentage: str = "50", **more: Any) -> Document:
    """A run with Litmus' probes."""
    return run(outcome, **{"litmus": litmus("Fail", percentage, *probes), **more})


def several(**more: Any) -> Document:
    """An engine with two faults: the cart broke under the first, Litmus passed the second."""
    made = run("weakness-found", fault="pod-delete,pod-cpu-hog", **more)
    made["litmus"] |= {
        "verdicts": {"pod-delete": "Fail", "pod-cpu-hog": "Pass"},
        "probes": [probe("answers", "Failed"), probe("stays", "Passed", fault="pod-cpu-hog")],
        "results": {
            "cart-x-pod-delete": {"experimentStatus": {"verdict": "Fail", "probeSuccessPercentage": "0"}},
            "cart-x-pod-cpu-hog": {"experimentStatus": {"verdict": "Pass", "probeSuccessPercentage": "100"}},
        },
    }
    return made


def recovery(outcome: str = "recovered", **more: Any) -> Document:
    steps = [
        {"action": "restart", "done": True, "helped": False, "detail": "still crashing"},
        {"action": "roll-back", "done": True, "helped": outcome == "recovered", "detail": "revision 7"},
    ]
    return {
        "kind": "recovery", "id": "v1", "at": at(200), "trace_id": "t1", "schema_version": 1,
        "issue": "pod-crash", "target": "deployment/cart", "namespace": "shop", "cluster": "kind-dev",
        "outcome": outcome, "reason": f"it was {outcome}", "ended_at": at(230), "steps": steps,
        "timeline": [],
        "symptoms": [{"kind": "crash-loop", "target": "deployment/cart", "evidence": "6 restarts"}],
        "undo": {"state": "none needed", "left": []}, "seconds_to_recover": 21.0, **more,
    }  # fmt: skip


def prediction(**more: Any) -> Document:
    return {
        "kind": "prediction", "id": "p1", "at": at(-60), "trace_id": "t1", "schema_version": 1,
        "namespace": "shop", "cluster": "kind-dev", "target": "deployment/cart", "issue": "memory-leak",
        "probability": 0.72, "low": 0.6, "high": 0.8, "horizon_minutes": 30, "reasons": ["memory grows"],
        "model": "shop-1", "trend": [0.1, 0.2, 0.7], **more,
    }  # fmt: skip


PROBLEM = {
    "path": "a.yaml", "field": "spec.x", "found": "1", "expected": "2", "line": 3, "column": 5,
    "hint": "did you mean y?", "rule": "",
}  # fmt: skip
INVALID = {"outcome": "invalid-input", "exit": 2, "message": "a.yaml: spec.x", "problems": [PROBLEM]}
NO_CLUSTER = {"outcome": "cannot-start", "exit": 4, "message": "no cluster", "hint": "chaoskit sim up"}

ENDS = (
    "passed", "weakness-found", "refused", "cannot-start", "undo-not-confirmed", "timed-out", "errored",
    "no-baseline", "bug", "interrupted", "terminated",
)  # fmt: skip
"""The outcomes that a run may have."""
