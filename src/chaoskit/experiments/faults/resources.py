"""Faults on what pods consume: CPU, memory, disk; with helper pods, or by a command in the target."""

from __future__ import annotations

from dataclasses import replace

from chaoskit.experiments.faults.model import Fault, Parameter
from chaoskit.experiments.faults.parts import (
    DIES_WITH_IT,
    IN_POD,
    IN_PODS,
    LOAD_ENDS,
    ON_PODS,
    RESOLVING,
    RUNTIME,
    SEQUENCE,
    STRESSING,
    choice,
    graded,
    lasting,
    levels,
    percent,
    span,
    text,
    whole,
)

_KILLED = "the processes are killed by a command in the target"


def _ending(program: str) -> Parameter:
    """The command that ends the load; Litmus' own."""
    found = f"find /proc -name exe -lname '*/{program}' 2>&1 | grep -v 'Permission denied'"
    first = " | head -n 1" if program == "dd" else ""
    command = f"kill $({found} | awk -F/ '{{print $(NF-1)}}'{first})"
    return text("kill", "CHAOS_KILL_COMMAND", command, "run in the container to end it")


FAULTS = (
    Fault(
        "pod-cpu-hog", "a pod's CPU is saturated", "cpu-saturation",
        (
            lasting(60),
            span("cores", "CPU_CORES", 1, "cores kept busy; 0 is all", "cores"),
            percent("load", "CPU_LOAD", 100, "of each of these cores"),
            *IN_PODS, *RUNTIME,
        ),
        ON_PODS, LOAD_ENDS, DIES_WITH_IT, STRESSING,
        graded(cores=(1, 1, 1, 0), load=(40, 70, 100, 100)), overhead=40, recorded=True,
    ),
    Fault(
        "pod-memory-hog", "a pod's memory fills up", "memory-leak",
        (
            lasting(60),
            span("megabytes", "MEMORY_CONSUMPTION", 500, "taken", "MB", 1),
            span("workers", "NUMBER_OF_WORKERS", 1, "processes that take it", "", 1),
            *IN_PODS, *RUNTIME,
        ),
        ON_PODS, LOAD_ENDS, DIES_WITH_IT, STRESSING,
        levels("megabytes", 100, 250, 500, 1000), overhead=40,
    ),
    Fault(
        "pod-io-stress", "a pod's disk is kept busy", "disk-full",
        (
            lasting(120),
            percent("percent", "FILESYSTEM_UTILIZATION_PERCENTAGE", 10, "of the free space written"),
            span("gigabytes", "FILESYSTEM_UTILIZATION_BYTES", "", "written instead of a share", "GB"),
            span("workers", "NUMBER_OF_WORKERS", 4, "processes that write", "", 1),
            text("mountPath", "VOLUME_MOUNT_PATH", "", "where; the root when empty", r"/\S*", "/data"),
            *IN_PODS, *RUNTIME,
        ),
        ON_PODS, LOAD_ENDS, DIES_WITH_IT, STRESSING,
        levels("percent", 10, 25, 50, 90), overhead=40,
        harmful={"CPU_CORES": "Litmus passes it on unfilled, and the load does not start"},
    ),
    Fault(
        "disk-fill", "a pod's ephemeral storage fills up", "disk-full",
        (
            lasting(60),
            whole("percent", "FILL_PERCENTAGE", 80, "of the ephemeral-storage limit", "percent", 1),
            whole("mebibytes", "EPHEMERAL_STORAGE_MEBIBYTES", "", "written when without limit", "MiB"),
            whole("block", "DATA_BLOCK_SIZE", 256, "written at a time", "KB", 1),
            *IN_POD, *RUNTIME,
        ),
        ON_PODS, "the helper removes the file",
        "the file /home/diskfill until the container is made anew, and pods that were evicted",
        RESOLVING, levels("percent", 50, 80, 95, 110), disrupts=True, overhead=40,
    ),
    Fault(
        "pod-cpu-hog-exec", "a pod's CPU is saturated, without privileges", "cpu-saturation",
        (
            lasting(60),
            whole("cores", "CPU_CORES", 1, "cores kept busy", "cores", 1),
            text("command", "CHAOS_INJECT_COMMAND", "md5sum /dev/zero", "run in the container"),
            _ending("md5sum"),
            *IN_POD,
        ),
        ON_PODS, _KILLED, "md5sum keeps running in the target until its container is made anew",
        presets=levels("cores", 1, 2, 4, 8), overhead=30, execs=True,
    ),
    Fault(
        "pod-memory-hog-exec", "a pod's memory fills up, without privileges", "memory-leak",
        (
            lasting(60),
            whole("megabytes", "MEMORY_CONSUMPTION", 500, "taken", "MB", 1),
            _ending("dd"),
            *IN_POD,
        ),
        ON_PODS, _KILLED, "dd keeps running in the target until its container is made anew",
        presets=levels("megabytes", 100, 250, 500, 1000), overhead=30, execs=True,
    ),
    Fault(
        "pod-fio-stress", "a pod's disk is kept busy with fio", "disk-full",
        (
            lasting(60),
            text("engine", "IO_ENGINE", "psync", "of fio"),
            whole("depth", "IO_DEPTH", 1, "requests under way at once", "", 1),
            choice("mode", "READ_WRITE_MODE", "randwrite", "of fio", "read", "write", "randread", "randwrite",
                   "rw", "readwrite", "randrw", "trim", "randtrim", "trimwrite"),
            text("block", "BLOCK_SIZE", "4k", "written at a time", r"\d+[kKmMgG]?[bB]?", "4k"),
            text("size", "SIZE", "100M", "of each job's file", r"\d+[kKmMgG]?[bB]?|\d+%", "100M"),
            whole("jobs", "NUMBER_OF_JOBS", 1, "at once", "", 1),
            text("kill", "CHAOS_KILL_COMMAND", "killall fio", "run in the container to end it"),
            *(replace(each, mandatory=each is SEQUENCE) for each in IN_POD),
        ),
        ON_PODS, _KILLED, "fio keeps running in the target until its container is made anew",
        presets=levels("jobs", 1, 2, 4, 8), overhead=30, execs=True,
    ),
)  # fmt: skip
