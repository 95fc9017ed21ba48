import itertools
from dataclasses import replace

import dimod
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_backends.annealing.samplers import Annealing, Descent, Tabu
from quantum_backends.bqm import BestBits, BinaryProblem, random_model
from quantum_backends.registry import BACKENDS
from quantum_backends.sampling import Attribution, Samples
from quantum_backends.solver import Budget
from quantum_backends.testing import check_solution

LOCAL = ("sa-qubo", "tabu-qubo", "descent-qubo", "mock-dwave-blocks")


def all_bits(n):
    return np.array(list(itertools.product((0, 1), repeat=n)), dtype=np.int8)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.floats(0, 1), st.integers(0, 1000))
def test_energies_are_dimods_and_the_bound_is_below_all(size, density, seed):
    problem = random_model(size, density, seed)
    bits = all_bits(size)
    energies = problem.energies(bits)
    np.testing.assert_allclose(energies, problem.bqm.energies((bits, list(range(size)))))
    assert problem.lower <= energies.min()
    values = [problem.value(tuple(row)) for row in bits.tolist()]
    np.testing.assert_allclose(values, energies - problem.lower, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_labels_of_any_kind_and_order(seed):
    plain = random_model(5, 0.7, seed)
    names = ["z", ("a", 1), 7, "b", 0]
    bqm = plain.bqm.relabel_variables(dict(enumerate(names)), inplace=False)
    problem = BinaryProblem(bqm)
    for row in all_bits(5)[::3].tolist():
        sample = problem.labelled(tuple(row))
        assert problem.energies(row)[0] == pytest.approx(bqm.energy(sample))


def test_bad_models_and_answers_say_where():
    with pytest.raises(ValueError, match="spins"):
        BinaryProblem(dimod.BinaryQuadraticModel({0: 1.0}, {}, "SPIN"))
    with pytest.raises(ValueError, match="no variables"):
        BinaryProblem(dimod.BinaryQuadraticModel("BINARY"))
    with pytest.raises(ValueError, match="not finite"):
        BinaryProblem(dimod.BinaryQuadraticModel({0: np.inf}, {}, "BINARY"))
    problem = random_model(3, 1.0, 0)
    with pytest.raises(ValueError, match="2 bits for 3"):
        problem.check((0, 1))
    with pytest.raises(ValueError, match=r"answer\[1\]: 2"):
        replace(problem, incumbent=(0, 2, 1))


@pytest.mark.parametrize("name", LOCAL)
def test_small_models_are_solved_to_the_optimum(name):
    problem = random_model(9, 0.6, 4)
    BACKENDS[name].warm()
    answer = BACKENDS[name].solve(problem, Budget(0.3), 1)
    check_solution(problem, answer)
    assert answer.info["energy"] == pytest.approx(problem.energies(all_bits(9)).min())
    assert answer.info["simulated"]


def test_a_proven_optimum_ends_the_search():
    problem = BinaryProblem(dimod.BinaryQuadraticModel({0: -1.0, 1: 2.0}, {}, "BINARY"), least=-1.0)
    answer = BACKENDS["sa-qubo"].solve(problem, Budget(60.0), 0)
    assert answer.answer == (1, 0) and answer.value == 0.0


def test_best_bits_keeps_the_incumbent_unless_beaten():
    problem = replace(random_model(4, 1.0, 3), incumbent=(1, 0, 1, 0))
    best = BestBits(problem, Budget(1.0), "x")
    worst = all_bits(4)[np.argmax(problem.energies(all_bits(4)))]
    assert not best.offer(worst)
    assert best.solution({}).answer == (1, 0, 1, 0)


@pytest.mark.parametrize("sampler", [Annealing(), Tabu(), Descent()])
def test_samplers_repeat_themselves_by_seed_and_take_any_budget(sampler):
    model = random_model(30, 0.5, 8).coefficients
    once = sampler.sample(model, 2**40 + 5, Budget(1e9)).bits
    again = sampler.sample(model, 2**40 + 5, Budget(1e9)).bits
    assert np.array_equal(once, again)
    assert set(np.unique(once)) <= {0, 1}


def test_attribution_counts_starts_and_not_distinct_samples():
    problem = random_model(10, 1.0, 5)
    energies = problem.energies(all_bits(10))
    best = all_bits(10)[[np.argmin(energies)]]
    worst = all_bits(10)[[np.argmax(energies)]]
    record = Attribution(0)
    record.call(problem.coefficients, Samples(best, 50, broken=0.25), 0.002, Budget(1.0))
    record.call(problem.coefficients, Samples(worst, 50, broken=0.75), 0.002, Budget(1.0))
    info = record.info()
    assert info["raw_beats_control"] + info["raw_equals_control"] == 1
    assert info["control_beats_raw"] == 1
    assert info["raw_beats_timed"] + info["raw_equals_timed"] + info["timed_beats_raw"] == 1
    assert info["broken_chains"] == 0.5
