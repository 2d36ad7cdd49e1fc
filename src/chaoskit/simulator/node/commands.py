"""The commands that containers of experiments, probes and tests run, one function each."""

from __future__ import annotations

from collections.abc import Mapping

from chaoskit.simulator.engine import Script
from chaoskit.simulator.node.shell import (
    FOREVER,
    Command,
    Exited,
    OutOfMemoryError,
    Shell,
    Write,
    parse,
    seconds,
)


def _echo(shell: Shell, words: list[str], write: Write) -> Script:
    del shell
    newline = words[:1] != ["-n"]
    write(" ".join(words if newline else words[1:]) + ("\n" if newline else ""))
    yield from ()


def _sleep(shell: Shell, words: list[str], write: Write) -> Script:
    del shell, write
    yield seconds(words[0]) if words else 0.0


def _wait(shell: Shell, words: list[str], write: Write) -> Script:
    del words, write
    shell.waiting = True
    yield shell.background
    shell.waiting = False


def _exec(shell: Shell, words: list[str], write: Write) -> Script:
    """The command takes the shell's place: its end is the shell's."""
    del write
    yield from shell.argv(words)
    raise Exited(shell.status)


def _exit(shell: Shell, words: list[str], write: Write) -> Script:
    del write
    yield from ()
    raise Exited(int(words[0]) if words else shell.status)


def _trap(shell: Shell, words: list[str], write: Write) -> Script:
    del write
    for signal in words[1:]:
        shell.traps[signal.removeprefix("SIG")] = words[0]
    yield from ()


def _false(shell: Shell, words: list[str], write: Write) -> Script:
    del words, write
    shell.status = 1
    yield from ()


def _true(shell: Shell, words: list[str], write: Write) -> Script:
    del shell, words, write
    yield from ()


def _touch(shell: Shell, words: list[str], write: Write) -> Script:
    del write
    for path in words:
        shell.world.files.setdefault(path, "")
    yield from ()


def _rm(shell: Shell, words: list[str], write: Write) -> Script:
    del write
    forced = any(word.startswith("-") and "f" in word for word in words)
    for path in (word for word in words if not word.startswith("-")):
        if shell.world.files.pop(path, None) is None and not forced:
            shell.world.err(f"rm: can't remove '{path}': No such file or directory\n")
            shell.status = 1
    yield from ()


def _test(shell: Shell, words: list[str], write: Write) -> Script:
    del write
    shell.status = 0 if _holds([w for w in words if w != "]"], shell.world.files) else 1
    yield from ()


def _read(shell: Shell, words: list[str], write: Write) -> Script:
    del write
    line = shell.world.read()
    shell.status = 0 if line is not None else 1
    if words:
        shell.world.variables[words[-1]] = (line or "").rstrip("\n")
    yield from ()


def _cat(shell: Shell, words: list[str], write: Write) -> Script:
    for path in words:
        found = shell.world.files.get(path, shell.world.proc.get(path))
        if found is not None:
            write(found)
        else:
            shell.world.err(f"cat: can't open '{path}': No such file or directory\n")
            shell.status = 1
    while not words and (line := shell.world.read()) is not None:
        write(line)
    yield from ()


def _tail(shell: Shell, words: list[str], write: Write) -> Script:
    if "/dev/zero" in words:
        yield 0.4
        raise OutOfMemoryError
    if any(word in {"-f", "-F"} for word in words):
        yield FOREVER
    yield from _cat(shell, [w for w in words if not w.startswith("-")], write)


def _env(shell: Shell, words: list[str], write: Write) -> Script:
    for name, value in sorted(shell.world.variables.items()):
        if not words or name in words:
            write(value + "\n" if words else f"{name}={value}\n")
    yield from ()


def _hostname(shell: Shell, words: list[str], write: Write) -> Script:
    del words
    write(shell.world.variables.get("HOSTNAME", "localhost") + "\n")
    yield from ()


def _forever(shell: Shell, words: list[str], write: Write) -> Script:
    del shell, words, write
    yield FOREVER


def _kill(shell: Shell, words: list[str], write: Write) -> Script:
    del write
    signals = {"-9": "KILL", "-KILL": "KILL", "-SIGKILL": "KILL"}
    signal = next((signals.get(w, "TERM") for w in words if w.startswith("-")), "TERM")
    if "1" in words:
        shell.world.signal(signal)
    yield from ()


def _sh(shell: Shell, words: list[str], write: Write) -> Script:
    del write
    if "-c" in words:
        yield from shell.block(parse(words[words.index("-c") + 1]))


def _holds(words: list[str], files: Mapping[str, str]) -> bool:  # noqa: PLR0911 - one line each
    match words:
        case ["!", *rest]:
            return not _holds(rest, files)
        case ["-f" | "-e" | "-r", path]:
            return path in files
        case ["-z", value]:
            return not value
        case ["-n", value]:
            return bool(value)
        case [left, "=" | "==", right]:
            return left == right
        case [left, "!=", right]:
            return left != right
        case _:
            return bool(words)


COMMANDS: dict[str, Command] = {
    "echo": _echo,
    "printf": _echo,
    "sleep": _sleep,
    "wait": _wait,
    "exec": _exec,
    "exit": _exit,
    "trap": _trap,
    "false": _false,
    "true": _true,
    ":": _true,
    "touch": _touch,
    "rm": _rm,
    "test": _test,
    "[": _test,
    "read": _read,
    "cat": _cat,
    "tail": _tail,
    "env": _env,
    "printenv": _env,
    "hostname": _hostname,
    "httpd": _forever,
    "pause": _forever,
    "kill": _kill,
    "sh": _sh,
    "bash": _sh,
}
