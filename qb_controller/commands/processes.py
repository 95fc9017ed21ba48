"""What processes use, by /proc."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def tree(pid: int) -> list[int]:
    """A process and all that descend from it.

    Returns
    -------
    list of int
        Process ids, empty where the process is gone.
    """
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(one for child in children for one in tree(child))]


def resident_bytes(pids: Sequence[int]) -> int:
    """Sum of the resident memory of processes; pages they share are counted in each."""
    total = 0
    for pid in pids:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            continue
        total += pages * os.sysconf("SC_PAGE_SIZE")
    return total


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time that processes have used so far."""
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total
