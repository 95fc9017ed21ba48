"""Jobs as decisions see them: one or two backends on a problem or a part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from qb_controller.orchestration.features import Features
from qb_controller.orchestration.performance import (
    WHOLE,
    gap_of,
    incumbent_gap,
    neighbourhood_size,
)
from qb_controller.orchestration.policy import utility
from qb_controller.runtime.engine import Engine
from qb_controller.runtime.jobs import Ended, Run
from qb_controller.runtime.task import Worth
from quantum_backends.devices import Device
from quantum_backends.problem import Problem
from quantum_backends.reductions.neighbourhood import Neighbourhood
from quantum_backends.routing import RoutingProblem

Runs = Mapping[str, Run]
"""By backend."""

_TURN_S = 1.0


def race(
    engine: Engine, backends: Sequence[str], problem: Problem, until: float, seed: int
) -> dict[str, Run]:
    """Run backends on the same problem side by side, until all have ended or reached the limit.

    The last is called off as soon as another has proven that it cannot do better.
    """
    jobs = {engine.submit(name, problem, until, seed): name for name in backends}
    runs: dict[str, Run] = {}
    while len(runs) < len(backends):
        for event in engine.poll(_TURN_S):
            if event.number in jobs and isinstance(event, Ended):
                runs[jobs[event.number]] = event.run
                if _at_bound(event.run, problem):
                    for number, name in jobs.items():
                        if name not in runs:
                            engine.cancel(number)
    return runs


def best_of(runs: Runs) -> str:
    """The backend with the lowest value; the first where none has answered."""
    answered = [name for name, run in runs.items() if run.solution is not None]
    if not answered:
        return next(iter(runs))
    return min(answered, key=lambda name: _value(runs[name]))


def solve_part(
    engine: Engine, backend: str, whole: Problem, formulation: str, until: float, seed: int
) -> Run:
    """Run a backend on a formulation other than the whole, and lift its answer."""
    assert isinstance(whole, RoutingProblem) and formulation != WHOLE
    part = Neighbourhood(whole, neighbourhood_size(formulation))
    (run,) = race(engine, (backend,), part.problem, until, seed).values()
    if run.solution is None:
        return run
    answer = part.lift(run.solution.answer)
    info = {**run.solution.info, "free": float(len(part.free))}
    solution = replace(run.solution, answer=answer, value=whole.value(answer), info=info)
    return replace(run, solution=solution)


def figures(runs: Runs, devices: Mapping[str, Device]) -> dict[str, float | str]:
    """The figures of some runs as an outcome holds them, those of the best one in front.

    ``run``, ``solver_s``, ``first_s`` (infinite where no answer came), ``answer`` (its value),
    ``energy_j`` and ``money`` of all runs together, and what the backend itself reported.
    """
    if not runs:
        return {}
    winner = best_of(runs)
    run = runs[winner]
    extra: dict[str, float | str] = {"run": run.status, "solver_s": run.elapsed_s}
    if run.detail:
        extra["run_detail"] = run.detail
    if len(runs) > 1:
        extra["winner"] = winner
    if run.status == "unavailable":
        return extra
    extra["first_s"] = run.first_s if run.first_s is not None else float("inf")
    extra["answer"] = run.solution.value if run.solution is not None else float("inf")
    busy = {name: device_seconds(each, devices[name]) for name, each in runs.items()}
    extra["energy_j"] = sum(devices[name].energy_j(s) for name, s in busy.items())
    extra["money"] = sum(devices[name].cost(s) for name, s in busy.items())
    return {**(run.solution.info if run.solution else {}), **extra}


def device_seconds(run: Run, device: Device) -> float:
    """Seconds for which a run occupied its device: as the device reported, else as measured."""
    if not device.local and run.solution is not None:
        reported = run.solution.info.get("device_s")
        if reported is not None:
            return float(reported)
    return run.elapsed_s


def worth_of(run: Run, seen: Features, worth: Worth, device: Device) -> float:
    """Utility that a run turned out to have, against keeping what is there.

    Parameters
    ----------
    run : Run
    seen : mapping of str to float
        The features of its task.
    worth : Worth
    device : Device
    """
    busy = device_seconds(run, device)
    gain = 0.0
    if run.solution is not None:
        gain = incumbent_gap(seen) - gap_of(run.solution.value, seen)
        if "incumbent" in seen:
            gain = max(0.0, gain)
    share = run.elapsed_s / seen["allowed_s"] if seen.get("allowed_s", 0) > 0 else 1.0
    return utility(worth, gain, share, device.energy_j(busy), device.cost(busy))


def missed(run: Run) -> tuple[str, str]:
    """Status and sentence for a solver that gave no answer."""
    if run.status in ("stopped", "killed", "answered"):
        return "late", "no answer came before the deadline; what is installed stays"
    return "failed", f"{run.detail}; what is installed stays"


def _value(run: Run) -> float:
    return run.solution.value if run.solution is not None else float("inf")


def _at_bound(run: Run, problem: Problem) -> bool:
    return run.solution is not None and run.solution.value <= problem.bound * (1 + 1e-9)
