"""Random slices on small networks, from a seed."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from qb_controller.model.network import LinkId, Network, Path
from qb_controller.model.slices import Ends, Pipe, Placement, SlicePlan, SliceRequest
from tests.support.plans import random_path

HOSE_HOSTS = 3


def random_slices(
    network: Network, random: Random, decision: int = 1, most: int = 4, first: int = 1
) -> SlicePlan:
    """Slices between different pairs of hosts, some with backups, some with links of their own.

    Numbers are drawn, so that two plans have some slices in common.
    """
    pairs: set[Ends] = set()
    taken: set[LinkId] = set()
    private: set[LinkId] = set()
    placements: list[Placement] = []
    for number in sorted(random.sample(range(first, first + most + 1), random.randint(1, most))):
        request = _request(network, random, number)
        if request is None or pairs & set(request.pipes()):
            continue
        left = without(network, private)
        pipes = [_pipe(left, random, ends) for ends in request.pipes()]
        if not all(pipes):
            continue
        placement = Placement(request, number, decision, tuple(p for p in pipes if p))
        if random.random() < 0.4 and not placement.links & taken:
            alone = replace(placement, request=replace(request, isolation="links"))
            if connected(without(network, private | alone.private)):
                placement = alone
        taken |= placement.links
        private |= placement.private
        pairs |= set(request.pipes())
        placements.append(placement)
    return SlicePlan(decision, network.version, tuple(placements))


def _request(network: Network, random: Random, number: int) -> SliceRequest | None:
    names = [host.name for host in network.hosts]
    if len(names) >= HOSE_HOSTS and random.random() < 0.2:
        hosts = tuple(random.sample(names, HOSE_HOSTS))
        return SliceRequest(f"slice-{number}", hosts=hosts, rate=2e6, rate_back=1e6)
    ends = Ends(*random.sample(names, 2))
    back = random.choice([0.0, 1e6])
    return SliceRequest(f"slice-{number}", (ends,), rate=random.choice([1e6, 2e6]), rate_back=back)


def _pipe(network: Network, random: Random, ends: Ends) -> Pipe | None:
    at = {host.name: host.dpid for host in network.hosts}
    path = random_path(network, at[ends.src], at[ends.dst], random)
    if path is None:
        return None
    backup = None
    if random.random() < 0.5:
        rest = without(network, cables_of(network, path))
        backup = random_path(rest, at[ends.src], at[ends.dst], random)
    return Pipe(ends, path, backup)


def cables_of(network: Network, path: Path) -> set[LinkId]:
    """Links of a path in both directions."""
    there = [network.link_by_id[link] for link in path.links]
    return set(path.links) | {LinkId(link.dst, link.dst_port) for link in there}


def without(network: Network, links: set[LinkId] | frozenset[LinkId]) -> Network:
    """The same network without some directed links."""
    return replace(network, links=tuple(link for link in network.links if link.id not in links))


def connected(network: Network) -> bool:
    """Whether every switch reaches every other one."""
    for start in network.switches:
        seen, todo = {start.dpid}, [start.dpid]
        while todo:
            for link in network.links_out[todo.pop()]:
                if link.dst not in seen:
                    seen.add(link.dst)
                    todo.append(link.dst)
        if len(seen) < len(network.switches):
            return False
    return True
