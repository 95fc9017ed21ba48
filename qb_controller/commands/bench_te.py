"""``qb bench te``: every backend on every instance at every deadline, through the real runtime.

A cell is one instance, one deadline and one backend (or ``auto``, the policy without memory of
earlier cells). Finished cells are kept line by line in a file beside the answer and are not run
again. The time counts from the parsed files to the verified plan, candidate paths included.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from qb_controller.commands.bench_te_report import print_summary, write_picture
from qb_controller.commands.finished import add_line, finished_lines
from qb_controller.commands.output import Stopwatch, add_json, only_answers, write_json
from qb_controller.errors import InputError

BACKENDS = ("auto", "highs-mip", "local-search", "sa-blocks", "qaoa-blocks")
"""Run where none are named (of split plans ``auto`` and ``highs-lp``)."""

QUICK_INSTANCES = "Abilene.0000,Geant2012.0000,synth50,mesh-50-0"
QUICK_LONGEST_S = 2.0


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, metavar="DIR", help="folder with repetita/")
    parser.add_argument("--deadlines", default="0.1,0.5,2,10", metavar="S,S", help="in seconds")
    parser.add_argument(
        "--backends", metavar="A,B", help=f"auto and names (default: {','.join(BACKENDS)})"
    )
    parser.add_argument("--instances", metavar="A,B", help="only those that begin so")
    parser.add_argument("--split", action="store_true", help="demands may use several paths")
    parser.add_argument("--plot", metavar="F.png", help="draw gap over time")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_INSTANCES}, deadlines up to {QUICK_LONGEST_S:g} s",
    )
    parser.add_argument("--seed", type=int, default=0)
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    from qb_controller.commands.bench_te_instances import instances

    watch = Stopwatch()
    deadlines = _deadlines(args)
    names = _names(args)
    found = instances(args.data, args.split, args.instances, QUICK_INSTANCES if args.quick else "")
    kept = Kept(args.json)
    with only_answers():
        runs = list(_runs(found, deadlines, names, args, kept))
    print_summary(runs)
    if args.plot is not None:
        write_picture(runs, args.plot)
    if args.json is not None:
        write_json({"runs": runs, "meta": watch.meta(args.seed)}, args.json)
    return 0


def _deadlines(args: argparse.Namespace) -> list[float]:
    try:
        values = [float(word) for word in args.deadlines.split(",")]
    except ValueError:
        raise InputError(f"--deadlines {args.deadlines}: want seconds, such as 0.1,0.5") from None
    if not all(0.01 <= value <= 3600 for value in values):
        raise InputError(f"--deadlines {args.deadlines}: each must be 0.01 to 3600 seconds")
    return [value for value in values if not args.quick or value <= QUICK_LONGEST_S]


def _names(args: argparse.Namespace) -> list[str]:
    from qb_controller.commands.direct import backends_for

    default = ",".join(("auto", "highs-lp") if args.split else BACKENDS)
    names = [name for name in (args.backends or default).split(",") if name]
    for name in names:
        backends_for("routing", None if name == "auto" else name)
    return names


class Kept:
    """Finished cells, one JSON object a line.

    Parameters
    ----------
    target : str or None
        File of the answer; ``None`` or ``-`` keep nothing.
    """

    def __init__(self, target: str | None) -> None:
        self._path = Path(f"{target}.cells.jsonl") if target not in (None, "-") else None
        self._cells: dict[str, dict[str, Any]] = {}
        for number, line in finished_lines(self._path):
            try:
                cell = json.loads(line)
                self._cells[cell["cell"]] = cell
            except (json.JSONDecodeError, KeyError, TypeError):
                raise InputError(f"{self._path}:{number}: not a finished cell") from None

    def get(self, key: str) -> dict[str, Any] | None:
        """A finished cell, if it is there."""
        return self._cells.get(key)

    def put(self, key: str, cell: dict[str, Any]) -> dict[str, Any]:
        """Keep a cell and return it."""
        cell = {"cell": key, **cell}
        add_line(self._path, json.dumps(cell))
        return cell


def _runs(
    found: Sequence[Any],
    deadlines: Sequence[float],
    names: Sequence[str],
    args: argparse.Namespace,
    kept: Kept,
) -> Iterator[dict[str, Any]]:
    from qb_controller.commands.direct import Solver, backends_for

    pool: dict[str, Any] = {}
    for name in names:
        pool |= backends_for("routing", None if name == "auto" else name)
    with Solver(pool, {backend.family for backend in pool.values()}) as solver:
        solver.warm("routing")
        for instance in found:
            key = f"bound {instance.name} {instance.seeded}"
            bound = kept.get(key) or kept.put(key, {"bound": instance.bound()})
            for deadline in deadlines:
                for name in names:
                    key = f"{instance.name} {deadline:g} {name} {args.split} {args.seed}"
                    yield kept.get(key) or kept.put(
                        key, _cell(solver, instance, bound["bound"], deadline, name, args)
                    )


def _cell(
    solver: Any,
    instance: Any,
    bound: float,
    deadline: float,
    name: str,
    args: argparse.Namespace,
) -> dict[str, Any]:
    from qb_controller.commands.direct import settings_of
    from qb_controller.commands.solve import report_of

    pinned = None if name == "auto" else name
    solver.ready()
    answer = solver.answer(instance.make, settings_of(deadline, args.split, pinned, args.seed))
    report = report_of(answer, deadline, False)
    problem = answer.problem
    solved = [at for at, _ in answer.curve[1:]]
    return {
        "instance": instance.name,
        "group": instance.group,
        "nodes": problem.n_nodes,
        "links": problem.n_links,
        "demands": problem.n_demands,
        "objective": "mlu",
        "split": args.split,
        "asked": name,
        **report,
        "bound": bound,
        "gap": report["mlu"] / bound - 1 if bound > 0 else None,
        "first_plan_s": answer.curve[0][0],
        "first_answer_s": solved[0] if solved else None,
        "curve": [[at, value] for at, value in answer.curve if math.isfinite(value)],
    }
