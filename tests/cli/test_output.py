"""Results alone on stdout, in the format asked for; everything else on stderr, its first line the cluster."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.made import experiment, too_wide
from tests.commandline import ESCAPE, PROJECT, RATE, CommandLine, read_until

Write = Callable[[str, str], Path]
EXAMPLES = PROJECT / "examples"

OFFLINE = {
    "config": ("config",),
    "explain": ("explain",),
    "explain one": ("explain", "weakness found"),
    "faults": ("faults",),
    "one fault": ("faults", "pod-delete"),
    "show one fault": ("faults", "show", "database-connection-loss"),
    "history": ("history",),
    "models": ("models", "list"),
    "patterns": ("patterns",),
    "runbooks": ("runbooks", "list"),
    "validate": ("validate", EXAMPLES / "experiments"),
    "rules": ("validate", "--rules"),
}
CONNECTED = {
    "generate": ("generate", "-n", "shop", "--top", 2),
    "plan": ("plan", EXAMPLES / "experiments"),
    "predict": ("predict", "-n", "shop"),
    "recover": ("recover", "-n", "shop", "--dry-run"),
    "rescue": ("rescue",),
}
FORMATS = ("json", "yaml")


@pytest.mark.parametrize("words", OFFLINE.values(), ids=OFFLINE)
def test_what_needs_no_cluster_works_without_one_in_every_format(
    stranger: CommandLine, words: tuple[str, ...]
) -> None:
    table, as_json, as_yaml = (stranger(*words, "-o", name) for name in ("table", *FORMATS))
    assert (table.code, as_json.code, as_yaml.code) == (0, 0, 0)
    assert table.out
    assert re.fullmatch(r"chaoskit\.io/[a-z-]+/v1", as_json.json["schema"])
    assert as_yaml.yaml == as_json.json
    assert table.err == as_json.err == as_yaml.err == ""


@pytest.mark.parametrize("words", CONNECTED.values(), ids=CONNECTED)
def test_a_connected_command_names_the_cluster_first_and_on_stderr(
    chaoskit: CommandLine, words: tuple[str, ...]
) -> None:
    table, as_json, as_yaml = (chaoskit(*words, "-o", name) for name in ("table", *FORMATS))
    assert (table.code, as_json.code, as_yaml.code) == (0, 0, 0)
    assert table.out
    assert as_json.json["schema"] == as_yaml.yaml["schema"]
    for each in (table, as_json, as_yaml):
        assert each.err.splitlines()[0] == f"cluster  simulator · seed 7 · {RATE:g} times faster"
        assert "cluster  " not in each.out


@pytest.mark.parametrize("words", CONNECTED.values(), ids=CONNECTED)
def test_without_a_kubeconfig_nothing_is_simulated(stranger: CommandLine, words: tuple[str, ...]) -> None:
    ended = stranger(*words)
    assert ended.code == 4
    assert ended.out == ""
    assert "export KUBECONFIG=$(chaoskit sim up)" in ended.err


@pytest.mark.parametrize("words", [*OFFLINE.values(), *CONNECTED.values()], ids=[*OFFLINE, *CONNECTED])
def test_in_a_pipe_there_is_no_escape_code_and_nothing_is_cut(
    chaoskit: CommandLine, words: tuple[str, ...]
) -> None:
    ended = chaoskit(*words, env={"TERM": "xterm-256color"})
    assert not ESCAPE.search(ended.out + ended.err)
    assert not re.search(r"…|[ \t]+$", ended.out, re.MULTILINE)


def test_no_color_holds_on_a_terminal_too(chaoskit: CommandLine) -> None:
    colours = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    assert (
        colours.search(
            chaoskit("recover", "-n", "nowhere", terminal=True, env={"TERM": "xterm-256color"}).out
        )
        is None
    )
    ended = chaoskit("faults", terminal=True, env={"TERM": "xterm-256color", "NO_COLOR": "1"})
    assert not colours.search(ended.out)


@pytest.mark.parametrize("forced", ["FORCE_COLOR", "TTY_COMPATIBLE"])
@pytest.mark.parametrize("words", [("faults",), ("faults", "show", "pod-delete")])
def test_colours_that_are_forced_into_a_pipe_bring_no_other_lines(
    stranger: CommandLine, words: tuple[str, ...], forced: str
) -> None:
    plain, coloured = stranger(*words), stranger(*words, env={forced: "1"})
    assert ESCAPE.search(coloured.out)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured.out) == plain.out


def test_quiet_says_nothing_but_the_result(chaoskit: CommandLine, write: Write) -> None:
    ended = chaoskit("run", write("x.yaml", too_wide()), "--yes", "--quiet")
    assert ended.err == ""
    assert ended.out.startswith("refused  ")


def test_progress_as_json_is_one_object_a_line(chaoskit: CommandLine, write: Write) -> None:
    """Other lines are words, as the help says."""
    file = write("x.yaml", too_wide())
    ended = chaoskit("run", file, "--yes", "--progress", "json", "--junit", "x.xml")
    lines = ended.err.splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert events
    assert all(each["event"] for each in events)
    assert [line.split()[0] for line in lines if not line.startswith("{")] == ["cluster", "report"]
    assert "a line that begins without { is words: cluster, report" in " ".join(
        chaoskit("run", "-h").out.split()
    )


@pytest.mark.parametrize("words", [("faults", "-o", "json"), ("explain",), ("--help",), ("history",)])
def test_a_reader_that_leaves_gets_no_traceback(stranger: CommandLine, words: tuple[str, ...]) -> None:
    with stranger.start(*words) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        process.wait(60)
    assert err == ""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("frob",), "No such command 'frob'"),
        (("predct",), "predict"),
        (("run", "--frob", "x.yaml"), "No such option: --frob"),
        (("run",), "neither FILES nor --plan"),
        (("plan",), "Missing argument"),
        (("history", "--kind", "frob"), "not one of 'all', 'run', 'recovery', 'prediction'"),
        (("explain", "99"), "exit codes: 0, 1, 2"),
        (("run", "--plan", str(PROJECT / "pyproject.toml"), "--yes"), "is no plan: it is not JSON"),
        (("explain", "weakness"), "did you mean weakness-found?"),
        (("faults", "pod-delte"), "did you mean pod-delete?"),
        (("runbooks", "show", "frob"), "runbooks: database-connection-recovery"),
        (("generate", "--from", "frob"), "not one of 'predictions', 'topology'"),
        (("generate", "--from", "incident"), "belong together"),
        (("generate", "01jd4r"), "belong together"),
        (("faults", "show"), "name one fault"),
        (("faults", "show", "pod-delte"), "did you mean pod-delete?"),
        (("validate",), "name files"),
        (("validate", "--ignore", "no-prob", "x.yaml"), "did you mean no-probe?"),
        (("validate", "--ignore", "tunable", "x.yaml"), "errors cannot be ignored"),
        (("validate", "--schema", "pod"), "there is experiment"),
        (("halt", "--only", "frob"), "not one of 'chaos', 'recovery'"),
        (("predict", "--data", "x.csv"), "add --data FOLDER --mapping FILE"),
        (("train", "--mapping", "x.yaml"), "--data and --mapping belong together"),
        (("validate", "nowhere.yaml"), "nowhere.yaml"),
        (("config", "--config", "nowhere.yaml"), "nowhere.yaml cannot be read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_typed_wrong_is_2_and_says_what_would_be_right(
    stranger: CommandLine, words: tuple[str, ...], complaint: str
) -> None:
    ended = stranger(*words)
    assert ended.code == 2
    assert ended.out == ""
    assert complaint in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("show", "nothing"), "chaoskit history lists what is kept"),
        (("report", "nothing"), "chaoskit history lists what is kept"),
        (("models", "show", "nothing"), "models: none yet"),
    ],
)
def test_an_unknown_name_is_2_and_says_which_are_known(
    stranger: CommandLine, words: tuple[str, ...], complaint: str
) -> None:
    ended = stranger(*words)
    assert ended.code == 2
    assert ended.out == ""
    assert complaint in ended.err


def test_a_simulator_that_is_not_there_is_4(stranger: CommandLine) -> None:
    ended = stranger("sim", "status")
    assert ended.code == 4
    assert "chaoskit sim up" in ended.err


@pytest.mark.parametrize("address", ["foo", "foo:bar", ":99999", "localhost:"])
def test_an_address_that_is_none_is_2(stranger: CommandLine, address: str) -> None:
    ended = stranger("controller", "--listen", address)
    assert ended.code == 2
    assert f"--listen {address} is no HOST:PORT" in ended.err


def test_a_kubeconfig_that_points_nowhere_is_4(stranger: CommandLine, write: Write) -> None:
    write("kubeconfig", _KUBECONFIG)
    ended = stranger("run", write("x.yaml", experiment("x")), "--yes", "--kubeconfig", "kubeconfig")
    assert ended.code == 4
    assert "127.0.0.1:1" in ended.err
    assert "Traceback" not in ended.err


def test_a_bug_ends_with_70_and_its_traceback_in_a_file(stranger: CommandLine, write: Write) -> None:
    code = (
        "import sys; from chaoskit.cli import explain; explain.TABLE = 42;"
        "from chaoskit.cli.app import main; sys.exit(main(['explain']))"
    )
    done = subprocess.run(
        [__import__("sys").executable, "-c", code],
        env=stranger.environment, cwd=stranger.home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 70
    assert "this is a bug in chaoskit" in done.stderr
    assert "TypeError" in Path(done.stderr.split()[-1]).read_text(encoding="utf-8")


def test_verbose_progress_tells_more(chaoskit: CommandLine, write: Write) -> None:
    file = write("x.yaml", too_wide())
    with chaoskit.start("run", file, "--yes", "--verbose") as process:
        said = read_until(process, "verdict")
        process.communicate(timeout=60)
    assert said.splitlines()[-1].endswith("the limit is 1 %")


_KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: 'http://127.0.0.1:1'}}]
users: [{name: nobody, user: {token: x}}]
"""


