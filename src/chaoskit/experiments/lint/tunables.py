"""What Litmus makes of ENV values: digits or nothing, one of a few words, or an error when it is too late."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chaoskit.documents import Location, shown
from chaoskit.experiments.faults import CATALOGUE, Fault, Parameter
from chaoskit.experiments.lint import unread
from chaoskit.experiments.lint.forms import ITSELF, formed
from chaoskit.experiments.lint.rules import Finding, Look

_RESERVED = re.compile(
    r"^(STATUS_CHECK_(DELAY|TIMEOUT)|CHAOS_(UID|NAMESPACE|SERVICE_ACCOUNT)|CHAOSENGINE|TARGETS"
    r"|EXPERIMENT_NAME|JOB_CLEANUP_POLICY|TERMINATION_GRACE_PERIOD_SECONDS|LIB_IMAGE_PULL_POLICY)$"
)
_LEFT = frozenset({
    "LIB", "TC_IMAGE", "STRESS_IMAGE", "APP_NAMESPACE", "APP_LABEL", "APP_KIND", "NODES_AFFECTED_PERC",
    "TARGET_NODE", "TARGET_NODES", "TARGET_CONTAINER", "NODE_LABEL", "SEQUENCE", "RAMP_TIME",
})  # fmt: skip
"""ENV that older Litmus or other faults know; nothing that is misspelt."""

_GO_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_GO_FLAGS = _GO_TRUE | {"0", "f", "F", "FALSE", "false", "False"}
_RUNTIMES = ("containerd", "docker", "crio")


@dataclass(frozen=True, slots=True)
class Setting:
    """An ENV with a value, and where both stand."""

    env: str
    value: str
    where: Location
    key: Location


Settings = Mapping[str, Setting]


def settings(look: Look, env: Location) -> Settings:
    """The ENV entries with a text that is not empty."""
    found = {}
    for index, entry in enumerate(look.items(env)):
        name, value = look.text((*env, index, "name")), look.text((*env, index, "value"))
        if isinstance(entry, dict) and value:
            found[name] = Setting(name, value, (*env, index, "value"), (*env, index, "name"))
    return found


def written(look: Look, env: Location) -> Iterator[Finding]:
    """Findings about the list itself: values that are no texts, names that stand twice or are not ours."""
    seen: set[str] = set()
    for index in range(len(look.items(env))):
        name, value = look.text((*env, index, "name")), look.at((*env, index, "value"))
        if value is not None and not isinstance(value, str):
            plain = shown(value) if not isinstance(value, dict | list) else "..."
            yield look.say("env-text", (*env, index, "value"), f'text in quotes: "{plain}"')
        if _RESERVED.match(name):
            yield look.say("env-reserved", (*env, index, "name"), "left to the runner")
        if name and name in seen:
            yield look.say("env-twice", (*env, index, "name"), "one value")
        seen.add(name)


def tuned(look: Look, name: str, given: Settings, around: Location) -> Iterator[Finding]:
    """Findings about the values that a fault gets, all of which stand `around` there.

    Nothing is known of faults that the catalogue lacks.
    """
    fault = CATALOGUE.get(name)
    if fault is None:
        return
    for setting in given.values():
        yield from _setting(look, fault, setting, given)
    yield from _together(look, fault, given)
    yield from _scope(look, fault, given, around)
    yield from images(look, [each for env, each in given.items() if env == "LIB_IMAGE"])


def _setting(look: Look, fault: Fault, setting: Setting, given: Settings) -> Iterator[Finding]:
    parameter = unread.parameter_of(fault, setting.env)
    if setting.env in fault.harmful:
        yield look.say("env-harmful", setting.key, "nothing", hint=fault.harmful[setting.env])
    elif parameter is None:
        yield from _not_read(look, fault, setting, given)
    elif not _understood(parameter, setting.value):
        rules = {"int": "tunable", "range": "tunable", "bool": "env-flag"}
        yield look.say(rules.get(parameter.type, "env-value"), setting.where, parameter.expected)


def _not_read(look: Look, fault: Fault, setting: Setting, given: Settings) -> Iterator[Finding]:
    """What the fault does not read: it was to limit it, or is misspelt, or does not matter."""
    hint, wanted = unread.meant(fault, setting.env, given), f"an ENV of {fault.kind}"
    if setting.env in unread.LIMITS:
        if unread.limits_nothing(fault, setting.env, setting.value, given):
            yield look.say("env-unread", setting.key, wanted, hint=hint)
    elif hint and not _RESERVED.match(setting.env) and setting.env not in _LEFT:
        yield look.say("env-misspelt", setting.key, wanted, hint=hint)


def _understood(parameter: Parameter, value: str) -> bool:
    """As Litmus reads it: Go's words for true and false, sequences in any case."""
    if parameter.type == "bool":
        return value in _GO_FLAGS
    return parameter.accepts(value.lower() if parameter.env == "SEQUENCE" else value)


