"""The catalogue of signals: what is measured, its recorded name in Prometheus and the PromQL behind it.

The PromQL needs cAdvisor, kube-state-metrics and, for the last groups, node-exporter and the
application's own metrics. Rates are over one minute (four scrapes of 15 s).
"""

from __future__ import annotations

from collections.abc import Mapping

from chaoskit.ports.metrics import Scope, Signal, SignalKind

_C = 'container!="",image!=""'
_POD = "namespace,pod"


def _signal(
    name: str, record: str, unit: str, kind: SignalKind, scope: Scope, promql: str, meaning: str
) -> Signal:
    return Signal(name, unit, kind, scope, f"chaoskit:{record}", promql, meaning)


def _rate(metric: str, matchers: str = _C) -> str:
    return f"sum by({_POD})(rate({metric}{{{matchers}}}[1m]))"


def _limit(resource: str) -> str:
    return f'sum by({_POD})(kube_pod_container_resource_limits{{resource="{resource}"}} > 0)'


def _flag(reason: str) -> str:
    # kube-state-metrics has a series only while there is a reason: without one the flag is down, not unknown.
    return f"max by({_POD})({reason}) or 0 * max by({_POD})(kube_pod_status_ready)"


_CPU = _rate("container_cpu_usage_seconds_total")
_REQUESTS = _rate("http_requests_total", "")
_SERVER_ERRORS = _rate("http_requests_total", 'code=~"5.."')

CATALOGUE: tuple[Signal, ...] = (
    _signal("cpu_usage", "cpu_usage:cores", "cores", "gauge", "pod", _CPU, "CPU in use"),
    _signal(
        "cpu_limit_ratio", "cpu_limit:ratio", "ratio", "ratio", "pod",
        f"{_CPU} / {_limit('cpu')}", "CPU in use, as a share of the limit",
    ),
    _signal(
        "cpu_throttled_ratio", "cpu_throttled:ratio", "ratio", "ratio", "pod",
        f"sum by({_POD})(increase(container_cpu_cfs_throttled_periods_total{{{_C}}}[1m]))"
        f" / sum by({_POD})(increase(container_cpu_cfs_periods_total{{{_C}}}[1m]))",
        "share of scheduling periods in which the pod was throttled",
    ),
    _signal(
        "memory_bytes", "memory_working_set:bytes", "bytes", "gauge", "pod",
        f"sum by({_POD})(container_memory_working_set_bytes{{{_C}}})", "working set",
    ),
    _signal(
        "memory_usage", "memory_usage:ratio", "ratio", "ratio", "pod",
        f"max by({_POD})(container_memory_working_set_bytes{{{_C}}}"
        " / on(namespace,pod,container) group_left() (max by(namespace,pod,container)"
        '(kube_pod_container_resource_limits{resource="memory"}) > 0))',
        "working set of the fullest container, as a share of its limit",
    ),
    _signal(
        "oom_events", "oom_events:increase5m", "count", "gauge", "pod",
        f"sum by({_POD})(increase(container_oom_events_total{{{_C}}}[5m]))",
        "kills for lack of memory in 5 minutes",
    ),
    _signal(
        "network_receive", "network_receive:bytes_rate", "bytes/s", "gauge", "pod",
        _rate("container_network_receive_bytes_total", 'interface!="lo"'), "bytes received",
    ),
    _signal(
        "network_transmit", "network_transmit:bytes_rate", "bytes/s", "gauge", "pod",
        _rate("container_network_transmit_bytes_total", 'interface!="lo"'), "bytes sent",
    ),
    _signal(
        "network_dropped", "network_dropped:rate", "1/s", "gauge", "pod",
        " + ".join(
            _rate(f"container_network_{way}_{what}_total", 'interface!="lo"')
            for way in ("receive", "transmit")
            for what in ("packets_dropped", "errors")
        ),
        "packets dropped or in error",
    ),
    _signal(
        "fs_usage", "fs_usage:ratio", "ratio", "ratio", "pod",
        f"max by({_POD})(container_fs_usage_bytes{{{_C}}} / (container_fs_limit_bytes{{{_C}}} > 0))",
        "file system in use",
    ),
    _signal(
        "fs_write", "fs_write:bytes_rate", "bytes/s", "gauge", "pod",
        _rate("container_fs_writes_bytes_total"), "bytes written to disk",
    ),
    _signal(
        "restarts", "restarts:total", "count", "counter", "pod",
        f"sum by({_POD})(kube_pod_container_status_restarts_total)", "container restarts so far",
    ),
    _signal(
        "waiting_bad", "waiting_bad:bool", "flag", "flag", "pod",
        _flag(
            "kube_pod_container_status_waiting_reason{reason=~"
            '"CrashLoopBackOff|ImagePullBackOff|ErrImagePull|CreateContainerConfigError"}'
        ),
        "a container waits in a crash loop or cannot be started",
    ),
    _signal(
        "last_oom", "last_terminated_oom:bool", "flag", "flag", "pod",
        _flag('kube_pod_container_status_last_terminated_reason{reason="OOMKilled"}'),
        "the last end of a container was a kill for lack of memory",
    ),
    _signal(
        "last_error", "last_terminated_error:bool", "flag", "flag", "pod",
        _flag('kube_pod_container_status_last_terminated_reason{reason="Error"}'),
        "the last end of a container was an error",
    ),
    _signal(
        "ready", "ready:bool", "flag", "flag", "pod",
        f'min by({_POD})(kube_pod_status_ready{{condition="true"}})', "the pod is ready",
    ),
    _signal(
        "request_rate", "requests:rate", "1/s", "gauge", "pod", _REQUESTS, "requests served",
    ),
    _signal(
        "error_ratio", "errors:ratio", "ratio", "ratio", "pod",
        f"({_SERVER_ERRORS} or 0 * {_REQUESTS}) / ({_REQUESTS} > 0)",
        "share of requests answered with 5xx",
    ),
    _signal(
        "latency_p95", "latency_p95:seconds", "seconds", "gauge", "pod",
        f"histogram_quantile(0.95, sum by(le,{_POD})(rate(http_request_duration_seconds_bucket[1m])))",
        "time within which 95 % of requests are answered",
    ),
    _signal(
        "edge_gap", "edge_gap_p50:seconds", "seconds", "gauge", "edge",
        'label_replace(label_replace(label_replace('
        "histogram_quantile(0.5, sum by(le,namespace,destination,app)"
        "(rate(http_client_request_duration_seconds_bucket[1m])))"
        " - on(namespace,destination) group_left() label_replace(histogram_quantile(0.5,"
        " sum by(le,namespace,app)(rate(http_request_duration_seconds_bucket[1m]))),"
        ' "destination", "$1", "app", "(.*)"),'
        ' "workload", "$1", "destination", "(.*)"), "source", "$1", "app", "(.*)"),'
        ' "workload_kind", "deployment", "", "")',
        "median latency as the caller sees it minus as the callee sees it: time lost between them",
    ),
    _signal(
        "db_pool_usage", "db_pool_usage:ratio", "ratio", "ratio", "pod",
        f"sum by({_POD})(db_pool_connections_in_use) / (sum by({_POD})(db_pool_connections_max) > 0)",
        "database connections of the pool in use",
    ),
    _signal(
        "db_pool_pending", "db_pool_pending:count", "count", "gauge", "pod",
        f"sum by({_POD})(db_pool_connections_pending)", "requests that wait for a connection",
    ),
    _signal(
        "db_pool_errors", "db_pool_errors:rate", "1/s", "gauge", "pod",
        _rate("db_pool_errors_total", ""), "failures to get a database connection",
    ),
    _signal(
        "db_connections", "db_connections:ratio", "ratio", "ratio", "pod",
        f"sum by({_POD})(db_server_connections) / (sum by({_POD})(db_server_connections_max) > 0)",
        "the database server's connections in use",
    ),
    _signal(
        "replicas_unavailable", "replicas_unavailable:ratio", "ratio", "ratio", "workload",
        'label_replace(label_replace(kube_deployment_status_replicas_unavailable'
        ' / (kube_deployment_spec_replicas > 0), "workload", "$1", "deployment", "(.*)"),'
        ' "workload_kind", "deployment", "", "")',
        "share of wanted replicas that are not available",
    ),
    _signal(
        "node_cpu", "node_cpu:ratio", "ratio", "ratio", "node",
        'label_replace(1 - avg by(instance)(rate(node_cpu_seconds_total{mode="idle"}[1m])),'
        ' "node", "$1", "instance", "([^:]+).*")',
        "CPU of the node in use",
    ),
    _signal(
        "node_memory", "node_memory:ratio", "ratio", "ratio", "node",
        "label_replace(1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes,"
        ' "node", "$1", "instance", "([^:]+).*")',
        "memory of the node in use",
    ),
    _signal(
        "tcp_retransmits", "tcp_retransmits:ratio", "ratio", "ratio", "node",
        "label_replace(rate(node_netstat_Tcp_RetransSegs[1m])"
        ' / (rate(node_netstat_Tcp_OutSegs[1m]) > 0), "node", "$1", "instance", "([^:]+).*")',
        "share of TCP segments sent again",
    ),
)  # fmt: skip

