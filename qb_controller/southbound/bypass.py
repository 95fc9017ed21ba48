"""A way around every link, prepared before it breaks.

While a link is down its sending switch pushes a VLAN tag and sends packets along the bypass; the
last switch but one pops the tag, so they arrive at the link's far end as if nothing had happened
(facility backup with penultimate hop popping, RFC 4090). A tag, like a label, never changes its
meaning: a changed bypass gets another tag.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass

from qb_controller.model.network import Link, LinkId, Network, Path

TAGS = range(1, 4095)
"""VLAN numbers that may be used (0 and 4095 are reserved by IEEE 802.1Q)."""

NOTHING_CLOSED: Mapping[LinkId, int] = {}

PAUSE_EVERY = 16
"""Bypasses worked out between two pauses: about a millisecond in a network of 50 switches."""


@dataclass(frozen=True, slots=True)
class Bypass:
    """How packets get around one directed link.

    Attributes
    ----------
    link : LinkId
        The protected link.
    path : Path
        From its sending to its receiving switch, touching its cable in neither direction.
    tag : int
        VLAN number; 0 where the path is one parallel link, which needs none.
    arrives : int
        Port of the receiving switch on which bypassed packets come in.
    """

    link: LinkId
    path: Path
    tag: int
    arrives: int

    @property
    def first_port(self) -> int:
        return self.path.links[0].port


Bypasses = Mapping[LinkId, Bypass]
"""By protected link; links without one are bridges, or came too late for a tag."""


def plan_bypasses(
    network: Network,
    before: Bypasses,
    taken: Collection[int] = frozenset(),
    closed: Mapping[LinkId, int] = NOTHING_CLOSED,
) -> Generator[None, None, dict[LinkId, Bypass]]:
    """Bypasses of all links; what stays the same keeps its tag, what changes gets a free one.

    Fewest hops, ties by port order: the removal of a link changes only bypasses that used it. Where
    more than 4,094 links need tags, the last ones in order of :class:`LinkId` stay without bypass.

    Parameters
    ----------
    network : Network
    before : mapping
        The bypasses up to now.
    taken : collection of int
        Further tags that the switches still hold rules for.
    closed : mapping of LinkId to int
        Links that only one slice may use, with its number: ways around others avoid them, and ways
        around them avoid those of other slices.

    Returns
    -------
    dict of LinkId to Bypass
        After pauses, see :mod:`.steps`.
    """
    used = {bypass.tag for bypass in before.values()} | set(taken)
    free = (tag for tag in TAGS if tag not in used)
    found: dict[LinkId, Bypass] = {}
    for count, link in enumerate(sorted(network.links, key=lambda link: link.id)):
        if count % PAUSE_EVERY == PAUSE_EVERY - 1:
            yield
        way = _way_around(link, network.links_out, closed)
        if way:
            path = Path(tuple(step.id for step in way), link.dst)
            old = before.get(link.id)
            if old is not None and old.path == path and old.arrives == way[-1].dst_port:
                found[link.id] = old
            else:
                tag = next(free, None) if len(way) > 1 else 0
                if tag is not None:
                    found[link.id] = Bypass(link.id, path, tag, way[-1].dst_port)
    return found


def _way_around(
    link: Link, links_out: Mapping[int, tuple[Link, ...]], closed: Mapping[LinkId, int]
) -> list[Link]:
    """Fewest hops from a link's sender to its receiver without its cable; empty where none."""
    mine = closed.get(link.id)
    cable = (link.id, LinkId(link.dst, link.dst_port))
    came_by: dict[int, Link] = {}
    queue = deque([link.src])
    while queue and link.dst not in came_by:
        for step in links_out.get(queue.popleft(), ()):
            if step.dst in came_by or step.dst == link.src or step.id in cable:
                continue
            if closed.get(step.id, mine) == mine:
                came_by[step.dst] = step
                queue.append(step.dst)
    way: list[Link] = []
    here = link.dst
    while here != link.src and here in came_by:
        way.append(came_by[here])
        here = came_by[here].src
    return way[::-1]
