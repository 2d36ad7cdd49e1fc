"""PromQL as Litmus hands it on: a line of a shell, in double quotes that nothing in it is escaped for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chaoskit.documents import Location
from chaoskit.experiments.lint.rules import Finding, Look

_SINGLE = re.compile(r"'(?:[^'\\]|\\.)*'")
_MATCHER = re.compile(
    r"""(?P<before>[\w.:]*\s*(?:=~|!~|!=|=)\s*)(?P<quote>["`])(?P<text>[^"`]{0,60}(?P=quote))?"""
)
_CHANGED = re.compile(r"""\\(?!["$`])|(?<!\\)(?:["`]|\$[A-Za-z_0-9{(@*#?$!-])""")
"""What a shell makes something else of: escapes but those of its own, quotes, and what it fills in."""

_AGGREGATES = re.compile(
    r"\b(sum|min|max|avg|group|stddev|stdvar|count|count_values|quantile|scalar|absent|absent_over_time|vector)\b"
)


def of_query(look: Look, place: Location) -> Iterator[Finding]:
    """Findings about a query: what the shell leaves of it, and of how many series it tells."""
    query = look.text(place)
    unquoted = _MATCHER.search(_SINGLE.sub("''", query))
    if unquoted is not None:
        yield look.say("probe-quotes", place, f"quotes written as '{_written(unquoted)}")
    elif _CHANGED.search(query):
        yield look.say("probe-query", place, "quotes written as ', and nothing that a shell fills in")
    if query and not _AGGREGATES.search(query):
        yield look.say("probe-series", place, "an aggregation such as sum(...)")


def _written(matcher: re.Match[str]) -> str:
    """``: job='a'``, the matcher with quotes that a shell leaves alone; "" when its own are not closed."""
    text = matcher["text"]
    return f": {matcher['before']}'{text[:-1]}'" if text else ""
