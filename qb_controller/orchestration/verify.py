"""The gate between a proposal and the network: the only maker of a :class:`VerifiedPlan`.

Nothing that the optimiser's other parts computed is believed: the plan is checked against the
network of the snapshot, and its loads are worked out anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from qb_controller.errors import VerificationError
from qb_controller.model.plan import Plan, Route, VerifiedPlan
from qb_controller.model.telemetry import NetworkSnapshot
from qb_controller.orchestration.loads import loads, route_fault, sound

MLU_TOLERANCE = 1e-9
"""Relative excess over the present MLU that counts as rounding."""


def verify(
    plan: Plan, snapshot: NetworkSnapshot, baseline: Iterable[Route] | None = None
) -> VerifiedPlan:
    """Check a plan against the network it is for.

    Every path must exist link by link, lead from the ingress to the egress and visit no switch
    twice; the weights of a route must be positive and add up; no pair and no path of a pair may
    be named twice; and the MLU must not be above the present one.

    The MLU counts each pair that the plan does not name on the shortest-path tree of its egress
    (:mod:`qb_controller.model.shortest`), as the base layer will carry it; demands with an end
    that is gone or cut off load nothing.

    Parameters
    ----------
    plan : Plan
    snapshot : NetworkSnapshot
    baseline : iterable of Route, optional
        What would carry the traffic without this plan, by default what is installed. Routes that
        the network can no longer carry count as shortest paths.

    Raises
    ------
    VerificationError
        Naming the pair and what is wrong.
    """
    network = snapshot.network
    seen = set()
    for route in plan.routes:
        where = f"route {network.name(route.ingress)} -> {network.name(route.egress)}"
        if route.ingress == route.egress:
            raise VerificationError(f"{where} leads from a switch to itself")
        if route.pair in seen:
            raise VerificationError(f"{where} is there twice")
        seen.add(route.pair)
        fault = route_fault(network, route)
        if fault:
            raise VerificationError(f"{where} {fault}")
    after = loads(network, snapshot.demands, {route.pair: route for route in plan.routes})
    present = snapshot.installed if baseline is None else baseline
    before = loads(network, snapshot.demands, sound(network, present))
    if after.mlu > before.mlu * (1 + MLU_TOLERANCE):
        raise VerificationError(
            f"the plan's MLU of {after.mlu:.4f} is worse than the present {before.mlu:.4f}"
        )
    return VerifiedPlan(plan, network.version, after.mlu, after.rates)
