"""What many runs of one process share, so that the same is asked once."""

from chaoskit.sharing.abreast import abreast
from chaoskit.sharing.cluster import Ages, Moment, SharedCluster, fresh, made, right
from chaoskit.sharing.garbage import seldom_collected
from chaoskit.sharing.metrics import SharedMetrics

__all__ = [
    "Ages",
    "Moment",
    "SharedCluster",
    "SharedMetrics",
    "abreast",
    "fresh",
    "made",
    "right",
    "seldom_collected",
]
