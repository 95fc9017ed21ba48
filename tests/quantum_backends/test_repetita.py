"""Against published instances; run where QB_DATA names the folder that holds ``repetita/``."""

from dataclasses import replace

import pytest

from quantum_backends.bounds import fractional_mlu
from quantum_backends.candidates import with_candidates
from quantum_backends.registry import BACKENDS
from quantum_backends.solver import Budget
from quantum_backends.testing import check_solution
from tests.quantum_backends import repetita

pytestmark = pytest.mark.skipif(
    not repetita.available(), reason="no REPETITA instances: set QB_DATA to their folder"
)


@pytest.mark.parametrize("name", ["Abilene.0000", "AttMpls.0000", "Tinet.0000", "UsCarrier.0000"])
def test_bound_is_the_published_optimum(name):
    problem = repetita.instance(name)
    reference = repetita.optima()[name]
    assert with_candidates(problem, 5).bound == pytest.approx(reference, rel=2e-5)
    if problem.n_nodes < 30:
        assert fractional_mlu(problem) == pytest.approx(reference, rel=2e-5)


@pytest.mark.parametrize(
    ("backend", "gap"),
    [("local-search", 1e-3), ("highs-mip", 1e-3), ("sa-blocks", 0.01), ("qaoa-blocks", 0.04)],
)
def test_abilene_single_paths(backend, gap):
    problem = with_candidates(repetita.instance("Abilene.0000"))
    BACKENDS[backend].warm()
    answer = BACKENDS[backend].solve(problem, Budget(0.5), 1)
    check_solution(problem, answer)
    assert answer.value <= repetita.optima()["Abilene.0000"] * (1 + gap)


@pytest.mark.parametrize(
    ("backend", "name"),
    [("highs-lp", "Tinet.0000"), ("equilibrium", "Tinet.0000"), ("equilibrium", "UsCarrier.0000")],
)
def test_split(backend, name):
    problem = with_candidates(replace(repetita.instance(name), split=True), 5)
    answer = BACKENDS[backend].solve(problem, Budget(2.0), 1)
    check_solution(problem, answer)
    assert answer.value <= repetita.optima()[name] * 1.001
