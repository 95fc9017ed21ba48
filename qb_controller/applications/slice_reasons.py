"""Why a request was not admitted, in words that a tenant can act on.

Either nothing could ever carry it (no path, none so quick, no second one, too large for every
link on the way), or the links that were full are named, of the option that lacked least.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qb_controller.applications.slice_graph import Ground, disjoint, shortest
from qb_controller.applications.slices import SliceTask
from qb_controller.model.slices import Ends, SliceRequest
from quantum_backends.packing import Chosen
from quantum_backends.routing import Floats, Ints

NAMED = 3
"""Full links that are named; how many more there are is said."""


def reasons(task: SliceTask, answer: Chosen) -> Mapping[str, str]:
    """Reason of each request that an answer does not admit, by name."""
    problem, found = task.problem, dict(task.impossible)
    flat = problem.flat(answer)
    free = problem.capacity - problem.used(flat)
    entered = np.isin(np.arange(len(task.asked.requests)), task.catalogue.everything()[0])
    for i, request in enumerate(task.asked.requests):
        if int(task.entry[flat[i]]) >= 0:
            continue
        options = np.arange(problem.first[i], problem.first[i + 1])
        options = options[task.entry[options] >= 0]
        if len(options):
            found[request.name] = _full(task, options, free)
        elif entered[i]:
            found[request.name] = "its value does not pay for the capacity it would hold"
        else:
            found[request.name] = impossible(task, request)
    return found


def _full(task: SliceTask, options: Ints, free: Floats) -> str:
    """The links that the option lacking least would overfill."""
    problem = task.problem
    best: list[tuple[float, int, float]] = []
    least = np.inf
    for o in options.tolist():
        part = slice(problem.start[o], problem.start[o + 1])
        lack = problem.amount[part] - free[problem.resource[part]]
        rows = np.flatnonzero(lack > 1e-9 * problem.amount[part])
        share = lack[rows] / problem.capacity[problem.resource[part]][rows]
        if share.sum() < least:
            least = float(share.sum())
            found = zip(
                *(share.tolist(), problem.resource[part][rows].tolist()),
                problem.amount[part][rows].tolist(),
                strict=True,
            )
            best = sorted(found, reverse=True)
    if not best:
        return "there is room, but not at what admission costs now"
    words = [
        f"{_link(task.ground, r)} has {_rate(max(0.0, free[r]))} left of "
        f"{_rate(problem.capacity[r])}, needed are {_rate(amount)}"
        for _, r, amount in best[:NAMED]
    ]
    more = f"; and {len(best) - NAMED} more links" if len(best) > NAMED else ""
    return f"links are full: {'; '.join(words)}{more}"


def impossible(task: SliceTask, request: SliceRequest) -> str:
    """Why no option exists for a request whose hosts are there."""
    ground, catalogue = task.ground, task.catalogue
    own, safe = request.isolation == "links", request.protection == "disjoint"
    closed = catalogue.closed | catalogue.kept if own else catalogue.closed
    what = "two paths without a common cable" if safe else "path"
    for ends in request.pipes():
        a, b = ground.host[ends.src], ground.host[ends.dst]
        if a == b:
            continue
        slowest = _best_latency(ground, closed, a, b, safe)
        where = f"from {ends.src} to {ends.dst}"
        if np.isfinite(slowest):
            if request.latency is not None and slowest > request.latency * (1 + 1e-9):
                return (
                    f"no {what} {where} within {_ms(request.latency)}: the best possible latency "
                    f"is {_ms(slowest)}"
                )
            continue
        if own and np.isfinite(_best_latency(ground, catalogue.closed, a, b, safe)):
            return f"no {what} {where} of its own links that leaves the others connected"
        return f"there {'are' if safe else 'is'} no {what} {where}"
    widest = _widest(ground, request)
    return f"it asks for {_rate(request.rate)}, no link on the way gives more than {_rate(widest)}"


def _best_latency(ground: Ground, closed: np.ndarray, a: int, b: int, safe: bool) -> float:
    """Least delay from one switch to another; with a backup, the slower one's of the best two."""
    weight, ends = ground.delay + 1e-9, (np.array([a]), np.array([b]))
    if not safe:
        return float(shortest(ground.arcs, weight, closed, *ends).sums(ground.delay)[0])
    return float(max(x.sums(ground.delay)[0] for x in disjoint(ground.arcs, weight, closed, *ends)))


def _widest(ground: Ground, request: SliceRequest) -> float:
    """The largest capacity that leaves a host of the request."""
    pipes: tuple[Ends, ...] = request.pipes()
    leaving = [
        ground.capacity[ground.arcs.tail == ground.host[ends.src]].max(initial=0.0)
        for ends in pipes
        if ground.host[ends.src] != ground.host[ends.dst]
    ]
    return float(min(leaving, default=0.0))


def _link(ground: Ground, r: int) -> str:
    link = ground.links[r]
    return f"{ground.network.name(link.src)} -> {ground.network.name(link.dst)}"


def _rate(bits: float) -> str:
    for unit, size in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if bits >= size:
            return f"{bits / size:.4g} {unit}"
    return f"{bits:.4g} bit/s"


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.4g} ms"
