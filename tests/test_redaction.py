"""Secrets are hidden by name, by place and by value; what only looks like one is left."""

from __future__ import annotations

import base64
import html
import json
import random
import re
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
import yaml

from chaoskit.redaction import compared, nameless, redacted, scrubbed, secrets_in, spared
from chaoskit.secretvalues import without


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


def test_what_was_measured_is_no_secret_whatever_its_signal_is_called() -> None:
    document = {"signals": {"token_latency_seconds": 3.14159, "passwords_checked": 5, "memory_usage": 0.93}}
    said = {**document, "reasons": ["token_latency_seconds is 3.14159"]}
    assert redacted(said) == said
    assert redacted({"signals": {"token": "nobody-else"}}) == {"signals": {"token": "(hidden)"}}


def test_what_is_told_by_the_names_of_things_is_no_secret_whatever_they_are_called() -> None:
    left = {"budgets": {"password-reset": 1}, "endpoints": {"token-minter": 2}}
    logged = {"logs": {"password-reset-5d8f7/api-key-service": "no login with hunter22 at token=k7Q2bm"}}
    said = {"afterwards": [left], "evidence": logged, "password": "hunter22"}
    told = {"password-reset-5d8f7/api-key-service": "no login with (hidden) at token=(hidden)"}
    assert redacted(said) == {"afterwards": [left], "evidence": {"logs": told}, "password": "(hidden)"}
    assert redacted({"logs": {"password": "nobody-else"}}) == {"logs": {"password": "(hidden)"}}
    assert redacted({"budgets": {"token": "nobody-else"}}) == {"budgets": {"token": "(hidden)"}}


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


ODD = 'hunter "2"/&+é!'
ENCODED = {
    "as it is": ODD,
    "in base64": base64.b64encode(ODD.encode()).decode(),
    "in base64 for URLs": base64.urlsafe_b64encode(ODD.encode()).decode(),
    "in base64 with a line break": base64.b64encode(f"{ODD}\n".encode()).decode(),
    "in base64 behind one more letter": base64.b64encode(f"x{ODD}".encode()).decode(),
    "in base64 as a password": base64.b64encode(f"me:{ODD}@".encode()).decode(),
    "in an address": quote(ODD, safe=""),
    "in a path": quote(ODD),
    "in a form": quote_plus(ODD),
    "in an address, in small letters": re.sub("%..", lambda code: code[0].lower(), quote(ODD, safe="")),
    "in an address in an address": quote(quote(ODD, safe=""), safe=""),
    "in base64 in an address": quote(base64.b64encode(ODD.encode()).decode(), safe=""),
    "in base64 in lines": "\n".join(re.findall(".{1,8}", base64.b64encode(ODD.encode()).decode())),
    "in base64 in lines in JSON": json.dumps(base64.b64encode(ODD.encode()).decode()[:8] + "\r\n")[1:-1]
    + base64.b64encode(ODD.encode()).decode()[8:],
    "in JSON of Go": json.dumps(ODD, ensure_ascii=False).replace("&", "\\u0026"),
    "in JSON in JSON in JSON": json.dumps(json.dumps(json.dumps(ODD))),
    "in JSON of PHP": json.dumps(ODD).replace("/", "\\/"),
    "in HTML": html.escape(ODD),
    "in XML": ODD.replace("&", "&#38;").replace('"', "&#x22;"),
    "in YAML": yaml.safe_dump(ODD, default_style='"'),
    "as bytes": repr(ODD.encode()),
    "in JSON": json.dumps(ODD),
    "in JSON with its letters": json.dumps(ODD, ensure_ascii=False),
}


