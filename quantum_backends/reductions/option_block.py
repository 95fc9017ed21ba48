"""A few groups with one alternative each, as bits: what choices and packings reduce to alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quantum_backends.bqm import Coefficients
from quantum_backends.routing import Ints


@dataclass(frozen=True, eq=False)
class OptionBlock:
    """The reduced problem and what inverts it.

    Attributes
    ----------
    chosen : int array (g,)
        Flat options before; never changed.
    groups : int array (n,)
        The group behind each bit.
    others : int array (n,)
        The flat option it takes when its bit is 1.
    model : Coefficients
        Energies relative to staying.
    """

    chosen: Ints
    groups: Ints
    others: Ints
    model: Coefficients

    def apply(self, bits: npt.ArrayLike) -> Ints:
        """The options that a bit string stands for; of a packing they may use too much."""
        chosen = self.chosen.copy()
        swap = np.asarray(bits, dtype=bool)
        chosen[self.groups[swap]] = self.others[swap]
        return chosen
