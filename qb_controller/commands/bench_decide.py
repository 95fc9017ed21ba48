"""``qb bench decide``: what a decision costs, from the problem to the choice.

Seeded problems of 100, 1,000 and 10,000 choices; a model that is full; workers that are free but
never asked. Features, refusals, forecasts and the policy are part of it, candidate paths are not:
they would be needed without a policy too. Beside the time on the wall stands that of the
processor, which other programs of a busy machine do not lengthen. One decision after the other
finds code and data in the processor's caches; one after a rest does not and takes two to four times
as long, which is what a task that comes alone meets.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

from qb_controller.commands.output import (
    Column,
    Stopwatch,
    add_json,
    only_answers,
    print_table,
    write_json,
)

if TYPE_CHECKING:
    from qb_controller.orchestration.service import Service
    from quantum_backends.routing import RoutingProblem

NODES = {100: 7, 1000: 19, 10_000: 54}
"""Nodes of a random network whose demands have about so many candidate paths."""

DEADLINES = (0.05, 0.4, 2.0)
"""Seconds; with less than 0.15 left the policy looks at fewer candidates."""

ALLOWED_S = 0.4
"""Around which the outcomes that the model knows are drawn."""

OUTCOMES = 300
"""Outcomes that the model has of each backend: more than it keeps."""

REST_S = 0.01
"""Rest before a decision that is measured alone."""

COLUMNS = (
    Column("choices", right=True),
    Column("deadline_s", "{:g}".format, right=True),
    Column("demands", right=True),
    Column("backends", right=True),
    Column("p50_ms", "{:.3f}".format, right=True),
    Column("p99_ms", "{:.3f}".format, right=True),
    Column("p99_share", "{:.2%}".format, right=True),
    Column("rested_p50_ms", "{:.3f}".format, right=True),
    Column("rested_p99_ms", "{:.3f}".format, right=True),
    Column("cpu_p50_ms", "{:.3f}".format, right=True),
    Column("cpu_p99_ms", "{:.3f}".format, right=True),
    Column("features_p50_ms", "{:.3f}".format, right=True),
    Column("refusals_p50_ms", "{:.3f}".format, right=True),
)


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="of the problems (default: 0)")
    parser.add_argument("--quick", action="store_true", help="200 decisions a size, not 2,000")
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    watch = Stopwatch()
    with only_answers():
        count = 200 if args.quick else 2000
        rows = [row for nodes in NODES.values() for row in _measure(nodes, args.seed, count)]
    if args.json is not None:
        write_json({"runs": rows, "meta": watch.meta(args.seed)}, args.json)
    else:
        print_table(rows, COLUMNS)
    return 0


def _measure(nodes: int, seed: int, count: int) -> list[dict[str, Any]]:
    from qb_controller.orchestration.features import features
    from quantum_backends.candidates import with_candidates
    from quantum_backends.routing import one_hot
    from quantum_backends.testing import random_problem

    problem = with_candidates(random_problem(nodes, 2, seed=seed), 2.0)
    problem = replace(problem, incumbent=one_hot(problem, problem.layout.first[:-1]))
    service = _learned(problem, seed)
    gc.collect()
    gc.freeze()  # as the optimiser does: a collection among all libraries takes milliseconds

    def refuse(fresh: RoutingProblem) -> None:
        for each in service.advisor.backends:
            service.refusal(each, fresh)

    alike = {
        "choices": len(problem.layout.demand),
        "demands": problem.n_demands,
        "backends": len(service.advisor.backends),
        "features_p50_ms": median(_times(lambda _: features(problem, 1.0), count // 4)[0]),
        "refusals_p50_ms": median(_times(refuse, count // 4, lambda: replace(problem))[0]),
    }
    return [{**alike, **_decisions(service, problem, deadline, count)} for deadline in DEADLINES]


def _decisions(
    service: Service, problem: RoutingProblem, deadline: float, count: int
) -> dict[str, Any]:
    import numpy as np

    from qb_controller.orchestration.service import Question
    from qb_controller.runtime.messages import Settings

    settings = Settings(deadline_s=deadline)

    def decide(fresh: RoutingProblem) -> None:
        until = time.monotonic() + deadline
        service.decide(Question(fresh, "bench", settings, until, number=1))

    # Each decision is about a problem not seen before, which remembers nothing of itself.
    total, busy = _times(decide, count, lambda: replace(problem))
    p50, p99 = np.percentile(total, (50, 99)).tolist()

    def rested() -> RoutingProblem:
        time.sleep(REST_S)
        return replace(problem)

    alone, _ = _times(decide, count // 4, rested)
    alone_p50, alone_p99 = np.percentile(alone, (50, 99)).tolist()
    cpu_p50, cpu_p99 = np.percentile(busy, (50, 99)).tolist()
    return {
        "deadline_s": deadline,
        "p50_ms": p50,
        "p99_ms": p99,
        "p99_share": 1e-3 * p99 / deadline,
        "rested_p50_ms": alone_p50,
        "rested_p99_ms": alone_p99,
        "cpu_p50_ms": cpu_p50,
        "cpu_p99_ms": cpu_p99,
    }


def _times(
    what: Callable[[Any], object], count: int, given: Callable[[], Any] = lambda: None
) -> tuple[list[float], list[float]]:
    """Milliseconds of each of ``count`` calls, of the clock and of the processor.

    Making what a call is given, and ten calls before the others, do not count.
    """
    wall, busy = [], []
    for turn in range(count + 10):
        argument = given()
        began, used = time.perf_counter(), time.thread_time()
        what(argument)
        if turn >= 10:
            busy.append(1e3 * (time.thread_time() - used))
            wall.append(1e3 * (time.perf_counter() - began))
    return wall, busy


def _learned(problem: RoutingProblem, seed: int) -> Service:
    """A service whose model is full of drawn outcomes of all backends."""
    import numpy as np

    from qb_controller.orchestration.features import features
    from qb_controller.orchestration.journal import Journal
    from qb_controller.orchestration.performance import Outcome
    from qb_controller.orchestration.service import Service
    from qb_controller.runtime.engine import Availability
    from quantum_backends.registry import BACKENDS
    from quantum_backends.testing import known_problems

    class Idle:
        """Free workers that are never given anything to do."""

        grace_s = 0.05

        def availability(self) -> Availability:
            return Availability(dict.fromkeys(BACKENDS, 0.0), {}, 2)

        def poll(self, seconds: float = 0.0) -> list[Any]:
            return []

    service: Service = Service(Idle(), BACKENDS, Journal())  # type: ignore[arg-type]
    seen = features(problem, ALLOWED_S, {"allowed_s": ALLOWED_S})
    rng = np.random.default_rng(seed)
    for name in BACKENDS:
        service.refusal(name, known_problems("routing")[0])  # loads what it needs to say so
        for _ in range(OUTCOMES):
            varied = {
                "size": seen["size"] * rng.lognormal(0, 1),
                "allowed_s": ALLOWED_S * rng.lognormal(0, 1),
            }
            outcome = Outcome(rng.uniform(0.01, 0.3), ALLOWED_S, rng.uniform(0, 0.1))
            service.advisor.performance.observe(name, {**seen, **varied}, outcome, "routing")
    return service
