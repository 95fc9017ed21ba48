"""Admission and embedding of slices as one packing: from requests to a problem, and back.

A group is a request, an option a way of carrying it (:mod:`.slice_options`), a resource the
capacity of a directed link that slices may set aside. Worth is ``value * priority``. A slice that
runs stays admitted: its option 0 is where it is, any other option costs a share of its worth, so
that slices move only where that makes room for more. Slices that no longer fit the network are
asked for anew.

Options come by column generation: a few weightings by hops and delay, then the linear relaxation's
prices of the links, under which every request is offered its cheapest option; each round's prices
lead to the next. Slices with links of their own leave a spanning tree of cables to the rest, so
that however many of them are admitted, nobody is cut off.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qb_controller.applications.slice_graph import Bools, Ground, ground_of, shortest
from qb_controller.applications.slice_kept import kept_links
from qb_controller.applications.slice_options import Asked, Catalogue, asked_of
from qb_controller.applications.slice_running import standing
from qb_controller.model.network import LinkId, Network
from qb_controller.model.slices import Placement, SliceRequest
from quantum_backends.packing import Chosen, PackingProblem
from quantum_backends.packing_lp import Master, Relaxed
from quantum_backends.routing import Floats, Ints

RESERVABLE = 0.9
"""Share of a link that slices may set aside; the rest is for traffic without a slice."""

MOVE_COST = 0.05
"""Share of a slice's worth that moving it costs."""

ROUNDS = 8
"""Rounds of new paths under the links' prices at most; most often there are no new ones before."""

VARIANTS = 2
"""Weightings by hops with noise, besides hops and delay, before there are prices."""

HUBS = 3
"""Hosts that trees for hoses are grown from."""

MOST_OPTIONS = 12
"""Options of a request that are kept: those worth most at the last prices."""


@dataclass(frozen=True, eq=False)
class SliceTask:
    """An admission problem, with what its numbers stand for.

    Attributes
    ----------
    ground : Ground
    asked : Asked
        All requests that could be stated: running ones first, then new ones.
    running : tuple of Placement
        Those that still fit, in the order of their groups, which come first.
    catalogue : Catalogue
    problem : PackingProblem
    entry : int array (q,)
        Number of each option in the catalogue, -1 for not being admitted.
    share : float array (q,) or None
        Of each option in the last relaxation; None where none was solved.
    lost : tuple of Placement
        Were running and do not fit the network any more; asked for anew.
    impossible : mapping of str to str
        Requests that have a host which is not there, by name, with the reason.
    """

    ground: Ground
    asked: Asked
    running: tuple[Placement, ...]
    catalogue: Catalogue
    problem: PackingProblem
    entry: Ints
    share: Floats | None
    lost: tuple[Placement, ...]
    impossible: Mapping[str, str]


def formulate(
    network: Network,
    requests: Sequence[SliceRequest],
    running: Sequence[Placement] = (),
    *,
    share: float = RESERVABLE,
    move_cost: float = MOVE_COST,
    rounds: int = ROUNDS,
    until: float = np.inf,
    charge: Mapping[LinkId, float] | None = None,
    weight: Mapping[str, float] | None = None,
) -> SliceTask:
    """State which requests to admit, and where.

    Parameters
    ----------
    network : Network
    requests : sequence of SliceRequest
        New ones; names differ from one another and from those that run.
    running : sequence of Placement
        What is in force.
    share : float
        Of each link's capacity that slices may set aside, above 0 and up to 1.
    move_cost : float
        Share of its worth that moving a running slice costs.
    rounds : int
        Rounds of column generation; -1 leaves the prices out, too.
    until : float
        On ``time.monotonic()``; no round is begun that would end later.
    charge : mapping of LinkId to float, optional
        Worth that each bit/s set aside must earn: the price of admission, where requests to come
        compete for the same links. Running slices pay none.
    weight : mapping of str to float, optional
        What each request's worth is multiplied by, 1 where not named.
    """
    ground = ground_of(network, share)
    stay, lost = standing(ground, running)
    fresh = [*(placement.request for placement in lost), *requests]
    missing = {request.name: _missing(ground, request) for request in fresh}
    stated = [request for request in fresh if not missing[request.name]]
    asked = asked_of(ground, [*(placement.request for placement in stay), *stated])
    catalogue = Catalogue(ground, asked, ground.capacity <= 0, np.zeros(len(ground.links), bool))
    worth = _Worth(asked, len(stay), move_cost, _charges(ground, charge), weight or {})
    if stay:
        catalogue.enter_running(stay)
    catalogue.kept = kept_links(catalogue, stay)
    found = _generate(catalogue, worth, rounds, until)
    price = found.price if found is not None else np.zeros(len(ground.links))
    problem, entry = _problem(catalogue, worth, price)
    shares = _shares(found, entry, problem, len(stay))
    impossible = {name: reason for name, reason in missing.items() if reason}
    return SliceTask(ground, asked, stay, catalogue, problem, entry, shares, lost, impossible)


