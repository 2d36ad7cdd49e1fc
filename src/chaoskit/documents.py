"""Reads what people write: YAML with the line and column of every value, and pydantic models over it."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from chaoskit.errors import InvalidInput, Problem
from chaoskit.redaction import HIDDEN, looks_secret, scrubbed

Step = str | int
Location = tuple[Step, ...]
"""The way from a document's root to a value: keys and list positions."""

SUFFIXES = frozenset({".yaml", ".yml", ".json"})

Model = TypeVar("Model", bound=BaseModel)
Made = TypeVar("Made")


class Place(NamedTuple):
    """Where something stands in its file; both count from 1."""

    line: int
    column: int


class Written(BaseModel):
    """The base of everything a person writes: frozen, camelCase keys, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, strict=False
    )


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its value, and where in which file each part of it stands."""

    path: str
    value: Any
    places: Mapping[Location, Place] = field(repr=False)
    keys: Mapping[Location, Place] = field(repr=False)

    @property
    def kind(self) -> str:
        """What stands under ``kind``; "" when nothing does."""
        return str(self.value.get("kind", "")) if isinstance(self.value, Mapping) else ""

    @property
    def api_version(self) -> str:
        """What stands under ``apiVersion``; "" when nothing does."""
        return str(self.value.get("apiVersion", "")) if isinstance(self.value, Mapping) else ""

    def at(self, location: Location) -> Any:
        """The value there; None when there is nothing."""
        found = self.value
        for step in location:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def place(self, location: Location, *, key: bool = False) -> Place:
        """Where the value (or its key) stands, or the nearest thing around it that exists."""
        if key and location in self.keys:
            return self.keys[location]
        while location and location not in self.places:
            location = location[:-1]
        return self.places.get(location, Place(1, 1))

    def problem(
        self,
        location: Location,
        found: str,
        expected: str,
        *,
        hint: str = "",
        rule: str = "",
        key: bool = False,
    ) -> Problem:
        """A problem with the value at `location`, or with its key; a value that is secret is not told."""
        line, column = self.place(location, key=key)
        if not key and self._is_secret(location):
            found = found if found in _TELLS_NOTHING else HIDDEN
            expected = scrubbed(expected, _leaves(self.at(location)))
        return Problem(self.path, spelled(location), found, expected, line, column, hint, rule)

    def _is_secret(self, location: Location) -> bool:
        """Whether its own key calls it secret, or the name beside it: ``{name: DB_PASSWORD, value: x}``."""
        beside = self.at((*location[:-1], "name")) if location and location[-1] == "value" else None
        names = [str(step) for step in location] + ([beside] if isinstance(beside, str) else [])
        return any(map(looks_secret, names))


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(each)
    elif value not in {None, ""}:
        yield str(value)


_TELLS_NOTHING = frozenset({"missing", "unknown", "empty"})
"""What may be said of a secret value: that it is not there."""


def spelled(location: Location) -> str:
    """``spec.steadyState[0].below``; "document" for the root."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return text.lstrip(".") or "document"


def shown(value: object) -> str:
    """A value as it looks in YAML: text in quotes, long things cut."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def closest(word: str, options: Iterable[str]) -> str:
    """``did you mean X?`` for the option most like `word`; "" when none is like it."""
    found = difflib.get_close_matches(word, list(options), n=1, cutoff=0.6)
    return f"did you mean {found[0]}?" if found else ""


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: a date stays text."""


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(paths: Iterable[str], *, variables: Mapping[str, str] | None = None) -> tuple[Document, ...]:
    """Every document of these files, folders (searched through, by name) and ``-`` (standard input).

    Raises:
        InvalidInput: a path does not exist, or a file is no YAML; every problem is in it.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            for name, text in _texts(path):
                documents += parse(text, name, variables=variables)
        except InvalidInput as error:
            problems += error.problems
    return _unless(problems, tuple(documents))


