"""Random schedules to be made, for tests and comparisons."""

from __future__ import annotations

import numpy as np

from quantum_backends.routing import Ints
from quantum_backends.schedules import ScheduleProblem


def random_schedule(
    requests: int,
    machines: int,
    seed: int,
    parts: int = 2,
    tightness: float = 2.0,
    price: float = 0.0,
    chains: bool = True,
    spread_s: float = 0.0,
) -> ScheduleProblem:
    """Requests of one fragment, of two at once, and (where wanted) of two after one another.

    Parameters
    ----------
    tightness : float
        Mean of the deadline over the request's quickest time; it varies by a third.
    price : float
        Of a second on each machine.
    chains : bool
        Some requests may also be served by two fragments in order, on fewer shots.
    spread_s : float
        Requests become ready within so many seconds, evenly; deadlines count from then.
    """
    rng = np.random.default_rng(seed)
    fixed = rng.uniform(0.5, 1.5, machines)
    speed = rng.uniform(0.5, 1.5, machines)
    variants: list[list[tuple[int, tuple[int, ...]]]] = []
    first_variant, deadline, ready_at = [0], [], []
    for _ in range(requests):
        shots = int(rng.integers(2, 9))
        options: list[list[tuple[int, tuple[int, ...]]]] = [[(shots, ())]]
        if rng.random() < 0.5:
            options.append([(shots // 2 + 1, ()), (shots // 2 + 1, ())])
        if chains and rng.random() < 0.5:
            options.append([(shots // 3 + 1, ()), (shots // 3 + 1, (0,))])
        variants += options
        first_variant.append(len(variants))
        begin = float(rng.uniform(0, spread_s)) if spread_s else 0.0
        quickest = float(np.min(fixed + shots * speed))
        ready_at += [begin] * sum(map(len, options))
        deadline.append(begin + quickest * tightness * rng.uniform(2 / 3, 4 / 3))
    first_fragment = _ints([0, *np.cumsum([len(v) for v in variants])])
    flat = [fragment for variant in variants for fragment in variant]
    first = np.repeat(first_fragment[:-1], np.diff(first_fragment))
    parents = [[int(first[i]) + up for up in after] for i, (_, after) in enumerate(flat)]
    shot_s = speed * rng.uniform(0.9, 1.1, (len(flat), machines))
    # Not every machine takes every fragment, but one does.
    barred = rng.random(shot_s.shape) < 0.2
    barred[np.arange(len(flat)), rng.integers(machines, size=len(flat))] = False
    lag = np.full((machines, machines), 0.1) - np.diag(np.full(machines, 0.1))
    return ScheduleProblem(
        release=rng.uniform(0, 2, machines) * (rng.random(machines) < 0.5),
        close=np.full(machines, np.inf),
        fixed=fixed,
        value_of_request=np.ones(requests),
        deadline=np.array(deadline),
        first_variant=_ints(first_variant),
        first_fragment=first_fragment,
        shots=_ints([shots for shots, _ in flat]),
        shot_s=np.where(barred, np.inf, shot_s),
        ready=np.repeat(np.array(ready_at, dtype=float)[:, None], machines, axis=1),
        parent_start=_ints([0, *np.cumsum([len(p) for p in parents])]),
        parent=_ints([p for some in parents for p in some]),
        lag=lag,
        parts=parts,
        price=np.full(machines, price),
    )


def _ints(values: object) -> Ints:
    return np.asarray(values, dtype=np.int64)
