"""The next intent: from a changed network, from a verified plan, or from slices.

Whatever stays the same keeps its label and tag, so that the switches need not be told; whatever
changes gets one that no switch holds a rule for.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace

from qb_controller.model.network import Network, Path
from qb_controller.model.plan import Route, VerifiedPlan
from qb_controller.model.shortest import shortest_trees
from qb_controller.model.slices import SlicePlan
from qb_controller.southbound.base_layer import next_links
from qb_controller.southbound.bypass import plan_bypasses
from qb_controller.southbound.carried import Carried, HostPair
from qb_controller.southbound.carrying import (
    FreshLabels,
    carry,
    closed_links,
    is_whole,
    open_network,
)
from qb_controller.southbound.intent import (
    NOTHING_TAKEN,
    Intent,
    LabelledShare,
    Pair,
    Steering,
    Taken,
    Tree,
)
from qb_controller.southbound.labels import BASE, EPOCHS, Numbers, fresh
from qb_controller.southbound.steps import run

PAUSE_EVERY = 100
"""Routes of a plan worked out between two pauses: about a millisecond."""


def with_network(
    intent: Intent,
    network: Network,
    numbers: Numbers,
    taken: Taken = NOTHING_TAKEN,
    *,
    keep_trees: bool = False,
) -> Intent:
    """The intent for another network.

    Trees and bypasses are new only where they changed. Pairs with a path over something that is
    gone, or that a slice has for itself now, go back to the base layer as a whole; the next plan
    steers them again. Pipes of slices take their backup where their path is broken, and come back.

    Parameters
    ----------
    intent : Intent
        What was meant up to now; may come from :func:`~.adopt.adopt`.
    network : Network
    numbers : Numbers
    taken : Taken
        Labels and tags of rules on their way out (:func:`~.intent.taken_by`).
    keep_trees : bool
        Whether base paths that are whole stay although others have become shorter, until the next
        plan (see :mod:`.base_layer`).

    Returns
    -------
    Intent
        The very same object where nothing changed.
    """
    return run(with_network_steps(intent, network, numbers, taken, keep_trees=keep_trees))


def with_network_steps(
    intent: Intent,
    network: Network,
    numbers: Numbers,
    taken: Taken = NOTHING_TAKEN,
    *,
    keep_trees: bool = False,
) -> Generator[None, None, Intent]:
    """As :func:`with_network`, yielding every few milliseconds (see :mod:`.steps`)."""
    closed = closed_links(intent.placements(), network)
    yield
    left = open_network(network, closed)
    bypasses = yield from plan_bypasses(network, intent.bypasses, taken.tags, closed)
    trees = yield from _trees(intent, left, numbers, taken, keep_trees)
    pairs = {
        pair: steering
        for pair, steering in intent.pairs.items()
        if all(is_whole(share.path, left) for share in steering.shares)
    }
    slices = yield from _slices(intent, network, numbers, taken)
    new = Intent(trees, bypasses, pairs, intent.epoch, slices)
    fresh_trees = any(tree is not intent.trees.get(egress) for egress, tree in trees.items())
    if fresh_trees or not new.slice_labels() <= intent.slice_labels():
        new = replace(new, epoch=(intent.epoch + 1) % EPOCHS)
    return intent if new == intent else new


def _slices(
    intent: Intent, network: Network, numbers: Numbers, taken: Taken
) -> Generator[None, None, dict[int, Carried]]:
    """Every slice on the network of now; those that nobody described yet stay as they are."""
    used = taken.labels | intent.slice_labels() | intent.pair_labels() if intent.slices else ()
    labels = FreshLabels(numbers, (intent.epoch + 1) % EPOCHS, used)
    slices: dict[int, Carried] = {}
    claimed: set[HostPair] = set()
    for number, old in sorted(intent.slices.items()):
        if old.placement is not None:
            slices[number] = carry(old.placement, old, network, labels, taken.slots, claimed)
        else:
            slices[number] = old
        yield
    return slices


def _trees(
    intent: Intent, network: Network, numbers: Numbers, taken: Taken, keep: bool
) -> Generator[None, None, dict[int, Tree]]:
    """The trees of all egresses; a changed one has another epoch."""
    trees: dict[int, Tree] = {}
    for egress, shortest in shortest_trees(network).items():
        old = intent.trees.get(egress)
        found = next_links(old.next_link if old and keep else {}, shortest, egress, network)
        if old is not None and old.next_link == found:
            trees[egress] = old
        else:
            trees[egress] = Tree(egress, _tree_epoch(intent, egress, numbers, taken), found)
        yield
    return trees


def with_slices(
    intent: Intent,
    slices: SlicePlan,
    network: Network,
    numbers: Numbers,
    taken: Taken = NOTHING_TAKEN,
) -> Intent:
    """The intent that carries exactly the slices of a plan.

    Paths that a slice already has keep their labels, so that a slice that stays is not told to any
    switch again; moved pipes get fresh ones. Trees, bypasses and steered pairs leave the links that
    only one slice may use. Pipes whose path is not whole take their backup, or the base layer.

    Parameters
    ----------
    intent : Intent
        From :func:`with_network` or :func:`~.adopt.adopt`.
    slices : SlicePlan
        Everything that shall be in force; slices that it does not name are taken off.
    network : Network
    numbers : Numbers
    taken : Taken
        Labels and tags of rules on their way out (:func:`~.intent.taken_by`).

    Returns
    -------
    Intent
        Its ``slices`` say what is carried how. The very same object where nothing changed.
    """
    return run(with_slices_steps(intent, slices, network, numbers, taken))


def with_slices_steps(
    intent: Intent,
    slices: SlicePlan,
    network: Network,
    numbers: Numbers,
    taken: Taken = NOTHING_TAKEN,
) -> Generator[None, None, Intent]:
    """As :func:`with_slices`, yielding every few milliseconds (see :mod:`.steps`)."""
    wanted: dict[int, Carried] = {}
    for placement in slices.placements:
        old = intent.slices.get(placement.number)
        if old is not None and old.placement == placement:
            wanted[placement.number] = old
        else:
            blank = Carried(placement.number, placement)
            wanted[placement.number] = replace(old or blank, placement=placement)
    described = intent if wanted == intent.slices else replace(intent, slices=wanted)
    return (yield from with_network_steps(described, network, numbers, taken, keep_trees=True))


def with_plan(
    intent: Intent,
    verified: VerifiedPlan,
    network: Network,
    numbers: Numbers,
    taken: Taken = NOTHING_TAKEN,
) -> Intent:
    """The intent that carries out a plan.

    Paths a pair already has keep their labels; new paths get fresh ones. A single path that is the
    base layer's own needs no label, and a route over links that went away since the verification is
    left out: both follow the base layer. Trees that were kept become the shortest, which is where
    the plan takes all pairs to be that it does not name.

    Parameters
    ----------
    intent : Intent
        Made for this very network by :func:`with_network`.
    verified : VerifiedPlan
    network : Network
    numbers : Numbers
    taken : Taken
        Labels of rules on their way out (:func:`~.intent.taken_by`).

    Returns
    -------
    Intent
        The very same object where nothing changed.
    """
    return run(with_plan_steps(intent, verified, network, numbers, taken))


def with_plan_steps(
    intent: Intent,
    verified: VerifiedPlan,
    network: Network,
    numbers: Numbers,
    taken: Taken = NOTHING_TAKEN,
) -> Generator[None, None, Intent]:
    """As :func:`with_plan`, yielding every few milliseconds (see :mod:`.steps`)."""
    plan = verified.plan
    left = open_network(network, closed_links(intent.placements(), network))
    trees = yield from _trees(intent, left, numbers, taken, keep=False)
    pairs: dict[Pair, Steering] = {}
    for count, route in enumerate(plan.routes, 1):
        if count % PAUSE_EVERY == 0:
            yield
        if not all(is_whole(share.path, left) for share in route.shares):
            continue
        if len(route.shares) == 1 and _is_base(trees, route.pair, route.shares[0].path, network):
            continue
        old = intent.pairs.get(route.pair)
        shares = _labelled(route, old, plan.decision, intent, numbers, taken)
        same = old is not None and (old.owner, old.shares) == (plan.owner, shares)
        pairs[route.pair] = old if old and same else Steering(plan.owner, plan.decision, shares)
    if pairs == intent.pairs and trees == intent.trees:
        return intent
    return replace(intent, trees=trees, pairs=pairs, epoch=(intent.epoch + 1) % EPOCHS)


def _is_base(trees: Mapping[int, Tree], pair: Pair, path: Path, network: Network) -> bool:
    tree = trees.get(pair[1])
    here = pair[0]
    for link in path.links:
        if tree is None or tree.next_link.get(here) != link:
            return False
        here = network.link_by_id[link].dst
    return True


def _labelled(
    route: Route,
    old: Steering | None,
    decision: int,
    intent: Intent,
    numbers: Numbers,
    taken: Taken,
) -> tuple[LabelledShare, ...]:
    kept = {share.path.links: share for share in old.shares} if old else {}
    used = taken.labels | intent.slice_labels() | {share.label for share in kept.values()}
    ends = (numbers.of(route.ingress), numbers.of(route.egress))
    free = fresh(*ends, intent.epoch + 1, used)
    shares = []
    for share in sorted(route.shares, key=lambda share: share.path.links):
        before = kept.get(share.path.links)
        if before is not None:
            shares.append(replace(before, weight=share.weight))
        else:
            shares.append(LabelledShare(share.path, share.weight, next(free), decision))
    return tuple(sorted(shares, key=lambda share: share.label))


def _tree_epoch(intent: Intent, egress: int, numbers: Numbers, taken: Taken) -> int:
    old = intent.trees.get(egress)
    used = taken.labels | ({old.label(numbers)} if old else set())
    free = fresh(BASE, numbers.of(egress), intent.epoch + 1, used)
    return next(label.epoch for label in free if label.path == 0)
