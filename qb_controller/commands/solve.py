"""``qb solve``: route the demands of a file by the policy and the solvers of the live network.

The deadline counts from the parsed files to the verified plan, candidate paths included; loading
the solvers and the bound (computed apart, afterwards) are not part of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from qb_controller.commands.output import (
    Stopwatch,
    add_json,
    only_answers,
    percent,
    seconds,
    write_json,
)
from qb_controller.errors import InputError
from topologies.graph import Topology
from topologies.traffic import Matrix

if TYPE_CHECKING:
    from qb_controller.commands.direct import Answer
    from quantum_backends.flow import Objective as FlowObjective
    from quantum_backends.problem import Problem

OBJECTIVES = ("mlu", "total-flow", "concurrent")


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--graph",
        required=True,
        metavar="NAME|FILE",
        help="built-in topology or a file (REPETITA, SNDlib native, GraphML)",
    )
    parser.add_argument(
        "--demands",
        required=True,
        metavar="FILE",
        help="traffic matrix (JSON, REPETITA, SNDlib, .npz, rows of numbers)",
    )
    parser.add_argument(
        "--objective",
        choices=OBJECTIVES,
        default="mlu",
        help="least maximum link utilisation; most traffic served in all; largest share of every "
        "demand (the two flows over up to --paths edge-disjoint paths; default: %(default)s)",
    )
    parser.add_argument("--paths", type=int, metavar="K", help="of a demand, for the flows (4)")
    parser.add_argument(
        "--largest",
        type=float,
        metavar="BIT/S",
        help="scale the topology so that its largest link has this capacity (`qb traffic` does "
        "with 10e6); without it capacities are those of the file",
    )
    parser.add_argument(
        "--capacity", type=float, metavar="C", help="give every link this capacity, in --unit"
    )
    parser.add_argument(
        "--unit", type=float, default=1.0, help="bit/s of one unit in files of plain numbers"
    )
    parser.add_argument("--index", type=int, default=0, help="which matrix of the file (from 0)")
    parser.add_argument(
        "--split", action="store_true", help="a demand may use several paths (else one)"
    )
    parser.add_argument(
        "--deadline", type=float, default=1.0, metavar="S", help="seconds (default: %(default)s)"
    )
    parser.add_argument(
        "--backend", default="auto", metavar="NAME", help="auto (the policy chooses) or a backend"
    )
    parser.add_argument("--seed", type=int, default=0, help="of solvers that draw (default: 0)")
    parser.add_argument("--no-bound", action="store_true", help="leave the bound out")
    parser.add_argument("--out", metavar="F.json", help="write the plan to this file")
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    from qb_controller.commands.instances import read_instance

    watch = Stopwatch()
    _check(args)
    topology, matrix = read_instance(
        args.graph, args.demands, args.index, args.largest, args.capacity, args.unit
    )
    with only_answers():
        answer = _solve(topology, matrix, args)
        report = {
            "instance": f"{topology.name}/{matrix.name}",
            "nodes": len(topology.nodes),
            "links": len(topology.edges),
            "demands": len(matrix.demands),
            "objective": args.objective,
            "split": args.split or args.objective != "mlu",
            **report_of(answer, args.deadline, not args.no_bound),
        }
    if args.out is not None:
        write_json({"instance": report["instance"], "routes": _routes(topology, answer)}, args.out)
    if args.json is not None:
        write_json({**report, "meta": watch.meta(args.seed)}, args.json)
    else:
        _tell(report)
    return 0


def _check(args: argparse.Namespace) -> None:
    if not 0.01 <= args.deadline <= 3600:
        raise InputError(f"--deadline {args.deadline:g}: want 0.01 to 3600 seconds")
    for option in ("capacity", "unit", "largest", "paths"):
        value = getattr(args, option)
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"--{option} {value:g}: want a number above 0")
    if args.paths is not None and args.objective == "mlu":
        raise InputError("--paths is for --objective total-flow and concurrent")


def _solve(topology: Topology, matrix: Matrix, args: argparse.Namespace) -> Answer:
    from qb_controller.commands.direct import Solver, backends_for, families_for, settings_of

    make = maker(topology, matrix, args.objective, args.split, args.paths)
    pinned = None if args.backend == "auto" else args.backend
    settings = settings_of(args.deadline, args.split, pinned, args.seed)
    problem = make()
    backends = backends_for(problem.form, pinned)
    with Solver(backends, families_for(problem, settings, backends)) as solver:
        solver.warm(problem.form)
        return solver.answer(make, settings)


def maker(
    topology: Topology, matrix: Matrix, objective: str, split: bool, paths: int | None = None
) -> Callable[[], Problem]:
    """How to make the problem of parsed files, which is part of the time that counts."""
    from qb_controller.commands.instances import DISJOINT, flow_problem, routing_problem

    if objective == "mlu":
        return partial(routing_problem, topology, matrix, split)
    which: FlowObjective = "concurrent" if objective == "concurrent" else "total"
    return partial(flow_problem, topology, matrix, which, paths or DISJOINT)


def report_of(answer: Answer, deadline_s: float, bounded: bool) -> dict[str, Any]:
    """The figures of an answer that every report of a solve has.

    Of routing ``mlu bound gap``; of flows ``flow bound ratio``, where the bound is the optimum of
    the linear program over the same paths, and for a concurrent flow also ``mlu``, its reciprocal.
    """
    from quantum_backends.bounds import fractional_mlu

    problem, solution = answer.problem, answer.solution
    report: dict[str, Any] = {
        "deadline_s": deadline_s,
        "elapsed_s": answer.elapsed_s,
        "on_time": answer.elapsed_s <= deadline_s,
        "backend": solution.backend,
    }
    if problem.form == "routing":
        bound = fractional_mlu(problem) if bounded else None
        gap = solution.value / bound - 1 if bound else None
        report |= {"mlu": solution.value, "bound": bound, "gap": gap}
    else:
        flow, bound = problem.flow(solution.answer), _most_flow(problem) if bounded else None
        report |= {"flow": flow, "bound": bound, "ratio": flow / bound if bound else None}
        if problem.objective == "concurrent":
            report["mlu"] = solution.value
        elif bounded:
            report["offered"] = float(problem.volume.sum())
    return report | {"reason": answer.decision.reason, "detail": answer.detail}


def _most_flow(problem: Any) -> float:
    from quantum_backends.registry import BACKENDS
    from quantum_backends.solver import Budget

    best = BACKENDS["highs-lp"].solve(problem, Budget(3600.0), 0)
    return float(problem.flow(best.answer))


def _routes(topology: Topology, answer: Answer) -> list[dict[str, Any]]:
    """Routes of the plan by node names, with the share of the demand on each path."""
    problem, names = answer.problem, [node.name for node in topology.nodes]
    heads, paths, shares = problem.head.tolist(), problem.paths, answer.solution.answer
    if problem.form == "flow":
        each = shares / problem.volume[paths.demand]
        first = paths.first.tolist()
        shares = [each[a:b].tolist() for a, b in pairwise(first)]
        paths = paths.nested()
    return [
        {
            "source": names[source],
            "target": names[target],
            "paths": [
                {"share": part, "nodes": [names[source], *(names[heads[e]] for e in path)]}
                for part, path in zip(parts, choices, strict=True)
                if part > 0
            ],
        }
        for source, target, choices, parts in zip(
            problem.source.tolist(), problem.target.tolist(), paths, shares, strict=True
        )
    ]


def _tell(answer: Mapping[str, Any]) -> None:
    kind = "split over paths" if answer["split"] else "on single paths"
    print(
        f"{answer['instance']}: {answer['nodes']} nodes, {answer['links']} links, "
        f"{answer['demands']} demands {kind}"
    )
    late = "" if answer["on_time"] else ", LATE"
    how = (
        f"by {answer['backend']} in {seconds(answer['elapsed_s'])} of "
        f"{seconds(answer['deadline_s'])}{late}"
    )
    if "flow" not in answer:
        print(f"MLU {answer['mlu']:.4f} {how}")
        if answer["bound"]:
            print(f"fractional optimum {answer['bound']:.4f}, gap {percent(answer['gap'])}")
    elif answer["objective"] == "concurrent":
        print(f"{percent(answer['flow'])} of every demand (MLU {answer['mlu']:.4f}) {how}")
    else:
        print(f"flow {answer['flow']:.6g} {how}")
    if "flow" in answer and answer["bound"]:
        print(f"optimum over these paths {answer['bound']:.6g}, {percent(answer['ratio'])} of it")
    print(f"why: {answer['reason']}")
    if answer["detail"]:
        print(f"note: {answer['detail']}")
