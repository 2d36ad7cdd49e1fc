"""A bundle is checked by its manifest: what is changed, added or taken away is named; bytes are stable."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest
from tests.reports.made import prediction, recovery, run, weak

from chaoskit.errors import InvalidInput
from chaoskit.reports import bundle


def _made() -> dict[str, bytes]:
    record = weak()
    record["evidence"] |= {
        "logs": {"cart-1/cart": "a\n", "../../etc/passwd": "b\n"},
    }
    record["evidence"]["signals"] = [
        {"signal": "error_ratio", "of": "x", "name": "n", "unit": "ratio", "points": [[record["at"], 1.0]]}
    ]
    return bundle.bundle((record, recovery(), prediction()))


def test_everything_that_is_evidence_is_in_it() -> None:
    files = _made()
    assert {path.partition("/")[2] for path in files if path.startswith("run-r1/")} == {
        "record.json", "plan.json", "timeline.json", "signals.json", "versions.json", "document.yaml",
        "logs/cart-1_cart.log", "logs/_.._etc_passwd.log",
    }  # fmt: skip
    assert {"manifest.json", "report.html", "report.xml", "report.sarif", "report.md"} <= set(files)
    assert {"recovery-v1/record.json", "prediction-p1/record.json"} <= set(files)
    assert json.loads(files["run-r1/record.json"])["id"] == "r1"


def test_no_file_leaves_its_folder() -> None:
    assert not [path for path in _made() if ".." in path.split("/") or path.startswith("/")]


def test_the_same_records_make_the_same_bytes_in_whatever_order() -> None:
    one, other = weak(), recovery()
    first, second = bundle.bundle((one, other)), bundle.bundle((other, one))
    assert bundle.packed(first) == bundle.packed(second)
    assert bundle.digest(first) == bundle.digest(second)
    assert bundle.digest(first) != bundle.digest(bundle.bundle((one,)))


def test_what_was_packed_is_unpacked_and_matches() -> None:
    files = _made()
    again = bundle.unpacked(bundle.packed(files))
    assert again == files
    assert bundle.mismatches(again) == ()
    assert bundle.records_in(again)[0] == {"kind": "prediction", "id": "p1"}


def test_what_does_not_match_is_named() -> None:
    files = _made()
    files["run-r1/timeline.json"] += b" "
    del files["run-r1/plan.json"]
    files["run-r1/more"] = b""
    assert bundle.mismatches(files) == (
        "run-r1/plan.json is missing",
        "run-r1/more is not in the manifest",
        "run-r1/timeline.json was changed",
    )


def _archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue())


def _link() -> tarfile.TarInfo:
    link = tarfile.TarInfo("manifest.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return link


_NO_BUNDLES = {
    "nothing": b"",
    "text": b"no archive",
    "gzip": gzip.compress(b"no tar"),
    "no manifest": bundle.packed({"a": b""}),
    "no JSON": bundle.packed({"manifest.json": b"x"}),
    "no schema": bundle.packed({"manifest.json": b"{}"}),
    "no files": bundle.packed({"manifest.json": b'{"schema": "chaoskit.io/bundle/v1"}'}),
    "link": _archive((_link(), b"")),
    "twice": _archive((tarfile.TarInfo("a"), b"1"), (tarfile.TarInfo("a"), b"2")),
    "cut": bundle.packed(bundle.bundle((run(),)))[:-200],
}


@pytest.mark.parametrize("archive", _NO_BUNDLES.values(), ids=_NO_BUNDLES)
def test_what_is_no_bundle_is_invalid_input(archive: bytes) -> None:
    with pytest.raises(InvalidInput, match="no bundle"):
        bundle.mismatches(bundle.unpacked(archive))


def test_a_bundle_that_would_fill_the_memory_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "LARGEST", 1000)
    with pytest.raises(InvalidInput, match="more than 1000 bytes"):
        bundle.unpacked(gzip.compress(b"0" * 2000))
