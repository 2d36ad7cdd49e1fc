"""Litmus' probes: read from an engine, evaluated against the cluster, its services and its signals.

A probe that does not hold raises `NotHeldError`; one that cannot be evaluated a `ChaosError`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chaoskit.simulator.api import Access, ApiError, Object
from chaoskit.simulator.litmus.account import RESOURCES
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.reach import Reach
from chaoskit.simulator.litmus.targets import number

Mode = Literal["SOT", "EOT", "Edge", "Continuous", "OnChaos"]
Trial = Generator[float, None, str]
"""One evaluation over time; returns what is said of a probe that holds."""

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|ns|h|m|s)")
_BUSY_LOOP = 1.0
"""Without a polling interval Litmus tries again at once, for ever; in simulated time that would never end."""


class NotHeldError(Exception):
    """The probe was evaluated, and the answer is no."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of an engine; durations in seconds."""

    name: str
    type: str
    mode: Mode
    inputs: Mapping[str, Any]
    timeout: float
    interval: float
    attempts: int
    polling: float
    delay: float
    stop_on_failure: bool

    @property
    def code(self) -> str:
        """``K8S``, ``HTTP``, ``CMD`` or ``PROM``, as error codes begin."""
        return self.type.removesuffix("Probe").upper()


def seconds(text: str) -> float:
    """A duration as Go's ``time.ParseDuration`` reads it; raises `ValueError` without a unit."""
    if text in {"", "0"}:
        return 0.0
    parts = _DURATION.findall(text)
    if "".join(amount + unit for amount, unit in parts) != text:
        raise ValueError(f'time: invalid duration "{text}"')
    return sum(float(amount) * _UNITS[unit] for amount, unit in parts)


def read(engine: Object, experiment: str) -> tuple[Probe, ...]:
    """The probes an engine wants with an experiment; raises `ValueError` for a bad duration."""
    for entry in engine["spec"].get("experiments", ()):
        if entry.get("name") == experiment:
            return tuple(_probe(p) for p in (entry.get("spec") or {}).get("probe") or ())
    return ()


def _probe(body: Mapping[str, Any]) -> Probe:
    run = body.get("runProperties") or {}
    return Probe(
        name=body["name"],
        type=body["type"],
        mode=body["mode"],
        inputs=body.get(f"{body['type']}/inputs") or {},
        timeout=seconds(run.get("probeTimeout", "")),
        interval=seconds(run.get("interval", "")),
        attempts=run.get("attempt") or run.get("retry") or 1,
        polling=seconds(run.get("probePollingInterval", "")) or _BUSY_LOOP,
        delay=seconds(run.get("initialDelay", "")),
        stop_on_failure=bool(run.get("stopOnFailure")),
    )


def trial(probe: Probe, api: Access, reach: Reach) -> Trial:
    """The probe tried as often as its attempts allow, its interval apart; the last refusal counts."""
    yield probe.delay
    for left in range(probe.attempts - 1, -1, -1):
        try:
            return (yield from _in_time(probe, _evaluate(probe, api, reach)))
        except (NotHeldError, ChaosError):
            if not left:
                raise
        yield probe.interval
    raise ChaosError(f"{probe.code}_PROBE_ERROR", "no attempts")


def _in_time(probe: Probe, evaluation: Trial) -> Trial:
    """The evaluation's answer, if it came within the probe's timeout: Litmus asks so only afterwards.

    An httpProbe hands its timeout to its client, where 0 means for ever; to the others 0 is no time.
    """
    spent = 0.0
    while True:
        try:
            wait = next(evaluation)
        except StopIteration as done:
            told: str = done.value
            break
        spent += wait
        yield wait
    if probe.type != "httpProbe" and spent >= probe.timeout:
        raise NotHeldError("probe is failed due to timeout")
    return told


def _evaluate(probe: Probe, api: Access, reach: Reach) -> Trial:
    match probe.type:
        case "k8sProbe":
            return _kubernetes(probe, api)
        case "httpProbe":
            return (yield from _http(probe, reach))
        case "promProbe":
            return _prom(probe, reach)
        case "cmdProbe":
            return (yield from _command(probe, reach))
    raise ChaosError("GENERIC_ERROR", f"{probe.type} probe type not supported")


def _kubernetes(probe: Probe, api: Access) -> str:
    wanted = probe.inputs
    found = _resources(probe, api)
    labels, fields = wanted.get("labelSelector", ""), wanted.get("fieldSelector", "")
    selectors = f"{{labelSelectors: {labels}, fieldSelectors: {fields}}} selectors"
    operation = wanted.get("operation")
    if operation == "present" and not found:
        raise NotHeldError(f"no resource found with provided {selectors}")
    if operation == "absent" and found:
        raise NotHeldError(f"resource is not deleted yet with provided {selectors}")
    if operation not in {"present", "absent"}:
        raise ChaosError("K8S_PROBE_ERROR", f"operation type '{operation}' is not simulated")
    return f"Probe successfully performed the '{operation}' operation on the specified Kubernetes resource"


