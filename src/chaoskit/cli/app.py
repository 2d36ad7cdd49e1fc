"""Assembles the commands, loads only the one that runs, and turns every way out into an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any, cast

import typer
from typer.core import TyperGroup

from chaoskit.cli import secrecy
from chaoskit.cli.leaving import reader_may_leave
from chaoskit.cli.stopping import Signalled, ending_on_signals
from chaoskit.errors import ChaoskitError, InvalidInput
from chaoskit.outcome import Outcome, of_error

COMMANDS: dict[str, dict[str, str]] = {
    "First steps": {
        "demo": "Tell the whole story on a simulated cluster, in under a minute.",
        "sim": "Keep a simulated cluster running: up, down, status.",
        "doctor": "Check what chaoskit needs, and say how to mend what is missing.",
    },
    "Predict": {
        "collect": "Collect history from Prometheus into files, to train on.",
        "train": "Train a failure model on history and judge it honestly.",
        "evaluate": "Judge a trained model on data that it has not seen.",
        "calibrate": "Fit a model's thresholds and probabilities to another cluster, without any label.",
        "predict": "Show how likely each workload is to fail, and why.",
        "models": "List the trained models, show one's card, compare, promote, retire, export, import one.",
    },
    "Prove": {
        "faults": "List the faults, or show one with its parameters and undo.",
        "generate": "Write ranked experiments for what is likely to break.",
        "validate": "Check experiment files, with file, line and field.",
        "plan": "Show exactly what a run would do, and change nothing.",
        "run": "Run experiments to a verdict, and undo them.",
        "abort": "Stop runs and recoveries that are under way, and undo them.",
        "rescue": "Finish every undo that a dead run left behind.",
    },
    "Fix": {
        "recover": "Detect issues, classify, plan, act, verify.",
        "runbooks": "List, show, validate and test the runbooks.",
        "drill": "Inject a fault on purpose, and score how it is detected, classified and recovered from.",
        "approve": "Say yes or no to recoveries that wait for a person.",
        "halt": "Stop chaos and recovery in the cluster, and block new ones.",
        "resume": "Lift a halt.",
        "controller": "Keep watch over a cluster: predict, recover, take up runs.",
    },
    "Evidence": {
        "history": "List past runs, recoveries and predictions.",
        "show": "Show one of them, with its lineage.",
        "patterns": "Show what recurs, and which strategy works.",
        "compare": "Compare two runs, or a run's time to recover with its own history.",
        "report": "Write reports of runs and recoveries, or a bundle of their evidence.",
        "explain": "Say in words what an outcome or exit code means, or what happened in a run.",
    },
    "Set up": {
        "monitor": "Look at the signals in Prometheus, and write the rules that record them.",
        "config": "Show the settings, and where each comes from.",
    },
}
"""Every command by its group, with the line that help shows; a test holds each against its module."""

_SUMMARIES = {name: line for group in COMMANDS.values() for name, line in group.items()}


_UsageError: Any = typer.BadParameter.__mro__[1]
"""The base of everything that Typer says of the words of a call; it exports only what lies below."""


_PREFIX = "Value error, "
"""What the library behind Typer puts before the words of a value that is none of those there are."""


def _form(arguments: Sequence[str]) -> str:
    """The format for programs that the words of a call ask for, understood or not; "" for people."""
    words = " ".join(arguments).replace("=", " ").split()
    named = [after for word, after in pairwise(words) if word in {"-o", "--output"}]
    joined = [word.removeprefix("-o") for word in words if word in {"-ojson", "-oyaml"}]
    return next((each for each in reversed([*joined, *named]) if each in {"json", "yaml"}), "")


class Lazily(TyperGroup):
    """A group that imports a command's module when the command runs, and not to show help."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of help."""
        del ctx
        return list(_SUMMARIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, its module imported now; None when there is none."""
        del ctx
        if cmd_name not in _SUMMARIES:
            return None
        module = import_module(f"chaoskit.cli.{cmd_name}")
        command = cast("Any", typer.main.get_command(module.app))
        command.name = cmd_name
        return command

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Typer does; the words of the call are kept for `invoke`."""
        ctx.meta[__name__] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """As Typer does; what is wrong with a call is a document, too, where one is asked for."""
        form = _form(ctx.meta[__name__])
        try:
            return super().invoke(ctx)
        except _UsageError as error:
            error.message = secrecy.unsaid(error.message.replace(_PREFIX, ""))
            if form:
                from chaoskit.cli.complaints import document
                from chaoskit.cli.render import write

                write(form, "error", document(InvalidInput(error.format_message())))
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer does, suggestions included: they are made from the names of `commands`."""
        self.commands.update({name: cast("Any", None) for name in _SUMMARIES})
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The table of commands, by group."""
        del ctx
        for title, group in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(list(group.items()))


app = typer.Typer(
    cls=Lazily,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(asked: bool) -> None:
    if asked:
        from chaoskit.version import __version__

        sys.stdout.write(f"chaoskit {__version__}\n")
        raise typer.Exit


@app.callback(epilog="Exit codes: chaoskit explain. First steps: chaoskit demo.")
def root(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", callback=_version, is_eager=True
    ),
) -> None:
    """Predict what will break, prove it with a controlled experiment, fix it, keep the evidence."""


def main(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code of its outcome. Errors are told on stderr."""
    secrecy.forget()
    with reader_may_leave() as lost:
        code = _ended(arguments)
    if lost:
        told = _told(InvalidInput(f"the result cannot be written to stdout: {lost[0].strerror}"))
        return code or told  # a graver end stays what it is
    return code


def _ended(arguments: Sequence[str]) -> int:
    try:
        with ending_on_signals():
            app(args=list(arguments), prog_name="chaoskit")
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        return _bug(RuntimeError(str(ended.code)))  # a library's last words, never ours
    except Signalled as ended:
        return _told(ended.error)
    except ChaoskitError as error:
        return _told(error)
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes words and code 70
        return _bug(error)
    return Outcome.DONE.exit_code


def _told(error: ChaoskitError) -> int:
    from chaoskit.cli.complaints import words

    sys.stderr.write(words(error))
    return of_error(error).exit_code


def _bug(error: Exception) -> int:
    from chaoskit.cli.complaints import bug

    sys.stderr.write(bug(error))
    return Outcome.BUG.exit_code