def _texts(path: str) -> Iterator[tuple[str, str]]:
    if path == "-":
        yield "stdin", sys.stdin.read()
        return
    root = Path(path)
    if not root.exists():
        problem = Problem(path, "path", "missing", "a file or folder")
        raise InvalidInput(f"{path} does not exist", problems=(problem,))
    files = sorted(f for f in root.rglob("*") if f.suffix in SUFFIXES) if root.is_dir() else [root]
    for file in files:
        yield str(file), file.read_text(encoding="utf-8")


_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def parse(
    text: str, path: str = "text", *, variables: Mapping[str, str] | None = None
) -> tuple[Document, ...]:
    """The documents of a YAML text, empty ones left out; ``${name}`` is replaced where variables are given.

    Raises:
        InvalidInput: it is no YAML, a key stands twice, or a variable is unknown.
    """
    text = text if variables is None else _filled(text, path, variables)
    loader = _Loader(text)
    try:
        return tuple(_documents(loader, path))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        found = str(error.problem or error.context or "unreadable")
        problem = Problem(path, "YAML", f"broken: {found}", "valid YAML", line, column)
        raise InvalidInput(f"{path} is no YAML", problems=(problem,)) from error
    except yaml.YAMLError as error:
        problem = Problem(path, "YAML", f"broken: {error}", "valid YAML")
        raise InvalidInput(f"{path} is no YAML", problems=(problem,)) from error
    finally:
        loader.dispose()


def _filled(text: str, path: str, variables: Mapping[str, str]) -> str:
    problems = [
        Problem(path, f"${{{match[1]}}}", "unknown", "a variable that is given", line, match.start() + 1,
                closest(match[1], variables))
        for line, content in enumerate(text.splitlines(), 1)
        for match in _VARIABLE.finditer(content)
        if match[1] not in variables
    ]  # fmt: skip
    _unless(problems, None)
    return _VARIABLE.sub(lambda match: variables[match[1]], text)


def _documents(loader: _Loader, path: str) -> Iterator[Document]:
    while loader.check_node():
        node = loader.get_node()
        if node is None:
            continue
        marks = _Marks(path)
        marks.walk(node, ())
        _unless(marks.problems, None)
        value = loader.construct_document(node)
        if value is not None:
            yield Document(path, value, marks.places, marks.keys)


