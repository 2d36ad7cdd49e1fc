"""What stands beside an engine in its documents: made for one run, and removed with it."""

from __future__ import annotations

from chaoskit import kube
from chaoskit.acts.accounts import accounts
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.errors import CannotStart, Conflict, Forbidden
from chaoskit.journal import Journal
from chaoskit.ports.cluster import Cluster, Object, ObjectRef


def make(body: Object, cluster: Cluster, journal: Journal, ledger: Ledger) -> None:
    """The object exists; one that nobody's run made is used, and left as it is.

    Raises:
        CannotStart: another run made it, is under way, and will take it away.
    """
    ref = kube.ref_of(body)
    there = kube.found(cluster, ref)
    if there is None:
        owed = Entry("created", ref, after=journal.run)
        ledger.write(owed)
        try:
            with ledger.doubting(owed):
                cluster.create(kube.managed(body, journal.run))
        except Conflict:
            there = cluster.get(ref)
        else:
            return
    _refuse_what_goes(cluster, there, ref, journal.run, ledger.account.ref.namespace)
    journal.warn(f"{ref} exists already: the one in the cluster is used and left")


def _refuse_what_goes(cluster: Cluster, body: Object, ref: ObjectRef, run: str, home: str) -> None:
    maker = kube.labels_of(body).get(kube.RUN_LABEL, "")
    if maker not in {"", run} and maker in _under_way(cluster, home):
        raise CannotStart(
            f"{ref} belongs to run {maker}, which is under way and removes it at its end",
            hint="wait for that run, or rescue it if its process is dead; kubectl apply what both need",
        )


def _under_way(cluster: Cluster, home: str) -> set[str]:
    """The runs that have not ended, of all namespaces where they may be seen."""
    try:
        known = accounts(cluster)
    except Forbidden:
        known = accounts(cluster, home)
    return {each.id for each in known if each.state == "active"}
