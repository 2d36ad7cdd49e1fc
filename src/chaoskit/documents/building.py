"""From documents to what they mean: pydantic models, and a Problem with its place for all that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from chaoskit.documents.durations import WRITTEN
from chaoskit.documents.places import Document, Location, Step, closest, shown
from chaoskit.errors import InvalidInput, Problem

Model = TypeVar("Model", bound=BaseModel)
Made = TypeVar("Made")


class Written(BaseModel):
    """The base of everything a person writes: frozen, camelCase keys, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        strict=False,
        allow_inf_nan=False,
    )


def build(document: Document, model: type[Model]) -> Model:
    """The document as a `model`.

    Raises:
        InvalidInput: with a Problem for everything that is wrong.
    """
    strict = issubclass(model, Written)  # "2" is no number and "yes" no truth: the schema says so, too
    value = _with_tuples(document.value) if strict else document.value
    try:
        return model.model_validate(value, context=WRITTEN, strict=strict)
    except ValidationError as error:
        problems = [_problem(document, model, details) for details in error.errors()]
        raise InvalidInput(_headline(problems), problems=problems) from error


def _with_tuples(value: Any) -> Any:
    """The value with its lists as tuples, which is what models keep."""
    if isinstance(value, list):
        return tuple(map(_with_tuples, value))
    return {k: _with_tuples(v) for k, v in value.items()} if isinstance(value, dict) else value


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
    refuse(problems)
    return tuple(made)


def refuse(problems: Sequence[Problem]) -> None:
    """There are no problems.

    Raises:
        InvalidInput: with all of them.
    """
    if problems:
        raise InvalidInput(_headline(problems), problems=problems)


def _headline(problems: Sequence[Problem]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return str(problems[0]) + more


_EXPECTED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
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
        told = document.problem(location, "missing", "a value")
        line, column = document.place(location[:-1], key=True)  # of what it is missing in
        return replace(told, line=line, column=column)
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
