"""Recorded exchanges with a real API server, made again here and compared field by field."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.simulator.exchange import Exchange, Replay, recorded

HERE = Path(__file__).parents[2].parent / "shared"
FILE = Path(os.environ.get("CHAOSKIT_SHARED", HERE)) / "recordings" / "kubernetes" / "http.jsonl"
HEADERS = ("Content-Type", "Warning", "Retry-After")

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the recordings of a real cluster are not here")


class Permitted(NamedTuple):
    """A difference that may be: in which exchanges (none: in all), where, and why."""

    numbers: tuple[int, ...]
    path: str
    because: str


PERMITTED = (
    Permitted((1,), r"\.(compiler|gitCommit|gitVersion|goVersion)", "it says that it is a simulator"),
    Permitted((2,), r"\.serverAddressByClientCIDRs.*", "it listens on loopback"),
    Permitted((3, 4, 5), r"\.(groups|items|resources)", "only what chaoskit touches is served"),
    Permitted((6, 8), r".*\.storageVersionHash", "nothing is stored in an encoded version"),
    Permitted((15,), "", "it has fewer parts to check"),
    Permitted((16,), r"(Content-Type|\.paths.*)", "a bare OpenAPI of what is served, as JSON"),
    Permitted((22,), r"\.status\.token", "redacted in the recording"),
    Permitted((52,), r"\.columnDefinitions\[\d+\]\.description", "no client reads the long descriptions"),
    Permitted((44,), r"\.(items|metadata).*", "other pods were on the recorded node"),
    Permitted((57,), r"\.(items|metadata).*", "other engines were in the recorded cluster"),
    Permitted((60,), "", "a shell that is simulated prints all at one time"),
    Permitted((107,), r"\.items.*", "which pod comes first by its name is chance"),
    Permitted((103,), r".*\.observedGeneration", "the recorded kubelet had not looked within 15 ms"),
    Permitted((119, 120), r"\.status\.(nonR|r)esourceRules.*", "roles name only what is served"),
    Permitted((146, 147, 149, 150, 151, 152), r".*\.(allocatable|capacity|nodeInfo)\..*", "another machine"),
    Permitted(
        (146, 147, 149, 150, 151, 152),
        r".*\.(declaredFeatures|images)",
        "no kubelet lists what it can do and has",
    ),
    Permitted((186, 187), ".*", "quotas are not simulated: chaoskit never meets them"),
    Permitted((192, 194), r"\.status\.conditions", "the recorded controller had not looked within 20 ms"),
    Permitted((140,), r"\[5\].*", "a recorded pod that had ended was said once more to ask for less"),
    Permitted((174,), ".*", "what it saw was made by requests that were not recorded"),
    Permitted((175, 176), r".*\.message", "how far back the history goes"),
    Permitted((), r".*\.(hostIP|ip|address)", "nodes have addresses of their own"),
    Permitted((), r".*\.data\.ca\.crt", "redacted in the recording"),
)

# Not compared: uids, resourceVersions and continue tokens (that they are there is), times (their form is),
# generated names, identifiers of containers, the order of keys; objects of a watch are compared one by one,
# as the order between them is chance; and the config map that README says stock Kubernetes lacks.

_MASKS = (
    (re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"), "MICROTIME"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"10\.244\.\d+\.(?!1$)\d+"), "IP"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\bweb-[a-z0-9]{8,10}-[a-z0-9]{5}\b"), "web-HASH-POD"),
    (re.compile(r"\bweb-[a-z0-9]{8,10}\b"), "web-HASH"),
    (re.compile(r"\b(j|gen|chaoskit|kube-api-access)-(?!lock)[a-z0-9]{5}\b"), r"\1-RANDOM"),
    (re.compile(r"\b(containerd://|sha256:)[0-9a-f]{64}"), r"\1ID"),
    (re.compile(r"\.[0-9a-f]{14,18}$"), ".NANOSECONDS"),
)
_MASKED = {"resourceVersion", "continue", "pod-template-hash"}
_NOT_STOCK = '"openshift-service-ca.crt"'


def plain(value: Any, key: str = "") -> Any:
    """The value without what differs from server to server and from run to run."""
    if isinstance(value, dict):
        return {plain(k): plain(v, k) for k, v in value.items() if k != "managedFields"}
    if isinstance(value, list):
        return [plain(v) for v in value if not _is_not_stock(v)]
    if key in _MASKED and value:
        return "*"
    if isinstance(value, str):
        for pattern, mask in _MASKS:
            value = pattern.sub(mask, value)
    return value


def _is_not_stock(item: Any) -> bool:
    """True for that config map, its watch event, and its place in a volume."""
    if not isinstance(item, dict):
        return False
    named = item.get("configMap") or item.get("object") or item
    name = named.get("name") or (named.get("metadata") or {}).get("name")
    return f'"{name}"' == _NOT_STOCK


def histories(events: list[Any]) -> list[str]:
    """What a watch told of each object; the same again, as when only a version changed, once."""
    told: dict[str, list[Any]] = {}
    for event in events:
        uid = event["object"].get("metadata", {}).get("uid", "")
        step = plain([event])
        if step and told.setdefault(uid, [])[-1:] != step:
            told[uid] += step
    return sorted(json.dumps(history, sort_keys=True) for history in told.values() if history)


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two values differ, and what is there in each."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if key in old and key in new:
                yield from differences(old[key], new[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}", old.get(key, "(absent)"), new.get(key, "(absent)")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for at, (mine, theirs) in enumerate(zip(old, new, strict=True)):
            yield from differences(mine, theirs, f"{path}[{at}]")
    elif old != new:
        yield path, old, new


def compared(old: Exchange, new: Exchange) -> Iterator[tuple[str, Any, Any]]:
    """Where two exchanges differ: status, headers, body."""
    if old.status != new.status:
        yield "status", old.status, new.status
    if old.watches and old.status == 200:
        yield from watched(old.body, new.body)
        return
    for name in HEADERS:
        if old.answered.get(name) != new.answered.get(name):
            yield name, old.answered.get(name), new.answered.get(name)
    yield from differences(plain(old.body), plain(new.body))


def watched(old: list[Any], new: list[Any]) -> Iterator[tuple[str, Any, Any]]:
    """Where two watches differ, object by object."""
    mine, theirs = ([json.loads(history) for history in histories(side)] for side in (old, new))
    yield from differences(mine, theirs)


Found = dict[int, tuple[str, list[tuple[str, Any, Any]]]]
"""For each exchange its name and where it differs."""


@pytest.fixture(scope="module")
def found() -> Found:
    every = Replay().run(recorded(FILE))
    return {old.number: (old.name, list(compared(old, new))) for old, new in every}


def allowed(number: int, path: str) -> Permitted | None:
    return next(
        (p for p in PERMITTED if (not p.numbers or number in p.numbers) and re.fullmatch(p.path, path)), None
    )


@pytest.mark.parametrize("number", range(1, 198))
def test_a_recorded_request_is_answered_as_it_was(found: Found, number: int) -> None:
    name, differing = found[number]
    assert [d for d in differing if allowed(number, d[0]) is None] == [], name


def test_no_more_differences_are_permitted_than_there_are(found: Found) -> None:
    used = Counter(allowed(number, d[0]) for number, (_, differing) in found.items() for d in differing)
    assert [p for p in PERMITTED if p not in used] == []
