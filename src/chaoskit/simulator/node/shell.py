"""A toy shell in simulated time: ``;`` ``&&`` ``||`` ``&``, redirection, variables, ``while``, ``if``, traps.

What it can run are the commands it is given (`commands.COMMANDS`). What is not among them ends with 127, as
in a container that lacks the program.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from chaoskit.simulator.engine import Script

FOREVER = math.inf
"""A wait that only a signal ends."""
TOO_LONG = 1 << 16
"""A variable of so many characters is being doubled until memory ends."""
_BUSY = 100
"""A loop that goes round so often without waiting burns CPU: from then on each round takes a second."""


Write = Callable[[str], None]


class OutOfMemoryError(Exception):
    """The command asks for all the memory there is."""


class Exited(Exception):
    """The shell ends with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _nothing(_: str) -> None:
    pass


def _no_input() -> str | None:
    return None


def _no_signal(_: str) -> None:
    pass


@dataclass(slots=True)
class World:
    """What a command can reach: files, variables, input, output, and the main process by a signal."""

    files: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    out: Callable[[str], None] = _nothing
    err: Callable[[str], None] = _nothing
    read: Callable[[], str | None] = _no_input
    proc: Mapping[str, str] = field(default_factory=dict)
    """What the kernel tells under ``/proc``."""
    signal: Callable[[str], None] = _no_signal
    """Called with ``TERM`` or ``KILL`` when a command signals process 1."""
    stranger: int = 127
    """How a command ends that the shell was not given."""


Command = Callable[["Shell", list[str], Write], Script]
"""Does what its words say; output goes where the shell redirects it."""


class Shell:
    """One shell process; `run` is its script, which yields seconds to wait and returns the exit code."""

    def __init__(self, world: World, commands: Mapping[str, Command]) -> None:
        self.world = world
        self._commands = commands
        self.traps: dict[str, str] = {}
        self.waiting = False
        """True in ``wait``: only there does a shell answer a signal at once."""
        self.pending = ""
        """The signal that came while a command was in the foreground."""
        self.status = 0
        self.background = 0.0
        """Seconds that the command in the background still lives."""
        self.met_stranger = False
        """True once it was asked for a command that it was not given."""

    def run(self, script: str) -> Script:
        """The script done, as far as it goes; `status` is then the exit code."""
        try:
            yield from self.block(parse(script))
        except Exited as left:
            self.status = left.code

    def argv(self, words: list[str]) -> Script:
        """One command done, without any shell syntax, as ``exec`` of a container starts it."""
        try:
            yield from self._command(words)
        except Exited as left:
            self.status = left.code

    def block(self, statements: Iterable[Statement]) -> Script:
        """Statements done in order, and the handler of a signal that came meanwhile."""
        for statement in statements:
            if (statement.joined == "&&" and self.status) or (statement.joined == "||" and not self.status):
                continue
            yield from self._statement(statement)
            if self.pending and self.pending in self.traps:
                handler, self.pending = self.traps[self.pending], ""
                yield from self.block(parse(handler))

    def _statement(self, statement: Statement) -> Script:
        words = statement.words
        if words[:1] == ["!"]:
            yield from self._statement(Statement(words[1:]))
            self.status = int(not self.status)
        elif words and words[0] in {"while", "until"}:
            yield from self._loop(words)
        elif words and words[0] == "for":
            yield from self._each(words)
        elif words and words[0] == "if":
            yield from self._branch(words)
        elif statement.background:
            self.background = _duration(words)
        else:
            yield from self._command(words)

    def _loop(self, words: list[str]) -> Script:
        at = words.index("do")
        condition, body = _statements(words[1:at]), _statements(words[at + 1 : -1])
        rounds = 0
        while True:
            waited = 0.0
            for seconds in self.block(condition):
                waited += seconds
                yield seconds
            if bool(self.status) is (words[0] == "while"):
                self.status = 0
                return
            for seconds in self.block(body):
                waited += seconds
                yield seconds
            rounds += 1
            if not waited and rounds >= _BUSY:
                yield 1.0

    def _each(self, words: list[str]) -> Script:
        at = words.index("do")
        values = [self._expanded(word) for word in words[3:at] if word != ";"]
        for value in values:
            self._assign(words[1], value)
            yield from self.block(_statements(words[at + 1 : -1]))

    def _branch(self, words: list[str]) -> Script:
        then, end = words.index("then"), len(words) - 1
        other = words.index("else") if "else" in words else end
        yield from self.block(_statements(words[1:then]))
        chosen = words[then + 1 : other] if not self.status else words[other + 1 : end]
        yield from self.block(_statements(chosen))

    def _command(self, words: list[str]) -> Script:
        write, words = self._redirected(words)
        while words and re.fullmatch(r"[A-Za-z_]\w*=.*", words[0], re.DOTALL):
            name, _, value = words.pop(0).partition("=")
            self._assign(name, self._expanded(value))
        if not words:
            self.status = 0
            return
        name, arguments = words[0].rsplit("/", 1)[-1], [self._expanded(w) for w in words[1:]]
        known = self._commands.get(name)
        if known is None:
            self.met_stranger, self.status = True, self.world.stranger
            if self.status:
                self.world.err(f"sh: {name}: not found\n")
            return
        self.status = 0
        yield from known(self, arguments, write)

    def _redirected(self, words: list[str]) -> tuple[Callable[[str], None], list[str]]:
        write, kept, rest = self.world.out, list[str](), iter(words)
        for word in rest:
            if word == ">&":
                numbered = bool(kept) and kept[-1] in {"1", "2"}
                source, target = kept.pop() if numbered else "1", next(rest, "")
                write = self.world.err if (source, target) == ("1", "2") else write
            elif word in {">", ">>"}:
                path = self._expanded(next(rest, ""))
                write = self._to_file(path, append=word == ">>")
                if kept and kept[-1] in {"1", "2"}:
                    kept.pop()
            else:
                kept.append(word)
        return write, kept

    def _to_file(self, path: str, *, append: bool) -> Callable[[str], None]:
        if path.startswith("/dev/"):
            return _nothing
        files = self.world.files
        files[path] = files.get(path, "") if append else ""

        def write(text: str) -> None:
            files[path] += text

        return write

    def _assign(self, name: str, value: str) -> None:
        if len(value) > TOO_LONG:
            raise OutOfMemoryError
        self.world.variables[name] = value

    def _expanded(self, word: str) -> str:
        variables = self.world.variables
        return re.sub(r"\$\{?(\w+|\?)\}?", lambda m: self._value(variables, m[1]), word)

    def _value(self, variables: Mapping[str, str], name: str) -> str:
        return str(self.status) if name == "?" else variables.get(name, "")


