"""The indexes of an Indexed job: which are done, which are next, and what tells a pod its own. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice

from chaoskit.simulator.api import Object

INDEX = "batch.kubernetes.io/job-completion-index"
_VARIABLE = {
    "name": "JOB_COMPLETION_INDEX",
    "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}},
}
_LONGEST_PREFIX = 58


def are_counted(job: Object) -> bool:
    """True for a job that succeeds once for each index, and not so many times."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def index_of(pod: Object, completions: int) -> int | None:
    """The index that a pod works on; None for one that the job does not have (any more)."""
    text = (pod["metadata"].get("annotations") or {}).get(INDEX, "")
    return int(text) if text.isdecimal() and int(text) < completions else None


def of(pods: Iterable[Object], completions: int) -> set[int]:
    """The indexes that these pods work on."""
    return {index for pod in pods if (index := index_of(pod, completions)) is not None}


def done(job: Object, succeeded: Iterable[Object]) -> set[int]:
    """The indexes that an Indexed job has seen succeed, by its status and these pods; none of another job."""
    if not are_counted(job):
        return set()
    completions = job["spec"]["completions"]
    return read((job.get("status") or {}).get("completedIndexes", ""), completions) | of(
        succeeded, completions
    )


def missing(completions: int, taken: Collection[int], count: int) -> list[int]:
    """The next so many indexes, lowest first, that are neither done nor being worked on."""
    return list(islice((index for index in range(completions) if index not in taken), max(0, count)))


def read(text: str, completions: int) -> set[int]:
    """The indexes of a status (``0,2-4``), as far as the job still has them."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return {index for index in found if index < completions}


def written(done: Iterable[int]) -> str:
    """The same as a status has it: three or more in a row as a range."""
    runs: list[list[int]] = []
    for index in sorted(done):
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ",".join(_run(run) for run in runs)


def _run(run: list[int]) -> str:
    if len(run) == 1:
        return str(run[0])
    return f"{run[0]}{',' if len(run) == 2 else '-'}{run[-1]}"


def prefix(name: str, index: int) -> str:
    """What the names of an index's pods begin with."""
    end = f"-{index}-"
    return name[: _LONGEST_PREFIX - len(end)] + end


def mark(pod: Object, name: str, index: int) -> None:
    """`pod`, of the job of that name, knows its index: by annotation, label, host name and environment."""
    meta, spec = pod["metadata"], pod["spec"]
    meta["annotations"] = {**(meta.get("annotations") or {}), INDEX: str(index)}
    meta["labels"] = {**(meta.get("labels") or {}), INDEX: str(index)}
    spec["hostname"] = f"{name}-{index}"
    for container in [*(spec.get("initContainers") or ()), *spec["containers"]]:
        environment = container.setdefault("env", [])
        if all(variable["name"] != _VARIABLE["name"] for variable in environment):
            environment.append(dict(_VARIABLE))
