"""The verifier of slices: counts by itself what every link holds, and only then makes a plan.

Nothing here is taken from the problem that was solved or from what a placement says of itself:
paths are walked on the network, capacity is added up from the requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from qb_controller.errors import VerificationError
from qb_controller.model.network import LinkId, Network, Path
from qb_controller.model.slices import Pipe, Placement, SlicePlan, SliceRequest

AGREEMENT = 1e-6
"""Relative excess over a capacity, a latency or a claim that counts as rounding."""


def verify(
    network: Network, placements: Iterable[Placement], share: float, decision: int = 0
) -> SlicePlan:
    """Make the plan of placements that keep every promise on this network.

    Parameters
    ----------
    network : Network
    placements : iterable of Placement
        All that shall be in force.
    share : float
        Of each link's capacity that slices may set aside.
    decision : int

    Raises
    ------
    VerificationError
        A path is not there, too slow or not disjoint from its backup; a link holds more than may
        be set aside, or belongs to a slice alone and is used by another; a number is there twice;
        the rest of the network is cut apart. The text names the slice and the link.
    """
    ordered = tuple(sorted(placements, key=lambda each: each.number))
    held: dict[LinkId, float] = {}
    owner: dict[LinkId, str] = {}
    numbers: dict[int, str] = {}
    for placement in ordered:
        name, number = placement.request.name, placement.number
        if not 1 <= number <= 65_535 or number in numbers:
            raise VerificationError(f"slice {name}: number {number} is taken or out of range")
        numbers[number] = name
        _check_pipes(network, placement)
        _check_held(network, placement, share)
        for link, rate in placement.held.items():
            held[link] = held.get(link, 0.0) + rate
            owner.setdefault(link, name)
    for placement in ordered:
        for link in placement.private:
            others = [each.request.name for each in ordered if link in each.links]
            if len(others) > 1:
                raise VerificationError(
                    f"slice {placement.request.name}: {_name(network, link)} is not its own, "
                    f"{' and '.join(others)} use it"
                )
    for link, rate in held.items():
        most = network.link_by_id[link].capacity * share
        if rate > most * (1 + AGREEMENT):
            raise VerificationError(
                f"{_name(network, link)}: slices hold {rate:.9g} bit/s, may set aside {most:.9g}"
            )
    plan = SlicePlan(decision, network.version, ordered)
    if pieces(network, plan.private) != pieces(network, frozenset()):
        raise VerificationError("links of their own cut the rest of the network apart")
    return plan


def _check_pipes(network: Network, placement: Placement) -> None:
    request = placement.request
    host = {each.name: each.dpid for each in network.hosts}
    if tuple(pipe.ends for pipe in placement.pipes) != request.pipes():
        raise VerificationError(f"slice {request.name}: its pipes are not those asked for")
    for pipe in placement.pipes:
        where = f"slice {request.name}: {pipe.ends.src} to {pipe.ends.dst}"
        a, b = host.get(pipe.ends.src), host.get(pipe.ends.dst)
        if a is None or b is None:
            raise VerificationError(f"{where}: a host is not in the network")
        if a == b:
            if pipe.path is not None or pipe.backup is not None:
                raise VerificationError(f"{where}: has a path within one switch")
            continue
        if pipe.path is None:
            raise VerificationError(f"{where}: has no path")
        _check_path(network, pipe.path, a, b, request, where)
        _check_backup(network, pipe, a, b, request, where)


def _check_backup(
    network: Network, pipe: Pipe, a: int, b: int, request: SliceRequest, where: str
) -> None:
    if request.protection == "none":
        if pipe.backup is not None:
            raise VerificationError(f"{where}: has a backup that nobody asked for")
        return
    if pipe.backup is None:
        raise VerificationError(f"{where}: has no backup")
    assert pipe.path is not None
    _check_path(network, pipe.backup, a, b, request, f"{where}, backup")
    common = _cables(network, pipe.path) & _cables(network, pipe.backup)
    if common:
        raise VerificationError(f"{where}: path and backup share a cable")


def _cables(network: Network, path: Path) -> set[frozenset[LinkId]]:
    links = (network.link_by_id[link] for link in path.links)
    return {frozenset((link.id, LinkId(link.dst, link.dst_port))) for link in links}


def _check_path(
    network: Network, path: Path, a: int, b: int, request: SliceRequest, where: str
) -> None:
    here, delay = a, 0.0
    for step in path.links:
        link = network.link_by_id.get(step)
        if link is None or link.src != here:
            raise VerificationError(f"{where}: {_name(network, step)} is not there")
        here, delay = link.dst, delay + link.delay
    if here != b or path.egress != b or len(set(path.dpids)) != len(path.dpids):
        raise VerificationError(f"{where}: its path does not lead there without a loop")
    if request.latency is not None and delay > request.latency * (1 + AGREEMENT):
        raise VerificationError(
            f"{where}: takes {1e3 * delay:.4g} ms, promised are {1e3 * request.latency:.4g} ms"
        )


def _check_held(network: Network, placement: Placement, share: float) -> None:
    wanted = holds(network, placement.request, placement.pipes, share)
    held = placement.held
    for link in wanted.keys() | held.keys():
        claimed, need = held.get(link, 0.0), wanted.get(link, 0.0)
        if abs(claimed - need) > AGREEMENT * max(claimed, need):
            raise VerificationError(
                f"slice {placement.request.name}: {_name(network, link)} must hold {need:.9g} "
                f"bit/s, it says {claimed:.9g}"
            )


def holds(
    network: Network, request: SliceRequest, pipes: Sequence[Pipe], share: float
) -> Mapping[LinkId, float]:
    """Bit/s that a slice on some paths has to hold of each link, backups included."""
    users: dict[LinkId, set[tuple[str, str]]] = {}
    for pipe in pipes:
        for path in (pipe.path, pipe.backup):
            for link in path.links if path is not None else ():
                users.setdefault(link, set()).add(pipe.ends)
    if request.isolation == "links":
        return {link: share * network.link_by_id[link].capacity for link in users}
    if request.is_hose:
        return {
            link: min(
                request.rate * len({src for src, _ in ends}),
                request.rate_back * len({dst for _, dst in ends}),
            )
            for link, ends in users.items()
        }
    limit = {pipe.ends: request.limit(pipe.ends) for pipe in pipes}
    return {
        link: sum(limit[pipe.ends] for pipe in pipes if pipe.ends in ends)
        for link, ends in users.items()
    }


def pieces(network: Network, without: frozenset[LinkId]) -> int:
    """Strongly connected parts of the network without some links."""
    node = {switch.dpid: i for i, switch in enumerate(network.switches)}
    ends = [
        (node[link.src], node[link.dst])
        for link in network.links
        if link.id not in without and link.src in node and link.dst in node
    ]
    tail, head = np.array(ends, dtype=np.int64).reshape(-1, 2).T
    graph = sparse.csr_array((np.ones(len(ends)), (tail, head)), shape=(len(node), len(node)))
    return int(csgraph.connected_components(graph, connection="strong")[0])


def _name(network: Network, link: LinkId) -> str:
    there = network.link_by_id.get(link)
    if there is None:
        return f"link {link.dpid:016x}:{link.port}"
    return f"{network.name(there.src)} -> {network.name(there.dst)}"
