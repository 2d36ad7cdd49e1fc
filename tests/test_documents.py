from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chaoskit.documents import (
    Duration,
    Written,
    build,
    closest,
    duration,
    each,
    nearest,
    parse,
    read,
    seconds,
    spelled,
    survey,
)
from chaoskit.documents.within import within
from chaoskit.errors import InvalidInput, Problem


class Part(Written):
    kind: Literal["pod-delete", "pod-cpu-hog"]
    percentage: int = 0


class Whole(Written):
    part: Part
    time_out: Duration = 5.0
    others: tuple[Part, ...] = ()


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidInput) as caught:
        each(parse(text, "file.yaml"), lambda document: build(document, Whole))
    return caught.value.problems


def test_a_correct_document_is_built_from_camel_case() -> None:
    made = build(parse("part: {kind: pod-delete}\ntimeOut: 1m30s")[0], Whole)
    assert (made.part.kind, made.time_out) == ("pod-delete", 90.0)


def test_every_problem_is_told_at_once_with_its_place() -> None:
    found = problems('part:\n  kind: pod-delet\n  percentage: "60%"\ntimeOut: 60\n')
    assert [(p.line, p.column, p.field) for p in found] == [
        (2, 9, "part.kind"),
        (3, 15, "part.percentage"),
        (4, 10, "timeOut"),
    ]


def test_a_problem_says_what_was_found_what_was_expected_and_what_was_meant() -> None:
    found = problems("part: {kind: pod-delet}")[0]
    assert found.found == '"pod-delet"'
    assert "pod-delete" in found.expected
    assert found.hint == "did you mean pod-delete?"


def test_an_unknown_key_is_told_at_the_key_with_the_known_ones() -> None:
    found = problems("part: {kind: pod-delete}\ntimeout: 5s\n")[0]
    assert (found.line, found.column, found.found) == (2, 1, "unknown")
    assert found.hint == "did you mean timeOut?"
    inner = problems("part: {kind: pod-delete}\nothers:\n- {kind: pod-delete, percent: 1}\n")[0]
    assert (inner.field, inner.hint) == ("others[0].percent", "did you mean percentage?")


def test_a_missing_key_is_told_where_it_should_stand() -> None:
    found = problems("part:\n  percentage: 3\n")[0]
    assert (found.field, found.found, found.line) == ("part.kind", "missing", 1)


def test_the_problems_of_all_documents_come_together() -> None:
    assert len(problems("part: {kind: x}\n---\npart: {kind: pod-delete}\n---\npart: {}\n")) == 2


def test_broken_yaml_is_told_at_its_place() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse("a: [1\nb: 2\n", "file.yaml")
    assert caught.value.problems[0].line == 2


def test_a_key_that_stands_twice_is_a_problem() -> None:
    with pytest.raises(InvalidInput, match="written twice"):
        parse("a: 1\na: 2\n")


def test_dates_stay_text_as_kubernetes_reads_them() -> None:
    assert parse("day: 2026-01-01")[0].value == {"day": "2026-01-01"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:30", "1:30"),
        ("08", "08"),
        ("010", 8),
        ("0x1f", 31),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("=", "="),
        ("yes", True),
        ("~", None),
    ],
)
def test_values_are_what_kubernetes_makes_of_them(text: str, value: object) -> None:
    assert parse(f"a: {text}")[0].value == {"a": value}


def test_keys_are_text_as_they_were_written() -> None:
    (found,) = parse("1: a\ntrue: b\n~: c\n")
    assert found.value == {"1": "a", "true": "b", "~": "c"}
    assert found.place(("true",)) == (2, 7)


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("a: 1\nb: !!int x\n", 2, "int that is none"),
        ("a: 1\nb: !!python/none\n", 2, "constructor"),
        ("a: 1\nb: !!binary aGk=\n", 2, "constructor"),
        ("a: 1\n? [b]\n: c\n", 2, "a key that is no text"),
        ("a: &a\n- *a\n", 1, "an alias of what it stands in"),
        ('a: 1\nb: "\\ud800"\n', 2, "half a character"),
        ("a: 1\nb: \x07\n", 2, "special characters"),
        ("a: " + "[" * 900, 1, "nested too deeply"),
        ("a: 1\nb: " + "9" * 5000, 2, "int that is none"),
    ],
)
def test_what_cannot_be_an_object_is_a_problem_with_its_place(text: str, line: int, found: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text, "file.yaml")
    problem = caught.value.problems[0]
    assert problem.line == line
    assert found in problem.found


