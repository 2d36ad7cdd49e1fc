"""A bundle of evidence that somebody else can check: files, and a manifest with the SHA-256 of each.

The digest of the manifest names the whole. The same records make the same bytes, on any machine.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit import documents
from chaoskit.errors import InvalidInput
from chaoskit.ports.store import Document
from chaoskit.reports.formats import FORMATS, encoded
from chaoskit.reports.reading import Reported, in_order
from chaoskit.version import __version__

MANIFEST = "manifest.json"
SCHEMA = "chaoskit.io/bundle/v1"
LARGEST = 512 * 1024 * 1024
"""Bytes that a bundle may unpack to: whoever checks one need not trust who sent it."""

Files = Mapping[str, bytes]


def bundle(records: tuple[Document, ...]) -> dict[str, bytes]:
    """The files of a bundle by their paths, the manifest among them."""
    files = {path: content for each in in_order(records) for path, content in _of_record(each)}
    endings = {"html": "html", "junit": "xml", "sarif": "sarif", "markdown": "md"}
    files |= {f"report.{endings[name]}": encoded(name, Reported(records)) for name in FORMATS}
    return {MANIFEST: _manifest(records, files), **dict(sorted(files.items()))}


def digest(files: Files) -> str:
    """``sha256:...`` of the manifest: it names the bundle and everything in it."""
    return f"sha256:{hashlib.sha256(files[MANIFEST]).hexdigest()}"


def packed(files: Files) -> bytes:
    """The files as a .tar.gz; nothing in it tells when, where or by whom it was made."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def unpacked(archive: bytes) -> dict[str, bytes]:
    """The files in a .tar.gz; nothing is written anywhere.

    Raises:
        InvalidInput: it is none, is too large, or holds something else than files.
    """
    try:
        with gzip.open(io.BytesIO(archive)) as stream:
            plain = stream.read(LARGEST + 1)
        if len(plain) > LARGEST:
            raise InvalidInput(f"the bundle unpacks to more than {LARGEST} bytes")
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as opened:
            return dict(_members(opened))
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        hint = "chaoskit report ID --bundle PATH makes one"
        raise InvalidInput("this is no bundle: it is no .tar.gz, or a damaged one", hint=hint) from error


def _members(opened: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    for member in opened:
        content = opened.extractfile(member) if member.isreg() else None
        if content is None or member.name in seen:
            raise InvalidInput(f"this is no bundle: {member.name} is no file, or is in it twice")
        seen.add(member.name)
        yield member.name, content.read()


def mismatches(files: Files) -> tuple[str, ...]:
    """What in these files is not as the manifest says, in words; nothing when all of it is.

    Raises:
        InvalidInput: there is no manifest that can be read.
    """
    listed = _listed(files)
    return (
        *(f"{path} is missing" for path in listed if path not in files),
        *(f"{path} is not in the manifest" for path in files if path not in listed and path != MANIFEST),
        *(
            f"{path} was changed"
            for path, told in listed.items()
            if path in files and _told(files[path]) != told
        ),
    )


def records_in(files: Files) -> list[Mapping[str, Any]]:
    """The kinds and ids of the records that the manifest speaks of."""
    return list(_read(files).get("records") or ())


def _listed(files: Files) -> Mapping[str, Any]:
    listed = _read(files).get("files")
    if not isinstance(listed, dict):
        raise InvalidInput(f"this is no bundle: its {MANIFEST} lists no files")
    return listed


def _read(files: Files) -> Mapping[str, Any]:
    if MANIFEST not in files:
        raise InvalidInput(f"this is no bundle: it has no {MANIFEST}")
    try:
        found = json.loads(files[MANIFEST])
    except ValueError as error:
        raise InvalidInput(f"this is no bundle: its {MANIFEST} is no JSON") from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise InvalidInput(f"this is no bundle: its {MANIFEST} is not of {SCHEMA}")
    return found


def _manifest(records: tuple[Document, ...], files: Files) -> bytes:
    return _json(
        {
            "schema": SCHEMA,
            "chaoskit": __version__,
            "records": [{"kind": each["kind"], "id": each["id"]} for each in in_order(records)],
            "files": {path: _told(content) for path, content in sorted(files.items())},
        }
    )


def _told(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _of_record(document: Document) -> Iterator[tuple[str, bytes]]:
    """The record whole, and what a person opens of it: plan, document, timeline, signals, versions, logs."""
    folder = f"{document['kind']}-{document['id']}"
    evidence = document.get("evidence") or {}
    yield f"{folder}/record.json", _json(document)
    parts = {
        "plan": evidence.get("plan") or document.get("plan"),
        "timeline": document.get("timeline"),
        "signals": evidence.get("signals"),
        "versions": document.get("versions"),
    }
    for name, part in parts.items():
        if part:
            yield f"{folder}/{name}.json", _json(part)
    if document.get("experiment"):
        yield f"{folder}/document.yaml", documents.dump(document["experiment"]).encode()
    for name, text in (evidence.get("logs") or {}).items():
        yield f"{folder}/logs/{_file_name(name)}.log", text.encode(errors="replace")


def _file_name(name: str) -> str:
    """``pod/container`` as a name that stays in its folder."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip(".") or "_"


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode(errors="replace")
