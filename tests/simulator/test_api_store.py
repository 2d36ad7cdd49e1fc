"""Objects, their versions, and what the history still knows."""

from __future__ import annotations

import pytest

from chaoskit.simulator.apiserver.store import FIRST_REVISION, HISTORY, Changed, Forgotten, Store


def thing(name: str, **more: object) -> dict[str, object]:
    return {"kind": "Thing", "apiVersion": "v1", "metadata": {"name": name, "namespace": "n"}, **more}


def test_each_write_has_the_next_revision_and_lists_are_in_name_order() -> None:
    store = Store()
    for name in ("b", "a"):
        store.put("Thing", thing(name))
    assert [v.name for v in store.list("Thing")] == ["a", "b"]
    assert sorted(v.revision for v in store.list("Thing")) == [FIRST_REVISION + 1, FIRST_REVISION + 2]
    assert store.list("Thing", "elsewhere") == []


def test_an_earlier_list_is_as_it_was() -> None:
    store = Store()
    store.put("Thing", thing("kept", value=1))
    store.put("Thing", thing("gone"))
    then = store.revision
    store.put("Thing", thing("kept", value=2))
    store.remove("Thing", "n", "gone")
    store.put("Thing", thing("late"))
    assert [(v.name, v.object.get("value")) for v in store.list_at("Thing", None, then)] == [
        ("gone", None),
        ("kept", 1),
    ]


def test_what_is_older_than_the_history_is_forgotten() -> None:
    store = Store()
    with pytest.raises(Forgotten):
        store.since("Thing", 1)
    assert store.since("Thing", FIRST_REVISION) == []
    for number in range(HISTORY + 1):
        store.put("Thing", thing("a", value=number))
    with pytest.raises(Forgotten):
        store.since("Thing", FIRST_REVISION)
    assert len(store.since("Thing", store.horizon("Thing"))) == HISTORY


def test_a_removal_is_told_with_its_own_revision_and_the_last_state() -> None:
    store, seen = Store(), list[Changed]()
    cancel = store.listen("Thing", seen.append)
    store.put("Thing", thing("a", value=1))
    store.remove("Thing", "n", "a")
    cancel()
    store.put("Thing", thing("unseen"))
    assert [change.type for change in seen] == ["ADDED", "DELETED"]
    assert seen[1].version.object["value"] == 1
    assert seen[1].revision > seen[0].revision


def test_json_of_a_version_lacks_kind_and_version_and_is_made_once() -> None:
    version = Store().put("Thing", thing("a"))
    assert b'"kind"' not in version.json
    assert version.json is version.json