@pytest.mark.parametrize(
    ("words", "code", "field", "value"),
    [
        (("show", "nothing", "-o", "json"), 2, "outcome", "invalid-input"),
        (("validate", "nowhere.yaml", "-o", "json"), 2, "outcome", "invalid-input"),
        (
            ("predict", "-o", "json"),
            4,
            "hint",
            "--kubeconfig or KUBECONFIG names one; a simulated one: export KUBECONFIG=$(chaoskit sim up)",
        ),
    ],
)
def test_an_error_is_a_result_for_who_reads_json(
    stranger: CommandLine, words: tuple[str, ...], code: int, field: str, value: str
) -> None:
    ended = stranger(*words)
    assert ended.code == code
    assert (ended.json["schema"], ended.json["exit"]) == ("chaoskit.io/error/v1", code)
    assert ended.json[field] == value
    assert ended.json["message"] in ended.err
    assert "Traceback" not in ended.err


def test_an_invalid_document_is_told_with_its_place_in_json_and_yaml(
    chaoskit: CommandLine, write: Write
) -> None:
    bad = write("bad.yaml", experiment("bad", blastRadius={"maxPercnt": 3}))
    for found in (chaoskit("run", bad, "-o", "json").json, chaoskit("run", bad, "-o", "yaml").yaml):
        (problem,) = found["problems"]
        assert (problem["line"], problem["column"], problem["hint"]) == (15, 5, "did you mean maxPercent?")


