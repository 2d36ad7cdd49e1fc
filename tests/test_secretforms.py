"""Secrets are known by how they are written, in every way that people and programs have; words are left."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import chaoskit
from chaoskit.redaction import redacted, scrubbed
from chaoskit.secretcommands import answers
from chaoskit.secretnames import looks_secret

CANARY = "k7Q2bmXkthaYW"

WRITTEN = (
    "authorization:\n    type: Bearer\n    credentials: @\n",
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
    "-H X-Api-Key:@",
    "-H 'X-Api-Key:@'",
    "a: 1\npassword: @\nb: 2",
    'db:\n  host: h\n  password: "@"\n',
    "db:\n  password: '@'\n",
    '[db]\npassword = "@"\n',
    '{"name":"API_TOKEN","value":"@"}',
    r'{"q": "{\"name\": \"API_TOKEN\", \"value\": \"@\"}"}',
    "- name: DB_PASSWORD\n  value: @\n",
    '["curl", "--password", "@"]',
    '{"X-Api-Key": ["@"]}',
    "curl -sku me:@ http://a",
    'curl -u me:"@"',
    "curl --proxy-user me:@",
    "mysql -p'@'",
    "kubectl exec db -- mysql -uroot -p@",
    "redis-cli -a '@'",
    "sshpass -p'@' ssh me",
    "password: @\nb: 2",
    "- a\n- token: @",
    "[db]\npassword = @\nhost = x",
    "mysql -h db -uroot -p@ -e 'select 1'",
    "redis-cli -h db -a @ ping",
    "sshpass -p @ ssh me",
    "db:\n  password: |\n    @\n  host: h\n",
    "db:\n  password: >-  # folded\n    a b\n\n    @\n",
    "- password: |2\n    @\n  user: me\n",
    '"password": |\n  @\n',
    "password:\n    @\nuser: me",
    "passwords:\n- a\n- @\n",
    "tokens:\n  - @\nb: 1\n",
    "- name: DB_PASSWORD\n  value: |\n    @\n",
    "a: 1\npassword = '''@'''\n",
    'a: 1\npassword = """a\n@"""\n',
    '{"passwords": ["a", "@"]}',
    r'{"q": "{\"passwords\": [\"a\", \"@\"]}"}',
    'passwords: ["a", "@"]\nb: 1',
    "password: it's @\nb: 1",
    'up{secret="@"}',
    "kube_x{a='b'} secret=@",
    "said authorization: @",
    "said authorization: basic @",
    "said authorization: aws4-hmac-sha256 Credential=@",
    "Authorization: correct @",
    *(f"> authorization: {scheme} @" for scheme in ("oauth", "key", "bot", "secret", "user")),
    "authorization=key @",
    "authorization: custom id=5 sig=@",
    "curl -H 'authorization: oauth @' x",
    "said 'authorization': 'token @'",
    'Bearer @="',
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
    "--secret-key @",
    "mc ls --access-key AKIA --secret-key @",
    "-H 'X-Secret-Key: @'",
    "a: b\nsecret-key: '@'\n",
    "[s3]\nsecret-key = @",
    "--client-secret-value @",
    "--password-hash @",
    "curl --password \\\n  @",
    "password: @",
    "smtp.password: @",
    "aws_secret_access_key = @",
    '"login-token: @"',
    "db: {user: a, password: @}",
    "{pwd: @}",
    "<password>@</password>",
    '{"pass": "@"}',
    "smtp.pass=@",
    "a: b\ndb.pass: @",
    "Server=db;User Id=sa;Pwd=@;",
    *(f"-H '{name}: @'" for name in ("X-Auth-Key", "Ocp-Apim-Subscription-Key", "x-functions-key")),
    "DD-APPLICATION-KEY: @",
    "JWT_KEY=@",
    "DD_APP_KEY=@",
    "REDISCLI_AUTH=@",
    "mongosh -u root -p @ admin",
    "docker exec db mongo -u root -p @",
    "mongo -p @ -u root",
    "{token: '@', a: b}",
    "mongodump --username root -p '@'",
    "docker login -u me -p @ registry",
    "podman login -p @ registry",
    "helm registry login host -u me -p @",
    "oc login -u me -p @",
    "az login --service-principal -u app -p @",
    "rabbitmqadmin -u guest -p @",
    "cqlsh -u x -p @",
    "sqlcmd -S db -U sa -P @",
    "ldapsearch -x -D cn=admin -w @ -b dc=x",
    "valkey-cli -a @ ping",
    "run: |\n  mysql -uroot \\\n    -p@ -e 'select 1'",
    "https://hooks.slack.com/services/T000/B000/@",
    "https://discord.com/api/webhooks/123/@",
    "https://api.telegram.org/bot123:@/sendMessage",
    "https://shop.example/api/f?code=@",
    "curl 'https://maps.example/x?a=1&key=@'",
    "invalid token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.@",
    "vault login hvs.@",
    "npm config set //r/:_authToken npm_@",
    *(f"said {each}@" for each in ("ghp_", "github_pat_", "glpat-", "xoxb-1-2-", "sk_live_", "dckr_pat_")),
)

KEYS = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow@AKCA\n@==\n-----END RSA PRIVATE KEY-----\n",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIEow@AKCA\n@…",
    "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A\n\n@\n-----END EC PRIVATE KEY-----",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nMIIEow@AKCA\n-----END PGP PRIVATE KEY BLOCK-----",
)


@pytest.mark.parametrize("written", KEYS)
@pytest.mark.parametrize("encode", [str, json.dumps, repr, lambda key: key.replace("\n", "\n    ")])
def test_a_private_key_is_hidden_to_its_end_however_it_is_written(
    written: str, encode: Callable[[str], str]
) -> None:
    key = encode(written.replace("@", CANARY))
    told = scrubbed(f"expected {key} instead of wrong")
    assert CANARY not in told
    assert told.startswith("expected ")
    if "END" in written:
        assert told.endswith(" instead of wrong")


@pytest.mark.parametrize("written", WRITTEN)
def test_a_secret_is_hidden_as_it_is_usually_written(written: str) -> None:
    told = scrubbed(written.replace("@", CANARY, 1) if "@@" in written else written.replace("@", CANARY))
    assert CANARY not in told
    assert "(hidden)" in told


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("a:\n  password: |\n    x\n\n    y\n\n  b: 1\n", "a:\n  password: |\n    (hidden)\n\n  b: 1\n"),
        ("- password: >-\n    x\n  user: me\n", "- password: >-\n    (hidden)\n  user: me\n"),
        ("passwords:\n- x\n- y\nb: 1\n", "passwords:\n- (hidden)\nb: 1\n"),
        ("password:\n  x\nb:\n  y\n", "password:\n  (hidden)\nb:\n  y\n"),
        ('{"passwords": ["x", "y"], "b": "c"}', '{"passwords": ["(hidden)"], "b": "c"}'),
        ('{"password": "x", "b": ["c", "d"]}', '{"password": "(hidden)", "b": ["c", "d"]}'),
    ],
)
def test_what_stands_below_a_name_is_hidden_and_nothing_behind_it(written: str, told: str) -> None:
    assert scrubbed(written) == told


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
        "secrets:\n- name: registry1\n",
        "secret:\n  secretName: creds1\n",
        "secrets:\n- access words\n",
        "password:\n  valueFrom:\n    secretKeyRef: {name: creds1}\n",
        "password: |\nuser: me\n",
        "token-service-scale-down: deployment/token-service is being deleted",
        "not ready\ntoken-service: 2 of 3 pods",
        "rules\nsecrets: get list",
        "steady state\n  cookie-shop = 0.99 of 1",
        "docker login --password-stdin registry.example.com",
        "curl --cookie-jar production",
        "redis-cli -u redis://cache.shop:6379",
        "docker run -u 1000:1000 mysql",
        "mysqld -port 3306 -P3306",
        "scale mysql in shop -prod",
        "login-token: valid",
        '"auth-token: keeps answering"',
        "auth-token: deployment is back",
        'token_errors{token_kind="access"}',
        "token-service=0.99, tokenizer=0.93",
        "max_tokens=4096 tokens=300 token_count=5",
        "POSTGRES_PASSWORD_FILE=/run/secrets/pg1",
        "TOKEN_URL=http://auth/x TOKEN_TTL=3600 COOKIE_DOMAIN=shop.example",
        "--password-file=/run/secrets/x1 --api-key-header=X-Key",
        "--set auth.existingSecret=creds-1 imagePullSecrets=[regcred]",
        "exported_token_service_latency=0.3",
        "up{secret_store='a'}",
        "name: token-latency, value: 0.93",
        "OLDPWD=/home/me",
        "pass=3 fail=2",
        "passed=3 bypass=1",
        "a\npass: 3\nfail: 2",
        "passwordless=true",
        'secret: "shop-db1" not found',
        "a bearer token of 16 characters, 'bearer authentication'",
        "npm_config_registry=https://r/ npm_lifecycle_event2=x",
        "expected -----BEGIN PRIVATE KEY----- at the beginning",
        "-----BEGIN CERTIFICATE-----\nMIIEowIBAAKCAQEA\n-----END CERTIFICATE-----",
        "GET /status?code=500&key=memory_usage",
        "docker run -p 8080:80 --name mongo -p 27017:27017 mongo",
        "kubectl patch deploy mongo -p '{\"spec\": {}}'",
        "chaoskit login -p me; mkdir -p /data/db1",
        "https://hooks.example/services/T000/B000",
        "{user: a, token: none",
        '"usage: x <token> <password>", "it"',
        "PASSWORD_MIN_LENGTH=12 passwords_checked=3 --password-ttl=90d API_KEY_REQUIRED=true",
        "is_password_set=true passwordSecretName=creds PRIVATE_KEY_PATH=/etc/k1",
        '{"pass": 120, "fail": 2}',
        "{pass: 3, fail: 2}",
        "<pass>3</pass><pass>ok</pass>",
        "pass=1000 fail=3",
        "{tokens: 300, limit: 4}",
        "{status: pass, token: ok}",
        "targets: {labels: {secret: edge}}",
        "<token>expected ; but found }</token>",
        "<secret>shop-db</secret><x>1</x>",
        "pwd=/app/data",
        "kubectl exec mongo -- mkdir -p /data/db",
        "kubectl -n mongo logs web -p previous",
        "helm upgrade mongo ./c -p x",
        "set --var db_password=VALUE",
        "mongodb://USER:PASSWORD@HOST:PORT/DATABASE?replicaSet=NAME",
        "Authorization: Bearer TOKEN",
        'count(kube_secret_info{namespace="shop", secret="db"}) > 0',
        'kube_pod_spec_volumes_secret{secret=~"db.*"}',
        "token=expired secret=missing password=empty token=true cookies=12 credentials=none",
        "--enable-bootstrap-token-auth=true routing_key=orders.created",
        "- cart: 1 of 2 ready\n- password-reset: 2 of 2 ready\n",
        "- password-reset: 2/2 ready\n- password-reset-0: 0 of 1 ready, CrashLoopBackOff\n",
        "a: 1\npassword-reset: 12 ms\n",
        "  basic-auth: 0 of 1 ready\n  cart: 1 of 1 ready",
        '{"basic-auth": "Running", "neo4j-auth": 3}',
        "basic-auth=0/1 aws-creds=irsa deploy-pat=Pending",
        "--tls-key=/etc/tls/tls.key ssl-key=/etc/mysql/server-key.pem --tlskey=~/.docker/key.pem",
        "a: 1\nencrypt_rsa_key = no\ntls_key = yes\ntls-key: 1679 bytes\n",
        "password-reset=3 email:jane@shop.example deployment:cart@shop",
        "date -u +%H:%M",
        "a: b\nPASSWORD_RESET_URL: https://shop/reset\n",
        (
            "pull access denied, repository does not exist or may require authorization: server message: "
            "insufficient_scope: authorization failed"
        ),
        "Error: authorization: no such user",
        "authorization: denied",
        'the line "password:" is missing; step "x" failed',
        'echo "password:"\nkubectl get pods\nall is well\nsee "x"',
        'WWW-Authenticate: Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
    ],
)
def test_words_that_only_speak_of_secrets_are_left(words: str) -> None:
    assert scrubbed(words) == words


@pytest.mark.parametrize(
    "name",
    [
        *("api-key-primary", "api-key-v1", "signing-key-v1", "db-password-replica", "password-db-rw"),
        *(
            "slack-token-bot",
            "client-secret-v2",
            "password.shop",
            "secret-id",
            "token.github",
            "token-prod-eu",
        ),
        *("API_TOKENS", "tokens", "secrets", "DB_SECRETS", "NO_REPLY_SMTP_PASSWORD", "IS_ADMIN_PASSWORD"),
        *("MIN_IO_SECRET_KEY", "MAX_MIND_LICENSE_KEY", "PASSWORD_PG_HOST", "DB_PASSWORD_SERVICE"),
        *("JWT_SECRET_BACKEND", "API_TOKEN_USER_SERVICE", "K3S_TOKEN_SERVER", "api-key-service"),
        *("password-reset-service", "DB_PASSWORD_PROFILE", "API_KEY_USERNAME", "PASSWORD_LENGTH"),
    ],
)
def test_what_is_called_by_a_secrets_name_is_hidden_whatever_the_name_goes_on_with(name: str) -> None:
    assert looks_secret(name)
    written = (f"--set a={name}={CANARY}", f'{{"{name}": "{CANARY}"}}', f"a: b\n{name}: {CANARY}\n")
    for each in (*written, f"--{name} {CANARY}"):
        assert CANARY not in scrubbed(each)
    assert redacted({name: CANARY, "a": CANARY}) == {name: "(hidden)", "a": "(hidden)"}


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("PASSWORD_LENGTH", 12, False),
        ("PASS", "12345678", True),
        ("pass", "3/5", False),
        ("PASSWORD_LENGTH", "12", False),
        ("PASSWORD_LENGTH", "hunter-length=5", True),
        ("PASSWORD_LENGTH", "12345678", True),
        ("DB_PASSWORD_SERVICE", "123456", True),
        ("db_password", "123456", True),
        ("IS_ADMIN_PASSWORD", "true", False),
        ("IS_ADMIN_PASSWORD", "123456", True),
        ("tokens", 4096, False),
        ("API_TOKENS", "k7,Q2", True),
        ("pass", 120, False),
        ("pass", "ok", False),
        ("pass", "3-xyz", True),
        ("smtp.pass", "123", True),
        ("cookie-shop", "0.99 of 1", False),
        ("cookie-shop", "0.99 of 1\nk7Q2bm", True),
        ("secret-key", "1 of 2", True),
        ("password-reset", "CrashLoopBackOff", False),
        ("password-reset", "12!kQ2bmX", True),
        ("basic-auth", "1 of 1 ready", False),
        ("basic-auth", 2, False),
        ("neo4j-auth", "neo4j/k7Q2bm", True),
        ("deploy-creds", "Running", False),
        ("deploy-creds", "k7Q2bm", True),
        ("gh-pat", "k7Q2bm", True),
        ("BASIC_AUTH", "correct:horse", True),
    ],
)
def test_a_count_and_an_answer_are_no_secrets_by_their_values(name: str, value: object, secret: bool) -> None:
    assert looks_secret(name, value) is secret
    assert (redacted({name: value}) == {name: "(hidden)"}) is secret


@pytest.mark.parametrize(
    ("written", "secret"),
    [
        ("DB_PASS=@", "3-xyz-QQ"),
        ("--pass=@", "12!kQ2bmX"),
        ("SMTP_PASS=@", "7$kQ2"),
        ("DB_PASS=@", "123"),
        ("a: b\nsmtp.pass: @", "12 kQ2"),
        ("said 'x-api-key: @'", "correcthorse"),
        ('said "password: @"', "12345678"),
        ("x-api-key: @", "correcthorse"),
        ('"db-password: @"', "wrong horse"),
        ("{a: b, db-password: @}", "correcthorse"),
        ("<a:password x='y'>@</a:password>", "correcthorse"),
        ("pwd=@", "/app7"),
        ("redis-cli -a @ ping", "{}x9kk77"),
        ("vault write auth/approle/login role_id=a secret-id=@", "correcthorse"),
    ],
)
def test_words_and_numbers_are_hidden_where_they_are_called_a_password(written: str, secret: str) -> None:
    told = scrubbed(written.replace("@", secret))
    assert secret not in told
    assert "(hidden)" in told


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
    ("command", "secret"),
    [
        (["mysql", "-uroot", "-pk7Q2bm", "-e", "x"], "k7Q2bm"),
        (["/usr/bin/redis-cli", "-a", "k7Q2bm"], "k7Q2bm"),
        (["sshpass", "-p", "k7Q2bm", "ssh"], "k7Q2bm"),
        (["curl", "-sku", "me:k7Q2bm"], "k7Q2bm"),
        (["mongosh", "-u", "root", "-p", "k7Q2bm"], "k7Q2bm"),
        (["docker", "login", "-u", "me", "-p", "k7Q2bm", "registry"], "k7Q2bm"),
        (["sqlcmd", "-S", "db", "-P", "k7Q2bm"], "k7Q2bm"),
        (["ldapsearch", "-w", "k7Q2bm"], "k7Q2bm"),
        (["/usr/bin/valkey-cli", "-a", "k7Q2bm"], "k7Q2bm"),
        (["mc", "--secret-key", "k7Q2bm"], "k7Q2bm"),
        (["docker", "run", "--name", "mongo", "-p", "production"], ""),
        (["x", "--token-ttl", "production", "--api-key=x", "production"], ""),
        (["docker", "login", "--password-stdin", "registry.example.com"], ""),
        (["curl", "--cookie-jar", "production"], ""),
        (["redis-cli", "-u", "redis://cache.shop:6379"], ""),
        (["docker", "run", "-u", "1000:1000", "-p", "8080:80"], ""),
        (["mysqld", "-port", "3306"], ""),
        ([1, "--password", None, {"a": 1}], ""),
    ],
)
def test_what_a_word_of_a_command_says_depends_on_those_before(command: list[Any], secret: str) -> None:
    assert "".join(answers(command)) == secret
    said = "registry.example.com and 6379, production, 1000"
    assert redacted({"command": command, "said": said})["said"] == said


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Authorization",
            "X-Api-Key",
            "Cookie",
            "DB_PASS",
            "MYSQL_PWD",
            "model_key",
            "pass",
            "pwd",
            "smtp.pass",
        ),
        *(
            "secret-key",
            "SMTPPass",
            "password-prod",
            "token.txt",
            "DB_PASSWORD_2",
            "credentials",
            "app/db-token",
        ),
    ],
)
def test_headers_and_variables_are_known_by_their_names(name: str) -> None:
    assert looks_secret(name)
    header = {"name": name, "value": CANARY}
    assert redacted({"httpHeaders": [header]}) == {"httpHeaders": [{"name": name, "value": "(hidden)"}]}


@pytest.mark.parametrize(
    "name",
    [
        *("PWD", "OLDPWD", "compass", "key", "partition", "secretName", "bypass_checks", "token-service"),
        *("tokenFile", "TOKEN_URL", "token_latency_seconds", "tokens_per_second", "token-store"),
        *("cookie_errors", "TOKEN_STORE", "POSTGRES_PASSWORD_FILE", "max_tokens", "imagePullSecrets"),
        *("primary_key", "use_basic_auth", "spat", "compat", "PASSWORD_RESET_URL"),
        *("existingSecret", "secretKeyRef", "with-credentials", "pass-through", "secretary", "tokenizer"),
    ],
)
def test_other_names_are_no_secrets(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("passwd", "passphrase", "db-pass", "db_pass", "mysql_pwd", "secret", "token", "credential"),
        *("authorization", "cookie", "access-key", "account_key", "apikey", "encryption-key", "license_key"),
        *("masterkey", "model-key", "pagerduty_key", "private-key", "routing_key", "shared-key"),
        *("signingkey", "ssh-key", "stripe_key", "hmac-key", "fernet_key", "tls_key", "sendgrid_key"),
        *("dbpass", "smtppass", "basic_auth", "http_basic_auth", "neo4j_auth", "registry_creds", "gh_pat"),
        "docker_auth_config",
    ],
)
def test_a_text_is_searched_for_every_such_name_in_capitals_too(name: str) -> None:
    assert CANARY not in scrubbed(f"said {name}={CANARY}")
    assert CANARY not in scrubbed(f"said {name.upper()}={CANARY}")


def test_chaoskits_own_words_are_told_where_they_say_what_to_put_there() -> None:
    found = [
        text
        for path in Path(chaoskit.__path__[0]).rglob("*.py")
        for each in ast.walk(ast.parse(path.read_text()))
        if isinstance(each, ast.Constant | ast.JoinedStr)
        and re.search(r"\b(PASSWORD|TOKEN|VALUE)\b", text := _said(each))
    ]
    assert any("--var db_password=VALUE" in text for text in found)
    assert [text for text in found if scrubbed(text) != text] == []


def _said(written: ast.Constant | ast.JoinedStr) -> str:
    """What stands there, with names that call secret what is beside them."""
    parts = written.values if isinstance(written, ast.JoinedStr) else [written]
    return "".join(str(each.value) if isinstance(each, ast.Constant) else "db_password" for each in parts)


WHOLE = (
    # quotes: over lines, with quotes within, by Python, Ruby and shells
    'password: "correct horse\n  @"\nuser: a\n',
    "db:\n  password: 'it''s @'\n  user: a\n",
    "db:\n  password: correct\n    @\n  user: a\n",
    'password: "a\\\n  @"\nb: 1\n',
    "password='it'\"'\"'s@'",
    "PGPASSWORD='it'\\''s@' psql",
    'password="a\\"@"',
    r'{"q": "{\"password\": \"a\\\"@\"}"}',
    "password=b'@'",
    "--password='a b'@",
    '{:password=>"@"}',
    "'password' => '@'",
    'password := "@"',
    '"password" = "@"',
    'a: b\npassword: a"@\n',
    # lists
    '{"Authorization": ["Basic @"]}',
    '{"headers": {"Cookie": ["sid=@"], "A": ["b"]}}',
    "headers={'Authorization': ['Basic @']}",
    "passwords: [a,\n  @]\n",
    '"passwords": [\n  "a",\n  "@"\n]',
    "map[X-Api-Key:[@]]",
    # headers, to the end of their line
    'Authorization: Digest username="a", response="@"',
    'Authorization: Signature keyId="a",signature="@"',
    'Authorization: Bearer "@"',
    'Set-Cookie: a="@"; Path=/',
    "Cookie: a='b'; c=@",
    'X-Api-Key: a"@',
    # variables, settings of drivers, words of commands
    "DB_PASSWORD=p,@",
    "DB_PASSWORD=p;@",
    "DB_PASSWORD=p&@",
    "Password={a;@};Host=h",
    'GOOGLE_CREDENTIALS={"a":"@"}',
    "PASSWORD=$(cat <<E\n@\nE\n)",
    "curl -u 'admin:p,@' h",
    'curl -u "admin:it\'s@" h',
    "curl -u admin:a\\ @ h",
    "mysql -uroot '-p@'",
    "postgres://shop:p@@db:5432/shop",
    # as Go prints what it holds, and within a sentence
    "{Host:db User:app Password:@ Port:5432}",
    '&redis.Options{Addr:"h", Password:"@"}',
    "map[DB_PASSWORD:@ HOST:h]",
    "login failed (user=admin, password: @)",
    "DB_HOST: h, DB_PASSWORD: @",
    "error: auth failed with password: @ for user a",
    # keys in capitals, columns, deep lines, blocks below a name with a dash, and base64 in them
    '{"Name": "DB_PASSWORD", "Value": "@"}',
    'v1.EnvVar{Name:"DB_PASSWORD", Value:"@", ValueFrom:nil}',
    "{Name:DB_PASSWORD Value:@ ValueFrom:nil}",
    "name: DB_PASSWORD value: @",
    'password                 : "@"\nb: 1\n',
    '"password"                     : "@"',
    " " * 45 + "password: correct @\n b: 1\n",
    "a: 1\nprivate-key: |\n  @\n",
    "a: 1\nX-Api-Key: >-\n  @\n",
    "headers:\n  Cookie:\n  - sid=@\n",
    "proxy-authorization:\n  - @\n",
    "a: 1\npassword:\n  @=\nb: 1",
    "tokens:\n- @=\n- b1c2d3e4\n",
    # signs in what stands alone
    "password: a;@",
    "password: a(@",
    "'token: a1(@'",
    "secret = a1[@",
    'bearer_token = "a1<@"',
    "tokens:\n- a1(@\n",
    'said "password = correct @"',
    "'secret-key = a;@'",
    'db-password = "a @"',
    "password=[a]@",
    'curl -H X-Api-Key:"@" h',
    "curl --header=X-Vault-Token:'a @' h",
    '--token="@"a failed',
    r'{"q": "{\"token\": \"Bearer @\"}"}',
    "map[Cookie:[Bearer @] A:[b]]",
    "password: [@",
    # what looks like a figure, a port or a workload at its beginning
    "mysql -p12!@ x",
    "mysql -uroot -p7$@ -e x",
    "token=4/0AX@",
    "auth-token: 4/0AX@\n",
    "login with service:@@db:5432 failed",
    # other forms
    "requirepass @\nport 1\n",
    "ALTER USER x PASSWORD '@'",
    "CREATE USER x IDENTIFIED BY '@'",
    '<add key="Password" value="@"/>',
    "<entry key='password'>@</entry>",
    '{"value": "@", "name": "DB_PASSWORD"}',
    "- value: @\n  name: DB_PASSWORD\n",
    '{"kind":"Secret","stringData":{"foo":"@"}}',
    '{"auths":{"h":{"auth":"@="}}}',
    "jdbc:oracle:thin:scott/@@h",
    "postgres:\\/\\/u:@@h",
    "openssl x -passin pass:@",
    *(f"{name}=@" for name in ("bindpw", "DB_PW", "userpass", "storepass", "UNSEAL_KEY", "CLIENT_KEY")),
    "client-key-data: @\nuser: a\n",
    *(f"said {each}@" for each in ("sk-proj-", "sk-ant-api03-", "shpat_", "dop_v1_", "pypi-AgEI")),
)
"""Each once told at its end what was hidden at its beginning, or all of it."""


@pytest.mark.parametrize("written", WHOLE)
def test_a_value_is_hidden_to_its_end(written: str) -> None:
    secret = "Zt5hQ7wPa1Lq"
    is_address = "@@" in written
    told = scrubbed(written.replace("@", secret, 1) if is_address else written.replace("@", secret))
    if is_address:
        told = told.replace("shop:p@", "")
    assert secret not in told
    assert "(hidden)" in told
    assert scrubbed(told) == told


@pytest.mark.parametrize(
    "words",
    [
        "password-manager: 2 of 3 pods ready\n",
        "api-key-service: 3 of 3 ready\n",
        "passwords-api: Running\n",
        "password-service: CrashLoopBackOff",
        "external-secrets: 2 of 2\nsealed-secrets: 1 of 1 ready\n",
        "reset-password: HTTP 500 instead of 200",
        '{"password-manager": "Running", "api-key-service": 0.93}',
        "password_attempts=3 app_keys=3 tokens_used=300 secrets=12",
        "a: 1\npassword: is required\nspec.password: Required value\n",
        "cookie: 3 errors",
        "authorization=0.98",
        "--password=$(DB_PASSWORD)",
        "password: ${X}\nb: 1\n",
        "password: {{ .Values.password }}\nb: 1\n",
        "password=$DB_PASSWORD",
        "mysqladmin -ping",
        "mysql latency -p95",
        "target:cart@shop",
        "a\ncookie-banner: passed\n  in 3 s\n",
        "a\npassword-pod-delete: weakness found\n",
    ],
)
def test_figures_states_and_references_are_left_behind_any_name(words: str) -> None:
    assert scrubbed(words) == words


def test_what_is_said_of_workloads_is_no_secret_in_records_either() -> None:
    record = {
        "ready": {"auth-token": 2, "password-manager": 3},
        "outcomes": {"auth-token": "passed"},
        "signals": [{"name": "password-manager", "value": 0.93}],
    }
    assert redacted(record) == record


@pytest.mark.parametrize(
    "written",
    [
        "password is @",
        "the token @ is invalid",
        "login with admin:@ failed",
        "the PIN=@",
        "GRAFANA_KEY=@",
        "echo @ | docker login --password-stdin",
        "rabbitmqctl add_user a @",
        "https://h?session=@",
        "https%3A%2F%2Fu%3A@%40h",
        "postgres://u:123/@@h/db",
        '{"password": [{"x": "@"}]}',
        "password:\n  current: @\n",
    ],
)
def test_what_is_not_promised(written: str) -> None:
    """Only as what is known to be a secret is such a one found, as all that stands in a Secret is."""
    assert CANARY in scrubbed(written.replace("@", CANARY, 1))
