"""Settings to Runtime: the only place where adapters are chosen and connected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chaoskit import kube
from chaoskit.clock import Clock, Pace, ScaledClock, WallClock
from chaoskit.errors import ChaoskitError, Forbidden, InvalidInput, NotFound
from chaoskit.flows.simulation import PUBLISHED
from chaoskit.newer import KnownStore
from chaoskit.secretvalues import SHORTEST
from chaoskit.settings import Settings, secrets_of

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from chaoskit.adapters.endpoints import Endpoints, Take
    from chaoskit.adapters.exposition import Exposition
    from chaoskit.adapters.http import RequestsHttp
    from chaoskit.adapters.kubernetes import KubernetesCluster
    from chaoskit.adapters.notify import Alertmanager
    from chaoskit.flows.world import World
    from chaoskit.governor import Limits
    from chaoskit.ports.alerts import AlertSource
    from chaoskit.ports.metrics import Queries
    from chaoskit.ports.notifier import Notifier
    from chaoskit.ports.store import Ages, Store


Learn = Callable[[frozenset[str]], object]
"""Whoever is to know of secrets as soon as they are read."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a simulated cluster says of itself."""

    rate: float
    seed: str
    prometheus: str
    anchor_wall: float
    anchor_simulated: float


_SIMULATED = {"rate", "anchorWall", "anchorSimulated"}
"""What a simulated cluster must publish to be one."""


