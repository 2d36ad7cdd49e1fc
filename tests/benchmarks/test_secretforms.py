"""A text is searched for secrets in a time that grows with its length, not with the square of it."""

from __future__ import annotations

import time

import pytest

from chaoskit.secretforms import hide

UNITS = (
    "%41", "\\u0434", "12;34;", "[[1]]", "\\", "|a|b", "-u====", "://a:", "password", "api-key-", "--token ",
    "mysql -x ", "name: token ", "a:b@", "'", '"password":', "authorization ", "-H token", "\n- token", " ",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----MIIEowIBAAKC", "eyJaaaaaaaa", "eyJaaaaaaaa.",
    "{token: ", "<token>", "mongosh -u ", "docker login ", "A-Token: ",
    "token_", "token-", "a.token=", "?code=A1",
    "token-a=1 of 2 ", "password-length=12 ", "token-key.", "mongo -u a ", "{a-key: b ",
    "password: |\n", "password:\n ", "- password:\n- ", "password: |\n\n",
    '"passwords": ["a", ', "password = '''", " - ", "\n  a: |",
)  # fmt: skip
ESCAPED = ("\\n", "\\\\n", "\\\\\\\\n", "\\\\r\\\\n", '\\"', '\\\\"', "\\t ")
"""How JSON, and JSON within JSON, writes the end of a line and quotes."""
HEADS = (
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\\n", 'password="', '"password": "',
    "curl -H '", "mysql -x ", "docker login ", "{token: ", "<token>", "name: token\n", "eyJaaaaaaaa.",
    "https://a:", "--token ", "password: |\n  ", 'password = """', '"passwords": [',
)  # fmt: skip
FOUR_TIMES = 8
"""How many times as long four times the text may take: sixteen would be its square."""
AT_ONCE = 0.5
"""Seconds, a hundred times what the longest of these takes: in the worst of ways a few letters take days."""


@pytest.mark.parametrize("unit", UNITS)
def test_four_times_the_text_takes_about_four_times_as_long(unit: str) -> None:
    def seconds(length: int) -> float:
        text, began = (unit * length)[:length], time.process_time()
        hide(text)
        return time.process_time() - began

    short = max(min(seconds(16_000) for _ in range(3)), 0.005)
    assert min(seconds(64_000) for _ in range(3)) < FOUR_TIMES * short


@pytest.mark.parametrize("head", HEADS)
def test_nothing_that_is_repeated_behind_a_beginning_takes_longer_than_its_length(head: str) -> None:
    for unit in (*UNITS, *ESCAPED):
        for letters in (*range(10, 200, 5), 16_000):
            text, began = f"{head}{(unit * letters)[:letters]}x", time.process_time()
            hide(text)
            assert time.process_time() - began < AT_ONCE, text[:200]
