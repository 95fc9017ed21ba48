"""``qb bench live``: what the controller does on a real network of Open vSwitch switches.

Utilisations, ratios and losses are fractions (0.01 is one percent); other units end the keys.
Everything started is ended and removed, whatever happens.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qb_controller.commands.bench_cuts import cuts, reroutes
from qb_controller.commands.bench_matrices import reaction, utilisation
from qb_controller.commands.bench_scale import scale
from qb_controller.commands.bench_setting import Setting
from qb_controller.commands.bench_slices_live import slices
from qb_controller.commands.bench_stall import stall
from qb_controller.commands.lab import LabError, missing
from qb_controller.commands.output import Stopwatch, add_json, write_json
from qb_controller.errors import InputError, QBError
from topologies.client import LiveError

BENCHMARKS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "utilisation": utilisation,
    "reroutes": reroutes,
    "cuts": cuts,
    "reaction": reaction,
    "stall": stall,
    "scale": scale,
    "slices": slices,
}

DEFAULT_DATA = Path("../shared/data")


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", metavar="NAMES", help=f"some of {','.join(BENCHMARKS)} (default: all)"
    )
    parser.add_argument("--quick", action="store_true", help="fewer repetitions of the same")
    parser.add_argument("--seed", type=int, default=0, help="of made traffic (default: 0)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR",
        help=f"has repetita/Abilene.graph and so on (default: {DEFAULT_DATA} where it exists; "
        "without it built-in topologies and gravity traffic)",
    )  # fmt: skip
    parser.add_argument(
        "--prefix", default="qbl", help="before all names of the networks (default: %(default)s)"
    )
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    watch = Stopwatch()
    names = chosen(args.only)
    data = args.data if args.data is not None else DEFAULT_DATA
    if args.data is not None and not data.is_dir():
        raise InputError(f"--data {data}: no such directory")
    if reason := missing():
        raise LabError(reason)
    results: dict[str, Any] = {}
    failed = False
    with tempfile.TemporaryDirectory(prefix="qb-bench-") as directory:
        for one in names:
            found = data.resolve() if data.is_dir() else None
            setting = Setting(args.seed, args.quick, found, args.prefix, Path(directory) / one)
            own = Stopwatch()
            try:
                results[one] = BENCHMARKS[one](setting)
            except (QBError, LiveError, OSError, ValueError) as error:
                results[one] = {"error": " ".join(str(error).split())}
                failed = True
            results[one]["duration_s"] = own.meta()["duration_s"]
            print(f"{one}: {summary(results[one])}", file=sys.stderr, flush=True)
    if args.json is not None:
        write_json({"meta": watch.meta(args.seed), "quick": args.quick, **results}, args.json)
    return 2 if failed else 0


def chosen(only: str | None) -> list[str]:
    """Names of the benchmarks to run, in their own order.

    Raises
    ------
    InputError
        One of ``only`` is none of them.
    """
    if only is None:
        return list(BENCHMARKS)
    asked = {word.strip() for word in only.split(",") if word.strip()}
    unknown = sorted(asked - set(BENCHMARKS))
    if unknown or not asked:
        raise InputError(f"--only {only}: there are {', '.join(BENCHMARKS)}")
    return [name for name in BENCHMARKS if name in asked]


def summary(result: dict[str, Any]) -> str:
    """One line for people: the figures of the top level."""
    shown = (
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in result.items()
        if not isinstance(value, dict | list)
    )
    return ", ".join(shown)
