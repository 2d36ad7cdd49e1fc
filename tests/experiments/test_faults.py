"""The catalogue is complete and means something: values are understood, severities differ, rights suffice."""

from __future__ import annotations

import pytest
from tests.experiments.test_lint import rules, with_env

from chaoskit.documents import parse
from chaoskit.experiments.direct.faults import EVERY
from chaoskit.experiments.faults import CATALOGUE, SEVERITIES, Fault
from chaoskit.experiments.lint import findings
from chaoskit.experiments.spec import ENV

FAULTS = list(CATALOGUE.values())

# What Litmus' faults take beside the ENV that all of their kind share: ENV=default, the charts' one.
OWN = {
    "pod-delete": "TOTAL_CHAOS_DURATION=15 CHAOS_INTERVAL=5 FORCE=false RANDOMNESS=false "
    "POD_TERMINATION_ORDER= INTER_POD_KILL_INTERVAL_SECONDS=",
    "container-kill": "TOTAL_CHAOS_DURATION=20 CHAOS_INTERVAL=10 SIGNAL=SIGKILL CONTAINER_API_TIMEOUT=-1",
    "pod-cpu-hog": "TOTAL_CHAOS_DURATION=60 CPU_CORES=1 CPU_LOAD=100",
    "pod-memory-hog": "TOTAL_CHAOS_DURATION=60 MEMORY_CONSUMPTION=500 NUMBER_OF_WORKERS=1",
    "pod-io-stress": "TOTAL_CHAOS_DURATION=120 FILESYSTEM_UTILIZATION_PERCENTAGE=10 "
    "FILESYSTEM_UTILIZATION_BYTES= NUMBER_OF_WORKERS=4 VOLUME_MOUNT_PATH=",
    "pod-network-latency": "TOTAL_CHAOS_DURATION=60 NETWORK_LATENCY=2000 JITTER=0 CORRELATION=0",
    "pod-network-loss": "TOTAL_CHAOS_DURATION=60 NETWORK_PACKET_LOSS_PERCENTAGE=100 CORRELATION=0",
    "pod-network-corruption": "TOTAL_CHAOS_DURATION=60 NETWORK_PACKET_CORRUPTION_PERCENTAGE=100 "
    "CORRELATION=0",
    "pod-network-duplication": "TOTAL_CHAOS_DURATION=60 NETWORK_PACKET_DUPLICATION_PERCENTAGE=100 "
    "CORRELATION=0",
    "pod-network-rate-limit": "TOTAL_CHAOS_DURATION=60 NETWORK_BANDWIDTH=1mbit BURST=32kb LIMIT=2mb "
    "MIN_BURST= PEAK_RATE=",
    "pod-network-partition": "TOTAL_CHAOS_DURATION=60 POLICY_TYPES=all PORTS= POD_SELECTOR= "
    "NAMESPACE_SELECTOR= DESTINATION_IPS= DESTINATION_HOSTS=",
    "pod-dns-error": "TOTAL_CHAOS_DURATION=60 TARGET_HOSTNAMES= MATCH_SCHEME=exact",
    "pod-dns-spoof": "TOTAL_CHAOS_DURATION=60 SPOOF_MAP=",
    "pod-http-latency": "TOTAL_CHAOS_DURATION=60 LATENCY=2000",
    "pod-http-status-code": "TOTAL_CHAOS_DURATION=60 STATUS_CODE=503 MODIFY_RESPONSE_BODY=true "
    "RESPONSE_BODY= CONTENT_TYPE=text/plain CONTENT_ENCODING=",
    "pod-http-modify-body": "TOTAL_CHAOS_DURATION=60 RESPONSE_BODY= CONTENT_TYPE=text/plain "
    "CONTENT_ENCODING=",
    "pod-http-modify-header": "TOTAL_CHAOS_DURATION=60 HEADERS_MAP={} HEADER_MODE=response",
    "pod-http-reset-peer": "TOTAL_CHAOS_DURATION=60 RESET_TIMEOUT=0",
    "disk-fill": "TOTAL_CHAOS_DURATION=60 FILL_PERCENTAGE=80 EPHEMERAL_STORAGE_MEBIBYTES= "
    "DATA_BLOCK_SIZE=256",
    "pod-autoscaler": "TOTAL_CHAOS_DURATION=60 REPLICA_COUNT=5 APP_AFFECT_PERC=100",
    "pod-cpu-hog-exec": "TOTAL_CHAOS_DURATION=60 CPU_CORES=1 CHAOS_INJECT_COMMAND CHAOS_KILL_COMMAND",
    "pod-memory-hog-exec": "TOTAL_CHAOS_DURATION=60 MEMORY_CONSUMPTION=500 CHAOS_KILL_COMMAND",
    "pod-fio-stress": "TOTAL_CHAOS_DURATION=60 IO_ENGINE=psync IO_DEPTH=1 READ_WRITE_MODE=randwrite "
    "BLOCK_SIZE=4k SIZE=100M NUMBER_OF_JOBS=1 CHAOS_KILL_COMMAND",
    "node-cpu-hog": "TOTAL_CHAOS_DURATION=60 NODE_CPU_CORE=0 CPU_LOAD=100",
    "node-memory-hog": "TOTAL_CHAOS_DURATION=120 MEMORY_CONSUMPTION_PERCENTAGE=30 "
    "MEMORY_CONSUMPTION_MEBIBYTES= NUMBER_OF_WORKERS=1",
    "node-io-stress": "TOTAL_CHAOS_DURATION=120 FILESYSTEM_UTILIZATION_PERCENTAGE=10 "
    "FILESYSTEM_UTILIZATION_BYTES= NUMBER_OF_WORKERS=4 VM_WORKERS=1 CPU=1",
    "node-drain": "TOTAL_CHAOS_DURATION=60",
    "node-taint": "TOTAL_CHAOS_DURATION=60 TAINTS=",
    "node-restart": "TOTAL_CHAOS_DURATION=60 REBOOT_COMMAND SSH_USER=root TARGET_NODE_IP=",
    "node-poweroff": "TOTAL_CHAOS_DURATION=60 REBOOT_COMMAND SSH_USER=root TARGET_NODE_IP=",
    "kubelet-service-kill": "TOTAL_CHAOS_DURATION=60",
    "docker-service-kill": "TOTAL_CHAOS_DURATION=60",
}
ON_PODS = {"RAMP_TIME", "SEQUENCE", "NODE_LABEL"}
IN_PODS = ON_PODS | {"TARGET_CONTAINER"}
BY_HELPER = IN_PODS | {"CONTAINER_RUNTIME", "SOCKET_PATH"}
SCOPED = BY_HELPER | {
    "NETWORK_INTERFACE", "DESTINATION_HOSTS", "DESTINATION_IPS", "DESTINATION_PORTS", "SOURCE_PORTS",
}  # fmt: skip
PROXIED = BY_HELPER | {"NETWORK_INTERFACE", "TARGET_SERVICE_PORT", "PROXY_PORT", "TOXICITY"}
ON_NODES = {"RAMP_TIME", "SEQUENCE", "TARGET_NODES", "NODE_LABEL", "NODES_AFFECTED_PERC"}
ON_NODE = {"RAMP_TIME", "TARGET_NODE", "NODE_LABEL"}
SHARED = {
    "pod-delete": ON_PODS, "pod-autoscaler": {"RAMP_TIME"}, "pod-network-partition": {"RAMP_TIME"},
    "pod-fio-stress": IN_PODS, "pod-cpu-hog-exec": IN_PODS, "pod-memory-hog-exec": IN_PODS,
    "node-cpu-hog": ON_NODES, "node-memory-hog": ON_NODES, "node-io-stress": ON_NODES,
}  # fmt: skip
GROUPS = {"pod-http": PROXIED, "pod-network": SCOPED, "node": ON_NODE, "kubelet": ON_NODE, "docker": ON_NODE}


