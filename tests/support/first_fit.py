"""Slices placed one after the other on the first path that fits: enough to test what is around."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from qb_controller.applications.verify_slices import verify
from qb_controller.errors import VerificationError
from qb_controller.model.decision import Decision, Outcome
from qb_controller.model.network import Link, Network, Path, path_of
from qb_controller.model.slices import Ends, Pipe, Placement
from qb_controller.runtime.messages import SlicesRequest, SlicesResult


def all_paths(network: Network, src: int, dst: int) -> Iterator[Path | None]:
    """Loop-free paths, fewest links first; None where both ends are one switch."""
    if src == dst:
        yield None
        return
    todo: list[tuple[Link, ...]] = [(link,) for link in network.links_out[src]]
    while todo:
        chain = todo.pop(0)
        if chain[-1].dst == dst:
            yield path_of(chain)
            continue
        been = {chain[0].src, *(link.dst for link in chain)}
        todo += [
            (*chain, link) for link in network.links_out[chain[-1].dst] if link.dst not in been
        ]


def answer(request: SlicesRequest) -> SlicesResult:
    """Running slices stay where they are if they can; of the others the dearest comes first."""
    number = request.known_decision + 1
    running = {place.request.name: place for place in request.running}
    placed: list[Placement] = []
    refused: dict[str, str] = {}
    order = sorted(request.requests, key=lambda one: (one.name not in running, -one.worth))
    for one in order:
        found = None
        before = running.get(one.name)
        if before is not None and before.request == one:
            found = _fits([*placed, before], request.network)
        hosts = {host.name: host.dpid for host in request.network.hosts}
        if found is None:
            for pipes in _choices(one.pipes(), hosts, request.network, one.protection):
                place = Placement(one, request.numbers[one.name], number, pipes)
                found = _fits([*placed, place], request.network)
                if found is not None:
                    break
        if found is None:
            refused[one.name] = "no path has room"
        else:
            placed = found
    plan = verify(placed, request.network, number)
    return SlicesResult(request.number, _decision(number, len(placed)), plan, refused)


def _choices(
    ends: tuple[Ends, ...], hosts: dict[str, int], network: Network, protection: str
) -> Iterator[tuple[Pipe, ...]]:
    """All pipes over the n-th shortest path of each, backups over the next one."""
    paths = [list(all_paths(network, hosts[one.src], hosts[one.dst])) for one in ends]
    for n in range(max(map(len, paths))):
        pipes = []
        for one, found in zip(ends, paths, strict=True):
            path = found[min(n, len(found) - 1)]
            backup = None
            if protection == "disjoint" and path is not None:
                backup = found[(n + 1) % len(found)]
            pipes.append(Pipe(one, path, backup))
        yield tuple(pipes)


def _fits(placements: list[Placement], network: Network) -> list[Placement] | None:
    try:
        return list(verify(placements, network, 0).placements)
    except VerificationError:
        return None


def _decision(number: int, placed: int) -> Decision:
    outcome = Outcome("improved", 0.01, 0.0, 0.0, 0.0, placed, "first fit")
    return Decision(number, "slices", 0.0, 1.0, {}, (), "first-fit", "for tests", outcome)


def lost(network: Network, *dpids: tuple[int, int]) -> Network:
    """The network after cables between pairs of switches were cut."""
    gone = {frozenset(pair) for pair in dpids}
    left = tuple(link for link in network.links if frozenset((link.src, link.dst)) not in gone)
    return replace(network, links=left, version=network.version + 1)
