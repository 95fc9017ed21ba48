"""``qb wireless``: channels of access points from a scenario file, once or again and again."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qb_controller.commands.output import (
    Stopwatch,
    add_json,
    only_answers,
    seconds,
    write_json,
)
from qb_controller.errors import InputError

if TYPE_CHECKING:
    from qb_controller.applications.wireless_control import Channels
    from qb_controller.model.radio import RadioQuality, Scenario
    from qb_controller.orchestration.service import Service

OBJECTIVES = ("interference", "utility")
PATIENCE_S = 120.0


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="WHAT", required=True)
    solve = kinds.add_parser("solve", help="choose channels for a scenario, before a deadline")
    _common(solve)
    solve.add_argument("--out", metavar="F.json", help="write the configuration to this file")
    solve.add_argument("--uci", metavar="F", help="write it as OpenWrt's uci commands")
    solve.add_argument("--plot", metavar="F.png", help="draw a map, before and after")
    follow = kinds.add_parser("follow", help="re-optimise while stations walk and loads change")
    _common(follow)
    follow.add_argument("--steps", type=int, default=100, help="how often (default: %(default)s)")
    make = kinds.add_parser("generate", help="write a scenario made from a seed")
    make.add_argument("--aps", type=int, default=30, help="access points (default: %(default)s)")
    make.add_argument("--channels", type=int, default=6, help="channels (default: %(default)s)")
    make.add_argument("--environment", default="indoor-office", help="or urban-micro")
    make.add_argument("--seed", type=int, default=0)
    make.add_argument("--out", required=True, metavar="F.yaml")


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO.yaml")
    parser.add_argument(
        "--deadline", type=float, default=0.5, metavar="S", help="seconds (default: %(default)s)"
    )
    parser.add_argument(
        "--objective",
        choices=OBJECTIVES,
        default="interference",
        help="least interference, or the highest proportional-fair utility (default: %(default)s)",
    )
    parser.add_argument("--backend", default="auto", metavar="NAME", help="auto or a backend")
    parser.add_argument("--seed", type=int, default=0, help="of solvers that draw (default: 0)")
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    return {"solve": _solve, "follow": _follow, "generate": _generate}[args.kind](args)


def read_file(path: str) -> Scenario:
    """Read a scenario from a YAML (or JSON) file.

    Raises
    ------
    InputError
        The file cannot be read, is no YAML, or does not describe a scenario.
    """
    import yaml

    from qb_controller.applications.wireless_scenario import read

    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" line {where.line + 1}:" if where is not None else ""
        what = getattr(error, "problem", None) or str(error)
        raise InputError(f"{path}:{line} {what}") from None
    return read(data, path)


@contextlib.contextmanager
def service_for(backend: str, form: str = "choices") -> Iterator[Service]:
    """Warm workers for a form of problem, with the policy in front of them; nothing is kept.

    Raises
    ------
    InputError
        The backend does not exist or does not take such problems.
    """
    from qb_controller.commands.direct import backends_for
    from qb_controller.orchestration.journal import Journal
    from qb_controller.orchestration.service import Service
    from qb_controller.runtime.workers import WorkerPool
    from quantum_backends.testing import known_problems

    backends = backends_for(form, None if backend == "auto" else backend)
    journal = Journal(None)
    with only_answers(), WorkerPool(backends) as pool:
        pool.wait_ready(PATIENCE_S)
        service = Service(pool, backends, journal)
        for each in backends:
            service.refusal(each, known_problems(form)[0])
        try:
            yield service
        finally:
            journal.close()


def wait_for_workers(service: Service) -> None:
    """Wait until every worker is free; one whose job had to be ended is started again."""
    from qb_controller.runtime.workers import WorkerPool

    assert isinstance(service.engine, WorkerPool)
    service.engine.wait_ready(PATIENCE_S)


def _settings(args: argparse.Namespace, seed: int) -> Any:
    from qb_controller.applications.wireless_control import settings_of

    if not 0.05 <= args.deadline <= 3600:
        raise InputError(f"--deadline {args.deadline:g}: want 0.05 to 3600 seconds")
    return settings_of(args.deadline, None if args.backend == "auto" else args.backend, seed)


def _solve(args: argparse.Namespace) -> int:
    from qb_controller.applications.wireless_control import applied, as_json, as_uci, optimise
    from qb_controller.commands.wireless_map import draw

    watch = Stopwatch()
    scenario, settings = read_file(args.scenario), _settings(args, args.seed)
    with service_for(args.backend) as service:
        found = optimise(service, scenario, settings, args.objective)
    answer = {
        **as_json(scenario, found),
        "objective": args.objective,
        "deadline_s": args.deadline,
        "on_time": found.elapsed_s <= args.deadline,
    }
    if args.out is not None:
        write_json(answer, args.out)
    if args.uci is not None:
        _write(args.uci, as_uci(scenario, found))
    if args.plot is not None:
        draw(scenario, applied(scenario, found.configuration), args.plot)
    if args.json is not None:
        write_json({**answer, "meta": watch.meta(args.seed)}, args.json)
    else:
        _tell(scenario, found, args)
    return 0


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot write: {error.strerror}") from None


def _tell(scenario: Scenario, found: Channels, args: argparse.Namespace) -> None:
    late = "" if found.elapsed_s <= args.deadline else ", LATE"
    print(
        f"{scenario.name}: {len(scenario.access_points)} access points, "
        f"{len(scenario.channels)} channels, {len(scenario.stations)} stations"
    )
    print(f"by {found.backend} in {seconds(found.elapsed_s)} of {seconds(args.deadline)}{late}")
    for title, quality in (("before", found.before), ("after", found.after)):
        if quality is not None:
            print(
                f"{title}: interference {quality.interference:.5f}, utility {quality.utility:.4f}, "
                f"{quality.changed} channels changed"
            )
    print(f"why: {found.decision.reason}")
    if found.detail:
        print(f"but: {found.detail}")


def _follow(args: argparse.Namespace) -> int:
    import numpy as np

    from qb_controller.applications.wireless_control import applied, optimise, without_change
    from qb_controller.applications.wireless_scenario import evolve

    watch = Stopwatch()
    if not 1 <= args.steps <= 100_000:
        raise InputError(f"--steps {args.steps}: want 1 to 100000")
    scenario, rng = read_file(args.scenario), np.random.default_rng(args.seed)
    rows: list[dict[str, Any]] = []
    first: tuple[int, ...] = ()
    with service_for(args.backend) as service:
        for step in range(args.steps):
            settings = _settings(args, args.seed + step)
            found = optimise(service, scenario, settings, args.objective)
            first = first or found.configuration.channels
            rows.append(_step(step, found, without_change(scenario, first), args.deadline))
            scenario = evolve(applied(scenario, found.configuration), rng)
    summary = summarise(rows, args.objective)
    if args.json is not None:
        answer = {**summary, "steps": rows, "meta": watch.meta(args.seed)}
        write_json(answer, args.json)
    else:
        print(
            f"{summary['optimisations']} optimisations, {summary['late']} late, the slowest "
            f"{seconds(summary['elapsed_max_s'])}; {summary['changed_mean']:.1f} channels changed "
            f"each time. {args.objective.capitalize()}: {summary['chosen_mean']:.5g} on average, "
            f"{summary['kept_mean']:.5g} had the channels of the step before been kept, "
            f"{summary['first_mean']:.5g} with those of the first; "
            f"the changes cost {summary['cost_mean']:.3g} each time"
        )
    return 0


def _step(step: int, found: Channels, first: RadioQuality, deadline: float) -> dict[str, Any]:
    return {
        "step": step,
        "elapsed_s": found.elapsed_s,
        "late": found.elapsed_s > deadline,
        "backend": found.backend,
        "changed": found.after.changed,
        "change_cost": found.after.cost,
        "interference": found.after.interference,
        "interference_kept": found.before.interference if found.before else None,
        "interference_first": first.interference,
        "utility": found.after.utility,
        "utility_kept": found.before.utility if found.before else None,
        "utility_first": first.utility,
    }


def summarise(rows: list[dict[str, Any]], objective: str) -> dict[str, Any]:
    """Figures of a periodic run.

    The objective with the channels chosen, had those of the step before been kept, and with those
    of the first step ever since; ``gain_mean`` is the second less the first (for the utility the
    other way round), and ``net_gain_mean`` is that less what the changes cost. Steps before which
    some access point had no channel are left out of these.
    """
    steps = [row for row in rows if row[f"{objective}_kept"] is not None]
    sign = 1 if objective == "interference" else -1

    def mean(name: str) -> float:
        return sum(row[name] for row in steps) / len(steps) if steps else 0.0

    chosen, kept = mean(objective), mean(f"{objective}_kept")
    return {
        "optimisations": len(rows),
        "late": sum(row["late"] for row in rows),
        "elapsed_max_s": max(row["elapsed_s"] for row in rows),
        "changed_mean": mean("changed"),
        "unchanged": sum(row["changed"] == 0 for row in steps),
        "chosen_mean": chosen,
        "kept_mean": kept,
        "first_mean": mean(f"{objective}_first"),
        "cost_mean": mean("change_cost"),
        "gain_mean": sign * (kept - chosen),
        "net_gain_mean": sign * (kept - chosen) - mean("change_cost"),
        "backends": sorted({row["backend"] for row in rows}),
    }


def _generate(args: argparse.Namespace) -> int:
    import yaml

    from qb_controller.applications.wireless_scenario import MOST, as_mapping, generate

    if not 1 <= args.aps <= MOST // 4:
        raise InputError(f"--aps {args.aps}: want 1 to {MOST // 4}")
    if not 1 <= args.channels <= 25:
        raise InputError(f"--channels {args.channels}: want 1 to 25 (of 5 GHz)")
    if args.environment not in ("indoor-office", "urban-micro"):
        raise InputError(f"--environment {args.environment}: indoor-office or urban-micro")
    scenario = generate(args.aps, args.channels, args.seed, args.environment)
    _write(args.out, yaml.safe_dump(as_mapping(scenario), sort_keys=False))
    return 0