@pytest.mark.parametrize("text", ENCODED.values(), ids=ENCODED)
def test_a_secret_is_hidden_however_it_is_encoded(text: str) -> None:
    (hidden,) = redacted([f"said {text} to it"], [ODD])
    assert hidden.startswith("said ")
    assert hidden.endswith(" to it")
    assert "(hidden)" in hidden
    assert len(hidden.replace("(hidden)", "")) <= len("said  to it") + 16


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("it's mine!", "sh -c " + shlex.quote("it's mine!"), "sh -c '(hidden)'"),
        ("it's mine!", r"sh -c 'it'\''s mine!'", "sh -c '(hidden)'"),
        ("it's mine!", "a: 'it''s mine!'", "a: '(hidden)'"),
        ("100%41-amp;x", "said 100%41-amp;x and 100%2541-amp%3bx", "said (hidden) and (hidden)"),
        ("nobody-else", r"DOMAIN\nobody-else", "DOMAIN\\(hidden)"),
        ("nobody-else", "%3dnobody-else%26", "%3d(hidden)%26"),
        ("caf\u00e9-\U0001f511-x", r"said caf\u00e9-\ud83d\udd11-x.", "said (hidden)."),
        ("hunter2!\nhunter3!", "a:\n  hunter2!\n  hunter3!\nb", "a:\n  (hidden)\nb"),
        ("hunter2/hunter3", r"is hunter2%2fhun\u2026", r"is (hidden)\u2026"),
        ("hunter2/hunter3", "hunter2/hunter2/hunter3!", "hunter2/(hidden)!"),
        ('it"s-hunter2', 'a,"it""s-hunter2",b', 'a,"(hidden)",b'),
        ("hunter2!", "is 68756e7465723221.", "is (hidden)."),
        ("a\\nb\\\\c7xyq", "is a%5cnb%5c%5cc7xyq.", "is (hidden)."),
    ],
)
def test_where_a_secret_is_spelt_nothing_else_is_hidden(secret: str, text: str, shown: str) -> None:
    assert without(text, [secret]) == shown


@pytest.mark.parametrize(
    "text", ["1\n2\n3\n4\n5\n6\n7", "ready:\n  12\n  34\n  56", r'"ready:\n12\r\n34\n56"', "admin\nadmin"]
)
def test_short_lines_that_are_a_secret_only_when_joined_are_told(text: str) -> None:
    assert without(text, ["123456", "adminadmin"]) == text


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("123\n456", "a:\n  123\n  456\n"),
        (r"CORP\nina", r"a: &quot;CORP\nina&quot;"),
        ("hunter2-hunter3-x", "a: hunter2-\n  hunter3-x"),
        ("correct horse battery staple7", "a: correct horse battery\n  staple7\n"),
        ("correct horse battery staple7", "correct\nhorse\nbattery\nstaple7"),
        ("hunter2!", base64.encodebytes(b"-" * 54 + b"hunter2!" + b"-" * 9).decode()),
        ("hunter2!", json.dumps(base64.encodebytes(b"-" * 54 + b"hunter2!" + b"-" * 9).decode())),
    ],
)
def test_a_secret_that_is_broken_over_lines_is_hidden(secret: str, text: str) -> None:
    assert "(hidden)" in without(text, [secret])


def test_what_is_told_of_secrets_that_overlap_is_hidden_as_one() -> None:
    assert without("an abcdefghijkl.", ["abcdefgh", "ghijkl"]) == "an (hidden)."
    assert without("abcd and abcdefg", ["abcd", "abcdefgh"]) == "(hidden) and (hidden)efg"


INNER, OUTER = "Zebra99x", 'Zebra99x&"Gnu77'


