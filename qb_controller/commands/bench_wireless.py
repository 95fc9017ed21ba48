"""``qb bench wireless``: channels of 10 to 2,000 access points by every backend and deadline.

Each backend gets the same problem in its own worker; ``auto`` is the policy. The best known value
of a problem is the exhaustive optimum where the problem is small enough; else the lowest that any
run found, a long run of the annealer and one of CP-SAT included. Graphs of known chromatic number
are coloured too: there the best known is the truth. ``picks`` tells which backend did best and
whether the policy chose it.
"""

from __future__ import annotations

import argparse
import time
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
    from qb_controller.orchestration.service import Service
    from quantum_backends.choices import ChoiceProblem

BACKENDS = (
    "auto,path-switch,local-search,cp-sat,highs-mip,exhaustive,sa-blocks,tabu-blocks,sa-qubo,"
    "qaoa-blocks,dsatur"
)

SIZES = (
    *((8, 3), (10, 3), (16, 2), (30, 6), (100, 3), (100, 6), (100, 12), (300, 6)),
    *((1000, 3), (1000, 6), (1000, 12), (2000, 24)),
)
QUICK = ((10, 3), (16, 2), (100, 3), (100, 6), (1000, 6))
"""Access points and channels."""

LONG_S, QUICK_LONG_S = 60.0, 8.0
"""Seconds of the runs that the best known values come from."""

COLUMNS = (
    Column("instance"),
    Column("aps", right=True),
    Column("channels", right=True),
    Column("deadline_s", "{:g}".format, right=True),
    Column("backend"),
    Column("interference", "{:.6g}".format, right=True),
    Column("best_known", "{:.6g}".format, right=True),
    Column("ratio", "{:.4f}".format, right=True),
    Column("elapsed_s", seconds, right=True),
)


PICKS = (
    Column("instance"),
    Column("deadline_s", "{:g}".format, right=True),
    Column("winners", ", ".join),
    Column("chosen"),
    Column("winner_ratio", "{:.4f}".format, right=True),
    Column("auto_ratio", "{:.4f}".format, right=True),
)


@dataclass(frozen=True)
class Case:
    """One problem.

    Attributes
    ----------
    instance : str
    points, channels : int
    problem : ChoiceProblem
    best : float or None
        The true least value, where it is known.
    """

    instance: str
    points: int
    channels: int
    problem: ChoiceProblem
    best: float | None = None


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="fewer sizes, five minutes at most")
    parser.add_argument(
        "--deadlines", default="0.5,2", metavar="S,...", help="seconds (default: %(default)s)"
    )
    parser.add_argument("--backends", default=BACKENDS, metavar="NAME,...")
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    from qb_controller.commands.wireless import service_for

    watch = Stopwatch()
    deadlines = _numbers(args.deadlines)
    backends = _known(args.backends.split(","))
    rows: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    with service_for("auto") as service:
        for case in _cases(args.seed, args.quick):
            reasons = {name: _refusal(service, name, case) for name in backends}
            refused += [
                {"instance": case.instance, "backend": name, "reason": reason}
                for name, reason in reasons.items()
                if reason
            ]
            best = _best_known(service, case, QUICK_LONG_S if args.quick else LONG_S, args.seed)
            found = [
                _one(service, case, deadline, backend, args.seed)
                for deadline in deadlines
                for backend in backends
                if not reasons[backend]
            ]
            best = min([best, *(row["interference"] for row in found)])
            for row in found:
                row["best_known"] = best
                row["ratio"] = _ratio(row["interference"], best)
            rows += found
    chosen = picks(rows)
    if args.json is not None:
        answer = {"runs": rows, "picks": chosen, "refused": refused}
        write_json({**answer, "meta": watch.meta(args.seed)}, args.json)
    if args.json != "-":
        print_table(rows, COLUMNS)
        print_table(chosen, PICKS)
    return 0


