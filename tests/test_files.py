"""Files are written whole, and what stands against it is an error of who named them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chaoskit.errors import Conflict, InvalidInput
from chaoskit.files import check_writable, whole, write


def test_a_file_is_there_with_its_folder_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a/b/c"
    check_writable(path)
    assert not path.exists()
    write(path, b"one")
    write(path, b"two")
    assert [each.name for each in path.parent.iterdir()] == ["c"]
    assert path.read_bytes() == b"two"


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"x"


def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    write(tmp_path / "open", b"x")
    write(tmp_path / "private", b"x", private=True)
    assert (tmp_path / "private").stat().st_mode & 0o077 == 0
    assert (tmp_path / "open").stat().st_mode & 0o400


@pytest.mark.parametrize("place", ["file/below", "folder", "/proc/below/it"])
def test_what_cannot_be_written_is_said_before_and_when_it_is(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidInput, match="cannot be written"):
        check_writable(tmp_path / place)
    if place != "folder":  # which `write` takes for a device
        with pytest.raises(InvalidInput, match="cannot be written"):
            write(tmp_path / place, b"x")


def test_folders_that_are_written_side_by_side_are_all_there_and_nothing_beside_them(tmp_path: Path) -> None:
    def save(number: int) -> None:
        with whole(tmp_path / f"models/{number}") as draft:
            (draft / "card").write_text(f"{number}")

    with ThreadPoolExecutor(3) as several:
        for done in [several.submit(save, number) for number in range(600)]:
            done.result()
    found = {each.name: (each / "card").read_text() for each in (tmp_path / "models").iterdir()}
    assert found == {f"{number}": f"{number}" for number in range(600)}


def test_of_a_folder_that_was_not_finished_nothing_is_there(tmp_path: Path) -> None:
    def cut_off() -> None:
        with whole(tmp_path / "model") as draft:
            (draft / "card").touch()
            assert not list(tmp_path.glob("*/card"))  # nobody takes it for a model meanwhile
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cut_off()
    assert list(tmp_path.iterdir()) == []
    with whole(tmp_path / "model") as draft:
        (draft / "card").touch()
    with pytest.raises(Conflict, match="is there already"), whole(tmp_path / "model"):
        pass
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def test_an_empty_folder_that_is_there_is_filled_and_stays_the_one_that_it_is(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.mkdir()
    was = place.stat().st_ino
    (tmp_path / "link").symlink_to(place)
    with whole(tmp_path / "link") as draft:
        (draft / "card").touch()
        assert [each.name for each in tmp_path.iterdir() if each.is_dir() and each != place] == ["link"]
    assert [each.name for each in place.iterdir()] == ["card"]
    assert (tmp_path / "link").is_symlink()
    assert place.stat().st_ino == was


def test_a_folder_that_somebody_fills_meanwhile_is_theirs(tmp_path: Path) -> None:
    def save() -> None:
        with whole(tmp_path) as draft:
            (draft / "card").touch()
            (tmp_path / "theirs").touch()

    with pytest.raises(Conflict, match="is there already"):
        save()
    assert [each.name for each in tmp_path.iterdir()] == ["theirs"]


def test_a_folder_whose_filling_breaks_off_is_as_empty_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[Path] = []

    def rename(path: Path, target: Path) -> Path:
        moved.append(path)
        if len(moved) == 3:
            raise KeyboardInterrupt
        path.replace(target)
        return target

    def save() -> None:
        with whole(tmp_path) as draft:
            for name in ("card", "model", "page", "trees"):
                (draft / name).touch()

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(KeyboardInterrupt):
        save()
    assert list(tmp_path.iterdir()) == []
    save()
    assert len(list(tmp_path.iterdir())) == 4