_OPENING = frozenset({"while", "until", "for", "if"})
_CLOSING = frozenset({"done", "fi"})
_BEFORE_COMMANDS = frozenset({";", ";;", "&", "&&", "||", "do", "then", "else"})
"""After these a word is a command or a keyword, and nowhere else."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Words up to a separator; `joined` is the separator before them, `background` an ``&`` after."""

    words: list[str]
    joined: str = ";"
    background: bool = False


def parse(script: str) -> list[Statement]:
    """The statements of a script; quotes are taken off, variables are left for later."""
    lexer = shlex.shlex(script.replace("\n", " ; "), posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    return _statements(list(lexer))


def _statements(tokens: list[str]) -> list[Statement]:
    """Splits at separators, but not inside ``while … done``, ``for … done`` and ``if … fi``."""
    found: list[Statement] = []
    words: list[str] = []
    joined, depth, before = ";", 0, ";"
    for token in [*tokens, ";"]:
        if before in _BEFORE_COMMANDS:
            depth += (token in _OPENING) - (token in _CLOSING)
        before = token
        if depth or token not in {";", ";;", "&", "&&", "||"}:
            words.append(token)
            continue
        if words:
            found.append(Statement(words, joined, background=token == "&"))
        words, joined = [], ";" if token == "&" else token
    return found


def seconds(text: str) -> float:
    """What ``sleep`` takes: ``5``, ``0.5``, ``2m``, ``infinity``."""
    if text == "infinity":
        return FOREVER
    factor = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(text[-1:], 0)
    return float(text[:-1]) * factor if factor else float(text)


def _duration(words: list[str]) -> float:
    """How long a command in the background lives."""
    return seconds(words[1]) if words[:1] == ["sleep"] and len(words) > 1 else 0.0
