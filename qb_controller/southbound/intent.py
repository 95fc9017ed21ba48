"""What the controller means the network to do, apart from how switches express it.

An :class:`Intent` is a value. :mod:`.next_intent` makes the next one from a changed network or a
new plan; :mod:`.compile` turns it into flow rules; :mod:`.adopt` reads it out of the switches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from qb_controller.model.network import LinkId, Network, Path
from qb_controller.model.plan import Route, Share
from qb_controller.model.rules import EntryKey, RuleKey
from qb_controller.model.slices import Placement
from qb_controller.southbound import layout
from qb_controller.southbound.bypass import Bypass
from qb_controller.southbound.carried import Carried
from qb_controller.southbound.labels import BASE, Label, Numbers, parse

Pair = tuple[int, int]
"""Datapath ids of ingress and egress."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The base layer towards one egress.

    Attributes
    ----------
    egress, epoch : int
    next_link : mapping of int to LinkId
        The link that every switch (but the egress) sends into; switches that cannot reach the
        egress have none.
    """

    egress: int
    epoch: int
    next_link: Mapping[int, LinkId]

    def label(self, numbers: Numbers) -> Label:
        return Label(BASE, numbers.of(self.egress), 0, self.epoch)

    def path(self, ingress: int, network: Network) -> Path | None:
        """Path from one switch, None where the tree does not reach it."""
        links, here = [], ingress
        while here in self.next_link and self.next_link[here] in network.link_by_id:
            links.append(self.next_link[here])
            here = network.link_by_id[links[-1]].dst
        return Path(tuple(links), here) if links and here == self.egress else None


@dataclass(frozen=True, slots=True)
class LabelledShare:
    """One path of a steered pair.

    Attributes
    ----------
    path : Path
    weight : int
        Out of :data:`~qb_controller.model.plan.WEIGHT_TOTAL`.
    label : Label
        Says this path and no other, for good.
    decision : int
        The decision that brought this path (its rules carry the number in their cookies).
    """

    path: Path
    weight: int
    label: Label
    decision: int


@dataclass(frozen=True, slots=True)
class Steering:
    """How one pair is carried when not by the base layer.

    Attributes
    ----------
    owner : str
        The application (``te``).
    decision : int
        The decision that last changed anything here, weights included.
    shares : tuple of LabelledShare
        At least one, in the order of their labels.
    """

    owner: str
    decision: int
    shares: tuple[LabelledShare, ...]


@dataclass(frozen=True)
class Intent:
    """Everything meant, for one network.

    Attributes
    ----------
    trees : mapping
        By egress; one for every switch.
    bypasses : mapping
        By protected link.
    pairs : mapping
        Steered pairs only; every other pair follows its tree.
    epoch : int
        Generation of the newest labels.
    slices : mapping
        By number.
    """

    trees: Mapping[int, Tree] = field(default_factory=dict)
    bypasses: Mapping[LinkId, Bypass] = field(default_factory=dict)
    pairs: Mapping[Pair, Steering] = field(default_factory=dict)
    epoch: int = 0
    slices: Mapping[int, Carried] = field(default_factory=dict)

    def placements(self) -> tuple[Placement, ...]:
        """What the slices are, by ascending number."""
        found = (carried.placement for _, carried in sorted(self.slices.items()))
        return tuple(placement for placement in found if placement is not None)

    def slice_labels(self) -> frozenset[Label]:
        """Labels of all paths of slices."""
        return frozenset(way.label for one in self.slices.values() for way in one.ways)

    def pair_labels(self) -> frozenset[Label]:
        """Labels of all steered pairs."""
        shares = (steering.shares for steering in self.pairs.values())
        return frozenset(share.label for several in shares for share in several)

    def routes(self) -> tuple[Route, ...]:
        """Routes of the steered pairs, as a snapshot wants them."""
        return tuple(
            Route(*pair, tuple(Share(share.path, share.weight) for share in steering.shares))
            for pair, steering in sorted(self.pairs.items())
        )

    def without_plan(self) -> Intent:
        """Every pair back on the base layer."""
        return replace(self, pairs={}) if self.pairs else self


@dataclass(frozen=True, slots=True)
class Taken:
    """Labels, tags, and slots of slices that switches hold rules for: not to be used anew."""

    labels: frozenset[Label] = frozenset()
    tags: frozenset[int] = frozenset()
    slots: frozenset[tuple[int, int]] = frozenset()


NOTHING_TAKEN = Taken()


def taken_by(keys: Iterable[EntryKey]) -> Taken:
    """Labels, tags and slots of rules: those of rules on their way out, or of all."""
    macs: set[str] = set()
    tags: set[int] = set()
    slots: set[tuple[int, int]] = set()
    for key in keys:
        if isinstance(key, int):
            kind, parts = layout.group_kind(key)
            if kind == "slice":
                slots.add(layout.slice_of(parts)[:2])
        if not isinstance(key, RuleKey) or key.table != layout.CLASSIFY:
            continue
        for name, value in key.match:
            if name == "eth_dst" and isinstance(value, str):
                macs.add(value)
            elif name == "vlan_vid" and isinstance(value, int):
                tags.add(value)
    labels = (parse(mac) for mac in macs)
    return Taken(frozenset(label for label in labels if label), frozenset(tags), frozenset(slots))


def pairs_of(intent: Intent, network: Network) -> Iterator[Pair]:
    """Pairs that have a group: towards every switch with hosts, and steered ones."""
    for egress, tree in intent.trees.items():
        if egress in network.hosts_at:
            for ingress in tree.next_link:
                yield (ingress, egress)
    for ingress, egress in intent.pairs:
        if egress not in network.hosts_at:
            yield (ingress, egress)
