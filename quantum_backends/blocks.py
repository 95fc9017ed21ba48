"""Large-neighbourhood search by swap blocks, for whatever samples a small QUBO.

Every round draws a block of demands by size times price, hands its QUBO to the sampler, and goes
on from the lowest sample if that is below staying; then the hot links' weights are raised. Plans
are kept by the true objective alone. Nothing is repaired: every sample is a plan.

Beside each call runs a control of the same number of starts, steepest descent from the same plan
(and then from random bits) on the same block. What it finds is counted and thrown away, so that
``info`` tells what the sampler itself was good for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from numba import njit

from quantum_backends import kernels
from quantum_backends.reductions.swap_block import (
    SwapBlock,
    best_swaps,
    draw,
    reweight,
    swap_block,
)
from quantum_backends.routing import Floats, Ints, RoutingProblem
from quantum_backends.search import Best, start_choice
from quantum_backends.solver import Budget

Bits = npt.NDArray[np.int8]
Sampler = Callable[[SwapBlock, int], Bits]
"""From a block and a seed to samples (s, n)."""

_RESCORED = 4
"""Lowest distinct samples of each call that are scored by the true objective."""


@dataclass
class Attribution:
    """Sums over the calls of one solve; energies relative to staying, so lower is better."""

    calls: int = 0
    raw: float = 0.0
    control: float = 0.0
    wins: int = 0
    ties: int = 0
    losses: int = 0
    sizes: list[int] = field(default_factory=list)

    def add(self, block: SwapBlock, raw: float, control: float) -> None:
        """Record one call, energies as a share of the block's own scale."""
        scale = abs(block.offset) or 1.0
        self.calls += 1
        self.sizes.append(len(block))
        self.raw += raw / scale
        self.control += control / scale
        tie = abs(raw - control) <= 1e-9 * scale
        self.ties += tie
        self.wins += not tie and raw < control
        self.losses += not tie and raw > control

    def info(self) -> dict[str, float | str]:
        """The figures as a backend reports them."""
        return {
            "calls": self.calls,
            "block": float(np.mean(self.sizes)) if self.sizes else 0.0,
            "raw_energy": self.raw,
            "control_energy": self.control,
            "raw_beats_control": self.wins,
            "raw_equals_control": self.ties,
            "control_beats_raw": self.losses,
        }


def search_blocks(
    problem: RoutingProblem,
    budget: Budget,
    best: Best,
    sampler: Sampler,
    size: int,
    seed: int,
    spare: Callable[[], float] = lambda: 0.0,
) -> Attribution:
    """Improve until the budget ends, the bound is reached, or nothing can be swapped.

    Parameters
    ----------
    best : Best
        Receives every better plan.
    sampler : callable
    size : int
        Largest block.
    spare : callable
        Seconds the next call is expected to take; no call is begun that would end late.
    """
    rng = np.random.default_rng(seed)
    arrays = kernels.arrays_of(problem)
    choice = start_choice(problem)
    weight = np.ones(problem.n_links)
    record = Attribution()
    turn = 0
    while not best.at_floor and budget.left() > spare():
        load = kernels.loads(arrays, choice)
        weight = reweight(weight, load * arrays.inverse, turn)
        other, pressure = best_swaps(problem, arrays, choice, weight)
        demands = draw(other, pressure, size, rng)
        if not len(demands):
            break
        block = swap_block(problem, choice, demands, other[demands], weight)
        samples = np.unique(sampler(block, int(rng.integers(2**31))), axis=0)
        energy = block.energy(samples)
        order = np.argsort(energy)
        record.add(block, float(energy[order[0]]), _control(block, len(samples), rng))
        for index in order[:_RESCORED]:
            candidate = block.apply(samples[index])
            if kernels.highest(arrays, kernels.loads(arrays, candidate)) <= best.score.mlu:
                best.offer_choice(candidate)
        if energy[order[0]] < 0:
            choice = block.apply(samples[order[0]])
        turn += 1
    return record


def _control(block: SwapBlock, starts: int, rng: np.random.Generator) -> float:
    """Lowest energy found by steepest descent from staying and from random bits."""
    full = block.quadratic + block.quadratic.T
    bits = rng.integers(0, 2, (starts, len(block))).astype(np.int8)
    bits[0] = 0
    return float(min(_descend(block.linear, full, row) for row in bits))


@njit(cache=True)
def _descend(linear: Floats, full: Floats, bits: Ints) -> float:
    """Flip the best bit until none helps; return the energy without offset."""
    n = len(linear)
    field = linear.copy()
    energy = 0.0
    for i in range(n):
        if bits[i]:
            energy += field[i]  # the part of the earlier ones is in it already
            for j in range(n):
                field[j] += full[i, j]
    while True:
        best, least = -1, -1e-12
        for i in range(n):
            change = -field[i] if bits[i] else field[i]
            if change < least:
                best, least = i, change
        if best < 0:
            return energy
        sign = -1.0 if bits[best] else 1.0
        bits[best] = 1 - bits[best]
        energy += least
        for j in range(n):
            field[j] += sign * full[best, j]
