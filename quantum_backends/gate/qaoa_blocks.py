"""QAOA (Qiskit) on swap blocks of at most 16 qubits, on a simulated device (Aer, no noise)."""

from __future__ import annotations

import math
import time

import numpy as np
from qiskit_aer import AerSimulator

from quantum_backends import kernels
from quantum_backends.blocks import Bits, search_blocks
from quantum_backends.gate.qaoa import ANGLES, circuit, ising_of
from quantum_backends.reductions.swap_block import SwapBlock
from quantum_backends.routing import RoutingProblem
from quantum_backends.search import Best, refuse_without_paths
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

QUBITS = 16
"""Largest block."""
DEPTH = 2
SHOTS = 256

_PROBE = 10
"""Qubits of the calls by which the speed of the simulator is measured."""
_CALLS = 25
"""Calls that should fit into the budget; fewer qubits are used where they would not."""
_GROWTH = 2.0
"""How much longer the simulation takes for each further qubit, at most."""


class QaoaBlocks:
    """QAOA with fixed angles; answers split problems with single-path plans too."""

    name = "qaoa-blocks"
    family = "gate"
    forms = ("routing",)

    def __init__(self) -> None:
        self._probe_s = 0.0

    def refusal(self, problem: RoutingProblem) -> str:
        return refuse_without_paths(problem)

    def warm(self) -> None:
        """Compile, and measure how long a call of ten qubits takes."""
        kernels.warm()
        self.solve(tiny_problem(), Budget(0.2), 0)
        rng = np.random.default_rng(0)
        coupling = np.triu(rng.normal(size=(_PROBE, _PROBE)), 1)
        empty = np.zeros(_PROBE, np.int64)
        block = SwapBlock(empty, empty, empty, rng.normal(size=_PROBE), coupling, 0.0)
        times = []
        for _ in range(3):
            began = time.monotonic()
            _sample(AerSimulator(method="statevector", max_parallel_threads=1), block, 0)
            times.append(time.monotonic() - began)
        self._probe_s = min(times)

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = Best(problem, budget, self.name)
        device = AerSimulator(method="statevector", max_parallel_threads=1)
        last = 0.0

        def sample(block: SwapBlock, call_seed: int) -> Bits:
            nonlocal last
            began = time.monotonic()
            bits = _sample(device, block, call_seed)
            last = time.monotonic() - began
            return bits

        size = block_size(budget.left(), self._probe_s)
        record = search_blocks(problem, budget, best, sample, size, seed, lambda: 1.5 * last)
        info = {"simulated": "gate QPU in software (Aer statevector, noiseless)"}
        depth = {"depth": float(DEPTH), "shots": float(SHOTS)}
        return best.solution({**info, **depth, **record.info()})


def block_size(seconds: float, probe_s: float) -> int:
    """Qubits so that about 25 calls fit into the time (12 where the speed is not known)."""
    if not probe_s or seconds <= 0:
        return 12
    more = math.log(seconds / (_CALLS * probe_s), _GROWTH)
    return int(np.clip(_PROBE + math.floor(more), 4, QUBITS))


def _sample(device: AerSimulator, block: SwapBlock, seed: int) -> Bits:
    """Run one circuit; return a row of bits for each distinct outcome."""
    run = device.run(circuit(ising_of(block), ANGLES[DEPTH]), shots=SHOTS, seed_simulator=seed)
    # Qiskit prints the last qubit first.
    return np.array([[c == "1" for c in key[::-1]] for key in run.result().get_counts()], np.int8)
