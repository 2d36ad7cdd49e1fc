"""Programs of containers: what the commands of experiments and probes do, in simulated time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from chaoskit.simulator.engine import Engine, Script
from chaoskit.simulator.node.programs import Invocation, Process, Programs, execute

RUN = "trap 'exit 0' TERM; echo ready; sleep 3600 & wait"


class Started:
    """A container's process on an engine of its own, with its log and how it ended."""

    def __init__(self, *command: str, programs: Programs | None = None, **env: str) -> None:
        self.engine = Engine(start=datetime(2026, 1, 1, tzinfo=UTC))
        self.began = self.engine.now()
        self.log: list[str] = []
        self.ended: tuple[int, str, float] | None = None
        invocation = Invocation("shop", "cart", "main", "busybox", command, env, {})
        self.process = Process(invocation, self.engine, self.log.append, self._end)
        script = (programs or Programs()).of(invocation)(self.process)
        if script is not None:
            self.process.run(script)

    def _end(self, code: int, reason: str) -> None:
        self.ended = (code, reason, round(self.engine.now() - self.began, 1))


@pytest.mark.parametrize(
    ("command", "log", "ended"),
    [
        (("echo", "done"), ["done"], (0, "Completed", 0.0)),
        (("sh", "-c", "echo one; echo two"), ["one", "two"], (0, "Completed", 0.0)),
        (("sh", "-c", "exit 3"), [], (3, "Error", 0.0)),
        (("/bin/sh", "-c", "echo boom; sleep 1; exit 3"), ["boom"], (3, "Error", 1.0)),
        (("sh", "-c", "false && echo no || echo yes"), ["yes"], (0, "Completed", 0.0)),
        (("sh", "-c", "nonsense"), ["sh: nonsense: not found"], (127, "Error", 0.0)),
        (("sh", "-c", "if test -f /a; then echo a; else echo b; fi"), ["b"], (0, "Completed", 0.0)),
        (("sh", "-c", "x=1; while true; do sleep 2; exit $x; done"), [], (1, "Error", 2.0)),
        (
            ("sh", "-c", "sleep 2; x=aaaaaaaa; while true; do x=$x$x; done"),
            [],
            (137, "OOMKilled", 2.5),
        ),
        (("sh", "-c", "tail /dev/zero"), [], (137, "OOMKilled", 0.9)),
    ],
)
def test_a_command_logs_and_ends_as_in_a_container(
    command: tuple[str, ...], log: list[str], ended: tuple[int, str, float]
) -> None:
    started = Started(*command)
    started.engine.run_for(10)
    assert (started.log, started.ended) == (log, ended)


@pytest.mark.parametrize("command", [("httpd", "-f"), ("sleep", "infinity"), ("tail", "-f", "/dev/null")])
def test_a_server_runs_until_it_is_killed(command: tuple[str, ...]) -> None:
    started = Started(*command)
    started.engine.run_for(100_000)
    assert started.ended is None


def test_a_trap_ends_a_waiting_shell_at_once() -> None:
    started = Started("sh", "-c", RUN)
    started.engine.run_for(5)
    started.process.terminate()
    started.engine.run_for(1)
    assert started.ended == (0, "Completed", 5.0)


def test_a_trap_is_answered_only_when_the_foreground_command_is_over() -> None:
    started = Started("sh", "-c", "trap 'exit 4' TERM; sleep 8; sleep 100")
    started.engine.run_for(5)
    started.process.terminate()
    started.engine.run_for(100)
    assert started.ended == (4, "Error", 8.0)


def test_process_1_without_a_trap_does_not_hear_sigterm() -> None:
    started = Started("sleep", "20")
    started.process.terminate()
    started.engine.run_for(10)
    assert started.ended is None


def test_an_application_without_command_ends_well_on_sigterm() -> None:
    started = Started()
    started.engine.run_for(10)
    assert started.process.answers("/healthz") == 200
    started.process.terminate()
    assert started.ended == (0, "Completed", 10.0)


def test_the_fault_variable_ends_an_application_with_its_code() -> None:
    started = Started(FAULT="leak=4&exit=3")
    started.engine.run_for(10)
    assert started.ended == (3, "Error", 3.0)


def test_a_program_that_fails_ends_as_by_a_panic_and_its_error_is_told() -> None:
    def fails(_: Process) -> Script:
        yield 1.0
        raise LookupError("no such thing")

    programs = Programs()
    programs.register(lambda _: True, fails)
    started = Started(programs=programs)
    with pytest.raises(LookupError):
        started.engine.run_for(10)
    assert started.ended == (2, "Error", 1.0)


def test_the_program_registered_last_wins() -> None:
    def ends_with(code: int) -> Callable[[Process], None]:
        return lambda process: process.exit(code)

    programs = Programs()
    programs.register(lambda _: True, ends_with(1))
    programs.register(lambda invocation: invocation.namespace == "shop", ends_with(2))
    assert Started("httpd", programs=programs).ended == (2, "Error", 0.0)


def test_exec_has_its_own_output_and_code() -> None:
    process = Started("sh", "-c", RUN).process
    done = execute(process, ["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (done.stdout, done.stderr, done.code) == ("out\n", "err\n", 7)


def test_exec_reads_its_input() -> None:
    process = Started("sh", "-c", RUN).process
    lines = iter(["this\n"])
    done = execute(process, ["sh", "-c", "read line; echo got $line"], lambda: next(lines, None))
    assert done.stdout == "got this\n"


def test_exec_sees_the_files_of_the_main_process() -> None:
    started = Started("sh", "-c", "touch /tmp/ready; sleep 5; rm /tmp/ready; sleep 100")
    assert execute(started.process, ["test", "-f", "/tmp/ready"]).code == 0
    started.engine.run_for(6)
    assert execute(started.process, ["test", "-f", "/tmp/ready"]).code == 1


def test_exec_can_signal_the_main_process() -> None:
    started = Started("sh", "-c", RUN)
    started.engine.run_for(1)
    execute(started.process, ["kill", "1"])
    started.engine.run_for(1)
    assert started.ended == (0, "Completed", 1.0)
