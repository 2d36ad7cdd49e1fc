"""The catalogue of signals: what is measured, its recorded name in Prometheus and the PromQL behind it.

Signals of the system (cAdvisor, kube-state-metrics, node-exporter) are sampled every 15 s, those of
applications, service meshes and databases every 30 s; rates look back on four samples. Where exporters use
different names for the same thing, the first that has a series for a pod counts.
"""

from __future__ import annotations

from chaoskit.ports.metrics import Scope, Signal, SignalKind

SYSTEM, APPLICATION = 15, 30
"""Seconds between two samples."""
LONGEST_AGE = 90
"""Seconds after which a sample of a container says nothing about what runs now."""

_C = 'container!="",image!=""'
_POD = "namespace,pod"
_FAILED = "5..|5xx"
_GRPC = "Unknown|Internal|Unavailable|DeadlineExceeded|ResourceExhausted|DataLoss|Unimplemented"


def _system(
    name: str, record: str, unit: str, kind: SignalKind, origin: str, promql: str, meaning: str,
    scope: Scope = "pod",
) -> Signal:  # fmt: skip
    return Signal(name, unit, kind, scope, f"chaoskit:{record}", promql, meaning, SYSTEM, origin)


def _application(
    name: str, record: str, unit: str, kind: SignalKind, origin: str, promql: str, meaning: str,
    scope: Scope = "pod",
) -> Signal:  # fmt: skip
    return Signal(name, unit, kind, scope, f"chaoskit:{record}", promql, meaning, APPLICATION, origin)


def _rate(metric: str, matchers: str = "", window: str = "2m") -> str:
    selected = f"{metric}{{{matchers}}}" if matchers else metric
    return f"sum by({_POD})(rate({selected}[{window}]))"


def _container(metric: str, matchers: str = "") -> str:
    return _rate(metric, f"{_C},{matchers}" if matchers else _C, "1m")


def _alive(metric: str) -> str:
    # cAdvisor stamps its samples itself, so Prometheus serves what it said of an ended container for minutes.
    selected = f"{metric}{{{_C}}}"
    return f"({selected} unless time() - timestamp({selected}) > {LONGEST_AGE})"


def _network(*metrics: str) -> str:
    return " + ".join(_rate(f"container_network_{each}_total", 'interface!="lo"', "1m") for each in metrics)


def _resource(which: str, resource: str) -> str:
    return f'sum by({_POD})(kube_pod_container_resource_{which}{{resource="{resource}"}} > 0)'


def _flag(reason: str) -> str:
    # kube-state-metrics has a series only while there is a reason: without one the flag is down, not unknown.
    return f"max by({_POD})({reason}) or 0 * max by({_POD})(kube_pod_status_ready)"


def _first(*alternatives: str) -> str:
    return " or ".join(f"({each})" for each in alternatives)


def _each(how: str, *metrics: str) -> str:
    return _first(*(f"{how} by({_POD})({each})" for each in metrics))


def _share(part: str, whole: str) -> str:
    return f"sum by({_POD})({part}) / (sum by({_POD})({whole}) > 0)"


_CPU = _container("container_cpu_usage_seconds_total")

_COUNTED = (
    ("http_requests_total", "", (f'code=~"{_FAILED}"', f'status=~"{_FAILED}"')),
    ("http_server_requests_seconds_count", "", (f'status=~"{_FAILED}"',)),
    ("http_server_request_duration_seconds_count", "", (f'http_response_status_code=~"{_FAILED}"',)),
    ("grpc_server_handled_total", "", (f'grpc_code=~"{_GRPC}"',)),
    ("istio_requests_total", 'reporter="destination"', (f'response_code=~"{_FAILED}"',)),
)
"""Counters of requests served, which of their series count, and which of those have failed."""

_TIMED = (
    ("http_request_duration_seconds_bucket", "", ""),
    ("http_server_requests_seconds_bucket", "", ""),
    ("http_server_request_duration_seconds_bucket", "", ""),
    ("grpc_server_handling_seconds_bucket", "", ""),
    ("istio_request_duration_milliseconds_bucket", '{reporter="destination"}', " / 1000"),
)
"""Histograms of the time that requests took to serve, and what makes seconds of them."""


def _errors(metric: str, counted: str, failed: tuple[str, ...]) -> str:
    served = _rate(metric, counted)
    bad = [_rate(metric, ",".join(filter(None, (counted, each)))) for each in failed]
    return f"({' or '.join(bad)} or 0 * {served}) / ({served} > 0)"


