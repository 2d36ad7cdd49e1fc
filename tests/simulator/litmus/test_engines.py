from typing import Any

import pytest

from chaoskit.simulator.litmus import engines
from chaoskit.simulator.litmus.engines import IncompleteError


def engine(**spec: Any) -> dict[str, Any]:
    meta = {"name": "e", "namespace": "lab", "uid": "u-1"}
    return {"metadata": meta, "spec": spec}


def test_unknown_and_empty_fields_are_dropped_and_structs_appear() -> None:
    spec: dict[str, Any] = {
        "annotationCheck": "false",
        "auxiliaryAppInfo": "",
        "appinfo": {"appns": "lab", "applabel": "", "appkind": ""},
        "experiments": [{"name": "pod-delete", "spec": {"probe": []}}],
    }
    assert engines.normalised(spec) == {
        "appinfo": {"appns": "lab"},
        "components": {"runner": {"resources": {}}},
        "engineState": "active",
        "experiments": [
            {
                "name": "pod-delete",
                "spec": {"components": {"resources": {}, "statusCheckTimeouts": {}}},
            }
        ],
    }


def test_an_appinfo_becomes_one_target() -> None:
    told = engines.targets(engine(appinfo={"appkind": "deployment", "applabel": "app=web"}))
    assert told == "deployment:lab:[app=web]"


def test_an_appinfo_without_kind_and_label_takes_any_pod_of_its_namespace() -> None:
    assert engines.targets(engine(appinfo={"appns": "shop"})) == "KIND:shop:[]"


def test_selectors_go_before_appinfo() -> None:
    selectors = {"workloads": [{"kind": "deployment", "namespace": "shop", "names": "cart"}]}
    info = {"appkind": "deployment", "applabel": "app=web"}
    assert engines.targets(engine(selectors=selectors, appinfo=info)) == "deployment:shop:[cart]"


@pytest.mark.parametrize("spec", [{"appinfo": {"appkind": "deployment"}}, {"selectors": {"pods": []}}])
def test_half_a_selection_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(IncompleteError):
        engines.targets(engine(**spec))


def test_only_experiments_that_wait_or_run_are_forcefully_aborted() -> None:
    body = engine()
    body["status"] = {
        "experiments": [
            {"name": "a", "status": "Completed", "verdict": "Pass"},
            {"name": "b", "status": "Running", "verdict": "Awaited"},
            {"name": "c", "status": "Waiting for Job Creation", "verdict": "N/A"},
        ]
    }
    told = [(e["status"], e["verdict"]) for e in engines.aborted(body, "now")]
    aborted = ("Forcefully Aborted", "Stopped")
    assert told == [("Completed", "Pass"), aborted, aborted]