@pytest.mark.parametrize("spell", [json.dumps, quote, html.escape], ids=["JSON", "URL", "HTML"])
@pytest.mark.parametrize("outer", [OUTER, OUTER[::-1], f"jane.doe\n{OUTER}"])
def test_of_two_secrets_one_within_the_other_all_is_hidden_however_it_is_spelt(
    outer: str, spell: Callable[[str], str]
) -> None:
    inner = INNER if INNER in outer else INNER[::-1]
    assert without(f"<{spell(outer)}>", [inner, outer]).strip('"<>') == "(hidden)"


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in JSON": lambda value: json.dumps(value)[1:-1],
    "in JSON with its letters": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "in an address": lambda value: quote(value, safe="", errors="replace"),
    "in a path": lambda value: quote(value, errors="replace"),
    "in a form": lambda value: quote_plus(value, errors="replace"),
    "in Python": lambda value: repr(value)[1:-1],
    "in base64": lambda value: base64.b64encode(value.encode(errors="replace")).decode(),
}
AROUND = (("", ""), ("said ", " to"), ("DOMAIN\\", "@x"), ("a=", "&b"), ("x%3D", "%26y"), ("C:\\n", "\\n"))
SPECIAL = (
    "CORP\\tina:Pass9",
    "Pa\\u0041x!99z",
    r"b\\n /0t!",
    r"\u0041\u0042\u0043x9",
    "x\udc80Zebra99",
    "Zeb\bra\f9",
)


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_a_secret_that_has_what_others_are_spelt_with_is_hidden_as_usually_spelt(
    spell: Callable[[str], str],
) -> None:
    draw = random.Random(7)
    letters = "abcnrtxuUN01dDFf" + "%&'\"\\/+=<> ;#-_.:é\U0001f511"
    drawn = ("".join(draw.choices(letters, k=draw.randint(8, 16))) for _ in range(150))
    for secret in (*SPECIAL, *drawn):
        for before, behind in AROUND:
            told = without(f"{before}{spell(secret)}{behind}", [secret])
            assert "(hidden)" in told, (secret, told)
            assert spell(secret) not in told, (secret, told)


def test_of_a_long_secret_what_is_left_is_hidden_wherever_it_was_cut() -> None:
    text = "a" * 6_000
    assert without(text, ["a" * 4000 + "b"]) == text
    assert len(without("abcdefgh..." * 2_000, ["abcdefghijkl"])) == 11 * 2_000
    assert without(f"{'a' * 3000}..." * 20, ["a" * 4000 + "b"]).count("(hidden)...") == 20


LONG = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmVk"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f'is "{LONG[:40]}...', 'is "(hidden)...'),
        (f"{LONG[:6]}… and {LONG[:30]}...", "(hidden)… and (hidden)..."),
        (f"{base64.b64encode(LONG.encode()).decode()[:30]}...", "(hidden)..."),
        ("eyJhb... is the beginning of many", "eyJhb... is the beginning of many"),
        ("eyJhbG of another", "eyJhbG of another"),
        ("eyJhbGciOiJIUzI... and eyJhbGciOiJIUzI", "(hidden)... and eyJhbGciOiJIUzI"),
        ("eyJhbGxx...", "eyJhbGxx..."),
    ],
)
def test_what_is_left_of_a_secret_that_was_cut_is_hidden_too(text: str, shown: str) -> None:
    assert scrubbed(text, [LONG]) == shown


def test_a_word_with_which_a_secret_begins_is_told_before_dots() -> None:
    said = "Connecting to postgres..., postgres-20..."
    assert without(said, ["postgres-2024-pw"]) == "Connecting to postgres..., (hidden)..."


def test_all_of_a_list_of_secrets_is_hidden_and_wherever_else_it_stands() -> None:
    document = {
        "passwords": ["hunter2!", "x"],
        "spec": {"apiTokens": ("hunter3!",)},
        "said": "hunter2! hunter3!",
    }
    hidden = {"passwords": ["(hidden)"] * 2, "spec": {"apiTokens": ["(hidden)"]}, "said": "(hidden) (hidden)"}
    assert redacted(document) == hidden
    named = {
        "secrets": [{"name": "creds"}],
        "secretNames": ["creds"],
        "tokens": [],
        "rules": {"secrets": ["get"]},
    }
    assert redacted(named) == named


