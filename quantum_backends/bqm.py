"""Binary quadratic models: dimod's, so that every Ocean sampler fits, with a proven lower bound.

Energies may be below zero, the contract's value may not. So the value of an answer is its energy
less a proven lower bound on all energies: 0 means proven optimal, and the energy itself is
``value + lower``. The bound is roof duality's (Hammer, Hansen and Simeone 1984), unless the maker
of the problem knows a better one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import dimod
import numpy as np
import numpy.typing as npt
from scipy import sparse

from quantum_backends.routing import Floats, Ints
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget

Bits = npt.NDArray[np.int8]
Answer = tuple[int, ...]
"""0 or 1 for each variable, in the model's order."""

_ROOF_LIMIT = 200_000
"""Couplings up to which roof duality takes less than about a fifth of a second."""

_ROUNDING = 1e-9
"""Share of the coefficients' sum by which a bound is lowered for the rounding in it."""


@dataclass(frozen=True, eq=False)
class Coefficients:
    """A model in arrays: sum_i linear_i x_i + sum_t value_t x_row_t x_column_t + offset.

    Attributes
    ----------
    linear : float array (n,)
    row, column : int array (c,)
        Each pair once.
    value : float array (c,)
    offset : float
    """

    linear: Floats
    row: Ints
    column: Ints
    value: Floats
    offset: float

    @cached_property
    def reach(self) -> Floats:
        """The most that flipping each bit can change the energy (n,)."""
        size = np.abs(self.value)
        ends = np.concatenate((self.row, self.column))
        sums = np.bincount(ends, np.concatenate((size, size)), len(self.linear))
        return np.asarray(np.abs(self.linear) + sums)

    def __len__(self) -> int:
        return len(self.linear)

    @cached_property
    def coupling(self) -> sparse.csr_array:
        """Symmetric couplings (n, n), each pair on both sides."""
        ends = np.concatenate((self.row, self.column)), np.concatenate((self.column, self.row))
        both = np.concatenate((self.value, self.value))
        return sparse.csr_array((both, ends), shape=(len(self), len(self)))

    def energies(self, bits: npt.ArrayLike) -> Floats:
        """Energies of samples (s, n)."""
        x = np.atleast_2d(np.asarray(bits)).astype(float)
        pairs = np.asarray((self.coupling @ x.T).T * x).sum(axis=1)
        return np.asarray(x @ self.linear + pairs / 2 + self.offset)

    def bqm(self) -> dimod.BinaryQuadraticModel:
        """The model as dimod's, variables 0 .. n-1."""
        pairs = (self.row, self.column, self.value)
        return dimod.BinaryQuadraticModel.from_numpy_vectors(
            self.linear, pairs, self.offset, "BINARY", variable_order=range(len(self))
        )


def coefficients_of(bqm: dimod.BinaryQuadraticModel) -> Coefficients:
    """A model of dimod's in arrays, variables numbered in its order."""
    vectors = bqm.to_numpy_vectors(variable_order=list(bqm.variables))
    row, column, value = vectors.quadratic
    return Coefficients(
        np.asarray(vectors.linear_biases, dtype=float),
        np.asarray(row, dtype=np.int64),
        np.asarray(column, dtype=np.int64),
        np.asarray(value, dtype=float),
        float(vectors.offset),
    )


def in_spins(bqm: dimod.BinaryQuadraticModel) -> Coefficients:
    """The same energies over spins of -1 and 1 in place of bits of 0 and 1 (dimod converts)."""
    return coefficients_of(bqm.change_vartype("SPIN", inplace=False))


