"""The report: one page, nothing to load, nothing that can run, everything of the lineage in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.reports.made import (
    ENDS,
    INVALID,
    NO_CLUSTER,
    PROBLEM,
    at,
    prediction,
    probe,
    recovery,
    run,
    several,
    weak,
)

from chaoskit.outcome import Outcome
from chaoskit.reports.formats import render
from chaoskit.reports.reading import Reported

VOID = {"meta", "br"}


def _page(*records: dict[str, Any], error: dict[str, Any] | None = None) -> str:
    return render("html", Reported(records, error))


class _Balanced(HTMLParser):
    """Fails on a tag that is closed without having been opened, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """``<path/>`` is closed by itself."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _signal(**more: Any) -> dict[str, Any]:
    points = [[at(s), 0.01 if s < 25 else 0.2] for s in range(-180, 100, 15)]
    return {
        "signal": "error_ratio", "of": "deployment/cart", "name": "share of requests answered with 5xx",
        "unit": "ratio", "least": None, "most": 0.05, "points": points, **more,
    }  # fmt: skip


def _charted(**more: Any) -> dict[str, Any]:
    made = weak(**more)
    made["evidence"]["signals"] = [_signal()]
    return made


@pytest.mark.parametrize("outcome", ENDS)
def test_the_answer_and_its_code_are_on_the_page_of_every_end(outcome: str) -> None:
    text = _page(run(outcome))
    assert Outcome(outcome).words in text
    assert f"exit {Outcome(outcome).exit_code}" in text


def test_a_page_is_well_formed_whatever_is_on_it() -> None:
    for text in (
        _page(prediction(), _charted(), several(id="r2"), recovery(), error=NO_CLUSTER),
        _page(error=INVALID),
    ):
        parser = _Balanced()
        parser.feed(text)
        assert parser.open == []


def test_nothing_is_loaded_and_nothing_runs() -> None:
    text = _page(prediction(), _charted(), recovery())
    assert not re.search(r"<script|<link|src=|href=\"(?!#)|@import|url\(|\bon\w+=", text)


def test_what_a_cluster_says_cannot_become_markup() -> None:
    made = _charted(reason="<img src=x onerror=alert(1)>", name='"><script>')
    made["evidence"] |= {"logs": {"a<b": "</pre><script>"}, "changes": ["<b>"]}
    made["timeline"][0]["detail"] = "<i>"
    made["litmus"]["probes"] = [probe("<u>", "Failed")]
    text = _page(made)
    assert not re.search(r"<img|<script|<i>|<u>|<b>\"", text)
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_signals_become_charts_with_the_fault_their_bound_and_their_peak() -> None:
    text = _page(_charted())
    assert text.count("<svg") == 2
    assert "must stay below 5 %" in text
    assert "20 % at 0:10" in text
    assert text.count('class="dot broken"') == 4  # two looks, in the strip and in the chart
    assert re.search(r'<rect class="fault" x="[\d.]+" y="14.0" width="[\d.]+"', text)


def test_the_conditions_table_has_the_worst_value_and_when_it_broke() -> None:
    text = _page(weak())
    row = re.search(r'<td class="state is-failure">✖ broken</td>.*?</tr>', text, re.DOTALL)
    assert row is not None
    cells = [re.sub("<[^>]*>", " ", cell).split() for cell in re.findall(r"<td.*?</td>", row[0], re.DOTALL)]
    assert cells[2:] == [
        ["1", "%", "cart-1"], ["20", "%", "cart-1"], ["1", "%", "cart-1"], ["1", "%", "cart-1"], ["0:05"],
        ["20", "s"],
    ]  # fmt: skip


def test_times_are_counted_from_the_injection() -> None:
    assert '<td class="time">-0:19</td>' in _page(run())
    assert '<td class="time">0:01</td>' in _page(run("no-baseline"))


def test_what_was_said_again_and_again_stands_once() -> None:
    note = {"at": at(30), "name": "pod/cart", "mark": "note", "detail": "Changed: restarted"}
    assert "\u00d7 3</b>" in _page(run(timeline=[note, note, note]))


def test_logs_plan_document_and_versions_are_kept_beside_it() -> None:
    made = run()
    made["evidence"]["logs"] = {"cart-1/cart": "out of memory"}
    made["evidence"]["plan"]["checks"] = [
        {"name": "targets", "state": "ok", "words": "1 of 2 pods", "mend": ""}
    ]
    text = _page(made)
    for part in ("out of memory", "1 of 2 pods", "hypothesis: It holds.", "kubernetes v1.34.1", "uid-1"):
        assert part in text


def test_a_prediction_without_a_model_says_so() -> None:
    text = _page(weak(), prediction(probability=None, low=None, high=None, model="rules"))
    assert "by rules" in text
    assert text.index("by rules") < text.index("weakness found</p>")


def test_problems_of_documents_have_a_page_too() -> None:
    assert "a.yaml:3:5</td>" in _page(error=INVALID)
    assert "a.yaml:3</td>" in _page(error={**INVALID, "problems": [{**PROBLEM, "column": 0}]})


def _browsed(tmp_path: Path, text: str, *asked: str) -> str:
    """What the browser prints of the page when it is asked for that."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("chromium is not installed")
    page = tmp_path / "report.html"
    page.write_text(text, encoding="utf-8")
    return subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
         *asked, page.as_uri()],
        capture_output=True, check=True, timeout=120, text=True,
    ).stdout  # fmt: skip


def test_a_browser_shows_all_of_it(tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    text = _page(prediction(), _charted(), recovery())
    _browsed(tmp_path, text, f"--screenshot={shot}", "--window-size=1100,3000")
    assert shot.stat().st_size > 100_000  # an empty page of this size has a few thousand


_MEASURED = """<script>document.title = [...document.querySelectorAll(".tile")]
  .map(tile => tile.scrollWidth > tile.clientWidth ? "spills" : "fits").join(" ")</script>"""


def test_no_figure_is_printed_over_the_one_beside_it(tmp_path: Path) -> None:
    made = weak(seconds_to_recover=0.0, undo={"state": "not confirmed"})
    shown = _browsed(tmp_path, _page(made) + _MEASURED, "--dump-dom", "--window-size=1000,1000")
    title = shown.split("<title>")[1].split("</title>")[0]
    assert title.split() == ["fits"] * shown.count('<div class="tile"')
    assert "fits" in title


def test_a_figure_stands_large_and_why_it_is_none_stands_beside_its_name() -> None:
    assert "<b>0 s</b><span>time to recover, back under the fault</span>" in _page(
        weak(seconds_to_recover=0.0)
    )
    assert "<b>20 s</b><span>time to recover</span>" in _page(weak(seconds_to_recover=20.0))
