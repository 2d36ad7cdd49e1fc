"""Jobs on a cluster in simulated time."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator.world import NAMESPACE, World, conditions, pod_spec

from chaoskit.simulator.api import ApiError
from chaoskit.simulator.controllers import indexes


def job(world: World, command: str, **spec: Any) -> None:
    template = {"spec": pod_spec(["sh", "-c", command]) | {"restartPolicy": "Never"}}
    world.make("Job", "work", {"template": template, **spec})


def test_a_job_completes_and_lets_its_pod_go() -> None:
    world = World()
    job(world, "sleep 2")
    world.run(10)
    done = world.get("Job.batch", "work")
    assert conditions(done) == {
        "SuccessCriteriaMet": ("True", "CompletionsReached"),
        "Complete": ("True", "CompletionsReached"),
    }
    assert (done["status"]["succeeded"], done["status"].get("active")) == (1, None)
    (pod,) = world.all("Pod")
    assert "finalizers" not in pod["metadata"]
    assert world.reasons("work") == ["SuccessfulCreate", "Completed"]


def test_a_failed_pod_is_retried_later_and_later_until_the_limit() -> None:
    world = World()
    job(world, "exit 1", backoffLimit=2)
    world.run(9)
    assert len(world.all("Pod")) == 1
    world.run(60)
    done = world.get("Job.batch", "work")
    assert done["status"]["failed"] == 3
    assert conditions(done)["Failed"] == ("True", "BackoffLimitExceeded")
    assert len(world.all("Pod")) == 3


def test_a_job_with_several_completions_runs_as_many_at_once_as_allowed() -> None:
    world = World()
    job(world, "sleep 3", completions=4, parallelism=2)
    world.run(2)
    assert world.get("Job.batch", "work")["status"]["active"] == 2
    world.run(30)
    assert world.get("Job.batch", "work")["status"]["succeeded"] == 4
    assert len(world.all("Pod")) == 4


def test_the_first_success_of_a_work_queue_lets_its_other_pods_finish_and_begins_none() -> None:
    world = World()
    job(world, "sleep 6", parallelism=3)
    world.run(2)
    first, *_ = world.all("Pod")
    world.kubelet.kill_container(
        NAMESPACE, first["metadata"]["name"], "main", reason="Completed", exit_code=0
    )
    world.run(4)
    assert world.get("Job.batch", "work")["status"]["active"] == 2
    world.run(15)
    done = world.get("Job.batch", "work")
    assert (done["status"]["succeeded"], len(world.all("Pod"))) == (3, 3)
    assert conditions(done)["Complete"][0] == "True"


def test_an_indexed_job_succeeds_once_for_each_index_lowest_first() -> None:
    world = World()
    tell = "echo $JOB_COMPLETION_INDEX at $HOSTNAME; sleep 3"
    job(world, tell, completionMode="Indexed", completions=4, parallelism=2)
    world.run(2)
    names = [pod["metadata"]["name"] for pod in world.all("Pod")]
    assert [name.rpartition("-")[0] for name in names] == ["work-0", "work-1"]
    for index, name in enumerate(names):
        pod = world.get("Pod", name)
        assert pod["spec"]["hostname"] == f"work-{index}"
        assert pod["metadata"]["annotations"][indexes.INDEX] == str(index)
        assert pod["metadata"]["labels"][indexes.INDEX] == str(index)
        (line,) = world.kubelet.logs(NAMESPACE, name, "main")
        assert line.text == f"{index} at work-{index}"
    world.run(5)
    halfway = world.get("Job.batch", "work")["status"]
    assert (halfway["succeeded"], halfway["completedIndexes"]) == (2, "0,1")
    world.run(20)
    done = world.get("Job.batch", "work")
    assert (done["status"]["succeeded"], done["status"]["completedIndexes"]) == (4, "0-3")
    assert conditions(done)["Complete"] == ("True", "CompletionsReached")
    assert len(world.all("Pod")) == 4
    assert all("finalizers" not in pod["metadata"] for pod in world.all("Pod"))


def test_an_index_that_fails_is_tried_again_and_the_others_count_meanwhile() -> None:
    world = World()
    job(world, "sleep 4", completionMode="Indexed", completions=3, parallelism=3, backoffLimit=1)
    world.run(2)
    fail(world, "1")
    world.run(8)
    status = world.get("Job.batch", "work")["status"]
    assert (status["succeeded"], status["failed"], status["completedIndexes"]) == (2, 1, "0,2")
    world.until(lambda: len(world.all("Pod")) == 4)
    world.run(2)
    fail(world, "1")
    world.run(20)
    done = world.get("Job.batch", "work")
    assert conditions(done)["Failed"] == ("True", "BackoffLimitExceeded")
    tried = [pod["metadata"]["labels"][indexes.INDEX] for pod in world.all("Pod")]
    assert sorted(tried) == ["0", "1", "1", "2"]


def fail(world: World, index: str) -> None:
    """The pod that works on an index ends with 1."""
    for pod in world.all("Pod"):
        if pod["metadata"]["labels"][indexes.INDEX] == index and pod["status"]["phase"] == "Running":
            world.kubelet.kill_container(NAMESPACE, pod["metadata"]["name"], "main", exit_code=1)


def test_an_indexed_job_shrinks_with_what_runs_at_once() -> None:
    world = World()
    job(world, "sleep 60", completionMode="Indexed", completions=3, parallelism=3)
    world.run(3)
    with pytest.raises(ApiError, match="in tandem"):
        world.patch("Job.batch", "work", spec={"completions": 2})
    world.patch("Job.batch", "work", spec={"completions": 2, "parallelism": 2})
    world.run(10)
    assert [pod["spec"]["hostname"] for pod in world.all("Pod")] == ["work-0", "work-1"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"completionMode": "Indexed"}, "completions: Required value: when completion mode is Indexed"),
        ({"completionMode": "Random"}, 'completionMode: Unsupported value: "Random"'),
    ],
)
def test_a_mode_that_no_server_takes_is_refused(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ApiError, match=said):
        job(World(), "true", parallelism=2, **spec)


def test_completions_of_a_job_without_indexes_stay() -> None:
    world = World()
    job(world, "sleep 60", completions=2)
    with pytest.raises(ApiError, match="completions: Invalid value: 3: field is immutable"):
        world.patch("Job.batch", "work", spec={"completions": 3})


@pytest.mark.parametrize(
    ("done", "text"), [(set(), ""), ({3}, "3"), ({0, 1}, "0,1"), ({0, 2, 3, 4, 6, 7}, "0,2-4,6,7")]
)
def test_indexes_are_written_as_ranges(done: set[int], text: str) -> None:
    assert indexes.written(done) == text
    assert indexes.read(text, 100) == done


def test_a_long_name_leaves_room_for_its_index() -> None:
    assert indexes.prefix("j" * 60, 12) == "j" * 54 + "-12-"


def test_a_job_is_ended_by_its_deadline() -> None:
    world = World()
    job(world, "trap 'exit 1' TERM; sleep 3600 & wait", activeDeadlineSeconds=10)
    world.run(30)
    assert conditions(world.get("Job.batch", "work"))["Failed"] == ("True", "DeadlineExceeded")
    assert all("deletionTimestamp" in pod["metadata"] for pod in world.all("Pod"))


def test_a_finished_job_lives_as_long_as_it_says() -> None:
    world = World()
    job(world, "true", ttlSecondsAfterFinished=20)
    world.run(10)
    assert not world.gone("Job.batch", "work")
    world.run(30)
    assert world.gone("Job.batch", "work")
    assert world.all("Pod") == ()


def test_a_deleted_job_takes_its_running_pod_along() -> None:
    world = World()
    job(world, "trap 'exit 1' TERM; sleep 3600 & wait")
    world.run(4)
    world.api.delete("Job.batch", NAMESPACE, "work")
    world.run(6)
    assert world.all("Pod") == ()


def test_a_job_deleted_in_the_foreground_goes_after_its_pod() -> None:
    world = World()
    job(world, "true")
    world.run(10)
    world.api.delete("Job.batch", NAMESPACE, "work", propagation="Foreground")
    world.run(2)
    assert world.gone("Job.batch", "work")
    assert world.all("Pod") == ()


def test_a_suspended_job_starts_nothing() -> None:
    world = World()
    job(world, "true", suspend=True)
    world.run(5)
    assert world.all("Pod") == ()


def test_a_job_that_is_suspended_stops_and_begins_anew_when_it_is_resumed() -> None:
    world = World()
    job(world, "sleep 20", activeDeadlineSeconds=30, backoffLimit=0)
    world.run(8)
    world.patch("Job.batch", "work", spec={"suspend": True})
    world.run(40)
    found = world.get("Job.batch", "work")
    assert world.all("Pod") == ()
    assert conditions(found) == {"Suspended": ("True", "JobSuspended")}
    assert not {"startTime", "active", "failed"} & set(found["status"])
    world.patch("Job.batch", "work", spec={"suspend": False})
    world.run(28)
    found = conditions(world.get("Job.batch", "work"))
    assert (found["Suspended"], found["Complete"][0]) == (("False", "JobResumed"), "True")
    assert [r for r in world.reasons("work") if r in {"Suspended", "Resumed"}] == ["Suspended", "Resumed"]
