"""Forests grow the same wherever they grow, and validation chooses within its time."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import socketserver
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module, metadata
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from tests.prediction.conftest import tiny
from tests.servers import free_port

from chaoskit import errors
from chaoskit.prediction import features
from chaoskit.prediction.labelling.labels import Labelled, label
from chaoskit.prediction.learning import dask_pool, folds, forest, search
from chaoskit.prediction.learning.options import Options, check
from chaoskit.prediction.learning.table import Table, tabulate
from chaoskit.prediction.learning.training import out_of_fold

Small = Callable[..., Options]


@pytest.fixture(scope="module")
def table(leaks: Labelled) -> Table:
    return tabulate(leaks, features.spec(leaks.dataset, "evidence"))


@pytest.fixture(scope="module")
def at_home(table: Table) -> list[np.ndarray]:
    return scored(table, tiny(recipe="evidence"))


def within(workers: int, **more: Any) -> Any:
    """A Dask cluster in this process; without Dask the test is skipped."""
    distributed = pytest.importorskip("distributed")
    where = {"processes": False, "dashboard_address": ":0", "protocol": "tcp"}
    return distributed.LocalCluster(n_workers=workers, threads_per_worker=2, **where, **more)


def scored(table: Table, options: Options) -> list[np.ndarray]:
    sides = folds.turns(table.labelled, folds.everything(table.labelled), 3, 30)
    return list(out_of_fold(table, sides, options))


def test_threads_and_processes_grow_the_same_forests(table: Table, at_home: list[np.ndarray]) -> None:
    for backend in ("threading", "loky"):
        found = scored(table, tiny(recipe="evidence", backend=backend, jobs=2))
        np.testing.assert_array_equal(found[0], at_home[0])


def test_a_dask_cluster_grows_the_same_forests(table: Table, at_home: list[np.ndarray]) -> None:
    with within(2) as cluster:
        there = tiny(recipe="evidence", backend="dask", scheduler=cluster.scheduler_address)
        np.testing.assert_array_equal(scored(table, there)[0], at_home[0])


def test_a_dask_scheduler_that_nobody_named_is_asked_for(table: Table) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(errors.InvalidInput, match="address"):
        scored(table, tiny(recipe="evidence", backend="dask"))


@pytest.mark.parametrize(
    "address",
    ["nonsense", "HOST:", "tcp://127.0.0.1", "tcp://127.0.0.1:8786/", "http://127.0.0.1:8786", "tcp://:8786",
     "tcp://127.0.0.1:99999", "tcp://a b:8786", "tcp://me@host:8786", "tcp://[::1:8786", "tcp://h:0"],
)  # fmt: skip
def test_what_is_no_address_of_a_dask_scheduler_is_refused(table: Table, address: str) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(errors.InvalidInput, match="is no address of a Dask scheduler") as caught:
        scored(table, tiny(recipe="evidence", backend="dask", scheduler=address))
    assert caught.value.hint == "--scheduler tcp://HOST:8786"


@pytest.mark.parametrize("address", ["host:8786", "tcp://10.0.0.1:8786", "tls://[::1]:8786", "ws://host:80"])
def test_an_address_may_name_a_protocol(address: str) -> None:
    pytest.importorskip("distributed")
    check(tiny(backend="dask", scheduler=address))


def test_a_dask_scheduler_that_no_worker_joins_is_unavailable(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_pool, "PATIENCE", 1.0)
    with within(0) as cluster:
        there = tiny(recipe="evidence", backend="dask", scheduler=cluster.scheduler_address)
        with pytest.raises(errors.Unavailable, match="no worker has joined") as caught:
            scored(table, there)
    assert caught.value.hint == f"start one: dask worker {there.scheduler}"


def test_what_dask_lacks_for_an_address_is_told_in_its_own_words_and_alone() -> None:
    pytest.importorskip("distributed")
    asked = (  # in a process of its own, whose end is looked at, too
        "from chaoskit.prediction.learning.forest import grow\n"
        "from chaoskit.prediction.learning.options import Options\n"
        "try: list(grow((), Options(backend='dask', scheduler='tls://127.0.0.1:1')))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.stdout.startswith("CannotStart Dask cannot ask tls://127.0.0.1:1: TLS expects"), ended
    assert ended.stderr == ""


@pytest.mark.parametrize("loader", ["", f"{__name__}.unsecured"])
@pytest.mark.parametrize(
    ("said", "told"),
    [(b"", "nothing is heard from it"), (b"SSH-2.0-OpenSSH_9.0 or any other\r\n", "is no Dask scheduler")],
)
def test_what_listens_there_and_is_no_dask_scheduler_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, said: bytes, told: str, loader: str
) -> None:
    dask = pytest.importorskip("dask")
    monkeypatch.setattr(dask_pool, "PATIENCE", 1.0)

    class Another(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(said)
            while self.request.recv(4096):
                pass

    with (
        dask.config.set({"distributed.client.security-loader": loader}),
        serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Another)) as port,
        pytest.raises(errors.Unavailable, match=told) as caught,
    ):
        list(forest.grow((), tiny(backend="dask", scheduler=f"127.0.0.1:{port}")))
    assert caught.value.hint == "is it the scheduler's port, not that of its dashboard?"


def unsecured(_: Mapping[str, str]) -> None:
    """What loads the security of Dask, and finds none."""


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    """The port at which it serves."""
    with server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_workers_that_leave_a_dask_cluster_meanwhile_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pool, "PATIENCE", 1.0)
    with within(1) as cluster:

        def questions() -> Iterator[tuple[int]]:
            yield (1,)
            cluster.scale(0)
            while cluster.scheduler.workers:
                cluster.sync(asyncio.sleep, 0.01)
            yield (2,)

        at = cluster.scheduler_address
        with pytest.raises(errors.Unavailable, match="no worker is left at the Dask scheduler") as caught:
            list(dask_pool.answers(at, abs, questions()))
    assert caught.value.hint == f"start one: dask worker {at}"


def test_a_dask_scheduler_that_goes_away_meanwhile_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pool, "PATIENCE", 1.0)
    with within(1) as cluster:

        def questions() -> Iterator[tuple[int]]:
            cluster.close()
            yield (1,)

        with pytest.raises(errors.Unavailable, match="went away meanwhile"):
            list(dask_pool.answers(cluster.scheduler_address, abs, questions()))


@contextmanager
def dask(module: str, *arguments: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler or worker in a process of its own."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{module}", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environ}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def worker_of(at: str, *, beside: int = 0, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """One with a thread, in a process of its own, that has joined that scheduler beside so many others."""
    distributed = pytest.importorskip("distributed")
    alone = ("--nworkers", "1", "--nthreads", "1", "--no-dashboard", "--no-nanny")
    with dask("worker", at, *alone, **environ) as process:
        with distributed.Client(at, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(beside + 1, timeout=60)
        yield process


def test_a_dask_scheduler_that_stands_still_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    at = f"tcp://127.0.0.1:{free_port()}"
    with dask("scheduler", "--host", at, "--dashboard-address", ":0") as scheduler, worker_of(at):
        monkeypatch.setattr(dask_pool, "PATIENCE", 1.0)

        def questions() -> Iterator[tuple[int]]:
            yield (1,)
            scheduler.send_signal(signal.SIGSTOP)  # its kernel goes on to take what it is sent
            yield (2,)

        with pytest.raises(errors.Unavailable, match="went away meanwhile"):
            list(dask_pool.answers(at, abs, questions()))


def test_a_dask_worker_that_stands_still_is_told_before_it_is_sent_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with within(0) as cluster, worker_of(cluster.scheduler_address) as worker:
        monkeypatch.setattr(dask_pool, "PATIENCE", 1.0)
        worker.send_signal(signal.SIGSTOP)
        with pytest.raises(errors.Unavailable, match=r"some workers of the Dask scheduler .* say nothing"):
            list(dask_pool.answers(cluster.scheduler_address, abs, [(1,)]))


@pytest.mark.parametrize(("seconds", "answered"), [(60, False), (0, True)])
def test_dask_workers_that_all_stand_still_meanwhile_are_told(
    monkeypatch: pytest.MonkeyPatch, seconds: int, answered: bool
) -> None:
    """At their work, or with an answer that nobody has fetched yet."""
    with within(0) as cluster, worker_of(cluster.scheduler_address) as worker:
        monkeypatch.setattr(dask_pool, "PATIENCE", 1.0)
        monkeypatch.setattr(dask_pool, "FETCHED", 1)

        def has_answered() -> bool:
            return any(each.state == "memory" for each in cluster.scheduler.tasks.values())

        def questions() -> Iterator[tuple[int]]:
            yield (seconds,)
            while answered and not has_answered():
                cluster.sync(asyncio.sleep, 0.01)
            worker.send_signal(signal.SIGSTOP)

        with pytest.raises(errors.Unavailable, match=r"all workers of the Dask scheduler .* say nothing"):
            list(dask_pool.answers(cluster.scheduler_address, time.sleep, questions()))


def test_a_dask_worker_that_works_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with within(1) as cluster:
        monkeypatch.setattr(dask_pool, "PATIENCE", 0.6)
        assert list(
            dask_pool.answers(cluster.scheduler_address, time.sleep, [(3 * dask_pool.PATIENCE,)])
        ) == [None]


def installed(folder: Path, name: str, version: str) -> str:
    """A folder to import from, in which this version of a package is installed."""
    about = folder / f"{name}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))


def test_a_dask_worker_with_another_scikit_learn_is_refused(tmp_path: Path) -> None:
    older = installed(tmp_path, "scikit_learn", "0.9")
    with within(1) as cluster, worker_of(cluster.scheduler_address, beside=1, PYTHONPATH=older):
        (worker,) = (each for each in cluster.scheduler.workers if each not in addresses(cluster))
        with pytest.raises(errors.CannotStart) as caught:
            list(dask_pool.answers(cluster.scheduler_address, abs, [(1,)]))
    here = metadata.version("scikit-learn")
    assert str(caught.value) == f"scikit-learn is {here} here, but 0.9 on the Dask worker {worker}"
    assert caught.value.hint == f"all machines need the same: pip install scikit-learn=={here}"


def test_a_dask_worker_with_another_numpy_that_joins_meanwhile_is_refused(tmp_path: Path) -> None:
    newer = installed(tmp_path, "numpy", "99.0")
    with within(1) as cluster, ExitStack() as joined:

        def questions() -> Iterator[tuple[int]]:
            yield (1,)
            joined.enter_context(worker_of(cluster.scheduler_address, beside=1, PYTHONPATH=newer))
            yield (2,)

        with pytest.raises(errors.CannotStart, match=r"numpy is .* here, but 99\.0 on the Dask worker"):
            list(dask_pool.answers(cluster.scheduler_address, abs, questions()))


def addresses(cluster: Any) -> set[str]:
    """Those of its own workers."""
    return {worker.address for worker in cluster.workers.values()}


def test_workers_that_differ_are_told_with_the_first_and_how_many_more() -> None:
    missing = metadata.PackageNotFoundError()
    there: dict[str, str | Exception] = {
        "tcp://b:1": "1.1",
        "tcp://a:1": missing,
        "tcp://c:1": "1.2",
        "tcp://d:1": OSError("gone"),
    }
    assert dask_pool.unlike("chaoskit", "1.1", there) == (
        "chaoskit is 1.1 here, but none on the Dask worker tcp://a:1 and 1 more"
    )
    assert dask_pool.unlike("chaoskit", "1.1", {"tcp://b:1": "1.1", "tcp://d:1": OSError("gone")}) == ""


@pytest.mark.parametrize("loader", ["nothing_of_the_kind.load", "json.loads"])
def test_what_loads_the_security_of_dask_and_fails_is_told(loader: str) -> None:
    dask = pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.client.security-loader": loader}),
        pytest.raises(errors.CannotStart, match=f"its security-loader {re.escape(loader)} fails"),
    ):
        list(dask_pool.answers("tcp://127.0.0.1:1", abs, ()))


def test_a_file_of_trust_in_dask_that_is_not_there_is_told(tmp_path: Path) -> None:
    dask, none = pytest.importorskip("dask"), str(tmp_path / "none.pem")
    trust = {f"distributed.comm.tls.{name}": none for name in ("ca-file", "client.cert", "client.key")}
    with (
        dask.config.set(trust),
        pytest.raises(errors.CannotStart, match=r"Dask cannot ask tls://127\.0\.0\.1:1: no such file"),
    ):
        list(dask_pool.answers("tls://127.0.0.1:1", abs, ()))


def test_what_making_a_question_raises_is_no_word_of_the_dask_scheduler() -> None:
    def questions() -> Iterator[tuple[int]]:
        yield (1,)
        raise FileNotFoundError(2, "No such file or directory", "a table")

    with within(1) as cluster, pytest.raises(FileNotFoundError):
        list(dask_pool.answers(cluster.scheduler_address, abs, questions()))


def full(_: int) -> None:
    """As where a disk has no room."""
    raise OSError(28, "No space left on device")


def test_what_the_work_lacks_on_the_machine_of_a_dask_worker_is_told() -> None:
    with (
        within(1, silence_logs=logging.CRITICAL) as cluster,
        pytest.raises(errors.Unavailable, match=r"a worker of .* failed: no space left on device"),
    ):
        list(dask_pool.answers(cluster.scheduler_address, full, [(1,)]))


class Elsewhere:
    """Something of a package that the others do not have."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return import_module, ("a_package_of_ours",)