def _missing(ground: Ground, request: SliceRequest) -> str:
    """What a request names that is not there; empty where everything is."""
    hosts = request.hosts or [host for pair in request.pairs for host in pair]
    gone = [host for host in hosts if host not in ground.host]
    return f"host {gone[0]} is not in the network" if gone else ""


def _charges(ground: Ground, charge: Mapping[LinkId, float] | None) -> Floats:
    return np.array([(charge or {}).get(link.id, 0.0) for link in ground.links])


class _Worth:
    """Worth of options: the request's, less moving and what its links are charged at."""

    def __init__(
        self,
        asked: Asked,
        running: int,
        move_cost: float,
        charge: Floats,
        weight: Mapping[str, float],
    ) -> None:
        self.full = np.array([r.worth * weight.get(r.name, 1.0) for r in asked.requests])
        self.running = np.arange(len(asked.requests)) < running
        self._move_cost, self._charge = move_cost, charge

    def of(self, requests: Ints, start: Ints, resource: Ints, amount: Floats) -> Floats:
        """Worth of options that are not where a slice runs."""
        paid = np.concatenate(([0.0], np.cumsum(self._charge[resource] * amount)))
        paid = paid[start[1:]] - paid[start[:-1]]
        moved = np.where(self.running[requests], self._move_cost * self.full[requests], paid)
        return np.asarray(self.full[requests] - moved)


def _generate(catalogue: Catalogue, worth: _Worth, rounds: int, until: float) -> Relaxed | None:
    """Enter options until prices lead to no new ones; the last relaxation, None without one."""
    ground, n = catalogue.ground, len(catalogue.asked.requests)
    latest = None
    if not n or not len(ground.links):
        return latest
    master = Master(n, ground.capacity)
    _enter_first(master, worth, catalogue)
    for weight in first_weights(ground):
        _enter(catalogue, master, worth, weight, weight)
    _enter_trees(catalogue, master, worth)
    _enter_wide(catalogue, master, worth)
    last = 0.0
    for turn in range(rounds + 1):  # none at all where rounds is -1
        began = time.monotonic()
        if began + 1.2 * last > until:
            break
        found = master.solve(max(0.0, until - began))
        if found is None:
            break
        latest = found
        if turn == rounds or not _enter_priced(catalogue, master, worth, found):
            break
        last = time.monotonic() - began
    return latest


def _enter_first(master: Master, worth: _Worth, catalogue: Catalogue) -> None:
    """Options 0: what runs where it is, nothing for the others."""
    n, r = len(worth.full), int(worth.running.sum())
    if r:
        requests, start, resource, amount = catalogue.latest()
        master.add(requests, worth.full[requests], start, resource, amount)
    none = np.zeros(n - r + 1, np.int64)
    empty = np.zeros(0, np.int64)
    master.add(np.arange(r, n), np.zeros(n - r), none, empty, np.zeros(0))


def first_weights(ground: Ground) -> list[Floats]:
    """Weightings of the links before there are prices: hops, delay, hops with noise."""
    rng = np.random.default_rng(0)
    delay = ground.delay / (float(ground.delay.mean()) or 1.0)
    hops = np.ones(len(ground.links))
    noisy = [hops * rng.lognormal(0, 0.6, len(hops)) for _ in range(VARIANTS)]
    return [hops + 1e-3 * delay, delay + 1e-3 * hops, *noisy]


def _enter_trees(catalogue: Catalogue, master: Master, worth: _Worth) -> None:
    """Enter hoses on trees, where they hold least: those of shortest paths from busy hosts."""
    ground, asked = catalogue.ground, catalogue.asked
    counts = np.bincount(asked.source[asked.hose[asked.request]], minlength=len(ground.node))
    hops = np.ones(len(ground.links))
    for hub in np.argsort(-counts, kind="stable")[:HUBS].tolist():
        if counts[hub]:
            others = np.delete(np.arange(len(ground.node)), hub)
            ends = np.full(len(others), hub), others
            used = shortest(ground.arcs, hops, catalogue.closed, *ends).link
            closed = np.ones(len(hops), bool)
            closed[used] = False
            back = ground.arcs.opposite[used]
            closed[back[back >= 0]] = False
            _enter(catalogue, master, worth, hops, hops, closed, asked.hose)


def _enter_wide(catalogue: Catalogue, master: Master, worth: _Worth) -> None:
    """Enter options off the links that are too small, for requests that fit nowhere else.

    Which links those are depends on a rate only through the capacities below it, of which there are
    few different ones. Tried are the largest pipe's rate, all pipes' together, and the least.
    """
    ground, asked = catalogue.ground, catalogue.asked
    n, hops = len(asked.requests), np.ones(len(ground.links))
    sizes = np.unique(ground.capacity)
    for need in (np.maximum, np.add, np.minimum):
        poor = ~np.isin(np.arange(n), catalogue.everything()[0])
        if not poor.any():
            return
        below = np.searchsorted(sizes, need.reduceat(asked.limit, asked.first[:-1]))
        for count in np.unique(below[poor]).tolist():
            if 0 < count < len(sizes):
                closed = ground.capacity < sizes[count]
                _enter(catalogue, master, worth, hops, hops, closed, poor & (below == count))


