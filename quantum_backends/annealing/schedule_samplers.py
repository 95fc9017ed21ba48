"""Samplers on schedules: neighbourhoods of a few requests, each as one QUBO of a device's size.

A round takes requests with deadlines close to one another off the machines, writes the choice of
their places down as a packing (:mod:`quantum_backends.reductions.schedule_part`) and that as bits
(:mod:`quantum_backends.reductions.packing_block`), and hands these to the sampler. Samples are
made to fit, put on the machines, filled up by insertion, and scored by the true objective.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from quantum_backends import packing_kernels, schedule_places
from quantum_backends.annealing.samplers import Annealing, Descent, Tabu
from quantum_backends.bqm import Bits
from quantum_backends.packing_lp import priced
from quantum_backends.packing_search import best_density, settled
from quantum_backends.reductions.packing_block import WholePacking, whole_packing
from quantum_backends.reductions.schedule_part import SchedulePart, schedule_part
from quantum_backends.routing import Ints
from quantum_backends.sampling import Attribution, Sampler
from quantum_backends.schedule_instances import random_schedule
from quantum_backends.schedule_kernels import plan_of
from quantum_backends.schedule_lines import Lines
from quantum_backends.schedule_search import BestSchedule
from quantum_backends.schedules import ScheduleProblem
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

BITS = 60
"""Bits of a neighbourhood for a sampler that takes that many."""

OPTIONS = 3
"""Places of a request, and bits for it."""

_TRIED = 4
"""Samples of a call that are made to fit: the lowest."""


@dataclass
class SampledSchedule:
    """Backend for schedules by neighbourhoods.

    Attributes
    ----------
    sampler : Sampler
    bits : int
        Most bits of a neighbourhood, where the sampler takes that many.
    """

    name: str
    sampler: Sampler
    family: str = "annealer"
    bits: int = BITS
    forms: tuple[str, ...] = ("schedule",)

    def refusal(self, problem: ScheduleProblem) -> str:
        return self.sampler.refusal()

    def warm(self) -> None:
        if not self.sampler.refusal():
            packing_kernels.warm()
            schedule_places.warm()
            problem = random_schedule(6, 2, 0, price=0.02)  # never proven, so that it goes on
            for _ in range(2):  # compiling the start may take the whole of the first budget
                self.solve(problem, Budget(0.2), 0)

    def solve(self, problem: ScheduleProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestSchedule(problem, budget, self.name)
        rng, record = np.random.default_rng(seed), Attribution(seed)
        table = best.inserter.table._replace(shot_s=problem.shot_s.copy())
        lines, value = best.inserter.timelines(best.order), best.value
        size, last = min(self.bits, self.sampler.largest) // OPTIONS, self.sampler.first_s
        while len(best.order) > 1 and not best.proven and budget.left() > 1.5 * last:
            began = time.monotonic()
            requests = draw(problem, best.order, lines, size, rng)
            part = schedule_part(table, lines, requests, OPTIONS)
            model = whole_packing(priced(part.problem))
            built = time.monotonic()
            if not len(model.model):
                last = time.monotonic() - began
                continue  # nobody of these can go anywhere
            samples = self.sampler.sample(model.model, int(rng.integers(2**31)), budget)
            if not len(samples.bits):
                break
            sampled = time.monotonic() - built
            for flat in _lowest(part, model, samples.bits):
                found = part.apply(flat, best.order)
                plan = plan_of(found)
                if (there := problem.value(plan)) <= value:
                    lines, value = found, there
                    best.offer(plan)
            last = time.monotonic() - began
            record.call(model.model, samples, sampled, budget)
        return best.solution({"simulated": self.sampler.simulated, **record.info()})


def draw(
    problem: ScheduleProblem, order: Ints, lines: Lines, size: int, rng: np.random.Generator
) -> Ints:
    """Requests of an order with deadlines about that of one that waits, where one does.

    Half of them wait as far as there are so many: only they can bring more.
    """
    served = np.isin(order, list(problem.served(plan_of(lines))))
    waiting = order[~served] if not served.all() else order
    centre = problem.deadline[rng.choice(waiting)]
    distance = np.abs(problem.deadline[order] - centre) * rng.exponential(size=len(order))
    near = np.argsort(distance, kind="stable")
    wait = near[~served[near]][: size - size // 2]
    others = near[served[near]][: size - len(wait)]
    return np.asarray(order[np.concatenate((wait, others))])


def _lowest(part: SchedulePart, model: WholePacking, bits: Bits) -> list[Ints]:
    """The answers behind the lowest samples, made to fit."""
    table, score = packing_kernels.table_of(part.problem), best_density(model.problem)
    different = np.unique(bits, axis=0)
    order = np.argsort(model.model.energies(different), kind="stable")[:_TRIED]
    return [settled(part.problem, table, model.apply(different[k]), score) for k in order]


def sa_blocks() -> SampledSchedule:
    return SampledSchedule("sa-blocks", Annealing())


def tabu_blocks() -> SampledSchedule:
    return SampledSchedule("tabu-blocks", Tabu())


def descent_blocks() -> SampledSchedule:
    return SampledSchedule("descent-blocks", Descent())
