"""The other's QAOA solves the same model, and its angles mean what is said of them."""

import numpy as np
import pytest
from qiskit.circuit.library import qaoa_ansatz
from qiskit.quantum_info import Statevector

from quantum_backends.gate.qaoa import Angles, all_energies, probabilities
from quantum_backends.gate.reference import program, reference
from quantum_backends.gate.train_angles import training_blocks

MODEL = training_blocks(1, 5, seed=7)[0].model
ENERGIES = all_energies(MODEL)


def test_program_has_the_energies_of_the_model():
    strings = (np.arange(32)[:, None] >> np.arange(5) & 1).astype(np.int8)
    other = [program(MODEL).objective.evaluate(bits) for bits in strings]
    np.testing.assert_allclose(other, ENERGIES + MODEL.offset)


@pytest.mark.parametrize("depth", [1, 2])
def test_its_answer_is_the_exhaustive_one(depth):
    answer = reference(MODEL, depth, shots=256, evaluations=12, seed=0)
    assert answer.bits @ (1 << np.arange(5)) == ENERGIES.argmin()
    assert len(answer.angles.beta) == depth and 2 < answer.circuits <= 13


def test_its_angles_give_its_circuit():
    angles = Angles((0.3, -0.7), (0.5, 0.2))
    bare = qaoa_ansatz(program(MODEL).to_ising()[0], 2)
    state = Statevector(bare.assign_parameters(angles.values))
    exact = probabilities(ENERGIES, 1.0, angles)
    np.testing.assert_allclose(state.probabilities(), exact, atol=1e-9)


def test_equal_seeds_give_equal_answers():
    first, again = (reference(MODEL, 1, 64, 10, seed=3) for _ in range(2))
    assert first.angles == again.angles and np.array_equal(first.bits, again.bits)
