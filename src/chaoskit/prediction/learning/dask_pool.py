"""Work on the machines of a Dask cluster: sent there, waited for, and told of when its machines go away.

joblib's own way there ends in none of these: it waits without end for a worker that was killed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import metadata
from typing import TYPE_CHECKING, Any, TypeVar

from chaoskit import errors

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that a Dask scheduler may take to answer, and a worker to join it, also when all have left."""

FETCHED = 6
"""So many times as long an answer may take to come; then it is asked whether a worker is there."""

_LOOK_AGAIN = 0.1

STILL = 6
"""So many looks in turn at which no worker said anything new: all stand still, and Dask waits for minutes."""

AHEAD = 2
"""So many pieces of work are there for each thread of the cluster: one is done, one waits beside it."""


ALIKE = ("chaoskit", "scikit-learn", "numpy")
"""Of these all machines have the same version: with another one the same lesson grows another forest."""


def answers(scheduler: str, ask: Callable[..., T], questions: Iterable[tuple[object, ...]]) -> Iterator[T]:
    """What `ask` answers to each of the questions in turn, on the machines of that scheduler.

    What making a question raises comes as it is, and what `ask` itself does.

    Raises:
        CannotStart: it does not answer or goes away; no worker is there or is left, they died of the work, or
            one has other libraries or lacks something of its machine, as room on its disk.
    """
    import dask

    large = {"distributed.admin.large-graph-warning-threshold": "1TB"}
    with _asked(scheduler) as client, dask.config.set(large):
        yield from _in_turn(client, scheduler, ask, questions)


def _in_turn(
    client: Client, scheduler: str, ask: Callable[..., T], questions: Iterable[tuple[object, ...]]
) -> Iterator[T]:
    """The answers in order; only so many questions are made and sent as the cluster has threads for."""
    left, alike = iter(questions), set[str]()
    sent: deque[Future[T]] = deque()
    while True:
        threads = _threads(client, scheduler)
        _check_alike(client, scheduler, threads.keys() - alike)  # others may join at any time
        alike |= threads.keys()
        room = AHEAD * max(1, sum(threads.values()))
        while len(sent) < room and (question := next(left, None)) is not None:
            with _heard(scheduler):
                sent.append(client.submit(ask, *question, pure=False))
        if not sent:
            return
        yield _answer(client, scheduler, sent.popleft())


def _answer(client: Client, scheduler: str, future: Future[T]) -> T:
    """What was answered, however long it takes while a worker is there."""
    from distributed import wait

    looks = deque[dict[str, float]](maxlen=STILL)
    while True:
        try:
            with _heard(scheduler, but=TimeoutError), client.as_current():
                wait([future], timeout=PATIENCE)
            if future.status == "error":
                with _of_the_work(scheduler):
                    return future.result()
            with _heard(scheduler, but=TimeoutError):
                return future.result(timeout=FETCHED * PATIENCE)  # whose worker may leave before it is here
        except TimeoutError:
            _check_worker(client, scheduler, "no worker is left at")
            looks.append(_last_seen(client, scheduler))
            if len(looks) == STILL and all(each == looks[0] for each in looks):
                raise _still(scheduler, "all workers") from None


@contextmanager
def _of_the_work(scheduler: str) -> Iterator[None]:
    """Inside, what the work raised there, or what became of it on the way, is raised."""
    from distributed import KilledWorker

    try:
        yield
    except KilledWorker as error:
        said = f"workers of the Dask scheduler at {scheduler} died, one after the other, of one forest"
        raise _unavailable(
            scheduler, said, hint="their logs say why; have they the memory for it?"
        ) from error
    except OSError as error:
        said = f"a worker of the Dask scheduler at {scheduler} failed: {errors.cause(error)}"
        raise _unavailable(scheduler, said, hint="its log says more") from error
    except RuntimeError as error:
        if not isinstance(error.__cause__, ImportError | AttributeError):
            raise
        said = f"the Dask scheduler at {scheduler} cannot read what it is sent: {error.__cause__}"
        raise _unavailable(scheduler, said, hint="all its machines need this chaoskit") from error


