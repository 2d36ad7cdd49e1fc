"""What is called a secret: a name says so at its end, and in part what stands under it.

A password, a passphrase and the key of what is known to have one are, whatever follows. A token, a secret, a
cookie and credentials are also what programs are called for (``token-service``) and what is counted. What is
said of a workload, a figure of one, and where the secret is to be found are none behind any name.
"""

from __future__ import annotations

import re
from functools import lru_cache

SURE = (
    r"(?:passw|passphrase|passcode|requirepass|(?<=[-._\d])pass(?![a-z])|pwd(?![a-z])|rediscli_auth"
    r"|(?:admin|db|ftp|key|ldap|mail|root|smtp|sql|store|user)pass(?![a-z])|(?:bind|root|(?<=[-._])|db)pw(?![a-z])"
    r"|(?:access|account|aes|api|app|application|auth|client|datadog|encryption|fernet|functions|hmac|jwt|kms"
    r"|license|master|model|openai|pagerduty|private|routing|rsa|secret|sendgrid|session|shared|signing|ssh|ssl"
    r"|stripe|subscription|tls|twilio|unseal)[_-]?key(?!cloak))"
)
"""Whatever goes on from there is a secret, but for what says where one is."""
_THINGS = (
    r"(?:backend|broker|controller|engine|gateway|host|manager|operator|provider|proxy|servers?|service"
    r"|source|storage|store|worker)"
)
_MORE = (
    r"(?:[-.](?:admin|b64|base|base64|data|dev|env|hash|json|key|new|old|plain|prod|production|properties"
    r"|root|staging|string|test|text|txt|value|ya?ml|\d+))*"
)
_DASHED = r"(?:basic-auth|neo4_?j-auth|[\w.-]*-creds|[\w.-]*-pat)"
"""What workloads are called as well: only letters and digits are a secret there."""
_CALLED = re.compile(
    rf"{SURE}|(?:^pass(?![a-z])\w*|(?:secret(?!ar)|token(?!i[sz])|credential|authorization|cookie)"
    rf"\w*{_MORE}(?:[-.](?!{_THINGS}(?![a-z]))\w+)?){_MORE}$"
    r"|(?:basic|neo4_?j)[-._]?auth$|(?:^|[-._])creds$|[-._]pat$|docker_auth_config$"
)
"""Behind a dash of a token one other word may follow, but for a thing's: ``token-service`` is none."""
_SAYS_WHERE = re.compile(
    r"(?:[-._]|passw(?:or)?d|key|pass|phrase)(?:file|path|name|ref)s?$|[-._]stdin$|passwordless$|^old_?pwd$"
    r"|password[-._]reset[-._](?:link|page|ur[il])$"
)
_COUNTED = (
    r"(?:age|attempts|bytes|checked|counts?|days|enabled|errors?|expir(?:ed|es|ation|y)|fail(?:ed|ures)|hits|hours"
    r"|interval|latency|length|lifetime|limit|percent(?:age)?|period|policy|rate|requests|required|resets|rotation"
    r"|seconds?|size|threshold|timeout|total|ttl|usage|used|valid|validity)"
)
_NAMES_NONE = re.compile(
    r"(?:file|path|name|ref)s?$|less$|(?:existing|from|image|pull|tls)[_-]?secrets?$"
    rf"|^(?:has|is|max|min|no|use|with|without)[_-]|^[a-z]+_(?!broker|controller|gateway|proxy|worker){_THINGS}$"
    rf"|[-._](?:{_COUNTED}|algorithm|audience|class|dir|directory|domain|driver|endpoint|fields?|folder"
    r"|format|header|issuer|jar|kinds?|mode|mount|namespace|port|prefix|reset|scopes?|secure|stat(?:e|us)"
    r"|stdin|suffix|template|types?|ur[il]s?|version|volume)$"
)
"""What only speaks of a token: ``tokenFile``, ``TOKEN_URL``, ``max_tokens``, ``TOKEN_STORE``."""

