"""A few requests of a schedule with all others held on their machines: a packing.

The requests of the part are taken off the timelines, and each may go to one of a few places, or
wait. What places compete for is time before deadlines. Pieces of a machine run in the order in
which they are due (see :mod:`quantum_backends.schedule_lines`), so a set of new pieces is in time
if, for every date d, those due by d need no more than the room that the others leave before d:
``min(d, close) - end of what is due by d``. These are linear capacities, one for each machine and
date; a date whose room is no less than that of a later one says nothing of its own and is left
out. That the machine may have to wait for a piece to become ready is not counted, so a place that
turns out late is left at the end (:meth:`SchedulePart.apply`).

Worths are those of the requests less the price of the time they take, as insertion counts it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantum_backends import schedule_places as kernels
from quantum_backends.packing import PackingProblem
from quantum_backends.routing import Floats, Ints
from quantum_backends.schedule_lines import Lines, Table

_Dates = list[tuple[Floats, Floats]]
"""For each machine dates, rising, and the room before each."""


@dataclass(frozen=True, eq=False)
class SchedulePart:
    """The packing and what inverts it.

    Attributes
    ----------
    problem : PackingProblem
        One group for each request of the part; its option 0 is to wait.
    table : Table
    kept : Lines
        The timelines without the requests of the part.
    requests : int array (g,)
    rows : tuple of float array (n, 5)
        By flat option, the places of its pieces.
    """

    problem: PackingProblem
    table: Table
    kept: Lines
    requests: Ints
    rows: tuple[Floats, ...]

    def apply(self, flat: Ints, order: Ints) -> Lines:
        """Timelines with the options taken; then what else of an order is worth inserting is.

        Parameters
        ----------
        flat : int array (g,)
        order : int array
            Requests, with or without those of the part.
        """
        lines = kernels.copy_of(self.kept)
        for o in flat.tolist():
            if len(self.rows[o]):
                kernels.put(self.table, lines, self.rows[o])
        kernels.fill(self.table, lines, order)
        return lines


def schedule_part(table: Table, lines: Lines, requests: Ints, options: int) -> SchedulePart:
    """Build the part.

    Parameters
    ----------
    table : Table
        With a ``shot_s`` that may be written to.
    lines : Lines
        Never changed.
    requests : int array (g,)
        Different requests, on the timelines or not.
    options : int
        Most places of a request.
    """
    kept = kernels.copy_of(lines)
    scratch = np.empty((kernels.most_rows(table.first_fragment, table.parts), kernels.COLUMNS))
    for r in requests.tolist():
        kernels.take(table, kept, r, scratch)
    first, worth, rows = [0], [], []
    for r in requests.tolist():
        found = kernels.places(table, kept, r, options)
        worth += [0.0, *(float(table.value[r]) - cost for cost, _ in found)]
        rows += [np.empty((0, kernels.COLUMNS)), *(each for _, each in found)]
        first.append(len(worth))
    dates = _dates(table, kept, np.concatenate(rows))
    start, resource, amount, capacity = _use(table, dates, rows)
    problem = PackingProblem(np.array(first), np.array(worth), start, resource, amount, capacity)
    return SchedulePart(problem, table, kept, requests, tuple(rows))


def _dates(table: Table, kept: Lines, new: Floats) -> _Dates:
    found = []
    for m in range(len(kept.n)):
        n = int(kept.n[m])
        due = kept.due[m, :n]
        dates = np.unique(np.concatenate((due, new[new[:, 1] == m, 4])))
        ends = np.concatenate(([table.release[m]], kept.end[m, :n]))
        room = np.minimum(dates, table.close[m]) - ends[np.searchsorted(due, dates, "right")]
        later = np.minimum.accumulate(room[::-1])[::-1]
        tells = np.append(room[:-1] < later[1:], True) if len(dates) else np.zeros(0, bool)
        found.append((dates[tells], np.maximum(room[tells], 0.0)))
    return found


def _use(table: Table, dates: _Dates, rows: list[Floats]) -> tuple[Ints, Ints, Floats, Floats]:
    """What options use, as a packing lists it: start, resource, amount; and the capacities."""
    offset = np.concatenate(([0], np.cumsum([len(each) for each, _ in dates]))).astype(np.int64)
    start, resource, amount = [0], [], []
    for option in rows:
        used: dict[int, float] = {}
        for f, m, shots, _, due in option.tolist():
            machine = int(m)
            work = float(table.fixed[machine] + shots * table.shot_s[int(f), machine])
            for k in range(int(np.searchsorted(dates[machine][0], due)), len(dates[machine][0])):
                at = int(offset[machine]) + k
                used[at] = used.get(at, 0.0) + work
        resource += list(used)
        amount += list(used.values())
        start.append(len(resource))
    return (
        np.array(start),
        np.array(resource, dtype=np.int64),
        np.array(amount, dtype=np.float64),
        np.concatenate([room for _, room in dates]) if dates else np.zeros(0),
    )