def picks(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each problem and deadline the backend that did best, and what the policy chose.

    Within a thousandth two answers count as equal.
    """
    keys = dict.fromkeys((row["instance"], row["deadline_s"]) for row in rows)
    found = []
    for instance, deadline in keys:
        runs = [r for r in rows if (r["instance"], r["deadline_s"]) == (instance, deadline)]
        others = [r for r in runs if r["backend"] != "auto"]
        auto = next((r for r in runs if r["backend"] == "auto"), None)
        if auto is None or not others:
            continue
        least = min(r["interference"] for r in others)
        winners = [r["backend"] for r in others if r["interference"] <= 1.001 * least]
        found.append(
            {
                "instance": instance,
                "deadline_s": deadline,
                "winners": winners,
                "chosen": auto["chosen"],
                "picked": auto["chosen"] in winners,
                "winner_ratio": _ratio(least, auto["best_known"]),
                "auto_ratio": auto["ratio"],
            }
        )
    return found


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        raise InputError(f"--deadlines {text}: want seconds such as 0.5,2") from None
    if not all(0.05 <= number <= 600 for number in numbers):
        raise InputError(f"--deadlines {text}: each must be 0.05 to 600 seconds")
    return numbers


def _known(names: Sequence[str]) -> Sequence[str]:
    from qb_controller.commands.direct import backends_for

    for name in names:
        if name not in ("auto", "dsatur"):
            backends_for("choices", name)
    return names


def _cases(seed: int, quick: bool) -> Iterator[Case]:
    from qb_controller.applications.wireless import formulate, users_now
    from qb_controller.applications.wireless_radio import air_of
    from qb_controller.applications.wireless_scenario import generate
    from quantum_backends.choices import colouring, mycielski_graph, queen_graph

    for points, channels in QUICK if quick else SIZES:
        scenario = generate(points, channels, seed + points)
        air = air_of(scenario)
        task = formulate(scenario, air, users_now(scenario, air))
        yield Case(scenario.name, points, channels, task.problem)
    graphs = [("queen6_6", queen_graph(6, 6), 36, 7), ("myciel4", mycielski_graph(4), 23, 5)]
    if not quick:
        graphs += [
            ("queen7_7", queen_graph(7, 7), 49, 7),
            ("queen8_8", queen_graph(8, 8), 64, 9),
            ("myciel5", mycielski_graph(5), 47, 6),
        ]
    for label, edges, nodes, colours in graphs:
        yield Case(label, nodes, colours, colouring(edges, nodes, colours), 0.0)


def _refusal(service: Service, name: str, case: Case) -> str:
    return "" if name in ("auto", "dsatur") else service.refusal(name, case.problem)


def _best_known(service: Service, case: Case, long_s: float, seed: int) -> float:
    if case.best is not None:
        return case.best
    if not service.refusal("exhaustive", case.problem):
        return float(_one(service, case, long_s, "exhaustive", seed)["interference"])
    best = float("inf")
    for backend in ("path-switch", "cp-sat"):
        if not service.refusal(backend, case.problem):
            row = _one(service, case, long_s, backend, seed + 1)
            best = min(best, row["interference"])
    return best


def _one(service: Service, case: Case, deadline: float, backend: str, seed: int) -> dict[str, Any]:
    from qb_controller.applications.wireless_control import NAME, WORTH, settings_of
    from qb_controller.commands.wireless import wait_for_workers
    from qb_controller.orchestration.service import Question
    from quantum_backends.choice_search import settled_greedy

    wait_for_workers(service)
    problem, began = case.problem, time.monotonic()
    greedy = settled_greedy(problem)
    value, chosen, detail = problem.value(greedy), "dsatur", ""
    if backend != "dsatur":
        pinned = None if backend == "auto" else backend
        settings = settings_of(deadline, pinned, seed)
        until = began + deadline - service.engine.grace_s
        known = {"incumbent": value}
        decision, solution = service.answer(
            Question(problem, NAME, settings, until, known, worth=WORTH)
        )
        chosen = decision.backend
        assert decision.outcome is not None
        detail = decision.outcome.detail
        if solution is not None:
            value = problem.value(solution.answer)
    return {
        "instance": case.instance,
        "aps": case.points,
        "channels": case.channels,
        "deadline_s": deadline,
        "backend": backend,
        "chosen": chosen,
        "interference": value,
        "best_known": None,
        "ratio": None,
        "elapsed_s": time.monotonic() - began,
        "detail": detail,
    }


def _ratio(value: float, best: float) -> float | None:
    """Value over best known; where that is zero, 1 if it was reached and None if not."""
    if best > 0:
        return value / best
    return 1.0 if value == 0 else None