def _enter(
    catalogue: Catalogue,
    master: Master,
    worth: _Worth,
    shared: Floats,
    private: Floats,
    closed: Bools | None = None,
    only: Bools | None = None,
) -> bool:
    """Enter options of (some) requests under weights; tell whether any was new."""
    new = catalogue.add(catalogue.find(shared, private, closed=closed, only=only))
    if len(new):
        requests, start, resource, amount = catalogue.latest()
        options = worth.of(requests, start, resource, amount)
        master.add(requests, options, start, resource, amount)
    return bool(len(new))


def _enter_priced(catalogue: Catalogue, master: Master, worth: _Worth, found: Relaxed) -> bool:
    """Enter options under the prices, and under prices smoothed towards hops."""
    ground = catalogue.ground
    whole = found.price * ground.capacity
    any_new = False
    for floor in (1e-3, 0.1):
        least = floor * (float(whole.mean()) or 1.0)
        shared = (whole + least) / ground.capacity.clip(1e-300)
        any_new |= _enter(catalogue, master, worth, shared, whole + least)
    return any_new


def _problem(catalogue: Catalogue, worth: _Worth, price: Floats) -> tuple[PackingProblem, Ints]:
    """The packing of the options worth keeping, and which each is."""
    n, ground = len(worth.full), catalogue.ground
    requests, start, resource, amount = catalogue.everything()
    options = worth.of(requests, start, resource, amount)
    r = int(worth.running.sum())
    options[:r] = worth.full[:r]  # where they are
    paid = np.concatenate(([0.0], np.cumsum(price[resource] * amount)))
    reduced = options - (paid[start[1:]] - paid[start[:-1]])
    reduced[:r] = np.inf
    order = np.lexsort((-reduced, requests))
    rank = np.arange(len(order)) - np.searchsorted(requests[order], requests[order])
    new = ~worth.running[requests[order]]
    # An option that loses worth by itself is never taken.
    order = order[(rank < MOST_OPTIONS) & ((options[order] > 0) | ~new)]
    groups = np.concatenate((np.arange(r, n), requests[order]))
    entry = np.concatenate((np.full(n - r, -1), order))
    by_group = np.argsort(groups, kind="stable")
    entry, groups = entry[by_group], groups[by_group]
    taken = entry >= 0
    counts = np.zeros(len(entry), np.int64)
    counts[taken] = np.diff(start)[entry[taken]]
    at = np.concatenate(([0], np.cumsum(counts)))
    where = np.repeat(np.where(taken, start[entry], 0) - at[:-1], counts) + np.arange(at[-1])
    first = np.searchsorted(groups, np.arange(n + 1))
    problem = PackingProblem(
        first,
        np.where(taken, options[entry] if len(options) else 0.0, 0.0),
        at,
        resource[where],
        amount[where],
        ground.capacity,
        price,
        (0,) * n,
    )
    return problem, entry


def _shares(
    found: Relaxed | None, entry: Ints, problem: PackingProblem, running: int
) -> Floats | None:
    """Shares of a problem's options out of the columns that the relaxation had.

    Its columns are what runs, not being admitted for the others, and all further options.
    """
    if found is None:
        return None
    n = problem.n_groups
    column = np.where(entry < running, entry, entry + n - running)
    column = np.where(entry < 0, problem.group, column)
    known = column < len(found.share)
    return np.where(known, found.share[np.where(known, column, 0)], 0.0)


def interpret(
    task: SliceTask, answer: Chosen, decision: int = 0, numbers: Mapping[str, int] | None = None
) -> tuple[Placement, ...]:
    """Placements of an answer, by ascending number.

    Parameters
    ----------
    decision : int
        Number of the decision, for what is new or moved.
    numbers : mapping of str to int, optional
        Numbers of new slices by name; the lowest free ones for those not named.
    """
    given = dict(numbers or {}) | {
        placement.request.name: placement.number for placement in task.lost
    }
    used = {placement.number for placement in task.running} | set(given.values())
    free = iter(number for number in range(1, 65_536) if number not in used)
    placements = []
    for i, option in enumerate(task.problem.flat(answer).tolist()):
        entry = int(task.entry[option])
        if i < len(task.running) and answer[i] == 0:
            placements.append(task.running[i])
        elif entry >= 0:
            placements.append(_placed(task, i, option, entry, decision, given, free))
    return tuple(sorted(placements, key=lambda placement: placement.number))


def _placed(
    task: SliceTask,
    i: int,
    option: int,
    entry: int,
    decision: int,
    given: Mapping[str, int],
    free: Iterator[int],
) -> Placement:
    """The placement that an option of request i stands for."""
    request, problem = task.asked.requests[i], task.problem
    part = slice(problem.start[option], problem.start[option + 1])
    links = [task.ground.links[r].id for r in problem.resource[part].tolist()]
    held = dict(sorted(zip(links, problem.amount[part].tolist(), strict=True)))
    if i < len(task.running):
        number = task.running[i].number
    else:
        number = given[request.name] if request.name in given else next(free)
    return Placement(request, number, decision, task.catalogue.pipes(entry), held)
