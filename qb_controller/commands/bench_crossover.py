"""``qb bench crossover``: what a QPU must offer before the policy chooses it, and before it wins.

One figure of a modelled device is varied at a time, then two together. On every setting the real
policy, which has learnt from other networks what the device and this processor's backends make of
them, is asked about networks it has not seen. It *chooses* the device or not; the device *wins*
where its answer was worth more than that of every backend of this processor. Its times are
modelled, its answers simulated, those of this processor measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from qb_controller.errors import InputError
from qb_controller.runtime.task import Worth

if TYPE_CHECKING:
    from qb_controller.commands.crossover_device import Curve, Qpu
    from qb_controller.commands.policy_table import Case
    from qb_controller.commands.policy_tasks import Spec

DEADLINES = (0.1, 0.5, 2.0)
NETWORKS, QUICK_NETWORKS = 16, 6
"""Half of them are learnt from."""

RIVALS = ("highs-mip", "local-search", "cp-sat", "lp-rounding", "path-switch", "sa-blocks")
"""Backends of this processor that the device is held against."""

SWEEPS: Mapping[str, tuple[float, ...]] = {
    "queue_s": (0.0, 0.001, 0.01, 0.1, 1.0, 690.0),
    "round_trip_s": (0.0, 0.001, 0.01, 0.1, 1.0),
    "programming_s": (0.0, 0.001, 0.008, 0.1, 1.0),
    "shot_s": (1e-6, 1e-5, 8e-5, 1e-3, 1e-2),
    "error": (0.0, 0.01, 0.05, 0.2),
    "size": (16, 50, 150, 400),
}
"""Values of each figure while the others are those of :class:`crossover_device.Qpu`. A queue of
690 s is the median of published traces of a shared gate device."""

MAP_S = (0.0, 0.001, 0.01, 0.1, 1.0)
"""Seconds of a call beside its shots, in the maps against size and error rate."""

MARGIN = 0.05
"""Utility by which an answer must be worth more to win: a twentieth of a percent of gap."""

WORTH = Worth()
"""Quality and time count; energy is told apart, because at a cryostat's 25 kW it would decide all
by itself."""

COLUMNS = (
    Column("sweep"),
    Column("at"),
    Column("deadline_s", "{:g}".format, right=True),
    Column("call_s", "{:.4g}".format, right=True),
    Column("chosen", "{:.0%}".format, right=True),
    Column("wins", "{:.0%}".format, right=True),
    Column("utility_device", "{:.2f}".format, right=True),
    Column("utility_without", "{:.2f}".format, right=True),
    Column("utility_with", "{:.2f}".format, right=True),
)


@dataclass(frozen=True)
class Setting:
    """A device, and the sweep or map that it belongs to."""

    sweep: str
    at: str
    qpu: Qpu


@dataclass(frozen=True)
class Network:
    """One network: its cases by deadline, and curves by size and error rate."""

    unseen: bool
    cases: Sequence[Case]
    curves: Mapping[tuple[int, float], Curve]


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--networks", type=int, help=f"in all (default: {NETWORKS}, {QUICK_NETWORKS} with --quick)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", metavar="DIR", help="folder with repetita/ for half the networks")
    parser.add_argument("--quick", action="store_true", help="fewer networks and deadlines")
    parser.add_argument("--report", type=Path, metavar="F.md", help="write a page with pictures")
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    watch = Stopwatch()
    count = args.networks or (QUICK_NETWORKS if args.quick else NETWORKS)
    if count < 2:
        raise InputError(f"--networks {count}: want 2 or more, to learn from one")
    deadlines = DEADLINES[:2] if args.quick else DEADLINES
    with only_answers():
        settings = tuple(all_settings())
        networks = measure(_specs(args, count), deadlines, settings)
        cells = [cell for setting in settings for cell in judge(setting, networks, deadlines)]
    found = {"cells": cells, "networks": count, "rivals": list(RIVALS), "times": "modelled"}
    if args.report is not None:
        from qb_controller.commands.crossover_report import write

        write(args.report, found)
    print_table(cells, COLUMNS)
    if args.json is not None:
        write_json({**found, "meta": watch.meta(args.seed)}, args.json)
    return 0


def all_settings() -> Iterator[Setting]:
    """Every device that is looked at."""
    from qb_controller.commands.crossover_device import Qpu

    base: Any = Qpu()  # what is replaced has the type of its sweep
    for figure, values in SWEEPS.items():
        for value in values:
            yield Setting(figure, f"{value:g}", replace(base, **{figure: value}))
    for rest in MAP_S:
        near = replace(base, programming_s=rest, round_trip_s=0.0, shot_s=1e-6)
        for size in SWEEPS["size"]:
            yield Setting("map-size", f"{rest:g} s, {size} bits", replace(near, size=int(size)))
        for error in SWEEPS["error"]:
            yield Setting("map-error", f"{rest:g} s, {error:g}", replace(near, error=error))


def _specs(args: argparse.Namespace, count: int) -> list[Spec]:
    """Routing on single paths, every other one unseen, without and with a plan in force."""
    from qb_controller.commands.bench_files import repetita
    from qb_controller.commands.policy_tasks import LONGEST_S, stream

    files = repetita(args.data) if args.data else ()
    specs = stream(40 * count, args.seed, 1, LONGEST_S, files)
    fit = [spec for spec in specs if spec.family in ("te-single", "te-kept")]
    halves = ([spec for spec in fit if spec.unseen == part] for part in (False, True))
    train, unseen = (half[: count // 2 + (count % 2)] for half in halves)
    return [*train, *unseen[: count // 2]]


def measure(
    specs: Sequence[Spec], deadlines: Sequence[float], settings: Sequence[Setting]
) -> list[Network]:
    """Run this processor's backends at every deadline, and simulate the device's calls."""
    from qb_controller.commands.bench_policy import progress
    from qb_controller.commands.crossover_device import curve
    from qb_controller.commands.policy_table import Kept, record
    from quantum_backends.registry import BACKENDS

    rivals = {name: BACKENDS[name] for name in RIVALS}
    asked = [
        replace(spec, deadline_s=deadline, family=f"{spec.family}-{deadline:g}s")
        for spec in specs
        for deadline in deadlines
    ]
    with progress(len(asked)) as heard:
        cases = record(asked, rivals, Kept(None), heard=heard)
    kinds = sorted({(setting.qpu.size, setting.qpu.error) for setting in settings})
    found = []
    with progress(len(specs)) as heard:
        for i, spec in enumerate(specs):
            problem: Any = spec.make()
            curves = {kind: curve(problem, *kind, seed=spec.seed) for kind in kinds}
            mine = cases[i * len(deadlines) : (i + 1) * len(deadlines)]
            found.append(Network(spec.unseen, mine, curves))
            heard()
    return found


def judge(
    setting: Setting, networks: Sequence[Network], deadlines: Sequence[float]
) -> Iterator[dict[str, Any]]:
    """One line for each deadline: how often the device is chosen, and how often it wins."""
    import numpy as np

    from qb_controller.commands.crossover_device import NAME, SHOTS
    from qb_controller.commands.policy_baselines import Policy
    from quantum_backends.registry import BACKENDS

    families = {name: BACKENDS[name].family for name in RIVALS}
    learnt = [case for one in networks if not one.unseen for case in with_device(one, setting.qpu)]
    without = Policy(families, worth=WORTH)
    chooser = Policy({**families, NAME: "annealer"}, {NAME: setting.qpu.device}, WORTH)
    for policy in (without, chooser):
        policy.learn(learnt, 0)
    kind = setting.qpu.size, setting.qpu.error
    host_s = float(np.median([one.curves[kind].host_s for one in networks]))
    for i, deadline in enumerate(deadlines):
        cases = [with_device(one, setting.qpu)[i] for one in networks if one.unseen]
        chosen = chooser.choose(cases)
        device = np.array([case.utility(NAME, WORTH) for case in cases])
        rival = np.array(
            [max(0.0, *(case.utility(name, WORTH) for name in RIVALS)) for case in cases]
        )
        yield {
            "sweep": setting.sweep,
            "at": setting.at,
            **{name: getattr(setting.qpu, name) for name in SWEEPS},
            "deadline_s": deadline,
            "call_s": setting.qpu.call_s(setting.qpu.size, SHOTS) + setting.qpu.queue_s,
            "tasks": len(cases),
            "chosen": sum(name == NAME for name in chosen) / len(cases),
            "wins": float(np.mean(device > rival + MARGIN)),
            "in_time": sum(not case.missed(NAME) for case in cases) / len(cases),
            "utility_device": float(device.mean()),
            "utility_best_rival": float(rival.mean()),
            "utility_without": _mean(cases, without.choose(cases)),
            "utility_with": _mean(cases, chosen),
            "device_s": _mean_device_s(cases),
            "host_s": host_s,
        }


def with_device(network: Network, qpu: Qpu) -> list[Case]:
    """The network's cases with what the modelled device would have made of them."""
    from qb_controller.commands.crossover_device import NAME, answer
    from qb_controller.commands.policy_table import Trial

    found = []
    for case in network.cases:
        got = answer(network.curves[qpu.size, qpu.error], qpu, case.features["allowed_s"])
        status = "stopped" if got.value is not None else "late"
        energy = qpu.device.energy_j(got.device_s)
        trial = Trial(got.elapsed_s, got.first_s, got.value, energy, 0.0, status)
        found.append(replace(case, trials={**case.trials, NAME: trial}))
    return found


def _mean(cases: Sequence[Case], chosen: Sequence[str]) -> float:
    return sum(case.utility(name, WORTH) for case, name in zip(cases, chosen, strict=True)) / len(
        cases
    )


def _mean_device_s(cases: Sequence[Case]) -> float:
    from qb_controller.commands.crossover_device import NAME
    from quantum_backends.device_table import DWAVE_POWER

    return sum(case.trials[NAME].energy_j for case in cases) / DWAVE_POWER.watts / len(cases)