BY_NAME: dict[str, Signal] = {signal.name: signal for signal in CATALOGUE}


def selector(record: str, where: Mapping[str, str]) -> str:
    """``chaoskit:ready:bool{namespace="shop"}``, values quoted as PromQL needs it."""
    pairs = (f'{label}="{_quoted(value)}"' for label, value in sorted(where.items()))
    matchers = ",".join(pairs)
    return f"{record}{{{matchers}}}" if matchers else record


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def expression(signal: Signal) -> str:
    """The recording rule's whole PromQL: the signal's own, with the labels that its scope promises.

    Pods get ``workload`` and ``workload_kind`` from kube-state-metrics; those of which it says nothing,
    or all where it is absent, stay without. Edges get ``workload`` (who is called) and ``source``.
    """
    if signal.scope == "pod":
        own, owners = f"({signal.promql})", _owners()
        return (
            f"({own} * on({_POD}) group_left(workload,workload_kind) {owners})"
            f" or ({own} unless on({_POD}) {owners})"
        )
    if signal.scope == "edge":
        return _relabel(_relabel(signal.promql, "workload", "destination"), "source", "app")
    return signal.promql


def _owners() -> str:
    """One series of value 1 for each owned pod; a Deployment's name is its replica set's without the hash."""
    owned = [("ReplicaSet", "deployment", "(.+)-[^-]+")]
    owned += [(kind, kind.lower(), "(.+)") for kind in ("StatefulSet", "DaemonSet", "Job")]
    each = (
        f'label_replace(label_replace(kube_pod_owner{{owner_kind="{owner}"}}, "workload", "$1", "owner_name",'
        f' "{name}"), "workload_kind", "{kind}", "", "")'
        for owner, kind, name in owned
    )
    return f"max by({_POD},workload,workload_kind)({' or '.join(each)})"


def _relabel(promql: str, label: str, source: str) -> str:
    return f'label_replace({promql}, "{label}", "$1", "{source}", "(.*)")'
