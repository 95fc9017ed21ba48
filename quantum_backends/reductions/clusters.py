"""Choices fall apart into clusters of groups that no coupling joins, each a problem of its own.

Access points in two buildings, say. The least cost of the whole is the sum of the clusters' least
costs, so that an exact method or a small device gets through a large problem cluster by cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from quantum_backends.choices import ChoiceProblem, Chosen
from quantum_backends.routing import Ints


@dataclass(frozen=True, eq=False)
class Cluster:
    """The reduced problem and what inverts it.

    Attributes
    ----------
    groups : int array (n,)
        The groups of the whole that the problem's groups stand for, ascending.
    problem : ChoiceProblem
    """

    groups: Ints
    problem: ChoiceProblem

    def lift(self, answer: Chosen, whole: Chosen) -> Chosen:
        """An answer of the whole with this cluster's choices put in."""
        chosen = np.array(whole, dtype=np.int64)
        chosen[self.groups] = answer
        return tuple(chosen.tolist())


def members(problem: ChoiceProblem) -> list[Ints]:
    """The groups of each cluster, the clusters in the order of their first groups."""
    n = problem.n_groups
    rows = np.repeat(problem.group, np.diff(problem.start))
    among = sparse.coo_array(
        (np.ones(len(rows), dtype=bool), (rows, problem.group[problem.partner])), shape=(n, n)
    )
    _, label = connected_components(among, directed=False)
    if not n:
        return []
    order = np.argsort(label, kind="stable")
    clusters = np.split(order, np.cumsum(np.bincount(label)[:-1]))
    return sorted(clusters, key=lambda groups: int(groups[0]))


def cluster(problem: ChoiceProblem, groups: Ints) -> Cluster:
    """The problem of some groups alone; the couplings with others are left out."""
    inside = np.zeros(problem.n_groups, dtype=bool)
    inside[groups] = True
    options = np.flatnonzero(inside[problem.group])
    coupling = problem.coupling[options][:, options]
    first = np.concatenate(([0], np.cumsum(np.diff(problem.first)[groups])))
    incumbent = problem.incumbent
    return Cluster(
        groups,
        ChoiceProblem(
            first,
            problem.unary[options],
            coupling.indptr,
            coupling.indices,
            coupling.data,
            None if incumbent is None else tuple(incumbent[g] for g in groups.tolist()),
        ),
    )
