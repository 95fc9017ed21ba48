"""``qb bench policy``: the policy against single backends, rules and learners, on unseen tasks.

Every backend solves every task once; choices are then judged by the table. The figures are those of
the unseen part: utility as the policy counts it, the share of the gap between the single best
backend and an oracle that is closed, misses, and what a decision costs.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qb_controller.commands.output import (
    Column,
    Stopwatch,
    add_json,
    only_answers,
    print_table,
    write_json,
)
from qb_controller.errors import InputError, QBError

if TYPE_CHECKING:
    from qb_controller.commands.bench_files import Files
    from qb_controller.commands.policy_baselines import Selector
    from qb_controller.commands.policy_score import Choices, Table
    from qb_controller.commands.policy_table import Case

TASKS, QUICK_TASKS = 400, 40
SEEDS = 5
QUICK_LONGEST_S = 2.0
QUICK_MINUTES = 4.0

FEWEST = 4
"""Tasks of a part below which nothing is judged."""


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _range(value: Sequence[float] | None) -> str:
    return "-" if value is None else f"{100 * value[0]:.0f} to {100 * value[1]:.0f} %"


COLUMNS = (
    Column("chooser"),
    Column("utility", "{:.3f}".format, right=True),
    Column("regret", "{:.3f}".format, right=True),
    Column("gap_closed", _percent, right=True),
    Column("gap_closed_ci95", _range, right=True),
    Column("late", "{:.1f}".format, right=True),
)


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    from qb_controller.commands.policy_tasks import LONGEST_S

    add_stream(parser, TASKS, QUICK_TASKS)
    parser.add_argument(
        "--longest",
        type=float,
        default=LONGEST_S,
        metavar="S",
        help="pass over tasks with a later deadline (default: %(default)g s)",
    )
    parser.add_argument("--report", type=Path, metavar="F.md", help="write a page with pictures")
    add_json(parser)


def add_stream(parser: argparse.ArgumentParser, tasks: int, quick: int) -> None:
    """Options of every command that works on the stream of tasks."""
    parser.add_argument(
        "--tasks", type=int, help=f"in all (default: {tasks}; {quick} with --quick)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, help="streams and learners (default: %(default)s)"
    )
    parser.add_argument("--data", metavar="DIR", help="folder with repetita/ for half the networks")
    parser.add_argument("--quick", action="store_true", help=f"{quick} tasks with short deadlines")
    parser.add_argument("--minutes", type=float, help="begin no task later; run it again to go on")
    parser.add_argument("--backends", metavar="A,B", help="that take part (default: a portfolio)")
    parser.add_argument(
        "--table", type=Path, metavar="F.jsonl", help="runs to go on from, and to add to"
    )


def run(name: str, args: argparse.Namespace) -> int:
    watch = Stopwatch()
    with only_answers():
        count = args.tasks if args.tasks is not None else QUICK_TASKS if args.quick else TASKS
        longest = min(args.longest, QUICK_LONGEST_S) if args.quick else args.longest
        cases, backends = recorded(args, count, longest)
        families = {each: backends[each].family for each in backends}
        found, table, choices = judge(cases, families, range(args.seed, args.seed + args.seeds))
    if args.report is not None:
        from qb_controller.commands.policy_report import write

        write(args.report, found, table, choices)
    print_table(_rows(found), COLUMNS)
    if args.json is not None:
        write_json({**found, "meta": watch.meta(args.seed)}, args.json)
    return 0


def recorded(
    args: argparse.Namespace,
    count: int,
    longest_s: float,
    parts: Sequence[bool] = (False, True),
    most: int | None = None,
) -> tuple[list[Case], Mapping[str, Any]]:
    """Cases that the options ask for, run where ``--table`` does not hold them; and the backends.

    Parameters
    ----------
    args : Namespace
        With the options of :func:`add_stream`.
    count : int
        Tasks of the stream, of both parts.
    longest_s : float
    parts : sequence of bool
        False for the training part, True for the unseen one.
    most : int, optional
        Tasks of these parts.

    Raises
    ------
    InputError
        An option makes no sense.
    QBError
        The time was over before there was enough to judge.
    """
    from qb_controller.commands.policy_table import PORTFOLIO, Kept, record
    from qb_controller.commands.policy_tasks import SHORTEST_S, stream
    from quantum_backends.registry import BACKENDS

    for option, value, least in (
        ("--tasks", count, 2 * FEWEST),
        ("--seeds", args.seeds, 1),
        ("--longest", longest_s, 2 * SHORTEST_S),
    ):
        if value < least:
            raise InputError(f"{option} {value:g}: want {least:g} or more")
    names = args.backends.split(",") if args.backends else PORTFOLIO
    for each in names:
        if each not in BACKENDS:
            raise InputError(f"--backends {each}: there are {', '.join(BACKENDS)}")
    backends = {each: BACKENDS[each] for each in names}
    specs = stream(count, args.seed, args.seeds, longest_s, files_of(args))
    specs = [spec for spec in specs if spec.unseen in parts][:most]
    kept = Kept(args.table or _beside(args.json))
    minutes = args.minutes or (QUICK_MINUTES if args.quick else math.inf)
    with progress(len(specs)) as heard:
        cases = record(specs, backends, kept, time.monotonic() + 60 * minutes, heard)
    if any(sum(case.unseen == part for case in cases) < FEWEST for part in parts):
        if len(cases) == len(specs):
            raise InputError(f"{len(specs)} tasks: want {FEWEST} or more of each part")
        raise QBError(f"only {len(cases)} of {len(specs)} tasks are done; run it again to go on")
    return cases, backends


def files_of(args: argparse.Namespace) -> Sequence[Files]:
    """Published instances in ``--data``; none where that is not given."""
    from qb_controller.commands.bench_files import repetita

    return repetita(args.data) if args.data else ()


def judge(
    cases: Sequence[Case], families: Mapping[str, str], seeds: Sequence[int]
) -> tuple[dict[str, Any], Table, dict[str, Choices]]:
    """Have every selector learn and choose, and score them.

    Parameters
    ----------
    cases : sequence of Case
        Of both parts.
    families : mapping of str to str
        Family of each backend.
    seeds : sequence of int
        A learner is made for each; training cases come in another order each time.

    Returns
    -------
    dict, Table, dict
        The figures; the utilities of the unseen part; the choices of each selector.
    """
    from qb_controller.commands.policy_baselines import Fixed, Policy, selectors
    from qb_controller.commands.policy_score import Table

    train = [case for case in cases if not case.unseen]
    unseen = [case for case in cases if case.unseen]
    names = [name for name in families if any(name in case.trials for case in cases)]
    families = {name: families[name] for name in names}
    table = Table(unseen, names)
    took: list[float] = []
    made: dict[str, list[list[str]]] = {}
    for seed in seeds:
        for selector in (*selectors(families), *map(Fixed, names)):
            made.setdefault(selector.name, []).append(_chosen(selector, train, unseen, seed))
            took += selector.took_s if isinstance(selector, Policy) else []
    choices: dict[str, Choices] = dict(made)
    figures = {name: _figures(table, choices[name], choices["qip"]) for name in choices}
    policy = {**figures.pop("qip"), **_overhead(took, unseen, len(seeds))}
    single = float(table.alone(table.single).mean())
    return (
        {
            "tasks": len(unseen),
            "tasks_training": len(train),
            "seeds": len(seeds),
            "policy": policy,
            "single_best": {"name": table.single, "utility": single},
            "virtual_best": {"utility": float(table.best.mean())},
            "baselines": figures,
            "families": _by_family(unseen, names, choices),
        },
        table,
        choices,
    )


def _chosen(
    selector: Selector, train: Sequence[Case], unseen: Sequence[Case], seed: int
) -> list[str]:
    import numpy as np

    order = np.random.default_rng(seed).permutation(len(train))
    selector.learn([train[i] for i in order], seed)
    return selector.choose(unseen)


def _figures(table: Table, choices: Choices, policy: Choices) -> dict[str, Any]:
    from qb_controller.commands.policy_score import ahead, closed_interval, missed

    share, utility = closed_interval(table, choices), float(table.of(choices).mean())
    lead = ahead(table, policy, choices)
    return {
        "utility": utility,
        "regret": float(table.best.mean()) - utility,
        "gap_closed": _number(share.mean),
        "gap_closed_ci95": None if math.isnan(share.mean) else share.plain(),
        "late": missed(table.cases, choices),
        "policy_ahead": lead.mean,
        "policy_ahead_ci95": lead.plain(),
    }


def _overhead(took: Sequence[float], unseen: Sequence[Case], seeds: int) -> dict[str, float]:
    import numpy as np

    shares = np.array(took) / np.tile([case.deadline_s for case in unseen], seeds)
    return {
        "overhead_ms_p50": 1e3 * float(np.percentile(took, 50)),
        "overhead_ms_p99": 1e3 * float(np.percentile(took, 99)),
        "overhead_share_worst": float(shares.max()),
    }


def _by_family(
    unseen: Sequence[Case], names: Sequence[str], choices: Mapping[str, Choices]
) -> dict[str, Any]:
    """The same within each family of tasks, where the single best knows its trade."""
    from qb_controller.commands.policy_score import Table, closed

    found = {}
    for family in sorted({case.family for case in unseen}):
        rows = [i for i, case in enumerate(unseen) if case.family == family]
        table = Table([unseen[i] for i in rows], names)
        single, best = float(table.alone(table.single).mean()), float(table.best.mean())
        utility = {
            name: float(table.of([[row[i] for i in rows] for row in chosen]).mean())
            for name, chosen in choices.items()
        }
        found[family] = {
            "tasks": len(rows),
            "single_best": {"name": table.single, "utility": single},
            "virtual_best": {"utility": best},
            "policy": {
                "utility": utility["qip"],
                "gap_closed": _number(closed(utility["qip"], single, best)),
            },
            "utility": utility,
        }
    return found


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [{"chooser": name, **figures} for name, figures in found["baselines"].items()]
    rows.append({"chooser": "the policy", **found["policy"]})
    best = found["virtual_best"]["utility"]
    rows.append({"chooser": "virtual best", "utility": best, "regret": 0.0, "gap_closed": 1.0})
    return sorted(rows, key=lambda row: -row["utility"])


def _beside(json_target: str | None) -> Path | None:
    return Path(f"{json_target}.cases.jsonl") if json_target not in (None, "-") else None


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[], object]]:
    """A bar of tasks on standard error; call what it gives after each."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("solving", total=total)
        yield lambda: bar.advance(task)
