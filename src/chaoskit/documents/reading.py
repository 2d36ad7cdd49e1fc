"""From files to documents: YAML as Kubernetes reads it, with the place of every value."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from chaoskit.documents.building import refuse
from chaoskit.documents.hiding import as_read, masked
from chaoskit.documents.marks import Marks, place_of
from chaoskit.documents.mistakes import mistake
from chaoskit.documents.places import Document, Place, closest, printable
from chaoskit.errors import InvalidInput, Problem
from chaoskit.redaction import secret_variables
from chaoskit.secretvalues import without

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: JSON's values alone, keys are text, a date and ``1:30`` stay text."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """As PyYAML does; a value that is not what its tag says is told with its place."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, KeyError, AttributeError, TypeError, OverflowError) as error:
            found = f"{node.tag.removeprefix(_TAG)} that is none"
            raise yaml.constructor.ConstructorError(None, None, found, node.start_mark) from error

    def scan_flow_scalar_non_spaces(self, double: bool, start_mark: yaml.Mark) -> list[str]:
        """As PyYAML does; the escape of a number that is no character is told with its place."""
        try:
            return list(super().scan_flow_scalar_non_spaces(double, start_mark))
        except (ValueError, OverflowError) as error:
            at = self.get_mark()
            at.column -= 1  # it has read on to the number's first figure
            found = "found unknown escape character 'U'"
            raise yaml.scanner.ScannerError(None, None, found, at) from error

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping whose keys are as they were written."""
        if not isinstance(node, yaml.MappingNode):
            raise yaml.constructor.ConstructorError(None, None, "a mapping that is none", node.start_mark)
        self.flatten_mapping(node)
        return {str(key.value): self.construct_object(value, deep=deep) for key, value in node.value}


_Loader.yaml_constructors = {
    tag: make
    for tag, make in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix(_TAG) in {"null", "bool", "int", "float", "str", "seq", "map"}
}
_Loader.yaml_implicit_resolvers = {
    first: [
        pair for pair in pairs if pair[0].removeprefix(_TAG) not in {"timestamp", "value", "int", "float"}
    ]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_INT = r"[-+]?(?:0|[1-9][\d_]*|0b[01_]+|0o?[0-7_]+|0x[\da-fA-F_]+)"
_DIGITS = r"(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?|\d[\d_]*[eE][-+]?\d+"
_FLOAT = rf"[-+]?(?:{_DIGITS}|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"
_Loader.add_implicit_resolver(_TAG + "int", re.compile(rf"(?:{_INT})$", re.ASCII), list("-+0123456789"))
_Loader.add_implicit_resolver(_TAG + "float", re.compile(rf"(?:{_FLOAT})$", re.ASCII), list("-+.0123456789"))


def read(paths: Iterable[str], *, variables: Mapping[str, str] | None = None) -> tuple[Document, ...]:
    """Every document of these files, folders (searched through, by name) and ``-`` (standard input).

    In a folder, what begins with a dot is left out: it belongs to tools, unless it is named itself.

    Raises:
        InvalidInput: a path does not exist, or a file is no YAML; every problem is in it.
    """
    documents, problems = survey(paths, variables=variables)
    refuse(problems)
    return documents


def survey(
    paths: Iterable[str], *, variables: Mapping[str, str] | None = None
) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """As `read`, but what cannot be read is told beside what can."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for name, text in _contents(paths, problems):
        try:
            for each in _parsed(text, name, variables):
                documents.append(each)  # noqa: PERF402 - those before what is broken are kept
        except InvalidInput as error:
            problems += error.problems
    return tuple(documents), tuple(problems)


