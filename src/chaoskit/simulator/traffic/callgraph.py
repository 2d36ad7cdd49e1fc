"""Who calls whom: services and load generators with their pods, read from what the pods' environment says."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from chaoskit.simulator.traffic.policies import Port
from chaoskit.simulator.traffic.queueing import Part
from chaoskit.simulator.traffic.state import PodState
from chaoskit.simulator.traffic.view import Address, ClusterView, Pod, Service


@dataclass(slots=True, eq=False)
class Node:
    """One service in the call graph, or a deployment of load generators (which nobody calls)."""

    key: tuple[str, str]
    states: list[PodState]
    names: frozenset[str]
    service: Service | None = None
    crews: list[Crew] = field(default_factory=list)
    """Its pods once more, by what they do."""
    serving: list[PodState] = field(default_factory=list)
    """Who gets requests, and runs."""
    last_of: list[tuple[Crew, PodState]] = field(default_factory=list)
    """Of `serving`, those that no later service of the graph shares: now all that they get is known."""
    refused: float = 0.0
    """The share of requests that go to pods where nothing runs."""
    demand: float = 0.0
    reached: list[float] = field(default_factory=list)
    """How much of `demand` is for each of `serving`, where policies tell them apart; else empty."""
    failed: float = 0.0
    lost: float = 0.0
    parts: list[Part] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    seconds: float = 0.0


class Call(NamedTuple):
    """Who is asked, at which port of the service, in what share of requests."""

    callee: Node
    port: int
    share: float = 1.0

    def arrives(self, pod: Pod) -> Port | None:
        """The port at which it arrives at a pod behind the service; None where there is none."""
        return self.callee.service.reaches(pod, self.port) if self.callee.service else None


@dataclass(slots=True, eq=False)
class Crew:
    """Pods of one role behind the same services: whom they ask, where that makes no cycle."""

    states: list[PodState] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    database: Call | None = None


def call_graph(view: ClusterView, states: dict[tuple[str, str], PodState]) -> list[Node]:
    """Services and load generators with their pods, callers before callees; a cycle is cut."""
    nodes = {node.key: node for node in _nodes(view, states)}

    def called(at: Address | None, namespace: str, share: float = 1.0) -> Call | None:
        service = view.service(at.host, namespace) if at else None
        node = nodes.get(service.key) if service else None
        return Call(node, at.port, share) if at and node else None

    for crew in _crews(nodes.values()):
        role, namespace = crew.states[0].role, crew.states[0].pod.namespace
        asked = [*role.calls, *([(role.load_url, 1.0)] if role.load_url else ())]
        crew.calls = [call for at, share in asked if (call := called(at, namespace, share))]
        crew.database = called(role.database, namespace)
    return _callers_first(nodes.values())


def _nodes(view: ClusterView, states: dict[tuple[str, str], PodState]) -> Iterable[Node]:
    for _, service in sorted(view.services.items()):
        members = [states[pod.key] for pod in view.backends(service) if pod.key in states]
        serves = any(state.pod.role and not state.pod.role.load_url for state in members)
        if not service.alias and (serves or not members):  # without any, nobody is there to answer
            yield Node(service.key, members, _names_of(service, members), service)
    generators: dict[tuple[str, str], list[PodState]] = {}
    for _, state in sorted(states.items()):
        if state.role.load_url:
            key = (state.pod.namespace, f"deployment {state.pod.workload}")
            generators.setdefault(key, []).append(state)
    for key, members in generators.items():
        yield Node(key, members, frozenset())


def _names_of(service: Service, members: list[PodState]) -> frozenset[str]:
    short = f"{service.name}.{service.namespace}"
    names = {service.name, short, f"{short}.svc", f"{short}.svc.cluster.local", service.ip}
    return frozenset(names | {state.pod.ip for state in members} - {""})


def _crews(nodes: Collection[Node]) -> list[Crew]:
    """Every crew, which its nodes know now, too."""
    members = {state.pod.key: state for node in nodes for state in node.states}
    behind: dict[tuple[str, str], list[Node]] = {key: [] for key in members}
    for node in nodes:
        for state in node.states:
            behind[state.pod.key].append(node)
    crews: dict[tuple[object, ...], Crew] = {}
    for key, state in members.items():
        kind = (state.pod.namespace, state.role, *behind[key])
        if kind not in crews:
            crews[kind] = Crew()
            for node in behind[key]:
                node.crews.append(crews[kind])
        crews[kind].states.append(state)
    return list(crews.values())


def _callers_first(nodes: Iterable[Node]) -> list[Node]:
    """Every service comes before those that its pods ask; who is asked by those that it asks is not asked."""
    done: dict[tuple[str, str], Node] = {}
    known: set[Crew] = set()
    under_way: set[Crew] = set()

    def visit(node: Node) -> None:
        if node.key in done:
            return
        for crew in node.crews:
            if crew not in known:
                known.add(crew)
                under_way.add(crew)
                follow(crew)
                under_way.discard(crew)
        done[node.key] = node

    def follow(crew: Crew) -> None:
        crew.calls = [call for call in crew.calls if under_way.isdisjoint(call.callee.crews)]
        if crew.database is not None and not under_way.isdisjoint(crew.database.callee.crews):
            crew.database = None
        for call in crew.calls:
            visit(call.callee)
        if crew.database is not None:
            visit(crew.database.callee)

    for node in nodes:
        visit(node)
    return list(reversed(done.values()))
