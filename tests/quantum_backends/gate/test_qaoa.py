import numpy as np
import pytest
from qiskit.quantum_info import Statevector

from quantum_backends.bqm import random_model
from quantum_backends.gate.cvar import OutOfTime, cvar, exact_cvar, optimise
from quantum_backends.gate.qaoa import (
    ANGLES,
    Angles,
    all_energies,
    circuit,
    ising_of,
    probabilities,
)
from quantum_backends.gate.train_angles import relative_cvar, training_blocks

MODEL = random_model(5, 0.7, seed=3).coefficients
STRINGS = (np.arange(32)[:, None] >> np.arange(5) & 1).astype(np.int8)


def test_all_energies_are_those_of_the_model():
    expected = MODEL.energies(STRINGS) - MODEL.offset
    np.testing.assert_allclose(all_energies(MODEL), expected, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_circuit_has_the_computed_probabilities(depth):
    ising, angles = ising_of(MODEL), ANGLES[depth]
    bare = circuit(ising, depth).remove_final_measurements(inplace=False)
    exact = probabilities(all_energies(MODEL), ising.scale, angles)
    state = Statevector(bare.assign_parameters(angles.values))
    np.testing.assert_allclose(state.probabilities(), exact, atol=1e-9)


def test_angles_survive_their_values():
    for angles in ANGLES.values():
        assert Angles.of(np.array(angles.values)) == angles


def test_fixed_angles_beat_guessing_and_depth_helps():
    blocks = training_blocks(6, 9, seed=99)
    cases = [(all_energies(b.model), ising_of(b.model).scale) for b in blocks]
    means = [np.mean([relative_cvar(e, s, a) for e, s in cases]) for a in ANGLES.values()]
    guessing = np.mean([relative_cvar(e, s, Angles((0.0,), (0.0,))) for e, s in cases])
    assert guessing > means[0] > means[1] > means[2]


def test_cvar_is_the_mean_of_the_lowest():
    energies = np.array([4.0, 1.0, 3.0, 2.0])
    assert cvar(energies, 0.25) == 1.0
    assert cvar(energies, 0.5) == 1.5
    assert cvar(energies, 0.3) == 1.5  # two of four are the fewest that hold 0.3 of them
    assert cvar(energies, 1.0) == energies.mean()
    for alpha in (0.0, 1.1):
        with pytest.raises(ValueError, match="average"):
            cvar(energies, alpha)


def test_exact_cvar_agrees_with_many_samples():
    rng = np.random.default_rng(0)
    energies = rng.normal(size=8)
    probability = rng.dirichlet(np.ones(8))
    drawn = rng.choice(energies, 200_000, p=probability)
    for alpha in (0.1, 0.6, 1.0):
        assert exact_cvar(energies, probability, alpha) == pytest.approx(
            cvar(drawn, alpha), abs=0.02
        )


def test_optimiser_keeps_the_best_and_its_number_of_calls():
    asked = []

    def cost(angles):
        asked.append(angles)
        return (angles.gamma[0] - 1) ** 2 + angles.beta[0] ** 2

    start = Angles((0.5,), (0.5,))
    found = optimise(cost, start, 40)
    assert len(asked) <= 40
    assert cost(found) == min(cost(a) for a in list(asked)) < 0.01
    asked.clear()
    optimise(cost, start, 5)
    assert len(asked) == 5


def test_optimiser_ends_when_time_is_over():
    def never(angles):
        raise OutOfTime

    assert optimise(never, ANGLES[1], 40) is ANGLES[1]