def _quantile(share: str, by: str, bucket: str, scale: str = "") -> str:
    return f"histogram_quantile({share}, sum by(le,{by})(rate({bucket}[2m]))){scale}"


def _named(promql: str, **labels: str) -> str:
    """With these labels, each from another one."""
    for label, source in labels.items():
        promql = f'label_replace({promql}, "{label}", "$1", "{source}", "(.*)")'
    return promql


def _node(promql: str) -> str:
    # A node is one, however many exporters or jobs tell of it.
    return f'max by(node)(label_replace({promql}, "node", "$1", "instance", "([^:]+).*"))'


def _workloads(*alternatives: str) -> str:
    return f"max by(namespace,workload,workload_kind)({_first(*alternatives)})"


def _workload(promql: str, kind: str, source: str) -> str:
    return f'label_replace({_named(promql, workload=source)}, "workload_kind", "{kind}", "", "")'


_CALLS = _workload(
    _named(
        _quantile("0.5", "namespace,destination,app", "http_client_request_duration_seconds_bucket")
        + " - on(namespace,destination) group_left() "
        + _named(
            _quantile("0.5", "namespace,app", "http_request_duration_seconds_bucket"), destination="app"
        ),
        source="app",
    ),
    "deployment", "destination",
)  # fmt: skip

_MESH = "destination_workload_namespace,destination_workload"
_MESH_CALLS = _workload(
    _named(
        "("
        + _quantile("0.5", f"{_MESH},source_workload",
                    'istio_request_duration_milliseconds_bucket{reporter="source"}')
        + f" - on({_MESH}) group_left() "
        + _quantile("0.5", _MESH, 'istio_request_duration_milliseconds_bucket{reporter="destination"}')
        + ") / 1000",
        namespace="destination_workload_namespace", source="source_workload",
    ),
    "deployment", "destination_workload",
)  # fmt: skip


