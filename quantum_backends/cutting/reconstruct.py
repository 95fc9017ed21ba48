r"""From the counts of all fragments to the value of the observable and its error bar.

The value is multilinear in the fragments' signed frequencies T (one tensor a fragment):

.. math:: V = \sum \prod_f T_f \prod_c C_c \prod_g W_g

with the coefficients C of cuts without communication (by classes of operations on either side) and
W of groups with it (:func:`quantum_backends.cutting.mub.weights`).

**Statistical error.** A shot of circuit u of fragment f with sign s that sent j contributes
``X = s G_u[j]``, where ``G = dV/dT_f`` is contracted from the other fragments. With n shots

.. math:: \sigma^2 = \sum_f \sum_u \left[ (\overline{X^2} - \bar{X}^2) / n + 4 \max_j G_u[j]^2 / n^2
   \right]

which is the variance of the sampled quasi-probability to first order (delta method); products of
two fragments' errors are of second order. The last term is what a circuit that always gave the
same answer may yet be off by (one more shot of the other sign). The variance of an uncut Pauli
observable, ``(1 - V^2) / n``, is the special case of one fragment; with shots dealt out by the
coefficients it grows by at most gamma squared.

**Readout errors** of the bits that are signs shrink a circuit's mean by a known factor
(:class:`quantum_backends.circuit_batch.Quality`), by which T and the contributions X are divided.

**Other noise.** Every circuit has an estimated success probability p of its gates (ESP: the product
of 1 - error, Nishio et al. 2020). What a failed shot gives is not known: on average 0 if failures
depolarise, and within +-1. So the value shrinks by up to F = prod_f mean p_f, and each circuit's
own offset is taken as uniform, with variance 1/3:

.. math:: \nu^2 = ((1 - F) V / F)^2 + \sum_f \sum_u (1 - p_u)^2 \max_j G_u[j]^2 / 3

V / F is cut at 1. The stated error is ``sqrt(sigma^2 + nu^2)``. The fidelity reported beside it is
the same product with the readouts in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_backends.circuit_batch import Quality
from quantum_backends.cutting import mub
from quantum_backends.cutting.experiments import Counts, Experiment, classes
from quantum_backends.cutting.pieces import Piece, Plan

Qualities = Sequence[Sequence[Quality]]
"""Of each circuit, by fragment."""


@dataclass(frozen=True)
class Estimate:
    """A value and how far it may be off.

    Attributes
    ----------
    value : float
        Of the observable; may leave -1 to 1 by chance where circuits are cut.
    sampling : float
        Standard error from the number of shots.
    noise : float
        What the devices' errors may add; 0 where no qualities are given.
    fidelity : float
        Product over the fragments of their mean success probability; 1 likewise.
    """

    value: float
    sampling: float
    noise: float = 0.0
    fidelity: float = 1.0

    @property
    def error(self) -> float:
        """The stated error: both parts in quadrature."""
        return math.hypot(self.sampling, self.noise)


def reconstruct(
    plan: Plan,
    experiments: Sequence[Sequence[Experiment]],
    results: Sequence[Sequence[Counts]],
    qualities: Qualities | None = None,
) -> Estimate:
    """Value and error bar of a plan's observable.

    Parameters
    ----------
    experiments : sequence of sequence of Experiment
        By fragment, as :func:`quantum_backends.cutting.experiments.experiments` gives them.
    results : sequence of sequence of mapping
        Counts of each; empty for a circuit that got no shots because nothing of it was measured
        upstream.
    qualities : sequence of sequence of Quality, optional
        Perfect devices where not given.
    """
    good = qualities or [[Quality()] * len(own) for own in experiments]
    tensors = [
        _tensor(piece, own, counts, quality)
        for piece, own, counts, quality in zip(plan.pieces, experiments, results, good, strict=True)
    ]
    network = _Network(plan)
    value = float(network.contract(tensors, None))
    sampling = noise = 0.0
    fidelity = survives = 1.0
    for number, own in enumerate(experiments):
        gradient = network.contract(tensors, number)
        fidelity *= _mean(own, [quality.success for quality in good[number]])
        survives *= _mean(own, [quality.gates for quality in good[number]])
        for one, counts, quality in zip(own, results[number], good[number], strict=True):
            place = _flat(plan.pieces[number], one.place)
            pull = gradient[place].T.reshape(-1) / quality.readout
            sampling += _variance(one, counts, pull)
            if one.circuit is not None:
                noise += (1 - quality.gates) ** 2 * float(np.max(pull**2)) / 3
    shrunk = min(abs(value) / survives, 1.0) * (1 - survives) if survives > 0 else 1.0
    return Estimate(value, math.sqrt(sampling), math.hypot(shrunk, math.sqrt(noise)), fidelity)


def _mean(own: Sequence[Experiment], figures: Sequence[float]) -> float:
    weights = [one.weight for one in own]
    return float(np.average(figures, weights=weights)) if sum(weights) else 1.0


def _variance(one: Experiment, counts: Counts, pull: NDArray[np.float64]) -> float:
    """Variance that one circuit's shots add to the value."""
    shots = sum(counts.values())
    if one.circuit is None or shots == 0:
        return 0.0
    plus, minus = one.signed(counts) / shots
    mean = float((plus - minus) @ pull)
    square = float((plus + minus) @ pull**2)
    return max(square - mean**2, 0.0) / shots + 4 * float(np.max(pull**2)) / shots**2


