"""Split routing by gradient projection under exponential link prices.

Prices are the gradient of a soft maximum of the utilisations; each demand shifts traffic from its
dearest used path to its cheapest by a Newton step (Bertsekas and Gallager, *Data Networks*,
section 5.7). The soft maximum grows steeper towards the MLU itself, but only as fast as the routing
follows: prices of a routing in equilibrium prove a lower bound, and find the right new paths.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from quantum_backends.equilibrium_kernels import loads_of, mean_lengths, sweep
from quantum_backends.routing import Floats, Ints, RoutingProblem

_FIRST, _GROWTH, _LAST = 8.0, 3.0, 1e7
"""Exponent (of utilisation over MLU) at first, its growth, and its end."""

_SWEEPS = 3
"""Sweeps over all demands from one set of prices to the next: they cost about as much as the prices
and the shortest paths under them."""

_SQUARES = 0.1
"""What squared utilisations weigh against the price that holds links at the cap, which is one just
above it: so little that even ten times a link's own pull does not take it far beyond."""

_LEAST_PRICE = 1e-9
"""Share of the highest price that every link costs: zero prices would leave it to chance which
detour is the shortest path."""


class Chains(Protocol):
    """Paths in flat arrays, those of a demand chained: :class:`ColumnPool` or what is like it."""

    @property
    def demand(self) -> Ints: ...
    @property
    def head(self) -> Ints: ...
    @property
    def after(self) -> Ints: ...
    @property
    def start(self) -> Ints: ...
    @property
    def link(self) -> Ints: ...


class Equilibrium:
    """A split routing on its way to the least MLU.

    Parameters
    ----------
    problem : RoutingProblem
        Its own paths are not used.
    columns : Chains
        May grow meanwhile.
    share : float array (one per column)
        Where to begin; kept and changed.

    Attributes
    ----------
    share : float array (one per column)
    load : float array (m,)
    mlu : float
        Of the shares as they are.
    """

    def __init__(self, problem: RoutingProblem, columns: Chains, share: Floats) -> None:
        self._problem, self._columns = problem, columns
        self._volume = problem.volume.copy()  # compiled code wants it writable and in one piece
        self._inverse = 1 / problem.capacity
        self._steep = _FIRST
        self.share = share
        self._add_up()

    def _add_up(self) -> None:
        paths, m = self._columns, self._problem.n_links
        self.load: Floats = loads_of(
            paths.demand, paths.start, paths.link, self._volume, self.share, m
        )
        self.mlu = float(np.max(self.load * self._inverse, initial=0.0))

    def follow(self) -> None:
        """Let every demand follow the prices a few times."""
        missing = len(self._columns.demand) - len(self.share)
        self.share = np.append(self.share, np.zeros(missing))
        if self.mlu:
            self._shift(np.zeros(len(self.share)), self._steep / self.mlu, self.mlu, 0.0)

    def smooth(self, cap: float, steep: float, toll: Floats) -> None:
        """Lower the sum of squared utilisations and the toll a little, held back near a cap.

        Parameters
        ----------
        cap : float
            Above zero; the highest utilisation that is well.
        steep : float
            Exponent (of utilisation over cap) of the price that holds links there. It may be
            exceeded by a few times its reciprocal.
        toll : float array (one per column)
            Cost of a unit of traffic on it, in the unit of the squares.
        """
        self._shift(_SQUARES / 2 * toll, steep / cap, cap * (1 - 1 / steep), _SQUARES)

    def _shift(self, toll: Floats, steep: float, top: float, square: float) -> None:
        paths = self._columns
        for _ in range(_SWEEPS):
            sweep(
                paths.head,
                paths.after,
                paths.start,
                paths.link,
                self._volume,
                self._inverse,
                toll,
                self.share,
                self.load,
                steep,
                top,
                square,
            )
        self._add_up()  # anew, so that rounding does not build up

    def prices(self) -> Floats:
        """What one more unit on each link costs (m,)."""
        price = self._inverse * np.exp(self._steep * (self.load * self._inverse / self.mlu - 1))
        least = _LEAST_PRICE * price.max() / self._inverse.max()
        return price + least * self._inverse

    def mean_lengths(self, price: Floats) -> Floats:
        """Length of each demand's paths under link prices, averaged by their shares (k,)."""
        paths = self._columns
        mean: Floats = mean_lengths(
            paths.demand, paths.start, paths.link, self.share, price, self._problem.n_demands
        )
        return mean

    def steepen(self, price: Floats, distance: Floats) -> None:
        """Come closer to the maximum, if the routing is close to what the prices ask for.

        The MLU exceeds the bound that the prices prove by two factors: the paths in use are longer
        than the shortest, and the prices lie on links below the MLU. More rounds lower the first,
        a steeper maximum the second, so the larger one tells what is to be done.

        Parameters
        ----------
        price : float array (m,)
            As :meth:`prices` gave them.
        distance : float array (k,)
            Of the shortest paths that there are.
        """
        paid = price @ self.load
        longer = paid / (self._problem.volume @ distance)
        below = self.mlu * (price @ self._problem.capacity) / paid
        if longer < below:
            self._steep = min(self._steep * _GROWTH, _LAST)