@pytest.mark.parametrize("text", ["0", "soon", "-5", "5x"])
def test_a_timeout_is_a_length_of_time(stranger: CommandLine, text: str) -> None:
    ended = stranger("explain", f"--timeout={text}")
    assert ended.code == 2
    assert "--timeout" in ended.err


def test_a_command_that_only_reads_ends_with_6_when_its_time_is_over(
    chaoskit: CommandLine, write: Write
) -> None:
    with chaoskit.start("predict", "-n", "shop", "--timeout", "0.05", "-o", "json") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 6, err
    assert json.loads(out)["outcome"] == "timed-out"
    assert err.endswith("stopped  the time allowed by --timeout is over\n")


@pytest.mark.parametrize(
    "words",
    [
        ("history", "-o", "json", "--kind", "foo"),
        ("run", "-o", "json"),
        ("frob", "--output=json"),
        ("config", "-ojson", "--config", "nowhere.yaml"),
        ("explain", "99", "-o", "json"),
    ],
    ids=" ".join,
)
def test_what_is_wrong_with_the_call_is_a_document_too(stranger: CommandLine, words: tuple[str, ...]) -> None:
    ended = stranger(*words)
    assert ended.code == 2
    assert (ended.json["schema"], ended.json["outcome"]) == ("chaoskit.io/error/v1", "invalid-input")
    assert ended.err