def shared(kind: str) -> set[str]:
    """The ENV that all faults of this kind have."""
    group = next((env for start, env in GROUPS.items() if kind.startswith(start)), BY_HELPER)
    return SHARED.get(kind, group)


def test_every_fault_of_litmus_is_there_and_one_of_chaoskits_own() -> None:
    assert set(CATALOGUE) == {*OWN, "database-connection-loss"}


@pytest.mark.parametrize("kind", OWN)
def test_a_fault_has_the_env_and_defaults_of_its_chart(kind: str) -> None:
    fault = CATALOGUE[kind]
    wanted = dict(entry.partition("=")[::2] for entry in OWN[kind].split())
    assert {p.env for p in fault.parameters} == set(wanted) | shared(kind)
    for env, default in wanted.items():
        found = fault.parameter(env)
        assert found is not None
        if f"{env}=" in OWN[kind]:
            assert found.default == default, env
        else:
            assert found.default, env


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.kind))
def test_what_the_catalogue_says_of_values_is_what_it_accepts(fault: Fault) -> None:
    for parameter in fault.parameters:
        assert not parameter.default or parameter.accepts(parameter.default), parameter
        assert not parameter.example or parameter.accepts(parameter.example), parameter
        assert parameter.meaning
        assert ENV.fullmatch(parameter.env)
        assert not ENV.fullmatch(parameter.name)
    names = [parameter.name for parameter in fault.parameters]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.kind))