def _flat(piece: Piece, place: tuple[int, ...]) -> tuple[int | slice, ...]:
    """Index of an experiment's outcomes: bases of the groups measured here, all their outcomes."""
    first = len(place) - len(piece.outs)
    index: list[int | slice] = list(place[:first])
    for term in place[first:]:
        index += [term, slice(None)]
    return tuple(index)


def _tensor(
    piece: Piece,
    own: Sequence[Experiment],
    results: Sequence[Counts],
    good: Sequence[Quality],
) -> NDArray[np.float64]:
    """Signed frequencies of a fragment; axes as in :class:`_Network`."""
    first = len(own[0].place) - len(piece.outs)
    highest = np.max([one.place for one in own], axis=0) + 1 if own[0].place else []
    shape = [int(size) for size in highest[:first]]
    for (_, qubits), terms in zip(piece.outs, highest[first:], strict=True):
        shape += [int(terms), 2 ** len(qubits)]
    sizes = [2 ** len(qubits) for _, qubits in piece.outs]
    tensor = np.zeros(shape)
    for one, counts, quality in zip(own, results, good, strict=True):
        shots = sum(counts.values())
        if one.circuit is not None and shots == 0:
            continue
        plus, minus = one.signed(counts) / (shots if one.circuit is not None else 1)
        # the first group's bits are the lowest, so it is the last axis of the flat outcomes
        outcome = (plus - minus).reshape(sizes[::-1]).transpose()
        tensor[_flat(piece, one.place)] = outcome / quality.readout
    return tensor


class _Network:
    """The contraction; an axis is an integer that two tensors share."""

    def __init__(self, plan: Plan) -> None:
        self._count = 0
        group_axes = [[self._new() for _ in range(3)] for _ in plan.groups]  # basis, j, k
        slot_axes: dict[tuple[int, int], int] = {}
        self._pieces = []
        for piece in plan.pieces:
            axes = [slot_axes.setdefault((s.cut, s.side), self._new()) for s in piece.slots]
            for number, _ in piece.ins:
                axes += [group_axes[number][0], group_axes[number][2]]
            for number, _ in piece.outs:
                axes += [group_axes[number][0], group_axes[number][1]]
            self._pieces.append(axes)
        self._fixed = [
            (mub.weights(group.wires), axes)
            for group, axes in zip(plan.groups, group_axes, strict=True)
        ]
        for cut, basis in enumerate(plan.bases):
            sides = [classes(basis, side) for side in (0, 1)]
            matrix = [
                [sum(basis.coeffs[m] for m in set(a) & set(b)) for b in sides[1]] for a in sides[0]
            ]
            self._fixed.append((np.array(matrix), [slot_axes[cut, 0], slot_axes[cut, 1]]))

    def _new(self) -> int:
        self._count += 1
        return self._count - 1

    def contract(
        self, tensors: Sequence[NDArray[np.float64]], without: int | None
    ) -> NDArray[np.float64]:
        """All tensors but one; a scalar where none is left out."""
        operands: list[Any] = []
        for number, (tensor, axes) in enumerate(zip(tensors, self._pieces, strict=True)):
            if number != without:
                operands += [tensor, axes]
        for tensor, axes in self._fixed:
            operands += [tensor, axes]
        if not operands:
            return np.asarray(1.0)
        wanted = self._pieces[without] if without is not None else []
        return np.asarray(np.einsum(*operands, wanted, optimize="greedy"))
