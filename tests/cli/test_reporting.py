"""Reports of a run are written on every way out: verdicts, refusals, errors, signals, bugs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, parse

import pytest
from tests.cli.made import READY, experiment, too_wide, weak
from tests.commandline import CommandLine, Ended, Watched, read_until

Write = Callable[[str, str], Path]

WANTED = ("--junit", "out/r.xml", "--sarif", "out/r.sarif", "--html", "out/r.html", "--markdown", "out/r.md")


def _junit(home: Path) -> Element:
    return parse(home / "out/r.xml").getroot()


def _assert_written(home: Path, code: int, tag: str, said: str) -> None:
    """All four reports are there and tell of this end."""
    sarif = json.loads((home / "out/r.sarif").read_text(encoding="utf-8"))
    assert sarif["runs"][0]["invocations"][0]["exitCode"] == code
    case = next(_junit(home).iter("testcase"))
    assert [child.tag for child in case] == ([tag] if tag else [])
    for name in ("r.html", "r.md"):
        text = (home / "out" / name).read_text(encoding="utf-8")
        assert said in text
        assert f"exit {code}" in text


def test_of_a_verdict(chaoskit: CommandLine, simulated: Watched, write: Write) -> None:
    file = write("cart.yaml", experiment("cart", steadyState=[READY], hypothesis="It holds."))
    ended = chaoskit("run", file, "--yes", "-o", "json", *WANTED)
    assert ended.code == 0, ended.err
    _assert_written(chaoskit.home, 0, "", "passed")
    assert ended.json["score"] == 100.0
    (run,) = ended.json["runs"]
    assert (run["path"], run["line"], run["score"]) == ("cart.yaml", 1, 100.0)
    assert (
        0 <= run["seconds_to_recover"] <= run["seconds_broken"] < 60
    )  # the cart was looked at under the fault, too
    assert set(run["versions"]) == {"chaoskit", "kubernetes", "litmus"}
    assert {(each["signal"], each["of"]) for each in run["evidence"]["signals"]} >= {
        ("error_ratio", "deployment/cart"),
        ("memory_usage", "deployment/cart"),
    }
    assert ended.err.splitlines()[-4:] == [f"report   {path}" for path in (
        "out/r.html", "out/r.xml", "out/r.sarif", "out/r.md")]  # fmt: skip
    assert sorted(path.name for path in (chaoskit.home / "out").iterdir()) == [
        "r.html", "r.md", "r.sarif", "r.xml",
    ]  # fmt: skip


def test_of_a_weakness_with_the_signal_that_broke(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("weak.yaml", weak())
    ended = chaoskit(
        "run", file, "--yes", "-o", "json", "--min-score", 0, *WANTED, env={"GITHUB_ACTIONS": "true"}
    )
    assert ended.code == 0, "weaknesses are tolerated from the score on that is asked for"
    assert (ended.json["outcome"], ended.json["score"]) == ("score-reached", 0.0)
    (run,) = ended.json["runs"]
    assert run["outcome"] == "weakness-found"
    assert run["seconds_broken"] > 0
    broken = next(each for each in run["evidence"]["signals"] if each["of"] == "deployment/frontend")
    assert broken["most"] == 0.05
    (result,) = json.loads((chaoskit.home / "out/r.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "weak.yaml"
    assert "::error file=weak.yaml,line=1,title=weakness found%3A weak::error_ratio of" in ended.err


def test_of_a_refusal(chaoskit: CommandLine, write: Write) -> None:
    ended = chaoskit("run", write("x.yaml", too_wide()), "--yes", *WANTED)
    assert ended.code == 3
    _assert_written(chaoskit.home, 3, "skipped", "the limit is 1 %")


def test_of_a_document_that_cannot_be_used(stranger: CommandLine, write: Write) -> None:
    bad = write("bad.yaml", experiment("bad", blastRadius={"maxPercnt": 3}))
    ended = stranger("run", bad, *WANTED)
    assert ended.code == 2
    _assert_written(stranger.home, 2, "error", "did you mean maxPercent?")
    case = next(_junit(stranger.home).iter("testcase"))
    assert (case.get("file"), case.get("line")) == (str(bad), "15")


def test_of_no_cluster(stranger: CommandLine, write: Write) -> None:
    ended = stranger("run", write("x.yaml", experiment("x")), "--yes", *WANTED)
    assert ended.code == 4
    _assert_written(stranger.home, 4, "error", "there is no kubeconfig")


def test_where_nobody_can_be_asked(chaoskit: CommandLine, write: Write) -> None:
    ended = chaoskit("run", write("x.yaml", experiment("x")), *WANTED)
    assert ended.code == 3
    _assert_written(chaoskit.home, 3, "skipped", "Nobody can be asked here")


def test_of_a_variable_that_is_none(stranger: CommandLine, write: Write) -> None:
    ended = stranger("run", write("x.yaml", experiment("x")), "--var", "x", *WANTED)
    assert ended.code == 2
    _assert_written(stranger.home, 2, "error", "is not of the form name=value")


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGALRM, 6, "--timeout is over")],
)
def test_of_a_run_that_was_stopped(
    chaoskit: CommandLine, simulated: Watched, write: Write, number: signal.Signals, code: int, said: str
) -> None:
    file = write("x.yaml", experiment("x", duration="300s"))
    with chaoskit.start("run", file, "--yes", *WANTED) as process:
        read_until(process, "injected")
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    _assert_written(chaoskit.home, code, "error", said)
    assert simulated.left() == []


def test_of_a_second_signal_that_does_not_wait(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("x.yaml", experiment("x", duration="600s"))
    with chaoskit.start("run", file, "--yes", *WANTED) as process:
        read_until(process, "injected")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
    assert process.returncode in {130, 143}, err
    assert (chaoskit.home / "out/r.html").exists()
    assert chaoskit("rescue").code == 0


def test_of_a_bug(stranger: CommandLine, write: Write) -> None:
    file = write("x.yaml", experiment("x"))
    code = (
        "import sys; from chaoskit.cli import run; run.checked = lambda *_: 1 / 0;"
        "from chaoskit.cli.app import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(file), "--yes", *WANTED],
        env=stranger.environment, cwd=stranger.home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 70
    _assert_written(stranger.home, 70, "error", "division by zero")


def test_a_file_that_cannot_be_written_is_told_before_anything_is_done(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    (chaoskit.home / "file").write_text("")
    for path in ("file/r.xml", ".", "-"):
        ended = chaoskit("run", write("x.yaml", experiment("x")), "--yes", "--junit", path)
        assert ended.code == 2, path
        assert "--junit -" in ended.err or "cannot be written" in ended.err
        assert "cluster  " not in ended.err


def test_a_report_that_fails_at_the_end_changes_no_graver_end(chaoskit: CommandLine, write: Write) -> None:
    """Its folder is taken away while the run goes on."""
    file = write("x.yaml", too_wide())
    (chaoskit.home / "out").mkdir()
    with chaoskit.start("run", file, "--yes", *WANTED) as process:
        read_until(process, "cluster  ")
        (chaoskit.home / "out").rmdir()
        (chaoskit.home / "out").write_text("")
        _, err = process.communicate(timeout=120)
    assert process.returncode == 3
    assert "out/r.xml cannot be written" in err


def test_a_report_that_fails_at_the_end_of_what_passed_is_told_once_with_the_code_that_is_the_end(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("x.yaml", experiment("x", steadyState=[READY]))
    (chaoskit.home / "out").mkdir()
    with chaoskit.start("run", file, "--yes", "-o", "json", "--junit", "out/r.xml") as process:
        read_until(process, "injected")
        (chaoskit.home / "out").rmdir()
        (chaoskit.home / "out").write_text("")
        out, err = process.communicate(timeout=120)
    told = json.loads(out)
    assert (process.returncode, told["exit"], told["outcome"]) == (2, 2, "invalid-input")
    assert "out/r.xml cannot be written" in told["message"]
    assert [each["outcome"] for each in told["runs"]] == ["passed"]
    assert err.count("out/r.xml cannot be written") == 1
    assert simulated.left() == []


def test_a_device_is_written_to_as_it_is(stranger: CommandLine, write: Write) -> None:
    with stranger.start(
        "run", write("x.yaml", experiment("x")), "--yes", "--junit", "/dev/stdout"
    ) as process:
        out, _ = process.communicate(timeout=60)
    assert out.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites')
    assert Path("/dev/stdout").is_symlink()


def test_a_link_stays_one_and_an_old_report_is_replaced_whole(stranger: CommandLine, write: Write) -> None:
    write("real.xml", "old" * 1000)
    (stranger.home / "link.xml").symlink_to("real.xml")
    stranger("run", write("x.yaml", experiment("x")), "--yes", "--junit", "link.xml")
    assert (stranger.home / "link.xml").is_symlink()
    assert (stranger.home / "real.xml").read_text(encoding="utf-8").startswith("<?xml")


def _refused(chaoskit: CommandLine, write: Write, *more: str, env: Mapping[str, str]) -> Ended:
    return chaoskit("run", write("x.yaml", too_wide()), "--yes", "-o", "json", *more, env=env)


def test_github_actions_is_told_by_itself_and_only_there(chaoskit: CommandLine, write: Write) -> None:
    summary = write("summary.md", "before\n")
    there = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    ended = _refused(chaoskit, write, env=there)
    assert json.loads(ended.out)["outcome"] == "refused"
    assert re.search(r"^::warning file=x\.yaml,line=1,title=refused%3A too-wide::", ended.err, re.MULTILINE)
    assert summary.read_text(encoding="utf-8").startswith("before\n# ⏭️ refused (exit 3)")
    for more, env in (((), {}), (("--no-github",), there)):
        assert "::warning" not in _refused(chaoskit, write, *more, env=env).err
    assert summary.read_text(encoding="utf-8").count("# ⏭️ refused") == 1
    assert "::warning" in _refused(chaoskit, write, "--github", env={}).err


def test_a_summary_that_cannot_be_written_changes_nothing(chaoskit: CommandLine, write: Write) -> None:
    ended = _refused(chaoskit, write, "--github", env={"GITHUB_STEP_SUMMARY": str(chaoskit.home)})
    assert ended.code == 3
    assert "summary cannot be written" in ended.err


def test_reports_have_the_rights_of_any_file(stranger: CommandLine, write: Write) -> None:
    before = os.umask(0o027)
    try:
        stranger("run", write("x.yaml", experiment("x")), "--yes", "--html", "r.html")
    finally:
        os.umask(before)
    assert (stranger.home / "r.html").stat().st_mode & 0o777 == 0o640