class Runtime:
    """The world as the settings describe it; each part is connected when it is first used.

    Raises on first use: `CannotStart` without a kubeconfig, `Unavailable` when a part does not answer.
    """

    def __init__(self, settings: Settings, stack: ExitStack, learn: Learn = lambda _: None) -> None:
        self.settings = settings
        self._stack = stack
        self._learn = learn

    @cached_property
    def cluster(self) -> KubernetesCluster:
        """The cluster of the kubeconfig and context."""
        from chaoskit.adapters import kubernetes

        cluster = kubernetes.connect(
            Path(self.settings.kubeconfig) if self.settings.kubeconfig else None,
            self.settings.context or None,
            clock=WallClock(),
        )
        self._stack.callback(cluster.close)
        self._learn(cluster.secrets | _token_in(self.settings.alerts_from_token_file))
        return cluster

    @cached_property
    def secrets(self) -> frozenset[str]:
        """What the settings hold, and the cluster is logged into with, that nobody is to read anywhere."""
        in_file = _token_in(self.settings.alerts_from_token_file)
        return secrets_of(self.settings) | self.cluster.secrets | in_file

    @cached_property
    def simulated(self) -> Simulated | None:
        """What the cluster says of itself if it is a simulated one, else None."""
        try:
            data = self.cluster.get(PUBLISHED).get("data") or {}
        except (NotFound, Forbidden):
            return None  # a real cluster has no such object, and may well forbid to read there
        if not data.keys() >= _SIMULATED:
            return None  # somebody else's, of the same name
        return Simulated(
            rate=float(data["rate"]),
            seed=data.get("seed", ""),
            prometheus=data.get("prometheus", ""),
            anchor_wall=float(data["anchorWall"]),
            anchor_simulated=float(data["anchorSimulated"]),
        )

    @cached_property
    def clock(self) -> Clock:
        """The wall clock, or the simulated cluster's own."""
        simulated = self.simulated
        if simulated is None:
            return WallClock()
        return ScaledClock(
            rate=simulated.rate,
            anchor_wall=simulated.anchor_wall,
            anchor_simulated=simulated.anchor_simulated,
        )

    @cached_property
    def metrics(self) -> Queries | None:
        """Prometheus: the one that is set, or the simulated cluster's; None without one."""
        address = self.settings.prometheus or (self.simulated.prometheus if self.simulated else "")
        if not address:
            return None
        from chaoskit.adapters.prometheus import PrometheusMetrics

        per_second = self.settings.prometheus_per_second
        metrics = PrometheusMetrics(
            address,
            clock=self.clock,
            token=self.settings.prometheus_token,
            verify=self.settings.prometheus_ca or True,
            pace=Pace(per_second, WallClock()) if per_second else None,
        )
        self._stack.callback(metrics.close)
        return metrics

    @cached_property
    def store(self) -> KnownStore:
        """MongoDB when the setting is such an address, else SQLite."""
        store = open_store(self.settings)
        self._stack.callback(store.close)
        return store

    @property
    def unread(self) -> tuple[str, ...]:
        """Kind and id of each record that was left out where the store was read."""
        return self.store.left_out if "store" in self.__dict__ else ()

    @cached_property
    def http(self) -> RequestsHttp:
        """An HTTP client for probes and the user's webhooks."""
        from chaoskit.adapters.http import RequestsHttp

        return RequestsHttp()

    @cached_property
    def notifier(self) -> Notifier | None:
        """Whom the settings name: webhook, PagerDuty, Alertmanager; None: then nobody can be told."""
        settings = self.settings
        if not (settings.webhook or settings.pagerduty_key or settings.alertmanager):
            return None
        from chaoskit.adapters.notify import Alertmanager, PagerDuty, Several, Webhook

        named: list[Notifier] = [Webhook(settings.webhook, self.http)] if settings.webhook else []
        if settings.pagerduty_key:
            named.append(PagerDuty(settings.pagerduty_key, settings.pagerduty_url, self.http))
        if settings.alertmanager:
            named.append(Alertmanager(settings.alertmanager, self.http))
        return Several(named)

    @cached_property
    def namespace(self) -> str:
        """The namespace set, else the kubeconfig context's own, else ``default``."""
        return self.settings.namespace or self.cluster_namespace or "default"

    @cached_property
    def cluster_namespace(self) -> str:
        """The namespace that the kubeconfig's context names, or ""."""
        return self.cluster.namespace

    @cached_property
    def description(self) -> str:
        """The cluster in one line: ``kind-dev · 3 nodes · v1.34.1``, or ``simulator · seed 7 · ...``.

        It ends with what the kubeconfig says that nobody should overlook: that the certificate is not
        checked, and as whom the user acts.
        """
        said = [self._what_it_is()]
        said += ["certificate not checked"] * self.cluster.unchecked
        said += [f"as {self.cluster.acting_as}"] if self.cluster.acting_as else []
        return " · ".join(said)

    def _what_it_is(self) -> str:
        simulated = self.simulated
        if simulated is not None:
            pace = "real pace" if simulated.rate == 1 else f"{simulated.rate:g} times faster"
            return f"simulator · seed {simulated.seed} · {pace}"
        version = self.cluster.server_version()
        return f"{self.cluster.name} · {self._nodes()}{version}"

    @cached_property
    def limits(self) -> Limits:
        """What the governor allows, by the settings."""
        from chaoskit.governor import PROTECTED, Limits

        settings = self.settings
        return Limits(
            protected=(
                *(each for each in PROTECTED if each not in settings.unprotected_namespaces),
                *settings.protected_namespaces,
            ),
            max_pods=settings.max_pods,
            max_percent=settings.max_percent,
            chaos_cooldown=settings.chaos_cooldown,
            recovery_cooldown=settings.recovery_cooldown,
            chaos_budget=settings.chaos_per_hour,
            recovery_budget=settings.recoveries_per_hour,
            domain_percent=settings.recoveries_percent,
            domain_most=settings.recoveries_at_most,
            storm_rest=settings.storm_rest,
            require_approval=settings.require_approval,
        )

    @cached_property
    def world(self) -> World:
        """All of it as one value, for the flows."""
        from chaoskit.adapters.commands import LocalCommands
        from chaoskit.flows.world import World

        commands = LocalCommands()
        self._stack.callback(commands.close)
        return World(
            cluster=self.cluster,
            metrics=self.metrics,
            store=self.store,
            http=self.http,
            clock=self.clock,
            limits=self.limits,
            models=self.settings.home / "models",
            description=self.description,
            notifier=self.notifier,
            commands=commands,
            hooks=self.http,
            model_key=self.settings.model_key.encode(),
            secrets=self.secrets,
        )

    def _nodes(self) -> str:
        try:
            count = len(self.cluster.list(kube.NODE).items)
        except ChaoskitError:
            return ""  # nodes are often hidden from those who own a namespace
        return f"{count} node{'' if count == 1 else 's'} · "


def _token_in(file: str) -> frozenset[str]:
    """The token in that file, as it is now; whoever shows it says what is wrong with the file."""
    with suppress(OSError, UnicodeDecodeError):
        token = Path(file).read_text(encoding="utf-8").strip() if file else ""
        return frozenset({token} if len(token) >= SHORTEST else ())
    return frozenset()


def open_store(settings: Settings, *, reading: bool = False) -> KnownStore:
    """The store that the settings name; whoever opens it closes it. It reads what this chaoskit knows.

    What speaks against its use is told when it is used, not before. Only for `reading`, no file is made: one
    that is absent is read as an empty one.

    Raises:
        InvalidInput: it is an address of another kind.
    """
    file = _store_file(settings)
    if file is None:
        return KnownStore(_shared_store(settings))
    from chaoskit.adapters.sqlite import SqliteStore

    return KnownStore(SqliteStore(file, ages=_ages(settings), kept=not (reading and _missing(file))))


