"""Work on the machines of a Dask cluster: sent there, waited for, and told of when its machines go away.

joblib's own way there ends in none of these: it waits without end for a worker that was killed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from chaoskit import errors

PATIENCE = 10.0
"""Seconds that a Dask scheduler may take to answer, and a worker to join it, also when all have left."""

_LOOK_AGAIN = 0.1

AHEAD = 2
"""So many pieces of work are there for each thread of the cluster: one is done, one waits beside it."""


def answers(scheduler: str, ask: Callable[..., Any], questions: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    """What `ask` answers to each of the questions in turn, on the machines of that scheduler.

    Raises:
        CannotStart: it does not answer or goes away, no worker is there or is left, or they died of the work.
    """
    import dask
    from distributed import CancelledError, KilledWorker

    large = {"distributed.admin.large-graph-warning-threshold": "1TB"}
    try:
        with _asked(scheduler) as client, dask.config.set(large):
            yield from _in_turn(client, scheduler, ask, questions)
    except KilledWorker as error:
        said = f"workers of the Dask scheduler at {scheduler} died, one after the other, of one forest"
        raise _unavailable(
            scheduler, said, hint="their logs say why; have they the memory for it?"
        ) from error
    except RuntimeError as error:
        if not isinstance(error.__cause__, ImportError | AttributeError):
            raise
        said = f"the Dask scheduler at {scheduler} cannot read what it is sent: {error.__cause__}"
        raise _unavailable(scheduler, said, hint="all its machines need this chaoskit") from error
    except (CancelledError, OSError) as error:
        said = f"the Dask scheduler at {scheduler} went away meanwhile"
        raise _unavailable(scheduler, said, hint="its log says why; then train again") from error


def _in_turn(
    client: Any, scheduler: str, ask: Callable[..., Any], questions: Iterable[tuple[Any, ...]]
) -> Iterator[Any]:
    """The answers in order; only so many questions are made and sent as the cluster has threads for."""
    left, sent = iter(questions), deque[Any]()
    while True:
        room = AHEAD * max(1, _threads(client))
        while len(sent) < room and (question := next(left, None)) is not None:
            sent.append(client.submit(ask, *question, pure=False))
        if not sent:
            return
        yield _answer(client, scheduler, sent.popleft())


def _answer(client: Any, scheduler: str, future: Any) -> Any:
    """What was answered, however long it takes while a worker is there."""
    from distributed import wait

    while not future.done():
        try:
            with client.as_current():
                wait([future], timeout=PATIENCE)
        except TimeoutError:
            _check_worker(client, scheduler, "no worker is left at")
    return future.result()


@contextmanager
def _asked(scheduler: str) -> Iterator[Any]:
    """A client of this scheduler, at which a worker works; `CannotStart` where there is none."""
    from distributed import Client

    with _silent():
        _check_scheduler(scheduler)
        with Client(scheduler, timeout=PATIENCE, set_as_default=False) as client:
            _check_worker(client, scheduler, "no worker has joined")
            yield client


def _check_scheduler(scheduler: str) -> None:
    """A Dask scheduler answers there, in words of its own.

    Asked before there is a client: that one waits without end for whatever else listens there. Whose settings
    load what secures it have it loaded by the client alone.
    """
    import dask

    if dask.config.get("distributed.client.security-loader", None):
        return
    port = "is it the scheduler's port, not that of its dashboard?"
    try:
        with ThreadPoolExecutor(1) as apart:  # the caller may have a loop of its own
            apart.submit(asyncio.run, _greeted(scheduler)).result()
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


async def _greeted(scheduler: str) -> None:
    from distributed import Security
    from distributed.comm.core import connect

    async with asyncio.timeout(PATIENCE):
        secured = Security().get_connection_args("client")
        comm = await connect(scheduler, timeout=0.9 * PATIENCE, **secured)  # whose words are the better ones
        await comm.close()


def _check_worker(client: Any, scheduler: str, words: str) -> None:
    ends = time.monotonic() + PATIENCE
    while not _threads(client):
        if time.monotonic() > ends:
            said, hint = f"{words} the Dask scheduler at {scheduler}", f"start one: dask worker {scheduler}"
            raise _unavailable(scheduler, said, hint=hint)
        time.sleep(_LOOK_AGAIN)


def _threads(client: Any) -> int:
    """How many the workers have together; `TimeoutError` where the scheduler stands still.

    Dask's own questions wait without end for one whose machine alone still answers.
    """
    found: dict[str, int] = client.sync(client.scheduler.ncores, callback_timeout=PATIENCE)
    return sum(found.values())


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
