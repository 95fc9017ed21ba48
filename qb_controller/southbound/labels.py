"""Labels: paths written into the destination MAC address (Agarwal et al., "Shadow MACs", 2014).

A label is a locally administered unicast address: the octet 0x0a, then 40 bits::

    ingress number 12 | egress number 12 | path 4 | epoch 12

The numbers are small numbers of switches (:class:`Numbers`). One label always means one path; when
a path changes it gets another label, so packets under way never see a mixture.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

BASE = 0xFFF
"""Ingress number of base labels: the shortest-path tree towards the egress, from anywhere."""

PATHS = 1 << 4
EPOCHS = 1 << 12

_OCTET = 0x0A << 40


class Label(NamedTuple):
    """A path's name inside packets.

    Attributes
    ----------
    ingress, egress : int
        Switch numbers, 0 to 0xfff; ingress :data:`BASE` for a tree.
    path : int
        Tells the paths of one pair and epoch apart, 0 to 15.
    epoch : int
        Generation, 0 to 4095, wrapping.
    """

    ingress: int
    egress: int
    path: int
    epoch: int

    @property
    def mac(self) -> str:
        return _mac(_OCTET | self.ingress << 28 | self.egress << 16 | self.path << 12 | self.epoch)


def parse(mac: str) -> Label | None:
    """Read a label back; None for an address that is none (another first octet, or malformed)."""
    if len(mac) != 17 or not mac.startswith("0a:"):
        return None
    try:
        value = int(mac.replace(":", ""), 16)
    except ValueError:
        return None
    return Label(value >> 28 & 0xFFF, value >> 16 & 0xFFF, value >> 12 & 0xF, value & 0xFFF)


def fresh(ingress: int, egress: int, epoch: int, used: Collection[Label]) -> Iterator[Label]:
    """Labels of a pair that are in no use, from an epoch on and around the end of the numbers.

    There are 65,536 for each pair, far more than drains can hold back; running out is an error in
    the caller, not a state of the network, and ends in :class:`StopIteration`.
    """
    for step in range(EPOCHS):
        for path in range(PATHS):
            label = Label(ingress, egress, path, (epoch + step) % EPOCHS)
            if label not in used:
                yield label


def egress_mask(egress: int) -> tuple[str, str]:
    """Value and mask that match every label towards one egress number."""
    return _mac(_OCTET | egress << 16), _mac(0xFF << 40 | 0xFFF << 16)


class Numbers:
    """Small numbers of switches: the datapath id itself where it fits, else assigned from the top.

    A number once given is kept for good, so labels mean the same throughout; the table is stored
    with the controller's state and can also be read back from the switches.

    Parameters
    ----------
    known : mapping of int to int, optional
        Numbers by datapath id.
    """

    def __init__(self, known: Mapping[int, int] | None = None) -> None:
        self._number = dict(known or {})
        self._dpid = {number: dpid for dpid, number in self._number.items()}

    def of(self, dpid: int) -> int:
        """Number of a switch, assigned at the first request.

        Raises
        ------
        ValueError
            All 4,095 numbers are taken.
        """
        number = self._number.get(dpid)
        if number is None:
            number = dpid if 0 <= dpid < BASE and dpid not in self._dpid else self._free()
            self._number[dpid] = number
            self._dpid[number] = dpid
        return number

    def dpid(self, number: int) -> int | None:
        """Switch of a number, None where it was never given."""
        return self._dpid.get(number)

    def learn(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Take over (datapath id, number) pairs found elsewhere, where they contradict nothing."""
        for dpid, number in pairs:
            if dpid not in self._number and number not in self._dpid:
                self._number[dpid] = number
                self._dpid[number] = dpid

    def to_json(self) -> dict[str, int]:
        """Numbers by datapath id in decimal, fit for JSON."""
        return {str(dpid): number for dpid, number in sorted(self._number.items())}

    @classmethod
    def from_json(cls, table: Mapping[str, int]) -> Numbers:
        """Undo :meth:`to_json`.

        Raises
        ------
        ValueError
            A key is no number, a number is out of range or given twice.
        """
        known = {int(dpid): number for dpid, number in table.items()}
        for dpid, number in known.items():
            if not isinstance(number, int) or not 0 <= number < BASE:
                raise ValueError(f"switch {dpid}: number {number!r} is not in 0..{BASE - 1}")
        if len(set(known.values())) != len(known):
            raise ValueError("two switches have the same number")
        return cls(known)

    def _free(self) -> int:
        # From the top, because real datapath ids of small networks sit at the bottom.
        for number in range(BASE - 1, -1, -1):
            if number not in self._dpid:
                return number
        raise ValueError(f"all {BASE} switch numbers are taken")


@lru_cache(maxsize=1 << 15)
def _mac(value: int) -> str:
    digits = f"{value:012x}"
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
