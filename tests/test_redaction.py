"""Secrets are hidden by name, by place and by value; what only looks like one is left."""

from __future__ import annotations

import json

import pytest

from chaoskit.redaction import redacted, scrubbed, secrets_in


def test_what_looks_secret_is_hidden_and_nothing_else() -> None:
    env = [{"name": "DB_PASSWORD", "value": "s3cret"}, {"name": "DB_HOST", "value": "db"}]
    document = {"env": env, "apiToken": "s3cret", "secretKeyRef": {"name": "creds", "key": "k"}, "n": ["x"]}
    hidden = redacted(document)
    assert "s3cret" not in json.dumps(hidden)
    assert hidden["env"][1]["value"] == "db"
    assert hidden["secretKeyRef"] == {"name": "creds", "key": "k"}


def test_what_is_hidden_once_is_hidden_wherever_else_it_stands() -> None:
    document = {"dbPassword": 123456, "said": ["no login with 123456", 7]}
    assert redacted(document) == {"dbPassword": "(hidden)", "said": ["no login with (hidden)", 7]}


def test_a_secret_as_short_as_a_word_does_not_eat_the_words_of_a_report() -> None:
    assert redacted({"password": "cart", "target": "deployment/cart"})["target"] == "deployment/cart"


def test_what_replaces_a_key_of_a_secret_is_hidden_and_the_secrets_name_is_not() -> None:
    fault = {"secret": "login", "key": "user", "value": "nobody-else", "restart": True}
    hidden = redacted({"parameters": fault, "said": "user nobody-else"})
    assert hidden == {"parameters": {**fault, "value": "(hidden)"}, "said": "user (hidden)"}
    setting = {"configMap": "shop", "key": "mode", "value": "slow"}
    assert redacted(setting) == setting


@pytest.mark.parametrize("secret", [{}, {"secret": ""}, {"secret": None}])
def test_what_replaces_a_key_that_looks_secret_is_hidden_in_a_config_map_too(
    secret: dict[str, object],
) -> None:
    setting = {**secret, "configMap": "shop", "key": "DB_PASSWORD", "value": "nobody-else"}
    hidden = redacted({"parameters": setting, "said": "DB_PASSWORD nobody-else"})
    assert hidden == {"parameters": {**setting, "value": "(hidden)"}, "said": "DB_PASSWORD (hidden)"}


def test_hiding_twice_changes_nothing() -> None:
    document = {"password": "hunter2!", "url": "https://a:hunter2!@b/c"}
    assert redacted(redacted(document)) == redacted(document)
    assert list(secrets_in(redacted(document))) == []


def test_whether_something_is_secret_is_no_secret() -> None:
    assert redacted({"automountServiceAccountToken": True, "token": None}) == {
        "automountServiceAccountToken": True,
        "token": None,
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://me:hunter2!@shop/x", "GET https://(hidden)@shop/x"),
        ("mongodb://me:hun/ter2!@db:27017/x", "mongodb://(hidden)@db:27017/x"),
        ("https://hunter2!@shop", "https://(hidden)@shop"),
        ("/api?token=hunter2!&page=2", "/api?token=(hidden)&page=2"),
        ("curl -H 'Authorization: Basic aHVudGVyMg=='", "curl -H 'Authorization: (hidden)'"),
        ("b'Bearer hunter2!\\nx'", "b'Bearer (hidden)'"),
        ("psql password=hunter2! host=db", "psql password=(hidden) host=db"),
        ('{"password": "hunter2!", "user": "me"}', '{"password": "(hidden)", "user": "me"}'),
    ],
)
def test_where_secrets_stand_in_text_there_is_none(text: str, shown: str) -> None:
    assert scrubbed(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://shop:8080/cart?mail=a@b.example",
        "https://shop/cart and me@example.com",
        'secrets "creds" not found',
        "password: wrong",
        "error_ratio 0.081 at cart-x, expected below 0.05",
    ],
)
def test_what_is_no_secret_is_left(text: str) -> None:
    assert scrubbed(text) == text