def test_severities_differ_and_are_understood(fault: Fault) -> None:
    presets = [tuple(sorted(fault.preset(severity).items())) for severity in SEVERITIES]
    assert len(set(presets)) == len(SEVERITIES)
    for name, value in (pair for preset in presets for pair in preset):
        found = fault.parameter(name)
        assert found is not None
        assert found.accepts(value)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.kind))
def test_every_fault_says_what_it_needs_and_what_it_leaves(fault: Fault) -> None:
    allowed = {(rule.group, each) for rule in (*fault.rules, *fault.cluster_rules) for each in rule.resources}
    assert {("", "pods"), ("batch", "jobs"), ("litmuschaos.io", "chaosresults")} <= allowed
    assert (("", "nodes") in allowed) == (fault.scope == "node")
    assert bool(fault.cluster_rules) == (fault.scope == "node")
    assert fault.purpose
    assert fault.undo
    assert fault.leftovers
    assert fault.document()["presets"].keys() == set(SEVERITIES)


@pytest.mark.parametrize("fault", EVERY.values(), ids=lambda fault: str(fault.kind))
def test_only_what_litmus_has_names_a_chaosexperiment_and_a_release_of_it(fault: Fault) -> None:
    there, told = fault.kind in CATALOGUE, fault.document()
    assert (bool(told["litmus"]), bool(told["since"])) == (there, there)


def test_gaps_in_the_rights_of_charts_are_filled() -> None:
    def allowed(kind: str) -> set[tuple[str, str]]:
        fault = CATALOGUE[kind]
        return {
            (verb, resource)
            for rule in (*fault.rules, *fault.cluster_rules)
            for verb in rule.verbs
            for resource in rule.resources
        }

    assert {("list", "replicasets"), ("delete", "networkpolicies")} <= allowed("pod-network-partition")
    assert {("patch", "nodes"), ("create", "pods/eviction")} <= allowed("node-drain")
    assert ("update", "nodes") in allowed("node-taint")
    assert ("get", "secrets") in allowed("node-restart")
    label = CATALOGUE["pod-delete"].parameter("nodeLabel")
    assert label is not None
    assert label.needs[0].resources == ("nodes",)


