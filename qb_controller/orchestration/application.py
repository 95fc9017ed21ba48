"""What the orchestration needs of an application: one small Protocol.

An application turns a snapshot into a problem and an answer into a plan. It keeps what it learns
between cycles (averages, candidate paths) to itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from qb_controller.model.plan import Plan, Route
from qb_controller.model.telemetry import NetworkSnapshot
from qb_controller.runtime.messages import Settings
from quantum_backends.routing import RoutingProblem
from quantum_backends.solution import Solution


@dataclass(frozen=True)
class Task:
    """A problem with what the policy wants to know about it.

    Attributes
    ----------
    problem : RoutingProblem
    features : mapping of str to float
        What the policy looks at beyond what the problem shows (see
        :func:`qb_controller.orchestration.features.features`); always ``incumbent``, the objective
        of what is installed.
    baseline : tuple of Route
        What would carry the traffic if nothing were optimised: the installed routes that the
        network and the settings still allow. Pairs without one are on shortest paths.
    must_change : str
        Why the installed routes cannot stay, empty where they can.
    """

    problem: RoutingProblem
    features: Mapping[str, float]
    baseline: tuple[Route, ...]
    must_change: str


T = TypeVar("T", bound=Task)


class Application(Protocol[T]):
    """One kind of need of the network, such as traffic engineering.

    Attributes
    ----------
    name : str
        Owner of its rules and its name in every record.
    """

    name: str

    def observe(self, snapshot: NetworkSnapshot) -> NetworkSnapshot:
        """Replace the measured demands by the estimate that this cycle plans for."""
        ...

    def formulate(self, snapshot: NetworkSnapshot, settings: Settings) -> T:
        """State the problem, in milliseconds; what takes longer belongs into :meth:`refine`."""
        ...

    def refine(self, task: T, seconds: float) -> T:
        """Widen the choice and sharpen the bound before a solver is asked."""
        ...

    def interpret(self, task: T, solution: Solution, decision: int) -> Plan:
        """Turn an answer into a plan that moves no more traffic than the answer is worth."""
        ...

    def worth_moving(self, before: float, after: float, settings: Settings) -> bool:
        """Whether lowering the objective from ``before`` to ``after`` is worth moving traffic."""
        ...
