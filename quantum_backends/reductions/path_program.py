"""Routing as a program over its candidate paths: the least MLU, as HiGHS and others take it.

    minimise z  with  sum_j a_je x_j <= z on each link e,  sum_{j in i} x_j = 1 for each demand i

where a_je is the utilisation that choice j alone puts on link e. Whole numbers x are single-path
plans, fractions are split ones. Variable 0 is z, variable 1 + j is choice j.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from quantum_backends.program import Point, Program
from quantum_backends.routing import Fractions, RoutingProblem, flatten, nest


@dataclass(frozen=True, eq=False)
class PathProgram:
    """The reduced problem and what inverts it.

    Attributes
    ----------
    problem : RoutingProblem
    program : Program
        Its value is the MLU; a proven bound of the routing problem is the lower bound of z.
    """

    problem: RoutingProblem
    program: Program

    def apply(self, point: npt.ArrayLike) -> Fractions:
        """The plan of a point: shares that add up to one, whole ones where paths are single.

        Of a demand that is not split the largest share takes all.
        """
        layout = self.problem.layout
        share = np.clip(np.asarray(point, dtype=float)[1:], 0.0, None)
        if not self.problem.split:
            order = np.lexsort((-np.arange(len(share)), share, layout.demand))
            share = np.zeros(len(share))
            share[order[layout.first[1:] - 1]] = 1.0
        total = np.bincount(layout.demand, share, self.problem.n_demands)
        share[layout.first[:-1][total == 0]] = 1.0
        total[total == 0] = 1.0
        return nest(self.problem, share / total[layout.demand])

    def invert(self, plan: Fractions) -> Point:
        """The point of a plan, z being its MLU."""
        flat = flatten(plan)
        highest = max(self.problem.mlu(flat), float(self.program.low[0]))
        return (highest, *flat.tolist())


def path_program(problem: RoutingProblem) -> PathProgram:
    """Reduce a problem with paths; an incumbent comes along where its form is allowed."""
    layout, m, k = problem.layout, problem.n_links, problem.n_demands
    q = len(layout.demand)
    use = sparse.diags_array(problem.choice_volume) @ problem.incidence
    use = (use @ sparse.diags_array(1 / problem.capacity)).T
    pick = sparse.csr_array((np.ones(q), (layout.demand, np.arange(q))), shape=(k, q))
    top = sparse.csr_array(-np.ones((m, 1)))
    matrix = sparse.block_array([[top, use], [None, pick]], format="csr")
    program = Program(
        cost=np.eye(1, q + 1)[0],
        matrix=matrix,
        row_low=np.concatenate((np.full(m, -np.inf), np.ones(k))),
        row_high=np.concatenate((np.zeros(m), np.ones(k))),
        low=np.concatenate(([problem.bound], np.zeros(q))),
        high=np.concatenate(([np.inf], np.ones(q))),
        integral=np.concatenate(([False], np.full(q, not problem.split))),
        floor=0.0,
    )
    reduced = PathProgram(problem, program)
    if problem.incumbent is None:
        return reduced
    try:
        problem.check(problem.incumbent)
    except ValueError:
        return reduced  # split, where single paths are wanted
    point = reduced.invert(problem.incumbent)
    return PathProgram(problem, replace(program, incumbent=point))
