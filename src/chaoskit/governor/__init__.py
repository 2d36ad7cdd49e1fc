"""What may happen now: halt, storms, freezes, maintenance, interlock, failure domains, cool-down, budget.

All state is read from the cluster: the ledgers' Leases, ConfigMaps of halt and storm breaker, annotations.
"""

from chaoskit.governor.governor import Governor
from chaoskit.governor.limits import PROTECTED, Domain, Hit, Limits
from chaoskit.governor.rules import FREEZE, MAINTENANCE, within_radius

__all__ = ["FREEZE", "MAINTENANCE", "PROTECTED", "Domain", "Governor", "Hit", "Limits", "within_radius"]
