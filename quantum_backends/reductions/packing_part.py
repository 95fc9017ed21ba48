"""A few groups of a packing with everything else held where it is: a smaller packing.

What the others use is taken off the capacities. The present option of each group becomes its
option 0, so that staying is always an answer.

Options that no better answer can have may be left out (:func:`hopeful`): with prices known, an
answer with option o of group g is worth at most the bound less ``max reduced_g - reduced_o``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quantum_backends.packing import Chosen, PackingProblem
from quantum_backends.routing import Ints


@dataclass(frozen=True, eq=False)
class PackingPart:
    """The smaller problem and what inverts it.

    Attributes
    ----------
    problem : PackingProblem
        Its incumbent is staying.
    chosen : int array (g,)
        Flat options before; never changed.
    groups : int array (n,)
        The groups that are free.
    option : int array (q',)
        The flat option of the whole problem behind each option.
    """

    problem: PackingProblem
    chosen: Ints
    groups: Ints
    option: Ints

    def apply(self, answer: Chosen) -> Ints:
        """Flat options of the whole problem."""
        chosen = self.chosen.copy()
        chosen[self.groups] = self.option[self.problem.flat(answer)]
        return chosen


def packing_part(
    problem: PackingProblem, chosen: Ints, groups: Ints, kept: npt.NDArray[np.bool_]
) -> PackingPart:
    """Build the part.

    Parameters
    ----------
    chosen : int array (g,)
        Present flat options; they fit.
    groups : int array (n,)
        Different groups, in any order.
    kept : bool array (q,)
        Options that may be taken; present ones always may.
    """
    here = chosen[groups]
    rows = []
    for g, now in zip(groups.tolist(), here.tolist(), strict=True):
        options = np.arange(problem.first[g], problem.first[g + 1])
        others = options[kept[options] & (options != now)]
        rows.append(np.concatenate(([now], others)))
    option = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    use = problem.use[option]
    left = np.maximum(0.0, problem.capacity - problem.used(chosen) + problem.used(here))
    first = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
    part = PackingProblem(
        first,
        problem.worth[option],
        use.indptr,
        use.indices,
        use.data,
        left,
        problem.price,
        (0,) * len(groups),
    )
    return PackingPart(part, chosen, groups, option)


def hopeful(problem: PackingProblem, worth: float) -> npt.NDArray[np.bool_]:
    """Options that an answer worth more than this may have (q,)."""
    reduced = problem.reduced
    most = np.maximum.reduceat(reduced, problem.first[:-1]) if problem.size else reduced
    room = problem.attainable - problem.bound - worth
    slack = 1e-9 * max(1.0, abs(worth))
    return np.asarray(most[problem.group] - reduced <= room + slack)