def test_halt_and_resume_tell_programs_what_they_did(chaoskit: CommandLine) -> None:
    halted = chaoskit("halt", "--only", "chaos", "-n", "default", "-o", "json").json
    assert (halted["halted"], halted["namespace"]) == (["chaos"], "default")
    assert chaoskit("resume", "-o", "json").json["resumed"] == []  # the cluster is another place
    assert chaoskit("resume", "-n", "default", "-o", "json").json["resumed"] == ["chaos"]


def test_what_is_halted_still_is_told_by_who_resumes_something_else(chaoskit: CommandLine) -> None:
    chaoskit("halt", "-n", "litmus", "--only", "chaos", "--reason", "incident 42")
    try:
        resumed = chaoskit("resume")
        still = chaoskit("resume", "-o", "json").json["still"]
    finally:
        lifted = chaoskit("resume", "-n", "litmus")
    assert resumed.out.startswith(
        "resumed  nothing was halted in the cluster as a whole\nstill    chaos is halted in"
    )
    assert resumed.out.endswith(": incident 42; chaoskit resume -n litmus lifts it\n")
    assert still == [{"act": "chaos", "namespace": "litmus", "reason": "incident 42"}]
    assert lifted.out == "resumed  chaos\n"
    assert chaoskit("resume", "-n", "litmus").out == "resumed  nothing was halted in namespace litmus\n"


def test_a_namespace_that_is_not_there_can_be_neither_halted_nor_resumed(chaoskit: CommandLine) -> None:
    ended = [chaoskit(command, "-n", "nope") for command in ("halt", "resume")]
    assert [each.code for each in ended] == [4, 4]
    assert all("nope" in each.err for each in ended)


def test_an_option_that_belongs_to_another_is_nothing_without_it(stranger: CommandLine) -> None:
    ended = stranger("rescue", "--force")
    assert ended.code == 2
    assert "add --orphans" in ended.err


def test_what_was_halted_and_resumed_is_a_result_and_stands_on_stdout(chaoskit: CommandLine) -> None:
    halted, resumed = chaoskit("halt", "-n", "litmus", "-q"), chaoskit("resume", "-n", "litmus", "-q")
    assert (
        halted.out == "halted   chaos and recovery in namespace litmus; chaoskit resume -n litmus lifts it\n"
    )
    assert resumed.out == "resumed  chaos and recovery\n"
    assert halted.err + resumed.err == ""


@pytest.mark.parametrize("command", ["faults", "validate", "config", "demo"])
def test_commands_without_a_cluster_offer_no_option_for_one(stranger: CommandLine, command: str) -> None:
    told = stranger(command, "--help").out
    assert "--kubeconfig" not in told
    assert "--store" not in told
    assert "--output" in told


NOWHERE = "/proc/nowhere/it"


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--data", "m", "--mapping", "m.yaml", "--out", NOWHERE),
        ("evaluate", "--data", "m", "--mapping", "m.yaml", "--out", NOWHERE),
        ("monitor", "rules", "--out", NOWHERE),
        ("predict", "-n", "shop", "--export", NOWHERE),
        ("drill", "bad-release", "-n", "shop", "--workload", "deployment/cart", "--yes", "--out", NOWHERE),
        ("drill", "--matrix", "--out", NOWHERE),
    ],
    ids=" ".join,
)
def test_a_file_that_cannot_be_written_is_2_before_anything_else(
    stranger: CommandLine, words: tuple[str, ...]
) -> None:
    ended = stranger(*words)
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert f"error    {NOWHERE}" in ended.err.replace(".json", "")
    assert "cannot be written" in ended.err


@pytest.mark.parametrize("limit", ["99999999999999999999", "0", "²", "1e9", "-5", "nan"])
def test_a_limit_of_time_that_is_none_is_2(stranger: CommandLine, limit: str) -> None:
    ended = stranger("explain", f"--timeout={limit}")
    assert ended.code == 2, ended.err
    assert "Traceback" not in ended.err


