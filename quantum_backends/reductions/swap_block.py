"""A few demands at a time as a small QUBO: one bit each, 0 = stay, 1 = best-priced alternative.

With d_ie the change of utilisation of link e when demand i alone swaps, and weights w,

    E(b) = sum_e w_e (u_e + sum_i b_i d_ie)^2 + sum_i b_i p_i

is quadratic in the bits: no penalty, no slack bit, and every bit string is a plan. The weights
follow the hot links (:mod:`quantum_backends.reweighting`), which turns the sum of squares into
the MLU.
"""

from __future__ import annotations

from dataclasses import dataclass

import dimod
import numpy as np
import numpy.typing as npt

from quantum_backends import kernels
from quantum_backends.bqm import Coefficients
from quantum_backends.objective import moved
from quantum_backends.routing import Floats, Ints, RoutingProblem


@dataclass(frozen=True, eq=False)
class SwapBlock:
    """The reduced problem and what inverts it.

    Attributes
    ----------
    choice : int array (k,)
        The plan before; never changed.
    demands : int array (n,)
        The demand behind each bit.
    others : int array (n,)
        The choice each demand takes when its bit is 1.
    linear : float array (n,)
        h_i, with the bits in 0/1.
    quadratic : float array (n, n)
        J_ij above the diagonal, zero elsewhere.
    offset : float
        The energy of staying.
    """

    choice: Ints
    demands: Ints
    others: Ints
    linear: Floats
    quadratic: Floats
    offset: float

    def __len__(self) -> int:
        return len(self.demands)

    def energy(self, bits: npt.NDArray[np.int8]) -> Floats:
        """Energies of samples (s, n) without the offset: staying is zero."""
        b = np.atleast_2d(bits).astype(float)
        return np.asarray(b @ self.linear + np.einsum("si,ij,sj->s", b, self.quadratic, b))

    @property
    def model(self) -> Coefficients:
        """The same as a sampler takes it."""
        row, column = np.nonzero(self.quadratic)
        value = self.quadratic[row, column]
        return Coefficients(self.linear, row, column, value, self.offset)

    def bqm(self) -> dimod.BinaryQuadraticModel:
        """The same as a binary quadratic model with variables 0 .. n-1."""
        return dimod.BinaryQuadraticModel(self.linear, self.quadratic, self.offset, "BINARY")

    def apply(self, bits: npt.NDArray[np.int8]) -> Ints:
        """The plan that a bit string stands for; any bit string does."""
        choice = self.choice.copy()
        swap = np.asarray(bits, dtype=bool)
        choice[self.demands[swap]] = self.others[swap]
        return choice

    def invert(self, choice: Ints) -> npt.NDArray[np.int8]:
        """The bit string of a plan.

        Raises
        ------
        ValueError
            The plan differs from this block's in another way than by its swaps.
        """
        bits = (choice[self.demands] != self.choice[self.demands]).astype(np.int8)
        if not np.array_equal(self.apply(bits), choice):
            raise ValueError("the plan is not one of this block's")
        return bits


def best_swaps(
    problem: RoutingProblem, arrays: kernels.Arrays, choice: Ints, weight: Floats
) -> tuple[Ints, Floats]:
    """Each demand's best-priced alternative (-1: none), and its size times price."""
    load = kernels.loads(arrays, choice)
    mark = np.zeros(problem.n_links, np.int64)
    other, _, pressure = kernels.best_swaps(arrays, choice, load, weight, mark)
    return other, pressure


def draw(other: Ints, pressure: Floats, size: int, rng: np.random.Generator) -> Ints:
    """Draw up to ``size`` different demands that can swap, by pressure (Gumbel's top-k trick)."""
    able = np.flatnonzero((other >= 0) & (pressure > 0))
    if len(able) <= size:
        return able
    keys = np.log(pressure[able]) + rng.gumbel(size=len(able))
    return able[np.argpartition(-keys, size)[:size]]


def swap_block(
    problem: RoutingProblem, choice: Ints, demands: Ints, others: Ints, weight: Floats
) -> SwapBlock:
    """Build the reduced problem.

    Parameters
    ----------
    choice : int array (k,)
        The plan to improve.
    demands, others : int arrays (n,)
        Different demands, and the choice each may swap to.
    weight : float array (m,)
        Weight of each link, not below zero.
    """
    n = len(demands)
    rows, load = problem.incidence, np.zeros(problem.n_links)
    layout = problem.layout
    for_load = np.zeros(len(layout.demand))
    for_load[choice] = 1.0
    load = problem.loads(for_load) / problem.capacity
    delta = (rows[others] - rows[choice[demands]]).toarray()
    delta *= problem.volume[demands][:, None] / problem.capacity
    gram = (delta * weight) @ delta.T
    linear = 2 * delta @ (weight * load) + np.diag(gram)
    if problem.move_cost and problem.incumbent is not None:
        linear = linear + _move_price(problem, choice, demands, others, weight)
    quadratic = np.triu(2 * gram, 1)
    offset = float(weight @ load**2)
    return SwapBlock(choice.copy(), demands, others, linear, quadratic.reshape(n, n), offset)


def _move_price(
    problem: RoutingProblem, choice: Ints, demands: Ints, others: Ints, weight: Floats
) -> Floats:
    """Cost of each swap by the traffic it moves, in the scale of the weighted squares."""
    base = np.zeros(len(problem.layout.demand))
    base[choice] = 1.0
    before = moved(problem, base)
    price = np.empty(len(demands))
    for i, (old, new) in enumerate(zip(choice[demands], others, strict=True)):
        base[old], base[new] = 0.0, 1.0
        price[i] = moved(problem, base) - before
        base[old], base[new] = 1.0, 0.0
    return price * problem.move_cost * float(weight.mean())
