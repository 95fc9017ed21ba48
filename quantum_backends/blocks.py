"""Large-neighbourhood search by swap blocks, for whatever samples a small QUBO.

Every round draws a block of demands by size times price, hands its QUBO to the sampler, and goes
on from the lowest sample if that is below staying; then the hot links' weights are raised. Plans
are kept by the true objective alone. Nothing is repaired: every sample is a plan.

Controls run beside the calls (:mod:`quantum_backends.sampling`), so that ``info`` tells what the
sampler itself was good for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from quantum_backends import kernels
from quantum_backends.bqm import Bits
from quantum_backends.reductions.swap_block import SwapBlock, best_swaps, draw, swap_block
from quantum_backends.reweighting import reweight
from quantum_backends.routing import RoutingProblem
from quantum_backends.sampling import Attribution, Samples
from quantum_backends.search import Best, start_choice
from quantum_backends.solver import Budget

BlockSampler = Callable[[SwapBlock, int], Samples | Bits]
"""From a block and a seed to samples; bare bits (s, n) count as one start each."""

_RESCORED = 4
"""Lowest distinct samples of each call that are scored by the true objective."""


def search_blocks(
    problem: RoutingProblem,
    budget: Budget,
    best: Best,
    sampler: BlockSampler,
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
    record = Attribution(seed)
    turn = 0
    while not best.at_floor and budget.left() > spare():
        load = kernels.loads(arrays, choice)
        weight = reweight(weight, load * arrays.inverse, turn)
        other, pressure = best_swaps(problem, arrays, choice, weight)
        demands = draw(other, pressure, size, rng)
        if not len(demands):
            break
        block = swap_block(problem, choice, demands, other[demands], weight)
        began = time.monotonic()
        drawn = sampler(block, int(rng.integers(2**31)))
        took = time.monotonic() - began
        if not isinstance(drawn, Samples):
            drawn = Samples(drawn, len(drawn))
        if not len(drawn.bits):
            break  # cut short before the first read was complete
        record.call(block.model, drawn, took, budget)
        samples = np.unique(drawn.bits, axis=0)
        energy = block.energy(samples)
        order = np.argsort(energy)
        for index in order[:_RESCORED]:
            candidate = block.apply(samples[index])
            if kernels.highest(arrays, kernels.loads(arrays, candidate)) <= best.score.mlu:
                best.offer_choice(candidate)
        if energy[order[0]] < 0:
            choice = block.apply(samples[order[0]])
        turn += 1
    return record