@contextmanager
def _heard(scheduler: str, but: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    """Inside, Dask's own calls alone: `Unavailable` where the scheduler hears them no more."""
    from distributed import CancelledError

    try:
        yield
    except but:
        raise
    except (CancelledError, OSError) as error:
        said = f"the Dask scheduler at {scheduler} went away meanwhile"
        raise _unavailable(scheduler, said, hint="its log says why; then train again") from error


@contextmanager
def _asked(scheduler: str) -> Iterator[Client]:
    """A client of this scheduler, at which a worker works; `CannotStart` where there is none."""
    from distributed import Client

    with _silent():
        secured = _security(scheduler)
        _check_scheduler(scheduler, secured)
        with _heard(scheduler):
            client = Client(scheduler, security=secured, timeout=PATIENCE, set_as_default=False)
        try:
            _check_worker(client, scheduler, "no worker has joined")
            yield client
        finally:
            with suppress(OSError):  # who is gone hears no farewell
                client.close()


def _security(scheduler: str) -> Any:
    """What secures the way there, of Dask's settings: itself, or what they name that loads it."""
    import dask
    from distributed import Security
    from distributed.utils import import_term

    loader = dask.config.get("distributed.client.security-loader", None)
    try:
        found = import_term(loader)({"address": scheduler}) if loader else None
        return Security(**found) if isinstance(found, dict) else found or Security()
    except Exception as error:  # it may be anybody's code
        of = f"its security-loader {loader} fails: " if loader else ""
        raise errors.CannotStart(f"Dask cannot ask {scheduler}: {of}{errors.cause(error)}") from error


def _check_scheduler(scheduler: str, secured: Any) -> None:
    """A Dask scheduler answers there, in words of its own.

    Asked before there is a client: that one waits without end for whatever else listens there.
    """
    try:
        how = secured.get_connection_args("client")  # which reads the files of TLS
    except Exception as error:
        raise errors.CannotStart(f"Dask cannot ask {scheduler}: {errors.cause(error)}") from error
    port = "is it the scheduler's port, not that of its dashboard?"
    try:
        with ThreadPoolExecutor(1) as apart:  # the caller may have a loop of its own
            apart.submit(asyncio.run, _greeted(scheduler, how)).result()
    except OSError as error:
        why = errors.cause(error) or "nothing is heard from it"
        said = f"the Dask scheduler at {scheduler} does not answer: {why}"
        raise _unavailable(scheduler, said, hint=port) from error
    except (TypeError, ValueError) as error:  # of settings of Dask's own, as those of TLS
        raise errors.CannotStart(f"Dask cannot ask {scheduler}: {error}") from error
    except Exception as error:  # whatever Dask makes of what others say
        raise _unavailable(
            scheduler, f"what answers at {scheduler} is no Dask scheduler", hint=port
        ) from error


async def _greeted(scheduler: str, how: dict[str, Any]) -> None:
    from distributed.comm.core import connect

    async with asyncio.timeout(PATIENCE):
        comm = await connect(scheduler, timeout=0.9 * PATIENCE, **how)  # whose words are the better ones
        await comm.close()


def _check_worker(client: Client, scheduler: str, words: str) -> None:
    ends = time.monotonic() + PATIENCE
    while not _threads(client, scheduler):
        if time.monotonic() > ends:
            said, hint = f"{words} the Dask scheduler at {scheduler}", f"start one: dask worker {scheduler}"
            raise _unavailable(scheduler, said, hint=hint)
        time.sleep(_LOOK_AGAIN)


def _threads(client: Client, scheduler: str) -> dict[str, int]:
    """How many each worker has; `Unavailable` where the scheduler stands still.

    Dask's own questions wait without end for one whose machine alone still answers.
    """
    assert client.scheduler is not None
    with _heard(scheduler):
        found: dict[str, int] = client.sync(client.scheduler.ncores, callback_timeout=PATIENCE)
    return found


def _last_seen(client: Client, scheduler: str) -> dict[str, float]:
    """When each worker last said that it is there, as it does again and again, by the scheduler's clock."""
    assert client.scheduler is not None
    with _heard(scheduler):
        found = client.sync(client.scheduler.identity, callback_timeout=PATIENCE)
    return {worker: each["last_seen"] for worker, each in found["workers"].items()}


def _still(scheduler: str, who: str) -> errors.Unavailable:
    said = f"{who} of the Dask scheduler at {scheduler} say nothing any more"
    return _unavailable(scheduler, said, hint="do they stand still? end them, or start others")


def _check_alike(client: Client, scheduler: str, workers: Iterable[str]) -> None:
    """These workers have what is here; `CannotStart` where one has another version, or says nothing."""
    asked: dict[str, Any] = {"workers": list(workers), "on_error": "return", "callback_timeout": PATIENCE}
    for library in ALIKE:
        try:
            with _heard(scheduler, but=TimeoutError):
                there = client.run(metadata.version, library, **asked)
        except TimeoutError as error:
            raise _still(scheduler, "some workers") from error
        if words := unlike(library, metadata.version(library), there):
            hint = f"all machines need the same: pip install {library}=={metadata.version(library)}"
            raise errors.CannotStart(words, hint=hint)


def unlike(library: str, here: str, there: Mapping[str, str | Exception]) -> str:
    """Which workers have another version than is `here`, or none at all; "" where none has.

    One that could not say it has gone.
    """
    missing = metadata.PackageNotFoundError
    had = {worker: "none" if isinstance(each, missing) else each for worker, each in there.items()}
    others = sorted((worker, each) for worker, each in had.items() if isinstance(each, str) and each != here)
    if not others:
        return ""
    (worker, found), more = others[0], len(others) - 1
    which = f"the Dask worker {worker}" + (f" and {more} more" if more else "")
    return f"{library} is {here} here, but {found} on {which}"


@contextmanager
def _silent() -> Iterator[None]:
    """Inside, Dask's client writes nothing of what is told as an error."""
    log = logging.getLogger("distributed.client")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def _unavailable(scheduler: str, words: str, hint: str = "") -> errors.Unavailable:
    return errors.Unavailable(words, service="dask", address=scheduler, hint=hint)
