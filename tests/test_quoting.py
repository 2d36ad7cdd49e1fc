"""What may be a secret is quoted to nobody, in a text that can be read or not; all else is."""

from __future__ import annotations

import pytest

from chaoskit.documents import parse
from chaoskit.documents.quoting import unquotable
from chaoskit.errors import InvalidInput

HIDDEN = {
    "a secret, said later": "stringData:\n  login: X\nkind: Secret\n",
    "a secret without its kind": "stringData:\n  login: X\n",
    "a secret in a list": "items:\n- kind: Secret\n  data:\n    login: X\n",
    "a secret in JSON": '{\n  "kind": "Secret",\n  "data": {\n    "login": "X"\n  }\n}\n',
    "a secret in a text": 'manifest: "{\\"kind\\": \\"Secret\\", \\"data\\": {\\"a\\": \\"X\\"}}"\n',
    "its value comes first": "env:\n- value: X\n  name: DB_PASSWORD\n",
    "comments between": "env:\n- name: DB_PASSWORD\n  # of the\n\n  # database\n  value: X\n",
    "a field beside it": "env:\n- name: DB_PASSWORD\n  value: a\n  valeu: X\n",
    "within a field beside it": "env:\n- name: DB_PASSWORD\n  value:\n    a: b\n    c: X\n",
    "a list within": "env:\n- name: API_TOKEN\n  value:\n  - a\n  - b\n  - X\n",
    "a text of lines": "env:\n- name: DB_PASSWORD\n  value: |\n    one\n    two\n    X\n",
    "badly indented": "env:\n- name: DB_PASSWORD\n  value: |\n    one\n   X: y\n",
    "not indented": 'env:\n- name: DB_PASSWORD\n  value: "one\ntwo\nX"\n',
    "below its name": "passwords:\n  a: b\n  c: X\n",
    "an item below its name": "passwords:\n- a\n- b\n- X\n",
    "JSON": '[\n  {\n    "value": "X",\n    "a": 1,\n    "name": "API_TOKEN"\n  }\n]\n',
    "behind a key that begins in the first column": (
        'kind: Secret\nstringData:\n  key: "-----BEGIN KEY-----\na\n-----END KEY-----"\n  login: {a: X}\n'
    ),
    "a line of such a key": 'kind: Secret\nstringData:\n  key: "\n-----BEGIN KEY-----\nX\n-----END KEY"\n',
    "a private key in other than a Secret": (
        'kind: ConfigMap\ndata:\n  server.key: "-----BEGIN PRIVATE KEY-----\na\nX\n-----END KEY-----"\n'
    ),
    "a name that goes on": "kind: ConfigMap\ndata:\n  api-key-primary: X\n  tokens: [a]\n",
    "more than one": "kind: ConfigMap\ndata:\n  tokens: [X]\n",
    "braces": "env:\n- {name: DB_PASSWORD,\n\n   value: X}\n",
}
QUOTED = {
    "another document": "kind: Secret\n---\nkind: Experiment\nspec: X\n---\nkind: Secret\n",
    "another document, with a comment or more in its first line": (
        "kind: Secret\n--- # other\nspec: X\n---\r\nkind: Secret\n--- {kind: Secret}\n"
    ),
    "what only names secrets": "kind: SecretStore\nspec:\n  a: b\n  c: X\n",
    "the next item": "env:\n- name: DB_PASSWORD\n  value: a\n- name: FORCE\n  value: X\n",
    "the item before": "env:\n- name: FORCE\n  value: X\n- name: DB_PASSWORD\n  value: a\n",
    "behind the list": "env:\n- name: DB_PASSWORD\n  value: a\nengine:\n  state: X\n",
}


def _marked(text: str) -> tuple[list[str], int]:
    lines = text.split("\n")
    return lines, next(n for n, line in enumerate(lines) if "X" in line)


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_a_line_with_a_secret_is_not_quoted(text: str) -> None:
    assert unquotable(*_marked(text))


@pytest.mark.parametrize("text", QUOTED.values(), ids=QUOTED)
def test_other_lines_are(text: str) -> None:
    assert not unquotable(*_marked(text))


def test_beyond_the_text_nothing_is_hidden() -> None:
    assert not unquotable([], 0)
    assert not unquotable(["a: 1"], 7)


SECRET = "kind: Secret\nmetadata: {name: s}\nstringData:\n"
KEY = f'{SECRET}  key: "-----BEGIN KEY-----\na\n-----END KEY-----"\n'
ENV = "env:\n- name: FORCE\n  value: a\n"
BROKEN = {
    "a colon": f"{SECRET}  login: a: geheim\n",
    "a field": f"{SECRET}  login: geheim: a\n",
    "an alias": f"{SECRET}  login: *geheim\n",
    "a tag": f"{SECRET}  login: !geheim x\n",
    "a tag of YAML": f"{SECRET}  login: !!geheim x\n",
    "a handle": f"{SECRET}  login: !geheim!x y\n",
    "a sign": f"{SECRET}  login: @geheim\n",
    "no colon": f"{SECRET}  login geheim\n  user: b\n",
    "said later": "stringData:\n  login: a\n  more: %geheim\nkind: Secret\n",
    "a value before its name": f"{ENV}- value: a: geheim\n  name: DB_PASSWORD\n",
    "behind a key": f"{KEY}  login: @geheim\n",
    "a tag with a quote": f"{SECRET}  login: !geheim'more\n",
    "a tag with a quote before more": f"{SECRET}  login: !geheim'more x\n",
    "a tag in brackets with a quote": f"{SECRET}  login: !<geheim'more>\n",
    "a value far from its name": f"{ENV}- name: DB_PASSWORD\n  # of the\n  # database\n  value: @geheim\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_a_text_holds_that_is_no_yaml_is_not_told(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text, "f.yaml")
    assert "geheim" not in str(caught.value)
    assert all(each.line > 1 for each in caught.value.problems)
