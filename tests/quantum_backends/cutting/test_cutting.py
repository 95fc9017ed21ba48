"""Cut, run, put together: always the expectation value of the uncut circuit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import PauliList

from quantum_backends.circuit_batch import Quality
from quantum_backends.cutting.experiments import deal, experiments, weights_after
from quantum_backends.cutting.finding import Cuts, by_blocks, by_search
from quantum_backends.cutting.library import FAMILIES, circuit_of
from quantum_backends.cutting.observable import felt
from quantum_backends.cutting.pieces import CLASSICAL, INDEPENDENT, Plan
from quantum_backends.cutting.plans import assemble, cut, whole
from quantum_backends.cutting.reconstruct import reconstruct
from quantum_backends.cutting.run import exact_value, probabilities, run_exactly, run_sampled

CASES = (
    ("ghz:6", "ZZZZZZ", (4, 3)),
    ("ghz:6", "XXXXXX", (4, 3)),
    ("ansatz:6:1", "ZZZZZZ", (4, 3)),
    ("random:6:4", "ZXYZZX", (4,)),
    ("qaoa:5:1", "IIIZZ", (4, 3)),
    ("qft:4:3", "XXXX", (3,)),
    ("iqp:5:2", "XZXZX", (4, 3)),
)


def two_wires() -> tuple[QuantumCircuit, Cuts]:
    """Qubits 1 and 2 leave one half of the circuit together for the other."""
    circuit = QuantumCircuit(4)
    for qubit, angle in enumerate((0.3, 0.9, 1.4, 0.7)):
        circuit.ry(angle, qubit)
    circuit.cx(0, 1)
    circuit.rzz(0.8, 1, 2)
    circuit.cx(2, 1)
    first = len(circuit.data)
    circuit.cx(1, 3)
    circuit.ry(0.4, 2)
    circuit.cx(2, 3)
    circuit.rx(1.1, 3)
    return circuit, Cuts(wires=((first, 1), (first + 1, 2)))


@pytest.mark.parametrize(("name", "observable", "widths"), CASES)
def test_every_plan_gives_the_uncut_value(
    name: str, observable: str, widths: tuple[int, ...]
) -> None:
    circuit = circuit_of(name)
    exact = exact_value(circuit, observable)
    plans = cut(circuit, observable, widths)
    assert plans
    for plan in plans:
        assert plan.width <= max(widths)
        assert run_exactly(plan) == pytest.approx(exact, abs=1e-9), str(plan)
    assert run_exactly(whole(circuit, observable)) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize(
    ("communication", "joint", "overhead"),
    [(INDEPENDENT, False, 16**2), (CLASSICAL, False, 9**2), (CLASSICAL, True, 49)],
)
def test_the_lower_overhead_has_an_order(communication: str, joint: bool, overhead: int) -> None:
    circuit, cuts = two_wires()
    plan = assemble(circuit, "ZZZZ", cuts, communication, joint)
    assert plan is not None
    assert plan.overhead == pytest.approx(overhead)
    assert plan.communication == communication
    assert any(piece.after for piece in plan.pieces) == (communication == CLASSICAL)
    assert run_exactly(plan) == pytest.approx(exact_value(circuit, "ZZZZ"), abs=1e-9)


def test_a_chain_of_fragments_runs_in_its_order() -> None:
    plan = next(
        plan
        for plan in cut(circuit_of("ghz:6"), "ZZZZZZ", (3,))
        if plan.communication == CLASSICAL and len(plan.pieces) == 3
    )
    assert [piece.after for piece in plan.pieces] == [(), (0,), (1,)]
    assert plan.overhead == 81


def test_wires_both_ways_are_not_both_messaged() -> None:
    """Messages from one fragment to the other and back would leave none to begin with."""
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    circuit.cx(0, 1)
    circuit.cx(2, 3)
    circuit.rzz(0.7, 0, 1)
    circuit.cx(0, 3)  # a wire from the first half to the second
    circuit.cx(2, 1)  # and one from the second to the first
    plan = assemble(circuit, "ZZZZ", Cuts(wires=((7, 0), (8, 2))), CLASSICAL)
    assert plan is not None
    assert plan.wire_cuts == 2
    assert sum(group.wires for group in plan.groups) == 1
    assert plan.overhead == pytest.approx(9 * 16)
    assert run_exactly(plan) == pytest.approx(exact_value(circuit, "ZZZZ"), abs=1e-9)


@pytest.mark.parametrize("kind", [INDEPENDENT, CLASSICAL])
def test_the_error_bar_is_the_spread_of_repetitions(kind: str) -> None:
    circuit, cuts = two_wires()
    plan = assemble(circuit, "ZZZZ", cuts, kind)
    assert plan is not None
    exact, shots = exact_value(circuit, "ZZZZ"), 2000
    runs = [run_sampled(plan, shots, seed) for seed in range(60)]
    off = [(run.value - exact) / run.error for run in runs]
    assert abs(np.mean(off)) < 0.5
    assert 0.7 < np.std(off) < 1.3
    assert max(run.sampling for run in runs) ** 2 * shots < 2.5 * plan.overhead


def test_what_is_prepared_downstream_is_what_was_measured() -> None:
    circuit, cuts = two_wires()
    plan = assemble(circuit, "ZZZZ", cuts, CLASSICAL)
    assert plan is not None
    piece = plan.pieces[1]
    own = experiments(plan, piece)
    counts = np.zeros((5, 4))
    counts[:, 2] = 100.0  # always the same outcome
    shares = weights_after(plan, piece, own, {0: counts})
    for one, share in zip(own, shares, strict=True):
        term, state = one.place
        prepared = state == 2 if term < 4 else state != 2  # the last term prepares another one
        assert (share > 0) == prepared


def test_cuts_without_communication_are_the_librarys() -> None:
    """The same value as by its own experiments and its own reconstruction."""
    from qiskit_addon_cutting import generate_cutting_experiments, partition_problem

    circuit = circuit_of("ansatz:4:3")
    cuts = by_search(circuit, 2, gates=True, seed=0)
    assert cuts is not None
    plan = assemble(circuit, "ZZZZ", cuts, INDEPENDENT)
    assert plan is not None
    problem = partition_problem(circuit, "AABB", PauliList(["ZZZZ"]))
    theirs, coefficients = generate_cutting_experiments(
        problem.subcircuits, problem.subobservables, math.inf
    )
    value = 0.0
    for i, (coefficient, _) in enumerate(coefficients):
        term = coefficient
        for label in "AB":
            chances = probabilities(_one_register(theirs[label][i]))
            term *= sum(p * (-1) ** bits.bit_count() for bits, p in enumerate(chances))
        value += term
    assert run_exactly(plan) == pytest.approx(value, abs=1e-9)
    assert plan.overhead == pytest.approx(np.prod([b.kappa**2 for b in problem.bases]))


def _one_register(circuit: QuantumCircuit) -> QuantumCircuit:
    found = QuantumCircuit(circuit.num_qubits, circuit.num_clbits)
    found.compose(circuit, inplace=True)
    return found


def test_unequal_capacities_are_filled_unequally() -> None:
    circuit = circuit_of("ghz:9")
    cuts = by_blocks(circuit, (6, 3), seed=0)
    assert cuts is not None
    plan = assemble(circuit, "Z" * 9, cuts, INDEPENDENT)
    assert plan is not None
    assert sorted(piece.qubits for piece in plan.pieces) == [3, 6]
    assert plan.overhead == pytest.approx(9)
    assert by_blocks(circuit, (5, 3), seed=0) is None


def test_a_cut_that_separates_nothing_is_not_made() -> None:
    circuit = QuantumCircuit(3)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.cx(0, 1)
    plan = assemble(circuit, "ZZZ", Cuts(gates=(0, 1)), INDEPENDENT)
    assert plan is not None
    assert plan.gate_cuts == 1


def test_what_no_cut_touches_joins_other_fragments() -> None:
    circuit = QuantumCircuit(7)
    for qubit in range(7):
        circuit.ry(0.2 + 0.3 * qubit, qubit)
    for qubit in (0, 2, 4):
        circuit.cx(qubit, qubit + 1)
    exact = exact_value(circuit, "Z" * 7)
    for width, sizes in ((0, [1, 2, 2, 2]), (3, [2, 2, 3]), (5, [2, 5])):
        plan = assemble(circuit, "Z" * 7, Cuts(), INDEPENDENT, width=width)
        assert plan is not None
        assert sorted(piece.qubits for piece in plan.pieces) == sizes
        assert plan.overhead == 1
        assert run_exactly(plan) == pytest.approx(exact, abs=1e-9)


def test_gates_that_the_observable_cannot_feel_are_left_out() -> None:
    small, letters = felt(circuit_of("ghz:8"), "IIIIIIZZ")
    assert (small.num_qubits, letters) == (3, "IZZ")
    assert exact_value(small, letters) == pytest.approx(1.0)


def test_known_readout_errors_are_divided_out() -> None:
    plan = whole(circuit_of("ghz:2"), "ZZ")
    own = [experiments(plan, plan.pieces[0])]
    good = [[Quality(0.8, 0.9, 0.5)]]
    counts = [[{0b00: 375, 0b11: 375, 0b01: 125, 0b10: 125}]]  # mean 0.5
    found = reconstruct(plan, own, counts, good)
    assert found.value == pytest.approx(1.0)
    assert found.fidelity == pytest.approx(0.8)
    assert found.sampling == pytest.approx(math.sqrt((1 - 0.25) / 1000) / 0.5, rel=0.01)
    assert found.noise == pytest.approx(math.hypot(0.1, 0.1 / 0.5 / math.sqrt(3)))


def test_shots_are_dealt_out_whole_and_in_proportion() -> None:
    assert deal(10, [3, 1, 0, 1]) == [5, 3, 0, 2]
    assert sum(deal(997, [0.2, 0.5, 0.3])) == 997
    with pytest.raises(ValueError, match="shots: 2 are fewer than the 3"):
        deal(2, [1, 1, 1])
    with pytest.raises(ValueError, match="no circuit has a weight"):
        deal(5, [0, 0])


@pytest.mark.parametrize("family", FAMILIES)
def test_families_are_the_same_for_the_same_seed(family: str) -> None:
    one, other = (circuit_of(f"{family}:6:3") for _ in range(2))
    assert one == other
    assert one.num_qubits == 6
    assert not one.parameters
    assert all(len(gate.qubits) <= 2 for gate in one.data)


@pytest.mark.parametrize(
    ("name", "named"),
    [("ghz", "qubits"), ("ghz:1", "qubits"), ("ghz:x", "qubits"), ("bell:2", "family 'bell'")],
)
def test_names_that_are_wrong(name: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        circuit_of(name)


def test_plans_that_need_too_much_are_left_out() -> None:
    circuit = circuit_of("ansatz:8:1")
    assert all(isinstance(plan, Plan) for plan in cut(circuit, "Z" * 8, (5,)))
    assert not cut(circuit, "Z" * 8, (5,), most_overhead=8.0)
