"""``qb solve``: route the demands of a file by the policy and the solvers of the live network.

The deadline counts from the parsed files to the verified plan, candidate paths included; loading
the solvers and the lower bound (computed apart, afterwards) are not part of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
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
    from quantum_backends.routing import RoutingProblem


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--graph", required=True, metavar="NAME|FILE", help="built-in topology or a file"
    )
    parser.add_argument(
        "--demands", required=True, metavar="FILE", help="traffic matrix (JSON, REPETITA, SNDlib)"
    )
    parser.add_argument(
        "--largest",
        type=float,
        metavar="BIT/S",
        help="scale the topology so that its largest link has this capacity (`qb traffic` does "
        "with 10e6); without it capacities are those of the file",
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
    parser.add_argument("--no-bound", action="store_true", help="leave the lower bound out")
    parser.add_argument("--out", metavar="F.json", help="write the plan to this file")
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    from topologies import load, scaled
    from topologies.traffic import read_matrix

    watch = Stopwatch()
    if not 0.01 <= args.deadline <= 3600:
        raise InputError(f"--deadline {args.deadline:g}: want 0.01 to 3600 seconds")
    topology = load(args.graph)
    if args.largest is not None:
        topology = scaled(topology, args.largest)
    matrix = read_matrix(args.demands, topology, args.index)
    with only_answers():
        answer = _solve(topology, matrix, args)
        report = _report(topology, matrix, args, answer)
    if args.out is not None:
        write_json({"instance": report["instance"], "routes": _routes(topology, answer)}, args.out)
    if args.json is not None:
        write_json({**report, "meta": watch.meta(args.seed)}, args.json)
    else:
        _tell(report)
    return 0


def _solve(topology: Topology, matrix: Matrix, args: argparse.Namespace) -> Answer:
    from qb_controller.commands.direct import Solver, backends_for, families_for, settings_of
    from qb_controller.commands.instances import routing_problem

    def make() -> RoutingProblem:
        return routing_problem(topology, matrix, args.split)

    pinned = None if args.backend == "auto" else args.backend
    settings = settings_of(args.deadline, args.split, pinned, args.seed)
    problem = make()
    backends = backends_for(problem.form, pinned)
    with Solver(backends, families_for(problem, settings, backends)) as solver:
        solver.warm(problem)
        return solver.answer(make, settings)


def _report(
    topology: Topology, matrix: Matrix, args: argparse.Namespace, answer: Answer
) -> dict[str, Any]:
    from quantum_backends.bounds import fractional_mlu

    mlu = answer.solution.value
    bound = None if args.no_bound else fractional_mlu(answer.problem)
    return {
        "instance": f"{topology.name}/{matrix.name}",
        "nodes": len(topology.nodes),
        "links": len(topology.edges),
        "demands": len(matrix.demands),
        "objective": "mlu",
        "split": args.split,
        "deadline_s": args.deadline,
        "elapsed_s": answer.elapsed_s,
        "on_time": answer.elapsed_s <= args.deadline,
        "backend": answer.solution.backend,
        "mlu": mlu,
        "bound": bound,
        "gap": mlu / bound - 1 if bound else None,
        "reason": answer.choice.reason,
        "detail": answer.detail,
    }


def _routes(topology: Topology, answer: Answer) -> list[dict[str, Any]]:
    """Routes of the plan by node names."""
    problem, names = answer.problem, [node.name for node in topology.nodes]
    heads = problem.head.tolist()
    return [
        {
            "source": names[source],
            "target": names[target],
            "paths": [
                {"share": share, "nodes": [names[source], *(names[heads[e]] for e in path)]}
                for share, path in zip(shares, paths, strict=True)
                if share > 0
            ],
        }
        for source, target, paths, shares in zip(
            problem.source.tolist(),
            problem.target.tolist(),
            problem.paths,
            answer.solution.answer,
            strict=True,
        )
    ]


def _tell(answer: Mapping[str, Any]) -> None:
    kind = "split over paths" if answer["split"] else "on single paths"
    print(
        f"{answer['instance']}: {answer['nodes']} nodes, {answer['links']} links, "
        f"{answer['demands']} demands {kind}"
    )
    late = "" if answer["on_time"] else ", LATE"
    print(
        f"MLU {answer['mlu']:.4f} by {answer['backend']} in {seconds(answer['elapsed_s'])} of "
        f"{seconds(answer['deadline_s'])}{late}"
    )
    if answer["bound"]:
        print(f"fractional optimum {answer['bound']:.4f}, gap {percent(answer['gap'])}")
    print(f"why: {answer['reason']}")
    if answer["detail"]:
        print(f"note: {answer['detail']}")
