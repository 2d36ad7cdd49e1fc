"""What is called a secret: a name says so at its end, and in part what stands under it.

A password, a passphrase and the key of what is known to have one are, whatever follows. A token, a secret, a
cookie and credentials are also what programs are called for (``token-service``) and what is counted.
"""

from __future__ import annotations

import re
from functools import lru_cache

SURE = (
    r"(?:passw|passphrase|requirepass|(?<=[-._\d])pass(?![a-z])|pwd(?![a-z])|rediscli_auth"
    r"|(?:db|ftp|ldap|mail|root|smtp|sql)pass(?![a-z])"
    r"|(?:access|account|aes|api|app|application|auth|datadog|encryption|fernet|functions|hmac|jwt|license"
    r"|master|model|openai|pagerduty|private|routing|rsa|secret|sendgrid|shared|signing|ssh|ssl|stripe"
    r"|subscription|tls|twilio)[_-]?key(?!cloak))"
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
    r"(?:age|bytes|checked|counts?|days|enabled|errors?|expir(?:ed|es|ation|y)|fail(?:ed|ures)|hours|interval"
    r"|latency|length|lifetime|limit|percent(?:age)?|period|policy|rate|requests|required|rotation|seconds?"
    r"|size|threshold|timeout|total|ttl|valid|validity)"
)
_NAMES_NONE = re.compile(
    r"(?:file|path|name|ref)s?$|less$|(?:existing|from|image|pull|tls)[_-]?secrets?$"
    rf"|^(?:has|is|max|min|no|use|with|without)[_-]|^[a-z]+_(?!broker|controller|gateway|proxy|worker){_THINGS}$"
    rf"|[-._](?:{_COUNTED}|algorithm|audience|class|dir|directory|domain|driver|endpoint|fields?|folder"
    r"|format|header|issuer|jar|kinds?|mode|mount|namespace|port|prefix|reset|scopes?|secure|stat(?:e|us)"
    r"|stdin|suffix|template|types?|ur[il]s?|version|volume)$"
)
"""What only speaks of a token: ``tokenFile``, ``TOKEN_URL``, ``max_tokens``, ``TOKEN_STORE``."""
_STATE = (
    r"\d{1,5}(?: of |/)\d{1,5}(?:[ ,][ ,A-Za-z]*)?|Completed|CrashLoopBackOff|ErrImagePull|Failed"
    r"|ImagePullBackOff|Pending|Running|Succeeded|Terminating"
)
"""What is said of a workload, whatever it is called."""
_MEASURED = re.compile(
    rf"[\w.-]*[-._]{_COUNTED}=(?i:true|false|-?\d{{1,7}}(?:\.\d+)?(?:ms|[smhd%])?)"
    r"|(?:has|is|no|use|with|without)[-_][\w.-]*=(?i:true|false)|[\w.-]*[-._]header=X-[A-Za-z-]+"
    r"|pwd=(?:/[a-z][a-z-]*)+|pass=(?i:\d{1,6}(?:[./]\d+)?%?|ok|yes|no|true|false)|(?:[\w.-]*[-._])?(?:tokens|cookies)=\d{1,7}"
    r"|[\w.-]*=(?i:empty|expired|invalid|missing|nil|none|null|unset)"
    rf"|(?![\w.-]*{SURE})[\w.-]*=(?i:true|false|disabled|enabled)|routing[_-]key=[a-z]+(?:\.[a-z]+)+"
    rf"|(?:[\w.-]*[-._])?password[-_]reset[\w.-]*=(?:-?\d{{1,4}}(?:\.\d+)?(?: ?m?s)?|{_STATE})"
    r"|(?:[\w.-]*[-._])?(?:rsa|ssl|tls)[_-]?key=(?:yes|no|\d{1,7} bytes"
    r"|(?:~|\.{1,2})?(?:/[\w.-]+)+\.(?:key|pem))"
    rf"|(?![\w.-]*{SURE}){_DASHED}=(?!(?=\S*\d)(?=\S*[A-Za-z])\S{{6,}}$)[^\n]+"
    rf"|(?![\w.-]*{SURE})[\w.-]*(?:cookie|secret|token|credential)s?[-.]\w+=\d[\d.]* of \d[^\n]*"
    r"|secrets=(?:(?:create|delete|get|list|patch|update|watch)[ ,]*+)+"
)
"""What is none by its value: a count, an answer, a header's name, what may be done with Secrets."""
_HUMPS = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
LONGEST = 128
"""So many letters at the end of a name say what it is; every search is bounded."""


def looks_secret(text: str, value: object = "") -> bool:
    """Whether a field, header, option or variable of that name holds a secret; of more names, any of them.

    Where its `value` is known, ``PASSWORD_LENGTH=12`` is none.
    """
    called = _called(text)
    return bool(called) and any(not _MEASURED.fullmatch(f"{name}={value}") for name in called)


@lru_cache(maxsize=4096)
def _called(text: str) -> tuple[str, ...]:
    """Those of these names that secrets have, in small letters and words."""
    names = re.findall(r"[\w.-]+", text)
    words = (_HUMPS.sub("_", name[-LONGEST:]).lower() for name in names if name != "PWD")
    return tuple(each for each in words if _is_secrets(each.lstrip("-")))


def _is_secrets(words: str) -> bool:
    found = _CALLED.search(words)
    return bool(found) and not (_SAYS_WHERE if re.search(SURE, words) else _NAMES_NONE).search(words)