def _resources(probe: Probe, api: Access) -> list[Object]:
    wanted = probe.inputs
    group, plural = wanted.get("group", ""), wanted.get("resource", "")
    kind = _kind(group, plural)
    namespace = wanted.get("namespace") or None
    try:
        names = [n.strip() for n in wanted.get("resourceNames", "").split(",") if n.strip()]
        if names:
            return _named(api, kind, namespace, names, wanted.get("operation", ""))
        found = api.list(kind, namespace, wanted.get("labelSelector", ""))
    except ApiError as error:
        reason = f"unable to list the resources with matching selector, err: {error.message}"
        raise ChaosError("K8S_PROBE_ERROR", reason) from error
    return [body for body in found if _fields_match(body, wanted.get("fieldSelector", ""))]


def _kind(group: str, plural: str) -> str:
    for kind, known in RESOURCES.items():
        if known == plural and kind.partition(".")[2] == group:
            return kind
    raise ChaosError("K8S_PROBE_ERROR", f"probes of {plural} in group '{group}' are not simulated")


def _named(
    api: Access, kind: str, namespace: str | None, names: Sequence[str], operation: str
) -> list[Object]:
    found = [body for name in names if (body := api.get(kind, namespace, name)) is not None]
    if operation == "present" and len(found) < len(names):
        raise ChaosError("K8S_PROBE_ERROR", f"unable to get the resources with names {names}")
    return found


def _fields_match(body: Object, selector: str) -> bool:
    for term in filter(None, selector.split(",")):
        path, _, value = term.replace("==", "=").partition("=")
        place: Any = body
        for step in path.removesuffix("!").split("."):
            place = place.get(step, {}) if isinstance(place, dict) else {}
        if (place == value) is path.endswith("!"):
            return False
    return True


def _http(probe: Probe, reach: Reach) -> Trial:
    url = probe.inputs.get("url", "")
    get = (probe.inputs.get("method") or {}).get("get")
    if get is None:
        raise ChaosError("HTTP_PROBE_ERROR", "invalid memory address or nil pointer dereference")
    try:
        actual = yield from reach.get(url, probe.timeout)
    except ConnectionError as error:
        raise NotHeldError(f"failed to get the response from the url {url}: {error}") from error
    expected = get.get("responseCode", "")
    told = f"respond with correct status code. Actual code: '{actual}'. Expected code: '{expected}'"
    if not compare("int", get.get("criteria", "=="), str(actual), expected):
        raise NotHeldError(f"The URL {url} did not {told}")
    yield probe.interval  # this probe alone sleeps after a success too
    return f"The URL {url} did {told}"


def _prom(probe: Probe, reach: Reach) -> str:
    wanted = probe.inputs
    try:
        values = reach.prom(wanted.get("endpoint", ""), wanted.get("query", ""))
    except ConnectionError as error:
        raise ChaosError("PROM_PROBE_ERROR", str(error)) from error
    if len(values) != 1:
        reason = "metrics entries can't be more than two" if values else "doesn't contains required values"
        raise ChaosError("PROM_PROBE_ERROR", reason)
    comparator = wanted.get("comparator") or {}
    value, criteria = comparator.get("value", ""), comparator.get("criteria", "")
    told = f"Actual value: '{values[0]:g}'. Expected value: '{criteria} {value}'"
    if not compare("float", criteria, repr(values[0]), value):
        raise NotHeldError(f"The query did not return the expected value. {told}")
    return f"Obtained the specified prometheus metrics. {told}"


def _command(probe: Probe, reach: Reach) -> Trial:
    if probe.inputs.get("source"):
        raise ChaosError("CMD_PROBE_ERROR", "command probes with a source pod are not simulated")
    ran = yield from reach.run(probe.inputs.get("command", ""))
    if ran.status:
        raise ChaosError("CMD_PROBE_ERROR", f"unable to run command, exit status {ran.status}")
    comparator = probe.inputs.get("comparator") or {}
    actual, expected = ran.out.strip(), comparator.get("value", "")
    criteria = comparator.get("criteria", "")
    told = f"Actual value: '{actual}'. Expected value: '{criteria} {expected}'"
    if not compare(comparator.get("type", "string"), criteria, actual, expected):
        raise NotHeldError(f"Command probe did not return the expected value. {told}")
    return f"Command probe executed successfully. {told}"


_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    "equal": operator.eq,
    "notEqual": operator.ne,
    "contains": operator.contains,
    "matches": lambda actual, wanted: _matches(wanted, actual),
    "notMatches": lambda actual, wanted: not _matches(wanted, actual),
}


def _matches(expression: str, text: str) -> bool:
    try:
        return re.search(expression, text) is not None
    except re.error as error:
        reason = f"The probe regex '{expression}' is not a valid expression"
        raise ChaosError("GENERIC_ERROR", reason) from error


def compare(kind: str, criteria: str, actual: str, wanted: str) -> bool:
    """Whether `actual` fulfils the comparator; numbers that cannot be read are 0, as in Litmus."""
    if criteria in {"oneOf", "OneOf"}:
        return actual in [w.strip() for w in wanted.strip("[]").split(",")]
    if kind == "string" and criteria in _TEXT:
        return _TEXT[criteria](actual, wanted)
    to_number = _real if kind == "float" else number
    if criteria == "between":
        low, _, high = wanted.partition(",")
        return to_number(low) <= to_number(actual) <= to_number(high)
    if criteria in _ORDER:
        return _ORDER[criteria](to_number(actual), to_number(wanted))
    raise ChaosError("GENERIC_ERROR", f"criteria '{criteria}' not supported in the probe")


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
