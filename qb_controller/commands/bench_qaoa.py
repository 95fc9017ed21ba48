"""``qb bench qaoa``: QAOA of 8 to 20 qubits beside guessing, annealing and another's QAOA.

Blocks are swap blocks of seeded networks, at random stages of a search; the angles were trained
on other networks. Every optimum is known by enumeration. A cell is one block, sampler, depth and
kind of angles; finished cells are kept line by line in a file beside the answer.

* *guessing*: uniformly random strings, as many as the run had shots, those for optimising the
  angles included.
* *annealing*: simulated annealing of dwave-samplers for as long as the run took here.
* *qiskit-optimization*: its ``MinimumEigenOptimizer`` and QAOA, with as many circuits and shots.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qb_controller.commands.bench_te import Kept
from qb_controller.commands.output import Stopwatch, add_json, only_answers, write_json

if TYPE_CHECKING:
    from qb_controller.commands.bench_qaoa_trials import Case, Trial

SHOTS = 256
EVALUATIONS = 30


@dataclass(frozen=True)
class Plan:
    """Trials of one sampler and size: every depth with every number of evaluations.

    Attributes
    ----------
    scored : int
        Shots for the frequencies; 0 where probabilities are exact.
    quick : bool
        Whether ``--quick`` has it.
    """

    sampler: str
    qubits: int
    depths: tuple[int, ...]
    evaluations: tuple[int, ...]
    scored: int = 0
    quick: bool = True

    def trials(self) -> Iterator[Trial]:
        from qb_controller.commands.bench_qaoa_trials import Trial

        for depth in self.depths:
            for evaluations in self.evaluations:
                yield Trial(self.sampler, self.qubits, depth, evaluations, SHOTS, self.scored)


BOTH = (0, EVALUATIONS)
LONG = (EVALUATIONS, 300)
"""Of the other's QAOA: as many circuits, and as many as its optimiser asks for (about)."""

PLANS = (
    Plan("noiseless", 8, (1, 2, 3), BOTH),
    Plan("noisy", 8, (1, 2, 3), BOTH, scored=4096),
    Plan("qiskit-optimization", 8, (1, 2, 3), LONG),
    Plan("noiseless", 12, (1, 2, 3), BOTH),
    Plan("noisy", 12, (1,), (0,), scored=1024),
    Plan("qiskit-optimization", 12, (1, 2, 3), LONG),
    Plan("noiseless", 16, (1, 2, 3), BOTH),
    Plan("qiskit-optimization", 16, (1,), (EVALUATIONS,), quick=False),
    Plan("noiseless", 20, (1, 2, 3), (0,)),
    Plan("noiseless", 20, (1, 2, 3), (EVALUATIONS,), quick=False),
)

BLOCKS, QUICK_BLOCKS = {8: 4, 12: 4, 16: 3, 20: 2}, {8: 2, 12: 1, 16: 1, 20: 1}
"""By qubits; every line of a size is about the same blocks, which differ much."""

NOISY_STOPS = ((16, 32), (20, 2))
"""Qubits at which a noisy shot is only timed, and by how many shots."""


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="of networks, blocks and samples")
    parser.add_argument("--quick", action="store_true", help="fewer blocks, three minutes at most")
    parser.add_argument("--qubits", metavar="N,N", help="only those sizes")
    parser.add_argument("--plot", metavar="F.png", help="draw quality and time over qubits")
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    from qb_controller.commands.bench_qaoa_report import print_report, summary, write_picture

    watch = Stopwatch()
    sizes = _sizes(args.qubits)
    kept = Kept(args.json)
    with only_answers():
        bench = _Bench(args.seed, args.quick, kept)
        plans = [p for p in PLANS if p.qubits in sizes and (p.quick or not args.quick)]
        runs = [cell for plan in plans for cell in bench.runs(plan)]
        stops = [bench.stop(*stop) for stop in NOISY_STOPS if stop[0] in sizes]
    lines = summary(runs)
    print_report(lines, stops)
    if args.json is not None:
        answer = {"summary": lines, "runs": runs, "noisy_stops": stops}
        write_json({**answer, "meta": watch.meta(args.seed)}, args.json)
    if args.plot is not None:
        write_picture(lines, args.plot)
    return 0


def _sizes(text: str | None) -> set[int]:
    from qb_controller.errors import InputError

    known = {plan.qubits for plan in PLANS}
    if text is None:
        return known
    words = text.split(",")
    for word in words:
        if not word.isdigit() or int(word) not in known:
            raise InputError(f"--qubits {word}: there are {', '.join(map(str, sorted(known)))}")
    return {int(word) for word in words}


class _Bench:
    """Runs what is not kept yet; blocks and processors are made when first needed."""

    def __init__(self, seed: int, quick: bool, kept: Kept) -> None:
        from qb_controller.commands.bench_qaoa_trials import Samplers

        self._seed, self._kept = seed, kept
        self._blocks = QUICK_BLOCKS if quick else BLOCKS
        self._samplers = Samplers()
        self._cases: dict[int, list[Case]] = {}

    def runs(self, plan: Plan) -> Iterator[dict[str, Any]]:
        for trial in plan.trials():
            for block in range(self._blocks[plan.qubits]):
                yield self._run(trial, block)

    def _run(self, trial: Trial, block: int) -> dict[str, Any]:
        case = self._case(trial.qubits, block)
        key = (
            f"{trial.sampler} {trial.qubits} depth {trial.depth} evaluations {trial.evaluations} "
            f"shots {trial.shots} scored {trial.scored} block {case.digest} seed {self._seed}"
        )
        if (cell := self._kept.get(key)) is not None:
            return cell
        told = {
            "sampler": trial.sampler,
            "qubits": trial.qubits,
            "depth": trial.depth,
            "angles": trial.angles,
            "block": block,
        }
        found = self._samplers.measure(trial, case, self._seed + block)
        return self._kept.put(key, {**told, **found})

    def stop(self, qubits: int, shots: int) -> dict[str, Any]:
        key = f"noisy {qubits} seconds per shot"
        if (cell := self._kept.get(key)) is not None:
            return cell
        took = self._samplers.seconds_per_shot(qubits, shots, self._case(qubits, 0))
        told = {"qubits": qubits, "shots": SHOTS, "timed_shots": shots, "seconds_per_shot": took}
        return self._kept.put(key, told)

    def _case(self, qubits: int, block: int) -> Case:
        from qb_controller.commands.bench_qaoa_trials import cases

        if qubits not in self._cases:
            self._cases[qubits] = cases(qubits, self._blocks[qubits], self._seed)
        return self._cases[qubits][block]
