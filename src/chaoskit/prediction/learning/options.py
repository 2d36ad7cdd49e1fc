"""How to train. It is known without scikit-learn, whose import takes seconds."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal
from urllib.parse import urlsplit

from chaoskit import errors

Backend = Literal["threading", "loky", "dask"]

ADDRESS, SCHEMES = "--scheduler tcp://HOST:8786", {"", "tcp", "tls", "ws", "wss"}
"""How the address of a Dask scheduler is written, and the protocols that such a one may name."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to train.

    `recipe` auto lets validation choose. `negatives` is how many healthy samples are kept for each failing
    one, half of them of the same moments; `most_rows` bounds the samples of one forest; `trees` is the size
    of the forest that is kept, `fold_trees` of those that only examine. `trials` is how many
    sizes of leaves and splits are tried, or `search_seconds` the time for it. `split` says what is held out:
    time, for no other way is honest. `jobs` forests grow at once: in threads, in processes (loky) or
    on the machines of a Dask cluster at `scheduler`.
    """

    recipe: Literal["auto", "window", "evidence"] = "auto"
    false_alarms_per_day: float = 2.0
    seed: int = 7
    trees: int = 200
    fold_trees: int = 100
    leaf: int = 3
    splits: float | Literal["sqrt", "log2"] = "sqrt"
    folds: int = 4
    negatives: int = 100
    most_rows: int = 20_000
    search_seconds: float = 0.0
    trials: int = 0
    split: str = "time"
    jobs: int = 1
    backend: Backend = "threading"
    scheduler: str = ""


def check(options: Options) -> None:
    """Where forests are to grow on a Dask cluster, Dask is here and `scheduler` is an address.

    Raises:
        CannotStart: Dask is not installed.
        InvalidInput: it is no address.
    """
    if options.backend != "dask":
        return
    if find_spec("distributed") is None:
        raise errors.CannotStart(
            "Dask is not installed", hint="in the folder of chaoskit's source: pip install '.[dask]'"
        )
    if not options.scheduler:
        raise errors.InvalidInput("a Dask cluster has an address", hint=ADDRESS)
    if not _is_address(options.scheduler):
        raise errors.InvalidInput(f"{options.scheduler!r} is no address of a Dask scheduler", hint=ADDRESS)


def _is_address(scheduler: str) -> bool:
    """Whether it is ``HOST:PORT``, with the scheme of a protocol or none, and nothing more."""
    scheme, _, place = scheduler.rpartition("://")
    try:
        found = urlsplit(f"//{place}")
        whole = bool(found.hostname and found.port) and found.netloc == place
    except ValueError:
        return False
    return whole and scheme in SCHEMES and not {" ", "@"} & set(place)