def _contents(paths: Iterable[str], problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """(name, text) of every file that can be read; `problems` tells of the others."""
    for name in (each for path in paths for each in _names(path)):
        try:
            yield name, sys.stdin.read() if name == _STDIN else Path(name).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            problems.append(Problem(name, "file", f"broken: {error.reason}", "UTF-8", line, 1))
        except FileNotFoundError:
            problems.append(Problem(name, "path", "missing", "a file or folder"))
        except OSError as error:
            found = f"unreadable: {error.strerror}"
            problems.append(Problem(name, "file", found, "a file that you may read"))


_STDIN = "stdin"


def _names(path: str) -> list[str]:
    """The files behind a path."""
    root = Path(path)
    if path == "-":
        return [_STDIN]
    return [str(f) for f in sorted(_within(root)) if f.suffix in SUFFIXES] if root.is_dir() else [path]


def _within(folder: Path) -> Iterator[Path]:
    """Every file below the folder, but none whose name, or that of a folder on the way, begins with a dot.

    Those belong to tools: .git, .github, .venv, .ipynb_checkpoints.
    """
    for place, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        yield from (Path(place, each) for each in files if not each.startswith("."))


_VARIABLE = re.compile(r"(?P<escape>\$)?\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_IGNORE = re.compile(
    r"(?P<before>.*?)#\s*chaoskit:\s*ignore\s+(?P<rules>[a-z0-9-]+(?:\s*,\s*[a-z0-9-]+)*)\s*$"
)


def parse(
    text: str, path: str = "text", *, variables: Mapping[str, str] | None = None
) -> tuple[Document, ...]:
    """The documents of a YAML text, empty ones left out, the items of a ``kind: List`` each by itself.

    ``${name}`` is replaced where variables are given, never in a comment; ``$${name}`` stands for itself.
    Without variables the text is as it was written, but an Experiment must use none then.

    Raises:
        InvalidInput: it is no YAML, a key stands twice, or a variable is unknown or not given.
    """
    return tuple(_parsed(text, path, variables))


def _parsed(text: str, path: str, variables: Mapping[str, str] | None) -> Iterator[Document]:
    """Each document that can be read; in the end every problem of the others is raised."""
    secrets = frozenset[str]()
    used = frozenset(each["name"] for each in _VARIABLE.finditer(text) if not each["escape"])
    if variables is not None:
        given = {name: value for name, value in variables.items() if name in used}
        secrets = secrets_of_variables(given)
        text = _filled(text, path, variables)
    for each in pieces(text, path, filled=variables is not None, secrets=secrets):
        yield replace(each, secrets=secrets, variables=used)


def secrets_of_variables(given: Mapping[str, str]) -> frozenset[str]:
    """What their names call secret, as it is and as YAML reads it where it was put in."""
    return as_read(secret_variables(given), _bare)


def _bare(word: str) -> object:
    """What a word without quotes is read as; `YAMLError` where it is not what it looks like."""
    value: object = _Loader(word).get_single_data()
    return value


def unnamed(documents: Iterable[Document], given: Iterable[str]) -> tuple[Problem, ...]:
    """A problem for each variable given by hand that no file of these documents speaks of: it is misspelt."""
    used = {name for each in documents for name in each.variables}
    return tuple(
        Problem("--var", name, "unknown", "a variable that a document uses", hint=closest(name, used))
        for name in given
        if name not in used
    )


def pieces(
    text: str, path: str, *, filled: bool, written: str = "", secrets: Collection[str] = ()
) -> Iterator[Document]:
    """Each document that can be read; in the end every problem of the others is raised, without `secrets`.

    Variables have been `filled` in, or there may be some. `written` is what is quoted: as long as the text.
    """
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        told = _broken(path, f"{error.reason}", _position(text, error.position))
        raise InvalidInput(str(told), problems=(told,)) from error
    problems: list[Problem] = []
    try:
        yield from _documents(loader, path, _ignored(text), problems, filled=filled)
    except yaml.MarkedYAMLError as error:
        unfilled = not filled and _VARIABLE.search(text) is not None
        hint = "it has variables: give them with --var name=value" if unfilled else ""
        made = mistake(text, error, masked(written or text, secrets))
        problems.append(_broken(path, made.found, made.place, hint, made.expected))
    except yaml.YAMLError as error:
        problems.append(_broken(path, str(error), Place(1, 1)))
    except RecursionError:
        problems.append(_broken(path, "nested too deeply", place_of(loader.get_mark())))
    finally:
        loader.dispose()
    refuse([_discreet(each, secrets) for each in problems])


def _discreet(problem: Problem, secrets: Collection[str]) -> Problem:
    """The problem in words of the reader's, who may have quoted what is secret."""
    field, found, expected = (without(t, secrets) for t in (problem.field, problem.found, problem.expected))
    return replace(problem, field=field, found=found, expected=expected)


def _broken(path: str, why: str, place: Place, hint: str = "", expected: str = "valid YAML") -> Problem:
    return Problem(path, "YAML", printable(f"broken: {why}"), printable(expected), *place, hint)


def _position(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - before.rfind("\n"))


def _filled(text: str, path: str, variables: Mapping[str, str]) -> str:
    comments = _comments(text) if "${" in text else ()
    found = [
        match
        for match in _VARIABLE.finditer(text)
        if not any(start <= match.start() < end for start, end in comments)
    ]
    refuse([
        Problem(path, f"${{{match['name']}}}", "unknown", "a variable that is given",
                *_position(text, match.start()), closest(match["name"], variables))
        for match in found
        if not match["escape"] and match["name"] not in variables
    ])  # fmt: skip
    parts, done = [], 0
    for match in found:
        parts += [text[done : match.start()], match[0][1:] if match["escape"] else variables[match["name"]]]
        done = match.end()
    return "".join((*parts, text[done:]))


def _comments(text: str) -> tuple[tuple[int, int], ...]:
    """Where comments stand, from their # to the end of the line; none in a text that is no YAML."""
    masked = _VARIABLE.sub(lambda match: "x" * len(match[0]), text)  # braces mean something in YAML
    try:
        tokens = [(each.start_mark.index, each.end_mark.index) for each in yaml.scan(masked, yaml.SafeLoader)]
    except yaml.YAMLError:
        return ()
    written = sorted(token for token in tokens if token[0] < token[1])
    gaps, last = [], 0
    for start, end in (*written, (len(masked), len(masked))):
        gaps += [(last + m.start(), last + m.end()) for m in re.finditer(r"#[^\n]*", masked[last:start])]
        last = max(last, end)
    return tuple(gaps)


def _without_variables(document: Document) -> Document:
    """The document, which uses no variables where it is an Experiment; their escapes are undone there.

    Raises:
        InvalidInput: with each variable that it uses.
    """
    if document.kind != "Experiment":
        return document
    used = [(at, m) for at in document.places for m in _VARIABLE.finditer(_text(document.at(at)))]
    refuse([
        document.problem(at, match[0], f"a variable that is given: --var {match['name']}=VALUE",
                         hint=f"$${{{match['name']}}} for the text itself")
        for at, match in used
        if not match["escape"]
    ])  # fmt: skip
    return replace(document, value=_unescaped(document.value)) if used else document


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _unescaped(value: Any) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: match[0][1:], value)
    if isinstance(value, list):
        return [_unescaped(each) for each in value]
    return {k: _unescaped(v) for k, v in value.items()} if isinstance(value, dict) else value