def test_aliases_that_multiply_are_a_problem_and_no_feast() -> None:
    pairs = zip("abcdefgh", "bcdefghi", strict=True)
    levels = "".join(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairs)
    with pytest.raises(InvalidInput, match="more than 100000 values"):
        parse(f"a: &a [1, 2, 3]\n{levels}")


def test_what_a_terminal_would_obey_is_shown_as_an_escape() -> None:
    found = problems('part: {kind: "\\x1b[31m"}')[0]
    assert found.found == r'"\x1b[31m"'


def test_the_items_of_a_list_have_places_of_their_own() -> None:
    first, second = parse("kind: PodList\nitems:\n- kind: Pod\n  a: 1\n- kind: Pod\n  a: 2\n")
    assert (first.value, second.value) == ({"kind": "Pod", "a": 1}, {"kind": "Pod", "a": 2})
    assert (second.place(("a",)), second.place((), key=True)) == ((6, 6), (5, 3))


def test_files_that_cannot_be_read_are_told_beside_those_that_can(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("n: 1")
    (tmp_path / "b.yaml").write_bytes(b"n: 1\nm: \xff\n")
    (tmp_path / "c.yaml").write_bytes("\ufeffn: 3".encode())
    (tmp_path / "d.yaml").symlink_to(tmp_path / "nowhere")
    documents, told = survey([str(tmp_path)])
    assert [d.value for d in documents] == [{"n": 1}, {"n": 3}]
    assert [(p.path[-6:], p.line) for p in told] == [("b.yaml", 2), ("d.yaml", 0)]


def test_what_stands_before_the_broken_document_of_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("kind: A\n---\nkind: B\nkind: C\n---\nkind: D\n---\na: [1\n")
    documents, problems = survey([str(file)])
    assert [each.kind for each in documents] == ["A", "D"]
    assert [(each.line, each.found) for each in problems] == [
        (4, "written twice"),
        (9, "broken: the end of the text within the [ of line 8"),
    ]


def test_variables_are_filled_in_and_unknown_ones_are_problems() -> None:
    assert parse("a: ${size}", variables={"size": "3"})[0].value == {"a": 3}
    with pytest.raises(InvalidInput) as caught:
        parse("a: ${siez}", variables={"size": "3"})
    assert caught.value.problems[0].hint == "did you mean size?"
    assert parse("a: ${left}")[0].value == {"a": "${left}"}


def test_variables_are_not_looked_for_in_comments_and_can_be_escaped() -> None:
    text = "# ${HOST}\na: {b: ${n}, c: $${n}} # ${HOST}\nd: '# ${n}'\ne: |\n  # ${n}\n  x\n# ${HOST}\n"
    value = {"a": {"b": 3, "c": "${n}"}, "d": "# 3", "e": "# 3\nx\n"}
    assert parse(text.replace("c: $${n}", "c: '$${n}'"), variables={"n": "3"})[0].value == value


def test_an_experiment_says_which_variables_it_needs_and_other_documents_are_as_written() -> None:
    experiment = "kind: Experiment\nspec:\n  hypothesis: ${x} of $${y}\n"
    with pytest.raises(InvalidInput) as caught:
        parse(experiment)
    assert [(p.line, p.found) for p in caught.value.problems] == [(3, "${x}")]
    assert "--var x=VALUE" in str(caught.value)
    assert parse(experiment.replace("${x}", "1", 1))[0].value["spec"]["hypothesis"] == "1 of ${y}"
    with pytest.raises(InvalidInput) as unread:
        parse("kind: Experiment\nspec: {fault: {kind: ${fault}}}\n")
    assert "give them with --var" in unread.value.problems[0].hint
    engine = {"kind": "ChaosEngine", "command": "echo ${i} $${j}"}
    assert parse("kind: ChaosEngine\ncommand: echo ${i} $${j} # ${k}\n")[0].value == engine


def test_what_a_folder_hides_is_left_out_unless_it_is_named(tmp_path: Path) -> None:
    names = (".git/a.yaml", "in/.venv/lib/b.yaml", ".c.yaml", "in/d.yaml", "e.json")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f'{{"from": "{name}"}}', encoding="utf-8")

    def found(*paths: str) -> list[str]:
        return [one.value["from"] for one in read([str(tmp_path / path) for path in paths])]

    assert found("") == ["e.json", "in/d.yaml"]
    assert found(".git", ".c.yaml") == [".git/a.yaml", ".c.yaml"]