def test_machines_of_a_dask_cluster_that_lack_a_package_are_told() -> None:
    with (
        within(1, silence_logs=logging.CRITICAL) as cluster,
        pytest.raises(errors.Unavailable, match="cannot read what it is sent: No module named 'a_package"),
    ):
        list(dask_pool.answers(cluster.scheduler_address, abs, [(Elsewhere(),)]))


def test_dask_workers_that_die_of_a_forest_are_told() -> None:
    distributed, dask = pytest.importorskip("distributed"), pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, dashboard_address=":0", silence_logs=logging.CRITICAL
        ) as cluster,
        pytest.raises(errors.Unavailable, match="died, one after the other, of one forest") as caught,
    ):
        list(dask_pool.answers(cluster.scheduler_address, os._exit, [(1,)]))
    assert caught.value.hint == "their logs say why; have they the memory for it?"


def test_a_dask_scheduler_that_does_not_answer_is_unavailable(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(dask_pool, "PATIENCE", 1.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(errors.Unavailable, match="does not answer"):
            scored(table, tiny(recipe="evidence", backend="dask", scheduler=address))


def test_physics_bounds_what_a_forest_may_learn(leaks: Labelled) -> None:
    window = features.spec(leaks.dataset)
    bounds = forest.monotonic(window)
    assert bounds is not None
    found = dict(zip(window.names, bounds.tolist(), strict=True))
    assert found["memory_usage.level"] == 1
    assert found["memory_usage.full_in"] == -1
    assert found["cpu_usage.z"] == 0
    every = forest.monotonic(features.spec(leaks.dataset, "evidence"))
    assert every is not None
    assert set(every.tolist()) == {1}


def test_the_search_ends_with_its_time_and_says_what_it_tried(leaks: Labelled, options: Small) -> None:
    ticks = count()
    every = folds.everything(leaks)
    some = options(recipe="evidence", search_seconds=1.5)
    found = search.best(leaks, every, some, clock=lambda: float(next(ticks)))
    assert [name for name, _ in found.trials] == ["leaf 3, splits sqrt", "leaf 1, splits sqrt"]
    best = max(found.trials, key=lambda trial: trial[1] or 0)[0]
    assert f"leaf {found.options.leaf}, splits {found.options.splits}" == best


def test_a_search_by_trials_is_the_same_on_every_machine(leaks: Labelled) -> None:
    slow = count(step=1000)
    some = tiny(recipe="evidence", search_seconds=1, trials=3)
    one, other = (
        search.best(leaks, folds.everything(leaks), some, clock=clock)
        for clock in (lambda: 0.0, lambda: float(next(slow)))
    )
    assert len(one.trials) == 3
    assert one.trials == other.trials


def test_validation_teaches_with_the_past_alone(leaks: Labelled) -> None:
    every = folds.everything(leaks)
    sides = folds.onward(leaks, every, 5, 60)
    assert len(sides) == 4
    examined = np.zeros(leaks.dataset.blocks[0].length, dtype=int)
    for (teaches,), (examines,) in sides:
        assert np.flatnonzero(teaches)[-1] + 60 < np.flatnonzero(examines)[0]
        examined += examines
        for event in leaks.events:
            assert len(set(examines[event.first : event.last + 1].tolist())) == 1
    assert examined.max() == 1
    assert examined.mean() == pytest.approx(0.8, abs=0.05)


def test_of_many_runs_the_earlier_ones_teach(leaks: Labelled) -> None:
    (block,) = leaks.dataset.blocks
    parts = tuple(replace(block.cut(at, at + 120), run=str(at)) for at in range(840, -1, -120))
    runs = label(replace(leaks.dataset, blocks=parts), leaks.target)
    for teaches, examines in folds.onward(runs, folds.everything(runs), 4, 60):
        taught = [b.start for b, moments in zip(parts, teaches, strict=True) if moments.any()]
        asked = [b.start for b, moments in zip(parts, examines, strict=True) if moments.any()]
        assert max(taught) < min(asked)


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [((0.205, 0.204), 0), ((0.20, 0.21), 0), ((0.20, 0.30), 1), ((None, 0.1), 1), ((None, None), 0), ((), 0)],
)
def test_another_recipe_has_to_be_clearly_better(scores: tuple[float | None, ...], chosen: int) -> None:
    assert search._clearly_best([(str(n), score) for n, score in enumerate(scores)]) == chosen


def test_too_little_to_compare_by_is_no_figure(leaks: Labelled, options: Small) -> None:
    few = replace(leaks, events=leaks.events[:2])
    table = tabulate(few, features.spec(few.dataset))
    none = folds.onward(leaks, folds.everything(leaks), 5, 60)[0][1]
    assert search.validate(table, (none[0] & False,), options()) is None


def test_validation_compares_the_recipes_and_never_sees_the_held_out_end(
    leaks: Labelled, options: Small
) -> None:
    early, _ = folds.by_time(leaks, 0.45, 132)
    found = search.best(leaks, early, options(recipe="auto"))
    assert [name for name, _ in found.trials] == ["recipe window", "recipe evidence"]
    assert found.options.recipe == found.table.spec.recipe
    late = tuple(
        replace(truth, y=np.where(moments, truth.y, -1).astype(np.int8))
        for truth, moments in zip(leaks.truths, early, strict=True)
    )
    again = search.best(replace(leaks, truths=late), early, options(recipe="auto"))
    assert again.trials == found.trials


def test_failures_of_one_workload_alone_choose_the_recipe_that_carries(
    leaks: Labelled, options: Small
) -> None:
    one = replace(leaks, events=tuple(e for e in leaks.events if e.workload == "deployment/app-1"))
    assert search.recipe(one, folds.everything(one), options(recipe="auto")) == "evidence"