class _Marks:
    """Where every value and key of one document stands."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.places: dict[Location, Place] = {}
        self.keys: dict[Location, Place] = {}
        self.problems: list[Problem] = []

    def walk(self, node: yaml.Node, location: Location) -> None:
        self.places.setdefault(location, _place(node))
        if isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                self.walk(child, (*location, index))
        elif isinstance(node, yaml.MappingNode):
            for key, child in node.value:
                self._pair(key, child, location)

    def _pair(self, key: yaml.Node, child: yaml.Node, location: Location) -> None:
        place, inner = _place(key), (*location, str(key.value))
        if inner in self.keys and key.value != "<<":
            self.problems.append(Problem(self.path, spelled(inner), "written twice", "one value", *place))
        self.keys[inner] = place
        self.walk(child, inner)


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def build(document: Document, model: type[Model]) -> Model:
    """The document as a `model`.

    Raises:
        InvalidInput: with a Problem for everything that is wrong.
    """
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        problems = [_problem(document, model, details) for details in error.errors()]
        raise InvalidInput(_headline(problems), problems=problems) from error


def each(documents: Iterable[Document], make: Callable[[Document], Made]) -> tuple[Made, ...]:
    """What `make` makes of each document, once none of them has a problem.

    Raises:
        InvalidInput: with the problems of all documents together.
    """
    made: list[Made] = []
    problems: list[Problem] = []
    for document in documents:
        try:
            made.append(make(document))
        except InvalidInput as error:
            problems += error.problems
    return _unless(problems, tuple(made))


def _unless(problems: Sequence[Problem], answer: Made) -> Made:
    if problems:
        raise InvalidInput(_headline(problems), problems=problems)
    return answer


def _headline(problems: Sequence[Problem]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return str(problems[0]) + more


_EXPECTED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "string_too_short": "some text",
    "too_short": "at least one entry",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "string_pattern_mismatch": "text like {pattern}",
}


def _problem(document: Document, model: type[BaseModel], details: ErrorDetails) -> Problem:
    location = _within(document.value, details["loc"])
    if details["type"] == "missing":
        return document.problem(location, "missing", "a value")
    if details["type"] == "extra_forbidden":
        known = sorted(_known_keys(model, location[:-1]))
        hint = closest(str(location[-1]), known)
        return document.problem(location, "unknown", "one of " + ", ".join(known), hint=hint, key=True)
    if details["type"] == "union_tag_invalid":
        return _wrong_variant(document, location, details["ctx"])
    given = details["input"]
    expected = _EXPECTED.get(details["type"], "").format(**details.get("ctx", {}))
    expected = expected or details["msg"].removeprefix("Value error, ")
    options = re.findall(r"'([^']+)'", expected)
    return document.problem(location, shown(given), expected, hint=closest(str(given), options))


def _wrong_variant(document: Document, location: Location, context: Mapping[str, Any]) -> Problem:
    """Of several kinds of mapping, the field that says which has a value that is none of them."""
    field = str(context["discriminator"]).strip("'")
    tag, options = str(context["tag"]), re.findall(r"'([^']+)'", str(context["expected_tags"]))
    expected = "one of " + ", ".join(options)
    return document.problem((*location, field), shown(tag), expected, hint=closest(tag, options))


def _within(value: Any, location: Sequence[Step]) -> Location:
    """The steps that are keys of the document: pydantic adds the names of unions' members."""
    found: list[Step] = []
    for index, step in enumerate(location):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            if index < len(location) - 1:
                continue
        found.append(step)
    return tuple(found)


def _known_keys(model: type[BaseModel], location: Location) -> set[str]:
    schema = model.model_json_schema(by_alias=True)
    nodes = [schema]
    for step in location:
        nodes = [below for node in nodes for below in _below(schema, node, step)]
    return {key for node in nodes for part in _parts(schema, node) for key in part.get("properties", {})}


def _parts(schema: dict[str, Any], node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    yield node
    for word in ("anyOf", "oneOf", "allOf"):
        for part in node.get(word, ()):
            yield from _parts(schema, part)


def _below(schema: dict[str, Any], node: dict[str, Any], step: Step) -> Iterator[dict[str, Any]]:
    for part in _parts(schema, node):
        if isinstance(step, int):
            below = part.get("items")
        else:
            below = part.get("properties", {}).get(step, part.get("additionalProperties"))
        if isinstance(below, dict):
            yield below


_DURATION = re.compile(r"^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$")


def seconds(text: object) -> float:
    """``1m30s`` as 90.0, ``500ms`` as 0.5; the unit is mandatory.

    Raises:
        ValueError: it is no duration with units.
    """
    found = _DURATION.match(text) if isinstance(text, str) and text else None
    if found is None:
        raise ValueError("a duration such as 60s, 1m30s or 500ms")
    hours, minutes, secs, millis = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + secs + millis / 1000


def duration(value: float) -> str:
    """Seconds as a person writes them: ``90.0`` is ``1m30s``, ``0.5`` is ``500ms``."""
    whole, millis = divmod(round(value * 1000), 1000)
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"), (millis, "ms"))
    return "".join(f"{amount}{unit}" for amount, unit in parts if amount) or "0s"


def _as_seconds(value: object) -> object:
    return value if isinstance(value, float) else seconds(value)


Duration = Annotated[
    float,
    BeforeValidator(_as_seconds),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+h)?(\d+m)?(\d+(\.\d+)?s)?(\d+ms)?$"}),
]
"""A pydantic field written as ``60s`` and read as seconds."""


def dump(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """The value as YAML text in the order given, lists not indented, as kubectl writes it."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