_NONE_ANYHOW = re.compile(
    # where it is to be found, as shells, Kubernetes and templates write it
    r"\*{3,}|\$[A-Z][A-Z_]*|\$\{\w+\}|\$\(\w+\)|\$?\{\{[^{}\"']*\}\}"
    # what is said of a workload
    r"|Completed|CrashLoopBackOff|ErrImagePull|Failed|ImagePullBackOff|OOMKilled"
    r"|Pending|Running|Succeeded|Terminating"
    r"|\d{1,5}(?: of |/)\d{1,5}(?: [a-z]+)*[, ]+(?:ready|pods|failed|running|available|answered|passed)"
    r"[ ,A-Za-z]*"
    # what is said of it itself
    r"|(?i:empty|expired|invalid|missing|nil|none|null|unset)|(?:is )?(?:required|not set)|Required value"
    r"|HTTP \d{3}(?: instead of [\w ]+)?"
    r"|must (?:be|have|contain) [^\n]*"
)
"""None behind any name: a reference, a state, how many are ready, that there is none."""
_FIGURE = (
    r"(?:-?\d{1,4}(?:\.\d+)?(?: ?(?:ms|[smhd%]))?"
    r"|\d{1,5}(?:\.\d+)?(?: of |/)\d{1,5}(?:\.\d+)?%?(?:[ ,]+(?:[a-zA-Z]+|\d{1,5}))*"
    r"|\d{1,5} (?:attempts|errors|failures|found|requests|restarts|times)(?: [a-zA-Z]+)*)"
)
_SAID = r"(?:degraded|errored|healthy|ok|passed|ready|recovered|weakness[ -]found(?:, [a-z ,]+)?)"
_A_WORKLOAD = re.compile(rf"(?![\w-]*{SURE}[a-z]*$)[a-z][a-z\d]*(?:-[a-z\d]+)+")
"""As Kubernetes has it: words in small letters and dashes; what ends as a password does, is one."""
_OF_A_WORKLOAD = re.compile(rf"{_FIGURE}|{_SAID}")
_MEASURED = re.compile(
    rf"[\w.-]*[-._]{_COUNTED}=(?i:true|false|-?\d{{1,7}}(?:\.\d+)?(?:ms|[smhd%])?)"
    r"|(?:has|is|no|use|with|without)[-_][\w.-]*=(?i:true|false)|[\w.-]*[-._]header=X-[A-Za-z-]+"
    r"|pwd=(?:/[a-z][a-z-]*)+|pass=(?i:\d{1,6}(?:[./]\d+)?%?|ok|yes|no|true|false)"
    rf"|(?:[\w.-]*[-._])?(?:tokens|cookies|secrets|\w*_keys|apikeys)=(?:\d{{1,7}}|{_FIGURE})"
    rf"|(?:authorization|cookie|token|pass)=(?:{_FIGURE}|\d+ tests)"
    rf"|(?![\w.-]*{SURE})[\w.-]*=(?i:true|false|disabled|enabled)|routing[_-]key=[a-z]+(?:\.[a-z]+)+"
    r"|(?:[\w.-]*[-._])?password[-_]reset[\w.-]*=-?\d{1,4}(?:\.\d+)?(?: ?m?s)?"
    r"|(?:[\w.-]*[-._])?(?:rsa|ssl|tls|private)[_-]?key=(?:yes|no|\d{1,7} bytes"
    r"|(?:~|\.{1,2})?(?:/[\w.-]+)+\.(?:key|pem))"
    rf"|(?![\w.-]*{SURE}){_DASHED}=(?!(?=\S*\d)(?=\S*[A-Za-z])\S{{6,}}$)[^\n]+"
    r"|secrets=(?:(?:create|delete|get|list|patch|update|watch)[ ,]*+)+"
)
"""What is none by its name and value: a count, an answer, a header's name, what may be done with Secrets."""
_HUMPS = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
LONGEST = 128
"""So many letters at the end of a name say what it is; every search is bounded."""


def looks_secret(text: str, value: object = "") -> bool:
    """Whether a field, header, option or variable of that name holds a secret; of more names, any of them.

    Where its `value` is known, ``PASSWORD_LENGTH=12`` is none, and neither is ``password=$(DB_PASSWORD)``.
    """
    called = _called(text)
    if not called or value == "":
        return bool(called)
    said = str(value)
    return not _NONE_ANYHOW.fullmatch(said) and any(not _is_measured(name, said) for name in called)


def _is_measured(name: str, said: str) -> bool:
    """Whether that is no secret by what the name counts, or by what is said of workloads of such a name."""
    if _A_WORKLOAD.fullmatch(name) and _OF_A_WORKLOAD.fullmatch(said):
        return True
    return _MEASURED.fullmatch(f"{name}={said}") is not None


@lru_cache(maxsize=4096)
def _called(text: str) -> tuple[str, ...]:
    """Those of these names that secrets have, in small letters and words."""
    names = re.findall(r"[\w.-]+", text)
    words = (_HUMPS.sub("_", name[-LONGEST:]).lower() for name in names if name != "PWD")
    return tuple(each for each in words if _is_secrets(each.lstrip("-")))


def _is_secrets(words: str) -> bool:
    found = _CALLED.search(words)
    return bool(found) and not (_SAYS_WHERE if re.search(SURE, words) else _NAMES_NONE).search(words)
