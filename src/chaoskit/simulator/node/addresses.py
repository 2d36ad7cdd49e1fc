"""The addresses that a node gives to its pods."""

from __future__ import annotations

from ipaddress import IPv4Network


class Addresses:
    """The pod addresses of one node, given out in turn; the first two are the network's and the bridge's."""

    def __init__(self, block: str) -> None:
        network = IPv4Network(block)
        self._free = {str(host): None for host in list(network.hosts())[1:]}

    def take(self) -> str:
        """An address that nobody has, the one longest unused; RuntimeError when all are taken."""
        if not self._free:
            raise RuntimeError("no addresses left on the node; it takes more pods than its range has")
        address = next(iter(self._free))
        del self._free[address]
        return address

    def give_back(self, address: str) -> None:
        """The address may be given out again."""
        if address:
            self._free[address] = None
