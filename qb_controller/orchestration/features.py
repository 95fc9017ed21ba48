"""What the policy looks at: a few named numbers of any problem, cheap enough to take every time.

All of it is arithmetic on arrays that the problem already holds, linear in its size; the sharpest
feature, the incumbent's distance from the bound, costs one evaluation of the objective.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np
from numba import njit

from quantum_backends.problem import Problem
from quantum_backends.routing import RoutingProblem

Features = Mapping[str, float]

ELEPHANTS = 0.1
"""Share of the demands that count as elephants. In gravity matrices the largest tenth carries
between half and nine tenths of the traffic, which is where solvers differ: few elephants can be
enumerated, many mice are nearly divisible."""

NEAR_MAX = 0.9
"""A link counts as near the maximum from this share of the highest utilisation on."""

SAMPLED = 10_000
"""Couplings that are looked at for their range: a choice of 500 channels can have millions."""

SAMPLED_DEMANDS = 1000
"""Demands that are looked at for the elephants' share. Of 24,000 it is told to within 0.1, a sixth
of what the model tells apart; ranking all of them takes longer than deciding."""

NAN = float("nan")


def features(
    problem: Problem, deadline_s: float, known: Features | None = None
) -> dict[str, float]:
    """Describe a problem in numbers.

    Parameters
    ----------
    problem : Problem
        Of any form; of an unknown one only the common features are given.
    deadline_s : float
        Seconds from the question to the answer.
    known : mapping of str to float, optional
        What the caller knows already. It wins over what would be computed here, and an
        ``incumbent`` among it saves the evaluation of the objective.

    Returns
    -------
    dict of str to float
        Finite numbers only; what is unknown has no entry. ``size`` (decisions to take),
        ``choices`` (options over all of them), ``density`` (0 to 1, of the constraint or coupling
        matrix), ``bound`` (0 where unknown), ``incumbent`` (objective of what is there now),
        ``gap`` (of the incumbent to the bound) and ``deadline_s``.

        Routing adds ``nodes links demands split``, ``elephants`` (share of the traffic in the
        largest tenth of the demands), ``near_max`` (links within a tenth of the busiest),
        ``hottest`` (utilisation of the busiest link), ``hops`` (mean length of a candidate path)
        and ``churn`` (price of moving, relative to the sum of squared utilisations). Choices add
        ``range`` (largest over smallest positive coupling, of a sample of them), packings ``load``
        (mean use of an option, times the groups, over all capacity).
    """
    known = known or {}
    found = _BY_FORM.get(problem.form, _any)(problem, known)
    found |= {"size": float(problem.size), "bound": problem.bound, "deadline_s": deadline_s}
    found |= known
    if found["bound"] > 0:
        found["gap"] = found["incumbent"] / found["bound"] - 1
    return {name: value for name, value in found.items() if isfinite(value)}


def _any(problem: Any, known: Features) -> dict[str, float]:
    return {"choices": 2.0 * problem.size, "density": NAN, "incumbent": _value(problem, known)}


def _value(problem: Any, known: Features) -> float:
    """Objective of the incumbent: given, computed, or NaN where there is none."""
    if "incumbent" in known:
        return known["incumbent"]
    answer = getattr(problem, "incumbent", None)
    return float(problem.value(answer)) if answer is not None else NAN


def _routing(problem: RoutingProblem, known: Features) -> dict[str, float]:
    layout = problem.layout
    if problem.incumbent is None:
        share = np.zeros(len(layout.demand))
        share[layout.first[:-1]] = 1.0
    else:
        share = problem.present
    hottest, squares, near, top = _looked_at(
        share, layout.demand, layout.start, layout.link, problem.volume, problem.capacity
    )
    choices, links = len(layout.demand), problem.n_links
    return {
        "nodes": float(problem.n_nodes),
        "links": float(links),
        "demands": float(problem.n_demands),
        "split": float(problem.split),
        "choices": float(choices),
        "density": len(layout.link) / (choices * links) if choices else 0.0,
        "hops": len(layout.link) / choices if choices else 0.0,
        "elephants": top,
        "near_max": near,
        "hottest": hottest,
        "churn": problem.move_cost / squares if squares else 0.0,
        "incumbent": hottest if problem.incumbent is not None else NAN,
    }


@njit(cache=True)
def _top_share(values):  # type: ignore[no-untyped-def]
    """Share of the sum in the largest :data:`ELEPHANTS` of the values, or of a sample of them."""
    step = max(1, -(-len(values) // SAMPLED_DEMANDS))
    some = values[::step].copy()
    total = some.sum()
    if not total:
        return 0.0
    rest = len(some) - max(1, round(ELEPHANTS * len(some)))
    return np.partition(some, rest)[rest:].sum() / total


@njit(cache=True)
def _looked_at(share, demand, start, link, volume, capacity):  # type: ignore[no-untyped-def]
    """Highest utilisation, sum of their squares, links near the highest, share of the elephants.

    One compiled pass: a dozen calls of NumPy cost more where a decision comes alone.
    """
    load = np.zeros(len(capacity))
    for choice in range(len(share)):
        if share[choice]:
            flow = share[choice] * volume[demand[choice]]
            for i in range(start[choice], start[choice + 1]):
                load[link[i]] += flow
    hottest, squares, near = 0.0, 0.0, 0.0
    for e in range(len(load)):
        load[e] /= capacity[e]
        hottest = max(hottest, load[e])
        squares += load[e] ** 2
    for e in range(len(load)):
        near += hottest > 0 and load[e] >= NEAR_MAX * hottest
    return hottest, squares, near, _top_share(volume)


def _choices(problem: Any, known: Features) -> dict[str, float]:
    options = len(problem.unary)
    some = problem.weight[:: max(1, len(problem.weight) // SAMPLED)]
    positive = some[some > 0]
    return {
        "choices": float(options),
        "density": len(problem.partner) / options**2,
        "range": float(positive.max() / positive.min()) if len(positive) else 1.0,
        "incumbent": _value(problem, known),
    }


def _packing(problem: Any, known: Features) -> dict[str, float]:
    options, resources = len(problem.worth), len(problem.capacity)
    total = float(problem.capacity.sum())
    asked = float(problem.amount.sum()) * problem.size / max(options, 1)
    return {
        "choices": float(options),
        "density": len(problem.amount) / (options * resources) if options * resources else 0.0,
        "load": asked / total if total else NAN,
        "incumbent": _value(problem, known),
    }


def _bqm(problem: Any, known: Features) -> dict[str, float]:
    bits, pairs = problem.size, len(problem.coefficients.value)
    return {
        "choices": 2.0 * bits,
        "density": 2 * pairs / (bits * (bits - 1)) if bits > 1 else 0.0,
        "incumbent": _value(problem, known),
    }


def _schedule(problem: Any, known: Features) -> dict[str, float]:
    """Ways to serve requests; the density is the share of machines that fragments may run on."""
    return {
        "choices": float(len(problem.first_fragment) - 1),
        "density": float(np.isfinite(problem.shot_s).mean()) if problem.shot_s.size else 0.0,
        "incumbent": _value(problem, known),
    }


_BY_FORM: dict[str, Callable[[Any, Features], dict[str, float]]] = {
    "routing": _routing,
    "choices": _choices,
    "packing": _packing,
    "bqm": _bqm,
    "schedule": _schedule,
}
