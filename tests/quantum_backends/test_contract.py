from dataclasses import replace

import numpy as np
import pytest

from quantum_backends.candidates import with_candidates
from quantum_backends.objective import moved, score
from quantum_backends.registry import BACKENDS, Registry
from quantum_backends.routing import one_hot
from quantum_backends.solver import Budget
from quantum_backends.testing import (
    check_backend,
    check_solution,
    known_problems,
    random_problem,
    tiny_problem,
)


@pytest.mark.parametrize("name", list(BACKENDS))
def test_contract(name):
    problems = tuple(
        with_candidates(random_problem(nodes, 2, seed=nodes, split=split))
        for nodes in (4, 12)
        for split in (False, True)
    )
    backend = BACKENDS[name]
    reasons = [backend.refusal(p) for form in backend.forms for p in known_problems(form)]
    if all("no token" in reason for reason in reasons):
        pytest.skip(reasons[0])
    # A simulated device's call cannot be interrupted, and takes as long as the machine is busy.
    late_s = 1.0 if name in ("mock-dwave-blocks", "qaoa-noisy-blocks") else 0.15
    check_backend(backend, late_s, problems)


@pytest.mark.parametrize("name", ["local-search", "highs-mip", "sa-blocks", "qaoa-blocks"])
@pytest.mark.parametrize("seed", range(3))
def test_close_to_the_oracle_on_tiny_problems(name, seed):
    problem = with_candidates(random_problem(4, 1, seed=seed))
    oracle = BACKENDS["exhaustive"]
    assert oracle.refusal(problem) == ""
    exact = oracle.solve(problem, Budget(20), 0)
    assert exact.info["complete"] == "yes"
    BACKENDS[name].warm()
    answer = BACKENDS[name].solve(problem, Budget(0.3), seed)
    check_solution(problem, answer)
    # Exact methods hit it; samplers of small blocks may stop one move short.
    slack = 1.05 if "blocks" in name else 1 + 1e-4
    assert exact.value - 1e-9 <= answer.value <= exact.value * slack


@pytest.mark.parametrize("name", ["local-search", "highs-mip", "sa-blocks", "qaoa-blocks"])
def test_known_answer_single(name):
    BACKENDS[name].warm()
    assert BACKENDS[name].solve(tiny_problem(), Budget(0.3), 0).value == pytest.approx(0.8)


def test_known_answer_split():
    answer = BACKENDS["highs-lp"].solve(tiny_problem(split=True), Budget(1), 0)
    assert answer.value == pytest.approx(0.7)


def test_lp_moves_nothing_where_nothing_is_gained():
    problem = with_candidates(random_problem(12, 2, seed=3, split=True))
    first = BACKENDS["highs-lp"].solve(problem, Budget(2), 0)
    again = replace(problem, incumbent=first.answer, move_cost=100.0)
    second = BACKENDS["highs-lp"].solve(again, Budget(2), 0)
    gone = np.abs(np.concatenate(first.answer) - np.concatenate(second.answer)).sum()
    assert gone < 1e-6


def test_local_search_moves_few():
    search = BACKENDS["local-search"]
    problem = with_candidates(random_problem(12, 2, seed=5))
    plan = search.solve(problem, Budget(0.3), 0)
    kept = anew = 0.0
    for seed in range(4):  # what a search that time ends moves in one case is a matter of luck
        noise = 1 + 0.01 * np.random.default_rng(seed).normal(size=problem.n_demands)
        volume = problem.volume * noise
        later = with_candidates(
            replace(problem, volume=volume, incumbent=plan.answer, move_cost=100.0, bound=0)
        )
        answer = search.solve(later, Budget(0.3), seed)
        check_solution(later, answer)
        fresh = search.solve(replace(later, incumbent=None), Budget(0.3), seed)
        kept += moved(later, answer.answer)
        anew += moved(later, fresh.answer)
    assert kept < 0.5 * anew


def test_refusals_say_why():
    assert "single paths" in BACKENDS["highs-lp"].refusal(tiny_problem())
    big = with_candidates(random_problem(12, 2, seed=1))
    assert "plans" in BACKENDS["exhaustive"].refusal(big)
    bare = random_problem(5, 1, seed=1)
    for name in BACKENDS:
        assert BACKENDS[name].refusal(bare), name


def test_registry():
    with pytest.raises(KeyError, match="highs-lp"):
        BACKENDS["nobody"]
    own = Registry(())
    own.register(BACKENDS["highs-lp"])
    with pytest.raises(ValueError, match="already"):
        own.register(BACKENDS["highs-lp"])


def test_attribution_is_recorded():
    problem = with_candidates(random_problem(12, 2, seed=2))
    for name in ("sa-blocks", "qaoa-blocks"):
        BACKENDS[name].warm()
        info = BACKENDS[name].solve(problem, Budget(0.3), 0).info
        assert info["calls"] > 0 and "software" in info["simulated"]
        total = info["raw_beats_control"] + info["raw_equals_control"] + info["control_beats_raw"]
        assert total == info["calls"]


def test_single_path_start_from_a_split_incumbent():
    problem = with_candidates(random_problem(8, 2, seed=4))
    half = tuple(
        (1.0,) if len(p) == 1 else (0.5, 0.5, *([0.0] * (len(p) - 2))) for p in problem.paths
    )
    check_solution(
        problem,
        BACKENDS["local-search"].solve(replace(problem, incumbent=half), Budget(0.1), 0),
    )
    assert one_hot(problem, problem.layout.first[:-1])[0][0] == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_equilibrium_comes_close_to_the_linear_program(seed):
    problem = with_candidates(random_problem(12, 2, seed=seed, split=True))
    exact = BACKENDS["highs-lp"].solve(problem, Budget(5), 0)
    answer = BACKENDS["equilibrium"].solve(problem, Budget(5), 0)
    assert answer.value <= exact.value * (1 + 1e-4)
    best, found = score(problem, exact.answer), score(problem, answer.answer)
    assert found.mlu <= best.mlu and found.smoothness <= 1.1 * best.smoothness
    nowhere = BACKENDS["equilibrium"].solve(replace(problem, bound=0.0), Budget(5), 0)
    assert nowhere.value <= exact.value * (1 + 1e-4)
    again = replace(problem, incumbent=answer.answer, move_cost=100.0)
    assert BACKENDS["equilibrium"].solve(again, Budget(5), 0).answer == answer.answer
