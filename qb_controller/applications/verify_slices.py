"""The gate between a proposal and the network: the only maker of a :class:`SlicePlan`.

What every link holds, how long every path takes, what is disjoint and what is alone is worked out
here from the network and the requests; nothing that a solver said is believed.

**What a placement holds.** Pipes of the pipe model hold their limit on each link of their path and
of their backup. In the hose model a link holds the least of three sums over the pipes that may use
it: their limits, what their senders may send, what their receivers may receive; whatever the tenant
offers within the hoses is no more than that (Duffield et al., SIGCOMM 1999, section 3.2). A slice
with links of its own holds all of them that slices may hold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import NoReturn

from qb_controller.errors import VerificationError
from qb_controller.model.network import Link, LinkId, Network, Path, path_of
from qb_controller.model.slices import Ends, Pipe, Placement, SlicePlan, SliceRequest

TOLERANCE = 1e-6
"""Relative excess that counts as rounding."""

MOST_NUMBER = 0xFFFF
"""A slice's number has 16 bits in a cookie."""


def verify(
    placements: Iterable[Placement], network: Network, decision: int, share: float = 1.0
) -> SlicePlan:
    """Check that placements can all be carried, and count what they hold.

    Parameters
    ----------
    placements : iterable of Placement
        What they say they hold is not looked at.
    network : Network
    decision : int
    share : float
        Of each link's capacity that slices may hold together.

    Raises
    ------
    VerificationError
        Naming the slice, the link and what is wrong.
    """
    ordered = sorted(placements, key=lambda placement: placement.number)
    _check_names(ordered)
    cables = {link.id: LinkId(link.dst, link.dst_port) for link in network.links}
    for placement in ordered:
        _check_pipes(placement, network, cables)
    _check_private(ordered, network)
    counted = tuple(_counted(placement, network, share) for placement in ordered)
    plan = SlicePlan(decision, network.version, counted)
    for link_id, rate in plan.held().items():
        link = network.link_by_id[link_id]
        most = share * link.capacity
        if rate > most * (1 + TOLERANCE):
            raise VerificationError(
                f"link {_ends(link, network)} would hold {rate:.0f} bit/s of {most:.0f}"
            )
    return plan


def without(plan: SlicePlan, names: Collection[str]) -> SlicePlan:
    """The plan with some slices less: what holds for all of them holds for the rest."""
    left = tuple(one for one in plan.placements if one.request.name not in names)
    return replace(plan, placements=left)


def restored(placements: Iterable[Placement]) -> SlicePlan:
    """What an earlier run verified and kept, before the network of now is known.

    To recognise rules by; :func:`verify` has to follow as soon as there is a network.
    """
    ordered = tuple(sorted(placements, key=lambda placement: placement.number))
    return SlicePlan(max((one.decision for one in ordered), default=0), -1, ordered)


def still(plan: SlicePlan, network: Network) -> SlicePlan:
    """A verified plan on a network that has changed since.

    It promises nothing new: whoever carries it out carries pipes that are not whole any more by
    their backups, or as best effort, until the next decision.
    """
    return replace(plan, network_version=network.version)


def held_by(
    request: SliceRequest, pipes: Iterable[Pipe], network: Network, share: float = 1.0
) -> dict[LinkId, float]:
    """Bit/s that a slice holds on each directed link (see the module's text)."""
    using: dict[LinkId, list[Ends]] = {}
    for pipe in pipes:
        for path in (pipe.path, pipe.backup):
            for link in path.links if path else ():
                using.setdefault(link, []).append(pipe.ends)
    if request.isolation == "links":
        return {link: share * network.link_by_id[link].capacity for link in using}
    return {link: needed(request, set(ends)) for link, ends in using.items()}


def needed(request: SliceRequest, ends: Collection[Ends]) -> float:
    """Most bit/s that some pipes of a slice may carry together."""
    limits = sum(request.limit(each) for each in ends)
    if not request.is_hose:
        return limits
    sent = request.rate * len({each.src for each in ends})
    received = request.rate_back * len({each.dst for each in ends})
    return min(limits, sent, received)


def _counted(placement: Placement, network: Network, share: float) -> Placement:
    """The placement with what it holds; the very same where it said so itself."""
    held = held_by(placement.request, placement.pipes, network, share)
    return placement if placement.held == held else replace(placement, held=held)


