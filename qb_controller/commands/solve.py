"""``qb solve``: route the demands of a file with the very code that steers the live network.

One cycle of the orchestration, from snapshot to verified plan, on a network made from the file.
The deadline counts from the parsed files to the verified plan, candidate paths included; loading
the solvers and the lower bound (computed apart, afterwards) are not part of it.
"""

from __future__ import annotations

import argparse
import time
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
from qb_controller.errors import InputError, QBError
from qb_controller.model.network import Link, Network, Switch
from qb_controller.model.plan import WEIGHT_TOTAL
from qb_controller.model.telemetry import Demand, NetworkSnapshot
from topologies.graph import Topology
from topologies.traffic import Matrix

if TYPE_CHECKING:
    from qb_controller.runtime.messages import CycleResult


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
        result = _solve(topology, matrix, args)
        _check(result)
        bound = None if args.no_bound else _bound(topology, matrix)
    answer = _answer(topology, matrix, args, result, bound)
    if args.out is not None:
        write_json({"instance": answer["instance"], "routes": _routes(topology, result)}, args.out)
    if args.json is not None:
        write_json({**answer, "meta": watch.meta(args.seed)}, args.json)
    else:
        _tell(answer)
    return 0


def network_of(topology: Topology) -> Network:
    """Network whose link e leaves its switch by port e + 1; node i is datapath id i + 1."""
    switches = tuple(Switch(i + 1, node.name) for i, node in enumerate(topology.nodes))
    ports = {(edge.src, edge.dst): e + 1 for e, edge in enumerate(topology.edges)}
    links = tuple(
        Link(
            edge.src + 1,
            ports[edge.src, edge.dst],
            edge.dst + 1,
            # A one-way edge arrives at a port that sends nothing.
            ports.get((edge.dst, edge.src), len(ports) + e + 1),
            edge.capacity,
            edge.delay_s,
        )
        for e, edge in enumerate(topology.edges)
    )
    return Network(switches, links, version=1)


def _solve(topology: Topology, matrix: Matrix, args: argparse.Namespace) -> CycleResult:
    from qb_controller.applications.traffic_engineering import TrafficEngineering
    from qb_controller.orchestration.cycle import solve_once
    from qb_controller.runtime.messages import Settings
    from quantum_backends.registry import BACKENDS

    pinned = None if args.backend == "auto" else args.backend
    if pinned is not None and pinned not in BACKENDS:
        known = ", ".join(sorted(BACKENDS))
        raise InputError(f"--backend {pinned}: no such backend; there are auto, {known}")
    demands = tuple(
        Demand(source + 1, target + 1, rate)
        for (source, target), rate in sorted(matrix.demands.items())
    )
    snapshot = NetworkSnapshot(network_of(topology), demands, (), time.time())
    # There is no traffic to disturb, so any gain is worth a move.
    settings = Settings(
        deadline_s=args.deadline,
        split=args.split,
        pinned_backend=pinned,
        min_gain=0.0,
        full_gain=0.0,
        quiet_mlu=0.0,
        seed=args.seed,
    )
    backends = BACKENDS if pinned is None else {pinned: BACKENDS[pinned]}
    return solve_once(snapshot, settings, TrafficEngineering(), backends)


def _check(result: CycleResult) -> None:
    """Raise QBError where the cycle gave no answer that could be reported."""
    outcome = result.decision.outcome
    if outcome is None or outcome.status in ("failed", "rejected"):
        backend, detail = result.decision.backend, outcome.detail if outcome else "no outcome"
        raise QBError(f"no plan from {backend}: {detail}")


def _bound(topology: Topology, matrix: Matrix) -> float:
    from qb_controller.commands.instances import routing_problem
    from quantum_backends.bounds import fractional_mlu

    return fractional_mlu(routing_problem(topology, matrix))


def _answer(
    topology: Topology,
    matrix: Matrix,
    args: argparse.Namespace,
    result: CycleResult,
    bound: float | None,
) -> dict[str, Any]:
    decision, outcome = result.decision, result.decision.outcome
    assert outcome is not None  # _check saw to it
    mlu = result.plan.mlu if result.plan is not None else outcome.mlu
    return {
        "instance": f"{topology.name}/{matrix.name}",
        "nodes": len(topology.nodes),
        "links": len(topology.edges),
        "demands": len(matrix.demands),
        "objective": "mlu",
        "split": args.split,
        "deadline_s": args.deadline,
        "elapsed_s": outcome.elapsed_s,
        "on_time": outcome.elapsed_s <= args.deadline,
        "backend": decision.backend,
        "mlu": mlu,
        "bound": bound,
        "gap": mlu / bound - 1 if bound else None,
        "status": outcome.status,
        "reason": decision.reason,
        "detail": outcome.detail,
    }


def _routes(topology: Topology, result: CycleResult) -> list[dict[str, Any]]:
    """Routes of the plan by node names; pairs without one follow shortest paths."""
    nodes = topology.nodes
    if result.plan is None:
        return []
    return [
        {
            "source": nodes[route.ingress - 1].name,
            "target": nodes[route.egress - 1].name,
            "paths": [
                {
                    "share": share.weight / WEIGHT_TOTAL,
                    "nodes": [nodes[dpid - 1].name for dpid in share.path.dpids],
                }
                for share in route.shares
            ],
        }
        for route in result.plan.plan.routes
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
    if answer["detail"] and answer["detail"] != answer["reason"]:
        print(f"outcome: {answer['status']}: {answer['detail']}")
