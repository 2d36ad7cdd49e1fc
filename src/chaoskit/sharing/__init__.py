"""What many runs of one process share, so that the same is asked once."""

from chaoskit.sharing.cluster import Moment, SharedCluster, made
from chaoskit.sharing.metrics import SharedMetrics

__all__ = ["Moment", "SharedCluster", "SharedMetrics", "made"]
