"""``qb bench slices``: admission of 10 to 1,000 requests by every backend, and over time.

Each backend gets the same requests on the same network and the same time, counted from the parsed
requests to the verified placements; ``auto`` is the policy, ``greedy`` takes the densest request
first on its shortest paths and asks no solver. The best known worth of a batch is the most that any
run admitted, long runs of the annealer and of CP-SAT over more paths included; ``bound`` is proven
for every path of the network (:mod:`qb_controller.applications.slice_bound`).

The second part is about requests that come and go (:mod:`.bench_slices_online`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qb_controller.commands.output import (
    Column,
    Stopwatch,
    add_json,
    print_table,
    seconds,
    write_json,
)
from qb_controller.errors import InputError

if TYPE_CHECKING:
    from qb_controller.model.network import Network
    from qb_controller.model.slices import SliceRequest
    from qb_controller.orchestration.service import Service

BACKENDS = (
    "auto,greedy,path-switch,local-search,lp-rounding,highs-mip,cp-sat,exhaustive,sa-blocks,"
    "tabu-blocks,descent-blocks,sa-qubo,tabu-qubo,descent-qubo,qaoa-blocks"
)
QUICK_BACKENDS = "auto,greedy,path-switch,local-search,lp-rounding,highs-mip,cp-sat,sa-blocks"

SIZES = (10, 30, 100, 300, 1000)
"""Requests of a batch."""

SHORT_S, LATE_S, SHORT_UP_TO = 1.0, 5.0, 100
"""Deadlines: the first up to so many requests, the second above."""

BUILT_IN = {
    10: ("abilene", "b4"),
    30: ("abilene", "nsfnet"),
    100: ("nsfnet", "geant"),
    300: ("geant", "abilene"),
    1000: ("geant", "ring:20"),
}
FILES = {
    10: ("Abilene", "Nsfnet", "AttMpls"),
    30: ("Abilene", "AttMpls", "Geant2012"),
    100: ("Abilene", "Geant2012", "Tinet"),
    300: ("AttMpls", "Tinet", "rf1755_real_hard", "UsCarrier"),
    1000: ("Geant2012", "rf1755_real_hard", "Interoute", "UsCarrier"),
}
"""Topologies by size, without and with REPETITA's."""

LONG_S, QUICK_LONG_S = 60.0, 8.0
LONG_ROUNDS = 10
"""Seconds and rounds of new paths of the runs that the best known worth comes from."""

COLUMNS = (
    Column("requests", right=True),
    Column("topology"),
    Column("deadline_s", "{:g}".format, right=True),
    Column("backend"),
    Column("value", "{:.6g}".format, right=True),
    Column("best_known", "{:.6g}".format, right=True),
    Column("ratio", "{:.4f}".format, right=True),
    Column("bound", "{:.6g}".format, right=True),
    Column("admitted", right=True),
    Column("elapsed_s", seconds, right=True),
    Column("chosen"),
)


@dataclass(frozen=True)
class Case:
    """A batch of requests on a network."""

    topology: str
    network: Network
    requests: tuple[SliceRequest, ...]


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="five minutes at most")
    parser.add_argument(
        "--data", metavar="DIR", help="a folder with repetita/*.graph; built-in networks without"
    )
    parser.add_argument(
        "--deadlines",
        metavar="S,...",
        help=f"seconds (default: {SHORT_S:g} up to {SHORT_UP_TO} requests, {LATE_S:g} above)",
    )
    parser.add_argument("--sizes", metavar="N,...", help="requests (default: 10 to 1000)")
    parser.add_argument("--backends", metavar="NAME,...", help="auto, greedy, backends")
    parser.add_argument(
        "--part", choices=("both", "batch", "online"), default="both", help="what to measure"
    )
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    from qb_controller.commands import bench_slices_online as online

    watch = Stopwatch()
    answer: dict[str, Any] = {}
    if args.part != "online":
        answer |= _batches(args)
    if args.part != "batch":
        answer["online"] = online.measure(args.seed, args.quick)
    if args.json is not None:
        write_json({**answer, "meta": watch.meta(args.seed)}, args.json)
    if args.json != "-":
        print_table(answer.get("runs", []), COLUMNS)
        if "online" in answer:
            print_table(answer["online"]["summary"], online.COLUMNS)
    return 0


