"""A text is searched for secrets in a time that grows with its length, not with the square of it."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable

import pytest

from chaoskit.secretforms import hide
from chaoskit.secretvalues import without

UNITS = (
    "%41", "\\u0434", "12;34;", "[[1]]", "\\", "|a|b", "-u====", "://a:", "password", "api-key-", "--token ",
    "mysql -x ", "name: token ", "a:b@", "'", '"password":', "authorization ", "-H token", "\n- token", " ",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----MIIEowIBAAKC", "eyJaaaaaaaa", "eyJaaaaaaaa.",
    "{token: ", "<token>", "mongosh -u ", "docker login ", "A-Token: ",
    "token_", "token-", "a.token=", "?code=A1",
    "token-a=1 of 2 ", "password-length=12 ", "token-key.", "mongo -u a ", "{a-key: b ",
    "password: |\n", "password:\n ", "- password:\n- ", "password: |\n\n",
    '"passwords": ["a", ', "password = '''", " - ", "\n  a: |",
    "cookie=TOKEN ", "Authorization: Bearer TOKEN ", "cookie=must be ", "a-cookie=1 of 1 ",
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
MANY = 4
"""How many times as long a thousand secrets may take: each looked for by itself would take far longer."""
AT_ONCE = 0.5
"""Seconds, a hundred times what the longest of these takes: in the worst of ways a few letters take days."""


def grows(work: Callable[[str], str], unit: str) -> bool:
    """Whether four times the text of these units takes no more than about four times as long."""
    short, long = (least(work, (unit * length)[:length]) for length in (16_000, 64_000))
    return long < FOUR_TIMES * max(short, 0.005)


def least(work: Callable[[str], str], text: str) -> float:
    """The fewest seconds of three times."""
    return min(_seconds(work, text) for _ in range(3))


def _seconds(work: Callable[[str], str], text: str) -> float:
    began = time.process_time()
    work(text)
    return time.process_time() - began


@pytest.mark.parametrize("unit", UNITS)
def test_four_times_the_text_takes_about_four_times_as_long(unit: str) -> None:
    assert grows(hide, unit)


@pytest.mark.parametrize("unit", ["a", "abcdefgh...", "%", "\\", "'"])
@pytest.mark.parametrize("secret", ["a" * 4000 + "b", "abcdefghijkl"], ids=["long", "short"])
def test_so_does_the_search_for_a_known_secret(unit: str, secret: str) -> None:
    assert grows(lambda text: without(text, [secret]), unit)


def test_a_thousand_known_secrets_take_about_as_long_as_one() -> None:
    draw, text = random.Random(7), "the cart is ready again, 3 of 3; " * 3_000
    secrets = ["".join(draw.choices(string.ascii_letters + string.digits, k=24)) for _ in range(1_000)]
    one = least(lambda text: without(text, secrets[:1]), text)
    thousand = least(lambda text: without(text, secrets), text)
    assert thousand < MANY * one


@pytest.mark.parametrize("head", HEADS)
def test_nothing_that_is_repeated_behind_a_beginning_takes_longer_than_its_length(head: str) -> None:
    for unit in (*UNITS, *ESCAPED):
        for letters in (*range(10, 200, 5), 16_000):
            text, began = f"{head}{(unit * letters)[:letters]}x", time.process_time()
            hide(text)
            assert time.process_time() - began < AT_ONCE, text[:200]
