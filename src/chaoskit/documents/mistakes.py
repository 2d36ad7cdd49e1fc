"""What is wrong with a text that is no YAML, as whoever wrote it sees it: where, what, what instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import yaml

from chaoskit.documents.broken import Broken, Mistake, place
from chaoskit.documents.indents import block, dash, first, level
from chaoskit.documents.places import Place
from chaoskit.documents.quoting import content

LONGEST = 60
"""Characters of a text that is told as it should be."""


def mistake(text: str, error: yaml.MarkedYAMLError, written: str) -> Mistake:
    """The mistake behind an error; where nothing better is known, what the reader itself says of it.

    It is quoted as it was `written`, which is as long as the text.
    """
    mark = error.problem_mark or error.context_mark
    begun = error.context_mark or mark
    problem, context = str(error.problem or error.context or "unreadable"), str(error.context or "")
    if mark is None or begun is None:
        return Mistake(Place(1, 1), problem, "valid YAML")
    at, start = (mark.line, mark.column), (begun.line, begun.column)
    broken = Broken(text, written.split("\n"), problem, context, at, start, mark.index)
    found = (read(broken) for read in _READINGS)
    told = next((each for each in found if each is not None), None)
    return told or Mistake(place(at), _discreet(broken), "valid YAML")


_QUOTES = re.compile(r"(['\"])(?!<)(?:\\.|(?!\1)[^\\]){2,}\1")
"""What the reader quotes of the text, as Python does, but not what it calls its parts: ``'<scalar>'``."""


def _discreet(broken: Broken) -> str:
    """What the reader says, without what it quotes of a line that may hold a secret."""
    hides = broken.hidden(broken.at[0]) or broken.hidden(broken.begun[0])
    return _QUOTES.sub("a value", broken.problem) if hides else broken.problem


def _blank(broken: Broken) -> Mistake | None:
    """A tab, or another blank that YAML does not take for a space."""
    line, _ = broken.at
    if "'\\t'" in broken.problem:
        return Mistake(place(broken.at), "a tab", "spaces: YAML indents with nothing else")
    for number in (broken.before(line), line):
        blanks = re.match(r"[ \t]*([^\S \t\r])", broken.line(number))
        if blanks:
            found = f"a blank that is no space (U+{ord(blanks[1]):04X})"
            return Mistake(Place(number + 1, blanks.end()), found, "plain spaces")
    return None


def _fence(broken: Broken) -> Mistake | None:
    line = broken.line(broken.at[0])
    if line.lstrip().startswith("```"):
        return Mistake(place(broken.at), "a fence of Markdown", "the YAML alone")
    return None


def _template(broken: Broken) -> Mistake | None:
    """A template where YAML sees mappings."""
    number = broken.at[0]
    found = re.search(r"(?:^\s*|: +|- +)(\{\{.*?(\}\}|$))", broken.line(number))
    if (
        found is None
        or "{{" not in broken.text
        or not re.search("flow|construct|block end", broken.context + broken.problem)
    ):
        return None
    told = f"a template, {broken.quoted(number, found[1])}"
    return Mistake(Place(number + 1, found.start(1) + 1), told, UNFILLED)


def _brackets(broken: Broken) -> Mistake | None:
    """A comma or a bracket that is missing, or one that is too much."""
    found = re.match(r"expected ',' or '([]}])', but got '(.*)'", broken.problem)
    if found is not None:
        what = "the end of the text" if found[2] == "<stream end>" else "another entry"
        opened = "{" if found[1] == "}" else "["
        told = f"{what} within the {opened} of line {broken.begun[0] + 1}"
        return Mistake(place(broken.at), told, f"a comma between two entries, or the {found[1]}")
    found = re.match(r"expected .*, but found '([]}])'", broken.problem)
    if found is not None:
        return Mistake(place(broken.at), f"a {found[1]} that closes nothing", "nothing")
    return None


UNFILLED = "what it will be filled in with, or text in quotes"
"""What should stand where a template does."""
_SIGNS = re.compile(
    r"found character '[%@`]' that cannot start|found undefined alias|expected chomping"
    r"|expected alphabetic or numeric|could not determine a constructor for the tag ['\"]!(?!!)"
)


def _sign(broken: Broken) -> Mistake | None:
    """A text that begins with a sign that means something."""
    if not _SIGNS.match(broken.problem):
        return None
    line, column = broken.begun
    value = content(broken.line(line)[column:])
    quote = "'" if '"' in value else '"'
    shows = len(value) <= LONGEST and not broken.hidden(line)
    wanted = "text in quotes" + (f": {quote}{value}{quote}" if shows else "")
    return Mistake(place(broken.begun), value if shows else "a value", wanted) if value else None


def _escape(broken: Broken) -> Mistake | None:
    found = re.match(r"found unknown escape character '(.)'", broken.problem)
    if found is None:
        return None
    line, column = broken.at
    wanted = rf"\\{found[1]}, or text in ' instead of "
    return Mistake(Place(line + 1, column), f"\\{found[1]}", wanted + '"')


def _quote(broken: Broken) -> Mistake | None:
    """A quote that is not closed: it goes on to the next one, or to the end; or one closed too early."""
    wanted = "the same quote at the end of the text"
    if re.match("found unexpected (end of stream|document separator)", broken.problem):
        return Mistake(place(broken.begun), "a quote that is not closed", wanted)
    if not broken.problem.startswith("expected <block end>, but found '<scalar>'"):
        return None
    last = None
    for token in _tokens(broken.text):
        if token.end_mark.index > broken.index:
            break
        last = token
    if not isinstance(last, yaml.ScalarToken) or last.style not in {"'", '"'}:
        return None
    start, end = last.start_mark, last.end_mark
    if start.line < end.line:
        return Mistake(Place(start.line + 1, start.column + 1), "a quote that is not closed", wanted)
    return Mistake(place(broken.at), "text behind a quote that is closed", "quotes around the whole text")


def _tokens(text: str) -> Iterator[yaml.Token]:
    try:
        yield from yaml.scan(text, yaml.SafeLoader)
    except yaml.YAMLError:
        return


_SEVERAL = re.compile(r"\s*(?:- +)*[^\s:#'\"{\[][^:]*:\s+(?=\S)")


def _colon(broken: Broken) -> Mistake | None:
    """A colon too many, or one that is missing in the line, or the one before."""
    line, column = broken.at
    if broken.problem.startswith("could not find expected ':'"):
        return dash(broken, broken.begun[0]) or _uncoloned(broken, broken.begun[0])
    before = broken.before(line)
    bare = before >= 0 and not re.search(r":(\s|$)", content(broken.line(before)))
    if "found '<block mapping start>'" in broken.problem and bare:
        level_with = len(broken.line(before)) - len(broken.line(before).lstrip()) == column
        return _uncoloned(broken, before) if level_with else None
    if not broken.problem.startswith("mapping values are not allowed"):
        return None
    several = _SEVERAL.match(broken.line(line)[:column])
    if several:
        return _several(broken, line, several.end())
    if bare:
        return _uncoloned(broken, before)
    return (dash(broken, before) or level(broken, line)) if before >= 0 else None


def _several(broken: Broken, line: int, column: int) -> Mistake:
    """A value that begins in this column, and would be a field itself."""
    told = broken.quoted(line, content(broken.line(line)[column:]))
    return Mistake(Place(line + 1, column + 1), told, "text in quotes, as it has a colon and a space")


def _uncoloned(broken: Broken, line: int) -> Mistake:
    text = re.sub(r"^(- +)+", "", content(broken.line(line)))
    where = Place(line + 1, broken.line(line).find(text) + 1)
    told = broken.quoted(line, text)
    near = re.fullmatch(r"([\w./-]+)(:(?!//)|\s*=\s*|\s+)(\S.*)", text)
    if near is None or len(text) > LONGEST or broken.hidden(line):
        return Mistake(where, told, "a field, a colon and a space")
    what = "a space after the colon" if near[2] == ":" else "a colon after the field"
    return Mistake(where, told, f"{what}: {near[1]}: {near[3]}")


_READINGS: Sequence[Callable[[Broken], Mistake | None]] = (
    _blank, _fence, _template, _brackets, _sign, _escape, _quote, _colon, block, first,
)  # fmt: skip
"""What is asked of a broken text, in this order: the first that knows tells."""
