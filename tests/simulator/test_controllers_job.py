"""Jobs on a cluster in simulated time."""

from __future__ import annotations

from typing import Any

from tests.simulator.world import NAMESPACE, World, conditions, pod_spec


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
