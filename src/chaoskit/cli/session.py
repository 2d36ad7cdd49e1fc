"""What every command shares: the options, the connected world, and where results and progress go."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from chaoskit.cli.pasting import led_by, pasted
from chaoskit.cli.secrecy import learn_places, learn_values, unsaid
from chaoskit.cli.stopping import Signalled, within
from chaoskit.redaction import scrubbed

if TYPE_CHECKING:
    from chaoskit.cli.progress import Shown
    from chaoskit.newer import KnownStore
    from chaoskit.runtime import Runtime
    from chaoskit.settings import Loaded


class Format(StrEnum):
    """How results are written to stdout."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class ProgressFormat(StrEnum):
    """How progress is written to stderr; auto is live on a terminal and plain lines elsewhere."""

    AUTO = "auto"
    PLAIN = "plain"
    JSON = "json"


def _option(*names: str, help_: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=help_, metavar=metavar)


def _seconds(text: str) -> float:
    """``90s``, ``5m`` or a plain number as seconds."""
    from chaoskit.documents import seconds

    try:
        found = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else seconds(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not {error}") from error
    if not 0 < found <= _LONGEST:
        raise typer.BadParameter(f"{text} is no limit: more than 0 and at most {_LONGEST // 86400} days")
    return found


_LONGEST = 365 * 86400
_PROGRESS = (
    "Format of the progress on stderr; json: each event is a line with an object, and a line that begins "
    "without { is words: cluster, report, ! for a warning, error and its hints."
)


_SHARED: dict[str, Any] = {
    "namespace": (Annotated[str | None, _option("-n", "--namespace", help_="Namespace.")], None),
    "context": (Annotated[str | None, _option("--context", help_="Context of the kubeconfig.")], None),
    "kubeconfig": (Annotated[str | None, _option("--kubeconfig", help_="Path of the kubeconfig.")], None),
    "prometheus": (
        Annotated[str | None, _option("--prometheus", help_="Address of Prometheus.", metavar="URL")],
        None,
    ),
    "store": (
        Annotated[str | None, _option("--store", help_="mongodb://... or an SQLite file.", metavar="STORE")],
        None,
    ),
    "config": (
        Annotated[Path | None, _option("--config", help_="Settings file (default chaoskit.yaml).")],
        None,
    ),
    "output": (Annotated[Format, _option("-o", "--output", help_="Format of the result.")], Format.TABLE),
    "progress": (
        Annotated[ProgressFormat, _option("--progress", help_=_PROGRESS)],
        ProgressFormat.AUTO,
    ),
    "timeout": (
        Annotated[
            float | None,
            typer.Option(
                "--timeout",
                parser=_seconds,
                metavar="TIME",
                help="Stop, undo and end with 6 after so long: 90s, 5m, or seconds.",
            ),
        ],
        None,
    ),
    "quiet": (Annotated[bool, _option("-q", "--quiet", help_="No progress.")], False),
    "verbose": (Annotated[bool, _option("-v", "--verbose", help_="More detail.")], False),
    "no_color": (Annotated[bool, _option("--no-color", help_="No colours.")], False),
}
"""Every option that all commands understand: name to (annotation, default)."""

_SETTINGS = ("namespace", "context", "kubeconfig", "prometheus", "store")


@dataclass(frozen=True, slots=True)
class Reach:
    """Where acts are looked for: in a namespace, "" being all; why not in all, if that was asked for."""

    namespace: str
    unseen: str = ""

    def document(self) -> dict[str, str]:
        """It as JSON."""
        return {"namespace": self.namespace, **({"unseen": self.unseen} if self.unseen else {})}


@dataclass(frozen=True)
class Session:
    """One call of one command: its shared options, settings and ways to show things."""

    loaded: Loaded
    output: Format
    progress: ProgressFormat
    quiet: bool
    verbose: bool
    no_color: bool
    unkept: set[str] = field(default_factory=set)
    """Ids of what this call could not keep in the history: nobody is led to it there."""

    @contextmanager
    def connected(self, *, announce: bool = True) -> Iterator[Runtime]:
        """The connected world; its first line on stderr names the cluster."""
        from chaoskit.runtime import connected

        with connected(self.loaded.settings, learn_values) as runtime:
            if announce:
                self._announce(runtime)
            try:
                yield runtime
            finally:
                self._tell_of_newer(runtime.unread)

    def _announce(self, runtime: Runtime) -> None:
        """The cluster is named on stderr; what it is called by, or why it cannot be, is told from now on."""
        from chaoskit.errors import ChaoskitError

        try:
            self.say(f"cluster  {runtime.description}")
        except ChaoskitError as error:
            learn_places(error.message, error.hint)  # of settings and clusters: no document is in it
            raise
        learn_places(runtime.cluster.name, runtime.cluster.address, runtime.namespace)

    @contextmanager
    def history(self) -> Iterator[KnownStore]:
        """What is kept of past runs, recoveries and predictions; no cluster is needed for it.

        Raises:
            InvalidInput: a flag names a file that does not exist: reading makes none.
        """
        from chaoskit.runtime import open_store

        self._tell_of_absent_store()
        with closing(open_store(self.loaded.settings, reading=True)) as store:
            try:
                yield store
            finally:
                self._tell_of_newer(store.left_out)

    def _tell_of_absent_store(self) -> None:
        """A line on stderr where a setting names a store that is not there yet; of a flag that is wrong."""
        from chaoskit.errors import InvalidInput
        from chaoskit.runtime import absent_store

        absent, origin = absent_store(self.loaded.settings), self.loaded.origins["store"]
        hint = "the first run, recovery or prediction makes it"
        if absent and origin == "flag":
            raise InvalidInput(f"there is no store {absent}", hint=hint)
        if absent and origin != "default":
            self.say(f"! there is no store {absent} yet: {hint}")

    def _tell_of_newer(self, left_out: Sequence[str]) -> None:
        """A line on stderr where records were left out, because a newer chaoskit has kept them."""
        if left_out:
            what = "1 record is" if len(left_out) == 1 else f"{len(left_out)} records are"
            few = ", ".join((*left_out[:3], *("…" for _ in left_out[3:4])))
            self.say(f"! {what} of a newer chaoskit, and left out: {few}")

    @property
    def asked_namespace(self) -> str:
        """The namespace that a flag names, "" without one: for what is otherwise on the whole cluster."""
        loaded = self.loaded
        return loaded.settings.namespace if loaded.origins["namespace"] == "flag" else ""

    def reach(self, runtime: Runtime) -> Reach:
        """Where acts are looked for: in the namespace that a flag names, else in all.

        Where they may not be listed in all, it is the one that everything else is done in; that is told,
        however quiet it is to be: what another one holds is not known.
        """
        from chaoskit import kube
        from chaoskit.ports.cluster import Access

        everywhere = Access("list", kube.LEASE.group, kube.LEASE.plural)
        if self.asked_namespace or runtime.cluster.can_i(everywhere) != "denied":
            return Reach(self.asked_namespace)
        where = f"only namespace {runtime.namespace} is looked at; -n names another"
        unseen = f"you may not {everywhere} everywhere: {where}"
        self.say(f"! {unseen}", always=True)
        return Reach(runtime.namespace, unseen)

    def tell_of_dead(self, runtime: Runtime) -> None:
        """A line on stderr when runs or recoveries seem to have been left behind by dead processes."""
        from chaoskit.acts.accounts import accounts
        from chaoskit.errors import ChaoskitError
        from chaoskit.flows.deaths import seem_dead, words

        try:
            found = accounts(runtime.cluster, self.asked_namespace)
        except ChaoskitError:
            return  # whoever may not read them everywhere is told by -n
        if told := words(seem_dead(found, runtime.clock.now())):
            self.say(pasted(f"! {told}: chaoskit rescue"))

    def say(self, line: str, *, always: bool = False) -> None:
        """A line on stderr, unless quiet; or always."""
        if always or not self.quiet:
            sys.stderr.write(unsaid(line) + "\n")
            sys.stderr.flush()

    @contextmanager
    def listening(self) -> Iterator[Shown]:
        """A listener that shows what it hears on stderr in the format asked for."""
        from chaoskit.cli.progress import showing

        with showing(self) as listener:
            yield listener

    def ask(self, question: str, *, yes: bool) -> None:
        """The user agreed: on a terminal by answering, elsewhere by ``--yes``.

        Raises:
            Refused: the answer is no, or nobody can be asked.
        """
        from chaoskit.errors import Refused

        if yes:
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise Refused(f"{question} Nobody can be asked here", guard="confirmation", hint="add --yes")
        if not _confirmed(question):
            raise Refused("not confirmed", guard="confirmation")


def _confirmed(question: str) -> bool:
    """The answer typed; an end of input is a no. Nothing of it is on stdout, where results go."""
    with redirect_stdout(sys.stderr):
        try:
            return typer.confirm(question)
        except typer.Abort:
            return False


def command(
    app: typer.Typer,
    *,
    places: Collection[str] = _SETTINGS,
    examples: Sequence[str] = (),
    epilog: str = "",
    **settings: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers a function ``(session, ...)`` as a command that also takes the shared options.

    Of those that say where something is (cluster, metrics, history), it takes the `places` it looks at. Its
    help ends with the `examples`, each whole on a line of its own, to be pasted, and the `epilog`.
    """
    shown = "\n".join([_UNWRAPPED, "Examples:", *(f"  {each}" for each in examples)]) if examples else ""
    settings["epilog"] = "\n\n".join(filter(None, (shown, epilog)))
    options = {n: each for n, each in _SHARED.items() if n not in _SETTINGS or n in places}

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def with_session(**values: Any) -> None:
            shared = {name: values.pop(name) for name in options}
            with _errors_as_results(shared["output"]):
                session = _session(shared)
                learn_places(*_paths(values))
                with within(shared["timeout"]), _own_signals(session), led_by(shared):
                    function(session, **values)

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (annotation, default) in options.items()
        ]
        with_session.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_session.__annotations__ = {each.name: each.annotation for each in parameters}
        app.command(rich_help_panel=None, **settings)(with_session)
        return function

    return register


_UNWRAPPED = "\b"
"""What a paragraph of help begins with whose lines are left as they are."""


def _paths(values: Mapping[str, Any]) -> Iterator[Path]:
    """The files and folders that a call names by options."""
    for value in values.values():
        yield from (
            each for each in (value if isinstance(value, list) else [value]) if isinstance(each, Path)
        )


@contextmanager
def _errors_as_results(output: Format) -> Iterator[None]:
    """What ends the command is on stdout too, for a program that reads JSON or YAML there."""
    try:
        yield
    except (Exception, Signalled) as error:
        if output is not Format.TABLE and not isinstance(error, _WAYS_OUT):
            from chaoskit.cli.complaints import document
            from chaoskit.cli.render import write

            cause = error.error if isinstance(error, Signalled) else error
            write(output, "error", document(cause))
        raise


@contextmanager
def _own_signals(session: Session) -> Iterator[None]:
    """Signals of the user's own are known to whatever the command reads."""
    if not session.loaded.settings.signals:
        yield
        return
    from chaoskit.signalfiles import known

    with known(session.loaded.settings.signals):
        yield


_WAYS_OUT = (typer.Exit, typer.Abort, typer.BadParameter)
"""How Typer itself leaves: with the answer given, or with words about an option, which `app` tells."""


class Whole(TyperGroup):
    """A group whose help says of each of its commands all of its line."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The table of commands."""
        names = self.list_commands(ctx)
        found = [(name, command) for name in names if (command := self.get_command(ctx, name))]
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(_ANY_LENGTH)) for name, each in found])


_ANY_LENGTH = 1000


def new_app(summary: str, **settings: Any) -> typer.Typer:
    """A Typer app for one command's file, in the plain style of all."""
    return typer.Typer(
        cls=Whole,
        help=summary,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        **settings,
    )


def _session(shared: dict[str, Any]) -> Session:
    from chaoskit.settings import SECRET, load, secrets_of

    flags = {name: shared.get(name) for name in _SETTINGS}
    session = Session(
        loaded=load(flags, file=shared["config"]),
        output=shared["output"],
        progress=shared["progress"],
        quiet=shared["quiet"],
        verbose=shared["verbose"],
        no_color=shared["no_color"],
    )
    learn_values(secrets_of(session.loaded.settings))
    learn_places(*(scrubbed(str(value)) for name, value in session.loaded.settings if name not in SECRET))
    for warning in session.loaded.warnings:
        session.say(f"! {warning}")
    return session
