"""``qb bench falsify``: the policy against classical, annealer and gate backends alone.

The same stream of tasks goes four times through the real service and its workers: with the policy
choosing among all families, and with all but one family forbidden. Everything is run, nothing read
off a table; the policy's own time is part of every deadline. A task is completed when an answer
that the problem's own check lets pass, and that is better than what stood there, comes by the
deadline.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qb_controller.commands.bench_policy import add_stream, files_of, progress, recorded
from qb_controller.commands.output import (
    Column,
    Stopwatch,
    add_json,
    only_answers,
    print_table,
    write_json,
)
from qb_controller.errors import InputError
from qb_controller.orchestration.policy import NONE

if TYPE_CHECKING:
    from qb_controller.commands.falsify_runs import Done, Pair

TASKS, QUICK_TASKS = 200, 40
TRAINING, QUICK_TRAINING = 200, 40
QUICK_LONGEST_S = 1.0
RESAMPLES = 2000

NOTE = (
    "annealer and gate are simulated on this processor: their times are those of the simulation. "
    "What a device would have been busy for is modelled and stands in modelled_device_s."
)

COLUMNS = (
    Column("mode"),
    Column("completed", right=True),
    Column("tasks", right=True),
    Column("missed", right=True),
    Column("mean_gap", "{:.2%}".format, right=True),
    Column("mean_left", "{:.1%}".format, right=True),
    Column("utility", "{:.3f}".format, right=True),
    Column("energy_j", "{:.1f}".format, right=True),
    Column("overhead_ms_p99", "{:.2f}".format, right=True),
)


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    add_stream(parser, TASKS, QUICK_TASKS)
    parser.add_argument(
        "--longest", type=float, default=2.0, metavar="S", help="longest deadline (default: 2 s)"
    )
    parser.add_argument(
        "--training", type=int, help=f"tasks to learn from first (default: {TRAINING})"
    )
    parser.add_argument("--report", type=Path, metavar="F.md", help="write a page")
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    watch = Stopwatch()
    with only_answers():
        found = judged(_measured(args))
    if args.report is not None:
        _write(args.report, found)
    print_table([{"mode": mode, **figures} for mode, figures in found["modes"].items()], COLUMNS)
    print("\n" + found["verdict"])
    if args.json is not None:
        write_json({**found, "meta": watch.meta(args.seed)}, args.json)
    return 0


def _measured(args: argparse.Namespace) -> list[Pair]:
    """Run what there is to learn from, where it is not kept, then the unseen tasks in each mode."""
    from qb_controller.commands.falsify_runs import run_modes
    from qb_controller.commands.policy_tasks import stream

    count = args.tasks or (QUICK_TASKS if args.quick else TASKS)
    training = args.training or (QUICK_TRAINING if args.quick else TRAINING)
    longest = min(args.longest, QUICK_LONGEST_S) if args.quick else args.longest
    drawn = 4 * training  # about half of a stream belongs to either part
    learnt, backends = recorded(args, drawn, longest, parts=(False,), most=training)
    specs = stream(4 * count, args.seed, args.seeds, longest, files_of(args))
    unseen = [spec for spec in specs if spec.unseen][:count]
    with progress(len(unseen)) as heard:
        return run_modes(unseen, backends, learnt, heard)


def judged(runs: Sequence[Pair]) -> dict[str, Any]:
    """Figures of each mode, their paired differences, and the verdict in words."""
    from qb_controller.commands.falsify_runs import FAMILIES, MODES

    modes = {mode: _mode([done[mode] for _, done in runs]) for mode in MODES}
    seeds = sorted({spec.seed for spec, _ in runs})
    by_seed = {
        seed: {
            mode: sum(done[mode].completed for spec, done in runs if spec.seed == seed)
            for mode in ("qip", "classical")
        }
        for seed in seeds
    }
    lost = [
        {
            "task": spec.id,
            "deadline_s": spec.deadline_s,
            "chosen": done["qip"].backend,
            "classical": done["classical"].backend,
            "before": done["qip"].before,
            "qip": done["qip"].value,
            "classical_value": done["classical"].value,
        }
        for spec, done in runs
        if done["classical"].completed and not done["qip"].completed
    ]
    caused = [spec.id for spec, done in runs if done["qip"].caused]
    fewer = [seed for seed in seeds if by_seed[seed]["qip"] < by_seed[seed]["classical"]]
    found = {
        "tasks": len(runs),
        "seeds": len(seeds),
        "modes": modes,
        "differences": {mode: _difference(runs, mode) for mode in FAMILIES},
        "policy_completed_fewer": bool(fewer)
        or modes["qip"]["completed"] < modes["classical"]["completed"],
        "policy_caused_miss": bool(caused),
        "fewer_in_seeds": fewer,
        "misses_caused": caused,
        "lost_to_classical": lost,
        "completed_by_family": _by_family(runs),
        "completed_by_seed": {str(seed): counts for seed, counts in by_seed.items()},
        "note": NOTE,
        "runs": [
            {
                "task": spec.id,
                "deadline_s": spec.deadline_s,
                **{mode: asdict(one) for mode, one in done.items()},
            }
            for spec, done in runs
        ],
    }
    return {**found, "verdict": verdict(found)}


def _by_family(runs: Sequence[Pair]) -> dict[str, Any]:
    """Tasks completed by family of tasks and mode; and whether classical alone called anything."""
    found = {}
    for family in sorted({spec.family for spec, _ in runs}):
        mine = [done for spec, done in runs if spec.family == family]
        found[family] = {
            "tasks": len(mine),
            "classical_called": sum(done["classical"].backend != NONE for done in mine),
            **{mode: sum(done[mode].completed for done in mine) for mode in mine[0]},
        }
    return found


def _mode(done: Sequence[Done]) -> dict[str, Any]:
    import numpy as np

    overhead = [1e3 * one.overhead_s for one in done]
    chosen: dict[str, int] = {}
    for one in done:
        chosen[one.backend] = chosen.get(one.backend, 0) + 1
    return {
        "completed": sum(one.completed for one in done),
        "tasks": len(done),
        "missed": sum(one.missed for one in done),
        "mean_gap": _mean([one.gap for one in done]),
        "mean_left": _mean([one.left for one in done]),
        "utility": float(np.mean([one.utility for one in done])),
        "energy_j": float(sum(one.energy_j for one in done)),
        "modelled_device_s": float(sum(one.modelled_device_s for one in done)),
        "overhead_ms_p50": float(np.percentile(overhead, 50)),
        "overhead_ms_p99": float(np.percentile(overhead, 99)),
        "chosen": dict(sorted(chosen.items(), key=lambda item: -item[1])),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _difference(runs: Sequence[Pair], other: str) -> dict[str, Any]:
    """The policy less another mode, by task, with 95 % intervals over seeds and tasks."""
    import numpy as np

    rng = np.random.default_rng(0)
    seed_of = np.array([spec.seed for spec, _ in runs])
    groups = [np.flatnonzero(seed_of == seed) for seed in np.unique(seed_of)]
    found = {}
    for name in ("completed", "utility", "energy_j"):
        value = np.array([getattr(d["qip"], name) - 1.0 * getattr(d[other], name) for _, d in runs])
        means = [value[list(_resampled(groups, rng))].mean() for _ in range(RESAMPLES)]
        low, high = np.percentile(means, (2.5, 97.5)).tolist()
        found[name] = {"mean": float(value.mean()), "ci95": [low, high]}
    return found


def _resampled(groups: Sequence[Any], rng: Any) -> Iterator[int]:
    """Indices of a sample of seeds, and within each of a sample of its tasks."""
    for i in rng.integers(len(groups), size=len(groups)):
        yield from rng.choice(groups[i], len(groups[i])).tolist()


def verdict(found: Mapping[str, Any]) -> str:
    """Say whether the claim stands."""
    modes = found["modes"]
    mine, classical = modes["qip"]["completed"], modes["classical"]["completed"]
    than = "fewer than" if mine < classical else "as many as" if mine == classical else "more than"
    parts = [
        f"Of {found['tasks']} tasks the policy completed {mine}, {than} classical solvers alone "
        f"({classical}); annealer alone {modes['annealer']['completed']}, gate alone "
        f"{modes['gate']['completed']}."
    ]
    if found["fewer_in_seeds"]:
        listed = ", ".join(map(str, found["fewer_in_seeds"]))
        parts.append(f"It completed fewer than classical alone in the streams of seed {listed}.")
    else:
        parts.append("It completed fewer in no stream.")
    silent = {
        name: one
        for name, one in found["completed_by_family"].items()
        if one["qip"] and not one["classical_called"]
    }
    if silent:
        parts.append(
            f"Classical alone called nothing on any task of {', '.join(silent)}; without those "
            f"it is {mine - sum(one['qip'] for one in silent.values())} against {classical}."
        )
    lost = len(found["lost_to_classical"])
    parts.append(f"On {lost} tasks classical alone had a better answer and the policy had none.")
    caused = len(found["misses_caused"])
    parts.append(
        f"Its own time caused {caused} misses."
        if caused
        else f"It called a backend that had no answer in time on {modes['qip']['missed']} tasks "
        f"(classical alone: {modes['classical']['missed']}); its own time caused none of that."
    )
    return " ".join(parts)


def _write(path: Path, found: Mapping[str, Any]) -> None:
    from qb_controller.commands.policy_report import markdown

    rows = [
        {"mode": mode, **{k: v for k, v in figures.items() if k != "chosen"}}
        for mode, figures in found["modes"].items()
    ]
    differences = [
        {
            "the policy less": mode,
            **{
                name: f"{one['mean']:.3f} ({one['ci95'][0]:.3f} to {one['ci95'][1]:.3f})"
                for name, one in figures.items()
            },
        }
        for mode, figures in found["differences"].items()
    ]
    chosen = [
        {"mode": mode, "backends chosen": ", ".join(f"{n} {c}" for n, c in one["chosen"].items())}
        for mode, one in found["modes"].items()
    ]
    parts = [
        "# Four ways through the same deadlines",
        found["verdict"],
        f"Measured, every run real, but {NOTE} `mean_gap` is the gap to the proven bound where "
        "there is one, `mean_left` the share left of the incumbent's value where there is none.",
        markdown(rows),
        "Per task, with 95 % intervals over seeds and tasks, paired:",
        markdown(differences),
        markdown(chosen),
        "Completed, by family of tasks:",
        markdown([{"family": name, **one} for name, one in found["completed_by_family"].items()]),
        "Tasks that classical alone completed and the policy did not:",
        markdown(found["lost_to_classical"]),
    ]
    try:
        path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot write: {error.strerror}") from None
