"""Secrets are known by how they are written, in every way that people and programs have; words are left."""

from __future__ import annotations

import pytest

from chaoskit.redaction import redacted, scrubbed
from chaoskit.secretforms import looks_secret

CANARY = "k7Q2bmXkthaYW"

WRITTEN = (
    "--api-key=@",
    '--api-key="@"',
    "x --password @ -v",
    '-token "a @" -v',
    "curl -u admin:@ http://a",
    "curl --user=admin:@",
    'curl -H "X-Api-Key: @" http://a',
    'curl -H "X-Vault-Token: @"',
    "-H 'PRIVATE-TOKEN: @' -v",
    "X-Api-Key: @",
    "Cookie: session=@",
    '-H "Cookie: a=1; b=@"',
    r'-d "{\"password\": \"@\"}"',
    '-d \'{"user": 1, "password": "@"}\'',
    "a: 1\npassword: @\nb: 2",
    "password: @\nb: 2",
    "- a\n- token: @",
    "[db]\npassword = @\nhost = x",
    "mysql -h db -uroot -p@ -e 'select 1'",
    "redis-cli -h db -a @ ping",
    "sshpass -p @ ssh me",
    "https://a.blob/x?sv=1&sig=@&se=2",
    "https://a/x?X-Amz-Signature=@",
    "MYSQL_PWD=@",
    "DB_PASS=@",
    "SSH_PASSPHRASE=@",
    "AccountName=a;AccountKey=@;x=1",
    "CHAOSKIT_MODEL_KEY=@",
    "CHAOSKIT_PAGERDUTY_KEY=@",
    "helm --set auth.password=@",
    'prometheus is "me:@@host:9090", expected',
)


@pytest.mark.parametrize("written", WRITTEN)
def test_a_secret_is_hidden_as_it_is_usually_written(written: str) -> None:
    told = scrubbed(written.replace("@", CANARY, 1) if "@@" in written else written.replace("@", CANARY))
    assert CANARY not in told
    assert "(hidden)" in told


@pytest.mark.parametrize(
    "words",
    [
        "busybox:1.35@sha256:abcdef",
        "docker run -p 8080:80 -u 1000 x",
        "mkdir -p /x",
        "chaoskit predict --token-file FILE",
        "token of notifications is 'x'",
        "token expired: log in",
        "a note: secret: not found",
        "secretName: creds\nsecretKeyRef: x\n",
        "PWD=/home/me",
        "verdict: Pass",
        "passed: 3 of 4",
        "me@example.com at 12:30",
        "imagePullSecrets:\n- name: registry\n",
    ],
)
def test_words_that_only_speak_of_secrets_are_left(words: str) -> None:
    assert scrubbed(words) == words


def test_what_follows_an_option_in_a_list_is_its_answer() -> None:
    command = [
        "curl",
        "-u",
        "me:k7 Q2",
        "--password",
        "two words",
        "--token-file",
        "path",
        "-H",
        "X-Token: k7",
    ]
    hidden = ["curl", "-u", "me:(hidden)", "--password", "(hidden)", "--token-file", "path", "-H"]
    told = redacted({"command": command, "said": "two words"})
    assert told == {"command": [*hidden, "X-Token: (hidden)"], "said": "(hidden)"}


@pytest.mark.parametrize(
    "name", ["Authorization", "X-Api-Key", "Cookie", "DB_PASS", "MYSQL_PWD", "model_key"]
)
def test_headers_and_variables_are_known_by_their_names(name: str) -> None:
    assert looks_secret(name)
    header = {"name": name, "value": CANARY}
    assert redacted({"httpHeaders": [header]}) == {"httpHeaders": [{"name": name, "value": "(hidden)"}]}


@pytest.mark.parametrize("name", ["PWD", "compass", "key", "partition", "secretName", "bypass_checks"])
def test_other_names_are_no_secrets(name: str) -> None:
    assert not looks_secret(name)