def _ignored(text: str) -> dict[int, frozenset[str]]:
    """Rules that comments switch off: for their own line, or for the next when nothing stands before."""
    found: dict[int, frozenset[str]] = {}
    for line, content in enumerate(text.split("\n"), 1):
        match = _IGNORE.fullmatch(content) if "chaoskit:" in content else None
        if match is not None:
            rules = frozenset(re.split(r"\s*,\s*", match["rules"]))
            whose = line if match["before"].strip(" -") else line + 1
            found[whose] = found.get(whose, frozenset()) | rules
    return found


def _documents(
    loader: _Loader,
    path: str,
    ignored: Mapping[int, frozenset[str]],
    problems: list[Problem],
    *,
    filled: bool,
) -> Iterator[Document]:
    """Each document that is one; `problems` tells of the others."""
    while loader.check_node():
        node = loader.get_node()
        if node is None:
            continue
        marks = Marks(path)
        marks.walk(node, ())
        problems += marks.told()
        value = None if marks.problems else loader.construct_document(node)
        if value is None:
            continue
        for each in Document(path, value, marks.places, marks.keys, ignored, marks.texts).items():
            try:
                yield each if filled else _without_variables(each)
            except InvalidInput as error:
                problems += error.problems


class _Plain(yaml.SafeDumper):
    """Writes what stands twice out twice: not every reader knows aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always."""
        del data
        return True


def dump(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """The value as YAML text in the order given, lists not indented, as kubectl writes it."""
    text: str = yaml.dump(value, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100)
    return text
