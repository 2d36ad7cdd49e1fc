"""Lift a halt."""

from __future__ import annotations

from contextlib import suppress

from chaoskit.cli.halt import Only, chosen
from chaoskit.cli.pasting import led
from chaoskit.cli.render import emit
from chaoskit.cli.session import Session, command, new_app

app = new_app(__doc__)


@command(
    app,
    examples=(
        "chaoskit resume",
        "chaoskit resume --only recovery",
    ),
)
def resume(
    session: Session,
    only: Only = None,
) -> None:
    """Lift the halt of the cluster, or of one namespace (-n), and close its storm breaker."""
    from chaoskit import kube
    from chaoskit.acts import breaker
    from chaoskit.acts.halt import HOME, standing
    from chaoskit.acts.halt import resume as lift_halt
    from chaoskit.errors import Forbidden
    from chaoskit.ports.cluster import ObjectRef

    acts = chosen(only)
    with session.connected() as runtime:
        place = session.asked_namespace
        if place:
            with suppress(Forbidden):  # who may not look may still lift
                runtime.cluster.get(ObjectRef(kube.NAMESPACE, "", place))
        lifted = lift_halt(runtime.cluster, acts, namespace=place)
        # what stands in HOME is the breaker of the cluster
        calm = "recovery" in acts and place != HOME and breaker.close(runtime.cluster, place or HOME)
        still = standing(runtime.cluster, runtime.namespace)
    words = "closed   the storm breaker\n" if calm else ""
    where = f" in namespace {place}" if place else " in the cluster as a whole" if still else ""
    words += f"resumed  {' and '.join(lifted) or f'nothing was halted{where}'}"
    words += "".join(f"\nstill    {each}; {led(each.lifting)} lifts it" for each in still)
    document = {
        "resumed": list(lifted),
        "namespace": place,
        "breaker_closed": bool(calm),
        "still": [{"act": each.act, "namespace": each.namespace, "reason": each.reason} for each in still],
    }
    emit(session, "resumed", document, lambda out: out.print(words))
