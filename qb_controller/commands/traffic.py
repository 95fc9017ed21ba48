"""``qb traffic``: a traffic matrix whose fractional optimum has a chosen MLU."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

from qb_controller.commands.output import (
    Stopwatch,
    add_json,
    bits,
    only_answers,
    percent,
    write_json,
)
from qb_controller.errors import InputError
from topologies.graph import Topology
from topologies.traffic import Matrix


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--topology", required=True, metavar="NAME|FILE", help="built-in name or topology file"
    )
    parser.add_argument(
        "--mlu",
        type=_positive,
        default=0.9,
        help="maximum link utilisation of the best possible split routing (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the gravity model (default: 0)")
    parser.add_argument(
        "--hour", type=float, default=20.0, help="universal time, 0 to 24 (default: 20)"
    )
    parser.add_argument(
        "--matrix", metavar="FILE", help="scale this matrix instead of making one by gravity"
    )
    parser.add_argument(
        "--index", type=int, default=0, metavar="I", help="which matrix of the file (from 0)"
    )
    parser.add_argument(
        "--unit", type=_positive, default=1.0, help="bit/s of one unit in a file of plain numbers"
    )
    parser.add_argument(
        "--largest",
        type=_positive,
        default=10e6,
        metavar="BIT/S",
        help="scale the topology so that its largest link has this capacity, as the live "
        "network does (default: 10e6)",
    )
    parser.add_argument("--out", metavar="F.json", help="write the matrix to this file")
    add_json(parser)


def _positive(text: str) -> float:
    value = float(text)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text}: want a number above 0")
    return value


def run(name: str, args: argparse.Namespace) -> int:
    from topologies import load, scaled

    watch = Stopwatch()
    if not 0 <= args.hour <= 24:
        raise InputError(f"--hour {args.hour:g}: want 0 to 24")
    topology = scaled(load(args.topology), args.largest)
    matrix, optimum = scale_to(topology, _matrix(args, topology), args.mlu)
    summary: dict[str, Any] = {
        "name": matrix.name,
        "topology": topology.name,
        "nodes": len(topology.nodes),
        "links": len(topology.edges),
        "largest": args.largest,
        "demands": len(matrix.demands),
        "offered": matrix.total,
        "mlu": args.mlu,
        "factor": args.mlu / optimum,
    }
    if args.matrix is None:
        summary |= {"seed": args.seed, "hour": args.hour}
    if args.out is not None:
        # The readers of matrix files take `name` and `demands` and leave the rest to people.
        write_json({**json.loads(matrix.to_json()), "made": summary}, args.out)
    if args.json is not None:
        seed = None if args.matrix else args.seed
        write_json({**summary, "meta": watch.meta(seed)}, args.json)
        return 0
    print(
        f"{matrix.name}: {summary['demands']} demands on {topology.name}, "
        f"{bits(matrix.total)} in all; best possible MLU {percent(args.mlu)}"
        + (f"; written to {args.out}" if args.out else "")
    )
    return 0


def scale_to(topology: Topology, matrix: Matrix, mlu: float) -> tuple[Matrix, float]:
    """Scale a matrix to a fractional optimum of ``mlu``; also return the optimum it had.

    Raises
    ------
    InputError
        The matrix is empty or a demand has no path.
    """
    from qb_controller.commands.instances import routing_problem
    from quantum_backends.bounds import fractional_mlu

    if not matrix.demands:
        raise InputError(f"matrix {matrix.name}: no demand above zero, nothing to scale")
    with only_answers():
        optimum = fractional_mlu(routing_problem(topology, matrix))
    return matrix.scaled(mlu / optimum), optimum


def _matrix(args: argparse.Namespace, topology: Topology) -> Matrix:
    from topologies.gravity import gravity
    from topologies.traffic import read_matrix

    if args.matrix is not None:
        return read_matrix(args.matrix, topology, args.index, args.unit)
    name = f"{topology.name}-gravity-{args.seed}-{args.hour:g}h"
    return Matrix(name, gravity(topology, args.seed, args.hour))
