"""What is expected of each backend before it has been measured here.

Figures of one machine (one core at 2 to 3 GHz while the other was busy). Those of routing were read
off runs of 0.1, 0.4 and 1.2 seconds on REPETITA's Abilene, AttMpls, Geant2012, Tinet and synth50
(110 to 2,699 demands on single paths), and rounded towards the harder ones: on the easy ones nearly
all of them come within a tenth of a percent. `qb calibrate` and every outcome correct them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]

SPREAD = np.array([0.5, 0.5, 0.8])
"""Standard deviation of the logarithm that the expectations claim for the time to the first
answer, the time until done and the gap: factors 1.6, 1.6 and 2.2 either way."""

SPREAD_OF_SHARES = np.array([0.5, 0.5, 0.15])
"""The same where no bound is known: shares of the incumbent's value lie close together, and a wide
guess would make a gamble on whoever was not asked yet look like a gain."""

UNBOUNDED_SHARE = 0.8
"""Where no bound is known, answers are expected at this share of the incumbent plus their gap."""

LEAST_BUDGET_S = 1e-3
"""Below a millisecond budgets are not told apart."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Expectation as a function of size and time.

    A first answer comes after ``base_s + each_s * size + pair_s * pairs``. An answer after t
    seconds lies ``gap + rough / (1 + t / (settle_s * size**power))`` above the bound: roughly at
    first, better with time, and no better than ``gap`` in the end.

    Attributes
    ----------
    base_s, each_s : float
        Seconds, and seconds per decision.
    fills : bool
        Whether it goes on improving until its time is over.
    gap, rough : float
        Above the bound; 0.01 is one percent.
    settle_s : float
        Seconds after which half of ``rough`` is gone, at size one.
    power : float
        How those seconds grow with the size: 1 for moves whose price does not depend on it, 2
        where a model has to be built or blocks have to go round.
    pair_s : float
        Seconds per coupling, where those are what takes time.
    """

    base_s: float
    each_s: float
    fills: bool
    gap: float
    rough: float
    settle_s: float
    power: float = 1.0
    pair_s: float = 0.0

    def expect(self, size: float, budget: float, pairs: float = 0) -> tuple[float, float, float]:
        """Seconds to the first answer, seconds until done, gap; see :func:`expectations`."""
        rows, sizes, budgets = table([self]), np.array([size]), np.array([budget])
        first, busy, gap = expectations(rows, sizes, float(pairs), budgets)[0, 0]
        return float(first), float(busy), float(gap)


def table(believed: Sequence[Prior]) -> Floats:
    """Parameters as :func:`expectations` takes them, a row for each."""
    columns = [each.name for each in fields(Prior)]
    rows = [[getattr(one, name) for name in columns] for one in believed]
    return np.array(rows, dtype=np.float64).reshape(-1, len(columns))


@njit(cache=True)
def expectations(rows, size, pairs, budgets):  # type: ignore[no-untyped-def]
    """Seconds to the first answer, seconds until done, gap.

    Parameters
    ----------
    rows : float array (a, p)
        See :func:`table`.
    size : float array (a,)
        Decisions that each is given.
    pairs : float
        Couplings of the problem.
    budgets : float array (b,)
        Seconds.

    Returns
    -------
    float array (a, b, 3)
    """
    out = np.empty((len(rows), len(budgets), 3))
    for a, (base_s, each_s, fills, gap, rough, settle_s, power, pair_s) in enumerate(rows):
        first = base_s + each_s * size[a] + pair_s * pairs
        settle = settle_s * max(size[a], 1.0) ** power
        for b, budget in enumerate(budgets):
            time = max(budget, LEAST_BUDGET_S)
            out[a, b, 0] = first
            out[a, b, 1] = max(first, time) if fills else first
            out[a, b, 2] = gap + rough / (1 + time / settle)
    return out


SINGLE: Mapping[str, Prior] = {
    "highs-mip": Prior(0.002, 2e-6, True, 0.0005, 0.6, 1.6e-7, 2),
    "local-search": Prior(0.001, 2e-6, True, 0.001, 0.05, 1e-5),
    "exhaustive": Prior(0.001, 1e-5, True, 0.0, 0.1, 1e-2),
    "cp-sat": Prior(0.002, 3e-6, True, 0.001, 0.33, 5e-7, 2),
    "lp-rounding": Prior(0.002, 3e-6, True, 0.003, 0.07, 1e-7, 2),
    "path-switch": Prior(0.002, 3e-6, True, 0.0003, 0.09, 1e-4, 0.5),
    "path-switch-mw": Prior(0.002, 3e-6, True, 0.0005, 0.09, 1e-4, 0.5),
    "path-switch-hinge": Prior(0.002, 3e-6, True, 0.0003, 0.09, 4e-4, 0.5),
    "sa-blocks": Prior(0.01, 1.5e-5, True, 0.006, 1.2, 1.7e-8, 2),
    "tabu-blocks": Prior(0.01, 1.5e-5, True, 0.006, 1.2, 2e-8, 2),
    "descent-blocks": Prior(0.01, 1.5e-5, True, 0.006, 1.2, 2e-8, 2),
    "sa-qubo": Prior(0.03, 7e-4, True, 0.006, 0.6, 8e-6, 2),
    "tabu-qubo": Prior(0.01, 9e-4, True, 0.03, 1.2, 3e-5, 2),
    "descent-qubo": Prior(0.01, 1.3e-4, True, 0.006, 0.7, 2.4e-7, 2),
    "mock-dwave-blocks": Prior(0.18, 2e-5, True, 0.01, 1.5, 1.1e-6, 2),
    "qaoa-blocks": Prior(0.02, 3e-5, True, 0.01, 1.2, 2.8e-6, 2),
    "qaoa-noisy-blocks": Prior(0.07, 5e-5, True, 0.03, 1.5, 4e-6, 2),
}
"""Of routing on single paths, by backend."""

SPLIT: Mapping[str, Prior] = {
    "highs-lp": Prior(0.003, 2e-4, False, 1e-4, 0.0, 1e-5),
    "equilibrium": Prior(0.002, 1.2e-5, False, 1e-4, 0.0, 1e-5),
}
"""Of routing with split plans. Backends that give single paths have the gap of single paths."""

FLOW: Mapping[str, Prior] = {
    "highs-lp": Prior(0.05, 1.5e-4, False, 1e-6, 0.0, 1e-5),
    "flow-mwu": Prior(0.004, 4e-6, False, 0.001, 0.0, 1e-5),
}
"""Of maximum flows, whose gap is that of the flow."""

CHOICES: Mapping[str, Prior] = {
    "path-switch": Prior(0.005, 2e-6, True, 0.79, 0.21, 1e-4),
    "local-search": Prior(0.005, 2e-6, True, 0.84, 0.16, 1e-4),
    "cp-sat": Prior(0.02, 1e-4, True, 0.75, 0.25, 0.3),
    "highs-mip": Prior(0.05, 1e-3, True, 0.75, 0.25, 1.0),
    "exhaustive": Prior(0.01, 1e-3, False, 0.75, 0.25, 0.1),
    "sa-blocks": Prior(0.02, 1e-5, True, 0.85, 0.15, 1e-3),
    "descent-blocks": Prior(0.01, 1e-5, True, 0.92, 0.08, 1e-3),
    "tabu-blocks": Prior(0.02, 1e-5, True, 0.86, 0.14, 1e-3),
    "sa-qubo": Prior(0.05, 1e-4, True, 0.98, 0.02, 1e-2),
    "qaoa-blocks": Prior(0.2, 1e-5, True, 0.9, 0.1, 1e-2),
}
"""Of choices, as a share of the greedy answer's cost, since no bound is known: channels of 10 to
1,000 access points in 0.4 to 1.5 s."""

PACKING: Mapping[str, Prior] = {
    "lp-rounding": Prior(0.003, 2e-6, True, 0.006, 0.06, 5e-4),
    "path-switch": Prior(0.003, 2e-6, True, 0.002, 0.05, 2e-4),
    "highs-mip": Prior(0.003, 1e-5, True, 0.0, 0.08, 2e-5, 2),
    "cp-sat": Prior(0.01, 3e-5, True, 0.001, 0.08, 2e-5, 2),
    "local-search": Prior(0.003, 2e-6, True, 0.02, 0.06, 1e-3),
    "exhaustive": Prior(0.001, 1e-3, False, 0.0, 0.1, 1e-2),
    "sa-blocks": Prior(0.01, 1e-5, True, 0.01, 0.06, 1e-3),
    "tabu-blocks": Prior(0.01, 1e-5, True, 0.01, 0.06, 1e-3),
    "descent-blocks": Prior(0.01, 1e-5, True, 0.01, 0.06, 1e-3),
    "sa-qubo": Prior(0.05, 1e-3, True, 0.02, 0.1, 1e-5, 2),
    "tabu-qubo": Prior(0.05, 1e-3, True, 0.03, 0.1, 1e-5, 2),
    "descent-qubo": Prior(0.05, 1e-3, True, 0.03, 0.1, 1e-5, 2),
    "qaoa-blocks": Prior(0.05, 2e-5, True, 0.03, 0.08, 5e-3),
}
"""Of packings, above the bound at the relaxation's prices: slices of 10 to 1,000 requests, asking
for twice what fits, on 11 to 158 switches, in 0.4 to 3.2 s."""

BITS: Mapping[str, Prior] = {
    "sa-qubo": Prior(0.003, 5e-5, True, 0.76, 0.03, 1e-4, pair_s=3e-6),
    "tabu-qubo": Prior(0.003, 1.6e-4, True, 0.76, 0.16, 2e-8, 3),
    "descent-qubo": Prior(0.003, 1.5e-5, True, 0.76, 0.16, 3e-8, 3, pair_s=7e-7),
    "mock-dwave-blocks": Prior(0.14, 2e-4, True, 0.82, 0.15, 5e-3),
    "qaoa-blocks": Prior(0.04, 1e-4, True, 0.8, 0.2, 1e-2),
}
"""Of models of bits, as a share of what steepest descent leaves above the bound: thirty drawn ones
of 15 to 900 bits, normal coefficients, spin glasses on random and on cubic graphs, by runs of 0.1,
0.4 and 1.2 s. Small ones all samplers solve; beyond 200 bits annealing leaves the others behind.
The seconds per coupling are of sixteen more, of 100 to 700 bits and up to 147,000 couplings."""

SCHEDULE: Mapping[str, Prior] = {
    "local-search": Prior(0.003, 5e-5, True, 0.95, 0.03, 5e-3),
    "path-switch": Prior(0.003, 8e-5, True, 0.935, 0.04, 5e-3),
    "cp-sat": Prior(0.01, 1e-4, True, 0.94, 0.06, 1e-3, 2),
    "sa-blocks": Prior(0.004, 5e-5, True, 0.95, 0.045, 1e-2),
    "tabu-blocks": Prior(0.004, 5e-5, True, 0.96, 0.04, 1e-2),
    "descent-blocks": Prior(0.004, 8e-5, True, 0.95, 0.045, 1.2e-2),
    "qaoa-blocks": Prior(0.01, 8e-5, True, 0.965, 0.035, 2e-2),
}
"""Of schedules, as a share of the cost that the greedy answer leaves: twelve drawn ones of 5 to 70
requests on 3 to 12 machines, by runs of 0.1, 0.4 and 1.2 s."""

FAMILIES: Mapping[str, Prior] = {
    "classical": Prior(0.005, 1e-5, True, 0.01, 0.2, 1e-7, 2),
    "annealer": Prior(0.02, 5e-5, True, 0.015, 0.5, 2e-7, 2),
    "gate": Prior(0.05, 1e-4, True, 0.03, 1.2, 4e-6, 2),
}
"""Where a backend is not named above, and for other forms of problem."""


SHARES = {"choices": CHOICES, "bqm": BITS, "schedule": SCHEDULE}
"""By form: of those for which no bound is known, as shares of what is there."""


@cache
def prior(kind: str, backend: str, family: str) -> Prior:
    """Look up the expectation for a backend in a kind of task.

    Parameters
    ----------
    kind : str
        As :func:`qb_controller.orchestration.performance.kind_of` names it. Where no bound is
        known, the gap is the answer's share of the incumbent.
    backend, family : str
    """
    form, bounded = kind.partition("/")[0], not kind.endswith("/unbounded")
    by_name: Mapping[str, Prior] = {}
    if kind.startswith("flow"):
        by_name = FLOW
    elif kind.startswith("packing"):
        by_name = PACKING
    elif form in SHARES and not bounded:
        return SHARES[form].get(backend) or _share_of_incumbent(FAMILIES[family])
    elif kind.startswith("routing"):
        by_name = {**SINGLE, **SPLIT} if kind.startswith("routing/split") else SINGLE
    found = by_name.get(backend) or FAMILIES[family]
    return found if bounded else _share_of_incumbent(found)


def _share_of_incumbent(of_gap: Prior) -> Prior:
    """What a gap to a bound lets expect where there is none."""
    rough = min(of_gap.rough, 1 - UNBOUNDED_SHARE)
    return replace(of_gap, gap=min(1.0, UNBOUNDED_SHARE + of_gap.gap), rough=rough)
