"""What is known of a network beforehand: capacities, delays and host names.

OpenFlow tells neither the capacity of a shaped link nor what people call a host; a topology does.
"""

from __future__ import annotations

import topologies
from qb_controller.errors import ConfigError


class DefaultKnowledge:
    """Nothing is known: every link has one capacity, hosts are named after their MAC address.

    Parameters
    ----------
    capacity : float
        Bit/s of every link.
    """

    def __init__(self, capacity: float) -> None:
        self._capacity = capacity

    def link(self, src: int, dst: int) -> tuple[float, float]:
        return self._capacity, 0.0

    def host_name(self, mac: str) -> str:
        """``h7`` for 00:00:00:00:00:07 (as Mininet's ``--mac`` numbers hosts), else the address."""
        number = int(mac.replace(":", ""), 16)
        return f"h{number}" if 0 < number < 1 << 16 else mac


class TopologyKnowledge(DefaultKnowledge):
    """A topology is known; what it does not say is as in :class:`DefaultKnowledge`.

    Parameters
    ----------
    topology : Topology
        With the capacities that the links really have.
    capacity : float
        Bit/s of links that the topology has not.
    """

    def __init__(self, topology: topologies.Topology, capacity: float) -> None:
        super().__init__(capacity)
        self._links = {
            (edge.src + 1, edge.dst + 1): (edge.capacity, edge.delay_s) for edge in topology.edges
        }

    def link(self, src: int, dst: int) -> tuple[float, float]:
        return self._links.get((src, dst)) or super().link(src, dst)


def knowledge_of(topology: str | None, largest: float, capacity: float) -> DefaultKnowledge:
    """Knowledge from the options of the controller.

    Parameters
    ----------
    topology : str or None
        A built-in name or a file.
    largest : float
        Bit/s that the topology's largest link is scaled to.
    capacity : float
        Bit/s of links that are not known.

    Raises
    ------
    ConfigError
        The topology does not exist or cannot be read.
    """
    if topology is None:
        return DefaultKnowledge(capacity)
    try:
        loaded = topologies.scaled(topologies.load(topology), largest)
    except (ValueError, OSError) as error:
        raise ConfigError(f"--qb-topology {topology}: {error}") from None
    return TopologyKnowledge(loaded, capacity)
