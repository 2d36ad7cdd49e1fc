"""What holds for the whole: direction of imports, cheap help, one version, every module says its job."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

import chaoskit

ROOT = Path(__file__).parents[1]
PACKAGE = Path(chaoskit.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"sklearn", "numpy", "scipy", "kubernetes", "pymongo", "fastapi", "requests", "pandas", "joblib"}


def _loaded_by(*arguments: str) -> set[str]:
    """Top-level modules that are loaded when chaoskit has run with these arguments."""
    code = (
        "import sys; from chaoskit.cli.app import main; main(sys.argv[1:]);"
        "sys.stderr.write('\\n' + ' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments", [("--help",), ("run", "--help"), ("predict", "--help"), ("explain", "5")]
)
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert not HEAVY & _loaded_by(*arguments)


def test_the_top_help_does_not_even_import_rich() -> None:
    assert "rich" not in _loaded_by("--help")


def test_the_test_above_can_fail() -> None:
    assert "yaml" in _loaded_by("config", "-o", "yaml")


def test_who_runs_an_experiment_does_not_wait_for_the_recovery_to_load() -> None:
    code = "import sys, chaoskit.flows.chaos_engine; assert 'chaoskit.recovery' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_contracts_are_kept() -> None:
    script = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_simulator_is_kept_from_every_other_part() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (kept,) = (one for one in contracts["contracts"] if one.get("source_modules") == ["chaoskit.simulator"])
    others = {f"chaoskit.{module.name}" for module in pkgutil.iter_modules([str(PACKAGE)])}
    assert set(kept["forbidden_modules"]) == others - {"chaoskit.simulator"}


def test_the_simulator_does_not_use_the_facade() -> None:
    using = [
        path.name
        for path in (PACKAGE / "simulator").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and node.module == "chaoskit" and _names(node) != {"simulator"})
        or (isinstance(node, ast.Import) and "chaoskit" in _names(node))
    ]
    assert using == []


def _names(node: ast.Import | ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}


def test_a_module_says_its_job_in_its_first_line() -> None:
    docstrings = {path: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in MODULES}
    first = {path: (text or "").partition("\n")[0].rstrip() for path, text in docstrings.items()}
    silent = {path for path, line in first.items() if not line.endswith((".", ",", ":", "?"))}
    assert {str(path.relative_to(PACKAGE)): first[path] for path in silent} == {}


def test_only_the_command_line_prints() -> None:
    printing = [
        path
        for path in MODULES
        if "cli" not in path.parts
        and path.name != "__main__.py"  # what a process of its own says
        and re.search(r"^\s*(print|sys\.stdout\.write)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert [str(path.relative_to(PACKAGE)) for path in printing] == []


def test_the_top_level_holds_what_the_design_allows() -> None:
    allowed = {"src", "examples", "models", "tests", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"}
    assert {name for name in _top_level() if not name.startswith(".")} == allowed


def _top_level() -> set[str]:
    """What git keeps; in a copy that is no repository, what lies there and is not ignored."""
    if not (ROOT / ".git").exists():
        ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()]
        names = {path.name for path in ROOT.iterdir()}
        return {name for name in names if not any(fnmatch(name, each) for each in ignored)}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {line.partition("/")[0] for line in listed.stdout.splitlines()}


FIRST = "0.1.0"


def test_the_changelog_tells_of_the_version_until_the_first_of_what_is_to_come() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    released = [title for title in titles if title != "Unreleased"]
    assert titles
    assert chaoskit.__version__ == (released or [FIRST])[0]


def test_an_import_error_ends_with_70() -> None:
    code = (
        "import sys; sys.modules['chaoskit.cli.explain'] = None; from chaoskit.cli.app import main;"
        "sys.exit(main(['explain']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert "an import failed" in done.stderr
    traceback = Path(done.stderr.rsplit(maxsplit=1)[1])
    assert "chaoskit.cli.explain" in traceback.read_text(encoding="utf-8")
    traceback.unlink()


def test_an_import_error_of_the_command_line_itself_ends_with_70_too() -> None:
    code = "import sys; sys.modules['typer'] = None; from chaoskit.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert "not installed completely" in done.stderr
