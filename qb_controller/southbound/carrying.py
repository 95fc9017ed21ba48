"""From placements to what is carried on the network of now, and the network that is left to others.

Links of slices with isolation ``links`` are *closed*: base paths, bypasses of other links and plans
of traffic engineering know a network without them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import count

from qb_controller.model.network import Host, Link, LinkId, Network, Path
from qb_controller.model.slices import Pipe, Placement
from qb_controller.southbound.carried import Carried, CarriedPipe, HostPair, PipeState, SlicePath
from qb_controller.southbound.labels import Label, Numbers, fresh

Closed = Mapping[LinkId, int]
"""Number of the slice that a closed link belongs to."""

LEAST_LEFT = 0.01
"""Share of a link's capacity that others are told they have where slices hold all of it: what they
send there anyway must count as very much, and not as a division by zero."""


def is_whole(path: Path, network: Network) -> bool:
    """Whether every link of a path is there and leads to the next switch."""
    links = (network.link_by_id.get(link) for link in path.links)
    return all(
        link is not None and link.dst == onward
        for link, onward in zip(links, path.dpids[1:], strict=True)
    )


def closed_links(placements: Iterable[Placement], network: Network) -> dict[LinkId, int]:
    """Links that only their slice may use.

    Where closing the links of a slice would cut somebody off, which admission rules out but cut
    cables may bring about, they stay open until the network allows it again.

    Parameters
    ----------
    placements : iterable of Placement
        In the order in which they may close links.
    network : Network
    """
    closed: dict[LinkId, int] = {}
    for placement in placements:
        mine = [link for link in sorted(placement.private) if link in network.link_by_id]
        if not mine:
            continue
        more = closed | dict.fromkeys(mine, placement.number)
        left = open_network(network, more)
        ends = ((link.src, link.dst) for link in map(network.link_by_id.__getitem__, mine))
        if all(_reaches(left, src, dst) for src, dst in ends):
            closed = more
    return closed


def opened_links(placements: Iterable[Placement], network: Network) -> dict[str, str]:
    """Slices whose links cannot be their own now, by name, in words."""
    placements = tuple(placements)
    closed = closed_links(placements, network) if any(p.private for p in placements) else {}
    opened = {}
    for placement in placements:
        links = [link for link in sorted(placement.private) if link in network.link_by_id]
        if any(closed.get(link) != placement.number for link in links):
            link = network.link_by_id[links[0]]
            opened[placement.request.name] = (
                f"its links are open to others, from {network.name(link.src)} to "
                f"{network.name(link.dst)} on: there is no other way for them"
            )
    return opened


def open_network(network: Network, closed: Closed) -> Network:
    """The same network without closed links; the very same object where there are none."""
    if not closed:
        return network
    return replace(network, links=tuple(link for link in network.links if link.id not in closed))


def best_effort_network(network: Network, placements: Iterable[Placement]) -> Network:
    """What is left to traffic that is in no slice: closed links gone, held capacity taken off.

    The same object where there is no slice.
    """
    placements = tuple(placements)
    held: dict[LinkId, float] = {}
    for placement in placements:
        for link, rate in placement.held.items():
            held[link] = held.get(link, 0.0) + rate
    left = open_network(network, closed_links(placements, network))
    if not held:
        return left
    return replace(left, links=tuple(_reduced(link, held.get(link.id, 0.0)) for link in left.links))


def _reduced(link: Link, held: float) -> Link:
    if not held:
        return link
    return replace(link, capacity=max(link.capacity - held, LEAST_LEFT * link.capacity))


def _reaches(network: Network, src: int, dst: int) -> bool:
    seen, todo = {src}, [src]
    while todo and dst not in seen:
        for link in network.links_out.get(todo.pop(), ()):
            if link.dst not in seen:
                seen.add(link.dst)
                todo.append(link.dst)
    return dst in seen


class FreshLabels:
    """Gives labels that are in no use, each once."""

    def __init__(self, numbers: Numbers, epoch: int, used: Iterable[Label]) -> None:
        self._numbers, self._epoch, self._used = numbers, epoch, set(used)

    def take(self, path: Path) -> Label:
        """A label for a path."""
        ends = self._numbers.of(path.ingress), self._numbers.of(path.egress)
        label = next(fresh(*ends, self._epoch, self._used))
        self._used.add(label)
        return label


def carry(
    placement: Placement,
    old: Carried,
    network: Network,
    labels: FreshLabels,
    taken: Collection[tuple[int, int]] = frozenset(),
    claimed: set[HostPair] | None = None,
) -> Carried:
    """A slice on the network of now: paths that are whole, and the one that each pipe takes.

    A pipe takes its path where that is whole, else its backup, else none. Paths that had a label
    keep it.

    Parameters
    ----------
    placement : Placement
    old : Carried
        The slice as carried up to now; its placement may be another or None.
    network : Network
    labels : FreshLabels
    taken : collection of (slice, slot)
        Slots whose groups are in switches.
    claimed : set of (MAC address, MAC address)
        Hosts between which another slice carries the packets, which can be in one slice only: their
        pipe is left out. Gets this slice's.

    Returns
    -------
    Carried
        The very object ``old`` where nothing changed.
    """
    claimed = set() if claimed is None else claimed
    hosts = {host.name: host for host in network.hosts}
    before = {(way.slot, way.path.links): way for way in old.ways}
    used = {*old.slots.values(), *(slot for number, slot in taken if number == old.number)}
    free = (slot for slot in count() if slot not in used)
    slots: dict[HostPair, int] = {}
    pipes: list[CarriedPipe] = []
    ways: list[SlicePath] = []
    for position, pipe in enumerate(placement.pipes):
        source, target = hosts.get(pipe.ends.src), hosts.get(pipe.ends.dst)
        if source is None or target is None:
            continue
        key = (source.mac, target.mac)
        if key in claimed:
            continue
        claimed.add(key)
        paths = _paths(pipe, source, target, network)
        found: list[SlicePath] = []
        if paths:
            slots[key] = slot = old.slots[key] if key in old.slots else next(free)
            for path in paths:
                way = before.get((slot, path.links))
                found.append(way or SlicePath(slot, path, labels.take(path), placement.decision))
        first = found[0] if found else None
        state = _state(pipe, source, target, first)
        pipes.append(CarriedPipe(position, source, target, state, first))
        ways += found
    new = Carried(placement.number, placement, tuple(pipes), tuple(ways), slots)
    return old if old == new else new


def _paths(pipe: Pipe, source: Host, target: Host, network: Network) -> list[Path]:
    ends = (source.dpid, target.dpid)
    return [
        path
        for path in (pipe.path, pipe.backup)
        if path is not None and (path.ingress, path.egress) == ends and is_whole(path, network)
    ]


def _state(pipe: Pipe, source: Host, target: Host, way: SlicePath | None) -> PipeState:
    if source.dpid == target.dpid:
        return "local"
    if way is None:
        return "base"
    return "primary" if way.path == pipe.path else "backup"