@dataclass(frozen=True, eq=False)
class BinaryProblem:
    """Find the bits of lowest energy.

    Attributes
    ----------
    bqm : dimod.BinaryQuadraticModel
        Of variables that are 0 or 1, under any labels; never changed. Answers follow the order of
        ``bqm.variables``.
    incumbent : tuple (n,) of int, or None
        A known answer; backends do no worse.
    least : float or None
        A lower bound on the energy that the maker has proven; None for roof duality's.

    Raises
    ------
    ValueError
        The variables are spins, a coefficient is not finite, the model is empty, or the incumbent
        is no answer.
    """

    bqm: dimod.BinaryQuadraticModel
    incumbent: Answer | None = None
    least: float | None = None

    form: ClassVar[str] = "bqm"
    bound: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        if self.bqm.vartype is not dimod.BINARY:
            raise ValueError("bqm: its variables are spins; bqm.change_vartype('BINARY') helps")
        if not self.bqm.num_variables:
            raise ValueError("bqm: it has no variables")
        parts = self.coefficients
        for name in ("linear", "value", "offset"):
            if not np.isfinite(getattr(parts, name)).all():
                raise ValueError(f"bqm: a coefficient ({name}) is not finite")
        if self.incumbent is not None:
            self.check(self.incumbent)

    @property
    def size(self) -> int:
        """Bits to choose."""
        return int(self.bqm.num_variables)

    @cached_property
    def coefficients(self) -> Coefficients:
        """The model in arrays, variables numbered in its order."""
        return coefficients_of(self.bqm)

    @cached_property
    def lower(self) -> float:
        """The proven lower bound on the energy that values are counted from."""
        return lower_bound(self.bqm, self.coefficients) if self.least is None else self.least

    def energies(self, bits: npt.ArrayLike) -> Floats:
        """Energies of samples (s, n) in the model's order."""
        return self.coefficients.energies(bits)

    def check(self, answer: Answer) -> None:
        """Check that an answer has a 0 or a 1 for each variable.

        Raises
        ------
        ValueError
            It has not; the text names the place.
        """
        if len(answer) != self.size:
            raise ValueError(f"answer: {len(answer)} bits for {self.size} variables")
        for i, bit in enumerate(answer):
            if bit not in (0, 1):
                raise ValueError(f"answer[{i}]: {bit!r} is neither 0 nor 1")

    def value(self, answer: Answer) -> float:
        """Energy above the proven lower bound (0: optimal)."""
        return max(0.0, float(self.energies(answer)[0]) - self.lower)

    def labelled(self, answer: Answer) -> dict[dimod.typing.Variable, int]:
        """The answer under the model's own labels, as dimod's samples are."""
        return dict(zip(self.bqm.variables, answer, strict=True))


def lower_bound(bqm: dimod.BinaryQuadraticModel, parts: Coefficients) -> float:
    """Prove a lower bound on the energies of a model of bits.

    The better of roof duality and of the spins' bound: with bits as spins, no term is below minus
    its absolute coefficient.
    """
    spins = in_spins(bqm)
    bound = float(spins.offset - np.abs(spins.linear).sum() - np.abs(spins.value).sum())
    if 0 < len(parts.value) <= _ROOF_LIMIT:
        from dwave.preprocessing import roof_duality

        bound = max(bound, float(roof_duality(bqm, strict=False)[0]))
    size = np.abs(parts.linear).sum() + np.abs(parts.value).sum() + abs(parts.offset)
    return bound - _ROUNDING * float(size)


def random_model(size: int, density: float, seed: int) -> BinaryProblem:
    """A model of normal coefficients, for tests.

    Parameters
    ----------
    density : float
        Share of the pairs that are coupled, 0..1.
    """
    rng = np.random.default_rng(seed)
    row, column = np.triu_indices(size, 1)
    kept = rng.random(len(row)) < density
    value = rng.normal(size=int(kept.sum()))
    linear = rng.normal(size=size)
    return BinaryProblem(Coefficients(linear, row[kept], column[kept], value, 1.0).bqm())


class BestBits:
    """The best answer so far of one call of ``solve``; reports each better one to the budget.

    Starts from the incumbent, else from all zeros.
    """

    def __init__(self, problem: BinaryProblem, budget: Budget, name: str) -> None:
        self._problem, self._budget, self._name = problem, budget, name
        self._began = self._at = budget.elapsed()
        self._answer: Answer = problem.incumbent or (0,) * problem.size
        self.energy = float(problem.energies(self._answer)[0])
        self.lower = problem.lower

    @property
    def optimal(self) -> bool:
        """Whether the proven bound is reached."""
        return self.energy <= self.lower

    def offer(self, samples: Bits) -> bool:
        """Keep the lowest of samples (s, n) if it is better; tell whether it was."""
        energies = self._problem.energies(samples)
        lowest = int(np.argmin(energies))
        if not energies[lowest] < self.energy:
            return False
        self.energy = float(energies[lowest])
        self._answer = tuple(np.atleast_2d(samples)[lowest].astype(int).tolist())
        self._at = self._budget.elapsed()
        self._budget.report(self._solution({}, self._at))
        return True

    def solution(self, info: Mapping[str, float | str]) -> Solution:
        """The final answer; ``energy`` and ``lower`` stand in its info."""
        extra: dict[str, float | str] = {"found_s": self._at - self._began, **info}
        return self._solution(extra, self._budget.elapsed())

    def _solution(self, info: Mapping[str, float | str], at: float) -> Solution:
        value = self._problem.value(self._answer)
        info = {"energy": self.energy, "lower": self.lower, **info}
        return Solution(self._answer, value, self._name, at - self._began, info)
