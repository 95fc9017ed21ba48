"""QAOA on simulated processors, with and without noise, and IBM's code path on a local backend."""

import numpy as np
import pytest

from quantum_backends.bqm import random_model
from quantum_backends.candidates import with_candidates
from quantum_backends.gate.calibration import Patch
from quantum_backends.gate.processors import Ibm, Noiseless, Noisy
from quantum_backends.gate.qaoa import ANGLES, all_energies, circuit, ising_of, probabilities
from quantum_backends.gate.qaoa_blocks import QaoaBlocks
from quantum_backends.gate.sampler import Qaoa
from quantum_backends.registry import BACKENDS
from quantum_backends.solver import Budget
from quantum_backends.testing import check_solution, random_problem, tiny_problem

MODEL = random_model(6, 1.0, seed=1).coefficients
ISING = ising_of(MODEL)
EXACT = probabilities(all_energies(MODEL), ISING.scale, ANGLES[2])


@pytest.fixture(scope="module")
def noisy():
    return Noisy()


def counted(bits):
    number = bits.astype(int) @ (1 << np.arange(bits.shape[1]))
    return np.bincount(number, minlength=2 ** bits.shape[1]) / len(bits)


def distance(processor, shots=16384):
    """Total variation distance of samples from the noiseless probabilities."""
    run = processor.load(circuit(ISING, 2), Budget(60))
    return np.abs(counted(run(ANGLES[2], shots, 5)) - EXACT).sum() / 2


def test_noise_is_seen_and_is_not_everything(noisy):
    chance = np.abs(1 / 64 - EXACT).sum() / 2
    assert distance(Noiseless()) < 0.04
    assert 0.04 < distance(noisy) < 0.7 * chance


def test_equal_seeds_give_equal_samples(noisy):
    for processor in (Noiseless(), noisy):
        run = processor.load(circuit(ISING, 1), Budget(60))
        first, again, other = (run(ANGLES[1], 64, seed) for seed in (1, 1, 2))
        assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_noisy_circuits_are_the_devices(noisy):
    from qiskit_ibm_runtime.fake_provider import FakeKingston

    compiled = noisy.compile(circuit(ISING, 1))
    patch = Patch.best(FakeKingston().target, 6)
    assert set(compiled.count_ops()) <= {"rz", "sx", "x", "cz", "measure", "barrier"}
    edges = set(FakeKingston().target["cz"])
    for gate in compiled.data:
        if gate.operation.name == "cz":
            pair = tuple(patch.qubits[compiled.find_bit(q).index] for q in gate.qubits)
            assert pair in edges
    assert "fake_kingston" in noisy.simulated


def test_patches_that_do_not_exist():
    from qiskit.transpiler import Target
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    with pytest.raises(ValueError, match="no 6 connected"):
        Patch.best(FakeManilaV2().target, 6)
    with pytest.raises(ValueError, match="none of the gates"):
        Patch.best(Target(num_qubits=2), 2)


@pytest.mark.parametrize("evaluations", [0, 12])
def test_the_optimum_is_found(evaluations):
    sampler = Qaoa(Noiseless(), evaluations=evaluations)
    samples = sampler.sample(MODEL, 0, Budget(30))
    circuits, rest = divmod(len(samples.bits), 256)
    assert samples.starts == len(samples.bits) and not rest
    assert min(evaluations, 1) < circuits <= evaluations + 1  # the optimiser may converge before
    assert MODEL.energies(samples.bits).min() - MODEL.offset == pytest.approx(
        all_energies(MODEL).min()
    )
    assert samples.modelled_s > 2 * circuits


def test_no_time_no_samples():
    assert len(Qaoa(Noiseless(), evaluations=3).sample(MODEL, 0, Budget(0.0)).bits) == 0


def test_a_noisy_block_search(noisy):
    problem = with_candidates(random_problem(6, 2, seed=3))
    backend = QaoaBlocks("qaoa-noisy-blocks", Qaoa(noisy, 1, bits=6))
    answer = backend.solve(problem, Budget(2.0), 0)
    check_solution(problem, answer)
    assert answer.info["calls"] > 0 and "noise" in answer.info["simulated"]
    assert answer.info["modelled_device_s"] > 2 * answer.info["calls"] - 1e-6


def test_ibm_is_refused_without_an_account(monkeypatch, tmp_path):
    monkeypatch.delenv("QISKIT_IBM_TOKEN", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    backend = BACKENDS["ibm-blocks"]
    for problem in (tiny_problem(), random_model(4, 1.0, 0)):
        assert "QISKIT_IBM_TOKEN" in backend.refusal(problem)
        with pytest.raises(ValueError, match="QISKIT_IBM_TOKEN"):
            backend.solve(problem, Budget(0.1), 0)
    backend.warm()


@pytest.mark.filterwarnings("ignore")  # about options that local backends do not know
def test_ibms_path_runs_on_a_local_backend():
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    model = random_model(4, 0.5, seed=1).coefficients
    sampler = Qaoa(Ibm(FakeManilaV2()), 1)
    assert sampler.refusal() == ""
    samples = sampler.sample(model, 0, Budget(60))
    assert samples.bits.shape == (256, 4) and samples.modelled_s is None
    assert model.energies(samples.bits).min() - model.offset == pytest.approx(
        all_energies(model).min()
    )
