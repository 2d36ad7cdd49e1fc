"""What is wrong with a text that is no YAML is told where it was written, in words of whoever wrote it."""

from __future__ import annotations

import pytest

from chaoskit.documents import parse, within
from chaoskit.errors import InvalidInput, Problem

UNCLOSED = "a quote that is not closed"
HEAD = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n"


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidInput) as caught:
        parse(text, "f.yaml")
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "place", "found", "expected"),
    [
        # blanks
        ("a:\n\tb: 1\n", (2, 1), "a tab", "spaces"),
        ("a:\n  b: 1\n  \tc: 2\n", (3, 3), "a tab", "spaces"),
        ("a:\n\u00a0 b: 1\n  c: 2\n", (2, 1), "a blank that is no space (U+00A0)", "plain spaces"),
        # signs
        ("a: >=\n", (1, 4), ">=", 'text in quotes: ">="'),
        ("a:\n- criteria: >=  # or more\n", (2, 13), ">=", 'text in quotes: ">="'),
        ("a: *.example.com\n", (1, 4), "*.example.com", 'text in quotes: "*.example.com"'),
        ("a: *\n", (1, 4), "*", 'text in quotes: "*"'),
        ("a: *all\n", (1, 4), "*all", 'text in quotes: "*all"'),
        ("a: !=\n", (1, 4), "!=", 'text in quotes: "!="'),
        ("a: %x\n", (1, 4), "%x", 'text in quotes: "%x"'),
        ('a: @"x"\n', (1, 4), '@"x"', "text in quotes: '@\"x\"'"),
        ("a: `x`\n", (1, 4), "`x`", 'text in quotes: "`x`"'),
        ("a: @" + "x" * 80 + "\n", (1, 4), "a value", "text in quotes"),
        ('a: "\\d+"\n', (1, 5), r"\d", r"\\d, or text in '"),
        ('a: "\\UFFFFFFFF"\n', (1, 5), r"\U", r"\\U, or text in '"),
        ('a: "\\U00110000"\n', (1, 5), r"\U", r"\\U, or text in '"),
        # quotes
        ('a:\n  b: "x\n  c: 1\n  d: "y"\n', (2, 6), UNCLOSED, "the same quote"),
        ("a: 'x\nb: 1\n", (1, 4), UNCLOSED, "the same quote"),
        ('a: "x"y"\n', (1, 7), "text behind a quote that is closed", "quotes around the whole text"),
        # colons
        ("a:\n  b 1\n  c: 2\n", (2, 3), '"b 1"', "a colon after the field: b: 1"),
        ("a:\n  b = 1\n  c: 2\n", (2, 3), '"b = 1"', "a colon after the field: b: 1"),
        ("a:\n  b: 1\n  c:2\n  d: 3\n", (3, 3), '"c:2"', "a space after the colon: c: 2"),
        ("a:\n  b:1\n\n  # c\n  c: 2\n", (2, 3), '"b:1"', "a space after the colon: b: 1"),
        ("a: 1\nb\nc: 2\n", (2, 1), '"b"', "a field, a colon and a space"),
        ("a: 1\nhttp://x\nc: 2\n", (2, 1), '"http://x"', "a field, a colon and a space"),
        ("a: b: c\n", (1, 4), '"b: c"', "text in quotes, as it has a colon"),
        ("- a: x: http://y  # z\n", (1, 6), '"x: http://y"', "text in quotes, as it has a colon"),
        # dashes
        ("a:\n  -name: x\n   b: 1\n", (2, 3), '"-name:"', "a space after the dash"),
        ("a:\n  -name: x\n    b: 1\n", (2, 3), '"-name:"', "a space after the dash"),
        ("a:\n  - name: x\n  -name: y\n", (3, 3), '"-name:"', "a space after the dash"),
        # indents
        ("a:\n  b: 1\n   c: 2\n", (3, 4), "indented by 3 spaces", "2, as line 2"),
        ("a:\nb: 1\n  c: 2\n", (2, 1), "indented by 0 spaces", "2, to go with line 3"),
        ("a:\n  b: 1\nc: 2\n  d: 3\n", (4, 3), "indented by 2 spaces", "0, as line 3"),
        ("a:\n  b: 1\nc: 2\n  d: 3\n  e: 4\n", (3, 1), "indented by 0 spaces", "2, to go with line 4"),
        ("a:\n  b: 1\nc:\n  x: 1\n    d: 3\ne: 4\n", (5, 5), "indented by 4 spaces", "2, as line 4"),
        ("a:\n    b: 1\n  c: 2\n  d: 2\n", (2, 5), "indented by 4 spaces", "2, to go with line 3"),
        ("a:\n    b: 1\n    e: 1\n  c: 2\n  d: 2\n", (4, 3), "indented by 2 spaces",
         "0, as line 1 or 4, as line 3"),
        ("a:\n -  x: 1\n   y: 2\n   z: 3\n", (2, 2), "indented by 1 space", "0, to go with line 3"),
        (" a: 1\n# c\nb: 2\nc: 3\n", (1, 2), "indented by 1 space", "0, to go with line 3"),
        ("x: 1\n---\n  a: 1\nb: 2\n", (3, 3), "indented by 2 spaces", "0, to go with line 4"),
        ("- a: 1\nb: 2\n", (2, 1), "a field, indented by 0 spaces", "- before it, or 2 spaces"),
        ("- a:\n  b: 1\n    c: 2\n", (2, 3), "indented by 2 spaces", "4, to go with line 3"),
        ("a: b\n  c: d\n", (2, 3), "indented by 2 spaces", "0, as line 1"),
        ("a:\n    b: 1\n  c: 2\n", (3, 3), "indented by 2 spaces", "0, as line 1 or 4, as line 2"),
        ("a:\n- x: 1\n- z: 2\n  y: 3\n\n q: 3\n", (6, 2), "indented by 1 space",
         "0, as line 3 or 2, as line 4"),
        ("a:\n  - x: 1\n - y: 2\n", (3, 2), "indented by 1 space", "0, as line 1 or 2, as line 2"),
        ("a:\n- x: 1\n  - y: 2\n", (3, 3), "a list item, indented by 2 spaces",
         "0 spaces, as the item of line 2"),
        ("a: b\n- c\n", (2, 1), "a list item, indented by 0 spaces", "a field, as line 1"),
        ("a:\n  - name: x\n  value: 1\n", (3, 3), "a field, indented by 2 spaces",
         "- before it, or 4 spaces, as what stands in the item of line 2"),
        ("a: |\n  x\n y\nb: 1\n", (3, 2), "indented by 1 space", "0, as line 1 or 2, as line 2"),
        ("a:\n  - x: 1\n  y: 2\n- z: 1\n", (2, 3), "indented by 2 spaces", "0, to go with line 3"),
        ("a:\n- z: 1\n  - x: 1\n  y: 2\n", (3, 3), "a list item, indented by 2 spaces",
         "0 spaces, as the item of line 2"),
        ("b:\n  a:\n  - x: 1\n  y: 2\n  - x: 3\n", (4, 3), "indented by 2 spaces",
         "4, to go with line 3"),
        ("b:\n  a:\n  - x: 1\n  y:\n    z: 2\n  - x: 3\n", (4, 3), "indented by 2 spaces",
         "4, to go with line 3"),
        ("b:\n  c:\n    d: 1\n    a:\n  - x: 1\n  - x: 3\n", (4, 5), "indented by 4 spaces",
         "2, to go with line 5"),
        ("a:\n  b: 1\n  c: 2\nd: 3\n  e: 4\nf: 5\n", (5, 3), "indented by 2 spaces",
         "0, as line 4 (or line 4 by 2)"),
        ("a:\nx: 1\n  y: 2\n- z: 1\n", (2, 1), "a field", "- before it, as in line 4"),
        ("a:\n- z: 1\nx: 1\n  y: 2\n", (3, 1), "a field", "- before it, as in line 2"),
        ("a: run\n  -v;\n   b: 1\n", (2, 3), '"-v;"', "a field, a colon and a space"),
        # brackets
        ('{"a": 1\n "b": 2}\n', (2, 5), "another entry within the { of line 1",
         "a comma between two entries, or the }"),
        ("a: [1, 2\nb: 3\n", (2, 2), "another entry within the [ of line 1",
         "a comma between two entries, or the ]"),
        ('{"a": 1}}\n', (1, 9), "a } that closes nothing", "nothing"),
        # what is no YAML yet
        ("{{- if x }}\na: 1\n", (1, 1), 'a template, "{{- if x }}"', "what it will be filled in with"),
        ("a: {{ x }}-b\n", (1, 4), 'a template, "{{ x }}"', "what it will be filled in with"),
        ("```yaml\na: 1\n```\n", (1, 1), "a fence of Markdown", "the YAML alone"),
        # what the reader says itself
        ("%x\n", (2, 1), "expected '<document start>'", "valid YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_where_it_was_made(
    text: str, place: tuple[int, int], found: str, expected: str
) -> None:
    for cut in (text, text.replace("\n", "\r\n")):
        (told,) = problems(cut)
        assert (told.line, told.column) == place
        assert told.found.startswith(f"broken: {found}")
        assert told.expected.startswith(expected)


@pytest.mark.parametrize(
    "text", ["password: @geheim\n", "- name: DB_PASSWORD\n  value: @geheim\n", "token geheim\na: 1\n"]
)
def test_what_may_be_a_secret_is_not_told(text: str) -> None:
    (told,) = problems(text)
    assert "geheim" not in str(told)


def test_a_template_that_is_a_key_to_yaml_is_told_as_one() -> None:
    (told,) = problems("a: {{ x }}\n")
    assert (told.found, told.column) == ("a template, {{ x }}", 5)
    (other,) = problems("a: {{b: 1}: 2}\n")
    assert other.found == "a key that is no text"


def test_documents_that_are_not_parted_are_one_problem_each() -> None:
    told = problems(f"{HEAD}{HEAD}spec: {{a: 1, a: 2}}\n{HEAD}")
    parted = ("document", "not parted from the one before", "--- in a line of its own before it")
    apart = [each for each in told if each.field == "document"]
    assert [each.line for each in apart] == [4, 8]
    assert {(each.field, each.found, each.expected) for each in apart} == {parted}
    assert [(each.line, each.field) for each in told if each.field != "document"] == [(7, "spec.a")]
    assert [each.field for each in problems("kind: A\nb: 1\nkind: B\n")] == ["kind"]
    (first,) = problems("kind: A\napiVersion: v1\nkind: B\napiVersion: v1\n")
    assert first.line == 3


def test_a_mistake_in_a_text_is_told_as_it_was_written() -> None:
    (outer,) = parse("raw:\n  data: |\n    a:\n      b: 1\n       c: {{x}}\n")
    _, (told,) = within(outer, ("raw", "data"))
    assert (told.line, told.column) == (5, 8)
    (second,) = parse("raw:\n  data: |\n    a:\n      b: 1\n      {{x}}\n      c: 1\n")
    _, (other,) = within(second, ("raw", "data"))
    assert other.found == 'broken: "{{x}}"'
