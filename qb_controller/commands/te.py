"""``qb te``: show and change the settings of traffic engineering."""

from __future__ import annotations

import argparse

from qb_controller.commands.client import Client, add_url
from qb_controller.commands.network import te_sentence
from qb_controller.commands.output import Stopwatch, add_json, write_json


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "state", nargs="?", choices=("on", "off"), help="optimise, or go back to shortest paths"
    )
    parser.add_argument(
        "--backend", metavar="NAME", help="pin a backend; `auto` lets the policy choose again"
    )
    parser.add_argument(
        "--split",
        action=argparse.BooleanOptionalAction,
        help="whether a pair may be split over several paths",
    )
    parser.add_argument(
        "--deadline", type=float, metavar="S", help="seconds from snapshot to verified plan"
    )
    add_json(parser)
    add_url(parser)


def run(name: str, args: argparse.Namespace) -> int:
    watch, client = Stopwatch(), Client(args.url)
    change: dict[str, object] = {}
    if args.state is not None:
        change["enabled"] = args.state == "on"
    if args.backend is not None:
        change["backend"] = None if args.backend == "auto" else args.backend
    if args.split is not None:
        change["split"] = args.split
    if args.deadline is not None:
        change["deadline_s"] = args.deadline
    te = client.send("PATCH", "/v1/te", change) if change else client.get("/v1/te")
    if args.json is not None:
        write_json({**te, "meta": watch.meta()}, args.json)
        return 0
    print(te_sentence(te))
    if not change:
        print(f"backends: {', '.join(te['backends'])}")
    return 0
