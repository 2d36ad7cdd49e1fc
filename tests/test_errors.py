"""What is told of an error is its cause, in words, whatever wraps it."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from chaoskit.adapters.http import RequestsHttp
from chaoskit.errors import Problem, Unavailable, cause


def test_a_file_error_is_told_without_its_number(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "none").read_text(encoding="utf-8")
    assert cause(caught.value) == "no such file or directory"


def test_what_a_library_wraps_is_followed_to_what_the_system_said() -> None:
    with pytest.raises(Unavailable) as caught:
        RequestsHttp().get("http://127.0.0.1:1/x")
    assert caught.value.message == "GET http://127.0.0.1:1/x got no answer: connection refused"


def test_an_answer_that_does_not_come_is_said() -> None:
    assert cause(requests.exceptions.ReadTimeout("HTTPConnectionPool(...)")) == "no answer in time"
    assert cause(ValueError("what it says")) == "what it says"


def test_a_problem_is_told_with_its_place_and_users_text_as_it_was_written() -> None:
    assert str(Problem("a.yaml", "name", '"it  is"', "a name", 3, 7)) == (
        'a.yaml:3:7  name is "it  is", expected a name'
    )
    assert str(Problem("a.yaml", "", "broken", "YAML")) == "a.yaml  is broken, expected YAML"
    assert (
        str(Problem("a.csv", "event", "long", "an event", 3)) == "a.csv:3  event is long, expected an event"
    )