def test_each_of_a_list_of_secrets_is_hidden_whatever_else_is_in_it() -> None:
    document = {
        "apiTokens": ["hunter2!", "disabled", None, True, "12"],
        "passwords": ["hunter3!", 12, 12345678, ["hunter4!"], {"from": "vault"}],
        "said": "hunter2! hunter3! hunter4! 12345678 disabled",
    }
    hidden = {
        "apiTokens": ["(hidden)", "disabled", None, True, "12"],
        "passwords": ["(hidden)"] * 3 + [["(hidden)"], {"from": "vault"}],
        "said": "(hidden) (hidden) (hidden) (hidden) disabled",
    }
    assert redacted(document) == hidden
    told = {"tokens": [12, 44, 8], "secrets": ["get", "list"], "password-reset": [0.25, 3]}
    assert redacted(told) == told


def test_the_value_of_a_secret_with_more_about_it_is_hidden() -> None:
    document = {"password": {"value": "hunter2!", "from": "vault"}, "said": "hunter2!"}
    assert redacted(document) == {"password": {"value": "(hidden)", "from": "vault"}, "said": "(hidden)"}
    assert redacted({"password": {"value": 55667788}}) == {"password": {"value": "(hidden)"}}
    told = {"password": {"valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}, "tokens": {"value": 300}}
    assert redacted(told) == told


def test_no_more_than_the_secret_is_taken_out_of_what_holds_it() -> None:
    whole = base64.b64encode(b"before-hunter2!-behind").decode()
    told = scrubbed(whole, ["hunter2!"])
    first, _, last = told.partition("(hidden)")
    assert (whole.startswith(first), whole.endswith(last)) == (True, True)
    assert b"before" in base64.b64decode(first[: len(first) // 4 * 4])
    assert b"behind" in base64.b64decode(last[-(len(last) // 4 * 4) :])


def test_what_a_secret_of_kubernetes_holds_is_hidden_under_every_key_and_wherever_else_it_stands() -> None:
    held = base64.b64encode(b"nobody-knows").decode()
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": held}, "stringData": {"b": "on"}}
    hidden = redacted([secret, {"said": f"nobody-knows {held}", "mode": "on"}])
    assert hidden[0] == {**secret, "data": {"a": "(hidden)"}, "stringData": {"b": "(hidden)"}}
    assert hidden[1] == {"said": "(hidden) (hidden)", "mode": "on"}
    settings = {"kind": "ConfigMap", "data": {"a": "nobody-knows"}}
    assert redacted(settings) == settings


KEY = "-----BEGIN KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEF\n" * 4 + "-----END KEY-----\n"


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (base64.b64encode(b"hunter2pass\n").decode(), "hunter2pass"),  # echo ... | base64
        (base64.b64encode(b"hunter2pass").decode() + "\n", "hunter2pass"),  # a block
        (base64.b64encode(b"hunter2pass").decode() + "\n", "aHVudGVyMnBhc3M="),
        (base64.encodebytes(KEY.encode()).decode(), KEY.strip()),  # in lines of 76
        (base64.encodebytes(KEY.encode()).decode(), base64.b64encode(KEY.encode()).decode()),
        (base64.encodebytes(KEY.encode()).decode(), KEY.splitlines()[1]),
    ],
)
def test_what_a_secret_of_kubernetes_holds_is_known_however_it_was_written(held: str, said: str) -> None:
    for field, value in (("data", held), ("stringData", base64.b64decode(held).decode())):
        secret = {"kind": "Secret", "metadata": {"name": "s"}, field: {"a": value}}
        assert redacted([secret, f"({said})"])[1] == "((hidden))"


def test_the_lines_of_a_file_in_a_secret_are_words_like_any_other() -> None:
    secret = {"kind": "Secret", "stringData": {"app.yaml": "metadata:\n  password: hunter2!\nreplicas: 3\n"}}
    assert redacted([secret, "metadata: replicas: 3"])[1] == "metadata: replicas: 3"


AUTH = base64.b64encode(b"ada:hunter2pass").decode()
DOCKER = json.dumps({"auths": {"registry.example": {"username": "x", "auth": AUTH}}})
BYTES = base64.b64encode(b"\xff\x00hunter2pass\x9c short\x01" + bytes(range(128, 190))).decode()
PARTS = {
    "a line": ({"API_TOKEN": "hunter2one\n  hunter2two\n"}, "hunter2two"),
    "a line of an ENV": ({"name": "DB_PASSWORD", "value": "hunter2one\r\nhunter2two"}, "hunter2one"),
    "a line of a key": ({"name": "SSH_KEY", "value": KEY}, KEY.splitlines()[1]),
    "a registry's login": ({"kind": "Secret", "stringData": {".dockerconfigjson": DOCKER}}, AUTH),
    "a registry's user": ({"kind": "Secret", "stringData": {".dockerconfigjson": DOCKER}}, "ada:hunter2pass"),
    "a registry's password": (
        {"kind": "Secret", "data": {".dockerconfigjson": base64.b64encode(DOCKER.encode()).decode()}},
        "hunter2pass",
    ),
    "a key in JSON": (
        {"kind": "Secret", "stringData": {"a.json": json.dumps([{"b": KEY}])}},
        KEY.splitlines()[1],
    ),
    "text in bytes": ({"kind": "Secret", "data": {"store": BYTES}}, "hunter2pass"),
    "bytes in lines": ({"kind": "Secret", "data": {"store": f"{BYTES[:60]}\n{BYTES[60:]}\n"}}, BYTES),
}


@pytest.mark.parametrize(("document", "said"), PARTS.values(), ids=PARTS)
def test_a_part_of_a_secret_is_hidden_where_it_is_told_alone(document: dict[str, object], said: str) -> None:
    assert redacted([document, f"({said})"])[1] == "((hidden))"


def test_what_is_in_a_secret_but_no_part_of_its_values_is_told() -> None:
    secret = {
        "kind": "Secret",
        "stringData": {"a.json": DOCKER, "b.json": "{broken", "c.json": "[" * 100_000},
    }
    said = "registry.example auths short -----BEGIN PRIVATE KEY-----"
    assert redacted([secret, {"API_TOKEN": KEY}, said])[2] == said


def test_what_a_name_of_a_thing_tells_is_hidden_in_its_own_place_alone() -> None:
    document = {"dbPassword": "payments", "target": "deployment/Payments-db", "said": "payments, hunter2!"}
    hidden = {**document, "dbPassword": "(hidden)", "said": "payments, (hidden)"}
    assert redacted(document, ["hunter2!"], ["deployment/Payments-db"]) == hidden
    assert redacted(document)["said"] == "(hidden), hunter2!"
    assert nameless(["payments", "ayment", "payments2"], ["shop", "Payments"]) == {"payments2"}
    assert compared(document, document, (), ["payments"])[0]["said"] == document["said"]


def test_a_key_that_is_a_secret_is_hidden_but_no_field_that_programs_look_for() -> None:
    secrets = {"hunter2", "timeline"}
    value = {"timeline": {"x-hunter2": 1}, "labels": {"timeline": "x", "2026-07-01T00:00:00Z": 1}}
    told = {"timeline": {"x-(hidden)": 1}, "labels": {"(hidden)": "x", "2026-07-01T00:00:00Z": 1}}
    assert redacted(value, secrets) == told
    held = {"kind": "Secret", "data": {"hunter2": "aGVsbG8="}}
    assert redacted(held, secrets) == {"kind": "Secret", "data": {"(hidden)": "(hidden)"}}
    assert compared({"x-hunter2": 1, "y": 1}, {"x-hunter2": 2, "y": 2}, secrets) == (
        {"x-(hidden)": 1, "y": 1},
        {"x-(hidden)": 2, "y": 2},
    )


def test_a_time_stays_one_whatever_is_secret() -> None:
    at = "2026-05-04T03:00:00.000001+00:00"
    document = {"password": "2026-05-04", "at": at, "said": f"at {at}"}
    hidden = {"password": "(hidden)", "at": at, "said": "at (hidden)T03:00:00.000001+00:00"}
    assert redacted(document) == hidden


def test_of_two_objects_it_is_seen_that_a_secret_differs_and_not_how() -> None:
    now = {"kind": "Secret", "data": {"a": "b2xkLXNlY3JldA==", "same": "c2FtZQ=="}, "n": [1, {"token": "x"}]}
    then = {
        "kind": "Secret",
        "data": {"a": "bmV3LXNlY3JldA==", "same": "c2FtZQ=="},
        "n": [1, {"token": "y"}, 2],
    }
    assert compared(now, then) == (
        {"kind": "Secret", "data": {"a": "(hidden) (now)", "same": "(hidden)"},
         "n": [1, {"token": "(hidden) (now)"}]},
        {"kind": "Secret", "data": {"a": "(hidden) (run)", "same": "(hidden)"},
         "n": [1, {"token": "(hidden) (run)"}, 2]},
    )  # fmt: skip
    assert compared({}, {"a": 1}) == ({}, {"a": 1})


def test_of_two_lists_what_has_a_name_is_compared_with_what_is_called_so() -> None:
    a, b, other = ({"name": name, "value": f"{name}-hunter2"} for name in ("A_TOKEN", "B_TOKEN", "C_TOKEN"))
    hidden = {"name": "B_TOKEN", "value": "(hidden)"}
    assert compared([a, b], [b]) == ([{**a, "value": "(hidden)"}, hidden], [hidden])
    assert compared([a, b], [b, {**a, "value": "hunter3"}]) == (
        [{"name": "A_TOKEN", "value": "(hidden) (now)"}, hidden],
        [hidden, {"name": "A_TOKEN", "value": "(hidden) (run)"}],
    )
    assert compared([a, a], [b, b])[0] == [{**a, "value": "(hidden) (now)"}] * 2
    assert compared([{"n": 1}, a], [other])[0] == [{"n": 1}, {**a, "value": "(hidden)"}]


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
        ('up{token="hunter2!", x="y"}', 'up{token="(hidden)", x="y"}'),
        ('--password="correct horse battery" -v', '--password="(hidden)" -v'),
        ("--password='it is \"so\"' -v", "--password='(hidden)' -v"),
        ('password="hunter2,hunter3" x', 'password="(hidden)" x'),
        ('password="hunter2\\"3" x="y"', 'password="(hidden)" x="y"'),
        ('up{token!="hunter2!", x="y"}', 'up{token!="(hidden)", x="y"}'),
        ('up{token!~"hunter.!", x="y"}', 'up{token!~"(hidden)", x="y"}'),
        (r'{"q": "up{token=\"a hunter\", x=\"y\"}"}', r'{"q": "up{token=\"(hidden)\", x=\"y\"}"}'),
        ('password="" x="y"', 'password="" x="y"'),
        (r'{"q": "GET \"/?token=hun\\ter2\" y"}', r'{"q": "GET \"/?token=(hidden)\" y"}'),
        ("up{token=~'hunter2!'}", "up{token=~'(hidden)'}"),
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


@pytest.mark.parametrize(
    "secret", ["it's 'mine'", 'a "b" c', 'it\'s "both"', "back\\slash", "two\nlines", "tab\t→"]
)
@pytest.mark.parametrize("beside", ["", "'", '"', "'\""])
def test_a_secret_is_found_in_the_words_of_a_bug(secret: str, beside: str) -> None:
    said = repr(KeyError(f"{beside} of {secret} is {beside}"))
    assert re.fullmatch(r".{10,14} of \(hidden\) is .{2,6}", without(said, {secret}))


def test_what_is_spared_a_secret_is_otherwise_as_it_was() -> None:
    plain = {"password": "other words", "n": 123456, "in": [("x 123456",), None, True]}
    told = {"password": "other words", "n": 123456, "in": [["x (hidden)"], None, True]}
    assert spared(plain, {"123456"}) == told