def _batches(args: argparse.Namespace) -> dict[str, Any]:
    from qb_controller.commands.wireless import service_for

    wanted = args.backends or (QUICK_BACKENDS if args.quick else BACKENDS)
    backends = _known(wanted.split(","))
    sizes = _numbers("--sizes", args.sizes, 1, 10_000) if args.sizes else SIZES
    rows: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    with service_for("auto", "packing") as service:
        _warm(service)
        for case in _cases([int(size) for size in sizes], args):
            found, said_no = _measure(service, case, backends, args)
            rows += found
            refused += said_no
    return {"runs": rows, "refused": refused}


def _measure(
    service: Service, case: Case, backends: Sequence[str], args: argparse.Namespace
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from qb_controller.applications.slice_bound import upper_bound
    from qb_controller.applications.slices import formulate

    richest = formulate(case.network, case.requests, rounds=LONG_ROUNDS)
    bound = upper_bound(richest)
    reasons = {
        name: service.refusal(name, richest.problem)
        for name in backends
        if name not in ("auto", "greedy")
    }
    best = 0.0
    for backend in ("path-switch", "cp-sat"):
        long_s = QUICK_LONG_S if args.quick else LONG_S
        row = _one(service, case, long_s, backend, args.seed + 1, LONG_ROUNDS)
        best = max(best, row["value"])
    rows = [
        _one(service, case, deadline, backend, args.seed)
        for deadline in _deadlines(args, len(case.requests))
        for backend in backends
        if not reasons.get(backend)
    ]
    best = max([best, *(row["value"] for row in rows)])
    for row in rows:
        row |= {"best_known": best, "bound": bound, "ratio": row["value"] / best if best else 1.0}
    where = {"requests": len(case.requests), "topology": case.topology}
    said_no = [{**where, "backend": b, "reason": why} for b, why in reasons.items() if why]
    return rows, said_no


def _deadlines(args: argparse.Namespace, requests: int) -> Sequence[float]:
    if args.deadlines:
        return _numbers("--deadlines", args.deadlines, 0.05, 600)
    return (SHORT_S if requests <= SHORT_UP_TO else LATE_S,)


def _numbers(option: str, text: str, low: float, high: float) -> list[float]:
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        raise InputError(f"{option} {text}: want numbers with commas between") from None
    if not all(low <= number <= high for number in numbers):
        raise InputError(f"{option} {text}: each must be {low:g} to {high:g}")
    return numbers


def _known(names: Sequence[str]) -> Sequence[str]:
    from qb_controller.commands.direct import backends_for

    for name in names:
        if name not in ("auto", "greedy"):
            backends_for("packing", name)
    return names


def _cases(sizes: Sequence[int], args: argparse.Namespace) -> Iterator[Case]:
    from qb_controller.commands.bench_slices_instances import networks, requests_for

    by_size = BUILT_IN if args.data is None else FILES
    for size in sizes:
        nearest = min(by_size, key=lambda known: abs(known - size))
        names = by_size[nearest][-1:] if args.quick else by_size[nearest]
        for name, network in networks(args.data, names):
            yield Case(name, network, requests_for(network, size, args.seed + size))


def _warm(service: Service) -> None:
    """Load and compile what the first batch would pay for else."""
    from qb_controller.commands.bench_slices_instances import networks, requests_for

    _, network = networks(None, ["diamond"])[0]
    case = Case("diamond", network, requests_for(network, 6, 0))
    for backend in ("greedy", "auto"):
        _one(service, case, 0.5, backend, 0)


def _one(
    service: Service,
    case: Case,
    deadline: float,
    backend: str,
    seed: int,
    rounds: int | None = None,
) -> dict[str, Any]:
    from qb_controller.applications.slices import ROUNDS
    from qb_controller.applications.slices_control import admit, by_greedy, settings_of
    from qb_controller.commands.wireless import wait_for_workers

    wait_for_workers(service)
    if backend == "greedy":
        found = by_greedy(case.network, case.requests)
    else:
        settings = settings_of(deadline, None if backend == "auto" else backend, seed)
        more = ROUNDS if rounds is None else rounds
        found = admit(service, case.network, case.requests, (), settings, rounds=more)
    return {
        "requests": len(case.requests),
        "topology": case.topology,
        "deadline_s": deadline,
        "backend": backend,
        "value": sum(each.request.worth for each in found.plan.placements),
        "best_known": None,
        "ratio": None,
        "elapsed_s": found.elapsed_s,
        "bound": None,
        "offered": sum(request.worth for request in case.requests),
        "admitted": len(found.plan.placements),
        "chosen": found.backend,
        "detail": found.detail,
    }
