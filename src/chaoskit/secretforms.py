"""How secrets are written: what is called one, and where in a text its value stands.

By their names (``DB_PASSWORD``), by the places that people and programs give them (addresses, headers,
options of commands, YAML, JSON and XML within texts), and by what they say of themselves (``-----BEGIN
PRIVATE KEY-----``). What is found here knows nothing of any value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from chaoskit.secretnames import LONGEST, SURE, looks_secret

HIDDEN = "(hidden)"

_NAME = r"([\w.-]++)"
_A_NAME = rf"(?<![\w.-]){_NAME}"
_WORD = r"[^\s\"'&,;\\]"
"""What a word in a command or an address goes on with."""
_PLACEHOLDER = r"(?-i:(?:USER:)?(?:PASSWORD|TOKEN|VALUE)(?![\w-]))"
"""What chaoskit itself writes where a secret is to be put."""
_IS_SURE = rf"[\w.-]{{0,64}}?{SURE}"
_TELLING = r"(?=[^\s\"']{0,64}?\d)(?=[^\s\"']{0,64}?[a-z])"
"""A word of letters and digits: where words may stand as well, only such a one is a secret."""
_REST = r"(?:\\\r?\n|[^\n|;&]){0,200}?"
"""What of the same command stands between, in more lines than one too."""

_OF_THEMSELVES = (
    # a private key as text, to its end or as far as it goes
    (
        r"(-----BEGIN [A-Z ]{0,32}PRIVATE KEY[A-Z ]{0,8}-----)"
        r"(?=(?:\\++[nr]?|[^\w+/\\]){0,80}+(?:[a-z0-9+/]{12}|Proc-Type))(?:[^\"'-]|-(?!----))+"
    ),
    # a JWT, and what begins as nothing else does
    r"((?<![\w-]))(?-i:eyJ)[\w-]{8,4096}+\.(?-i:eyJ)[\w-]{4,4096}+\.[\w-]{0,4096}",
    (
        r"((?<![\w-]))(?-i:gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|hv[bsr]\.|dckr_pat_|[rs]k_live_)"
        r"(?=[\w-]{0,64}?\d)[\w.-]{12,512}"
    ),
    r"((?<![\w-])(?-i:npm_))(?=[a-z]{0,64}\d)[a-z0-9]{12,64}",
)
_IN_ADDRESSES = (
    # user and password, the slash of an unescaped password included; no port and path before an @
    (
        rf"((?<=://))(?!{_PLACEHOLDER}@)"
        r"(?:[^\s/\"'@:]{0,256}:(?!\d{1,5}[/?#])[^\s\"'@]{0,4096}|[^\s/\"'@]{1,4096})(?=@)"
    ),
    # where the scheme was forgotten; an image's tag before its digest is none
    r"((?<![\w@/.-]))(?!(?:e?mail|mailto|deployment):)[^\s/:@\"'(),=]{1,64}:[^\s@/\"':]{1,256}(?=@(?!sha\d+:)[\w\[])",
    # what signs it
    rf"([?&](?:sig|signature|x-amz-signature|x-goog-signature)=){_WORD}+",
    # a key that is called as other things are, too
    rf"([?&](?:code|key)=){_TELLING}(?=[^\s\"']{{0,64}}?(?-i:[A-Z]))[\w%.~/+=-]{{12,}}",
    # whoever knows the path may post
    (
        rf"(\b(?:hooks\.slack\.com/\w{{1,16}}|discord(?:app)?\.com/api/webhooks|webhook\.office\.com/\w{{1,16}})/)"
        rf"{_WORD}+"
    ),
    r"(\bapi\.telegram\.org/(?:file/)?bot)[^\s/\"']+",
)
_SPEAKS = (
    r"[\"']?\s{0,8}[:=]\s{0,8}[\"']?"
    r"(?-i:(?!(?:apikey|aws4[\w-]*|basic|bearer|bot|digest|hmac[\w-]*|jwt|key|negotiate|ntlm|oauth|token)\s+\S)"
    r"[a-z_]+(?![\w=.+/~-]))(?![^\n\"']{0,200}?(?<!\w)(?=\w{0,64}?\d)(?=\w{0,64}?[a-z])\w{8})"
)
"""A word in small letters, no scheme and with no letters and digits behind it: as an error goes on."""
_LOGS_IN = (
    # what logs in, up to the end of the line or the quotes
    (
        rf"(\b(?:(?-i:authorization)(?!{_SPEAKS})|(?-i:A)uthorization|cookie)"
        rf"[\"']?\s{{0,8}}[:=]\s{{0,8}}+[\"']?+)(?!Bearer {_PLACEHOLDER})[^\"'\n]+"
    ),
    (
        rf"(\bbearer[ \t]{{1,8}})(?!{_PLACEHOLDER}|(?:auth|tokens?|authentication|certificate)(?![\w.=/+~-])"
        r"|(?:charset|error|realm|scope|service)=[\"'])[^\s\"',;]{4,}"
    ),
)
_BARE = rf"(?!{_PLACEHOLDER})(?:\\++(?![\"'])|{_WORD})+"
_BY_NAME = (
    # a header; lines of YAML and TOML among others, where "password: wrong" alone are words
    (rf"(?:-H\s?|--header[ =])[\"']?{_NAME}:[ \t]*", r"[^\"'\n]+"),
    (r"(?:^|(?<=[\"']))((?-i:[A-Z]\w*-[A-Z])[\w-]++):[ \t]+", r"[^\"'\n]+"),
    (
        (
            rf"(?:(?<=\n)|^(?=[^\n]*\n))[ \t]*(?:- )?{_NAME}[ \t]*[:=][ \t]+"
            r"(?![|>][\d+-]{0,2}[ \t]*(?:#[^\n]*)?\n)"
        ),
        r"(?!\s)(?:\[[^\n]*\]|[^\"'\n]+(?:(?<=\w)[\"'](?=\w)[^\"'\n]+)*)",
    ),
    # what is called a password or key, in quotes, or with a dash as headers are
    (rf"(?:(?<=[\"'])|^(?=\w+-))[ \t]*(?:- )?({_IS_SURE}\w*+)[ \t]*[:=][ \t]+", r"[^\"'\n]+"),
    # password=x, ?token=x up to where a word ends; --api-key="x y", {token=~"x"}, {token!="x"}
    (rf"{_A_NAME}(?:=~?+|!=|!~)", _BARE),
    # "password": "x", "password": 123, ["--password", "x"]
    (rf"{_A_NAME}\\*[\"']\s{{0,80}}:\s{{0,80}}", r"\d[\d.]*"),
    (r"[\"'](--?[\w.-]++)\\*[\"']\s{0,80},\s{0,80}", r"(?!)"),
    # {password: x} and <password>x</password>; words behind a token only speak
    (
        rf"(?<=[{{,])\s{{0,8}}(?={_IS_SURE}|[\w.-]++:\s{{1,8}}(?:\\*[\"']|{_TELLING})){_NAME}:\s{{1,8}}",
        r"[^\"'\n,{}]{1,512}+(?=[^{}\n]{0,200}\})",
    ),
    (
        (
            rf"<(?:\w{{1,32}}:)?(?={_IS_SURE}|[^<>\n]{{0,300}}>(?=[^<\s]{{0,64}}?\d)[^<\s]{{0,64}}?[a-z])"
            rf"{_NAME}(?:\s[^<>\n]{{0,200}})?>(?=[^<\n]++</)"
        ),
        r"[^<\n]++",
    ),
    # {"name": "API_TOKEN", "value": "x"}, in YAML in two lines
    (
        (
            rf"\bname\\*[\"']?\s{{0,8}}:\s{{0,8}}\\*[\"']?{_NAME}\\*[\"']?\s{{0,8}},?\s{{0,80}}"
            r"\\*[\"']?value\\*[\"']?\s{0,8}:\s{0,8}"
        ),
        r"(?:[|>][^\n]{0,3}(?:\n[ \t]+(?![\w.-]+:\s)[^\n]+)+|[^\"'\n,}]+)",
    ),
    (r"(?<!\S)(--?[\w.-]++)(?:[ \t]|\\\r?\n){1,80}", rf"(?!-){_BARE}"),
)
_LIST = rf"{_A_NAME}\\*[\"']\s{{0,80}}:\s{{0,80}}\[\s{{0,80}}"
"""``"passwords": ["x", "y"]``: all of it."""
_BLOCK = re.compile(
    r"^(?P<before>[ \t]*+(?:- ++)*+)(?P<quote>[\"']?)(?P<name>[\w.-]++)(?P=quote)[ \t]*:"
    r"[ \t]*(?P<sign>[|>][\d+-]{0,2})?[ \t]*(?:#[^\n]*)?\r?$",
    re.MULTILINE,
)
"""What in YAML has its value in the lines below: as text behind a sign, as a list, or a word."""
_BELOW = re.compile(r"\n(?P<indent>[ \t]*+)(?P<item>(?:-[ \t]++)*+)(?P<text>[^\n]*)")
_SETTING = re.compile(r"[\"']?[\w.-]++[\"']?[ \t]*:(?:\s|$)")
_SURELY = re.compile(SURE, re.IGNORECASE)
_TELLS = re.compile(rf"[\"']?{_TELLING}[^\s]{{6,}}$", re.IGNORECASE)
_ALONE = (
    rf"(?:^|(?<=[\"']))[ \t]*(?:- )?{_NAME}[ \t]*[:=][ \t]+",
    rf"([\"'])?{_TELLING}[^\s\"'\\]{{6,}}(?=(?(1)\1\s*$|(?:[\"'\\]|\s*$)))",
)
"""A line that is all of a text, or of what is in quotes: a header, a setting, or only words."""
_LOGIN = r"(?:-[A-Za-z]{0,8}u|--(?:proxy-)?user)"
_CLIENT = r"(?:mysql|mariadb)(?!d\b)[\w-]{0,16}"
_OF_A_USER = r"(?=\s[^\n|;&]{0,200}?(?<=\s)(?:-u|--username)[\s=])"
"""Its first shell is called as the database is: a password has it only of a user."""
_PROGRAMS = {
    "-a": r"(?:redis|valkey)-cli",
    "-p": rf"(?:sshpass|mongo(?:sh|dump|restore|export|import|{_OF_A_USER})|rabbitmqadmin|cqlsh"
    r"|(?:docker|podman|oc|az|az\s+acr|helm\s+registry)\s+login)",
    "-P": r"(?:sqlcmd|bcp)",
    "-w": r"ldap(?:add|compare|delete|modify|modrdn|passwd|search|whoami)",
}
"""By the option that is a password of theirs, those for which it is one."""
_IN_COMMANDS = (
    (rf"(?<!\S){_LOGIN}[ \t=]?[\"']?(?!\d+:|\+)[^\s:\"'/]{{1,64}}:(?!//)", rf"{_WORD}+"),
    (
        rf"(?:^|[;&|(\"'\n]|--\s)\s{{0,8}}[\w./-]{{0,64}}\b{_CLIENT}\s(?:{_REST}\s)?(?-i:-p)(?!ort\b)",
        rf"{_WORD}+",
    ),
    *(
        (
            (
                rf"(?<![\w.-]){programs}\s(?:{_REST}\s)?(?-i:{option})"
                r"(?:[ \t]{1,8}|(?-i:(?<=-[aPw]))|(?<=sshpass\s-p))"
            ),
            rf"(?!-|\d+:\d){_WORD}+",
        )
        for option, programs in _PROGRAMS.items()
    ),
)


_QUOTED = r"(?:(?!\1)(?:\\.|[^\n]))+"


def _value(bare: str, more: str = "") -> str:
    """What stands there: to the end of its quotes, which JSON or a shell may have escaped, or so far.

    Between three quotes stand lines, too; in quotes `more` may follow.
    """
    return (
        r"(\\{0,8}(?:([\"'])\2\2|[\"']))?"
        rf"(?(2)(?:(?!\1)[\s\S])+|(?(1){_QUOTED}{more}|{bare}))"
    )


def _compiled(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(each, re.IGNORECASE) for each in patterns)


_PATTERNS = _compiled(*_OF_THEMSELVES, *_IN_ADDRESSES, *_LOGS_IN)
_PLACES = (
    *(_compiled(head, _value(bare)) for head, bare in (*_BY_NAME, *_IN_COMMANDS)),
    _compiled(_LIST, _value(r"\d[\d., ]*", rf"(?:\1\s{{0,80}},\s{{0,80}}\1{_QUOTED})*")),
    _compiled(*_ALONE),
)
_MAYBE = re.compile(
    r"[@?&]|-(?<!\S-)|bearer|pass(?:w|ph)|pass(?<![a-z]pass)(?![a-z])|requirepass|pwd|secret|token|credent|author"
    r"|(?:db|ftp|ldap|mail|root|smtp|sql)pass|(?:basic|neo4j)[-._]?auth|creds|[-._]pat(?![a-z])|docker_auth"
    r"|cookie|key|rediscli_auth|eyj|gh[opsur]_|pat[_-]|xox|hv[bsr]\.|npm_|k_live_|hooks\.|/webhook|telegram"
)
"""What any of them needs, casefolded: most texts have none of it, and to know that is quick."""
_OPTION = re.compile(r"--?[\w.-]+")
_IS_LOGIN = re.compile(_LOGIN)
_BARE_LOGIN = re.compile(r"(?!\d+:)[^\s:/]+:(?!//)(.+)", re.DOTALL)
_IS_CLIENT = re.compile(rf"(?:.*/)?{_CLIENT}")
_ASKED = {option: re.compile(rf"(?:\S*/)?{programs}(?:\s|$)") for option, programs in _PROGRAMS.items()}
_CALL = 8
"""So many words at most say which program is called to do what."""


def answers(command: Sequence[Any]) -> Iterator[str]:
    """What of each word, at its end, is a secret by the words before: ``--password x``, ``-u user:x``."""
    words = [each if isinstance(each, str) else "" for each in command]
    call = words[:_CALL]
    return (_answer(call, option, word) for option, word in zip(("", *words), words, strict=False))


def _answer(call: Sequence[str], option: str, word: str) -> str:
    if word.startswith("-p") and _IS_CLIENT.fullmatch(call[0]):
        return "" if word in {"-p", "-port"} else word.removeprefix("-p")
    if not option.startswith("-"):
        return ""
    if _IS_LOGIN.fullmatch(option):
        found = _BARE_LOGIN.fullmatch(word)
        return found[1] if found else ""
    if option in _ASKED:
        return word if _ASKED[option].match(" ".join(call)) else ""
    return word if _OPTION.fullmatch(option) and looks_secret(option, word) else ""


def hide(text: str) -> str:
    """The text without what stands where secrets stand."""
    if _MAYBE.search(text.casefold()):
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\g<1>{HIDDEN}", text)
        text = _without_blocks(text)
        for head, value in _PLACES:
            text = _without_values(text, head, value)
    return text


def _without_blocks(text: str) -> str:
    """The text without the lines of YAML below a secret's name."""
    parts, at = [], 0
    for each in _BLOCK.finditer(text):
        if each.start() >= at and looks_secret(each["name"][-LONGEST:]):
            lines = [line for line in _below(text, each) if line["text"]]
            if lines:
                parts += [text[at : lines[0].start("text")], HIDDEN]
                at = lines[-1].end()
    return "".join((*parts, text[at:])) if parts else text