def _fail(placement: Placement, text: str) -> NoReturn:
    raise VerificationError(f"slice {placement.request.name}: {text}")


def _ends(link: Link, network: Network) -> str:
    return f"{network.name(link.src)} -> {network.name(link.dst)}"


def _check_names(placements: list[Placement]) -> None:
    names: set[str] = set()
    numbers: set[int] = set()
    for one in placements:
        if one.request.name in names:
            _fail(one, "is there twice")
        if one.number in numbers or not 1 <= one.number <= MOST_NUMBER:
            _fail(one, f"number {one.number} is no number of its own")
        names.add(one.request.name)
        numbers.add(one.number)


def _check_pipes(
    placement: Placement,
    network: Network,
    cables: dict[LinkId, LinkId],
) -> None:
    request, hosts = placement.request, network.switch_of_host
    if tuple(pipe.ends for pipe in placement.pipes) != request.pipes():
        _fail(placement, "its pipes are not those that were asked for")
    for pipe in placement.pipes:
        for host in pipe.ends:
            if host not in hosts:
                _fail(placement, f"there is no host {host}")
        src, dst = hosts[pipe.ends.src], hosts[pipe.ends.dst]
        where = f"{pipe.ends.src} -> {pipe.ends.dst}"
        if src == dst:
            if pipe.path is not None or pipe.backup is not None:
                _fail(placement, f"{where}: both are at {network.name(src)} and need no path")
            continue
        if pipe.path is None:
            _fail(placement, f"{where}: there is no path")
        if (pipe.backup is None) != (request.protection == "none"):
            _fail(placement, f"{where}: protection is {request.protection}")
        for path in (pipe.path, pipe.backup):
            if path is not None:
                _check_path(placement, path, (src, dst), network, where)
        if pipe.backup is not None:
            mine = {*pipe.path.links, *(cables[link] for link in pipe.path.links)}
            if common := mine.intersection(pipe.backup.links):
                link = network.link_by_id[min(common)]
                _fail(placement, f"{where}: path and backup share link {_ends(link, network)}")


def _check_path(
    placement: Placement, path: Path, ends: tuple[int, int], network: Network, where: str
) -> None:
    links = [network.link_by_id.get(link) for link in path.links]
    there = [link for link in links if link is not None]
    if len(there) != len(links):
        _fail(placement, f"{where}: a link of its path is not there")
    try:
        same = path_of(there) == path
    except ValueError as error:
        _fail(placement, f"{where}: {error}")
    if not same or (path.ingress, path.egress) != ends:
        _fail(placement, f"{where}: a path leads from or to another switch")
    delay, bound = sum(link.delay for link in there), placement.request.latency
    if bound is not None and delay > bound * (1 + TOLERANCE):
        _fail(placement, f"{where}: a path takes {delay:g} s, {bound:g} s are allowed")


def _check_private(placements: list[Placement], network: Network) -> None:
    """No link of its own is used by others or the only way from its one end to the other."""
    owner: dict[LinkId, Placement] = {}
    for one in placements:
        for link_id in one.private:
            if link_id in owner:
                _fail(one, f"link {_ends(network.link_by_id[link_id], network)} has two owners")
            owner[link_id] = one
    for one in placements:
        for link_id in one.links:
            if owner.get(link_id, one) is not one:
                other = owner[link_id].request.name
                where = _ends(network.link_by_id[link_id], network)
                _fail(one, f"uses link {where}, which belongs to {other}")
    left = [link for link in network.links if link.id not in owner]
    onward: dict[int, list[int]] = {}
    for link in left:
        onward.setdefault(link.src, []).append(link.dst)
    for link_id in sorted(owner):
        link = network.link_by_id[link_id]
        if not _reaches(onward, link.src, link.dst):
            where = _ends(link, network)
            _fail(owner[link_id], f"without link {where} others could not get there any more")


def _reaches(onward: dict[int, list[int]], start: int, goal: int) -> bool:
    seen, todo = {start}, [start]
    while todo:
        here = todo.pop()
        if here == goal:
            return True
        fresh = [each for each in onward.get(here, ()) if each not in seen]
        seen.update(fresh)
        todo += fresh
    return False
