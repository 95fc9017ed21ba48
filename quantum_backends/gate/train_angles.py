"""Finds the fixed QAOA angles: ``python -m quantum_backends.gate.train_angles``.

Blocks come from seeded random networks at several stages of the search; what is lowered is the
CVaR of the energy, relative to the block's own best and mean, averaged over the blocks. Angles of
the least mean energy instead find the optimum about half as often.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from quantum_backends import kernels
from quantum_backends.candidates import with_candidates
from quantum_backends.gate.cvar import exact_cvar
from quantum_backends.gate.qaoa import Angles, all_energies, ising_of, probabilities
from quantum_backends.reductions.swap_block import SwapBlock, best_swaps, draw, swap_block
from quantum_backends.reweighting import reweight
from quantum_backends.routing import Floats
from quantum_backends.search import start_choice
from quantum_backends.testing import random_problem


def training_blocks(count: int, size: int, seed: int) -> list[SwapBlock]:
    """Blocks from random networks, each at a random stage of a block search.

    Networks on which too few demands can swap are passed over.
    """
    rng = np.random.default_rng(seed)
    blocks: list[SwapBlock] = []
    number = 0
    while len(blocks) < count:
        problem = with_candidates(random_problem(12, 2, seed=seed * 1000 + number))
        arrays = kernels.arrays_of(problem)
        choice, weight = start_choice(problem), np.ones(problem.n_links)
        block, number = None, number + 1
        for turn in range(int(rng.integers(1, 12))):
            load = kernels.loads(arrays, choice)
            weight = reweight(weight, load * arrays.inverse, turn)
            other, pressure = best_swaps(problem, arrays, choice, weight)
            demands = draw(other, pressure, size, rng)
            if len(demands) < size:
                break
            block = swap_block(problem, choice, demands, other[demands], weight)
            best = int(np.argmin(all_energies(block.model)))
            choice = block.apply((best >> np.arange(size) & 1).astype(np.int8))
        if block is not None:
            blocks.append(block)
    return blocks


def train(blocks: list[SwapBlock], depth: int, start: Angles | None = None) -> tuple[Angles, float]:
    """Angles of the lowest mean relative CVaR, and that mean (0 best, 1 the mean of guessing)."""
    cases = [(all_energies(block.model), ising_of(block.model).scale) for block in blocks]

    def cost(x: Floats) -> float:
        return float(np.mean([relative_cvar(e, s, Angles.of(x)) for e, s in cases]))

    if start is None:
        grid = [(b, g) for g in np.linspace(0.1, 1.5, 8) for b in np.linspace(-0.75, 0.75, 9)]
        first = min((np.array(point) for point in grid), key=cost)
    else:  # stretch the shallower angles (Zhou et al., Phys. Rev. X 10, 021067)
        at, known = np.linspace(0, 1, depth), np.linspace(0, 1, max(depth - 1, 2))
        both = [np.array(a * 2 if len(a) == 1 else a) for a in (start.beta, start.gamma)]
        first = np.concatenate([np.interp(at, known, a) for a in both])
    found = minimize(cost, first, method="Nelder-Mead", options={"maxiter": 500})
    x = np.round(found.x, 4)
    return Angles.of(x), float(found.fun)


def relative_cvar(energies: Floats, scale: float, angles: Angles) -> float:
    """CVaR of the energy between the best (0) and the mean of random bits (1)."""
    low, mean = energies.min(), energies.mean()
    if mean == low:
        return 0.0
    return float(
        (exact_cvar(energies, probabilities(energies, scale, angles)) - low) / (mean - low)
    )


def main() -> None:
    blocks = training_blocks(36, 10, seed=1)
    unseen = training_blocks(12, 12, seed=2)
    start = None
    for depth in (1, 2, 3):
        start, cost = train(blocks, depth, start)
        other = np.mean(
            [relative_cvar(all_energies(b.model), ising_of(b.model).scale, start) for b in unseen]
        )
        print(f"{depth}: {start},  # trained {cost:.4f}, unseen and larger {other:.4f}")


if __name__ == "__main__":
    main()
