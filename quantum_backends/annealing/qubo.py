"""Samplers on whole models: problems of form ``bqm``, and routing as one plain QUBO.

Samples are drawn until the budget ends, with controls beside them
(:mod:`quantum_backends.sampling`). Of routing problems the links' weights are raised between the
calls as for swap blocks, so that the two can be compared.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from quantum_backends import kernels
from quantum_backends.annealing.samplers import Annealing, Descent, Tabu
from quantum_backends.bqm import BestBits, BinaryProblem, random_model
from quantum_backends.reductions.one_hot import OneHot, one_hot_model, refuse_large
from quantum_backends.reweighting import reweight
from quantum_backends.routing import Ints, RoutingProblem
from quantum_backends.sampling import Attribution, Sampler, Samples
from quantum_backends.search import Best, refuse_without_paths, start_choice
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem


@dataclass
class SampledModel:
    """Backend for binary quadratic models, made of a sampler."""

    name: str
    sampler: Sampler
    family: str = "annealer"
    forms: tuple[str, ...] = ("bqm",)

    def refusal(self, problem: BinaryProblem) -> str:
        return self.sampler.refusal() or _too_large(problem.size, self.sampler)

    def warm(self) -> None:
        if not self.sampler.refusal():
            self.solve(random_model(6, 1.0, 0), Budget(0.05), 0)

    def solve(self, problem: BinaryProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestBits(problem, budget, self.name)
        rng = np.random.default_rng(seed)
        record = Attribution(seed)
        model = problem.coefficients
        last = self.sampler.first_s
        while not best.optimal and budget.left() > 1.5 * last:
            began = time.monotonic()
            samples = self.sampler.sample(model, int(rng.integers(2**31)), budget)
            last = time.monotonic() - began
            if not len(samples.bits):
                break  # cut short before the first read was complete
            best.offer(samples.bits)
            record.call(model, samples, last, budget)
        return best.solution({"simulated": self.sampler.simulated, **record.info()})


@dataclass
class SampledRouting:
    """Backend for routing over the one-hot model of the whole problem, made of a sampler.

    Its ``info`` adds ``bits`` and ``couplings`` of the model, ``build_s`` for the first one,
    ``one_hot`` (share of the samples that were plans before repair), ``broken`` (demands without
    exactly one path, mean per sample) and ``raw_mlu`` (the best of a sample that needed no repair;
    missing where none was).
    """

    name: str
    sampler: Sampler
    family: str = "annealer"
    forms: tuple[str, ...] = ("routing",)

    def refusal(self, problem: RoutingProblem) -> str:
        return (
            self.sampler.refusal()
            or refuse_without_paths(problem)
            or refuse_large(problem)
            or _too_large(len(problem.layout.demand), self.sampler)
        )

    def warm(self) -> None:
        kernels.warm()
        if not self.sampler.refusal():
            self.solve(tiny_problem(), Budget(0.05), 0)

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = Best(problem, budget, self.name)
        rng = np.random.default_rng(seed)
        record, raw = Attribution(seed), _Raw()
        plan, weight = start_choice(problem), np.ones(problem.n_links)
        last, turn = self.sampler.first_s, 0
        while not best.at_floor and problem.n_demands and budget.left() > 1.5 * last:
            began = time.monotonic()
            reduced = one_hot_model(problem, weight, plan)
            built = time.monotonic()
            samples = self.sampler.sample(reduced.model, int(rng.integers(2**31)), budget)
            if not len(samples.bits):
                break
            sampled = time.monotonic()
            raw.add(reduced, samples, built - began)
            plan = _best_plan(reduced, samples, best)
            last = time.monotonic() - began
            record.call(reduced.model, samples, sampled - built, budget)
            load = kernels.loads(kernels.arrays_of(problem), plan)
            weight = reweight(weight, load / problem.capacity, turn)
            turn += 1
        simulated = {"simulated": self.sampler.simulated}
        return best.solution({**simulated, **record.info(), **raw.info()})


def _best_plan(reduced: OneHot, samples: Samples, best: Best) -> Ints:
    """Offer every sample as a plan; return that of the lowest weighted squares."""
    plans = np.unique([reduced.apply(row) for row in samples.bits], axis=0)
    for plan in plans:
        best.offer_choice(plan)
    energies = reduced.model.energies([reduced.invert(plan) for plan in plans])
    return np.asarray(plans[np.argmin(energies)])


class _Raw:
    """What the samples were before repair."""

    def __init__(self) -> None:
        self._shares: list[float] = []
        self._broken: list[float] = []
        self._mlu = np.inf
        self._size: dict[str, float | str] = {}

    def add(self, reduced: OneHot, samples: Samples, build_s: float) -> None:
        model, problem = reduced.model, reduced.problem
        broken = reduced.broken(samples.bits)
        self._shares.append(float((broken == 0).mean()))
        self._broken.append(float(broken.mean()))
        for row in samples.bits[broken == 0]:
            self._mlu = min(self._mlu, problem.mlu(row.astype(float)))
        if not self._size:
            size = {"bits": float(len(model)), "couplings": float(len(model.value))}
            self._size = {**size, "build_s": build_s}

    def info(self) -> dict[str, float | str]:
        if not self._shares:
            return {}
        shares = {"one_hot": float(np.mean(self._shares)), "broken": float(np.mean(self._broken))}
        raw = {"raw_mlu": self._mlu} if np.isfinite(self._mlu) else {}
        return {**self._size, **shares, **raw}


def _too_large(bits: int, sampler: Sampler) -> str:
    return f"{bits} bits, more than {sampler.largest}" if bits > sampler.largest else ""


_LONG = Annealing(reads=8, sweeps=200)
"""Whole models need longer reads than blocks: the penalties keep single flips from helping."""


def sa_model() -> SampledModel:
    return SampledModel("sa-qubo", _LONG)


def sa_routing() -> SampledRouting:
    return SampledRouting("sa-qubo", _LONG)


def tabu_model() -> SampledModel:
    return SampledModel("tabu-qubo", Tabu())


def tabu_routing() -> SampledRouting:
    return SampledRouting("tabu-qubo", Tabu())


def descent_model() -> SampledModel:
    return SampledModel("descent-qubo", Descent())


def descent_routing() -> SampledRouting:
    return SampledRouting("descent-qubo", Descent())