CATALOGUE: tuple[Signal, ...] = (
    _system("cpu_usage", "cpu_usage:cores", "cores", "gauge", "cAdvisor", _CPU, "CPU in use"),
    _system(
        "cpu_limit_ratio", "cpu_limit:ratio", "ratio", "ratio", "cAdvisor, kube-state-metrics",
        f"{_CPU} / {_resource('limits', 'cpu')}", "CPU in use, as a share of the limit",
    ),
    _system(
        "cpu_request_ratio", "cpu_request:ratio", "ratio", "gauge", "cAdvisor, kube-state-metrics",
        f"{_CPU} / {_resource('requests', 'cpu')}", "CPU in use, as a share of the request",
    ),
    _system(
        "cpu_throttled_ratio", "cpu_throttled:ratio", "ratio", "ratio", "cAdvisor",
        f"sum by({_POD})(increase(container_cpu_cfs_throttled_periods_total{{{_C}}}[1m]))"
        f" / sum by({_POD})(increase(container_cpu_cfs_periods_total{{{_C}}}[1m]))",
        "share of scheduling periods in which the pod was throttled",
    ),
    _system(
        "memory_bytes", "memory_working_set:bytes", "bytes", "gauge", "cAdvisor",
        f"sum by({_POD})({_alive('container_memory_working_set_bytes')})", "working set",
    ),
    _system(
        "memory_usage", "memory_usage:ratio", "ratio", "ratio", "cAdvisor, kube-state-metrics",
        f"max by({_POD})({_alive('container_memory_working_set_bytes')}"
        " / on(namespace,pod,container) group_left() (max by(namespace,pod,container)"
        '(kube_pod_container_resource_limits{resource="memory"}) > 0))',
        "working set of the fullest container, as a share of its limit",
    ),
    _system(
        "memory_major_faults", "memory_major_faults:rate", "1/s", "gauge", "cAdvisor",
        _container("container_memory_failures_total", 'failure_type="pgmajfault",scope="container"'),
        "pages that had to be read from disk",
    ),
    _system(
        "oom_events", "oom_events:increase5m", "count", "gauge", "cAdvisor",
        f"sum by({_POD})(increase(container_oom_events_total{{{_C}}}[5m]))",
        "kills for lack of memory in 5 minutes",
    ),
    _system(
        "network_receive", "network_receive:bytes_rate", "bytes/s", "gauge", "cAdvisor",
        _network("receive_bytes"), "bytes received",
    ),
    _system(
        "network_transmit", "network_transmit:bytes_rate", "bytes/s", "gauge", "cAdvisor",
        _network("transmit_bytes"), "bytes sent",
    ),
    _system(
        "network_dropped", "network_dropped:rate", "1/s", "gauge", "cAdvisor",
        _network("receive_packets_dropped", "receive_errors", "transmit_packets_dropped", "transmit_errors"),
        "packets dropped or in error",
    ),
    _system(
        "fs_usage", "fs_usage:ratio", "ratio", "ratio", "cAdvisor",
        f"max by({_POD})({_alive('container_fs_usage_bytes')} / (container_fs_limit_bytes{{{_C}}} > 0))",
        "file system in use",
    ),
    _system(
        "fs_volume_usage", "fs_volume_usage:ratio", "ratio", "ratio", "kubelet, kube-state-metrics",
        f"max by({_POD})(kube_pod_spec_volumes_persistentvolumeclaims_info"
        " * on(namespace,persistentvolumeclaim) group_left() max by(namespace,persistentvolumeclaim)"
        "(kubelet_volume_stats_used_bytes / (kubelet_volume_stats_capacity_bytes > 0)))",
        "fullest persistent volume in use",
    ),
    _system(
        "fs_write", "fs_write:bytes_rate", "bytes/s", "gauge", "cAdvisor",
        _container("container_fs_writes_bytes_total"), "bytes written to disk",
    ),
    _system(
        "restarts", "restarts:total", "count", "counter", "kube-state-metrics",
        f"sum by({_POD})(kube_pod_container_status_restarts_total)", "container restarts so far",
    ),
    _system(
        "waiting_bad", "waiting_bad:bool", "flag", "flag", "kube-state-metrics",
        _flag(
            "kube_pod_container_status_waiting_reason{reason=~"
            '"CrashLoopBackOff|ImagePullBackOff|ErrImagePull|CreateContainerConfigError"}'
        ),
        "a container waits in a crash loop or cannot be started",
    ),
    _system(
        "last_oom", "last_terminated_oom:bool", "flag", "flag", "kube-state-metrics",
        _flag('kube_pod_container_status_last_terminated_reason{reason="OOMKilled"}'),
        "the last end of a container was a kill for lack of memory",
    ),
    _system(
        "last_error", "last_terminated_error:bool", "flag", "flag", "kube-state-metrics",
        _flag('kube_pod_container_status_last_terminated_reason{reason="Error"}'),
        "the last end of a container was an error",
    ),
    _system(
        "ready", "ready:bool", "flag", "flag", "kube-state-metrics",
        f'min by({_POD})(kube_pod_status_ready{{condition="true"}})', "the pod is ready",
    ),
    _system(
        "target_up", "target_up:bool", "flag", "flag", "Prometheus",
        f'min by({_POD})(up{{pod!=""}})', "Prometheus can scrape the pod",
    ),
    _system(
        "sample_age", "sample_age:seconds", "seconds", "gauge", "cAdvisor",
        f"time() - max by({_POD})(timestamp(container_memory_working_set_bytes{{{_C}}}))",
        "time since the pod was last measured",
    ),
    _application(
        "request_rate", "requests:rate", "1/s", "gauge", "application or mesh",
        _first(*(_rate(metric, counted) for metric, counted, _ in _COUNTED)), "requests served",
    ),
    _application(
        "error_ratio", "errors:ratio", "ratio", "ratio", "application or mesh",
        _first(*(_errors(*each) for each in _COUNTED)),
        "share of requests answered with 5xx",
    ),
    _application(
        "latency_p95", "latency_p95:seconds", "seconds", "gauge", "application or mesh",
        _first(*(_quantile("0.95", _POD, bucket + which, scale) for bucket, which, scale in _TIMED)),
        "time within which 95 % of requests are answered",
    ),
    _application(
        "edge_gap", "edge_gap_p50:seconds", "seconds", "gauge", "application or mesh",
        _first(_CALLS, _MESH_CALLS),
        "median latency as the caller sees it minus as the callee sees it: time lost between them",
        "edge",
    ),
    _application(
        "db_pool_usage", "db_pool_usage:ratio", "ratio", "ratio", "application",
        _first(
            _share("db_pool_connections_in_use", "db_pool_connections_max"),
            _share("hikaricp_connections_active", "hikaricp_connections_max"),
            _share("go_sql_in_use_connections", "go_sql_max_open_connections"),
            _share('db_client_connections_usage{state="used"}', "db_client_connections_max"),
        ),
        "database connections of the pool in use",
    ),
    _application(
        "db_pool_pending", "db_pool_pending:count", "count", "gauge", "application",
        _each("sum", "db_pool_connections_pending", "hikaricp_connections_pending",
              "db_client_connections_pending_requests"),
        "requests that wait for a connection",
    ),
    _application(
        "db_pool_waits", "db_pool_waits:rate", "1/s", "gauge", "application",
        _rate("go_sql_wait_count_total"), "requests that had to wait for a connection",
    ),
    _application(
        "db_pool_errors", "db_pool_errors:rate", "1/s", "gauge", "application",
        _first(
            *map(_rate, ("db_pool_errors_total", "hikaricp_connections_timeout_total",
                         "db_client_connections_timeouts_total"))
        ),
        "failures to get a database connection",
    ),
    _application(
        "db_connections", "db_connections:ratio", "ratio", "ratio", "database exporter",
        _first(
            _share("db_server_connections", "db_server_connections_max"),
            f"sum by({_POD})(pg_stat_activity_count) / (max by({_POD})(pg_settings_max_connections) > 0)",
            _share("mysql_global_status_threads_connected", "mysql_global_variables_max_connections"),
            _share("redis_connected_clients", "redis_config_maxclients"),
        ),
        "the database server's connections in use",
    ),
    _application(
        "db_refused", "db_refused:rate", "1/s", "gauge", "database exporter",
        _first(*map(_rate, ("mysql_global_status_aborted_connects", "redis_rejected_connections_total"))),
        "connections that the database server turned away",
    ),
    _application(
        "db_up", "db_up:bool", "flag", "flag", "database exporter",
        _each("min", "pg_up", "mysql_up", "redis_up", "mongodb_up"), "the database server answers",
    ),
    _system(
        "replicas_unavailable", "replicas_unavailable:ratio", "ratio", "ratio", "kube-state-metrics",
        _workloads(
            _workload(
                "kube_deployment_status_replicas_unavailable / (kube_deployment_spec_replicas > 0)",
                "deployment", "deployment",
            ),
            _workload(
                "(kube_statefulset_replicas - kube_statefulset_status_replicas_ready)"
                " / (kube_statefulset_replicas > 0)",
                "statefulset", "statefulset",
            ),
            _workload(
                "kube_daemonset_status_number_unavailable"
                " / (kube_daemonset_status_desired_number_scheduled > 0)",
                "daemonset", "daemonset",
            ),
        ),
        "share of wanted replicas that are not available",
        "workload",
    ),
    _system(
        "node_cpu", "node_cpu:ratio", "ratio", "ratio", "node-exporter",
        _node('1 - avg by(instance)(rate(node_cpu_seconds_total{mode="idle"}[1m]))'),
        "CPU of the node in use", "node",
    ),
    _system(
        "node_load", "node_load:per_core", "load", "gauge", "node-exporter",
        _node('sum by(instance)(node_load1) / count by(instance)(node_cpu_seconds_total{mode="idle"})'),
        "programs of the node that run or wait, per core", "node",
    ),
    _system(
        "node_memory", "node_memory:ratio", "ratio", "ratio", "node-exporter",
        _node("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"),
        "memory of the node in use", "node",
    ),
    _system(
        "node_pressure", "node_pressure:ratio", "ratio", "ratio", "node-exporter",
        _node(
            " or ".join(
                f'label_replace(rate(node_pressure_{each}_seconds_total[1m]), "of", "{each}", "", "")'
                for each in ("cpu_waiting", "memory_waiting", "io_waiting")
            )
        ),
        "share of the time in which something on the node waits for CPU, memory or disks", "node",
    ),
    _system(
        "tcp_retransmits", "tcp_retransmits:ratio", "ratio", "ratio", "node-exporter",
        _node("rate(node_netstat_Tcp_RetransSegs[1m]) / (rate(node_netstat_Tcp_OutSegs[1m]) > 0)"),
        "share of TCP segments sent again", "node",
    ),
)  # fmt: skip

BY_NAME: dict[str, Signal] = {signal.name: signal for signal in CATALOGUE}
