"""Who calls whom: services and load generators with their pods, read from what the pods' environment says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chaoskit.simulator.traffic.queueing import Part
from chaoskit.simulator.traffic.state import PodState
from chaoskit.simulator.traffic.view import ClusterView, Role, Service


@dataclass(slots=True)
class Node:
    """One service in the call graph, or a deployment of load generators (which nobody calls)."""

    key: tuple[str, str]
    role: Role
    states: list[PodState]
    names: frozenset[str]
    service: Service | None = None
    calls: list[tuple[Node, float]] = field(default_factory=list)
    database: Node | None = None
    serving: list[PodState] = field(default_factory=list)
    """Who gets requests, and runs."""
    last_of: list[PodState] = field(default_factory=list)
    """Of `serving`, those that no later service of the graph shares: now all that they get is known."""
    refused: float = 0.0
    """The share of requests that go to pods where nothing runs."""
    demand: float = 0.0
    failed: float = 0.0
    lost: float = 0.0
    parts: list[Part] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    seconds: float = 0.0


def call_graph(view: ClusterView, states: dict[tuple[str, str], PodState]) -> list[Node]:
    """Services and load generators with their pods, callers before callees; a cycle is cut."""
    nodes = {node.key: node for node in _nodes(view, states)}
    for node in nodes.values():
        namespace = node.key[0]
        for host, share in node.role.calls:
            callee = nodes.get(service_key(host, namespace))
            if callee is not None:
                node.calls.append((callee, share))
        if node.role.load_url:
            first = nodes.get(service_key(node.role.load_url, namespace))
            node.calls += [(first, 1.0)] if first else []
        node.database = nodes.get(service_key(node.role.database, namespace))
    return _callers_first(list(nodes.values()))


def service_key(host: str, namespace: str) -> tuple[str, str]:
    """Namespace and name of the service that `host` means to a pod in `namespace`."""
    name, _, rest = host.partition(".")
    return (rest.split(".", 1)[0] or namespace, name)


def _nodes(view: ClusterView, states: dict[tuple[str, str], PodState]) -> Iterable[Node]:
    for _, service in sorted(view.services.items()):
        members = [states[pod.key] for pod in view.backends(service) if pod.key in states]
        role = next((state.pod.role for state in members if state.pod.role), None)
        if not members:
            role = Role()  # nobody is there to answer, whatever it was
        if role is not None and not role.load_url:
            key = (service.namespace, service.name)
            yield Node(key, role, members, _names_of(service, members), service)
    generators: dict[tuple[str, str], list[PodState]] = {}
    for _, state in sorted(states.items()):
        if state.pod.role and state.pod.role.load_url:
            key = (state.pod.namespace, f"deployment {state.pod.workload}")
            generators.setdefault(key, []).append(state)
    for key, members in generators.items():
        first = members[0].pod.role
        if first is not None:
            yield Node(key, first, members, frozenset())


def _names_of(service: Service, members: list[PodState]) -> frozenset[str]:
    short = f"{service.name}.{service.namespace}"
    names = {service.name, short, f"{short}.svc", f"{short}.svc.cluster.local", service.ip}
    return frozenset(names | {state.pod.ip for state in members} - {""})


def _callers_first(nodes: list[Node]) -> list[Node]:
    """Services that share pods follow one another: their pods call when the last of them has been called."""
    groups = _sharing_pods(nodes)
    done: dict[tuple[str, str], Node] = {}
    under_way: set[tuple[str, str]] = set()

    def visit(node: Node) -> None:
        if node.key in done:
            return
        group = groups[node.key]
        under_way.update(one.key for one in group)
        for one in group:
            one.calls = [(c, share) for c, share in one.calls if c.key not in under_way]
            if one.database is not None and one.database.key in under_way:
                one.database = None
        for one in group:
            for callee, _ in one.calls:
                visit(callee)
            if one.database is not None:
                visit(one.database)
        under_way.difference_update(one.key for one in group)
        done.update((one.key, one) for one in group)

    for node in nodes:
        visit(node)
    return list(reversed(done.values()))


def _sharing_pods(nodes: list[Node]) -> dict[tuple[str, str], list[Node]]:
    """By key of each, the nodes that share pods with it, or with one that does; itself among them."""
    groups = {node.key: [node] for node in nodes}
    first: dict[tuple[str, str], Node] = {}
    for node in nodes:
        for state in node.states:
            other = first.setdefault(state.pod.key, node)
            if groups[other.key] is not groups[node.key]:
                joined = groups[other.key] + groups[node.key]
                groups.update((one.key, joined) for one in joined)
    return groups
