"""What stands in a text of a document is told where it stands in the file, however it was written."""

from __future__ import annotations

from textwrap import indent
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from chaoskit.documents import Document, Location, parse, within

INNER = """\
kind: Engine

metadata:
  name: it's
  note: {a: "b c", d: 'e'}

list:
  - one: 1

  - two: é
"""
DATA: Location = ("spec", "raw", "data")


def block(sign: str, text: str = INNER) -> str:
    return f"kind: Outer\nspec:\n  raw:\n    data: {sign}\n{indent(text, ' ' * 6)}  last: 1\n"


def styled(style: str, text: str = INNER) -> str:
    """The text within a document, in a style of YAML's."""
    value = yaml.dump(text, default_style=style, allow_unicode=True, width=40).removesuffix("...\n").strip()
    return "kind: Outer\nspec:\n  raw:\n    data: " + value.replace("\n", "\n      ") + "\n"


def inside(text: str) -> tuple[Document, ...]:
    (outer,) = parse(text, "f.yaml")
    found, problems = within(outer, DATA)
    assert problems == ()
    return found


def misplaced(text: str, documents: tuple[Document, ...]) -> list[Location]:
    """The keys that do not stand where they are said to stand."""
    lines = text.split("\n")
    places = [(location, place) for each in documents for location, place in each.keys.items()]
    assert places
    return [
        at for at, place in places if not lines[place.line - 1][place.column - 1 :].startswith(str(at[-1]))
    ]


@pytest.mark.parametrize(
    "text",
    [
        *(block(sign) for sign in ("|", "|-", ">", ">+", "|  # a comment", "&anchor |", "!!str >")),
        *(styled(style) for style in "\"'"),
        "spec: {raw: {data: " + yaml.dump(INNER, default_style='"', width=10**6).strip() + "}}",
    ],
)  # fmt: skip
def test_every_key_has_its_place_in_the_file(text: str) -> None:
    documents = inside(text)
    assert documents[0].value["metadata"] == {"name": "it's", "note": {"a": "b c", "d": "e"}}
    assert misplaced(text, documents) == []


KEYS = some.text("abcxyz", min_size=1, max_size=6)
VALUES = some.recursive(
    some.integers() | some.text("ab \"'\\#:{é\n", max_size=30),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(some.dictionaries(KEYS, VALUES, min_size=1, max_size=4), some.sampled_from("|>\"'"))
def test_whatever_is_in_it_has_its_place(value: dict[str, Any], style: str) -> None:
    inner = yaml.safe_dump(value, allow_unicode=True)
    text = block(style, inner) if style == "|" else styled(style, inner)
    documents = inside(text)
    assert [each.value for each in documents] == [value]
    assert misplaced(text, documents) == []


def test_what_is_broken_in_it_is_told_in_the_file_with_what_stands_before() -> None:
    (outer,) = parse(block("|", "a: 1\n---\nb: [1\nc: {{x}}\n"))
    found, (problem,) = within(outer, DATA)
    assert [each.value for each in found] == [{"a": 1}]
    assert problem.line == 8


def test_what_will_be_filled_in_is_text_wherever_it_stands() -> None:
    (found,) = inside(block("|", "a: {{workflow.name}}\nb: x-{{ inputs.a }}\nc: '{{=\"a: b\"}}'\nd: {{n}}\n"))
    assert found.value == {
        "a": "{{workflow.name}}",
        "b": "x-{{ inputs.a }}",
        "c": '{{="a: b"}}',
        "d": "{{n}}",
    }
    assert found.place(("d",)) == (8, 10)


def test_a_comment_in_it_switches_rules_off_where_it_stands() -> None:
    (found,) = inside(block("|", "a: 1  # chaoskit: ignore kind\n"))
    assert found.ignored == {5: frozenset({"kind"})}
