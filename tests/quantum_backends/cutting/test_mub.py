from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import Operator

from quantum_backends.cutting import mub


@pytest.mark.parametrize("wires", [1, 2, 3])
def test_bases_are_mutually_unbiased(wires: int) -> None:
    d = 2**wires
    bases = [Operator(mub.basis(wires, term)).data for term in range(mub.terms(wires))]
    for i, one in enumerate(bases):
        for other in bases[:i]:
            np.testing.assert_allclose(np.abs(one.conj().T @ other) ** 2, 1 / d, atol=1e-12)


@pytest.mark.parametrize("wires", [1, 2, 3])
def test_measuring_and_preparing_adds_up_to_the_state(wires: int) -> None:
    d, rng = 2**wires, np.random.default_rng(wires)
    root = rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))
    state = root @ root.conj().T
    found = np.zeros((d, d), complex)
    for term, weights in enumerate(mub.weights(wires)):
        basis = Operator(mub.basis(wires, term)).data
        outcome = np.real(np.diag(basis.conj().T @ state @ basis))
        found += (basis * (outcome @ weights)) @ basis.conj().T
    np.testing.assert_allclose(found, state, atol=1e-9)


@pytest.mark.parametrize(("wires", "gamma"), [(1, 3), (2, 7), (3, 15)])
def test_the_weights_have_the_least_gamma(wires: int, gamma: int) -> None:
    """Each outcome leads to one state by the first terms, to d - 1 of weight one by the last."""
    per_outcome = np.abs(mub.weights(wires)).sum(axis=(0, 2))
    np.testing.assert_allclose(per_outcome, gamma)
    assert mub.sampled(wires).sum() == pytest.approx(1)