def test_a_folder_is_read_by_name_and_a_missing_path_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("n: 2")
    (tmp_path / "a.yml").write_text("n: 1\n---\n---\nn: 3")
    (tmp_path / "notes.txt").write_text(": : :")
    assert [d.value["n"] for d in read([str(tmp_path)])] == [1, 3, 2]
    with pytest.raises(InvalidInput, match="missing"):
        read([str(tmp_path / "none.yaml")])


@pytest.mark.parametrize("text", ["", "60", "1 m", "s", "-3s", "1m1h", "5x"])
def test_a_duration_without_a_unit_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        seconds(text)


@given(some.integers(min_value=1, max_value=10**7))
def test_a_duration_reads_as_it_was_written(millis: int) -> None:
    assert seconds(duration(millis / 1000)) == pytest.approx(millis / 1000)


def test_places_are_spelled_as_people_write_them() -> None:
    assert spelled(("spec", "steadyState", 0, "below")) == "spec.steadyState[0].below"
    assert spelled(()) == "document"


def test_nothing_close_gives_no_hint() -> None:
    assert closest("entirely", ["different"]) == ""


def test_a_key_that_is_written_twice_is_told_once_whatever_is_in_it() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse("a: {b: 1}\na: {b: 1}\n")
    assert [(p.field, p.line) for p in caught.value.problems] == [("a", 2)]


@pytest.mark.parametrize(
    ("word", "options", "near"),
    [
        ("VALUE", ["name", "value"], "value"),
        ("sot", ["SOT", "EOT"], "SOT"),
        ("ONEOF", ["between", "oneOf", "OneOf"], "oneOf"),
        ("sepc", ["metadata", "spec"], "spec"),
        ("kind", ["king"], ""),
        ("x", [], ""),
    ],
)
def test_a_word_is_like_another_whatever_its_case_or_the_order_of_its_letters(
    word: str, options: list[str], near: str
) -> None:
    assert nearest(word, options, likeness=0.8) == near
    assert closest(word, options, likeness=0.8) == (f"did you mean {near}?" if near else "")


def test_where_a_mistake_is_says_nothing_of_a_secret_that_is_a_key() -> None:
    twice = "a: {'${password}': {x: 1, x: 2}}"
    for text in (twice, "a: {'${password}': {x: 1}}"):
        try:
            (document,) = parse(text, variables={"password": "hunter2secret"})
            problem = document.problem(("a", "hunter2secret", "x"), "1", "2")
        except InvalidInput as error:
            (problem,) = error.problems
        assert problem.field == "a.(hidden).x"


def test_a_document_within_a_document_quotes_no_more_of_its_secrets() -> None:
    (outer,) = parse('text: "a: 1: ${password}"', "x.yaml", variables={"password": "hunter2secret"})
    found, told = within(outer, ("text",))
    assert found == ()
    assert told
    assert "hunter2secret" not in str(told)
    (outer,) = parse('text: "a: ${password}"', "x.yaml", variables={"password": "hunter2secret"})
    assert [each.secrets for each in within(outer, ("text",))[0]] == [{"hunter2secret"}]


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("0123456712", {"0123456712", "21913034"}),
        ("0x1234abcd", {"0x1234abcd", "305441741"}),
        ("1_234_567_8", {"1_234_567_8", "12345678"}),
        (" 12345678.50 # of the shop", {"12345678.50 # of the shop", "12345678.50", "12345678.5"}),
        (r"shop\UFFFFFFFF", {r"shop\UFFFFFFFF"}),
        (r"shop\U00110000", {r"shop\U00110000"}),
        ("0x" + "f" * 9000, {"0x" + "f" * 9000}),
        ("tomorrow", {"tomorrow"}),
    ],
)
def test_a_secret_is_known_as_the_number_that_it_is_read_as(secret: str, told: set[str]) -> None:
    (found,) = parse("a: '${password}'", "x.yaml", variables={"password": secret})
    assert {each for each in found.secrets if each == each.strip()} == told
    if secret[0] == "0":
        assert parse("a: ${password}", "x.yaml", variables={"password": secret})[0].secrets == told
