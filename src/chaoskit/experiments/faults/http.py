"""Faults on the HTTP answers of a pod: late, failing, changed, cut off; inbound and unencrypted alone."""

from __future__ import annotations

from chaoskit.experiments.faults.model import Fault, Parameter, Severity, Value
from chaoskit.experiments.faults.parts import (
    IN_POD,
    INTERFACE,
    ON_PODS,
    RUNTIME,
    SHAPING,
    choice,
    flag,
    lasting,
    levels,
    text,
    whole,
)

_CODES = (
    "200", "201", "202", "204", "300", "301", "302", "304", "307", "400", "401", "403", "404",
    "500", "501", "502", "503", "504",
)  # fmt: skip
_PROXIED = (
    whole("port", "TARGET_SERVICE_PORT", 80, "of the container, not of its service", "", 1, 65535),
    whole("proxyPort", "PROXY_PORT", 20000, "free port for the proxy", "", 1, 65535),
    whole("toxicity", "TOXICITY", 100, "of requests that are hit", "percent", 0, 100),
    *IN_POD,
    *RUNTIME,
    INTERFACE,
)
_BODY = (
    text("body", "RESPONSE_BODY", "", "what is answered; nothing when empty"),
    text("contentType", "CONTENT_TYPE", "text/plain", "of the answer", r"\S.*", "text/plain"),
    choice("encoding", "CONTENT_ENCODING", "", "of the answer", "gzip", "deflate"),
)
_SOME = levels("toxicity", 10, 30, 60, 100)


def _http(
    kind: str,
    purpose: str,
    failure: str,
    *own: Parameter,
    presets: dict[Severity, dict[str, Value]] = _SOME,
) -> Fault:
    return Fault(
        kind, purpose, failure, (lasting(60), *own, *_PROXIED), ON_PODS,
        "the helper removes its redirect and ends the proxy",
        "a redirect rule and a proxy in the pod's network until it is replaced", SHAPING,
        presets, overhead=40, since="2.13",
    )  # fmt: skip


FAULTS = (
    _http(
        "pod-http-latency", "answers are late", "slow-upstream",
        whole("latency", "LATENCY", 2000, "added", "ms", 1),
        presets=levels("latency", 200, 1000, 2000, 6000),
    ),
    _http(
        "pod-http-status-code", "answers are errors", "failing-upstream",
        Parameter(
            "status", "STATUS_CODE", "choices", "503", "one of these is answered, at random", choices=_CODES
        ),
        flag("replaceBody", "MODIFY_RESPONSE_BODY", "true", "send a matching body"),
        *_BODY,
    ),
    _http("pod-http-modify-body", "answers say something else", "failing-upstream", *_BODY),
    _http(
        "pod-http-modify-header", "headers are changed", "failing-upstream",
        Parameter(
            "headers", "HEADERS_MAP", "map", "{}", "names and values", example='{"X-Test": "1"}'
        ),
        choice("where", "HEADER_MODE", "response", "which headers", "request", "response"),
    ),
    _http(
        "pod-http-reset-peer", "connections are reset", "failing-upstream",
        whole("after", "RESET_TIMEOUT", 0, "until the reset", "ms"),
    ),
)  # fmt: skip