def test_a_result_that_a_full_disk_does_not_take_is_2_and_a_graver_end_stays(stranger: CommandLine) -> None:
    words = [sys.executable, "-m", "chaoskit"]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        for more, code in ((("explain",), 2), (("sim", "status", "-o", "json"), 4)):
            done = subprocess.run(
                [*words, *more], env=stranger.environment, stdout=full, stderr=subprocess.PIPE, text=True,
                check=False, cwd=stranger.home,
            )  # fmt: skip
            assert done.returncode == code, done.stderr
            assert "the result cannot be written to stdout: No space left on device" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize(("words", "code"), [("explain", 0), ("explain 99", 2), ("sim status -o json", 4)])
def test_without_a_stdout_or_stderr_the_code_is_the_same(
    stranger: CommandLine, words: str, code: int, closed: str
) -> None:
    done = subprocess.run(
        ["sh", "-c", f"exec {shlex.quote(sys.executable)} -m chaoskit {words} {closed}"],
        env=stranger.environment, capture_output=True, text=True, check=False, cwd=stranger.home,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if closed == "2>&-" and "json" in words:
        assert json.loads(done.stdout)["exit"] == code


def test_a_window_without_columns_is_none(stranger: CommandLine) -> None:
    usual = stranger("explain")
    assert stranger("explain", env={"COLUMNS": "0"}).out == usual.out
    assert usual.out.count("\n") > 10


def test_the_last_words_of_a_library_are_no_success() -> None:
    code = (
        "import sys, typer; from chaoskit.cli import app, explain; explain.app = typer.Typer();"
        "explain.app.command()(lambda: sys.exit('enough')); sys.exit(app.main(['explain']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert "enough" in done.stderr


@pytest.mark.parametrize(
    "words", [("run", "x.yaml", "--dry-run", "foo"), ("history", "-o", "csv"), ("halt", "--only", "x")]
)
def test_a_value_that_is_none_of_those_there_are_is_told_in_plain_words(
    stranger: CommandLine, words: tuple[str, ...]
) -> None:
    for form in ((), ("-o", "json")):
        ended = stranger(*form, *words) if not form else stranger(words[0], *form, *words[1:])
        assert ended.code == 2
        assert "is not one of 'c" in ended.err or "is not one of 't" in ended.err
        assert "Value error" not in ended.out + ended.err


@pytest.mark.parametrize("text", ["[]", "{}", '"x"', '{"schema": "other"}'])
def test_json_that_is_no_plan_is_told_in_plain_words(
    stranger: CommandLine, write: Callable[[str, str], Path], text: str
) -> None:
    ended = stranger("run", "--plan", write("p.json", text), "--yes")
    assert ended.code == 2
    assert "p.json is no plan: it is not as chaoskit plan writes it\n" in ended.err
    assert "chaoskit run FILES needs none" in ended.err


def test_where_a_file_is_no_bundle_no_plan_and_no_folder_it_is_said(
    stranger: CommandLine, write: Callable[[str, str], Path]
) -> None:
    file = write("r.json", "{}\n")
    told = stranger("report", "--verify", file)
    assert told.code == 2
    assert "error    this is no bundle: it is no .tar.gz, or a damaged one\n" in told.err
    told = stranger("generate", "--out", "r.json")
    assert (told.code, told.err.splitlines()[0]) == (2, "error    r.json is a file, and --out names a folder")
    assert file.read_text(encoding="utf-8") == "{}\n"


def test_what_cannot_be_written_somewhere_is_not_written_elsewhere(stranger: CommandLine) -> None:
    """Neither a file called ``-`` with the secrets of documents, nor a folder that looks like an archive."""
    plan = stranger("plan", "x.yaml", "--out", "-")
    assert (plan.code, "--out - would show what is secret" in plan.err) == (2, True)
    verify = stranger("report", "r1", "--verify", "b.tar.gz")
    assert (verify.code, "--verify looks at a bundle alone" in verify.err) == (2, True)
    assert list(stranger.home.iterdir()) == []