def _together(look: Look, fault: Fault, given: Settings) -> Iterator[Finding]:
    """Findings about values that do not go together."""
    interval, random = given.get("CHAOS_INTERVAL"), given.get("RANDOMNESS")
    picked = random is not None and random.value in _GO_TRUE
    ranged = interval is not None and "-" in interval.value.strip("-")
    if interval and ranged and not picked and fault.parameter("RANDOMNESS") is not None:
        yield look.say("interval-range", interval.where, "a whole number, or RANDOMNESS true beside it")
    runtime, socket = given.get("CONTAINER_RUNTIME"), given.get("SOCKET_PATH")
    other = socket and next((each for each in _RUNTIMES if each in socket.value), None)
    if runtime and socket and other and runtime.value in _RUNTIMES and other != runtime.value:
        yield look.say("runtime-socket", socket.where, f"the socket of {runtime.value}")
    lib = given.get("LIB")
    if lib and lib.value == "pumba":
        yield look.say("pumba", lib.where, "nothing")


_FILTERS = ("DESTINATION_HOSTS", "DESTINATION_IPS", "DESTINATION_PORTS", "SOURCE_PORTS")


def _scope(look: Look, fault: Fault, given: Settings, around: Location) -> Iterator[Finding]:
    """How much of a pod's traffic a network fault takes."""
    if fault.parameter("NETWORK_INTERFACE") is None or fault.parameter("DESTINATION_HOSTS") is None:
        return
    scoped = [env for env in _FILTERS if env in given]
    if not scoped and fault.kind != "pod-network-duplication":
        wanted = "one of " + ", ".join(_FILTERS)
        yield look.say("scope-none", around, wanted, found="without a scope", wants=around)
    if "DESTINATION_PORTS" in scoped and {"DESTINATION_HOSTS", "DESTINATION_IPS"}.intersection(scoped):
        yield look.say("scope-or", given["DESTINATION_PORTS"].where, "nothing beside hosts or addresses")
    hosts = given.get("DESTINATION_HOSTS")
    for host in hosts.value.split(",") if hosts else ():
        if "." not in host and hosts is not None:
            yield look.say("host-short", hosts.where, "name.namespace.svc.cluster.local", found=shown(host))


def images(look: Look, given: list[Setting]) -> Iterator[Finding]:
    """Findings about images of go-runner."""
    for setting in given:
        if setting.env == "LIB_IMAGE":
            yield from formed(look, setting.where, ITSELF)
        name, _, tag = setting.value.rpartition("/")[2].partition(":")
        if "@" in setting.value:
            continue
        if tag in {"", "latest"}:
            yield look.say("image-floating", setting.where, "an image with the operator's version")
        elif name == "go-runner" and tag.startswith("3.20."):
            yield look.say("runner-3-20", setting.where, "3.21.0 or newer")