def _below(text: str, head: re.Match[str]) -> Iterator[re.Match[str]]:
    """The lines that are the value below this head: deeper than its name, or items of a list as deep."""
    column = len(head["before"])
    line = _BELOW.match(text, head.end())
    while line and _belongs(line, head, column):
        yield line
        line = _BELOW.match(text, line.end())


def _belongs(line: re.Match[str], head: re.Match[str], column: int) -> bool:
    """Whether it is a line of the text behind a sign, or else a word, and no setting of its own."""
    if head["sign"]:
        return len(line["indent"]) > column or (not line["text"] and not line["item"])
    if not line["text"] or len(line["indent"]) + bool(line["item"]) <= column or _SETTING.match(line["text"]):
        return False
    return bool(_SURELY.search(head["name"]) or _TELLS.match(line["text"]))


def _without_values(text: str, head: re.Pattern[str], value: re.Pattern[str]) -> str:
    """The text without the values behind these heads, where the name in them, if any, is a secret's."""
    parts, at = [], 0
    for each in head.finditer(text):
        name = each[1][-LONGEST:] if head.groups else "password"
        if each.start() < at or not looks_secret(name) or _is_label(text, each, name):
            continue
        found = value.match(text, each.end())
        if found and looks_secret(name, found[0].strip(" \t\\\"'")):
            parts += [text[at : each.end()], found[1] or "", HIDDEN]
            at = found.end()
    return "".join((*parts, text[at:])) if parts else text


_METRIC = re.compile(r"\bkube_\w{1,64}\{[^{}]{0,200}$")


def _is_label(text: str, head: re.Match[str], name: str) -> bool:
    """Whether it is the label by which metrics name a Secret: ``kube_secret_info{secret="x"}``."""
    if name != "secret":
        return False
    return _METRIC.search(text, max(0, head.start() - 2 * LONGEST), head.start()) is not None