def absent_store(settings: Settings) -> Path | None:
    """The file of the store that the settings name, where it is not there; None where it is, or is no file.

    Raises:
        InvalidInput: it is an address of another kind.
    """
    file = _store_file(settings)
    return file if file is not None and _missing(file) else None


def _store_file(settings: Settings) -> Path | None:
    if settings.store.startswith(("mongodb://", "mongodb+srv://")):
        return None
    path = settings.store.removeprefix("sqlite://")
    if "://" in path:
        scheme = path.partition("://")[0]
        raise InvalidInput(
            f"there is no store {scheme}://", hint="mongodb://host/database, or an SQLite file"
        )
    return Path(path) if path else settings.home / "store.db"


def _missing(file: Path) -> bool:
    """Whether it could be there and is not; what may not be looked at is for whoever opens it to tell."""
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _ages(settings: Settings) -> Ages:
    days = {"prediction": settings.prediction_days}
    days |= dict.fromkeys(("run", "recovery"), settings.record_days)
    return {kind: timedelta(days=each) for kind, each in days.items() if each}


def _shared_store(settings: Settings) -> Store:
    """MongoDB, with a spool in `home` for when it does not answer."""
    from chaoskit.adapters.mongo import MongoStore, without_secrets
    from chaoskit.adapters.spool import SpoolingStore
    from chaoskit.adapters.sqlite import SqliteStore

    return SpoolingStore(
        without_secrets(settings.store),
        lambda: MongoStore(
            settings.store, ca=settings.store_ca, certificate=settings.store_certificate, ages=_ages(settings)
        ),
        lambda: SqliteStore(settings.home / "spool.db"),
    )


def check_address(address: str) -> None:
    """Endpoints can be served at an address like this.

    Raises:
        InvalidInput: it is no ``host:port``.
    """
    from chaoskit.adapters.endpoints import listening

    listening(address)


def exposition() -> Exposition:
    """Metrics of this process, and of what it hears of."""
    from chaoskit.adapters.exposition import Exposition

    return Exposition()


def endpoints(
    address: str,
    shown: Exposition,
    *,
    health: Callable[[], str] = str,
    readiness: Callable[[], str] = str,
    alerts: tuple[Take, str] | None = None,
) -> Endpoints:
    """A context in which metrics, health and readiness ("" is well) are served at ``host:port``.

    `alerts` takes what Alertmanager posts to ``/alerts``, from whoever shows the token.

    Raises:
        InvalidInput: it is no such address.
        CannotStart: nobody can listen there.
    """
    from chaoskit.adapters.endpoints import Endpoints, Hook

    pages: dict[str, WSGIApplication] = {"/metrics": shown.page}
    if alerts is not None:
        take, token = alerts
        pages["/alerts"] = Hook(take, token, "alerts_token")
    return Endpoints(address, pages, health=health, readiness=readiness)


def alertmanager(address: str) -> Alertmanager:
    """Takes the alarms of predictions."""
    from chaoskit.adapters.http import RequestsHttp
    from chaoskit.adapters.notify import Alertmanager

    return Alertmanager(address, RequestsHttp())


def alerts_set(settings: Settings) -> AlertSource | None:
    """What fires in the Alertmanager of the settings; None: they name none.

    Raises:
        InvalidInput: its CA bundle or the file of its token cannot be read.
    """
    return alerts_at(settings.alerts_from, settings) if settings.alerts_from else None


def alerts_at(address: str, settings: Settings) -> AlertSource:
    """What fires in the Alertmanager at this address; only that of the settings is shown their token.

    Raises:
        InvalidInput: its CA bundle or the file of its token cannot be read.
    """
    from chaoskit.adapters.alertmanager import AlertmanagerAlerts, same_origin

    known = same_origin(address, settings.alerts_from)
    token_file = settings.alerts_from_token_file if known else ""
    return AlertmanagerAlerts(address, ca=settings.alerts_from_ca, token_file=token_file)


@contextmanager
def connected(settings: Settings, learn: Learn = lambda _: None) -> Iterator[Runtime]:
    """A runtime whose connections are closed on the way out; `learn` is told what logs into its cluster."""
    with ExitStack() as stack:
        yield Runtime(settings, stack, learn)
