"""Lift a halt."""

from __future__ import annotations

from chaoskit.cli.halt import Only, chosen
from chaoskit.cli.render import emit
from chaoskit.cli.session import Session, command, new_app

app = new_app(__doc__)


@command(app, epilog="Examples: chaoskit resume; chaoskit resume --only recovery")
def resume(
    session: Session,
    only: Only = None,
) -> None:
    """Lift the halt of the cluster, or of one namespace (-n), and close its storm breaker."""
    from chaoskit.acts import breaker
    from chaoskit.acts.halt import HOME
    from chaoskit.acts.halt import resume as lift_halt

    acts = chosen(only)
    with session.connected() as runtime:
        place = session.asked_namespace
        lifted = lift_halt(runtime.cluster, acts, namespace=place)
        # what stands in HOME is the breaker of the cluster
        calm = "recovery" in acts and place != HOME and breaker.close(runtime.cluster, place or HOME)
    words = "closed   the storm breaker\n" if calm else ""
    words += f"resumed  {' and '.join(lifted)}" if lifted else "resumed  nothing was halted"
    document = {"resumed": list(lifted), "namespace": session.asked_namespace, "breaker_closed": bool(calm)}
    emit(session, "resumed", document, lambda out: out.print(words))
