"""Why an experiment could not be done, in Litmus' own codes and form."""

from __future__ import annotations

import json


class ChaosError(Exception):
    """The fault could not be injected or a probe not evaluated; `code` is one of Litmus' error codes."""

    def __init__(self, code: str, reason: str, target: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.target = target


def error_output(error: ChaosError, phase: str, source: str = "") -> dict[str, str]:
    """The ``errorOutput`` of a ChaosResult: its reason is JSON in a string, empty entries left out."""
    told = {
        "source": source,
        "errorCode": error.code,
        "phase": phase,
        "reason": error.reason,
        "target": error.target,
    }
    reason = json.dumps({k: v for k, v in told.items() if v}, separators=(",", ":"))
    return {"errorCode": error.code, "reason": reason}