@pytest.mark.parametrize(
    ("kind", "name", "good", "bad"),
    [
        ("pod-delete", "duration", ["1", 30], ["60s", "0", "-1", "", "1.5", "٣"]),
        ("pod-delete", "interval", ["5", "5-10"], ["10-5", "5-5", "5-", "-5", "a-b"]),
        ("pod-delete", "force", [True, "false"], ["yes", "True", 1]),
        ("pod-delete", "nodeLabel", ["disk=ssd", "a.b/c=d", "a="], ["disk", "a=b,c=d", "a in (b)"]),
        ("container-kill", "apiTimeout", ["-1", "0", "30"], ["-2", "--1"]),
        ("pod-cpu-hog", "load", ["0", "100", "20-80"], ["101", "20-101", "0-0"]),
        ("pod-network-loss", "hosts", ["db.svc|5432, cache", "a"], ["a|", "a|b", "http://a", "a,,b"]),
        ("pod-network-loss", "addresses", ["10.0.0.0/8", "::1|80", "1.2.3.4|5432"], ["db", "10.0.0.1|x"]),
        ("pod-network-loss", "destinationPorts", ["80", "!80,443"], ["http", "80-90"]),
        ("pod-network-rate-limit", "bandwidth", ["1mbit", "1.5gbit", "100kbps"], ["1", "fast", "1 mbit"]),
        ("database-connection-loss", "database", ["db.svc|5432"], ["db.svc", "db.svc|", ""]),
        ("pod-network-partition", "addresses", ["10.0.0.0/8, 1.2.3.4"], ["1.2.3.4|5432", "::1"]),
        ("pod-network-partition", "addresses", ["255.0.0.1/32"], ["256.0.0.1", "1.2.3.4/33", "0.0.0.0/0"]),
        ("pod-network-partition", "hosts", ["db.lab.svc, a"], ["db.lab.svc|5432"]),
        ("pod-network-partition", "ports", ["tcp: [5432], udp: [53]"], ["5432", "tcp: 5432"]),
        ("pod-dns-error", "hosts", ['["db.svc"]'], ["db.svc", '{"a": "b"}', "[1]"]),
        ("pod-dns-spoof", "map", ['{"a": "b"}'], ["a=b", '["a"]', '{"a": 1}']),
        ("pod-http-status-code", "status", ["503", "500,502"], ["599", "5xx", "503;500"]),
        ("node-taint", "taints", ["a", "a=b", "a:NoSchedule", "a.b/c=d:NoExecute"], ["a=b:Never", ":a"]),
    ],
)  # fmt: skip
def test_a_value_is_accepted_only_in_the_form_that_litmus_reads(
    kind: str, name: str, good: list[str], bad: list[str]
) -> None:
    parameter = CATALOGUE[kind].parameter(name)
    assert parameter is not None
    assert [each for each in good if not parameter.accepts(each)] == []
    assert [each for each in bad if parameter.accepts(each)] == []
    assert parameter.expected


def test_what_a_network_policy_cannot_say_is_refused_in_words() -> None:
    addresses = CATALOGUE["pod-network-partition"].parameter("addresses")
    assert addresses is not None
    assert addresses.expected == "text such as 10.0.0.0/8 (IPv4 addresses or CIDRs, without ports)"


@pytest.mark.parametrize(
    ("fault", "env"),
    [
        ("pod-io-stress", "FILESYSTEM_UTILIZATION_BYTES"),
        ("node-io-stress", "FILESYSTEM_UTILIZATION_BYTES"),
        ("node-memory-hog", "MEMORY_CONSUMPTION_MEBIBYTES"),
        ("disk-fill", "EPHEMERAL_STORAGE_MEBIBYTES"),
    ],
)
def test_an_amount_of_0_is_how_litmus_writes_that_its_share_counts(fault: str, env: str) -> None:
    text = with_env(fault, f"{env}=0")
    assert not [each for each in findings(parse(text)) if each.level == "error"]
    assert "tunable" in rules(with_env(fault, f"{env}=-1"))
